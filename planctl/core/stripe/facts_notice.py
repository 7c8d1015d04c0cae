"""What an event says: that something happened to an object, and where to look for what it was. It believes no more.

Source: planctl reliability rules, Stripe and webhooks; https://docs.stripe.com/api/events/types.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from planctl.core.periods import Instant
from planctl.core.stripe.model import STORE
from planctl.core.stripe.reading import id_of, instant_of, map_of, metadata_of
from planctl.values import dataclass


class Topic(StrEnum):
    """What is read again after an event: an invoice, a payment with what went back of it, cards, or a page."""

    INVOICE = "invoice"
    MONEY = "money"
    CARDS = "cards"
    PAGE = "page"


TOPICS: Mapping[str, Topic] = {
    "invoice.paid": Topic.INVOICE,
    "invoice.payment_failed": Topic.INVOICE,
    "invoice.voided": Topic.INVOICE,
    "invoice.marked_uncollectible": Topic.INVOICE,
    "invoice_payment.paid": Topic.INVOICE,
    "charge.refunded": Topic.MONEY,
    "refund.created": Topic.MONEY,
    "refund.updated": Topic.MONEY,
    "refund.failed": Topic.MONEY,
    "charge.dispute.created": Topic.MONEY,
    "charge.dispute.funds_withdrawn": Topic.MONEY,
    "charge.dispute.funds_reinstated": Topic.MONEY,
    "charge.dispute.closed": Topic.MONEY,
    "payment_method.attached": Topic.CARDS,
    "payment_method.detached": Topic.CARDS,
    "customer.updated": Topic.CARDS,
    "customer.deleted": Topic.CARDS,
    "checkout.session.completed": Topic.PAGE,
    "checkout.session.async_payment_succeeded": Topic.PAGE,
    "checkout.session.async_payment_failed": Topic.PAGE,
    "checkout.session.expired": Topic.PAGE,
}
"""The types of events that are listened to. All others are ignored."""

MOST_TYPES = 20
"""As many types of events Stripe lists at once. Source: https://docs.stripe.com/api/events/list (`types`)."""

LOOK, LOOK_PAGE, LOOK_MONEY = "look", "look.page", "look.payment"
"""The types of what is no event of Stripe's: something that was looked at because its event may be lost."""

_OF_CARDS = frozenset({"invoice_settings", "default_source"})
"""What of a customer says which card is charged: Stripe tells of every other change of one too, each invoice's number
among them."""

_LOOKS: Mapping[str, Topic] = {LOOK: Topic.INVOICE, LOOK_PAGE: Topic.PAGE, LOOK_MONEY: Topic.MONEY}


@dataclass(frozen=True, slots=True)
class Notice:
    """All that is taken from an event: that something happened to an object, and where to look for what it was.

    `object` is the id of what it is about, `where` that of what is read again: an invoice, a payment intent, a
    customer or a page of Checkout; empty where the event names none, or nothing there can be new. `account` is
    another account's, if any, and `owner` the store that the object says it was made by.
    """

    id: str
    kind: str
    object: str
    where: str
    happened_at: Instant
    live: bool
    account: str = ""
    owner: str = ""

    @property
    def topic(self) -> Topic | None:
        """What is read again; None for a type that is not listened to."""
        return _LOOKS.get(self.kind) or TOPICS.get(self.kind)

    @property
    def is_look(self) -> bool:
        """Whether it is no event, but something that was looked at without one."""
        return self.kind in _LOOKS


def notice_of(event: Mapping[str, object]) -> Notice:
    """What is taken from an event whose shape was checked: `id`, `type`, `created`, `livemode`, `data.object`."""
    data = map_of(event.get("data"))
    about = map_of(data.get("object"))
    created = event["created"]
    assert isinstance(created, int)
    return Notice(
        str(event["id"]),
        str(event["type"]),
        id_of(about),
        _where(about, map_of(data.get("previous_attributes"))),
        instant_of(created),
        event["livemode"] is True,
        id_of(event.get("account")),
        metadata_of(about, STORE),
    )


def look_notice(kind: str, where: str, now: Instant, *, live: bool) -> Notice:
    """What stands for an event that may be lost: look there now."""
    return Notice(f"evt_look_{where}", kind, where, where, now, live)


def _where(about: Mapping[str, object], before: Mapping[str, object]) -> str:
    word = about.get("object")
    if word == "invoice_payment":
        return id_of(about.get("invoice"))
    if word in {"charge", "refund", "dispute"}:
        return id_of(about.get("payment_intent"))
    if word == "customer" and before and not _OF_CARDS & before.keys():
        return ""
    if word == "payment_method":
        # One that was detached has no customer any more: the event says whose it was.
        return id_of(about.get("customer")) or id_of(before.get("customer"))
    return id_of(about)
