"""Invoices: numbered and written once, then changed only by payment, lateness, extension and voiding. It sums nothing.

What belongs to one draft is written in the caller's one transaction: number, invoice, lines, claims and
settlements. Source: planctl billing rules, invoices.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, bindparam, func, select, tuple_
from sqlalchemy import text as sql

from planctl.core.document import canonical
from planctl.core.invoicing.model import Draft, Invoice, InvoiceStatus, OpenInvoice
from planctl.core.periods import Instant
from planctl.errors import NotFound
from planctl.identifiers import new_id
from planctl.store.columns import WHOLE
from planctl.store.coupons import add_uses
from planctl.store.invoice_mapping import (
    InvoiceParts,
    Number,
    content_hash,
    invoice_of,
    invoice_row,
    line_of,
    line_row,
    open_invoice_of,
)
from planctl.store.mapping import claim_of, instant, maybe_instant, settlement_of
from planctl.store.numbering import DEFAULT_FORMAT, INVOICES, NumberFormat, series_states, take_numbers
from planctl.store.sets import chunks, grouped, insert_rows, records, sequences, table
from planctl.store.settings import setting, timezone
from planctl.store.settlements import add_claims, add_settlements
from planctl.store.touching import will_change
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx

__all__ = [
    "InvoiceFilter",
    "Issuing",
    "as_stored",
    "extend",
    "finalize",
    "get_many",
    "invoice",
    "listing",
    "mark_past_due",
    "next_numbers",
    "open_invoices",
    "series_states",
    "set_status",
    "void",
]

_I = table("invoice")
_L = table("invoice_line")
_C = table("customer")
_ORDER = (_I.c.series, _I.c.series_year, _I.c.sequence)
_UNPAID = sql("invoice.status IN ('open', 'past_due')")  # word for word what the partial index says


@dataclass(frozen=True, slots=True)
class Issuing:
    """Who issues and to whom, as they are now: copied into every invoice.

    `buyers` is keyed by customer id; a customer without an entry gets an empty one. `tzdata` is the version
    of the time zone data that cut the periods.
    """

    seller: Mapping[str, str] = field(default_factory=dict)
    buyers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    tzdata: str = ""
    series: str = INVOICES


@dataclass(frozen=True, slots=True)
class InvoiceFilter:
    """What a listing shows: empty fields ask nothing. Issued from `issued_from`, before `issued_before`.

    `after` is an invoice's number: those that follow it.
    """

    customers: tuple[str, ...] = ()
    subscriptions: tuple[str, ...] = ()
    statuses: tuple[InvoiceStatus, ...] = ()
    issued_from: int | None = None
    issued_before: int | None = None
    after: str = ""
    limit: int = 0


# Writing


def finalize(tx: Tx, drafts: Sequence[Draft], issuing: Issuing) -> list[Invoice]:
    """Number and write drafts, with lines, claims, settlements and coupon uses; the invoices in the drafts' order.

    Numbers are consecutive in that order and are taken last. The format is the setting `numbering.format`
    (`{series}-{year}-{seq:05}`), the year that of issue in the setting `timezone`. An invoice of zero, or one
    that the customer's balance pays whole, is paid when it is issued. Conflict, and nothing is written, where a
    draft or a charge was billed before; InvalidInput for an unusable format.
    """
    if not drafts:
        return []
    seqs = sequences(tx, (draft.customer for draft in drafts))
    ids = [new_id("inv", draft.issued_at) for draft in drafts]
    details = [[canonical(line.detail) for line in draft.lines] for draft in drafts]
    hashes = [content_hash(draft, texts) for draft, texts in zip(drafts, details, strict=True)]
    lines = [
        line_row(name, position, line, draft.revision, text)
        for name, draft, texts in zip(ids, drafts, details, strict=True)
        for position, (line, text) in enumerate(zip(draft.lines, texts, strict=True), start=1)
    ]
    add_claims(tx, [(one, name) for name, draft in zip(ids, drafts, strict=True) for one in draft.claims])
    add_settlements(
        tx, [(one, name) for name, draft in zip(ids, drafts, strict=True) for one in draft.settlements]
    )
    numbers = next_numbers(tx, [draft.issued_at for draft in drafts], issuing.series)
    invoices = [
        _finalized(draft, issuing, name, number.text, content)
        for draft, name, number, content in zip(drafts, ids, numbers, hashes, strict=True)
    ]
    rows = [
        invoice_row(made, number, seqs[made.draft.customer])
        for made, number in zip(invoices, numbers, strict=True)
    ]
    insert_rows(tx, "invoice", rows)
    insert_rows(tx, "invoice_line", lines)
    add_uses(tx, invoices)
    return invoices


def next_numbers(tx: Tx, issued_at: Sequence[Instant], series: str = INVOICES) -> list[Number]:
    """Take numbers for invoices issued at these instants, in this order; InvalidInput for an unusable format."""
    number_format = NumberFormat(setting(tx, "numbering.format", DEFAULT_FORMAT))
    return take_numbers(tx, series, number_format, issued_at, timezone(tx))


def _finalized(draft: Draft, issuing: Issuing, name: str, number: str, content: str) -> Invoice:
    """The invoice of a draft: its id, its number, and the hash of its content."""
    total_minor = draft.total_minor
    is_settled = total_minor == draft.credit_minor
    return Invoice(
        id=name,
        number=number,
        status=InvoiceStatus.PAID if is_settled else InvoiceStatus.OPEN,
        draft=draft,
        subtotal_minor=draft.subtotal_minor,
        discount_minor=draft.discount_minor,
        tax_minor=draft.tax_minor,
        total_minor=total_minor,
        credit_minor=draft.credit_minor,
        paid_at=draft.issued_at if is_settled else None,
        seller=issuing.seller,
        buyer=issuing.buyers.get(draft.customer, {}),
        tzdata=issuing.tzdata,
        content_hash=content,
    )


def set_status(tx: Tx, invoice_ids: Iterable[str], status: InvoiceStatus) -> None:
    """Write the status of finalized invoices, each of which must exist; not to pay or void them."""
    assert status in {InvoiceStatus.OPEN, InvoiceStatus.PAST_DUE, InvoiceStatus.UNCOLLECTIBLE}, status
    rows = [{"the_id": name} for name in dict.fromkeys(invoice_ids)]
    if not rows:
        return
    statement = _I.update().where(_I.c.id == bindparam("the_id")).values(status=status.value)
    changed = tx.connection.execute(statement, rows).rowcount
    assert changed == len(rows), f"{len(rows)} invoices to make {status}, {changed} are stored"


def mark_past_due(tx: Tx, invoice_ids: Iterable[str]) -> None:
    """Write that invoices were not paid in time. Only open ones may be named; again changes nothing."""
    rows = [{"the_id": name} for name in dict.fromkeys(invoice_ids)]
    if not rows:
        return
    statement = _I.update().where(_I.c.id == bindparam("the_id"), _UNPAID)
    changed = tx.connection.execute(statement.values(status="past_due"), rows).rowcount
    assert changed == len(rows), f"{len(rows)} invoices are past due, {changed} of them are open"


def extend(tx: Tx, dates: Iterable[OpenInvoice]) -> None:
    """Write until when unpaid invoices may be paid now, and whether they are past due; what they say stays.

    Each must be unpaid, and is given whole as it will be.
    """
    rows = [
        {
            "the_id": one.id,
            "new_due": instant(one.due_at),
            "new_grace": maybe_instant(one.grace_ends_at),
            "new_status": (InvoiceStatus.PAST_DUE if one.past_due else InvoiceStatus.OPEN).value,
        }
        for one in dates
    ]
    if not rows:
        return
    statement = _I.update().where(_I.c.id == bindparam("the_id"), _UNPAID)
    moved = statement.values(
        extended_due_at=func.nullif(bindparam("new_due", type_=WHOLE), _I.c.due_at),
        extended_grace_at=func.nullif(bindparam("new_grace", type_=WHOLE), _I.c.grace_ends_at),
        status=bindparam("new_status"),
    )
    will_change(tx, "invoice", [(row["the_id"],) for row in rows])
    changed = tx.connection.execute(moved, rows).rowcount
    assert changed == len(rows), f"{len(rows)} invoices to extend, {changed} of them are unpaid"


def void(tx: Tx, invoice_id: str, at: Instant, reissue: bool = False) -> None:
    """Void a finalized invoice: it keeps its number, nothing of it is owed any more.

    What it settled counts as settled (`void`); with `reissue` it is open again (`reissue`), for an invoice of
    the next revision. The invoice must exist and not be void.
    """
    statement = _I.update().where(_I.c.id == invoice_id, _I.c.status != InvoiceStatus.VOID.value)
    will_change(tx, "invoice", [(invoice_id,)])
    changed = tx.connection.execute(statement.values(status="void", voided_at=instant(at))).rowcount
    assert changed == 1, f"invoice {invoice_id} cannot be voided"
    settlement = table("settlement")
    outcome = "reissue" if reissue else "void"
    tx.connection.execute(
        settlement.update()
        .where(settlement.c.invoice == invoice_id)
        .values(outcome=outcome, is_open=int(reissue))
    )


# Reading


def invoice(tx: Tx, number_or_id: str) -> Invoice:
    """The invoice with that number or id, whole; NotFound where there is none."""
    return _one(tx, number_or_id, checked=True)


def as_stored(tx: Tx, number_or_id: str) -> Invoice:
    """The same as it stands in the store, whether it adds up or not: to be looked into, never to be billed by."""
    return _one(tx, number_or_id, checked=False)


def _one(tx: Tx, number_or_id: str, *, checked: bool) -> Invoice:
    query = _select().where((_I.c.number == number_or_id) | (_I.c.id == number_or_id))
    found = _read(tx, query, checked=checked)
    if not found:
        raise NotFound(
            f"there is no invoice {number_or_id!r}",
            where=f"invoice {number_or_id}",
            hint="planctl invoice list shows them all",
        )
    return found[0]


def get_many(tx: Tx, invoice_ids: Iterable[str]) -> dict[str, Invoice]:
    """Those of the invoices that exist, whole, by id."""
    found: dict[str, Invoice] = {}
    for chunk in chunks(dict.fromkeys(invoice_ids)):
        found |= {made.id: made for made in _read(tx, _select().where(_I.c.id.in_(chunk)))}
    return found


def listing(tx: Tx, wanted: InvoiceFilter | None = None) -> list[Invoice]:
    """The invoices that a filter lets through, whole, in the order of their numbers; `limit` 0: all."""
    wanted = wanted or InvoiceFilter()
    query = _select()
    for column, values in (
        (_C.c.id, wanted.customers),
        (_I.c.subscription, wanted.subscriptions),
        (_I.c.status, [InvoiceStatus(status).value for status in wanted.statuses]),
    ):
        if values:
            query = query.where(column.in_(values))
    if wanted.issued_from is not None:
        query = query.where(_I.c.issued_at >= wanted.issued_from)
    if wanted.issued_before is not None:
        query = query.where(_I.c.issued_at < wanted.issued_before)
    if wanted.after:
        last = _I.alias("last")
        place = select(last.c.series, last.c.series_year, last.c.sequence).where(
            last.c.number == wanted.after
        )
        query = query.where(tuple_(*_ORDER) > place.scalar_subquery())
    return _read(tx, query.limit(wanted.limit) if wanted.limit else query)


def open_invoices(tx: Tx, customer_ids: Iterable[str]) -> dict[str, list[OpenInvoice]]:
    """Every customer's unpaid invoices, in the order they fall due; an empty list where none is."""
    wanted = dict.fromkeys(customer_ids)
    found: list[tuple[str, OpenInvoice]] = []
    for chunk in chunks(wanted):
        query = (
            select(_I, _C.c.id.label("customer_id"))
            .join(_C, _C.c.seq == _I.c.customer)
            .where(_C.c.id.in_(chunk), _UNPAID)
            .order_by(_I.c.customer, func.coalesce(_I.c.extended_due_at, _I.c.due_at), _I.c.id)
        )
        found += [(row.customer_id, open_invoice_of(row)) for row in records(tx, query)]
    by_customer = grouped(found, wanted, lambda pair: pair[0])
    return {customer: [pair[1] for pair in pairs] for customer, pairs in by_customer.items()}


def _select() -> Select[Any]:
    return select(_I, _C.c.id.label("customer_id")).join(_C, _C.c.seq == _I.c.customer).order_by(*_ORDER)


def _read(tx: Tx, query: Select[Any], *, checked: bool = True) -> list[Invoice]:
    found: list[Invoice] = []
    for rows in chunks(tx.connection.execute(query).all()):
        parts = _parts(tx, [row.id for row in rows])
        found += [invoice_of(row, parts[row.id], checked=checked) for row in rows]
    return found


def _parts(tx: Tx, invoice_ids: Sequence[str]) -> dict[str, InvoiceParts]:
    """What other tables hold of at most one chunk of invoices."""
    claim, settlement = table("usage_claim"), table("settlement")
    line_rows = tx.connection.execute(
        select(_L).where(_L.c.invoice.in_(invoice_ids)).order_by(_L.c.invoice, _L.c.position)
    ).all()
    subscriptions = sorted({row.subscription for row in line_rows})
    claim_rows = tx.connection.execute(
        select(claim)
        .where(claim.c.subscription.in_(subscriptions), claim.c.invoice.in_(invoice_ids))
        .order_by(claim.c.starts_at, claim.c.feature, claim.c.occasion)
    ).all()
    settlement_rows = tx.connection.execute(
        select(settlement)
        .where(settlement.c.invoice.in_(invoice_ids))
        .order_by(settlement.c.due_at, settlement.c.part, settlement.c.idx, settlement.c.occasion)
    ).all()
    lines = grouped(line_rows, invoice_ids, lambda row: row.invoice)
    claims = grouped(claim_rows, invoice_ids, lambda row: row.invoice)
    settlements = grouped(settlement_rows, invoice_ids, lambda row: row.invoice)
    return {
        name: InvoiceParts(
            tuple(line_of(row) for row in lines[name]),
            tuple(claim_of(row) for row in claims[name]),
            tuple(settlement_of(row) for row in settlements[name]),
        )
        for name in invoice_ids
    }
