"""What follows from the objects that events are about, in Stripe's own shapes.

The objects are the fields of https://docs.stripe.com/api that are read, written out by hand.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from planctl.core.periods import Instant, parse_instant, zone
from planctl.core.stripe.facts import (
    CardsSeen,
    Disputed,
    Ended,
    FailedRefund,
    Failure,
    InvoiceSeen,
    MoneySeen,
    Received,
    Refunded,
    failure_of,
    in_order,
    invoice_facts,
    method_on_file,
    money_facts,
    owner_of,
    paid_at,
)

AT = 1_767_225_600  # 2026-01-01T00:00:00Z
MINE = "st_mine"


def at(seconds: int) -> Instant:
    return Instant(seconds * 1_000_000)


def payment(amount: int | None, **more: Any) -> dict[str, Any]:
    """A payment of an invoice; open where there is no amount."""
    return {
        "id": "inpay_1",
        "object": "invoice_payment",
        "amount_paid": amount,
        "currency": "usd",
        "created": AT,
        "payment": {"type": "payment_intent", "payment_intent": "pi_1"},
        "status": "open" if amount is None else "paid",
        "status_transitions": {"paid_at": None if amount is None else AT + 60},
    } | more


def invoice(*payments: dict[str, Any], status: str = "open", due: int = 1_900, **more: Any) -> InvoiceSeen:
    found: dict[str, Any] = {
        "id": "in_1",
        "status": status,
        "amount_due": due,
        "currency": "usd",
        "created": AT,
    }
    return InvoiceSeen({**found, "status_transitions": {}, **more}, payments)


def test_an_object_says_by_its_metadata_which_store_made_it_and_for_what() -> None:
    marks: dict[str, Any] = {"planctl_store": MINE, "planctl_id": "inv_1"}
    assert owner_of({"metadata": marks}) == (MINE, "inv_1")
    assert owner_of({"metadata": None}) == owner_of({}) == ("", "")


# --- invoices


def test_a_payment_is_received_with_its_amount_when_stripe_took_it() -> None:
    assert invoice_facts(invoice(payment(1_900), status="paid")) == [
        Received("pi_1", "pi_1", 1_900, "usd", at(AT + 60))
    ]


@pytest.mark.parametrize(
    ("of", "name"),
    [
        ({"type": "charge", "charge": "ch_1"}, ("ch_1", "stripe")),
        ({"type": "payment_record", "payment_record": "pr_1"}, ("pr_1", "outside stripe")),
        ({"type": "something_new"}, ("inpay_1", "stripe")),
        ({"type": "payment_intent", "payment_intent": {"id": "pi_1"}}, ("pi_1", "stripe")),
    ],
)
def test_a_payment_is_named_by_what_made_it_and_is_stripes_where_stripe_took_it(
    of: dict[str, Any], name: tuple[str, str]
) -> None:
    (fact,) = invoice_facts(invoice(payment(1_900, payment=of), status="paid"))
    assert isinstance(fact, Received)
    assert (fact.key, fact.reference, fact.method) == (name[0], *name)


def test_an_open_or_canceled_payment_is_nothing() -> None:
    assert invoice_facts(invoice(payment(None), payment(None, status="canceled"))) == []


def test_marked_as_paid_the_rest_was_paid_elsewhere() -> None:
    seen = invoice(payment(500), status="paid", status_transitions={"paid_at": AT + 90})
    assert invoice_facts(seen)[1] == Received(
        "in_1:elsewhere", "in_1", 1_400, "usd", at(AT + 90), "outside stripe", elsewhere=True
    )


def test_an_invoice_that_was_paid_with_nothing_brought_nothing() -> None:
    assert invoice_facts(invoice(status="paid", due=0)) == []


def test_void_and_uncollectible_are_known_by_when_they_happened_whatever_came_later() -> None:
    times = {"marked_uncollectible_at": AT + 10, "voided_at": AT + 20, "paid_at": None}
    assert invoice_facts(invoice(status="void", status_transitions=times)) == [
        Ended("in_1", "uncollectible", at(AT + 10)),
        Ended("in_1", "void", at(AT + 20)),
    ]


def test_the_reason_of_a_failure_is_the_banks_then_stripes() -> None:
    error = {"type": "card_error", "code": "card_declined", "decline_code": "lost_card", "message": "No."}
    seen = invoice(next_payment_attempt=AT + 86_400)
    assert failure_of(InvoiceSeen(seen.invoice, (), error)) == Failure("lost_card", "No.", at(AT + 86_400))
    assert failure_of(InvoiceSeen(seen.invoice, (), {"type": "api_error"})) == Failure(
        "api_error", "", at(AT + 86_400)
    )


@pytest.mark.parametrize("status", ["paid", "void", "uncollectible", "draft"])
def test_F116_of_an_invoice_that_is_open_no_more_no_failure_is_told(status: str) -> None:
    assert failure_of(InvoiceSeen(invoice(status=status).invoice, (), {"code": "card_declined"})) is None


# --- money that went back


def refund(status: str = "succeeded", **more: Any) -> dict[str, Any]:
    return {
        "id": "re_1",
        "object": "refund",
        "amount": 500,
        "currency": "usd",
        "created": AT,
        "payment_intent": "pi_1",
        "status": status,
        "metadata": {},
    } | more


@pytest.mark.parametrize("status", ["pending", "requires_action", "canceled"])
def test_a_refund_counts_once_it_has_succeeded(status: str) -> None:
    assert money_facts(MoneySeen((refund(status),)), MINE) == []
    assert money_facts(MoneySeen((refund(),)), MINE) == [Refunded("re_1", "pi_1", 500, "usd", at(AT))]


def test_a_refund_of_this_store_is_in_it_already_and_one_of_another_is_not() -> None:
    assert money_facts(MoneySeen((refund(metadata={"planctl_store": MINE}),)), MINE) == []
    assert len(money_facts(MoneySeen((refund(metadata={"planctl_store": "st_2"}),)), MINE)) == 1


@pytest.mark.parametrize("store", [MINE, "", "st_2"])
def test_a_refund_that_failed_is_a_fact_whoever_asked_for_it(store: str) -> None:
    failed = refund("failed", failure_reason="lost_or_stolen_card", metadata={"planctl_store": store})
    (fact,) = money_facts(MoneySeen((failed,)), MINE)
    assert fact == FailedRefund("re_1", "pi_1", "lost_or_stolen_card", at(AT))
    assert fact.key == "re_1:failed"


def dispute(*moved: tuple[int, int]) -> dict[str, Any]:
    """A dispute with the amounts and instants of what moved because of it."""
    transactions = [{"amount": amount, "created": AT + later} for amount, later in moved]
    return {
        "id": "dp_1",
        "amount": 1_900,
        "currency": "usd",
        "payment_intent": "pi_1",
        "created": AT,
        "balance_transactions": transactions,
    }


def test_a_dispute_takes_money_when_the_bank_does_and_brings_it_back_when_it_is_won() -> None:
    lost = Disputed("dp_1", "withdrawn", "pi_1", 1_900, "usd", at(AT + 5))
    won = Disputed("dp_1", "reinstated", "pi_1", 1_900, "usd", at(AT + 9), came_back=True)
    assert money_facts(MoneySeen((), (dispute((-1_800, 5)),)), MINE) == [lost]
    assert money_facts(MoneySeen((), (dispute((-1_800, 5), (1_800, 9)),)), MINE) == [
        replace(lost, came_back=True),
        won,
    ]
    assert (lost.key, won.key) == ("dp_1:withdrawn", "dp_1:reinstated")


def test_an_inquiry_moves_nothing() -> None:
    assert money_facts(MoneySeen((), (dispute(),)), MINE) == []


def test_of_a_dispute_that_is_won_in_the_same_second_the_withdrawal_comes_first() -> None:
    facts = money_facts(MoneySeen((), (dispute((-1_800, 5), (1_800, 5)),)), MINE)
    assert [one.key for one in in_order(reversed(facts))] == ["dp_1:withdrawn", "dp_1:reinstated"]


def test_facts_are_in_the_order_in_which_they_happened_and_money_comes_in_before_it_goes() -> None:
    received = Received("pi_1", "pi_1", 1_900, "usd", at(AT + 60))
    back = Refunded("re_1", "pi_1", 500, "usd", at(AT + 60))
    over = Ended("in_1", "uncollectible", at(AT))
    assert in_order([back, received, over]) == [over, received, back]


# --- cards


def card(name: str, month: int = 12, year: int = 2027) -> dict[str, Any]:
    return {"id": name, "type": "card", "card": {"exp_month": month, "exp_year": year}}


def on_file(*methods: dict[str, Any], default: str | None = None, day: str = "2026-01-31") -> str:
    customer: dict[str, Any] = {"id": "cus_1", "invoice_settings": {"default_payment_method": default}}
    return method_on_file(CardsSeen(customer, methods), parse_instant(day, zone("UTC")))


def test_the_default_is_charged_else_the_newest() -> None:
    assert on_file(card("pm_new"), card("pm_old"), default="pm_old") == "pm_old"
    assert on_file(card("pm_new"), card("pm_old")) == "pm_new"
    assert on_file(card("pm_new"), default="pm_gone") == "pm_new"
    assert on_file() == ""


def test_a_card_is_good_until_the_end_of_its_month() -> None:
    assert on_file(card("pm_1", 1, 2026)) == "pm_1"
    assert on_file(card("pm_1", 1, 2026), day="2026-02-01") == ""
    assert on_file(card("pm_1", 1, 2026), card("pm_2"), default="pm_1", day="2026-02-01") == "pm_2"


def test_what_is_no_card_has_no_month() -> None:
    assert on_file({"id": "pm_1", "type": "sepa_debit"}) == "pm_1"


def test_a_customer_who_is_gone_has_nothing_on_file() -> None:
    assert method_on_file(CardsSeen(None, (card("pm_1"),)), at(AT)) == ""


def test_a_page_was_paid_when_its_charge_was_made() -> None:
    assert paid_at({"payment_intent": {"latest_charge": {"created": AT + 7}}}) == at(AT + 7)
    assert paid_at({"payment_intent": {"latest_charge": "ch_1"}}) is None
    assert paid_at({"payment_intent": None}) is None
