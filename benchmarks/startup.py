"""P1, start-up: what `planctl` costs before it does anything, as a ratio to bare Python.

Targets: `--version` at most 2 times, `--help` at most 14 times, completion of a word at most 9 times.
The commands are run in turn, so that a busy moment of the machine hits all alike; medians are compared.
Run: `python benchmarks/startup.py [--rounds N] [--check]`; with `--check` a missed target is exit 1.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path


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


def elapsed_ms(case: Case) -> float:
    """Wall time of one start; a command that fails is not measured but stops the benchmark."""
    began = time.perf_counter()
    result = subprocess.run(case.command, env=os.environ | case.environment, capture_output=True, text=True)
    elapsed = time.perf_counter() - began
    if result.returncode != 0:
        sys.exit(f"error: {case.name} exited {result.returncode}\n{result.stderr}")
    return elapsed * 1000


def measure(rounds: int) -> list[tuple[Case, float]]:
    """The median of each case in milliseconds, after one round that only warms the caches."""
    todo = cases()
    samples: dict[str, list[float]] = {case.name: [] for case in todo}
    for round_number in range(rounds + 1):
        for case in todo:
            milliseconds = elapsed_ms(case)
            if round_number:
                samples[case.name].append(milliseconds)
    return [(case, statistics.median(samples[case.name])) for case in todo]


def main() -> int:
    """Print the table; the exit code speaks of targets only with `--check`."""
    parser = argparse.ArgumentParser(description="Measure the start-up of planctl against bare Python.")
    parser.add_argument("--rounds", type=int, default=20, help="measured starts of each command (default 20)")
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    options = parser.parse_args()

    results = measure(options.rounds)
    floor = results[0][1]
    missed = 0
    print(f"{'P1 start-up':<22}{'median':>10}{'ratio':>9}{'target':>9}")
    for case, median in results:
        ratio = median / floor
        missed += ratio > case.target
        verdict = "" if ratio <= case.target else "  missed"
        print(f"{case.name:<22}{median:>7.1f} ms{ratio:>8.1f}x{f'<= {case.target}x':>9}{verdict}")
    return 1 if options.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())
