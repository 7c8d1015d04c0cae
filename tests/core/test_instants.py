"""Instants: times and dates read exactly, time zones by name, the first instant of a local day."""

from __future__ import annotations

from datetime import date

import pytest

from planctl.core.instants import (
    Instant,
    InstantError,
    ZoneError,
    add_local_days,
    days_between,
    first_instant,
    instant_text,
    local_date,
    missing_days,
    parse_date,
    parse_instant,
    zone,
)

UTC = zone("UTC")


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-02", 86_400_000_000),
        ("2026-01-31T09:30:00Z", 1_769_851_800_000_000),
        ("2026-01-31t09:30:00z", 1_769_851_800_000_000),
        ("2026-01-31T10:30:00+01:00", 1_769_851_800_000_000),
        ("2026-01-31T00:00:00-09:30", 1_769_851_800_000_000),
        ("2026-01-31T09:30:00-00:00", 1_769_851_800_000_000),
        ("2026-01-31T09:30:00.1Z", 1_769_851_800_100_000),
        ("2026-01-31T09:30:00.2Z", 1_769_851_800_200_000),
        ("2026-01-31T09:30:00.3Z", 1_769_851_800_300_000),
        ("2026-01-31T09:30:00.000001Z", 1_769_851_800_000_001),
        ("2026-01-31T23:59:59.999999Z", 1_769_903_999_999_999),
        ("9999-12-30T23:59:59.999999Z", 253_402_214_399_999_999),
    ],
)
def test_a_time_is_read_to_the_microsecond(text: str, microseconds: int) -> None:
    assert parse_instant(text, UTC) == microseconds


@pytest.mark.parametrize(
    ("zone_name", "text", "utc"),
    [
        ("UTC", "2026-01-31", "2026-01-31T00:00:00Z"),
        ("Europe/Berlin", "2026-01-31", "2026-01-30T23:00:00Z"),
        ("Pacific/Pago_Pago", "2026-01-31", "2026-01-31T11:00:00Z"),
        ("Pacific/Kiritimati", "2026-01-31", "2026-01-30T10:00:00Z"),
        ("America/Havana", "2024-03-10", "2024-03-10T05:00:00Z"),  # 00:00 does not exist: 01:00 CDT
        ("America/Havana", "2024-11-03", "2024-11-03T04:00:00Z"),  # 00:00 comes twice: the earlier, CDT
        ("Asia/Beirut", "2024-03-31", "2024-03-30T22:00:00Z"),
        ("Asia/Beirut", "2024-10-27", "2024-10-26T22:00:00Z"),  # the day before was 25 hours long
        ("Africa/Cairo", "2024-04-26", "2024-04-25T22:00:00Z"),
        (
            "America/St_Johns",
            "2009-11-01",
            "2009-11-01T02:30:00Z",
        ),  # 00:00 twice, 23:01 of 31 October between
        ("Pacific/Apia", "2011-12-29", "2011-12-29T10:00:00Z"),
        ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z"),  # never was: the first instant of the 31st
        ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z"),
    ],
)
def test_a_date_is_the_first_instant_of_that_local_day(zone_name: str, text: str, utc: str) -> None:
    assert instant_text(parse_instant(text, zone(zone_name))) == utc
    assert instant_text(first_instant(date.fromisoformat(text), zone(zone_name))) == utc


@pytest.mark.parametrize(
    ("text", "reason", "fix"),
    [
        ("2026-01-31T09:30:00", "'2026-01-31T09:30:00' does not say in which zone", "add Z for UTC"),
        ("2026-01-31 09:30:00Z", "'2026-01-31 09:30:00Z' has a space between date and time", "write T"),
        (
            "2026-01-31T09:30:00.1234567Z",
            "'2026-01-31T09:30:00.1234567Z' is finer than a microsecond",
            "at most six",
        ),
        ("2026-01-31T09:30:00.000000000Z", "'2026-01-31T09:30:00.000000000Z' is finer", "at most six"),
        ("2026-12-31T23:59:60Z", "'2026-12-31T23:59:60Z' has no such time of day", "leap seconds"),
        ("2026-01-31T24:00:00Z", "'2026-01-31T24:00:00Z' has no such time of day", "00:00:00 to 23:59:59"),
        ("2026-01-31T09:30:00+24:00", "'2026-01-31T09:30:00+24:00' has no such offset", "+02:00"),
        ("2026-02-29", "'2026-02-29' is a day that does not exist", "look at the month"),
        ("2026-13-01T00:00:00Z", "'2026-13-01' is a day that does not exist", "look at the month"),
        ("0000-01-01", "'0000-01-01' is before 1970", "1970 to 9999"),
        ("1969-12-31T23:59:59Z", "'1969-12-31' is before 1970", "1970 to 9999"),
        ("9999-12-31", "'9999-12-31' is outside 1970-01-01 to 9999-12-30, UTC", "1970 to 9999"),
        ("9999-12-31T23:59:59-12:00", "'9999-12-31T23:59:59-12:00' is outside", "1970 to 9999"),
        ("31.01.2026", "'31.01.2026' is not a date or a time", "write a date (2026-01-31)"),
        ("today", "'today' is not a date or a time", "write a date (2026-01-31)"),
        ("1769851800", "'1769851800' is not a date or a time", "write a date (2026-01-31)"),
        ("2026-01-31\n", r"'2026-01-31\n' is not a date or a time", "write a date (2026-01-31)"),
        ("\u0662\u0660\u0662\u0666-01-31", r"'\u0662\u0660\u0662\u0666-01-31' is not a date", "write a date"),
        ("", "'' is not a date or a time", "write a date (2026-01-31)"),
    ],
)
def test_a_time_that_cannot_be_kept_is_refused_with_a_fix(text: str, reason: str, fix: str) -> None:
    with pytest.raises(InstantError) as caught:
        parse_instant(text, UTC)
    assert caught.value.reason.startswith(reason)
    assert fix in caught.value.fix
    assert str(caught.value).isascii()
    assert str(caught.value).isprintable()


def test_a_day_before_the_first_instant_is_refused_in_a_zone_that_is_ahead() -> None:
    with pytest.raises(InstantError):
        parse_instant("1970-01-01", zone("Europe/Berlin"))


def test_a_date_alone_is_read_by_itself() -> None:
    assert parse_date("2026-01-31") == date(2026, 1, 31)
    with pytest.raises(InstantError):
        parse_date("2026-01-31T00:00:00Z")


@pytest.mark.parametrize(
    ("microseconds", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1, "1970-01-01T00:00:00.000001Z"),
        (1_769_851_800_100_000, "2026-01-31T09:30:00.100000Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
    ],
)
def test_an_instant_is_written_in_utc(microseconds: int, text: str) -> None:
    assert instant_text(Instant(microseconds)) == text


@pytest.mark.parametrize(
    ("zone_name", "day"),
    [
        ("America/Los_Angeles", date(2024, 6, 30)),
        ("UTC", date(2024, 6, 30)),
        ("Asia/Tokyo", date(2024, 7, 1)),
    ],
)
def test_the_local_date_is_the_zones_own(zone_name: str, day: date) -> None:
    assert local_date(parse_instant("2024-06-30T23:30:00Z", UTC), zone(zone_name)) == day


def test_days_later_it_is_the_same_time_on_the_wall() -> None:
    berlin = zone("Europe/Berlin")
    at = parse_instant("2024-03-29T09:00:00+01:00", berlin)
    assert instant_text(add_local_days(at, 3, berlin)) == "2024-04-01T07:00:00Z"  # 09:00 in summer
    assert instant_text(add_local_days(at, -3, berlin)) == "2024-03-26T08:00:00Z"
    assert add_local_days(at, 0, berlin) == at


def test_no_days_later_is_the_instant_itself_even_where_its_time_comes_twice() -> None:
    second = parse_instant("2024-10-27T01:30:00Z", UTC)
    assert add_local_days(second, 0, zone("Europe/Berlin")) == second


@pytest.mark.parametrize("days", [1, 10**6, 10**10])
def test_days_beyond_the_last_one_are_refused(days: int) -> None:
    with pytest.raises(InstantError):
        add_local_days(parse_instant("9999-12-30", UTC), days, UTC)


def test_days_between_dates_count_the_first_and_not_the_last() -> None:
    assert days_between(date(2024, 2, 28), date(2024, 3, 1)) == 2
    assert days_between(date(2024, 3, 1), date(2024, 3, 1)) == 0
    assert days_between(date(2024, 3, 2), date(2024, 3, 1)) == -1


@pytest.mark.parametrize(
    ("zone_name", "days"),
    [
        # Source: IANA time zone database, moves across the date line.
        ("Pacific/Apia", (date(2011, 12, 30),)),
        ("Pacific/Fakaofo", (date(2011, 12, 30),)),
        ("Pacific/Kiritimati", (date(1994, 12, 31),)),
        ("Pacific/Kwajalein", (date(1993, 8, 21),)),
        ("Europe/Berlin", ()),
        ("UTC", ()),
    ],
)
def test_days_that_never_were_are_known(zone_name: str, days: tuple[date, ...]) -> None:
    assert missing_days(zone(zone_name)) == days


@pytest.mark.parametrize(
    "name",
    ["", "Europe", "Europe/Atlantis", "../../etc/passwd", "/etc/passwd", "right/UTC", "posix/Europe/Berlin",
     "localtime", "leapseconds", "tzdata.zi", "UTC\n", "Europe/K\u00f6ln", "UTC+25:00", "\x00", "x" * 5000],
)  # fmt: skip
def test_what_is_not_a_zone_of_the_database_is_refused(name: str) -> None:
    with pytest.raises(ZoneError) as caught:
        zone(name)
    assert str(caught.value).isascii()
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500


def test_a_misspelt_zone_is_answered_with_a_near_one() -> None:
    with pytest.raises(ZoneError) as caught:
        zone("Europe/Berlinn")
    assert caught.value.reason == "'Europe/Berlinn' is not a time zone"
    assert caught.value.fix == "did you mean Europe/Berlin?"
