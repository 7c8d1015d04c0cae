"""Where commands are tried: one seed world, fresh copies of it, a fork server, and a fake of Stripe that starts anew.

It judges nothing.
"""

from __future__ import annotations

import atexit
import copy
import os
import shutil
import sqlite3
import subprocess
import tempfile
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests import stores
from tests.fakes.stripe import FakeStripe
from tests.reliability import world
from tests.reliability.fork import Ended, Fault, ForkServer, Task
from tests.reliability.world import STORE, Command

SOURCE = Path(__file__).with_name("shim.c")
PREFIX = "planctl-lab-"
"""How a lab's folder is named, with the number of the process it belongs to."""

KEY = "drill"
"""The `--key` of every command that takes one."""

Rows = dict[str, tuple[tuple[Any, ...], ...]]
"""All rows of each table, in the order of its key."""


@dataclass(frozen=True, slots=True)
class Content:
    """All that a world's folder holds: the store's rows, those of other stores, the bytes of every other file."""

    rows: Rows
    stores: dict[str, Rows]
    files: dict[str, bytes]


@dataclass(slots=True, repr=False)
class Lab:
    """A seed and what runs on copies of it. `folder` is where the copy stands: always the same place."""

    root: Path
    server: ForkServer
    stripe: FakeStripe
    names: dict[str, str]
    accounts: Any
    before: Content = field(init=False)
    _known: dict[Path, Rows] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.fresh()
        self.before = self.read()

    @property
    def folder(self) -> Path:
        """The world's folder."""
        return self.root / "world"

    @property
    def store(self) -> Path:
        """The store's file."""
        return self.folder / STORE

    def fresh(self) -> Path:
        """The seed once more in the world's folder, and at the fake of Stripe if somebody was there."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.root / "seed", self.folder)
        if self.stripe.requests:
            self.stripe.desk.accounts = copy.deepcopy(self.accounts, _shared(self.stripe))
            self.stripe.requests.clear()
        return self.folder

    def task(self, command: Command, fault: Fault | None = None, first: int = 0, *before: str) -> Task:
        """A command as it runs in the world's folder; see Task. It answers people where it fails, else machines."""
        key = ("--key", KEY) if command.keyed else ()
        env = {**world.place(self.folder), "STRIPE_API_BASE": self.stripe.address, "TMPDIR": str(self.root)}
        said = ("-f", "json") if command.keyed and not (fault and fault.at) else ()
        words = tuple(self._said(word) for word in command.words) + key + said
        return Task(words, str(self.folder), env, self._said(command.said).encode(), first, fault, before)

    def run(self, command: Command, fault: Fault | None = None, first: int = 0, *before: str) -> Ended:
        """Run a command on what is in the world's folder."""
        return self.server.run(self.task(command, fault, first, *before))

    def fault(self, mode: str, at: int, log: str = "") -> Fault:
        """A fault at the n-th change of anything in the world's folder."""
        return Fault(mode, at, str(self.folder), log)

    def read(self) -> Content:
        """What the world's folder holds; AssertionError where its store is damaged.

        To read a store is to roll back what a dead process left in its journal. A file that is none, where its name
        says that it is a store, has no rows.
        """
        rows = rows_of(self.store)
        others = {one for one in self.folder.rglob("*.db") if one != self.store}
        stores = {self._named(one): self._rows_beside(one) for one in others}
        found = {one for one in self.folder.rglob("*") if one.is_file()} - others - {self.store}
        return Content(rows, stores, {self._named(one): one.read_bytes() for one in found})

    def _rows_beside(self, file: Path) -> Rows:
        """The rows of another store; those of a file that the seed has are known."""
        mark, seed = file.stat(), self.root / "seed" / self._named(file)
        was = seed.stat() if seed.exists() else None
        if was and (mark.st_mtime_ns, mark.st_size) == (was.st_mtime_ns, was.st_size):
            if file not in self._known:
                self._known[file] = rows_of(seed)
            return self._known[file]
        return _rows_if_any(file)

    def _named(self, file: Path) -> str:
        return str(file.relative_to(self.folder))

    def close(self) -> None:
        """End everything, and remove it."""
        self.server.close()
        self.stripe.__exit__(None, None, None)
        shutil.rmtree(self.root, ignore_errors=True)

    def _said(self, text: str) -> str:
        for name, value in self.names.items():
            text = text.replace(f"{{{name}}}", value)
        return text


def rows_of(path: Path) -> Rows:
    """Every row of a SQLite store; AssertionError where the file is damaged."""
    with closing(sqlite3.connect(path)) as store:
        assert store.execute("PRAGMA integrity_check").fetchall() == [("ok",)], path
        assert store.execute("PRAGMA foreign_key_check").fetchall() == [], path
        found = store.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY 1")
        names = [name for (name,) in found.fetchall()]
        return {
            name: tuple(sorted(store.execute(f'SELECT * FROM "{name}"'), key=repr))
            for name in names
            if not name.startswith("sqlite_")
        }


def _rows_if_any(path: Path) -> Rows:
    try:
        return rows_of(path)
    except sqlite3.DatabaseError:
        return {}


@cache
def shim() -> Path:
    """The compiled shim of this process; skip where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        pytest.skip("a C compiler is not installed")
    folder = Path(tempfile.mkdtemp(prefix="planctl-shim-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    made = folder / "shim.so"
    strict = ("-Wall", "-Wextra", "-Werror")
    words = [compiler, "-shared", "-fPIC", "-O2", *strict, "-o", str(made), str(SOURCE), "-ldl"]
    subprocess.run(words, check=True, timeout=60)
    return made


@cache
def lab() -> Lab:
    """This process's lab, made when it is first asked for."""
    library = shim()
    place = stores.MEMORY if os.access(stores.MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    _sweep(place)
    root = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=place))
    stripe = FakeStripe()
    stripe.__enter__()
    names = world.make(root / "seed", stripe)
    accounts = copy.deepcopy(stripe.desk.accounts, _shared(stripe))
    made = Lab(root, ForkServer(library), stripe, names, accounts)
    atexit.register(made.close)
    return made


def _sweep(place: Path) -> None:
    """Remove the labs of processes that were killed, and could not do it."""
    for folder in place.glob(f"{PREFIX}*"):
        owner = folder.name.removeprefix(PREFIX).partition("-")[0]
        if owner.isdigit() and not Path("/proc", owner).exists():
            shutil.rmtree(folder, ignore_errors=True)


def _shared(stripe: FakeStripe) -> dict[int, Any]:
    """What copies of the fake's accounts have in common: the server's lock cannot be copied."""
    return {id(one): one for one in (stripe, stripe.desk, stripe.clock)}
