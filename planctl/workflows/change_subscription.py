"""Ending a subscription: decided by the same page as a run, so the final usage is on the final invoice."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from planctl.core.invoicing.advance import advance_or_hold, next_action, waits
from planctl.core.invoicing.facts import Advanced, CustomerFacts
from planctl.core.invoicing.model import Draft, Invoice
from planctl.core.invoicing.stops import refuse_hold
from planctl.core.periods import Instant, instant_text
from planctl.core.promises import Promise, cancel_promise
from planctl.core.subscriptions.dues import dues
from planctl.core.subscriptions.model import ENDED, Status, Subscription, Transition
from planctl.core.subscriptions.start import ended_with
from planctl.core.subscriptions.transitions import after
from planctl.errors import NotYet, Refused
from planctl.store import subscriptions
from planctl.store.facts import customer_facts, measured, run_terms
from planctl.store.outcomes import write_outcomes

if TYPE_CHECKING:
    from planctl.store.engine import Tx


@dataclass(frozen=True, slots=True)
class Ending:
    """A cancellation, decided and not written. `unchanged`: it was to end at that instant anyway.

    `released` are the free plans that were to give way to a start that now never comes, `addons` the add-ons
    that end with it.
    """

    facts: CustomerFacts
    subscription: Subscription
    billed: Advanced | None = None
    transitions: tuple[Transition, ...] = ()
    unchanged: bool = False
    released: tuple[Subscription, ...] = ()
    addons: tuple[Subscription, ...] = ()

    @property
    def drafts(self) -> tuple[Draft, ...]:
        """The final invoices."""
        return self.billed.drafts if self.billed else ()

    @property
    def promise(self) -> Promise:
        """What a yes to it stands for."""
        return cancel_promise(self.subscription, self.drafts)


def propose_cancel(tx: Tx, subscription: Subscription, now: Instant, *, at_once: bool, refund: str) -> Ending:
    """End a subscription at its period's end, or at once; `refund` is none or prorated (NotYet)."""
    if refund == "prorated":
        raise NotYet("refund: prorated", where=subscription.id, hint="--refund none")
    if subscription.status in ENDED:
        raise Refused(
            f"{subscription.id} has ended already: {subscription.status}",
            code="ended",
            where=f"{subscription.customer}/{subscription.plan}",
        )
    (facts,) = customer_facts(tx, [subscription.customer], now)
    if subscription.status is Status.PENDING:
        status = after(subscription.status, "cancel", subscription.id)
        move = Transition(subscription.id, subscription.status, status, now, "canceled")
        ended = replace(subscription, status=status, ends_at=subscription.started_at, end_reason="canceled")
        return Ending(facts, ended, None, (move,), released=_released(facts, subscription))
    ends_at = now if at_once else _period_end(subscription, now)
    if subscription.ends_at is not None and subscription.ends_at <= ends_at:
        return Ending(facts, subscription, unchanged=True)
    refuse_hold(Advanced(subscription.customer, hold=facts.stop))
    if not at_once:
        ending = replace(subscription, ends_at=ends_at, end_reason="canceled")
        return Ending(facts, ending, addons=ended_with(ending, facts.subscriptions))
    ending = _ended(subscription, now)
    addons = tuple(_ended(one, now) for one in ended_with(ending, facts.subscriptions))
    until = max(now, ending.ends_at or now)
    mine = {ending.id, *(one.id for one in addons)}
    beside = tuple(one for one in facts.subscriptions if one.id not in mine)
    (alone,) = measured(tx, [replace(facts, subscriptions=(ending, *addons), beside=beside)], until)
    billed = advance_or_hold(alone, until, run_terms(tx))
    refuse_hold(billed)
    return Ending(facts, ending, billed, addons=addons)


def apply_cancel(tx: Tx, ending: Ending, recorded_at: Instant) -> tuple[Subscription, list[Invoice]]:
    """Write a cancellation proposed in this transaction; the subscription afterwards and its final invoices."""
    if ending.unchanged:
        return ending.subscription, []
    subscriptions.update_many(tx, [_next(ending.facts, one) for one in (ending.subscription, *ending.addons)])
    subscriptions.update_many(tx, [(one, next_action(one, ())) for one in ending.released])
    subscriptions.add_transitions(tx, ending.transitions, recorded_at)
    if ending.billed is None:
        return ending.subscription, []
    invoices = write_outcomes(tx, [ending.billed], [ending.facts.customer], recorded_at)
    stored = subscriptions.get(tx, ending.subscription.id)
    assert stored is not None
    return stored, invoices


def _next(facts: CustomerFacts, one: Subscription) -> tuple[Subscription, Instant | None]:
    """A subscription with the instant at which a run must look at it again."""
    unpaid = [invoice for invoice in facts.unpaid if invoice.subscription == one.id]
    return one, next_action(one, unpaid, waiting=waits(one, facts.left_open(one)))


def _released(facts: CustomerFacts, pending: Subscription) -> tuple[Subscription, ...]:
    """The free plans that `pending` was to replace, going on as if it had never been scheduled."""
    return tuple(
        replace(one, ends_at=None, end_reason="")
        for one in facts.subscriptions
        if one.live and one.end_reason == "replaced" and one.exclusive_group == pending.exclusive_group
    )


def _ended(subscription: Subscription, now: Instant) -> Subscription:
    """The subscription ending at `now`, its last usage still to be closed though a run was there at that instant.

    Where a run has settled what fell due at `now` itself, that came first: it ends the next microsecond.
    Refused where something that fell due after `now` is settled already.
    """
    ending = replace(subscription, ends_at=now, end_reason="canceled")
    settled = subscription.settled_at
    if settled is None or settled < now:
        return ending
    since = dues(replace(subscription, settled_at=Instant(now - 1)), settled)
    if any(due.at > now for due in since):
        raise Refused(
            f"{subscription.id} is settled to {instant_text(settled)}: it cannot end before that",
            code="settled-since",
            where=f"{subscription.customer}/{subscription.plan}",
            got=instant_text(now),
            hint=f"--as-of {instant_text(settled)}",
        )
    if since:
        return replace(ending, ends_at=Instant(now + 1), settled_at=now)
    return replace(ending, settled_at=Instant(now - 1))


def _period_end(subscription: Subscription, now: Instant) -> Instant:
    """The end of the billing period that holds `now`, or of a later one that is settled; Refused where it is open."""
    schedule = subscription.schedule()
    latest = max(now, subscription.started_at, subscription.settled_at or now)
    period = schedule.period(schedule.index_at(latest))
    if period.ends_at is None:
        raise Refused(
            f"{subscription.id} has no period that ends: it was bought once",
            code="open-period",
            where=f"{subscription.customer}/{subscription.plan}",
            got=instant_text(now),
            hint="--at now ends it",
        )
    return period.ends_at
