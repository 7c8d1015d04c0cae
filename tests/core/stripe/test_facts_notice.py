"""What events say, in Stripe's own shapes: where to look, and no more.

The objects are the fields of https://docs.stripe.com/api that are read, written out by hand.
"""

from __future__ import annotations

from typing import Any

import pytest

from planctl.core.periods import Instant
from planctl.core.stripe.facts_notice import (
    LOOK,
    LOOK_MONEY,
    LOOK_PAGE,
    Notice,
    Topic,
    look_notice,
    notice_of,
)

AT = 1_767_225_600  # 2026-01-01T00:00:00Z
MINE = "st_mine"


def at(seconds: int) -> Instant:
    return Instant(seconds * 1_000_000)


def event(kind: str, thing: dict[str, Any], **more: Any) -> Notice:
    said: dict[str, Any] = {"id": "evt_1", "type": kind, "created": AT, "livemode": False}
    return notice_of({**said, "data": {"object": thing, **more}})


@pytest.mark.parametrize(
    ("kind", "thing", "topic", "where"),
    [
        ("invoice.paid", {"id": "in_1", "object": "invoice"}, Topic.INVOICE, "in_1"),
        (
            "invoice_payment.paid",
            {"id": "inpay_1", "object": "invoice_payment", "invoice": "in_1"},
            Topic.INVOICE,
            "in_1",
        ),
        (
            "charge.refunded",
            {"id": "ch_1", "object": "charge", "payment_intent": "pi_1"},
            Topic.MONEY,
            "pi_1",
        ),
        (
            "refund.failed",
            {"id": "re_1", "object": "refund", "payment_intent": {"id": "pi_1"}},
            Topic.MONEY,
            "pi_1",
        ),
        (
            "charge.dispute.closed",
            {"id": "dp_1", "object": "dispute", "payment_intent": None},
            Topic.MONEY,
            "",
        ),
        (
            "payment_method.attached",
            {"id": "pm_1", "object": "payment_method", "customer": "cus_1"},
            Topic.CARDS,
            "cus_1",
        ),
        ("customer.deleted", {"id": "cus_1", "object": "customer"}, Topic.CARDS, "cus_1"),
        ("checkout.session.expired", {"id": "cs_1", "object": "checkout.session"}, Topic.PAGE, "cs_1"),
        ("price.created", {"id": "price_1", "object": "price"}, None, "price_1"),
    ],
)
def test_an_event_says_where_to_look(
    kind: str, thing: dict[str, Any], topic: Topic | None, where: str
) -> None:
    notice = event(kind, thing)
    assert (notice.topic, notice.object, notice.where) == (topic, thing["id"], where)
    assert notice.happened_at == at(AT)


def test_a_card_that_was_taken_away_says_whose_it_was() -> None:
    card = {"id": "pm_1", "object": "payment_method", "customer": None}
    assert event("payment_method.detached", card, previous_attributes={"customer": "cus_1"}).where == "cus_1"
    assert event("payment_method.detached", card).where == ""


@pytest.mark.parametrize("id", ["../accounts", "in_1?expand=x", "in 1", "", 5, None, "x" * 256])
def test_what_could_be_no_id_is_none(id: object) -> None:
    assert event("invoice.paid", {"id": id, "object": "invoice"}).where == ""


def test_an_event_says_by_its_metadata_which_store_made_the_object() -> None:
    marks: dict[str, Any] = {"planctl_store": MINE, "planctl_id": "inv_1"}
    assert event("invoice.paid", {"id": "in_1", "object": "invoice", "metadata": marks}).owner == MINE


@pytest.mark.parametrize(
    ("changed", "where"),
    [("invoice_settings", "cus_1"), ("default_source", "cus_1"), ("next_invoice_sequence", ""), ("name", "")],
)
def test_of_a_customer_that_changed_it_is_looked_where_another_card_may_be_charged(
    changed: str, where: str
) -> None:
    customer = {"id": "cus_1", "object": "customer"}
    assert event("customer.updated", customer, previous_attributes={changed: None}).where == where


@pytest.mark.parametrize(
    ("kind", "topic"), [(LOOK, Topic.INVOICE), (LOOK_PAGE, Topic.PAGE), (LOOK_MONEY, Topic.MONEY)]
)
def test_what_is_looked_at_without_an_event_has_a_name_of_its_own(kind: str, topic: Topic) -> None:
    notice = look_notice(kind, "in_1", at(AT), live=True)
    assert (notice.id, notice.topic, notice.is_look) == ("evt_look_in_1", topic, True)
    assert not event("invoice.paid", {"id": "in_1", "object": "invoice"}).is_look
