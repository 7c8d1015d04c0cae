"""Changing a quantity: propose it (read, decide), then write it with what it costs in one transaction."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from planctl.core.invoicing.advance import next_action
from planctl.core.invoicing.facts import CustomerFacts
from planctl.core.invoicing.model import CreditDraft, Invoice
from planctl.core.invoicing.projection import projected
from planctl.core.invoicing.quantities import QuantityAsk, QuantityChange, change_draft, changed_quantity
from planctl.core.invoicing.settling import Settled, settled
from planctl.core.invoicing.stops import refuse_hold
from planctl.core.invoicing.succession import check_run_first
from planctl.core.periods import Instant
from planctl.core.promises import Promise, quantity_promise
from planctl.core.subscriptions.carrying import following
from planctl.core.subscriptions.model import Status, Subscription
from planctl.errors import InvalidInput
from planctl.store import invoices, subscriptions
from planctl.store.debts import looked_at
from planctl.store.facts import customer_facts, purse_for
from planctl.store.offers import names
from planctl.store.outcomes import issue
from planctl.store.selling import subscription_at
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx


@dataclass(frozen=True, slots=True)
class QuantityWanted:
    """What was asked for: whose quantity (an address), of which feature (`""`: the plan's own), and how many."""

    address: str
    total: Decimal
    feature: str = ""
    at_once: bool = False


@dataclass(frozen=True, slots=True)
class Changing:
    """A change of a quantity, decided and not written, with what it costs or credits at once, taxed."""

    facts: CustomerFacts
    change: QuantityChange
    money: Settled

    @property
    def promise(self) -> Promise:
        """What a yes to it stands for."""
        return quantity_promise(self.change, self.money.drafts, self.money.credits)


@dataclass(frozen=True, slots=True)
class Changed:
    """What was written: the subscription afterwards, its invoice, and what was credited to the balance."""

    subscription: Subscription
    invoices: tuple[Invoice, ...] = ()
    credits: tuple[CreditDraft, ...] = ()


def propose_quantity(tx: Tx, wanted: QuantityWanted, now: Instant) -> Changing:
    """Decide a change of a quantity; Refused, NotFound or InvalidInput where it cannot be."""
    if not wanted.feature and (wanted.total != int(wanted.total) or wanted.total < 1):
        raise InvalidInput("a whole number of at least 1 is needed", where="QUANTITY", got=str(wanted.total))
    stored = subscription_at(tx, wanted.address)
    (facts,) = customer_facts(tx, [stored.customer], now)
    check_run_first(facts, now)
    seq = subscriptions.next_change(tx, stored.id)
    ask = QuantityAsk(wanted.feature, wanted.total, now, seq, wanted.at_once)
    change = changed_quantity(_standing(facts, stored, now), ask, names(tx))
    draft = change_draft(change, now)
    drafts = [] if draft is None else [draft]
    money = settled(drafts, purse_for(tx, facts.customer, stored))
    kept = replace(stored, steps=change.subscription.steps)
    return Changing(facts, replace(change, subscription=kept), money)


def apply_quantity(tx: Tx, changing: Changing, now: Instant, recorded_at: Instant) -> Changed:
    """Write a change proposed in this transaction, with its invoice or its credit."""
    change, money, facts = changing.change, changing.money, changing.facts
    if change.unchanged:
        return Changed(change.subscription)
    name = change.subscription.id
    subscriptions.cancel_steps(tx, name, change.removed)
    if change.step is not None:
        subscriptions.add_steps(tx, name, [change.step], now)
    issued = issue(tx, money.drafts, money.credits, [facts.customer], recorded_at)
    stored = subscriptions.get(tx, name)
    assert stored is not None
    _carry(tx, facts, stored)
    unpaid = invoices.open_invoices(tx, [stored.customer])[stored.customer]
    subscriptions.update(tx, stored, looked_at(replace(facts, unpaid=tuple(unpaid)), stored))
    return Changed(stored, tuple(issued), money.credits)


def _carry(tx: Tx, facts: CustomerFacts, stored: Subscription) -> None:
    """Let a change that is scheduled take along what is held now."""
    before = next(one for one in facts.subscriptions if one.id == stored.id)
    for one in facts.subscriptions:
        if one.follows == stored.id and one.status is Status.PENDING:
            carried = following(one, before, stored)
            if carried != one:
                subscriptions.update(tx, carried, next_action(carried, ()))


def _standing(facts: CustomerFacts, stored: Subscription, now: Instant) -> Subscription:
    """The subscription with the status that time alone has brought; what is settled stays what was written."""
    seen = projected(facts, now)
    refuse_hold(seen.billed)
    (one,) = [one for one in seen.subscriptions if one.id == stored.id]
    return replace(one, settled_at=stored.settled_at)
