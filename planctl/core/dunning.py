"""What unpaid invoices do to a subscription, and what paying undoes. It charges nothing.

An invoice that is unpaid at its due date makes the subscription past due at that instant, and blocked at the
end of the grace; both follow from the invoice alone, so they are the same whenever they are looked at.
Source: planctl billing rules, dunning.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from planctl.core.periods import Instant
from planctl.core.subscriptions.model import BlockedSpan, Status, Subscription, Transition
from planctl.core.subscriptions.transitions import Event, after

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


def unpaid_of(subscription: Subscription, unpaid: Iterable[OpenInvoice]) -> tuple[OpenInvoice, ...]:
    """The unpaid invoices that count for a subscription: its own and, of an add-on, its base's.

    Whoever looks at the base looks at its add-ons too, so when to look follows from a subscription's own.
    """
    return tuple(one for one in unpaid if one.subscription in {subscription.id, subscription.base})


def dunned(subscription: Subscription, unpaid: Sequence[OpenInvoice], until: Instant) -> Dunned:
    """The subscription at `until`, given its unpaid invoices.

    `unpaid` are those of this subscription alone. Past due from `due_at` on, blocked from `grace_ends_at` on,
    both inclusive; an ended, paused, pending or trialing subscription does not move, its invoices do.
    """
    late = tuple(invoice.id for invoice in unpaid if invoice.due_at <= until and not invoice.past_due)
    if subscription.status not in _DUNNED:
        return Dunned(subscription, (), late)
    moves: list[Transition] = []
    unpaid = [invoice for invoice in unpaid if invoice.dunned]
    horizon = until if subscription.ends_at is None else min(until, subscription.ends_at - 1)
    since = subscription.started_at
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
    already settled as blocked: a payment dated back does not reopen it.
    """
    if subscription.status not in {Status.PAST_DUE, Status.BLOCKED}:
        return Dunned(subscription)
    if any(invoice.due_at <= at for invoice in unpaid if invoice.dunned):
        return Dunned(subscription)
    moves: list[Transition] = []
    settled = subscription.settled_at
    ends_at = Instant(max(at, settled if settled is not None else at))
    spans = tuple(
        replace(span, ends_at=max(ends_at, span.starts_at), payment=payment) if span.ends_at is None else span
        for span in subscription.blocked
    )
    subscription = _moved(subscription, "paid", at, moves)
    return Dunned(replace(subscription, blocked=spans), tuple(moves))


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
