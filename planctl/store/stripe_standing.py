"""Where the business stands with Stripe, as counts and short lists: what waits, what is unpaid. It decides nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from planctl.core.document import document_of
from planctl.core.periods import Instant
from planctl.core.stripe.status_report import LastEvent, OpenPage, UnpaidThere, WaitingEvent
from planctl.store.sets import table

if TYPE_CHECKING:
    from planctl.core.stripe.model import Account
    from planctl.store.engine import Tx

_E = table("stripe_event")
_L = table("stripe_link")
_P = table("stripe_checkout")
_I = table("invoice")
_C = table("customer")


def last_event(tx: Tx) -> LastEvent | None:
    """The event that happened last of those that were read; None where none was."""
    query = select(_E).order_by(_E.c.happened_at.desc(), _E.c.event_id.desc()).limit(1)
    row = tx.connection.execute(query).one_or_none()
    if row is None:
        return None
    return LastEvent(row.event_id, row.kind, Instant(row.happened_at), Instant(row.received_at))


def event_counts(tx: Tx) -> dict[str, int]:
    """How many events there are by state."""
    query = select(_E.c.state, func.count().label("many")).group_by(_E.c.state).order_by(_E.c.state)
    return {row.state: int(row.many) for row in tx.connection.execute(query)}


def waiting_events(tx: Tx) -> list[WaitingEvent]:
    """The events that wait for a person, oldest first."""
    query = select(_E).where(_E.c.state == "parked").order_by(_E.c.happened_at, _E.c.event_id)
    return [
        WaitingEvent(row.event_id, row.kind, row.object, Instant(row.received_at), row.detail)
        for row in tx.connection.execute(query)
    ]


def unpaid_there(tx: Tx, account: Account) -> list[UnpaidThere]:
    """The invoices that are at Stripe and unpaid here, the one that is due first before the others."""
    query = (
        select(_I, _C.c.id.label("customer_id"), _L.c.stripe_id, _L.c.detail)
        .join(_L, _L.c.local_id == _I.c.id)
        .join(_C, _C.c.seq == _I.c.customer)
        .where(
            _L.c.account == account.id,
            _L.c.object == "invoice",
            _I.c.status.in_(["open", "past_due"]),
        )
        .order_by(_I.c.due_at, _I.c.number)
    )
    return [_unpaid(row) for row in tx.connection.execute(query)]


def open_pages(tx: Tx) -> list[OpenPage]:
    """The Checkout pages that are open, the one that closes first before the others."""
    query = (
        select(_P, _C.c.id.label("customer_id"))
        .join(_C, _C.c.seq == _P.c.customer)
        .where(_P.c.state == "open")
        .order_by(_P.c.expires_at, _P.c.session)
    )
    return [
        OpenPage(
            row.session,
            row.customer_id,
            row.plan,
            row.currency,
            row.decimals,
            row.amount,
            Instant(row.made_at),
            Instant(row.expires_at),
        )
        for row in tx.connection.execute(query)
    ]


def _unpaid(row: Any) -> UnpaidThere:
    detail = document_of(row.detail)
    assert isinstance(detail, dict)
    return UnpaidThere(
        row.number,
        row.customer_id,
        row.stripe_id,
        row.status,
        row.currency,
        row.decimals,
        row.total - row.credit - row.paid,
        Instant(row.due_at),
        {name: str(value) for name, value in detail.items()},
    )
