"""The raw floor of a billing run: the same month billed by a plain program on the driver alone, on a store's copy.

It groups the events, rates them with integers and writes the same rows into the same tables with the same indexes,
a page of customers per transaction; it checks nothing, explains little and works for this one plan only.
"""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from benchmarks._market import BORN, DAYS, METERS, MONTH_LATER
from planctl.core.instants import DAY_MICROSECONDS

PAGE = 1_000
FEE = {"USD": 1900, "EUR": 1800}
INCLUDED = {"calls": 10, "minutes": 5, "storage": 0}
PRICES = {  # in 10^-3 minor units; calls up to 100 and beyond
    "USD": {"calls": (1300, 900), "minutes": (5000, 5000), "storage": (200, 200)},
    "EUR": {"calls": (1200, 800), "minutes": (5000, 5000), "storage": (200, 200)},
}
FIRST_TIER = 100
MARCH = MONTH_LATER + 28 * DAY_MICROSECONDS
DUE = MONTH_LATER + 60 * DAY_MICROSECONDS

WRITTEN = {
    "invoice": "id number series series_year sequence customer subscription period_idx kind occasion revision status"
    " currency decimals bills_at issued_at starts_at ends_at due_at grace_ends_at subtotal discount tax total credit"
    " paid paid_at voided_at seller buyer taxes timezone tzdata catalog_revision content_hash written_off_at"
    " discounts extended_due_at extended_grace_at",
    "invoice_line": "invoice position subscription charge_key service_idx occasion revision kind plan plan_version"
    " feature description quantity unit_price amount starts_at ends_at detail discount taxes",
    "usage_claim": "subscription feature allowance_idx occasion revision starts_at ends_at quantity included wallet"
    " billed over_limit carried rolled invoice",
    "settlement": "subscription part idx occasion revision outcome due_at invoice is_open",
    "billing_period": "subscription idx starts_on ends_on starts_at ends_at",
}
"""The tables that are written, with the columns in the order of the rows."""

SUMS = """
SELECT e.customer, e.meter, SUM(e.quantity) FROM usage_event e
 WHERE e.day = {0} AND e.customer BETWEEN {0} AND {0} GROUP BY e.customer, e.meter
"""
DETAIL = (
    '{{"allowance":"{0}","drawn":[],"exact":"{1}","grants":{{}},"included":"{0}","over_limit":"0","own":"{2}",'
    '"parts":[{{"amount":"{1}","label":"each","quantity":"{3}","unit_price":"0.05"}}],"quantity":"{2}",'
    '"rolled":"0","wallet":"0"}}'
)

Page = list[tuple[int, str, str]]


def billed_lines(
    currency: str, used: Sequence[int], subscription: str, invoice: str
) -> Iterator[tuple[Any, ...]]:
    """The fee of February and what January used, each rounded once."""
    fee = FEE[currency]
    yield (
        *(
            invoice,
            1,
            subscription,
            "fee",
            1,
            "",
            0,
            "fee",
            "pro",
            1,
            "",
            "Pro · Monthly",
            "1",
            str(fee // 100),
        ),
        *(fee, MONTH_LATER, MARCH, '{"exact":"19","share":"1","share_text":""}', 0, "[]"),
    )
    for position, (feature, units) in enumerate(zip(METERS, used, strict=True), start=2):
        first, beyond = PRICES[currency][feature]
        above = max(units - INCLUDED[feature], 0)
        low = min(above, FIRST_TIER - INCLUDED[feature])
        amount = (low * first + (above - low) * beyond + 500) // 1000
        detail = DETAIL.format(INCLUDED[feature], amount, units, above)
        yield (
            *(invoice, position, subscription, f"usage:{feature}", 0, "", 0, "usage", "pro", 1, feature),
            *(
                f"{feature} · 0.05 {currency} / unit",
                str(above),
                "0.05",
                amount,
                BORN,
                MONTH_LATER,
                detail,
                0,
                "[]",
            ),
        )


def rows_of(
    page: Page, used: dict[tuple[int, int], int], number: int
) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Every row of a page's invoices, with its table."""
    for offset, (seq, subscription, currency) in enumerate(page):
        invoice = f"inv_floor{number + offset:018}"
        mine = [used.get((seq, meter), 0) for meter in (1, 2, 3)]
        lines = list(billed_lines(currency, mine, subscription, invoice))
        total = sum(line[14] for line in lines)
        yield (
            "invoice",
            (
                *(
                    invoice,
                    f"INV-2026-{number + offset:05}",
                    "INV",
                    2026,
                    number + offset,
                    seq,
                    subscription,
                    1,
                ),
                *(
                    "renewal",
                    "",
                    0,
                    "open",
                    currency,
                    2,
                    MONTH_LATER,
                    MONTH_LATER,
                    MONTH_LATER,
                    MARCH,
                    DUE,
                    None,
                ),
                *(
                    total,
                    0,
                    0,
                    total,
                    0,
                    0,
                    None,
                    None,
                    "{}",
                    f'{{"id":"customer_{seq - 1:07}"}}',
                    "[]",
                    "UTC",
                ),
                *(
                    "2026.6",
                    1,
                    "e6d901788d5db43b68ba788e2fe0e66beb6bffdfb7e919ea09b8eaebc2d4bc7e",
                    None,
                    "[]",
                    None,
                    None,
                ),
            ),
        )
        yield from (("invoice_line", line) for line in lines)
        for feature, units in zip(METERS, mine, strict=True):
            own = min(units, INCLUDED[feature])
            yield (
                "usage_claim",
                (
                    *(
                        subscription,
                        feature,
                        0,
                        "",
                        0,
                        BORN,
                        MONTH_LATER,
                        str(units),
                        str(own),
                        "0",
                        str(units - own),
                    ),
                    *("0", "0", "0", invoice),
                ),
            )
        yield "settlement", (subscription, "fee", 1, "", 0, "billed", MONTH_LATER, invoice, 0)
        yield "settlement", (subscription, "usage", 0, "", 0, "billed", MONTH_LATER, invoice, 0)
        yield "billing_period", (subscription, 1, "2026-02-01", "2026-03-01", MONTH_LATER, MARCH)


COLUMNS = {name: columns.split() for name, columns in WRITTEN.items()}


def by_table(rows: Iterable[tuple[str, tuple[Any, ...]]]) -> dict[str, list[tuple[Any, ...]]]:
    """The rows, gathered for one statement per table."""
    found: dict[str, list[tuple[Any, ...]]] = {name: [] for name in COLUMNS}
    for name, row in rows:
        found[name].append(row)
    return found


def summed(execute: Any, page: Page, mark: str) -> dict[tuple[int, int], int]:
    """What every customer of the page used of every meter: one range of the events for each day."""
    used: dict[tuple[int, int], int] = {}
    first = BORN // DAY_MICROSECONDS
    for day in range(first, first + DAYS):
        for customer, meter, units in execute(SUMS.format(mark), (day, page[0][0], page[-1][0])):
            used[customer, meter] = used.get((customer, meter), 0) + int(units)
    return used


def sqlite(path: str) -> float:
    """Bill the month on a SQLite store; the seconds it took."""
    began = time.perf_counter()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = EXTRA")
    connection.execute("PRAGMA cache_size = -65536")
    number = connection.execute("SELECT MAX(sequence) + 1 FROM invoice").fetchone()[0]
    last = 0
    while page := connection.execute(
        "SELECT customer, id, currency FROM subscription WHERE customer > ? ORDER BY customer LIMIT ?",
        (last, PAGE),
    ).fetchall():
        last = page[-1][0]
        connection.execute("BEGIN IMMEDIATE")
        used = summed(connection.execute, page, "?")
        for name, rows in by_table(rows_of(page, used, number)).items():
            columns = ", ".join(f'"{column}"' for column in COLUMNS[name])
            marks = ", ".join("?" * len(COLUMNS[name]))
            connection.executemany(f'INSERT INTO "{name}" ({columns}) VALUES ({marks})', rows)
        connection.executemany(
            "UPDATE subscription SET settled_at = ?, next_action_at = ? WHERE id = ?",
            [(MONTH_LATER, MARCH, subscription) for _, subscription, _ in page],
        )
        connection.execute("COMMIT")
        number += len(page)
    connection.close()
    return time.perf_counter() - began


def postgres(address: str) -> float:
    """The same on PostgreSQL, with COPY."""
    import psycopg

    began = time.perf_counter()
    with psycopg.connect(address, autocommit=True) as connection:
        number = connection.execute("SELECT MAX(sequence) + 1 FROM invoice").fetchone()[0]  # type: ignore[index]
        last = 0
        while page := connection.execute(
            "SELECT customer, id, currency FROM subscription WHERE customer > %s ORDER BY customer LIMIT %s",
            (last, PAGE),
        ).fetchall():
            last = page[-1][0]
            with connection.transaction():
                used = summed(connection.execute, page, "%s")
                for name, rows in by_table(rows_of(page, used, number)).items():
                    columns = ", ".join(f'"{column}"' for column in COLUMNS[name])
                    with connection.cursor().copy(f'COPY "{name}" ({columns}) FROM STDIN'.encode()) as copy:
                        for row in rows:
                            copy.write_row(row)
                connection.execute(
                    "UPDATE subscription SET settled_at = %s, next_action_at = %s WHERE id = ANY(%s)",
                    (MONTH_LATER, MARCH, [subscription for _, subscription, _ in page]),
                )
            number += len(page)
    return time.perf_counter() - began


if __name__ == "__main__":
    bill = postgres if sys.argv[1].startswith("postgresql:") else sqlite
    print(f"{bill(sys.argv[1]):.3f}")
