"""P1, start-up: what `planctl` costs before it does anything, as a ratio to bare Python.

Targets: `--version` at most 2 times, `--help` at most 14 times, completion of a word at most 9 times.
The commands are run in turn, so that a busy moment of the machine hits all alike; medians are compared.
Run: `python -m benchmarks.startup [--rounds N] [--check]`; with `--check` a missed target is exit 1.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks._measure import run
from benchmarks._table import Row, show


@dataclass(frozen=True, slots=True)
class Case:
    """One command to start; `target` is its allowed ratio to bare Python, 1 for bare Python itself."""

    name: str
    command: tuple[str, ...]
    target: int
    environment: dict[str, str] = field(default_factory=dict)


def cases() -> list[Case]:
    """The floor first, then ours."""
    installed = Path(sys.executable).with_name("planctl")
    planctl = (str(installed),) if installed.exists() else (sys.executable, "-m", "planctl")
    completion = {"_PLANCTL_COMPLETE": "complete_bash", "COMP_WORDS": "planctl inv", "COMP_CWORD": "1"}
    return [
        Case("python -c pass", (sys.executable, "-c", "pass"), 1),
        Case("planctl --version", (*planctl, "--version"), 2),
        Case("planctl --help", (*planctl, "--help"), 14),
        Case("planctl inv<TAB>", planctl, 9, completion),
    ]


def measure(rounds: int) -> list[tuple[Case, float]]:
    """The median of each case in seconds, after one round that only warms the caches."""
    todo = cases()
    samples: dict[str, list[float]] = {case.name: [] for case in todo}
    for round_number in range(rounds + 1):
        for case in todo:
            took = run(*case.command, environment=case.environment)
            if round_number:
                samples[case.name].append(took.seconds)
    return [(case, statistics.median(samples[case.name])) for case in todo]


def main() -> int:
    """Print the table; the exit code speaks of targets only with `--check`."""
    parser = argparse.ArgumentParser(description="Measure the start-up of planctl against bare Python.")
    parser.add_argument("--rounds", type=int, default=20, help="measured starts of each command (default 20)")
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    options = parser.parse_args()

    (floor, *ours), rows = measure(options.rounds), []
    for case, median in ours:
        rows.append(Row("P1", case.name, median, floor[1], "bare Python", case.target))
    return 1 if not show(rows) and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
