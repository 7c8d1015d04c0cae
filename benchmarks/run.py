"""Runs every benchmark of this directory, one after the other, so that none disturbs the next, and prints one table.

A small size takes some minutes and shows where a figure went; the targets are for the full size, which takes an hour
or two and some ten gigabytes in the temporary folder. A script that fails does not stop the rest; exit 1 if any failed.
A missed target is told and fails nothing. Run: `python -m benchmarks.run [--size small|full] [NAME ...]
[-- options for each]`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks._measure import ROOT
from benchmarks._table import RESULTS, kept, lines

POSTGRES = ("--engine", "postgresql")


@dataclass(frozen=True, slots=True)
class Job:
    """One run of a script, with the options of each size."""

    name: str
    small: tuple[str, ...] = ()
    full: tuple[str, ...] = ()


JOBS = (
    Job("startup", ("--rounds", "10"), ("--rounds", "30")),
    Job(
        "commands",
        ("--events", "200_000", "--subscriptions", "2_000", "--rounds", "5"),
        ("--events", "10_000_000", "--subscriptions", "100_000"),
    ),
    Job("ingest", ("--events", "100_000,500_000"), ("--events", "1_000_000,10_000_000")),
    Job(
        "ingest", ("--events", "100_000,500_000", *POSTGRES), ("--events", "1_000_000,10_000_000", *POSTGRES)
    ),
    Job("billing", ("--subscriptions", "5_000"), ("--subscriptions", "100_000")),
    Job("billing", ("--subscriptions", "5_000", *POSTGRES), ("--subscriptions", "100_000", *POSTGRES)),
    Job("catalogs", ("--rounds", "1"), ("--rounds", "3")),
    Job("doctor", ("--subscriptions", "5_000"), ("--subscriptions", "100_000")),
    Job("curve", (), ("--full",)),
    Job("hostile", ("--rounds", "1")),
    Job("migrations", ("--number", "200"), ("--number", "1_000")),
)


def main() -> int:
    """Run the named benchmarks, or all, and print their rows together."""
    arguments, options = sys.argv[1:], []
    if "--" in arguments:
        cut = arguments.index("--")
        arguments, options = arguments[:cut], arguments[cut + 1 :]
    known = sorted({job.name for job in JOBS})
    parser = argparse.ArgumentParser(description="Run the benchmarks and print one table.")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"{', '.join(known)}; all where none is named"
    )
    parser.add_argument("--size", choices=("small", "full"), default="small", help="full: the targets' sizes")
    given = parser.parse_args(arguments)
    unknown = sorted(set(given.names) - set(known))
    if unknown:
        parser.error(f"no such benchmark: {', '.join(unknown)}; known: {', '.join(known)}")

    failed = []
    with TemporaryDirectory(prefix="planctl-bench-") as folder:
        results = Path(folder) / "rows.ndjson"
        results.touch()
        environment = os.environ | {RESULTS: str(results), "PYTHONPATH": str(ROOT)}
        for job in JOBS:
            if given.names and job.name not in given.names:
                continue
            own = (*(job.full if given.size == "full" else job.small), *options)
            print(f"\n== {' '.join((job.name, *own))}", flush=True)
            command = (sys.executable, "-m", f"benchmarks.{job.name}", *own)
            if subprocess.run(command, cwd=ROOT, env=environment).returncode != 0:
                failed.append(job.name)
        print(f"\n== all, {given.size} size")
        for line in lines(kept(results)):
            print(line)
    if failed:
        print(f"error: failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
