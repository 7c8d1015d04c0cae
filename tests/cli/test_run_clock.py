"""When `invoice run` refuses to run, whom it holds back, and what accepts it: the clock and catching up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run

CATALOG = """\
format: planctl.catalog/1
catalog: rhythms
currencies: {USD: }
features:
  minutes: {type: metered, unit: minute}
defaults: {due: 90 days}
plans:
  daily: {price: {day: {USD: 1}}}
  weekly: {price: {week: {USD: 7}}}
  monthly: {price: {month: {USD: 30}}}
  payg: {price: {week: usage}, features: {minutes: {beyond: {charge: usage, each: {USD: 1}}}}}
"""


@pytest.fixture
def rhythms(run: Run, tmp_path: Path) -> Run:
    """A test store of 2026-01-01 with a customer on each plan, named after it."""
    (tmp_path / "catalog.yaml").write_text(CATALOG, encoding="utf-8")
    lines = ["init --test", "catalog apply catalog.yaml --yes"]
    for plan in ("daily", "weekly", "monthly", "payg"):
        lines += [f"customer add {plan} --currency USD", f"subscribe {plan} {plan} --yes"]
    for line in lines:
        result = run(*line.split(), "--as-of", "2026-01-01")
        assert result.exit_code == 0, result.stderr
    return run


def test_of_several_only_whoever_is_far_behind_is_held_and_the_rest_is_billed(rhythms: Run) -> None:
    # By 2 April: 91 days, 13 weeks (each more than 12 periods and more than 35 days), 3 months; nothing was used.
    result = rhythms("invoice", "run", "-f", "json", "--as-of", "2026-04-02")
    assert result.exit_code == 1
    held = {one["customer"]: one["reason"] for one in result.json["held"]}
    assert set(held) == {"daily", "weekly"}
    assert all(reason.startswith("catch-up") for reason in held.values())
    assert result.json["totals"] == {"USD": "90.00"}  # 3 × 30.00


def test_many_periods_in_a_few_days_are_billed(rhythms: Run) -> None:
    # 35 days after the first one that is missing, 2 January: 36 daily periods, which is not more than 35 days behind.
    result = rhythms("invoice", "run", "-f", "json", "--as-of", "2026-02-06")
    assert result.exit_code == 0, result.stderr
    assert result.json["totals"] == {"USD": "101.00"}  # 36 × 1 + 5 weeks × 7 + 1 month × 30


def test_one_day_more_is_held(rhythms: Run) -> None:
    result = rhythms("invoice", "run", "-f", "json", "--as-of", "2026-02-06T00:00:00.000001Z")
    assert [one["customer"] for one in result.json["held"]] == ["daily"]


def test_twelve_periods_are_billed_however_late(rhythms: Run) -> None:
    # The 12th weekly renewal is on 26 March.
    result = rhythms("invoice", "run", "--customer", "weekly", "-f", "json", "--as-of", "2026-04-01")
    assert result.json["issued"] == 12
    assert result.exit_code == 0


def test_periods_that_bill_nothing_do_not_count(rhythms: Run) -> None:
    result = rhythms("invoice", "run", "--customer", "payg", "-f", "json", "--as-of", "2026-12-31")
    assert (result.exit_code, result.json["issued"], result.json["held"]) == (0, 0, [])


def test_catching_up_bills_every_period_with_its_own_dates(rhythms: Run) -> None:
    words = ("invoice", "run", "--customer", "weekly", "--catch-up", "13", "--reason", "the server was off")
    result = rhythms(*words, "-f", "json", "--as-of", "2026-04-02")
    assert (result.exit_code, result.json["issued"]) == (0, 13)
    listed = rhythms("invoice", "list", "--customer", "weekly", "-f", "json", "--as-of", "2026-04-02").json
    starts = [one["period"]["starts_at"][:10] for one in listed]
    assert starts[:4] == ["2026-01-01", "2026-01-08", "2026-01-15", "2026-01-22"]
    assert starts[-1] == "2026-04-02"
    assert len(starts) == 14
    assert {one["issued_at"] for one in listed[1:]} == {"2026-04-02T00:00:00Z"}


def test_catching_up_fewer_than_are_missing_stays_on_hold(rhythms: Run) -> None:
    words = ("invoice", "run", "--customer", "weekly", "--catch-up", "12", "--reason", "the server was off")
    result = rhythms(*words, "-f", "json", "--as-of", "2026-04-02")
    assert (result.exit_code, result.json["issued"]) == (1, 0)


def test_late_skipped_and_repeated_runs_bill_what_daily_runs_bill(rhythms: Run) -> None:
    def lines(customer: str) -> list[Any]:
        found = rhythms("invoice", "list", "--customer", customer, "-f", "json", "--as-of", "2026-02-05").json
        return [(one["period"], [line["amount"] for line in one["lines"]]) for one in found]

    for day in (2, 3, 3, 9, 9, 27):
        assert rhythms("invoice", "run", "--customer", "daily", "--as-of", f"2026-01-{day:02}").exit_code == 0
    assert rhythms("invoice", "run", "--as-of", "2026-02-05").exit_code == 0
    assert [amounts for _, amounts in lines("daily")] == [["1.00"]] * 36  # 1 January to 5 February
    assert [period["starts_at"][:10] for period, _ in lines("weekly")] == [
        "2026-01-01", "2026-01-08", "2026-01-15", "2026-01-22", "2026-01-29", "2026-02-05",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("as_of", "exit_code"),
    [("2026-01-08T11:55:00Z", 0), ("2026-01-08T11:54:59Z", 4), ("2026-01-07", 4)],
)
def test_a_whole_run_goes_five_minutes_back_and_no_further(rhythms: Run, as_of: str, exit_code: int) -> None:
    assert rhythms("invoice", "run", "--as-of", "2026-01-08T12:00:00Z").exit_code == 0
    result = rhythms("invoice", "run", "-f", "json", "--as-of", as_of)
    assert result.exit_code == exit_code
    if exit_code:
        assert result.error["code"] == "clock-back"


def test_other_commands_may_be_dated_before_the_last_run(rhythms: Run) -> None:
    assert rhythms("invoice", "run", "--as-of", "2026-01-08").exit_code == 0
    back = ("--as-of", "2026-01-05")
    assert rhythms("usage", "record", "payg", "minutes", "3", *back).exit_code == 0
    assert rhythms("payment", "record", "INV-2026-00001", *back).exit_code == 0
    assert rhythms("subscription", "show", "payg", *back).exit_code == 0


def test_a_reason_lowers_the_mark_so_that_one_mistaken_run_does_not_stop_cron(rhythms: Run) -> None:
    assert rhythms("invoice", "run", "--as-of", "2026-01-20").exit_code == 0
    assert rhythms("invoice", "run", "--as-of", "2026-01-08").exit_code == 4
    assert rhythms("invoice", "run", "--reason", "wrong year", "--as-of", "2026-01-08").exit_code == 0
    assert rhythms("invoice", "run", "--as-of", "2026-01-09").exit_code == 0


def test_a_real_store_does_not_run_far_ahead_of_the_machines_clock(run: Run) -> None:
    assert run("init").exit_code == 0
    ahead = ("--as-of", "2500-01-01")
    refused = run("invoice", "run", "-f", "json", *ahead)
    assert (refused.exit_code, refused.error["code"]) == (4, "clock-ahead")
    assert run("invoice", "run", "--reason", "a rehearsal", *ahead).exit_code == 0


def test_a_test_store_has_a_free_clock_and_says_what_it_is(run: Run) -> None:
    assert run("init", "--test").exit_code == 0
    assert run("invoice", "run", "--as-of", "2500-01-01").exit_code == 0
    assert "test" in run("status", "--as-of", "2500-01-01").stdout


# The last and the first instant of a local month, with the offset that the zone has then; 1 minute is used at each.
MIDNIGHTS = {
    "Pacific/Pago_Pago": "-11:00",
    "America/St_Johns": "-02:30",
    "Asia/Kathmandu": "+05:45",
    "Australia/Lord_Howe": "+10:30",
    "Pacific/Chatham": "+12:45",
    "Pacific/Kiritimati": "+14:00",
}


def test_a_local_midnight_separates_two_months_everywhere(run: Run, tmp_path: Path) -> None:
    catalog = CATALOG.replace("payg: {price: {week: usage}", "payg: {anchor: calendar, price: {month: usage}")
    (tmp_path / "catalog.yaml").write_text(catalog, encoding="utf-8")
    lines = ["init --test --as-of 2026-06-01", "catalog apply catalog.yaml --yes --as-of 2026-06-01"]
    for number, (zone_name, offset) in enumerate(MIDNIGHTS.items()):
        lines += [
            f"customer add c{number} --currency USD --timezone {zone_name} --as-of 2026-06-01",
            f"subscribe c{number} payg --yes --as-of 2026-06-10",
            f"usage record c{number} minutes 1 --at 2026-06-30T23:59:59.999999{offset} --as-of 2026-07-02",
            f"usage record c{number} minutes 2 --at 2026-07-01T00:00:00{offset} --as-of 2026-07-02",
        ]
    lines += ["invoice run --as-of 2026-07-02", "invoice run --as-of 2026-08-02"]
    for line in lines:
        result = run(*line.split())
        assert result.exit_code == 0, result.stderr
    for number in range(len(MIDNIGHTS)):
        words = ("invoice", "list", "--customer", f"c{number}", "-f", "json", "--as-of", "2026-08-02")
        assert [one["total"] for one in run(*words).json] == ["1.00", "2.00"]


@pytest.mark.parametrize(
    "as_of", ["9999-12-31", "10000-01-01", "1969-12-31", "2026-02-30", "2026-01-01T00:00:60Z"]
)
def test_a_time_that_no_calendar_here_has_is_refused_in_words(run: Run, as_of: str) -> None:
    assert run("init", "--test").exit_code == 0
    result = run("invoice", "run", "-f", "json", "--as-of", as_of)
    assert result.exit_code == 3
    assert result.error["hint"]
