"""A change of a running subscription, decided with what it is billed with; `changing.py` writes it.

Every journey that changes what runs asks here, so that all of them follow the same rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from planctl.core.catalog.negotiate import Agreed
from planctl.core.document import Node, node_of
from planctl.core.invoicing.advance import advance_or_hold
from planctl.core.invoicing.facts import Advanced, CustomerFacts
from planctl.core.invoicing.projection import projected
from planctl.core.invoicing.returning import check_charged
from planctl.core.invoicing.stops import refuse_hold
from planctl.core.periods import Instant
from planctl.core.subscriptions.changes import (
    Change,
    When,
    changed,
    check_is_another,
    direction_of,
    keeps_periods,
    row_for,
    timing_of,
)
from planctl.core.subscriptions.model import Subscription
from planctl.core.subscriptions.standing import check_takes
from planctl.core.subscriptions.start import Ask, Offered
from planctl.identifiers import new_id
from planctl.store.changing import Decided, change_facts
from planctl.store.facts import run_terms
from planctl.store.selling import Buyer, on_agreed_terms
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx


@dataclass(frozen=True, slots=True)
class Replacing:
    """What is to take a running subscription's place: a version as it is sold, and how it was asked for.

    `ask` names the agreed terms as they were written, `agreed` has the same as trees by path.
    """

    old: Subscription
    offer: Offered
    ask: Ask
    agreed: Mapping[str, Node]
    when: When = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """A change that can be made: decided, on the offer with the agreed terms laid over it."""

    decided: Decided
    offer: Offered
    agreed: Agreed | None = None


def decide_change(tx: Tx, sold_to: Buyer, facts: CustomerFacts, asked: Replacing) -> Decision:
    """Decide a change and what it is billed with; Refused (or WrongUsage) where it cannot be.

    A change at the renewal is billed with the request to be expected then; one that waits for an approval with
    nothing. AlreadyRunning where the terms are, or will be, the same.
    """
    old, customer, ask = asked.old, sold_to.customer, asked.ask
    refuse_hold(Advanced(customer.id, hold=facts.stop))
    standing = next(one for one in projected(facts, ask.now).subscriptions if one.id == old.id)
    check_takes(standing, "change", f"it cannot be changed to {asked.offer.plan}")
    offer, made = on_agreed_terms(tx, asked.offer, asked.agreed, sold_to.declared)
    row = row_for(old, offer, ask.pay)
    timing = timing_of(direction_of(old, offer, row), old, offer.group, asked.when)
    if keeps_periods(old, row, timing) and old.terms.anchor != offer.terms.anchor:
        anchored = {**asked.agreed, "anchor": node_of(str(old.terms.anchor))}
        offer, made = on_agreed_terms(tx, asked.offer, anchored, sold_to.declared)
    change = changed(
        new_id("sub", ask.now),
        customer,
        offer,
        replace(ask, pay=row),
        old,
        sold_to.running,
        sold_to.declared,
        asked.when,
    )
    check_is_another(change)
    if change.at_once:
        check_charged(facts, [old, *(one for one in facts.subscriptions if one.base == old.id)], ask.now)
    billed = _billed(tx, facts, change, ask.now)
    return Decision(Decided(change, facts, billed, None if made is None else made.snapshot), offer, made)


def _billed(tx: Tx, facts: CustomerFacts, change: Change, now: Instant) -> Advanced:
    """What a change is billed with; Refused where a run would have to hold the customer."""
    if change.timing == "approval":
        return Advanced(facts.customer.id)
    # What is shown of a renewal to come takes it that everything is paid by then.
    expected = facts if change.at_once else replace(facts, unpaid=())
    until = max(now, change.at)
    billed = advance_or_hold(change_facts(tx, expected, change, until), until, run_terms(tx))
    refuse_hold(billed)
    return billed
