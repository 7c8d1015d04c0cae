"""Making a store's schema. It knows how migrations run, not what they contain.

The migrations are the only way to a schema. Each run is one transaction: all of it is there, or nothing.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, text

from planctl import clock
from planctl.identifiers import new_id
from planctl.store.access_roles import act_as_owner, renew
from planctl.store.failures import translated
from planctl.store.link import Link
from planctl.store.naming_places import place_of
from planctl.store.version import SCHEMA_VERSION
from planctl.values import dataclass

MIGRATIONS = Path(__file__).parent / "migrations"

FIRST_WITH_HOME = 7
"""The first schema in which a store says where it lives."""


@dataclass(frozen=True, slots=True)
class NewStore:
    """What a new store is born with. `at`: when (UTC microseconds; None: now); `timezone`: the business's.

    It lives where it is made, on the machine called `host` (empty: by its own name); a test store lives nowhere.
    """

    at: int | None = None
    is_test: bool = False
    timezone: str = "UTC"
    host: str = ""


@dataclass(frozen=True, slots=True)
class Upgrade:
    """From which schema version to which; equal when there was nothing to do."""

    before: int
    after: int


def create_schema(link: Link, new: NewStore) -> None:
    """Make an empty database a store, in one transaction; nothing happens if somebody else was first."""
    with translated(link.where):
        try:
            link.begin("write")
            if link.refresh_version() == 0:
                lay_schema(link)
                _introduce(link.connection, new)
                settle_in(link, 0, new.host)
            link.commit()
        except BaseException:
            link.rollback()
            raise


def lay_schema(link: Link) -> None:
    """Bring the database to the newest schema, on the open transaction of a write."""
    act_as_owner(link.connection)
    run_migrations(link.connection)
    renew(link.connection)
    link.write_version(SCHEMA_VERSION)


def settle_in(link: Link, before: int, host: str) -> None:
    """Let a store that was made or upgraded just now live where it is, if it had no home to say before.

    `before` is the schema that it had, 0 for a new one. A test store lives nowhere.
    """
    if before < FIRST_WITH_HOME:
        ((is_test,),) = link.rows("SELECT is_test FROM store_identity")
        if not is_test:
            link.change("UPDATE store_identity SET home = ?", [(place_of(link, host),)])


def run_migrations(connection: Connection) -> None:
    """Every migration that this database has not seen, on the open transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _introduce(connection: Connection, new: NewStore) -> None:
    at = clock.now() if new.at is None else new.at
    connection.execute(
        text(
            "INSERT INTO store_identity (id, store_id, created_at, is_test, high_water_at)"
            " VALUES (1, :store_id, :at, :is_test, NULL)"
        ),
        {"store_id": new_id("store", at), "at": at, "is_test": int(new.is_test)},
    )
    connection.execute(
        text("INSERT INTO setting (key, value) VALUES ('timezone', :timezone)"), {"timezone": new.timezone}
    )
