"""How a customer stands at an instant, as if a run had just been done: subscriptions moved on, pools counted.

Nothing is written. What is decided is decided by the core: the run's own read and decision.
Source: planctl billing rules, time.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from planctl.core.catalog.model import Feature
from planctl.core.customers import Customer
from planctl.core.entitlements import Checked, Holding, Question, check, current_windows, open_pools
from planctl.core.invoicing.advance import RunTerms, advance_or_hold
from planctl.core.invoicing.model import OpenInvoice, Totals
from planctl.core.periods import Instant
from planctl.core.reading import closest
from planctl.core.subscriptions.model import Subscription
from planctl.errors import InvalidInput, NotFound
from planctl.store import catalog, subscriptions, usage
from planctl.store.facts import customer_facts
from planctl.store.feature_names import names_of
from planctl.store.offers import offered
from planctl.store.selling import existing
from planctl.store.usage import UsageRequest
from planctl.store.usage_customers import usage_customers

if TYPE_CHECKING:
    from planctl.store.engine import Tx


@dataclass(frozen=True, slots=True)
class AsOf:
    """A customer that holds plans (the root of its company) with every subscription as it is at `at`.

    `stop` is what keeps a run away from it; then nothing was moved on.
    """

    customer: Customer
    at: Instant
    holdings: tuple[Holding, ...]
    unpaid: tuple[OpenInvoice, ...] = ()
    stop: str = ""


def customer_as_of(tx: Tx, customer_id: str, at: Instant) -> AsOf:
    """The standing of the customer, or of the root it belongs to; NotFound where there is none."""
    found = usage_customers(tx, [customer_id]).get(customer_id)
    root = existing(tx, customer_id).id if found is None else found.root
    facts = customer_facts(tx, [root], at)[0]
    advanced = advance_or_hold(facts, at, RunTerms())
    moved = {one.id: one for one, _ in advanced.subscriptions}
    standing = [moved.get(one.id, one) for one in facts.subscriptions]
    totals = _totals(tx, standing, at)
    holdings = tuple(Holding(one, open_pools(one, at, totals) if one.live else {}) for one in standing)
    return AsOf(facts.customer, at, holdings, facts.unpaid, advanced.hold)


@dataclass(frozen=True, slots=True)
class Access:
    """What was asked about and the answer; `feature` is its present id."""

    feature: Feature
    checked: Checked


def check_access(  # noqa: PLR0913 - a question is four values
    tx: Tx, customer_id: str, feature: str, at: Instant, *, quantity: Fraction = Fraction(1), value: str = ""
) -> Access:
    """May the customer use the feature at `at`? The child of a company asks for its root.

    NotFound for an unknown customer or feature; InvalidInput where `value` is asked of no list.
    """
    found = customer_as_of(tx, customer_id, at)
    former = catalog.aliases(tx, "features")
    definition = _definition(tx, feature, former, found)
    if value and definition.type != "list":
        raise InvalidInput(f"{definition.id} is no list of values", where="--value", got=value)
    names = names_of(definition.id, former)
    question = Question(names, definition.type, quantity, value)
    return Access(
        definition, check(question, found.holdings, at, waiting=_waiting(tx, found.customer.id, names))
    )


def _definition(tx: Tx, feature: str, former: dict[str, tuple[str, ...]], found: AsOf) -> Feature:
    """The feature as the catalog defines it now, else as a subscription's terms do."""
    known = catalog.features(tx)
    for holding in found.holdings:
        for name, entitlement in holding.subscription.terms.features.items():
            known.setdefault(name, entitlement.feature)
    present = next((new for new, olds in former.items() if feature in olds), feature)
    if present in known:
        return known[present]
    raise NotFound(
        f"there is no feature {feature!r}",
        where=f"features.{feature}",
        hint=closest(feature, known) or "planctl feature list shows them all",
    )


def _waiting(tx: Tx, customer_id: str, names: frozenset[str]) -> bool:
    """Whether an assigned plan that has not started would grant the feature."""
    for one in subscriptions.assignments(tx, [customer_id])[customer_id]:
        features = offered(tx, one.plan, one.version).terms.features
        if any(name in names and entitlement.granted for name, entitlement in features.items()):
            return True
    return False


def _totals(tx: Tx, subscriptions: list[Subscription], at: Instant) -> Totals:
    """The usage of every pool that is open at `at`, counted under every name a feature has or had."""
    former = catalog.aliases(tx, "features")
    requests = []
    for one in subscriptions:
        for window in current_windows(one, at) if one.live else ():
            meter = one.terms.features[window.feature].feature.meter
            names = tuple(sorted(names_of(window.feature, former) - {window.feature}))
            requests.append(UsageRequest(window, meter, names))
    return usage.totals(tx, requests) if requests else {}
