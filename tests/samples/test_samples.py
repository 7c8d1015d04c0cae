"""Every directory in sample-catalogs is validated, applied and billed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cases.casefile import play, read_case
from tests.cli.conftest import Run

SAMPLES = Path(__file__).parents[2] / "sample-catalogs"
CATALOGS = sorted(path for path in SAMPLES.iterdir() if path.is_dir())

MIGRATIONS = sorted(SAMPLES.glob("*/migrations/*.yaml"))

every_sample = pytest.mark.parametrize("catalog", CATALOGS, ids=lambda path: path.name)


@every_sample
def test_a_sample_is_valid_without_a_warning_and_its_price_examples_come_out(catalog: Path, run: Run) -> None:
    result = run("catalog", "validate", str(catalog))
    assert result.exit_code == 0, result.stderr
    assert "warning" not in result.stdout + result.stderr
    assert "\nexamples:" in (catalog / "examples.yaml").read_text(encoding="utf-8")


@every_sample
def test_applying_a_sample_again_changes_nothing(catalog: Path, run: Run) -> None:
    assert run("init", "--test").exit_code == 0
    apply = ("catalog", "apply", str(catalog), "--yes", "--as-of", "2026-01-01")
    first = run(*apply)
    assert first.exit_code == 0, first.stderr
    assert run("catalog", "diff", str(catalog), "--exit-code").exit_code == 0
    assert run(*apply).exit_code == 0


@every_sample
def test_a_sample_bills_exactly_the_invoices_worked_out_by_hand(
    catalog: Path, run: Run, tmp_path: Path
) -> None:
    play(read_case(SAMPLES / f"{catalog.name}.invoices.yaml"), tmp_path, run)


@every_sample
def test_a_sample_has_a_page_of_its_own_and_a_line_in_the_list(catalog: Path) -> None:
    assert (catalog / "README.md").read_text(encoding="utf-8").startswith(f"# {catalog.name}\n")
    assert f"({catalog.name}/README.md)" in (SAMPLES / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("migration", MIGRATIONS, ids=lambda path: path.stem)
def test_a_migration_of_a_sample_can_be_planned_and_has_nobody_to_move_yet(migration: Path, run: Run) -> None:
    assert run("init", "--test").exit_code == 0
    catalog = str(migration.parents[1])
    assert run("catalog", "apply", catalog, "--yes", "--as-of", "2026-01-01").exit_code == 0
    result = run("migrate", "plan", str(migration), "--as-of", "2026-01-01")
    assert result.exit_code == 4
    assert "no running subscription of" in result.stderr
