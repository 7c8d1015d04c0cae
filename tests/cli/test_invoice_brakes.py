"""What holds a run back: a dry run that compares, and `--max-change`; and what a long run shows on the way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from planctl.cli import output
from planctl.workflows import run_invoices
from tests.cli.conftest import Result, Run

NEW_YEAR = ("--as-of", "2026-01-01")
FEBRUARY = ("--as-of", "2026-02-01")
MARCH = ("--as-of", "2026-03-01")


@pytest.fixture
def two(acme: Run, tmp_path: Path) -> Run:
    """nova and vega on pro for 49.00 a month, paid by nobody, moved in so that February is the first invoice."""
    move_in(acme, tmp_path, "nova", "vega")
    return acme


def move_in(run: Run, tmp_path: Path, *names: str, through: str = "2026-02-01") -> None:
    """Customers whose fees are paid until then; they are never blocked."""
    (tmp_path / "people.csv").write_text(
        "customer,currency,country\n" + "".join(f"{name},USD,US\n" for name in names if name != "nova")
    )
    rows = "".join(f"{name},pro,month,2025-12-01,{through}\n" for name in names)
    (tmp_path / "moved.csv").write_text(f"customer,plan,pay,start,billed_through\n{rows}")
    assert run("customer", "update", "nova", "--country", "US", *NEW_YEAR).exit_code == 0
    assert run("customer", "import", "people.csv", "--yes", *NEW_YEAR).exit_code == 0
    assert run("subscription", "import", "moved.csv", "--yes", *NEW_YEAR).exit_code == 0


def pay_all(run: Run, as_of: str) -> None:
    for one in run("invoice", "list", "-f", "json", "--as-of", as_of).json:
        if one["status"] == "open":
            run("payment", "record", one["number"], "--as-of", as_of)


def run_march_with(run: Run, *words: str) -> Result:
    """The February run, paid, then one of March."""
    assert run("invoice", "run", *FEBRUARY).exit_code == 0
    pay_all(run, "2026-02-02")
    return run("invoice", "run", "-f", "json", *words, *MARCH)


# --- a dry run compares


def test_a_dry_run_of_many_pages_shows_the_numbers_that_the_run_would_give(
    two: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two customers, each a page of its own; February and March are due."""
    monkeypatch.setattr(run_invoices, "PAGE", 1)
    dry = two("invoice", "run", "--dry-run", "-f", "json", *MARCH).json
    done = two("invoice", "run", "-f", "json", *MARCH).json
    assert dry["invoices"] == done["invoices"] == [f"INV-2026-{number:05}" for number in range(1, 5)]


def test_the_first_dry_run_has_nothing_to_compare_with(two: Run) -> None:
    dry = two("invoice", "run", "--dry-run", "-f", "json", *FEBRUARY).json
    assert dry["compared"] == {"last_as_of": None, "changes": [], "over_twice": []}


def test_a_dry_run_compares_counts_and_totals_with_the_last_run_that_issued_something(
    two: Run, tmp_path: Path
) -> None:
    """2 invoices of 49.00 in February and 3 in March, half as many again; the run between had nothing to do."""
    two("invoice", "run", *FEBRUARY)
    pay_all(two, "2026-02-02")
    assert "nothing was due" in two("invoice", "run", "--as-of", "2026-02-03").stdout
    move_in(two, tmp_path, "anna", through="2026-03-01")
    dry = two("invoice", "run", "--dry-run", "-f", "json", *MARCH).json
    assert dry["compared"] == {
        "last_as_of": "2026-02-01T00:00:00Z",
        "changes": [
            {"what": "invoices", "before": "2", "now": "3", "percent": "50.0"},
            {"what": "USD", "before": "98.00", "now": "147.00", "percent": "50.0"},
        ],
        "over_twice": [],
    }
    said = two("invoice", "run", "--dry-run", *MARCH).stdout
    assert "  USD: 98.00 to 147.00 (+50.0 %)" in said


def test_a_dry_run_names_who_would_pay_over_twice_the_last_invoice(acme: Run) -> None:
    """A minute costs 0.12: 100 minutes are 12.00 in January, 200 in February are twice that, 201 would be over it."""
    acme("subscribe", "nova", "metered", "--yes", *NEW_YEAR)
    for day, minutes in (("2026-01-05", 100), ("2026-02-05", 200)):
        acme("usage", "record", "nova", "minutes", str(minutes), "--at", day, "--as-of", day)
        if minutes == 100:
            assert acme("invoice", "run", "-f", "json", *FEBRUARY).json["totals"] == {"USD": "12.00"}
            pay_all(acme, "2026-02-02")
    dry = ("invoice", "run", "--dry-run", "-f", "json", *MARCH)
    assert acme(*dry).json["compared"]["over_twice"] == []
    acme("usage", "record", "nova", "minutes", "1", "--at", "2026-02-06", "--as-of", "2026-02-06")
    (one,) = acme(*dry).json["compared"]["over_twice"]
    assert one | {"subscription": "…"} == {
        "customer": "nova", "subscription": "…", "currency": "USD", "usual": "12.00", "total": "24.12"
    }  # fmt: skip


def test_a_run_that_is_done_says_no_comparison(two: Run) -> None:
    assert "compared" not in two("invoice", "run", "-f", "json", *FEBRUARY).json


def test_a_dry_run_of_one_customer_compares_with_no_run(two: Run) -> None:
    two("invoice", "run", *FEBRUARY)
    dry = two("invoice", "run", "--dry-run", "--customer", "nova", "-f", "json", *MARCH).json
    assert dry["compared"]["last_as_of"] is None


# --- --max-change


def test_a_run_within_the_limit_is_billed(two: Run) -> None:
    done = run_march_with(two, "--max-change", "0%")
    assert (done.exit_code, done.json["issued"]) == (0, 2)


def test_a_run_beyond_the_limit_writes_nothing_and_says_both_numbers(two: Run, tmp_path: Path) -> None:
    two("invoice", "run", *FEBRUARY)
    pay_all(two, "2026-02-02")
    move_in(two, tmp_path, "anna", through="2026-03-01")
    before = two("audit", "log", "-f", "json").json
    refused = two("invoice", "run", "--max-change", "49.9%", "-f", "json", *MARCH)
    assert (refused.exit_code, refused.stdout, refused.error["code"]) == (4, "", "over-max-change")
    assert "invoices 2 to 3, USD 98.00 to 147.00" in refused.error["message"]
    assert refused.error["got"] == "invoices +50.0 %, USD +50.0 %"
    assert two("audit", "log", "-f", "json").json == before
    assert "2026-02-01" in two("status", *MARCH).stdout, "it is no run"
    assert two("invoice", "run", "--max-change", "50 %", "-f", "json", *MARCH).json["issued"] == 3


def test_a_fall_is_a_change_too(two: Run) -> None:
    two("subscription", "cancel", "vega", "--yes", *FEBRUARY)
    assert two("invoice", "run", *NEW_YEAR).exit_code == 0
    refused = run_march_with(two, "--max-change", "49")
    assert (refused.exit_code, refused.error["code"]) == (4, "over-max-change")


def test_the_first_run_has_nothing_to_compare_with_and_is_refused(two: Run) -> None:
    refused = two("invoice", "run", "--max-change", "30%", "-f", "json", *FEBRUARY)
    assert (refused.exit_code, refused.error["code"]) == (4, "no-run-before")
    assert "without --max-change" in refused.error["hint"]
    assert two("invoice", "list", "-f", "json", *FEBRUARY).json == []


def test_a_run_with_nothing_to_issue_is_never_beyond(two: Run) -> None:
    two("invoice", "run", *FEBRUARY)
    again = two("invoice", "run", "--max-change", "0", "--as-of", "2026-02-02")
    assert (again.exit_code, again.stdout) == (0, "nothing was due as of 2026-02-02T00:00:00Z\n")


def test_a_dry_run_shows_its_answer_and_then_says_that_it_is_beyond(two: Run) -> None:
    refused = two("invoice", "run", "--dry-run", "--max-change", "30%", *FEBRUARY)
    assert refused.exit_code == 4
    assert "2 invoices issued" in refused.stdout
    assert "[no-run-before]" in refused.stderr


def test_a_clock_that_went_back_is_said_before_anything_is_decided(two: Run) -> None:
    two("invoice", "run", *MARCH)
    refused = two("invoice", "run", "--max-change", "30%", "-f", "json", *FEBRUARY)
    assert (refused.exit_code, refused.error["code"]) == (4, "clock-back")


def test_a_key_answers_again_whatever_the_limit_is_now(two: Run) -> None:
    first = two("invoice", "run", "--key", "feb", "-f", "json", *FEBRUARY)
    again = two("invoice", "run", "--key", "feb", "--max-change", "0", "-f", "json", *MARCH)
    assert (again.exit_code, again.json) == (0, first.json)


# --- what a run keeps and shows


def test_the_store_keeps_a_run_without_its_lists(two: Run) -> None:
    from planctl.store import runs
    from planctl.store.engine import open_store
    from tests import stores

    two("invoice", "run", *FEBRUARY)
    with open_store(stores.address(Path("store.db").absolute())) as store, store.read() as tx:
        (run,) = runs.runs(tx)
    assert isinstance(run.summary, dict)
    assert (run.summary["issued"], run.summary["totals"]) == (2, {"USD": "98.00"})
    assert not {"invoices", "transitions"} & set(run.summary)


def test_a_long_run_shows_on_a_terminal_how_far_it_is(two: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "is_tty", lambda _stream: True)
    monkeypatch.setattr(run_invoices, "PAGE", 1)
    shown = two("invoice", "run", *FEBRUARY).stderr
    first, second = (one.split(" customers")[0] for one in shown.split("\r")[1:])
    assert first == "[###############...............] 1 of 2"
    assert second == "[##############################] 2 of 2"


def test_nothing_is_shown_on_the_way_where_nobody_looks(two: Run) -> None:
    assert two("invoice", "run", "-f", "json", *FEBRUARY).stderr == ""


def test_more_than_twenty_moves_are_counted(acme: Run, tmp_path: Path) -> None:
    move_in(acme, tmp_path, *(f"c{number:02}" for number in range(25)))
    acme("invoice", "run", *FEBRUARY)
    said = acme("invoice", "run", "--as-of", "2026-02-10").stdout.splitlines()
    assert said[1:] == [
        "25 subscriptions: active to past_due",
        "(see them: planctl subscription list --status past_due)",
    ]
    document = json.loads(acme("invoice", "run", "-f", "json", "--as-of", "2026-02-20").stdout)
    assert len(document["transitions"]) == 25
