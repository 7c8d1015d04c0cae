"""Ending a subscription: decided by the same page as a run, so the final usage is on the final invoice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from planctl.core.invoicing.advance import advance_or_hold
from planctl.core.invoicing.facts import Advanced, CustomerFacts
from planctl.core.invoicing.model import Draft, Invoice
from planctl.core.invoicing.returning import Returned, Unused, check_charged, with_credits
from planctl.core.invoicing.stops import refuse_hold
from planctl.core.invoicing.succession import check_run_first
from planctl.core.periods import Instant, instant_text
from planctl.core.promises import Promise, cancel_promise
from planctl.core.subscriptions.changes import keeping
from planctl.core.subscriptions.model import ENDED, Status, Subscription, Transition
from planctl.core.subscriptions.pausing import since
from planctl.core.subscriptions.standing import name_of, takes
from planctl.core.subscriptions.start import ended_with
from planctl.core.subscriptions.transitions import after
from planctl.errors import Refused
from planctl.store import subscriptions
from planctl.store.changing import withdraw
from planctl.store.debts import looked_at
from planctl.store.facts import customer_facts, measured, run_terms
from planctl.store.outcomes import write_outcomes
from planctl.store.paying_out import Credit, GivenBack, credits_of_unused, give_back
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx


@dataclass(frozen=True, slots=True)
class Ending:
    """A cancellation, decided and not written. `unchanged`: it was to end at that instant anyway.

    `released` go on as if a start that now never comes had not been scheduled, `addons` end with it, `withdrawn`
    are scheduled starts that were to follow it. `credits` are what goes back, each with where it goes.
    """

    facts: CustomerFacts
    subscription: Subscription
    billed: Advanced | None = None
    transitions: tuple[Transition, ...] = ()
    unchanged: bool = False
    released: tuple[Subscription, ...] = ()
    addons: tuple[Subscription, ...] = ()
    withdrawn: tuple[Subscription, ...] = ()
    credits: tuple[GivenBack, ...] = ()

    @property
    def drafts(self) -> tuple[Draft, ...]:
        """The final invoices."""
        return self.billed.drafts if self.billed else ()

    @property
    def promise(self) -> Promise:
        """What a yes to it stands for."""
        return cancel_promise(self.subscription, self.drafts, [one.draft for one in self.credits])


@dataclass(frozen=True, slots=True)
class Ended:
    """What was written: the subscription afterwards, its final invoices, and what went back."""

    subscription: Subscription
    invoices: tuple[Invoice, ...] = ()
    returned: tuple[Returned, ...] = ()


def propose_cancel(tx: Tx, subscription: Subscription, now: Instant, *, at_once: bool, refund: str) -> Ending:
    """End a subscription at its period's end (a trial's), or at once.

    With `refund` prorated what was charged for the time after an end at once goes back: against what its invoice
    still owes, then as money up to what was paid. Refused where that is not billed yet.
    """
    if subscription.status in ENDED:
        raise Refused(
            f"{subscription.id} has ended already: {subscription.status}",
            code="ended",
            where=name_of(subscription),
            expected=takes(subscription),
        )
    (facts,) = customer_facts(tx, [subscription.customer], now)
    check_run_first(facts, now)
    if subscription.status is Status.PENDING and subscription.started_at > now:
        status = after(subscription.status, "cancel", subscription.id)
        move = Transition(subscription.id, subscription.status, status, now, "canceled")
        ended = replace(subscription, status=status, ends_at=subscription.started_at, end_reason="canceled")
        return Ending(facts, ended, None, (move,), released=_released(facts, subscription))
    withdrawn = tuple(
        one for one in facts.subscriptions if one.status is Status.PENDING and one.follows == subscription.id
    )
    ends_at = now if at_once else _period_end(subscription, now)
    if subscription.ends_at is not None and subscription.ends_at <= ends_at and not withdrawn:
        return Ending(facts, subscription, unchanged=True)
    refuse_hold(Advanced(subscription.customer, hold=facts.stop))
    if not at_once:
        later = replace(subscription, ends_at=ends_at, end_reason="canceled")
        addons = ended_with(later, facts.subscriptions)
        return Ending(facts, later, addons=addons, withdrawn=withdrawn)
    return replace(_at_once(tx, facts, subscription, now, refund), withdrawn=withdrawn)


def apply_cancel(tx: Tx, ending: Ending, now: Instant, recorded_at: Instant) -> Ended:
    """Write a cancellation proposed in this transaction at `now`."""
    if ending.unchanged:
        return Ended(ending.subscription)
    ending_now = {one.id: one for one in (ending.subscription, *ending.addons, *ending.released)}
    facts = replace(
        ending.facts,
        subscriptions=tuple(ending_now.get(one.id, one) for one in ending.facts.subscriptions),
    )
    subscriptions.update_many(tx, [(one, looked_at(facts, one)) for one in ending_now.values()])
    subscriptions.add_transitions(tx, ending.transitions, recorded_at)
    withdraw(tx, ending.withdrawn, now, recorded_at)
    if ending.billed is None:
        return Ended(ending.subscription)
    invoices = write_outcomes(tx, [ending.billed], [ending.facts.customer], recorded_at)
    returned = give_back(tx, ending.credits, recorded_at)
    stored = subscriptions.get(tx, ending.subscription.id)
    assert stored is not None
    return Ended(stored, tuple(invoices), tuple(returned))


def _at_once(tx: Tx, facts: CustomerFacts, subscription: Subscription, now: Instant, refund: str) -> Ending:
    """The subscription and its add-ons ended at `now`, with their final invoices and what goes back."""
    ending = _ended(subscription, now)
    addons = tuple(_ended(one, now) for one in ended_with(ending, facts.subscriptions))
    credits = _returned(tx, facts, (ending, *addons), now) if refund == "prorated" else ()
    until = max(now, ending.ends_at or now)
    mine = {ending.id, *(one.id for one in addons)}
    beside = tuple(one for one in facts.subscriptions if one.id not in mine)
    alone = replace(
        facts,
        subscriptions=(ending, *addons),
        beside=beside,
        billed=with_credits(facts.billed, [one.draft for one in credits]),
    )
    (alone,) = measured(tx, [alone], until)
    billed = advance_or_hold(alone, until, run_terms(tx))
    refuse_hold(billed)
    return Ending(facts, ending, billed, addons=addons, credits=credits)


def _returned(
    tx: Tx, facts: CustomerFacts, ending: Sequence[Subscription], now: Instant
) -> tuple[GivenBack, ...]:
    """What was charged for the time after the end, as credits to be paid out; Refused where that is not billed yet."""
    names = {one.id for one in ending}
    check_charged(facts, [one for one in facts.subscriptions if one.id in names], now)
    unused = []
    for one in ending:
        if one.ends_at is not None and one.started_at < one.ends_at:
            unused.append(Unused(one, one.ends_at))
    return credits_of_unused(tx, facts, unused, Credit("cancel", now, "refund"))


def _released(facts: CustomerFacts, pending: Subscription) -> tuple[Subscription, ...]:
    """What goes on as if `pending` had never been scheduled: the plan that it was to follow, free ones it replaces."""
    old = next((one for one in facts.subscriptions if one.live and one.id == pending.follows), None)
    going_on = None if old is None else keeping(old, facts.subscriptions)
    kept = () if going_on is None else (going_on.kept, *going_on.addons)
    return kept + tuple(
        replace(one, ends_at=one.expires_at, end_reason="" if one.expires_at is None else "expired")
        for one in facts.subscriptions
        if one.live and one.end_reason == "replaced" and one.exclusive_group == pending.exclusive_group
    )


def _ended(subscription: Subscription, now: Instant) -> Subscription:
    """The subscription ending at `now`, its last usage still to be closed though a run was there at that instant."""
    ends_at, ready = since(subscription, now)
    return replace(ready, ends_at=ends_at, end_reason="canceled")


def _period_end(subscription: Subscription, now: Instant) -> Instant:
    """The end of the trial or billing period that holds `now`, or of a later period that is settled.

    Refused where it is open.
    """
    schedule = subscription.schedule()
    latest = max(now, subscription.started_at, subscription.settled_at or now)
    over = subscription.trial_ends_at
    if over is not None and latest < over:
        return over
    period = schedule.period_at(latest)
    if period.ends_at is None:
        raise Refused(
            f"{subscription.id} has no period that ends: it was bought once",
            code="open-period",
            where=f"{subscription.customer}/{subscription.plan}",
            got=instant_text(now),
            hint="--at now ends it",
        )
    return period.ends_at
