"""`planctl catalog rollback`: an earlier catalog holds again, as a new revision and through the same gates."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.conftest import SHOP, Run
from tests.cli.test_catalog import change

BACK = ("catalog", "rollback", "1", "--reason", "too early", "--yes")


@pytest.fixture
def moved(shop: Run, tmp_path: Path) -> Run:
    """The shop at revision 2: starter costs 20, has a new name, and there is a plan more."""
    path = tmp_path / "catalog" / "shop.yaml"
    path.parent.mkdir()
    path.write_text(SHOP.read_text(encoding="utf-8"), encoding="utf-8")
    change(
        path,
        ("month: {USD: 19, EUR: 18}", "month: {USD: 20, EUR: 18}"),
        ("name: Starter", "name: Start"),
        ("plans:\n", "plans:\n  team:\n    name: Team\n    price: {month: {USD: 99, EUR: 99}}\n"),
    )
    assert shop("catalog", "apply", "--yes", "--as-of", "2026-01-02").exit_code == 0
    return shop


def test_an_earlier_catalog_holds_again_as_a_new_revision(moved: Run) -> None:
    result = moved(*BACK, "--as-of", "2026-01-03")
    assert result.exit_code == 0
    assert result.stdout == "revision 3: 2 changes applied: 1 new version, 1 archived\n"
    assert "the catalog's files still say otherwise: planctl catalog pull" in result.stderr
    starter = moved("plan", "show", "starter", "-f", "json").json
    assert (starter["name"], starter["version"], starter["price"]["month"]["USD"]) == ("Starter", 3, "19.00")
    assert moved("plan", "show", "team", "-f", "json").json["archived"] is True
    history = moved("catalog", "history", "-f", "json").json
    assert [one["reason"] for one in history] == [None, None, "too early"]


def test_what_it_goes_back_to_is_the_same_but_for_what_came_later(moved: Run) -> None:
    moved(*BACK)
    left = moved("catalog", "diff", SHOP, "-f", "json").json
    assert left["changes"] == []


def test_a_second_time_there_is_nothing_to_do(moved: Run) -> None:
    assert moved(*BACK).exit_code == 0
    again = moved(*BACK)
    assert (again.exit_code, again.stdout.endswith("no changes\n")) == (0, True)
    assert len(moved("catalog", "history", "-f", "json").json) == 3


def test_going_forward_again_is_a_rollback_too(moved: Run) -> None:
    moved(*BACK)
    result = moved("catalog", "rollback", "2", "--reason", "it was right", "--yes")
    assert result.exit_code == 0, result.stderr
    starter = moved("plan", "show", "starter", "-f", "json").json
    assert (starter["name"], starter["version"], starter["price"]["month"]["USD"]) == ("Start", 4, "20.00")
    assert moved("plan", "show", "team", "-f", "json").json["archived"] is False


def test_a_rollback_that_breaks_must_be_accepted(shop: Run) -> None:
    assert shop("plan", "edit", "starter", "--set", "price.month.USD=10", "--outside").exit_code == 0
    refused = shop("catalog", "rollback", "1", "--reason", "x", "--yes")  # 10 → 19: +90 %
    assert refused.exit_code == 4
    assert "price-increase" in refused.stderr
    shown = shop("catalog", "rollback", "1", "--reason", "x", "--dry-run", "-f", "json")
    assert shown.exit_code == 4
    found = re.search("--accept ([0-9a-f]{12})", refused.stderr)
    assert found is not None
    fingerprint = found[1]
    accepted = shop("catalog", "rollback", "1", "--reason", "x", "--yes", "--accept", fingerprint)
    assert accepted.exit_code == 0
    assert shop("plan", "show", "starter", "-f", "json").json["price"]["month"]["USD"] == "19.00"


def test_it_wants_a_reason_a_yes_and_a_revision_that_is_there(moved: Run) -> None:
    assert moved("catalog", "rollback", "1", "--yes").exit_code == 64
    assert moved("catalog", "rollback", "1", "--reason", "x").exit_code == 64
    missing = moved("catalog", "rollback", "9", "--reason", "x", "--yes")
    assert missing.exit_code == 4
    assert "1 to 2" in missing.stderr
    assert len(moved("catalog", "history", "-f", "json").json) == 2


def test_a_renamed_plan_keeps_its_new_id(shop: Run, tmp_path: Path) -> None:
    path = tmp_path / "catalog" / "shop.yaml"
    path.parent.mkdir()
    path.write_text(SHOP.read_text(encoding="utf-8"), encoding="utf-8")
    change(
        path,
        ("  starter:\n    name: Starter", "  basic:\n    was: starter\n    name: Basic"),
        ("order: [free, starter]", "order: [free, basic]"),
    )
    assert shop("catalog", "apply", "--yes").exit_code == 0
    assert shop(*BACK).exit_code == 0
    plans = shop("plan", "list", "-f", "json").json
    assert {one["id"]: one["name"] for one in plans if not one["archived"]} == {
        "free": "Free",
        "basic": "Starter",
    }


def test_an_id_that_was_used_again_is_another_plan(shop: Run, tmp_path: Path) -> None:
    path = tmp_path / "catalog" / "shop.yaml"
    path.parent.mkdir()
    path.write_text(SHOP.read_text(encoding="utf-8"), encoding="utf-8")
    change(
        path,
        ("  starter:\n    name: Starter", "  solo:\n    was: starter\n    name: Solo"),
        ("order: [free, starter]", "order: [free, solo]"),
    )
    assert shop("catalog", "apply", "--yes").exit_code == 0
    change(path, ("    was: starter\n", ""))
    change(
        path, ("plans:\n", "plans:\n  starter: {name: New, group: none, price: {once: {USD: 5, EUR: 5}}}\n")
    )
    assert shop("catalog", "apply", "--yes").exit_code == 0
    assert shop(*BACK).exit_code == 0
    plans = {one["id"]: one for one in shop("plan", "list", "-f", "json").json}
    assert (plans["solo"]["name"], plans["solo"]["archived"]) == ("Starter", False)
    new = shop("plan", "show", "starter", "-f", "json").json
    assert (new["name"], new["archived"], new["version"]) == ("New", True, 1)


def test_a_dry_run_goes_back_nowhere(moved: Run) -> None:
    assert moved(*BACK, "--dry-run").exit_code == 0
    assert len(moved("catalog", "history", "-f", "json").json) == 2


def test_what_came_later_stays_with_what_it_needs(shop: Run, tmp_path: Path) -> None:
    path = tmp_path / "catalog" / "shop.yaml"
    path.parent.mkdir()
    path.write_text(SHOP.read_text(encoding="utf-8"), encoding="utf-8")
    change(
        path,
        ("currencies: {USD: , EUR: }", "currencies: {USD: , EUR: , GBP: }"),
        ("groups:\n", "groups:\n  extras: {name: Extras}\n"),
        ("plans:\n", "plans:\n  team:\n    name: Team\n    group: extras\n    price: {month: {GBP: 99}}\n"),
    )
    assert shop("catalog", "apply", "--yes").exit_code == 0
    result = shop(*BACK)
    assert (result.exit_code, result.stdout) == (0, "revision 3: 1 change applied: 1 archived\n")
    assert shop("plan", "show", "team", "-f", "json").json["archived"] is True
    assert shop("catalog", "rollback", "2", "--reason", "x", "--yes").exit_code == 0
    assert shop("plan", "show", "team", "-f", "json").json["archived"] is False


def test_a_rollback_that_archives_nearly_everything_is_refused_as_an_apply_would_be(
    shop: Run, tmp_path: Path
) -> None:
    path = tmp_path / "catalog" / "shop.yaml"
    path.parent.mkdir()
    more = "".join(
        f"  p{number}: {{name: P{number}, group: none, price: {{once: {{USD: 1}}}}}}\n"
        for number in range(17)
    )
    path.write_text(SHOP.read_text(encoding="utf-8").replace("plans:\n", f"plans:\n{more}"), encoding="utf-8")
    assert shop("catalog", "apply", "--yes").exit_code == 0
    result = shop(*BACK)
    assert result.exit_code == 4
    assert "mass-archive" in result.stderr
    assert len(shop("catalog", "history", "-f", "json").json) == 2
