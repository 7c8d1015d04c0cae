"""`planctl plan`: what people type, what is printed, and how it ends."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from planctl.core.customers import Customer
from planctl.core.periods import Instant
from planctl.store import customers
from planctl.store.engine import open_store
from planctl.workflows.subscribe import Wanted, apply_subscription, propose_subscription
from tests import stores
from tests.cli.conftest import Run

NEW_YEAR = Instant(1_767_225_600_000_000)
"""2026-01-01T00:00:00Z in microseconds."""


def subscribe(store: Path, customer: str, plan: str) -> None:
    """A customer with a running monthly subscription in USD."""
    with open_store(stores.url(store)) as opened, opened.write() as tx:
        customers.add(tx, Customer(customer, currency="USD", created_at=NEW_YEAR))
        wanted = Wanted(customer, plan, pay="month", currency="USD")
        apply_subscription(tx, propose_subscription(tx, wanted, NEW_YEAR), NEW_YEAR)


def revision(run: Run) -> int:
    """The number of the catalog's last revision."""
    return int(run("catalog", "show", "-f", "json").json["revision"])


# --- create and edit


def test_a_plan_made_in_the_shell_says_what_it_made_and_how_to_undo_it(shop: Run) -> None:
    made = shop("plan", "create", "voice", "--price", "month:USD=29", "--feature", "minutes=2_000")
    assert made.exit_code == 0
    assert made.stdout.splitlines()[0].startswith("shell   revision 1 → 2   digest ")
    assert "+ plans.voice  v1" in made.stdout
    assert made.stderr == "undo with: planctl plan purge voice\n"


def test_the_answer_for_machines_is_the_diff_the_revision_and_the_plan(shop: Run) -> None:
    answer = shop("plan", "edit", "starter", "--price", "month:USD=25", "--outside", "-f", "json").json
    assert answer["format"] == "planctl.diff/1"
    assert answer["revision"] == 2
    assert [(one["address"], one["action"], one["to_version"]) for one in answer["changes"]] == [
        ("plans.starter", "version", 2)
    ]
    assert answer["changes"][0]["fields"] == [{"path": "price.month.USD", "before": "19", "after": "25"}]
    assert (answer["plan"]["id"], answer["plan"]["version"]) == ("starter", 2)


def test_create_where_the_id_is_taken_is_refused_with_a_hint_to_edit(shop: Run) -> None:
    refused = shop("plan", "create", "starter", "--price", "free")
    assert refused.exit_code == 4
    assert "planctl plan edit starter" in refused.stderr


def test_an_edit_of_what_a_catalog_manages_is_refused_with_file_and_line(shop: Run) -> None:
    refused = shop("plan", "edit", "starter", "--price", "month:USD=25", "-f", "json")
    assert refused.exit_code == 4
    assert refused.error["code"] == "managed"
    assert "shop.yaml:21" in refused.error["message"]


def test_wrong_values_leave_with_3_and_every_finding(shop: Run) -> None:
    wrong = shop(
        "plan", "create", "voice", "--price", "month:USD=1e3", "--feature", "minuts=5", "--due", "soon"
    )
    assert wrong.exit_code == 3
    assert wrong.stdout == ""
    for rule in ("[number]", "[feature-unknown]", "[days]"):
        assert rule in wrong.stderr
    assert 'did you mean "minutes"?' in wrong.stderr
    assert wrong.stderr.endswith("3 errors; nothing was written\n")


def test_an_option_in_another_form_is_wrong_usage(shop: Run) -> None:
    assert shop("plan", "create", "voice", "--price", "19").exit_code == 64
    assert shop("plan", "create", "voice", "--packs", "maybe").exit_code == 64


def test_without_options_and_without_a_terminal_it_says_what_to_type(shop: Run) -> None:
    for command in ("create", "edit"):
        result = shop("plan", command, "starter" if command == "edit" else "voice")
        assert result.exit_code == 64
        assert "--file" in result.stderr


def test_a_dry_run_shows_the_same_and_writes_nothing(shop: Run) -> None:
    words = ("plan", "edit", "starter", "--price", "month:USD=25", "--outside")
    dry = shop(*words, "--dry-run")
    assert dry.exit_code == 0
    assert dry.stderr == "nothing was written (dry run)\n"
    assert revision(shop) == 1
    assert shop(*words).stdout == dry.stdout
    assert revision(shop) == 2


def test_a_key_does_it_once(shop: Run) -> None:
    words = ("plan", "create", "voice", "--price", "month:USD=29", "--key", "k1")
    assert shop(*words).exit_code == 0
    again = shop(*words)
    assert again.exit_code == 0
    assert "exists" in again.stderr
    assert revision(shop) == 2
    other = shop("plan", "create", "voice", "--price", "month:USD=30", "--key", "k1")
    assert other.exit_code == 5


def test_what_changes_nothing_says_so_in_one_line(shop: Run) -> None:
    same = shop("plan", "edit", "starter", "--price", "month:USD=19", "--outside")
    assert (same.exit_code, same.stdout, same.stderr) == (0, "nothing to change; revision 1\n", "")
    assert shop("plan", "edit", "starter", "--price", "month:USD=19", "--outside", "--quiet").stdout == ""


def test_the_undo_of_an_edit_undoes_it(shop: Run) -> None:
    import shlex

    before = shop("plan", "show", "starter", "-f", "yaml").stdout
    sets = ("--set", "trial=14 days", "--set", "price.month.USD=25", "--set", "metadata.team=blue sky")
    undo = shop("plan", "edit", "starter", *sets, "--outside").stderr.removeprefix("undo with: planctl ")
    assert shop("plan", "show", "starter", "-f", "yaml").stdout != before
    assert shop(*shlex.split(undo)).exit_code == 0
    assert shop("plan", "show", "starter", "-f", "yaml").stdout == before


def test_a_file_and_standard_input_are_read(
    shop: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "name: Voice\nprice: {month: {USD: 29}}\n"
    (tmp_path / "voice.yaml").write_text(text)
    assert shop("plan", "create", "voice", "--file", "voice.yaml").exit_code == 0
    with (tmp_path / "voice.yaml").open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        assert shop("plan", "create", "voice2", "--file", "-").exit_code == 0
    assert shop("plan", "show", "voice2", "-f", "json").json["price"] == {"month": {"USD": "29.00"}}


def test_a_finding_in_a_file_names_its_line(shop: Run, tmp_path: Path) -> None:
    (tmp_path / "voice.yaml").write_text("name: Voice\nprice: {month: {USD: 29.999}}\n")
    wrong = shop("plan", "create", "voice", "--file", "voice.yaml")
    assert wrong.exit_code == 3
    assert wrong.stderr.startswith("voice.yaml:2:22: error: ")


def test_at_a_terminal_without_options_the_editor_has_the_plan(
    shop: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nsed -i "s/USD: 19/USD: 21/" "$1"\n')
    editor.chmod(editor.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("EDITOR", str(editor))
    monkeypatch.setattr("planctl.cli.asking.has_terminal", lambda: True)
    assert shop("plan", "edit", "starter", "--outside").exit_code == 0
    assert shop("plan", "show", "starter", "-f", "json").json["price"] == {
        "month": {"USD": "21.00", "EUR": "18.00"},
        "year": {"USD": "210.00", "EUR": "180.00"},
    }


def test_an_editor_that_leaves_the_text_alone_changes_nothing(
    shop: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDITOR", "true")
    monkeypatch.setattr("planctl.cli.asking.has_terminal", lambda: True)
    left = shop("plan", "edit", "starter", "--outside")
    assert left.exit_code == 0
    assert "nothing was changed" in left.stderr
    assert revision(shop) == 1


# --- one value


def test_archive_asks_only_where_somebody_holds_the_plan(shop: Run, tmp_path: Path) -> None:
    assert shop("plan", "archive", "free", "--outside").exit_code == 0
    subscribe(tmp_path / "store.db", "nova", "starter")
    asked = shop("plan", "archive", "starter", "--outside")
    assert asked.exit_code == 64
    assert "1 running keep it" in asked.stderr
    assert "--yes" in asked.stderr
    done = shop("plan", "archive", "starter", "--outside", "--yes")
    assert done.exit_code == 0
    assert "undo with: planctl plan unarchive starter" in done.stderr
    assert shop("plan", "show", "starter", "-f", "json").json["archived"] is True


def test_status_and_recommendation_change_in_place(shop: Run) -> None:
    shop("plan", "create", "voice", "--price", "month:USD=29", "--group", "main")
    for word in ("deactivate", "recommend"):
        assert shop("plan", word, "voice").exit_code == 0
    shown = shop("plan", "show", "voice", "-f", "json").json
    assert (shown["visibility"], shown["recommended"], shown["version"]) == ("inactive", True, 1)
    for word in ("activate", "archive", "unarchive"):
        assert shop("plan", word, "voice").exit_code == 0
    assert shop("plan", "recommend", "voice", "--off").exit_code == 0
    shown = shop("plan", "show", "voice", "-f", "json").json
    assert (shown["visibility"], shown["recommended"], shown["archived"]) == ("active", False, False)


def test_purge_asks_and_deletes_only_what_was_never_sold(shop: Run, tmp_path: Path) -> None:
    shop("plan", "create", "voice", "--price", "month:USD=29")
    assert shop("plan", "purge", "voice").exit_code == 64
    assert shop("plan", "purge", "voice", "--yes").exit_code == 0
    assert shop("plan", "show", "voice").exit_code == 4
    shop("plan", "create", "talk", "--price", "month:USD=29")
    subscribe(tmp_path / "store.db", "nova", "talk")
    refused = shop("plan", "purge", "talk", "--yes", "-f", "json")
    assert refused.exit_code == 4
    assert "plan-in-use" in refused.stderr


def test_allow_and_disallow_keep_no_address_in_the_audit(shop: Run) -> None:
    shop("plan", "create", "voice", "--price", "month:USD=29", "--set", "only_for={list: schools}")
    put = shop("plan", "allow", "voice", "dean@school.example", "cust_1")
    assert put.stdout == "2 of 2 put on the list schools\n"
    assert put.stderr == "undo with: planctl plan disallow voice dean@school.example cust_1\n"
    assert "dean@" not in shop("audit", "log", "-f", "json").stdout
    assert shop("plan", "disallow", "voice", "cust_1").exit_code == 0
    dean = ("audit", "log", "--object", "allow_entry/schools/dean@school.example", "-f", "json")
    assert [one["command"] for one in shop(*dean).json] == ["plan allow"]
    assert shop("plan", "disallow", "voice", "dean@school.example").exit_code == 0
    entries = shop(*dean).json
    assert [one["command"] for one in entries] == ["plan allow", "plan disallow"]
    hidden = next(row["id"] for row in entries[1]["rows"] if row["table"] == "allow_entry")
    assert hidden.startswith("schools/sha256:")
    assert shop("audit", "log", "--object", f"allow_entry/{hidden}", "-f", "json").json == entries
    assert shop("audit", "log", "--object", "allow_entry/schools", "-f", "json").json == []
    assert shop("doctor").exit_code == 0


# --- looking


def test_the_list_shows_each_plan_as_it_is_chosen(shop: Run) -> None:
    lines = shop("plan", "list", "--in", "USD").stdout.splitlines()
    assert lines[0].split() == ["plan", "shown", "as", "group", "status", "recommended", "version", "holders",
                                "managed", "by"]  # fmt: skip
    assert lines[1].startswith("free     Free - free")
    assert lines[2].startswith("starter  Starter - 19.00 USD · 0.02/minute · Monthly")
    assert [one["id"] for one in shop("plan", "list", "-f", "json").json] == ["free", "starter"]
    assert [one["id"] for one in shop("plan", "list", "--kind", "pack", "-f", "json").json] == []


def test_show_has_at_least_the_fields_that_are_public(shop: Run) -> None:
    shown = shop("plan", "show", "starter", "-f", "json").json
    assert {
        "id", "kind", "name", "version", "group", "visibility", "archived", "recommended", "auto_enable", "badges",
        "label", "price", "features", "terms", "managed_by", "file", "line", "holders",
    } <= set(shown)  # fmt: skip
    assert (shown["managed_by"], shown["file"], shown["line"], shown["holders"]) == (
        "shop",
        "shop.yaml",
        21,
        0,
    )


def test_the_yaml_of_show_makes_an_equal_plan(shop: Run, tmp_path: Path) -> None:
    text = shop("plan", "show", "starter", "-f", "yaml").stdout
    assert text.startswith("plans:\n  starter:\n    name: Starter\n")
    (tmp_path / "copy.yaml").write_text(text.replace("  starter:", "  copy:"))
    assert shop("plan", "create", "copy", "--file", "copy.yaml").exit_code == 0
    first, second = (shop("plan", "show", plan, "-f", "json").json["terms"] for plan in ("starter", "copy"))
    assert first == second


def test_versions_and_holders(shop: Run, tmp_path: Path) -> None:
    subscribe(tmp_path / "store.db", "nova", "starter")
    shop("plan", "edit", "starter", "--price", "month:USD=25", "--outside")
    versions = shop("plan", "versions", "starter", "-f", "json").json
    assert [(one["version"], one["holders"], one["changed"]) for one in versions] == [
        (1, 1, []),
        (2, 0, ["price.month.USD"]),
    ]
    (held,) = shop("plan", "holders", "starter", "--as-of", "2026-01-02", "-f", "json").json
    assert (held["customer"], held["version"], held["status"], held["behind"]) == ("nova", 1, "active", True)
    assert (held["keeps"], held["lacks"]) == ({"price.month.USD": "19"}, {"price.month.USD": "25"})


def test_an_unknown_plan_leaves_with_4_and_the_nearest_id(shop: Run) -> None:
    for command in ("show", "versions", "holders", "archive"):
        missing = shop("plan", command, "startr")
        assert missing.exit_code == 4
        assert 'did you mean "starter"?' in missing.stderr


def test_a_plan_is_shown_in_the_currency_that_the_catalog_declares_first(acme: Run) -> None:
    shown = acme("plan", "show", "starter", "-f", "json").json
    assert shown["label"] == "Starter - 19.00 USD · 0.50/1,000 calls · Monthly"
    assert shown["badges"][0] == "Recurring · 19.00 USD / month"
    in_euro = acme("plan", "list", "--in", "EUR").stdout
    assert "Starter - 18.00 EUR · 0.45/1,000 calls · Monthly" in in_euro
