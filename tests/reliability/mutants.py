"""Mistakes that the harnesses must find: each changes the program in the child that runs a command, and only there.

A harness that has never failed proves nothing. Source: planctl reliability rules, crash points.
"""

from __future__ import annotations

from typing import Any

from planctl.core.audit import AuditEntry
from planctl.store import audit, numbering, outcomes, wallets
from planctl.store.engine import Tx
from planctl.store.sqlite_link import SqliteLink
from planctl.workflows import keep_wallets
from tests.reliability.fork import Task


def number_apart(_task: Task) -> None:
    """Numbers are taken in a transaction of their own. Source: Lago@265d8adcc (F023)."""
    advance = numbering._advance

    def apart(tx: Tx, series: str, year: int, how_many: int) -> int:
        first = advance(tx, series, year, how_many)
        _split(tx)
        return first

    _put(numbering, "_advance", apart)


def audit_after(_task: Task) -> None:
    """The audit entry is written once the change is kept."""
    append = audit.append

    def later(tx: Tx, entry: AuditEntry) -> int:
        _after_commit(tx, lambda: append(tx, entry))
        return 0

    _put(audit, "append", later)


def debit_after(_task: Task) -> None:
    """What is taken from a wallet is written once the rest is kept. Source: Lago@0fad050fb (F088)."""
    post = wallets.post_moves

    def later(tx: Tx, moves: Any) -> None:
        if moves:
            _after_commit(tx, lambda: post(tx, moves))

    for module in (keep_wallets, outcomes):
        _put(module, "post_moves", later)


def journal_off(_task: Task) -> None:
    """SQLite keeps no journal."""
    _set("PRAGMA journal_mode = OFF")


def sync_off(_task: Task) -> None:
    """SQLite does not wait for the disk."""
    _set("PRAGMA synchronous = OFF")


def _split(tx: Tx) -> None:
    link = tx.store.link
    assert isinstance(link, SqliteLink)
    link.raw.execute("COMMIT")
    link.raw.execute("BEGIN IMMEDIATE")


def _after_commit(tx: Tx, work: Any) -> None:
    link = tx.store.link
    assert isinstance(link, SqliteLink)
    commit = link.commit

    def twice() -> None:
        commit()
        link.begin("write")
        work()
        commit()

    _put(link, "commit", twice)


def _set(pragma: str) -> None:
    adopt = SqliteLink._adopt

    def adopted(link: SqliteLink, opened: Any) -> None:
        adopt(link, opened)
        link.raw.execute(pragma)

    _put(SqliteLink, "_adopt", adopted)


def _put(place: Any, name: str, function: Any) -> None:
    """Change a name for the rest of this process's life, which is short."""
    setattr(place, name, function)
