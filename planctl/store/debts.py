"""What an invoice that owes less, or owes again, does to its subscription: written down, decided by the core.

Source: planctl billing rules, dunning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from planctl.core import dunning
from planctl.core.dunning import Dunned
from planctl.core.invoicing.advance import advance_or_hold, next_action, waits
from planctl.core.invoicing.facts import CustomerFacts
from planctl.core.invoicing.model import Invoice, OpenInvoice
from planctl.core.invoicing.succession import has_begun
from planctl.core.periods import Instant
from planctl.core.subscriptions.model import Subscription, Transition
from planctl.store import invoices, subscriptions
from planctl.store.facts import customer_facts, run_terms
from planctl.store.outcomes import write_outcomes
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx


@dataclass(frozen=True, slots=True)
class Lifted:
    """What may have lifted a debt: when, and the payment (or a credit note, `void:INVOICE`, `written_off:INVOICE`).

    `more_time`: nothing less is owed, but later; `by` is then the extension.
    """

    at: Instant
    by: str
    recorded_at: Instant
    more_time: bool = False


def caught_up(tx: Tx, customer: str, at: Instant, recorded_at: Instant) -> list[Subscription]:
    """The customer's subscriptions with the lateness that time alone has brought until `at` written down.

    Where a change or another start has come by then, that is written first, as a run would, with what it bills: who
    is blocked follows from it, and money comes in whether a run was there or not.
    """
    (facts,) = customer_facts(tx, [customer], at)
    if has_begun(facts, at) and not facts.stop:
        outcome = advance_or_hold(facts, at, run_terms(tx))
        if not outcome.hold:
            write_outcomes(tx, [outcome], [facts.customer], recorded_at)
            (facts,) = customer_facts(tx, [customer], at)
    found: list[Subscription] = []
    moves: list[Transition] = []
    past_due: dict[str, None] = {}
    for subscription in facts.subscriptions:
        unpaid = dunning.unpaid_of(subscription, facts.unpaid, facts.subscriptions)
        late = dunning.dunned(subscription, unpaid, at)
        moves += late.transitions
        past_due |= dict.fromkeys(late.past_due_invoices)
        found.append(late.subscription)
    changed = [one for one, old in zip(found, facts.subscriptions, strict=True) if one != old]
    marked = [replace(one, past_due=one.past_due or one.id in past_due) for one in facts.unpaid]
    subscriptions.update_many(
        tx, [(one, looked_at(replace(facts, unpaid=tuple(marked)), one)) for one in changed]
    )
    subscriptions.add_transitions(tx, moves, recorded_at)
    invoices.mark_past_due(tx, past_due)
    return found


def looked_at(facts: CustomerFacts, one: Subscription) -> Instant | None:
    """When a run must look at a subscription of these facts again, as it is given."""
    unpaid = dunning.inherited(one, facts.unpaid, facts.subscriptions)
    return next_action(one, unpaid, waiting=waits(one, facts.left_open(one)))


def lift(tx: Tx, before: Sequence[Subscription], invoice: Invoice, lifted: Lifted) -> tuple[Transition, ...]:
    """Write what it undid that an invoice owes less, or later; `before` are the customer's subscriptions, caught up.

    Where a subscription begins a new period on its return the one that was begun is cut; the next run credits its
    rest and charges the new one.
    """
    customer = invoice.draft.customer
    unpaid = invoices.open_invoices(tx, [customer])[customer]
    before_of = {one.id: one for one in before}
    after_of = dict(before_of)
    moves: list[Transition] = []
    for subscription in sorted(before, key=lambda one: bool(one.base)):
        base = before_of.get(subscription.base, subscription)
        if invoice.draft.subscription not in dunning.counts_for(subscription, before):
            continue
        mine = dunning.unpaid_of(subscription, unpaid, before)
        undo = dunning.extended if lifted.more_time else dunning.paid_up
        moved = undo(subscription, mine, lifted.at, lifted.by)
        moved = dunning.with_base(moved, subscription, base, after_of[base.id])
        after = after_of[subscription.id] = moved.subscription
        _write(tx, moved, dunning.inherited(subscription, unpaid, before), lifted)
        moves += moved.transitions
        if after.anchors != subscription.anchors:
            subscriptions.cut_periods(tx, after)
    return tuple(moves)


def owed_again(
    tx: Tx, subscription: Subscription, invoice: str, at: Instant, recorded_at: Instant
) -> tuple[Transition, ...]:
    """Write what an invoice that owes again does: it is as late as its dates say, but never before `at`."""
    customer = subscription.customer
    unpaid = invoices.open_invoices(tx, [customer])[customer]
    others = subscriptions.of_customers(tx, [customer])[customer]
    counted = dunning.unpaid_of(subscription, unpaid, others)
    late = dunning.dunned(subscription, [_not_before(one, at) for one in counted if one.id == invoice], at)
    mine = dunning.inherited(subscription, unpaid, others)
    marked = [replace(one, past_due=one.past_due or one.id in late.past_due_invoices) for one in mine]
    _write(tx, late, marked, Lifted(at, "", recorded_at))
    invoices.mark_past_due(tx, late.past_due_invoices)
    return late.transitions


def _not_before(one: OpenInvoice, at: Instant) -> OpenInvoice:
    grace = None if one.grace_ends_at is None else Instant(max(one.grace_ends_at, at))
    return replace(one, due_at=Instant(max(one.due_at, at)), grace_ends_at=grace)


def _write(tx: Tx, moved: Dunned, unpaid: Sequence[OpenInvoice], lifted: Lifted) -> None:
    """Write a subscription as its invoices leave it, and when a run must look at it again."""
    after = moved.subscription
    deferred = subscriptions.open_settlements(tx, [after.id])[after.id]
    subscriptions.update(tx, after, next_action(after, unpaid, waiting=waits(after, deferred)))
    subscriptions.add_transitions(tx, moved.transitions, lifted.recorded_at)
