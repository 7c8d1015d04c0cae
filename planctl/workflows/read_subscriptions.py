"""Subscriptions as they stand at an instant: what time alone has moved is derived, never written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from planctl.core.accounts import Shown, addons_of, requests_of, seen_at
from planctl.core.catalog.apart import apart_of
from planctl.core.invoicing.projection import projected
from planctl.core.periods import Instant
from planctl.core.upcoming import successor_of
from planctl.store import catalog, invoices, subscriptions
from planctl.store.as_of import customer_as_of
from planctl.store.change_requests import open_request_of
from planctl.store.facts import customer_facts
from planctl.store.offers import newest_versions
from planctl.store.selling import existing, subscription_at
from planctl.store.subscriptions import SubscriptionFilter
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx


@dataclass(frozen=True, slots=True)
class Filter:
    """Which subscriptions to list; empty fields ask nothing. The status is the one at the instant asked for."""

    customer: str = ""
    plan: str = ""
    status: str = ""
    currency: str = ""
    limit: int = 0


def read_one(tx: Tx, address: str, as_of: Instant) -> Shown:
    """One subscription as of an instant, with its pools and how its terms differ from the newest version's."""
    found = subscription_at(tx, address)
    (shown,) = [one for one in _several(tx, [found.customer], as_of) if one.subscription.id == found.id]
    holdings = customer_as_of(tx, found.customer, as_of).holdings if shown.subscription.live else ()
    pools = next((one.pools for one in holdings if one.subscription.id == found.id), {})
    _, newest_hash, newest = catalog.plan_snapshot(tx, found.plan)
    held = catalog.terms_document(tx, found.terms_hash) if found.terms_hash != newest_hash else newest
    asked = open_request_of(tx, found.id) if shown.subscription.live else None
    return replace(shown, pools=pools, apart=apart_of(held, newest, found.negotiated), asked=asked)


def read_all(tx: Tx, wanted: Filter, as_of: Instant) -> list[Shown]:
    """The subscriptions that a filter lets through, oldest first, as of an instant; without their pools."""
    if wanted.customer:
        existing(tx, wanted.customer)
    stored = subscriptions.listing(
        tx, SubscriptionFilter((wanted.customer,) if wanted.customer else (), wanted.plan)
    )
    customers = [wanted.customer] if wanted.customer else list(dict.fromkeys(one.customer for one in stored))
    if wanted.plan and not wanted.customer:  # what takes over may be of a plan that the customer never ran
        customers = list(dict.fromkeys([*customers, *subscriptions.expiring(tx, as_of)]))
    found = [
        one
        for one in _several(tx, customers, as_of)
        if wanted.plan in {"", one.subscription.plan}
        and wanted.customer in {"", one.subscription.customer}
        and wanted.status in {"", one.subscription.status.value}
        and wanted.currency in {"", one.subscription.currency.code}
    ]
    found.sort(key=lambda one: (one.subscription.started_at, one.subscription.id))
    return found[: wanted.limit] if wanted.limit else found


def _several(tx: Tx, customers: Sequence[str], as_of: Instant) -> list[Shown]:
    """Every subscription of the customers with what belongs to it."""
    projections = [projected(facts, as_of) for facts in customer_facts(tx, customers, as_of)]
    unpaid = invoices.get_many(tx, [item.id for one in projections for item in one.facts.unpaid])
    newest = newest_versions(tx, {one.plan for each in projections for one in each.subscriptions})
    shown = []
    for each in projections:
        mine = [unpaid[item.id] for item in each.facts.unpaid]
        several = [seen_at(one, as_of) for one in each.subscriptions]
        shown += [
            Shown(
                one,
                as_of,
                newest.get(one.plan, 0),
                requests_of(one, several, mine),
                addons_of(one, several),
                successor_of(one, several),
                payment_method=each.facts.customer.payment_method,
            )
            for one in several
        ]
    return shown
