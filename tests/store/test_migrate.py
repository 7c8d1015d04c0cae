"""The migrations make the schema of rows.py, whole or not at all, and never twice."""

from __future__ import annotations

import re
import shutil
import sqlite3
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text

from planctl.errors import Refused, StoreFailure
from planctl.store import migrate
from planctl.store.engine import open_store
from planctl.store.rows import METADATA
from planctl.store.version import SCHEMA_VERSION

Schema = dict[tuple[str, str], str]


def schema_of(path: Path) -> Schema:
    """Every table and index of a database with the statement that made it, in one way of writing it."""
    connection = sqlite3.connect(path)
    found = connection.execute(
        "SELECT type, name, sql FROM sqlite_schema WHERE type IN ('table', 'index') AND sql IS NOT NULL"
    ).fetchall()
    connection.close()
    return {(kind, name): re.sub(r"\s+", " ", sql).replace(" ,", ",") for kind, name, sql in found}


def test_the_migrations_make_exactly_the_schema_of_rows(store_path: Path, tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'rows.db'}")
    METADATA.create_all(engine)
    engine.dispose()
    migrated = schema_of(store_path)
    assert migrated.pop(("table", "alembic_version")).startswith("CREATE TABLE alembic_version")
    assert migrated == schema_of(tmp_path / "rows.db")


def test_the_last_migration_has_the_number_that_stores_carry() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrate.MIGRATIONS))
    scripts = ScriptDirectory.from_config(config)
    assert scripts.get_heads() == [f"{SCHEMA_VERSION:04}"]
    numbers = sorted(int(script.revision) for script in scripts.walk_revisions())
    assert numbers == list(range(1, SCHEMA_VERSION + 1))


def test_migrations_stand_alone(tmp_path: Path) -> None:
    """A migration that imported today's tables would make another schema tomorrow."""
    for file in (migrate.MIGRATIONS / "versions").glob("[0-9]*.py"):
        assert (
            re.findall(r"^\s*(?:from|import) planctl.*$", file.read_text(encoding="utf-8"), re.MULTILINE)
            == []
        )


def test_a_store_with_the_newest_schema_has_nothing_to_upgrade(store_path: Path) -> None:
    before = (store_path.read_bytes(), store_path.stat().st_mtime_ns)
    done = migrate.upgrade(str(store_path))
    assert done == migrate.Upgrade(1, 1)
    assert done.before == done.after
    assert (store_path.read_bytes(), store_path.stat().st_mtime_ns) == before


def test_a_missing_store_is_not_upgraded_into_being(tmp_path: Path) -> None:
    with pytest.raises(StoreFailure, match="no store yet"):
        migrate.upgrade(str(tmp_path / "books.db"))
    assert list(tmp_path.iterdir()) == []


def test_a_newer_store_is_not_taken_back(store_path: Path) -> None:
    with sqlite3.connect(store_path) as connection:
        connection.execute("PRAGMA user_version = 2")
    connection.close()
    with pytest.raises(Refused, match="newer planctl"):
        migrate.upgrade(str(store_path))


@pytest.fixture
def second_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if there were a second migration, which adds one table."""

    def add_a_table(connection: Connection) -> None:
        connection.execute(text("CREATE TABLE later (id INTEGER PRIMARY KEY) STRICT"))

    monkeypatch.setattr("planctl.store.version.SCHEMA_VERSION", 2)
    monkeypatch.setattr(migrate, "SCHEMA_VERSION", 2)
    monkeypatch.setattr(migrate, "_run", add_a_table)


@pytest.mark.usefixtures("second_schema")
def test_an_older_store_is_brought_up_to_date(store_path: Path) -> None:
    assert migrate.upgrade(str(store_path)) == migrate.Upgrade(1, 2)
    assert ("table", "later") in schema_of(store_path)
    open_store(str(store_path)).close()
    assert migrate.upgrade(str(store_path)) == migrate.Upgrade(2, 2)


@pytest.mark.usefixtures("second_schema")
def test_an_upgrade_that_fails_leaves_the_store_as_it_was(
    store_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(connection: Connection) -> None:
        connection.execute(text("CREATE TABLE later (id INTEGER PRIMARY KEY) STRICT"))
        raise KeyError("killed")

    before = schema_of(store_path)
    with monkeypatch.context() as patch:
        patch.setattr(migrate, "_run", half)
        with pytest.raises(KeyError):
            migrate.upgrade(str(store_path))
    assert schema_of(store_path) == before
    assert migrate.upgrade(str(store_path)) == migrate.Upgrade(1, 2)


def test_a_creation_that_fails_leaves_nothing_that_looks_like_a_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, run = tmp_path / "books.db", migrate._run

    def half(connection: Connection) -> None:
        run(connection)
        raise KeyError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(migrate, "_run", half)
        with pytest.raises(KeyError):
            open_store(str(path), create=True)
    assert path.read_bytes() == b""
    open_store(str(path), create=True).close()


def test_migrations_are_found_in_a_directory_with_odd_characters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = tmp_path / "100%s of it"
    shutil.copytree(migrate.MIGRATIONS, odd, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(migrate, "MIGRATIONS", odd)
    open_store(str(tmp_path / "books.db"), create=True).close()
