"""P5, P6 and P8: a month of many subscriptions billed, beside a raw program that writes the same rows.

Targets: at most 3 times the raw floor, less than 250 MB; a second run with nothing due in less than 60 starts of
bare Python; on PostgreSQL at most 2 times its floor, and two workers at least 1.6 times as fast as one.
Run: `python -m benchmarks.billing [--subscriptions N] [--events-each N] [--engine sqlite|postgresql] [--workers 1,2]
[--check]`
The target's size is `--subscriptions 100000` (ten million events, some two gigabytes in the temporary folder).
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Iterator

from benchmarks._market import Size, make
from benchmarks._measure import Took, bare_python, planctl, run
from benchmarks._places import ENGINES, Places, places
from benchmarks._table import Row, show
from planctl.store.engine import open_store
from planctl.store.tables import COLUMNS

FIRST, SECOND = "2026-01-01", "2026-02-01"
TEMPLATE = "market"
ROOM_MB = 250.0


def prepare(room: Places, size: Size) -> None:
    """Make the store that all others are copied from, and bill the first fees."""
    template = room.new(TEMPLATE)
    make(template, size)
    planctl(template, "--quiet", "invoice", "run", as_of=FIRST)


SAME = """
SELECT i.subscription, i.period_idx, i.kind, i.occasion, i.revision, {columns}
  FROM {table} ORDER BY i.subscription, i.period_idx, i.kind, i.occasion, i.revision, {last}
"""
OWN = {"id", "number", "sequence", "invoice"}
"""What each run makes up by itself: ids, and numbers in the order in which pages were written."""


def invoices_hash(store: str) -> str:
    """The hash of every column of every invoice and line, but for those."""
    found = hashlib.sha256()
    for name, joined, last in (
        ("invoice", "invoice i", "i.id"),
        ("invoice_line", "invoice_line l JOIN invoice i ON i.id = l.invoice", "l.position"),
    ):
        words = (word.partition(":")[0].rstrip("*") for word in COLUMNS[name].split())
        alias = last[0]
        columns = ", ".join(f"{alias}.{word}" for word in words if word not in OWN)
        statement = SAME.format(columns=columns, table=joined, last=last)
        with open_store(store) as opened, opened.read() as tx:
            for row in tx.connection.exec_driver_sql(statement, execution_options={"yield_per": 1_000}):
                found.update(repr(tuple(row)).encode())
    return found.hexdigest()


def measured(room: Places, size: Size, workers: list[int]) -> Iterator[Row]:
    """The floor, the run with each number of workers, and a second run."""
    store = room.copy("floor", TEMPLATE)
    raw = run(sys.executable, "-m", "benchmarks._floor", store)
    floor = float(raw.output)
    room.drop("floor")
    target, name = (3.0, "P5") if room.engine == "sqlite" else (2.0, "P8")
    many = f"{size.subscriptions:,} subscriptions, {room.engine}"
    first: Took | None = None
    hashes = set()
    for number in workers:
        store = room.copy(f"workers{number}", TEMPLATE)
        options = ("--workers", str(number)) if number > 1 else ()
        took = planctl(store, "--quiet", "invoice", "run", *options, as_of=SECOND)
        what = f"invoice run, {many}" + (f", {number} workers" if number > 1 else "")
        rate = f"{size.subscriptions / took.seconds:,.0f}/s, processor {took.cpu_seconds:.1f} s"
        if first is None:
            first = took
            rate = f"{rate} beside {raw.cpu_seconds:.1f} s"
            yield Row(
                name, what, took.seconds, floor, "raw driver", target, took.rss_mb, rate, room_mb=ROOM_MB
            )
            again = planctl(store, "--quiet", "invoice", "run", as_of=SECOND)
            what = f"second run, {many}"
            yield Row("P6", what, again.seconds, bare_python(), "bare Python", 60.0, again.rss_mb)
        else:
            yield Row(name, what, took.seconds, first.seconds, "one worker", 1 / 1.6, took.rss_mb, rate)
        hashes.add(invoices_hash(store))
        room.drop(f"workers{number}")
    assert len(hashes) == 1, "runs with different numbers of workers made different invoices"
    print(f"every run made the same invoices: {hashes.pop()}")


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--subscriptions", type=int, default=5_000)
    parser.add_argument("--events-each", type=int, default=100)
    parser.add_argument("--engine", choices=ENGINES, default="sqlite")
    parser.add_argument("--workers", default="", help="numbers of workers, such as 1,2 (PostgreSQL)")
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    options = parser.parse_args()
    default = "1" if options.engine == "sqlite" else "1,2"
    workers = [int(number) for number in (options.workers or default).split(",")]
    size = Size(options.subscriptions, options.events_each)
    with places(options.engine) as room:
        prepare(room, size)
        is_met = show(list(measured(room, size, workers)))
    return 1 if not is_met and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
