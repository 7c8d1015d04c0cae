"""What an operator sees of a customer, a subscription, a plan and the business, through a life with changes.

On acme: Starter 19.00 and Pro 49.00 USD a month, 14 days of trial; Free is given to every new customer.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.conftest import Result, Run


def at(day: str) -> tuple[str, str]:
    return ("--as-of", day)


def good(run: Run, *words: str, day: str) -> Any:
    """The JSON of a command that must succeed."""
    result = run(*words, "-f", "json", *at(day))
    assert result.exit_code == 0, result.stderr
    return result.json


def page(run: Run, *words: str, day: str) -> list[str]:
    result: Result = run(*words, *at(day))
    assert result.exit_code == 0, result.stderr
    return result.stdout.splitlines()


def coming(run: Run, day: str) -> list[tuple[str | None, str, str, str | None]]:
    """What is next for nova: the day, what, to what, and the amount."""
    return [
        (one["at"] and one["at"][:10], one["what"], one["about"], one["amount"])
        for one in good(run, "customer", "show", "nova", day=day)["next"]
    ]


# --- trials


@pytest.fixture
def tried(acme: Run) -> Run:
    """nova in a trial of Starter from 2 January on, which ends on the 16th; nobody pays."""
    good(acme, "subscribe", "nova", "starter", "--pay", "month", "--yes", day="2026-01-02")
    return acme


def test_a_trial_that_nobody_pays_after_is_seen_to_expire_and_the_free_plan_to_return(tried: Run) -> None:
    assert ("2026-01-16", "trial_expires", "nova/starter", None) in coming(tried, "2026-01-05")
    lines = page(tried, "subscription", "show", "nova/starter", day="2026-01-05")
    assert "trial ends 2026-01-16: then it expires, nova has no payment method" in lines
    after = page(tried, "customer", "show", "nova", day="2026-01-16")
    assert "  free v1 · active since 2026-01-16" in after
    gone = page(tried, "subscription", "show", "nova/starter", day="2026-01-16")
    assert gone[1] == "expired on 2026-01-16: its trial ended and there was no payment method"


def test_a_trial_with_a_payment_method_is_seen_to_go_on_for_its_fee(tried: Run) -> None:
    tried("customer", "update", "nova", "--payment-method", "invoice", *at("2026-01-03"))
    assert ("2026-01-16", "trial_converts", "nova/starter", "19.00") in coming(tried, "2026-01-05")
    after = good(tried, "subscription", "show", "nova/starter", day="2026-01-16")
    assert (after["status"], after["trial_ends_at"], after["period"]["starts_at"]) == (
        "active",
        "2026-01-16T00:00:00Z",
        "2026-01-16T00:00:00Z",
    )


def test_the_list_has_the_end_of_a_trial_while_it_lasts(tried: Run) -> None:
    (row,) = good(tried, "subscription", "list", "--status", "trialing", day="2026-01-05")
    assert (row["plan"], row["trial_ends_at"]) == ("starter", "2026-01-16T00:00:00Z")
    assert good(tried, "subscription", "list", "--status", "expired", day="2026-01-05") == []
    (gone,) = good(tried, "subscription", "list", "--status", "expired", day="2026-01-20")
    assert (gone["plan"], gone["end_reason"]) == ("starter", "expired")


def test_the_status_of_the_business_tells_trials_that_end_within_a_week(tried: Run) -> None:
    assert "trials end within 7 d: 1, first 2026-01-16T00:00:00Z" in page(tried, "status", day="2026-01-09")
    assert good(tried, "status", day="2026-01-09")["soon"] == {
        "until": "2026-01-16T00:00:00Z",
        "trials": 1,
        "first_trial_at": "2026-01-16T00:00:00Z",
        "expiries": 0,
        "first_expiry_at": None,
    }
    assert good(tried, "status", day="2026-01-08T23:59:59Z")["soon"]["trials"] == 0


def test_terms_that_run_out_are_seen_to_expire(acme: Run) -> None:
    made = acme(
        "plan", "create", "short", "--price", "month:USD=5", "--expires", "10 days", *at("2026-01-01")
    )
    assert made.exit_code == 0, made.stderr
    good(acme, "subscribe", "nova", "short", "--yes", day="2026-01-01")
    good(acme, "payment", "record", "INV-2026-00001", day="2026-01-02")
    assert ("2026-01-11", "expires", "nova/short", None) in coming(acme, "2026-01-05")
    assert "expires 2026-01-11" in page(acme, "subscription", "show", "nova/short", day="2026-01-05")
    assert "plans expire within 7 d: 1, first 2026-01-11T00:00:00Z" in page(acme, "status", day="2026-01-05")
    assert page(acme, "subscription", "show", "nova/short", day="2026-01-11")[1] == "expired on 2026-01-11"


# --- changes


@pytest.fixture
def pro(acme: Run) -> Run:
    """nova on Pro, 49.00 USD from 1 January on, paid."""
    good(acme, "subscribe", "nova", "pro", "--pay", "month", "--no-trial", "--yes", day="2026-01-01")
    good(acme, "payment", "record", "INV-2026-00001", day="2026-01-02")
    return acme


def test_a_change_at_the_renewal_is_seen_on_every_page_before_it_comes(pro: Run) -> None:
    good(pro, "subscribe", "nova", "starter", "--no-trial", "--yes", day="2026-01-10")
    shown = good(pro, "subscription", "show", "nova/pro", day="2026-01-11")
    change = shown["scheduled_change"]
    assert (change["plan"], change["version"], change["at"]) == ("starter", 1, "2026-02-01T00:00:00Z")
    assert (shown["status"], shown["renews"], shown["cancels_at"]) == ("active", False, None)
    lines = page(pro, "subscription", "show", "nova/pro", day="2026-01-11")
    assert f"changes to starter v1 on 2026-02-01 ({change['subscription']})" in lines
    assert ("2026-02-01", "changes", "nova/pro", "19.00") in coming(pro, "2026-01-11")
    rows = good(pro, "subscription", "list", "--customer", "nova", "--status", "pending", day="2026-01-11")
    assert [(row["id"], row["follows"]) for row in rows] == [(change["subscription"], shown["id"])]
    heading, *listed = page(pro, "subscription", "list", "--plan", "pro", "-f", "csv", day="2026-01-11")
    assert (heading.split(",")[-1], listed[0].split(",")[-1]) == ("why", "changed to starter")


def test_after_the_change_each_names_the_other(pro: Run) -> None:
    good(pro, "subscribe", "nova", "starter", "--no-trial", "--yes", day="2026-01-10")
    old = good(pro, "subscription", "show", "nova/pro", day="2026-02-02")
    new = good(pro, "subscription", "show", "nova/starter", day="2026-02-02")
    assert (old["status"], old["followed_by"], new["status"], new["follows"]) == (
        "canceled",
        new["id"],
        "active",
        old["id"],
    )


# --- stops and ends


def test_a_paused_one_waits_for_somebody_on_every_page(pro: Run) -> None:
    good(pro, "subscription", "pause", "nova/pro", "--yes", day="2026-01-10")
    assert coming(pro, "2026-01-11")[0] == (None, "resume", "nova/pro", None)
    lines = page(pro, "subscription", "show", "nova/pro", day="2026-01-11")
    assert lines[1] == "paused since 2026-01-10: planctl subscription resume nova/pro"
    (row,) = good(pro, "subscription", "list", "--status", "paused", day="2026-01-11")
    assert row["stops"] == [{"kind": "paused", "starts_at": "2026-01-10T00:00:00Z", "ends_at": None}]


def test_a_cancellation_is_the_next_thing_to_happen(pro: Run) -> None:
    good(pro, "subscription", "cancel", "nova/pro", "--yes", day="2026-01-10")
    told = [what for _, what, about, _ in coming(pro, "2026-01-11") if about == "nova/pro"]
    assert told == ["cancels"]


def test_an_unpaid_invoice_tells_when_access_ends_and_then_since_when_it_has(acme: Run) -> None:
    good(acme, "subscribe", "nova", "pro", "--pay", "month", "--no-trial", "--yes", day="2026-01-01")
    assert coming(acme, "2026-01-05")[:2] == [
        ("2026-01-08", "due", "INV-2026-00001", "49.00"),
        ("2026-01-11", "blocked", "INV-2026-00001", "49.00"),
    ]
    late = page(acme, "subscription", "show", "nova/pro", day="2026-01-09")
    assert late[1] == "past due since 2026-01-08: INV-2026-00001 unpaid; blocked from 2026-01-11 on"
    blocked = page(acme, "customer", "show", "nova", day="2026-01-12")
    assert "  pro v1 · blocked since 2026-01-11: INV-2026-00001 unpaid" in blocked


# --- versions


def test_holders_keep_what_was_taken_off_and_lack_what_came_and_agreed_terms_are_marked(pro: Run) -> None:
    pro("customer", "add", "mira", "--currency", "USD", *at("2026-01-03"))
    pro("assign", "mira", "pro", "--pay", "month", "--set", "due=30 days", *at("2026-01-03"))
    good(pro, "subscribe", "mira", "pro", "--pay", "month", "--no-trial", "--yes", day="2026-01-03")
    edited = pro(
        "plan", "edit", "pro", "--price", "month:USD=55", "--feature", "sso=false", "--feature",
        "visitors=100", "--set", "due=10 days", "--outside", *at("2026-01-04"),
    )  # fmt: skip
    assert edited.exit_code == 0, edited.stderr
    mira, nova = sorted(
        good(pro, "plan", "holders", "pro", day="2026-01-05"), key=lambda one: one["customer"]
    )
    assert (nova["behind"], nova["features_kept"], nova["features_lacked"]) == (True, ["sso"], ["visitors"])
    assert (nova["keeps"]["price.month.USD"], nova["lacks"]["price.month.USD"]) == ("49", "55")
    assert (nova["keeps"]["due"], nova["negotiated"]) == ("7 days", {})
    assert mira["negotiated"] == {"due": "30 days"}
    assert "due" not in mira["keeps"]
    lines = page(pro, "subscription", "show", "nova/pro", day="2026-01-05")
    place = lines.index("behind: the newest version of pro is v2")
    assert {"  keeps sso", "  lacks visitors 100", "  due 7 days → 10 days"} <= set(lines[place:])
    versions = good(pro, "plan", "versions", "pro", day="2026-01-05")
    assert [(one["version"], one["holders"]) for one in versions] == [(1, 2), (2, 0)]
