"""Laws of the store itself: the database, who may read it, and the chain of its audit. It knows no billing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from planctl.core.audit import Verifier
from planctl.store.audit import entries, verify
from planctl.store.laws.model import Breach, Law
from planctl.store.maintenance import integrity

if TYPE_CHECKING:
    from planctl.core.anchoring import Binding
    from planctl.store.engine import Tx


def whole(tx: Tx) -> Iterator[Breach]:
    """Pages, indexes, references and header are sound, and only the owner may read or replace the file."""
    for sentence in integrity(tx):
        yield Breach("store", sentence)


def anchored(bound: Binding, place: str) -> Law:
    """The law that the chain still contains every one of these tips, which were kept in a place elsewhere.

    That none of this store is there breaks it: a place that was emptied must not pass for one that holds.
    """

    def breaches(tx: Tx) -> Iterator[Breach]:
        if not bound.is_there:
            yield Breach("audit", f"no tip of it is kept at {place}, so nothing shows that its end is there")
        for fault in Verifier(bound.tips).faults(entries(tx)):
            if fault.kind != "edited":
                yield Breach("audit", fault.what)

    return Law("audit-anchored", "the audit contains every tip that was kept elsewhere", breaches)


def chained(tx: Tx) -> Iterator[Breach]:
    """Every audit entry follows the one before it by hash, from the first."""
    for sentence in verify(tx):
        yield Breach("audit", sentence)
