"""Tables, indexes, triggers and constraints: those that a store has, and those that planctl makes. It judges nothing.

What planctl makes is read from an empty database in memory on which the migrations have just run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from planctl.store.engine import Tx


class Object(NamedTuple):
    """One object of a schema: `table`, `index`, `trigger` or `constraint`, its name, and the table that it is of."""

    kind: str
    name: str
    table: str


Objects = Mapping[Object, str]
"""Each object with how it is defined, in a form in which equal ones are equal."""

_SQLITE = """
    SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite!_%' ESCAPE '!'
"""
"""What SQLite makes by itself, such as the index of a key, follows from the text of a table."""

_POSTGRES = """
    WITH mine AS (SELECT oid, relname, relkind FROM pg_class WHERE relnamespace = current_schema()::regnamespace)
    SELECT 'table', CAST(relname AS text), CAST(relname AS text), '' FROM mine WHERE relkind IN ('r', 'p')
    UNION ALL
    SELECT 'index', CAST(own.relname AS text), CAST(mine.relname AS text),
           CASE WHEN i.indisvalid THEN '' ELSE 'not valid' END
      FROM pg_index i JOIN mine own ON own.oid = i.indexrelid JOIN mine ON mine.oid = i.indrelid
    UNION ALL
    SELECT 'constraint', CAST(conname AS text), CAST(relname AS text),
           CASE WHEN convalidated THEN '' ELSE 'not validated' END
      FROM pg_constraint JOIN mine ON mine.oid = conrelid
    UNION ALL
    SELECT 'trigger', CAST(tgname AS text), CAST(relname AS text),
           CASE WHEN tgenabled IN ('O', 'A') THEN '' ELSE 'turned off' END
      FROM pg_trigger JOIN mine ON mine.oid = tgrelid WHERE NOT tgisinternal AND tgparentid = 0
"""
"""A server words definitions its own way and names everything: names are compared, and whether each is in force."""


def objects(tx: Tx) -> Objects:
    """What the store has."""
    is_file = tx.connection.dialect.name == "sqlite"
    if is_file:
        return {Object(*one): _plain(sql) for *one, sql in tx.rows(_SQLITE)}
    return {Object(*one): state for *one, state in tx.rows(_POSTGRES)}


def objects_as_made(tx: Tx) -> Objects:
    """What a store on the same engine has that was made just now."""
    made = _made()
    if tx.connection.dialect.name == "sqlite":
        return {one: _plain(sql) for one, sql in made.items()}
    return dict.fromkeys(_on_server(made), "")


@cache
def _made() -> Objects:
    from sqlalchemy import create_engine

    from planctl.store.migrate import run_migrations

    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        run_migrations(connection)
        rows = connection.exec_driver_sql(_SQLITE).all()
    engine.dispose()
    return {Object(kind, name, table): sql for kind, name, table, sql in rows}


def _plain(sql: str) -> str:
    """A definition without what means nothing: spaces, case and quotes of names, but for what stands in literals."""
    parts = sql.split("'")
    parts[::2] = [re.sub(r'[\s"]', "", part).lower() for part in parts[::2]]
    return "'".join(parts)


def _on_server(made: Objects) -> Iterator[Object]:
    """The objects that PostgreSQL has for those of a file: what stands in a table's text has a name of its own there.

    Source: PostgreSQL documentation, CREATE TABLE, on the names that constraints get by themselves.
    """
    for one, sql in made.items():
        yield one
        if one.kind == "trigger" and one.name.endswith("_no_delete"):
            yield one._replace(name=f"{one.name}_all")  # a server can also empty a table
        if one.kind == "table":
            for name in _constraints(one.name, sql):
                yield Object("constraint", name, one.table)
    yield Object("trigger", "audit_login", "audit")


def _constraints(table: str, sql: str) -> Iterator[str]:
    rest = sql
    for found in re.finditer(r"CONSTRAINT (\w+) (?:PRIMARY KEY|UNIQUE|CHECK)", sql):
        yield found[1]
        rest = rest.replace(found[0], "")
    if "PRIMARY KEY" in rest:
        yield f"{table}_pkey"
    yield from (f"{table}_{found[1]}_key" for found in re.finditer(r"UNIQUE \((\w+)\)", rest))
    yield from (f"{table}_{found[1]}_fkey" for found in re.finditer(r"FOREIGN KEY\((\w+)\)", rest))
