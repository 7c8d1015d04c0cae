"""How an extension looks, to machines and to people. It decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from planctl.core.accounts import Shown
from planctl.core.invoicing.model import Invoice
from planctl.core.periods import Instant
from planctl.core.subscriptions.model import Subscription
from planctl.views.invoice import invoice_document, issued_text
from planctl.views.sheet import Answer, Json
from planctl.views.subscription import subscription_document
from planctl.views.words import maybe

_WHAT = {"trial_ends_at": "its trial ends", "expires_at": "it expires", "ends_at": "it ends"}


def extended_document(
    before: Subscription,
    after: Shown,
    moved: Sequence[tuple[Invoice, Invoice]],
    issued: Sequence[Invoice],
) -> dict[str, Json]:
    """An extension as JSON: the subscription afterwards, the dates that moved, moved invoices, and what it costs."""
    now = after.subscription
    dates: dict[str, Json] = {}
    for name in _WHAT:
        was, is_now = getattr(before, name), getattr(now, name)
        if was != is_now:
            dates[name] = {"before": maybe(was), "after": maybe(is_now)}
    return subscription_document(after) | {
        "extended": dates,
        "status_before": before.status.value,
        "moved_invoices": [_invoice(old, new) for old, new in moved],
        "invoices": [invoice_document(one) for one in issued],
    }


def extended_answer(document: Json) -> Answer:
    """What an extension did, from its document."""
    one = _object(document)
    name = f"{one['customer']}/{one['plan']}"
    dates = _object(one["extended"])
    shown = [what for what in dates if what != "ends_at" or "expires_at" not in dates]
    lines = [f"{name}: {_WHAT[what]} {_moved(dates[what])}" for what in shown]
    if "expires_at" in dates and "ends_at" not in dates and one["ends_at"]:
        lines.append(f"{name} still ends {one['ends_at']} ({one['end_reason']})")
    for invoice in _objects(one["moved_invoices"]):
        due, grace = _object(invoice["due_at"]), _object(invoice["grace_ends_at"])
        lines.append(f"invoice {invoice['number']}: due {_moved(due)}")
        if grace["after"]:
            lines.append(f"invoice {invoice['number']}: grace ends {_moved(grace)}")
    if one["status"] != one["status_before"]:
        lines.append(f"{name} was {one['status_before']}, is {one['status']}")
    lines += [issued_text(invoice) for invoice in _objects(one["invoices"])]
    return Answer(document, tuple(lines))


def extension_note(document: Json) -> str:
    """What there is to say about taking an extension back."""
    one = _object(document)
    ends = (
        ""
        if not _object(one["extended"])
        else f"; planctl subscription cancel {one['customer']}/{one['plan']}"
    )
    return "no command moves a date back" + (f"{ends} ends it sooner" if ends else "")


def _invoice(old: Invoice, new: Invoice) -> dict[str, Json]:
    return {
        "number": new.number,
        "id": new.id,
        "due_at": _pair(old.due_at, new.due_at),
        "grace_ends_at": _pair(old.grace_ends_at, new.grace_ends_at),
    }


def _pair(before: Instant | None, after: Instant | None) -> dict[str, Json]:
    return {"before": maybe(before), "after": maybe(after)}


def _moved(pair: Json) -> str:
    found = _object(pair)
    if found["before"] == found["after"]:
        return f"{found['after']}, as before"
    return f"{found['after']} (was {found['before']})"


def _object(value: Json) -> Mapping[str, Json]:
    assert isinstance(value, Mapping)
    return value


def _objects(value: Json) -> list[Mapping[str, Json]]:
    assert isinstance(value, Sequence)
    return [_object(one) for one in value]
