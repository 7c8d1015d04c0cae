"""Start-up is a feature: a short command pays for no library that it does not use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import planctl

ROOT = Path(__file__).parents[2]
HEAVY = {
    "alembic",
    "babel",
    "msgspec",
    "psycopg",
    "pydantic",
    "sqlalchemy",
    "sqlmodel",
    "stripe",
    "yaml",
}


def start(*arguments: str, **environment: str) -> tuple[str, set[str]]:
    """What the command printed, and the top-level packages that it imported on the way."""
    printed, modules = imported_by(*arguments, **environment)
    return printed, {name.split(".")[0] for name in modules}


def imported_by(*arguments: str, **environment: str) -> tuple[str, set[str]]:
    """What the command printed, and every module that it imported on the way."""
    result = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "planctl", *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    return result.stdout, {
        line.rsplit("|", 1)[1].strip()
        for line in result.stderr.splitlines()
        if line.startswith("import time:")
    }


@pytest.mark.parametrize(
    "arguments", [("--help",), ("--version",), ("plan", "--help"), ("invoice", "--help")]
)
def test_help_imports_no_heavy_library(arguments: tuple[str, ...]) -> None:
    _, imported = start(*arguments)
    assert imported & HEAVY == set()


def test_the_version_is_answered_before_typer_is_imported() -> None:
    printed, imported = start("--version")
    assert planctl.__version__ in printed
    assert imported & {"typer", "click", "rich", "importlib.metadata"} == set()


def test_completing_a_word_imports_no_heavy_library() -> None:
    completion = {
        "_PLANCTL_COMPLETE": "complete_bash",
        "COMP_WORDS": "planctl inv",
        "COMP_CWORD": "1",
    }
    printed, imported = start(**completion)
    assert printed.split() == ["invoice"]
    assert imported & HEAVY == set()


def test_a_command_on_a_store_imports_neither_the_classes_of_the_schema_nor_another_engine(
    tmp_path: Path,
) -> None:
    store = str(tmp_path / "store.db")
    start("init", str(tmp_path), "--test", PLANCTL_STORE=store)
    _, modules = imported_by("plan", "list", PLANCTL_STORE=store)
    assert "planctl.store.catalog_objects" in modules
    heavy = {"sqlmodel", "pydantic", "sqlalchemy.orm", "sqlalchemy.dialects.postgresql"}
    assert modules & {*heavy, "planctl.store.rows", "planctl.store.catalog_changes"} == set()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store with a customer whose plan has been billed, and who has used something."""
    folder = tmp_path_factory.mktemp("hot")
    store = str(folder / "store.db")
    for line in (
        f"init {folder} --test",
        f"catalog apply {ROOT / 'sample-catalogs' / 'quickstart'} --yes --as-of 2026-01-01",
        "customer add nova --email ops@nova.example --currency USD --as-of 2026-01-01",
        "subscribe nova starter --pay month --yes --as-of 2026-01-01",
        "invoice run --as-of 2026-01-01",
        "usage record nova minutes 3 --as-of 2026-01-05",
    ):
        start(*line.split(), PLANCTL_STORE=store)
    return store


@pytest.mark.sqlite_only
@pytest.mark.parametrize(
    "line",
    [
        "check nova minutes",
        "usage show nova",
        "usage record nova minutes 2",
        "usage record nova minutes --id a",
    ],
)
def test_a_hot_command_waits_for_no_library_that_it_can_do_without(shop: str, line: str) -> None:
    printed, modules = imported_by(*line.split(), "--as-of", "2026-01-06", "-f", "json", PLANCTL_STORE=shop)
    assert printed.startswith("{")
    assert {name.split(".")[0] for name in modules} & {
        *HEAVY,
        "typer",
        "click",
        "rich",
        "importlib.metadata",
    } == set()
    # What only the ordinary way needs: a module of these on the list is a slip of an import.
    ordinary = {
        "planctl.cli.app",
        "planctl.cli.options",
        "planctl.core.invoicing.advance",
        "planctl.core.invoicing.projection",
        "planctl.store.columns",
        "planctl.store.customers",
        "planctl.store.facts",
        "planctl.store.rows",
        "planctl.store.subscriptions",
        "planctl.workflows.record_usage.by_file",
        "planctl.workflows.record_usage.by_hand",
    }
    assert modules & ordinary == set()


@pytest.mark.sqlite_only
def test_what_is_not_plain_is_answered_by_the_ordinary_way(shop: str) -> None:
    printed, modules = imported_by(
        *["check", "nova", "minutes", "--as-of", "2026-02-10", "-f", "json"], PLANCTL_STORE=shop
    )
    assert printed.startswith("{")
    assert {"sqlalchemy", "planctl.store.facts"} <= modules  # a run would bill February first
