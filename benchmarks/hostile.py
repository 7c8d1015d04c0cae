"""Hostile catalogs: how long `planctl catalog validate` works on each before it refuses it, and its size.

Targets: at most 100 ms without the interpreter's start; 300 MB, which the runner enforces. The cases are those of
tests/files/hostile_catalogs.py; the best of some rounds counts. Run: `python -m benchmarks.hostile [--rounds N]
[--check]`; with `--check` a missed target is exit 1.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.files.hostile_catalogs import CASES, MEGABYTE, MEMORY, Case, Outcome, run_all

TARGET_MS = 100


def measure(rounds: int) -> dict[str, Outcome]:
    """The quickest outcome of each case."""
    best: dict[str, Outcome] = {}
    for _ in range(rounds):
        with TemporaryDirectory(prefix="planctl-bench-") as directory:
            for name, one in run_all(CASES, Path(directory)).items():
                if name not in best or one.milliseconds < best[name].milliseconds:
                    best[name] = one
    return best


def missed(case: Case, outcome: Outcome) -> str:
    """Which target a case misses, empty where none."""
    if outcome.exit_code != 3:
        return f"exit {outcome.exit_code}"
    if outcome.megabytes * MEGABYTE > MEMORY:
        return "too large"
    return "too slow" if outcome.milliseconds > TARGET_MS else ""


def main() -> int:
    """Print the table; the exit code speaks of targets only with `--check`."""
    parser = argparse.ArgumentParser(description="Measure how hostile catalogs are refused.")
    parser.add_argument("--rounds", type=int, default=3, help="measured runs of each case (default 3)")
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds: 1 or more")

    best = measure(options.rounds)
    failed = 0
    print(f"{'hostile catalogs':<45}{'best':>10}{'target':>10}{'size':>9}")
    for case in CASES:
        outcome = best[case.name]
        verdict = missed(case, outcome)
        failed += bool(verdict)
        print(
            f"{case.name:<45}{outcome.milliseconds:>7.1f} ms{f'<= {TARGET_MS}':>10}{outcome.megabytes:>6.0f} MB"
            f"{'  ' + verdict if verdict else ''}"
        )
    return 1 if options.check and failed else 0


if __name__ == "__main__":
    sys.exit(main())
