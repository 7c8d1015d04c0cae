"""Which subscriptions a proposed catalog would put on other terms, and on which. It rates nothing.

Every subscription of a plan that gets a new version counts as moved, whatever version it holds; what was agreed with
its customer is laid over. Source: planctl billing rules, replay and migrate; docs/decisions/029.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field, replace
from decimal import Decimal

from planctl.core.catalog.changeset import Change, ChangeSet
from planctl.core.catalog.emit import snapshot_document
from planctl.core.catalog.model import AmountRange, Catalog, Plan, Terms
from planctl.core.catalog.negotiate import agreed
from planctl.core.catalog.references import SOLD
from planctl.core.catalog.selling import charges
from planctl.core.currencies import Currency
from planctl.core.document import Document, Node
from planctl.core.subscriptions.assigning import relaid
from planctl.core.subscriptions.carrying import on_terms
from planctl.core.subscriptions.model import Subscription
from planctl.values import dataclass

ReadTexts = Callable[[Mapping[str, str]], Mapping[str, Node]]
"""How agreed terms, which are kept as texts by path, become values."""


@dataclass(frozen=True, slots=True)
class Stuck:
    """A subscription that keeps its terms, because the proposal does not sell what it pays for: `why`."""

    plan: str
    why: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """The plans with a proposed new version, by the id that subscriptions have today, and renamed features.

    `snapshots` are the documents of these versions, `renamed` the new id of every feature that gets another one.
    """

    plans: Mapping[str, Plan] = field(default_factory=dict)
    snapshots: Mapping[str, Document] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)
    declared: Mapping[str, Currency] = field(default_factory=dict)

    @property
    def today(self) -> dict[str, str]:
        """The id that each renamed feature has today, by its new id."""
        return {new: old for old, new in self.renamed.items()}

    @property
    def former(self) -> dict[str, tuple[str, ...]]:
        """The ids that renamed features have today, by their new ids."""
        return {new: (old,) for old, new in self.renamed.items()}


def proposal_of(changes: ChangeSet, desired: Catalog) -> Proposal:
    """The plans that get a new version, directly or through a feature that is defined otherwise.

    A plan that is archived, new or changed only in its presentation moves nobody.
    """
    plans = {
        (change.renamed_from or change.address).partition(".")[2]: desired.plans[_id(change)]
        for change in changes.changes
        if change.address.partition(".")[0] in SOLD
        and 0 < change.from_version < change.to_version
        and _id(change) in desired.plans
    }
    renamed = {
        change.renamed_from.partition(".")[2]: _id(change)
        for change in changes.changes
        if change.renamed_from and change.address.startswith("features.")
    }
    snapshots = {name: snapshot_document(plan, desired.features) for name, plan in plans.items()}
    return Proposal(plans, snapshots, renamed, desired.currencies)


def moved(subscription: Subscription, proposal: Proposal, read: ReadTexts) -> Subscription | Stuck:
    """The subscription on the proposed terms of its plan, with what was agreed; Stuck where they do not sell its row.

    It keeps its clock: row, anchor, whether it is billed ahead, and when usage settles. Of units and of what was
    bought ahead it keeps as many as the proposed terms sell, as a change to them would.
    """
    plan = proposal.plans[subscription.plan]
    terms = _with_agreed(subscription, plan, proposal, read)
    held = subscription.terms
    why = _not_sold(subscription, terms)
    if why:
        return Stuck(subscription.plan, why)
    terms = replace(terms, anchor=held.anchor, bill=held.bill, settle=held.settle)
    names = proposal.renamed
    quantities = {names.get(name, name): total for name, total in subscription.quantities.items()}
    steps = tuple(replace(step, feature=names.get(step.feature, step.feature)) for step in subscription.steps)
    return on_terms(replace(subscription, quantities=quantities, steps=steps), terms)


def pack_price(plan: str, currency: str, proposal: Proposal) -> Decimal | None:
    """What one of a pack would cost; None where the proposal leaves the pack as it is, or does not sell it so."""
    found = proposal.plans.get(plan)
    row = found.terms.row("once") if found is not None and found.kind == "pack" else None
    price = None if row is None else row.fee.get(currency)
    return price if isinstance(price, Decimal) else None


def _id(change: Change) -> str:
    return change.address.partition(".")[2]


def _with_agreed(subscription: Subscription, plan: Plan, proposal: Proposal, read: ReadTexts) -> Terms:
    if not subscription.negotiated:
        return plan.terms
    snapshot, nodes = proposal.snapshots[subscription.plan], read(subscription.negotiated)
    laid = relaid(plan.id, subscription.negotiated, nodes, snapshot, proposal.declared)
    return agreed(plan.id, snapshot, {path: nodes[path] for path in laid.terms}, proposal.declared).terms


def _not_sold(subscription: Subscription, terms: Terms) -> str:
    """Why the terms cannot be those of the subscription: its row or currency is not among them; empty where it is."""
    code, pay = subscription.currency.code, subscription.pay
    if terms.free or subscription.terms.free:
        both = terms.free and subscription.terms.free
        return "" if both else "it would be free" if terms.free else "it is free now"
    row = terms.row(pay)
    if row is None:
        return f"{pay} is not sold"
    fee = row.fee.get(code)
    if not row.usage_only and isinstance(fee, AmountRange):
        return "its price is not agreed"
    if not row.usage_only and fee is None:
        return f"{pay} is not sold in {code}"
    unpriced = [name for name, kind in charges(terms, row) if code not in kind.currencies()]
    return f"{unpriced[0]} has no price in {code}" if unpriced else ""
