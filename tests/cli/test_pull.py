"""`planctl catalog pull`: what people type, what is printed, what stands in the files afterwards."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import ACME, Run

NEW_YEAR = ("--as-of", "2026-01-01")
EDIT = ("plan", "edit", "pro", "--outside", "--operator", "alice", *NEW_YEAR, "--quiet")
PLANS = Path("catalog/plans/workspace.yaml")


@pytest.fixture
def files(acme: Run, tmp_path: Path) -> Run:
    """`acme` with its files in `catalog/`."""
    shutil.copytree(ACME, tmp_path / "catalog")
    return acme


def test_an_edit_is_written_where_the_value_stands(files: Run) -> None:
    before = PLANS.read_text("utf-8")
    files(*EDIT, "--price", "month:USD=52")
    result = files("catalog", "pull")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "plans.pro  changed outside git since revision 2 by alice",
        "    price.month.USD  49 → 52",
        "1 file: plans/workspace.yaml",
    ]
    assert result.stderr.splitlines()[-1] == "git diff catalog shows every line"
    assert PLANS.read_text("utf-8") == before.replace(
        "{USD: 49, EUR: 46, USDT: 49}", "{USD: 52, EUR: 46, USDT: 49}"
    )
    assert "no changes" in files("catalog", "diff").stdout


def test_a_second_pull_has_nothing_to_do(files: Run) -> None:
    files(*EDIT, "--price", "month:USD=52")
    files("catalog", "pull")
    text = PLANS.read_text("utf-8")
    again = files("catalog", "pull")
    assert again.stdout == "nothing to pull: the files say what the store holds of what they manage\n"
    assert "git diff" not in again.stderr
    assert PLANS.read_text("utf-8") == text


def test_a_dry_run_shows_the_difference_and_writes_nothing(files: Run) -> None:
    before = PLANS.read_text("utf-8")
    files(*EDIT, "--price", "month:USD=52")
    result = files("catalog", "pull", "--dry-run")
    assert "-      month: {USD: 49, EUR: 46, USDT: 49}" in result.stdout.splitlines()
    assert "+      month: {USD: 52, EUR: 46, USDT: 49}" in result.stdout.splitlines()
    assert result.stderr.splitlines()[-1] == "nothing was written (dry run)"
    assert PLANS.read_text("utf-8") == before


def test_machines_get_what_was_taken_replaced_kept_and_left_alone(files: Run) -> None:
    files(*EDIT, "--price", "month:USD=52", "--set", "on_past_due=block")
    files("plan", "create", "gift", "--price", "once:USD=10", *NEW_YEAR)
    PLANS.write_text(PLANS.read_text("utf-8").replace("{USD: 49,", "{USD: 50,"), "utf-8")
    at = {"file": "plans/workspace.yaml", "line": 34}
    assert files("catalog", "pull", "-f", "json").json == {
        "written": True,
        "files": ["plans/workspace.yaml"],
        "objects": [
            {
                "address": "plans.pro",
                "since": 2,
                "actor": "alice",
                "fields": [
                    {"path": "price.month.USD", "before": "50", "after": "52"},
                    {"path": "on_past_due", "before": "keep", "after": "block"},
                ],
                "replaced": [{"path": "price.month.USD", **at, "before": "50", "after": "52"}],
                "again": False,
            }
        ],
        "kept": ["plans.enterprise"],
        "adopted": [],
        "left_alone": ["plans.gift"],
    }  # fmt: skip


def test_people_are_told_what_is_replaced_kept_and_left_alone(files: Run) -> None:
    files(*EDIT, "--price", "month:USD=52", "--set", "on_past_due=block")
    files("plan", "create", "gift", "--price", "once:USD=10", *NEW_YEAR)
    PLANS.write_text(PLANS.read_text("utf-8").replace("{USD: 49,", "{USD: 50,"), "utf-8")
    assert files("catalog", "pull").stdout.splitlines() == [
        "plans.pro  changed outside git since revision 2 by alice",
        "    price.month.USD  50 → 52   replaces what the files said at plans/workspace.yaml:34",
        "    on_past_due  keep → block",
        "plans.enterprise  has its own values now, so that it does not follow",
        "Left alone: 1 object made in the shell: plans.gift; --adopt writes them too",
        "1 file: plans/workspace.yaml",
    ]


def test_what_was_made_in_the_shell_is_written_when_asked(files: Run) -> None:
    files("plan", "create", "gift", "--price", "once:USD=10", *NEW_YEAR)
    result = files("catalog", "pull", "--adopt")
    assert (
        result.stdout.splitlines()[0]
        == "plans.gift  made in the shell, is written too; the next apply adopts it"
    )
    assert "\n  gift:\n    price:\n      once: {USD: 10}\n" in PLANS.read_text("utf-8")
    assert "adopt" in files("catalog", "diff").stdout


def test_a_feature_that_is_new_in_its_plan_is_one_line(files: Run) -> None:
    files(*EDIT, "--feature", "storage=25")
    lines = files("catalog", "pull").stdout.splitlines()
    assert lines[1] == "    features.storage  nothing → granted"


def test_an_example_that_no_longer_comes_out_is_a_warning(files: Run) -> None:
    files(*EDIT, "--price", "month:USD=52")
    pulled = files("catalog", "pull")
    assert pulled.exit_code == 0
    assert "warning: example heavy_pro costs 542.00 USD, not 539.00 USD" in pulled.stderr


def test_files_with_errors_are_not_touched(files: Run) -> None:
    files(*EDIT, "--price", "month:USD=52")
    PLANS.write_text(PLANS.read_text("utf-8") + "  - x\n", "utf-8")
    broken = PLANS.read_text("utf-8")
    assert files("catalog", "pull").exit_code == 3
    assert PLANS.read_text("utf-8") == broken


@pytest.mark.parametrize("option", [("--key", "k"), ("--reason", "why")])
def test_options_that_only_the_store_can_keep_are_refused(files: Run, option: tuple[str, str]) -> None:
    result = files("catalog", "pull", *option)
    assert result.exit_code == 64
    assert "say why in the commit" in result.stderr


def test_success_is_quiet_where_asked(files: Run) -> None:
    files(*EDIT, "--price", "month:USD=52")
    result = files("catalog", "pull", "--quiet")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
