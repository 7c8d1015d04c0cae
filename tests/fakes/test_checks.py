"""Parameters held against the types that stripe-python ships."""

from __future__ import annotations

import pytest

from tests.fakes.stripe.checks import Checked, checked, hints_of
from tests.fakes.stripe.fake import ENDPOINTS
from tests.fakes.stripe.objects import Object
from tests.fakes.stripe.wire import decode


def of(class_name: str, body: str, *, updates: bool = False) -> Checked:
    return checked(class_name, decode(body), updates=updates, emptied=frozenset())


def only_error(found: Checked) -> tuple[str, str]:
    (error,) = found.errors
    return error.code, error.param


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda one: f"{one.method} {one.template}")
def test_every_endpoint_names_parameters_that_the_library_ships(endpoint: Object) -> None:
    assert hints_of(endpoint.params) is not None  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("class_name", "body", "params"),
    [
        ("ProductCreateParams", "name=Pro&active=false", {"name": "Pro", "active": False}),
        ("PriceListParams", "lookup_keys[0]=a&lookup_keys[1]=b", {"lookup_keys": ["a", "b"]}),
        ("InvoiceListParams", "created=5", {"created": 5}),
        ("InvoiceListParams", "created[gte]=5", {"created": {"gte": 5}}),
        (
            "PriceCreateParams",
            "currency=usd&currency_options[eur][unit_amount]=900",
            {"currency": "usd", "currency_options": {"eur": {"unit_amount": 900}}},
        ),
        ("InvoiceAddLinesParams", "lines[0][amount]=-500", {"lines": [{"amount": -500}]}),
        ("InvoiceCreateParams", "discounts=", {"discounts": ""}),
        ("CustomerUpdateParams", "metadata[a]=", {"metadata": {"a": ""}}),
        ("checkout.SessionCreateParams", "mode=setup&currency=eur", {"mode": "setup", "currency": "eur"}),
    ],
)
def test_what_is_good_comes_back_typed(class_name: str, body: str, params: Object) -> None:
    found = of(class_name, body)
    assert (found.params, found.errors, found.warnings) == (params, [], [])


@pytest.mark.parametrize(
    ("class_name", "body", "code", "param"),
    [
        ("ProductCreateParams", "name=Pro&colour=red", "parameter_unknown", "colour"),
        ("ProductCreateParams", "active=true", "parameter_missing", "name"),
        (
            "InvoiceAddLinesParams",
            "lines[0][amount]=1&lines[0][price]=price_1",
            "parameter_unknown",
            "lines[0][price]",
        ),
        (
            "InvoiceAddLinesParams",
            "lines[0][period][start]=1",
            "parameter_missing",
            "lines[0][period][end]",
        ),
        ("InvoiceAddLinesParams", "lines[0][amount]=1.5", "parameter_invalid_integer", "lines[0][amount]"),
        ("ProductCreateParams", "name=Pro&active=yes", "parameter_invalid_boolean", "active"),
        ("ProductCreateParams", "name=Pro&images=x", "parameter_invalid_shape", "images"),
        ("ProductCreateParams", "name=Pro&images[x]=y", "parameter_invalid_array", "images"),
        ("ProductCreateParams", "name[a]=Pro", "parameter_invalid_string", "name"),
        ("ProductCreateParams", "name=Pro&description=", "parameter_invalid_empty", "description"),
        (
            "TaxRateCreateParams",
            "display_name=V&inclusive=true&percentage=x",
            "parameter_invalid_decimal",
            "percentage",
        ),
        ("InvoicePayParams", "api_key=sk_test_x", "parameter_unknown", "api_key"),
    ],
)
def test_what_is_wrong_is_named_with_its_brackets(class_name: str, body: str, code: str, param: str) -> None:
    assert only_error(of(class_name, body)) == (code, param)


def test_a_word_that_the_type_does_not_know_is_doubtful_and_no_error() -> None:
    found = of("InvoiceCreateParams", "collection_method=by_post")
    assert found.errors == []
    assert found.warnings == ["collection_method: 'by_post' is none of charge_automatically, send_invoice"]


def test_an_update_may_empty_a_text_but_not_a_name() -> None:
    assert of("ProductUpdateParams", "unit_label=", updates=True).errors == []
    assert only_error(of("ProductUpdateParams", "name=", updates=True)) == ("parameter_invalid_empty", "name")
