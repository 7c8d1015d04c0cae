"""How one subscription looks, whole: where it stands and why, what comes next, what it has used. It decides nothing."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from planctl.core.accounts import Shown
from planctl.core.catalog.faces import badges
from planctl.core.instants import Instant, instant_text, zone
from planctl.core.invoicing.quantities import scheduled_steps
from planctl.core.money import decimal_text, format_amount
from planctl.core.subscriptions.dues import block_at
from planctl.core.subscriptions.model import ENDED, Status, Subscription
from planctl.core.upcoming import fee_minor
from planctl.views.apart import apart_document, apart_lines
from planctl.views.pools import pool_document, section_lines
from planctl.views.sheet import Answer, Json
from planctl.views.subscription import (
    as_plan,
    paid_text,
    period_end,
    renews,
    subscription_document,
    totals_at,
)
from planctl.views.unpaid import unpaid_document, unpaid_line
from planctl.views.words import day_text

MOST_DIFFERENCES = 5
"""Lines about how its terms differ from the newest ones; `plan holders` tells all."""


def standing_document(shown: Shown) -> dict[str, Json]:
    """A subscription as JSON with its unpaid invoices and what it has used in the allowance periods that run."""
    one = shown.subscription
    return subscription_document(shown) | {
        "requests": [unpaid_document(invoice, shown.as_of) for invoice in shown.requests],
        "usage": [
            pool_document(feature, one.terms.features[feature].feature.unit, state)
            for feature, state in shown.pools.items()
        ],
    }


def subscription_answer(shown: Shown) -> Answer:
    """One subscription, whole."""
    asked = shown.asked
    requested: Json = None
    if asked is not None:
        requested = {"plan": asked.wish.plan, "requested_at": instant_text(asked.requested_at)}
    more = {"requested_change": requested, **apart_document(shown.apart)}
    return Answer(standing_document(shown) | more, tuple(_page(shown)))


def _page(shown: Shown) -> Iterator[str]:
    one = shown.subscription
    tz = zone(one.timezone)
    yield f"{one.id} · {one.customer}/{one.plan} v{one.plan_version} · {one.status.value}"
    reason = reason_text(shown, tz)
    if reason:
        yield f"{one.status.value.replace('_', ' ')} {reason}"
    verb = "starts" if one.status is Status.PENDING else "started"
    yield f"{verb} {day_text(one.started_at, tz)} · {paid_text(one)} · {one.timezone}"
    yield from (f"  {badge}" for badge in badges(as_plan(one), one.currency, {}, one.pay))
    yield from _dates(shown, tz)
    yield from _quantity_lines(shown, tz)
    yield from _terms_lines(shown)
    yield from (unpaid_line(invoice, shown.as_of, tz) for invoice in shown.requests)
    if shown.pools:
        yield ""
        yield from section_lines(shown.pools, tz, one.ends_at)


# --- where it stands


def reason_text(shown: Shown, tz: ZoneInfo) -> str:
    """Since when it stands as it does and why, or until when; empty for an active one."""
    one = shown.subscription
    if one.status is Status.PENDING:
        return f"until {day_text(one.started_at, tz)}"
    if one.status is Status.TRIALING:
        return f"until {day_text(one.trial_ends_at, tz)}"
    if one.status is Status.PAST_DUE:
        return _past_due(shown, tz)
    if one.status in {Status.BLOCKED, Status.PAUSED}:
        return _stopped(shown, tz)
    if one.ends_at is not None and one.status in {Status.CANCELED, Status.EXPIRED}:
        return f"on {day_text(one.ends_at, tz)}{_why_ended(one, shown.successor)}"
    return ""


def _past_due(shown: Shown, tz: ZoneInfo) -> str:
    late = [invoice for invoice in shown.requests if invoice.due_at <= shown.as_of]
    if not late:
        return ""
    since = min(invoice.due_at for invoice in late)
    access = "" if shown.subscription.terms.on_past_due == "keep" else ", without access"
    ends = [invoice.grace_ends_at for invoice in late if invoice.grace_ends_at is not None]
    blocked = f"; blocked from {day_text(min(ends), tz)} on" if ends else ""
    return f"since {day_text(since, tz)}{access}: {_numbers(shown)} unpaid{blocked}"


def _stopped(shown: Shown, tz: ZoneInfo) -> str:
    one = shown.subscription
    span = block_at(one, shown.as_of)
    since = "" if span is None else f"since {day_text(span.starts_at, tz)}"
    name = f"{one.customer}/{one.plan}"
    if one.status is Status.PAUSED:
        return f"{since}: planctl subscription resume {name}"
    if one.terms.on_blocked == "final":
        return f"{since} for good: planctl subscription cancel {name} --at now, then start anew"
    return f"{since}: {_numbers(shown)} unpaid" if shown.requests else since


def _numbers(shown: Shown) -> str:
    late = [invoice.number for invoice in shown.requests if invoice.due_at <= shown.as_of]
    return ", ".join(late or shown.open_invoices)


def _why_ended(one: Subscription, successor: Subscription | None) -> str:
    if successor is not None:
        return f": changed to {successor.plan} ({successor.id})"
    if one.status is Status.EXPIRED and one.trial_ends_at is not None and one.trial_ends_at == one.ends_at:
        return ": its trial ended and there was no payment method"
    return f": {one.end_reason}" if one.end_reason not in {"", one.status.value} else ""


# --- what is to come


def _dates(shown: Shown, tz: ZoneInfo) -> Iterator[str]:
    """The period that runs, and what ends when."""
    one = shown.subscription
    end = period_end(one, shown.as_of)
    if end is not None and one.live:
        stopped = one.status in {Status.BLOCKED, Status.PAUSED}
        yield f"period to {day_text(end, tz)}" + (" · renews" if renews(shown) and not stopped else "")
    if one.status in {Status.TRIALING, Status.PENDING} and one.trial_ends_at is not None:
        yield from _trial_lines(shown, one.trial_ends_at, tz)
    yield from _end_lines(shown, tz)
    if one.base:
        yield f"add-on of {one.base}"
    if one.follows:
        yield f"follows {one.follows}"
    for span in one.blocked:
        if span.ends_at is not None:
            yield f"was {span.kind} {day_text(span.starts_at, tz)} to {day_text(span.ends_at, tz)}"


def _end_lines(shown: Shown, tz: ZoneInfo) -> Iterator[str]:
    """What it changes to, or when it ends as asked; and when its terms run out."""
    one, change, asked = shown.subscription, shown.change, shown.asked
    if one.status in ENDED:
        return
    if asked is not None:
        yield f"asked on {day_text(asked.requested_at, tz)} to change to {asked.wish.plan}"
        yield f"  planctl change approve {asked.name}, or reject"
    if change is not None:
        yield f"changes to {change.plan} v{change.plan_version} on {day_text(change.started_at, tz)} ({change.id})"
        yield f"  planctl subscription cancel {change.id} keeps {one.plan}"
    elif one.ends_at is not None and one.end_reason != "expired":
        yield f"ends {day_text(one.ends_at, tz)} ({one.end_reason})"
    expires_at = one.expires_at or (one.ends_at if one.end_reason == "expired" else None)
    if expires_at is not None:
        yield f"expires {day_text(expires_at, tz)}"


def _trial_lines(shown: Shown, ends_at: Instant, tz: ZoneInfo) -> Iterator[str]:
    """When the trial ends and what happens then."""
    one = shown.subscription
    text = f"trial ends {day_text(ends_at, tz)}"
    if shown.payment_method == "none":
        yield f"{text}: then it expires, {one.customer} has no payment method"
        yield f"  to go on: planctl customer update {one.customer} --payment-method card"
        return
    fee = fee_minor(one, ends_at)
    money = "" if fee is None else f", fee {format_amount(fee, one.currency)} {one.currency.code}"
    yield f"{text}: then it goes on, paid by {shown.payment_method}{money}"


def _quantity_lines(shown: Shown, tz: ZoneInfo) -> Iterator[str]:
    """How many are held, what is scheduled, and the add-ons."""
    one = shown.subscription
    held = one.quantity_at(shown.as_of)
    if held != 1 or one.terms.quantity != (1, 1):
        yield f"quantity: {held}"
    for feature, total in totals_at(one, shown.as_of):
        yield f"  {feature}: {decimal_text(total)}"
    for step in scheduled_steps(one, shown.as_of):
        what = step.feature or "quantity"
        yield f"scheduled: {what} {decimal_text(step.total)} from {day_text(step.at, tz)}"
    for addon in shown.addons:
        ends = "" if addon.ends_at is None else f", ends {day_text(addon.ends_at, tz)}"
        many = f"{addon.quantity_at(shown.as_of)} × " if addon.terms.quantity != (1, 1) else ""
        yield f"add-on: {many}{addon.plan} v{addon.plan_version} · {paid_text(addon)}{ends} ({addon.id})"


def _terms_lines(shown: Shown) -> Iterator[str]:
    """What was agreed, how the terms differ from the newest, and whether they may be migrated."""
    one = shown.subscription
    if one.negotiated:
        agreed = ", ".join(f"{path} = {value}" for path, value in sorted(one.negotiated.items()))
        yield f"negotiated: {agreed}"
    if shown.newest > one.plan_version:
        yield f"behind: the newest version of {one.plan} is v{shown.newest}"
        yield from (f"  {line}" for line in apart_lines(shown.apart, MOST_DIFFERENCES))
    if one.locked:
        yield f"locked against migration: {one.locked}"
