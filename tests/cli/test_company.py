"""A company with children: one plan, everybody's usage, and who used what of it. Amounts are worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import stores
from tests.cli.conftest import Result, Run

CATALOG = """
format: planctl.catalog/1
catalog: case
currencies: {EUR: , USD: }
features:
  chats: {type: metered, unit: chat}
  seats: {type: metered, unit: seat, reset: never}
  visitors: {type: metered, event: visit, aggregate: unique, value: who}
  payments: {type: metered, event: paid, aggregate: count}
  sso: {type: boolean}
plans:
  free: {price: free, auto_enable: true, features: {chats: 5}}
  team:
    price: {month: {EUR: 20}}
    packs: on
    features:
      chats: {included: 1000, beyond: {charge: usage, each: {EUR: 0.10}}}
      seats: {included: 3, beyond: {charge: usage, each: {EUR: 2}}}
      visitors: 10
      payments: {included: 0, beyond: {charge: usage, percentage: {rate: 1%, of: amount}}}
      sso: true
addons:
  chats_100: {price: {once: {EUR: 5}}, wallet: {chats: 100}, requires: [team]}
"""
NEW_YEAR = ("--as-of", "2026-01-01")
MID = ("--as-of", "2026-01-12")
FEBRUARY = ("--as-of", "2026-02-01")


@pytest.fixture
def acme(run: Run, tmp_path: Path) -> Run:
    """acme on the team plan since the new year; east and north below it, north-1 below north; nova beside it."""
    (tmp_path / "catalog.yaml").write_text(CATALOG, encoding="utf-8")
    for words in (
        ("init", "--test"),
        ("catalog", "apply", "catalog.yaml", "--yes"),
        ("customer", "add", "acme", "--currency", "EUR", "--timezone", "Europe/Berlin"),
        ("customer", "add", "east", "--parent", "acme", "--name", "East Ltd"),
        ("customer", "add", "north", "--parent", "acme"),
        ("customer", "add", "north-1", "--parent", "north"),
        ("customer", "add", "nova", "--currency", "EUR"),
        ("subscribe", "acme", "team", "--yes"),
    ):
        assert run(*words, "--quiet", *NEW_YEAR).exit_code == 0, words
    return run


def say(run: Run, customer: str, feature: str, *words: str, as_of: tuple[str, str] = MID) -> Result:
    """Record usage in the middle of January."""
    return run("usage", "record", customer, feature, *words, *as_of)


def apart(shown: Result, feature: str) -> dict[str, str]:
    """Who used what of a feature, as `usage show` tells it."""
    (one,) = [each for each in shown.json["features"] if each["feature"] == feature]
    return {each["customer"]: each["used"] for each in one["by_customer"]}


def test_600_and_500_chats_of_two_children_are_100_above_1000_on_the_company_s_invoice(acme: Run) -> None:
    say(acme, "east", "chats", "600")
    say(acme, "north-1", "chats", "500")
    shown = acme("usage", "show", "acme", "-f", "json", *MID)
    (chats,) = [one for one in shown.json["features"] if one["feature"] == "chats"]
    assert (chats["included"], chats["used"], chats["excess"]) == ("1000", "1100", "100")
    assert apart(shown, "chats") == {"east": "600", "north-1": "500"}

    issued = acme("invoice", "run", "-f", "json", *FEBRUARY).json
    invoice = acme("invoice", "show", issued["invoices"][0], "-f", "json").json
    assert invoice["customer"] == "acme"
    # 100 × 0.10, and the fee of February
    assert [(one["kind"], one["quantity"], one["amount"]) for one in invoice["lines"]] == [
        ("usage", "100", "10.00"),
        ("fee", "1", "20.00"),
    ]
    assert [one["by_customer"] for one in invoice["lines"]] == [
        [{"customer": "east", "used": "600"}, {"customer": "north-1", "used": "500"}],
        [],
    ]
    assert (
        "chats · 0.10 EUR / chat · east 600, north-1 500" in acme("invoice", "show", invoice["number"]).stdout
    )
    explained = acme("invoice", "explain", invoice["number"])
    assert explained.exit_code == 0
    assert "by customer: east 600, north-1 500\n" in explained.stdout
    assert " 500 · by north-1\n" in explained.stdout
    assert acme("doctor").exit_code == 0


def test_late_usage_of_a_child_is_told_with_the_whole_period(acme: Run) -> None:
    say(acme, "east", "chats", "1000", "--id", "e")
    acme("invoice", "run", *FEBRUARY)
    late = say(acme, "north", "chats", "7", "--at", "2026-01-31", as_of=("--as-of", "2026-02-02"))
    assert "late" in late.stderr
    (number,) = acme("invoice", "run", "-f", "json", "--as-of", "2026-03-01").json["invoices"]
    (line,) = [
        one
        for one in acme("invoice", "show", number, "-f", "json").json["lines"]
        if one["kind"] == "late_usage"
    ]
    assert (line["quantity"], line["amount"]) == ("7", "0.70")
    assert line["by_customer"] == [{"customer": "east", "used": "1000"}, {"customer": "north", "used": "7"}]
    assert acme("doctor").exit_code == 0


def test_usage_show_of_a_child_is_its_part_of_the_company_s_pools(acme: Run) -> None:
    say(acme, "acme", "chats", "5")
    say(acme, "east", "chats", "600")
    say(acme, "north", "chats", "40")
    say(acme, "north-1", "chats", "500")
    north = acme("usage", "show", "north", "-f", "json", *MID)
    assert (north.json["customer"], north.json["billed_to"]) == ("north", "acme")
    assert apart(north, "chats") == {"north": "40", "north-1": "500"}, "itself and who is below it"
    assert north.json["features"][0]["used"] == "1145"
    told = acme("usage", "show", "north", *MID).stdout
    assert told.startswith("north uses what acme holds: the pools are those of acme\n")
    assert "north-1 500, north 40" in told
    assert "east" not in told


def test_what_is_no_sum_says_so(acme: Run) -> None:
    for customer in ("east", "north"):
        say(acme, customer, "visit", "--property", "who=ada")
    say(acme, "east", "visit", "--property", "who=bob")
    shown = acme("usage", "show", "acme", "-f", "json", *MID)
    (visitors,) = [one for one in shown.json["features"] if one["feature"] == "visitors"]
    # ada visited both: two different visitors in all.
    assert (visitors["used"], visitors["adds_up"]) == ("2", False)
    assert apart(shown, "visitors") == {"east": "2", "north": "1"}
    assert "east 2, north 1 (each alone, not parts of a sum)" in acme("usage", "show", "acme", *MID).stdout


def test_a_customer_without_a_company_is_shown_as_ever(acme: Run) -> None:
    say(acme, "nova", "chats", "3")
    shown = acme("usage", "show", "nova", "-f", "json", *MID).json
    assert (shown["billed_to"], shown["features"][0]["by_customer"]) == ("nova", [])
    assert "by customer" not in acme("usage", "show", "nova", *MID).stdout


def test_one_id_of_two_children_counts_twice_and_of_one_child_once(acme: Run) -> None:
    for customer in ("east", "north", "acme"):
        assert say(acme, customer, "chats", "10", "--id", "job-1").exit_code == 0
    again = say(acme, "north", "chats", "10", "--id", "job-1", "-f", "json")
    assert again.json["status"] == "exists"
    assert say(acme, "north", "chats", "11", "--id", "job-1").exit_code == 5
    assert acme("usage", "show", "acme", "-f", "json", *MID).json["features"][0]["used"] == "30"


def test_everybody_takes_back_its_own_usage_only(acme: Run) -> None:
    for customer in ("east", "north"):
        say(acme, customer, "chats", "10", "--id", f"of-{customer}")
    foreign = say(acme, "east", "chats", "-10", "--corrects", "of-north")
    assert foreign.exit_code == 3
    assert "no event of-north of chats is recorded for east" in foreign.stderr
    assert say(acme, "acme", "chats", "-10", "--corrects", "of-north").exit_code == 3
    assert say(acme, "north", "chats", "-10", "--corrects", "of-north").exit_code == 0
    assert apart(acme("usage", "show", "acme", "-f", "json", *MID), "chats") == {"east": "10"}


def test_levels_are_everybody_s_own_and_the_company_s_is_their_sum(acme: Run) -> None:
    assert say(acme, "east", "seats", "--set", "4", "-f", "json").json["level"] == "4"
    assert say(acme, "north", "seats", "2", "-f", "json").json["level"] == "2"
    below = say(acme, "acme", "seats", "-1")
    assert below.exit_code == 4
    assert "seats of acme would fall below 0" in below.stderr
    later = ("--as-of", "2026-01-20")
    assert say(acme, "east", "seats", "--set", "1", "-f", "json", as_of=later).json["quantity"] == "-3"
    shown = acme("usage", "show", "acme", "-f", "json", *later)
    assert apart(shown, "seats") == {"east": "1", "north": "2"}
    # The highest levels of January: 4 of east while north had 2, together 6, 3 of them included.
    (number,) = acme("invoice", "run", "-f", "json", *FEBRUARY).json["invoices"]
    (line,) = [
        one for one in acme("invoice", "show", number, "-f", "json").json["lines"] if one["kind"] == "usage"
    ]
    assert (line["feature"], line["quantity"]) == ("seats", "3")
    assert line["by_customer"] == [{"customer": "east", "used": "4"}, {"customer": "north", "used": "2"}]


def test_lists_and_exports_name_who_used_it_and_are_taken_back_as_duplicates(
    acme: Run, tmp_path: Path
) -> None:
    rows = [
        {"id": "e1", "customer": customer, "event": "chats", "at": "2026-01-10", "quantity": 3}
        for customer in ("acme", "east", "north-1")
    ]
    (tmp_path / "usage.ndjson").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    imported = acme("usage", "import", "usage.ndjson", "-f", "json", *MID).json
    assert (imported["accepted"], imported["duplicates"]) == (3, 0)
    say(acme, "east", "paid", "--property", "amount=10", "--property", "customer=bob", "--id", "p1")
    listed = acme("usage", "list", "--customer", "acme", "-f", "json").json
    assert sorted(one["customer"] for one in listed) == ["acme", "east", "east", "north-1"]
    (own,) = acme("usage", "list", "--customer", "north", "-f", "json").json
    assert (own["customer"], own["properties"]) == ("north-1", {})
    exported = acme("usage", "export", "--customer", "acme").stdout
    (tmp_path / "back.ndjson").write_text(exported, encoding="utf-8")
    again = acme("usage", "import", "back.ndjson", "-f", "json", *MID).json
    assert (again["read"], again["accepted"], again["duplicates"]) == (4, 0, 4)
    assert len(acme("usage", "export", "--customer", "east").stdout.splitlines()) == 2


def test_check_of_a_child_asks_the_company_and_says_so(acme: Run) -> None:
    answer = acme("check", "north-1", "sso", "-f", "json", *MID).json
    assert (answer["allowed"], answer["customer"], answer["billed_to"]) == (True, "north-1", "acme")
    assert acme("check", "north-1", "sso", *MID).stdout == "north-1 sso: yes (by what acme holds)\n"
    assert acme("check", "acme", "sso", "-f", "json", *MID).json["billed_to"] == "acme"


# --- who belongs to it


def test_a_child_inherits_currency_and_timezone_and_starts_no_plan(acme: Run) -> None:
    child = acme("customer", "show", "north-1", "-f", "json", *MID).json
    assert (child["currency"], child["timezone"]) == ("EUR", "Europe/Berlin")
    assert (child["subscriptions"], child["billed_to"]) == ([], "acme")
    assert "uses what acme holds: planctl customer show acme" in acme("customer", "show", "east", *MID).stdout
    other = acme("customer", "add", "west", "--parent", "acme", "--currency", "USD", *MID)
    assert other.exit_code == 3
    assert "the currency is that of its parent acme" in other.stderr


def test_what_the_company_is_given_later_everybody_below_it_is_given_too(acme: Run) -> None:
    assert acme("customer", "update", "acme", "--timezone", "Asia/Tokyo", *MID).exit_code == 0
    people = {one["id"]: one["timezone"] for one in acme("customer", "list", "-f", "json").json}
    assert people == dict.fromkeys(("acme", "east", "north", "north-1"), "Asia/Tokyo") | {"nova": "UTC"}


def test_customer_show_of_a_company_lists_everybody_below_it(acme: Run) -> None:
    acme("customer", "archive", "east", *MID)
    shown = acme("customer", "show", "acme", *MID).stdout
    assert "Company\n  east · East Ltd · archived\n  north\n    north-1\n" in shown
    document = acme("customer", "show", "acme", "-f", "json", *MID).json
    assert document["billed_to"] is None
    assert [(one["id"], one["parent"]) for one in document["children"]] == [
        ("east", "acme"),
        ("north", "acme"),
        ("north-1", "north"),
    ]
    assert acme("customer", "show", "nova", "-f", "json", *MID).json["children"] == []


@pytest.mark.parametrize(
    "words",
    [
        ("subscribe", "north-1", "team", "--yes"),
        ("assign", "north-1", "team"),
        ("wallet", "buy", "north-1", "chats_100", "--yes"),
        ("wallet", "grant", "north-1", "chats", "5", "--reason", "thanks", "--yes"),
        ("subscription", "cancel", "north-1", "--yes"),
        ("subscription", "show", "north-1"),
        ("subscription", "quantity", "north-1", "2", "--yes"),
    ],
)
def test_a_child_holds_nothing_and_the_refusal_names_the_root(acme: Run, words: tuple[str, ...]) -> None:
    refused = acme(*words, "-f", "json", *MID)
    assert refused.exit_code == 4
    error = refused.error
    assert error["code"] == "child-customer"
    assert error["message"] == "customer north-1 belongs to acme, which alone holds plans and units"


def test_a_customer_joins_a_company_once_it_runs_nothing_and_its_usage_stays_its_own(acme: Run) -> None:
    say(acme, "nova", "chats", "3", "--id", "before")
    refused = acme("customer", "update", "nova", "--parent", "acme", "-f", "json", *MID)
    assert (refused.exit_code, refused.error["code"]) == (4, "child-customer")
    assert refused.error["hint"] == "planctl subscription cancel nova/free --at now"
    assert acme("subscription", "cancel", "nova/free", "--at", "now", "--yes", *MID).exit_code == 0
    assert acme("customer", "update", "nova", "--parent", "acme", *MID).exit_code == 0
    say(acme, "nova", "chats", "20", "--id", "after", as_of=("--as-of", "2026-01-13"))
    shown = acme("usage", "show", "acme", "-f", "json", "--as-of", "2026-01-13")
    assert apart(shown, "chats") == {"nova": "20"}, "what it used before it joined is not the company's"
    nova = acme("customer", "show", "nova", "-f", "json", *MID).json
    assert (nova["timezone"], nova["billed_to"]) == ("Europe/Berlin", "acme")


def test_a_customer_with_a_start_ahead_does_not_join(acme: Run) -> None:
    acme("subscribe", "nova", "team", "--start", "2026-03-01", "--schedule", "--yes", *MID)
    acme("subscription", "cancel", "nova/free", "--at", "now", "--yes", *MID)
    refused = acme("customer", "update", "nova", "--parent", "acme", *MID)
    assert refused.exit_code == 4
    assert "nova is to start team" in refused.stderr


def test_nobody_stands_below_itself(acme: Run) -> None:
    circle = acme("customer", "update", "north", "--parent", "north-1", "-f", "json", *MID)
    assert (circle.exit_code, circle.error["code"]) == (4, "parent-circle")


def test_who_leaves_a_company_has_no_plan_and_leaves_its_usage_there(acme: Run) -> None:
    say(acme, "east", "chats", "600")
    assert acme("customer", "update", "east", "--parent", "", *MID).exit_code == 0
    assert acme("check", "east", "chats", "-f", "json", *MID).json["reason"] == "not_granted"
    assert apart(acme("usage", "show", "acme", "-f", "json", *MID), "chats") == {"east": "600"}
    assert acme("doctor").exit_code == 0


@pytest.mark.parametrize(
    ("child", "what"), [(3, "its content is not the one"), (0, "key"), (99, "no child: 99")]
)
def test_doctor_finds_usage_that_was_put_on_somebody_else(
    acme: Run, tmp_path: Path, child: int, what: str
) -> None:
    """east is number 2 and north 3: what east used is not north's, nor the company's, nor nobody's."""
    say(acme, "east", "chats", "600")
    assert acme("doctor").exit_code == 0
    stores.edited(tmp_path / "store.db", f"UPDATE usage_event SET child = {child}")
    broken = acme("doctor")
    assert broken.exit_code == 1
    assert "BROKEN  events-unaltered" in broken.stdout
    assert what in broken.stdout
