"""Form bodies as Stripe reads them."""

from __future__ import annotations

import pytest

from tests.fakes.stripe.errors import StripeError
from tests.fakes.stripe.wire import Branch, decode


@pytest.mark.parametrize(
    ("body", "tree"),
    [
        ("name=Pro", {"name": "Pro"}),
        ("name=", {"name": ""}),
        ("name=Nova+%26+S%C3%B6hne", {"name": "Nova & Söhne"}),
        ("metadata[a]=1&metadata[b]=2", {"metadata": {"a": "1", "b": "2"}}),
        ("expand[0]=lines&expand[1]=payments", {"expand": {"0": "lines", "1": "payments"}}),
        ("expand[]=lines&expand[]=payments", {"expand": {"0": "lines", "1": "payments"}}),
        (
            "lines[0][tax_amounts][0][amount]=19&lines[1][amount]=-5",
            {"lines": {"0": {"tax_amounts": {"0": {"amount": "19"}}}, "1": {"amount": "-5"}}},
        ),
        (
            # https://github.com/rack/rack: a new element begins where a name comes again
            "lines[][amount]=1&lines[][description]=a&lines[][amount]=2",
            {"lines": {"0": {"amount": "1", "description": "a"}, "1": {"amount": "2"}}},
        ),
        ("", {}),
    ],
)
def test_a_body_is_read_as_a_tree_of_texts(body: str, tree: Branch) -> None:
    assert decode(body) == tree


@pytest.mark.parametrize("body", ["a=1&a[b]=2", "[a]=1", "a[b=1"])
def test_names_that_contradict_or_are_none_are_refused(body: str) -> None:
    with pytest.raises(StripeError):
        decode(body)
