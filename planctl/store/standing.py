"""Where the whole business stands, as counts and sums: what is due, what is unpaid. It decides nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, func, select, union

from planctl.core.instants import Instant
from planctl.core.subscriptions.model import LIVE, Status
from planctl.store.sets import table
from planctl.store.subscriptions import late_of_ended
from planctl.values import dataclass

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


@dataclass(frozen=True, slots=True)
class Soon:
    """What ends by itself until `until`: trials, and plans whose terms run out; None where none does."""

    until: Instant
    trials: int = 0
    first_trial_at: Instant | None = None
    expiries: int = 0
    first_expiry_at: Instant | None = None


def soon(tx: Tx, as_of: int, until: Instant) -> Soon:
    """What ends by itself after `as_of` and up to `until`."""
    trials = _ending(tx, _S.c.trial_ends_at, as_of, until, _S.c.status == Status.TRIALING.value)
    expires = _S.c.status.in_(sorted(LIVE)) & (_S.c.end_reason == "expired")
    expiries = _ending(tx, _S.c.ends_at, as_of, until, expires)
    return Soon(until, *trials, *expiries)


def _ending(
    tx: Tx, at: ColumnElement[Any], as_of: int, until: int, what: ColumnElement[bool]
) -> tuple[int, Instant | None]:
    query = select(func.count(), func.min(at)).where(what, at > as_of, at <= until)
    number, first = tx.connection.execute(query).one()
    return number, None if first is None else Instant(first)


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
    overdue = func.coalesce(_V.c.extended_due_at, _V.c.due_at) <= as_of
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
