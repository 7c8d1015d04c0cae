"""P2, P3 and P6, whole commands on a large store: what one costs, as a ratio to bare Python in the same run.

Targets: `check`, `usage record` and `usage show` at most 10 times, other reads at most 30 times, other writes at most
45 times, a billing run with nothing due less than 60 times. The commands are run in turn, so that a busy moment of the
machine hits all alike; the best of each counts. The store has a month of usage and is billed up to its first day.
Run: `python -m benchmarks.commands [--events N] [--subscriptions N] [--rounds N] [--check]`; the targets are for
10 M events and 100 k subscriptions. With `--check` a missed target is exit 1.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks._market import Size, make
from benchmarks._measure import Took, planctl, run
from benchmarks._table import Row, show

FIRST_DAY = "2026-01-01"
TODAY = "2026-01-15"
WHO = "customer_0000007"


@dataclass(frozen=True, slots=True)
class Case:
    """One command, the target that it belongs to, and its allowed ratio to bare Python."""

    id: str
    arguments: tuple[str, ...]
    target: int

    @property
    def name(self) -> str:
        """The command as it is typed, without what stands for one of many."""
        return " ".join(word for word in self.arguments if "{" not in word)


CASES = (
    Case("P2", ("check", WHO, "calls"), 10),
    Case("P2", ("usage", "show", WHO), 10),
    Case("P2", ("usage", "record", WHO, "calls", "1"), 10),
    Case("P2", ("usage", "record", WHO, "calls", "1", "--id", "event-{n}"), 10),
    Case("P3", ("plan", "list"), 30),
    Case("P3", ("subscription", "show", WHO), 30),
    Case("P3", ("invoice", "show", "INV-2026-00007"), 30),
    Case("P3", ("customer", "update", WHO, "--name", "Name {n}"), 45),
    Case("P6", ("invoice", "run"), 60),
)


def measure(store: str, rounds: int) -> tuple[float, dict[str, Took]]:
    """The best of bare Python in seconds and of each case, after one round that only warms the caches."""
    bare: list[float] = []
    best: dict[str, Took] = {}
    for number in range(rounds + 1):
        nothing = run(sys.executable, "-c", "pass")
        taken = {
            case.name: planctl(
                store, *(word.replace("{n}", str(number)) for word in case.arguments), as_of=TODAY
            )
            for case in CASES
        }
        if number:
            bare.append(nothing.seconds)
            for name, took in taken.items():
                best[name] = min(best.get(name, took), took, key=lambda one: one.seconds)
    return min(bare), best


def main() -> int:
    """Print the table; the exit code speaks of targets only with `--check`."""
    parser = argparse.ArgumentParser(description="Measure whole commands of planctl against bare Python.")
    parser.add_argument("--events", type=int, default=1_000_000, help="events in the store (default 1000000)")
    parser.add_argument("--subscriptions", type=int, default=10_000, help="who has them (default 10000)")
    parser.add_argument("--rounds", type=int, default=9, help="measured runs of each command (default 9)")
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    options = parser.parse_args()
    if min(options.events, options.rounds) < 1 or options.subscriptions < 10:
        parser.error("--events and --rounds: 1 or more, --subscriptions: 10 or more")

    size = Size(options.subscriptions, max(options.events // options.subscriptions, 1))
    with TemporaryDirectory(prefix="planctl-bench-") as directory:
        store = str(Path(directory) / "store.db")
        make(store, size)
        first = planctl(store, "invoice", "run", "--yes", as_of=FIRST_DAY)
        print(
            f"{size.events:,} events of {size.subscriptions:,} subscriptions; billed in {first.seconds:.1f} s"
        )
        bare, best = measure(store, options.rounds)
    rows = [
        Row(case.id, case.name, took.seconds, bare, "bare Python", case.target)
        for case in CASES
        for took in (best[case.name],)
    ]
    return 1 if not show(rows) and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
