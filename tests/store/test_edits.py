"""Whoever edits a store past planctl is found: a law names the object, whichever column of whichever table it was.

Source: planctl reliability rules, an audit bypassed by editing the database.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Column, Index, UniqueConstraint, text
from sqlalchemy.exc import IntegrityError

from planctl.core.audit import AuditEntry
from planctl.core.periods import Instant
from planctl.store import audit, customers
from planctl.store.audit_objects import UNSAID
from planctl.store.engine import Store, Tx, open_store
from planctl.store.laws import LAWS, Law
from planctl.store.rows import METADATA
from planctl.store.sets import insert_rows
from planctl.store.sets import table as described
from planctl.store.tables import COLUMNS
from planctl.store.touching import AUDITED
from tests import stores
from tests.store.lawbooks import ANY_BYTES, played

CATALOG = """\
format: planctl.catalog/1
catalog: shop
currencies: {USD: , EUR: }
defaults: {due: 7 days, grace: 3 days, packs: true}
features:
  seats: {type: metered, unit: seat, reset: never}
  minutes: {type: metered, unit: minute}
  visitors: {type: metered, unit: visitor, event: visit, aggregate: unique, value: visitor_id}
groups:
  main: {order: [pro, team]}
plans:
  pro:
    group: main
    price: {month: {USD: 49}}
    trial: 5 days
    features:
      minutes: {included: 100, beyond: {charge: usage, each: {USD: 0.10}}}
      visitors: {included: 1, beyond: {charge: usage, each: {USD: 1}}}
      seats: {included: 3, beyond: {charge: prepaid, each: {USD: 4}}}
  team:
    group: main
    price: {month: {USD: 99}}
    only_for: {list: friends}
    features:
      minutes: {included: 300, beyond: {charge: usage, each: {USD: 0.10}}}
addons:
  minutes_1k: {price: {once: {USD: 50}}, wallet: {minutes: 20}, expires: never}
coupons:
  half: {off: 50%, for: forever}
"""

CUSTOMERS = ("nova", "lune", "ada", "zoe")
HISTORY = """\
2026-01-01  config set seller.name Acme
2026-01-01  config set numbering.next 7
2026-01-01  subscribe nova pro --no-trial --coupon half --key first
2026-01-01  subscribe lune pro
2026-01-01  plan allow team ada zoe
2026-01-01  subscribe ada team
2026-01-01  assign zoe team
2026-01-02  wallet buy nova minutes_1k
2026-01-03  payment record INV-2026-00007 --method card
2026-01-03  payment record INV-2026-00008 150 --reference SEPA-1
2026-01-05  usage record nova minutes 130
2026-01-06  usage record nova visit --property visitor_id=a --id v-1
2026-01-12  subscription quantity nova seats=5
2026-01-10  invoice run
2026-02-01  invoice run
2026-02-02  usage record nova minutes 5 --at 2026-01-31 --id late-1
2026-02-03  credit-note create INV-2026-00007 --line 1=10 --to refund --reason outage
2026-02-09  invoice run
"""
"""Nova pays half and buys minutes; lune's trial ends; ada pays too much, then not at all and is blocked."""

LAID_DOWN: dict[str, dict[str, Any]] = {
    "change_note": {"id": "note-1", "revision": 1},
    "number_gap": {"series": "OLD", "year": 2020, "first": 3, "last": 4},
    "stripe_account": {"id": 1, "account": "acct_1", "cursor": 0},
    "stripe_operation": {"id": "op_1", "state": "dropped", "body": b"a=1"},
    "stripe_link": {"account": "acct_1"},
    "stripe_event": {"event_id": "evt_1", "state": "done"},
    "stripe_checkout": {"session": "cs_1", "customer": 1, "state": "expired"},
    "migration": {"name": "wave"},
    "migration_batch": {"migration": "wave", "batch": 1},
    "migration_member": {"migration": "wave", "state": "skipped"},
}
"""A row for each table that this history does not reach, written and audited as a command would; no law but those of
the audit is asked about them."""

BEFORE = {"migration_batch": ("migration",), "migration_member": ("migration",)}
"""What such a row refers to."""

OPEN = "(SELECT MIN(number) FROM invoice WHERE status IN ('open', 'past_due'))"
FORGED = (
    "INSERT INTO payment (id, customer, invoice, amount, currency, decimals, at, method, reference, status,"
    " recorded_at, to_balance) SELECT 'pay_forged', customer, id, total - credit - paid, currency, decimals,"
    f" issued_at + 1, 'card', '', 'succeeded', issued_at + 1, 0 FROM invoice WHERE number = {OPEN}",
    "UPDATE invoice SET paid = total - credit, status = 'paid', paid_at = issued_at + 1"
    f" WHERE number = {OPEN}",
)
"""A payment of all that an invoice still owes, which nobody made, and the invoice as it would be then."""

UNNAMED = "no audit entry names it: planctl did not write it, or the audit was edited"

UNSEEN = {
    ("store_identity", "home"): "a copy has another home than what it is a copy of, and says so itself",
    ("stripe_account", "cursor"): "how far events were read: read again, they are the same",
    ("subscription", "settled_at"): "a moment's shift within which nothing falls due changes nothing",
    ("subscription", "next_action_at"): "a run that looks sooner than it must finds nothing to do",
    (
        "usage_identity",
        "*",
    ): "ids only: who edits one counts nothing twice that the events themselves do not show",
    ("late_usage", "*"): "see the test of marks",
    ("import_batch", "*"): "what an import told; the events say what came in",
    (
        "usage_event",
        "*",
    ): "of billed usage the claim says what it came to; tests of the laws of usage edit the rest",
    ("usage_detail", "*"): "the same",
}
"""What no law can see, or need not, and why."""

OTHER: dict[tuple[str, str], str] = {
    ("invoice", "status"): "CASE status WHEN 'paid' THEN 'open' ELSE 'paid' END",
    ("subscription", "status"): "CASE status WHEN 'active' THEN 'past_due' ELSE 'active' END",
    ("settlement", "outcome"): "CASE outcome WHEN 'billed' THEN 'zero' ELSE 'billed' END",
    ("settlement", "is_open"): "1 - is_open",
}
"""Other values that planctl might have written itself."""

BY_KIND = {
    "BigInteger": 'coalesce("{0}", 0) + 100000',
    "Text": "\"{0}\" || '1'",
    "LargeBinary": ANY_BYTES,
}


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store with the history, its guards lifted: each test rolls back what it edits."""
    path = played(tmp_path_factory.mktemp("edits"), CATALOG, CUSTOMERS, HISTORY)
    with open_store(stores.url(path)) as store:
        with store.write() as tx:
            customers.put_hold(tx, "zoe", "looked-at", "by hand", 7)
            audit.append(tx, AuditEntry(Instant(7), "amy", "by hand"))
        stores.lift_guards(store)
        yield store


def _known(tx: Tx, name: str) -> dict[str, Any]:
    """A subscription that there is, for a row that names one."""
    if name != "migration_member":
        return {}
    return {"subscription": tx.connection.execute(text("SELECT MIN(id) FROM subscription")).scalar_one()}


def _blank(name: str) -> dict[str, Any]:
    values: dict[str, Any] = {"whole": 0, "text": "", "blob": b""}
    words = (word.partition(":") for word in COLUMNS[name].split())
    return {column.rstrip("*"): values[kind.rstrip("?")] for column, _, kind in words}


def test_nothing_is_found_before_anything_is_edited(books: Store) -> None:
    with books.read() as tx:
        assert [str(one) for law in _laws("audit") for one in law.violations(tx)] == []


@pytest.mark.parametrize(
    "name", sorted(COLUMNS.keys() - {table for table, column in UNSEEN if column == "*"})
)
def test_an_edit_of_any_column_is_found(books: Store, name: str) -> None:
    missed = set()
    for column in described(name).columns:
        said = OTHER.get((name, column.name)) or BY_KIND[type(column.type).__name__]
        statement = f'UPDATE {name} SET "{column.name}" = {said.format(column.name)}'
        with books.write() as tx:
            tx.rollback_only()
            if name in LAID_DOWN:
                for needed in BEFORE.get(name, ()):
                    insert_rows(tx, needed, [{**_blank(needed), **LAID_DOWN[needed]}])
                insert_rows(tx, name, [{**_blank(name), **LAID_DOWN[name], **_known(tx, name)}])
                audit.append(tx, AuditEntry(Instant(7), "amy", "by hand"))
            try:
                assert _edit_one(tx, name, statement), f"no row of {name} to edit"
            except IntegrityError:
                continue  # a key or a reference that the database itself looks at
            if not _seen(tx, name):
                missed.add(column.name)
    assert missed <= {column for table, column in UNSEEN if table == name}


def _edit_one(tx: Tx, name: str, statement: str) -> int:
    """Edit the first row of a table; how many were."""
    keys = [column.name for column in described(name).primary_key]
    named = ", ".join(f'"{key}"' for key in keys)
    row = tx.connection.execute(text(f"SELECT {named} FROM {name} ORDER BY {named} LIMIT 1")).one_or_none()
    if row is None:
        return 0
    where = " AND ".join(f'"{key}" = :{key}' for key in keys)
    return tx.connection.execute(text(f"{statement} WHERE {where}"), dict(row._mapping)).rowcount


def _seen(tx: Tx, name: str) -> bool:
    """Whether any law finds anything; those that are most likely to are asked first."""
    laws = _laws(name)[:2] if name in LAID_DOWN else _laws(name)
    return any(True for law in laws for _ in law.violations(tx))


def _laws(name: str) -> list[Law]:
    """All laws but that of the file, which an edit by SQL leaves whole, and that of the guards, which are lifted."""
    first = {"rows-as-audited", "audit-objects"} if name in AUDITED or name.startswith("audit") else set()
    return sorted(
        (law for law in LAWS if law.id not in {"store-whole", "schema-as-made"}),
        key=lambda law: (law.id not in first, law.id),
    )


@pytest.mark.parametrize("column", ["customer", "meter", "day", "at"])
def test_a_mark_of_late_usage_that_is_no_events_is_found(books: Store, column: str) -> None:
    law = next(law for law in LAWS if law.id == "events-unaltered")
    with books.write() as tx:
        tx.rollback_only()
        marks = "INSERT INTO late_usage (customer, meter, day, event_key, at)"
        event = "SELECT customer, meter, day, event_key, at FROM usage_event ORDER BY at LIMIT 1"
        tx.connection.execute(text(f"{marks} {event}"))
        assert [*law.violations(tx)] == []
        tx.connection.execute(text(f"UPDATE late_usage SET {column} = {column} + 1"))
        (found,) = law.violations(tx)
    assert "is marked as late at 2026-01-" in found.what


def test_an_edit_is_named_by_table_and_row(books: Store) -> None:
    found = _found(books, "UPDATE customer SET currency = 'EUR' WHERE id = 'ada'")
    assert len(found) == 1
    assert found[0].startswith("customer ada: it was changed past planctl: its hash is ")


def test_a_row_that_was_removed_is_named(books: Store) -> None:
    found = _found(books, "DELETE FROM allow_entry WHERE entry = 'zoe'")
    assert len(found) == 1
    # printf %s zoe | sha256sum
    zoe = "sha256:9d017e2681b7f31725e1c0fbe2612e89079c22806b02cf7a894b500dd5a219c1"
    assert found[0].startswith(f"allow_entry friends/{zoe}: it is gone; audit entry ")


def test_a_row_that_was_put_back_is_named(books: Store) -> None:
    with books.write() as tx:
        customers.put_hold(tx, "ada", "odd", "", 1)
        audit.append(tx, AuditEntry(Instant(8), "amy", "by hand"))
    with books.write() as tx:
        customers.clear_hold(tx, "ada", "odd")
        audit.append(tx, AuditEntry(Instant(9), "amy", "hold clear"))
    found = _found(books, "INSERT INTO hold (customer, reason, detail, since) VALUES (3, 'odd', '', 1)")
    assert len(found) == 1
    assert found[0].startswith("hold 3/odd: it is there again; audit entry ")


@pytest.mark.parametrize("name", sorted(AUDITED.keys() - UNSAID))
def test_a_row_that_was_put_in_is_named(books: Store, name: str) -> None:
    with books.write() as tx:
        tx.rollback_only()
        for needed in (*BEFORE.get(name, ()), *([name] if name in LAID_DOWN else ())):
            insert_rows(tx, needed, [{**_blank(needed), **LAID_DOWN[needed], **_known(tx, needed)}])
        audit.append(tx, AuditEntry(Instant(7), "amy", "by hand"))
        try:
            assert _forge(tx, name) == 1
        except IntegrityError:
            assert stores.ON_POSTGRES, "only a server looks at references whose guards are lifted"
            pytest.skip(f"a server refuses a row of {name} that refers to nothing")
        found = [str(one) for law in _laws("audit")[:2] for one in law.violations(tx)]
    assert len(found) == 1
    assert found[0].startswith(f"{name} ")
    assert found[0].endswith(f": {UNNAMED}")


def _forge(tx: Tx, name: str) -> int:
    """Put a row in that is like the first one, with keys of its own; how many were."""
    described = METADATA.tables[name]
    keys = {column.name for column in described.columns if column.primary_key or column.unique}
    for one in (*described.constraints, *described.indexes):
        if isinstance(one, UniqueConstraint) or (isinstance(one, Index) and one.unique):
            keys |= {column.name for column in one.columns}
    primary = {column.name for column in described.primary_key}
    free = {name for name in keys if not described.columns[name].foreign_keys}
    changed = free if free & primary else free | primary
    other = {"BigInteger": '"{0}" + 100000', "Text": "\"{0}\" || '1'"}

    def said(column: Column[Any]) -> str:
        own = column.name in changed
        return other[type(column.type).__name__].format(column.name) if own else f'"{column.name}"'

    named = ", ".join(f'"{column.name}"' for column in described.columns)
    values = ", ".join(map(said, described.columns))
    order = ", ".join(f'"{column.name}"' for column in described.primary_key)
    query = f"INSERT INTO {name} ({named}) SELECT {values} FROM {name} ORDER BY {order} LIMIT 1"
    return tx.connection.execute(text(query)).rowcount


def test_a_forged_payment_that_makes_all_sums_fit_is_found(books: Store) -> None:
    with books.write() as tx:
        tx.rollback_only()
        for statement in FORGED:
            assert tx.connection.execute(text(statement)).rowcount == 1
        found = [(one.law, str(one)) for law in _laws("audit") for one in law.violations(tx)]
    assert found == [("rows-as-audited", f"payment pay_forged: {UNNAMED}")]


def test_an_edit_that_a_later_command_wrote_over_is_still_named(books: Store) -> None:
    with books.write() as tx:
        tx.rollback_only()
        tx.connection.execute(text("UPDATE hold SET detail = 'nothing' WHERE reason = 'looked-at'"))
        customers.clear_hold(tx, "zoe", "looked-at")
        audit.append(tx, AuditEntry(Instant(9), "amy", "hold clear"))
        found = [str(one) for law in _laws("hold")[:2] for one in law.violations(tx)]
    assert len(found) == 1
    assert found[0].startswith("hold 4/looked-at: it was changed between audit entries ")


def test_rows_of_an_entry_that_were_edited_or_taken_away_are_counted(books: Store) -> None:
    found = _found(books, "DELETE FROM audit_object WHERE name = 'customer' AND id = 'ada'")
    assert found[0].startswith("audit entry 5: it names 1 rows (")
    assert "…), 0 are kept (" in found[0]
    assert found[1:] == [f"customer ada: {UNNAMED}"]


def _found(books: Store, statement: str) -> list[str]:
    """What the laws of the audit find after an edit, which is taken back."""
    with books.write() as tx:
        tx.rollback_only()
        tx.connection.execute(text(statement))
        return [str(one) for law in _laws("audit")[:2] for one in law.violations(tx)]
