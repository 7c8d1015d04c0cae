"""The audit's rows: one entry appended in each write's own transaction, read back, verified; nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from planctl import __version__
from planctl.core.audit import Anchor, AuditEntry, ChainedEntry, Tip, body_text, broken, chained
from planctl.core.instants import Instant, instant_text
from planctl.errors import Refused
from planctl.store import hot
from planctl.store.audit_objects import note_all, taken, write_objects
from planctl.store.sets import insert_rows, table
from planctl.store.settings import identity
from planctl.store.version import SCHEMA_VERSION

if TYPE_CHECKING:
    from planctl.core.anchoring import Adopted
    from planctl.store.engine import Tx

_PROGRAM = {"planctl": __version__, "schema": str(SCHEMA_VERSION)}


def append(tx: Tx, entry: AuditEntry) -> int:
    """Chain an entry to the last one, in the transaction that it tells of; its number, from 1.

    It names every row of an audited table that the transaction has changed since the last entry; the first one of a
    store names all that are there.
    """
    tx.alone()
    login = tx.store.link.login
    if login:
        entry = replace(entry, origin={**entry.origin, "session_user": login})
    last = tip(tx)
    if not last.seq:
        note_all(tx)
    objects, said = taken(tx)
    row = chained(last, body_text(replace(entry, objects=said), _PROGRAM))
    insert_rows(tx, "audit", [{"seq": row.seq, "prev": row.prev, "hash": row.hash, "body": row.body}])
    write_objects(tx, row.seq, objects)
    return row.seq


def tip(tx: Tx) -> Tip:
    """The last entry's number and hash: what to anchor elsewhere; number 0 where there is none."""
    found = hot.one(tx, hot.TIP)
    return Tip() if found is None else Tip(*found)


def anchor_of(tx: Tx, at: Instant) -> Anchor:
    """The tip as it is kept elsewhere: with the store, its generation, and when."""
    who = identity(tx)
    return Anchor(tip(tx), who.store_id, who.generation, instant_text(at), who.adoption)


def check_reaches(tx: Tx, anchor: Anchor | None, where: str) -> None:
    """Refused (`store-behind-anchor`) where the chain does not contain an anchor; None is contained in every chain."""
    if anchor is None or anchor.tip.seq == 0:
        return
    row = hot.one(tx, "SELECT hash FROM audit WHERE seq = ?", (anchor.tip.seq,))
    if row is not None and row[0] == anchor.tip.hash:
        return
    raise Refused(
        "the store is older than its anchor: it was put back from a copy, or its audit was changed",
        code="store-behind-anchor",
        where=where,
        expected=f"audit entry {anchor.tip.seq} with the hash {anchor.tip.hash[:12]}… ({anchor.at})",
        got=f"an audit that ends at {tip(tx).seq}" if row is None else f"one with the hash {row[0][:12]}…",
        hint="planctl audit verify says more; if this store goes on: planctl store adopt --reason TEXT",
    )


def entries(tx: Tx, *, after: int = 0, limit: int | None = None) -> Iterator[ChainedEntry]:
    """The entries numbered above `after`, oldest first; at most `limit`."""
    from sqlalchemy import select

    audit = table("audit")
    query = select(audit).where(audit.c.seq > after).order_by(audit.c.seq).limit(limit)
    with tx.connection.execute(query, execution_options={"yield_per": 1_000}) as rows:
        for row in rows:
            yield ChainedEntry(row.seq, row.prev, row.hash, row.body)


def adoptions(tx: Tx) -> list[Adopted]:
    """Where the audit says that the store was adopted, oldest first."""
    from planctl.core.anchoring import ADOPTING, adopted_in

    query = "SELECT seq, prev, hash, body FROM audit WHERE body LIKE ? ORDER BY seq"
    rows = tx.rows(query, (f'%"command":"{ADOPTING}"%',))
    return [one for row in rows if (one := adopted_in(ChainedEntry(*row))) is not None]


def verify(tx: Tx, anchors: Iterable[Tip] = ()) -> list[str]:
    """A sentence for every place where the chain is broken; nothing where it holds.

    Without anchors kept elsewhere it finds edits, not a chain cut short or written anew as a whole.
    """
    return list(broken(entries(tx), anchors))
