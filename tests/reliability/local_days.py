"""Periods and amounts as the billing rules have them, worked out a second time: nothing of planctl is asked.

Local times are naive datetimes; instants are UTC microseconds; amounts are minor units. It knows calendars, zones and
fractions.
Source: planctl billing rules, time, rounding and fees.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from math import floor
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1)
DAY = timedelta(days=1)


def instant_of(local: datetime, tz: ZoneInfo) -> int:
    """The instant of a local time: the earlier one of two, and the first after it where there is none."""
    before = local - _offset(local, tz, fold=0)
    if _local_of(before, tz) == local:
        return _micros(before)
    since, until = local - _offset(local, tz, fold=1) - DAY, before
    while until - since > timedelta(microseconds=1):  # the clock jumps somewhere between the two
        middle = since + (until - since) / 2
        since, until = (since, middle) if _local_of(middle, tz) >= local else (middle, until)
    return _micros(until)


def local_of(instant: int, tz: ZoneInfo) -> datetime:
    """What the clock on the wall shows at an instant."""
    return _local_of(EPOCH + timedelta(microseconds=instant), tz)


def _offset(local: datetime, tz: ZoneInfo, *, fold: int) -> timedelta:
    return local.replace(tzinfo=tz, fold=fold).utcoffset() or timedelta()


def _local_of(utc: datetime, tz: ZoneInfo) -> datetime:
    return utc.replace(tzinfo=UTC).astimezone(tz).replace(tzinfo=None, fold=0)


def _micros(utc: datetime) -> int:
    return (utc - EPOCH) // timedelta(microseconds=1)


def day_exists(day: date, tz: ZoneInfo) -> bool:
    """Whether a zone has had the day: Samoa had no 30 December 2011."""
    noon = datetime(day.year, day.month, day.day, 12)
    return _local_of(noon - _offset(noon, tz, fold=0), tz).date() == day


def months_after(local: datetime, months: int, day: int) -> datetime:
    """That day of the month so many months later, or its last day, at the same time of the day."""
    year, month = divmod(local.year * 12 + local.month - 1 + months, 12)
    return local.replace(year=year, month=month + 1, day=min(day, monthrange(year, month + 1)[1]))


def cents(exact: Fraction) -> int:
    """Half a cent counts as one, away from zero."""
    rounded = floor(abs(exact) + Fraction(1, 2))
    return rounded if exact >= 0 else -rounded


def days(since: datetime, until: datetime) -> int:
    """The local days from one on, without the other."""
    return (until.date() - since.date()).days


@dataclass(frozen=True, slots=True)
class Period:
    """A period, and the whole one that it is or of which it is the first part."""

    starts: datetime
    ends: datetime
    whole_starts: datetime

    def share(self, since: datetime, until: datetime) -> Fraction:
        """Which part of the whole the days between are."""
        return Fraction(days(since, until), days(self.whole_starts, self.ends))


@dataclass(frozen=True, slots=True)
class Cadence:
    """How often, counted from the start, by the calendar, or from a day of the month (`day 31`)."""

    unit: str
    count: int = 1
    anchor: str = "start"

    def __str__(self) -> str:
        return self.unit if self.count == 1 else f"{self.count} {self.unit}s"

    def periods(self, start: datetime, tz: ZoneInfo) -> Iterator[Period]:
        """Every period from a start on, for ever."""
        first, number = self._first(start), 0
        if first > start:
            yield Period(start, first, self._step(first, -1, tz))
        while True:
            begins = start if first <= start and not number else self._step(first, number, tz)
            yield Period(begins, self._step(first, number + 1, tz), self._step(first, number, tz))
            number += 1

    def _first(self, start: datetime) -> datetime:
        """The first boundary at or after the start."""
        midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
        if self.anchor == "start":
            return start
        if self.unit == "week":
            found = midnight - DAY * midnight.weekday()
        elif self.anchor == "calendar":
            months = self.count * (12 if self.unit == "year" else 1)
            found = months_after(midnight, -((midnight.month - 1) % months), 1)
        else:
            found = months_after(midnight, 0, self._day(start))
        return found if found >= start else self._step(found, 1, None)

    def _day(self, start: datetime) -> int:
        if self.anchor == "start":
            return start.day
        return 1 if self.anchor == "calendar" else int(self.anchor.removeprefix("day "))

    def _step(self, first: datetime, number: int, tz: ZoneInfo | None) -> datetime:
        length = self.count * number
        if self.unit in {"month", "year"}:
            return months_after(first, length * (12 if self.unit == "year" else 1), self._day(first))
        found = first + DAY * length * (7 if self.unit == "week" else 1)
        if self.unit == "day" and self.count == 1 and tz is not None and not _all_days(first, found, tz):
            found += DAY
        return found


GAPS = {"Pacific/Apia": date(2011, 12, 30), "Pacific/Fakaofo": date(2011, 12, 30)}
"""The days that zones left out in the years looked at here."""


def _all_days(first: datetime, until: datetime, tz: ZoneInfo) -> bool:
    missing = GAPS.get(str(tz))
    return missing is None or day_exists(missing, tz) or not first.date() < missing <= until.date()
