"""Calls to Stripe and what they made, as rows: written before the first byte is sent. It sends nothing.

Source: planctl reliability rules, idempotency: stripe push.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, func, select

from planctl.core.document import canonical, document_of
from planctl.core.periods import Instant
from planctl.core.stripe.model import GIVEN_UP, OPEN, Account, Call, Kind, Link, Operation, State
from planctl.errors import NotFound
from planctl.identifiers import new_id
from planctl.store.sets import Values, chunks, insert_rows, put_rows, table
from planctl.store.touching import will_change

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_O = table("stripe_operation")
_L = table("stripe_link")

_CHANGING = ("state", "first_sent_at", "tries", "stripe_id", "request_id", "note")


def operation(tx: Tx, account: Account, call: Call) -> Operation | None:
    """The call as it was stored before, None where it is new."""
    query = select(_O).where(
        _O.c.account == account.id,
        _O.c.livemode == int(account.live),
        _O.c.object == call.kind,
        _O.c.local_id == call.local_id,
        _O.c.action == call.action,
        _O.c.revision == call.revision,
    )
    row = tx.connection.execute(query).one_or_none()
    return None if row is None else _operation(row)


def add(  # noqa: PLR0913 - one row's columns
    tx: Tx, account: Account, call: Call, key: str, body: bytes, at: Instant
) -> Operation:
    """Store a new call as one that is pending; Conflict where it was stored before."""
    row = {
        "id": new_id("op", at),
        "account": account.id,
        "livemode": int(account.live),
        "object": call.kind,
        "local_id": call.local_id,
        "action": call.action,
        "revision": call.revision,
        "idempotency_key": key,
        "method": call.method,
        "path": call.path,
        "body": body,
        "links": int(call.links),
        "repeatable": int(call.repeatable),
        "digest": call.digest,
        "state": State.PENDING.value,
        "made_at": at,
        "first_sent_at": None,
        "tries": 0,
        "stripe_id": "",
        "request_id": "",
        "note": "",
    }
    insert_rows(tx, "stripe_operation", [row])
    return by_id(tx, str(row["id"]))


def save(tx: Tx, one: Operation) -> None:
    """Keep where a stored call stands now; what is sent never changes."""
    values = {
        "state": one.state.value,
        "first_sent_at": one.first_sent_at,
        "tries": one.tries,
        "stripe_id": one.stripe_id,
        "request_id": one.request_id,
        "note": one.note,
    }
    assert tuple(values) == _CHANGING
    will_change(tx, "stripe_operation", [(one.id,)])
    changed = tx.connection.execute(_O.update().where(_O.c.id == one.id).values(values)).rowcount
    assert changed == 1, f"there is no call {one.id}"


def by_id(tx: Tx, operation_id: str) -> Operation:
    """The call of that id; NotFound where there is none."""
    row = tx.connection.execute(select(_O).where(_O.c.id == operation_id)).one_or_none()
    if row is None:
        raise NotFound(
            f"there is no call {operation_id!r} to Stripe",
            where=operation_id,
            hint="planctl stripe status lists those that wait for a person",
        )
    return _operation(row)


def in_state(tx: Tx, account: Account, states: Collection[State], limit: int = 0) -> list[Operation]:
    """The account's calls in those states, oldest first; `limit` 0 is no limit."""
    query = (
        select(_O)
        .where(
            _O.c.account == account.id,
            _O.c.livemode == int(account.live),
            _O.c.state.in_(sorted(state.value for state in states)),
        )
        .order_by(_O.c.made_at, _O.c.id)
    )
    rows = tx.connection.execute(query.limit(limit) if limit else query)
    return [_operation(row) for row in rows]


def unfinished(tx: Tx, account: Account) -> list[Operation]:
    """The calls that are still to be finished, oldest first."""
    return in_state(tx, account, OPEN)


def given_up(tx: Tx, account: Account) -> list[Operation]:
    """The calls that a person said are never to be done, oldest first; not those that were asked for again since."""
    later = _O.alias("later")
    asked_again = select(later.c.id).where(
        later.c.account == _O.c.account,
        later.c.livemode == _O.c.livemode,
        later.c.object == _O.c.object,
        later.c.local_id == _O.c.local_id,
        later.c.action == _O.c.action,
        later.c.revision > _O.c.revision,
    )
    query = (
        select(_O)
        .where(
            _O.c.account == account.id,
            _O.c.livemode == int(account.live),
            _O.c.state == State.DROPPED.value,
            _O.c.note.startswith(GIVEN_UP, autoescape=True),
            ~asked_again.exists(),
        )
        .order_by(_O.c.made_at, _O.c.id)
    )
    return [_operation(row) for row in tx.connection.execute(query)]


def counts(tx: Tx, account: Account) -> dict[tuple[str, str], int]:
    """How many calls there are by kind of object and state."""
    query = (
        select(_O.c.object, _O.c.state, func.count().label("many"))
        .where(_O.c.account == account.id, _O.c.livemode == int(account.live))
        .group_by(_O.c.object, _O.c.state)
    )
    return {(row.object, row.state): int(row.many) for row in tx.connection.execute(query)}


def revisions(tx: Tx, account: Account, kinds: Collection[Kind]) -> dict[tuple[Kind, str, str], int]:
    """The last revision of every call for objects of those kinds, by kind, local id and action."""
    query = (
        select(_O.c.object, _O.c.local_id, _O.c.action, func.max(_O.c.revision).label("last"))
        .where(
            _O.c.account == account.id,
            _O.c.livemode == int(account.live),
            _O.c.object.in_(sorted(kinds)),
        )
        .group_by(_O.c.object, _O.c.local_id, _O.c.action)
    )
    return {(row.object, row.local_id, row.action): int(row.last) for row in tx.connection.execute(query)}


def operations_of(
    tx: Tx, account: Account, kind: Kind, local_ids: Iterable[str]
) -> dict[str, list[Operation]]:
    """All calls for those objects of one kind, in the order they were made, by local id."""
    wanted = list(dict.fromkeys(local_ids))
    found: dict[str, list[Operation]] = {name: [] for name in wanted}
    for chunk in chunks(wanted):
        query = (
            select(_O)
            .where(
                _O.c.account == account.id,
                _O.c.livemode == int(account.live),
                _O.c.object == kind,
                _O.c.local_id.in_(chunk),
            )
            .order_by(_O.c.made_at, _O.c.id)
        )
        for row in tx.connection.execute(query):
            found[row.local_id].append(_operation(row))
    return found


def link(tx: Tx, account: Account, one: Link) -> None:
    """Keep which object stands for ours; it takes the place of the one that did."""
    row: Values = {
        "account": account.id,
        "object": one.kind,
        "local_id": one.local_id,
        "stripe_id": one.stripe_id,
        "digest": one.digest,
        "detail": canonical(dict(one.detail)),
    }
    put_rows(tx, "stripe_link", [row], replaced=("stripe_id", "digest", "detail"))


def unlink(tx: Tx, account: Account, kind: Kind, local_id: str) -> None:
    """Forget which object stood for ours: it is gone at Stripe."""
    will_change(tx, "stripe_link", [(account.id, kind, local_id)])
    tx.connection.execute(
        _L.delete().where(_L.c.account == account.id, _L.c.object == kind, _L.c.local_id == local_id)
    )


def links(tx: Tx, account: Account, kind: Kind, local_ids: Sequence[str] | None = None) -> dict[str, Link]:
    """The links of one kind by local id; of all objects where none are named."""
    query = select(_L).where(_L.c.account == account.id, _L.c.object == kind).order_by(_L.c.local_id)
    if local_ids is None:
        return {row.local_id: _link(row) for row in tx.connection.execute(query)}
    found: dict[str, Link] = {}
    for chunk in chunks(dict.fromkeys(local_ids)):
        found |= {
            row.local_id: _link(row) for row in tx.connection.execute(query.where(_L.c.local_id.in_(chunk)))
        }
    return found


def linked(tx: Tx, account: Account, stripe_id: str) -> Link | None:
    """Which of ours an object at Stripe stands for; None where it stands for none."""
    query = select(_L).where(_L.c.account == account.id, _L.c.stripe_id == stripe_id)
    row = tx.connection.execute(query).one_or_none()
    return None if row is None else _link(row)


def _operation(row: Row[Any]) -> Operation:
    return Operation(
        row.id,
        row.object,
        row.local_id,
        row.action,
        row.revision,
        row.idempotency_key,
        row.method,
        row.path,
        bytes(row.body),
        State(row.state),
        bool(row.links),
        bool(row.repeatable),
        row.digest,
        Instant(row.made_at),
        None if row.first_sent_at is None else Instant(row.first_sent_at),
        row.tries,
        row.stripe_id,
        row.request_id,
        row.note,
    )


def _link(row: Row[Any]) -> Link:
    detail = document_of(row.detail)
    assert isinstance(detail, dict)
    return Link(
        row.object,
        row.local_id,
        row.stripe_id,
        row.digest,
        {name: str(value) for name, value in detail.items()},
    )
