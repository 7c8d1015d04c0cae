"""P2 and P3, whole commands on a small store: what one read or one write costs, as a ratio to bare Python.

Targets: `check` and `usage record` at most 10 times, other reads at most 30 times, other writes at most 45
times. The store holds one customer, so this is what a command costs before the size of a store tells.
The commands are run in turn, so that a busy moment of the machine hits all alike; the best of each counts.
Run: `python benchmarks/commands.py [--rounds N] [--check]`; with `--check` a missed target is exit 1.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
QUICKSTART = ROOT / "sample-catalogs" / "quickstart"
ON = ("--as-of", "2026-01-10")
STORY = (
    ("init", "--test"),
    ("catalog", "apply", str(QUICKSTART), "--yes", "--as-of", "2026-01-01"),
    ("customer", "add", "nova", "--email", "ops@nova.example", "--currency", "USD", "--as-of", "2026-01-01"),
    ("subscribe", "nova", "starter", "--pay", "month", "--yes", "--as-of", "2026-01-01"),
)
"""What makes the store."""


@dataclass(frozen=True, slots=True)
class Case:
    """One command; `target` is its allowed ratio to bare Python, None for bare Python itself."""

    name: str
    arguments: tuple[str, ...]
    target: int | None


CASES = (
    Case("python -c pass", ("-c", "pass"), None),
    Case("planctl check", ("-m", "planctl", "check", "nova", "minutes", *ON), 10),
    Case("planctl usage record", ("-m", "planctl", "usage", "record", "nova", "minutes", "1", *ON), 10),
    Case("planctl plan list", ("-m", "planctl", "plan", "list"), 30),
    Case("planctl invoice list", ("-m", "planctl", "invoice", "list"), 30),
    Case(
        "planctl customer update", ("-m", "planctl", "customer", "update", "nova", "--name", "{n}", *ON), 45
    ),
)


@dataclass(frozen=True, slots=True)
class Shop:
    """A directory with a store, which is gone afterwards."""

    directory: Path

    def elapsed_ms(self, arguments: tuple[str, ...]) -> float:
        """Wall time of one process; one that fails is not measured but stops the benchmark."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PLANCTL_")}
        # An installed program has its byte code; without it every start would compile the package.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        environment |= {"PYTHONPATH": str(ROOT), "PLANCTL_STORE": str(self.directory / "store.db")}
        command = (sys.executable, *arguments)
        began = time.perf_counter()
        result = subprocess.run(
            command,
            cwd=self.directory,
            env=environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        elapsed = time.perf_counter() - began
        if result.returncode != 0:
            sys.exit(f"error: {' '.join(arguments)} exited {result.returncode}\n{result.stderr}")
        return elapsed * 1000


def measure(shop: Shop, rounds: int) -> dict[str, float]:
    """The best of each case in milliseconds, after one round that only warms the caches."""
    best: dict[str, float] = {}
    for number in range(rounds + 1):
        for case in CASES:
            arguments = tuple(word.replace("{n}", f"Nova {number}") for word in case.arguments)
            milliseconds = shop.elapsed_ms(arguments)
            if number:
                best[case.name] = min(best.get(case.name, milliseconds), milliseconds)
    return best


def main() -> int:
    """Print the table; the exit code speaks of targets only with `--check`."""
    parser = argparse.ArgumentParser(description="Measure whole commands of planctl against bare Python.")
    parser.add_argument("--rounds", type=int, default=9, help="measured runs of each command (default 9)")
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds: 1 or more")

    with TemporaryDirectory(prefix="planctl-bench-") as directory:
        shop = Shop(Path(directory))
        for arguments in STORY:
            shop.elapsed_ms(("-m", "planctl", *arguments))
        best = measure(shop, options.rounds)
    floor = best[CASES[0].name]
    missed = 0
    print(f"{'P2, P3 commands':<25}{'best':>10}{'ratio':>9}{'target':>9}")
    for case in CASES:
        ratio = best[case.name] / floor
        is_missed = case.target is not None and ratio > case.target
        missed += is_missed
        target = "" if case.target is None else f"<= {case.target}x"
        print(
            f"{case.name:<25}{best[case.name]:>7.1f} ms{ratio:>8.1f}x{target:>9}{'  missed' if is_missed else ''}"
        )
    return 1 if options.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())
