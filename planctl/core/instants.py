"""Knows instants, time zones and local days, and how they meet. It knows no billing period and no clock.

An instant is whole microseconds since 1970-01-01T00:00:00Z. Differences are taken between instants or between
local dates, never between local times, so no hour is lost or gained where the clocks change.
Source: planctl billing rules, time; IANA time zone database through `zoneinfo`.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import NewType
from zoneinfo import ZoneInfo, available_timezones

from planctl.core.unreadable import Unreadable

Instant = NewType("Instant", int)
"""Microseconds since the epoch, UTC. Zero is 1970-01-01T00:00:00Z."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
DAY = timedelta(days=1)

MINUTE_MICROSECONDS = 60_000_000
HOUR_MICROSECONDS = 3_600_000_000
DAY_MICROSECONDS = 86_400_000_000
"""Lengths of time between instants. A local day is not always one: see `add_local_days`."""

LATEST = Instant((datetime(9999, 12, 31, tzinfo=UTC) - EPOCH) // MICROSECOND - 1)
"""The last instant there is: one microsecond before 9999-12-31 UTC, so that every zone can still show it."""

FOREVER = 253_402_300_799_999_999
"""The end of what has none, where it must be a number: the last microsecond of the year 9999."""

_ZONE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*", re.ASCII)
_NOT_ZONES = ("posix/", "right/", "localtime", "posixrules", "Factory")  # leap seconds, or this machine's own
_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})", re.ASCII)
_TIMESTAMP = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))",
    re.ASCII,
)
_EXAMPLES = "write a date (2026-01-31) or a time with its zone (2026-01-31T09:30:00Z)"


class InstantError(Unreadable):
    """A text is no date or time, or a time lies outside the years 1970 to 9999."""


class ZoneError(Unreadable):
    """A name is not one of the time zones of the IANA database."""


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """Return the time zone of that name (`Europe/Berlin`, `UTC`), or raise ZoneError with a near miss."""
    if _ZONE_NAME.fullmatch(name) and not name.startswith(_NOT_ZONES):
        try:
            return ZoneInfo(name)
        except (OSError, ValueError, KeyError):  # a folder, a damaged file, a name that nobody knows
            pass
    raise ZoneError(f"{name[:64]!a} is not a time zone", _near_zone(name[:64]))


@lru_cache(maxsize=1024)
def _near_zone(name: str) -> str:
    """What may have been meant; a table may hold the same mistake in every row, and names are read from the disk."""
    import difflib  # only a mistake needs it

    near = difflib.get_close_matches(name, _zone_names(), n=1)
    return f"did you mean {near[0]}?" if near else "write an IANA name such as Europe/Berlin or UTC"


@lru_cache(maxsize=1)
def _zone_names() -> tuple[str, ...]:
    return tuple(sorted(available_timezones()))


def parse_instant(text: str, tz: ZoneInfo) -> Instant:
    """Read a date (the first instant of that day in `tz`) or an RFC 3339 time with `Z` or an offset.

    Seconds may have up to six decimals, kept exactly; finer ones are refused rather than cut. So are a time
    without a zone, a leap second, and anything before 1970 or after 9999-12-30 UTC: InstantError.
    Source: RFC 3339, section 5.6.
    """
    if _DATE.fullmatch(text):
        return _in_range(first_instant(parse_date(text), tz), text)
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        raise _not_a_time(text)
    day, hour, minute, second, fraction, sign, offset_hour, offset_minute = match.groups()
    if int(hour) > 23 or int(minute) > 59 or int(second) > 59:
        fix = "leap seconds are not kept; write :59" if second == "60" else "write 00:00:00 to 23:59:59"
        raise InstantError(f"{text!a} has no such time of day", fix)
    if len(fraction or "") > 6:
        raise InstantError(f"{text!a} is finer than a microsecond", "write at most six decimals of a second")
    if int(offset_hour or 0) > 23 or int(offset_minute or 0) > 59:
        raise InstantError(f"{text!a} has no such offset", "write an offset such as +02:00")
    midnight = (datetime.combine(parse_date(day), datetime.min.time(), UTC) - EPOCH) // MICROSECOND
    seconds = (int(hour) * 60 + int(minute)) * 60 + int(second)
    offset = (int(offset_hour or 0) * 60 + int(offset_minute or 0)) * (-60 if sign == "-" else 60)
    return _in_range(midnight + (seconds - offset) * 1_000_000 + int((fraction or "").ljust(6, "0")), text)


def parse_date(text: str) -> date:
    """Read a calendar date of the years 1970 to 9999, `YYYY-MM-DD`; InstantError if there is no such day."""
    match = _DATE.fullmatch(text)
    if match is None:
        raise _not_a_time(text)
    year, month, day = (int(part) for part in match.groups())
    if year < 1970:
        raise InstantError(f"{text!a} is before 1970", "planctl keeps the years 1970 to 9999")
    try:
        return date(year, month, day)
    except ValueError:
        raise InstantError(
            f"{text!a} is a day that does not exist", "look at the month and the day"
        ) from None


def instant_text(instant: Instant) -> str:
    """Return RFC 3339 in UTC with `Z`: `2026-01-31T09:30:00Z`, six decimals where the second is not whole."""
    return (EPOCH + timedelta(microseconds=instant)).replace(tzinfo=None).isoformat() + "Z"


def local_time(instant: Instant, tz: ZoneInfo) -> datetime:
    """Return the wall clock at that instant, without a zone: the same text twice where clocks go back."""
    return (EPOCH + timedelta(microseconds=instant)).astimezone(tz).replace(tzinfo=None, fold=0)


def local_date(instant: Instant, tz: ZoneInfo) -> date:
    """Return the calendar day it is in `tz` at that instant."""
    return (EPOCH + timedelta(microseconds=instant)).astimezone(tz).date()


def first_instant(day: date, tz: ZoneInfo) -> Instant:
    """Return the first instant of a local day: midnight, or the end of the gap that midnight fell into.

    A day that the zone left out (2011-12-30 in Pacific/Apia) gives the first instant after it.
    """
    return at_local_time(datetime.combine(day, datetime.min.time()), tz)


def at_local_time(local: datetime, tz: ZoneInfo) -> Instant:
    """Return the instant when the wall clocks of `tz` show `local` (a datetime without a zone).

    Shown twice: the earlier one. Never shown, because the clocks jumped over it: the first instant after the
    jump. Source: planctl billing rules, time; PEP 495 for the meaning of `fold`.
    """
    by_old_offset = (local.replace(tzinfo=tz, fold=0) - EPOCH) // MICROSECOND
    by_new_offset = (local.replace(tzinfo=tz, fold=1) - EPOCH) // MICROSECOND
    if by_old_offset <= by_new_offset:
        return Instant(by_old_offset)
    before, after = by_new_offset, by_old_offset  # the jump lies between; find where the clock passes `local`
    while after - before > 1:
        middle = (before + after) // 2
        if local_time(Instant(middle), tz) < local:
            before = middle
        else:
            after = middle
    return Instant(after)


def add_local_days(instant: Instant, days: int, tz: ZoneInfo) -> Instant:
    """Return the same wall clock time `days` local days later (or earlier); 0 days is the instant itself.

    InstantError when that lies outside the years that planctl keeps.
    """
    if days == 0:
        return instant
    try:
        return in_calendar(at_local_time(local_time(instant, tz) + days * DAY, tz))
    except OverflowError:
        raise beyond_calendar() from None


def days_between(first: date, last: date) -> int:
    """Return how many local days lie from `first` to `last`, the first counted and the last not."""
    return (last - first).days


@lru_cache(maxsize=1024)
def missing_days(tz: ZoneInfo) -> tuple[date, ...]:
    """Return the local days since 1970 that never happened in `tz`, in order; empty for nearly every zone.

    A day goes missing when a place moves across the date line, and then its offset stays changed, so it is
    enough to look closer where two readings half a year apart differ by most of a day. Rules beyond 2037
    repeat for ever and never do that. Source: IANA time zone database (Apia 2011, Kiritimati 1994).
    """
    readings = [datetime(year, month, 1) for year in range(1970, 2039) for month in (1, 7)]
    offsets = [reading.replace(tzinfo=tz).utcoffset() or timedelta() for reading in readings]
    missing = []
    for position, (old, new) in enumerate(pairwise(offsets)):
        if new - old > DAY - timedelta(hours=4):
            day, end = readings[position].date(), readings[position + 1].date()
            while day < end:
                if local_date(first_instant(day, tz), tz) != day:
                    missing.append(day)
                day += DAY
    return tuple(missing)


def in_calendar(instant: Instant) -> Instant:
    """Return a computed instant, or raise InstantError when it lies after the last one there is."""
    if instant > LATEST:
        raise beyond_calendar()
    return instant


def beyond_calendar() -> InstantError:
    """Return the error for a computed time that no calendar here reaches."""
    return InstantError(
        "the time lies outside the years 1970 to 9999", "choose a shorter length or an earlier date"
    )


def _in_range(microseconds: int, text: str) -> Instant:
    if not 0 <= microseconds <= LATEST:
        raise InstantError(
            f"{text!a} is outside 1970-01-01 to 9999-12-30, UTC", "planctl keeps the years 1970 to 9999"
        )
    return Instant(microseconds)


def _not_a_time(text: str) -> InstantError:
    shown = f"{text[:64]!a}"
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9:]+(?:\.[0-9]+)?", text, re.ASCII):
        return InstantError(
            f"{shown} does not say in which zone", "add Z for UTC or an offset such as +02:00"
        )
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]+(?:\.[0-9]+)?[Zz0-9:+-]+", text, re.ASCII):
        return InstantError(f"{shown} has a space between date and time", "write T instead of the space")
    return InstantError(f"{shown} is not a date or a time", _EXAMPLES)
