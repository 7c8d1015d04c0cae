"""Runs the command line in the test's own process, in a directory and with a store of its own.

Nobody sits at a terminal: what asks must be answered by an option.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from planctl.__main__ import main
from tests import stores

SHOP = Path(__file__).parents[1] / "data" / "shop.yaml"
ACME = Path(__file__).parents[1] / "data" / "acme"


@dataclass(frozen=True, slots=True)
class Result:
    """How a command ended and what it said."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """What it printed, read as JSON."""
        return json.loads(self.stdout)

    @property
    def error(self) -> Any:
        """The error object of `-f json`."""
        return json.loads(self.stderr)["error"]


Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`run("plan", "list", "-f", "json")`; the store is `store.db` in the working directory, not made yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PLANCTL_STORE", stores.address(tmp_path / "store.db"))

    def run(*words: str | Path) -> Result:
        stores.url(tmp_path / "store.db")
        capsys.readouterr()
        exit_code = main([str(word) for word in words])
        return Result(exit_code, *capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A test store to which the catalog of tests/data/shop.yaml was applied, made once."""
    store = tmp_path_factory.mktemp("template") / "store.db"
    for words in (["init", str(store.parent), "--test"], ["catalog", "apply", str(SHOP), "--yes"]):
        assert main(["--store", stores.url(store), "--as-of", "2026-01-01", "--quiet", *words]) == 0
    return store


@pytest.fixture
def shop(run: Run, template: Path, tmp_path: Path) -> Run:
    """`run` with a test store of 2026-01-01 that sells the plans of tests/data/shop.yaml."""
    stores.copy(template, tmp_path / "store.db")
    return run


@pytest.fixture(scope="session")
def acme_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A test store that sells the catalog of tests/data/acme, with nova in USD, made once."""
    store = tmp_path_factory.mktemp("acme") / "store.db"
    for words in (
        ["init", str(store.parent), "--test"],
        ["catalog", "apply", str(ACME), "--yes"],
        ["customer", "add", "nova", "--name", "Nova GmbH", "--currency", "USD"],
    ):
        assert main(["--store", stores.url(store), "--as-of", "2026-01-01", "--quiet", *words]) == 0
    return store


@pytest.fixture
def acme(run: Run, acme_template: Path, tmp_path: Path) -> Run:
    """`run` with a test store of 2026-01-01 that sells acme's plans and has the customer nova."""
    stores.copy(acme_template, tmp_path / "store.db")
    return run


@pytest.fixture(scope="session")
def live_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A business's own store, no test store: nova runs Starter since 2025-10-01 and owes its first invoice."""
    store = tmp_path_factory.mktemp("live") / "store.db"
    for words in (
        ["init", str(store.parent)],
        ["catalog", "apply", str(SHOP), "--yes"],
        ["customer", "add", "nova", "--name", "Nova GmbH", "--currency", "USD"],
        ["subscribe", "nova", "starter", "--pay", "month", "--no-trial", "--yes"],
    ):
        assert main(["--store", stores.url(store), "--as-of", "2025-10-01", "--quiet", *words]) == 0
    return store


@pytest.fixture
def live(run: Run, live_template: Path, tmp_path: Path) -> Run:
    """`run` with a business's own store, at home in `store.db`: nova runs Starter and owes INV-2025-00001."""
    stores.copy(live_template, tmp_path / "store.db")
    return run
