"""How credit notes look, to machines and to people. Amounts are shown, never computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from planctl.core.currencies import Currency
from planctl.core.instants import instant_text
from planctl.core.invoicing.credits import Parts, TakenOff
from planctl.core.invoicing.model import CreditDraft, CreditLine, CreditNote, Invoice, Refund
from planctl.core.money import decimal_text, format_minor
from planctl.core.subscriptions.model import Transition
from planctl.values import dataclass
from planctl.views.invoice import invoice_document
from planctl.views.payment import refund_document, transition_document
from planctl.views.sheet import Answer, Column, Json, Sheet

COLUMNS = (
    Column("number"),
    Column("invoice"),
    Column("customer"),
    Column("issued_at", "instant", "issued"),
    Column("currency"),
    Column("total", "amount"),
    Column("tax", "amount"),
    Column("to"),
    Column("reason"),
)
LINE_COLUMNS = (
    Column("line"),
    Column("description"),
    Column("net", "amount"),
    Column("tax", "amount"),
)


@dataclass(frozen=True, slots=True)
class Issued:
    """A credit note with what came of it; `taken_off` is what other invoices gave back of its lines before."""

    note: CreditNote
    invoice: Invoice
    parts: Parts
    refunds: Sequence[Refund] = ()
    transitions: Sequence[Transition] = ()
    taken_off: Sequence[TakenOff] = ()


def draft_document(draft: CreditDraft, invoice: str) -> dict[str, Json]:
    """A credit note as JSON, without its number; `invoice` is the number of the one it corrects."""
    currency = draft.currency
    return {
        "invoice": invoice,
        "customer": draft.customer,
        "issued_at": instant_text(draft.issued_at),
        "currency": currency.code,
        "lines": [_line_document(line, currency) for line in draft.lines],
        "net": format_minor(draft.total_minor - draft.tax_minor, currency),
        "tax": format_minor(draft.tax_minor, currency),
        "total": format_minor(draft.total_minor, currency),
        "to": draft.to,
        "reason": draft.reason or None,
    }


def credit_note_document(note: CreditNote, invoice: str) -> dict[str, Json]:
    """A credit note as JSON; `invoice` is the number of the one it corrects."""
    return {"number": note.number, "id": note.id} | draft_document(note.draft, invoice)


def issued_document(issued: Issued) -> dict[str, Json]:
    """A new credit note as JSON, with where its amount went and its invoice afterwards."""
    currency, parts = issued.note.draft.currency, issued.parts
    return credit_note_document(issued.note, issued.invoice.number) | {
        "applied": format_minor(parts.invoice_minor, currency),
        "refunded": format_minor(parts.money_minor, currency),
        "to_balance": format_minor(parts.balance_minor, currency),
        "refunds": [refund_document(one) for one in issued.refunds],
        "given_back_before": [_taken_off_document(one, currency) for one in issued.taken_off],
        "invoice_after": invoice_document(issued.invoice),
        "transitions": [transition_document(move) for move in issued.transitions],
    }


def shown_answer(note: CreditNote, invoice: Invoice, refunds: Sequence[Refund]) -> Answer:
    """One credit note, whole."""
    document = credit_note_document(note, invoice.number) | {
        "refunds": [refund_document(one) for one in refunds]
    }
    head = f"Credit note {note.number} on {invoice.number} · {note.draft.customer}"
    return Answer(document, (head, *_said(note.draft)), _lines(note.draft, invoice))


def proposal_lines(
    draft: CreditDraft, invoice: Invoice, parts: Parts, taken_off: Sequence[TakenOff] = ()
) -> tuple[str, ...]:
    """What a person is shown before saying yes; `taken_off` is what other invoices gave back of its lines before."""
    currency = draft.currency
    lines = [
        f"line {line.position}  {line.description}: {_money(line.net_minor, currency)}"
        + (f", tax {_money(line.tax_minor, currency)}" if line.tax_minor else "")
        for line in draft.lines
    ]
    return (
        f"Credit note on {invoice.number} · {draft.customer}",
        *lines,
        *(_before(_taken_off_document(one, currency), currency.code) for one in taken_off),
        *_said(draft),
        *_where(draft, parts),
    )


def issued_answer(document: Json) -> Answer:
    """What issuing a credit note did, from its document."""
    assert isinstance(document, Mapping)
    currency = document["currency"]
    lines = [f"credit note {document['number']} on {document['invoice']}: {document['total']} {currency}"]
    went = {
        "applied": "against what the invoice owes",
        "refunded": "back as money",
        "to_balance": "to the customer's balance",
    }
    lines += [f"{document[name]} {currency} {where}" for name, where in went.items() if _some(document[name])]
    before = document.get("given_back_before", ())  # an answer kept by an earlier version has none
    assert isinstance(before, Sequence)
    lines += [_before(one, str(currency)) for one in before if isinstance(one, Mapping)]
    moves = document["transitions"]
    assert isinstance(moves, Sequence)
    lines += [f"{move['subscription']} is {move['to']} again" for move in moves if isinstance(move, Mapping)]
    return Answer(document, tuple(lines))


def credit_notes_answer(notes: Sequence[CreditNote], numbers: Mapping[str, str], timezone: str) -> Answer:
    """A list of credit notes; `numbers` are those of their invoices by id."""
    rows = tuple(
        (
            note.number,
            numbers[note.draft.invoice],
            note.draft.customer,
            note.draft.issued_at,
            note.draft.currency.code,
            format_minor(note.draft.total_minor, note.draft.currency),
            format_minor(note.draft.tax_minor, note.draft.currency),
            note.draft.to,
            note.draft.reason or None,
        )
        for note in notes
    )
    documents = [credit_note_document(note, numbers[note.draft.invoice]) for note in notes]
    return Answer(documents, (), Sheet(COLUMNS, rows, timezone), "no credit notes")


def _taken_off_document(one: TakenOff, currency: Currency) -> dict[str, Json]:
    return {
        "line": one.position,
        "net": format_minor(one.net_minor, currency),
        "tax": format_minor(one.tax_minor, currency),
        "invoice": one.number,
    }


def _before(one: Mapping[str, Json], currency: str) -> str:
    """Why less than the line is left: `one` is the document of what was taken off it."""
    tax = f", tax {one['tax']} {currency}" if _some(one["tax"]) else ""
    return f"of line {one['line']} {one['net']} {currency}{tax} went back before, on {one['invoice']}"


def _line_document(line: CreditLine, currency: Currency) -> dict[str, Json]:
    return {
        "line": line.position,
        "description": line.description,
        "net": format_minor(line.net_minor, currency),
        "taxes": [
            {
                "code": share.code,
                "rate": decimal_text(share.rate),
                "amount": format_minor(share.amount_minor, currency),
                "included": share.included,
            }
            for share in line.taxes
        ],
        "reason": line.reason or None,
    }


def _lines(draft: CreditDraft, invoice: Invoice) -> Sheet:
    rows = tuple(
        (
            str(line.position),
            line.description,
            format_minor(line.net_minor, draft.currency),
            format_minor(line.tax_minor, draft.currency),
        )
        for line in draft.lines
    )
    return Sheet(LINE_COLUMNS, rows, invoice.draft.timezone)


def _said(draft: CreditDraft) -> tuple[str, ...]:
    tax = f", with tax {_money(draft.tax_minor, draft.currency)}" if draft.tax_minor else ""
    total = f"total {_money(draft.total_minor, draft.currency)}{tax}, to {draft.to}"
    return (total, f"reason: {draft.reason}") if draft.reason else (total,)


def _where(draft: CreditDraft, parts: Parts) -> tuple[str, ...]:
    went = (
        (parts.invoice_minor, "go against what the invoice owes"),
        (parts.money_minor, "go back as money"),
        (parts.balance_minor, "go to the customer's balance"),
    )
    return tuple(f"{_money(minor, draft.currency)} {where}" for minor, where in went if minor)


def _money(minor: int, currency: Currency) -> str:
    return f"{format_minor(minor, currency)} {currency.code}"


def _some(amount: Json) -> bool:
    return isinstance(amount, str) and bool(amount.strip("0."))
