"""Everything that deciding about customers needs, gathered set-wise: a fixed number of queries for a page of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import select

from planctl.core.customers import Customer
from planctl.core.invoicing.advance import RunTerms, needed_windows
from planctl.core.invoicing.facts import CustomerFacts, Voided
from planctl.core.invoicing.model import Settlement, Totals
from planctl.core.invoicing.stops import stop_reason
from planctl.core.periods import Instant
from planctl.core.subscriptions.model import Subscription
from planctl.store import catalog, customers, invoices, subscriptions, usage
from planctl.store.feature_names import names_of
from planctl.store.offers import names, taxes
from planctl.store.sets import chunks, table
from planctl.store.settings import setting
from planctl.store.usage import UsageRequest

if TYPE_CHECKING:
    from planctl.store.engine import Tx

SELF_CLEARING = ("catch-up", "not-yet")
"""Holds that the next run judges anew; every other one stays until a person clears it."""


def customer_facts(tx: Tx, customer_ids: Sequence[str], until: Instant) -> list[CustomerFacts]:
    """The facts of each customer that exists, in the order given, with the usage that `until` asks for."""
    found = customers.get_many(tx, customer_ids)
    subscribed = subscriptions.of_customers(tx, found)
    ids = [one.id for several in subscribed.values() for one in several]
    unpaid = invoices.open_invoices(tx, found)
    open_parts = subscriptions.open_settlements(tx, ids)
    voided = _voided(tx, ids, open_parts)
    holds = {
        name: [hold.reason for hold in several if not hold.reason.startswith(SELF_CLEARING)]
        for name, several in customers.holds_of(tx, found).items()
    }
    late = usage.late_events(tx, found)
    in_force = taxes(tx)
    facts = []
    for name in customer_ids:
        customer = found.get(name)
        if customer is None:
            continue
        mine = subscribed[name]
        facts.append(
            CustomerFacts(
                customer,
                tuple(mine),
                tuple(unpaid[name]),
                tuple(part for one in mine for part in open_parts[one.id] if part.outcome == "blocked"),
                tuple(void for one in mine for void in voided.get(one.id, ())),
                stop=stop_reason(
                    customer,
                    mine,
                    holds.get(name, ()),
                    in_force,
                    late_usage=bool(late.get(name)),
                ),
            )
        )
    totals = window_totals(tx, facts, until)
    return [replace(one, totals=totals) for one in facts]


def facts_of_new(tx: Tx, customer: Customer, subscription: Subscription, until: Instant) -> CustomerFacts:
    """The facts of a subscription that is not stored yet, alone: what falls due on it is its first invoice."""
    stop = stop_reason(customer, [subscription], (), taxes(tx), late_usage=False)
    facts = CustomerFacts(customer, (subscription,), stop=stop)
    return replace(facts, totals=window_totals(tx, [facts], until))


def run_terms(tx: Tx) -> RunTerms:
    """How invoices are made, from the store's settings and what things are called today."""
    return RunTerms(issue_zero=setting(tx, "invoice.zero", "skip") == "issue", names=names(tx))


def window_totals(tx: Tx, facts: Iterable[CustomerFacts], until: Instant) -> Totals:
    """The aggregated usage of every window that bringing these customers to `until` needs."""
    requests = []
    former = catalog.aliases(tx, "features")
    for one in facts:
        terms = {subscription.id: subscription for subscription in one.subscriptions}
        for window in needed_windows(one, until):
            definition = terms[window.key[0]].terms.features[window.feature].feature
            aliases = tuple(names_of(window.feature, former) - {window.feature})
            requests.append(UsageRequest(window, definition.meter, aliases))
    return usage.totals(tx, requests) if requests else {}


def _voided(
    tx: Tx, subscription_ids: Sequence[str], open_parts: Mapping[str, Sequence[Settlement]]
) -> dict[str, list[Voided]]:
    """Voided invoices that are to be issued again, by subscription."""
    again = [name for name in subscription_ids if any(p.outcome == "reissue" for p in open_parts[name])]
    if not again:
        return {}
    made, part = table("invoice"), table("settlement")
    found: dict[str, list[Voided]] = {}
    for chunk in chunks(again):
        query = (
            select(made.c.id)
            .distinct()
            .join(part, part.c.invoice == made.c.id)
            .where(part.c.subscription.in_(chunk), part.c.outcome == "reissue", part.c.is_open == 1)
        )
        ids = [row.id for row in tx.connection.execute(query)]
        for invoice in invoices.get_many(tx, ids).values():
            draft = invoice.draft
            parts = tuple(one for one in draft.settlements if one.outcome == "reissue")
            found.setdefault(draft.subscription, []).append(
                Voided(
                    draft.subscription,
                    draft.period_index,
                    draft.kind,
                    draft.occasion,
                    draft.revision,
                    draft.at,
                    parts,
                )
            )
    return found
