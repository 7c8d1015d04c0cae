"""A desk at which each fault is tried again: one empty test store, whole command lines, several processes at once.

When a test is over every law of its store must hold; the tests need not ask. It knows no fault.
"""

from __future__ import annotations

import io
import os
import shlex
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from planctl.__main__ import main
from planctl.store.engine import open_store
from planctl.store.postgres_link import PostgresLink
from planctl.store.sqlite_link import SqliteLink
from planctl.workflows.maintain_store import examine
from tests import stores
from tests.cli.conftest import Result, run
from tests.mission.conftest import Shell

__all__ = ["run"]

DAY_ONE = "2026-01-01"
PATIENCE_SECONDS = 120
"""No process of a test is waited for any longer."""


class Desk(Shell):
    """A shell with a test store of its own, `store.db`, which sells nothing yet; its clock is free."""

    __slots__ = ()

    @property
    def store(self) -> Path:
        """Where the store is, for `tests.stores`."""
        return self.directory / "store.db"

    def sell(self, catalog: str, at: str = DAY_ONE) -> None:
        """Apply a catalog, given without its first two lines."""
        text = f"format: planctl.catalog/1\ncatalog: case\n{catalog}"
        (self.directory / "catalog.yaml").write_text(text, encoding="utf-8")
        self("catalog apply catalog.yaml --yes --quiet", at)

    def invoices(self, customer: str = "", at: str = "2035-01-01") -> list[Any]:
        """Every invoice, or a customer's, the oldest first."""
        found: list[Any] = self.json(f"invoice list {f'--customer {customer}' if customer else ''}", at)
        return found

    def totals(self, customer: str = "", at: str = "2035-01-01") -> list[str]:
        """Their totals."""
        return [one["total"] for one in self.invoices(customer, at)]

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """What a SELECT finds in the store, past planctl."""
        with stores.raw(self.store) as raw:
            return [tuple(row) for row in raw.execute(statement, values).fetchall()]

    def several_on(self, plan: str, count: int) -> None:
        """Customers `c000`, `c001`, … on a plan of a month in USD, whose next fee is due on 1 February 2026."""
        names = [f"c{number:03}" for number in range(count)]
        people = "".join(f"{name},USD\n" for name in names)
        (self.directory / "people.csv").write_text(f"customer,currency\n{people}")
        moved = "".join(f"{name},{plan},month,2025-12-01,2026-02-01\n" for name in names)
        (self.directory / "moved.csv").write_text(f"customer,plan,pay,start,billed_through\n{moved}")
        self("customer import people.csv --yes --quiet")
        self("subscription import moved.csv --yes --quiet")


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A test store of 2026-01-01 with nothing in it, made once."""
    store = tmp_path_factory.mktemp("empty") / "store.db"
    assert (
        main(
            ["--store", stores.url(store), "--as-of", DAY_ONE, "--quiet", "init", str(store.parent), "--test"]
        )
        == 0
    )
    return store


@pytest.fixture
def desk(run: Callable[..., Result], empty: Path, tmp_path: Path) -> Iterator[Desk]:
    """A desk; every law of its store must hold when the test is over."""
    made = Desk(run, tmp_path)
    stores.copy(empty, made.store)
    yield made
    assert broken_laws(made.store) == []


@pytest.fixture
def copy(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Path]:
    """Copies the desk's store as it is now; from then on commands run on the copy, whose laws a test may break."""

    def copy() -> Path:
        made = stores.copy(desk.store, desk.directory / "copy.db")
        monkeypatch.setenv("PLANCTL_STORE", stores.address(made))
        return made

    return copy


def broken_laws(store: Path) -> list[str]:
    """The ids of the laws that a store breaks, each with the first place where."""
    with open_store(stores.address(store)) as opened, opened.read() as tx:
        return [f"{one.law.id}: {one.violations[0]}" for one in examine(tx) if not one.holds]


# --- processes


@dataclass(frozen=True, slots=True)
class Running:
    """A command that runs in a process of its own."""

    process: Any
    wire: Any

    @property
    def pid(self) -> int:
        """The process's number."""
        number: int = self.process.pid
        return number

    def result(self) -> Result:
        """How it ended; one that was killed has the signal's number below zero as its exit code."""
        try:
            said = Result(*self.wire.recv())
        except EOFError:
            self.process.join(PATIENCE_SECONDS)
            said = Result(self.process.exitcode, "", "")
        self.process.join(PATIENCE_SECONDS)
        self.wire.close()
        return said


def start(line: str, prepare: Callable[[], object] = lambda: None) -> Running:
    """Begin a command line in a fork of this process: what a test has patched is patched there too.

    `prepare` is called in it first, and may patch more.
    """
    fork = get_context("fork")
    here, there = fork.Pipe(duplex=False)

    def life() -> None:
        here.close()
        sys.stdout, sys.stderr = io.StringIO(), io.StringIO()
        prepare()
        try:
            code = main(shlex.split(line))
        except BaseException:
            code = 70
            traceback.print_exc()
        there.send((code, sys.stdout.getvalue(), sys.stderr.getvalue()))
        os._exit(0)

    process = fork.Process(target=life)
    process.start()
    there.close()
    return Running(process, here)


def at_once(*lines: str, prepare: Callable[[int], object] = lambda _number: None) -> list[Result]:
    """Run command lines in processes that begin together; how each ended, in the order given."""
    gate = get_context("fork").Barrier(len(lines))

    def wait(number: int) -> None:
        prepare(number)
        gate.wait(PATIENCE_SECONDS)

    return [one.result() for one in [start(line, partial(wait, at)) for at, line in enumerate(lines)]]


def killed(line: str, prepare: Callable[[], object]) -> None:
    """Run a line in a process that dies by SIGKILL on the way, as `prepare` has it."""
    ended = start(line, prepare).result()
    assert ended.exit_code == -signal.SIGKILL, ended


def die(*_given: object, **_named: object) -> None:
    """End this process as a power cut does: nothing is tidied up."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_after_commit() -> None:
    """From here on this process dies as soon as anything is kept, before it says so."""
    link = PostgresLink if stores.ON_POSTGRES else SqliteLink
    commit = link.commit

    def commit_and_die(self: Any) -> None:
        commit(self)
        die()

    link.commit = commit_and_die  # type: ignore[method-assign]
