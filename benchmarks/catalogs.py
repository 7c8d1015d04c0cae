"""P7, catalogs: checking one of 1,000 plans, and showing what it does to 100,000 subscriptions.

Targets: `catalog validate` below 1 s for 1,000 plans in 4 currencies; `catalog diff` with its impact below 5 s, also
where every plan changes. The second store is that of a pull request: 40 plans, 10,000 subscriptions. Whole
processes are timed, Python's start among them; the best of each counts.
Run: `python benchmarks/catalogs.py [--rounds N] [--check]`; with `--check` a missed target is exit 1.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from planctl.store.engine import open_store  # noqa: E402 - the generator of the tests is not installed
from tests.data_makers.many_subscriptions import (  # noqa: E402 - the same
    BORN,
    Many,
    catalog_text,
    fill,
)

VERSIONS = 3
ON = "2026-05-31"
SUCCESS = {0, 4}
"""A diff that apply would refuse is shown all the same."""


@dataclass(frozen=True, slots=True)
class Case:
    """One command on one store; `changed` plans differ from what the store holds, `target` is in seconds."""

    name: str
    many: Many
    changed: int
    command: tuple[str, ...]
    target: float | None


LARGE, SMALL = Many(1_000, 100_000, VERSIONS), Many(40, 10_000, VERSIONS)
DIFF, VALIDATE = ("catalog", "diff"), ("catalog", "validate")
CASES = (
    Case("validate, 1,000 plans", LARGE, 1_000, VALIDATE, 1.0),
    Case("diff, no plan changes", LARGE, 0, DIFF, 5.0),
    Case("diff, 20 plans change", LARGE, 20, DIFF, 5.0),
    Case("diff, 1,000 plans change", LARGE, 1_000, DIFF, 5.0),
    Case("validate, 40 plans", SMALL, 40, VALIDATE, None),
    Case("diff, 40 plans change", SMALL, 40, DIFF, None),
)


def made(directory: Path, many: Many) -> Path:
    """A store with so many subscriptions; it need not survive a power cut."""
    path = directory / f"{many.plans}.db"
    opened = open_store(str(path), create=True, at=BORN, is_test=True, timezone="UTC")
    with opened as store, store.write() as tx:
        fill(tx, many)
    return path


def seconds(directory: Path, store: Path, case: Case) -> tuple[float, float]:
    """Wall time and processor time of one process.

    One that fails otherwise than by refusing is not measured but stops the benchmark.
    """
    catalog = directory / f"{case.many.plans}-{case.changed}.yaml"
    if not catalog.exists():
        catalog.write_text(catalog_text(case.many.plans, VERSIONS + 1, case.changed))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PLANCTL_")}
    # An installed program has its byte code; without it every start would compile the package.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment |= {"PYTHONPATH": str(ROOT), "PLANCTL_STORE": str(store)}
    command = (sys.executable, "-m", "planctl", *case.command, str(catalog), "--as-of", ON)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    result = subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    elapsed = time.perf_counter() - began
    if result.returncode not in SUCCESS:
        sys.exit(f"error: {' '.join(command)} exited {result.returncode}\n{result.stderr}")
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    return elapsed, now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime


def main() -> int:
    """Print the table; the exit code speaks of targets only with `--check`."""
    parser = argparse.ArgumentParser(description="Measure checking and comparing large catalogs.")
    parser.add_argument("--rounds", type=int, default=3, help="measured runs of each command (default 3)")
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds: 1 or more")

    missed = 0
    print(f"{'P7 catalogs':<28}{'best':>9}{'processor':>11}{'target':>10}", flush=True)
    with TemporaryDirectory(prefix="planctl-bench-") as name:
        stores = {many: made(Path(name), many) for many in (LARGE, SMALL)}
        for case in CASES:
            runs = [seconds(Path(name), stores[case.many], case) for _ in range(options.rounds)]
            best, processor = (min(values) for values in zip(*runs, strict=True))
            is_missed = case.target is not None and best > case.target
            missed += is_missed
            target = "" if case.target is None else f"<= {case.target:.0f} s"
            times = f"{best:>7.2f} s{processor:>9.2f} s"
            print(f"{case.name:<28}{times}{target:>10}{'  missed' if is_missed else ''}", flush=True)
    return 1 if options.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())
