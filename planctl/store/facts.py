"""Everything that deciding about customers needs, gathered set-wise: a fixed number of queries for a page of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import select

from planctl.core.catalog.model import TaxRate
from planctl.core.coupons import Redemption
from planctl.core.customers import Customer
from planctl.core.invoicing.advance import RunTerms, needed_amounts, needed_windows
from planctl.core.invoicing.facts import CustomerFacts, Fallback, Voided
from planctl.core.invoicing.model import ByChild, Settlement
from planctl.core.invoicing.settling import Purse
from planctl.core.invoicing.stops import stop_reason
from planctl.core.invoicing.succession import unfolded, wants_fallback
from planctl.core.invoicing.unused import gross_credit, is_unused, shifted
from planctl.core.periods import Instant
from planctl.core.subscriptions.model import Subscription
from planctl.core.wallets import Grant
from planctl.identifiers import new_id
from planctl.store import catalog, customers, invoices, subscriptions, usage
from planctl.store.balances import balances_of
from planctl.store.coupons import redemptions_of
from planctl.store.history import billed_lines, history, since
from planctl.store.kept_about import EVERYTHING, kept_about
from planctl.store.offers import auto_enabled, names, offered, taxes
from planctl.store.sets import chunks, table
from planctl.store.settings import setting
from planctl.store.usage import UsageRequest
from planctl.store.usage_children import by_child, companies
from planctl.store.usage_totals import request_for
from planctl.store.wallets import grants_of
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx

SELF_CLEARING = ("catch-up", "not-yet")
"""Holds that the next run judges anew; every other one stays until a person clears it."""


def customer_facts(tx: Tx, customer_ids: Sequence[str], until: Instant) -> list[CustomerFacts]:
    """The facts of each customer that exists, in the order given, with the usage that `until` asks for."""
    found = customers.get_many(tx, customer_ids)
    there = kept_about(tx, found)
    subscribed = subscriptions.of_customers(tx, found)
    ids = [one.id for several in subscribed.values() for one in several]
    unpaid = invoices.open_invoices(tx, found) if "invoice" in there else {}
    open_parts = subscriptions.open_settlements(tx, ids)
    voided = _voided(tx, ids, open_parts)
    holds = _lasting_holds(tx, found) if "hold" in there else {}
    late = usage.late_marks(tx, found) if "late_usage" in there else {}
    means = _means(tx, list(found), there)
    facts = [
        CustomerFacts(
            customer,
            tuple(mine := subscribed[name]),
            tuple(unpaid.get(name, ())),
            tuple(part for one in mine for part in open_parts[one.id] if part.is_deferred),
            tuple(void for one in mine for void in voided.get(one.id, ())),
            taxes=means.taxes,
            redemptions=means.redemptions.get(name, ()),
            balance=means.balances.get(name, {}),
            grants=means.grants.get(name, ()),
            late=late.get(name, ()),
            present=means.present,
            gives_back={one.id: shift for one in mine if (shift := shifted(one)) is not None},
            stop=stop_reason(holds.get(name, ())),
        )
        for name in customer_ids
        if (customer := found.get(name)) is not None
    ]
    unfolded_facts = [unfolded(one, until) for one in _with_fallbacks(tx, facts, until)]
    return measured(tx, _with_history(tx, unfolded_facts), until, "child" in there)


def _lasting_holds(tx: Tx, customer_ids: Iterable[str]) -> dict[str, list[str]]:
    """Why the run leaves customers alone, but for what it judges anew."""
    return {
        name: [hold.reason for hold in several if not hold.reason.startswith(SELF_CLEARING)]
        for name, several in customers.holds_of(tx, customer_ids).items()
    }


def facts_as_of(tx: Tx, customer_id: str, at: Instant) -> CustomerFacts:
    """The facts of one customer for reading at an instant, which may lie before what runs have done since.

    Its wallets are as they were then: a closing that a later run posted had not taken anything yet.
    """
    (facts,) = customer_facts(tx, [customer_id], at)
    return replace(facts, grants=grants_of(tx, [customer_id], at)[customer_id]) if facts.grants else facts


@dataclass(frozen=True, slots=True)
class _Means:
    """What drafts are finished with: taxes, and by customer coupons, balance and wallets; `present` as in the facts."""

    taxes: Mapping[str, TaxRate]
    redemptions: Mapping[str, tuple[Redemption, ...]]
    balances: Mapping[str, Mapping[str, int]]
    grants: Mapping[str, tuple[Grant, ...]]
    present: Mapping[str, str]


def _means(tx: Tx, customer_ids: Sequence[str], there: Collection[str] = EVERYTHING) -> _Means:
    return _Means(
        taxes=taxes(tx),
        redemptions=redemptions_of(tx, customer_ids) if "coupon_redemption" in there else {},
        balances=balances_of(tx, customer_ids) if "balance_entry" in there else {},
        grants=grants_of(tx, customer_ids) if "wallet_grant" in there else {},
        present={old: new for new, olds in catalog.aliases(tx, "features").items() for old in olds},
    )


def _with_fallbacks(tx: Tx, facts: Sequence[CustomerFacts], until: Instant) -> Sequence[CustomerFacts]:
    """The facts with the plans that take over what has expired; nothing is read where nothing has."""
    wanted = [wants_fallback(one.subscriptions, until) for one in facts]
    if not any(wanted):
        return facts
    found = {
        one.terms.group: one for one in (offered(tx, plan) for plan in auto_enabled(tx)) if one.exclusive
    }
    return [
        replace(
            one,
            fallbacks={
                group: Fallback(found[group], new_id("sub", until)) for group in groups if group in found
            },
        )
        for one, groups in zip(facts, wanted, strict=True)
    ]


def _with_history(tx: Tx, facts: Sequence[CustomerFacts]) -> list[CustomerFacts]:
    """The facts with what was claimed and charged before, of those to whom it matters."""
    wanted: dict[str, Instant] = {}
    owner: dict[str, str] = {}
    for one in facts:
        for subscription in one.subscriptions:
            voided = [void for void in one.voided if void.subscription == subscription.id]
            deferred = [part for part in one.deferred if part.subscription == subscription.id]
            begins = since(subscription, one.late, voided, deferred)
            if begins is not None:
                wanted[subscription.id] = begins
                owner[subscription.id] = one.customer.id
    if not wanted:
        return list(facts)
    with_draws = [one.customer.id for one in facts if one.grants and (one.late or one.voided)]
    past = history(tx, wanted, with_draws)
    return [
        replace(
            one,
            claims=tuple(claim for claim in past.claims if owner[claim.subscription] == one.customer.id),
            billed=tuple(line for line in past.billed if owner[line.line.subscription] == one.customer.id),
            draws=past.draws,
            returned=past.returned,
        )
        for one in facts
    ]


def facts_of_new(
    tx: Tx,
    customer: Customer,
    subscription: Subscription,
    until: Instant,
    replaced: Sequence[Subscription] = (),
) -> CustomerFacts:
    """The facts of a subscription that is not stored yet, with what gives way to it: it is brought to its end.

    What falls due on the new one is its first invoice.
    """
    over = tuple(one for one in replaced if one.live and one.ends_at is not None and one.ends_at <= until)
    mine = {subscription.id, *(one.id for one in over)}
    others = tuple(one for one in subscriptions.of_customers(tx, [customer.id])[customer.id])
    means = _means(tx, [customer.id])
    facts = CustomerFacts(
        customer,
        (subscription, *over),
        taxes=means.taxes,
        redemptions=means.redemptions.get(customer.id, ()),
        balance=means.balances.get(customer.id, {}),
        grants=means.grants.get(customer.id, ()),
        present=means.present,
        beside=tuple(one for one in others if one.id not in mine and one.live),
        unpaid=tuple(invoices.open_invoices(tx, [customer.id])[customer.id]) if over else (),
        moved=frozenset(mine),
    )
    return measured(tx, _with_history(tx, [facts]) if over else [facts], until)[0]


def purse_for(
    tx: Tx, customer: Customer, subscription: Subscription, redemptions: Sequence[Redemption] = ()
) -> Purse:
    """What an invoice made by a command is finished with; `redemptions` are those not stored yet."""
    means = _means(tx, [customer.id])
    schedule = subscription.schedule()
    begins = Instant(schedule.anchor_at - 1) if schedule.anchor_at else Instant(0)
    return Purse(
        customer,
        means.taxes,
        (*means.redemptions.get(customer.id, ()), *redemptions),
        means.balances.get(customer.id, {}),
        billed_lines(tx, {subscription.id: begins}),
        run_terms(tx).tax_rounding,
        subscriptions.of_customers(tx, [customer.id])[customer.id],
    )


def run_terms(tx: Tx) -> RunTerms:
    """How invoices are made, from the store's settings and what things are called today."""
    rounding = setting(tx, "tax.rounding", "invoice")
    return RunTerms(
        issue_zero=setting(tx, "invoice.zero", "skip") == "issue",
        names=names(tx),
        tax_rounding="line" if rounding == "line" else "invoice",
    )


def measured(
    tx: Tx, facts: Sequence[CustomerFacts], until: Instant, has_children: bool = True
) -> list[CustomerFacts]:
    """The facts with the aggregated usage of every window that bringing these customers to `until` needs.

    Without `has_children` nobody of them has a customer below it.
    """
    requests: list[UsageRequest] = []
    by_event: list[tuple[UsageRequest, str]] = []
    former = catalog.aliases(tx, "features")
    for one in facts:
        terms = {subscription.id: subscription for subscription in one.granting}
        requests += [request_for(window, terms, former) for window in needed_windows(one, until)]
        by_event += [
            (request_for(window, terms, former), name) for window, name in needed_amounts(one, until)
        ]
    if not (requests or by_event):
        return list(facts)
    totals = usage.totals(tx, requests)
    of_children = _by_child(tx, requests) if has_children else {}
    amounts = usage.amounts(tx, by_event) if by_event else {}
    return [replace(one, totals=totals, amounts=amounts, by_child=of_children) for one in facts]


def _by_child(tx: Tx, requests: Sequence[UsageRequest]) -> ByChild:
    """What everybody of a company used in these windows; nothing of customers that have no one below them."""
    several = companies(tx, (one.window.customer for one in requests))
    return by_child(tx, [one for one in requests if one.window.customer in several]) if several else {}


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
            parts = [one for one in draft.settlements if one.outcome == "reissue"]
            # What an add-on was billed on its base's invoice is its own to bill again.
            credits = [gross_credit(line, draft.currency) for line in draft.lines if is_unused(line)]
            names_in = [one.subscription for one in parts] + [line.subscription for line in credits]
            for name in dict.fromkeys(names_in):
                found.setdefault(name, []).append(
                    Voided(
                        name,
                        draft.period_index,
                        draft.kind,
                        draft.occasion,
                        draft.revision,
                        draft.at,
                        tuple(one for one in parts if one.subscription == name),
                        tuple(one for one in credits if one.subscription == name),
                    )
                )
    return found
