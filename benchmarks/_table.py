"""The table that benchmarks print: what was measured, what it is compared with, its targets, and whether they are met.

Where the environment names a file (`PLANCTL_BENCH_RESULTS`), every row is also appended there as a line of JSON.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

RESULTS = "PLANCTL_BENCH_RESULTS"


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement, beside another of the same run where there is one to compare it with.

    Limits, 0 where there is none: `target` for the ratio of the two, `within` for the measurement by itself,
    `room_mb` for the memory. `unit` is that of `ours`, `beside` and `within`: s, % or bytes.
    """

    id: str
    what: str
    ours: float
    beside: float = 0.0
    peer: str = ""
    target: float = 0.0
    rss_mb: float = 0.0
    rate: str = ""
    within: float = 0.0
    room_mb: float = 0.0
    unit: str = "s"

    @property
    def ratio(self) -> float:
        """How many times its peer it is, 0 where it has none."""
        return self.ours / self.beside if self.beside else 0.0

    @property
    def is_met(self) -> bool:
        """Whether every limit is kept; a row without any is only told."""
        limits = ((self.ratio, self.target), (self.ours, self.within), (self.rss_mb, self.room_mb))
        return all(found <= limit for found, limit in limits if limit)

    @property
    def targets(self) -> str:
        """Its limits in words, empty where it has none."""
        parts = [
            f"{self.target:.3g}x" if self.target else "",
            said(self.within, self.unit) if self.within else "",
            f"{self.room_mb:,.0f} MB" if self.room_mb else "",
        ]
        found = ", ".join(part for part in parts if part)
        return f"<= {found}" if found else ""


def show(rows: Sequence[Row]) -> bool:
    """Print rows, and keep them where a file is named; whether all targets are met."""
    for line in lines(rows):
        print(line, flush=True)
    path = os.environ.get(RESULTS)
    if path:
        with open(path, "a", encoding="utf-8") as file:
            file.writelines(json.dumps(asdict(row)) + "\n" for row in rows)
    return all(row.is_met for row in rows)


def kept(path: Path) -> list[Row]:
    """The rows that were kept in a file, in their order."""
    return [Row(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def lines(rows: Sequence[Row]) -> Iterator[str]:
    """The table: a head, and one line for each row."""
    head = ("", "", "ours", "beside", "ratio", "memory", "target", "", "")
    cells = [head, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
    for line in cells:
        texts = zip(line, widths, strict=True)
        yield "  ".join(
            text.ljust(width) if column in _LEFT else text.rjust(width)
            for column, (text, width) in enumerate(texts)
        ).rstrip()


_LEFT = {0, 1, 6, 7, 8}
"""The columns of words."""


def _cells(row: Row) -> tuple[str, ...]:
    verdict = ("met" if row.is_met else "missed") if row.targets else ""
    return (
        row.id,
        row.what,
        said(row.ours, row.unit),
        said(row.beside, row.unit) if row.beside else "",
        f"{row.ratio:,.2f}x" if row.beside else "",
        f"{row.rss_mb:,.0f} MB" if row.rss_mb else "",
        row.targets,
        verdict,
        f"{row.peer}  {row.rate}".strip(),
    )


def said(value: float, unit: str = "s") -> str:
    """A value in the unit in which it is read: a short time in milliseconds or microseconds."""
    if unit != "s":
        return f"{value:,.0f} {unit}"
    if value < 0.001:
        return f"{value * 1_000_000:,.1f} µs"
    return f"{value * 1000:,.1f} ms" if value < 1 else f"{value:,.2f} s"
