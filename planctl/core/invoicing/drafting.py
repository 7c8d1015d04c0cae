"""What a draft is before it has lines: its identity, its period, when it is due; and the periods that were begun.

Source: planctl billing rules, invoices and dunning.
"""

from __future__ import annotations

from planctl.core.invoicing.model import Draft, InvoiceKind
from planctl.core.periods import Instant, Period, add_local_days, zone
from planctl.core.subscriptions.dues import FEE, Due
from planctl.core.subscriptions.model import Status, Subscription


def empty_draft(  # noqa: PLR0913 - an invoice's identity is five values
    subscription: Subscription, kind: InvoiceKind, index: int, occasion: str, at: Instant, issued_at: Instant
) -> Draft:
    """A draft without lines: its identity, its billing period, and when it is due by the terms.

    A pack's invoice has no grace: it never blocks anything.
    """
    tz = zone(subscription.timezone)
    due_at = add_local_days(Instant(max(at, issued_at)), subscription.terms.due_days, tz)
    grace = None if kind == "pack" else subscription.terms.grace_days
    period = subscription.schedule().period(index)
    return Draft(
        subscription.customer,
        subscription.id,
        index,
        kind,
        subscription.currency,
        at,
        Instant(max(period.starts_at, subscription.started_at)),
        period.ends_at,
        due_at,
        None if grace is None else add_local_days(due_at, grace, tz),
        issued_at,
        (),
        occasion=occasion,
        timezone=subscription.timezone,
        catalog_revision=subscription.catalog_revision,
    )


def identity_of(
    subscription: Subscription, at: Instant, group: tuple[Due, ...]
) -> tuple[InvoiceKind, int, str]:
    """Kind, period index and occasion of the invoice for what falls due at `at`."""
    schedule = subscription.schedule()
    if subscription.ends_at == at:
        return "final", schedule.index_at(Instant(max(at - 1, subscription.anchor_at))), ""
    index = schedule.index_at(at)
    if any(due.part == FEE for due in group) or schedule.boundary(index) == at:
        return "renewal", index, ""
    first = group[0]
    label = first.part.partition(":")[2]
    return "usage", index, f"allowance:{label + ':' if label else ''}{first.index}"


def begun_periods(before: Subscription, now: Subscription, until: Instant) -> list[Period]:
    """The billing periods entered since `settled_at`, from the one that holds `fees_from` on; none for free plans.

    One that was begun and cut on one local day keeps no day, and is none.
    """
    if now.terms.free or before.status is Status.PENDING is now.status or not (before.live or now.live):
        return []
    schedule = now.schedule()
    last = until if now.ends_at is None else Instant(min(until, now.ends_at - 1))
    if last < schedule.anchor_at:
        return []
    settled = before.settled_at
    first = schedule.index_at(Instant(max(now.fees_from, schedule.anchor_at)))
    if settled is not None and settled >= schedule.anchor_at:
        first = max(first, schedule.index_at(settled) + 1)
    entered = (schedule.period(index) for index in range(first, schedule.index_at(last) + 1))
    tz = zone(now.timezone)
    return [period for period in entered if not period.keeps_no_day(tz)]
