"""Stores for the tests of the laws: made by the commands themselves, edited by raw SQL past planctl."""

from __future__ import annotations

import shlex
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from planctl.__main__ import main
from planctl.store.engine import open_store
from planctl.store.laws import LAWS, Violation
from planctl.store.sqlite_link import SqliteLink


@dataclass(frozen=True)
class Edit:
    """An edit past planctl, and the laws that it breaks, with what one of them says about which object."""

    what: str
    laws: str
    says: str
    statements: Sequence[str]


def played(folder: Path, catalog: str, customers: Iterable[str], history: str) -> Path:
    """A store in which every line of `history`, a date and a command, was done."""
    path = folder / "books.db"
    (folder / "catalog.yaml").write_text(catalog)

    def planctl(at: str, command: str) -> int:
        return main(["--store", str(path), "--as-of", at, "--yes", "--quiet", *shlex.split(command)])

    assert planctl("2026-01-01", f"init {shlex.quote(str(folder / 'made'))} --test") == 0
    assert planctl("2026-01-01", f"catalog apply {shlex.quote(str(folder / 'catalog.yaml'))}") == 0
    for customer in customers:
        assert planctl("2026-01-01", f"customer add {customer} --currency USD") == 0
    for line in history.splitlines():
        at, command = line.split("  ")
        assert planctl(at, command) == 0, line
    return path


def violations(path: Path) -> list[Violation]:
    """What all laws find."""
    with open_store(str(path)) as store, store.read() as tx:
        return [violation for law in LAWS for violation in law.violations(tx)]


def unnoticed(path: Path, table: str, where: str) -> set[str]:
    """The columns of a table in which no law sees an edit of the one row that `where` names."""
    edited_values = {"INTEGER": "coalesce({0}, 0) + 100000", "TEXT": "{0} || '1'", "BLOB": "x'41'"}
    missed = set()
    with open_store(str(path)) as store:
        assert isinstance(store.link, SqliteLink)
        for name in triggers_of(store.link.raw):
            store.link.raw.execute(f'DROP TRIGGER "{name}"')
        store.link.raw.execute("PRAGMA foreign_keys = OFF")
        store.link.raw.execute("PRAGMA ignore_check_constraints = ON")
        columns = [(row[1], row[2]) for row in store.link.raw.execute(f"PRAGMA table_info({table})")]
        for column, kind in columns:
            with store.write() as tx:
                tx.rollback_only()
                value = edited_values[kind].format(f'"{column}"')
                statement = f'UPDATE {table} SET "{column}" = {value} WHERE {where}'
                assert tx.connection.exec_driver_sql(statement).rowcount == 1
                if not any(True for law in reversed(LAWS) for _ in law.violations(tx)):
                    missed.add(column)
    return missed


def triggers_of(connection: sqlite3.Connection) -> list[str]:
    """The names of the file's triggers."""
    return [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'")]


def edited(path: Path, *statements: str) -> None:
    """Run SQL on the file, with its triggers out of the way, and put them back; each must change something."""
    with raw(path) as connection:
        for statement in statements:
            assert connection.execute(statement).rowcount, statement


class raw:
    """The file without planctl, without triggers; they are put back at the end."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None)

    def __enter__(self) -> sqlite3.Connection:
        found = self.connection.execute(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'"
        ).fetchall()
        self.triggers = [sql for _, sql in found]
        for name, _ in found:
            self.connection.execute(f'DROP TRIGGER "{name}"')
        return self.connection

    def __exit__(self, *_: object) -> None:
        for sql in self.triggers:
            self.connection.execute(sql)
        self.connection.close()


def of(customer: str, plan: str) -> str:
    """A subquery: the id of a customer's subscription to a plan."""
    return (
        "(SELECT s.id FROM subscription s JOIN customer c ON c.seq = s.customer"
        f" WHERE c.id = '{customer}' AND s.plan = '{plan}')"
    )


def numbered(number: int) -> str:
    """A subquery: the id of an invoice."""
    return f"(SELECT id FROM invoice WHERE number = 'INV-2026-{number:05}')"
