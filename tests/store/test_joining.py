"""Text statements and SQLAlchemy's are of one transaction, whichever comes first."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from planctl.errors import StoreFailure
from planctl.store.engine import Store, Tx
from planctl.store.settings import all_settings
from planctl.store.sqlite_link import SqliteLink
from tests import stores

SET = "INSERT INTO setting (key, value) VALUES (?, ?)"


@pytest.fixture
def fresh(store: Store, store_path: Path) -> Path:
    """A store that nobody has open, so that SQLAlchemy has no part in it yet."""
    store.close()
    return store_path


def set_both(tx: Tx) -> None:
    tx.change(SET, [("by.text", "1")])
    tx.connection.execute(text("INSERT INTO setting (key, value) VALUES ('by.library', '2')"))
    assert {row[0] for row in tx.rows("SELECT key FROM setting")} >= {"by.text", "by.library"}


def fail_after(tx: Tx) -> None:
    set_both(tx)
    raise ZeroDivisionError


def test_both_are_kept_together(fresh: Path) -> None:
    with stores.opened(fresh) as store, store.write() as tx:
        set_both(tx)
    with stores.opened(fresh) as store, store.read() as tx:
        assert {"by.text", "by.library"} <= all_settings(tx).keys()


def test_both_are_undone_together(fresh: Path) -> None:
    with stores.opened(fresh) as store:
        with pytest.raises(ZeroDivisionError), store.write() as tx:
            fail_after(tx)
        with store.write() as tx:
            set_both(tx)
            tx.rollback_only()
        with store.read() as tx:
            assert not {"by.text", "by.library"} & all_settings(tx).keys()


def test_a_statement_says_how_many_rows_it_changed(fresh: Path) -> None:
    with stores.opened(fresh) as store, store.write() as tx:
        assert tx.change(SET, [("a", "1"), ("b", "2")]) == 2
        assert tx.change("UPDATE setting SET value = ? WHERE key = ?", [("3", "a"), ("4", "none")]) == 1


@pytest.mark.sqlite_only
def test_a_text_statement_asks_for_no_library(fresh: Path) -> None:
    with stores.opened(fresh) as store:
        with store.write() as tx:
            tx.change(SET, [("by.text", "1")])
        assert isinstance(store.link, SqliteLink)
        assert "connection" not in vars(store.link)


@pytest.mark.sqlite_only
def test_no_text_statement_is_sent_outside_a_transaction(fresh: Path) -> None:
    with stores.opened(fresh) as store, store.write() as tx:
        assert isinstance(store.link, SqliteLink)
        store.link.raw.rollback()  # as SQLite does by itself when the disk is full
        with pytest.raises(StoreFailure, match="ended the transaction by itself"):
            tx.change(SET, [("late", "1")])
        with pytest.raises(StoreFailure, match="ended the transaction by itself"):
            tx.rows("SELECT 1")
        store.link.raw.execute("BEGIN")
        tx.rollback_only()
