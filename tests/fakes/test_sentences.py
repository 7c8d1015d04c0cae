"""What the pages say that happens at Stripe is found by its line, and what nobody knows how to do is an error."""

from __future__ import annotations

import pytest

from tests.fakes.stripe import FakeStripe
from tests.fakes.stripe.sentences import carry_out, sentences_of


def test_sentences_are_lines_of_their_own() -> None:
    page = "# T\n\n> At Stripe, nova pays the open invoice.\n\nAt Stripe, nobody pays.\n> A word.\n> At Stripe, x.\n"
    assert sentences_of(page) == [(3, "At Stripe, nova pays the open invoice."), (7, "At Stripe, x.")]


def test_what_nobody_knows_how_to_do_is_an_error() -> None:
    with (
        FakeStripe() as fake,
        pytest.raises(ValueError, match="nobody knows how to do this: At Stripe, it rains"),
    ):
        carry_out(fake, "At Stripe, it rains.")
