"""What falls due on one subscription, and when: fees and the closing of allowance periods. It prices nothing.

Everything follows from the schedule, so a late, repeated or skipped run finds the same dues.
Source: planctl billing rules, time and fees.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from planctl.core.catalog.model import FROM_START, Entitlement, Reset
from planctl.core.periods import Instant, Interval, Period, Schedule
from planctl.core.subscriptions.model import BlockedSpan, Subscription

FEE = "fee"
USAGE = "usage"
_MONTH = Interval.parse("month")
_RESETS: dict[Reset, str] = {"day": "day", "week": "week", "month": "month"}


@dataclass(frozen=True, slots=True)
class Due:
    """Something that falls due at `at`: `part` is `fee`, `usage` or `usage:day` (another reset than the default).

    `index` counts billing periods for a fee and allowance periods for usage. `period` is the service period,
    cut at the subscription's end but for a fee charged ahead; `full` is the whole anchored period, the
    denominator of proration.
    """

    at: Instant
    part: str
    index: int
    period: Period
    full: Period

    @property
    def order(self) -> tuple[Instant, bool, str, int]:
        """Time order; usage that closes comes before the fee that begins at the same instant."""
        return (self.at, self.part == FEE, self.part, self.index)


@lru_cache(maxsize=256)
def default_reset(pay: Interval) -> Reset:
    """The reset of a feature whose terms name none: the billing interval, or a month where that is longer."""
    return "month" if pay.unit != "once" and pay > _MONTH else "interval"


def effective_reset(entitlement: Entitlement, pay: Interval) -> Reset:
    """The reset of a metered feature under a billing interval, as one of day, week, month, interval, never."""
    if entitlement.feature.held:
        return "never"
    if entitlement.reset == "default":
        return default_reset(pay)
    return "interval" if entitlement.reset == str(pay) else entitlement.reset


def usage_part(subscription: Subscription, reset: Reset) -> str:
    """The name under which usage of that reset settles: `usage` for the plan's default reset."""
    return USAGE if reset == default_reset(Interval.parse(subscription.pay)) else f"{USAGE}:{reset}"


def allowance_schedule(subscription: Subscription, reset: Reset) -> Schedule:
    """The allowance periods of a reset: the billing schedule itself, or a shorter one from the same anchor."""
    billing = subscription.schedule()
    if reset in _RESETS:
        day_of_month = billing.anchor.kind == "day" and reset != "month"
        anchor = FROM_START if day_of_month else billing.anchor
        return Schedule(billing.anchor_at, Interval.parse(_RESETS[reset]), anchor, billing.zone_name)
    if reset == "never":
        return Schedule(billing.anchor_at, Interval.parse("once"), billing.anchor, billing.zone_name)
    return billing


def billed_features(subscription: Subscription) -> dict[Reset, tuple[str, ...]]:
    """The features whose excess is billed after use, by effective reset; empty without usage charges."""
    pay = Interval.parse(subscription.pay)
    found: dict[Reset, tuple[str, ...]] = {}
    for feature, entitlement in subscription.terms.features.items():
        if entitlement.beyond is not None and entitlement.beyond.charge == USAGE:
            reset = effective_reset(entitlement, pay)
            found[reset] = (*found.get(reset, ()), feature)
    return found


def charges_fee(subscription: Subscription) -> bool:
    """Whether anything is charged per billing period: a fee, or a prepaid quantity."""
    row = subscription.row
    return row is not None and (not row.usage_only or bool(subscription.quantities))


def dues(subscription: Subscription, until: Instant) -> tuple[Due, ...]:
    """Everything that fell due after `settled_at` and at or before `until`, in time order.

    A free subscription never owes anything. Fees of periods before `fees_from` and usage of allowance
    periods closed at or before `usage_from` were billed elsewhere and are left out.
    """
    if subscription.terms.free:
        return ()
    found = [due for due in _fees(subscription, until) if due.period.starts_at >= subscription.fees_from]
    for reset in billed_features(subscription):
        found += [due for due in _closings(subscription, reset, until) if due.at > subscription.usage_from]
    return tuple(sorted(found, key=lambda due: due.order))


def due_of(subscription: Subscription, part: str, index: int) -> Due:
    """One due again, from its recorded part and index: the same value that `dues` once gave."""
    if part == FEE:
        schedule = subscription.schedule()
        period = _fee_period(schedule.period(index), subscription)
        at = period.ends_at if _in_arrears(subscription) else period.starts_at
    else:
        name = part.partition(":")[2]
        reset = next(
            reset
            for reset in billed_features(subscription)
            if usage_part(subscription, reset) == part or reset == name
        )
        schedule = allowance_schedule(subscription, reset)
        period = _cut(schedule.period(index), subscription)
        at = period.ends_at
    assert at is not None, f"{subscription.id}: {part} {index} never falls due"
    return Due(at, part, index, period, schedule.full_period(index))


def next_due(subscription: Subscription) -> Instant | None:
    """The first instant after `settled_at` at which `dues` will find something; None where it never will."""
    if subscription.terms.free:
        return None
    fees = (one.at for one in _fees(subscription, None) if one.period.starts_at >= subscription.fees_from)
    candidates = [next(fees, None)]
    for reset in billed_features(subscription):
        closings = (one.at for one in _closings(subscription, reset, None))
        candidates.append(next((at for at in closings if at > subscription.usage_from), None))
    return min((at for at in candidates if at is not None), default=None)


def block_at(subscription: Subscription, instant: Instant) -> BlockedSpan | None:
    """The blocked time that holds an instant, if one does."""
    return next((span for span in subscription.blocked if span.holds(instant)), None)


def owed(subscription: Subscription, due: Due) -> bool:
    """Whether a block only postpones a due: usage, and the fee of a period that began before it (in arrears).

    Source: planctl billing rules, dunning: no period that begins while blocked is billed.
    """
    return due.part != FEE or block_at(subscription, due.period.starts_at) is None


def resumed_at(subscription: Subscription, due: Due) -> Instant | None:
    """From when on the fee of a period that began while blocked is charged; None for a whole period."""
    span = block_at(subscription, due.period.starts_at) if due.part == FEE else None
    return None if span is None else span.ends_at


def _in_arrears(subscription: Subscription) -> bool:
    return subscription.terms.bill == "in arrears" and subscription.pay != "once"


def _first_index(schedule: Schedule, subscription: Subscription) -> int:
    """The period that contains `settled_at`; 0 where nothing is settled."""
    settled = subscription.settled_at
    return 0 if settled is None or settled < schedule.anchor_at else schedule.index_at(settled)


def _cut(period: Period, subscription: Subscription) -> Period:
    return period if subscription.ends_at is None else period.cut_at(subscription.ends_at)


def _fee_period(period: Period, subscription: Subscription) -> Period:
    """What a fee is for: in arrears the time used; ahead the whole period, whose rest an early end pays not back.

    Only an end that the terms foresee shortens the last period charged ahead.
    """
    cut = _in_arrears(subscription) or subscription.end_reason == "expired"
    return _cut(period, subscription) if cut else period


def _fees(subscription: Subscription, until: Instant | None) -> Iterator[Due]:
    """Fee dues after `settled_at`, in order, without end where `until` is None and the subscription has none."""
    schedule = subscription.schedule()
    once = schedule.interval.unit == "once"
    in_arrears = _in_arrears(subscription)
    settled = subscription.settled_at
    index = _first_index(schedule, subscription)
    while True:
        full = schedule.full_period(index)
        period = schedule.period(index)
        if subscription.ends_at is not None and period.starts_at >= subscription.ends_at:
            return
        period = _fee_period(period, subscription)
        at = period.ends_at if in_arrears else period.starts_at
        if at is None or (until is not None and at > until):
            return
        if settled is None or at > settled:
            yield Due(at, FEE, index, period, full)
        if once:
            return
        index += 1


def _closings(subscription: Subscription, reset: Reset, until: Instant | None) -> Iterator[Due]:
    """Closings of allowance periods after `settled_at`, in order."""
    schedule = allowance_schedule(subscription, reset)
    part = usage_part(subscription, reset)
    settled = subscription.settled_at
    index = _first_index(schedule, subscription)
    while True:
        period = schedule.period(index)
        if subscription.ends_at is not None and period.starts_at >= subscription.ends_at:
            return
        full = schedule.full_period(index)
        period = _cut(period, subscription)
        at = period.ends_at
        if at is None or (until is not None and at > until):
            return
        if settled is None or at > settled:
            yield Due(at, part, index, period, full)
        if schedule.interval.unit == "once":
            return
        index += 1
