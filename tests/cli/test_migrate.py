"""`planctl migrate`: what is shown before a yes, what is done, how far it is, and what is taken back."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from planctl.__main__ import main
from tests import stores
from tests.cli.conftest import Run
from tests.workflows.moving import FIRST

ROOT = Path(__file__).parents[2]

FILE = """\
title: Pro to v2
why: the price round of January
plan: pro
from: older
to: newest
exclude: {customers: [spared]}
"""


@pytest.fixture(scope="session")
def priced_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A test store with four customers on Pro v1 since 1 January, one of them locked, and v2 since the 5th."""
    folder = tmp_path_factory.mktemp("priced")
    store = folder / "store.db"
    (folder / "first.yaml").write_text(FIRST, encoding="utf-8")

    def planctl(at: str, *words: str) -> None:
        assert main(["--store", stores.url(store), "--as-of", at, "--quiet", "--yes", *words]) == 0

    planctl("2026-01-01", "init", str(folder), "--test")
    planctl("2026-01-01", "catalog", "apply", str(folder / "first.yaml"))
    for name in ("nova", "orion", "spared", "vega"):
        planctl("2026-01-01", "customer", "add", name, "--currency", "USD")
        planctl("2026-01-01", "subscribe", name, "pro", "--pay", "month")
    planctl("2026-01-02", "subscription", "lock", "vega", "--reason", "talks")
    planctl("2026-01-05", "plan", "edit", "pro", "--outside", "--set", "price.month.USD=36")
    return store


@pytest.fixture
def priced(run: Run, priced_template: Path, tmp_path: Path) -> Run:
    """`run` on a copy of the store, with the file `pro-v2.yaml` in the working directory."""
    stores.copy(priced_template, tmp_path / "store.db")
    (tmp_path / "pro-v2.yaml").write_text(FILE, encoding="utf-8")
    return run


AT = ("--as-of", "2026-01-10")


def test_the_plan_shows_who_moves_who_stays_and_the_money_and_writes_nothing(
    priced: Run, tmp_path: Path
) -> None:
    before = stores.content(tmp_path / "store.db")
    result = priced("migrate", "plan", "pro-v2.yaml", *AT)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "pro-v2: pro from older versions to v2 at the renewal",
        "  Pro to v2: the price round of January",
        "batch 1 of 1 (open): 2 move, 2 stay",
        "  60.00 to 72.00 USD a month (+12.00)",
        "  stay: 1 excluded, 1 locked",
        *sorted(result.stdout.splitlines()[5:]),
    ]
    assert {line.partition("(")[0] for line in result.stdout.splitlines()[5:]} == {
        "stays: spared/pro ",
        "stays: vega/pro ",
    }
    assert stores.content(tmp_path / "store.db") == before


def test_machines_get_every_move_and_every_reason(priced: Run) -> None:
    document = priced("migrate", "plan", "pro-v2.yaml", "-f", "json", *AT).json
    assert (document["from"], document["to_version"], document["at"]) == ("older", 2, "renewal")
    assert document["batches"][0]["monthly"] == [
        {"currency": "USD", "now": "60.00", "then": "72.00", "more": "12.00"}
    ]
    assert document["batches"][0]["today"] == []
    (move,) = [one for one in document["moves"] if one["customer"] == "nova"]
    assert (move["from_version"], move["to_version"]) == (1, 2)
    assert (move["at"], move["now"], move["then"]) == ("2026-02-01T00:00:00Z", "30.00", "36.00")
    reasons = {one["customer"]: one["reason"] for one in document["left"]}
    assert reasons == {"spared": "excluded", "vega": "locked"}


def test_a_table_in_a_file_has_one_row_for_each_subscription(priced: Run) -> None:
    rows = priced("migrate", "plan", "pro-v2.yaml", "-f", "csv", *AT).stdout.splitlines()
    assert rows[0] == "batch,customer,subscription,does,reason,currency,now,then,at,why"
    assert sorted(row.split(",")[1:5:2] for row in rows[1:]) == [
        ["nova", "moves"],
        ["orion", "moves"],
        ["spared", "stays"],
        ["vega", "stays"],
    ]


def test_what_changes_today_is_said_with_its_money(priced: Run, tmp_path: Path) -> None:
    (tmp_path / "pro-v2.yaml").write_text(FILE + "at: now\n", encoding="utf-8")
    # Two times 36.00 × 16/31 = 18.58 less 30.00 × 16/31 = 15.48.
    lines = priced("migrate", "plan", "pro-v2.yaml", "--as-of", "2026-01-16").stdout.splitlines()
    assert "  today: 6.20 USD charged, 0.00 USD credited" in lines
    done = priced("migrate", "apply", "pro-v2.yaml", "--yes", "-f", "json", "--as-of", "2026-01-16")
    assert done.json["batches"][0]["today"] == [{"currency": "USD", "charged": "6.20", "credited": "0.00"}]
    assert priced("doctor").exit_code == 0


def test_without_a_terminal_it_needs_a_yes(priced: Run) -> None:
    result = priced("migrate", "apply", "pro-v2.yaml", "-f", "json", *AT)
    assert (result.exit_code, result.error["code"]) == (64, "needs-yes")
    assert priced("migrate", "status", *AT).stdout.strip() == "no migration was applied"


def test_applying_moves_says_so_and_again_there_is_nothing_to_do(priced: Run) -> None:
    result = priced("migrate", "apply", "pro-v2.yaml", "--yes", *AT)
    assert result.exit_code == 0
    assert "batch 1 of 1 (done): 2 moved, 2 stay" in result.stdout
    assert "undo with: planctl migrate undo pro-v2" in result.stderr
    again = priced("migrate", "apply", "pro-v2.yaml", "--yes", *AT)
    assert (again.exit_code, again.stdout) == (0, "pro-v2: every batch is done; nothing was changed\n")
    assert priced("doctor").exit_code == 0


def test_where_nobody_of_a_batch_can_be_moved_it_stays_open_and_says_so(priced: Run, tmp_path: Path) -> None:
    (tmp_path / "pro-v2.yaml").write_text(FILE + "max_increase: 1%\n", encoding="utf-8")
    result = priced("migrate", "apply", "pro-v2.yaml", "--all", "--yes", *AT)  # 30.00 to 36.00 is 20 % more
    assert result.exit_code == 4
    assert "0 moved" in result.stdout
    assert "undo" not in result.stderr
    assert "batch 1 of 1 (begun)" in priced("migrate", "plan", "pro-v2.yaml", *AT).stdout
    (tmp_path / "pro-v2.yaml").write_text(FILE, encoding="utf-8")  # nobody was moved by it: it may be edited
    assert priced("migrate", "apply", "pro-v2.yaml", "--yes", *AT).exit_code == 0


def test_what_is_in_effect_at_once_has_no_undo(priced: Run, tmp_path: Path) -> None:
    (tmp_path / "pro-v2.yaml").write_text(FILE + "at: now\n", encoding="utf-8")
    result = priced("migrate", "apply", "pro-v2.yaml", "--yes", *AT)
    assert result.exit_code == 0, result.stderr
    assert "undo" not in result.stderr


def test_quiet_is_silent(priced: Run) -> None:
    result = priced("migrate", "apply", "pro-v2.yaml", "--yes", "--quiet", *AT)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")


def test_a_dry_run_does_everything_and_writes_nothing(priced: Run, tmp_path: Path) -> None:
    before = priced("subscription", "list", "-f", "json", *AT).json
    result = priced("migrate", "apply", "pro-v2.yaml", "--dry-run", *AT)
    assert result.exit_code == 0
    assert "nothing was written (dry run)" in result.stderr
    assert "2 moved" in result.stdout
    assert priced("subscription", "list", "-f", "json", *AT).json == before
    assert priced("migrate", "status", "-f", "json", *AT).json == []


def test_one_key_applies_once_and_tells_the_first_answer_again(priced: Run) -> None:
    words = ("migrate", "apply", "pro-v2.yaml", "--yes", "--key", "k1", "-f", "json", *AT)
    first = priced(*words)
    assert first.exit_code == 0
    assert priced(*words).json == first.json
    other = priced(*words, "--all")
    assert (other.exit_code, other.error["code"]) == (5, "key-reused")


def test_every_transaction_is_in_the_audit_with_its_reason(priced: Run) -> None:
    priced("migrate", "apply", "pro-v2.yaml", "--yes", "--reason", "round one", "--operator", "ada", *AT)
    entry, end = [
        one for one in priced("audit", "log", "-f", "json").json if one["command"] == "migrate apply"
    ]
    assert [row["table"] for row in end["rows"]] == ["migration_batch"]  # that it went through
    assert (entry["actor"], entry["reason"], entry["counts"]) == (
        "ada",
        "round one",
        {"moved": "2", "skipped": "2"},
    )


def test_status_tells_who_waits_who_is_in_effect_and_who_stays(priced: Run) -> None:
    priced("migrate", "apply", "pro-v2.yaml", "--yes", "--operator", "ada", *AT)

    def batch(at: str) -> dict[str, object]:
        found: dict[str, object] = priced("migrate", "status", "pro-v2", "-f", "json", "--as-of", at).json[
            "batches"
        ][0]
        return found

    waiting = batch("2026-01-31")
    assert (waiting["status"], waiting["planned"], waiting["moved"], waiting["waiting"]) == ("done", 0, 2, 2)
    assert (waiting["by"], waiting["last_at"]) == ("ada", "2026-02-01T00:00:00Z")
    assert waiting["skipped"] == {"excluded": 1, "locked": 1}
    over = batch("2026-02-01")
    assert (over["waiting"], over["in_effect"], over["last_at"]) == (0, 2, None)
    listed = priced("migrate", "status", "-f", "json", *AT).json
    assert [one["migration"] for one in listed] == ["pro-v2"]
    assert "members" not in listed[0]


def test_undoing_restores_what_is_shown_of_every_subscription(priced: Run) -> None:
    def shown() -> list[object]:
        names = ("nova/pro", "orion/pro", "spared/pro", "vega/pro")
        return [priced("subscription", "show", name, "-f", "json", *AT).json for name in names]

    before = shown()
    priced("migrate", "apply", "pro-v2.yaml", "--yes", *AT)
    assert shown() != before
    result = priced("migrate", "undo", "pro-v2", *AT)
    assert (result.exit_code, result.stdout) == (0, "pro-v2: 2 changes taken back\n")
    assert shown() == before
    again = priced("migrate", "undo", "pro-v2", *AT)
    assert again.exit_code == 0
    assert "nothing was changed" in again.stdout
    assert priced("doctor").exit_code == 0


def test_undoing_what_is_in_effect_leaves_it_and_says_so(priced: Run) -> None:
    priced("migrate", "apply", "pro-v2.yaml", "--yes", *AT)
    result = priced("migrate", "undo", "pro-v2", "--as-of", "2026-02-01")
    assert result.exit_code == 4
    assert "0 changes taken back, 2 left as they are" in result.stdout
    assert "left: nova/pro (batch 1): v2 is in effect" in result.stderr


def test_undoing_some_and_leaving_some_needs_a_person(priced: Run, tmp_path: Path) -> None:
    priced("customer", "add", "late", "--currency", "USD", "--as-of", "2026-01-04")
    priced(
        "subscribe", "late", "pro", "--pay", "month", "--plan-version", "1", "--yes", "--as-of", "2026-01-04"
    )
    priced("migrate", "apply", "pro-v2.yaml", "--yes", *AT)
    result = priced("migrate", "undo", "pro-v2", "--as-of", "2026-02-02", "-f", "json")
    assert result.exit_code == 1
    assert len(result.json["undone"]) == 1
    assert {one["customer"] for one in result.json["left"]} == {"nova", "orion"}


def test_a_dry_undo_takes_nothing_back(priced: Run) -> None:
    priced("migrate", "apply", "pro-v2.yaml", "--yes", *AT)
    assert priced("migrate", "undo", "pro-v2", "--dry-run", *AT).exit_code == 0
    document = priced("migrate", "status", "pro-v2", "-f", "json", *AT).json
    assert document["batches"][0]["waiting"] == 2


def test_an_edited_file_is_a_conflict_that_names_the_edit(priced: Run, tmp_path: Path) -> None:
    priced("migrate", "apply", "pro-v2.yaml", "--yes", *AT)
    (tmp_path / "pro-v2.yaml").write_text(FILE + "max_increase: 30%\n", encoding="utf-8")
    result = priced("migrate", "apply", "pro-v2.yaml", "--yes", "-f", "json", *AT)
    assert (result.exit_code, result.error["code"]) == (5, "migration-edited")
    assert result.error["got"] == "max_increase nothing -> 30%"


def test_every_finding_of_a_file_is_printed_with_its_place(priced: Run, tmp_path: Path) -> None:
    (tmp_path / "pro-v2.yaml").write_text("plan: pro\nfrom: newer\nat: noon\n", encoding="utf-8")
    result = priced("migrate", "plan", "pro-v2.yaml", *AT)
    assert result.exit_code == 3
    for said in (
        "pro-v2.yaml:2:7: error",
        "pro-v2.yaml:3:5: error",
        "the migration has no to [migration-missing]",
    ):
        assert said in result.stderr


def test_where_nothing_can_be_moved_the_plan_refuses(priced: Run, tmp_path: Path) -> None:
    (tmp_path / "pro-v2.yaml").write_text(FILE + "select: {currency: [EUR]}\n", encoding="utf-8")
    plan = priced("migrate", "plan", "pro-v2.yaml", *AT)
    assert plan.exit_code == 4
    assert "no running subscription of pro can be moved to v2 by this file" in plan.stderr
    apply = priced("migrate", "apply", "pro-v2.yaml", "--yes", "-f", "json", *AT)
    assert (apply.exit_code, apply.error["code"]) == (4, "nothing-to-move")


@pytest.mark.parametrize(
    ("words", "exit_code"),
    [
        (["migrate", "apply", "pro-v2.yaml", "--yes", "--batch", "2"], 3),
        (["migrate", "apply", "pro-v2.yaml", "--yes", "--batch", "-1"], 3),
        (["migrate", "apply", "pro-v2.yaml", "--yes", "--batch", "1", "--all"], 64),
        (["migrate", "plan", "pro-v2.yaml", "--batch", "2"], 3),
        (["migrate", "plan", "pro-v9.yaml"], 3),
        (["migrate", "undo", "pro-v2"], 4),
        (["migrate", "status", "pro-v2"], 4),
    ],
)
def test_what_is_not_there_is_said(priced: Run, words: list[str], exit_code: int) -> None:
    assert priced(*words, *AT).exit_code == exit_code


def test_on_a_terminal_it_says_how_far_it_is(priced: Run, tmp_path: Path) -> None:
    controller, terminal = pty.openpty()
    words = [
        "migrate",
        "apply",
        str(tmp_path / "pro-v2.yaml"),
        "--yes",
        "--as-of",
        "2026-01-10",
        "-f",
        "json",
    ]
    result = subprocess.run(
        [sys.executable, "-m", "planctl", *words],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=terminal,
        timeout=300,
    )
    os.close(terminal)
    assert result.returncode == 0
    assert b"\rbatch 1: 4 of 4\r\n" in os.read(controller, 65_536)
    os.close(controller)
