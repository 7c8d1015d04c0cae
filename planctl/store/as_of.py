"""How a customer stands at an instant, as if a run had just been done: subscriptions moved on, pools counted.

Nothing is written, and nothing is decided here: the core's projection is the run's own decision. Where a run would
do nothing, what hot commands ask is answered from the plain rows; all else is imported by those who need it.
Source: planctl billing rules, time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING

from planctl.core.catalog.model import Feature
from planctl.core.customers import Customer
from planctl.core.entitlements import Holding
from planctl.core.invoicing.lineup import LineUp
from planctl.core.invoicing.model import OpenInvoice, Totals, UsageWindow
from planctl.core.open_pools import current_windows, open_pools
from planctl.core.periods import Instant
from planctl.core.reading import closest
from planctl.core.subscriptions.model import Subscription
from planctl.core.wallets import ZERO, Grant
from planctl.errors import NotFound
from planctl.store import plain
from planctl.store.feature_names import names_of
from planctl.store.usage_totals import request_for, totals
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx

Former = Mapping[str, tuple[str, ...]]
"""The former ids of renamed features, by present id."""


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
    lineup: LineUp = field(default_factory=lambda: LineUp(()))
    """What was drawn on to tell the pools."""


def customer_as_of(tx: Tx, customer_id: str, at: Instant) -> AsOf:
    """The standing of the customer, or of the root it belongs to; NotFound where there is none."""
    from planctl.core.invoicing.projection import projected
    from planctl.store import catalog
    from planctl.store.facts import facts_as_of
    from planctl.store.selling import existing
    from planctl.store.usage_customers import usage_customers

    found = usage_customers(tx, [customer_id]).get(customer_id)
    root = existing(tx, customer_id).id if found is None else found.root
    facts = facts_as_of(tx, root, at)
    projection = projected(facts, at)
    standing = projection.subscriptions
    then = [one.until(at) for one in standing]
    lineup = LineUp(then, projection.grants, projection.rolled, facts.present)
    holdings = _holdings(tx, lineup, standing, at, catalog.aliases(tx, "features"))
    return AsOf(facts.customer, at, holdings, facts.unpaid, projection.billed.hold, lineup)


def plain_holdings(tx: Tx, customer_id: str, at: Instant) -> tuple[Holding, ...] | None:
    """The holdings of `customer_as_of` for a customer of no company whom a run would leave as it is; else None."""
    customer = plain.plain_customer(tx, customer_id)
    if customer is None or plain.definitions(tx) is None:
        return None
    standing = plain.undisturbed(tx, customer, at)
    return None if standing is None else _holdings(tx, LineUp(standing), standing, at, {})


def _holdings(
    tx: Tx, lineup: LineUp, standing: Sequence[Subscription], at: Instant, former: Former
) -> tuple[Holding, ...]:
    """Every subscription with its pools, which only those that run have."""
    pools = open_pools(lineup, at, _totals(tx, lineup, current_windows(lineup, at), former))
    return tuple(Holding(one, pools[one.id] if one.live else {}) for one in standing)


def grants_left(tx: Tx, found: AsOf) -> tuple[Grant, ...]:
    """The customer's grants with what usage has left of each, that of the periods that are open included."""
    from planctl.core.wallet_draws import draw_windows, open_draws
    from planctl.store import catalog

    lineup, at = found.lineup, found.at
    if not lineup.grants:
        return ()
    former = catalog.aliases(tx, "features")
    drawn = open_draws(lineup, at, _totals(tx, lineup, draw_windows(lineup, at), former))
    return tuple(
        replace(one, left=one.left - min(drawn.get(one.id, ZERO), one.left)) for one in lineup.grants
    )


@dataclass(frozen=True, slots=True)
class AccessFacts:
    """What a question about a feature is answered from: its definition, present and former ids, who holds what.

    `waiting`: an assigned plan that has not started would grant it. `billed_to` holds the plans.
    """

    feature: Feature
    names: frozenset[str]
    holdings: tuple[Holding, ...]
    waiting: bool
    billed_to: str = ""


def access_facts(tx: Tx, customer_id: str, feature: str, at: Instant) -> AccessFacts:
    """The facts about a feature and the customer, or its root; NotFound for an unknown customer or feature."""
    return _plain_access(tx, customer_id, feature, at) or _access(tx, customer_id, feature, at)


def _plain_access(tx: Tx, customer_id: str, feature: str, at: Instant) -> AccessFacts | None:
    """The same of a plain customer; None of any other, and of one for whom a plan is set aside."""
    customer = plain.plain_customer(tx, customer_id)
    known = plain.definitions(tx)
    if customer is None or customer.is_waiting or known is None or feature not in known:
        return None
    definition, standing = plain.feature_of(feature, known[feature]), plain.undisturbed(tx, customer, at)
    if definition is None or standing is None:
        return None
    holdings = _holdings(tx, LineUp(standing), standing, at, {})
    return AccessFacts(definition, frozenset({feature}), holdings, waiting=False, billed_to=customer_id)


def _access(tx: Tx, customer_id: str, feature: str, at: Instant) -> AccessFacts:
    from planctl.store import catalog

    found = customer_as_of(tx, customer_id, at)
    former = catalog.aliases(tx, "features")
    definition = _definition(tx, feature, former, found)
    names = names_of(definition.id, former)
    root = found.customer.id
    return AccessFacts(definition, names, found.holdings, _waiting(tx, root, names), root)


def _definition(tx: Tx, feature: str, former: Former, found: AsOf) -> Feature:
    """The feature as the catalog defines it now, else as a subscription's terms do."""
    from planctl.store import catalog

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
    from planctl.store.offers import offered
    from planctl.store.subscriptions import assignments

    for one in assignments(tx, [customer_id])[customer_id]:
        features = offered(tx, one.plan, one.version).terms.features
        if any(name in names and entitlement.granted for name, entitlement in features.items()):
            return True
    return False


def _totals(tx: Tx, lineup: LineUp, windows: Iterable[UsageWindow], former: Former) -> Totals:
    """The usage of the windows, counted under every name a feature has or had."""
    by_id = {one.id: one for one in lineup.subscriptions}
    requests = [request_for(window, by_id, former) for window in windows]
    return totals(tx, requests) if requests else {}
