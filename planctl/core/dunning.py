"""What unpaid invoices do to a subscription, and what paying undoes. It charges nothing.

An invoice that is unpaid at its due date makes the subscription past due at that instant, and blocked at the
end of the grace; both follow from the invoice alone, so they are the same whenever they are looked at.
Source: planctl billing rules, dunning.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from planctl.core.periods import Instant, local_date, zone
from planctl.core.subscriptions.dues import dues
from planctl.core.subscriptions.model import ENDED, BlockedSpan, Status, Subscription, Transition
from planctl.core.subscriptions.transitions import Event, after
from planctl.values import dataclass

_DUNNED = frozenset({Status.ACTIVE, Status.PAST_DUE, Status.BLOCKED})


@dataclass(frozen=True, slots=True)
class OpenInvoice:
    """What dunning needs of an unpaid invoice. A pack's is not `dunned`: it is past due alone.

    Source: planctl billing rules, packs: they never make a subscription past due.
    """

    id: str
    subscription: str
    due_at: Instant
    grace_ends_at: Instant | None
    due_minor: int
    past_due: bool = False
    dunned: bool = True


@dataclass(frozen=True, slots=True)
class Dunned:
    """A subscription as its unpaid invoices leave it, the moves that led there, and invoices now past due."""

    subscription: Subscription
    transitions: tuple[Transition, ...] = ()
    past_due_invoices: tuple[str, ...] = ()


def unpaid_of(
    subscription: Subscription, unpaid: Iterable[OpenInvoice], others: Iterable[Subscription] = ()
) -> tuple[OpenInvoice, ...]:
    """The unpaid invoices that count for a subscription: its own, those it inherited and, of an add-on, its base's.

    `others` are the customer's subscriptions, in which those that it followed by changes are found.
    """
    counted = counts_for(subscription, others)
    return tuple(one for one in unpaid if one.subscription in counted)


def counts_for(subscription: Subscription, others: Iterable[Subscription]) -> frozenset[str]:
    """The subscriptions whose unpaid invoices count for one: itself, its base, and those that they followed."""
    several = tuple(others)
    base = next((one for one in several if one.id == subscription.base), None)
    counted = {subscription.base, *line_of(subscription, several)} - {""}
    return frozenset(counted if base is None else counted | line_of(base, several))


def line_of(subscription: Subscription, others: Iterable[Subscription] = ()) -> frozenset[str]:
    """The ids of a subscription and of those it followed, one after another, by changes of plan."""
    followed = {one.id: one.follows for one in others}
    found = {subscription.id}
    before = subscription.follows
    while before and before not in found:
        found.add(before)
        before = followed.get(before, "")
    return frozenset(found)


def inherited(
    subscription: Subscription, unpaid: Iterable[OpenInvoice], others: Iterable[Subscription]
) -> tuple[OpenInvoice, ...]:
    """The unpaid invoices by which it is decided when a run looks at a subscription: without its base's.

    Whoever looks at the base looks at its add-ons too, and of one that has ended only its own still move.
    """
    mine = {subscription.id} if subscription.status in ENDED else line_of(subscription, others)
    return tuple(one for one in unpaid if one.subscription in mine)


def dunned(subscription: Subscription, unpaid: Sequence[OpenInvoice], until: Instant) -> Dunned:
    """The subscription at `until`, given its unpaid invoices.

    `unpaid` are those that count for it. Past due from `due_at` on, blocked from `grace_ends_at` on, both
    inclusive, but never before its start or the end of a pause; an ended, paused, pending or trialing
    subscription does not move, its invoices do.
    """
    late = tuple(invoice.id for invoice in unpaid if invoice.due_at <= until and not invoice.past_due)
    if subscription.status not in _DUNNED:
        return Dunned(subscription, (), late)
    moves: list[Transition] = []
    unpaid = [invoice for invoice in unpaid if invoice.dunned]
    horizon = until if subscription.ends_at is None else min(until, subscription.ends_at - 1)
    pauses = [
        span.ends_at for span in subscription.blocked if span.kind == "paused" and span.ends_at is not None
    ]
    since = max(subscription.started_at, *pauses) if pauses else subscription.started_at
    due_at = min((max(invoice.due_at, since) for invoice in unpaid), default=None)
    if due_at is not None and due_at <= horizon and subscription.status is Status.ACTIVE:
        subscription = _moved(subscription, "due", Instant(due_at), moves)
    block_at = min((max(i.grace_ends_at, since) for i in unpaid if i.grace_ends_at is not None), default=None)
    if block_at is not None and block_at <= horizon and subscription.status is Status.PAST_DUE:
        span = BlockedSpan(Instant(block_at))
        subscription = _moved(subscription, "grace", span.starts_at, moves)
        subscription = replace(subscription, blocked=(*subscription.blocked, span))
    return Dunned(subscription, tuple(moves), late)


def paid_up(subscription: Subscription, unpaid: Sequence[OpenInvoice], at: Instant, payment: str) -> Dunned:
    """The subscription after `payment` at `at`; `unpaid` are the invoices still unpaid afterwards.

    It becomes active when nothing is overdue at `at` any more. A block ends then, but never before what was
    already settled as blocked: a payment dated back does not reopen it. With `on_blocked: final` a block does not
    end; with `renewal_anchor: shift` periods are counted anew from its end on.
    """
    if subscription.status not in {Status.PAST_DUE, Status.BLOCKED} or blocked_for_good(subscription):
        return Dunned(subscription)
    if any(invoice.due_at <= at for invoice in unpaid if invoice.dunned):
        return Dunned(subscription)
    return _lifted(subscription, at, payment, "paid")


def extended(subscription: Subscription, unpaid: Sequence[OpenInvoice], at: Instant, cause: str) -> Dunned:
    """The subscription after more time to pay was given at `at`; `unpaid` are its invoices with their new dates.

    `cause` is the extension. It becomes active when nothing is overdue any more, and a block ends as by a payment,
    but on the same anchor: only paying shifts it.
    Blocked for an invoice whose grace goes on, it is past due again. With `on_blocked: final` a block does not end.
    """
    if subscription.status not in {Status.PAST_DUE, Status.BLOCKED} or blocked_for_good(subscription):
        return Dunned(subscription)
    counted = [invoice for invoice in unpaid if invoice.dunned]
    overdue = any(invoice.due_at <= at for invoice in counted)
    blocks = any(invoice.grace_ends_at is not None and invoice.grace_ends_at <= at for invoice in counted)
    if blocks or (overdue and subscription.status is Status.PAST_DUE):
        return Dunned(subscription)
    lifted = _lifted(subscription, at, cause, "extend")
    if not overdue:
        return lifted
    moves = list(lifted.transitions)
    return Dunned(_moved(lifted.subscription, "due", at, moves), tuple(moves))


def _lifted(subscription: Subscription, at: Instant, by: str, event: Event) -> Dunned:
    """The subscription active again, any block of it ended `by` what lifted it, on the anchor that its terms say."""
    moves: list[Transition] = []
    settled = subscription.settled_at
    ends_at = Instant(max(at, settled if settled is not None else at))
    if event == "paid" and shifts_anchor(subscription):
        subscription, ends_at = _anchored(subscription, ends_at)
    spans = tuple(
        replace(span, ends_at=max(ends_at, span.starts_at), payment=by) if span.ends_at is None else span
        for span in subscription.blocked
    )
    subscription = _moved(subscription, event, at, moves)
    return Dunned(replace(subscription, blocked=spans), tuple(moves))


def blocked_for_good(subscription: Subscription) -> bool:
    """Whether it is blocked and its terms let nobody pay that away: it must be canceled and started again.

    Source: planctl billing rules, dunning (`on_blocked: final`).
    """
    return subscription.status is Status.BLOCKED and subscription.terms.on_blocked == "final"


def shifts_anchor(subscription: Subscription) -> bool:
    """Whether the end of its block begins a new full period, from which the next ones are counted.

    Not of one that is to end, or to give way to a change, anyway: it is not sold a period that it will not use up.
    Source: planctl billing rules, dunning (`renewal_anchor: shift`).
    """
    recurring = subscription.pay != "once" and not subscription.terms.free and not subscription.base
    goes_on = subscription.end_reason not in {"canceled", "changed"}
    blocked = subscription.status is Status.BLOCKED
    return blocked and recurring and goes_on and subscription.terms.renewal_anchor == "shift"


def with_base(moved: Dunned, before: Subscription, base: Subscription, base_after: Subscription) -> Dunned:
    """What paying undid of an add-on, as far as its base lets it: it stays blocked with it, and shifts with it.

    `before` and `base` are as they were, `base_after` is as paying left it. A plan is its own base.
    """
    if not before.base:
        return moved
    if blocked_for_good(base_after):
        return Dunned(before)
    returned = before.status is Status.BLOCKED and moved.subscription.status is not Status.BLOCKED
    if not returned or before.pay == "once" or base_after.anchors == base.anchors:
        return moved
    anchored, _ = _anchored(moved.subscription, base_after.anchors[-1])
    return replace(moved, subscription=anchored)


def _anchored(subscription: Subscription, at: Instant) -> tuple[Subscription, Instant]:
    """The subscription with periods counted anew from `at` on, and that instant; as it is where one began that day.

    Where a run has settled what fell due at that very instant, the new period begins right after it.
    """
    schedule, tz = subscription.schedule(), zone(subscription.timezone)
    begun = schedule.boundary(schedule.index_at(at))
    if local_date(begun, tz) == local_date(at, tz):
        return subscription, at
    settled = subscription.settled_at
    if settled is not None and settled >= at:
        before = replace(subscription, settled_at=Instant(at - 1))
        subscription, at = (subscription, Instant(at + 1)) if dues(before, at) else (before, at)
    return replace(subscription, anchors=(*subscription.anchors, at)), at


def next_step(subscription: Subscription, unpaid: Sequence[OpenInvoice]) -> Instant | None:
    """The instant at which dunning will move the subscription or an invoice next; None where it will not."""
    steps = [invoice.due_at for invoice in unpaid if not invoice.past_due]
    if subscription.status in {Status.ACTIVE, Status.PAST_DUE}:
        dunned = (invoice for invoice in unpaid if invoice.dunned)
        steps += [invoice.grace_ends_at for invoice in dunned if invoice.grace_ends_at is not None]
    return min(steps, default=None)


def _moved(subscription: Subscription, event: Event, at: Instant, moves: list[Transition]) -> Subscription:
    status = after(subscription.status, event, subscription.id)
    moves.append(Transition(subscription.id, subscription.status, status, at, event))
    return replace(subscription, status=status)
