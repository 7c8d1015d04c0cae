"""What a customer is charged with, and when it is tried again. No person is asked where a card is enough."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from planctl.core.invoicing.model import Invoice
from planctl.core.periods import Instant
from planctl.core.stripe.invoice_params import Payer
from planctl.core.stripe.model import State
from planctl.core.stripe.steps import Look, Rest
from tests.core.billing import t
from tests.core.stripe.calling import (
    DAY,
    DECLINED,
    LOST,
    OWED,
    PAID,
    VOID,
    Journey,
    asked,
    named,
    remaining,
)
from tests.core.stripe.owing import CARD


def test_what_is_on_file_is_charged_and_nothing_is_asked_for() -> None:
    going = Journey(OWED, replace(CARD, payment_method="pm_7")).finalized()
    step = going.step()
    assert isinstance(step, Look)
    assert step.card_of == ""
    assert asked(going) == "pm_7"


def test_where_nothing_is_on_file_here_the_customers_default_at_stripe_is_charged() -> None:
    going = Journey(OWED, card="pm_9").finalized()
    step = going.step()
    assert isinstance(step, Look)
    assert step.card_of == "cus_1"
    assert asked(going) == "pm_9"


def test_where_nothing_is_on_file_at_all_nobody_is_asked_for_a_decision() -> None:
    """It is told with what to do, and paid once a card is there."""
    going = Journey(OWED, card="").finalized()
    assert going.step(remaining(10_000)) == Rest(
        "left_out", "no means of payment is on file at Stripe: planctl stripe portal nova takes one"
    )
    going.card = "pm_9"
    assert asked(going) == "pm_9"


NOT_THERE: dict[str, Any] = {"state": State.DROPPED, "note": "no card: 400 resource_missing (payment_method)"}


def test_a_card_that_is_not_the_customers_any_more_is_not_asked_for_again() -> None:
    """Its customer took it away; another default is charged, or the next one that is on file."""
    going = Journey(OWED, replace(CARD, payment_method="pm_7"), card="").finalized()
    going.did(**NOT_THERE)
    step = going.step()
    assert isinstance(step, Look)
    assert step.card_of == "cus_1"
    assert named(going.step(remaining(10_000))) == "left_out"
    going.card = "pm_7"
    assert named(going.step(remaining(10_000))) == "left_out"
    going.card = "pm_8"
    assert asked(going) == "pm_8"
    going.payer = replace(CARD, payment_method="pm_9")
    assert asked(going) == "pm_9"


def test_what_stands_for_a_customer_that_is_gone_is_not_charged() -> None:
    """The customer was deleted at Stripe and made again: a card of the new one cannot pay for the old one."""
    going = Journey(OWED).finalized()
    going.payer = Payer("cus_2", "card")
    seen = remaining(10_000) | {"customer": "cus_1"}
    assert going.step(seen) == Rest(
        "left_out", "its customer at Stripe is gone: it can be paid on its own page, or in some other way"
    )


# --- declined


def later(days: int, microseconds: int = 0) -> Instant:
    return Instant(t("2026-01-01T10:00:00Z") + days * DAY + microseconds)


def test_a_declined_payment_is_tried_3_5_and_7_days_after_the_try_before() -> None:
    """1 January, then the 4th, the 9th and the 16th; afterwards no more."""
    going = Journey(OWED).finalized()
    for days, wait in ((0, 3), (3, 5), (8, 7)):
        going.now = later(days)
        assert named(going.step()) == "look, pay"
        tried = going.did(**DECLINED)
        again = Rest("declined", tried.note, tried, later(days + wait))
        assert going.step() == again
        going.now = later(days + wait, -1)
        assert going.step() == again
    going.now = later(15)
    last = going.did(**DECLINED)
    assert [one.revision for one in going.calls if one.action == "pay"] == [1, 2, 3, 4]
    going.now = later(400)
    assert going.step() == Rest("declined", last.note, last)


def test_a_payment_that_was_not_done_for_another_reason_is_no_try() -> None:
    going = Journey(OWED).finalized()
    going.did(State.DROPPED, note="was not done: its status is open")
    assert named(going.step()) == "look, pay"
    tried = going.did(**DECLINED)
    assert going.step() == Rest("declined", tried.note, tried, later(3))


def test_another_card_is_tried_at_once_and_has_four_tries_of_its_own() -> None:
    going = Journey(OWED, replace(CARD, payment_method="pm_1")).finalized()
    for day in (0, 3, 8, 15):
        going.now = later(day)
        going.did(**DECLINED)
    going.payer = replace(CARD, payment_method="pm_2")
    assert asked(going) == "pm_2"
    tried = going.did(**DECLINED)
    assert going.step() == Rest("declined", tried.note, tried, later(18))
    going.payer = replace(CARD, payment_method="pm_1")  # and back
    assert named(going.step()) == "declined"


def test_a_payment_that_fails_days_after_it_was_taken_up_is_tried_again_like_a_declined_one() -> None:
    """A debit: Stripe takes it up, and the bank says no on the 4th day. The next try is 3 days after the first."""
    going = Journey(OWED, replace(CARD, payment_method="pm_1")).finalized()
    going.did()
    assert named(going.step()) == "look"
    assert going.link is not None
    going.link = replace(going.link, detail={"status": "open", "failure": "debit_not_authorized"})
    going.now = later(2)
    assert going.step() == Rest("declined", "debit_not_authorized", going.calls[-1], later(3))
    going.now = later(4)
    assert asked(going) == "pm_1"
    going.did()
    going.link = replace(going.link, detail={"status": "open"})
    assert named(going.step()) == "look"


@pytest.mark.parametrize(
    ("one", "step"), [(VOID, "look, void"), (LOST, "look, uncollectible"), (PAID, "look, paid_elsewhere")]
)
def test_what_was_declined_is_not_tried_again_once_it_is_settled(one: Invoice, step: str) -> None:
    going = Journey(OWED).finalized()
    going.did(**DECLINED)
    going.now = later(3)
    going.invoice = one
    assert named(going.step()) == step
