"""How an unpaid invoice looks beside what it is for: what is owed, until when, and what comes then."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from planctl.core.instants import Instant, instant_text
from planctl.core.invoicing.model import Invoice
from planctl.core.money import format_amount, format_minor
from planctl.views.sheet import Json
from planctl.views.words import day_text, maybe


def unpaid_document(invoice: Invoice, at: Instant) -> dict[str, Json]:
    """An unpaid invoice as JSON, in short."""
    draft = invoice.draft
    return {
        "number": invoice.number or None,
        "id": invoice.id,
        "subscription": draft.subscription,
        "status": invoice.status_at(at).value,
        "currency": draft.currency.code,
        "total": format_minor(invoice.total_minor, draft.currency),
        "due": format_minor(invoice.due_minor, draft.currency),
        "due_at": instant_text(invoice.due_at),
        "grace_ends_at": maybe(invoice.grace_ends_at),
    }


def unpaid_line(invoice: Invoice, at: Instant, tz: ZoneInfo) -> str:
    """`INV-2026-00001 · open · 19.00 USD due 2026-01-15 · grace ends 2026-01-18`."""
    draft = invoice.draft
    owed = f"{format_amount(invoice.due_minor, draft.currency)} {draft.currency.code}"
    line = f"{invoice.number} · {invoice.status_at(at)} · {owed} due {day_text(invoice.due_at, tz)}"
    grace = invoice.grace_ends_at
    return line if grace is None or grace == invoice.due_at else f"{line} · grace ends {day_text(grace, tz)}"
