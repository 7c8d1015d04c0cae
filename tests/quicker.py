"""Lets the many stores of one test process share what is the same in all: the schema's text and compiled statements.

A command of planctl opens one store, lays a schema once and compiles each statement once; here thousands follow one
another in a process. Nothing else differs, and what runs as a program of its own knows nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import Connection, Engine
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

from planctl.store import migrate

Migrations = Callable[[Connection], None]

_STATEMENTS = 5_000
"""More than planctl has, so that none is compiled twice."""


def share(patch: pytest.MonkeyPatch) -> None:
    """Share both in this process, until the patch is undone."""
    patch.setattr(migrate, "run_migrations", _remembering(migrate.run_migrations))
    made = sqlalchemy.create_engine
    compiled: LRUCache[Any, Any] = LRUCache(_STATEMENTS)

    def create_engine(*words: Any, **options: Any) -> Engine:
        engine = made(*words, **options)
        if engine.dialect.name == "sqlite":
            engine.update_execution_options(compiled_cache=compiled)
        return engine

    patch.setattr(sqlalchemy, "create_engine", create_engine)
    patch.setattr(SQLiteDialect_pysqlite, "__eq__", lambda one, other: type(one) is type(other))
    patch.setattr(SQLiteDialect_pysqlite, "__hash__", lambda one: hash(type(one)))


def _remembering(migrations: Migrations) -> Migrations:
    """The migrations, which run the first time and are repeated from what they left in an empty SQLite file."""
    schema: list[str] = []
    rows: list[tuple[str, list[Any]]] = []

    def run(connection: Connection) -> None:
        if connection.dialect.name != "sqlite" or _objects(connection):
            migrations(connection)
            return
        raw: Any = connection.connection.driver_connection
        if schema:
            for statement in schema:
                raw.execute(statement)
            for statement, values in rows:
                raw.executemany(statement, values)
            return
        migrations(connection)
        found = _objects(connection)
        rows.extend(_rows(raw, name) for name, _, kind in found if kind == "table")
        schema.extend(text for _, text, _ in found)

    return run


def _objects(connection: Connection) -> list[Any]:
    """Name, text and kind of everything in the file that is not SQLite's own, in the order in which it was made."""
    raw: Any = connection.connection.driver_connection
    query = "SELECT name, sql, type FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
    found: list[Any] = raw.execute(f"{query} ORDER BY rowid").fetchall()
    return found


def _rows(raw: Any, name: str) -> tuple[str, list[Any]]:
    cursor = raw.execute(f'SELECT * FROM "{name}"')
    marks = ", ".join("?" * len(cursor.description))
    return f'INSERT INTO "{name}" VALUES ({marks})', cursor.fetchall()
