"""Periods: intervals, anchors, boundaries worked out by hand, and proration by local days."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest

from planctl.core.money import round_minor
from planctl.core.periods import (
    Anchor,
    AnchorError,
    Instant,
    InstantError,
    Interval,
    IntervalError,
    Period,
    Schedule,
    Unit,
    ZoneError,
    day_fraction,
    instant_text,
    local_date,
    parse_instant,
    second_fraction,
    zone,
)

START, CALENDAR = Anchor("start"), Anchor("calendar")


def schedule(start: str, interval: str, anchor: str = "start", zone_name: str = "UTC") -> Schedule:
    at = parse_instant(start, zone(zone_name))
    return Schedule(at, Interval.parse(interval), Anchor.parse(anchor), zone_name)


def boundaries(made: Schedule, count: int) -> list[str]:
    return [instant_text(made.boundary(k)) for k in range(count)]


def local_dates(made: Schedule, count: int) -> list[str]:
    return [local_date(made.boundary(k), zone(made.zone_name)).isoformat() for k in range(count)]


def span(period: Period) -> tuple[str, str]:
    assert period.ends_at is not None
    return instant_text(period.starts_at), instant_text(period.ends_at)


class TestInterval:
    @pytest.mark.parametrize(
        ("text", "interval", "label"),
        [
            ("once", Interval("once"), "One-off"),
            ("day", Interval("day"), "Daily"),
            ("month", Interval("month"), "Monthly"),
            ("year", Interval("year"), "Yearly"),
            ("2 weeks", Interval("week", 2), "2\u00d7 Weekly"),
            ("3 months", Interval("month", 3), "3\u00d7 Monthly"),
        ],
    )
    def test_is_read_written_and_named(self, text: str, interval: Interval, label: str) -> None:
        assert Interval.parse(text) == interval
        assert str(interval) == text
        assert interval.label == label

    def test_one_is_the_unit_itself(self) -> None:
        assert str(Interval.parse("1 month")) == "month"

    @pytest.mark.parametrize(
        "text",
        ["", "months", "0 months", "-1 months", "01 months", "1.5 months", "3months", "3  months", "Month",
         "month\n", "2 onces", "quarter", "\u0663 months", "1200000 years", "101 years", "1201 months"],
    )  # fmt: skip
    def test_anything_else_is_refused(self, text: str) -> None:
        with pytest.raises(IntervalError):
            Interval.parse(text)

    @pytest.mark.parametrize(
        ("text", "shown", "fix"),
        [
            ("quarter", "'quarter'", "write 3 months"),
            ("quarterly", "'quarterly'", "write 3 months"),
            ("Month", "'Month'", "write once, day, week, month or year, or a count such as 3 months"),
            ("x" * 70, f"'{'x' * 64}'", "write once, day, week, month or year, or a count such as 3 months"),
        ],
    )
    def test_what_is_refused_is_shown_with_what_to_write(self, text: str, shown: str, fix: str) -> None:
        with pytest.raises(IntervalError) as caught:
            Interval.parse(text)
        assert (caught.value.reason, caught.value.fix) == (f"{shown} is not an interval", fix)

    @pytest.mark.parametrize(
        ("unit", "longest"), [("once", 1), ("day", 36_525), ("week", 5_218), ("month", 1_200), ("year", 100)]
    )
    def test_a_century_is_the_longest(self, unit: Unit, longest: int) -> None:
        assert Interval(unit, longest).count == longest
        for count in (0, longest + 1):
            with pytest.raises(IntervalError) as caught:
                Interval(unit, count)
            assert caught.value.reason == f"{count} {unit}s is not an interval"
            assert caught.value.fix == f"write a count from 1 to {longest}"

    def test_a_million_years_are_refused(self) -> None:
        with pytest.raises(IntervalError) as caught:
            Interval("year", 10**6)
        assert str(caught.value) == "1000000 years is not an interval; write a count from 1 to 100"

    def test_are_ordered_by_length(self) -> None:
        texts = [
            "day",
            "week",
            "2 weeks",
            "4 weeks",
            "month",
            "31 days",
            "3 months",
            "12 months",
            "year",
            "once",
        ]
        ordered = [Interval.parse(text) for text in texts]
        assert not ordered[0] < Interval("day")
        assert sorted(ordered[::2] + ordered[1::2]) == ordered

    def test_have_a_mean_length_and_a_monthly_equivalent(self) -> None:
        assert Interval("month", 3).approximate_days == Fraction(146097, 1600)  # 3 x 30.436875 = 91.310625
        assert Interval("week", 2).approximate_days == 14
        assert Interval("month", 3).monthly_equivalent == 3
        assert Interval("year", 2).monthly_equivalent == 24
        assert Interval("week").monthly_equivalent == Fraction(7 * 4800, 146097)  # 0.23 months
        assert Interval("once").approximate_days is None
        assert Interval("once").monthly_equivalent is None

    @pytest.mark.parametrize(
        ("short", "long", "divides"),
        [
            ("month", "year", True),
            ("3 months", "year", True),
            ("5 months", "year", False),
            ("year", "month", False),
            ("month", "month", True),
            ("week", "2 weeks", True),
            ("2 weeks", "month", False),
            ("week", "month", False),
            ("day", "month", True),
            ("2 days", "month", False),
            ("day", "week", True),
            ("day", "once", False),
            ("once", "once", True),
            ("month", "week", False),
        ],
    )
    def test_divides_another_where_whole_periods_fill_it(self, short: str, long: str, divides: bool) -> None:
        assert Interval.parse(short).divides(Interval.parse(long)) is divides


class TestAnchor:
    @pytest.mark.parametrize(
        ("text", "anchor"),
        [
            ("start", START),
            ("calendar", CALENDAR),
            ("day 1", Anchor("day", 1)),
            ("day 31", Anchor("day", 31)),
        ],
    )
    def test_is_read_and_written(self, text: str, anchor: Anchor) -> None:
        assert Anchor.parse(text) == anchor
        assert str(anchor) == text

    @pytest.mark.parametrize(
        "text", ["", "day", "day 0", "day 32", "day 01", "day  1", "Start", "17", "day 1\n"]
    )
    def test_anything_else_is_refused(self, text: str) -> None:
        with pytest.raises(AnchorError):
            Anchor.parse(text)

    def test_what_is_refused_is_shown_with_what_to_write(self) -> None:
        fix = "write start, calendar or a day such as day 17"
        for text, shown in (("Start", "'Start'"), ("y" * 70, f"'{'y' * 64}'")):
            with pytest.raises(AnchorError) as caught:
                Anchor.parse(text)
            assert (caught.value.reason, caught.value.fix) == (f"{shown} is not an anchor", fix)

    @pytest.mark.parametrize("day", [0, 32, None])
    def test_a_day_that_no_month_has_is_refused(self, day: int | None) -> None:
        with pytest.raises(AnchorError) as caught:
            Anchor("day", day)
        assert (caught.value.reason, caught.value.fix) == (
            f"a month has no day {day}",
            "write day 1 to day 31",
        )

    def test_a_day_beside_another_anchor_is_our_own_mistake(self) -> None:
        with pytest.raises(AssertionError, match="anchor start has no day"):
            Anchor("start", 17)

    @pytest.mark.parametrize("interval", ["day", "week", "2 weeks"])
    def test_a_day_of_the_month_fits_months_and_years_only(self, interval: str) -> None:
        with pytest.raises(AnchorError) as caught:
            schedule("2026-01-01", interval, "day 17")
        assert caught.value.reason == f"anchor day 17 does not fit an interval of {interval}"
        assert caught.value.fix == "use a month or year interval, or anchor start or calendar"


class TestBoundariesFromTheStart:
    def test_the_31st_at_local_midnight_in_berlin(self) -> None:
        made = schedule("2026-01-31", "month", zone_name="Europe/Berlin")
        assert boundaries(made, 3) == ["2026-01-30T23:00:00Z", "2026-02-27T23:00:00Z", "2026-03-30T22:00:00Z"]

    def test_the_31st_never_drifts(self) -> None:
        made = schedule("2024-01-31", "month")
        assert local_dates(made, 5) == ["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30", "2024-05-31"]
        assert local_dates(made, 121)[-1] == "2034-01-31"
        assert local_dates(schedule("2000-01-31", "month"), 2)[-1] == "2000-02-29"  # 2000 was a leap year

    def test_a_leap_day_comes_back_every_fourth_year(self) -> None:
        made = schedule("2024-02-29", "year")
        assert local_dates(made, 5) == ["2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"]
        assert local_dates(made, 77)[-1] == "2100-02-28"  # 2100 is no leap year

    def test_quarters_from_the_30th_of_november(self) -> None:
        made = schedule("2025-11-30", "3 months")
        assert local_dates(made, 5) == ["2025-11-30", "2026-02-28", "2026-05-30", "2026-08-30", "2026-11-30"]

    def test_weeks_and_days_are_counted_across_a_change_of_clocks(self) -> None:
        # New York: 2024-03-10 02:00 EST becomes 03:00 EDT; 09:00 local stays 09:00 local.
        made = schedule("2024-03-06T09:00:00-05:00", "week", zone_name="America/New_York")
        assert boundaries(made, 3) == ["2024-03-06T14:00:00Z", "2024-03-13T13:00:00Z", "2024-03-20T13:00:00Z"]
        daily = schedule("2024-03-09T09:00:00-05:00", "day", zone_name="America/New_York")
        assert boundaries(daily, 3) == [
            "2024-03-09T14:00:00Z",
            "2024-03-10T13:00:00Z",
            "2024-03-11T13:00:00Z",
        ]

    def test_a_time_that_does_not_exist_gives_the_first_instant_after_the_gap_and_comes_back(self) -> None:
        # Berlin: 2024-03-31 has no 02:30; 02:00 CET is 03:00 CEST, at 01:00Z.
        made = schedule("2024-03-30T02:30:00+01:00", "day", zone_name="Europe/Berlin")
        assert boundaries(made, 3) == ["2024-03-30T01:30:00Z", "2024-03-31T01:00:00Z", "2024-04-01T00:30:00Z"]

    def test_a_time_that_comes_twice_means_the_earlier_one(self) -> None:
        # Berlin: 2024-10-27 has 02:30 at 00:30Z (CEST) and again at 01:30Z (CET).
        made = schedule("2024-10-26T02:30:00+02:00", "day", zone_name="Europe/Berlin")
        assert boundaries(made, 3) == ["2024-10-26T00:30:00Z", "2024-10-27T00:30:00Z", "2024-10-28T01:30:00Z"]

    def test_a_start_in_the_second_of_two_equal_times_is_kept(self) -> None:
        made = schedule("2024-10-27T01:30:00Z", "day", zone_name="Europe/Berlin")
        assert boundaries(made, 2) == ["2024-10-27T01:30:00Z", "2024-10-28T01:30:00Z"]
        assert not made.starts_with_stub

    @pytest.mark.parametrize(
        ("zone_name", "start", "second"),
        [
            # Clocks jump at midnight: the second day has no 00:00. Source: IANA time zone database.
            ("America/Havana", "2024-03-09T05:00:00Z", "2024-03-10T05:00:00Z"),
            ("Asia/Beirut", "2024-03-29T22:00:00Z", "2024-03-30T22:00:00Z"),
            ("Africa/Cairo", "2024-04-24T22:00:00Z", "2024-04-25T22:00:00Z"),
            ("America/Sao_Paulo", "2018-11-03T03:00:00Z", "2018-11-04T03:00:00Z"),
        ],
    )
    def test_a_day_without_midnight_starts_at_its_first_instant(
        self, zone_name: str, start: str, second: str
    ) -> None:
        made = schedule(start, "day", zone_name=zone_name)
        assert boundaries(made, 2) == [start, second]
        hour = 3_600_000_000
        assert [made.boundary(2) - made.boundary(1), made.boundary(1) - made.boundary(0)] == [
            23 * hour,
            24 * hour,
        ]

    def test_a_jump_of_half_an_hour_moves_what_falls_into_it_by_less_than_that(self) -> None:
        # On Lord Howe Island 02:00 at +10:30 became 02:30 at +11:00 on 6 October 2024; there was no 02:15.
        made = schedule("2024-10-05T02:15:00+10:30", "day", zone_name="Australia/Lord_Howe")
        assert boundaries(made, 3) == ["2024-10-04T15:45:00Z", "2024-10-05T15:30:00Z", "2024-10-06T15:15:00Z"]
        # On 7 April 2024 02:00 at +11:00 became 01:30 at +10:30; 01:45 came twice.
        made = schedule("2024-04-06T01:45:00+11:00", "day", zone_name="Australia/Lord_Howe")
        assert boundaries(made, 3) == ["2024-04-05T14:45:00Z", "2024-04-06T14:45:00Z", "2024-04-07T15:15:00Z"]

    @pytest.mark.parametrize("anchor", ["start", "calendar"])
    def test_a_daily_plan_steps_over_the_day_that_apia_left_out(self, anchor: str) -> None:
        # Samoa went from 2011-12-29 straight to 2011-12-31. Source: IANA time zone database.
        made = schedule("2011-12-28", "day", anchor, "Pacific/Apia")
        assert local_dates(made, 4) == ["2011-12-28", "2011-12-29", "2011-12-31", "2012-01-01"]
        assert boundaries(made, 4)[1:] == [
            "2011-12-29T10:00:00Z",
            "2011-12-30T10:00:00Z",
            "2011-12-31T10:00:00Z",
        ]
        assert [made.index_at(made.boundary(k)) for k in range(4)] == [0, 1, 2, 3]

    def test_the_missing_day_is_stepped_over_at_any_time_of_day(self) -> None:
        made = schedule("2011-12-28T14:30:00-10:00", "day", zone_name="Pacific/Apia")
        assert local_dates(made, 4) == ["2011-12-28", "2011-12-29", "2011-12-31", "2012-01-01"]
        assert boundaries(made, 3) == ["2011-12-29T00:30:00Z", "2011-12-30T00:30:00Z", "2011-12-31T00:30:00Z"]

    def test_the_missing_day_is_stepped_over_from_the_day_before_it_and_backwards_too(self) -> None:
        made = schedule("2011-12-29", "day", zone_name="Pacific/Apia")
        assert local_dates(made, 3) == ["2011-12-29", "2011-12-31", "2012-01-01"]
        # From noon of the 29th to the calendar's next day is a part of the whole 29th.
        stub = schedule("2011-12-29T12:00:00-10:00", "day", "calendar", "Pacific/Apia")
        assert span(stub.full_period(0)) == ("2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z")

    def test_the_missing_day_is_stepped_over_in_the_afternoon_and_no_other_day_is(self) -> None:
        made = schedule("2011-12-29T14:30:00-10:00", "day", zone_name="Pacific/Apia")
        assert boundaries(made, 2) == ["2011-12-30T00:30:00Z", "2011-12-31T00:30:00Z"]
        stub = schedule("2015-06-10T12:00:00+13:00", "day", "calendar", "Pacific/Apia")
        assert span(stub.full_period(0)) == ("2015-06-09T11:00:00Z", "2015-06-10T11:00:00Z")

    def test_an_instant_whose_clock_was_put_back_before_midnight_is_in_the_day_that_had_begun(self) -> None:
        # St John's put its clocks back from 00:01 of 7 November 2010 to 23:01 of the 6th, at 02:31Z: the 7th had
        # begun at 02:30Z. Source: IANA time zone database.
        made = schedule("2010-11-03", "day", zone_name="America/St_Johns")
        assert boundaries(made, 6)[4:] == ["2010-11-07T02:30:00Z", "2010-11-08T03:30:00Z"]
        again = parse_instant("2010-11-07T03:00:00Z", zone("UTC"))
        assert local_date(again, zone("America/St_Johns")) == date(2010, 11, 6)
        assert made.index_at(again) == 4

    def test_a_month_that_should_start_on_the_missing_day_starts_with_the_next_instant(self) -> None:
        made = schedule("2011-11-30", "month", zone_name="Pacific/Apia")
        assert local_dates(made, 3) == ["2011-11-30", "2011-12-31", "2012-01-30"]


class TestBoundariesOnTheCalendar:
    def test_months_start_on_the_first(self) -> None:
        made = schedule("2026-01-15T12:00:00Z", "month", "calendar")
        assert boundaries(made, 3) == ["2026-01-15T12:00:00Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"]
        assert made.starts_with_stub
        assert span(made.full_period(0)) == ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z")
        assert made.full_period(0).index == 0
        assert made.full_period(1) == made.period(1)

    def test_a_start_on_a_boundary_is_no_stub(self) -> None:
        made = schedule("2026-02-01", "month", "calendar", "Europe/Berlin")
        assert boundaries(made, 2) == ["2026-01-31T23:00:00Z", "2026-02-28T23:00:00Z"]
        assert not made.starts_with_stub
        assert made.full_period(0) == made.period(0)

    @pytest.mark.parametrize(
        ("interval", "expected"),
        [
            ("3 months", ["2026-05-20", "2026-07-01", "2026-10-01", "2027-01-01"]),
            ("6 months", ["2026-05-20", "2026-07-01", "2027-01-01", "2027-07-01"]),
            ("12 months", ["2026-05-20", "2027-01-01", "2028-01-01", "2029-01-01"]),
            ("year", ["2026-05-20", "2027-01-01", "2028-01-01", "2029-01-01"]),
            ("2 years", ["2026-05-20", "2027-01-01", "2029-01-01", "2031-01-01"]),
            ("2 months", ["2026-05-20", "2026-06-01", "2026-08-01", "2026-10-01"]),
            ("5 months", ["2026-05-20", "2026-06-01", "2026-11-01", "2027-04-01"]),
            ("week", ["2026-05-20", "2026-05-25", "2026-06-01", "2026-06-08"]),  # 20 May 2026 is a Wednesday
            ("2 weeks", ["2026-05-20", "2026-05-25", "2026-06-08", "2026-06-22"]),
            ("day", ["2026-05-20", "2026-05-21", "2026-05-22", "2026-05-23"]),
            ("10 days", ["2026-05-20", "2026-05-21", "2026-05-31", "2026-06-10"]),
        ],
    )
    def test_a_stub_runs_to_the_calendars_boundary_then_whole_blocks(
        self, interval: str, expected: list[str]
    ) -> None:
        made = schedule("2026-05-20T08:00:00Z", interval, "calendar")
        assert local_dates(made, 4) == expected
        assert {text[10:] for text in boundaries(made, 4)[1:]} == {"T00:00:00Z"}

    def test_a_quarter_entered_on_a_31st_and_a_day_on_a_sunday_end_where_the_calendars_do(self) -> None:
        assert local_dates(schedule("2026-05-31", "3 months", "calendar"), 2) == ["2026-05-31", "2026-07-01"]
        sunday = schedule("2026-05-24T08:00:00Z", "day", "calendar")
        assert local_dates(sunday, 3) == ["2026-05-24", "2026-05-25", "2026-05-26"]

    def test_blocks_that_the_calendar_does_not_know_start_on_a_start_on_the_first(self) -> None:
        made = schedule("2026-06-01", "2 months", "calendar")
        assert local_dates(made, 3) == ["2026-06-01", "2026-08-01", "2026-10-01"]
        assert not made.starts_with_stub

    def test_the_whole_period_around_a_stub_of_an_odd_block_is_one_block(self) -> None:
        made = schedule("2014-12-31", "2 months", "calendar")
        assert span(made.full_period(0)) == ("2014-11-01T00:00:00Z", "2015-01-01T00:00:00Z")


class TestBoundariesOnADayOfTheMonth:
    def test_a_day_still_to_come_is_the_first_boundary(self) -> None:
        made = schedule("2026-01-10", "month", "day 17")
        assert local_dates(made, 3) == ["2026-01-10", "2026-01-17", "2026-02-17"]
        assert span(made.full_period(0)) == ("2025-12-17T00:00:00Z", "2026-01-17T00:00:00Z")

    def test_a_day_gone_by_is_one_interval_later(self) -> None:
        made = schedule("2021-01-10", "3 months", "day 1")
        assert local_dates(made, 3) == ["2021-01-10", "2021-04-01", "2021-07-01"]
        assert span(made.full_period(0)) == ("2021-01-01T00:00:00Z", "2021-04-01T00:00:00Z")

    def test_a_start_on_the_day_at_midnight_is_no_stub_and_later_that_day_is_one(self) -> None:
        whole = schedule("2026-01-17", "month", "day 17")
        assert local_dates(whole, 2) == ["2026-01-17", "2026-02-17"]
        assert not whole.starts_with_stub
        stub = schedule("2026-01-17T00:00:01Z", "month", "day 17")
        assert local_dates(stub, 2) == ["2026-01-17", "2026-02-17"]
        assert stub.starts_with_stub
        assert span(stub.full_period(0)) == ("2026-01-17T00:00:00Z", "2026-02-17T00:00:00Z")

    def test_day_31_is_the_last_day_of_every_month(self) -> None:
        made = schedule("2026-01-31", "month", "day 31", "Pacific/Kiritimati")
        assert local_dates(made, 4) == ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"]

    def test_years_keep_the_starts_month(self) -> None:
        made = schedule("2026-03-20", "year", "day 17")
        assert local_dates(made, 3) == ["2026-03-20", "2027-03-17", "2028-03-17"]


class TestPeriods:
    def test_the_instant_of_a_boundary_belongs_to_the_new_period(self) -> None:
        made = schedule("2026-01-31", "month", zone_name="Pacific/Pago_Pago")
        boundary = made.boundary(1)
        assert instant_text(boundary) == "2026-02-28T11:00:00Z"  # local midnight at UTC-11
        assert made.index_at(Instant(boundary - 1)) == 0
        assert made.index_at(boundary) == 1
        assert not made.period(0).contains(boundary)
        assert made.period(0).contains(Instant(boundary - 1))
        assert made.period(1).contains(boundary)

    def test_the_same_instant_is_in_another_month_elsewhere(self) -> None:
        # 2024-06-30T23:30Z is June in Los Angeles and UTC, July in Tokyo.
        at = parse_instant("2024-06-30T23:30:00Z", zone("UTC"))
        months = {
            name: schedule("2024-06-01", "month", "calendar", name).index_at(at)
            for name in ("America/Los_Angeles", "UTC", "Asia/Tokyo")
        }
        assert months == {"America/Los_Angeles": 0, "UTC": 0, "Asia/Tokyo": 1}

    def test_the_number_of_a_period_is_whole_in_the_middle_of_it_too(self) -> None:
        for interval, day, index in (
            ("week", "2026-01-17", 2),
            ("3 days", "2026-01-05", 1),
            ("month", "2026-03-05", 2),
        ):
            found = schedule("2026-01-01", interval).index_at(parse_instant(day, zone("UTC")))
            assert (found, type(found)) == (index, int)

    def test_far_periods_are_found_without_walking(self) -> None:
        made = schedule("1970-01-02", "day")
        assert (
            made.index_at(parse_instant("9998-01-01", zone("UTC")))
            == (date(9998, 1, 1) - date(1970, 1, 2)).days
        )

    def test_before_the_start_there_is_no_period(self) -> None:
        made = schedule("2026-01-31", "month")
        with pytest.raises(AssertionError):
            made.index_at(Instant(made.anchor_at - 1))
        with pytest.raises(AssertionError):
            made.boundary(-1)

    @pytest.mark.parametrize("anchor", ["start", "calendar", "day 17"])
    def test_a_one_off_has_one_period_that_stays_open(self, anchor: str) -> None:
        made = schedule("2026-01-31", "once", anchor)
        assert made.period(0) == Period(0, made.anchor_at, None)
        assert made.full_period(0) == made.period(0)
        assert made.index_at(Instant(made.anchor_at + 10**18 // 10)) == 0
        assert made.period(0).contains(made.anchor_at)
        with pytest.raises(AssertionError):
            made.boundary(1)
        with pytest.raises(AssertionError):
            made.period(1)

    @pytest.mark.parametrize("anchor", ["start", "calendar", "day 17"])
    def test_a_one_off_at_any_time_of_day_has_no_stub(self, anchor: str) -> None:
        noon = schedule("2026-01-31T12:00:00Z", "once", anchor)
        assert noon.period(0) == noon.full_period(0) == Period(0, noon.anchor_at, None)
        # 02:30 came twice in Berlin on 27 October 2024; this is the second one.
        twice = schedule("2024-10-27T01:30:00Z", "once", anchor, "Europe/Berlin")
        assert not twice.starts_with_stub
        assert twice.full_period(0) == Period(0, twice.anchor_at, None)

    def test_a_period_may_be_cut_at_its_start_and_not_before_it(self) -> None:
        period = schedule("2026-01-01", "month").period(0)
        assert period.cut_at(period.starts_at).ends_at == period.starts_at
        with pytest.raises(AssertionError, match="period 0 cannot end before it starts"):
            period.cut_at(Instant(period.starts_at - 1))

    def test_a_period_is_cut_where_the_subscription_ends(self) -> None:
        made = schedule("2026-01-01", "month")
        period, middle = made.period(0), parse_instant("2026-01-10", zone("UTC"))
        assert span(period.cut_at(middle)) == ("2026-01-01T00:00:00Z", "2026-01-10T00:00:00Z")
        assert period.cut_at(made.boundary(2)) == period
        assert made.period(1).starts_at == period.ends_at
        open_ended = schedule("2026-01-01", "once").period(0)
        assert open_ended.cut_at(middle).ends_at == middle

    def test_a_period_that_is_cut_on_its_first_local_day_keeps_no_day(self) -> None:
        made, berlin = schedule("2026-01-01", "month", zone_name="Europe/Berlin"), zone("Europe/Berlin")
        cut = made.period(0).cut_at
        assert cut(parse_instant("2026-01-01T22:59:59Z", berlin)).keeps_no_day(berlin)
        midnight = parse_instant("2026-01-01T23:00:00Z", berlin)
        assert not cut(midnight).keeps_no_day(berlin)
        before_midnight = cut(parse_instant("2026-01-01T22:59:59Z", berlin))
        assert not before_midnight.keeps_no_day(zone("UTC"))  # from 23:00 on 31 December there
        assert not made.period(0).keeps_no_day(berlin)
        assert not schedule("2026-01-01", "once").period(0).keeps_no_day(berlin)

    def test_monthly_allowances_share_their_boundaries_with_the_year_they_are_in(self) -> None:
        year = schedule("2023-08-31", "year", zone_name="Europe/Berlin")
        month = schedule("2023-08-31", "month", zone_name="Europe/Berlin")
        assert [month.boundary(12 * k) for k in range(8)] == [year.boundary(k) for k in range(8)]
        # Stated apart: 31 August 2024, midnight in Berlin, is 22:00Z of the day before.
        assert instant_text(month.boundary(12)) == "2024-08-30T22:00:00Z"

    def test_no_period_ends_after_the_last_day_there_is(self) -> None:
        made = schedule("9999-06-01", "year")
        with pytest.raises(InstantError) as caught:
            made.period(0)
        assert caught.value.reason == "the time lies outside the years 1970 to 9999"
        with pytest.raises(InstantError):
            schedule("9998-01-01", "100 years").boundary(90)
        with pytest.raises(InstantError):
            schedule("9999-12-30", "day").boundary(1)

    def test_an_unknown_zone_is_refused(self) -> None:
        with pytest.raises(ZoneError):
            Schedule(Instant(0), Interval("month"), START, "Europe/Atlantis")


class TestAnchoredAnew:
    """From an anchor on boundaries are counted as from a start; the period before it is cut there."""

    utc = zone("UTC")

    def anchored(self, start: str, interval: str, *anchors: str) -> Schedule:
        at, *later = (parse_instant(text, self.utc) for text in (start, *anchors))
        return Schedule(at, Interval.parse(interval), START, "UTC", tuple(later))

    def days(self, period: Period) -> tuple[int, str, str | None]:
        ends = None if period.ends_at is None else instant_text(period.ends_at)[:10]
        return period.index, instant_text(period.starts_at)[:10], ends

    def test_boundaries_go_on_from_the_anchor_with_the_next_numbers(self) -> None:
        made = self.anchored("2026-01-31", "month", "2026-03-10")
        assert local_dates(made, 5) == ["2026-01-31", "2026-02-28", "2026-03-10", "2026-04-10", "2026-05-10"]
        assert [self.days(made.period(k)) for k in range(4)] == [
            (0, "2026-01-31", "2026-02-28"),
            (1, "2026-02-28", "2026-03-10"),
            (2, "2026-03-10", "2026-04-10"),
            (3, "2026-04-10", "2026-05-10"),
        ]

    def test_the_whole_of_a_period_that_an_anchor_cut_is_the_one_that_was_foreseen(self) -> None:
        made = self.anchored("2026-01-31", "month", "2026-03-10", "2026-03-25")
        assert [self.days(made.full_period(k)) for k in range(4)] == [
            (0, "2026-01-31", "2026-02-28"),
            (1, "2026-02-28", "2026-03-31"),
            (2, "2026-03-10", "2026-04-10"),
            (3, "2026-03-25", "2026-04-25"),
        ]
        assert self.days(made.period(2)) == (2, "2026-03-10", "2026-03-25")

    def test_an_instant_finds_its_period_on_either_side_of_an_anchor(self) -> None:
        made = self.anchored("2026-01-31", "month", "2026-03-10", "2026-03-25")
        found = {
            day: made.index_at(parse_instant(day, self.utc))
            for day in ("2026-01-31", "2026-02-27", "2026-02-28", "2026-03-09", "2026-03-10", "2026-03-24",
                        "2026-03-25", "2026-04-24", "2026-04-25")
        }  # fmt: skip
        assert list(found.values()) == [0, 0, 1, 1, 2, 2, 3, 3, 4]
        assert self.days(made.period_at(parse_instant("2026-03-24", self.utc))) == (
            2,
            "2026-03-10",
            "2026-03-25",
        )

    def test_an_anchor_on_a_boundary_cuts_nothing(self) -> None:
        made = self.anchored("2026-01-31", "month", "2026-02-28")
        assert local_dates(made, 4) == ["2026-01-31", "2026-02-28", "2026-03-28", "2026-04-28"]
        assert made.full_period(0) == made.period(0)

    def test_an_anchor_an_instant_after_a_boundary_leaves_a_period_of_that_instant(self) -> None:
        made = self.anchored("2026-01-31", "month", "2026-02-28T00:00:00.000001Z")
        period = made.period(1)
        assert (period.ends_at or 0) - period.starts_at == 1
        assert made.index_at(period.starts_at) == 1
        assert made.index_at(Instant(period.starts_at + 1)) == 2

    def test_what_is_paid_once_ends_at_an_anchor_and_is_open_after_the_last_one(self) -> None:
        made = self.anchored("2026-01-31", "once", "2026-03-10")
        assert [self.days(made.period(k)) for k in range(2)] == [
            (0, "2026-01-31", "2026-03-10"),
            (1, "2026-03-10", None),
        ]
        assert self.days(made.full_period(0)) == (0, "2026-01-31", None)
        assert instant_text(made.boundary(1)) == "2026-03-10T00:00:00Z"
        assert made.index_at(made.boundary(1)) == 1

    def test_an_anchor_at_the_start_or_before_it_is_our_own_mistake(self) -> None:
        for day in ("2026-01-31", "2026-01-30"):
            with pytest.raises(AssertionError, match=r"\Aa schedule is anchored anew after it starts\Z"):
                self.anchored("2026-01-31", "month", day)


class TestProrationByDay:
    utc = zone("UTC")

    def test_the_day_of_the_change_belongs_to_the_new_terms(self) -> None:
        # April, change on the 10th: 21 of 30 days are left, at 09:00 as at 17:00.
        april = schedule("2026-04-01", "month").period(0)
        for time in ("00:00:00", "09:00:00", "17:00:00", "23:59:59.999999"):
            at = parse_instant(f"2026-04-10T{time}Z", self.utc)
            assert day_fraction(at, april, april, self.utc) == Fraction(21, 30)

    def test_a_change_at_the_start_is_all_and_at_the_end_nothing(self) -> None:
        april = schedule("2026-04-01", "month").period(0)
        assert day_fraction(april.starts_at, april, april, self.utc) == 1
        assert day_fraction(parse_instant("2026-03-20", self.utc), april, april, self.utc) == 1
        assert day_fraction(parse_instant("2026-04-30", self.utc), april, april, self.utc) == Fraction(1, 30)
        assert day_fraction(parse_instant("2026-05-01", self.utc), april, april, self.utc) == 0
        assert day_fraction(parse_instant("2026-06-01", self.utc), april, april, self.utc) == 0

    def test_the_denominator_is_the_whole_quarter_not_the_rest_of_the_stub(self) -> None:
        # 1 April to 30 June is 91 days; from 20 May there are 42 left.
        made = schedule("2026-05-20", "3 months", "calendar")
        assert day_fraction(made.anchor_at, made.period(0), made.full_period(0), self.utc) == Fraction(42, 91)
        change = parse_instant("2026-06-10", self.utc)
        assert day_fraction(change, made.period(0), made.full_period(0), self.utc) == Fraction(21, 91)

    def test_a_cut_period_keeps_the_whole_one_as_denominator(self) -> None:
        april = schedule("2026-04-01", "month").period(0)
        cut = april.cut_at(parse_instant("2026-04-16", self.utc))
        assert day_fraction(april.starts_at, cut, april, self.utc) == Fraction(15, 30)

    def test_a_change_of_clocks_does_not_change_the_days(self) -> None:
        # March 2024 in Berlin has 743 hours and 31 days; half a month costs what it does in UTC.
        berlin = zone("Europe/Berlin")
        march = schedule("2024-03-01", "month", zone_name="Europe/Berlin").period(0)
        assert march.ends_at is not None
        assert march.ends_at - march.starts_at == 743 * 3_600_000_000
        fraction = day_fraction(parse_instant("2024-03-17", berlin), march, march, berlin)
        assert fraction == Fraction(15, 31)
        assert round_minor(fraction * 10, 2) == 484  # 10.00 x 15/31 = 4.8387

    def test_a_start_in_the_afternoon_counts_days_not_hours(self) -> None:
        made = schedule("2026-01-10T14:30:00Z", "month")
        change = parse_instant("2026-01-20T09:00:00Z", self.utc)
        assert day_fraction(change, made.period(0), made.period(0), self.utc) == Fraction(21, 31)

    def test_a_period_within_one_local_day_is_all_or_nothing(self) -> None:
        # Nuuk, 2024-03-30: 23:30 is jumped over, so that day's boundary is 00:00 of the 31st.
        nuuk = zone("America/Nuuk")
        made = schedule("2024-03-29T23:30:00-02:00", "day", zone_name="America/Nuuk")
        assert local_dates(made, 3) == ["2024-03-29", "2024-03-31", "2024-03-31"]
        short = made.period(1)
        assert day_fraction(short.starts_at, short, short, nuuk) == 1
        assert day_fraction(made.boundary(2), short, short, nuuk) == 0

    def test_a_day_that_is_a_period_from_afternoon_to_afternoon_belongs_to_the_change_on_its_last_date(
        self,
    ) -> None:
        day = schedule("2026-01-10T14:30:00Z", "day").period(0)
        assert day_fraction(parse_instant("2026-01-10T23:00:00Z", self.utc), day, day, self.utc) == 1
        assert day_fraction(parse_instant("2026-01-11T09:00:00Z", self.utc), day, day, self.utc) == 0

    def test_a_period_that_was_made_longer_is_no_more_than_a_whole_one(self) -> None:
        april = schedule("2026-04-01", "month").period(0)
        longer = Period(0, april.starts_at, parse_instant("2026-05-16", self.utc))
        assert day_fraction(april.starts_at, longer, april, self.utc) == 1
        later = parse_instant("2026-05-01", self.utc)
        assert day_fraction(later, longer, april, self.utc) == Fraction(15, 30)

    def test_what_stays_open_has_no_parts(self) -> None:
        once = schedule("2026-01-31", "once").period(0)
        with pytest.raises(AssertionError, match=r"\Aa period without an end has no parts\Z"):
            day_fraction(once.starts_at, once, once, self.utc)


def test_proration_by_second_is_exact() -> None:
    utc = zone("UTC")
    april = schedule("2026-04-01", "month").period(0)
    at = parse_instant("2026-04-10T12:00:00Z", utc)  # 20.5 of 30 days are left
    assert second_fraction(at, april, april) == Fraction(41, 60)
    assert second_fraction(april.starts_at, april, april) == 1
    assert second_fraction(parse_instant("2026-05-02", utc), april, april) == 0
    assert second_fraction(Instant(april.starts_at + 1), april, april) == 1 - Fraction(1, 30 * 86_400 * 10**6)
