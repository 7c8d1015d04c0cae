"""Credit notes: numbered in their own series and written once. They compute no amount and apply nothing.

Source: planctl billing rules, invoices, credit and payments.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, get_args

from sqlalchemy import Select, select

from planctl.core.document import Document, canonical, document_of
from planctl.core.invoicing.model import CreditDraft, CreditLine, CreditNote, CreditTarget, TaxShare
from planctl.core.money import decimal_text
from planctl.core.periods import Instant
from planctl.errors import NotFound
from planctl.identifiers import new_id
from planctl.store.balances import BalanceMove, post
from planctl.store.mapping import count, currency_of, instant, minor, named, said
from planctl.store.numbering import CREDIT_NOTES, credit_format, take_numbers
from planctl.store.sets import Values, chunks, insert_rows, sequences, table
from planctl.store.settings import timezone
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx
    from planctl.store.invoice_mapping import Number

_N = table("credit_note")
_C = table("customer")
_ORDER = (_N.c.series_year, _N.c.sequence)
_TARGETS = frozenset(get_args(CreditTarget))


@dataclass(frozen=True, slots=True)
class CreditNoteFilter:
    """What a listing shows: empty fields ask nothing. Issued at or after `from_at`, before `before_at`."""

    customers: tuple[str, ...] = ()
    invoices: tuple[str, ...] = ()
    from_at: int | None = None
    before_at: int | None = None
    limit: int = 0


def issue_credit_notes(tx: Tx, drafts: Sequence[CreditDraft], recorded_at: Instant) -> list[CreditNote]:
    """Number and write credit notes in the order given; what each credits enters its customer's balance.

    The entry's key is `credit_note:ID`, at the note's instant; taking it out again, for the invoice or as
    money, is the caller's. Conflict where an invoice was credited for the same occasion before.
    """
    if not drafts:
        return []
    seqs = sequences(tx, (draft.customer for draft in drafts))
    numbers = take_numbers(
        tx, CREDIT_NOTES, credit_format(tx), [draft.issued_at for draft in drafts], timezone(tx)
    )
    notes = [
        CreditNote(new_id("cn", draft.issued_at), number.text, draft)
        for draft, number in zip(drafts, numbers, strict=True)
    ]
    insert_rows(
        tx,
        "credit_note",
        [_row(note, number, seqs[note.draft.customer]) for note, number in zip(notes, numbers, strict=True)],
    )
    post(
        tx,
        [
            BalanceMove(
                note.draft.customer,
                note.draft.currency.code,
                f"credit_note:{note.id}",
                note.draft.total_minor,
                note.draft.issued_at,
            )
            for note in notes
        ],
    )
    return notes


def credit_note(tx: Tx, number_or_id: str) -> CreditNote:
    """The credit note with that number or id; NotFound where there is none."""
    query = _select().where((_N.c.number == number_or_id) | (_N.c.id == number_or_id))
    row = tx.connection.execute(query).one_or_none()
    if row is None:
        raise NotFound(
            f"there is no credit note {number_or_id!r}",
            where=f"credit note {number_or_id}",
            hint="planctl credit-note list shows them all",
        )
    return _note(row)


def credit_notes(tx: Tx, wanted: CreditNoteFilter | None = None) -> list[CreditNote]:
    """The credit notes that a filter lets through, in the order of their numbers; `limit` 0 is no limit."""
    wanted = wanted or CreditNoteFilter()
    query = _select()
    if wanted.customers:
        query = query.where(_C.c.id.in_(wanted.customers))
    if wanted.invoices:
        query = query.where(_N.c.invoice.in_(wanted.invoices))
    if wanted.from_at is not None:
        query = query.where(_N.c.issued_at >= wanted.from_at)
    if wanted.before_at is not None:
        query = query.where(_N.c.issued_at < wanted.before_at)
    rows = tx.connection.execute(query.limit(wanted.limit) if wanted.limit else query)
    return [_note(row) for row in rows]


def notes_on(tx: Tx, invoice_ids: Iterable[str]) -> dict[str, list[CreditNote]]:
    """Every invoice's credit notes in the order of their numbers; an empty list where it has none."""
    found: dict[str, list[CreditNote]] = {name: [] for name in dict.fromkeys(invoice_ids)}
    for chunk in chunks(found):
        for note in credit_notes(tx, CreditNoteFilter(invoices=tuple(chunk))):
            found[note.draft.invoice].append(note)
    return found


def _select() -> Select[Any]:
    return select(_N, _C.c.id.label("customer_id")).join(_C, _C.c.seq == _N.c.customer).order_by(*_ORDER)


def _row(note: CreditNote, number: Number, customer: int) -> Values:
    draft = note.draft
    assert draft.lines, f"{note.number} credits no line"
    assert draft.total_minor > 0, f"{note.number} credits {draft.total_minor}"
    assert draft.to in _TARGETS, f"{note.number} goes to {draft.to!r}"
    return {
        "id": named(note.id),
        "number": named(number.text),
        "series": named(number.series),
        "series_year": count(number.year),
        "sequence": count(number.sequence),
        "customer": count(customer),
        "invoice": named(draft.invoice),
        "occasion": said(draft.occasion),
        "currency": named(draft.currency.code),
        "decimals": count(draft.currency.decimals),
        "total": minor(draft.total_minor),
        "tax": minor(draft.tax_minor),
        "lines": canonical([_line_document(line) for line in draft.lines]),
        "issued_at": instant(draft.issued_at),
        "target": draft.to,
        "reason": said(draft.reason),
    }


def _line_document(line: CreditLine) -> Document:
    return {
        "position": str(line.position),
        "description": said(line.description),
        "net_minor": str(minor(line.net_minor)),
        "taxes": [
            {
                "code": share.code,
                "rate": decimal_text(share.rate),
                "amount_minor": str(minor(share.amount_minor)),
                "included": "yes" if share.included else "no",
            }
            for share in line.taxes
        ],
        "reason": said(line.reason),
    }


def _note(row: Any) -> CreditNote:
    written = document_of(row.lines)
    assert isinstance(written, Sequence), f"{row.number}: {row.lines}"
    draft = CreditDraft(
        customer=row.customer_id,
        invoice=row.invoice,
        occasion=row.occasion,
        currency=currency_of(row.currency, row.decimals),
        lines=tuple(_line(one) for one in written),
        issued_at=instant(row.issued_at),
        to=row.target,
        reason=row.reason,
    )
    assert (draft.total_minor, draft.tax_minor) == (row.total, row.tax), f"{row.number}: {draft}"
    assert draft.to in _TARGETS, f"{row.number} goes to {draft.to!r}"
    return CreditNote(row.id, row.number, draft)


def _line(document: Document) -> CreditLine:
    assert isinstance(document, Mapping), f"{document!r}"
    said_of = {name: value for name, value in document.items() if isinstance(value, str)}
    shares = document["taxes"]
    assert isinstance(shares, Sequence), f"{document!r}"
    return CreditLine(
        int(said_of["position"]),
        said_of["description"],
        int(said_of["net_minor"]),
        tuple(_share(one) for one in shares),
        said_of["reason"],
    )


def _share(document: Document) -> TaxShare:
    assert isinstance(document, Mapping), f"{document!r}"
    share = {name: value for name, value in document.items() if isinstance(value, str)}
    return TaxShare(
        share["code"], Decimal(share["rate"]), int(share["amount_minor"]), share["included"] == "yes"
    )
