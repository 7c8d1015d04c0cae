"""`planctl subscription pause|resume|cancel --refund|lock|unlock` from the shell: what they ask, print and refuse."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.conftest import Run


def at(day: str) -> tuple[str, ...]:
    return "--as-of", day


PAUSE = ("subscription", "pause", "nova/pro", *at("2026-04-11"))
RESUME = ("subscription", "resume", "nova/pro", *at("2026-04-16"))
REFUND = ("subscription", "cancel", "nova/pro", "--at", "now", "--refund", "prorated", *at("2026-04-11"))


@pytest.fixture
def nova(acme: Run) -> Run:
    """nova on pro for 30.00 a month from 1 April on, paid."""
    assert acme("assign", "nova", "pro", "--pay", "month", "--price", "30", *at("2026-04-01")).exit_code == 0
    assert acme("subscribe", "nova", "pro", "--no-trial", "--yes", *at("2026-04-01")).exit_code == 0
    assert acme("payment", "record", "INV-2026-00001", *at("2026-04-02")).exit_code == 0
    return acme


def good(run: Run, *words: str) -> Any:
    result = run(*words, "-f", "json")
    assert result.exit_code == 0, result.stderr
    return result.json


def show(run: Run, day: str) -> Any:
    return good(run, "subscription", "show", "nova/pro", *at(day))


# --- pause and resume


def test_pausing_shows_the_credit_and_asks(nova: Run) -> None:
    result = nova(*PAUSE)
    assert (result.exit_code, result.stdout) == (64, "")
    assert "nova/pro is paused from 2026-04-11 (UTC): no access, no renewals" in result.stderr
    assert "20.00 USD go to the balance" in result.stderr
    assert show(nova, "2026-04-11")["status"] == "active"


def test_paused_it_says_what_went_back_and_how_to_go_on(nova: Run) -> None:
    result = nova(*PAUSE, "--yes")
    assert "credit note CN-2026-00001 on INV-2026-00001: 20.00 USD (20.00 to the balance)" in result.stdout
    assert "undo with: planctl subscription resume nova/pro" in result.stderr
    denied = nova("check", "nova", "sso", "-f", "json", *at("2026-04-12"))
    assert (denied.json["allowed"], denied.json["reason"]) == (False, "paused")


def test_a_pause_as_json(nova: Run) -> None:
    document = good(nova, *PAUSE, "--yes")
    (credit,) = document["credits"]
    assert (document["status"], credit["total"], credit["to_balance"]) == ("paused", "20.00", "20.00")
    assert document["stops"] == [{"kind": "paused", "starts_at": "2026-04-11T00:00:00Z", "ends_at": None}]


def test_resuming_bills_the_rest_at_once_and_does_not_ask(nova: Run) -> None:
    good(nova, *PAUSE, "--yes")
    document = good(nova, *RESUME)
    (invoice,) = document["invoices"]
    assert (document["status"], invoice["total"], invoice["due"]) == ("active", "15.00", "0.00")
    assert document["kept"] is False
    assert good(nova, "check", "nova", "sso", *at("2026-04-17"))["allowed"] is True


def test_a_dry_run_shows_what_resuming_would_bill_and_writes_nothing(nova: Run) -> None:
    good(nova, *PAUSE, "--yes")
    assert "invoice INV-2026-00002: 15.00 USD, paid by the balance" in nova(*RESUME, "--dry-run").stdout
    assert show(nova, "2026-04-16")["status"] == "paused"


def test_the_same_key_pauses_once(nova: Run) -> None:
    good(nova, *PAUSE, "--yes", "--key", "holiday")
    again = nova(*PAUSE, "--yes", "--key", "holiday")
    assert (again.exit_code, "nothing was written" in again.stderr) == (0, True)
    assert len(good(nova, "credit-note", "list")) == 1


def test_quiet_success_prints_nothing(nova: Run) -> None:
    result = nova(*PAUSE, "--yes", "--quiet")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")


def test_what_is_refused_names_what_is_allowed(nova: Run) -> None:
    result = nova(*RESUME, "-f", "json")
    assert (result.exit_code, result.error["code"]) == (4, "transition")
    assert "pause" in result.error["expected"]
    good(nova, *PAUSE, "--yes")
    again = nova(*PAUSE, "--yes", "-f", "json")
    assert (again.exit_code, again.error["hint"]) == (4, "planctl subscription resume nova/pro")


# --- a cancellation taken back


def test_a_cancellation_is_taken_back_before_its_day(nova: Run) -> None:
    canceled = nova("subscription", "cancel", "nova/pro", "--yes", *at("2026-04-11"))
    assert "undo with: planctl subscription resume nova/pro" in canceled.stderr
    kept = nova(*RESUME)
    assert "nova/pro goes on: active" in kept.stdout
    assert "undo with: planctl subscription cancel nova/pro" in kept.stderr
    document = show(nova, "2026-04-17")
    assert (document["cancels_at"], document["renews"]) == (None, True)


# --- cancel with a refund


def test_a_refund_is_shown_before_anybody_says_yes(nova: Run) -> None:
    result = nova(*REFUND)
    assert (result.exit_code, result.stdout) == (64, "")
    assert "20.00 USD go back as money" in result.stderr
    assert show(nova, "2026-04-11")["status"] == "active"


def test_a_refund_is_a_credit_note_and_money_of_the_payment(nova: Run) -> None:
    document = good(nova, *REFUND, "--yes")
    (credit,) = document["credits"]
    assert (document["status"], credit["total"], credit["refunded"]) == ("canceled", "20.00", "20.00")
    (payment,) = good(nova, "payment", "list")
    assert payment["refunded"] == "20.00"


def test_where_nothing_is_left_it_says_so(nova: Run) -> None:
    later = nova("subscription", "cancel", "nova/pro", "--refund", "prorated", "--yes", *at("2026-04-11"))
    assert "nothing is left to credit" in later.stdout
    plain = nova(
        "subscription", "cancel", "nova/pro", "--at", "now", "--yes", "-f", "json", *at("2026-04-12")
    )
    assert plain.json["credits"] is None


# --- a scheduled change


def test_canceling_a_scheduled_change_says_what_goes_on(nova: Run) -> None:
    changed = good(nova, "subscribe", "nova", "starter", "--pay", "month", "--yes", *at("2026-04-11"))
    asked = nova("subscription", "cancel", changed["id"], *at("2026-04-12"))
    assert "nova/starter never begins" in asked.stderr
    assert "and pro goes on" in asked.stderr
    document = good(nova, "subscription", "cancel", changed["id"], "--yes", *at("2026-04-12"))
    assert (document["status"], len(document["released"])) == ("canceled", 1)
    assert show(nova, "2026-04-12")["scheduled_change"] is None


def test_canceling_the_plan_takes_the_scheduled_change_with_it(nova: Run) -> None:
    changed = good(nova, "subscribe", "nova", "starter", "--pay", "month", "--yes", *at("2026-04-11"))
    asked = nova("subscription", "cancel", "nova/pro", *at("2026-04-12"))
    assert "and starter, which was to follow it, never begins" in asked.stderr
    document = good(nova, "subscription", "cancel", "nova/pro", "--yes", *at("2026-04-12"))
    assert document["withdrawn"] == [changed["id"]]


# --- lock


def test_a_lock_needs_a_reason_and_is_shown(nova: Run) -> None:
    lock = ("subscription", "lock", "nova/pro", *at("2026-04-11"))
    assert nova(*lock).exit_code == 64
    done = nova(*lock, "--reason", "agreed by phone")
    assert "nova/pro is locked: no migration moves it (agreed by phone)" in done.stdout
    assert "undo with: planctl subscription unlock nova/pro" in done.stderr
    assert show(nova, "2026-04-11")["locked"] == "agreed by phone"
    assert good(nova, *lock, "--reason", "agreed by phone")["unchanged"] is True


def test_unlocking_takes_it_away_once(nova: Run) -> None:
    good(nova, "subscription", "lock", "nova/pro", "--reason", "why not", *at("2026-04-11"))
    unlock = ("subscription", "unlock", "nova/pro", *at("2026-04-12"))
    first, second = good(nova, *unlock), good(nova, *unlock)
    assert (first["locked"], first["unchanged"], second["unchanged"]) == (None, False, True)


def test_what_has_ended_is_not_locked(nova: Run) -> None:
    good(nova, *REFUND, "--yes")
    result = nova("subscription", "lock", "nova/pro", "--reason", "late", "-f", "json", *at("2026-04-12"))
    assert (result.exit_code, result.error["code"]) == (4, "ended")


# --- blocked for good


def test_a_payment_says_that_a_final_block_stays(acme: Run) -> None:
    start = ("assign", "nova", "pro", "--pay", "month", "--set", "on_blocked=final", *at("2026-04-01"))
    assert acme(*start).exit_code == 0
    acme("subscribe", "nova", "pro", "--no-trial", "--yes", *at("2026-04-01"))
    paid = acme("payment", "record", "INV-2026-00001", *at("2026-04-20"))
    assert (
        "nova/pro stays blocked, as its terms say: planctl subscription cancel nova/pro --at now"
        in paid.stdout
    )
    assert show(acme, "2026-04-21")["status"] == "blocked"
