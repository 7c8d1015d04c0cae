"""Migrations with their batches and members as rows and as core values. It decides nothing about them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, Select, func, select

from planctl.core.document import Mapping, canonical, document_of, node_of
from planctl.core.instants import Instant
from planctl.core.reading import Reader
from planctl.core.subscriptions.model import Subscription
from planctl.core.waves import model
from planctl.core.waves.model import Batch, Kept, Member, Migration, Skip, State
from planctl.core.waves.parse import parse
from planctl.store.change_requests import REQUEST
from planctl.store.sets import Values, chunks, put_rows, table
from planctl.store.touching import will_change_where

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_M = table("migration")
_B = table("migration_batch")
_W = table("migration_member")
_CHANGE = table("subscription_change")
_S = table("subscription")

_MEMBER = ("batch", "state", "successor", "reason", "detail", "actor", "at")


def kept(tx: Tx, name: str) -> Kept | None:
    """A migration that was applied, None where none of that name was."""
    row = tx.connection.execute(select(_M).where(_M.c.name == name)).one_or_none()
    return None if row is None else _kept(row)


def all_kept(tx: Tx) -> list[Kept]:
    """Every migration that was applied, in the order in which they were begun."""
    return [_kept(row) for row in tx.connection.execute(select(_M).order_by(_M.c.recorded_at, _M.c.name))]


def keep(tx: Tx, one: Kept) -> None:
    """Keep a migration as its file is now; it takes the place of what was kept under its name."""
    row = {
        "name": one.migration.name,
        "digest": one.migration.digest,
        "document": canonical(model.document_of(one.migration)),
        "to_version": one.to,
        "actor": one.actor,
        "recorded_at": one.at,
    }
    put_rows(tx, "migration", [row], replaced=tuple(row)[1:])


def forget(tx: Tx, name: str) -> None:
    """Forget a migration's batches and members: nobody is where it moved them."""
    will_change_where(tx, _W, _W.c.migration == name)
    will_change_where(tx, _B, _B.c.migration == name)
    tx.connection.execute(_W.delete().where(_W.c.migration == name))
    tx.connection.execute(_B.delete().where(_B.c.migration == name))


def batches(tx: Tx, name: str) -> dict[int, Batch]:
    """The batches of a migration that were begun, by number."""
    rows = tx.connection.execute(select(_B).where(_B.c.migration == name).order_by(_B.c.batch))
    return {
        row.batch: Batch(
            row.batch,
            row.actor,
            Instant(row.started_at),
            None if row.finished_at is None else Instant(row.finished_at),
        )
        for row in rows
    }


def keep_batch(tx: Tx, name: str, one: Batch) -> None:
    """Keep that a batch was begun, gone through to its end, or opened again."""
    row = {
        "migration": name,
        "batch": one.number,
        "actor": one.actor,
        "started_at": one.started_at,
        "finished_at": one.finished_at,
    }
    put_rows(tx, "migration_batch", [row], replaced=("actor", "started_at", "finished_at"))


def members(tx: Tx, name: str, subscriptions: Iterable[str] | None = None) -> dict[str, Member]:
    """What a migration did with each subscription, or with some of them, by id in its order."""
    query = select(_W).where(_W.c.migration == name).order_by(_W.c.subscription)
    if subscriptions is None:
        return _members(tx, query)
    found: dict[str, Member] = {}
    for chunk in chunks(subscriptions):
        found |= _members(tx, query.where(_W.c.subscription.in_(chunk)))
    return found


def moved(tx: Tx, name: str) -> int:
    """How many subscriptions a migration moved and did not take back."""
    query = select(func.count()).where(_W.c.migration == name, _W.c.state == State.MOVED.value)
    return int(tx.connection.execute(query).scalar_one())


def put_members(tx: Tx, name: str, several: Sequence[Member]) -> None:
    """Keep what became of subscriptions; a later word about one takes the place of the earlier."""
    put_rows(tx, "migration_member", [_row(name, one) for one in several], replaced=_MEMBER)


def waiting_requests(tx: Tx, subscriptions: Iterable[str]) -> frozenset[str]:
    """Those of the subscriptions for which a request to change them waits for an answer."""
    found: set[str] = set()
    for chunk in chunks(subscriptions):
        query = select(_CHANGE.c.subscription).where(
            _CHANGE.c.subscription.in_(chunk), _CHANGE.c.kind == REQUEST, _CHANGE.c.status == "requested"
        )
        found |= {*tx.connection.execute(query).scalars()}
    return frozenset(found)


def beginnings(tx: Tx, several: Iterable[Subscription]) -> dict[str, Instant]:
    """When the first one of each subscription's chain of changes started; its own start where it follows none."""
    found = {one.id: (one.started_at, one.follows) for one in several}
    begins = {name: started_at for name, (started_at, _) in found.items()}
    for chunk in chunks(name for name, (_, follows) in found.items() if follows):
        own = select(_S.c.id.label("last"), _S.c.follows, _S.c.started_at).where(_S.c.id.in_(chunk))
        chain = own.cte("chain", recursive=True)
        before = select(chain.c.last, _S.c.follows, _S.c.started_at).join(_S, _S.c.id == chain.c.follows)
        chain = chain.union_all(before)
        query = select(chain.c.last, func.min(chain.c.started_at).label("began_at")).group_by(chain.c.last)
        begins |= {row.last: Instant(row.began_at) for row in tx.connection.execute(query)}
    return begins


def _kept(row: Row[Any]) -> Kept:
    return Kept(_migration(row.name, row.document), row.to_version, row.actor, Instant(row.recorded_at))


def _migration(name: str, text: str) -> Migration:
    node, reader = node_of(document_of(text)), Reader()
    assert isinstance(node, Mapping), f"migration {name} is no map"
    found = parse(name, node, reader)
    assert found is not None, f"migration {name}: {reader.findings}"
    return found


def _members(tx: Tx, query: Select[Any]) -> dict[str, Member]:
    return {row.subscription: _member(row) for row in tx.connection.execute(query)}


def _member(row: Row[Any]) -> Member:
    return Member(
        row.subscription,
        row.batch,
        State(row.state),
        row.actor,
        Instant(row.at),
        row.successor,
        Skip(row.reason, row.detail) if row.reason else None,
    )


def _row(name: str, one: Member) -> Values:
    skip = one.skip or Skip("", "")
    return {
        "migration": name,
        "subscription": one.subscription,
        "batch": one.batch,
        "state": one.state.value,
        "successor": one.successor,
        "reason": skip.reason,
        "detail": skip.why,
        "actor": one.actor,
        "at": one.at,
    }
