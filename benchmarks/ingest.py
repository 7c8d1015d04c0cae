"""P4 and P8, usage: how fast a file of events is imported, beside the same work without planctl.

The floor reads the same file with msgspec, computes the same keys and hashes and writes the same rows into the
same table of a store of its own, in transactions as large: SQLite by one executemany each, PostgreSQL by COPY into a
temporary table and INSERT ... ON CONFLICT. It checks nothing and refuses nothing. Targets: at least half the
floor's rate, and 100,000 events a second where the floor does 200,000; at most 200 MB of memory and 60 bytes an event
(on SQLite); at the last size at most 1.25 times as long for an event as at the first.
Events come in the order of time over 31 days from one customer for every 100 of them, under UUIDs.
Run: `python -m benchmarks.ingest [--events N,N,...] [--engine sqlite|postgresql] [--check]`; with `--check` a missed
target is exit 1. The targets' sizes are `--events 1_000_000,10_000_000`.
"""

from __future__ import annotations

import argparse
import random
import sys
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from benchmarks._market import BORN, DAYS, METERS, Size, make
from benchmarks._measure import Took, planctl, run
from benchmarks._places import ENGINES, Places, places
from benchmarks._table import Row, show
from planctl.core.instants import DAY_MICROSECONDS
from planctl.core.periods import Instant, instant_text
from planctl.store.engine import open_store
from planctl.store.usage_meters import meter_ids
from planctl.store.usage_months import make_months

AS_OF = "2026-02-01"
BATCH = 30_000
"""Rows in one transaction of the floor, as many as in one of planctl's."""

QUICK_FLOOR, QUICK = 200_000, 100_000
"""Where the floor writes so many events a second, planctl is to write so many."""

ROOM_MB = 200.0
BYTES = 60.0


def write_events(path: Path, events: int, people: int) -> None:
    """Write the file: one line an event, in the order of time."""
    rnd = random.Random(7)
    step = DAYS * 86_400 / events
    with path.open("w", encoding="ascii") as file:
        for number in range(events):
            at = instant_text(Instant(BORN + int(number * step) * 1_000_000))
            digits = rnd.randbytes(16).hex()
            event_id = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
            customer, meter = int(rnd.random() * people), METERS[number % 3]
            file.write(
                f'{{"id":"{event_id}","customer":"customer_{customer:07}","event":"{meter}",'
                f'"at":"{at}","quantity":{1 + number % 7}}}\n'
            )


def ours(url: str, file: Path) -> Took:
    """`planctl usage import`."""
    return planctl(url, "--quiet", "usage", "import", str(file), as_of=AS_OF)


def floor(url: str, file: Path) -> Took:
    """The same work without planctl, as a process too."""
    return run(sys.executable, "-m", "benchmarks.ingest", "--floor", str(file), "--store", url)


class _Sent(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    id: str
    customer: str
    event: str
    at: str
    quantity: int = 1


def run_floor(url: str, file: Path) -> None:
    """Read, compute and write; what `floor` runs."""
    with open_store(url) as store:
        with store.read() as tx:
            numbers: dict[str, int] = dict(
                tx.connection.exec_driver_sql("SELECT id, seq FROM customer").all()
            )
            meters = meter_ids(tx, METERS)
        with store.write() as tx:
            make_months(tx, [BORN // DAY_MICROSECONDS])
        raw: Any = store.link.connection.connection.driver_connection
        write = _into_sqlite if store.url.engine == "sqlite" else _into_postgres
        with file.open("rb") as stream:
            while rows := _rows(list(islice(stream, BATCH)), numbers, meters):
                rows.sort()
                write(raw, rows)


def _rows(lines: list[bytes], numbers: dict[str, int], meters: dict[str, int]) -> list[tuple[Any, ...]]:
    decode = msgspec.json.Decoder(_Sent).decode
    minutes: dict[str, int] = {}
    rows = []
    for line in lines:
        sent = decode(line)
        minute = minutes.get(sent.at[:16]) or minutes.setdefault(sent.at[:16], _minute(sent.at))
        at = minute + int(sent.at[17:19]) * 1_000_000
        customer, meter = sent.customer, sent.event
        content = f"{len(customer)}:{customer}{len(meter)}:{meter}{at}/{sent.quantity}/".encode()
        payload = int.from_bytes(blake2b(content, digest_size=16).digest()[:8]) >> 1
        key = bytes.fromhex(sent.id.replace("-", ""))
        rows.append(
            (
                at // DAY_MICROSECONDS,
                numbers[customer],
                meters[meter],
                key,
                at,
                sent.quantity,
                0,
                payload,
                1,
                0,
            )
        )
    return rows


def _minute(text: str) -> int:
    year, month, day = int(text[:4]), int(text[5:7]), int(text[8:10])
    assert (year, month) == (2026, 1), text
    return BORN + ((day - 1) * 1440 + int(text[11:13]) * 60 + int(text[14:16])) * 60_000_000


_COLUMNS = "day, customer, meter, event_key, at, quantity, fraction, payload_hash, batch, child"


def _into_sqlite(raw: Any, rows: list[tuple[Any, ...]]) -> None:
    raw.execute("BEGIN IMMEDIATE")
    raw.executemany(
        f"INSERT INTO usage_event ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING", rows
    )
    raw.execute("COMMIT")


def _into_postgres(raw: Any, rows: list[tuple[Any, ...]]) -> None:
    with raw.cursor() as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE IF NOT EXISTS floor_staging"
            " (LIKE usage_event INCLUDING DEFAULTS) ON COMMIT DELETE ROWS"
        )
        with cursor.copy(f"COPY floor_staging ({_COLUMNS}) FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(("int8", "int8", "int8", "bytea", *["int8"] * 6))
            for row in rows:
                copy.write_row(row)
        cursor.execute(
            f"INSERT INTO usage_event ({_COLUMNS}) SELECT {_COLUMNS} FROM floor_staging ON CONFLICT DO NOTHING"
        )
    raw.commit()


def bytes_used(url: str) -> int:
    """How large the store is."""
    with open_store(url) as store, store.read() as tx:
        if store.url.engine == "sqlite":
            return Path(store.url.path).stat().st_size
        statement = "SELECT pg_database_size(current_database())"
        return int(tx.connection.exec_driver_sql(statement).scalar_one())


def measured(room: Places, events: int) -> tuple[float, list[Row]]:
    """Seconds for each event, and the rows of one size: the import, and how large an event is."""
    people = max(events // 100, 1)
    file = room.folder / "events.ndjson"
    write_events(file, events, people)
    make(room.new("market"), Size(people, 0))
    best = floor(room.copy("floor", "market"), file)
    room.drop("floor")
    empty = bytes_used(room.address("market"))
    mine = ours(room.address("market"), file)
    size = (bytes_used(room.address("market")) - empty) / events
    room.drop("market")
    name, limit = ("P4", BYTES) if room.engine == "sqlite" else ("P8", 0.0)
    is_quick = events / best.seconds >= QUICK_FLOOR
    return mine.seconds / events, [
        Row(
            name,
            f"usage import, {events:,} events, {room.engine}",
            mine.seconds,
            best.seconds,
            "raw floor",
            2.0,
            mine.rss_mb,
            f"{events / mine.seconds:,.0f}/s beside {events / best.seconds:,.0f}/s",
            within=events / QUICK if is_quick else 0.0,
            room_mb=ROOM_MB,
        ),
        Row(name, f"room for an event of {events:,}, {room.engine}", size, within=limit, unit="bytes"),
    ]


def main() -> int:
    """Print the table; the exit code speaks of targets only with `--check`."""
    parser = argparse.ArgumentParser(description="Measure usage import against its raw floor.")
    parser.add_argument("--events", default="1_000_000", metavar="N,...", help="sizes (default 1_000_000)")
    parser.add_argument("--engine", choices=ENGINES, default="sqlite")
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    parser.add_argument("--floor", default="", help=argparse.SUPPRESS)
    parser.add_argument("--store", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.floor:
        run_floor(options.store, Path(options.floor))
        return 0
    sizes = [int(size) for size in options.events.split(",")]
    if min(sizes) < 1:
        parser.error("--events: 1 or more")
    costs, rows = [], []
    for events in sizes:
        with places(options.engine) as room:
            cost, found = measured(room, events)
        costs.append(cost)
        rows += found
    if len(sizes) > 1:
        what = f"cost of an event, {sizes[-1]:,} beside {sizes[0]:,}, {options.engine}"
        name = "P4" if options.engine == "sqlite" else "P8"
        rows.append(Row(name, what, costs[-1], costs[0], f"{sizes[0]:,} events", 1.25))
    return 1 if not show(rows) and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
