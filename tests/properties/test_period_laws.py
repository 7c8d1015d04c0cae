"""Laws of time: periods tile, every instant has one period, anchors never drift, days add up."""

from __future__ import annotations

import calendar
from datetime import date, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from planctl.core.instants import at_local_time, local_time, missing_days
from planctl.core.periods import (
    Anchor,
    Instant,
    InstantError,
    Interval,
    Period,
    Schedule,
    ZoneError,
    day_fraction,
    days_between,
    first_instant,
    instant_text,
    local_date,
    parse_instant,
    second_fraction,
    zone,
)

# From UTC-11 to UTC+14, with halves and quarters of hours, jumps at midnight, jumps of half an hour, days
# that never were, and clocks that go back into the day before.
ZONES = (
    "Pacific/Pago_Pago", "Pacific/Honolulu", "America/Los_Angeles", "America/Havana", "America/St_Johns",
    "America/Sao_Paulo", "America/Nuuk", "UTC", "Africa/Casablanca", "Europe/Dublin", "Europe/Berlin",
    "Africa/Cairo", "Asia/Beirut", "Asia/Tehran", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe",
    "Pacific/Chatham", "Pacific/Apia", "Pacific/Kwajalein", "Pacific/Kiritimati",
)  # fmt: skip
UTC = zone("UTC")
YEAR = 31_556_952_000_000  # microseconds

zones = st.sampled_from(ZONES)
instants = st.integers(20 * YEAR, 130 * YEAR).map(Instant) | st.integers(0, 40_000).map(
    lambda day: Instant(day * 86_400_000_000)
)
month_intervals = st.builds(Interval, st.just("month"), st.integers(1, 24)) | st.builds(
    Interval, st.just("year"), st.integers(1, 3)
)
day_intervals = st.builds(Interval, st.just("day"), st.integers(1, 45)) | st.builds(
    Interval, st.just("week"), st.integers(1, 6)
)
plain_anchors = st.sampled_from([Anchor("start"), Anchor("calendar")])
days_of_month = st.integers(1, 31).map(lambda day: Anchor("day", day))


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    """A schedule that repeats, anywhere, on any anchor; a third of the starts are local midnights."""
    name = draw(zones)
    start = draw(instants)
    if draw(st.integers(0, 2)) == 0:
        start = first_instant(local_date(start, zone(name)), zone(name))
    interval = draw(month_intervals | day_intervals)
    anchor = draw(plain_anchors | days_of_month if interval.months else plain_anchors)
    return Schedule(start, interval, anchor, name)


def bounds(period: Period) -> tuple[Instant, Instant]:
    assert period.ends_at is not None
    return period.starts_at, period.ends_at


@given(schedules(), st.integers(0, 500))
def test_periods_tile_and_every_instant_of_one_finds_it(schedule: Schedule, k: int) -> None:
    start, end = bounds(schedule.period(k))
    assert schedule.boundary(0) == schedule.anchor_at
    assert start < end
    assert schedule.period(k + 1).starts_at == end
    for instant in (start, Instant((start + end) // 2), Instant(end - 1)):
        assert schedule.index_at(instant) == k
        assert schedule.period(k).contains(instant)
    assert schedule.index_at(end) == k + 1
    assert not schedule.period(k).contains(end)


@given(schedules(), st.integers(0, 100 * YEAR))
def test_the_period_found_for_an_instant_contains_it(schedule: Schedule, later: int) -> None:
    instant = Instant(schedule.anchor_at + later)
    assert schedule.period(schedule.index_at(instant)).contains(instant)


@given(schedules())
def test_a_stub_lies_in_its_whole_period_and_no_other_period_is_one(schedule: Schedule) -> None:
    start, end = bounds(schedule.full_period(0))
    assert start <= schedule.anchor_at
    assert end == schedule.boundary(1)
    assert schedule.starts_with_stub == (start < schedule.anchor_at)
    assert schedule.full_period(1) == schedule.period(1)


@pytest.mark.parametrize("zone_name", ZONES)
@pytest.mark.parametrize("day", [1, 28, 29, 30, 31])
def test_six_hundred_months_never_drift(zone_name: str, day: int) -> None:
    tz = zone(zone_name)
    schedule = Schedule(first_instant(date(2024, 1, day), tz), Interval("month"), Anchor("start"), zone_name)
    for k in range(601):
        year, month = 2024 + k // 12, k % 12 + 1
        last = calendar.monthrange(year, month)[1]
        assert local_date(schedule.boundary(k), tz) == date(year, month, min(day, last))


@pytest.mark.parametrize("zone_name", ["Pacific/Pago_Pago", "Europe/Berlin", "Pacific/Kiritimati"])
@pytest.mark.parametrize("count", [3, 12])
def test_quarters_and_years_never_drift_either(zone_name: str, count: int) -> None:
    tz = zone(zone_name)
    for day in (28, 29, 30, 31):
        start = first_instant(date(2024, 1, day), tz)
        schedule = Schedule(start, Interval("month", count), Anchor("start"), zone_name)
        for k in range(600 // count):
            year, month = 2024 + k * count // 12, k * count % 12 + 1
            last = calendar.monthrange(year, month)[1]
            assert local_date(schedule.boundary(k), tz) == date(year, month, min(day, last))


@pytest.mark.parametrize("zone_name", ZONES)
def test_six_hundred_days_around_every_jump_are_one_local_day_each(zone_name: str) -> None:
    # From noon to noon no jump of the clocks is near, and only a day that never was is left out.
    tz = zone(zone_name)
    for first_year in (1993, 2011, 2024):
        start = at_local_time(local_time(first_instant(date(first_year, 3, 1), tz), tz).replace(hour=12), tz)
        schedule = Schedule(start, Interval("day"), Anchor("start"), zone_name)
        expected = date(first_year, 3, 1)
        for k in range(601):
            assert local_date(schedule.boundary(k), tz) == expected
            assert k == 0 or schedule.boundary(k) > schedule.boundary(k - 1)
            expected += timedelta(days=1)
            expected += timedelta(days=int(expected in missing_days(tz)))


@given(instants, zones, month_intervals | day_intervals, month_intervals | day_intervals, st.integers(0, 60))
def test_boundaries_of_an_interval_that_divides_include_those_of_the_longer(
    start: Instant, name: str, short: Interval, long: Interval, k: int
) -> None:
    assume(short.divides(long))
    allowances = Schedule(start, short, Anchor("start"), name)
    billing = Schedule(start, long, Anchor("start"), name)
    boundary = billing.boundary(k)
    if not missing_days(zone(name)):
        assert allowances.boundary(allowances.index_at(boundary)) == boundary
    if long.months:
        assert allowances.index_at(boundary) >= k


@given(schedules(), st.integers(0, 200), st.integers(0, 10**6), st.integers(0, 10**6))
def test_days_before_and_after_a_change_add_up_to_the_period(
    schedule: Schedule, k: int, per_mille: int, later: int
) -> None:
    tz, period, full = zone(schedule.zone_name), schedule.period(k), schedule.full_period(k)
    start, end = bounds(period)
    change = Instant(start + (end - start) * per_mille // 10**6)
    left = day_fraction(change, period, full, tz)
    assert 0 <= left <= 1
    after = Instant(change + later)
    if local_date(after, tz) >= local_date(
        change, tz
    ):  # where clocks go back over midnight a day comes twice
        assert day_fraction(after, period, full, tz) <= left
    full_start, full_end = (local_date(at, tz) for at in bounds(full))
    whole = days_between(full_start, full_end)
    assume(whole > 0)
    used = days_between(local_date(start, tz), local_date(change, tz))
    stub_days = days_between(local_date(start, tz), full_end)
    assume(used >= 0 and stub_days <= whole)  # the same clocks
    assert left * whole + used == stub_days


@given(schedules(), st.integers(0, 200), st.integers(0, 10**6))
def test_seconds_before_and_after_a_change_add_up_to_the_period(
    schedule: Schedule, k: int, per_mille: int
) -> None:
    period = schedule.period(k)
    start, end = bounds(period)
    change = Instant(start + (end - start) * per_mille // 10**6)
    before = second_fraction(start, period.cut_at(change), period)
    assert before + second_fraction(change, period, period) == 1
    assert second_fraction(start, period, period) == Fraction(1)


@given(st.dates(date(1970, 1, 2), date(2150, 1, 1)), zones)
def test_the_first_instant_of_a_day_is_where_that_day_begins(day: date, name: str) -> None:
    tz = zone(name)
    first = first_instant(day, tz)
    shown = day + timedelta(days=1) if day in missing_days(tz) else day
    assert local_date(first, tz) == shown
    assert local_date(Instant(first - 1), tz) < shown


@given(instants, zones)
def test_a_wall_clock_time_means_the_earliest_instant_that_shows_it(instant: Instant, name: str) -> None:
    tz = zone(name)
    found = at_local_time(local_time(instant, tz), tz)
    assert found <= instant
    assert local_time(found, tz) == local_time(instant, tz)


@given(st.integers(0, 253_402_214_399_999_999).map(Instant), zones)
def test_an_instant_reads_back_as_it_was_written(instant: Instant, name: str) -> None:
    assert parse_instant(instant_text(instant), zone(name)) == instant


@given(
    st.text() | st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}Z?)?", fullmatch=True)
)
def test_any_text_is_an_instant_or_is_refused_in_plain_words(text: str) -> None:
    answer = read(text)
    if isinstance(answer, InstantError):
        assert str(answer).isascii()
        assert str(answer).isprintable()
    else:
        assert instant_text(answer).startswith(text.rstrip("Zz").upper())


def read(text: str) -> Instant | InstantError:
    try:
        return parse_instant(text, UTC)
    except InstantError as problem:
        return problem


@given(st.text())
def test_any_name_is_a_zone_or_is_refused_in_plain_words(name: str) -> None:
    answer = named(name)
    if isinstance(answer, ZoneError):
        assert str(answer).isascii()
        assert str(answer).isprintable()
    else:
        assert answer.key == name


def named(name: str) -> ZoneInfo | ZoneError:
    try:
        return zone(name)
    except ZoneError as problem:
        return problem
