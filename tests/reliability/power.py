"""The power fails: what a disk may hold then, worked out from the log of every change a command made.

What was synced is there. Of everything after that any part may be, in any order, and each write torn at sectors of 512
bytes; a name is made, moved or gone for sure once its folder was synced. tests.reliability.crash judges the states.
Source: SQLite documentation, "How SQLite Is Tested", section 3.3; "Atomic Commit In SQLite", section 2.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.reliability.crash import Change, Judge, changes
from tests.reliability.lab import Lab, lab
from tests.reliability.world import COMMANDS, Command

SECTOR = 512

PARTS_EACH = 3
"""States of each command in one part of the long size."""


@dataclass(slots=True)
class Disk:
    """What is on the disk for sure, and what was asked of it since. Contents are known by a number, as inodes are."""

    names: dict[str, int] = field(default_factory=dict)
    contents: dict[int, bytes] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    """Names as the program sees them: also those that may be lost."""
    waiting: list[tuple[int, Change]] = field(default_factory=list)
    """Changes that are not synced, each with the content it is about, or with that of the name."""

    def put(self, name: str, content: bytes) -> None:
        """A file that is there from the beginning."""
        number = len(self.contents)
        self.names[name] = self.seen[name] = number
        self.contents[number] = content

    def take(self, change: Change) -> None:
        """One change as the program made it."""
        if change.kind == "s":
            self._sync(change.path)
            return
        if change.kind == "c":
            self.seen[change.path] = number = len(self.contents)
            self.contents[number] = b""
        number = self.seen.get(change.path, -1)
        self.waiting.append((number, change))
        if change.kind == "u":
            del self.seen[change.path]
        if change.kind in "rl":
            self.seen[change.data.decode()] = number
        if change.kind == "r":
            del self.seen[change.path]

    def _sync(self, path: str) -> None:
        number = self.seen.get(path, -1)
        if number >= 0:
            of_it = [one for one in self.waiting if one[0] == number and one[1].kind in "wt"]
            for _, change in of_it:
                self.contents[number] = applied(self.contents[number], change)
        else:
            of_it = [one for one in self.waiting if one[1].kind not in "wt" and _folder(one[1].path) == path]
            for number, change in of_it:
                _rename(self.names, number, change)
        self.waiting = [one for one in self.waiting if one not in of_it]

    def after_power_loss(self, chance: Random) -> dict[str, bytes]:
        """Files as they may be found: names in the order of their changes, contents in any order and in parts."""
        names, contents = dict(self.names), dict(self.contents)
        kept = [one for one in self.waiting if chance.random() < chance.choice((0.1, 0.5, 0.9))]
        for number, change in kept:
            if change.kind not in "wt":
                _rename(names, number, change)
        written = [one for one in kept if one[1].kind in "wt"]
        chance.shuffle(written)
        for number, change in written:
            for part in torn(change, chance):
                contents[number] = applied(contents[number], part)
        return {name: contents[number] for name, number in names.items()}


def applied(content: bytes, change: Change) -> bytes:
    """A content after a write or a truncation; a hole is zeros."""
    if change.kind == "t":
        return content[: change.offset].ljust(change.offset, b"\0")
    head = content[: change.offset].ljust(change.offset, b"\0")
    return head + change.data + content[change.offset + len(change.data) :]


def torn(change: Change, chance: Random) -> Iterable[Change]:
    """A write whole, or some of its sectors."""
    if change.kind == "t" or chance.random() < 0.5:
        return [change]
    places = range(0, len(change.data), SECTOR)
    return [
        Change("w", change.path, change.offset + place, change.data[place : place + SECTOR])
        for place in places
        if chance.random() < 0.5
    ]


def _rename(names: dict[str, int], number: int, change: Change) -> None:
    if change.kind == "c":
        names[change.path] = number
    elif change.kind == "u":
        names.pop(change.path, None)
    elif change.kind in "rl" and change.path in names:
        names[change.data.decode()] = names[change.path]
        if change.kind == "r":
            del names[change.path]


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


@dataclass(slots=True)
class Recorded:
    """One undisturbed run of a command, and its changes of the store's files."""

    here: Lab
    judge: Judge
    made: list[Change]

    def state(self, seed: int) -> None:
        """Cut the power somewhere, and judge what may be found; AssertionError where it is not as it must be.

        Every tenth time it is cut after the command said that it was done: then all must be there.
        """
        chance = random.Random(f"{self.judge.command.name} {seed}")
        is_over = chance.random() < 0.1
        at = len(self.made) if is_over else chance.randrange(len(self.made))
        disk = Disk()
        self.here.fresh()
        disk.put(str(self.here.store), self.here.store.read_bytes())
        for change in self.made[:at]:
            disk.take(change)
        self.here.store.unlink()
        for name, content in disk.after_power_loss(chance).items():
            Path(name).write_bytes(content)
            Path(name).chmod(0o600)
        self._judge(
            f"{self.judge.command.name}: power lost at {at} of {len(self.made)}, state {seed}",
            is_over=is_over,
        )

    def _judge(self, told: str, *, is_over: bool) -> None:
        try:
            left = self.here.read()
        except sqlite3.DatabaseError as error:
            raise AssertionError(f"{told}: {error}") from error
        assert self.judge.is_at_rest(left), told
        assert not is_over or left.rows == self.judge.after.rows, f"lost what was said to be done: {told}"


def recorded(command: Command, *before: str) -> Recorded:
    """Run a command and take down what it does to the store's files."""
    here = lab()
    judge = Judge(here, command, before)
    here.fresh()
    log = here.root / "log"
    log.unlink(missing_ok=True)
    here.run(command, here.fault("count", 0, str(log)), 0, *before)
    ours = [one for one in changes(log) if _is_ours(here, one)]
    log.unlink()
    return Recorded(here, judge, ours)


def _is_ours(here: Lab, change: Change) -> bool:
    """The store, its journal, and the folder they lie in."""
    return change.path in {str(here.store), f"{here.store}-journal", str(here.folder)}


def in_store() -> list[Command]:
    """Commands that write into the world's store."""
    return [one for one in COMMANDS if one.keyed]


def part(seed: int) -> int:
    """Some states of every command."""
    cases = 0
    for command in in_store():
        here = recorded(command)
        for number in range(PARTS_EACH) if here.made else ():
            here.state(seed * PARTS_EACH + number)
            cases += 1
    return cases
