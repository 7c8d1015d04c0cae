"""The audit's rows: one entry appended in each write's own transaction, read back, verified; nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from planctl import __version__
from planctl.core.audit import AuditEntry, ChainedEntry, Tip, body_text, broken, chained
from planctl.store import hot
from planctl.store.sets import insert_rows, table
from planctl.store.version import SCHEMA_VERSION

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_PROGRAM = {"planctl": __version__, "schema": str(SCHEMA_VERSION)}


def append(tx: Tx, entry: AuditEntry) -> int:
    """Chain an entry to the last one, in the transaction that it tells of; its number, from 1."""
    tx.alone()
    row = chained(tip(tx), body_text(entry, _PROGRAM))
    insert_rows(tx, "audit", [{"seq": row.seq, "prev": row.prev, "hash": row.hash, "body": row.body}])
    return row.seq


def tip(tx: Tx) -> Tip:
    """The last entry's number and hash: what to anchor elsewhere; number 0 where there is none."""
    found = hot.one(tx, hot.TIP)
    return Tip() if found is None else Tip(*found)


def entries(tx: Tx, *, after: int = 0, limit: int | None = None) -> Iterator[ChainedEntry]:
    """The entries numbered above `after`, oldest first; at most `limit`."""
    from sqlalchemy import select

    audit = table("audit")
    query = select(audit).where(audit.c.seq > after).order_by(audit.c.seq).limit(limit)
    with tx.connection.execute(query, execution_options={"yield_per": 1_000}) as rows:
        for row in rows:
            yield ChainedEntry(row.seq, row.prev, row.hash, row.body)


def verify(tx: Tx, anchor: Tip | None = None) -> list[str]:
    """A sentence for every place where the chain is broken; nothing where it holds.

    Without an anchor kept elsewhere it finds edits, not a chain cut short or written anew as a whole.
    """
    return list(broken(entries(tx), anchor))
