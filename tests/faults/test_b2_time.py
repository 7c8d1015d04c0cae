"""Faults of calendars and clocks: months that drift, hours that do not exist, runs at the wrong time.

KB is Kill Bill, OM OpenMeter, FP Flexprice; what stands after an @ is a commit.
"""

from __future__ import annotations

import ast
import json
import random
import re
from calendar import monthrange
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

import planctl
from planctl.core.instants import HOUR_MICROSECONDS, first_instant, instant_text, parse_instant, zone
from planctl.core.periods import Anchor, Interval, Schedule, local_date
from tests import stores
from tests.faults.conftest import Desk, broken_laws

CATALOG = """
currencies: {USD: }
features:
  minutes: {type: metered, unit: minute}
defaults: {due: 365 days}
plans:
  daily: {price: {day: {USD: 1}}}
  monthly: {price: {month: {USD: 31}}}
  yearly: {price: {year: {USD: 366}}}
  spring: {price: {3 months: {USD: 91}}, anchor: calendar}
  rolling: {price: {3 months: {USD: 90}}}
  stub: {price: {month: {USD: 31}}, anchor: calendar}
  payg: {price: {month: usage}, anchor: calendar, features: {minutes: {beyond: {charge: usage, each: {USD: 1}}}}}
  tried: {price: {month: {USD: 30}}, trial: {days: 14, card: false},
          features: {minutes: {included: 100, beyond: {charge: usage, each: {USD: 0.10}}}}}
groups:
  main: {order: [a, b, c], switch: {up: now, down: now}}
"""
MAIN = "".join(
    f"  {plan}: {{group: main, price: {{month: {{USD: {price}}}}}, anchor: calendar}}\n"
    for plan, price in (("a", 30), ("b", 60), ("c", 90))
)
CORE = Path(planctl.__file__).parent / "core"


@pytest.fixture
def shop(desk: Desk) -> Desk:
    """A desk that sells the plans above since 2010."""
    desk.sell(CATALOG.replace("groups:", f"{MAIN}groups:"), at="2010-01-01")
    return desk


def starts(desk: Desk, customer: str, plan: str, at: str, zone_name: str = "UTC") -> None:
    desk(f"customer add {customer} --currency USD --timezone {zone_name} --quiet", at)
    desk(f"subscribe {customer} {plan} --yes --quiet --no-trial", at)


def begun(desk: Desk, customer: str) -> list[str]:
    """The local days on which the periods that were billed begin."""
    found = desk.rows(
        "SELECT starts_on FROM billing_period JOIN subscription s ON s.id = subscription"
        " JOIN customer c ON c.seq = s.customer WHERE c.id = ? ORDER BY starts_on", customer,
    )  # fmt: skip
    return [day for (day,) in found]


# --- calendars


def test_F028_the_31st_comes_back_after_a_short_month(shop: Desk) -> None:
    """A month is added to the last boundary instead of the first one, so the 31st becomes the 29th for ever.
    Source: KB@ef81ada003 (#2133), Lago@b30b6bf96 (#1567), Lago@5b7240e15, Lago@906bc764b.
    """
    starts(shop, "x", "monthly", "2024-01-31")
    shop("invoice run", "2024-05-31")
    assert begun(shop, "x") == ["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30", "2024-05-31"]


@pytest.mark.parametrize("interval", ["month", "3 months", "year"])
@pytest.mark.parametrize("anchor", [28, 29, 30, 31])
def test_F028_over_ten_years_no_period_is_skipped_and_none_begins_twice(anchor: int, interval: str) -> None:
    """A month is added to the last boundary instead of the first one, so periods overlap or leave gaps.
    Source: KB@ef81ada003 (#2133).
    """
    # Each period begins so many months after the first, on its day of the month or the month's last.
    months = {"month": 1, "3 months": 3, "year": 12}[interval]
    made = Schedule(
        parse_instant(f"2023-12-{anchor}", zone("UTC")), Interval.parse(interval), Anchor("start"), "UTC"
    )
    for number in range(120 // months + 1):
        year, month = divmod(11 + number * months, 12)
        day = min(anchor, monthrange(2023 + year, month + 1)[1])
        assert instant_text(made.boundary(number)) == f"{2023 + year}-{month + 1:02}-{day:02}T00:00:00Z"


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("2024-02-29", ["2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"]),
        ("2096-02-29", ["2096-02-29", "2097-02-28", "2098-02-28", "2099-02-28", "2100-02-28"]),
    ],
)
def test_F029_a_year_from_the_leap_day_ends_on_the_28th_and_comes_back(
    shop: Desk, start: str, expected: list[str]
) -> None:
    """A year that begins on 29 February has no such day to end on; 2100 is no leap year.
    Source: KB@ef81ada003 (#2133) and its family.
    """
    starts(shop, "x", "yearly", start)
    shop("invoice run", expected[-1])
    assert begun(shop, "x") == expected


def test_F031_days_are_counted_on_the_calendar_not_in_hours(shop: Desk) -> None:
    """Days are counted as hours / 24 over a change of the clocks, and 31 days are taken for 30 or 32.
    Source: Lago@9e4a2f883, Lago@ecceafaeb.
    """
    # March 2024 has 31 × 24 = 744 hours, in Berlin 743. Who starts on the 17th pays 15 of 31 days of 31.00 in both.
    for name, zone_name, hours in (("u", "UTC", 744), ("b", "Europe/Berlin", 743)):
        first, after = (first_instant(date(2024, month, 1), zone(zone_name)) for month in (3, 4))
        assert after - first == hours * HOUR_MICROSECONDS
        starts(shop, name, "stub", "2024-03-17", zone_name)
        assert shop.totals(name) == ["15.00"]
    divided = [
        f"{path.name}:{node.lineno}" for path, node in nodes(CORE, "_MICROSECONDS", "86_", "86400")
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div | ast.FloorDiv)
        and re.search("DAY|HOUR|86_?400", ast.unparse(node.right))
    ]  # fmt: skip
    assert divided == [], "the core makes no days out of hours"


def nodes(folder: Path, *words: str) -> Iterator[tuple[Path, ast.AST]]:
    """Every node of every module in which one of the words stands."""
    for path in sorted(folder.rglob("*.py")):
        text = path.read_text("utf-8")
        if any(word in text for word in words):
            yield from ((path, node) for node in ast.walk(ast.parse(text)))


def test_F032_local_times_are_never_subtracted() -> None:
    """The difference of two local times is taken on the wall clock: 24 hours where there were 23.
    Source: Python documentation, "datetime", subtraction of aware values; measured for Berlin, 2024-03-31.
    """
    # Two modules know times of day at all. What they subtract with a zone is the epoch, in UTC.
    first, after = (
        first_instant(day, zone("Europe/Berlin")) for day in (date(2024, 3, 31), date(2024, 4, 1))
    )
    assert after - first == 23 * HOUR_MICROSECONDS
    knowing = set()
    for path, node in nodes(CORE.parent, "datetime"):
        if isinstance(node, ast.ImportFrom) and node.module == "datetime":
            knowing |= {path.name for alias in node.names if alias.name == "datetime"}
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub) and isinstance(node.left, ast.Call):
            assert "tzinfo" not in ast.unparse(node.left) or ast.unparse(node.right) == "EPOCH"
    assert knowing == {"instants.py", "periods.py"}


# --- zones

ZONES = {
    "Pacific/Pago_Pago": "-11:00",
    "America/St_Johns": "-02:30",
    "UTC": "+00:00",
    "Asia/Kathmandu": "+05:45",
    "Pacific/Chatham": "+12:45",
    "Pacific/Kiritimati": "+14:00",
}
"""Zones from one end of the world to the other, with their offsets on 30 June 2026."""


def test_F033_the_last_and_the_first_moment_of_a_local_month_fall_into_one_period_each(shop: Desk) -> None:
    """The end of the day is computed in the wrong zone: usage is missed, or billed twice.
    Source: KB@96c876e53b, KB@da0969d93f (#1981), KB@ea79149426.
    """
    # One minute is used in the last millisecond of June, two in the first of July, wherever the customer is.
    events = []
    for name, (zone_name, offset) in enumerate(ZONES.items()):
        starts(shop, f"c{name}", "payg", "2026-06-10", zone_name)
        for quantity, at in ((1, "2026-06-30T23:59:59.999"), (2, "2026-07-01T00:00:00.000")):
            used = {"id": f"{quantity}", "customer": f"c{name}", "event": "minutes", "at": at + offset}
            events.append(json.dumps({**used, "quantity": quantity}))
    (shop.directory / "used.ndjson").write_text("\n".join(events))
    shop("usage import used.ndjson --quiet", "2026-07-02")
    shop("invoice run", "2026-08-02")
    assert [shop.totals(f"c{name}") for name in range(len(ZONES))] == [["1.00", "2.00"]] * len(ZONES)


@pytest.mark.parametrize(("zone_name", "month"), [("UTC", 6), ("America/Los_Angeles", 6), ("Asia/Tokyo", 7)])
def test_F035_usage_belongs_to_the_day_it_is_at_the_customers(shop: Desk, zone_name: str, month: int) -> None:
    """The day of an event is taken in UTC and the period in the customer's zone, so the last day is skipped.
    Source: Lago@8536eac63, Polar@fa7022fd39, FP@8d4be6727.
    """
    # 23:30 UTC on 30 June is 08:30 on 1 July in Tokyo.
    starts(shop, "x", "payg", "2024-06-10", zone_name)
    shop("usage record x minutes 5 --at 2024-06-30T23:30:00Z", "2024-07-01")
    shop("invoice run", "2024-08-02")
    (invoice,) = shop.invoices("x")
    (line,) = invoice["lines"]
    begins = local_date(parse_instant(line["period"]["starts_at"], zone("UTC")), zone(zone_name))
    assert (invoice["total"], begins.month) == ("5.00", month)


@pytest.mark.parametrize(
    ("zone_name", "day", "begins"),
    [
        ("America/Havana", "2024-03-10", "2024-03-10T05:00:00Z"),
        ("Asia/Beirut", "2024-03-31", "2024-03-30T22:00:00Z"),
        ("Africa/Cairo", "2024-04-26", "2024-04-25T22:00:00Z"),
        ("America/Havana", "2024-11-03", "2024-11-03T04:00:00Z"),
    ],
)
def test_F036_a_day_without_midnight_begins_with_its_first_instant(
    shop: Desk, zone_name: str, day: str, begins: str
) -> None:
    """A time that does not exist, or exists twice, is taken for another one. Source: FP@74a058381; PEP 495."""
    # In the first three the clocks jump from 00:00 to 01:00, so the day begins when the old offset (-5, +2, +2
    # hours) says midnight; in the last one 00:00 comes twice (-4, then -5 hours), and the earlier one counts.
    shop(f"customer add x --currency USD --timezone {zone_name} --quiet", "2024-01-01")
    shop(f"subscribe x daily --start {day} --yes --quiet", f"{day}T12:00:00Z")
    assert [one["period"]["starts_at"] for one in shop.invoices("x")] == [begins]


def test_F036_a_time_that_the_clocks_jump_over_is_the_instant_after_the_jump(shop: Desk) -> None:
    """A time that does not exist is taken for another one, and the periods around it overlap.
    Source: FP@74a058381; PEP 495.
    """
    # 02:30 of the 31st, in Berlin (01:30 in UTC): on 31 March 2024 the clocks go from 02:00 to 03:00, which is
    # 01:00 UTC; in April it is 02:30 again, in UTC 00:30.
    starts(shop, "x", "monthly", "2024-01-31T01:30:00Z", "Europe/Berlin")
    shop("invoice run", "2024-05-01")
    assert [one["period"]["starts_at"][5:16] for one in shop.invoices("x")] == [
        "01-31T01:30", "02-29T01:30", "03-31T01:00", "04-30T00:30",
    ]  # fmt: skip


def test_F037_a_day_that_a_place_left_out_is_no_period(shop: Desk) -> None:
    """A whole day is missing, and a period of no length is made for it.
    Source: IANA time zone database, Pacific/Apia; measured.
    """
    # Samoa had no 30 December 2011.
    starts(shop, "x", "daily", "2011-12-28T10:00:00Z", "Pacific/Apia")
    shop("invoice run", "2012-01-02")
    assert begun(shop, "x")[:4] == ["2011-12-28", "2011-12-29", "2011-12-31", "2012-01-01"]
    assert set(shop.totals("x")) == {"1.00"}


def test_F039_a_period_holds_its_first_instant_and_not_its_end(shop: Desk) -> None:
    """The start of a period is taken for exclusive, or its end for inclusive: what lies there counts never or
    twice.
    Source: OM@2a1bf153b, OM@4a22fd94d (#4278), OM@253cc22d1.
    """
    # February in Berlin begins and ends at 23:00 UTC, within a day by which usage is kept.
    starts(shop, "x", "payg", "2026-01-15", "Europe/Berlin")
    for quantity, at in (
        (1, "2026-01-31T23:00:00Z"),
        (2, "2026-02-28T22:59:59.999999Z"),
        (4, "2026-02-28T23:00:00Z"),
    ):
        shop(f"usage record x minutes {quantity} --at {at}", "2026-03-01T00:00:00Z")
    shop("invoice run", "2026-04-01")
    assert shop.totals("x") == ["3.00", "4.00"]


def test_F040_a_quarter_does_not_begin_on_every_such_day_of_a_month(shop: Desk) -> None:
    """A cadence longer than a month fires at the first month whose day fits. Source: Lago@eb76ce42d (#5117)."""
    # A start on 15 March that was asked for on 15 January bills nothing before it, and then every third month.
    shop("customer add x --currency USD --quiet", "2026-01-15")
    shop("subscribe x rolling --start 2026-03-15 --schedule --yes --quiet", "2026-01-15")
    days = [f"2026-{month:02}-15" for month in range(1, 7)]
    issued = [day for day in days if shop.json("invoice run", day)["issued"]]
    assert issued == ["2026-03-15", "2026-06-15"]
    assert shop.totals("x") == ["90.00", "90.00"]


def test_F041_a_fraction_of_a_second_is_kept_as_it_was_written(shop: Desk) -> None:
    """A timestamp passes through a float, and an event at a boundary falls on the other side of it.
    Source: Lago@77469fa2e, Lago@b1809ac76, Lago@a19e55436, Lago@ff7720a03.
    """
    starts(shop, "x", "payg", "2026-01-01")
    written = ["2026-01-31T23:59:59.1Z", "2026-01-31T23:59:59.2Z", "2026-01-31T23:59:59.3Z",
               "2026-01-31T23:59:59.999999Z", "2026-02-01T00:00:00.000001Z"]  # fmt: skip
    for at in written:
        shop(f"usage record x minutes 1 --at {at}", "2026-02-02")
    kept = [one["at"] for one in shop.json("usage list --customer x", "2026-02-02")]
    assert kept == [at.replace(".1Z", ".100000Z").replace(".2Z", ".200000Z").replace(".3Z", ".300000Z")
                    for at in written]  # fmt: skip
    refused = shop("usage record x minutes 1 --at 2026-01-31T23:59:59.9999999Z", "2026-02-02", exit_code=3)
    assert "finer than a microsecond" in refused.stderr
    shop("invoice run", "2026-03-01")
    assert shop.totals("x") == ["4.00", "1.00"]


# --- clocks


def test_F043_a_run_goes_neither_back_nor_far_ahead_of_the_clock(shop: Desk, tmp_path: Path) -> None:
    """The machine's clock goes back or jumps ahead, and a period is opened again or billed early.
    Source: measured; planctl billing rules, time.
    """
    # A store that is no test store stands in for the clock that jumped.
    starts(shop, "x", "monthly", "2026-03-01")
    shop("invoice run", "2026-03-01")
    assert "[clock-back]" in shop("invoice run", "2026-02-20", exit_code=4).stderr
    real = stores.url(tmp_path / "real.db")
    shop(f"--store {real} init real --quiet")
    assert "[clock-ahead]" in shop(f"--store {real} invoice run", "2500-01-01", exit_code=4).stderr
    shop(f"--store {real} invoice run --reason rehearsal", "2500-01-01")
    assert broken_laws(tmp_path / "real.db") == []


def test_F044_what_was_to_end_ends_on_its_day_and_not_on_that_of_the_run(shop: Desk) -> None:
    """A subscription that is ended late is billed for the days after its planned end. Source: Polar@6cf74195d1."""
    starts(shop, "x", "monthly", "2026-02-10")
    shop("subscription cancel x --yes --quiet", "2026-02-20")
    shop("invoice run", "2026-03-15")
    assert shop.rows("SELECT status, ends_at FROM subscription") == [
        ("canceled", parse_instant("2026-03-10", zone("UTC")))
    ]
    assert shop.totals("x") == ["31.00"]


@pytest.mark.parametrize("at", ["9999-12-31", "10000-01-01", "99999-01-01"])
def test_F045_a_time_beyond_the_calendar_is_refused_in_words(shop: Desk, at: str) -> None:
    """A date or a length beyond the year 9999 ends the program. Source: Polar@f986df34d5; hledger@438c4a046."""
    assert shop("invoice run", at, exit_code=3).stderr.startswith("--as-of: error: ")
    (shop.directory / "long.yaml").write_text(
        "format: planctl.catalog/1\ncatalog: long\ncurrencies: {USD: }\n"
        "plans: {x: {price: {month: {USD: 1}}, expires: 1000000 years}}\n"
    )
    refused = shop("catalog validate long.yaml", exit_code=3)
    assert "long.yaml:4:" in refused.stderr


def test_F046_skipped_and_repeated_runs_bill_what_a_run_each_day_bills(
    shop: Desk, copy: Callable[[], Path]
) -> None:
    """Cron loses a run when the clocks change or the host is off, or does one twice.
    Source: cron(8), daylight saving time.
    """
    # Forty days with runs on some of them, once or several times, against a run on each of them.
    for name, plan in (("d", "daily"), ("m", "monthly"), ("p", "payg")):
        starts(shop, name, plan, "2026-03-10", "Europe/Berlin")
    for number in range(11, 28, 4):
        shop(f"usage record p minutes {number} --at 2026-03-{number}", f"2026-03-{number}")
    days = [f"2026-{3 + (9 + number) // 31:02}-{(9 + number) % 31 + 1:02}" for number in range(1, 41)]
    lines = ("SELECT subscription, charge_key, service_idx, kind, quantity, amount, starts_at, ends_at"
             " FROM invoice_line ORDER BY 1, 3, 2")  # fmt: skip
    other = copy()
    dice = random.Random(46)
    for day in days:
        for _ in range(dice.choice((0, 0, 1, 2))):
            shop("invoice run --quiet", day)
    shop("invoice run --quiet", days[-1])
    with stores.raw(other) as raw:
        now_and_then = [tuple(row) for row in raw.execute(lines).fetchall()]
    assert broken_laws(other) == []
    for day in days:
        assert (
            shop.run("--store", stores.address(shop.store), "invoice", "run", "--as-of", day).exit_code == 0
        )
    assert now_and_then == shop.rows(lines)
    assert len(now_and_then) == 41 + 2 + 1, "the days from 10 March to 19 April, two months, March's usage"


def test_F047_what_is_used_in_a_trial_is_never_charged(shop: Desk) -> None:
    """The period after a trial bills what was used in it, or the trial's end is taken in the wrong zone. planctl
    claims a trial's usage when the trial ends, without a line.
    Source: Polar@e648cc051d (#11046), Lago@e2dcc2e36.
    """
    # 120 minutes in the trial, of which 100 are free and 20 beyond what it grants; then 110, of which 10 cost 0.10.
    shop("customer add x --currency USD --timezone Asia/Tokyo --payment-method invoice --quiet", "2026-04-01")
    shop("subscribe x tried --yes --quiet", "2026-04-01")
    shop("usage record x minutes 120 --at 2026-04-14T14:59:59Z", "2026-04-14T15:00:00Z")
    shop("invoice run", "2026-04-15")
    shop("usage record x minutes 110 --at 2026-05-01", "2026-05-01")
    shop("invoice run", "2026-05-16")
    shop("invoice run", "2026-06-16")
    assert shop.totals("x") == ["30.00", "31.00", "30.00"]


def test_F048_two_changes_on_one_day_leave_no_day_twice_and_none_out(shop: Desk) -> None:
    """A plan that is ended and begun again on one day is charged twice for it, or not at all.
    Source: planctl billing rules, two changes on one day.
    """
    # April has 30 days and the 10th is the new plan's: A costs 30.00 × 9/30 = 9.00, C 90.00 × 21/30 = 63.00, B
    # between them nothing.
    starts(shop, "x", "a", "2026-04-01")
    shop("subscribe x b --yes --quiet", "2026-04-10T09:00:00Z")
    shop("subscribe x c --yes --quiet", "2026-04-10T17:00:00Z")
    # 30.00; 42.00 for B less 21.00 of A; 63.00 for C less the 42.00 of B: together 72.00.
    assert shop.totals("x") == ["30.00", "21.00", "21.00"]
    shop("invoice run", "2026-05-01")
    assert shop.totals("x")[3:] == ["90.00"]


def test_F049_a_part_of_a_quarter_is_a_part_of_all_its_days(shop: Desk) -> None:
    """A part is divided by what is left of the period instead of its whole length: everything is charged.
    Source: Lago@b70c6fd8a (#6194), silver@1bc5206.
    """
    # The second quarter has 91 days; from 20 May to 30 June are 12 + 30 = 42 of them.
    starts(shop, "x", "spring", "2026-05-20")
    shop("invoice run", "2026-07-01")
    assert shop.totals("x") == ["42.00", "91.00"]
