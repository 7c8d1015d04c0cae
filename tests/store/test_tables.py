"""The columns that statements use are those of the schema: one is made from the other, and neither drifts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite

from planctl.store import sets, tables
from planctl.store.rows import METADATA

ROOT = Path(__file__).parents[2]


def test_the_module_is_what_the_schema_says_today() -> None:
    written = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "write-tables.py"), "-"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    module = ROOT / "planctl" / "store" / "tables.py"
    assert module.read_text(encoding="utf-8") == written.stdout, "planctl/store/tables.py is old: make tables"


def test_every_table_of_the_schema_is_there_and_no_other() -> None:
    assert list(tables.COLUMNS) == list(METADATA.tables)


@pytest.mark.parametrize("name", METADATA.tables)
def test_a_table_has_the_columns_types_and_key_of_the_schema(name: str) -> None:
    assert described(sets.table(name)) == described(METADATA.tables[name])


@pytest.mark.parametrize("name", METADATA.tables)
def test_the_database_gives_no_number_of_its_own_in_either(name: str) -> None:
    assert sets.table(name).autoincrement_column is None
    assert METADATA.tables[name].autoincrement_column is None


def described(table: Table) -> dict[str, Any]:
    """All that a statement can depend on: columns in order with their types in both engines, and the key.

    What an older row has in a newer column is the database's alone: statements give every column.
    """
    columns = [
        (
            one.name,
            one.type.compile(sqlite.dialect()),
            one.type.compile(postgresql.dialect()),  # type: ignore[no-untyped-call]
            one.type.python_type,
            one.nullable,
            one.default,
            one.onupdate,
        )
        for one in table.columns
    ]
    return {"name": table.name, "columns": columns, "key": [one.name for one in table.primary_key]}
