"""A saved plan: exactly what was reviewed is applied, once, to the store and the objects it was computed from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import stores
from tests.cli.conftest import ACME, SHOP, Run
from tests.cli.test_catalog import change

PLAN = "plan.json"
RENAME = ("name: Starter", "name: Start")
RISE = ("month: {USD: 19, EUR: 18}", "month: {USD: 22, EUR: 18}")  # +15.8 %: caution
BREAKING = ("month: {USD: 19, EUR: 18}", "month: {USD: 25, EUR: 18}")  # +31.6 %: breaking


@pytest.fixture
def edited(tmp_path: Path) -> Path:
    """The shop's catalog as a directory, to be edited by `change`."""
    path = tmp_path / "catalog" / "shop.yaml"
    path.parent.mkdir()
    path.write_text(SHOP.read_text(encoding="utf-8"), encoding="utf-8")
    return path


def saved(shop: Run, *words: str) -> None:
    assert shop("catalog", "diff", "--out", PLAN, *words).exit_code == 0


def applied(shop: Run, *words: str) -> int:
    return shop("catalog", "apply", "--plan", PLAN, *words).exit_code


def revision(shop: Run) -> int:
    return int(shop("catalog", "show", "-f", "json").json["revision"])


def fingerprint(shop: Run) -> str:
    (found,) = [
        rule["fingerprint"]
        for one in shop("catalog", "diff", "-f", "json").json["changes"]
        for rule in one["rules"]
        if rule["level"] == "breaking"
    ]
    return str(found)


def test_a_plan_is_applied_without_a_question_and_only_once(shop: Run, edited: Path) -> None:
    change(edited, RENAME)
    saved(shop)
    change(edited, ("name: Start\n", "name: Something else\n"))  # what is applied is what was reviewed
    first = shop("catalog", "apply", "--plan", PLAN)
    assert (first.exit_code, first.stdout) == (0, "revision 2: 1 change applied: 1 updated\n")
    assert shop("plan", "show", "starter", "-f", "json").json["name"] == "Start"
    again = shop("catalog", "apply", "--plan", PLAN)
    assert again.exit_code == 0
    assert again.stdout == "shop: already applied; revision 2 holds what the plan wanted\n"
    assert revision(shop) == 2


def test_the_same_plan_with_json_answers_the_revision_each_time(shop: Run, edited: Path) -> None:
    change(edited, RENAME)
    saved(shop)
    first = shop("catalog", "apply", "--plan", PLAN, "-f", "json").json
    again = shop("catalog", "apply", "--plan", PLAN, "-f", "json").json
    assert (first["revision"], len(first["changes"])) == (2, 1)
    assert (again["revision"], again["changes"], again["digest"]) == (2, [], first["digest"])


def test_a_touched_object_that_moved_stales_the_plan_and_is_named(shop: Run, edited: Path) -> None:
    change(edited, RENAME)
    saved(shop)
    assert shop("plan", "edit", "starter", "--description", "x", "--outside").exit_code == 0
    result = shop("catalog", "apply", "--plan", PLAN)
    assert result.exit_code == 5
    assert "plans.starter has changed since the plan was made" in result.stderr
    assert "moved by revision 2" in result.stderr
    assert revision(shop) == 2


def test_a_referenced_object_that_moved_stales_it_too(shop: Run, edited: Path) -> None:
    change(edited, RISE)
    saved(shop)
    assert shop("feature", "edit", "minutes", "--set", "unit=second", "--outside").exit_code == 0
    result = shop("catalog", "apply", "--plan", PLAN)
    assert result.exit_code == 5
    assert "features.minutes has changed since the plan was made" in result.stderr


def test_an_unrelated_revision_in_between_does_not(shop: Run, edited: Path) -> None:
    change(edited, RENAME)
    saved(shop)
    assert shop("plan", "create", "extra", "--price", "month:USD=5").exit_code == 0
    assert applied(shop) == 0
    assert revision(shop) == 3
    assert shop("plan", "show", "starter", "-f", "json").json["name"] == "Start"


def test_a_plan_that_was_applied_and_is_not_current_any_more_is_refused(shop: Run, edited: Path) -> None:
    change(edited, RENAME)
    saved(shop)
    assert applied(shop) == 0
    assert shop("plan", "edit", "starter", "--name", "Other", "--outside").exit_code == 0
    result = shop("catalog", "apply", "--plan", PLAN)
    assert result.exit_code == 5
    assert "the plan was applied as revision 2, and plans.starter has changed since" in result.stderr


def test_what_else_has_come_to_differ_is_no_part_of_a_plan(shop: Run, edited: Path) -> None:
    change(edited, RENAME)
    saved(shop)
    assert shop("plan", "edit", "free", "--name", "Gratis", "--outside").exit_code == 0
    newer = edited.read_text(encoding="utf-8").replace(
        "plans:\n", "plans:\n  team:\n    name: Team\n    price: {month: {USD: 99, EUR: 99}}\n"
    )
    change(edited, ("name: Start\n", "name: Starter\n"), ("name: Free", "name: Gratis"))
    edited.write_text(newer.replace("name: Start\n", "name: Starter\n").replace("name: Free", "name: Gratis"))
    assert shop("catalog", "apply", "--yes").exit_code == 0  # brings team, and says Gratis too
    result = shop("catalog", "apply", "--plan", PLAN)
    assert (result.exit_code, result.stdout) == (0, "revision 4: 1 change applied: 1 updated\n")
    assert shop("plan", "show", "team", "-f", "json").json["archived"] is False
    assert shop("plan", "show", "free", "-f", "json").json["name"] == "Gratis"
    assert shop("plan", "show", "starter", "-f", "json").json["name"] == "Start"


def test_a_plan_that_was_applied_and_rolled_back_is_not_applied_again(shop: Run, edited: Path) -> None:
    change(edited, RENAME)
    saved(shop)
    assert applied(shop) == 0
    assert shop("catalog", "rollback", "1", "--reason", "oops", "--yes").exit_code == 0
    result = shop("catalog", "apply", "--plan", PLAN)
    assert result.exit_code == 5
    assert "the plan was applied as revision 2, and plans.starter has changed since" in result.stderr
    assert shop("plan", "show", "starter", "-f", "json").json["name"] == "Starter"


def test_two_plans_for_parts_of_one_catalog_are_applied_one_after_the_other(shop: Run, edited: Path) -> None:
    change(edited, RENAME, ("name: Free", "name: Nothing"))
    saved(shop, "--only", "plans.starter")
    Path(PLAN).rename("first.json")
    saved(shop, "--only", "plans.free")
    assert shop("catalog", "apply", "--plan", "first.json").exit_code == 0
    assert applied(shop) == 0
    assert revision(shop) == 3
    assert shop("catalog", "diff", "-f", "json").json["changes"] == []


def test_a_plan_without_changes_changes_nothing_whatever_comes_after(shop: Run, edited: Path) -> None:
    saved(shop)
    assert shop("plan", "edit", "free", "--name", "Gratis", "--outside").exit_code == 0
    assert applied(shop) == 0
    assert shop("plan", "show", "free", "-f", "json").json["name"] == "Gratis"


def test_a_plan_is_refused_by_another_store(shop: Run, edited: Path, tmp_path: Path) -> None:
    change(edited, RENAME)
    saved(shop)
    other = tmp_path / "other.db"
    assert shop("--store", other, "catalog", "apply", SHOP, "--yes").exit_code == 0
    result = shop("--store", other, "catalog", "apply", "--plan", PLAN)
    assert result.exit_code == 5
    assert "[plan-other-store]" in result.stderr
    missing = shop("--store", tmp_path / "none.db", "catalog", "apply", "--plan", PLAN)
    assert missing.exit_code == 5
    assert not (tmp_path / "none.db").exists()


def test_a_plan_made_where_there_was_no_store_fits_no_store_that_lives(shop: Run, tmp_path: Path) -> None:
    missing = ("--store", tmp_path / "typo.db")
    assert shop(*missing, "catalog", "diff", ACME, "--out", PLAN).exit_code == 0
    result = shop("catalog", "apply", "--plan", PLAN)
    assert result.exit_code == 5
    assert "[plan-other-store]" in result.stderr
    assert revision(shop) == 1


def test_a_plan_made_before_there_was_a_store_makes_it(run: Run, edited: Path) -> None:
    saved(run)
    assert applied(run) == 0
    assert run("plan", "list").exit_code == 0
    assert applied(run) == 0  # and again: already applied


def test_a_breaking_change_is_gated_when_it_is_applied(shop: Run, edited: Path) -> None:
    change(edited, BREAKING)
    saved(shop)  # a diff is never stopped by a gate
    assert applied(shop) == 4
    assert revision(shop) == 1
    assert applied(shop, "--accept", fingerprint(shop)) == 0
    assert shop("plan", "show", "starter", "-f", "json").json["version"] == 2


def test_what_was_accepted_when_it_was_saved_stays_accepted(shop: Run, edited: Path) -> None:
    change(edited, BREAKING)
    saved(shop, "--accept", fingerprint(shop))
    assert applied(shop) == 0


def test_a_change_note_accepts_once(shop: Run, edited: Path) -> None:
    note = edited.parent / "changes" / "2026-02-rise.yaml"
    note.parent.mkdir()
    note.write_text(
        "title: Starter costs 25 USD\nwhy: costs rose\naccept: [price-increase plans.starter]\n",
        encoding="utf-8",
    )
    change(edited, BREAKING)
    saved(shop)
    assert applied(shop) == 0
    change(edited, ("month: {USD: 25, EUR: 18}", "month: {USD: 50, EUR: 18}"))
    saved(shop)
    assert applied(shop) == 4
    assert shop("plan", "show", "starter", "-f", "json").json["version"] == 2


def test_the_expected_digest_is_that_of_the_plan(shop: Run, edited: Path) -> None:
    change(edited, RENAME)
    saved(shop)
    assert applied(shop, "--expect", "000000000000") == 5
    digest = json.loads(Path(PLAN).read_text(encoding="utf-8"))["digest"]
    assert applied(shop, "--expect", digest) == 0


def test_only_a_part_is_saved_and_applied(shop: Run, edited: Path) -> None:
    change(edited, RENAME, ("name: Free", "name: Nothing"))
    saved(shop, "--only", "plans.starter")
    assert applied(shop) == 0
    assert shop("plan", "show", "starter", "-f", "json").json["name"] == "Start"
    assert shop("plan", "show", "free", "-f", "json").json["name"] == "Free"
    assert applied(shop) == 0  # already applied, whatever else the files still want
    assert revision(shop) == 2
    left = shop("catalog", "diff", "-f", "json").json["changes"]
    assert [one["address"] for one in left] == ["plans.free"]


def test_a_plan_made_against_a_snapshot_is_applied_to_its_store(
    shop: Run, edited: Path, tmp_path: Path
) -> None:
    assert shop("catalog", "snapshot", "--out", "prod.snapshot.json").exit_code == 0
    change(edited, RENAME)
    nowhere = tmp_path / "unseen.db"
    against = ("--against", "prod.snapshot.json")
    assert shop("--store", nowhere, "catalog", "diff", "--out", PLAN, *against).exit_code == 0
    assert not nowhere.exists()
    assert applied(shop) == 0
    assert revision(shop) == 2


def test_an_edited_plan_is_no_plan(shop: Run, edited: Path) -> None:
    change(edited, BREAKING)
    saved(shop)
    path = Path(PLAN)
    document = json.loads(path.read_text(encoding="utf-8"))
    document["accept"] = ["price-increase plans.starter"]
    path.write_text(json.dumps(document), encoding="utf-8")
    result = shop("catalog", "apply", "--plan", PLAN)
    assert result.exit_code == 3
    assert "it was changed since planctl wrote it" in result.stderr
    for text in ("", "[]", "{", '{"format": "planctl.diff/1"}'):
        path.write_text(text, encoding="utf-8")
        assert applied(shop) == 3
    assert revision(shop) == 1


def test_a_plan_names_no_customer_even_where_the_diff_does(shop: Run, edited: Path) -> None:
    assert shop("customer", "add", "nova", "--currency", "USD", "--as-of", "2026-01-01").exit_code == 0
    assert (
        shop("subscribe", "nova", "starter", "--pay", "month", "--yes", "--as-of", "2026-01-01").exit_code
        == 0
    )
    change(edited, BREAKING)
    shown = shop("catalog", "diff", "--names", "--out", PLAN, "--as-of", "2026-01-02")
    assert "nova" in shown.stdout
    assert "nova" not in Path(PLAN).read_text(encoding="utf-8")


def test_a_protected_store_wants_its_name_for_a_plan_too(shop: Run, edited: Path, tmp_path: Path) -> None:
    (tmp_path / "planctl.toml").write_text(
        f'[stores]\nprod = {{url = "{stores.address(tmp_path / "store.db")}", protected = true}}\n',
        encoding="utf-8",
    )
    change(edited, RENAME)
    assert shop("--store", "prod", "catalog", "diff", "--out", PLAN).stdout.startswith("shop → prod   ")
    assert shop("--store", "prod", "catalog", "apply", "--plan", PLAN).exit_code == 64
    assert shop("--store", "prod", "catalog", "apply", "--plan", PLAN, "--confirm", "prod").exit_code == 0


def test_a_plan_leaves_no_room_for_a_path(shop: Run, edited: Path) -> None:
    saved(shop)
    assert shop("catalog", "apply", "catalog", "--plan", PLAN).exit_code == 64
    assert shop("catalog", "apply", "--plan", PLAN, "--take-over", "other").exit_code == 64


def test_a_dry_run_of_a_plan_writes_nothing(shop: Run, edited: Path) -> None:
    change(edited, RENAME)
    saved(shop)
    assert applied(shop, "--dry-run") == 0
    assert revision(shop) == 1
