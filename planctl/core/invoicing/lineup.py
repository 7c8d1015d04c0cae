"""Which allowances of a customer are open when, and what has to be measured to drain them. It measures nothing.

One customer's subscriptions, their terms and its grants in; stretches of time out. Where one subscription
alone grants a feature, a period is one stretch. Source: planctl billing rules, drain order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from fractions import Fraction
from itertools import pairwise

from planctl.core.catalog.model import Entitlement, Reset
from planctl.core.draining import Allowance, Entry, PoolKey, taken_back
from planctl.core.invoicing.fees import share
from planctl.core.invoicing.model import Totals, UsageWindow
from planctl.core.metering.aggregate import rounded
from planctl.core.money import plus
from planctl.core.periods import Instant, Interval, Period, Schedule
from planctl.core.pools import passes_on_to
from planctl.core.subscriptions.dues import (
    allowance_schedule,
    closed_features,
    closing_reset,
    effective_reset,
)
from planctl.core.subscriptions.model import Subscription
from planctl.core.wallets import Grant
from planctl.values import dataclass

ZERO = Fraction(0)
_ADDITIVE = frozenset({"sum", "count"})
_COUNTED = frozenset({"sum", "count", "unique"})
"""Aggregates whose units are used up; the others are levels, which no change of plan uses twice."""
_FOREVER = Instant(2**62)
_NOTHING: Mapping[str, Fraction] = {}


@dataclass(frozen=True, slots=True)
class Grantor:
    """One subscription that grants one metered feature, and the allowance periods it grants it by.

    `opens_at` is when its first allowance opens, `closes_at` when its last one ends.
    """

    subscription: Subscription
    entitlement: Entitlement
    schedule: Schedule
    reset: Reset
    opens_at: Instant
    closes_at: Instant

    def open_at(self, at: Instant) -> bool:
        """Whether an allowance is open at an instant."""
        return self.opens_at <= at < self.closes_at

    def period_at(self, at: Instant) -> Period:
        """The allowance period that holds an instant, cut at the subscription's end."""
        return self._cut(self.schedule.period_at(at))

    def period(self, index: int) -> Period:
        """An allowance period by its index."""
        return self._cut(self.schedule.period(index))

    def _cut(self, period: Period) -> Period:
        if period.starts_at < self.opens_at:
            period = Period(period.index, self.opens_at, period.ends_at)
        return period if self.subscription.ends_at is None else period.cut_at(self.subscription.ends_at)

    def key(self, period: Period) -> PoolKey:
        """The name of an allowance period."""
        return (self.subscription.id, self.entitlement.feature.id, period.index)

    def charges(self, at: Instant) -> bool:
        """Whether it bills what is above at an instant: not in a trial."""
        beyond = self.entitlement.beyond
        return beyond is not None and beyond.charge == "usage" and not self.subscription.in_trial(at)

    def begins_within(self, period: Period) -> bool:
        """Whether a change began it in an allowance period: what was used of the old one's then counts against it.

        The end of a trial begins anew.
        """
        one = self.subscription
        if not one.follows or self.entitlement.feature.meter.aggregate not in _COUNTED:
            return False
        return not self.entitlement.feature.held and period.contains(one.started_at)

    def order(self, period: Period) -> tuple[bool, Fraction, int, Instant, str]:
        """Which allowance pays first: shortest reset, soonest to end, oldest."""
        length = self.schedule.interval.approximate_days
        ends_at = _FOREVER if period.ends_at is None else period.ends_at
        return (length is None, length or ZERO, ends_at, self.subscription.started_at, self.subscription.id)

    def included(self, period: Period, rolled: Fraction) -> Fraction | None:
        """The units it includes in a period, with what was bought ahead and what rolled in; None: unlimited.

        Quantities count as they are at the period's end: bought within it they serve it whole.
        """
        entitlement, subscription = self.entitlement, self.subscription
        if entitlement.included is None and entitlement.own_allowance:
            return None
        last = self.opens_at if period.ends_at is None else Instant(max(period.ends_at - 1, period.starts_at))
        if period.ends_at is None and subscription.steps:
            last = _FOREVER
        units = ZERO
        if entitlement.own_allowance and entitlement.included:
            units = Fraction(entitlement.included) * subscription.quantity_at(last)
        if entitlement.prorate_allowance:
            full = self.schedule.full_period(period.index)
            units *= share(subscription, period.starts_at, period, full).part
        return plus(units, bought(subscription, self.entitlement.feature.id, last), rolled)


def bought(subscription: Subscription, feature: str, at: Instant) -> Fraction:
    """The prepaid units above the allowance at an instant: totals are with the allowance."""
    if not subscription.quantities and not subscription.steps:
        return ZERO
    included = subscription.terms.features[feature].included
    total = subscription.quantities_at(at).get(feature)
    return ZERO if included is None or total is None else max(Fraction(total - included), ZERO)


@dataclass(frozen=True, slots=True)
class Reading:
    """How the units of a feature in a stretch are measured: a window's total, less that of the window before.

    `before` is the window that ends where the stretch begins, for meters whose units are no sum; None: nothing.
    """

    window: UsageWindow
    before: UsageWindow | None
    entitlement: Entitlement


@dataclass(frozen=True, slots=True)
class Place:
    """One feature in one stretch of time, before anything was measured."""

    reading: Reading
    allowances: tuple[tuple[Grantor, Period], ...]
    account: PoolKey
    spends: Mapping[str, Fraction]
    grants: tuple[Grant, ...]

    @property
    def feature(self) -> str:
        """The feature's id."""
        return self.reading.window.feature


Course = tuple[tuple[Place, ...], ...]
"""Stretches in time order, the features of each so ordered that every one stands before what it spends."""


@dataclass(slots=True)
class LineUp:
    """One customer's subscriptions and wallets. `rolled` is what rolled into allowance periods, by their key.

    `present` maps a feature's former id, as old terms have it, to its present one, as wallets have it.
    """

    subscriptions: Sequence[Subscription]
    grants: Sequence[Grant] = ()
    rolled: dict[PoolKey, Fraction] = field(default_factory=dict)
    present: Mapping[str, str] = field(default_factory=dict)
    _grantors: dict[str, tuple[Grantor, ...]] = field(default_factory=dict)
    _feeders: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def grantors(self, feature: str) -> tuple[Grantor, ...]:
        """The subscriptions that grant a metered feature from their start on, oldest first."""
        if feature not in self._grantors:
            found = (_grantor(one, feature) for one in self.subscriptions)
            several = [one for one in found if one is not None]
            several.sort(key=lambda one: (one.subscription.started_at, one.subscription.id))
            self._grantors[feature] = tuple(several)
        return self._grantors[feature]

    def holder(self, feature: str, at: Instant) -> Grantor | None:
        """Who answers for what no allowance covers: the oldest that charges for it, else closes it, else grants it."""
        granting = [one for one in self.grantors(feature) if one.open_at(at)]
        if len(granting) < 2:
            return granting[0] if granting else None
        charging = [one for one in granting if one.charges(at)]
        closing = [one for one in granting if _closes(one)]
        return next(iter((*charging, *closing, *granting)), None)

    def used_before(self, one: Grantor, period: Period) -> tuple[PoolKey, ...]:
        """The allowance periods whose used units count against one that a change began, the latest first."""
        found: list[PoolKey] = []
        for old, cut in self._cut_short(one, period):
            found.append(old.key(cut))
        return tuple(found)

    def _cut_short(self, one: Grantor, period: Period) -> Iterator[tuple[Grantor, Period]]:
        """The allowance periods that changes cut short before `period`, each with who granted it."""
        while one.begins_within(period):
            follows = one.subscription.follows
            at = one.subscription.started_at
            old = next((other for other in self.grantors_of(one) if other.subscription.id == follows), None)
            if (
                old is None
                or not old.opens_at < at
                or old.subscription.in_trial(Instant(at - 1)) != (one.subscription.in_trial(at))
            ):
                return
            cut = old.period_at(Instant(at - 1))
            if old.schedule.period(cut.index).ends_at == at:
                return
            yield old, cut
            one, period = old, cut

    def grantors_of(self, one: Grantor) -> tuple[Grantor, ...]:
        """Who grants the same feature."""
        return self.grantors(one.entitlement.feature.id)

    def grants_for(self, feature: str) -> tuple[Grant, ...]:
        """The grants that can pay for a feature, under whatever id the terms have it."""
        if not self.grants:
            return ()
        name = self.present.get(feature, feature)
        return tuple(one for one in self.grants if one.feature == name)

    def feeders(self, feature: str) -> tuple[str, ...]:
        """The features whose units draw on `feature` in any subscription, directly or through others."""
        if feature not in self._feeders:
            found: dict[str, None] = {}
            ahead = [feature]
            while ahead:
                target = ahead.pop()
                for subscription in self.subscriptions:
                    for name, entitlement in subscription.terms.features.items():
                        fresh = name not in found and name != feature
                        if fresh and entitlement.granted and target in passes_on_to(entitlement):
                            found[name] = None
                            ahead.append(name)
            self._feeders[feature] = tuple(found)
        return self._feeders[feature]

    def _place_in_line(self, feature: str) -> tuple[int, str]:
        """Where a feature stands among others: after all that draws on it."""
        return (len(self.feeders(feature)), feature)

    def course(self, feature: str, since: Instant, until: Instant) -> Course:
        """Everything that decides who pays for `feature` from `since` to `until`.

        It begins earlier where an allowance that is open at `since` was, and was drawn on before.
        """
        alone = self._only_place(feature, since, until)
        return self.walked(feature, since, until) if alone is None else ((alone,),)

    def walked(self, feature: str, since: Instant, until: Instant) -> Course:
        """The same, from everything that opens and closes on the way: what `course` is when it looks no closer."""
        begins = self._begins(feature, since, until)
        features = sorted(begins, key=self._place_in_line)
        cuts = self._cuts(features, min(begins.values()), until, since)
        stretches = []
        for start, end in pairwise(cuts):
            places = (
                self._place(name, start, end, start >= since) for name in features if begins[name] <= start
            )
            stretches.append(tuple(place for place in places if place is not None))
        return tuple(stretches)

    def _only_place(self, feature: str, since: Instant, until: Instant) -> Place | None:
        """The one place of a course in which nothing opens or closes and nothing else matters, as nearly always.

        One grantor, which passes nothing on, from the beginning of one of its periods; None for anything else.
        """
        several = self.grantors(feature)
        if len(several) != 1 or self.grants or self.feeders(feature):
            return None
        (one,) = several
        if one.subscription.follows or one.opens_at > since or until > one.closes_at:
            return None
        period = one.period_at(since)
        if period.starts_at != since or period.ends_at is None or until > period.ends_at:
            return None
        if passes_on_to(one.entitlement):
            return None
        return Place(_reading(one, period, since, until), ((one, period),), one.key(period), _NOTHING, ())

    def _begins(self, feature: str, since: Instant, until: Instant) -> dict[str, Instant]:
        """From when on each feature that matters has to be walked."""
        begins = {feature: self._back(feature, since)}
        for name in self.feeders(feature):
            begins[name] = self._back(name, begins[feature])
        return begins

    def _back(self, feature: str, since: Instant) -> Instant:
        """The latest instant at or before `since` at which no allowance of the feature had been drawn on."""
        while True:
            open_then = [(one, one.period_at(since)) for one in self.grantors(feature) if one.open_at(since)]
            starts = [period.starts_at for _, period in open_then]
            starts += [cut.starts_at for one, period in open_then for _, cut in self._cut_short(one, period)]
            earliest = min((start for start in starts if start < since), default=since)
            if earliest == since:
                return since
            since = earliest

    def _cuts(self, features: Iterable[str], begin: Instant, end: Instant, since: Instant) -> list[Instant]:
        """The instants at which something opens or closes, from `begin` to `end`, both with them."""
        cuts = {begin, end, since}
        for feature in features:
            for one in self.grantors(feature):
                cuts |= {at for at in _bounds(one, begin, end) if begin < at < end}
            for grant in self.grants_for(feature):
                life = (grant.granted_at, grant.expires_at)
                cuts |= {at for at in life if at is not None and since < at < end}
        return sorted(cuts)

    def _place(self, feature: str, start: Instant, end: Instant, pays: bool) -> Place | None:
        """A feature in one stretch; `pays`: whether wallets count in it, which they do not before it is asked about."""
        holder = self.holder(feature, start)
        if holder is None:
            return None
        period = holder.period_at(start)
        granting = [one for one in self.grantors(feature) if one.open_at(start)]
        pools = [(one, one.period_at(start)) for one in granting]
        if len(pools) > 1:
            pools.sort(key=lambda pair: pair[0].order(pair[1]))
        spends = passes_on_to(holder.entitlement)
        alive: tuple[Grant, ...] = ()
        if pays and not spends:
            alive = tuple(one for one in self.grants_for(feature) if one.lives(start))
        # Terms of two subscriptions may spend in a circle, which no single catalog plan can: it ends here.
        onward = {
            target: ratio
            for target, ratio in spends.items()
            if self._place_in_line(target) > self._place_in_line(feature)
        }
        return Place(_reading(holder, period, start, end), tuple(pools), holder.key(period), onward, alive)

    def entries(self, course: Course, totals: Totals) -> Iterator[tuple[Entry, ...]]:
        """The stretches with what was used in each, as `draining.drain` takes them."""
        units = _units(course, totals)
        for number, stretch in enumerate(course):
            yield tuple(
                Entry(
                    place.feature,
                    units[(number, place.feature)],
                    tuple(
                        Allowance(
                            one.key(period),
                            one.included(period, self.rolled.get(one.key(period), ZERO)),
                            self.used_before(one, period),
                        )
                        for one, period in place.allowances
                    ),
                    place.account,
                    place.spends,
                    place.grants,
                )
                for place in stretch
            )


def windows_of(course: Course) -> Iterator[UsageWindow]:
    """Every window whose total `LineUp.entries` will ask for."""
    for stretch in course:
        for place in stretch:
            yield place.reading.window
            if place.reading.before is not None:
                yield place.reading.before


def _grantor(subscription: Subscription, feature: str) -> Grantor | None:
    entitlement = subscription.terms.features.get(feature)
    if entitlement is None or not entitlement.granted or entitlement.feature.type != "metered":
        return None
    pay = Interval.parse(subscription.pay)
    charged = entitlement.beyond is not None and entitlement.beyond.charge == "usage"
    reset = closing_reset(entitlement, pay) if charged else effective_reset(entitlement, pay)
    opens_at = Instant(max(subscription.started_at, subscription.anchor_at))
    closes_at = _FOREVER if subscription.ends_at is None else subscription.ends_at
    return Grantor(
        subscription, entitlement, allowance_schedule(subscription, reset), reset, opens_at, closes_at
    )


def _closes(one: Grantor) -> bool:
    feature = one.entitlement.feature.id
    return any(feature in several for several in closed_features(one.subscription).values())


def _bounds(one: Grantor, begin: Instant, end: Instant) -> Iterator[Instant]:
    """Where allowance periods of a grantor begin and end between two instants."""
    at = Instant(max(begin, one.opens_at))
    if at >= end or at >= one.closes_at:
        return
    yield one.opens_at
    while at < end and at < one.closes_at:
        period = one.period_at(at)
        if period.ends_at is None:
            return
        yield period.ends_at
        at = period.ends_at


def _reading(holder: Grantor, period: Period, start: Instant, end: Instant) -> Reading:
    """A sum is measured stretch by stretch; all else from the period's start on, as what it rose by."""
    entitlement, subscription = holder.entitlement, holder.subscription
    span_ends_at = end if period.ends_at is None else period.ends_at

    def window(since: Instant, until: Instant) -> UsageWindow:
        return UsageWindow(
            subscription.id,
            subscription.customer,
            entitlement.feature.id,
            since,
            until,
            span_ends_at,
            "peak" if entitlement.feature.held else "total",
        )

    if _is_additive(entitlement):
        return Reading(window(start, end), None, entitlement)
    before = window(period.starts_at, start) if start > period.starts_at else None
    return Reading(window(period.starts_at, end), before, entitlement)


def _is_additive(entitlement: Entitlement) -> bool:
    meter = entitlement.feature.meter
    return meter.aggregate in _ADDITIVE and not entitlement.feature.held and meter.rounding is None


def _units(course: Course, totals: Totals) -> dict[tuple[int, str], Fraction]:
    """The units of every feature in every stretch, none below 0."""
    found: dict[tuple[int, str], Fraction] = {}
    of_account: dict[PoolKey, list[tuple[int, str]]] = {}
    for number, stretch in enumerate(course):
        for place in stretch:
            found[(number, place.feature)] = _rise(place.reading, totals)
            of_account.setdefault(place.account, []).append((number, place.feature))
    for places in of_account.values():
        if len(places) == 1:
            found[places[0]] = max(found[places[0]], ZERO)
        elif any(found[place] < 0 for place in places):
            found |= zip(places, taken_back([found[place] for place in places]), strict=True)
    return found


def _rise(reading: Reading, totals: Totals) -> Fraction:
    meter = reading.entitlement.feature.meter
    total = totals.get(reading.window.key, ZERO)
    before = ZERO if reading.before is None else totals.get(reading.before.key, ZERO)
    if meter.rounding is None:
        return total - before if before else total
    return rounded(meter, total) - rounded(meter, before)
