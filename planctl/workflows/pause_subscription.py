"""Pausing a subscription and resuming it: propose it (read, decide), then write it with its money in one transaction.

A pause credits what was charged ahead for its time; resuming bills the rest of the period at once, as a run would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from planctl.core.invoicing.advance import advance_or_hold
from planctl.core.invoicing.facts import Advanced, CustomerFacts
from planctl.core.invoicing.model import Invoice
from planctl.core.invoicing.projection import projected
from planctl.core.invoicing.returning import Returned, Unused, check_charged
from planctl.core.invoicing.stops import refuse_hold
from planctl.core.invoicing.succession import check_run_first
from planctl.core.periods import Instant
from planctl.core.promises import Promise, pause_promise
from planctl.core.subscriptions.changes import Keeping, keeping
from planctl.core.subscriptions.dues import gives_back_at_pause
from planctl.core.subscriptions.model import Status, Subscription
from planctl.core.subscriptions.pausing import (
    Moved,
    check_goes_on,
    check_pausable,
    check_resumable,
    pause_name,
    paused,
    resumed,
    with_addons,
)
from planctl.store import subscriptions
from planctl.store.changing import write_keeping
from planctl.store.debts import caught_up, looked_at
from planctl.store.facts import customer_facts, measured, run_terms
from planctl.store.outcomes import write_outcomes
from planctl.store.paying_out import Credit, GivenBack, credits_of_unused, give_back
from planctl.store.selling import subscription_at
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx


@dataclass(frozen=True, slots=True)
class Pausing:
    """A pause, decided and not written: the subscription and its add-ons afterwards, and what goes to the balance."""

    facts: CustomerFacts
    moved: tuple[Moved, ...]
    credits: tuple[GivenBack, ...]

    @property
    def subscription(self) -> Subscription:
        """The subscription afterwards."""
        return self.moved[0][0]

    @property
    def addons(self) -> tuple[Subscription, ...]:
        """The add-ons that are paused with it."""
        return tuple(one for one, _ in self.moved[1:])

    @property
    def promise(self) -> Promise:
        """What a yes to it stands for."""
        return pause_promise(self.subscription, self.addons, [one.draft for one in self.credits])


@dataclass(frozen=True, slots=True)
class Resuming:
    """A return, decided and not written: from a pause with what is billed, or from a planned end (`kept`)."""

    facts: CustomerFacts
    moved: tuple[Moved, ...] = ()
    billed: Advanced | None = None
    kept: Keeping | None = None


@dataclass(frozen=True, slots=True)
class Stood:
    """What was written: the subscription and its add-ons afterwards, the invoices and credit notes issued."""

    subscription: Subscription
    addons: tuple[Subscription, ...] = ()
    invoices: tuple[Invoice, ...] = ()
    returned: tuple[Returned, ...] = ()


def propose_pause(tx: Tx, address: str, now: Instant) -> Pausing:
    """Decide a pause from `now` on; Refused or NotFound where it cannot be."""
    stored = subscription_at(tx, address)
    facts, standing = _standing(tx, stored, now)
    check_pausable(_of(standing, stored), standing)
    several = with_addons(_of(standing, stored), standing)
    check_charged(facts, several, now)
    moved = tuple(paused(one, now) for one in several)
    unused = [Unused(one, move.at) for one, move in moved if gives_back_at_pause(one) and not one.terms.free]
    credits = credits_of_unused(tx, facts, unused, Credit(pause_name(moved[0][0]), now))
    return Pausing(facts, moved, credits)


def apply_pause(tx: Tx, pausing: Pausing, now: Instant, recorded_at: Instant) -> Stood:
    """Write a pause proposed in this transaction, with its credits."""
    caught_up(tx, pausing.facts.customer.id, now, recorded_at)
    _write(tx, pausing.facts, pausing.moved, recorded_at)
    returned = give_back(tx, pausing.credits, recorded_at)
    one, *addons = _stored(tx, [one for one, _ in pausing.moved])
    return Stood(one, tuple(addons), (), tuple(returned))


def propose_resume(tx: Tx, address: str, now: Instant) -> Resuming:
    """Decide that a paused subscription goes on from `now`, or one that was to end after all goes on.

    Refused or NotFound where it cannot.
    """
    stored = subscription_at(tx, address)
    facts, standing = _standing(tx, stored, now)
    one = _of(standing, stored)
    if one.status is not Status.PAUSED:
        going_on = keeping(stored, facts.subscriptions) if one.live else None
        if going_on is not None and one.end_reason == "canceled":
            check_goes_on(one, standing)
            return Resuming(facts, kept=going_on)
    check_resumable(one, standing)
    moved = tuple(resumed(each, now) for each in with_addons(one, standing))
    by_id = {each.id: each for each, _ in moved}
    until = Instant(max(now, *(move.at for _, move in moved)))
    going = replace(facts, subscriptions=tuple(by_id.get(each.id, each) for each in facts.subscriptions))
    (going,) = measured(tx, [going], until)
    billed = advance_or_hold(going, until, run_terms(tx))
    refuse_hold(billed)
    return Resuming(facts, moved, billed)


def apply_resume(tx: Tx, resuming: Resuming, now: Instant, recorded_at: Instant) -> Stood:
    """Write a return proposed in this transaction, with what it bills."""
    if resuming.kept is not None:
        write_keeping(tx, resuming.facts, resuming.kept, now, recorded_at)
        one, *addons = _stored(tx, (resuming.kept.kept, *resuming.kept.addons))
        return Stood(one, tuple(addons))
    assert resuming.billed is not None, "what goes on is billed"
    _write(tx, resuming.facts, resuming.moved, recorded_at)
    issued = write_outcomes(tx, [resuming.billed], [resuming.facts.customer], recorded_at)
    one, *addons = _stored(tx, [one for one, _ in resuming.moved])
    return Stood(one, tuple(addons), tuple(issued))


def _standing(tx: Tx, stored: Subscription, now: Instant) -> tuple[CustomerFacts, tuple[Subscription, ...]]:
    """The customer's facts, and its subscriptions with the status that time alone has brought.

    What is settled stays what was written, since nothing is billed by asking. Refused where a run comes first.
    """
    (facts,) = customer_facts(tx, [stored.customer], now)
    check_run_first(facts, now)
    seen = projected(facts, now)
    refuse_hold(seen.billed)
    settled = {one.id: one.settled_at for one in facts.subscriptions}
    return facts, tuple(replace(one, settled_at=settled[one.id]) for one in seen.subscriptions)


def _of(several: Sequence[Subscription], stored: Subscription) -> Subscription:
    return next(one for one in several if one.id == stored.id)


def _write(tx: Tx, facts: CustomerFacts, moved: Sequence[Moved], recorded_at: Instant) -> None:
    by_id = {one.id: one for one, _ in moved}
    now = replace(facts, subscriptions=tuple(by_id.get(one.id, one) for one in facts.subscriptions))
    subscriptions.update_many(tx, [(one, looked_at(now, one)) for one, _ in moved])
    subscriptions.add_transitions(tx, [move for _, move in moved], recorded_at)


def _stored(tx: Tx, several: Sequence[Subscription]) -> list[Subscription]:
    """The subscriptions as they were written, in the order given."""
    found = subscriptions.get_many(tx, [one.id for one in several])
    return [found[one.id] for one in several]
