"""What falls due on one subscription, and when: fees and the closing of allowance periods. It prices nothing.

Everything follows from the schedule, so a late, repeated or skipped run finds the same dues.
Source: planctl billing rules, time and fees.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache

from planctl.core.catalog.model import FROM_START, Entitlement, Reset, Terms
from planctl.core.periods import Instant, Interval, Period, Schedule, schedule_of
from planctl.core.subscriptions.model import BlockedSpan, Subscription
from planctl.values import dataclass

FEE = "fee"
USAGE = "usage"
MINIMUM = "minimum"
_MONTH = Interval.parse("month")
_RESETS: dict[Reset, str] = {"day": "day", "week": "week", "month": "month"}


@dataclass(frozen=True, slots=True)
class Due:
    """Something that falls due at `at`: `part` is `fee`, `minimum`, `usage` or `usage:day` (another reset).

    `index` counts billing periods for a fee and a minimum, allowance periods for usage. `period` is the service period,
    cut at the subscription's end but for a fee charged ahead; `full` is the whole anchored period, the
    denominator of proration.
    """

    at: Instant
    part: str
    index: int
    period: Period
    full: Period

    @property
    def order(self) -> tuple[Instant, int, Instant, str, int]:
        """Time order; at one instant what closes, then the minimum it counts for, then the fee that begins."""
        closes = self.at != self.period.starts_at
        rank = 3 if not closes else 2 if self.part == MINIMUM else 1 if self.part == FEE else 0
        return (self.at, rank, self.period.starts_at, self.part, self.index)


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
        return schedule_of(
            billing.anchor_at, Interval.parse(_RESETS[reset]), anchor, billing.zone_name, billing.anchors
        )
    if reset == "never":
        return schedule_of(billing.anchor_at, Interval.parse("once"), billing.anchor, billing.zone_name)
    return billing


def billed_features(subscription: Subscription) -> Mapping[Reset, tuple[str, ...]]:
    """Of the closed features those whose excess is billed after use; empty without usage charges."""
    return _billed_features(subscription.terms, subscription.pay)


@lru_cache(maxsize=4096)
def _billed_features(terms: Terms, pay: str) -> Mapping[Reset, tuple[str, ...]]:
    """The same of terms and a price row, worked out once for all who have them; not to be changed."""
    billed = {
        reset: tuple(one for one in several if _billed_after_use(terms.features[one]))
        for reset, several in _closed_features(terms, pay).items()
    }
    return {reset: several for reset, several in billed.items() if several}


def closed_features(subscription: Subscription) -> Mapping[Reset, tuple[str, ...]]:
    """The features whose allowance periods a run closes, by effective reset, in the terms' order.

    Those charged after use; and those with an end to their allowance, because a wallet may pay past it and
    what is left may roll over. A free plan closes them only where packs may be bought on it, or they roll over.
    A held feature charged after use closes with the billing period, which bills its highest level.
    """
    return _closed_features(subscription.terms, subscription.pay)


@lru_cache(maxsize=4096)
def _closed_features(terms: Terms, pay: str) -> Mapping[Reset, tuple[str, ...]]:
    """The same of terms and a price row, worked out once for all who have them; not to be changed."""
    found: dict[Reset, tuple[str, ...]] = {}
    for feature, entitlement in terms.features.items():
        if _is_closed(terms, entitlement):
            reset = closing_reset(entitlement, Interval.parse(pay))
            if reset != "never" or _billed_after_use(entitlement):
                found[reset] = (*found.get(reset, ()), feature)
    return found


def closing_reset(entitlement: Entitlement, pay: Interval) -> Reset:
    """The reset by which a feature's periods close: its own; the billing interval for a held feature's level."""
    return "interval" if entitlement.feature.held else effective_reset(entitlement, pay)


def _billed_after_use(entitlement: Entitlement) -> bool:
    return entitlement.beyond is not None and entitlement.beyond.charge == USAGE


def _is_closed(terms: Terms, entitlement: Entitlement) -> bool:
    if entitlement.feature.type != "metered" or not entitlement.granted:
        return False
    if terms.free and not terms.packs and not entitlement.rollover:
        return False
    if _billed_after_use(entitlement):
        return True
    if entitlement.included is None or entitlement.feature.held:
        return False
    return entitlement.own_allowance or not entitlement.spends


def charges_fee(subscription: Subscription) -> bool:
    """Whether anything is charged per billing period: a fee, or a prepaid quantity."""
    row = subscription.row
    if row is None:
        return False
    return not row.usage_only or bool(subscription.quantities) or bool(subscription.steps)


def dues(subscription: Subscription, until: Instant) -> tuple[Due, ...]:
    """Everything that fell due after `settled_at` and at or before `until`, in time order.

    Fees and minimums of periods before `fees_from` and usage of allowance periods closed at or before
    `usage_from` were billed elsewhere and are left out.
    """
    found: list[Due] = []
    for stream in _streams(subscription, until):
        found += stream
    return tuple(sorted(found, key=lambda due: due.order))


def _streams(subscription: Subscription, until: Instant | None) -> Iterator[Iterator[Due]]:
    """What falls due, each kind in time order; without an end where `until` is None."""
    if not subscription.terms.free:
        yield (one for one in _fees(subscription, until) if one.period.starts_at >= subscription.fees_from)
        if subscription.terms.minimum.get(subscription.currency.code):
            minimums = _minimums(subscription, until)
            yield (one for one in minimums if one.period.starts_at >= subscription.fees_from)
    billed = billed_features(subscription)
    for reset in closed_features(subscription):
        since = subscription.usage_from
        if reset not in billed:
            since = Instant(max(since, subscription.pools_from))
        yield _after(_closings(subscription, reset, until), since)


def _after(dues: Iterator[Due], since: Instant) -> Iterator[Due]:
    return (due for due in dues if due.period.ends_at is not None and due.period.ends_at > since)


def due_of(subscription: Subscription, part: str, index: int) -> Due:
    """One due again, from its recorded part and index: the same value that `dues` once gave."""
    if part == FEE:
        schedule = subscription.schedule()
        period = _fee_period(schedule.period(index), schedule.full_period(index), subscription)
        at = period.ends_at if _in_arrears(subscription) else period.starts_at
    elif part == MINIMUM:
        schedule = subscription.schedule()
        period = _cut(schedule.period(index), subscription)
        at = period.ends_at
    else:
        name = part.partition(":")[2]
        reset = next(
            reset
            for reset in closed_features(subscription)
            if usage_part(subscription, reset) == part or reset == name
        )
        schedule = allowance_schedule(subscription, reset)
        period = _cut(schedule.period(index), subscription)
        at = settles_at(subscription, period)
    assert at is not None, f"{subscription.id}: {part} {index} never falls due"
    return Due(at, part, index, period, schedule.full_period(index))


def next_due(subscription: Subscription) -> Instant | None:
    """The first instant after `settled_at` at which `dues` will find something; None where it never will."""
    first = (next(stream, None) for stream in _streams(subscription, None))
    return min((due.at for due in first if due is not None), default=None)


def block_at(subscription: Subscription, instant: Instant) -> BlockedSpan | None:
    """The blocked time that holds an instant, if one does."""
    return next((span for span in subscription.blocked if span.holds(instant)), None)


def owed(subscription: Subscription, due: Due) -> bool:
    """Whether a block only postpones a due: usage, and the fee of a period that began before it (in arrears).

    Source: planctl billing rules, dunning: no period that begins while blocked is billed.
    """
    return due.part not in {FEE, MINIMUM} or block_at(subscription, due.period.starts_at) is None


def resumed_at(subscription: Subscription, due: Due, occasion: str = "") -> Instant | None:
    """From when on a period that began while blocked is charged for; None for a whole period, and for usage.

    `occasion` is what it is charged for: after a pause whose time was credited the rest of the period again. What is
    charged ahead without one was charged when its period began, and whole, though a block began at that instant.
    """
    ahead = due.part == FEE and not _in_arrears(subscription)
    if due.part not in {FEE, MINIMUM} or (ahead and not occasion):
        return None
    for span in subscription.blocked:
        again = credited_by_pause(subscription, span) if occasion and span.payment == occasion else None
        if again is not None and (again.part, again.index) == (due.part, due.index):
            return span.ends_at
    begun = block_at(subscription, due.period.starts_at)
    return None if begun is None else begun.ends_at


def charged_to(subscription: Subscription, due: Due, from_at: Instant | None) -> Due:
    """A due of which the rest is charged from an instant on: a fee ahead up to the end that was foreseen by then.

    An extension before it made the period longer than its fee, and charged that; the rest has all of it.
    """
    if from_at is None or due.part != FEE or _in_arrears(subscription) or not subscription.extensions:
        return due
    period = replace(due.period, ends_at=due.full.ends_at)
    foreseen = subscription.foreseen_end(from_at)
    return replace(due, period=period if foreseen is None else period.cut_at(foreseen))


def gives_back_at_pause(subscription: Subscription) -> bool:
    """Whether a pause credits what was charged ahead for its time, and in arrears leaves it out."""
    return subscription.terms.pause == "credit" and subscription.terms.proration != "none"


def credited_by_pause(subscription: Subscription, span: BlockedSpan) -> Due | None:
    """The fee of the period that runs when a pause ends, where its rest was credited: it was charged before the pause.

    It was where it began before, and not in a time without service that lasted until then.
    """
    over = span.ends_at
    if span.kind != "paused" or over is None or subscription.terms.free or _in_arrears(subscription):
        return None
    schedule = subscription.schedule()
    if not gives_back_at_pause(subscription) or schedule.interval.unit == "once":
        return None
    due = due_of(subscription, FEE, schedule.index_at(over))
    begins = due.period.starts_at
    stopped = block_at(subscription, begins)
    resumed = stopped is None or (stopped.ends_at is not None and stopped.ends_at <= span.starts_at)
    charged = subscription.fees_from <= begins < span.starts_at and resumed
    return due if charged else None


def _in_arrears(subscription: Subscription) -> bool:
    return subscription.terms.bill == "in arrears" and subscription.pay != "once"


def _first_index(schedule: Schedule, subscription: Subscription) -> int:
    """The period that contains `settled_at`, or the start where nothing is settled or that came later."""
    since = max(subscription.settled_at or subscription.started_at, subscription.started_at)
    return 0 if since < schedule.anchor_at else schedule.index_at(since)


def first_part(period: Period, subscription: Subscription) -> Period:
    """The period without what lies before the start: an add-on begins within a period of its base.

    Its whole period stays the denominator of proration. Source: planctl billing rules, lifecycle (add-ons).
    """
    began = subscription.started_at
    return replace(period, starts_at=began) if period.starts_at < began and period.contains(began) else period


def _cut(period: Period, subscription: Subscription) -> Period:
    """What of a period lies between the start and the end of the subscription."""
    period = first_part(period, subscription)
    return period if subscription.ends_at is None else period.cut_at(subscription.ends_at)


def _fee_period(period: Period, full: Period, subscription: Subscription) -> Period:
    """What a fee is for: in arrears the time used; ahead the whole period, whose rest an early end pays not back.

    Only an end that the terms foresaw when it began shortens a period charged ahead, and what that is extended by
    later is charged on its own; a new anchor does not.
    """
    if _in_arrears(subscription):
        return _cut(period, subscription)
    if period.ends_at != full.ends_at:
        period = replace(period, ends_at=full.ends_at)
    ahead = first_part(period, subscription)
    foreseen = subscription.foreseen_end(ahead.starts_at)
    return ahead if foreseen is None or foreseen <= ahead.starts_at else ahead.cut_at(foreseen)


def _fees(subscription: Subscription, until: Instant | None) -> Iterator[Due]:
    """Fee dues after `settled_at`, in order, without end where `until` is None and the subscription has none."""
    schedule = subscription.schedule()
    once = schedule.interval.unit == "once"
    in_arrears = _in_arrears(subscription)
    settled = subscription.settled_at
    index = _first_index(schedule, subscription)
    while True:
        full = schedule.full_period(index)
        period = first_part(schedule.period(index), subscription)
        if subscription.ends_at is not None and period.starts_at >= subscription.ends_at:
            return
        period = _fee_period(period, full, subscription)
        at = period.ends_at if in_arrears else period.starts_at
        if at is None or (until is not None and at > until):
            return
        if settled is None or at > settled:
            yield Due(at, FEE, index, period, full)
        if once:
            return
        index += 1


def _minimums(subscription: Subscription, until: Instant | None) -> Iterator[Due]:
    """The ends of billing periods after `settled_at`, at which a minimum is compared; none for a `once` row."""
    schedule = subscription.schedule()
    settled = subscription.settled_at
    index = _first_index(schedule, subscription)
    while True:
        period = first_part(schedule.period(index), subscription)
        if subscription.ends_at is not None and period.starts_at >= subscription.ends_at:
            return
        period = _cut(period, subscription)
        at = period.ends_at
        if at is None or (until is not None and at > until):
            return
        if settled is None or at > settled:
            yield Due(at, MINIMUM, index, period, schedule.full_period(index))
        index += 1


def settles_at(subscription: Subscription, period: Period) -> Instant | None:
    """When an allowance period is billed: at its end, or with `settle: renewal` at the billing period's."""
    if period.ends_at is None or subscription.terms.settle != "renewal":
        return period.ends_at
    schedule = subscription.schedule()
    billing = _cut(schedule.period_at(Instant(period.ends_at - 1)), subscription)
    return billing.ends_at


def _closings(subscription: Subscription, reset: Reset, until: Instant | None) -> Iterator[Due]:
    """Closings of allowance periods that settle after `settled_at`, in order."""
    schedule = allowance_schedule(subscription, reset)
    part = usage_part(subscription, reset)
    settled = subscription.settled_at
    index = _first_index(schedule, subscription)
    if subscription.terms.settle == "renewal" and settled is not None and settled >= schedule.anchor_at:
        billing = subscription.schedule()
        index = schedule.index_at(billing.period_at(settled).starts_at)
    while True:
        period = first_part(schedule.period(index), subscription)
        if subscription.ends_at is not None and period.starts_at >= subscription.ends_at:
            return
        full = schedule.full_period(index)
        period = _cut(period, subscription)
        at = settles_at(subscription, period)
        if at is None or (until is not None and at > until):
            return
        if settled is None or at > settled:
            yield Due(at, part, index, period, full)
        if schedule.interval.unit == "once":
            return
        index += 1
