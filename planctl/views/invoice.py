"""How an invoice, a preview and a run look, to machines and to people. Amounts are shown, never computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from zoneinfo import ZoneInfo

from planctl.core.catalog.documents import percent_text
from planctl.core.currencies import Currency
from planctl.core.instants import Instant, zone
from planctl.core.invoicing.model import Draft, Invoice, InvoiceStatus, Line, Tax
from planctl.core.invoicing.usage_story import by_customer_of, number_in
from planctl.core.money import decimal_text, format_amount, format_minor
from planctl.views.company import by_customer_document, by_customer_text
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

TAX_NOTES = {
    "reverse": "Reverse charge: the recipient owes the tax",
    "exempt": "Exempt from tax",
}
"""What an invoice says where no tax is charged, by what it remembers of its customer.

Source: Council Directive 2006/112/EC, article 226, points 11 and 11a.
"""


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
        "due_at": maybe(invoice.due_at),
        "grace_ends_at": maybe(invoice.grace_ends_at),
        "extended_from": maybe(draft.due_at if invoice.due_at != draft.due_at else None),
        "period": period_document(draft.starts_at, draft.ends_at),
        "lines": [line_document(line, currency) for line in draft.lines],
        "discounts": [{"coupon": one.coupon, "amount": money(one.amount_minor)} for one in draft.discounts],
        "subtotal": money(invoice.subtotal_minor),
        "discount": money(invoice.discount_minor),
        "tax": money(invoice.tax_minor),
        "taxes": [tax_document(one, currency) for one in draft.taxes],
        "tax_note": TAX_NOTES.get(invoice.buyer.get("tax", "")),
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
        "discount": format_minor(line.discount_minor, currency),
        "taxes": [
            {
                "code": share.code,
                "rate": decimal_text(share.rate),
                "amount": format_minor(share.amount_minor, currency),
                "included": share.included,
            }
            for share in line.taxes
        ],
        "period": period_document(line.starts_at, line.ends_at),
        "by_customer": by_customer_document(by_customer_of(line)),
    }


def tax_document(tax: Tax, currency: Currency) -> dict[str, Json]:
    """One tax as JSON: the rate as a fraction of 1, the base without the tax, also where it is included."""
    return {
        "code": tax.code,
        "name": tax.name,
        "rate": decimal_text(tax.rate),
        "base": format_minor(tax.base_minor, currency),
        "amount": format_minor(tax.amount_minor, currency),
        "included": tax.included,
    }


def preview_of(draft: Draft, buyer: Mapping[str, str] | None = None) -> Invoice:
    """A draft as the invoice it will be, without number and id; `buyer` is what it will remember of its customer."""
    return Invoice(
        "",
        "",
        InvoiceStatus.DRAFT,
        draft,
        draft.subtotal_minor,
        draft.discount_minor,
        draft.tax_minor,
        draft.total_minor,
        draft.credit_minor,
        buyer=buyer or {},
    )


def invoices_answer(invoices: Sequence[Invoice], timezone: str) -> Answer:
    """A list of invoices, oldest first."""
    rows = tuple(
        (
            one.number or None,
            one.draft.customer,
            one.status.value,
            one.draft.issued_at,
            one.due_at,
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


def request_text(draft: Draft) -> str:
    """What a draft asks for, `19.00 USD, due 2026-02-08`, and what of it the balance pays."""
    total, code = format_amount(draft.total_minor, draft.currency), draft.currency.code
    due = f"due {day_text(draft.due_at, zone(draft.timezone))}"
    if not draft.credit_minor:
        return f"{total} {code}, {due}"
    if draft.credit_minor == draft.total_minor:
        return f"{total} {code}, paid by the balance"
    return f"{total} {code}, of which the balance pays {format_amount(draft.credit_minor, draft.currency)}, {due}"


def issued_text(invoice: Json) -> str:
    """The sentence about an invoice that a command issued, from its document."""
    assert isinstance(invoice, Mapping)
    words = f"invoice {invoice['number']}: {invoice['total']} {invoice['currency']}"
    credited = str(invoice["credit_applied"])
    if not credited.strip("0."):
        return f"{words}, due {invoice['due_at']}"
    if invoice["credit_applied"] == invoice["total"]:
        return f"{words}, paid by the balance"
    return f"{words}, of which the balance paid {credited}, due {invoice['due_at']}"


def _moved(first: Instant | None, now: Instant, tz: ZoneInfo) -> str:
    """A day, and where it was extended the one that it was first."""
    before = "" if first is None or first == now else f" (was {day_text(first, tz)})"
    return f"{day_text(now, tz)}{before}"


def _head(invoice: Invoice) -> list[str]:
    draft, currency = invoice.draft, invoice.draft.currency
    tz = zone(draft.timezone)
    issued, due = day_text(draft.issued_at, tz), _moved(draft.due_at, invoice.due_at, tz)
    grace_at = invoice.grace_ends_at
    grace = "" if grace_at is None else f" · grace ends {_moved(draft.grace_ends_at, grace_at, tz)}"

    def money(minor: int) -> str:
        return f"{format_amount(minor, currency)} {currency.code}"

    buyer = invoice.buyer.get("name") or draft.customer
    title = f"Invoice {invoice.number}" if invoice.number else "Preview (no number yet)"
    head = [
        f"{title} · {buyer} · {invoice.status.value}",
        f"issued {issued} · due {due}{grace} ({draft.timezone})",
    ]
    if invoice.seller.get("name"):
        head.insert(1, f"from {invoice.seller['name']}")
    if invoice.discount_minor or draft.taxes:
        head.append(
            f"subtotal {money(invoice.subtotal_minor)} · discount {money(invoice.discount_minor)}"
            f" · tax {money(invoice.tax_minor)}"
        )
    head += [f"coupon {one.coupon}: {money(-one.amount_minor)}" for one in draft.discounts]
    head += [
        f"{tax.name} {percent_text(tax.rate)} on {money(tax.base_minor)}: {money(tax.amount_minor)}"
        f"{' (contained in the prices)' if tax.included else ''}"
        for tax in draft.taxes
    ]
    note = TAX_NOTES.get(invoice.buyer.get("tax", ""))
    if note:
        head.append(note)
    paid = invoice.paid_minor + invoice.credit_minor
    head.append(f"total {money(invoice.total_minor)} · paid {money(paid)} · open {money(invoice.due_minor)}")
    return head


def _row(line: Line, currency: Currency, timezone: str) -> tuple[str, str, str, str | None, str]:
    tz = zone(timezone)
    by_customer = by_customer_of(line)
    adds_up = sum(by_customer.values()) == number_in(line.detail, "own")
    used = by_customer_text(by_customer, adds_up=adds_up)
    return (
        f"{line.description} · {used}" if used else line.description,
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
