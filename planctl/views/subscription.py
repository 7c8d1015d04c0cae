"""How subscriptions, assignments and starts look, to machines and to people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from planctl.core.accounts import Shown as Shown  # noqa: PLC0414 - offered from here too
from planctl.core.catalog.documents import terms_document
from planctl.core.catalog.faces import badges
from planctl.core.catalog.model import Plan
from planctl.core.currencies import Currency
from planctl.core.instants import instant_text, zone
from planctl.core.invoicing.model import Draft, Invoice
from planctl.core.invoicing.quantities import scheduled_steps
from planctl.core.money import decimal_text, format_amount
from planctl.core.periods import Instant, Interval, Period
from planctl.core.subscriptions.model import (
    ENDED,
    Assignment,
    BlockedSpan,
    QuantityStep,
    Status,
    Subscription,
)
from planctl.core.subscriptions.start import Offered
from planctl.views.invoice import invoice_document, issued_text, period_document, request_text
from planctl.views.sheet import Answer, Cell, Column, Json, Sheet
from planctl.views.words import day_text, maybe

COLUMNS = (
    Column("id"),
    Column("customer"),
    Column("plan"),
    Column("version", "quantity", "v"),
    Column("status"),
    Column("pay"),
    Column("currency", heading="in"),
    Column("started_at", "instant", "started"),
    Column("period_ends_at", "instant", "period ends"),
    Column("ends_at", "instant", "ends"),
    Column("why"),
)


def subscription_document(shown: Shown) -> dict[str, Json]:
    """A subscription as JSON, its period being the one that holds `as_of`."""
    one = shown.subscription
    return {
        "id": one.id,
        "customer": one.customer,
        "plan": one.plan,
        "plan_version": one.plan_version,
        "status": one.status.value,
        "currency": one.currency.code,
        "pay": "free" if one.terms.free else one.pay,
        "started_at": instant_text(one.started_at),
        "trial_ends_at": maybe(one.trial_ends_at),
        "period": _period(one, shown.as_of),
        "renews": renews(shown),
        "cancels_at": maybe(one.ends_at) if one.end_reason == "canceled" else None,
        "ends_at": maybe(one.ends_at),
        "end_reason": one.end_reason or None,
        "expires_at": maybe(one.expires_at),
        "quantity": one.quantity_at(shown.as_of),
        "quantities": {feature: decimal_text(total) for feature, total in totals_at(one, shown.as_of)},
        "base": one.base or None,
        "addons": [_addon(addon, shown.as_of) for addon in shown.addons],
        "scheduled_change": _change(shown.change),
        "scheduled_quantities": [_step(step) for step in scheduled_steps(one, shown.as_of)],
        "follows": one.follows or None,
        "followed_by": None if shown.successor is None or shown.change else shown.successor.id,
        "stops": [_stop(span) for span in one.blocked],
        "locked": one.locked or None,
        "timezone": one.timezone,
        "negotiated": dict(one.negotiated),
        "terms": terms_document(one.terms),
        "behind": shown.newest if shown.newest > one.plan_version else None,
        "open_invoices": list(shown.open_invoices),
    }


def renews(shown: Shown) -> bool:
    """Whether its next period begins by itself: not after its end, nor after a trial that nobody pays after."""
    one = shown.subscription
    if one.pay == "once" or one.status in ENDED:
        return False
    if one.status is Status.TRIALING and shown.payment_method == "none":
        return False
    end = period_end(one, shown.as_of)
    return one.ends_at is None or (end is not None and end < one.ends_at)


def _change(change: Subscription | None) -> Json:
    if change is None:
        return None
    return {
        "plan": change.plan,
        "version": change.plan_version,
        "at": instant_text(change.started_at),
        "subscription": change.id,
    }


def _stop(span: BlockedSpan) -> dict[str, Json]:
    """A time without service: `kind` blocked or paused, `ends_at` null while it lasts."""
    return {"kind": span.kind, "starts_at": instant_text(span.starts_at), "ends_at": maybe(span.ends_at)}


def subscriptions_answer(several: Sequence[Shown], timezone: str) -> Answer:
    """A list of subscriptions."""
    rows = tuple(_row(one) for one in several)
    sheet = Sheet(COLUMNS, rows, timezone)
    return Answer([subscription_document(one) for one in several], (), sheet, "no subscriptions")


def _row(shown: Shown) -> tuple[Cell, ...]:
    one, heir = shown.subscription, shown.successor
    changes = one.end_reason == "changed" and heir is not None
    return (
        one.id,
        one.customer,
        one.plan,
        one.plan_version,
        one.status.value,
        "free" if one.terms.free else one.pay,
        one.currency.code,
        one.started_at,
        period_end(one, shown.as_of),
        one.ends_at,
        f"changed to {heir.plan}" if changes and heir else one.end_reason or None,
    )


def totals_at(one: Subscription, at: Instant) -> list[tuple[str, Decimal]]:
    """What is held of bought features at an instant, with the allowance, by feature."""
    return sorted(one.quantities_at(at).items())


def _addon(one: Subscription, at: Instant) -> dict[str, Json]:
    return {
        "id": one.id,
        "plan": one.plan,
        "plan_version": one.plan_version,
        "status": one.status.value,
        "pay": one.pay,
        "quantity": one.quantity_at(at),
        "ends_at": maybe(one.ends_at),
    }


def _step(step: QuantityStep) -> dict[str, Json]:
    return {
        "feature": step.feature or None,
        "total": decimal_text(step.total),
        "at": instant_text(step.at),
    }


def start_lines(
    subscription: Subscription,
    drafts: Sequence[Draft],
    replaced: Sequence[Subscription],
    differences: Sequence[str],
) -> list[str]:
    """What starting will do, for the question before it."""
    tz = zone(subscription.timezone)
    schedule = subscription.schedule()
    period = schedule.period_at(subscription.started_at)
    first = f"{day_text(subscription.started_at, tz)} to {day_text(period.ends_at, tz, 'open')}"
    lines = [
        f"{subscription.customer} starts {subscription.plan} v{subscription.plan_version}, {paid_text(subscription)}"
    ]
    faces = badges(as_plan(subscription), subscription.currency, {}, subscription.pay)
    lines += [f"  {badge}" for badge in faces]
    if subscription.quantity != 1:
        lines.append(f"  quantity: {subscription.quantity}")
    lines += [
        f"  {feature}: {decimal_text(total)}" for feature, total in sorted(subscription.quantities.items())
    ]
    lines.append(f"  period {period.index}: {first} ({subscription.timezone})")
    lines += _limits(subscription)
    lines += [f"  replaces {old.plan}, which ends {day_text(old.ends_at, tz, 'open')}" for old in replaced]
    for draft in drafts:
        lines.append(f"  first request: {request_text(draft)}")
    if differences:
        lines.append("  changed since it was assigned:")
        lines += [f"    {difference}" for difference in differences]
    return lines


def _limits(subscription: Subscription) -> list[str]:
    """Until when a trial lasts and when the terms run out, as far as they do."""
    tz, trial = zone(subscription.timezone), subscription.trial_ends_at
    lines = []
    if trial is not None and trial > subscription.started_at:
        ends = day_text(trial, tz)
        lines.append(
            f"  trial until {ends}, free; it goes on from there with a payment method, else it expires"
        )
    if subscription.expires_at is not None:
        lines.append(f"  expires {day_text(subscription.expires_at, tz)}")
    return lines


def started_document(
    shown: Shown, invoices: Sequence[Invoice], replaced: Sequence[Subscription]
) -> dict[str, Json]:
    """A start as JSON: the subscription with the invoices issued at once and what it replaced."""
    return subscription_document(shown) | {
        "invoices": [invoice_document(one) for one in invoices],
        "replaced": [{"id": old.id, "plan": old.plan, "ends_at": maybe(old.ends_at)} for old in replaced],
    }


def assignment_document(assignment: Assignment) -> dict[str, Json]:
    """An assignment as JSON."""
    return {
        "id": assignment.id,
        "customer": assignment.customer,
        "plan": assignment.plan,
        "version": assignment.version,
        "pay": assignment.pay or None,
        "currency": assignment.currency or None,
        "negotiated": dict(assignment.negotiated),
        "assigned_at": instant_text(assignment.assigned_at),
        "status": assignment.status,
        "subscription": assignment.subscription or None,
    }


def pricing_lines(
    offered: Offered, sales: Sequence[tuple[str, Currency]], negotiated: Mapping[str, str]
) -> list[str]:
    """A plan's exact pricing in the rows and currencies it may start in, each badge once, with what was agreed."""
    plan = Plan(offered.plan, offered.terms, offered.offer)
    faces = [badges(plan, currency, {}, row) for row, currency in sales]
    by_badge = zip(*faces, strict=True)
    lines = list(dict.fromkeys(badge for several in by_badge for badge in several))
    return lines + [f"agreed: {path} = {value}" for path, value in sorted(negotiated.items())]


def as_plan(one: Subscription) -> Plan:
    """The plan as the subscription's terms have it, for its faces."""
    return Plan(one.plan, one.terms)


def paid_text(one: Subscription) -> str:
    """How it is paid: `Monthly in USD`, `free`."""
    if one.terms.free:
        return "free"
    return f"{Interval.parse(one.pay).label} in {one.currency.code}"


def _period(one: Subscription, as_of: Instant) -> Json:
    period = _period_at(one, as_of)
    if period is None:
        return None
    return {"index": period.index} | period_document(period.starts_at, period.ends_at)


def period_end(one: Subscription, as_of: Instant) -> int | None:
    """The end of the period that holds `as_of`; None where it has none."""
    period = _period_at(one, as_of)
    return None if period is None else period.ends_at


def _period_at(one: Subscription, as_of: Instant) -> Period | None:
    """The billing period that holds `as_of`, or the last one of a subscription that has ended.

    Cut at its end, and at its start, which lies inside a period where an add-on joins its base's dates.
    """
    if as_of < max(one.anchor_at, one.started_at):
        return None
    schedule = one.schedule()
    last = as_of if one.ends_at is None else Instant(max(min(as_of, one.ends_at - 1), one.anchor_at))
    period = schedule.period_at(last)
    period = replace(period, starts_at=Instant(max(period.starts_at, one.started_at)))
    return period if one.ends_at is None else period.cut_at(one.ends_at)


def started_answer(document: Json) -> Answer:
    """What a start did, from its document."""
    one = _object(document)
    lines = [f"{one['customer']} runs {one['plan']} v{one['plan_version']}: {one['status']} ({one['id']})"]
    period = one["period"]
    if isinstance(period, Mapping):
        lines.append(f"period {period['index']}: {period['starts_at']} to {period['ends_at'] or 'open'}")
    for old in _objects(one["replaced"]):
        over = "ends" if one["status"] == "pending" else "ended"
        lines.append(
            f"{old['plan']} {over} {old['ends_at']}" if old["ends_at"] else f"{old['plan']} is called off"
        )
    for invoice in _objects(one["invoices"]):
        lines.append(issued_text(invoice))
    return Answer(document, tuple(lines))


def assigned_document(
    assignment: Assignment,
    offered: Offered,
    sales: Sequence[tuple[str, Currency]],
    *,
    existed: bool,
    dropped: Sequence[str] = (),
) -> dict[str, Json]:
    """An assignment as JSON, with the pricing it shows, whether it was there before, and what it took the place of.

    `sales` are the rows and currencies in which it may start.
    """
    return assignment_document(assignment) | {
        "existed": existed,
        "pricing": [*pricing_lines(offered, sales, assignment.negotiated)],
        "dropped": [*dropped],
    }


def assigned_answer(document: Json) -> Answer:
    """What an assignment did, from its document."""
    one = _object(document)
    before = "was already assigned" if one["existed"] else "is assigned"
    pricing, foreseen, dropped = one["pricing"], one.get("foreseen", ()), one["dropped"]
    assert isinstance(pricing, Sequence)
    assert isinstance(foreseen, Sequence)
    assert isinstance(dropped, Sequence)
    lines = [
        f"{one['plan']} v{one['version']} {before} to {one['customer']}",
        *(f"  {line}" for line in (*pricing, *foreseen)),
        *(f"no longer: {line} (of the assignment that waited before)" for line in dropped),
    ]
    lines.append(f"not started yet: planctl subscribe {one['customer']} {one['plan']}")
    return Answer(document, tuple(lines))


def _object(document: Json) -> Mapping[str, Json]:
    assert isinstance(document, Mapping)
    return document


def _objects(documents: Json) -> list[Mapping[str, Json]]:
    assert isinstance(documents, Sequence)
    return [_object(one) for one in documents]


def cancel_lines(
    ending: Subscription, drafts: Sequence[Draft], addons: Sequence[Subscription] = ()
) -> list[str]:
    """What canceling will do, for the question before it."""
    ends = day_text(ending.ends_at, zone(ending.timezone))
    lines = [f"{ending.customer}/{ending.plan} ends {ends} ({ending.timezone})"]
    lines += [f"  and with it {addon.plan}" for addon in addons]
    for draft in drafts:
        total = format_amount(draft.total_minor, draft.currency)
        lines.append(f"  final request: {total} {draft.currency.code}")
    return lines


def canceled_document(
    after: Subscription, now: Instant, invoices: Sequence[Invoice], *, unchanged: bool
) -> dict[str, Json]:
    """A cancellation as JSON: the subscription with its final invoices; `unchanged`: it was to end anyway."""
    return subscription_document(Shown(after, now)) | {
        "invoices": [invoice_document(one) for one in invoices],
        "unchanged": unchanged,
    }


def canceled_answer(document: Json) -> Answer:
    """What a cancellation did, from its document."""
    one = _object(document)
    verb = "was to end anyway" if one["unchanged"] else "ends"
    lines = [f"{one['customer']}/{one['plan']} {verb}: {one['ends_at']} ({one['id']}, now {one['status']})"]
    for invoice in _objects(one["invoices"]):
        lines.append(f"final invoice {invoice['number']}: {invoice['total']} {invoice['currency']}")
    return Answer(document, tuple(lines))


def imported_document(
    subscriptions: Sequence[Subscription], invoices: Sequence[Invoice], existing: int = 0
) -> dict[str, Json]:
    """An import as JSON; `existing` rows ran already as they say."""
    return {
        "imported": len(subscriptions),
        "exists": existing,
        "subscriptions": [one.id for one in subscriptions],
        "invoices": [one.number for one in invoices],
    }


def imported_answer(document: Json) -> Answer:
    """What an import did, from its document."""
    one = _object(document)
    invoices = one["invoices"]
    assert isinstance(invoices, Sequence)
    line = f"{one['imported']} subscriptions imported, {len(invoices)} invoices issued"
    if one["exists"]:
        line += f"; {one['exists']} were there already, as asked"
    return Answer(document, (line,))
