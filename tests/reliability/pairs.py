"""Two write commands at once, in processes of their own: what comes of it is what one of the two orders makes.

Of a command that takes several transactions others may come in between: then every row is one that an order makes.
Source: planctl reliability rules, concurrency.
"""

from __future__ import annotations

import fcntl
import os
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations_with_replacement
from pathlib import Path

from tests.reliability.fork import Ended, Task
from tests.reliability.ground import Facts, Ground, Told, transcript, until
from tests.reliability.world import COMMANDS, Command

STALE = 5
"""How a command ends that decided on what has changed meanwhile."""

CHOSEN = (
    "subscribe", "usage record", "usage import", "invoice run", "invoice void", "change now",
    "subscription cancel", "wallet buy", "payment record", "credit-note create", "catalog apply",
    "customer import", "migrate apply",
)  # fmt: skip
"""One of every kind that moves money, units or terms: 91 pairs. The long size takes all commands."""

WAITING = ("tests.reliability.pairs:wait_for_all",)


def command(name: str) -> Command:
    """The first command of that name."""
    return next(one for one in COMMANDS if one.name == name)


def pairs(names: tuple[str, ...] = ()) -> list[tuple[Command, Command]]:
    """Every two commands, each with itself too; of these names, or of all that a store of one's own allows."""
    chosen = [command(name) for name in names] if names else [one for one in COMMANDS if not one.stripe]
    return list(combinations_with_replacement(chosen, 2))


# --- one order, the other order


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the two commands ended, and what the store then holds."""

    codes: tuple[int, int]
    told: Told


@dataclass(slots=True)
class Orders:
    """Two commands and what both orders make of them, worked out when it is first asked for."""

    ground: Ground
    one: Command
    other: Command
    _known: dict[str, Outcome] = field(default_factory=dict)

    @property
    def is_one_step(self) -> bool:
        """Whether each is one transaction, so that nothing lies between."""
        return not (self.one.steps or self.other.steps)

    def check(self, found: Outcome, said: str) -> None:
        """AssertionError where that is none of what may come of the two."""
        about = f"{self.one.name} and {self.other.name}: no order ends so\n{said}"
        if any(found.told.mark == one.told.mark and found.codes == one.codes for one in self.all()):
            return
        if self.one.steps and not self.one.keyed:
            return  # a file of usage in several transactions: a bill in between counts some of it, the next the rest
        if not self.is_one_step:
            strange = _strange(found.told.unnumbered, [one.told.unnumbered for one in self.all()])
            assert not strange, f"{about}\n{strange}"
            return
        if any(found.codes == one.codes and found.told.is_like(one.told) for one in self.all()):
            return
        lost = f"{about}\n{self._differences(found)}"
        assert found.codes.count(STALE) == 1, lost
        winner = 1 - found.codes.index(STALE)
        alone = self._alone(winner)
        assert found.codes[winner] == alone.codes[winner], lost
        assert found.told.is_like(alone.told), lost

    def check_again(self, found: Outcome, said: str) -> None:
        """AssertionError where both run once more, under their keys, and what had been done is done again.

        A command of several transactions first does what became due behind its back; then nothing is left.
        """
        if found.codes != (self.one.code, self.other.code):
            return
        last = found.told if self.is_one_step else self._again(1, said)
        if all(one.keyed or one.steps for one in (self.one, self.other)):
            assert self._again(2, said).is_like(last), f"done again: {said}"

    def _again(self, time: int, said: str) -> Told:
        both = enumerate((self.one, self.other))
        ended = transcript(*[self.ground.run(one, which, again=time) for which, one in both])
        return self.ground.told(f"{said}\nagain: {ended}")

    def all(self) -> Iterator[Outcome]:
        """One before the other, and the reverse."""
        for first in (0, 1):
            yield self._of(f"first {first}", (first, 1 - first))

    def _alone(self, which: int) -> Outcome:
        return self._of(f"alone {which}", (which,))

    def _of(self, name: str, order: tuple[int, ...]) -> Outcome:
        if name not in self._known:
            self.ground.fresh()
            ended = {which: self.ground.run((self.one, self.other)[which], which) for which in order}
            codes = (ended[0].code if 0 in ended else -1, ended[1].code if 1 in ended else -1)
            said = transcript(*ended.values())
            self._known[name] = Outcome(
                codes, self.ground.told(f"{self.one.name}, {self.other.name}: {said}")
            )
        return self._known[name]

    def _differences(self, found: Outcome) -> str:
        lines = []
        for one in self.all():
            lines.append(f"codes {found.codes}, in this order {one.codes}")
            for name, rows in found.told.exact.items():
                there = one.told.exact.get(name, [])
                lines += [f"+ {name} {row}" for row in rows if row not in there][:3]
                lines += [f"- {name} {row}" for row in there if row not in rows][:3]
        return "\n".join(lines)


def _strange(found: Facts, orders: list[Facts]) -> str:
    """Rows that no order makes so often, or that every order makes more often."""
    lines = []
    for name, held in found.items():
        rows, made = Counter(held), [Counter(order.get(name, [])) for order in orders]
        lines += [f"+ {name} {row}" for row in rows - (made[0] | made[1])]
        lines += [f"- {name} {row}" for row in (made[0] & made[1]) - rows]
    return "\n".join(lines)


# --- from a barrier


def race(ground: Ground, *commands: Command) -> list[Ended]:
    """Run all at once on a fresh world; how each ended."""
    ground.fresh()
    return race_on(ground, *commands)


def race_on(ground: Ground, *commands: Command, before: tuple[str, ...] = ()) -> list[Ended]:
    """Run all at once on the world as it is: each process waits where its command would begin; see Task.before."""
    gate = ground.root / "gate"
    gate.touch()
    with gate.open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        running = [
            ground.server.start(ground.task(one, which, (*before, *WAITING)))
            for which, one in enumerate(commands)
        ]
        ready = [ground.root / f"ready-{pid}" for pid in running]
        until(lambda: all(one.exists() for one in ready))
    ended = [ground.server.wait(pid) for pid in running]
    for one in ready:
        one.unlink()
    return ended


def wait_for_all(_task: Task) -> None:
    """Say that this process is ready, and wait for the gate to open."""
    root = Path(os.environ["GATES"])
    with (root / "gate").open() as lock:
        (root / f"ready-{os.getpid()}").touch()
        fcntl.flock(lock, fcntl.LOCK_SH)


def check(ground: Ground, one: Command, other: Command, races: int) -> None:
    """Let a pair race some times; AssertionError where what comes of it is no order's, or a law is broken."""
    orders = Orders(ground, one, other)
    for number in range(races):
        ended = race(ground, one, other)
        said = f"{one.name} beside {other.name}, race {number}\n{transcript(*ended)}"
        found = Outcome((ended[0].code, ended[1].code), ground.told(said))
        orders.check(found, said)
    if not orders.is_one_step:
        orders.check_again(found, said)


# --- the long size


@cache
def _everything() -> list[tuple[Command, Command]]:
    return pairs()


RACES = 5
"""How often each of a part's pairs runs: ten parts are every pair five times, a hundred fifty times."""


def part(seed: int) -> int:
    """A tenth of all pairs, five times each, as the part's number says; how many races that were."""
    return _raced(_everything()[seed % 10 :: 10], seed, on_postgres=False)


def postgres_part(seed: int) -> int:
    """The same on PostgreSQL, of the chosen commands."""
    return _raced(pairs(CHOSEN)[seed % 10 :: 10], seed, on_postgres=True)


def _raced(chosen: list[tuple[Command, Command]], seed: int, *, on_postgres: bool) -> int:
    chosen = list(chosen)
    random.Random(seed).shuffle(chosen)
    for one, other in chosen:
        check(Ground(on_postgres), one, other, RACES)
    return len(chosen) * RACES
