"""P4, P5 and P8, how cost grows with size: seconds per subscription billed, and per event imported.

Target: no size costs more than 25 % more or less than the median of all. What a process needs before it does anything
is taken off: a run with nothing due, an import of one event. The best of some rounds counts.
Run: `python -m benchmarks.curve [--full] [--subscriptions N,N,...] [--events N,N,...] [--engine sqlite,postgresql]
[--rounds N] [--cpu] [--draw FOLDER]`; with `--draw docs` the plots of the documentation are drawn again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from benchmarks import ingest
from benchmarks._market import Size, make
from benchmarks._measure import Took, planctl
from benchmarks._places import ENGINES, Places, places
from benchmarks._plot import Plot, Series
from benchmarks._table import Row, said, show
from benchmarks.billing import SECOND, TEMPLATE, prepare

FLAT = 25.0
"""The target, in percent."""

SMALL = {"subscriptions": "300,1_000,3_000", "events": "10_000,30_000,100_000"}
FULL = {
    "subscriptions": "1_000,3_000,10_000,30_000,100_000",
    "events": "10_000,100_000,1_000_000,10_000_000",
}
Read = Callable[[Took], float]
Point = tuple[float, float]


def billed(room: Places, subscriptions: int, rounds: int, read: Read) -> float:
    """Seconds that one subscription with 100 events takes in a billing run."""
    prepare(room, Size(subscriptions))
    costs = []
    for _ in range(rounds):
        store = room.copy("copy", TEMPLATE)
        whole = read(planctl(store, "--quiet", "invoice", "run", as_of=SECOND))
        idle = read(planctl(store, "--quiet", "invoice", "run", as_of=SECOND))
        costs.append((whole - idle) / subscriptions)
        room.drop("copy")
    room.drop(TEMPLATE)
    return min(costs)


def imported(room: Places, events: int, rounds: int, read: Read) -> float:
    """Seconds that one event takes in an import; 100 customers or more have them."""
    people = max(events // 100, 100)
    file, single = room.folder / "events.ndjson", room.folder / "one.ndjson"
    ingest.write_events(file, events, people)
    ingest.write_events(single, 1, 1)
    make(room.new(TEMPLATE), Size(people, 0))
    costs = []
    for _ in range(rounds):
        store = room.copy("copy", TEMPLATE)
        idle = read(ingest.ours(store, single))
        costs.append((read(ingest.ours(store, file)) - idle) / events)
        room.drop("copy")
    room.drop(TEMPLATE)
    file.unlink()
    return min(costs)


def deviation(points: Sequence[Point]) -> float:
    """How far the cost that is furthest from the median lies from it, in percent."""
    middle = median(cost for _, cost in points)
    return max(abs(cost / middle - 1) for _, cost in points) * 100


def measured(options: argparse.Namespace, noun: str, cost: Callable[..., float]) -> list[Series]:
    """A line for each engine; every point and the deviation are printed as they are there."""
    sizes = [int(size) for size in getattr(options, noun).split(",")]

    def read(took: Took) -> float:
        return took.cpu_seconds if options.cpu else took.seconds

    found = []
    for engine in options.engine.split(","):
        points: list[Point] = []
        for size in sizes:
            with places(engine) as room:
                points.append((size, cost(room, size, options.rounds, read)))
            print(f"{engine}, {size:>12,} {noun}: {said(points[-1][1])} each", flush=True)
        name = "P8" if engine == "postgresql" else {"subscriptions": "P5", "events": "P4"}[noun]
        what = f"cost per {noun[:-1]}, {sizes[0]:,} to {sizes[-1]:,}, {engine}: furthest from the median"
        show([Row(name, what, deviation(points), within=FLAT, unit="%")])
        found.append(Series({"sqlite": "SQLite", "postgresql": "PostgreSQL"}[engine], points))
    return found


def draw(path: Path, title: str, sizes: str, series: Sequence[Series]) -> None:
    """Write one plot, in microseconds."""
    scaled = [Series(one.name, [(size, cost * 1e6) for size, cost in one.points]) for one in series]
    Plot(title, sizes, "µs each", scaled).write(path)


def main() -> int:
    """Measure, print, and draw where asked to."""
    parser = argparse.ArgumentParser(description="Measure how cost grows with size.")
    parser.add_argument("--full", action="store_true", help="the targets' sizes instead of small ones")
    parser.add_argument("--subscriptions", metavar="N,...", help=f"sizes (default {SMALL['subscriptions']})")
    parser.add_argument("--events", metavar="N,...", help=f"sizes (default {SMALL['events']})")
    parser.add_argument("--engine", default="sqlite", help=f"one or several of {','.join(ENGINES)}")
    parser.add_argument("--rounds", type=int, default=3, help="measured runs of each size (default 3)")
    parser.add_argument("--cpu", action="store_true", help="processor time of planctl alone: a busy machine")
    parser.add_argument("--draw", metavar="FOLDER", help="where to draw the plots")
    options = parser.parse_args()
    if not set(options.engine.split(",")) <= set(ENGINES):
        parser.error(f"--engine: {','.join(ENGINES)}")
    for noun, sizes in (FULL if options.full else SMALL).items():
        setattr(options, noun, getattr(options, noun) or sizes)

    billing = measured(options, "subscriptions", billed)
    usage = measured(options, "events", imported)
    if options.draw:
        folder = Path(options.draw)
        draw(
            folder / "performance-billing.svg",
            "invoice run: cost of a subscription",
            "subscriptions in the store, 100 events each",
            billing,
        )
        draw(folder / "performance-usage.svg", "usage import: cost of an event", "events in the file", usage)
    return 0


if __name__ == "__main__":
    sys.exit(main())
