"""Answers about usage, read only: open pools of a customer, one access check, the events themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import TYPE_CHECKING

from planctl.core.catalog.model import Feature
from planctl.core.entitlements import Checked, OpenPool, Question, check
from planctl.core.metering.model import UsageEvent
from planctl.core.money import NumberError, parse_decimal
from planctl.core.periods import Instant
from planctl.errors import InvalidInput
from planctl.store import catalog, usage
from planctl.store.as_of import access_facts, customer_as_of
from planctl.store.columns import FOREVER
from planctl.store.selling import existing
from planctl.store.usage_customers import usage_customers

if TYPE_CHECKING:
    from planctl.store.engine import Tx


@dataclass(frozen=True, slots=True)
class FeatureUse:
    """One metered feature as one subscription grants it, in the allowance period that runs."""

    subscription: str
    feature: str
    unit: str
    state: OpenPool


@dataclass(frozen=True, slots=True)
class CustomerUsage:
    """What a customer uses now; `billed_to` holds the plans, and is another where it belongs to a company."""

    customer: str
    billed_to: str
    at: Instant
    features: tuple[FeatureUse, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """One access check: how many units more (text, 1 where empty), or which value of a list."""

    customer: str
    feature: str
    quantity: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class Access:
    """What was asked about and the answer; `feature` is as it is defined now, under its present id."""

    feature: Feature
    checked: Checked


@dataclass(frozen=True, slots=True)
class EventsWanted:
    """Which events to list: of one customer, in `[starts_at, ends_at)`, oldest first; `limit` 0: all."""

    customer: str
    features: tuple[str, ...] = ()
    starts_at: int = 0
    ends_at: int = FOREVER
    limit: int = 0


def usage_of(tx: Tx, customer_id: str, at: Instant) -> CustomerUsage:
    """Every metered feature of the customer's live subscriptions, as if a run had just been done at `at`."""
    found = customer_as_of(tx, customer_id, at)
    uses = tuple(
        FeatureUse(
            holding.subscription.id,
            feature,
            holding.subscription.terms.features[feature].feature.unit,
            state,
        )
        for holding in found.holdings
        for feature, state in holding.pools.items()
    )
    return CustomerUsage(customer_id, found.customer.id, at, uses)


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
    return Access(feature, check(question, facts.holdings, at, waiting=facts.waiting))


def events_of(tx: Tx, wanted: EventsWanted) -> Sequence[UsageEvent]:
    """The events recorded for a customer (of a company: for its root), in time order."""
    existing(tx, wanted.customer)
    root = usage_customers(tx, [wanted.customer])[wanted.customer].root
    found = usage.events(tx, root, _names(tx, wanted.features), wanted.starts_at, wanted.ends_at)
    return tuple(islice(found, wanted.limit or None))


def _names(tx: Tx, features: tuple[str, ...]) -> list[str]:
    """Every name under which events of these features, or of all, are recorded."""
    former = catalog.aliases(tx, "features")
    found: dict[str, None] = {}
    for name, feature in catalog.features(tx).items():
        if feature.type == "metered" and (not features or name in features):
            found.update(dict.fromkeys((name, *former.get(name, ()))))
            found.update({feature.meter.event: None} if feature.meter.event else {})
    found.update(dict.fromkeys(features))
    return list(found)
