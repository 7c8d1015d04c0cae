"""`planctl catalog …`: validated, diffed, applied once, refused where customers would lose, exported whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import SHOP, Run

ACME = SHOP.parent / "acme"


@pytest.fixture
def edited(tmp_path: Path) -> Path:
    """The shop's catalog, to be edited by `change`."""
    path = tmp_path / "shop.yaml"
    path.write_text(SHOP.read_text(encoding="utf-8"), encoding="utf-8")
    return path


def change(path: Path, *replacements: tuple[str, str]) -> None:
    """Replace texts of a file that each stand there once."""
    text = path.read_text(encoding="utf-8")
    for old, new in replacements:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")


# --- validate


def test_a_valid_catalog_is_one_line(run: Run) -> None:
    result = run("catalog", "validate", ACME)
    assert result.exit_code == 0
    assert result.stdout == ("acme: 6 plans, 2 add-ons, 9 features, 1 price example; no findings\n")
    assert result.stderr == ""


def test_all_errors_are_printed_at_once_with_their_lines(run: Run, edited: Path) -> None:
    change(edited, ("month: {USD: 19, EUR: 18}", "month: {USD: 19, GPB: 18}"), ("minutes: 50", "minuets: 50"))
    result = run("catalog", "validate", edited)
    assert result.exit_code == 3
    assert result.stdout == ""
    assert 'error: unknown currency "GPB" [currency-unknown]' in result.stderr
    assert "[feature-unknown]" in result.stderr
    assert "month: {USD: 19, GPB: 18}" in result.stderr
    assert result.stderr.splitlines()[-1].endswith("nothing was written")


def test_errors_with_json_are_objects_with_their_places(run: Run, edited: Path) -> None:
    change(edited, ("month: {USD: 19, EUR: 18}", "month: {USD: 19, GPB: 18}"))
    result = run("catalog", "validate", edited, "-f", "json")
    assert result.error["code"] == "findings"
    findings = json.loads(result.stderr)["findings"]
    place = [(one["rule"], one["file"], one["line"]) for one in findings if one["rule"] == "currency-unknown"]
    assert place == [("currency-unknown", "shop.yaml", 25)]


def test_a_directory_that_is_not_there_is_an_invalid_input(run: Run) -> None:
    result = run("catalog", "validate", "nowhere")
    assert result.exit_code == 3
    assert "[catalog-missing]" in result.stderr


def test_a_price_example_that_does_not_come_out_is_an_error_only_when_validating(
    run: Run, edited: Path
) -> None:
    with edited.open("a", encoding="utf-8") as file:
        file.write(
            "examples:\n  one: {plan: starter, pay: month, in: USD, use: {minutes: 1_100}, bill: 20.00}\n"
        )
    assert run("catalog", "validate", edited).exit_code == 3  # 19.00 + 100 × 0.02 = 21.00
    diff = run("catalog", "diff", edited)
    assert diff.exit_code == 0
    assert "warning: example one costs 21.00 USD, not 20.00 USD" in diff.stderr
    assert run("catalog", "apply", edited, "--yes").exit_code == 0


# --- diff


def test_a_diff_against_no_store_compares_with_nothing(run: Run, tmp_path: Path) -> None:
    result = run("catalog", "diff", SHOP, "--exit-code")
    assert result.exit_code == 2
    assert "revision 0 → 1" in result.stdout
    assert list(tmp_path.iterdir()) == []


def test_no_difference_is_one_line_and_0(shop: Run) -> None:
    result = shop("catalog", "diff", SHOP, "--exit-code")
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 1)
    assert "no changes" in result.stdout


@pytest.mark.parametrize(
    ("old", "new", "exit_code"),
    [
        ("name: Starter", "name: Start", 2),
        ("month: {USD: 19, EUR: 18}", "month: {USD: 20, EUR: 18}", 2),  # + 5.3 %: caution
        ("month: {USD: 19, EUR: 18}", "month: {USD: 24, EUR: 18}", 4),  # + 26.3 %: breaking
        ("included: 1_000", "included: 900", 4),
        ("month: {USD: 19, EUR: 18}", "month: {USD: x, EUR: 18}", 3),
    ],
)
def test_the_exit_code_says_what_apply_would_do(
    shop: Run, edited: Path, old: str, new: str, exit_code: int
) -> None:
    change(edited, (old, new))
    assert shop("catalog", "diff", edited, "--exit-code").exit_code == exit_code


def test_without_exit_code_a_diff_that_was_shown_is_a_success(shop: Run, edited: Path) -> None:
    change(edited, ("included: 1_000", "included: 900"))
    assert shop("catalog", "diff", edited).exit_code == 0


def test_a_diff_for_machines_has_the_documented_shape(shop: Run, edited: Path) -> None:
    change(edited, ("month: {USD: 19, EUR: 18}", "month: {USD: 24, EUR: 18}"))
    document = shop("catalog", "diff", edited, "-f", "json").json
    assert document["format"] == "planctl.diff/1"
    assert document["base"]["revision"] == 1
    assert document["summary"] == {
        "create": 0, "version": 1, "update": 0, "archive": 0, "unarchive": 0, "adopt": 0, "rename": 0,
        "breaking": 1, "caution": 0,
    }  # fmt: skip
    [only] = document["changes"]
    assert (only["address"], only["action"], only["from_version"], only["to_version"]) == (
        "plans.starter", "version", 1, 2,
    )  # fmt: skip
    assert only["fields"] == [{"path": "price.month.USD", "before": "19", "after": "24"}]
    assert (only["file"], only["line"]) == ("shop.yaml", 21)
    assert document["findings"] == []


# --- apply


def test_a_catalog_is_applied_once(run: Run) -> None:
    first = run("catalog", "apply", SHOP, "--yes", "--as-of", "2026-01-01")
    assert first.exit_code == 0
    assert first.stdout == "revision 1: 7 changes applied: 7 created\n"
    again = run("catalog", "apply", SHOP, "--yes")
    assert again.exit_code == 0
    assert len(again.stdout.splitlines()) == 1
    assert "no changes" in again.stdout
    assert [one["revision"] for one in run("catalog", "history", "-f", "json").json] == [1]


def test_a_breaking_change_is_refused_until_its_fingerprint_is_accepted(shop: Run, edited: Path) -> None:
    change(edited, ("month: {USD: 19, EUR: 18}", "month: {USD: 24, EUR: 18}"))
    refused = shop("catalog", "apply", edited, "--yes")
    assert refused.exit_code == 4
    assert "1 breaking change is not accepted [changes-refused]" in refused.stderr
    [change_] = shop("catalog", "diff", edited, "-f", "json").json["changes"]
    fingerprint = change_["rules"][0]["fingerprint"]
    assert f"--accept {fingerprint}" in refused.stderr
    accepted = shop("catalog", "apply", edited, "--yes", "--accept", fingerprint)
    assert accepted.exit_code == 0
    assert shop("catalog", "show", "2", "-f", "json").json["accepted"] == [fingerprint]


def test_another_digest_than_the_expected_one_is_a_conflict(shop: Run, edited: Path) -> None:
    digest = shop("catalog", "validate", edited, "-f", "json").json["digest"]
    change(edited, ("name: Starter", "name: Start"))
    assert shop("catalog", "apply", edited, "--yes", "--expect", digest).exit_code == 5
    now = shop("catalog", "validate", edited, "-f", "json").json["digest"]
    assert shop("catalog", "apply", edited, "--yes", "--expect", now).exit_code == 0


def test_another_catalogs_objects_are_taken_over_only_when_asked(shop: Run, edited: Path) -> None:
    change(edited, ("catalog: shop", "catalog: other"))
    refused = shop("catalog", "apply", edited, "--yes")
    assert refused.exit_code == 3
    assert "[managed-by-another]" in refused.stderr
    assert shop("catalog", "apply", edited, "--yes", "--take-over", "shop").exit_code == 0


def test_quiet_apply_says_nothing(run: Run) -> None:
    result = run("catalog", "apply", SHOP, "--yes", "--quiet")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")


# --- looking back and exporting


def test_a_revision_says_who_when_and_what(shop: Run, edited: Path) -> None:
    change(edited, ("month: {USD: 19, EUR: 18}", "month: {USD: 20, EUR: 18}"))
    shop(
        "catalog", "apply", edited, "--yes", "--as-of", "2026-02-01", "--operator", "alice", "--reason", "costs",
    )  # fmt: skip
    result = shop("catalog", "show")
    assert result.stdout.splitlines()[0] == "revision 2   shop   2026-02-01T00:00:00Z   by alice"
    assert "reason: costs" in result.stdout
    assert "    price.month.USD  19 → 20" in result.stdout


def test_a_revision_that_never_was_is_refused(shop: Run) -> None:
    result = shop("catalog", "show", "7", "-f", "json")
    assert result.exit_code == 4
    assert result.error["expected"] == "1 to 1"


@pytest.mark.parametrize("catalog", [SHOP, ACME], ids=["shop", "acme"])
def test_an_export_applies_back_without_a_difference(run: Run, tmp_path: Path, catalog: Path) -> None:
    run("catalog", "apply", catalog, "--yes")
    exported = run("catalog", "export", "--out", tmp_path / "exported")
    assert exported.exit_code == 0
    result = run("catalog", "diff", tmp_path / "exported", "--exit-code")
    assert (result.exit_code, result.stderr) == (0, "")
    assert run("catalog", "export").stdout == (tmp_path / "exported" / "catalog.yaml").read_text(
        encoding="utf-8"
    )


def test_an_export_overwrites_nothing(shop: Run, tmp_path: Path) -> None:
    shop("catalog", "export", "--out", tmp_path)
    assert shop("catalog", "export", "--out", tmp_path).exit_code == 4


def test_the_schema_is_json(run: Run) -> None:
    assert run("catalog", "schema").json["title"] == "planctl catalog"


def test_the_commit_of_the_files_is_kept(run: Run, edited: Path) -> None:
    import subprocess

    def git(*words: str) -> str:
        identity = ["-c", "user.name=t", "-c", "user.email=t@t.example", "-c", "commit.gpgsign=false"]
        return subprocess.run(
            ["git", "-C", str(edited.parent), *identity, *words], check=True, capture_output=True, text=True
        ).stdout.strip()

    git("init", "-q")
    git("add", "shop.yaml")
    git("commit", "-qm", "first")
    commit = git("rev-parse", "HEAD")
    run("catalog", "apply", edited, "--yes")
    assert run("catalog", "show", "-f", "json").json["source_commit"] == commit
    change(edited, ("name: Starter", "name: Start"))
    run("catalog", "apply", edited, "--yes")
    assert run("catalog", "show", "-f", "json").json["source_commit"] == f"{commit}-dirty"


def test_an_apply_after_a_pull_settles_the_edit(shop: Run, edited: Path) -> None:
    rise = ("plan", "edit", "starter", "--set", "price.month.USD=20", "--outside")
    assert shop(*rise).exit_code == 0
    assert shop("catalog", "pull", edited).exit_code == 0
    settled = shop("catalog", "apply", edited)  # nothing changes for anybody, so nobody is asked
    assert settled.exit_code == 0
    assert settled.stdout == "revision 2: no changes; what was edited outside is in the files now\n"
    change(edited, ("month: {USD: 20, EUR: 18}", "month: {USD: 21, EUR: 18}"))
    (one,) = shop("catalog", "diff", edited, "-f", "json").json["changes"]
    assert [rule["id"] for rule in one["rules"]] == ["price-increase"]  # and nothing is overwritten
    again = shop("catalog", "pull", edited)
    assert "month: {USD: 21, EUR: 18}" in edited.read_text(encoding="utf-8"), again.stdout


def test_a_note_that_came_after_its_change_accepts_no_later_one(shop: Run, tmp_path: Path) -> None:
    path = tmp_path / "catalog" / "shop.yaml"
    (path.parent / "changes").mkdir(parents=True)
    path.write_text(SHOP.read_text(encoding="utf-8"), encoding="utf-8")
    change(path, ("month: {USD: 19, EUR: 18}", "month: {USD: 25, EUR: 18}"))
    assert shop("catalog", "apply", "--yes", "--accept", "price-increase plans.starter").exit_code == 0
    (path.parent / "changes" / "rise.yaml").write_text(
        "title: Starter costs 25 USD\nwhy: costs rose\naccept: [price-increase plans.starter]\n",
        encoding="utf-8",
    )
    noted = shop("catalog", "apply")
    assert noted.exit_code == 0
    assert noted.stdout == "revision 2: no changes; its new change notes accept nothing later\n"
    assert shop("catalog", "apply").stdout.endswith("no changes\n")
    change(path, ("month: {USD: 25, EUR: 18}", "month: {USD: 250, EUR: 18}"))
    refused = shop("catalog", "apply", "--yes")
    assert refused.exit_code == 4
    assert "[note-spent]" in refused.stderr
    (path.parent / "changes" / "rise.yaml").rename(path.parent / "changes" / "2026-rise.yaml")
    assert shop("catalog", "apply", "--yes").exit_code == 4  # another name makes no other note


def test_taking_back_the_second_of_two_renames_keeps_the_plan_with_its_holders(
    shop: Run, edited: Path
) -> None:
    first = ("  starter:\n    name: Starter", "  basic:\n    was: starter\n    name: Starter")
    change(edited, first, ("order: [free, starter]", "order: [free, basic]"))
    assert shop("catalog", "apply", edited, "--yes").exit_code == 0
    once = edited.read_text(encoding="utf-8")
    change(
        edited,
        ("  basic:\n    was: starter", "  solo:\n    was: basic"),
        ("order: [free, basic]", "order: [free, solo]"),
    )
    assert shop("catalog", "apply", edited, "--yes").exit_code == 0
    edited.write_text(once, encoding="utf-8")  # as git revert does
    changes = shop("catalog", "diff", edited, "-f", "json").json["changes"]
    assert [(one["address"], one["action"]) for one in changes if one["address"].startswith("plans.")] == [
        ("plans.basic", "rename")
    ]
    assert shop("catalog", "apply", edited, "--yes").exit_code == 0
    plans = shop("plan", "list", "-f", "json").json
    assert {one["id"] for one in plans if not one["archived"]} == {"free", "basic"}
    assert shop("catalog", "diff", edited, "-f", "json").json["changes"] == []


def test_a_shell_edit_is_seen_where_the_files_rename_what_it_edited(shop: Run, edited: Path) -> None:
    assert shop("plan", "edit", "starter", "--set", "price.month.USD=20", "--outside").exit_code == 0
    change(
        edited,
        ("  starter:\n    name: Starter", "  basic:\n    was: starter\n    name: Starter"),
        ("order: [free, starter]", "order: [free, basic]"),
    )
    changes = shop("catalog", "diff", edited, "-f", "json").json["changes"]
    (renamed,) = [one for one in changes if one["address"] == "plans.basic"]
    assert ("overwrites-outside-edit", "price.month.USD") in [
        (one["id"], one["path"]) for one in renamed["rules"]
    ]


def test_the_first_policy_of_an_empty_store_loosens_nothing(run: Run, edited: Path) -> None:
    with edited.open("a", encoding="utf-8") as file:
        file.write("policy: {max_price_change: 50%}\n")
    assert run("catalog", "apply", edited, "--yes").exit_code == 0
    change(edited, ("max_price_change: 50%", "max_price_change: 60%"))
    assert run("catalog", "apply", edited, "--yes").exit_code == 4
