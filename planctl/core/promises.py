"""What a person was shown before saying yes is what is done: both are compared, nothing is decided or written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from planctl.core.invoicing.model import CreditDraft, Draft, Invoice
from planctl.core.invoicing.quantities import QuantityChange
from planctl.core.money import format_minor
from planctl.core.periods import Instant, local_date, zone
from planctl.core.subscriptions.model import Subscription
from planctl.errors import Conflict

Promise = Mapping[str, str]
"""What a yes stands for, by name: `plan version` → `1`. Two proposals are the same where these are."""


def start_promise(one: Subscription, drafts: Sequence[Draft], replaced: Sequence[Subscription]) -> Promise:
    """What starting is confirmed for: version, terms, row, currency, first day, requests, what it replaces."""
    return {
        "plan": one.plan,
        "plan version": str(one.plan_version),
        "price row": one.pay,
        "currency": one.currency.code,
        "first day": _day(one.started_at, one.timezone),
        "first request": _requests(drafts),
        "replaced subscriptions": ", ".join(old.id for old in replaced),
        "terms": one.terms_hash[:12],
    }


def cancel_promise(
    one: Subscription, drafts: Sequence[Draft], credits: Sequence[CreditDraft] = ()
) -> Promise:
    """What canceling is confirmed for: which subscription, its end, the final requests and what goes back."""
    return {
        "subscription": one.id,
        "end": _day(one.ends_at, one.timezone),
        "final request": _requests(drafts),
        "credit": _credited(one, credits),
    }


def pause_promise(
    one: Subscription, addons: Sequence[Subscription], credits: Sequence[CreditDraft]
) -> Promise:
    """What pausing is confirmed for: which subscription, with which add-ons, and what is credited."""
    return {
        "subscription": one.id,
        "add-ons": ", ".join(addon.id for addon in addons),
        "credit": _credited(one, credits),
    }


def quantity_promise(
    change: QuantityChange, drafts: Sequence[Draft], credits: Sequence[CreditDraft]
) -> Promise:
    """What changing a quantity is confirmed for: which, from how many to how many, from when, and what it costs."""
    one = change.subscription
    step = change.step
    return {
        "subscription": one.id,
        "quantity": f"{change.feature} {change.before} to {change.after}".strip(),
        "from": "" if step is None else _day(step.at, one.timezone),
        "charge": _requests(drafts),
        "credit": _credited(one, credits),
        "scheduled change": ", ".join(str(gone.total) for gone in change.removed),
    }


def void_promise(invoice: Invoice) -> Promise:
    """What voiding is confirmed for: which invoice, its total and what is paid of it."""
    currency = invoice.draft.currency
    return {
        "invoice": invoice.number,
        "total": f"{format_minor(invoice.total_minor, currency)} {currency.code}",
        "paid": f"{format_minor(invoice.paid_minor + invoice.credit_minor, currency)} {currency.code}",
    }


def check_kept(shown: Promise | None, found: Promise, where: str) -> None:
    """Conflict naming what moved since it was shown; nothing was shown to anybody where `shown` is None."""
    moved = [] if shown is None else [name for name in shown if shown[name] != found[name]]
    if shown is None or not moved:
        return
    raise Conflict(
        f"{', '.join(moved)} moved between the question and the answer",
        code="proposal-moved",
        where=where,
        expected="; ".join(f"{name} {shown[name] or 'none'}" for name in moved),
        got="; ".join(f"{name} {found[name] or 'none'}" for name in moved),
        hint="run the command again and look at what it shows",
    )


def _credited(one: Subscription, credits: Sequence[CreditDraft]) -> str:
    credit = sum(note.total_minor for note in credits)
    return f"{format_minor(credit, one.currency)} {one.currency.code}"


def _requests(drafts: Sequence[Draft]) -> str:
    return ", ".join(
        f"{format_minor(one.total_minor, one.currency)} {one.currency.code}"
        f" due {_day(one.due_at, one.timezone)}"
        for one in drafts
    )


def _day(instant: Instant | None, timezone: str) -> str:
    return "" if instant is None else local_date(instant, zone(timezone)).isoformat()
