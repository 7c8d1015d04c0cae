"""Money that a credit note gives back is refunded at Stripe once, and never more than was given back here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from planctl.core.invoicing.model import Payment, Refund
from planctl.core.stripe.model import GIVEN_UP, LET_GO, Call, State
from planctl.core.stripe.refund_steps import GivingBack, next_refund_step
from planctl.core.stripe.steps import Ask, Finish, Rest, Send
from tests.core.stripe.calling import operation
from tests.core.stripe.owing import EURO, NOW, currency

PAYMENT = Payment("pay_1", "nova", "inv_1", 10_000, EURO, NOW, "stripe", "pi_1")
REFUND = Refund("re_1", "nova", "pay_1", 3_000, EURO, NOW, "cn_1")
GIVING = GivingBack(REFUND, PAYMENT, 3_000)


def refunded(amount: int, status: str = "succeeded", created: int = 0) -> dict[str, Any]:
    """A refund as Stripe lists it, made in a second."""
    return {"id": "re_there", "amount": amount, "status": status, "created": created}


def test_first_it_is_asked_what_went_back_there() -> None:
    assert next_refund_step(GIVING) is None


def test_it_is_refunded_of_its_payment() -> None:
    step = next_refund_step(GIVING, [])
    assert step == Send(
        Call(
            "refund",
            "re_1",
            "create",
            "/v1/refunds",
            {"payment_intent": "pi_1", "amount": 3_000},
            links=True,
        )
    )


def test_an_earlier_refund_of_the_same_payment_does_not_hinder_it() -> None:
    """20.00 and 30.00 were given back here; 20.00 went back at Stripe."""
    step = next_refund_step(replace(GIVING, credited_minor=5_000), [refunded(2_000)])
    assert isinstance(step, Send)


def test_what_somebody_gave_back_there_is_not_given_back_twice() -> None:
    assert next_refund_step(GIVING, [refunded(3_000)]) == Rest(
        "left_out",
        "30.00 EUR went back at Stripe already, and 30.00 EUR is to go back in all: "
        "pull first, and look at it in the dashboard",
    )


def test_what_is_missing_of_what_somebody_gave_back_there_waits_for_a_person_once_it_was_pulled() -> None:
    """Of 30.00 somebody gave back 10.00 in the dashboard at 500 s: is that a part of it, or another matter?"""
    there = [refunded(1_000, created=500)]
    early = next_refund_step(GIVING, there, 500)
    assert isinstance(early, Rest)
    assert early.outcome == "left_out"
    step = next_refund_step(GIVING, there, 501)
    assert isinstance(step, Ask)
    assert step.call.params == {"payment_intent": "pi_1", "amount": 2_000}
    assert step.why == (
        "10.00 EUR went back at Stripe already, and 30.00 EUR is to go back in all: "
        "--resend gives back the 20.00 EUR that are missing"
    )


def test_what_is_missing_is_given_back_where_a_person_says_so() -> None:
    there = [refunded(1_000)]
    asked = next_refund_step(GIVING, there, 1)
    assert isinstance(asked, Ask)
    let_go = operation(asked.call, State.DROPPED, note=f"{LET_GO}it is a part of it")
    step = next_refund_step(replace(GIVING, calls=(let_go,)), there, 1)
    assert isinstance(step, Send)
    assert (step.call.revision, step.call.params["amount"]) == (2, 2_000)


def test_what_turns_out_to_be_another_matter_is_given_back_whole() -> None:
    """The pull made a credit note of the 10.00 meanwhile: 40.00 is to go back in all."""
    there = [refunded(1_000)]
    asked = next_refund_step(GIVING, there, 1)
    assert isinstance(asked, Ask)
    let_go = operation(asked.call, State.DROPPED, note=f"{LET_GO}a present")
    step = next_refund_step(replace(GIVING, credited_minor=4_000, calls=(let_go,)), there, 1)
    assert isinstance(step, Send)
    assert step.call.params["amount"] == 3_000


@pytest.mark.parametrize("status", ["failed", "canceled"])
def test_what_did_not_go_back_there_does_not_count(status: str) -> None:
    assert isinstance(next_refund_step(GIVING, [refunded(3_000, status)]), Send)


def test_one_that_is_on_its_way_counts() -> None:
    assert isinstance(next_refund_step(GIVING, [refunded(3_000, "pending")]), Rest)


@pytest.mark.parametrize(
    ("state", "note", "outcome"),
    [
        (State.CONFIRMED, "", "done"),
        (State.PARKED, "400 charge_disputed", "parked"),
        (State.DROPPED, f"{GIVEN_UP}paid out in cash", "dropped"),
    ],
)
def test_one_that_came_to_an_end_stays_there(state: State, note: str, outcome: str) -> None:
    step = next_refund_step(replace(GIVING, calls=(operation(asked(), state, note=note),)), [])
    assert isinstance(step, Rest)
    assert step.outcome == outcome


def test_one_without_an_end_is_finished() -> None:
    sent = operation(asked(), State.SENT)
    assert next_refund_step(replace(GIVING, calls=(sent,))) == Finish(sent)


def test_one_that_a_person_let_go_is_asked_for_under_the_next_revision() -> None:
    let_go = operation(asked(), State.DROPPED, note=f"{LET_GO}the dispute was won")
    step = next_refund_step(replace(GIVING, calls=(let_go,)), [])
    assert isinstance(step, Send)
    assert step.call.revision == 2


@pytest.mark.parametrize("reference", ["", "in_1", "ch_1", "SEPA 17"])
def test_a_payment_that_names_none_of_stripes_is_left_out(reference: str) -> None:
    """One that was marked as paid in the dashboard, say: Stripe has no money to give back."""
    giving = replace(GIVING, payment=replace(PAYMENT, reference=reference))
    assert next_refund_step(giving) == Rest(
        "left_out", "payment pay_1 names no payment that Stripe took: give it back by hand"
    )


def test_an_amount_that_cannot_be_said_there_is_left_out() -> None:
    dinar = currency("KWD")
    giving = GivingBack(replace(REFUND, currency=dinar, amount_minor=1_234), PAYMENT, 1_234)
    assert next_refund_step(giving, []) == Rest(
        "left_out", "1.234 KWD is no amount that Stripe takes, but a multiple of 0.01 KWD"
    )


def asked() -> Call:
    step = next_refund_step(GIVING, [])
    assert isinstance(step, Send)
    return step.call
