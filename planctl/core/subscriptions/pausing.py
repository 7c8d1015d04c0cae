"""Pausing and resuming: who may, and the subscription afterwards. It credits, bills and writes nothing.

Source: planctl billing rules, lifecycle (pause, resume).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from planctl.core.periods import Instant, instant_text
from planctl.core.subscriptions.dues import dues
from planctl.core.subscriptions.model import BlockedSpan, Status, Subscription, Transition
from planctl.core.subscriptions.standing import check_takes, name_of
from planctl.core.subscriptions.transitions import after
from planctl.errors import Refused

PAUSE = "pause:"
RESUME = "resume:"

Moved = tuple[Subscription, Transition]
"""A subscription as it is afterwards, and the move that led there."""


def check_pausable(subscription: Subscription, others: Iterable[Subscription]) -> None:
    """Refused where a subscription cannot be paused, naming what to do instead.

    `others` are the customer's subscriptions; all are as they stand now. An add-on is paused with its base; a
    start that waits for the subscription must be taken back first.
    """
    where = name_of(subscription)
    check_takes(subscription, "pause", "it cannot be paused")
    several = tuple(others)
    _check_not_alone(subscription, several, "paused", "pause")
    for one in several:
        waits = one.status is Status.PENDING and subscription.id in {one.follows, one.base}
        if waits:
            what = f"changes to {one.plan}" if one.follows else f"gets {one.plan}"
            raise Refused(
                f"{where} {what} at {instant_text(one.started_at)}: that is scheduled",
                code="change-scheduled",
                where=where,
                expected="nothing that is still to start",
                got=one.id,
                hint=f"planctl subscription cancel {one.id}",
            )
        if one.base == subscription.id and one.status is Status.BLOCKED:
            check_takes(one, "pause", f"{where} cannot be paused with it")


def check_resumable(subscription: Subscription, others: Iterable[Subscription]) -> None:
    """Refused where a subscription is not paused, or is an add-on, which goes on with its base."""
    check_takes(subscription, "resume", "there is no pause to end")
    _check_not_alone(subscription, tuple(others), "resumed", "resume")


def check_goes_on(subscription: Subscription, others: Iterable[Subscription]) -> None:
    """Refused where a planned end cannot be taken back: its base ends too, or another plan of its group begins then."""
    where = name_of(subscription)
    several = tuple(others)
    base = next((one for one in several if one.id == subscription.base), None)
    if base is not None and base.ends_at is not None and base.ends_at == subscription.ends_at:
        raise Refused(
            f"{where} ends with {name_of(base)}",
            code="requires",
            where=where,
            hint=f"planctl subscription resume {name_of(base)}",
        )
    group = subscription.exclusive_group
    coming = [one for one in several if one.status is Status.PENDING and one.exclusive_group == group]
    if group and coming:
        one = coming[0]
        raise Refused(
            f"{name_of(one)} begins at {instant_text(one.started_at)} in the place of {where}",
            code="change-scheduled",
            where=where,
            expected="nothing that is still to start",
            got=one.id,
            hint=f"planctl subscription cancel {one.id}",
        )


def with_addons(subscription: Subscription, others: Iterable[Subscription]) -> tuple[Subscription, ...]:
    """A subscription and its add-ons that run with it: neither to come nor ended, nor stopped when it is not."""
    alike = {Status.PAUSED} if subscription.status is Status.PAUSED else {Status.ACTIVE, Status.PAST_DUE}
    return (subscription, *(one for one in others if one.base == subscription.id and one.status in alike))


def paused(subscription: Subscription, now: Instant) -> Moved:
    """The subscription without service from `now` on, or right after what a run has settled at that very instant.

    Refused where something that fell due later is settled already.
    """
    _check_order(subscription, now)
    begins, _ = since(subscription, now)
    while any(span.starts_at == begins for span in subscription.blocked):
        begins = Instant(begins + 1)
    status = after(subscription.status, "pause", name_of(subscription))
    span = BlockedSpan(begins, kind="paused")
    move = Transition(subscription.id, subscription.status, status, begins, "pause")
    return replace(subscription, status=status, blocked=(*subscription.blocked, span)), move


def resumed(subscription: Subscription, now: Instant) -> Moved:
    """The subscription in service again from `now` on, or right after what a run has settled at that very instant.

    Refused where something that fell due later is settled already.
    """
    _check_order(subscription, now)
    over, subscription = since(subscription, now)
    status = after(subscription.status, "resume", name_of(subscription))
    spans = tuple(
        replace(span, ends_at=max(over, span.starts_at), payment=resume_name(subscription))
        if span.ends_at is None
        else span
        for span in subscription.blocked
    )
    move = Transition(subscription.id, subscription.status, status, spans[-1].ends_at or over, "resume")
    return replace(subscription, status=status, blocked=spans), move


def pause_name(subscription: Subscription) -> str:
    """What the last pause of a subscription is called: the occasion of its credits."""
    return f"{PAUSE}{_pauses(subscription)}"


def resume_name(subscription: Subscription) -> str:
    """What the end of its last pause is called: the occasion of what is charged then."""
    return f"{RESUME}{_pauses(subscription)}"


def since(subscription: Subscription, now: Instant) -> tuple[Instant, Subscription]:
    """From when on something holds that is asked for at `now`, and the subscription with room for it.

    Where a run has settled what fell due, or a period that began, at `now` itself, that came first: it holds from
    the next microsecond on. Refused where something that fell due after `now` is settled already.
    """
    settled = subscription.settled_at
    if settled is None or settled < now:
        return now, subscription
    before = replace(subscription, settled_at=Instant(now - 1))
    done = dues(before, settled)
    if any(due.at > now for due in done):
        raise Refused(
            f"{name_of(subscription)} is settled to {instant_text(settled)}: nothing changes before that",
            code="settled-since",
            where=name_of(subscription),
            got=instant_text(now),
            hint=f"--as-of {instant_text(settled)}",
        )
    schedule = subscription.schedule()
    # A period that a run has begun at that instant is kept, with or without a fee.
    begun = now >= schedule.anchor_at and schedule.boundary(schedule.index_at(now)) == now
    if done or begun:
        return Instant(now + 1), replace(subscription, settled_at=now)
    return now, before


def _check_order(subscription: Subscription, now: Instant) -> None:
    """Nothing stops or goes on before it last did (Refused)."""
    spans = [at for span in subscription.blocked for at in (span.starts_at, span.ends_at) if at is not None]
    latest = max((subscription.started_at, *spans))
    if now < latest:
        raise Refused(
            f"{name_of(subscription)} was started, stopped or resumed at {instant_text(latest)}, later than that",
            code="settled-since",
            where=name_of(subscription),
            got=instant_text(now),
            hint=f"--as-of {instant_text(latest)}",
        )


def _pauses(subscription: Subscription) -> int:
    return sum(1 for span in subscription.blocked if span.kind == "paused")


def _check_not_alone(
    subscription: Subscription, others: Sequence[Subscription], done: str, word: str
) -> None:
    if not subscription.base:
        return
    base = next((one for one in others if one.id == subscription.base), None)
    name = subscription.base if base is None else name_of(base)
    raise Refused(
        f"{name_of(subscription)} goes with {name}: it is {done} with it",
        code="requires",
        where=name_of(subscription),
        hint=f"planctl subscription {word} {name}",
    )
