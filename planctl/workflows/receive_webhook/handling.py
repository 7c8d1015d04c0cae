"""Takes in one event, once: looks again at what it is about, and writes what follows, or why nothing could.

Source: planctl reliability rules, idempotency: webhook and pull.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from planctl.core.periods import Instant
from planctl.core.stripe.facts_notice import Notice, look_notice
from planctl.core.stripe.facts_told import Handled
from planctl.errors import Busy, Conflict, InvalidInput, NotPermitted, Refused, StoreFailure
from planctl.store import stripe_events
from planctl.store.stripe_events import EventState, KeptEvent
from planctl.workflows.receive_webhook.desk import Desk, why
from planctl.workflows.receive_webhook.looking import Seen, look
from planctl.workflows.receive_webhook.writing import NOT_OURS, is_foreign, write_seen

if TYPE_CHECKING:
    from planctl.core.stripe.model import Account
    from planctl.store.engine import Tx
    from planctl.workflows.sync_stripe.sending import Talk


@dataclass(slots=True)
class Receiver:
    """What events are taken in with: the way to Stripe and to the store, and who keeps the audit.

    `record` is called in the transaction of an event that changed something or waits for a person. `as_of` is what
    the command believes it is now: nothing is dated later. `taken` and `waiting`: what a dry run took, and what waits
    for which event without being kept; see Desk.
    """

    talk: Talk
    actor: str
    record: Callable[[Tx, Handled], None]
    as_of: Callable[[], Instant]
    taken: set[str] = field(default_factory=set)
    waiting: dict[str, str] = field(default_factory=dict)


Then = Callable[["Tx"], None]
"""What else is written in the transaction that keeps an event."""


def handle(receiver: Receiver, notice: Notice, then: Then = lambda _tx: None) -> Handled:
    """Take in an event. One that was kept before is a duplicate.

    What of it cannot be written waits for a person, who is told once: the event is parked with the reason, unless
    that waits for another event already. The rest is written all the same. Busy where Stripe or the store cannot be
    reached and NotPermitted where the key may not: nothing is kept then, and the event is to come again.
    """
    talk = receiver.talk
    with talk.open_read() as tx:
        if stripe_events.event(tx, talk.account, notice.id) is not None:
            return Handled(notice, "duplicate")
        foreign = is_foreign(tx, talk.account, talk.store_id, notice)
    if foreign:
        return _kept(receiver, Handled(notice, "ignored", foreign), then)
    return _taken_in(receiver, notice, then)


def retry_event(receiver: Receiver, event_id: str) -> Handled:
    """Take in again an event that waits for a person; NotFound where none does. It may have to wait again."""
    with receiver.talk.open_read() as tx:
        notice = stripe_events.parked_event(tx, receiver.talk.account, event_id).notice
    return _taken_in(receiver, notice, lambda _tx: None, again=True)


def look_at(receiver: Receiver, kind: str, where: str) -> Handled:
    """Take in what stands at Stripe of one thing (its id there) without an event; see `handle`."""
    notice = look_notice(kind, where, receiver.talk.now(), live=receiver.talk.account.live)
    return _taken_in(receiver, notice, lambda _tx: None, again=True)


def drop_event(tx: Tx, account: Account, event_id: str, reason: str) -> KeptEvent:
    """Let an event that waits for a person be, with every fact that waits for it, in the caller's transaction.

    The caller audits it. NotFound where none does.
    """
    kept = stripe_events.parked_event(tx, account, event_id)
    dropped = replace(kept, state="dropped", why=reason)
    stripe_events.keep(tx, dropped)
    return dropped


def _taken_in(receiver: Receiver, notice: Notice, then: Then, *, again: bool = False) -> Handled:
    talk = receiver.talk
    try:
        seen = look(talk.gateway, notice)
        return _written(receiver, seen, then, again=again)
    except (Busy, NotPermitted, StoreFailure):
        raise
    except (Refused, InvalidInput, Conflict) as problem:
        return _kept(receiver, Handled(notice, "parked", why(problem)), then)
    except Exception as mistake:
        # What stops at a mistake of ours leaves a trace too, and does not stop all that comes after it.
        _kept(receiver, Handled(notice, "parked", f"planctl made a mistake: {type(mistake).__name__}"), then)
        raise


def _written(receiver: Receiver, seen: Seen, then: Then, *, again: bool) -> Handled:
    talk, notice = receiver.talk, seen.notice
    with talk.open_write() as tx:
        if not again and stripe_events.event(tx, talk.account, notice.id) is not None:
            return Handled(notice, "duplicate")
        desk = _desk(receiver, tx, notice)
        ours = write_seen(desk, seen)
        handled, waits = _outcome(desk, notice, ours=ours)
        _keep(tx, receiver, handled, waits)
        stripe_events.release(tx, talk.account, desk.written)
        if handled.applied or handled.outcome == "parked" or (again and not notice.is_look):
            receiver.record(tx, handled)
        then(tx)
    if tx.discards:
        receiver.taken |= desk.taken
        receiver.waiting |= dict.fromkeys(waits, notice.id)
    return handled


def _desk(receiver: Receiver, tx: Tx, notice: Notice) -> Desk:
    talk, others = receiver.talk, stripe_events.stopped(tx, but=notice.id)
    return Desk(
        tx,
        talk.account,
        talk.store_id,
        receiver.actor,
        receiver.as_of(),
        talk.now(),
        set(receiver.taken),
        {**others.waiting, **receiver.waiting},
        others.let_be,
    )


def _outcome(desk: Desk, notice: Notice, *, ours: bool) -> tuple[Handled, tuple[str, ...]]:
    """What became of an event, and what waits for it: that for which no other event waits."""
    applied = tuple(desk.applied)
    waits = tuple(key for key in desk.stopped if key not in desk.waiting)
    if waits:
        reasons = dict.fromkeys(desk.stopped[key] for key in waits)
        return Handled(notice, "parked", "; also: ".join(reasons), applied), waits
    if not ours:
        return Handled(notice, "ignored", NOT_OURS), ()
    others = sorted({desk.waiting[key] for key in desk.stopped})
    return Handled(
        notice, "done", f"the rest waits already: {', '.join(others)}" if others else "", applied
    ), ()


def _kept(receiver: Receiver, handled: Handled, then: Then) -> Handled:
    """Keep what became of an event in a transaction of its own; one that is parked is audited."""
    talk = receiver.talk
    with talk.open_write() as tx:
        known = stripe_events.event(tx, talk.account, handled.notice.id)
        if known is not None and known.state == "done":  # somebody else took it in meanwhile
            return Handled(handled.notice, "duplicate")
        _keep(tx, receiver, handled)
        if handled.outcome == "parked":
            receiver.record(tx, handled)
        then(tx)
    return handled


def _keep(tx: Tx, receiver: Receiver, handled: Handled, waits: tuple[str, ...] = ()) -> None:
    """The row of an event. What was looked at without one has a row only where somebody must look."""
    states: dict[str, EventState] = {"done": "done", "ignored": "ignored", "parked": "parked"}
    if handled.notice.is_look and handled.outcome != "parked":
        known = stripe_events.event(tx, receiver.talk.account, handled.notice.id)
        if known is None:
            return
    state, now = states[handled.outcome], receiver.talk.now()
    stripe_events.keep(tx, KeptEvent(handled.notice, state, now, handled.why, waits))
