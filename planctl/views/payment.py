"""How payments look, to machines and to people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from planctl.core.instants import instant_text
from planctl.core.invoicing.model import Invoice, Payment, Refund
from planctl.core.money import format_minor
from planctl.core.subscriptions.model import Subscription, Transition
from planctl.views.invoice import invoice_document
from planctl.views.sheet import Answer, Column, Json, Sheet
from planctl.views.words import count

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
    Column("to_balance", "amount", "to the balance"),
    Column("refunded", "amount", "given back"),
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
        "to_balance": format_minor(payment.to_balance_minor, payment.currency),
        "refunded": format_minor(payment.refunded_minor, payment.currency),
    }


def refund_document(refund: Refund) -> dict[str, Json]:
    """Money given back, as JSON; `from_balance` of it came out of the customer's balance."""
    return {
        "id": refund.id,
        "payment": refund.payment,
        "credit_note": refund.credit_note or None,
        "amount": format_minor(refund.amount_minor, refund.currency),
        "from_balance": format_minor(refund.from_balance_minor, refund.currency),
        "currency": refund.currency.code,
        "at": instant_text(refund.at),
        "method": refund.method or None,
        "reference": refund.reference or None,
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
            format_minor(one.to_balance_minor, one.currency),
            format_minor(one.refunded_minor, one.currency),
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


def paid_document(
    payment: Payment,
    invoice: Invoice,
    transitions: Sequence[Transition],
    stays_blocked: Sequence[Subscription] = (),
) -> dict[str, Json]:
    """A recorded payment as JSON, with its invoice afterwards, what moved, and what no payment moves."""
    return payment_document(payment, invoice.number) | {
        "invoice_after": invoice_document(invoice),
        "transitions": [transition_document(move) for move in transitions],
        "stays_blocked": [f"{one.customer}/{one.plan}" for one in stays_blocked],
    }


def paid_answer(document: Json) -> Answer:
    """What recording a payment did, from its document."""
    assert isinstance(document, Mapping)
    lines = [
        f"{document['amount']} {document['currency']} received for {document['invoice']}: {_left(document)}"
        f" ({document['id']})"
    ]
    rest = document["to_balance"]
    if isinstance(rest, str) and rest.strip("0."):
        lines.append(f"{rest} {document['currency']} went to the balance of {document['customer']}")
    stays_blocked = document["stays_blocked"]
    assert isinstance(stays_blocked, Sequence)
    lines += [
        f"{name} stays blocked, as its terms say: planctl subscription cancel {name} --at now, then start it anew"
        for name in stays_blocked
    ]
    return Answer(document, (*lines, *_moved(document)))


def returned_document(refund: Refund, invoice: Invoice, transitions: Sequence[Transition]) -> dict[str, Json]:
    """A payment that was given back as JSON, with its invoice afterwards and what moved."""
    return refund_document(refund) | {
        "invoice": invoice.number,
        "customer": refund.customer,
        "invoice_after": invoice_document(invoice),
        "transitions": [transition_document(move) for move in transitions],
    }


def returned_answer(document: Json) -> Answer:
    """What giving a payment back did, from its document."""
    assert isinstance(document, Mapping)
    line = (
        f"{document['amount']} {document['currency']} of {document['payment']} given back;"
        f" {document['invoice']}: {_left(document)} ({document['id']})"
    )
    return Answer(document, (line, *_moved(document)))


def statement_document(
    read: int, recorded: Sequence[Json], already: int, unmatched: Sequence[Json]
) -> dict[str, Json]:
    """What importing a bank's statement did, as JSON."""
    return {
        "read": read,
        "recorded": len(recorded),
        "already": already,
        "unmatched": unmatched,
        "payments": recorded,
    }


def statement_answer(document: Json) -> Answer:
    """What importing a bank's statement did, from its document: the rows that a person must look at in full."""
    assert isinstance(document, Mapping)
    rows = document["unmatched"]
    assert isinstance(rows, Sequence)
    first = (
        f"{count(int(str(document['read'])), 'row')} read, {document['recorded']} recorded,"
        f" {document['already']} known already, {len(rows)} unmatched"
    )
    lines = [
        f"line {row['line']}: {row['date']} {row['amount']} {row['currency']} {row['reference']}: {row['why']}"
        for row in rows
        if isinstance(row, Mapping)
    ]
    return Answer(document, (first, *lines))


def _left(document: Mapping[str, Json]) -> str:
    after = document["invoice_after"]
    assert isinstance(after, Mapping)
    if after["status"] in {"paid", "uncollectible"}:
        return str(after["status"])
    return f"{after['due']} {after['currency']} still open"


def _moved(document: Mapping[str, Json]) -> tuple[str, ...]:
    moves = document["transitions"]
    assert isinstance(moves, Sequence)
    found = [move for move in moves if isinstance(move, Mapping)]
    return tuple(
        f"{move['subscription']} is {move['to']}{' again' if move['to'] == 'active' else ' now'}"
        for move in found
    )
