"""Usage events on PostgreSQL lie in one partition a month, made when it is first written to; old ones are moved."""

from __future__ import annotations

import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from planctl.core.customers import Customer
from planctl.core.metering.model import UsageEvent, payload_hash
from planctl.store import customers, migrate, usage
from planctl.store.engine import Tx, open_store
from planctl.store.sets import put_tuples
from planctl.store.upgrading import upgrade
from planctl.store.usage import AppendResult, EventRow, event_row
from tests import stores

pytestmark = pytest.mark.postgres

DAY = 86_400_000_000
NEW_YEAR = 20_454
"""2026-01-01, counted in days from 1970-01-01."""

LAST = 2_932_895
"""9999-12-30, the last day that an event may be of: there is no month after its own."""

MONTHS = (
    "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'usage_event'::regclass ORDER BY 1"
)


def months(tx: Tx) -> list[str]:
    return [name for (name,) in tx.rows(MONTHS)]


def event(number: int, day: int, quantity: int = 1) -> EventRow:
    sent = UsageEvent(f"e{number}", "nova", "minutes", day * DAY + 5, Decimal(quantity))
    payload = payload_hash("nova", "minutes", sent.at, sent.quantity, {}, "")
    return event_row(sent, payload, 1, 1)


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The address of a store with a customer and a meter."""
    address = stores.database(tmp_path / "books.db")
    with open_store(address, create=True, is_test=True) as store, store.write() as tx:
        customers.add(tx, Customer("nova"))
        usage.meter_ids(tx, ["minutes"], create=True)
    return address


def test_a_month_is_made_when_it_is_first_written_to(url: str) -> None:
    with open_store(url) as store:
        with store.write() as tx:
            assert months(tx) == []
            usage.append(tx, [event(1, NEW_YEAR + 30), event(2, NEW_YEAR + 31), event(3, NEW_YEAR - 1)])
        with store.write() as tx:
            assert usage.append(tx, [event(4, NEW_YEAR)]) == AppendResult(accepted=1)
            assert months(tx) == ["usage_event_2025_12", "usage_event_2026_01", "usage_event_2026_02"]
            assert {day for (day,) in tx.rows("SELECT day FROM usage_event_2026_01")} == {20_454, 20_484}


def test_the_last_month_of_all_has_a_place_too(url: str) -> None:
    with open_store(url) as store, store.write() as tx:
        assert usage.append(tx, [event(1, LAST), event(2, LAST + 1)]) == AppendResult(accepted=2)
        assert months(tx) == ["usage_event_9999_12"]


def test_two_stores_in_one_database_have_months_of_their_own(url: str) -> None:
    """The second one's schema stands before the first one's in the path, so it sees the months of both."""
    with open_store(url) as store, store.write() as tx:
        usage.append(tx, [event(1, NEW_YEAR)])
        tx.connection.exec_driver_sql("CREATE SCHEMA other")
    own = f"{url}&options=-csearch_path%3Dother"
    with open_store(own, create=True, is_test=True) as store, store.write() as tx:
        customers.add(tx, Customer("nova"))
        usage.meter_ids(tx, ["minutes"], create=True)
    with open_store(f"{own},public") as store, store.write() as tx:
        assert usage.append(tx, [event(1, NEW_YEAR)]) == AppendResult(accepted=1)
        assert months(tx) == ["usage_event_2026_01"]


def test_nobody_who_reads_waits_for_a_new_month(url: str) -> None:
    with open_store(url) as reading, reading.read() as before, open_store(url, wait_seconds=1) as writing:
        assert list(before.rows("SELECT * FROM usage_event")) == []
        with writing.write() as tx:
            usage.append(tx, [event(1, NEW_YEAR)])
        assert list(before.rows("SELECT * FROM usage_event")) == []


def test_two_imports_that_begin_the_same_month_at_once_both_succeed(url: str) -> None:
    meet = threading.Barrier(2, timeout=20)
    done: list[int] = []

    def one(first: int) -> None:
        with open_store(url, wait_seconds=30) as store:
            meet.wait()
            with store.write() as tx:
                done.append(
                    usage.append(tx, [event(first + n, NEW_YEAR + n % 60) for n in range(300)]).accepted
                )

    threads = [threading.Thread(target=one, args=(first,)) for first in (0, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    # Of the second one's events some are those of the first: numbers 200 to 299 are on other days, so all are new.
    assert sorted(done) == [300, 300]


def test_a_large_block_tells_new_repeated_and_contradicted_events_apart_here_too(url: str) -> None:
    block = [event(number, NEW_YEAR + number % 40) for number in range(500)]
    with open_store(url) as store, store.write() as tx:
        assert usage.append(tx, block, 1) == AppendResult(accepted=500)
        other = event(7, NEW_YEAR + 7, quantity=2)
        again = usage.append(tx, [*block, event(501, NEW_YEAR), other, event(501, NEW_YEAR)], 2)
        assert (again.accepted, again.duplicates) == (1, 501)
        (clash,) = again.conflicts
        assert (clash.position, clash.row, clash.quantity, clash.batch) == (501, other, Decimal(1), 1)


def test_events_of_an_older_store_are_in_their_months_after_the_upgrade(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = stores.database(tmp_path / "older.db")

    def up_to_5(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(migrate.MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, "0005")

    columns = (
        "day",
        "customer",
        "meter",
        "event_key",
        "at",
        "quantity",
        "fraction",
        "payload_hash",
        "batch",
        "child",
    )
    rows: list[tuple[Any, ...]] = [
        (*event(number, day).columns[:8], 0, 0)
        for number, day in enumerate((20_453, 20_454, 20_484, 20_485, 0, LAST))
    ]
    with monkeypatch.context() as patch:
        patch.setattr(migrate, "run_migrations", up_to_5)
        patch.setattr(migrate, "settle_in", lambda *_: None)
        patch.setattr(migrate, "SCHEMA_VERSION", 5)
        patch.setattr("planctl.store.version.SCHEMA_VERSION", 5)
        with open_store(address, create=True, is_test=True) as store, store.write() as tx:
            customers.add(tx, Customer("nova"))
            usage.meter_ids(tx, ["minutes"], create=True)
            put_tuples(tx, "usage_event", columns, rows)
    upgrade(address)
    with open_store(address) as store, store.write() as tx:
        kept = [
            (*row[:3], bytes(row[3]), *row[4:]) for row in tx.rows("SELECT * FROM usage_event ORDER BY day")
        ]
        assert kept == sorted(rows)
        assert months(tx) == [
            "usage_event_1970_01", "usage_event_2025_12", "usage_event_2026_01", "usage_event_2026_02",
            "usage_event_9999_12",
        ]  # fmt: skip
        counted = "SELECT reltuples::bigint FROM pg_class WHERE oid = 'usage_event'::regclass"
        assert list(tx.rows(counted)) == [(6,)]  # else plans would be made as for an empty table
        assert usage.append(tx, [event(1, 20_454), event(9, 20_454)]) == AppendResult(
            accepted=1, duplicates=1
        )
