"""Who usage is recorded for: customers by id with their root, and how far their subscriptions are settled.

A customer with a parent records for the root of its company. It decides nothing.
Source: planctl billing rules, companies.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from sqlalchemy import select

from planctl.store.sets import chunks, table
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_C = table("customer")
_S = table("subscription")

_T = table("terms")

_AT_ONCE = 5000
"""Customers in one statement: an import asks for tens of thousands at a time."""

MOST_KEPT = 300_000
"""Customers that are remembered, some 80 MB of them."""

NEVER = -1
"""`settled_at` of a customer of whom nothing was ever settled: every event comes after it."""


@dataclass(frozen=True, slots=True)
class UsageCustomer:
    """A customer as usage sees it: `root` holds the plans, `seq` is the root's small number.

    An event before `settled_at` (UTC microseconds) may be late; one at or after it is not. `child_seq` is the
    customer's own small number where it belongs to a company, else 0.
    """

    id: str
    root: str
    seq: int
    settled_at: int = NEVER
    child_seq: int = 0

    @property
    def is_child(self) -> bool:
        """Whether its usage is recorded for another customer."""
        return self.id != self.root


def usage_customers(tx: Tx, customer_ids: Iterable[str]) -> dict[str, UsageCustomer]:
    """Those of the customers that exist, by id."""
    found: dict[str, UsageCustomer] = {}
    for chunk in chunks(dict.fromkeys(customer_ids), _AT_ONCE):
        query = f"SELECT id, seq, parent FROM customer WHERE id IN ({_marks(chunk)})"
        rows = {name: (seq, parent) for name, seq, parent in tx.rows(query, chunk)}
        roots = _roots(tx, {parent for _, parent in rows.values() if parent})
        at = {name: (seq, name) if not parent else roots[parent] for name, (seq, parent) in rows.items()}
        settled = _settled(tx, {seq for seq, _ in at.values()})
        for name, (seq, root) in at.items():
            child_seq = 0 if name == root else rows[name][0]
            found[name] = UsageCustomer(name, root, seq, settled.get(seq, NEVER), child_seq)
    return found


class UsageCustomers:
    """Customers as usage sees them, remembered while nobody else can have changed them.

    SQLite says whether anybody else wrote since, so an import keeps them from one transaction to the next; on a
    server they are kept for one transaction. Not more than MOST_KEPT.
    """

    def __init__(self) -> None:
        self._found: dict[str, UsageCustomer] = {}
        self._state: object = None

    def known(self, tx: Tx, customer_ids: Collection[str]) -> Mapping[str, UsageCustomer]:
        """Those of the customers that exist, by id, and maybe others."""
        is_file = tx.store.url.engine == "sqlite"
        state = next(iter(tx.rows("PRAGMA data_version")))[0] if is_file else tx
        if state != self._state or len(self._found) + len(customer_ids) > MOST_KEPT:
            self._found = {}
        self._state = state
        self._found |= usage_customers(tx, (name for name in customer_ids if name not in self._found))
        return self._found


def priced_by_event(tx: Tx, customer_ids: Iterable[str]) -> list[str]:
    """Those of the customers who have or had a subscription whose terms may price single events (percentages)."""
    chosen = select(_T.c.hash).where(_T.c.document.contains('"percentage"'))
    hashes = [row.hash for row in tx.connection.execute(chosen)]
    found: dict[str, None] = {}
    for some in chunks(hashes):
        for chunk in chunks(dict.fromkeys(customer_ids)):
            query = (
                select(_C.c.id)
                .distinct()
                .join(_S, _S.c.customer == _C.c.seq)
                .where(_C.c.id.in_(chunk), _S.c.terms_hash.in_(some))
            )
            found |= dict.fromkeys(row.id for row in tx.connection.execute(query))
    return list(found)


def _roots(tx: Tx, parents: set[int]) -> dict[int, tuple[int, str]]:
    """The root (small number and id) of each of these customers, through any number of levels."""
    known: dict[int, tuple[int, str]] = {}
    missing = set(parents)
    while missing:
        query = select(_C.c.seq, _C.c.parent, _C.c.id).where(_C.c.seq.in_(sorted(missing)))
        known |= {row.seq: (row.parent, row.id) for row in tx.connection.execute(query)}
        missing = {parent for parent, _ in known.values() if parent and parent not in known}
    found = {}
    for number in parents:
        seq = number
        while known[seq][0]:
            seq = known[seq][0]
        found[number] = (seq, known[seq][1])
    return found


def _settled(tx: Tx, numbers: set[int]) -> dict[int, int]:
    if not numbers:
        return {}
    query = (
        "SELECT customer, MAX(settled_at) FROM subscription"
        f" WHERE customer IN ({_marks(numbers)}) AND settled_at IS NOT NULL GROUP BY customer"
    )
    return {row[0]: row[1] for row in tx.rows(query, sorted(numbers))}


def _marks(values: Collection[object]) -> str:
    return ", ".join("?" * len(values))
