"""Where the whole business stands, as counts and sums: what is due, what is unpaid. It decides nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select, union

from planctl.core.instants import Instant
from planctl.store.sets import table
from planctl.store.subscriptions import late_of_ended

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_S = table("subscription")
_V = table("invoice")


@dataclass(frozen=True, slots=True)
class Due:
    """How many customers a run would look at, and since when the first waits; None where nobody does."""

    customers: int
    since: Instant | None


@dataclass(frozen=True, slots=True)
class Unpaid:
    """Unpaid invoices of one currency: all, and those past their due date. Amounts in minor units."""

    currency: str
    decimals: int
    invoices: int
    amount_minor: int
    overdue: int
    overdue_minor: int


def due(tx: Tx, as_of: int) -> Due:
    """What a run as of `as_of` would look at."""
    some = select(_S.c.customer).where(_S.c.next_action_at <= as_of)
    both = union(some, late_of_ended()).subquery()
    first = select(func.min(_S.c.next_action_at)).where(_S.c.next_action_at <= as_of).scalar_subquery()
    count, since = tx.connection.execute(select(func.count(), first).select_from(both)).one()
    if count and since is None:  # late usage alone waits for the next run
        since = as_of
    return Due(count, None if since is None else Instant(since))


def unpaid(tx: Tx, as_of: int) -> list[Unpaid]:
    """Unpaid invoices per currency, by code; an invoice is overdue from its due date on."""
    left = _V.c.total - _V.c.credit - _V.c.paid
    overdue = _V.c.due_at <= as_of
    query = (
        select(
            _V.c.currency,
            _V.c.decimals,
            func.count(),
            func.sum(left),
            func.count().filter(overdue),
            func.coalesce(func.sum(left).filter(overdue), 0),
        )
        .where(_V.c.status.in_(("open", "past_due")))
        .group_by(_V.c.currency, _V.c.decimals)
        .order_by(_V.c.currency)
    )
    return [
        Unpaid(row[0], row[1], row[2], int(row[3]), row[4], int(row[5]))
        for row in tx.connection.execute(query)
    ]
