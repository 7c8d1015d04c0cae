"""What selling a plan to a customer needs, read in one place: the customer, the offer, agreed terms, what runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from planctl.core.catalog.negotiate import Agreed, agreed
from planctl.core.currencies import Currency
from planctl.core.customers import Customer
from planctl.core.document import Node
from planctl.core.subscriptions.model import ENDED, Subscription
from planctl.core.subscriptions.start import Offered
from planctl.errors import NotFound, Refused
from planctl.store import catalog, customers, subscriptions
from planctl.store.offers import offered
from planctl.store.sets import table
from planctl.store.usage_customers import usage_customers
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx


@dataclass(frozen=True, slots=True)
class Buyer:
    """A customer with what it runs, and the currencies the catalog declares."""

    customer: Customer
    running: tuple[Subscription, ...]
    declared: Mapping[str, Currency]


def buyer(tx: Tx, customer_id: str) -> Buyer:
    """The customer to sell to; NotFound where there is none, Refused where it belongs to a company."""
    customer = holding(tx, customer_id)
    running = subscriptions.of_customers(tx, [customer_id])[customer_id]
    return Buyer(customer, tuple(running), catalog.catalog_currencies(tx))


def holding(tx: Tx, customer_id: str) -> Customer:
    """The customer, which may hold plans and units; NotFound where there is none.

    Refused where it belongs to a company, naming the root. Source: planctl billing rules, companies.
    """
    customer = existing(tx, customer_id)
    if customer.parent:
        root = usage_customers(tx, [customer_id])[customer_id].root
        raise Refused(
            f"customer {customer_id} belongs to {root}, which alone holds plans and units",
            code="child-customer",
            where=customer_id,
            hint=f"use {root}: what it holds, {customer_id} uses",
        )
    return customer


def existing(tx: Tx, customer_id: str) -> Customer:
    """The customer with that id; NotFound, with a near miss, where there is none."""
    found = customers.customer(tx, customer_id)
    if found is not None:
        return found
    from sqlalchemy import select

    from planctl.core.reading import closest

    rows = table("customer")
    known = list(tx.connection.execute(select(rows.c.id).limit(1000)).scalars())
    raise NotFound(
        f"there is no customer {customer_id!r}",
        where=f"customer {customer_id}",
        hint=closest(customer_id, known) or f"planctl customer add {customer_id}",
    )


def subscription_at(tx: Tx, address: str) -> Subscription:
    """One subscription by id, `CUSTOMER/PLAN` (the live one, else the latest), or `CUSTOMER` where it has one.

    The customer alone means its plan, whatever add-ons run on it and whatever plan is to follow it.
    NotFound where there is none, Refused where the customer alone does not say which or belongs to a company.
    """
    if address.startswith("sub_"):
        found = subscriptions.get(tx, address)
        if found is not None:
            return found
    customer, _, plan = address.partition("/")
    existing(tx, customer)
    mine = [
        one for one in subscriptions.of_customers(tx, [customer])[customer] if not plan or one.plan == plan
    ]
    live = [one for one in mine if one.status not in ENDED]
    runs = {one.id for one in live}
    live = [one for one in live if one.follows not in runs]  # a change that is still to come does not run yet
    plans = [one for one in live if not one.base] if not plan else []
    choice = plans or live or mine[-1:]
    if len(choice) == 1:
        return choice[0]
    if not choice:
        holding(tx, customer)
        raise NotFound(
            f"{customer} has no subscription" + (f" of {plan}" if plan else ""),
            where=address,
            hint=f"planctl subscription list --customer {customer}",
        )
    raise Refused(
        f"{customer} has {len(choice)} subscriptions",
        code="ambiguous",
        where=address,
        expected=" | ".join(f"{customer}/{one.plan}" for one in choice),
    )


def on_agreed_terms(
    tx: Tx, offer: Offered, changes: Mapping[str, Node], declared: Mapping[str, Currency]
) -> tuple[Offered, Agreed | None]:
    """The offer with negotiated terms laid over its snapshot; the offer itself where nothing was negotiated."""
    if not changes:
        return offer, None
    _, _, snapshot = catalog.plan_snapshot(tx, offer.plan, offer.version)
    made = agreed(offer.plan, snapshot, changes, declared)
    return replace(offer, terms=made.terms, terms_hash=made.hash), made


def newest_or(tx: Tx, plan: str, version: str) -> Offered:
    """The newest version of a plan for `""` and `newest`, else the numbered one."""
    return offered(tx, plan, 0 if version in {"", "newest"} else int(version))
