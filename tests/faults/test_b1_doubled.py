"""Faults that double or lose an invoice: races, retries, keys and numbers.

KB is Kill Bill, OM OpenMeter, FP Flexprice; what stands after an @ is a commit.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import sqlite3
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, UniqueConstraint
from sqlalchemy.types import Integer, LargeBinary

from planctl.errors import StoreFailure
from planctl.store import audit, claiming, invoices, numbering
from planctl.store.engine import Tx
from planctl.store.link import Link
from planctl.store.postgres_link import PostgresLink
from planctl.store.rows import METADATA
from planctl.store.sqlite_link import SqliteLink
from planctl.workflows import run_invoices
from tests import stores
from tests.faults.conftest import Desk, at_once, broken_laws, die, die_after_commit, killed, start

CATALOG = """
currencies: {USD: }
features:
  minutes: {type: metered, unit: minute}
groups:
  main: {order: [a, b], switch: {up: now, down: now}}
plans:
  flat: {price: {month: {USD: 10}}, due: 30 days}
  a: {group: main, price: {month: {USD: 30}, year: {USD: 300}}, due: 90 days}
  b: {group: main, price: {month: {USD: 60}}, due: 90 days}
  talk: {price: {month: {USD: 20}}, due: 90 days, features: {minutes: {beyond: {charge: usage, each: {USD: 1}}}}}
"""
FEBRUARY = "2026-02-01"
RUN = f"invoice run --wait 60 --as-of {FEBRUARY}"
"""For a process of its own, which waits for the others."""

BUSY = 75


@pytest.fixture(autouse=True)
def shop(desk: Desk) -> None:
    """The plans above are for sale; `x` is a customer who has none."""
    desk.sell(CATALOG)
    desk("customer add x --currency USD --quiet")


def numbers(count: int, year: int = 2026) -> list[str]:
    return [f"INV-{year}-{number:05}" for number in range(1, count + 1)]


def assert_billed_once(desk: Desk, count: int) -> None:
    """Each of `count` customers has one invoice of 10.00, and the numbers have no gap."""
    found = desk.invoices()
    assert [one["number"] for one in found] == numbers(count)
    assert sorted(one["customer"] for one in found) == [f"c{number:03}" for number in range(count)]
    assert {one["total"] for one in found} == {"10.00"}


# --- check, then insert


def test_F001_eight_runs_at_once_bill_everybody_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two workers read the same pending entries and both make an invoice of them.
    Source: Polar@eda61aae43; measured on PostgreSQL: 145 of 150 doubled.
    """
    desk.several_on("flat", 40)
    monkeypatch.setattr(run_invoices, "PAGE", 5)
    ended = at_once(*[RUN] * 8)
    assert {one.exit_code for one in ended} <= {0, BUSY}, ended
    assert_billed_once(desk, 40)


def read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every later run sees what the first one saw, as a second worker that read before the first one wrote."""
    kept: dict[str, Any] = {}
    for module, name in ((claiming, "due"), (claiming, "due_among"), (run_invoices, "customer_facts")):

        def read(tx: Tx, *given: Any, really: Any, named: str) -> Any:
            asked = f"{named}{given}"
            if asked not in kept:
                kept[asked] = really(tx, *given)
            return kept[asked]

        monkeypatch.setattr(module, name, partial(read, really=getattr(module, name), named=name))


def test_F001_of_two_who_read_the_same_the_unique_keys_let_one_write(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two workers read the same pending entries and both make an invoice of them: no lock is needed to stop it.
    Source: Polar@eda61aae43.
    """
    desk.several_on("flat", 3)
    read_once(monkeypatch)
    desk("invoice run", FEBRUARY)
    assert "nothing was due" in desk("invoice run", FEBRUARY).stdout, (
        "the second one found the keys taken, and looked again"
    )
    assert_billed_once(desk, 3)


@pytest.mark.sqlite_only  # tables are rebuilt without their keys
def test_F001_a_schema_without_the_keys_would_double(
    desk: Desk, copy: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test above can fail: on a copy whose tables have lost their unique keys everybody is billed twice.
    Source: Polar@eda61aae43.
    """
    desk.several_on("flat", 3)
    mutant = copy()
    drop_keys(mutant, "invoice", "invoice_line", "settlement", "billing_period")
    read_once(monkeypatch)
    desk("invoice run", FEBRUARY)
    desk("invoice run", FEBRUARY)
    assert len(desk.invoices()) == 6
    assert {law.partition(":")[0] for law in broken_laws(mutant)} >= {"invoices-once", "lines-once"}


def drop_keys(store: Path, *tables: str) -> None:
    """Make tables anew without their unique keys; an `id` stays what other tables refer to."""
    with stores.unguarded(store) as raw:
        raw.execute("PRAGMA legacy_alter_table = ON")
        for name in tables:
            ((made,),) = raw.execute("SELECT sql FROM sqlite_schema WHERE name = ?", [name]).fetchall()
            keyless = re.sub(r"(CONSTRAINT \w+ UNIQUE|PRIMARY KEY) \((?!id\))[^)]*\), ", "", made)
            assert keyless != made, made
            raw.execute(f"ALTER TABLE {name} RENAME TO old")
            raw.execute(keyless)
            raw.execute(f"INSERT INTO {name} SELECT * FROM old")
            raw.execute("DROP TABLE old")


def test_F003_no_lock_and_no_key_of_a_charge_holds_a_time(
    desk: Desk, copy: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key of a lock contains a timestamp, so that one thing has two locks. Source: Lago@26b0405a9."""
    # The same period billed at two times has the same keys; PostgreSQL's locks are two constants.
    desk.several_on("flat", 2)
    found = []
    copies = [desk.store, copy()]
    for store, when in zip(copies, ("2026-02-01", "2026-02-03T17:23:45.678901Z"), strict=True):
        monkeypatch.setenv("PLANCTL_STORE", stores.address(store))
        desk("invoice run", when)
        with stores.raw(store) as raw:
            lines = "SELECT subscription, charge_key, service_idx, occasion, revision FROM invoice_line ORDER BY 1, 2"
            parts = "SELECT subscription, part, idx, occasion, revision FROM settlement ORDER BY 1, 2, 3"
            found.append([raw.execute(query).fetchall() for query in (lines, parts)])
    assert found[0] == found[1]
    assert found[0][0]
    locks = (Path(run_invoices.__file__).parents[1] / "store" / "postgres_link.py").read_text("utf-8")
    assert set(re.findall(r'\{"key": (\w+)\}', locks)) == {"WRITER", "TURN"}


def test_F004_a_start_that_was_kept_and_not_told_is_not_billed_again(desk: Desk) -> None:
    """The first invoice of a subscription is not covered by the key that protects recurring ones.
    Source: Lago@854c0ec1e (#1868).
    """
    subscribe = "subscribe x flat --yes"
    killed(f"{subscribe} --as-of 2026-01-01", die_after_commit)
    assert "already runs flat" in desk(subscribe).stderr
    for _ in range(2):
        assert desk.json("invoice run")["issued"] == 0
    assert desk.totals() == ["10.00"]
    assert desk.rows("SELECT period_idx, kind, occasion, revision FROM invoice") == [(0, "renewal", "", 0)]


def test_F005_a_change_beside_the_run_bills_as_one_after_the_other(desk: Desk) -> None:
    """An upgrade races with the cycle, and both the old and the new plan are billed. Source: Polar@eda61aae43."""
    # February costs 60.00 either way: the run first bills 30.00, and the change takes 30.00 back and charges 60.00;
    # or the change comes first, and what is due is 60.00.
    names = [f"r{number}" for number in range(4)]
    for name in names:
        desk(f"customer add {name} --currency USD --quiet")
        desk(f"subscribe {name} a --pay month --yes --quiet")
    for name in names:
        change = f"change now {name} b --yes --wait 60 --as-of {FEBRUARY}"
        ended = at_once(change, f"{RUN} --customer {name}")
        assert {one.exit_code for one in ended} == {0}, ended
        assert desk.totals(name) in (["30.00", "30.00", "30.00"], ["30.00", "60.00"])


def test_F007_two_voids_at_once_give_back_once(desk: Desk) -> None:
    """An invoice is voided twice at the same time, and what it took is given back twice.
    Source: Lago@460428618 (#5495).
    """
    # Of 100 minutes in the wallet February's invoice took 30 for January.
    desk("subscribe x talk --yes --quiet")
    desk("wallet grant x minutes 100 --reason gift --yes --quiet")
    desk("usage record x minutes 30 --at 2026-01-05", "2026-01-05")
    desk("invoice run", FEBRUARY)
    void = "invoice void INV-2026-00002 --reason mistake --yes --wait 60 --as-of 2026-02-02"
    assert sorted(one.exit_code for one in at_once(void, void)) == [0, 4]
    assert [one["status"] for one in desk.invoices("x", "2026-02-02")] == ["open", "void"]
    ledger = desk.json("wallet ledger x", "2026-02-02")
    assert [(one["amount"], one["balance"]) for one in ledger] == [
        ("100", "100"), ("-30", "70"), ("30", "100"),
    ]  # fmt: skip


def test_F008_a_subscription_asked_for_again_is_the_same_one(desk: Desk) -> None:
    """A call that is retried makes two subscriptions, and the customer is billed for both.
    Source: Lago@07566b027 (#3809).
    """
    line = "subscribe x flat --key K --yes -f json --wait 60 --as-of 2026-01-01"
    ended = at_once(*[line] * 4)
    assert [one.exit_code for one in ended] == [0, 0, 0, 0], ended
    assert len({one.json["id"] for one in ended}) == 1
    assert sum("exists: subscribe (key K)" in one.stderr for one in ended) == 3
    assert desk.totals("x") == ["10.00"]


# --- keys of the schema

LIVE: dict[str, dict[str, Any]] = {
    "assignment": {"status": "waiting"},
    "subscription": {"status": "active"},
    "coupon_redemption": {"removed_at": 0},
}
"""What makes a row one of those that a key is about; elsewhere 1 and `x` will do."""

OF_ONE_ROW = {"store_identity", "stripe_account"}


def keys(table: Table) -> list[list[str]]:
    """The columns of every unique key of a table."""
    found = [[column.name for column in table.primary_key]]
    found += [
        [column.name for column in one.columns]
        for one in table.constraints
        if isinstance(one, UniqueConstraint)
    ]
    found += [[column.name for column in one.columns] for one in table.indexes if one.unique]
    return found + [[column.name] for column in table.columns if column.unique]


def a_row(table: Table) -> dict[str, Any]:
    of_type = {Integer: 1, LargeBinary: b"x"}
    row = {one.name: next((value for kind, value in of_type.items() if isinstance(one.type, kind)), "x")
           for one in table.columns}  # fmt: skip
    return {**row, **LIVE.get(table.name, {})}


def insert(raw: stores.Raw, table: Table, row: Mapping[str, Any]) -> None:
    names = ", ".join(f'"{name}"' for name in row)
    raw.execute(f'INSERT INTO "{table.name}" ({names}) VALUES ({", ".join("?" * len(row))})', [*row.values()])


def other(value: Any) -> Any:
    return value + 1_000 if isinstance(value, int) else value * 2


def test_F009_the_database_itself_refuses_a_second_row_of_every_key(copy: Callable[[], Path]) -> None:
    """Uniqueness is checked in the program only, and another path gets past it.
    Source: Lago@55bcd5d02 (#5558), Lago@ed1e83adf (#5183).
    """
    # No column of a key may be NULL either: two NULLs are different to a unique key (Lago@c3c292469).
    if stores.ON_POSTGRES:
        assert_indexed(copy())
        return
    with stores.unguarded(copy()) as raw:
        raw.execute("PRAGMA ignore_check_constraints = ON")
        for table in (one for one in METADATA.sorted_tables if one.name not in OF_ONE_ROW):
            in_some_key = {name for key in keys(table) for name in key}
            assert not [name for name in in_some_key if table.columns[name].nullable]
            first = a_row(table)
            raw.execute(f"DELETE FROM {table.name}")
            insert(raw, table, first)
            for key in keys(table):
                others = {name: other(first[name]) for name in in_some_key.difference(key)}
                with pytest.raises(sqlite3.IntegrityError, match="UNIQUE constraint failed") as refused:
                    insert(raw, table, first | others)
                assert set(re.findall(r"\w+\.(\w+)", str(refused.value))) == set(key)


def assert_indexed(store: Path) -> None:
    """PostgreSQL has a unique index over the columns of every key."""
    with stores.raw(store) as raw:
        found = raw.execute(
            "SELECT r.relname, array_agg(a.attname::text) FROM pg_index i JOIN pg_class r ON r.oid = i.indrelid"
            " JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum = ANY (i.indkey)"
            " WHERE i.indisunique AND i.indisvalid GROUP BY i.indexrelid, r.relname"
        ).fetchall()
    there = {(name, frozenset(columns)) for name, columns in found}
    wanted = {(table.name, frozenset(key)) for table in METADATA.sorted_tables for key in keys(table)}
    assert wanted - there == set()


def test_F011_who_canceled_may_come_back_and_two_of_a_group_never_run_at_once(desk: Desk) -> None:
    """A key that protects live rows also counts those that have ended, or the reverse.
    Source: Polar@91b7ea165a (#10255).
    """
    desk("subscribe x a --pay month --yes --quiet")
    desk("subscription cancel x --at now --yes --quiet", "2026-01-05")
    desk("subscribe x a --pay month --yes --quiet", "2026-01-05")
    assert [one["status"] for one in desk.json("subscription list", "2026-01-05")] == ["canceled", "active"]
    with stores.raw(desk.store) as raw, pytest.raises(stores.driver().IntegrityError):
        raw.execute("UPDATE subscription SET status = 'active'")


# --- locks and claims


def test_F012_who_dies_with_a_claim_leaves_nothing_locked(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock is taken and its owner dies before what it is for is stored: the subscription is never billed again.
    Source: Polar@8a57b28920.
    """
    desk.several_on("flat", 2)
    killed(RUN, lambda: monkeypatch.setattr(run_invoices, "apply_page", die))
    assert desk.json("invoice run --wait 0", FEBRUARY)["issued"] == 2
    assert_billed_once(desk, 2)


def test_F013_two_versions_of_the_program_at_once_bill_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """During a deploy two schedulers of different versions begin the same work within a millisecond.
    Source: Polar@90bae90384 (#11065).
    """
    desk.several_on("flat", 20)
    monkeypatch.setattr(run_invoices, "PAGE", 5)

    def install(number: int) -> None:
        monkeypatch.setattr(audit, "_PROGRAM", audit._PROGRAM | {"planctl": f"9.{number}"})

    ended = at_once(RUN, RUN, prepare=install)
    assert {one.exit_code for one in ended} <= {0, BUSY}, ended
    assert_billed_once(desk, 20)


def test_F015_a_year_that_was_missed_waits_for_a_word(desk: Desk) -> None:
    """After a long stop twelve months are billed at once. planctl holds that customer, bills the others and exits 1.
    Source: Kill Bill's safety bound (invoice subsystem manual, "Parked Accounts").
    """
    desk("subscribe x talk --yes --quiet", "2026-12-15")
    desk("invoice run --customer x", "2027-01-15")
    desk.several_on("flat", 1)
    held = desk("invoice run", FEBRUARY.replace("2026", "2027"), exit_code=1)
    assert "held: c000: catch-up: " in held.stderr
    assert "13 periods behind" in held.stderr
    desk("invoice run --catch-up 13 --reason 'the host was off'", "2027-02-01")
    starts = [one["period"]["starts_at"][:10] for one in desk.invoices("c000")]
    assert starts == [f"2026-{month:02}-01" for month in range(2, 13)] + ["2027-01-01", "2027-02-01"]


def test_F016_a_run_with_nothing_due_adds_nothing_however_often(desk: Desk) -> None:
    """Each repair run adds lines of zero, for ever. planctl keeps that a run took place, with its audit entry;
    nothing else grows.
    Source: KB@f3c2d806df (#1505).
    """
    desk.several_on("flat", 2)
    desk("invoice run", FEBRUARY)
    names = [one.name for one in METADATA.sorted_tables if one.name not in {"run", "audit", "audit_object"}]

    def contents() -> dict[str, list[tuple[Any, ...]]]:
        return {name: desk.rows(f'SELECT * FROM "{name}"') for name in names}

    before = contents()
    for _ in range(50):
        desk("invoice run --quiet", FEBRUARY)
    assert contents() == before


def failing_commit(link: Link) -> None:
    raise StoreFailure("the disk is full")


def test_F017_what_is_rolled_back_is_not_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """An e-mail, a webhook or a line of output goes out for what was then rolled back.
    Source: Lago@0279f64b4, Lago@4206a63db, Lago@4a5e510e4.
    """
    before = sorted(desk.directory.iterdir())
    link = PostgresLink if stores.ON_POSTGRES else SqliteLink
    with monkeypatch.context() as patch:
        patch.setattr(link, "commit", failing_commit)
        for line in ("subscribe x flat --yes", "invoice run", "wallet grant x minutes 5 --reason gift --yes"):
            ended = desk(line, exit_code=74)
            assert ended.stdout == ""
            assert "Nothing was changed." in ended.stderr
            assert "undo with" not in ended.stderr
    assert sorted(desk.directory.iterdir()) == before
    assert desk.invoices() == desk.json("subscription list") == []
    assert desk.rows("SELECT * FROM stripe_operation") == []


def test_F019_a_change_of_interval_on_the_day_of_the_renewal_loses_no_month(desk: Desk) -> None:
    """A change and the cycle fall on the same instant, the period is advanced twice, and a month is skipped.
    Source: Polar@8454c2743c.
    """
    desk("subscribe x a --pay month --yes --quiet")
    desk("change now x a --pay year --yes --quiet", FEBRUARY)
    desk("invoice run", FEBRUARY)
    assert desk.totals("x") == ["30.00", "300.00"]
    assert desk.rows("SELECT starts_on, ends_on FROM billing_period ORDER BY 1") == [
        ("2026-01-01", "2026-02-01"),
        ("2026-02-01", "2027-02-01"),
    ]


def test_F020_a_run_that_stands_still_is_neither_overtaken_nor_repeated(desk: Desk) -> None:
    """A lock ends after a time, while the work it protects is still going on, and somebody else does it too.
    Source: autumn@7a54822a5, Lago@b33da4f4c.
    """
    # The first run is stopped with the write lock in its hands. No lease runs out: the second gives up, busy, on
    # SQLite, and leaves the customer to the first on PostgreSQL.
    desk.several_on("flat", 1)
    whole = run_invoices.apply_page

    def stand_still(*given: Any) -> Any:
        os.kill(os.getpid(), signal.SIGSTOP)
        return whole(*given)

    first = start(RUN, lambda: setattr(run_invoices, "apply_page", stand_still))
    os.waitpid(first.pid, os.WUNTRACED)
    second = start(f"invoice run --wait 0 --as-of {FEBRUARY}")
    if not stores.ON_POSTGRES:
        assert second.result().exit_code == BUSY
    os.kill(first.pid, signal.SIGCONT)
    assert first.result().exit_code == 0
    if stores.ON_POSTGRES:
        assert second.result().exit_code in {0, BUSY}
    assert_billed_once(desk, 1)


# --- numbers


def test_F021_runs_that_are_undone_leave_no_gap(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers are taken from a sequence, which keeps what a rolled-back transaction took.
    Source: PostgreSQL documentation, "Sequence Manipulation Functions"; measured: 518 for 150 rows.
    """
    desk.several_on("flat", 20)
    monkeypatch.setattr(run_invoices, "PAGE", 1)
    dice = random.Random(21)
    undone = 0

    def perhaps(*_given: Any) -> None:
        nonlocal undone
        if dice.random() < 0.6:
            undone += 1
            raise StoreFailure("the disk failed")

    with monkeypatch.context() as patch:
        patch.setattr(run_invoices, "_write_holds", perhaps)
        while desk.run("invoice", "run", "--quiet", "--as-of", FEBRUARY).exit_code:
            pass
    assert undone > 20
    assert_billed_once(desk, 20)
    assert desk.rows("SELECT first, next FROM number_series") == [(1, 21)]


@pytest.mark.sqlite_only  # the mutant commits on SQLite's own connection
@pytest.mark.parametrize("apart", [False, True], ids=["together", "apart"])
def test_F023_a_number_taken_in_a_transaction_of_its_own_would_be_lost(
    desk: Desk, copy: Callable[[], Path], monkeypatch: pytest.MonkeyPatch, apart: bool
) -> None:
    """Numbering was moved out of the invoice's transaction; it had to be taken back. Source: Lago@265d8adcc."""
    # `together` is planctl; `apart` is a mutant that commits the counter first, and the law of numbers finds it.
    desk.several_on("flat", 2)
    store = copy()
    take = numbering._advance

    def take_apart(tx: Tx, *given: Any) -> int:
        first = take(tx, *given)
        assert isinstance(tx.store.link, SqliteLink)
        for statement in ("COMMIT", "BEGIN IMMEDIATE"):
            tx.store.link.raw.execute(statement)
        return first

    def fail(*_given: Any) -> None:
        raise StoreFailure("the disk failed")

    with monkeypatch.context() as patch:
        if apart:
            patch.setattr(numbering, "_advance", take_apart)
        patch.setattr(invoices, "insert_rows", fail)
        desk("invoice run", FEBRUARY, exit_code=74)
    assert desk.invoices() == []
    assert ("numbers-consecutive" in str(broken_laws(store))) == apart


@pytest.mark.sqlite_only  # statements are heard on SQLite's own connection
def test_F024_the_counter_is_locked_once_a_page_and_last(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """One long-held lock on the number series stops everybody who finalizes. Source: OM@49b2f186a, Lago@7a6df8130."""
    # After the counter is moved nothing is decided any more: only the invoices, their lines, what they move and the
    # audit are written.
    desk.several_on("flat", 10)
    heard: list[str] = []
    page = run_invoices.bill_page

    def listening(tx: Tx, *given: Any) -> Any:
        assert isinstance(tx.store.link, SqliteLink)
        tx.store.link.raw.set_trace_callback(heard.append)
        done = page(tx, *given)
        tx.store.link.raw.set_trace_callback(None)
        return done

    monkeypatch.setattr(run_invoices, "bill_page", listening)
    desk("invoice run", FEBRUARY)
    (counted,) = [at for at, said in enumerate(heard) if said.startswith("UPDATE number_series")]
    decides = [at for at, said in enumerate(heard) if "SELECT" in said and "subscription" in said]
    assert decides
    assert max(decides) < counted


def test_F025_the_year_of_a_number_is_the_stores_own(desk: Desk) -> None:
    """Half an hour after New Year in the company's zone the number still says the old year.
    Source: Lago@bd11985db (#1671).
    """
    desk("config set timezone Europe/Berlin")
    desk("subscribe x flat --yes --quiet", "2026-12-31T22:59:59Z")
    desk("customer add y --currency USD --quiet")
    desk("subscribe y flat --yes --quiet", "2026-12-31T23:30:00Z")
    assert [one["number"] for one in desk.invoices()] == ["INV-2026-00001", "INV-2027-00001"]


@pytest.mark.sqlite_only  # files are copied
def test_F027_a_copy_of_the_books_bills_nobody_before_it_is_adopted(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clone of production, put on a staging machine, bills the same customers again.
    Source: WooCommerce documentation, "Subscriptions Handles Staging Sites".
    """
    real, clone = tmp_path / "real.db", tmp_path / "clone.db"
    monkeypatch.setenv("PLANCTL_STORE", str(real))
    for line in ("init real --quiet", "catalog apply catalog.yaml --yes --quiet",
                 "customer add x --currency USD --quiet", "subscribe x flat --yes --quiet"):  # fmt: skip
        desk(line)
    shutil.copy(real, clone)
    monkeypatch.setenv("PLANCTL_STORE", str(clone))
    key = tmp_path / "stripe.key"
    key.touch(mode=0o600)
    key.write_text("sk_live_51TheLiveKeyOfProduction000000000")
    monkeypatch.setenv("STRIPE_API_KEY_FILE", str(key))
    for line in ("invoice run", "stripe push --live --yes"):
        assert "[store-not-adopted]" in desk(line, FEBRUARY, exit_code=4).stderr, line
    assert desk.totals() == ["10.00"]
    desk("store adopt --reason 'the old machine is off' --yes", FEBRUARY)
    desk("invoice run", FEBRUARY)
    assert desk.totals() == ["10.00", "10.00"]
    assert broken_laws(clone) == []
