"""Invoices, lines and payments as rows and as core values, asserted both ways. It sends no statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from planctl.core.document import canonical, document_of, quoted
from planctl.core.invoicing.model import (
    Draft,
    Invoice,
    InvoiceKind,
    InvoiceStatus,
    Line,
    LineKind,
    OpenInvoice,
    Payment,
    Settlement,
    UsageClaim,
)
from planctl.store.mapping import (
    count,
    currency_of,
    exact_of,
    exact_text,
    instant,
    maybe_instant,
    minor,
    named,
    said,
    text_hash,
    texts,
    texts_of,
)
from planctl.store.sets import Values
from planctl.store.tax_mapping import (
    discounts_of,
    discounts_text,
    shares_of,
    shares_text,
    taxes_of,
    taxes_text,
)
from planctl.values import dataclass

_LINE_KINDS = frozenset(get_args(LineKind))
_INVOICE_KINDS = frozenset(get_args(InvoiceKind))
_PAYMENT_STATUSES = {"succeeded", "refunded"}


@dataclass(frozen=True, slots=True)
class Number:
    """An invoice's number and its place in its series; `year` is 0 where the format shows none."""

    text: str
    series: str
    year: int
    sequence: int


def content_text(draft: Draft, details: Sequence[str] = ()) -> str:
    """What an invoice says, without when it was issued, paid or numbered: the same whenever the run comes.

    Canonical JSON (`core.document.canonical`), whose hash is kept with the invoice. The terms are named by plan and
    version and by catalog revision. Discounts and taxes are in it where there are some. `details` are the canonical
    texts of its lines' details, for whoever has them: they are its largest part.
    """
    details = details or [canonical(line.detail) for line in draft.lines]
    lines = ",".join(_line_text(line, detail) for line, detail in zip(draft.lines, details, strict=True))
    discounts = f'"discounts":{discounts_text(draft.discounts)},' if draft.discounts else ""
    taxes = f'"taxes":{taxes_text(draft.taxes)},' if draft.taxes else ""
    return (
        f'{{"at":"{draft.at}","catalog_revision":"{draft.catalog_revision}",'
        f'"currency":{quoted(draft.currency.code)},"customer":{quoted(draft.customer)},'
        f'"decimals":"{draft.currency.decimals}",{discounts}"ends_at":{_maybe(draft.ends_at)},'
        f'"format":"planctl.invoice-content/1","kind":"{draft.kind}","lines":[{lines}],'
        f'"occasion":{quoted(draft.occasion)},"period":"{draft.period_index}","revision":"{draft.revision}",'
        f'"starts_at":"{draft.starts_at}","subscription":{quoted(draft.subscription)},'
        f'"subtotal_minor":"{draft.subtotal_minor}",{taxes}"timezone":{quoted(draft.timezone)},'
        f'"total_minor":"{draft.total_minor}"}}'
    )


def content_hash(draft: Draft, details: Sequence[str] = ()) -> str:
    """The SHA-256 of the canonical content of an invoice; `details` as in `content_text`."""
    return text_hash(content_text(draft, details))


def _line_text(line: Line, detail: str) -> str:
    discount = f'"discount_minor":"{line.discount_minor}",' if line.discount_minor else ""
    taxes = f'"taxes":{shares_text(line.taxes)},' if line.taxes else ""
    return (
        f'{{"amount_minor":"{line.amount_minor}","charge_key":{quoted(line.charge_key)},'
        f'"description":{quoted(line.description)},"detail":{detail},{discount}'
        f'"ends_at":{_maybe(line.ends_at)},"feature":{quoted(line.feature)},"kind":"{line.kind}",'
        f'"occasion":{quoted(line.occasion)},"plan":{quoted(line.plan)},"plan_version":"{line.plan_version}",'
        f'"quantity":"{exact_text(line.quantity)}","service_index":"{line.service_index}",'
        f'"starts_at":"{line.starts_at}","subscription":{quoted(line.subscription)},{taxes}'
        f'"unit_price":{_maybe(None if line.unit_price is None else exact_text(line.unit_price))}}}'
    )


def _maybe(value: int | str | None) -> str:
    """A number, which needs no escapes, as JSON text."""
    return "null" if value is None else f'"{value}"'


def invoice_row(value: Invoice, number: Number, customer: int) -> Values:
    """The row of a finalized invoice; `customer` is the customer's small number. Lines have rows."""
    check_invoice(value)
    assert value.number == number.text, f"{value.id}: {value.number!r} is not {number.text!r}"
    draft = value.draft
    return {
        "id": named(value.id),
        "number": named(number.text),
        "series": named(number.series),
        "series_year": count(number.year),
        "sequence": count(number.sequence),
        "customer": count(customer),
        "subscription": named(draft.subscription),
        "period_idx": count(draft.period_index),
        "kind": draft.kind,
        "occasion": said(draft.occasion),
        "revision": count(draft.revision),
        "status": value.status.value,
        "currency": named(draft.currency.code),
        "decimals": count(draft.currency.decimals),
        "bills_at": instant(draft.at),
        "issued_at": instant(draft.issued_at),
        "starts_at": instant(draft.starts_at),
        "ends_at": maybe_instant(draft.ends_at),
        "due_at": instant(draft.due_at),
        "grace_ends_at": maybe_instant(draft.grace_ends_at),
        "subtotal": minor(value.subtotal_minor),
        "discount": minor(value.discount_minor),
        "tax": minor(value.tax_minor),
        "total": minor(value.total_minor),
        "credit": minor(value.credit_minor),
        "paid": minor(value.paid_minor),
        "paid_at": maybe_instant(value.paid_at),
        "voided_at": maybe_instant(value.voided_at),
        "seller": texts(value.seller),
        "buyer": texts(value.buyer),
        "taxes": taxes_text(draft.taxes),
        "timezone": named(draft.timezone),
        "tzdata": said(value.tzdata),
        "catalog_revision": count(draft.catalog_revision),
        "content_hash": named(value.content_hash),
        "written_off_at": maybe_instant(value.written_off_at),
        "extended_due_at": maybe_instant(value.extended_due_at),
        "extended_grace_at": maybe_instant(value.extended_grace_at),
        "discounts": discounts_text(draft.discounts),
    }


@dataclass(frozen=True, slots=True)
class InvoiceParts:
    """What other tables hold of one invoice."""

    lines: tuple[Line, ...] = ()
    claims: tuple[UsageClaim, ...] = ()
    settlements: tuple[Settlement, ...] = ()


def invoice_of(row: Any, parts: InvoiceParts, *, checked: bool = True) -> Invoice:
    """The invoice of a row that also carries the customer's id as `customer_id`.

    What cannot be raises, unless it is asked for unchecked, to be shown as it stands.
    """
    assert row.kind in _INVOICE_KINDS, f"{row.id}: {row.kind!r}"
    draft = Draft(
        customer=row.customer_id,
        subscription=row.subscription,
        period_index=count(row.period_idx),
        kind=row.kind,
        currency=currency_of(row.currency, row.decimals),
        at=instant(row.bills_at),
        starts_at=instant(row.starts_at),
        ends_at=maybe_instant(row.ends_at),
        due_at=instant(row.due_at),
        grace_ends_at=maybe_instant(row.grace_ends_at),
        issued_at=instant(row.issued_at),
        lines=parts.lines,
        claims=parts.claims,
        settlements=parts.settlements,
        occasion=row.occasion,
        revision=count(row.revision),
        timezone=row.timezone,
        catalog_revision=count(row.catalog_revision),
        discounts=discounts_of(row.discounts),
        taxes=taxes_of(row.taxes),
        credit_minor=minor(row.credit),
    )
    value = Invoice(
        id=row.id,
        number=row.number,
        status=InvoiceStatus(row.status),
        draft=draft,
        subtotal_minor=minor(row.subtotal),
        discount_minor=minor(row.discount),
        tax_minor=minor(row.tax),
        total_minor=minor(row.total),
        credit_minor=minor(row.credit),
        paid_minor=minor(row.paid),
        paid_at=maybe_instant(row.paid_at),
        voided_at=maybe_instant(row.voided_at),
        written_off_at=maybe_instant(row.written_off_at),
        extended_due_at=maybe_instant(row.extended_due_at),
        extended_grace_at=maybe_instant(row.extended_grace_at),
        seller=texts_of(row.seller),
        buyer=texts_of(row.buyer),
        tzdata=row.tzdata,
        content_hash=row.content_hash,
    )
    if checked:
        check_invoice(value)
    return value


def check_invoice(value: Invoice) -> None:
    """The laws of one invoice, before it is written and after it is read."""
    name, draft = value.number or value.id, value.draft
    assert draft.kind in _INVOICE_KINDS, f"{name}: {draft.kind!r}"
    assert value.status is not InvoiceStatus.DRAFT, f"{name}: a draft is not stored"
    assert draft.lines, f"{name} has no lines"
    assert value.subtotal_minor == draft.subtotal_minor, f"{name}: the lines do not sum to the subtotal"
    total = value.subtotal_minor - value.discount_minor + value.tax_minor
    assert value.total_minor == total >= 0, f"{name}: a total of {value.total_minor}, not {total}"
    given = sum(line.discount_minor for line in draft.lines)
    assert value.discount_minor == draft.discount_minor == given, f"{name}: the discounts do not sum"
    taxed = sum(line.tax_minor for line in draft.lines)
    assert value.tax_minor == draft.tax_minor == taxed, f"{name}: the lines' taxes do not sum to the tax"
    assert 0 <= value.credit_minor + value.paid_minor <= value.total_minor, f"{name}: more paid than owed"
    settled = value.status is InvoiceStatus.PAID
    assert not settled or value.due_minor == 0, f"{name} is paid and {value.due_minor} is due"
    assert not settled or value.paid_at is not None, f"{name} is paid at no time"
    assert (value.status is InvoiceStatus.VOID) == (value.voided_at is not None), f"{name}: void or not"
    assert value.due_at >= draft.due_at, f"{name}: a due date is only moved on"
    grace, extended = draft.grace_ends_at, value.extended_grace_at
    assert extended is None or (grace is not None and extended >= grace), f"{name}: no grace to move on"


def line_row(invoice: str, position: int, line: Line, revision: int, detail: str = "") -> Values:
    """The row of a line; `position` counts from 1, `revision` is its invoice's.

    `detail` is the canonical text of its detail, for whoever has it already.
    """
    assert line.kind in _LINE_KINDS, f"{invoice}: {line.kind!r}"
    assert position >= 1, f"{invoice}: line {position}"
    return {
        "invoice": named(invoice),
        "position": count(position),
        "subscription": named(line.subscription),
        "charge_key": named(line.charge_key),
        "service_idx": count(line.service_index),
        "occasion": said(line.occasion),
        "revision": count(revision),
        "kind": line.kind,
        "plan": named(line.plan),
        "plan_version": count(line.plan_version),
        "feature": said(line.feature),
        "description": said(line.description),
        "quantity": exact_text(line.quantity),
        "unit_price": "" if line.unit_price is None else exact_text(line.unit_price),
        "amount": minor(line.amount_minor),
        "starts_at": instant(line.starts_at),
        "ends_at": maybe_instant(line.ends_at),
        "detail": detail or canonical(line.detail),
        "discount": minor(line.discount_minor),
        "taxes": shares_text(line.taxes),
    }


def line_of(row: Any) -> Line:
    """The line of a row."""
    assert row.kind in _LINE_KINDS, f"{row.invoice}: {row.kind!r}"
    return Line(
        kind=row.kind,
        subscription=row.subscription,
        plan=row.plan,
        plan_version=count(row.plan_version),
        charge_key=row.charge_key,
        service_index=count(row.service_idx),
        description=row.description,
        quantity=exact_of(row.quantity),
        unit_price=exact_of(row.unit_price) if row.unit_price else None,
        amount_minor=minor(row.amount),
        starts_at=instant(row.starts_at),
        ends_at=maybe_instant(row.ends_at),
        occasion=row.occasion,
        feature=row.feature,
        detail=document_of(row.detail),
        discount_minor=minor(row.discount),
        taxes=shares_of(row.taxes),
    )


def open_invoice_of(row: Any) -> OpenInvoice:
    """What dunning needs of an unpaid invoice's row, with its dates as they were extended; no void or paid ones."""
    status = InvoiceStatus(row.status)
    assert status in {InvoiceStatus.OPEN, InvoiceStatus.PAST_DUE}, f"{row.id} is {status}"
    return OpenInvoice(
        id=row.id,
        subscription=row.subscription,
        due_at=instant(row.due_at if row.extended_due_at is None else row.extended_due_at),
        grace_ends_at=maybe_instant(
            row.grace_ends_at if row.extended_grace_at is None else row.extended_grace_at
        ),
        due_minor=minor(row.total - row.credit - row.paid),
        past_due=status is InvoiceStatus.PAST_DUE,
        dunned=row.kind != "pack",
    )


def payment_row(value: Payment, customer: int, recorded_at: int) -> Values:
    """The row of a payment; `customer` is the customer's small number."""
    assert value.status in _PAYMENT_STATUSES, f"{value.id} is {value.status!r}"
    assert value.amount_minor > 0, f"{value.id} is of {value.amount_minor}"
    return {
        "id": named(value.id),
        "customer": count(customer),
        "invoice": named(value.invoice),
        "amount": minor(value.amount_minor),
        "currency": named(value.currency.code),
        "decimals": count(value.currency.decimals),
        "at": instant(value.at),
        "method": said(value.method),
        "reference": said(value.reference),
        "status": value.status,
        "recorded_at": instant(recorded_at),
        "to_balance": count(value.to_balance_minor),
    }


def payment_of(row: Any) -> Payment:
    """The payment of a row that also carries the customer's id as `customer_id`."""
    assert row.status in _PAYMENT_STATUSES, f"{row.id} is {row.status!r}"
    assert row.amount > 0, f"{row.id} is of {row.amount}"
    return Payment(
        id=row.id,
        customer=row.customer_id,
        invoice=row.invoice,
        amount_minor=minor(row.amount),
        currency=currency_of(row.currency, row.decimals),
        at=instant(row.at),
        method=row.method,
        reference=row.reference,
        status=row.status,
        to_balance_minor=count(row.to_balance),
    )


def same_payment(one: Payment, other: Payment) -> Mapping[str, tuple[object, object]]:
    """The fields in which two payments of one id differ, with both values; empty where they are the same."""
    fields = ("customer", "invoice", "amount_minor", "currency", "at", "method", "reference", "status")
    return {
        name: (getattr(one, name), getattr(other, name))
        for name in fields
        if getattr(one, name) != getattr(other, name)
    }
