"""The audit chain: appended with each write, never changed unseen, and true to its published formula."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from planctl import __version__
from planctl.core.audit import AuditEntry, Tip, Touched
from planctl.core.periods import Instant
from planctl.errors import Refused
from planctl.store import audit
from planctl.store.audit_objects import objects_of
from planctl.store.engine import Store, open_store
from planctl.store.laws.rows import as_audited
from planctl.store.sets import insert_rows
from planctl.store.settings import put_setting
from planctl.store.version import SCHEMA_VERSION
from tests import stores

NEW_YEAR = Instant(1_767_225_600_000_000)  # 2026-01-01T00:00:00Z
ZEROS = "0" * 64


def record(store: Store, *commands: str) -> None:
    for command in commands:
        with store.write() as tx:
            audit.append(tx, AuditEntry(NEW_YEAR, "amy", command))


def test_an_entry_says_who_did_what_when_and_why(store: Store) -> None:
    entry = AuditEntry(
        at=NEW_YEAR,
        actor="amy",
        command="invoice void",
        arguments={"number": "INV-2026-00007"},
        as_of=Instant(NEW_YEAR + 500_000),
        reason="wrong customer",
        key="void-7",
        origin={"uid": "1000", "sudo_user": "bob"},
        touched=(Touched("invoice", "inv_7", "aa", "bb"),),
        counts={"invoices": 1},
        totals={"USD": "49.00"},
    )
    with store.write() as tx:
        assert audit.append(tx, entry) == 1
    with store.read() as tx:
        (kept,) = audit.entries(tx)
    document = kept.document
    assert isinstance(document, dict)
    objects = document.pop("objects")
    assert isinstance(objects, dict)
    assert set(objects) == {"count", "digest"}
    origin = document["origin"]
    assert isinstance(origin, dict)
    assert bool(origin.pop("session_user", "")) == stores.ON_POSTGRES
    assert document == {
        "at": "2026-01-01T00:00:00Z",
        "actor": "amy",
        "command": "invoice void",
        "arguments": {"number": "INV-2026-00007"},
        "as_of": "2026-01-01T00:00:00.500000Z",
        "reason": "wrong customer",
        "key": "void-7",
        "origin": {"uid": "1000", "sudo_user": "bob"},
        "program": {"planctl": __version__, "schema": str(SCHEMA_VERSION)},
        "touched": [["invoice", "inv_7", "aa", "bb"]],
        "counts": {"invoices": "1"},
        "totals": {"USD": "49.00"},
    }


def test_the_chain_is_the_published_formula(store: Store) -> None:
    """sha256 over a prefix with a NUL, the previous hash in hexadecimal, and the canonical body."""
    record(store, "first", "second")
    with store.read() as tx:
        first, second = audit.entries(tx)
    assert (first.seq, first.prev, second.seq, second.prev) == (1, ZEROS, 2, first.hash)
    body = json.dumps(
        {
            "actor": "amy",
            "at": "2026-01-01T00:00:00Z",
            "command": "second",
            **({"origin": {"session_user": "owner"}} if stores.ON_POSTGRES else {}),
            "program": {"planctl": __version__, "schema": str(SCHEMA_VERSION)},
        },
        separators=(",", ":"),
    )
    assert second.body == body
    assert second.hash == hashlib.sha256(f"planctl-audit-v1\0{first.hash}{body}".encode()).hexdigest()


def test_equal_texts_in_other_unicode_forms_have_one_body(store: Store) -> None:
    record(store, "first", "caf\u00e9", "cafe\u0301")
    with store.read() as tx:
        _, first, second = audit.entries(tx)
    assert first.body == second.body


def test_an_undone_write_leaves_no_entry(store: Store) -> None:
    record(store, "first")
    with store.write() as tx:
        tx.rollback_only()
        audit.append(tx, AuditEntry(NEW_YEAR, "amy", "dry"))
    record(store, "second")
    with store.read() as tx:
        assert [entry.seq for entry in audit.entries(tx)] == [1, 2]
        assert audit.verify(tx) == []


def test_a_row_that_was_undone_alone_is_not_named(store: Store) -> None:
    """What a part of the transaction added and took back is nowhere, so no entry may say that it is there."""
    record(store, "first")
    with store.write() as tx:
        with tx.part() as undo:
            put_setting(tx, "seller.name", "Alpha")
            insert_rows(tx, "meter", [{"id": 7, "name": "calls"}])
            undo()
        put_setting(tx, "seller.city", "Rome")
        audit.append(tx, AuditEntry(NEW_YEAR, "amy", "second"))
    with store.read() as tx:
        assert [(one.table, one.id) for one in objects_of(tx, [2])[2]] == [("setting", "seller.city")]
        assert list(as_audited(tx)) == []


def test_entries_are_read_on_from_where_the_reader_stopped(store: Store) -> None:
    record(store, "one", "two", "three")
    with store.read() as tx:
        assert [entry.seq for entry in audit.entries(tx, after=1, limit=1)] == [2]
        assert audit.tip(tx).seq == 3


def test_an_empty_chain_holds(store: Store) -> None:
    with store.read() as tx:
        assert audit.tip(tx) == Tip(0, ZEROS)
        assert audit.verify(tx) == []


# --- what triggers refuse

FORGERIES = [
    "UPDATE audit SET body = '{}' WHERE seq = 2",
    "DELETE FROM audit WHERE seq = 3",
    pytest.param(
        "INSERT OR REPLACE INTO audit (seq, prev, hash, body) SELECT 2, prev, hash, '' FROM audit WHERE seq = 2",
        marks=pytest.mark.sqlite_only,
    ),
    pytest.param(
        "REPLACE INTO audit (seq, prev, hash, body) SELECT 3, prev, 'other', '{}' FROM audit WHERE seq = 3",
        marks=pytest.mark.sqlite_only,
    ),
    "INSERT INTO audit (seq, prev, hash, body) VALUES (5, 'unknown', 'other', '{}')",
    "INSERT INTO audit (seq, prev, hash, body) SELECT 4, prev, 'other', '{}' FROM audit WHERE seq = 2",
    "INSERT INTO audit (seq, prev, hash, body) SELECT 0, hash, 'other', '{}' FROM audit WHERE seq = 3",
]


@pytest.mark.parametrize("forgery", FORGERIES)
def test_the_store_takes_no_forged_entry(store: Store, forgery: str) -> None:
    record(store, "one", "two", "three")
    with pytest.raises(Refused, match="audit"), store.write() as tx:
        tx.connection.execute(text(forgery))


@pytest.mark.parametrize("forgery", FORGERIES)
def test_not_even_a_shell_replaces_an_entry(store_path: Path, forgery: str) -> None:
    """Without recursive triggers REPLACE removes a row unseen; the insert itself is looked at first."""
    with open_store(stores.url(store_path)) as store:
        record(store, "one", "two", "three")
    with stores.raw(store_path) as raw, pytest.raises(stores.driver().Error, match="audit"):
        raw.execute(forgery)


# --- what gets past them


def tampered(store_path: Path, tamper: Callable[[stores.Raw], object]) -> list[str]:
    """The complaints after somebody who owns the file removed the triggers and did as they pleased."""
    with open_store(stores.url(store_path)) as store:
        record(store, "one", "two", "three", "four")
    with stores.unguarded(store_path) as raw:
        tamper(raw)
    with open_store(stores.url(store_path)) as store, store.read() as tx:
        return audit.verify(tx)


def test_a_changed_entry_is_named(store_path: Path) -> None:
    found = tampered(
        store_path,
        lambda raw: raw.execute("UPDATE audit SET body = replace(body, 'amy', 'bob') WHERE seq = 2"),
    )
    assert len(found) == 1
    assert found[0].startswith("audit entry 2 has been altered: its hash is ")


def test_a_changed_entry_with_a_fresh_hash_breaks_the_next_link(store_path: Path) -> None:
    def rewrite(raw: stores.Raw) -> None:
        prev, body = raw.execute("SELECT prev, body FROM audit WHERE seq = 2").fetchone()
        forged = body.replace("amy", "bob")
        fresh = hashlib.sha256(f"planctl-audit-v1\0{prev}{forged}".encode()).hexdigest()
        raw.execute("UPDATE audit SET body = ?, hash = ? WHERE seq = 2", [forged, fresh])

    found = tampered(store_path, rewrite)
    assert len(found) == 1
    assert found[0].startswith("audit entry 3 follows ")


def test_a_missing_entry_is_named(store_path: Path) -> None:
    assert tampered(store_path, lambda raw: raw.execute("DELETE FROM audit WHERE seq = 2")) == [
        "audit entry 2 is missing: the next one there is 3"
    ]


def test_a_chain_cut_short_shows_only_against_an_anchor(store_path: Path) -> None:
    assert tampered(store_path, lambda raw: raw.execute("DELETE FROM audit WHERE seq = 4")) == []
    with open_store(stores.url(store_path)) as store, store.read() as tx:
        anchor = Tip(4, "ab" * 32)
        assert audit.verify(tx, [anchor]) == ["the anchor has entry 4 (abababababab…), the store ends at 3"]


def test_a_chain_written_anew_shows_only_against_an_anchor(store: Store) -> None:
    record(store, "one", "two")
    with store.read() as tx:
        assert audit.verify(tx, [Tip(1, "ab" * 32)]) == [
            "audit entry 1 is not the one that was anchored (abababababab…)"
        ]
        assert audit.verify(tx, [audit.tip(tx)]) == []
