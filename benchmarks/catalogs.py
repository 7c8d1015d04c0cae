"""P7, catalogs: checking one of 1,000 plans, and showing what it does to 100,000 subscriptions.

Targets: `catalog validate` below 1 s for 1,000 plans in 4 currencies; `catalog diff` with its impact below 5 s, also
where every plan changes. The second store is that of a pull request: 40 plans, 10,000 subscriptions. Whole
processes are timed, Python's start among them; the best of each counts.
Run: `python -m benchmarks.catalogs [--rounds N] [--check]`; with `--check` a missed target is exit 1.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks._measure import Took, planctl
from benchmarks._table import Row, show
from planctl.store.engine import open_store
from tests.data_makers.many_subscriptions import BORN, Many, catalog_text, fill

VERSIONS = 3
ON = "2026-05-31"
SUCCESS = (0, 4)
"""A diff that apply would refuse is shown all the same."""


@dataclass(frozen=True, slots=True)
class Case:
    """One command on one store; `changed` plans differ from what the store holds, `target` is in seconds."""

    name: str
    many: Many
    changed: int
    command: tuple[str, ...]
    target: float = 0.0


LARGE, SMALL = Many(1_000, 100_000, VERSIONS), Many(40, 10_000, VERSIONS)
DIFF, VALIDATE = ("catalog", "diff"), ("catalog", "validate")
CASES = (
    Case("validate, 1,000 plans", LARGE, 1_000, VALIDATE, 1.0),
    Case("diff, no plan changes", LARGE, 0, DIFF, 5.0),
    Case("diff, 20 plans change", LARGE, 20, DIFF, 5.0),
    Case("diff, 1,000 plans change", LARGE, 1_000, DIFF, 5.0),
    Case("validate, 40 plans", SMALL, 40, VALIDATE),
    Case("diff, 40 plans change", SMALL, 40, DIFF),
)


def made(directory: Path, many: Many) -> Path:
    """A store with so many subscriptions; it need not survive a power cut."""
    path = directory / f"{many.plans}.db"
    opened = open_store(str(path), create=True, at=BORN, is_test=True, timezone="UTC")
    with opened as store, store.write() as tx:
        fill(tx, many)
    return path


def measure(directory: Path, store: Path, case: Case) -> Took:
    """One process; one that fails otherwise than by refusing is not measured but stops the benchmark."""
    catalog = directory / f"{case.many.plans}-{case.changed}.yaml"
    if not catalog.exists():
        catalog.write_text(catalog_text(case.many.plans, VERSIONS + 1, case.changed))
    return planctl(str(store), *case.command, str(catalog), as_of=ON, fine=SUCCESS)


def main() -> int:
    """Print the table; the exit code speaks of targets only with `--check`."""
    parser = argparse.ArgumentParser(description="Measure checking and comparing large catalogs.")
    parser.add_argument("--rounds", type=int, default=3, help="measured runs of each command (default 3)")
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds: 1 or more")

    rows = []
    with TemporaryDirectory(prefix="planctl-bench-") as name:
        stores = {many: made(Path(name), many) for many in (LARGE, SMALL)}
        for case in CASES:
            runs = [measure(Path(name), stores[case.many], case) for _ in range(options.rounds)]
            best = min(runs, key=lambda took: took.seconds)
            rate = f"{best.cpu_seconds:.2f} s of processor time"
            what = f"catalog {case.name}, {case.many.subscriptions:,} subscriptions"
            rows.append(Row("P7", what, best.seconds, rss_mb=best.rss_mb, rate=rate, within=case.target))
    return 1 if not show(rows) and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
