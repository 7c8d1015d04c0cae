"""Requests to change a plan, kept among the changes of the subscription that runs. It decides nothing.

Source: planctl billing rules, lifecycle (groups).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, select

from planctl.core.money import decimal_text, parse_decimal
from planctl.core.periods import Instant
from planctl.core.subscriptions.change_requests import (
    ChangeRequest,
    Filed,
    RequestStatus,
    Wish,
    decided,
    filed,
)
from planctl.core.subscriptions.model import Subscription
from planctl.store.mapping import instant, named, said, texts, texts_of, whole
from planctl.store.quantities import next_change
from planctl.store.sets import Values, chunks, insert_rows, table
from planctl.store.touching import will_change

if TYPE_CHECKING:
    from planctl.store.engine import Tx

REQUEST = "request"
"""The kind of a subscription's change that is a request."""

_CHANGE = table("subscription_change")
_S = table("subscription")
_C = table("customer")


def file_request(tx: Tx, subscription: Subscription, wish: Wish, at: Instant) -> Filed:
    """Keep a request to change a subscription; another one that waited for it is withdrawn, the same one stays."""
    asked = ChangeRequest(
        subscription.customer, subscription.id, subscription.plan, next_change(tx, subscription.id), wish, at
    )
    result = filed(open_request_of(tx, subscription.id), asked)
    if result.withdrawn is not None:
        keep_answer(tx, result.withdrawn)
    if not result.existed:
        insert_rows(tx, "subscription_change", [_row(result.request)])
    return result


def withdraw_request(tx: Tx, subscription: str, at: Instant) -> ChangeRequest | None:
    """Withdraw the request that waits for a subscription, if one does; as it is afterwards."""
    found = open_request_of(tx, subscription)
    if found is None:
        return None
    withdrawn = decided(found, RequestStatus.WITHDRAWN, at)
    keep_answer(tx, withdrawn)
    return withdrawn


def keep_answer(tx: Tx, request: ChangeRequest) -> None:
    """Write the answer that a request got; it must have waited until now."""
    assert not request.is_open, f"{request.name}: nobody answered"
    statement = _CHANGE.update().where(
        _CHANGE.c.subscription == request.subscription,
        _CHANGE.c.seq == request.seq,
        _CHANGE.c.kind == REQUEST,
        _CHANGE.c.status == RequestStatus.REQUESTED.value,
    )
    row = _row(request)
    will_change(tx, "subscription_change", [(request.subscription, request.seq)])
    changed = tx.connection.execute(statement.values(status=row["status"], document=row["document"])).rowcount
    assert changed == 1, f"{request.name}: no request of number {request.seq} waits"


def open_request_of(tx: Tx, subscription: str) -> ChangeRequest | None:
    """The request that waits for a subscription, if one does."""
    query = _select().where(
        _CHANGE.c.subscription == subscription, _CHANGE.c.status == RequestStatus.REQUESTED.value
    )
    found = [_request_of(row) for row in tx.connection.execute(query)]
    assert len(found) <= 1, f"{subscription}: {len(found)} requests wait"
    return found[0] if found else None


def requests(tx: Tx, customers: Iterable[str] | None = None) -> list[ChangeRequest]:
    """The requests of customers, or all (None), in the order in which they were made."""
    if customers is None:
        found = [_request_of(row) for row in tx.connection.execute(_select())]
    else:
        found = []
        for chunk in chunks(dict.fromkeys(customers)):
            query = _select().where(_C.c.id.in_(chunk))
            found += [_request_of(row) for row in tx.connection.execute(query)]
    return sorted(found, key=lambda one: (one.requested_at, one.subscription, one.seq))


def _select() -> Select[Any]:
    return (
        select(_CHANGE, _S.c.plan, _C.c.id.label("customer_id"))
        .join(_S, _S.c.id == _CHANGE.c.subscription)
        .join(_C, _C.c.seq == _S.c.customer)
        .where(_CHANGE.c.kind == REQUEST)
        .order_by(_CHANGE.c.subscription, _CHANGE.c.seq)
    )


def _row(request: ChangeRequest) -> Values:
    wish = request.wish
    told = {
        "plan": named(wish.plan),
        "pay": said(wish.pay),
        "currency": said(wish.currency),
        "quantity": str(wish.quantity),
        "quantities": texts({name: decimal_text(total) for name, total in wish.quantities.items()}),
        "version": said(wish.version),
        "decided_at": "" if request.decided_at is None else str(instant(request.decided_at)),
        "reason": said(request.reason),
    }
    return {
        "subscription": named(request.subscription),
        "seq": whole(request.seq),
        "kind": REQUEST,
        "document": texts(told),
        "at": instant(request.requested_at),
        "status": request.status.value,
    }


def _request_of(row: Any) -> ChangeRequest:
    told = texts_of(row.document)
    wish = Wish(
        told["plan"],
        told["pay"],
        told["currency"],
        int(told["quantity"]),
        {name: parse_decimal(total) for name, total in texts_of(told["quantities"]).items()},
        told["version"],
    )
    decided_at = told["decided_at"]
    return ChangeRequest(
        row.customer_id,
        row.subscription,
        row.plan,
        row.seq,
        wish,
        instant(row.at),
        RequestStatus(row.status),
        None if not decided_at else instant(int(decided_at)),
        told["reason"],
    )
