"""`planctl change …`: asking for changes, answering them, changing at once, and the list of what is to come."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from planctl.__main__ import main
from tests import stores
from tests.cli.conftest import Result, Run

CATALOG = Path(__file__).parents[1] / "data" / "changing.yaml"


@pytest.fixture(scope="session")
def changing_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A test store that sells the plans of tests/data/changing.yaml, with nova on a and on high since 1 April."""
    store = tmp_path_factory.mktemp("changing") / "store.db"
    for words in (
        ["init", str(store.parent), "--test"],
        ["catalog", "apply", str(CATALOG), "--yes"],
        ["customer", "add", "nova", "--currency", "USD", "--country", "US"],
        ["subscribe", "nova", "a", "--pay", "month", "--yes"],
        ["subscribe", "nova", "high", "--yes"],
    ):
        assert main(["--store", stores.url(store), "--as-of", "2026-04-01", "--quiet", *words]) == 0
    return store


@pytest.fixture
def nova(run: Run, changing_template: Path, tmp_path: Path) -> Run:
    """nova on a (30.00 by the month) and on high (20.00), April 2026, which has 30 days."""
    stores.copy(changing_template, tmp_path / "store.db")
    return run


def change(run: Run, *words: str, at: str = "2026-04-11") -> Result:
    """`planctl change …` with a yes."""
    return run("change", *words, "--yes", "--as-of", at)


def listed(run: Run, *words: str, at: str = "2026-04-11") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = run("change", "list", *words, "-f", "json", "--as-of", at).json
    return found


def brief(run: Run, at: str = "2026-04-11") -> list[tuple[str, str, str]]:
    """Status, plan that runs and plan that is to run of every change."""
    return [(one["status"], one["plan"], one["to"]["plan"]) for one in listed(run, at=at)]


def invoices(run: Run, at: str = "2026-04-11") -> list[str]:
    return [one["total"] for one in run("invoice", "list", "-f", "json", "--as-of", at).json]


# --- now


def test_a_change_now_credits_the_days_left_and_charges_them_on_the_new_plan(nova: Run) -> None:
    done = nova("change", "now", "nova", "b", "--yes", "-f", "json", "--as-of", "2026-04-11").json
    # 20 of April's 30 days are left: 30.00 x 20/30 = 20.00 back, 60.00 x 20/30 = 40.00.
    assert (done["plan"], done["status"], done["change"]["timing"]) == ("b", "active", "now")
    assert [line["amount"] for line in done["change"]["lines"]] == ["-20.00", "40.00"]
    (invoice,) = done["invoices"]
    assert (invoice["total"], [line["kind"] for line in invoice["lines"]]) == (
        "20.00",
        ["proration_credit", "proration_charge"],
    )
    assert (done["kept"], done["approved"]) == (False, False)


def test_it_is_told_with_its_amounts_before_and_after(nova: Run) -> None:
    asked = nova("change", "now", "nova", "b", "--as-of", "2026-04-11")
    assert (asked.exit_code, asked.stdout) == (64, "")
    assert "a v1 to b v1 (up), now" in asked.stderr
    assert "-20.00 USD" in asked.stderr
    assert "request: 20.00 USD" in asked.stderr
    done = change(nova, "now", "nova", "b")
    assert "nova: a v1 to b v1 now" in done.stdout
    assert "invoice INV-2026-00003: 20.00 USD" in done.stdout
    assert "undo with: planctl change now nova a" in done.stderr


def test_a_change_now_goes_down_too_whatever_the_group_says(nova: Run) -> None:
    done = nova("change", "now", "nova", "low", "--yes", "-f", "json", "--as-of", "2026-04-11").json
    # 20.00 x 20/30 = 13.33 back, 10.00 x 20/30 = 6.67: more is given back than charged, so it is credited.
    assert (done["change"]["direction"], done["change"]["timing"]) == ("down", "now")
    assert done["change"]["credited"] == "13.33"
    assert [one["total"] for one in done["invoices"]] == ["6.67"]


def test_two_changes_on_one_day_leave_the_plan_between_them_free(nova: Run) -> None:
    change(nova, "now", "nova", "b", at="2026-04-10T09:00:00Z")
    done = nova("change", "now", "nova", "c", "--yes", "-f", "json", "--as-of", "2026-04-10T17:00:00Z").json
    # 21 of 30 days: b 60.00 gives its 42.00 back whole, c costs 63.00.
    assert [line["amount"] for line in done["change"]["lines"]] == ["-42.00", "63.00"]
    assert invoices(nova, "2026-04-11") == ["30.00", "20.00", "21.00", "21.00"]


def test_what_would_be_a_start_is_no_change(nova: Run) -> None:
    for words in (("now", "nova", "setup"), ("request", "nova", "setup")):
        result = nova("change", *words, "-f", "json", "--yes", "--as-of", "2026-04-11")
        assert (result.exit_code, result.error["code"]) == (4, "no-change")
        assert result.error["hint"] == "planctl subscribe nova setup"


def test_the_plan_that_runs_is_nothing_to_change(nova: Run) -> None:
    result = change(nova, "now", "nova", "a")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "nova already runs a" in result.stderr


def test_unknown_plans_and_customers_are_refused(nova: Run) -> None:
    assert change(nova, "now", "nova", "zzz").exit_code == 4
    assert change(nova, "now", "nobody", "b").exit_code == 4
    assert change(nova, "request", "nobody", "b").exit_code == 4
    assert nova("change", "list", "--customer", "nobody").exit_code == 4


# --- asking


def test_a_request_changes_and_charges_nothing(nova: Run) -> None:
    done = nova("change", "request", "nova", "b", "--yes", "-f", "json", "--as-of", "2026-04-11").json
    assert {key: done[key] for key in ("kind", "status", "plan", "existed", "withdrawn", "successor")} == {
        "kind": "request", "status": "requested", "plan": "a", "existed": False, "withdrawn": None,
        "successor": None,
    }  # fmt: skip
    assert (done["requested_at"], done["takes_effect_at"]) == ("2026-04-11T00:00:00Z", "2026-05-01T00:00:00Z")
    assert (done["price_before"], done["price_after"], done["currency"]) == ("30.00", "60.00", "USD")
    assert (
        nova("subscription", "show", "nova/a", "-f", "json", "--as-of", "2026-04-11").json["ends_at"] is None
    )
    assert invoices(nova) == ["30.00", "20.00"]


def test_asking_asks_first_and_says_how_to_answer(nova: Run) -> None:
    asked = nova("change", "request", "nova", "b", "--as-of", "2026-04-11")
    assert asked.exit_code == 64
    assert "nothing is changed or charged before that" in asked.stderr
    done = change(nova, "request", "nova", "b")
    assert "planctl change approve or reject nova/a" in done.stdout
    assert "undo with: planctl change reject nova/a" in done.stderr


def test_the_same_request_again_changes_nothing(nova: Run) -> None:
    change(nova, "request", "nova", "b")
    again = change(nova, "request", "nova", "b", at="2026-04-12")
    assert again.exit_code == 0
    assert "was asked for already, on 2026-04-11T00:00:00Z" in again.stdout
    assert brief(nova) == [("requested", "a", "b")]


def test_another_request_takes_the_place_of_the_one_that_waits(nova: Run) -> None:
    change(nova, "request", "nova", "b")
    again = change(nova, "request", "nova", "c", at="2026-04-12")
    assert "in place of the request for b" in again.stdout
    assert brief(nova, "2026-04-12") == [("requested", "a", "c"), ("withdrawn", "a", "b")]


def test_asking_for_the_plan_that_runs_withdraws_the_request(nova: Run) -> None:
    change(nova, "request", "nova", "b")
    assert "the request for b is withdrawn" in change(nova, "request", "nova", "a").stdout
    assert brief(nova) == [("withdrawn", "a", "b")]
    assert "nothing was changed" in change(nova, "request", "nova", "a").stdout


def test_a_downgrade_on_approval_is_a_request_when_it_is_subscribed_to(nova: Run) -> None:
    nova("subscribe", "nova", "low", "--yes", "--as-of", "2026-04-11")
    assert brief(nova) == [("requested", "high", "low")]
    assert invoices(nova, "2026-04-11") == ["30.00", "20.00"]


# --- approving


def test_approved_it_takes_effect_at_the_renewal(nova: Run) -> None:
    for number in ("INV-2026-00001", "INV-2026-00002"):
        nova("payment", "record", number, "--as-of", "2026-04-02")
    nova("subscribe", "nova", "low", "--yes", "--as-of", "2026-04-11")
    done = nova("change", "approve", "nova", "--yes", "-f", "json", "--as-of", "2026-04-12").json
    assert (done["plan"], done["status"], done["started_at"], done["approved"]) == (
        "low", "pending", "2026-05-01T00:00:00Z", True,
    )  # fmt: skip
    assert brief(nova, "2026-04-12") == [("scheduled", "high", "low"), ("approved", "high", "low")]
    nova("invoice", "run", "--as-of", "2026-05-01")
    # On 1 May a renews for 30.00 and low begins for 10.00.
    assert sorted(invoices(nova, "2026-05-01")[2:]) == ["10.00", "30.00"]
    assert (
        nova("subscription", "show", "nova/low", "-f", "json", "--as-of", "2026-05-01").json["status"]
        == "active"
    )


def test_approved_at_now_it_takes_effect_at_once(nova: Run) -> None:
    change(nova, "request", "nova", "b")
    done = nova(
        "change", "approve", "nova/a", "--at", "now", "--yes", "-f", "json", "--as-of", "2026-04-11"
    ).json
    assert (done["plan"], done["status"], done["change"]["timing"]) == ("b", "active", "now")
    assert [one["total"] for one in done["invoices"]] == ["20.00"]
    (entry,) = listed(nova)
    assert (entry["status"], entry["successor"], entry["takes_effect_at"]) == (
        "approved", done["id"], "2026-04-11T00:00:00Z",
    )  # fmt: skip


def test_approving_shows_what_it_does_and_asks(nova: Run) -> None:
    change(nova, "request", "nova", "b")
    asked = nova("change", "approve", "nova", "--as-of", "2026-04-11")
    assert asked.exit_code == 64
    assert "a v1 to b v1 (up), at the renewal" in asked.stderr
    assert "60.00 USD" in asked.stderr
    assert brief(nova) == [("requested", "a", "b")]


def test_a_dry_run_of_an_approval_says_the_same_and_leaves_it_waiting(nova: Run) -> None:
    change(nova, "request", "nova", "b")
    dry = nova("change", "approve", "nova", "--dry-run", "--as-of", "2026-04-11")
    assert (dry.exit_code, "nothing was written (dry run)" in dry.stderr) == (0, True)
    assert brief(nova) == [("requested", "a", "b")]


def test_approving_once_more_finds_nothing_that_waits(nova: Run) -> None:
    change(nova, "request", "nova", "b")
    first = change(nova, "approve", "nova", "--key", "k1")
    assert first.exit_code == 0
    again = change(nova, "approve", "nova", "--key", "k1")
    assert (again.exit_code, "exists" in again.stderr) == (0, True)
    assert change(nova, "approve", "nova").exit_code == 4


def test_how_many_were_asked_for_are_held_then(nova: Run) -> None:
    change(nova, "request", "nova", "low", "--quantity", "3")
    done = nova(
        "change", "approve", "nova", "--at", "now", "--yes", "-f", "json", "--as-of", "2026-04-11"
    ).json
    # 3 x 10.00 x 20/30 = 20.00, less 20.00 x 20/30 = 13.33.
    assert (done["quantity"], [one["total"] for one in done["invoices"]]) == (3, ["6.67"])


# --- rejecting, withdrawing


def test_a_rejected_request_changes_nothing_and_keeps_its_reason(nova: Run) -> None:
    change(nova, "request", "nova", "b")
    done = change(nova, "reject", "nova", "--reason", "too soon")
    assert "nova/a to b is rejected: too soon; a goes on" in done.stdout
    assert "undo with: planctl change request nova b" in done.stderr
    (entry,) = listed(nova)
    assert (entry["status"], entry["reason"], entry["cancel"]) == ("rejected", "too soon", None)


def test_nothing_that_waits_is_nothing_to_answer(nova: Run) -> None:
    for verb in ("approve", "reject"):
        result = nova("change", verb, "nova", "-f", "json", "--as-of", "2026-04-11", "--yes")
        assert (result.exit_code, result.error["code"]) == (4, "not-found")


def test_where_two_wait_the_plan_says_which(nova: Run) -> None:
    change(nova, "request", "nova", "b")
    change(nova, "request", "nova", "low")
    result = nova("change", "reject", "nova", "-f", "json", "--as-of", "2026-04-11", "--yes")
    assert (result.exit_code, result.error["code"]) == (4, "ambiguous")
    assert result.error["expected"] == "nova/a | nova/high"
    assert change(nova, "reject", "nova/high").exit_code == 0
    assert [one[0] for one in brief(nova)] == ["requested", "rejected"]


def test_another_change_withdraws_the_request(nova: Run) -> None:
    change(nova, "request", "nova", "b")
    change(nova, "now", "nova", "c", at="2026-04-12")
    assert brief(nova, "2026-04-12") == [("withdrawn", "a", "b")]
    assert change(nova, "approve", "nova", at="2026-04-13").exit_code == 4


def test_the_end_of_the_plan_withdraws_the_request(nova: Run) -> None:
    change(nova, "request", "nova", "b")
    nova("subscription", "cancel", "nova/a", "--at", "now", "--yes", "--as-of", "2026-04-12")
    (entry,) = listed(nova, at="2026-04-12")
    assert (entry["status"], entry["decided_at"]) == ("withdrawn", "2026-04-12T00:00:00Z")


# --- the list


def test_a_scheduled_change_is_listed_with_how_to_cancel_it(nova: Run) -> None:
    change(nova, "now", "nova", "b")
    nova("subscribe", "nova", "a", "--yes", "--as-of", "2026-04-12")
    (entry,) = listed(nova, at="2026-04-12")
    assert {key: entry[key] for key in ("kind", "status", "plan", "price_before", "price_after")} == {
        "kind": "scheduled", "status": "scheduled", "plan": "b", "price_before": "60.00", "price_after": "30.00",
    }  # fmt: skip
    assert (entry["to"]["plan"], entry["takes_effect_at"]) == ("a", "2026-05-01T00:00:00Z")
    assert entry["cancel"] == f"planctl subscription cancel {entry['successor']}"
    nova(*entry["cancel"].split()[1:], "--yes", "--as-of", "2026-04-13")
    assert listed(nova, at="2026-04-13") == []


def test_a_change_that_has_come_is_no_longer_scheduled(nova: Run) -> None:
    change(nova, "now", "nova", "b")
    nova("subscribe", "nova", "a", "--yes", "--as-of", "2026-04-12")
    assert listed(nova, at="2026-05-01") == []


def test_the_list_is_filtered_and_says_when_it_is_empty(nova: Run) -> None:
    assert nova("change", "list").stdout == "no change is asked for or scheduled\n"
    change(nova, "request", "nova", "b")
    change(nova, "request", "nova", "c")
    assert [one["to"]["plan"] for one in listed(nova, "--status", "requested")] == ["c"]
    assert [one["to"]["plan"] for one in listed(nova, "--limit", "1")] == ["c"]
    assert len(listed(nova, "--customer", "nova")) == 2
    assert nova("change", "list", "--status", "gone").exit_code == 3
    table = nova("change", "list", "--as-of", "2026-04-11").stdout
    assert "planctl change reject nova/a" in table
    assert table.splitlines()[1].split()[:4] == ["nova", "requested", "a", "v1"]


def test_every_form_of_the_list_says_the_same(nova: Run) -> None:
    change(nova, "request", "nova", "b")
    lines = nova("change", "list", "-f", "ndjson", "--as-of", "2026-04-11").stdout.splitlines()
    assert [json.loads(line) for line in lines] == listed(nova)
    assert "takes_effect_at" in nova("change", "list", "-f", "csv").stdout


def test_a_value_that_cannot_be_is_refused(nova: Run) -> None:
    assert change(nova, "approve", "nova", "--at", "soon").exit_code == 3
    assert change(nova, "request", "nova", "b", "--quantity", "few").exit_code == 3
    assert change(nova, "request", "nova", "b", "--plan-version", "x").exit_code == 3
