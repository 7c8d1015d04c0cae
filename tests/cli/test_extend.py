"""Trials and `planctl subscription extend` from the shell: what they print, refuse and leave."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.conftest import Run

STARTER = ("subscribe", "nova", "starter", "--pay", "month", "--yes")
EXTEND = ("subscription", "extend", "nova")
WHY = ("--reason", "they asked")


def at(day: str) -> tuple[str, ...]:
    return "--as-of", day


@pytest.fixture
def trying(acme: Run) -> Run:
    """nova in the 14 days of starter's trial since 1 January, with no payment method."""
    assert acme(*STARTER, *at("2026-01-01")).exit_code == 0
    return acme


@pytest.fixture
def paying(acme: Run) -> Run:
    """nova on starter since 1 January, its first request unpaid: due on the 8th, its grace to the 11th."""
    assert acme(*STARTER, "--no-trial", *at("2026-01-01")).exit_code == 0
    return acme


def good(run: Run, *words: str) -> Any:
    result = run(*words, "-f", "json")
    assert result.exit_code == 0, result.stderr
    return result.json


# --- trials


def test_a_trial_starts_by_itself_and_charges_nothing(trying: Run) -> None:
    shown = good(trying, "subscription", "show", "nova", *at("2026-01-14T23:59:59Z"))
    assert (shown["status"], shown["trial_ends_at"]) == ("trialing", "2026-01-15T00:00:00Z")
    assert good(trying, "invoice", "list", *at("2026-01-14")) == []
    assert good(trying, "check", "nova", "minutes", *at("2026-01-14"))["allowed"]


def test_what_will_happen_is_said_before_it_starts(acme: Run) -> None:
    result = acme(*STARTER, "--dry-run", *at("2026-01-01"))
    assert "trial until 2026-01-15, free" in result.stderr


def test_what_an_assigned_plan_foresees_is_shown(acme: Run) -> None:
    acme("plan", "create", "season", "--price", "month:USD=19", "--expires", "1 week", *at("2026-01-01"))
    acme("plan", "create", "tried", "--price", "month:USD=19", "--trial", "1 day", *at("2026-01-01"))
    shown = acme("assign", "nova", "season", *at("2026-01-02")).stdout
    assert "  Expires · 1 week after it starts: 2026-01-09 if that is now\n" in shown
    acme("unassign", "nova", "season", *at("2026-01-02"))
    assert "  Trial · 1 day\n" in acme("assign", "nova", "tried", *at("2026-01-02")).stdout


def test_without_a_payment_method_it_expires_by_itself_and_is_not_had_again(trying: Run) -> None:
    shown = good(trying, "subscription", "show", "nova/starter", *at("2026-01-15"))
    assert shown["status"] == "expired"
    trying("invoice", "run", *at("2026-01-15"))
    result = trying(*STARTER, *at("2026-01-16"), "-f", "json")
    assert (result.exit_code, result.error["code"]) == (4, "trial-used")
    assert result.error["hint"] == "planctl subscribe nova starter --no-trial"
    assert trying(*STARTER, "--no-trial", *at("2026-01-16")).exit_code == 0


def test_with_one_it_is_billed_from_its_end(trying: Run) -> None:
    trying("customer", "update", "nova", "--payment-method", "invoice", *at("2026-01-10"))
    run = good(trying, "invoice", "run", *at("2026-01-15"))
    assert [(one["from"], one["to"]) for one in run["transitions"]] == [("trialing", "active")]
    assert run["totals"] == {"USD": "19.00"}


def test_a_trial_that_the_plan_does_not_have_is_refused(acme: Run) -> None:
    result = acme("subscribe", "nova", "metered", "--trial", "--yes", "-f", "json", *at("2026-01-01"))
    assert (result.exit_code, result.error["code"]) == (4, "no-trial")


# --- extend


def test_a_longer_trial_is_said_with_both_dates(trying: Run) -> None:
    result = trying(*EXTEND, "--trial", "7", *WHY, *at("2026-01-10"))
    assert result.exit_code == 0
    assert result.stdout == ("nova/starter: its trial ends 2026-01-22T00:00:00Z (was 2026-01-15T00:00:00Z)\n")
    assert "no command moves a date back; planctl subscription cancel nova/starter ends it sooner" in (
        result.stderr
    )


def test_its_document_has_the_subscription_and_what_moved(trying: Run) -> None:
    document = good(trying, *EXTEND, "--trial", "7", *WHY, *at("2026-01-10"))
    assert document["trial_ends_at"] == "2026-01-22T00:00:00Z"
    assert document["extended"] == {
        "trial_ends_at": {"before": "2026-01-15T00:00:00Z", "after": "2026-01-22T00:00:00Z"}
    }
    assert (document["moved_invoices"], document["invoices"]) == ([], [])


def test_a_later_due_date_is_the_one_that_every_list_shows(paying: Run) -> None:
    paying("invoice", "run", *at("2026-01-09"))
    document = good(paying, *EXTEND, "--due", "5", *WHY, *at("2026-01-09"))
    assert document["moved_invoices"][0] | {"id": ""} == {
        "number": "INV-2026-00001",
        "id": "",
        "due_at": {"before": "2026-01-08T00:00:00Z", "after": "2026-01-13T00:00:00Z"},
        "grace_ends_at": {"before": "2026-01-11T00:00:00Z", "after": "2026-01-16T00:00:00Z"},
    }
    assert (document["status_before"], document["status"]) == ("past_due", "active")
    shown = good(paying, "invoice", "show", "INV-2026-00001", *at("2026-01-10"))
    assert (shown["status"], shown["due_at"], shown["grace_ends_at"], shown["extended_from"]) == (
        "open",
        "2026-01-13T00:00:00Z",
        "2026-01-16T00:00:00Z",
        "2026-01-08T00:00:00Z",
    )
    (listed,) = good(paying, "invoice", "list", *at("2026-01-10"))
    assert listed["due_at"] == "2026-01-13T00:00:00Z"
    (owed,) = good(paying, "customer", "show", "nova", *at("2026-01-10"))["open_invoices"]
    assert (owed["status"], owed["due_at"]) == ("open", "2026-01-13T00:00:00Z")
    status = good(paying, "status", *at("2026-01-12"))
    assert [one["overdue"] for one in status["unpaid"]] == [0]
    assert [one["overdue"] for one in good(paying, "status", *at("2026-01-13"))["unpaid"]] == [1]


def test_the_first_dates_stand_beside_the_new_ones(paying: Run) -> None:
    result = paying(*EXTEND, "--due", "5", "--grace", "2", *WHY, *at("2026-01-02"))
    assert result.stdout == (
        "invoice INV-2026-00001: due 2026-01-13T00:00:00Z (was 2026-01-08T00:00:00Z)\n"
        "invoice INV-2026-00001: grace ends 2026-01-18T00:00:00Z (was 2026-01-11T00:00:00Z)\n"
    )
    assert "no command moves a date back\n" in result.stderr
    shown = paying("invoice", "show", "INV-2026-00001", *at("2026-01-03")).stdout
    assert "due 2026-01-13 (was 2026-01-08) · grace ends 2026-01-18 (was 2026-01-11)" in shown


def test_what_was_blocked_says_that_it_goes_on(paying: Run) -> None:
    paying("invoice", "run", *at("2026-01-12"))
    assert not good(paying, "check", "nova", "minutes", *at("2026-01-12"))["allowed"]
    result = paying(*EXTEND, "--due", "10", *WHY, *at("2026-01-12"))
    assert "nova/starter was blocked, is active\n" in result.stdout
    assert good(paying, "check", "nova", "minutes", *at("2026-01-12"))["allowed"]


def test_a_dry_run_moves_nothing_and_a_key_moves_once(trying: Run) -> None:
    words = (*EXTEND, "--trial", "7", *WHY, *at("2026-01-10"))
    assert "nothing was written (dry run)" in trying(*words, "--dry-run").stderr
    for _ in range(2):
        assert trying(*words, "--key", "call-4711").exit_code == 0
    shown = good(trying, "subscription", "show", "nova", *at("2026-01-10"))
    assert shown["trial_ends_at"] == "2026-01-22T00:00:00Z"
    assert trying(*words, "--quiet").stdout == ""


def test_its_reason_is_kept(trying: Run) -> None:
    trying(*EXTEND, "--trial", "7", *WHY, *at("2026-01-10"))
    entry = good(trying, "audit", "log")[-1]
    assert (entry["command"], entry["reason"]) == ("subscription extend", "they asked")


@pytest.mark.parametrize(
    ("words", "exit_code", "code"),
    [
        (("--trial", "7"), 64, "needs-reason"),
        (WHY, 64, "usage"),
        (("--trial", "-1", *WHY), 3, "invalid-value"),
        (("--due", "4000", *WHY), 3, "invalid-value"),
        (("--due", "1.5", *WHY), 64, "usage"),
        (("--expiry", "7", *WHY), 4, "no-expiry"),
        (("--due", "7", *WHY), 4, "nothing-open"),
        (("--trial", "7", "--expiry", "7", *WHY), 4, "no-expiry"),
    ],
)
def test_what_cannot_be_moved_is_named(
    trying: Run, words: tuple[str, ...], exit_code: int, code: str
) -> None:
    result = trying(*EXTEND, *words, *at("2026-01-10"), "-f", "json")
    assert (result.exit_code, result.error["code"]) == (exit_code, code)
    shown = good(trying, "subscription", "show", "nova", *at("2026-01-10"))
    assert shown["trial_ends_at"] == "2026-01-15T00:00:00Z"


def test_what_has_ended_has_no_dates_to_move(paying: Run) -> None:
    paying("subscription", "cancel", "nova", "--at", "now", "--yes", *at("2026-01-05"))
    result = paying(
        "subscription", "extend", "nova/starter", "--due", "7", *WHY, *at("2026-01-06"), "-f", "json"
    )
    assert (result.exit_code, result.error["code"]) == (4, "ended")
