"""Reads at Stripe what an event is about, as it stands now. No transaction is open meanwhile, and nothing is decided.

Source: planctl reliability rules, Stripe and webhooks: the object is fetched again.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from planctl.core.stripe.facts import CardsSeen, InvoiceSeen, MoneySeen, open_intents
from planctl.core.stripe.facts_notice import Notice, Topic
from planctl.core.stripe.model import Object, Value
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.stripe_bridge.gateway import Gateway

_CHARGE = "payment_intent.latest_charge"
"""What of a page is unfolded: by its charge it is known when it was paid."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What stands at Stripe about one event: only that part is filled which it is about.

    `sessions` are pages of Checkout with their payment and its charge unfolded. `gone`: what the event names is not
    there any more.
    """

    notice: Notice
    invoices: tuple[InvoiceSeen, ...] = ()
    sessions: tuple[Object, ...] = ()
    money: MoneySeen = field(default_factory=MoneySeen)
    cards: CardsSeen | None = None
    gone: bool = False


def look(gateway: Gateway, notice: Notice) -> Seen:
    """Read again what an event is about. Busy where Stripe cannot be reached, NotPermitted where the key may not."""
    if notice.topic is Topic.INVOICE:
        invoice = _invoice(gateway, notice.where)
        return Seen(notice, gone=True) if invoice is None else Seen(notice, (invoice,))
    if notice.topic is Topic.MONEY:
        return _money(gateway, notice)
    if notice.topic is Topic.PAGE:
        session = gateway.find(f"/v1/checkout/sessions/{notice.where}", expand=[_CHARGE])
        return Seen(notice, gone=True) if session is None else Seen(notice, sessions=(session,))
    assert notice.topic is Topic.CARDS, f"nobody knows where to look for a {notice.kind}"
    return Seen(notice, cards=_cards(gateway, notice.where))


def _invoice(gateway: Gateway, invoice_id: str) -> InvoiceSeen | None:
    found = gateway.find(f"/v1/invoices/{invoice_id}")
    if found is None:
        return None
    payments = tuple(gateway.list("/v1/invoice_payments", invoice=invoice_id))
    error: Object | None = None
    if found.get("status") == "open":
        for intent in open_intents(payments):
            said = gateway.get(f"/v1/payment_intents/{intent}").get("last_payment_error")
            error = said if isinstance(said, dict) and said else error
    return InvoiceSeen(found, payments, error)


def _money(gateway: Gateway, notice: Notice) -> Seen:
    """What a payment intent paid, and what went back of it: the payment is taken first, should it not be here yet."""
    intent = notice.where
    paid = gateway.list("/v1/invoice_payments", payment={"type": "payment_intent", "payment_intent": intent})
    found = [_invoice(gateway, str(one.get("invoice"))) for one in paid]
    invoices = tuple(one for one in found if one is not None)
    sessions: tuple[Object, ...] = ()
    if not invoices:
        unfolded: list[Value] = [f"data.{_CHARGE}"]
        sessions = tuple(gateway.list("/v1/checkout/sessions", payment_intent=intent, expand=unfolded))
    if not invoices and not sessions:
        return Seen(notice, gone=True)
    refunds = tuple(gateway.list("/v1/refunds", payment_intent=intent))
    disputes = tuple(gateway.list("/v1/disputes", payment_intent=intent))
    return Seen(notice, invoices, sessions, MoneySeen(refunds, disputes))


def _cards(gateway: Gateway, customer_id: str) -> CardsSeen:
    customer = gateway.find(f"/v1/customers/{customer_id}")
    if customer is None:
        return CardsSeen(None)
    return CardsSeen(customer, tuple(gateway.list("/v1/payment_methods", customer=customer_id)))
