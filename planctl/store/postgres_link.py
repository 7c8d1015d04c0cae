"""PostgreSQL's transaction rules: one writer at a time or several shares, readers see one state. It knows no table.

Locks and settings belong to the transaction, so a lost connection never leaves them behind and a pooler may stand
between. A connection that was lost is made again by the next transaction.
Source: PostgreSQL documentation, "Explicit Locking", advisory locks; "Transaction Isolation"; "Transaction ID and
Snapshot Information Functions".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from planctl import clock
from planctl.core.access import Role
from planctl.errors import InvalidInput, NotPermitted
from planctl.store.failures import Cut, Unsure, read_only, translated, viewing
from planctl.store.kind import Kind
from planctl.store.postgres_address import engine_of
from planctl.store.retrying import wait_ms
from planctl.store.url import StoreUrl
from planctl.store.version import check_version

WRITER = 0x706C616E
"""The advisory lock every writer holds, `plan` in ASCII: a write holds it alone, shares together."""

TURN = WRITER + 1
"""The advisory lock that shares take one after the other, for numbers and the audit."""

TABLES = """
    SELECT relname FROM pg_class
    WHERE relnamespace = to_regnamespace(current_schema()) AND relkind IN ('r', 'p')
"""
"""Every table in the schema of the connection, also those that this user may not read."""

WHO = """
    SELECT current_setting('transaction_read_only'), CAST(session_user AS text), coalesce((
        SELECT CASE WHEN pg_has_role(relowner, 'USAGE') THEN 'owner'
                    WHEN has_table_privilege(oid, 'INSERT') THEN 'manager'
                    WHEN has_table_privilege(oid, 'SELECT') THEN 'viewer' ELSE '' END
        FROM pg_class WHERE relname = 'audit' AND relnamespace = to_regnamespace(current_schema())
    ), CASE WHEN current_schema() IS NULL THEN '' ELSE 'owner' END)
"""
"""Whether the server takes writes; the login that it knows, whatever role was taken since; and what he may do.

Who may write to the audit may write; a database without a store has whoever is there for its owner.
"""

BRIEF_MS = 1_000
"""How long an upgrade waits for a table at a time."""

SHARE_WAIT_MS = 60_000
"""How long a share waits at least: in front of it may stand a writer who waits for shares that wait for their turn."""

LIFE = "(SELECT CAST(stats_reset AS text) FROM pg_stat_wal)"
"""When the server began to count: it throws its counts away in every crash and at no other time by itself."""

NUMBER_AND_LIFE = f"SELECT CAST(pg_current_xact_id_if_assigned() AS text), {LIFE}"

STATUS_AND_LIFE = f"SELECT pg_xact_status(CAST(:number AS xid8)), {LIFE}"

NOT_GIVEN_YET = "22023"
"""What the server says of a number that no transaction has: it crashed before it wrote anything of that one."""

QUESTIONS = 7
"""How often the server is asked what became of a commit, over about ten seconds."""


class PostgresLink:
    """A link to a PostgreSQL database; see `planctl.store.link.Link`."""

    def __init__(
        self, url: StoreUrl, *, wait_seconds: int, create: bool, allow_older: bool, read_only: bool = False
    ) -> None:
        del create  # the database itself is made by its administrator; a missing schema is version 0
        self.where = str(url)
        self.version = 0
        self._wait_ms = max(1, wait_seconds * 1000)  # 0 would mean: for ever
        self._engine = engine_of(url)
        with translated(self.where):
            self.connection = self._engine.connect()
            try:
                with self.connection.begin():
                    self.connection.exec_driver_sql(self._brief_waits())
                    only_reads, self.login, held = self.connection.execute(text(WHO)).one()
                    self.role = _role(held, self.login, self.where, read_only=read_only)
                    self.writable = only_reads == "off" and self.role is not Role.VIEWER
                    check_version(self.refresh_version(), self.where, allow_older=allow_older)
            except BaseException:
                self.close()
                raise

    def begin(self, kind: Kind) -> None:
        """What writes takes the writers' lock first; a read sees the state of its first statement to its end."""
        if kind != "read" and not self.writable:
            raise viewing(self.where, self.login) if self.role is Role.VIEWER else read_only(self.where)
        try:
            self._begin(kind)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            self.connection.rollback()  # it ended while nothing was going on, so nothing is lost
            self._begin(kind)

    def _begin(self, kind: Kind) -> None:
        self.connection.begin()
        if kind == "read":
            only = ", READ ONLY" if self.role is Role.VIEWER else ""
            self.connection.exec_driver_sql(
                f"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ{only}; {self._brief_waits()}"
            )
            return
        wait_ms = self._wait_ms if kind == "write" else max(self._wait_ms, SHARE_WAIT_MS)
        self.connection.execute(text(f"SET LOCAL lock_timeout = {wait_ms}"))
        lock = "pg_advisory_xact_lock" if kind == "write" else "pg_advisory_xact_lock_shared"
        self.connection.execute(text(f"SELECT {lock}(:key)"), {"key": WRITER})

    def _brief_waits(self) -> str:
        """What lets a transaction wait no longer than was given at opening, for a table that somebody holds too."""
        return f"SET LOCAL lock_timeout = {self._wait_ms}"

    def be_alone(self) -> None:
        """Take the shares' turn, however long it takes; it ends with the transaction. Again is nothing.

        Who has it comes to an end, so of many that wait none gives up what it has done; the server finds deadlocks.
        """
        self.connection.execute(text("SET LOCAL lock_timeout = 0"))
        self.connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": TURN})

    def be_brief(self) -> None:
        """A second, or less where less was given at opening."""
        self.connection.execute(text(f"SET LOCAL lock_timeout = {min(self._wait_ms, BRIEF_MS)}"))

    def holds_transaction(self) -> bool:
        """Whether a transaction is open; the server refuses every statement after an error by itself."""
        return self.connection.in_transaction()

    def commit(self) -> None:
        """COMMIT. Where the connection ends meanwhile, the server is asked what became of it.

        Cut where nothing was kept; Unsure where the server does not say.
        """
        number, life = self.connection.execute(text(NUMBER_AND_LIFE)).one()
        try:
            self.connection.commit()
        except DBAPIError as error:
            if not error.connection_invalidated or number is None:  # refused, or nothing was written
                raise
            self.connection.rollback()
            if not self._was_kept(number, life):
                raise Cut(
                    "the store's server ended the connection before the commit",
                    where=self.where,
                    hint="run the command again",
                ) from error

    def _was_kept(self, number: str, life: str) -> bool:
        """Whether the transaction of that number was committed. It may still be going on: then ask again."""
        for question in range(QUESTIONS):
            clock.pause(wait_ms(question))
            outcome = self._outcome(number, life)
            if outcome in {"committed", "aborted"}:
                return outcome == "committed"
            if outcome == "unknown":
                break
        raise Unsure(
            "the connection ended at the commit, and the server does not say whether the change was kept",
            where=self.where,
            hint="planctl audit log shows it if it was; with --key the command may be run again in any case",
        )

    def _outcome(self, number: str, life: str) -> str:
        """committed, aborted, in progress or unknown; empty where the server does not answer.

        A server that crashed gives a number again of which it had written nothing. Then only aborted is certain.
        """
        try:
            with self.connection.begin():
                status, now = self.connection.execute(text(STATUS_AND_LIFE), {"number": number}).one()
        except DBAPIError as error:
            return "aborted" if getattr(error.orig, "sqlstate", "") == NOT_GIVEN_YET else ""
        return "unknown" if status is None or (status == "committed" and now != life) else str(status)

    def rollback(self) -> None:
        """ROLLBACK."""
        self.connection.rollback()

    def refresh_version(self) -> int:
        """The number of the last migration the database has seen; 0 for an empty database."""
        tables = set(self.connection.execute(text(TABLES)).scalars())
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

    def stored_version(self) -> int:
        """The number of the last migration."""
        return int(self.connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one())

    def write_version(self, version: int) -> None:
        """Nothing: the migrations have recorded it."""
        self.version = version

    def stream(self, query: str, size: int) -> Iterator[list[tuple[Any, ...]]]:
        """Rows by a cursor that the server keeps until the transaction ends."""
        with self._raw.cursor(name="planctl_stream", binary=True) as cursor:
            cursor.execute(query)
            while rows := cursor.fetchmany(size):
                yield rows

    def fill(self, name: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        """One COPY, which checks what the rows refer to at its end."""
        named = ", ".join(f'"{column}"' for column in columns)
        with (
            self._raw.cursor() as cursor,
            cursor.copy(f'COPY "{name}" ({named}) FROM STDIN') as copy,
        ):
            for row in rows:
                copy.write_row(row)

    def rows(self, statement: str, values: Sequence[Any] = ()) -> Iterable[Any]:
        """The rows of a statement."""
        found = self.connection.exec_driver_sql(statement.replace("?", "%s"), tuple(values))
        return iter(found) if found.returns_rows else ()

    def change(self, statement: str, rows: Sequence[Sequence[Any]]) -> int:
        """The statement for each row; how many rows it changed."""
        return self.connection.exec_driver_sql(
            statement.replace("?", "%s"), [tuple(row) for row in rows]
        ).rowcount

    @property
    def _raw(self) -> Any:
        """The driver's connection, in the same transaction."""
        return self.connection.connection.driver_connection

    def close(self) -> None:
        """End the connection."""
        self.connection.close()
        self._engine.dispose()


def _role(held: str, login: str, where: str, *, read_only: bool) -> Role:
    """What the login may do, at most looking where only that is wanted; NotPermitted where not even that."""
    if not held:
        raise NotPermitted(
            f"{login} has no role on this store",
            where=where,
            expected="viewer, manager or owner",
            hint=f"an owner of the store may grant one: planctl access grant {login} --role viewer",
        )
    return Role.VIEWER if read_only else Role(held)
