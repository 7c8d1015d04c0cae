"""Events of Stripe's as rows: each kept once, with what became of it and which of its facts wait. It asks nobody.

Source: planctl reliability rules, idempotency: webhook and pull.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Row, select

from planctl.core.periods import Instant
from planctl.core.stripe.facts_notice import Notice
from planctl.errors import NotFound
from planctl.store.sets import put_rows, table
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.core.stripe.model import Account
    from planctl.store.engine import Tx

_E = table("stripe_event")

EventState = Literal["done", "ignored", "parked", "dropped"]
"""ignored: of somebody else, or of a type that is not listened to. parked: a person decides."""


@dataclass(frozen=True, slots=True)
class KeptEvent:
    """An event as it is kept; `why` says what stopped it, or why it was ignored or dropped.

    `facts` are the keys of the facts that could not be written: they wait for it, or were let be with it.
    """

    notice: Notice
    state: EventState
    received_at: Instant
    why: str = ""
    facts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stopped:
    """The facts that were not written, by key: those that wait, with the event's id, and those that were let be."""

    waiting: Mapping[str, str]
    let_be: frozenset[str]


def event(tx: Tx, account: Account, event_id: str) -> KeptEvent | None:
    """The event of that id; None where it was never kept."""
    row = tx.connection.execute(select(_E).where(_E.c.event_id == event_id)).one_or_none()
    return None if row is None else _event(row, live=account.live)


def parked_event(tx: Tx, account: Account, event_id: str) -> KeptEvent:
    """The event of that id, if it waits for a person; NotFound where it does not."""
    found = event(tx, account, event_id)
    if found is None or found.state != "parked":
        raise NotFound(
            f"no event {event_id!r} waits for a person",
            where=event_id,
            got="" if found is None else f"it is {found.state}",
            hint="planctl stripe status lists those that do",
        )
    return found


def stopped(tx: Tx, but: str = "") -> Stopped:
    """Every fact that waits or was let be; those that wait for the event `but` are left out."""
    query = select(_E.c.event_id, _E.c.state, _E.c.facts).where(
        _E.c.state.in_(("parked", "dropped")), _E.c.facts != "", _E.c.event_id != but
    )
    waiting: dict[str, str] = {}
    let_be: set[str] = set()
    for row in tx.connection.execute(query.order_by(_E.c.event_id)):
        if row.state == "parked":
            waiting |= dict.fromkeys(row.facts.split(), row.event_id)
        else:
            let_be.update(row.facts.split())
    return Stopped(waiting, frozenset(let_be))


def keep(tx: Tx, one: KeptEvent) -> None:
    """Keep an event, or what became of one that was kept as parked before."""
    notice = one.notice
    row = {
        "event_id": notice.id,
        "kind": notice.kind,
        "object": notice.object if notice.where == notice.object else f"{notice.object} ({notice.where})",
        "state": one.state,
        "happened_at": notice.happened_at,
        "received_at": one.received_at,
        "detail": one.why,
        "facts": " ".join(one.facts),
    }
    put_rows(tx, "stripe_event", [row], replaced=("state", "detail", "facts"))


def release(tx: Tx, account: Account, written: Collection[str]) -> None:
    """Take facts that are written off the events that wait for them: one that nothing is left of is done."""
    waiting = stopped(tx).waiting
    for name in sorted({waiting[key] for key in written if key in waiting}):
        kept = parked_event(tx, account, name)
        left = tuple(key for key in kept.facts if key not in written)
        keep(tx, replace(kept, facts=left) if left else replace(kept, state="done", why="", facts=()))


def _event(row: Row[Any], *, live: bool) -> KeptEvent:
    thing, _, where = row.object.partition(" (")
    notice = Notice(
        row.event_id, row.kind, thing, where.removesuffix(")") or thing, Instant(row.happened_at), live
    )
    return KeptEvent(notice, row.state, Instant(row.received_at), row.detail, tuple(row.facts.split()))
