"""Who is due, and claiming a page of them, so that several runs at once share the work. It decides nothing.

A claim lasts as long as its transaction: who dies lets go of it. It only reduces noise; what stops a second
invoice is the unique key. Source: PostgreSQL documentation, "SELECT", the locking clause and SKIP LOCKED.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, select, union

from planctl.store.sets import table
from planctl.store.subscriptions import late_of_ended

if TYPE_CHECKING:
    from planctl.store.engine import Store, Tx

_C = table("customer")
_S = table("subscription")
_I = table("invoice")
_L = table("late_usage")


def has_several_writers(store: Store) -> bool:
    """Whether runs can work side by side in a store; where one writer is alone, nothing is ever skipped."""
    return store.url.engine != "sqlite"


def due(tx: Tx, as_of: int) -> array[int]:
    """The small numbers of all customers that a run as of `as_of` must look at, rising: eight bytes each."""
    some = select(_S.c.customer).where(_S.c.next_action_at <= as_of)
    # Few customers have late usage: begin with them, not with every subscription.
    late = late_of_ended().where(_S.c.customer.in_(select(_L.c.customer)))
    both = union(some, late).subquery()
    query = select(both.c.customer).order_by(both.c.customer)
    return array("q", tx.connection.execute(query).scalars())


def due_among(tx: Tx, as_of: int, seqs: Sequence[int]) -> list[tuple[int, str]]:
    """Those of these customers that are due now: (small number, id), by number."""
    return _read(tx, _due_among(as_of, seqs))


def claim_page(tx: Tx, as_of: int, seqs: Sequence[int]) -> list[tuple[int, str]]:
    """The same, claimed to the end of the transaction; without those that somebody else has claimed.

    What is read afterwards is as it is when it is claimed: whom somebody else has just billed is left out.
    """
    if not has_several_writers(tx.store):
        return due_among(tx, as_of, seqs)
    # NO KEY: rows that only refer to the customer can still be written.
    claimed = _read(tx, _due_among(as_of, seqs).with_for_update(of=_C, key_share=True, skip_locked=True))
    # A customer whose claim ended while this statement ran was due when it began.
    return due_among(tx, as_of, [seq for seq, _ in claimed]) if claimed else []


def was_kept(tx: Tx, invoice_id: str) -> bool:
    """Whether the transaction that made this invoice was committed."""
    return tx.connection.execute(select(_I.c.id).where(_I.c.id == invoice_id)).first() is not None


def _due_among(as_of: int, seqs: Sequence[int]) -> Select[Any]:
    some = select(_S.c.customer).where(_S.c.customer.in_(seqs), _S.c.next_action_at <= as_of)
    late = late_of_ended().where(_S.c.customer.in_(seqs))
    return select(_C.c.seq, _C.c.id).where(_C.c.seq.in_(some.union_all(late))).order_by(_C.c.seq)


def _read(tx: Tx, query: Select[Any]) -> list[tuple[int, str]]:
    return [(row.seq, row.id) for row in tx.connection.execute(query)]
