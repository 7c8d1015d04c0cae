"""One command that moves money, asked for by many processes at once: it happens as often as it may, and no more.

Source: planctl reliability rules, exactly-once, operation by operation.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from planctl.store import operations
from tests.reliability.fork import Ended, Task
from tests.reliability.ground import Facts, Ground, Told, transcript
from tests.reliability.pairs import race_on
from tests.reliability.world import Command

NUMBERS = (2, 4, 8, 16)
REFUSED = 4


@dataclass(frozen=True, slots=True)
class Case:
    """A command that everybody gives, `{n}` in it being his number, after `first` was done.

    `takes` of them change something; the rest end with `code`, and change nothing.
    """

    line: str
    takes: int = 1
    code: int = 0
    first: tuple[str, ...] = ()

    def command(self, which: int) -> Command:
        """What the `which`-th process runs."""
        return _command(self.line.replace("{n}", f"{which:08}"))


CASES = (
    Case("invoice run"),
    Case("subscribe vega b --pay month --key one"),
    Case("payment record INV-2026-00002", code=REFUSED),
    Case("payment record INV-2026-00002 --key one"),
    Case("payment refund {payment} 20.00", takes=2, code=REFUSED),  # of 41.65
    Case("wallet buy nova pack --quantity 2 --key one"),
    Case(
        "usage record idle minutes 1 --if-allowed --id use_000000000000000{n}",
        code=REFUSED,  # of 10 minutes 9 are used
        first=("subscribe idle free", "usage record idle minutes 9 --id before"),
    ),
    Case("usage import usage.ndjson"),
    Case("change now nova b"),
    Case("credit-note create INV-2026-00001 --line 1=10.00 --to refund --key one"),
    Case("credit-note create INV-2026-00001 --line 1=10.00 --to refund", takes=3, code=REFUSED),  # of 30.00
    Case("invoice void INV-2026-00002 --reissue", code=REFUSED),
    Case("subscription cancel orion/a --at now --refund prorated", code=REFUSED),
    Case("migrate apply a-v2.yaml --all"),
)
"""What moves money, units or terms. What is done under one key, or names what there is once, takes once."""


def _command(line: str) -> Command:
    """A command of one line, which has a key only where the line has one."""
    return Command(line.partition(" ")[0], tuple(line.split()), keyed=False)


def ready(ground: Ground, case: Case) -> None:
    """A fresh world in which everything is done that comes before."""
    ground.fresh()
    for number, line in enumerate(case.first):
        ended = ground.run(_command(line), 100 + number)
        assert ended.code == 0, transcript(ended)


def check(ground: Ground, case: Case, number: int, before: tuple[str, ...] = ()) -> None:
    """AssertionError where so many at once do not end as they must, or leave what that many in a row do not."""
    ready(ground, case)
    judge(ground, case, race_on(ground, *(case.command(which) for which in range(number)), before=before))


def judge(ground: Ground, case: Case, ended: list[Ended]) -> None:
    """AssertionError where these ends, and what the store holds, are not those of `case`."""
    said = f"{len(ended)} times {case.line}\n{transcript(*ended)}"
    takes = min(case.takes, len(ended))
    done = tuple(which for which, one in enumerate(ended) if one.code == 0)
    numbers = done if "{n}" in case.line else tuple(range(takes))
    codes = sorted(one.code for one in ended)
    assert codes == sorted([0] * takes + [case.code] * (len(ended) - takes)), said
    found = ground.told(said)
    assert _business(found) == _business(in_a_row(ground.on_postgres, case, numbers)), said


def _business(found: Told) -> Facts:
    """What a store holds but for the counts of imports: several of one file share them, and each counts what it met."""
    return {name: rows for name, rows in found.unnumbered.items() if name != "import_batch"}


@cache
def in_a_row(on_postgres: bool, case: Case, numbers: tuple[int, ...]) -> Told:
    """What the store holds after those of these numbers, one after the other."""
    ground = Ground(on_postgres)
    ready(ground, case)
    ended = [ground.run(case.command(which), which) for which in numbers]
    return ground.told(f"in a row: {transcript(*ended)}")


# --- mutants


def blind(_task: Task) -> None:
    """A mutant: nobody sees what was done under a key, as one would not who looks before the other has written."""
    operations.recall = _nothing  # type: ignore[assignment]


def _nothing(*_given: object) -> None:
    """Nothing was done under any key."""


# --- the long size


def part(seed: int) -> int:
    """Every case with sixteen processes, on the engine that the part's number says: even ones on SQLite."""
    for case in CASES:
        check(Ground(on_postgres=seed % 2 == 1), case, NUMBERS[-1])
    return len(CASES)
