"""How payments look, to machines and to people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from planctl.core.instants import instant_text
from planctl.core.invoicing.model import Invoice, Payment
from planctl.core.money import format_minor
from planctl.core.subscriptions.model import Transition
from planctl.views.invoice import invoice_document
from planctl.views.sheet import Answer, Column, Json, Sheet

COLUMNS = (
    Column("id"),
    Column("invoice"),
    Column("customer"),
    Column("amount", "amount"),
    Column("currency"),
    Column("at", "instant", "received"),
    Column("method"),
    Column("reference"),
    Column("status"),
)


def payment_document(payment: Payment, number: str) -> dict[str, Json]:
    """A payment as JSON; `invoice` is the number."""
    return {
        "id": payment.id,
        "invoice": number,
        "customer": payment.customer,
        "amount": format_minor(payment.amount_minor, payment.currency),
        "currency": payment.currency.code,
        "at": instant_text(payment.at),
        "method": payment.method or None,
        "reference": payment.reference or None,
        "status": payment.status,
    }


def payments_answer(payments: Sequence[Payment], numbers: Mapping[str, str], timezone: str) -> Answer:
    """A list of payments."""
    rows = tuple(
        (
            one.id,
            numbers[one.invoice],
            one.customer,
            format_minor(one.amount_minor, one.currency),
            one.currency.code,
            one.at,
            one.method or None,
            one.reference or None,
            one.status,
        )
        for one in payments
    )
    documents = [payment_document(one, numbers[one.invoice]) for one in payments]
    return Answer(documents, (), Sheet(COLUMNS, rows, timezone), "no payments")


def transition_document(move: Transition) -> dict[str, Json]:
    """A move between statuses as JSON."""
    return {
        "subscription": move.subscription,
        "from": move.before.value,
        "to": move.after.value,
        "at": instant_text(move.at),
        "reason": move.reason,
    }


def paid_document(payment: Payment, invoice: Invoice, transitions: Sequence[Transition]) -> dict[str, Json]:
    """A recorded payment as JSON, with its invoice afterwards and what moved."""
    return payment_document(payment, invoice.number) | {
        "invoice_after": invoice_document(invoice),
        "transitions": [transition_document(move) for move in transitions],
    }


def paid_answer(document: Json) -> Answer:
    """What recording a payment did, from its document."""
    assert isinstance(document, Mapping)
    after, moves = document["invoice_after"], document["transitions"]
    assert isinstance(after, Mapping)
    assert isinstance(moves, Sequence)
    open_text = "paid" if after["status"] == "paid" else f"{after['due']} {after['currency']} still open"
    lines = [
        f"{document['amount']} {document['currency']} received for {document['invoice']}: {open_text}"
        f" ({document['id']})"
    ]
    lines += [f"{move['subscription']} is {move['to']} again" for move in moves if isinstance(move, Mapping)]
    return Answer(document, tuple(lines))
