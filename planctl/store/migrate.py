"""Making a store's schema and bringing it up to date. It knows how migrations run, not what they contain.

The migrations are the only way to a schema. Each run is one transaction: all of it is there, or nothing.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from planctl import clock
from planctl.errors import Busy
from planctl.identifiers import new_id
from planctl.store.failures import Collided, meaning_of, translated
from planctl.store.link import Link, open_link
from planctl.store.retrying import attempted
from planctl.store.url import StoreUrl
from planctl.store.version import SCHEMA_VERSION, missing
from planctl.values import dataclass

MIGRATIONS = Path(__file__).parent / "migrations"


@dataclass(frozen=True, slots=True)
class NewStore:
    """What a new store is born with. `at`: when (UTC microseconds; None: now); `timezone`: the business's."""

    at: int | None = None
    is_test: bool = False
    timezone: str = "UTC"


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
            link.commit()
        except BaseException:
            link.rollback()
            raise


def upgrade(url: str, *, wait_seconds: int = 5) -> Upgrade:
    """Bring a store to the newest schema, in one transaction; a failure leaves it as it was.

    On PostgreSQL others read on until a table is changed. No store: StoreFailure. A newer schema than this planctl
    knows: Refused. A table that somebody reads for long: Busy, after several tries.
    """
    link = open_link(StoreUrl.parse(url), wait_seconds=wait_seconds, allow_older=True)
    try:
        if link.version == 0:
            raise missing(link.where)
        before = link.version
        if before < SCHEMA_VERSION:
            before = attempted(lambda: _upgrade(link))
        return Upgrade(before, SCHEMA_VERSION)
    finally:
        link.close()


def _upgrade(link: Link) -> int:
    with translated(link.where):
        try:
            link.begin("write")
            before = link.refresh_version()
            link.be_brief()
            _lay_on_free_tables(link)
            link.commit()
        except BaseException:
            link.rollback()
            raise
    return before


def _lay_on_free_tables(link: Link) -> None:
    try:
        lay_schema(link)
    except DBAPIError as error:
        if isinstance(meaning_of(error, link.where), Busy):
            raise Collided(
                "a long command is using a table that the upgrade changes",
                where=link.where,
                hint="wait until it is done (an export, doctor, invoice run), then run planctl store upgrade again",
            ) from error
        raise


def lay_schema(link: Link) -> None:
    """Bring the database to the newest schema, on the open transaction of a write."""
    _run(link.connection)
    link.write_version(SCHEMA_VERSION)


def _run(connection: Connection) -> None:
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
