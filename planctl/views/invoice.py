"""How an invoice, a preview and a run look, to machines and to people. Amounts are shown, never computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from planctl.core.currencies import Currency
from planctl.core.instants import zone
from planctl.core.invoicing.model import Draft, Invoice, InvoiceStatus, Line
from planctl.core.money import format_amount, format_minor
from planctl.views.sheet import Answer, Column, Json, Sheet
from planctl.views.words import day_text, exact_decimal, maybe

COLUMNS = (
    Column("number"),
    Column("customer"),
    Column("status"),
    Column("issued_at", "instant", "issued"),
    Column("due_at", "instant", "due"),
    Column("currency"),
    Column("total", "amount"),
    Column("due", "amount", "open"),
)
LINE_COLUMNS = (
    Column("description"),
    Column("period"),
    Column("quantity", "quantity"),
    Column("unit_price", "amount", "unit price"),
    Column("amount", "amount"),
)


def price_text(price: Fraction, currency: Currency) -> str:
    """A unit price as a decimal string, with the currency's decimals at least (`19.00`, `0.0004`)."""
    text = exact_decimal(price)
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.ljust(currency.decimals, '0')}" if currency.decimals or decimals else whole


def invoice_document(invoice: Invoice) -> dict[str, Json]:
    """The invoice as JSON; `number` and `id` are null in a preview."""
    draft, currency = invoice.draft, invoice.draft.currency

    def money(minor: int) -> str:
        return format_minor(minor, currency)

    return {
        "number": invoice.number or None,
        "id": invoice.id or None,
        "customer": draft.customer,
        "subscription": draft.subscription,
        "status": invoice.status.value,
        "currency": currency.code,
        "issued_at": maybe(draft.issued_at),
        "due_at": maybe(draft.due_at),
        "grace_ends_at": maybe(draft.grace_ends_at),
        "period": period_document(draft.starts_at, draft.ends_at),
        "lines": [line_document(line, currency) for line in draft.lines],
        "subtotal": money(invoice.subtotal_minor),
        "discount": money(invoice.discount_minor),
        "tax": money(invoice.tax_minor),
        "taxes": [],
        "total": money(invoice.total_minor),
        "credit_applied": money(invoice.credit_minor),
        "paid": money(invoice.paid_minor),
        "due": money(invoice.due_minor),
        "paid_at": maybe(invoice.paid_at),
        "voided_at": maybe(invoice.voided_at),
        "kind": draft.kind,
        "seller": dict(invoice.seller),
        "buyer": dict(invoice.buyer),
        "timezone": draft.timezone,
        "catalog_revision": draft.catalog_revision,
    }


def period_document(starts_at: int, ends_at: int | None) -> dict[str, Json]:
    """A period as JSON; an open end is null."""
    return {"starts_at": maybe(starts_at), "ends_at": maybe(ends_at)}


def line_document(line: Line, currency: Currency) -> dict[str, Json]:
    """One line as JSON."""
    return {
        "kind": line.kind,
        "subscription": line.subscription,
        "plan": line.plan,
        "plan_version": line.plan_version,
        "feature": line.feature or None,
        "description": line.description,
        "quantity": exact_decimal(line.quantity),
        "unit_price": None if line.unit_price is None else price_text(line.unit_price, currency),
        "amount": format_minor(line.amount_minor, currency),
        "period": period_document(line.starts_at, line.ends_at),
    }


def preview_of(draft: Draft) -> Invoice:
    """A draft as the invoice it will be, without number and id."""
    total = draft.total_minor
    return Invoice("", "", InvoiceStatus.DRAFT, draft, draft.subtotal_minor, 0, 0, total)


def invoices_answer(invoices: Sequence[Invoice], timezone: str) -> Answer:
    """A list of invoices, oldest first."""
    rows = tuple(
        (
            one.number or None,
            one.draft.customer,
            one.status.value,
            one.draft.issued_at,
            one.draft.due_at,
            one.draft.currency.code,
            format_minor(one.total_minor, one.draft.currency),
            format_minor(one.due_minor, one.draft.currency),
        )
        for one in invoices
    )
    return Answer(
        [invoice_document(one) for one in invoices], (), Sheet(COLUMNS, rows, timezone), "no invoices"
    )


def invoice_answer(invoice: Invoice) -> Answer:
    """One invoice, whole."""
    return Answer(invoice_document(invoice), tuple(_head(invoice)), _lines(invoice))


def previews_answer(invoices: Sequence[Invoice], sentences: Sequence[str]) -> Answer:
    """What a run would issue now; a single one is shown whole."""
    documents = [invoice_document(one) for one in invoices]
    lines: list[str] = list(sentences)
    for one in invoices:
        lines += ["", *_head(one), *_plain_lines(one)]
    return Answer(documents, tuple(lines))


def _head(invoice: Invoice) -> list[str]:
    draft, currency = invoice.draft, invoice.draft.currency
    tz = zone(draft.timezone)
    issued, due, grace = (day_text(at, tz) for at in (draft.issued_at, draft.due_at, draft.grace_ends_at))

    def money(minor: int) -> str:
        return f"{format_amount(minor, currency)} {currency.code}"

    buyer = invoice.buyer.get("name") or draft.customer
    title = f"Invoice {invoice.number}" if invoice.number else "Preview (no number yet)"
    head = [
        f"{title} · {buyer} · {invoice.status.value}",
        f"issued {issued} · due {due} · grace ends {grace} ({draft.timezone})",
    ]
    if invoice.seller.get("name"):
        head.insert(1, f"from {invoice.seller['name']}")
    if invoice.discount_minor or invoice.tax_minor:
        head.append(
            f"subtotal {money(invoice.subtotal_minor)} · discount {money(invoice.discount_minor)}"
            f" · tax {money(invoice.tax_minor)}"
        )
    paid = invoice.paid_minor + invoice.credit_minor
    head.append(f"total {money(invoice.total_minor)} · paid {money(paid)} · open {money(invoice.due_minor)}")
    return head


def _row(line: Line, currency: Currency, timezone: str) -> tuple[str, str, str, str | None, str]:
    tz = zone(timezone)
    return (
        line.description,
        f"{day_text(line.starts_at, tz)} to {day_text(line.ends_at, tz, 'open')}",
        exact_decimal(line.quantity),
        None if line.unit_price is None else price_text(line.unit_price, currency),
        format_minor(line.amount_minor, currency),
    )


def _lines(invoice: Invoice) -> Sheet:
    draft = invoice.draft
    rows = tuple(_row(line, draft.currency, draft.timezone) for line in draft.lines)
    return Sheet(LINE_COLUMNS, rows, draft.timezone)


def _plain_lines(invoice: Invoice) -> list[str]:
    draft = invoice.draft
    return [
        f"  {row[4]:>12} {draft.currency.code}  {row[0]} · {row[1]} · {row[2]}"
        for row in (_row(line, draft.currency, draft.timezone) for line in draft.lines)
    ]


def totals_document(totals: Mapping[Currency, int]) -> dict[str, str]:
    """Totals per currency code as decimal strings, by code."""
    return {
        currency.code: format_minor(minor, currency)
        for currency, minor in sorted(totals.items(), key=lambda pair: pair[0].code)
    }
