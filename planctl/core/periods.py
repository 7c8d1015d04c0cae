"""Knows intervals, anchors and the billing periods they cut out of time. It knows no price and no clock.

Boundary k of a schedule is always counted from the original anchor, on the local calendar, so a schedule that
starts on the 31st never drifts. Periods are half-open: the instant of a boundary belongs to the new period.
Source: planctl billing rules, time and proration.
"""

from __future__ import annotations

import re
from dataclasses import field, replace
from datetime import date, datetime, timedelta
from fractions import Fraction
from functools import lru_cache, total_ordering
from typing import Literal, Self, TypeVar
from zoneinfo import ZoneInfo

from planctl.core.instants import (
    DAY,
    Instant,
    InstantError,
    ZoneError,
    add_local_days,
    at_local_time,
    beyond_calendar,
    days_between,
    first_instant,
    in_calendar,
    instant_text,
    local_date,
    local_time,
    missing_days,
    parse_date,
    parse_instant,
    zone,
)
from planctl.core.unreadable import Unreadable
from planctl.values import dataclass

__all__ = [
    "Anchor",
    "AnchorError",
    "Instant",
    "InstantError",
    "Interval",
    "IntervalError",
    "Period",
    "Schedule",
    "ZoneError",
    "add_local_days",
    "day_fraction",
    "days_between",
    "first_instant",
    "instant_text",
    "local_date",
    "parse_date",
    "parse_instant",
    "second_fraction",
    "zone",
]

Unit = Literal["once", "day", "week", "month", "year"]
AnchorKind = Literal["start", "calendar", "day"]

_UNITS: tuple[Unit, ...] = ("once", "day", "week", "month", "year")
_ADVERBS = {"day": "Daily", "week": "Weekly", "month": "Monthly", "year": "Yearly"}
_LONGEST = {"once": 1, "day": 36_525, "week": 5_218, "month": 1_200, "year": 100}
_CALENDAR_BLOCKS = (1, 3, 6, 12)  # months that start where the calendar's month, quarter, half or year does
_MEAN_MONTH = Fraction(146_097, 4_800)  # days: 400 Gregorian years hold 146,097 days and 4,800 months
_INTERVAL_FIX = "write once, day, week, month or year, or a count such as 3 months"


class IntervalError(Unreadable):
    """A text is no interval, or an interval is longer than a century."""


class AnchorError(Unreadable):
    """A text is no anchor, or the anchor does not fit the interval."""


@total_ordering
@dataclass(frozen=True, slots=True)
class Interval:
    """How long a billing or allowance period is: some days, weeks, months or years, or `once` (no end).

    Ordered by length, by the mean Gregorian month where units differ; `once` is longest. `count` is 1 or
    more, a hundred years at most (IntervalError).
    """

    unit: Unit
    count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.count <= _LONGEST[self.unit]:
            fix = f"write a count from 1 to {_LONGEST[self.unit]}"
            raise IntervalError(f"{self.count} {self.unit}s is not an interval", fix)

    @staticmethod
    @lru_cache(maxsize=256)
    def parse(text: str) -> Interval:
        """Read `once`, `day`, `week`, `month`, `year`, or a count such as `2 weeks`; else IntervalError.

        A run reads the same few texts for every subscription, so the answers are kept.
        """
        match = re.fullmatch(r"(?:([1-9][0-9]{0,5}) )?(day|week|month|year)(s?)|once", text, re.ASCII)
        if match is None or (match[3] and not match[1]):
            fix = "write 3 months" if text in {"quarter", "quarterly"} else _INTERVAL_FIX
            raise IntervalError(f"{text[:64]!a} is not an interval", fix)
        unit = next(unit for unit in _UNITS if unit == (match[2] or "once"))
        return Interval(unit, int(match[1] or 1))

    def __str__(self) -> str:
        return self.unit if self.count == 1 else f"{self.count} {self.unit}s"

    def __lt__(self, other: Interval) -> bool:
        return self._size() < other._size()

    @property
    def label(self) -> str:
        """The interval for people: `Monthly`, `Yearly`, `One-off`; a count goes before, with a times sign."""
        if self.unit == "once":
            return "One-off"
        return _ADVERBS[self.unit] if self.count == 1 else f"{self.count}\u00d7 {_ADVERBS[self.unit]}"

    @property
    def months(self) -> int:
        """The length in calendar months; 0 for days, weeks and `once`."""
        return {"month": self.count, "year": 12 * self.count}.get(self.unit, 0)

    @property
    def days(self) -> int:
        """The length in local days; 0 for months, years and `once`."""
        return {"day": self.count, "week": 7 * self.count}.get(self.unit, 0)

    @property
    def approximate_days(self) -> Fraction | None:
        """The mean length in days (a month is 146097/4800), to compare intervals; None for `once`."""
        return None if self.unit == "once" else self.days + self.months * _MEAN_MONTH

    @property
    def monthly_equivalent(self) -> Fraction | None:
        """The length in months: exact for months and years, by the mean month for days and weeks.

        What a fee is divided by to compare it per month. None for `once`, which is never repeated.
        """
        return None if self.unit == "once" else self.months + self.days / _MEAN_MONTH

    def divides(self, longer: Interval) -> bool:
        """Whether whole periods of this interval always fill one of `longer` on the same anchor.

        A month divides a year, a day divides everything but `once`; a week divides no month.
        """
        if self.months:
            return bool(longer.months) and longer.months % self.months == 0
        if self.days:
            return longer.days % self.days == 0 if longer.days else bool(longer.months) and self.days == 1
        return longer.unit == "once"

    def _size(self) -> tuple[bool, Fraction, int, int]:
        return self.unit == "once", self.approximate_days or Fraction(), _UNITS.index(self.unit), self.count


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where boundaries lie: at the start's own day and time, on the calendar's, or on a day of the month.

    `day` is 1 to 31 for kind `day` (31 means the last day of a shorter month), else None.
    """

    kind: AnchorKind
    day: int | None = None

    def __post_init__(self) -> None:
        if self.kind == "day" and not 1 <= (self.day or 0) <= 31:
            raise AnchorError(f"a month has no day {self.day}", "write day 1 to day 31")
        assert self.kind == "day" or self.day is None, f"anchor {self.kind} has no day"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `start`, `calendar` or `day 17`; else AnchorError."""
        match = re.fullmatch(r"day ([1-9][0-9]?)", text, re.ASCII)
        if match:
            return cls("day", int(match[1]))
        if text == "start":
            return cls("start")
        if text == "calendar":
            return cls("calendar")
        raise AnchorError(f"{text[:64]!a} is not an anchor", "write start, calendar or a day such as day 17")

    def __str__(self) -> str:
        return f"day {self.day}" if self.kind == "day" else self.kind


@dataclass(frozen=True, slots=True)
class Period:
    """A numbered half-open stretch of time `[starts_at, ends_at)`; `ends_at` is None where it stays open."""

    index: int
    starts_at: Instant
    ends_at: Instant | None

    def contains(self, instant: Instant) -> bool:
        """Whether the instant lies in the period: its first instant does, its end does not."""
        return self.starts_at <= instant and (self.ends_at is None or instant < self.ends_at)

    def cut_at(self, end: Instant) -> Period:
        """Return the period ended at `end` where that comes before its own end (a subscription that ends)."""
        assert end >= self.starts_at, f"period {self.index} cannot end before it starts"
        return self if self.ends_at is not None and self.ends_at <= end else replace(self, ends_at=end)

    def keeps_no_day(self, tz: ZoneInfo) -> bool:
        """Whether it ends on the local day on which it starts: cut there, it leaves that day to the next period."""
        return self.ends_at is not None and local_date(self.starts_at, tz) == local_date(self.ends_at, tz)


@dataclass(frozen=True, slots=True)
class _Grid:
    """The regular boundaries under a schedule: number 0 at local time `first`, then one every step."""

    tz: ZoneInfo
    first: datetime
    months: int
    days: int
    day: int  # the day of the month that boundaries come back to after a short month

    def at(self, number: int) -> Instant:
        """The instant of a boundary, which may come before number 0. InstantError after the year 9999."""
        try:
            local = self._month_later(number) if self.months else self._days_later(number)
            return in_calendar(at_local_time(local, self.tz))
        except (OverflowError, ValueError) as problem:
            if isinstance(problem, InstantError):
                raise
            raise beyond_calendar() from None

    def near(self, day: date) -> int:
        """The number of a boundary at most two away from that local day."""
        if self.months:
            return ((day.year - self.first.year) * 12 + day.month - self.first.month) // self.months
        return days_between(self.first.date(), day) // self.days

    def _month_later(self, number: int) -> datetime:
        year, month = divmod(self.first.year * 12 + self.first.month - 1 + number * self.months, 12)
        return self.first.replace(
            year=year, month=month + 1, day=min(self.day, _days_in_month(year, month + 1))
        )

    def _days_later(self, number: int) -> datetime:
        local = self.first + timedelta(days=number * self.days)
        if self.days == 1:  # a period of no days at all must not be: days that never were are stepped over
            for missing in missing_days(self.tz) if number > 0 else ():
                local += DAY if self.first.date() < missing <= local.date() else timedelta()
            for missing in reversed(missing_days(self.tz)) if number < 0 else ():
                local -= DAY if local.date() <= missing < self.first.date() else timedelta()
        return local


Key = TypeVar("Key")
Value = TypeVar("Value")

_REMEMBERED = 64
"""How many boundaries and periods a schedule remembers: deciding asks for the few around now again and again."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """The periods of one subscription, add-on or allowance: boundary 0 is its start, the rest follow.

    Anchor `start`: boundary k is the start's wall clock time k intervals later, its day cut to the month's
    last and restored later. `calendar`: the first instants of months, quarters (3 months), half years (6
    months), years, Mondays or days; other counts run in whole blocks from the next first of the month (year,
    week, day). `day N`: that day of the month, in the start's month where it is still to come, else one
    interval later; for months and years only (AnchorError). A start off the grid makes period 0 a stub. A
    daily schedule steps over a day that its zone left out.

    An allowance schedule is another Schedule with the same `anchor_at`: with anchor `start` its boundaries
    include those of every interval that its own divides (but for one that falls on a day left out).

    From each of `anchors`, instants later than `anchor_at` in time order, boundaries are counted anew as from a
    start; the period before it is cut there, and the numbers go on.
    """

    anchor_at: Instant
    interval: Interval
    anchor: Anchor
    zone_name: str
    anchors: tuple[Instant, ...] = ()
    _grid: _Grid = field(init=False, repr=False, compare=False)
    _stub: bool = field(init=False, repr=False, compare=False)
    _next: Schedule | None = field(init=False, repr=False, compare=False, default=None)
    _count: int = field(init=False, repr=False, compare=False, default=0)
    _boundaries: dict[int, Instant] = field(init=False, repr=False, compare=False, default_factory=dict)
    _periods: dict[int, Period] = field(init=False, repr=False, compare=False, default_factory=dict)
    _indexes: dict[Instant, int] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        if self.anchor.kind == "day" and not self.interval.months and self.interval.unit != "once":
            raise AnchorError(
                f"anchor {self.anchor} does not fit an interval of {self.interval}",
                "use a month or year interval, or anchor start or calendar",
            )
        grid = _grid_of(self)
        object.__setattr__(self, "_grid", grid)
        stub = self.interval.unit != "once" and self.anchor.kind != "start" and grid.at(0) != self.anchor_at
        object.__setattr__(self, "_stub", stub)
        if self.anchors:
            first, *later = self.anchors
            assert first > self.anchor_at, "a schedule is anchored anew after it starts"
            object.__setattr__(self, "_count", self._own_index_at(Instant(first - 1)) + 1)
            following = Schedule(first, self.interval, self.anchor, self.zone_name, tuple(later))
            object.__setattr__(self, "_next", following)

    @property
    def starts_with_stub(self) -> bool:
        """Whether period 0 is shorter than the interval, because the start lies between two boundaries."""
        return self._stub

    def boundary(self, k: int) -> Instant:
        """Return boundary k, from 0: where period k starts and period k - 1 ends. They strictly increase.

        InstantError for one after the year 9999. A `once` schedule has boundary 0 alone, and its anchors.
        """
        if self._next is not None and k >= self._count:
            return self._next.boundary(k - self._count)
        return self._own_boundary(k)

    def period(self, k: int) -> Period:
        """Return period k, from 0; the last one of a `once` schedule stays open."""
        found = self._periods.get(k)
        if found is None:
            found = _remember(self._periods, k, self._period(k))
        return found

    def _period(self, k: int) -> Period:
        if self._next is not None and k >= self._count:
            return replace(self._next.period(k - self._count), index=k)
        own = self._own_period(k)
        return own if self._next is None else own.cut_at(self._next.anchor_at)

    def period_at(self, instant: Instant) -> Period:
        """Return the period that contains an instant at or after the start."""
        return self.period(self.index_at(instant))

    def full_period(self, k: int) -> Period:
        """Return the whole anchored period that period k is or, being a stub or cut, is a part of."""
        if self._next is not None and k >= self._count:
            return replace(self._next.full_period(k - self._count), index=k)
        if k == 0 and self._stub:
            return Period(0, self._grid.at(-1), self._grid.at(0))
        return self.period(k) if self._next is None else self._own_period(k)

    def index_at(self, instant: Instant) -> int:
        """Return the number of the period that contains an instant at or after the start.

        An instant on a boundary opens the new period.
        """
        if self._next is not None and instant >= self._next.anchor_at:
            return self._count + self._next.index_at(instant)
        return self._own_index_at(instant)

    def _own_boundary(self, k: int) -> Instant:
        assert k == 0 or (k > 0 and self.interval.unit != "once"), f"{self.interval} has no boundary {k}"
        if k == 0:
            return self.anchor_at
        found = self._boundaries.get(k)
        if found is None:
            found = _remember(self._boundaries, k, self._grid.at(k - self._stub))
        return found

    def _own_period(self, k: int) -> Period:
        if self.interval.unit == "once":
            assert k == 0, f"a one-off has no period {k}"
            return Period(0, self.anchor_at, None)
        return Period(k, self._own_boundary(k), self._own_boundary(k + 1))

    def _own_index_at(self, instant: Instant) -> int:
        known = self._indexes.get(instant)
        if known is not None:
            return known
        assert instant >= self.anchor_at, f"{instant_text(instant)} is before the schedule starts"
        if self.interval.unit == "once":
            return 0
        k = max(0, self._grid.near(local_date(instant, self._grid.tz)) + self._stub)
        while self._own_boundary(k) > instant:
            k -= 1
        while self._own_boundary(k + 1) <= instant:
            k += 1
        return _remember(self._indexes, instant, k)


def day_fraction(change_at: Instant, period: Period, full_period: Period, tz: ZoneInfo) -> Fraction:
    """Return which part of a whole period lies from a change to the period's end, in local days.

    The day of the change belongs to the new terms. The denominator is the whole anchored period even when
    `period` is a stub or was cut, never what is left of it. 1 for a change at or before the start of a whole
    period, 0 for one on the day of its end or later. Source: planctl billing rules, fees; one default.
    """
    start, end = _closed(period)
    full_start, full_end = _closed(full_period)
    whole = days_between(local_date(full_start, tz), local_date(full_end, tz))
    left = days_between(local_date(max(change_at, start), tz), local_date(end, tz))
    if whole <= 0:  # less than one local day long, in a zone whose clocks jump across midnight
        return Fraction(int(change_at < end))
    return min(Fraction(max(left, 0), whole), Fraction(1))


def second_fraction(change_at: Instant, period: Period, full_period: Period) -> Fraction:
    """Return which part of a whole period lies from a change to the period's end, by elapsed time."""
    start, end = _closed(period)
    full_start, full_end = _closed(full_period)
    return Fraction(max(end - max(change_at, start), 0), full_end - full_start)


def _closed(period: Period) -> tuple[Instant, Instant]:
    assert period.ends_at is not None, "a period without an end has no parts"
    return period.starts_at, period.ends_at


def _remember(known: dict[Key, Value], key: Key, value: Value) -> Value:
    """Keep a value that was worked out; a dictionary that has grown full begins anew."""
    if len(known) >= _REMEMBERED:
        known.clear()
    known[key] = value
    return value


@lru_cache(maxsize=2048)
def schedule_of(
    anchor_at: Instant, interval: Interval, anchor: Anchor, zone_name: str, anchors: tuple[Instant, ...] = ()
) -> Schedule:
    """The schedule of these values, made once: a customer's subscriptions and their allowances often share it."""
    return Schedule(anchor_at, interval, anchor, zone_name, anchors)


def _grid_of(schedule: Schedule) -> _Grid:
    """The grid of a schedule, its number 0 at the start or, off the grid, at the first boundary after it."""
    tz = zone(schedule.zone_name)
    interval = schedule.interval
    start = local_time(schedule.anchor_at, tz)
    own = _Grid(tz, start, interval.months, interval.days, start.day)
    if schedule.anchor.kind == "start" or interval.unit == "once":
        return own
    today = datetime.combine(start.date(), datetime.min.time())
    if schedule.anchor.day is not None:
        blocks = replace(own, first=today, day=schedule.anchor.day)
    elif interval.months:
        step = interval.months if interval.months in _CALENDAR_BLOCKS else _block_unit(interval)
        opened = today.replace(month=(today.month - 1) // step * step + 1, day=1)
        blocks = _Grid(tz, opened, step, 0, 1)
    else:
        back = today.weekday() if interval.unit == "week" else 0
        blocks = _Grid(tz, today - back * DAY, 0, 7 if interval.unit == "week" else 1, today.day)
    number = next(number for number in range(4) if blocks.at(number) >= schedule.anchor_at)
    first = blocks._month_later(number) if blocks.months else blocks._days_later(number)
    return _Grid(tz, first, interval.months, interval.days, blocks.day)


def _block_unit(interval: Interval) -> int:
    return 12 if interval.unit == "year" else 1


def _days_in_month(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in {4, 6, 9, 11} else 31
