"""What an invoice that owes less, or owes again, does to its subscription: written down, decided by the core.

Source: planctl billing rules, dunning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from planctl.core import dunning
from planctl.core.invoicing.advance import next_action, waits
from planctl.core.invoicing.model import Invoice, OpenInvoice
from planctl.core.periods import Instant
from planctl.core.subscriptions.model import Subscription, Transition
from planctl.store import invoices, subscriptions
from planctl.store.facts import customer_facts

if TYPE_CHECKING:
    from planctl.store.engine import Tx


@dataclass(frozen=True, slots=True)
class Lifted:
    """What may have lifted a debt: when, and the payment (or a credit note, `void:INVOICE`, `written_off:INVOICE`)."""

    at: Instant
    by: str
    recorded_at: Instant


def caught_up(tx: Tx, customer: str, at: Instant, recorded_at: Instant) -> list[Subscription]:
    """The customer's subscriptions with the lateness that time alone has brought until `at` written down."""
    (facts,) = customer_facts(tx, [customer], at)
    found: list[Subscription] = []
    moves: list[Transition] = []
    past_due: dict[str, None] = {}
    for subscription in facts.subscriptions:
        late = dunning.dunned(subscription, dunning.unpaid_of(subscription, facts.unpaid), at)
        moves += late.transitions
        past_due |= dict.fromkeys(late.past_due_invoices)
        found.append(late.subscription)
    changed = [one for one, old in zip(found, facts.subscriptions, strict=True) if one != old]
    unpaid = [replace(one, past_due=one.past_due or one.id in past_due) for one in facts.unpaid]
    subscriptions.update_many(
        tx,
        [
            (
                one,
                next_action(
                    one,
                    [due for due in unpaid if due.subscription == one.id],
                    waiting=waits(one, facts.left_open(one)),
                ),
            )
            for one in changed
        ],
    )
    subscriptions.add_transitions(tx, moves, recorded_at)
    invoices.mark_past_due(tx, past_due)
    return found


def lift(tx: Tx, before: Sequence[Subscription], invoice: Invoice, lifted: Lifted) -> tuple[Transition, ...]:
    """Write what it undid that an invoice owes less; `before` are the customer's subscriptions, caught up."""
    customer = invoice.draft.customer
    unpaid = invoices.open_invoices(tx, [customer])[customer]
    moves: list[Transition] = []
    for subscription in before:
        if invoice.draft.subscription in {subscription.id, subscription.base}:
            moves += _unblock(tx, subscription, unpaid, lifted)
    return tuple(moves)


def owed_again(
    tx: Tx, subscription: Subscription, invoice: str, at: Instant, recorded_at: Instant
) -> tuple[Transition, ...]:
    """Write what an invoice that owes again does: it is as late as its dates say, but never before `at`."""
    unpaid = invoices.open_invoices(tx, [subscription.customer])[subscription.customer]
    mine = [one for one in unpaid if one.subscription == subscription.id]
    late = dunning.dunned(subscription, [_not_before(one, at) for one in mine if one.id == invoice], at)
    marked = [replace(one, past_due=one.past_due or one.id in late.past_due_invoices) for one in mine]
    after = late.subscription
    deferred = subscriptions.open_settlements(tx, [after.id])[after.id]
    subscriptions.update(tx, after, next_action(after, marked, waiting=waits(after, deferred)))
    subscriptions.add_transitions(tx, late.transitions, recorded_at)
    invoices.mark_past_due(tx, late.past_due_invoices)
    return late.transitions


def _not_before(one: OpenInvoice, at: Instant) -> OpenInvoice:
    grace = None if one.grace_ends_at is None else Instant(max(one.grace_ends_at, at))
    return replace(one, due_at=Instant(max(one.due_at, at)), grace_ends_at=grace)


def _unblock(
    tx: Tx, subscription: Subscription, unpaid: Sequence[OpenInvoice], lifted: Lifted
) -> tuple[Transition, ...]:
    """Write what paying undid, and when a run must look at the subscription again."""
    mine = tuple(one for one in unpaid if one.subscription == subscription.id)
    moved = dunning.paid_up(subscription, dunning.unpaid_of(subscription, unpaid), lifted.at, lifted.by)
    after = moved.subscription
    deferred = subscriptions.open_settlements(tx, [after.id])[after.id]
    waiting = waits(after, deferred)
    subscriptions.update(tx, after, next_action(after, mine, waiting=waiting))
    subscriptions.add_transitions(tx, moved.transitions, lifted.recorded_at)
    return moved.transitions
