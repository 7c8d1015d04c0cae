"""Where commands meet: a fresh world on SQLite or on PostgreSQL, processes on it, and what it then holds.

It runs and reads; what may come of two commands is the business of the harnesses.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from planctl.store.contents import columns_of
from planctl.store.engine import open_store
from planctl.workflows.maintain_store import examine
from tests.reliability import postgres
from tests.reliability.crash import facts
from tests.reliability.fork import Ended, ForkServer, Task
from tests.reliability.lab import KEY, Rows, lab, rows_of
from tests.reliability.world import Command

SECOND = 1 << 30
"""Ids of each further command begin so much later: no two of one world make the same id."""

Facts = dict[str, list[str]]
"""The rows of the business, table by table, whatever their ids are; see `crash.facts`."""

_NUMBER = re.compile(r"\b(INV|CN)-2026-([0-9]{5})\b")


class Told:
    """What a store holds; its facts are worked out when they are first asked for, which costs more than to read it."""

    def __init__(self, rows: Rows, mark: str) -> None:
        self._rows = rows
        self.mark = mark

    @cached_property
    def exact(self) -> Facts:
        """By its numbers."""
        return facts(self._rows)

    @cached_property
    def unnumbered(self) -> Facts:
        """With every number known by the rows it stands in, as an id is."""
        return facts(_unnumbered(self._rows))

    def is_like(self, other: Told) -> bool:
        """Whether both hold the same facts, by the same numbers."""
        return self.mark == other.mark or self.exact == other.exact


@dataclass(slots=True)
class Ground:
    """A world on one engine, always at the same place; `told` remembers what it has read and found lawful."""

    on_postgres: bool = False
    _known: dict[str, Told] = field(default_factory=dict)

    @property
    def server(self) -> ForkServer:
        """The server of processes."""
        return lab().server

    @property
    def root(self) -> Path:
        """A folder for what processes tell each other; the world's folder is in it."""
        return lab().root

    @property
    def address(self) -> str:
        """The store."""
        return postgres.server().url("world") if self.on_postgres else str(lab().store)

    def fresh(self) -> None:
        """The seed once more."""
        lab().fresh()
        if self.on_postgres:
            postgres.server().fresh()

    def rows(self) -> Rows:
        """All rows of each table; AssertionError where the store is damaged."""
        return postgres.server().rows() if self.on_postgres else rows_of(lab().store)

    def task(self, one: Command, which: int, before: tuple[str, ...] = (), **env: str) -> Task:
        """A command's task as the `which`-th of its world, from 0: its ids and its key are its own."""
        plain = lab().task(one, None, which * SECOND, *before)
        words = tuple(f"key-{which}" if word == KEY else word for word in plain.words)
        env = {**plain.env, "PLANCTL_STORE": self.address, "GATES": str(self.root), **env}
        return replace(plain, words=(*words, "--wait", "50"), env=env)

    def run(self, one: Command, which: int, *, again: int = 0) -> Ended:
        """Run a command to its end; for the first, second … time `again`: under its key, with new ids."""
        task = self.task(one, which)
        return self.server.run(replace(task, first=task.first + again * (SECOND // 8)))

    def told(self, said: str) -> Told:
        """What the store holds; AssertionError with `said` where it breaks a law."""
        rows = self.rows()
        mark = sha256(repr(rows).encode()).hexdigest()
        if mark not in self._known:
            broken = self.broken()
            assert broken == [], f"{broken}\n{said}"
            self._known[mark] = Told(rows, mark)
        return self._known[mark]

    def broken(self) -> list[str]:
        """The laws that the store breaks, each with the first violation."""
        with open_store(self.address) as store, store.read() as tx:
            return [f"{one.law.id}: {one.violations[0]}" for one in examine(tx) if not one.holds]


def _unnumbered(rows: Rows) -> Rows:
    """Rows whose document numbers look like ids, and without what counts them."""
    found = {name: tuple(_as_ids(row) for row in held) for name, held in rows.items()}
    for name in ("invoice", "credit_note"):
        place = columns_of(name).index("sequence")
        found[name] = tuple((*row[:place], *row[place + 1 :]) for row in found[name])
    del found["number_series"]
    return found


def _as_ids(row: tuple[object, ...]) -> tuple[object, ...]:
    return tuple(
        _NUMBER.sub(lambda match: f"{match[1].lower()}_00000000000000000{match[2]:0>6}", value)
        if isinstance(value, str)
        else value
        for value in row
    )


def transcript(*ended: Ended) -> str:
    """What processes said, for a failure; AssertionError where one of them failed as a program must not."""
    said = "\n".join(f"{each.code}: {each.stdout}{each.stderr}" for each in ended)
    assert all("Traceback" not in each.stderr for each in ended), said
    return said


def until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so, for a minute at most."""
    for _ in range(60_000):
        if is_so():
            return
        time.sleep(0.001)
    raise AssertionError("it did not come to that within a minute")
