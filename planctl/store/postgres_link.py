"""PostgreSQL's transaction rules: one writer at a time, readers see one state. It knows no table.

The lock belongs to the transaction, so a lost connection never leaves it behind.
Source: PostgreSQL documentation, "Explicit Locking", advisory locks; "Transaction Isolation".
"""

from __future__ import annotations

from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from planctl.errors import InvalidInput, StoreFailure
from planctl.store.failures import translated
from planctl.store.url import StoreUrl
from planctl.store.version import check_version

WRITER = 0x706C616E
"""The advisory lock every writer holds: `plan` in ASCII."""


class PostgresLink:
    """A link to a PostgreSQL database; see `planctl.store.link.Link`."""

    def __init__(self, url: StoreUrl, *, wait_seconds: int, create: bool, allow_older: bool) -> None:
        del create  # the database itself is made by its administrator; a missing schema is version 0
        self.where = str(url)
        self.writable = True
        self.version = 0
        self._wait_ms = max(1, wait_seconds * 1000)  # 0 would mean: for ever
        address = url.address.replace("postgresql://", "postgresql+psycopg://", 1)
        try:
            self._engine = create_engine(address, poolclass=NullPool, hide_parameters=True)
        except ModuleNotFoundError as error:
            raise StoreFailure(
                "the PostgreSQL driver is not installed",
                where=self.where,
                hint="install it: pip install 'planctl-billing[postgres]'",
            ) from error
        with translated(self.where):
            self.connection = self._engine.connect()
            try:
                with self.connection.begin():
                    check_version(self.refresh_version(), self.where, allow_older=allow_older)
            except BaseException:
                self.close()
                raise

    def begin(self, *, write: bool) -> None:
        """A write takes the writers' lock first; a read sees the state of its first statement to its end."""
        self.connection.begin()
        if write:
            self.connection.execute(text(f"SET LOCAL lock_timeout = {self._wait_ms}"))
            self.connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": WRITER})
        else:
            self.connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))

    def holds_transaction(self) -> bool:
        """Whether a transaction is open; the server refuses every statement after an error by itself."""
        return self.connection.in_transaction()

    def commit(self) -> None:
        """COMMIT."""
        self.connection.commit()

    def rollback(self) -> None:
        """ROLLBACK."""
        self.connection.rollback()

    def refresh_version(self) -> int:
        """The number of the last migration the database has seen; 0 for an empty database."""
        tables = set(
            self.connection.execute(
                text("SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()")
            ).scalars()
        )
        if "store_identity" in tables and "alembic_version" in tables:
            number = self.connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
            self.version = int(number)
        elif tables:
            raise InvalidInput(
                "the database belongs to another program",
                code="not-a-store",
                where=self.where,
                expected="an empty database or a planctl store",
                got=f"{len(tables)} other tables",
                hint="make a database for planctl alone; nothing was written",
            )
        return self.version

    def write_version(self, version: int) -> None:
        """Nothing: the migrations have recorded it."""
        self.version = version

    def close(self) -> None:
        """End the connection."""
        self.connection.close()
        self._engine.dispose()
