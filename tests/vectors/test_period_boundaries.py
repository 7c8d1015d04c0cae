"""Period boundaries that other billing systems publish in their tests, each with its source in the data.

Every case is run with planctl's rules or listed, with the reason why its rule is another one, in
exceptions/period_boundaries.json. Never both.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from planctl.core.periods import (
    Anchor,
    Instant,
    Interval,
    Period,
    Schedule,
    first_instant,
    instant_text,
    local_date,
    parse_instant,
    zone,
)
from tests.vectors.harness import load

VECTORS = load("period_boundaries")
CASES, EXCEPTIONS = VECTORS.cases, VECTORS.exceptions

MONTHS = {"month": 1, "quarter": 3, "half_year": 6}
MICROSECONDS_A_DAY = 86_400_000_000


def test_every_listed_exception_exists_and_says_why() -> None:
    VECTORS.check_exceptions()


def test_the_file_is_whole() -> None:
    VECTORS.check_whole(39)


@pytest.mark.parametrize("case_id", VECTORS.played)
def test_a_published_case_gives_the_published_boundaries(case_id: str) -> None:
    case = CASES[case_id]
    checked = [answer(name, case["input"], value) for name, value in case["expected"].items()]
    assert checked
    for got, wanted in checked:
        assert got == wanted


def answer(name: str, given: dict[str, Any], wanted: Any) -> tuple[Any, Any]:
    """What planctl says where the case expects `wanted` under `name`; the two must be equal."""
    schedule = schedule_of(given)
    in_dates = "start_date" in given
    if name == "boundaries":
        return [shown(schedule.boundary(k), in_dates) for k in range(len(wanted))], wanted
    if name == "periods":
        return [list(span(schedule.period(k))) for k in range(len(wanted))], wanted
    if name == "periods_inclusive":
        return [inclusive(schedule.period(k)) for k in range(len(wanted))], wanted
    if name == "next_boundary":
        current = schedule.index_at(instant(given["current_period_start"]))
        return shown(schedule.boundary(current + 1), in_dates), wanted
    if name == "first_period_end":
        return span(schedule.period(0).cut_at(instant(given["subscription_end"])))[1], wanted
    if name == "first_boundary_on_or_after_start":
        return shown(schedule.boundary(int(schedule.starts_with_stub)), in_dates), wanted
    if name in {"period_start", "period_end"}:
        back = 1 if given.get("wanted") == "last calendar period that is complete in local time" else 0
        period = schedule.period(schedule.index_at(instant(given["at"])) - back)
        return span(period)[name == "period_end"], wanted
    raise AssertionError(f"no rule reads {name}")


def schedule_of(given: dict[str, Any]) -> Schedule:
    """The schedule of a case in planctl's terms; a quarter is 3 months, an anniversary anchor is `start`."""
    zone_name = given.get("timezone", "UTC")
    unit, count = given["interval"], given.get("interval_count", 1)
    interval = Interval("month", MONTHS[unit] * count) if unit in MONTHS else Interval(unit, count)
    tz = zone(zone_name)
    if "start_date" in given:
        start = first_instant(date.fromisoformat(given["start_date"]), tz)
    elif "start" in given or "subscription_start" in given:
        start = instant(given.get("start") or given["subscription_start"])
    elif "anchor_instant" in given:
        start = instant(given["anchor_instant"])
    else:  # only "the calendar" is given: any start well before the instant asked about
        start = Instant(instant(given["at"]) - 400 * MICROSECONDS_A_DAY)
    return Schedule(start, interval, anchor_of(given), zone_name)


def anchor_of(given: dict[str, Any]) -> Anchor:
    if given.get("anchor") == "calendar":
        return Anchor("calendar")
    if given.get("anchor") == "day_of_month":
        return Anchor("day", given["anchor_day"])
    if "subscription_start" in given:  # an anchor of its own, at midnight: that day of the month
        anchor = given["anchor_instant"]
        assert anchor.endswith("T00:00:00Z")
        return Anchor("day", date.fromisoformat(anchor[:10]).day)
    assert given.get("anchor", "anniversary") == "anniversary"
    return Anchor("start")


def instant(text: str) -> Instant:
    return parse_instant(text, zone("UTC"))


def shown(at: Instant, in_dates: bool) -> str:
    text = instant_text(at)
    return text.removesuffix("T00:00:00Z") if in_dates else text


def span(period: Period) -> tuple[str, str]:
    assert period.ends_at is not None
    return instant_text(period.starts_at), instant_text(period.ends_at)


def inclusive(period: Period) -> list[str]:
    """First and last day, as people write them; cases in this form are in UTC."""
    assert period.ends_at is not None
    last = local_date(period.ends_at, zone("UTC")) - timedelta(days=1)
    return [local_date(period.starts_at, zone("UTC")).isoformat(), last.isoformat()]
