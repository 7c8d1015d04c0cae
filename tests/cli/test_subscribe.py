"""`planctl subscribe`, `assign` and `unassign`: what they print, ask and refuse."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Run

NEW_YEAR = ("--as-of", "2026-01-01")
PRO = ("subscribe", "nova", "pro", "--pay", "month", "--no-trial")

SUBSCRIPTION_KEYS = {
    "id", "customer", "plan", "plan_version", "status", "currency", "pay", "started_at", "trial_ends_at",
    "period", "renews", "cancels_at", "expires_at", "quantities", "addons", "scheduled_change", "terms",
    "behind",
}  # fmt: skip
ASSIGNMENT_KEYS = {"customer", "plan", "version", "pay", "currency", "negotiated", "assigned_at", "status"}


def count(run: Run, *words: str) -> int:
    found: int = len(run(*words, "-f", "json", "--as-of", "2026-01-02").json)
    return found


def test_a_start_answers_with_the_subscription_and_its_first_request(acme: Run) -> None:
    result = acme(*PRO, "--quantity", "seats=12", "--yes", "-f", "json", *NEW_YEAR)
    assert result.exit_code == 0
    document = result.json
    assert set(document) >= SUBSCRIPTION_KEYS
    assert document["status"] == "active"
    assert document["period"] == {
        "index": 0,
        "starts_at": "2026-01-01T00:00:00Z",
        "ends_at": "2026-02-01T00:00:00Z",
    }
    assert document["quantities"] == {"seats": "12"}
    (invoice,) = document["invoices"]
    assert [
        (line["kind"], line["quantity"], line["unit_price"], line["amount"]) for line in invoice["lines"]
    ] == [
        ("fee", "1", "49.00", "49.00"),
        ("quantity", "2", "4.00", "8.00"),
    ]
    assert (invoice["number"], invoice["total"], invoice["due_at"]) == (
        "INV-2026-00001",
        "57.00",
        "2026-01-08T00:00:00Z",
    )
    assert [old["plan"] for old in document["replaced"]] == ["free"]
    assert "undo with: planctl subscription cancel nova/pro --at now" in result.stderr


def test_without_a_terminal_it_shows_what_will_be_and_asks_for_yes(acme: Run) -> None:
    result = acme(*PRO, *NEW_YEAR)
    assert (result.exit_code, result.stdout) == (64, "")
    assert "first request: 49.00 USD, due 2026-01-08" in result.stderr
    assert "period 0: 2026-01-01 to 2026-02-01 (UTC)" in result.stderr
    assert "replaces free, which ends 2026-01-01" in result.stderr
    assert "--yes" in result.stderr
    assert count(acme, "invoice", "list") == 0


def test_a_dry_run_says_the_same_and_writes_nothing(acme: Run) -> None:
    dry = acme(*PRO, "--dry-run", "-f", "json", *NEW_YEAR)
    assert (dry.exit_code, dry.json["invoices"][0]["total"]) == (0, "49.00")
    assert "nothing was written" in dry.stderr
    assert count(acme, "invoice", "list") == 0
    assert count(acme, "subscription", "list", "--plan", "pro") == 0


def test_the_plan_one_has_is_no_failure(acme: Run) -> None:
    acme(*PRO, "--yes", *NEW_YEAR)
    again = acme(*PRO, "--yes", *NEW_YEAR)
    assert (again.exit_code, again.stdout) == (0, "")
    assert "already runs pro" in again.stderr
    assert count(acme, "invoice", "list") == 1


@pytest.mark.parametrize(
    ("more", "runs", "command"),
    [
        (("--in", "EUR"), "in USD", "planctl subscription cancel nova/pro"),
        (("--trial",), "without a trial", "a trial begins with a subscription"),
    ],
)
def test_the_plan_one_has_on_other_terms_is_never_silently_the_same(
    acme: Run, more: tuple[str, ...], runs: str, command: str
) -> None:
    acme(*PRO, "--yes", *NEW_YEAR)
    refused = acme("subscribe", "nova", "pro", *more, "--yes", "-f", "json", *NEW_YEAR)
    assert (refused.exit_code, refused.error["code"]) == (4, "runs-otherwise")
    assert runs in refused.error["message"]
    assert command in refused.error["hint"]
    assert acme("subscribe", "nova", "pro", "--yes", *NEW_YEAR).exit_code == 0
    assert count(acme, "invoice", "list") == 1


def test_another_quantity_of_the_plan_one_has_names_the_command_that_changes_it(acme: Run) -> None:
    acme(*PRO, "--yes", *NEW_YEAR)
    refused = acme("subscribe", "nova", "pro", "--quantity", "seats=12", "--yes", "-f", "json", *NEW_YEAR)
    assert (refused.exit_code, refused.error["code"]) == (4, "runs-otherwise")
    assert refused.error["hint"] == "planctl subscription quantity nova/pro seats=12"


def test_a_coupon_for_the_plan_one_has_names_the_command_that_applies_it(acme: Run) -> None:
    acme(*PRO, "--yes", *NEW_YEAR)
    refused = acme(*PRO, "--coupon", "launch20", "--yes", "-f", "json", *NEW_YEAR)
    assert (refused.exit_code, refused.error["code"]) == (4, "runs-otherwise")
    assert refused.error["hint"] == "planctl coupon apply nova/pro launch20"


def test_a_start_shows_the_row_that_is_paid(acme: Run) -> None:
    asked = acme("subscribe", "nova", "starter", "--pay", "year", "--no-trial", "--dry-run", *NEW_YEAR)
    assert "Recurring · 190.00 USD / year" in asked.stderr
    acme("subscribe", "nova", "starter", "--pay", "year", "--no-trial", "--yes", *NEW_YEAR)
    shown = acme("subscription", "show", "nova/starter", *NEW_YEAR)
    assert "Recurring · 190.00 USD / year" in shown.stdout


def test_a_key_starts_once_and_answers_the_same(acme: Run) -> None:
    first = acme(*PRO, "--yes", "--key", "k1", "-f", "json", *NEW_YEAR)
    again = acme(*PRO, "--yes", "--key", "k1", "-f", "json", "--as-of", "2026-01-05")
    assert again.json == first.json
    assert "nothing was written" in again.stderr
    other = acme(*PRO, "--quantity", "seats=12", "--yes", "--key", "k1", *NEW_YEAR)
    assert other.exit_code == 5


def test_a_scheduled_start_is_pending_until_its_day(acme: Run) -> None:
    result = acme(*PRO, "--start", "2026-02-01", "--yes", *NEW_YEAR)
    assert result.exit_code == 4
    assert "--schedule" in result.stderr
    later = acme(*PRO, "--start", "2026-02-01", "--schedule", "--yes", "-f", "json", *NEW_YEAR)
    assert (later.json["status"], later.json["invoices"], later.json["period"]) == ("pending", [], None)


def make(run: Run, plan: str, *options: str) -> None:
    result = run("plan", "create", plan, "--price", "month:USD=19", *options, *NEW_YEAR)
    assert result.exit_code == 0, result.stderr


def test_terms_that_foresee_an_end_say_when_it_comes(acme: Run) -> None:
    make(acme, "lasting", "--expires", "12 months")
    started = acme("subscribe", "nova", "lasting", "--yes", "-f", "json", *NEW_YEAR)
    assert (started.exit_code, started.json["expires_at"]) == (0, "2027-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("nobody", "pro"), 4, "nobody"),
        (("nova", "pru"), 4, "pro"),
        (("nova", "pro", "--no-trial"), 64, "--pay"),
        (("nova", "pro", "--pay", "week", "--no-trial"), 4, "month | year"),
        (("nova", "pro", "--pay", "month", "--in", "GBP", "--no-trial"), 4, "GBP"),
        (("nova", "pro", "--pay", "month", "--quantity", "0"), 3, "at least 1"),
        (("nova", "pro", "--pay", "month", "--quantity", "1.5"), 3, "whole number"),
        (("nova", "pro", "--pay", "month", "--quantity", "seats=1e2"), 3, "exponent"),
        (("nova", "pro", "--pay", "month", "--quantity", "seats=60", "--no-trial"), 3, "10 to 50"),
        (("nova", "pro", "--pay", "month", "--plan-version", "0"), 3, "newest"),
        (("nova", "pro", "--pay", "month", "--start", "01.02.2026"), 3, "--start"),
        (("nova", "enterprise", "--pay", "year"), 4, "reserved"),
    ],
)
def test_what_is_wrong_leaves_with_its_code_and_says_why(
    acme: Run, words: tuple[str, ...], code: int, said: str
) -> None:
    result = acme("subscribe", *words, "--yes", *NEW_YEAR)
    assert (result.exit_code, result.stdout) == (code, "")
    assert said in result.stderr
    assert result.stderr.rstrip().endswith("Nothing was changed.")


# --- assign and unassign


def test_assigning_shows_the_price_and_that_it_has_not_started(acme: Run) -> None:
    result = acme("assign", "nova", "pro", "--pay", "month", "--price", "45.50", *NEW_YEAR)
    assert result.exit_code == 0
    assert "pro v1 is assigned to nova" in result.stdout
    assert "Recurring · 45.50 USD / month" in result.stdout
    assert "not started yet: planctl subscribe nova pro" in result.stdout
    assert "undo with: planctl unassign nova pro" in result.stderr
    assert count(acme, "invoice", "list") == 0


def test_an_assignment_as_json(acme: Run) -> None:
    document = acme("assign", "nova", "pro", "--set", "due=30 days", "-f", "json", *NEW_YEAR).json
    assert set(document) >= ASSIGNMENT_KEYS
    assert (document["status"], document["negotiated"], document["version"]) == (
        "waiting",
        {"due": "30 days"},
        1,
    )
    assert document["assigned_at"] == "2026-01-01T00:00:00Z"
    again = acme("assign", "nova", "pro", "--set", "due=30 days", "-f", "json", *NEW_YEAR)
    assert (again.exit_code, again.json["existed"]) == (0, True)


def test_assigning_anew_says_which_agreed_terms_are_gone(acme: Run) -> None:
    acme("assign", "nova", "pro", "--pay", "month", "--price", "45.50", *NEW_YEAR)
    again = acme("assign", "nova", "pro", "--pay", "month", *NEW_YEAR)
    assert "no longer: price.month.USD = 45.50" in again.stdout
    assert "Recurring · 49.00 USD / month" in again.stdout


def test_an_assigned_plan_is_started_without_saying_which(acme: Run) -> None:
    acme("assign", "nova", "pro", "--pay", "month", "--price", "45.50", *NEW_YEAR)
    started = acme("subscribe", "nova", "--no-trial", "--yes", "-f", "json", *NEW_YEAR)
    assert started.json["invoices"][0]["total"] == "45.50"
    assert started.json["negotiated"] == {"price.month.USD": "45.50"}


def test_terms_that_changed_since_are_not_taken_unasked(acme: Run) -> None:
    acme("assign", "nova", "pro", "--pay", "month", *NEW_YEAR)
    edited = acme("plan", "edit", "pro", "--price", "month:USD=59", "--outside", "--yes", *NEW_YEAR)
    assert edited.exit_code == 0, edited.stderr
    refused = acme("subscribe", "nova", "--no-trial", "--yes", "-f", "json", *NEW_YEAR)
    assert (refused.exit_code, refused.error["code"]) == (4, "terms-changed")
    assert "price.month.USD 49 -> 59" in refused.error["got"]
    old = acme("subscribe", "nova", "--no-trial", "--plan-version", "1", "--yes", "-f", "json", *NEW_YEAR)
    assert (old.json["plan_version"], old.json["invoices"][0]["total"]) == (1, "49.00")
    shown = acme("subscription", "show", "nova/pro", "-f", "json", *NEW_YEAR).json
    assert shown["behind"] == 2


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("assign", "nova", "enterprise"), 4),
        (("assign", "nova", "pro", "--price", "45.505", "--pay", "month"), 3),
        (("assign", "nova", "pro", "--price", "cheap", "--pay", "month"), 3),
        (("assign", "nova", "pro", "--set", "due"), 3),
        (("assign", "nova", "pro", "--set", "group=x"), 4),
        (("assign", "nova"), 64),
        (("assign", "nova", "extra_seat"), 4),
        (("assign", "nova", "pro", "--at", "now"), 64),
        (("assign", "nova", "pro", "--at", "soon"), 3),
        (("unassign", "nova", "pro"), 4),
    ],
)
def test_what_cannot_be_assigned_leaves_with_its_code(acme: Run, words: tuple[str, ...], code: int) -> None:
    result = acme(*words, *NEW_YEAR)
    assert (result.exit_code, result.stdout) == (code, "")


def test_an_assignment_is_taken_away_but_not_one_that_runs(acme: Run) -> None:
    acme("assign", "nova", "pro", "--pay", "month", *NEW_YEAR)
    assert acme("unassign", "nova", "pro", "-f", "json", *NEW_YEAR).json["status"] == "removed"
    acme("assign", "nova", "pro", "--pay", "month", *NEW_YEAR)
    acme("subscribe", "nova", "--no-trial", "--yes", *NEW_YEAR)
    refused = acme("unassign", "nova", "pro", *NEW_YEAR)
    assert refused.exit_code == 4
    assert "planctl subscription cancel nova/pro" in refused.stderr


def test_machines_get_the_running_subscription_where_there_was_nothing_to_do(acme: Run) -> None:
    start = ("subscribe", "nova", "starter", "--pay", "month", "--no-trial", "--yes", "-f", "json")
    first = acme(*start, "--as-of", "2026-01-01")
    again = acme(*start, "--as-of", "2026-01-01")
    assert (again.exit_code, again.json["id"]) == (0, first.json["id"])
    assert (again.json["invoices"], again.json["open_invoices"]) == ([], ["INV-2026-00001"])
