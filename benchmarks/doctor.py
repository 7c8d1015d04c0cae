"""P11: every law of a large store, beside a raw reading of the same rows.

Targets: less than 60 s and 400 MB for 100,000 subscriptions with ten million events, after two billing runs; smaller
stores have as much time as they have subscriptions. The floor reads every row that the laws read, all events summed
by customer and meter, with the driver alone; it compares nothing. What laws have in common is read for the first that
asks and counts as its time. A store that breaks a law is not measured.
Run: `python -m benchmarks.doctor [--subscriptions N] [--events-each N] [--check]`; with `--check` a missed target is
exit 1. The target's size is `--subscriptions 100000` (some two gigabytes in the temporary folder).
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from benchmarks._market import Size, make
from benchmarks._measure import planctl, run
from benchmarks._table import Row, show
from planctl.store.engine import open_store
from planctl.store.laws import LAWS
from planctl.workflows.maintain_store import examine

FIRST, SECOND = "2026-01-01", "2026-02-01"
SECONDS, MEGABYTES, SUBSCRIPTIONS = 60.0, 400.0, 100_000
"""The target, and the size of store that it is for."""

SLOWEST = 5
READ = (
    *("subscription", "billing_period", "settlement", "usage_claim", "invoice", "invoice_line"),
    *("subscription_transition", "audit"),
)
SUMMED = "SELECT customer, meter, COUNT(*), SUM(quantity) FROM usage_event GROUP BY customer, meter"
Subject = TypeVar("Subject")
Breach = TypeVar("Breach")


def floor(store: str) -> float:
    """Seconds for a plain reading of all that the laws look at."""
    began = time.perf_counter()
    connection = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    for statement in (*(f"SELECT * FROM {name}" for name in READ), SUMMED):
        for _ in connection.execute(statement):
            pass
    connection.close()
    return time.perf_counter() - began


def each_law(store: str) -> dict[str, float]:
    """Check all laws in this process; the seconds that each of them took, by its id."""
    spent = dict.fromkeys((law.id for law in LAWS), 0.0)

    def timed(
        law: str, breaches: Callable[[Subject], Iterable[Breach]]
    ) -> Callable[[Subject], Iterable[Breach]]:
        def asked(subject: Subject) -> Iterator[Breach]:
            began = time.perf_counter()
            found = list(breaches(subject))
            spent[law] += time.perf_counter() - began
            return iter(found)

        return asked

    laws = [
        replace(
            law,
            breaches=timed(law.id, law.breaches),
            of_page=None if law.of_page is None else timed(law.id, law.of_page),
        )
        for law in LAWS
    ]
    with open_store(store) as opened, opened.read() as tx:
        broken = [verdict.law.id for verdict in examine(tx, laws) if not verdict.holds]
    if broken:
        sys.exit(f"error: the store breaks {', '.join(broken)}")
    slowest = sorted(spent, key=lambda law: -spent[law])[:SLOWEST]
    return {law: spent[law] for law in slowest}


def measured(store: str, size: Size) -> bool:
    """Measure and print one store; whether the targets are met."""
    beside = float(run(sys.executable, "-m", "benchmarks.doctor", "--floor", store).output)
    ours = planctl(store, "doctor", "--quiet")
    slowest = json.loads(run(sys.executable, "-m", "benchmarks.doctor", "--laws", store).output)
    per_thousand = ours.seconds / size.subscriptions * 1_000
    is_met = show(
        [
            Row(
                "P11",
                f"doctor, {size.subscriptions:,} subscriptions, {size.events:,} events",
                ours.seconds,
                beside,
                "raw reading",
                rss_mb=ours.rss_mb,
                rate=f"{per_thousand:.2f} s per 1,000 subscriptions, {ours.cpu_seconds:.1f} s of processor time",
                within=SECONDS * size.subscriptions / SUBSCRIPTIONS,
                room_mb=MEGABYTES,
            )
        ]
    )
    for law, seconds in slowest.items():
        print(f"     {law:<24}{seconds:>8.2f} s")
    return is_met


def main() -> int:
    """Make a store, bill it twice, and measure; or one part of that in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--subscriptions", type=int, default=10_000)
    parser.add_argument("--events-each", type=int, default=100)
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    parser.add_argument("--store", default="", help="measure this store, made before, which stays")
    parser.add_argument("--floor", default="", help=argparse.SUPPRESS)
    parser.add_argument("--laws", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.floor:
        print(floor(options.floor))
        return 0
    if options.laws:
        print(json.dumps(each_law(options.laws)))
        return 0
    size = Size(options.subscriptions, options.events_each)
    with TemporaryDirectory(prefix="planctl-bench-") as folder:
        store = options.store or str(Path(folder) / "market.db")
        if not options.store:
            make(store, size)
            for day in (FIRST, SECOND):
                planctl(store, "--quiet", "invoice", "run", as_of=day)
        is_met = measured(store, size)
    return 1 if options.check and not is_met else 0


if __name__ == "__main__":
    sys.exit(main())
