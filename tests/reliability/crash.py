"""A command is killed, or its disk fails, at one change of its files; then it is run again. What must hold is judged.

The store is as before or as after, or, where the command goes in steps, at rest between two of them with every law
kept; what the command said is true; and the next run of the same words ends where an undisturbed one does.
Source: SQLite documentation, "How SQLite Is Tested", section 3; planctl reliability rules, crash points.
"""

from __future__ import annotations

import random
import re
import struct
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from planctl.store.contents import columns_of
from planctl.store.engine import open_store
from planctl.workflows.maintain_store import examine
from tests.reliability.fork import MODES, Ended, Fault
from tests.reliability.lab import Content, Lab, Rows, lab
from tests.reliability.world import COMMANDS, STORE, Command

FAULTS = MODES[1:]
"""Everything that the shim can do at a call."""

AGAIN, ONCE_MORE = 1 << 20, 1 << 21
"""Where the ids of a second and a third run begin: no two runs of one life make the same id."""

REFUSED, NO_DISK = 4, 74

PARTS = 100
"""Into how many parts the long size is cut."""

TOLD = frozenset({"audit", "audit_object", "operation", "run"})
"""Tables that tell of commands, not of the business: two runs leave more of it than one."""

_ID = re.compile(r"\b[a-z]+_[0-9a-hjkmnp-tv-z]{11}0000[0-9a-hjkmnp-tv-z]{8}\b")
_TRIES = columns_of("stripe_operation").index("tries")
"""How often a call was sent: more often after a fault."""

_DERIVED = re.compile(r"\b[0-9a-f]{64}\b|\breq_\w+")
"""What is computed over rows with ids differs with them, and the laws compute it again; Stripe numbers requests."""


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault at the `at`-th change of a command's files, and a second one in the run after it; 0 for none."""

    command: Command
    mode: str
    at: int
    second_mode: str = "count"
    second_at: int = 0

    def __str__(self) -> str:
        then = f", then {self.second_mode} at {self.second_at}" if self.second_at else ""
        return f"{self.command.name}: {self.mode} at {self.at}{then}"


@dataclass
class Judge:
    """Tries strikes on one command. `before` its words add what the command's own process does first: see Task."""

    here: Lab
    command: Command
    before: tuple[str, ...] = ()
    normal: Ended = field(init=False)
    after: Content = field(init=False)
    _lawful: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.here.fresh()
        self.normal = self.here.run(self.command, self.here.fault("count", 0), 0, *self.before)
        assert self.normal.code == self.command.code, self.normal.stderr
        self.after = self.here.read()

    @property
    def calls(self) -> int:
        """How many changes of files an undisturbed run makes."""
        return self.normal.calls

    def try_out(self, strike: Strike) -> None:
        """One fault and what follows; AssertionError where anything is not as it must be."""
        self.here.fresh()
        first = self.here.run(self.command, self.here.fault(strike.mode, strike.at), 0, *self.before)
        left = self._judged(first, strike)
        if strike.second_at:
            fault = self.here.fault(strike.second_mode, strike.second_at)
            left = self._judged(self._next(left, AGAIN, fault), strike, again=True)
        last = self._next(left, ONCE_MORE if strike.second_at else AGAIN)
        self._judge_end(last, left, strike)

    def _next(self, left: Content, first: int, fault: Fault | None = None) -> Ended:
        """The same words again: with other ids, unless nothing is there that was made with the first ones."""
        return self.here.run(
            self.command, fault, 0 if left.rows == self.here.before.rows else first, *self.before
        )

    def _judged(self, ended: Ended, strike: Strike, *, again: bool = False) -> Content:
        """What is left after a run with a fault, if it may be so, and if what the command said of it is true."""
        left = self.here.read()
        told = f"{strike}\nleft with {ended.code}\n{ended.stdout}\n{ended.stderr}"
        assert self.is_at_rest(left), f"half done: {told}"
        self._judge_files(left, told)
        if ended.was_killed:
            return left
        assert ended.code in {self.normal.code, NO_DISK, *((1, 5) if self.command.steps else ())}, told
        assert "Traceback" not in ended.stderr, told
        if ended.code == NO_DISK:
            self._judge_words(ended, left, told, again=again)
        elif ended.code == self.normal.code:
            assert self._is_done(left), f"said that it was done: {told}"
        return left

    def _judge_words(self, ended: Ended, left: Content, told: str, *, again: bool) -> None:
        lines = ended.stderr.strip().splitlines()
        assert sum("error: " in line for line in lines) == 1, told
        if lines[-1] == "Nothing was changed." and not again:
            made = {name for one in (left.stores, left.files) for name, content in one.items() if content}
            assert not made & self._made, f"said that nothing was changed: {told}"
            assert same(left.rows, self.here.before.rows), f"said that nothing was changed: {told}"
        if self.command.steps or again:
            return
        assert not ended.stdout or left.rows == self.after.rows, f"printed an answer: {told}"

    def _judge_files(self, left: Content, told: str) -> None:
        """Every file beside the store is whole: as it was, or as it will be."""
        for name, found in left.files.items():
            known = [one.files[name] for one in (self.here.before, self.after) if name in one.files]
            assert not known or found in known or not found, f"{name} is neither old nor new: {told}"
        for name, rows in left.stores.items():
            is_new = name in self.after.stores and same(rows, self.after.stores[name])
            assert is_new or not rows, f"{name} is neither new nor empty: {told}"

    def _judge_end(self, last: Ended, left: Content, strike: Strike) -> None:
        found = self.here.read()
        told = f"{strike}\nthe last run left with {last.code}\n{last.stdout}\n{last.stderr}"
        done_before = left.rows == self.after.rows != self.here.before.rows
        is_there = not self.command.keyed and bool(self._made & left.stores.keys())
        assert last.code == self.normal.code or (is_there and last.code == REFUSED), told
        if done_before and not self.command.steps:
            assert found.rows == left.rows, f"done twice: {told}"
        if not self.command.steps and self.command.keyed:
            assert _facts_text(last.stdout) == _facts_text(self.normal.stdout), f"another answer: {told}"
        assert self._is_done(found), (
            f"not what an undisturbed run leaves: {told}\n{difference(found, self.after)}"
        )
        for name, whole in self.after.files.items():
            assert found.files.get(name) == whole, f"{name}: {told}"
        for name, rows in self.after.stores.items():
            assert same(found.stores.get(name, {}), rows), f"{name}: {told}"
        if not done_before:
            assert f"{STORE}-journal" not in found.files, told

    def is_at_rest(self, left: Content) -> bool:
        """Whether a store may be left like this: before, after, or between two steps with every law kept."""
        if left.rows in (self.here.before.rows, self.after.rows):
            return True
        return self._is_lawful(left) if self.command.steps else self._is_done(left)

    def _is_done(self, found: Content) -> bool:
        """Whether the store holds what an undisturbed run leaves, by whatever ids; and every law."""
        if found.rows == self.after.rows:
            return True
        return facts(found.rows) == self._facts_after and self._is_lawful(found)

    @cached_property
    def _made(self) -> set[str]:
        """Files that it makes, and that count once they have something in them."""
        return {name for one in (self.after.stores, self.after.files) for name in one} - {
            name for one in (self.here.before.stores, self.here.before.files) for name in one
        }

    @cached_property
    def _facts_after(self) -> dict[str, list[str]]:
        return facts(self.after.rows)

    def _is_lawful(self, found: Content) -> bool:
        mark = sha256(repr(found.rows).encode()).hexdigest()
        if mark not in self._lawful:
            with open_store(str(self.here.store)) as store, store.read() as tx:
                broken = [one.violations for one in examine(tx) if not one.holds]
            assert broken == [], broken
            self._lawful.add(mark)
        return True


def facts(rows: Rows, rounds: int = 3) -> dict[str, list[str]]:
    """The rows of the business without the ids that were made by chance: an id is known by the rows it stands in.

    Each gets a label that is worked out of all rows with it, several times over, so that equal facts give equal
    labels whatever the ids are. Those of the seed are in every store and stay.
    """
    texts = {name: [_told(name, row) for row in found] for name, found in rows.items() if name not in TOLD}
    labels: dict[str, str] = {}
    for _ in range(rounds):
        seen = defaultdict(list)
        for name, found in texts.items():
            for text in found:
                for one in set(_ID.findall(text)):
                    seen[one].append(f"{name} {_labelled(text, labels, one)}")
        labels = {
            one: sha256("\n".join(sorted(stands)).encode()).hexdigest()[:16] for one, stands in seen.items()
        }
    return {name: sorted(_labelled(text, labels) for text in found) for name, found in texts.items()}


def _told(name: str, row: tuple[object, ...]) -> str:
    if name == "stripe_operation":
        row = (*row[:_TRIES], *row[_TRIES + 1 :])
    return _DERIVED.sub("…", repr(row))


def same(one: Rows, other: Rows) -> bool:
    """Whether two stores say the same of the business."""
    return one == other or facts(one) == facts(other)


def difference(found: Content, expected: Content) -> str:
    """What one has and the other has not, table by table."""
    one, other = facts(found.rows, 0), facts(expected.rows, 0)
    lines = []
    for name in one:
        lines += [f"+ {name} {row}" for row in one[name] if row not in other[name]]
        lines += [f"- {name} {row}" for row in other[name] if row not in one[name]]
    return "\n".join(lines)


def _labelled(text: str, labels: dict[str, str], itself: str = "") -> str:
    def label(match: re.Match[str]) -> str:
        return "ITSELF" if match[0] == itself else match[0].partition("_")[0] + labels.get(match[0], "")

    return _ID.sub(label, text)


def _facts_text(text: str) -> str:
    return _ID.sub("ID", text)


# --- which strikes


def strikes(command: Command, calls: int) -> Iterator[Strike]:
    """Every mode at every call."""
    for at in range(1, calls + 1):
        for mode in FAULTS:
            yield Strike(command, mode, at)


def sampled(command: Command, calls: int, number: int, seed: int) -> list[Strike]:
    """So many strikes, spread over the calls, every mode in turn."""
    chance = random.Random(f"{command.name} {seed}")
    number = number if calls else 0
    places = sorted(chance.randrange(1, calls + 1) for _ in range(number))
    offset = chance.randrange(len(FAULTS))
    return [Strike(command, FAULTS[(at + offset + turn) % len(FAULTS)], at) for turn, at in enumerate(places)]


def doubled(command: Command, calls: int, number: int, seed: int) -> list[Strike]:
    """So many pairs of faults by chance: the second strikes the run after the first."""
    firsts, seconds = (sampled(command, calls, number, 2 * seed + more) for more in (0, 1))
    random.Random(seed).shuffle(seconds)
    pairs = zip(firsts, seconds, strict=True)
    return [Strike(command, one.mode, one.at, other.mode, other.at) for one, other in pairs]


# --- the shim's log


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a file that happened: w is written, t cut (`offset` is the size), s synced, c made, u unlinked,
    r renamed, l linked, m a folder made. `data` is what was written, or the new name.
    """

    kind: str
    path: str
    offset: int
    data: bytes


_HEAD = struct.Struct("<4q")


def changes(log: Path) -> list[Change]:
    """What the shim wrote down, in order."""
    found, text, place = [], log.read_bytes(), 0
    while place < len(text):
        kind, length, offset, size = _HEAD.unpack_from(text, place)
        place += _HEAD.size
        path, data = text[place : place + length], text[place + length : place + length + size]
        place += length + size
        found.append(Change(chr(kind), path.decode(), offset, data))
    return found


# --- the long size


def part(seed: int) -> int:
    """One of the parts of `every mode at every call`: each strike belongs to one part of PARTS."""
    cases = 0
    for command in COMMANDS:
        judge = Judge(lab(), command)
        for number, strike in enumerate(strikes(command, judge.calls)):
            if number % PARTS == seed % PARTS:
                judge.try_out(strike)
                cases += 1
    return cases


def double_part(seed: int) -> int:
    """Pairs of faults by chance, eight for each command."""
    cases = 0
    for command in COMMANDS:
        judge = Judge(lab(), command)
        for strike in doubled(command, judge.calls, 8, seed):
            judge.try_out(strike)
            cases += 1
    return cases
