"""Answers about usage, read only: open pools of a customer, one access check."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from fractions import Fraction
from typing import TYPE_CHECKING

from planctl.core.catalog.model import Feature
from planctl.core.entitlements import Checked, Holding, OpenPool, Question, check
from planctl.core.invoicing.members import used_by
from planctl.core.money import NumberError, parse_decimal
from planctl.core.open_pools import shared_windows
from planctl.core.periods import Instant
from planctl.core.subscriptions.model import Subscription
from planctl.errors import InvalidInput
from planctl.store.as_of import AsOf, access_facts, customer_as_of, plain_holdings
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx

SUMMED = frozenset({"sum", "count", "weighted"})
"""Aggregates whose level now is the sum of everybody's; a mean over time is not shown before its period is over."""


Shared = Mapping[tuple[str, str], Mapping[str, Fraction]]
"""What everybody of a company used, by subscription and feature, then by customer."""


@dataclass(frozen=True, slots=True)
class FeatureUse:
    """One metered feature as one subscription grants it, in the allowance period that runs.

    `by_customer` is what everybody of a company used of it, where this pool tells of all of it; of a customer of a
    company only its own part. `adds_up`: their sum is what the company used.
    """

    subscription: str
    feature: str
    unit: str
    state: OpenPool
    by_customer: Mapping[str, Fraction] = field(default_factory=dict)
    adds_up: bool = True


@dataclass(frozen=True, slots=True)
class CustomerUsage:
    """What a customer uses now; `billed_to` holds the plans, and is another where it belongs to a company.

    `is_company`: others use what it holds.
    """

    customer: str
    billed_to: str
    at: Instant
    features: tuple[FeatureUse, ...]
    is_company: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """One access check: how many units more (text, 1 where empty), or which value of a list."""

    customer: str
    feature: str
    quantity: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class Access:
    """What was asked about and the answer; `feature` is as it is defined now, under its present id.

    `billed_to` is who holds the plans that were asked.
    """

    feature: Feature
    checked: Checked
    billed_to: str


def usage_of(tx: Tx, customer_id: str, at: Instant) -> CustomerUsage:
    """Every metered feature of the customer's live subscriptions, as if a run had just been done at `at`.

    The pools of a customer of a company are the company's.
    """
    plain = plain_holdings(tx, customer_id, at)
    if plain is not None:
        return CustomerUsage(customer_id, customer_id, at, _uses(plain, {}))
    found = customer_as_of(tx, customer_id, at)
    shared = _shared(tx, found, customer_id)
    return CustomerUsage(
        customer_id, found.customer.id, at, _uses(found.holdings, shared or {}), shared is not None
    )


def _uses(holdings: Iterable[Holding], shared: Shared) -> tuple[FeatureUse, ...]:
    return tuple(
        _use(holding.subscription, feature, state, shared.get((holding.subscription.id, feature), {}))
        for holding in holdings
        for feature, state in holding.pools.items()
    )


def _use(
    subscription: Subscription, feature: str, state: OpenPool, by_customer: Mapping[str, Fraction]
) -> FeatureUse:
    definition = subscription.terms.features[feature].feature
    meter = definition.meter
    adds_up = meter.aggregate in SUMMED and meter.rounding is None
    return FeatureUse(subscription.id, feature, definition.unit, state, by_customer, adds_up)


def _shared(tx: Tx, found: AsOf, customer_id: str) -> Shared | None:
    """What everybody of a company used in its open pools; of a child its own part. None of what is no company."""
    from planctl.store import catalog
    from planctl.store.usage_children import branch, by_child, companies
    from planctl.store.usage_totals import request_for

    if not companies(tx, [found.customer.id]):
        return None
    windows = shared_windows(found.lineup, found.at)
    former = catalog.aliases(tx, "features")
    by_id = {one.id: one for one in found.lineup.subscriptions}
    requests = [request_for(one, by_id, former) for several in windows.values() for one in several]
    measured = by_child(tx, requests)
    shown = None if customer_id == found.customer.id else branch(tx, customer_id)
    return {
        place: {
            name: units
            for name, units in used_by(several, measured).items()
            if shown is None or name in shown
        }
        for place, several in windows.items()
    }


def check_access(tx: Tx, asked: Asked, at: Instant) -> Access:
    """May the customer use the feature at `at`? The child of a company asks for its root.

    NotFound for an unknown customer or feature; InvalidInput for no quantity, or a value asked of no list.
    """
    try:
        quantity = Fraction(parse_decimal(asked.quantity or "1"))
    except NumberError as error:
        raise InvalidInput(error.reason, where="--quantity", got=asked.quantity, hint=error.fix) from error
    if quantity < 0:
        raise InvalidInput(
            "a quantity to be used is 0 or more", where="--quantity", expected="0 or more", got=asked.quantity
        )
    facts = access_facts(tx, asked.customer, asked.feature, at)
    feature = facts.feature
    if asked.value and feature.type != "list":
        raise InvalidInput(f"{feature.id} is no list of values", where="--value", got=asked.value)
    question = Question(facts.names, feature.type, quantity, asked.value)
    return Access(feature, check(question, facts.holdings, at, waiting=facts.waiting), facts.billed_to)
