"""The hot statements against the schema: every table and column is there, and no question walks through a table."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator

import pytest

from planctl.store import hot, rows

STATEMENTS = {
    name: text
    for name, text in vars(hot).items()
    if name.isupper() and isinstance(text, str) and "SELECT" in text
}
MANY = re.compile(r"\{\}")
SMALL = {"catalog_object", "meter"}
"""Tables as long as a catalog is; these may be read from end to end."""


@pytest.fixture(scope="module")
def schema() -> Iterator[sqlite3.Connection]:
    """An empty database with the tables and indexes of `rows.py`, and nothing else."""
    from sqlalchemy import create_engine
    from sqlalchemy.pool import StaticPool

    raw = sqlite3.connect(":memory:")
    engine = create_engine("sqlite://", creator=lambda: raw, poolclass=StaticPool)
    rows.METADATA.create_all(engine)
    yield raw
    engine.dispose()
    raw.close()


def plan_of(schema: sqlite3.Connection, statement: str) -> list[str]:
    """How SQLite would answer; it refuses a statement that names what is not there."""
    text = MANY.sub("?, ?", statement)
    return [row[3] for row in schema.execute(f"EXPLAIN QUERY PLAN {text}", [1] * text.count("?"))]


def test_there_are_hot_statements() -> None:
    assert {"CUSTOMER", "SUBSCRIPTIONS", "OBJECTS", "KNOWN", "TIP", "OPERATION"} <= STATEMENTS.keys()


@pytest.mark.parametrize("name", sorted(STATEMENTS))
def test_a_hot_statement_names_only_what_the_schema_has(schema: sqlite3.Connection, name: str) -> None:
    assert plan_of(schema, STATEMENTS[name])


@pytest.mark.parametrize("name", sorted(STATEMENTS))
def test_a_hot_statement_finds_its_rows_by_a_key_or_an_index(schema: sqlite3.Connection, name: str) -> None:
    tables = {table.name: table for table in rows.METADATA.tables.values()}
    for step in plan_of(schema, STATEMENTS[name]):
        if not step.startswith("SCAN") or step in {
            "SCAN CONSTANT ROW",
            "SCAN stored",
        }:  # what it has made itself
            continue
        walked = step.split()[1]
        assert walked in tables, f"{name} walks through {walked}: {step}"
        ends = name in {"LAST_METER", "TIP"}  # the last row of a key, no more
        assert walked in SMALL or ends, f"{name}: {step}"


def test_the_columns_of_a_subscription_are_all_read() -> None:
    table = rows.METADATA.tables["subscription"]
    assert tuple(column.name for column in table.columns) == hot.SUBSCRIPTION_COLUMNS


def test_the_columns_of_a_stop_are_all_read() -> None:
    table = rows.METADATA.tables["blocked_span"]
    assert set(hot.STOP_COLUMNS) == {column.name for column in table.columns}
