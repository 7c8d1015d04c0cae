"""Years of billing, with runs that are skipped, repeated, refused and killed: no line doubled, none lost, no cent off.

The calendar that says so is looked at here too, at days that people have argued about. The whole ten years in forty
zones are for the soak: `python -m tests.reliability.soak --target years --parts 0-39 --into FILE`.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from fractions import Fraction
from itertools import islice
from unittest.mock import patch
from zoneinfo import ZoneInfo

import pytest

from tests.reliability import years
from tests.reliability.local_days import Cadence, cents, instant_of

pytestmark = [pytest.mark.slow, pytest.mark.sqlite_only]

UTC_ZONE = ZoneInfo("UTC")


@pytest.mark.parametrize(
    ("part", "span", "shapes"),
    [
        pytest.param(77, 4, years.SHAPES[::2], id="Apia from 2008, with a day that never was"),
        pytest.param(10, 3, years.SHAPES[1::2], id="Havana from 2008, whose clocks change at midnight"),
        pytest.param(21, 3, years.SHAPES[::2], id="Beirut from 2024"),
        pytest.param(33, 3, years.SHAPES[1::2], id="Lord Howe from 2024, with half an hour"),
    ],
)
def test_three_years_are_billed_to_the_cent_whatever_becomes_of_the_runs(
    part: int, span: int, shapes: tuple[years.Shape, ...]
) -> None:
    """Thirteen subscriptions each: 52 in all."""
    lived = years.lived(part, span, shapes)
    assert lived.lines() > 200
    assert min(lived.kills, lived.late_runs) > 0, "a harness that kills nothing proves nothing"


def test_a_line_that_is_doubled_lost_or_a_cent_off_is_found() -> None:
    found = years.Years(0, 2, years.SHAPES[2:4])
    try:
        found.live()
        assert not found.wrong()
        charged = list(found._charged())
        off = (*charged[0][:4], charged[0][4] + 1)
        for wrong, words in (
            ([*charged, charged[0]], "not owed"),
            (charged[1:], "not charged"),
            ([off, *charged[1:]], "not owed"),
        ):
            with patch.object(years.Years, "_charged", lambda _self, rows=wrong: iter(rows)):
                assert words in found.wrong()
    finally:
        found.close()


# --- the calendar that says what is owed


def starts(cadence: Cadence, start: datetime, zone: str = "UTC", count: int = 6) -> list[date]:
    return [one.starts.date() for one in islice(cadence.periods(start, ZoneInfo(zone)), count)]


def utc(local: datetime, zone: str) -> str:
    return datetime.fromtimestamp(instant_of(local, ZoneInfo(zone)) / 1_000_000, UTC).isoformat()


def test_the_31st_comes_back_after_short_months() -> None:
    found = starts(Cadence("month"), datetime(2024, 1, 31), count=5)
    assert [str(day) for day in found] == [
        "2024-01-31",
        "2024-02-29",
        "2024-03-31",
        "2024-04-30",
        "2024-05-31",
    ]


def test_the_leap_day_comes_back_after_four_years() -> None:
    found = starts(Cadence("year"), datetime(2024, 2, 29), count=5)
    assert [str(day) for day in found] == [
        "2024-02-29",
        "2025-02-28",
        "2026-02-28",
        "2027-02-28",
        "2028-02-29",
    ]


def test_calendar_quarters_begin_with_a_part_of_one() -> None:
    first, second = islice(Cadence("month", 3, "calendar").periods(datetime(2024, 2, 15, 9), UTC_ZONE), 2)
    assert (first.starts, first.ends) == (datetime(2024, 2, 15, 9), datetime(2024, 4, 1))
    assert first.share(first.starts, first.ends) == Fraction(
        46, 91
    )  # 15 days of February, 31 of March; 31 + 29 + 31
    assert second.share(second.starts, second.ends) == 1


def test_a_day_that_never_was_is_no_period() -> None:
    found = starts(Cadence("day"), datetime(2011, 12, 28, 10), "Pacific/Apia", 4)
    assert [str(day) for day in found] == ["2011-12-28", "2011-12-29", "2011-12-31", "2012-01-01"]


def test_a_time_that_the_clock_skips_is_the_first_one_after_it_and_of_two_the_earlier_one() -> None:
    assert utc(datetime(2024, 3, 31, 2, 30), "Europe/Berlin") == "2024-03-31T01:00:00+00:00"
    assert utc(datetime(2024, 10, 27, 2, 30), "Europe/Berlin") == "2024-10-27T00:30:00+00:00"
    assert (
        utc(datetime(2024, 3, 31), "Asia/Beirut") == "2024-03-30T22:00:00+00:00"
    )  # midnight is skipped there


def test_half_a_cent_counts_as_one_away_from_zero() -> None:
    halves = [Fraction(1, 2), Fraction(-1, 2), Fraction(5, 2), Fraction(49, 100)]
    assert [cents(one) for one in halves] == [1, -1, 3, 0]
