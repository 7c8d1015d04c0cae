"""Periods tile: over every anchor and kind of interval, in forty zones, for six hundred steps from awkward starts.

Nothing is drawn at random here; random schedules are in test_period_laws.py.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from planctl.core.instants import at_local_time, local_time, missing_days
from planctl.core.periods import Anchor, Instant, Interval, Schedule, first_instant, local_date, zone

STEPS = 600
ZONES = (
    # from UTC-11 to UTC+14, every quarter of an hour that is in use
    "Pacific/Pago_Pago", "Pacific/Honolulu", "Pacific/Marquesas", "America/Anchorage", "America/Los_Angeles",
    "America/Denver", "America/Chicago", "America/New_York", "America/Halifax", "America/St_Johns",
    "America/Nuuk", "Atlantic/Azores", "UTC", "Europe/London", "Europe/Dublin", "Europe/Berlin",
    "Africa/Johannesburg", "Africa/Casablanca", "Europe/Istanbul", "Asia/Tehran", "Asia/Dubai", "Asia/Kabul",
    "Asia/Karachi", "Asia/Kolkata", "Asia/Kathmandu", "Asia/Dhaka", "Asia/Yangon", "Asia/Bangkok",
    "Asia/Shanghai", "Australia/Eucla", "Asia/Tokyo", "Australia/Adelaide", "Australia/Sydney",
    # clocks that jump at midnight, or by half an hour
    "America/Sao_Paulo", "America/Havana", "America/Asuncion", "America/Santiago", "Africa/Cairo", "Asia/Beirut",
    "Asia/Amman", "Australia/Lord_Howe", "Pacific/Norfolk", "Pacific/Auckland", "Pacific/Chatham",
    # a day that never was, or almost twice the same day
    "Pacific/Apia", "Pacific/Fakaofo", "Pacific/Kwajalein", "Pacific/Enderbury", "Pacific/Kiritimati",
)  # fmt: skip
DAYS = ("day", "2 days", "10 days", "week", "2 weeks")
MONTHS = ("month", "3 months", "year")
OTHER_MONTHS = ("2 months", "5 months", "6 months", "2 years")
PLAIN = (Anchor("start"), Anchor("calendar"))
OF_THE_MONTH = tuple(Anchor("day", day) for day in (1, 15, 28, 29, 30, 31))
SHAPES = (
    *((Interval.parse(text), anchor) for text in DAYS for anchor in PLAIN),
    *((Interval.parse(text), anchor) for text in MONTHS for anchor in (*PLAIN, *OF_THE_MONTH)),
    *((Interval.parse(text), anchor) for text in OTHER_MONTHS for anchor in (*PLAIN, OF_THE_MONTH[-1])),
)
STARTS = (datetime(2011, 10, 31), datetime(2018, 1, 30, 2, 30), datetime(2024, 2, 29, 23, 59, 59, 999_999))


def starts_of(tz: ZoneInfo, shape: int) -> Instant:
    """One of the starts for each shape, in turn, so that each meets every interval and every anchor."""
    return at_local_time(STARTS[shape % len(STARTS)], tz)


@pytest.mark.parametrize("name", ZONES)
def test_no_gap_no_overlap_no_empty_period_and_every_boundary_finds_its_index(name: str) -> None:
    tz = zone(name)
    for shape, (interval, anchor) in enumerate(SHAPES):
        schedule = Schedule(starts_of(tz, shape), interval, anchor, name)
        boundaries = [schedule.boundary(k) for k in range(STEPS + 1)]
        dates = [local_date(boundary, tz) for boundary in boundaries]
        said = f"{interval} {anchor} from {boundaries[0]}"
        assert boundaries[0] == schedule.anchor_at, said
        assert all(before < after for before, after in pairwise(boundaries)), said
        assert all(before < after for before, after in pairwise(dates)), said
        for k in (*range(14), *range(14, STEPS, 37)):
            period = schedule.period(k)
            assert (period.starts_at, period.ends_at) == (boundaries[k], boundaries[k + 1]), said
            assert schedule.index_at(boundaries[k]) == k, said
            assert schedule.index_at(Instant(boundaries[k + 1] - 1)) == k, said


@pytest.mark.parametrize("name", ZONES)
def test_each_boundary_is_the_day_that_a_calendar_says(name: str) -> None:
    # Counted here by hand with dates alone, from the original start: the day of the month is cut to the month's last
    # day and comes back. A boundary on a day that the zone left out falls on the day after it.
    tz = zone(name)
    first = date(2011, 10, 31)
    start = first_instant(first, tz)
    lost = missing_days(tz)
    for count in (1, 2, 3, 12):
        schedule = Schedule(start, Interval("month", count), Anchor("start"), name)
        for k in range(STEPS // count):
            year, month = divmod(first.year * 12 + first.month - 1 + k * count, 12)
            expected = min(
                first.day, (date(year + (month + 1) // 12, (month + 1) % 12 + 1, 1) - timedelta(1)).day
            )
            wanted = date(year, month + 1, expected)
            assert local_date(schedule.boundary(k), tz) == wanted + timedelta(wanted in lost)
            assert local_time(schedule.boundary(k), tz) == local_time(first_instant(wanted, tz), tz)


@pytest.mark.parametrize("name", ZONES)
def test_calendar_boundaries_are_first_instants_of_months_quarters_years_and_mondays(name: str) -> None:
    tz = zone(name)
    start = at_local_time(datetime(2011, 11, 17, 13, 45), tz)
    for interval, first, months in (("month", date(2011, 12, 1), 1), ("3 months", date(2012, 1, 1), 3),
                                    ("year", date(2012, 1, 1), 12)):  # fmt: skip
        schedule = Schedule(start, Interval.parse(interval), Anchor("calendar"), name)
        for k in range(1, 200 // months):
            year, month = divmod(first.year * 12 + first.month - 1 + (k - 1) * months, 12)
            assert schedule.boundary(k) == first_instant(date(year, month + 1, 1), tz)
    weeks = Schedule(start, Interval("week"), Anchor("calendar"), name)  # 21 November 2011 was a Monday
    for k in range(1, 200):
        assert weeks.boundary(k) == first_instant(date(2011, 11, 21) + timedelta(weeks=k - 1), tz)
