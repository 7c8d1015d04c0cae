"""What an error of the database means to whoever runs the command. It opens nothing and retries nothing."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from planctl.errors import Busy, Conflict, InvalidInput, NotPermitted, PlanctlError, Refused, StoreFailure


class Collided(Busy):
    """Two wanted the same, and the engine undid this transaction whole or let it not begin: it can be done again."""


class Cut(StoreFailure):
    """The server cannot be reached or ended the connection; what was not committed is undone: do it again."""

    default_code = "connection"


class Unsure(StoreFailure):
    """The connection ended or the disk failed at the commit, and nobody can say what became of it."""

    default_code = "commit-unknown"


_PREAMBLE = re.compile(
    r"^(?:connection (?:failed|is bad): )?(?:connection to server .*? failed: )?(?:FATAL: +)?"
)
"""What PostgreSQL's client says before the reason: the place that `where` names already."""

_UNREADABLE = ("Could not decode to UTF-8", "unsupported file format")
"""How errors begin that have no code of their own and say that the file's bytes are not what was written."""

_UNWRITTEN = frozenset({
    sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_TRUNCATE, sqlite3.SQLITE_IOERR_FSYNC,
    sqlite3.SQLITE_IOERR_DIR_FSYNC,
})  # fmt: skip
"""What goes wrong only with a file that is written to."""


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Raise the database's errors as planctl's own; an error that only a bug can cause passes as it is.

    `where` names the store. Busy: somebody else writes. StoreFailure: disk, file or server. Conflict: a
    unique key refused a second row. Refused: a trigger guards what may not change.
    """
    try:
        yield
    except Exception as error:
        meaning = meaning_of(error, where)
        if meaning is None:
            raise
        raise meaning from error


@contextmanager
def translated_copy(source: str, copy: str) -> Iterator[None]:
    """The same while one SQLite file is copied into another: `where` names the one that the error is about."""
    try:
        yield
    except sqlite3.Error as error:
        with translated(copy if getattr(error, "sqlite_errorcode", 0) in _UNWRITTEN else source):
            raise


def meaning_of(error: Exception, where: str) -> PlanctlError | None:
    """The planctl error that a database error stands for; None for any other, and where a bug is the cause.

    Errors of SQLAlchemy carry the driver's error as `orig`; the drivers' own are taken as they are.
    """
    cause = getattr(error, "orig", error)
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorcode", None) or 0
        make = _SQLITE.get(code) or _SQLITE.get(code & 0xFF)
        if make is None and str(cause).startswith(_UNREADABLE):
            make = damaged
    elif hasattr(cause, "sqlstate"):
        state = cause.sqlstate or _unstated(cause)
        make = _POSTGRES.get(state) or _POSTGRES.get(state[:2])
    else:
        return None
    return make(where, _PREAMBLE.sub("", (str(cause).splitlines() or [""])[0])) if make else None


def _unstated(error: Exception) -> str:
    """The SQLSTATE of an error that has none, by its words: of the driver's own, and where no connection came to be."""
    said = str(error)
    for words, state in _SAID.items():
        if words in said:
            return state
    # "User does not have CONNECT privilege", below the first line, in whatever language the server speaks.
    is_detail = "CONNECT" in said.partition("\n")[2]
    return _NO_CONNECT if is_detail else _STATES.get(type(error).__name__, "")


def _busy(where: str, detail: str) -> PlanctlError:
    return Busy(
        "the store is busy: another command is using it",
        where=where,
        got=detail,
        hint="try again, or wait longer with --wait SECONDS",
    )


def _collided(where: str, detail: str) -> PlanctlError:
    return Collided(
        "the store is busy: another command changes the same",
        where=where,
        got=detail,
        hint="run the command again",
    )


def _cut(where: str, detail: str) -> PlanctlError:
    return Cut(
        "the store's server cannot be reached, or it ended the connection",
        where=where,
        got=detail,
        hint="check --store and whether the server runs, then run the command again",
    )


def _not_let_in(where: str, detail: str) -> PlanctlError:
    address = urlsplit(where)
    login, database = address.username or "LOGIN", address.path.lstrip("/") or "DATABASE"
    return NotPermitted(
        "this login may not connect to the store's database",
        where=where,
        got=detail,
        hint=f"an owner of the store lets it in: planctl access grant {login} --role viewer;"
        f" or the database's: GRANT CONNECT ON DATABASE {database} TO {login}",
    )


def _no_connection_left(where: str, detail: str) -> PlanctlError:
    return Collided(
        "the store's server has no connection left",
        code="too-many-connections",
        where=where,
        got=detail,
        hint="run the command again; where it lasts, raise the limit (max_connections, or CONNECTION LIMIT of the"
        " login or database), or use fewer --workers",
    )


def _no_memory(where: str, detail: str) -> PlanctlError:
    return StoreFailure(
        "the store's server is out of memory",
        code="server-limit",
        where=where,
        got=detail,
        hint="its log says which: the machine's memory, or max_locks_per_transaction where it is shared memory",
    )


def _limited(where: str, detail: str) -> PlanctlError:
    return StoreFailure(
        "the store's server stopped the command at a limit that it is configured with",
        code="server-limit",
        where=where,
        got=detail,
        hint="let the server's administrator raise the limit that it names, then run the command again",
    )


def _stopped(where: str, detail: str) -> PlanctlError:
    """By a timeout or by somebody, which one state means both; a server that speaks English says by whom."""
    canceled = "user request" in detail
    return StoreFailure(
        "somebody canceled the command at the store's server"
        if canceled
        else "the store's server stopped the command, which took longer than a timeout of the server allows",
        code="statement-stopped",
        where=where,
        got=detail,
        hint="run the command again"
        if canceled
        else "give the login more time and run it again: ALTER ROLE LOGIN SET statement_timeout = 0",
    )


def read_only(where: str, detail: str = "") -> PlanctlError:
    """A server that takes no writes: a replica, or a database that was closed after it was copied."""
    return NotPermitted(
        "the store may only be read: its server takes no writes",
        where=where,
        got=detail,
        hint="name the store that is written to with --store; a copy or a replica is only read",
    )


def viewing(where: str, login: str = "") -> NotPermitted:
    """A write by somebody who looks only: by the role that the server knows, or because that was asked for."""
    return NotPermitted(
        f"the store may only be read{f' by {login}, a viewer of it' if login else ''}; nothing was done",
        where=where,
        hint="an owner of the store may grant more: planctl access grant; or leave --read-only out",
    )


def _unkeepable(where: str, detail: str) -> PlanctlError:
    return InvalidInput(
        "a text holds a character that PostgreSQL cannot keep, such as NUL",
        where=where,
        got=detail,
        hint="take it out of the text; nothing was written",
    )


def _disk(where: str, detail: str) -> PlanctlError:
    return StoreFailure(
        "the store cannot be written: no space left, or the disk failed",
        code="disk",
        where=where,
        got=detail,
        hint="free some space and run the command again",
    )


def _unsynced(where: str, detail: str) -> PlanctlError:
    """The journal is gone, which is the commit, but that it is gone may not outlast a loss of power."""
    return Unsure(
        "the disk failed at the end of the change; whether it was kept is not known",
        where=where,
        got=detail,
        hint="planctl audit log shows it if it was; check the disk before anything else",
    )


def damaged(where: str, detail: str) -> StoreFailure:
    """The store's file is not what was written; `detail` says what cannot be read."""
    return StoreFailure(
        "the store is damaged",
        code="damaged",
        where=where,
        got=detail,
        hint="put the last backup (planctl store backup) in its place, then run planctl doctor",
    )


def _foreign(where: str, detail: str) -> PlanctlError:
    return InvalidInput(
        "the file is not a planctl store",
        code="not-a-store",
        where=where,
        got=detail,
        hint="check --store: it names another file",
    )


def _not_permitted(where: str, detail: str) -> PlanctlError:
    return NotPermitted(
        "this user may not do that in the store",
        where=where,
        got=detail,
        hint="run the command as an owner of the store",
    )


def _journal_left(where: str, detail: str) -> PlanctlError:
    return StoreFailure(
        "a command was stopped while it wrote, and what it left must be undone by somebody who may write",
        code="journal-left",
        where=where,
        got=detail,
        hint="let the owner of the store run any command once, such as planctl status; then read again",
    )


def _unreachable(where: str, detail: str) -> PlanctlError:
    return StoreFailure(
        "the store cannot be opened",
        where=where,
        got=detail,
        hint="check --store, and who may read it",
    )


def _already_there(where: str, detail: str) -> PlanctlError:
    return Conflict(
        "the store already holds this; nothing was written",
        code="already-recorded",
        where=where,
        got=detail.rpartition("constraint failed: ")[2],
        hint="look at what is recorded, then run the command again",
    )


def _final(where: str, detail: str) -> PlanctlError:
    return Refused(
        f"the store refuses to change what is final: {detail}",
        code="final",
        where=where,
        hint="it stays as it is; an invoice on which nothing was paid can be voided: planctl invoice void",
    )


_Maker = Callable[[str, str], PlanctlError]

_NO_CONNECT = "no CONNECT"
"""In the place of a SQLSTATE: the server knows the login and does not let it into the database."""

_SQLITE: dict[int, _Maker] = {
    sqlite3.SQLITE_BUSY: _busy,
    sqlite3.SQLITE_LOCKED: _busy,
    sqlite3.SQLITE_FULL: _disk,
    sqlite3.SQLITE_IOERR: _disk,
    sqlite3.SQLITE_IOERR_DIR_FSYNC: _unsynced,
    sqlite3.SQLITE_CORRUPT: damaged,
    sqlite3.SQLITE_NOTADB: _foreign,
    sqlite3.SQLITE_READONLY: _not_permitted,
    sqlite3.SQLITE_READONLY_ROLLBACK: _journal_left,
    sqlite3.SQLITE_READONLY_RECOVERY: _journal_left,
    sqlite3.SQLITE_PERM: _not_permitted,
    sqlite3.SQLITE_CANTOPEN: _unreachable,
    sqlite3.SQLITE_CONSTRAINT_UNIQUE: _already_there,
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY: _already_there,
    sqlite3.SQLITE_CONSTRAINT_TRIGGER: _final,
}
"""By extended or primary result code. Source: SQLite documentation, "Result and Error Codes"."""

_POSTGRES: dict[str, _Maker] = {
    "55P03": _busy,  # lock_not_available
    "40001": _collided,  # serialization_failure
    "40P01": _collided,  # deadlock_detected
    "57014": _stopped,  # query_canceled: statement_timeout, or pg_cancel_backend
    "25P04": _stopped,  # transaction_timeout
    "53100": _disk,  # disk_full
    "53200": _no_memory,
    "53300": _no_connection_left,  # too_many_connections
    "53": _limited,  # insufficient resources: 53400 is configuration_limit_exceeded
    "58": _disk,  # system error
    "XX": damaged,  # data corrupted
    _NO_CONNECT: _not_let_in,
    "42501": _not_permitted,
    "28": _not_permitted,  # invalid authorization
    "08": _cut,  # connection
    "57": _cut,  # shutdown
    "25P03": _cut,  # idle_in_transaction_session_timeout
    "25006": read_only,  # read_only_sql_transaction
    "3D": _unreachable,  # no such database
    "22021": _unkeepable,  # character_not_in_repertoire
    "23505": _already_there,
    "P0001": _final,
}
"""By SQLSTATE or its class. Source: PostgreSQL documentation, appendix A."""

_SAID = {
    "too many connections for": "53300",
    "too many clients already": "53300",
    "no more connections allowed": "53300",
    "remaining connection slots are reserved": "53300",
}
"""What a server, or a pooler, says in English where it lets nobody in. Source: PostgreSQL, proc.c, postinit.c."""

_STATES = {"OperationalError": "08000", "DataError": "22021"}
"""For the driver's own errors, which have no state: there is no connection, or not any more; a text holds NUL."""
