"""One customer with everything that belongs to it, as it stands at an instant. Nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from planctl.core.accounts import Account, seen_at
from planctl.core.currencies import Currency, iso_currency
from planctl.core.customers import Customer
from planctl.core.invoicing.model import Invoice
from planctl.core.periods import Instant
from planctl.store import catalog, customers, invoices, subscriptions
from planctl.store.as_of import customer_as_of, grants_left
from planctl.store.balances import balances_of
from planctl.store.change_requests import requests
from planctl.store.invoices import InvoiceFilter
from planctl.store.offers import newest_versions
from planctl.store.selling import existing
from planctl.store.usage_children import branch
from planctl.store.usage_customers import usage_customers

if TYPE_CHECKING:
    from planctl.store.engine import Tx


def account_of(tx: Tx, customer_id: str, at: Instant) -> Account:
    """A customer with everything that belongs to it, as if a run had just been done at `at`."""
    customer = existing(tx, customer_id)
    holds = tuple(hold.reason for hold in customers.holds(tx, customer_id))
    below = _below(tx, customer_id)
    if customer.parent:
        root = usage_customers(tx, [customer_id])[customer_id].root
        owed = [one.id for one in invoices.open_invoices(tx, [customer_id])[customer_id]]
        return Account(
            customer,
            at,
            open_invoices=_invoices(tx, customer_id, owed),
            balance=_balance(tx, customer_id),
            holds=holds,
            billed_to=root,
            below=below,
        )
    found = customer_as_of(tx, customer_id, at)
    return Account(
        customer,
        at,
        tuple(replace(one, subscription=seen_at(one.subscription, at)) for one in found.holdings),
        tuple(subscriptions.assignments(tx, [customer_id])[customer_id]),
        _invoices(tx, customer_id, [one.id for one in found.unpaid]),
        _balance(tx, customer_id),
        holds=holds or ((found.stop,) if found.stop else ()),
        newest=newest_versions(tx, {one.subscription.plan for one in found.holdings}),
        grants=grants_left(tx, found),
        change_requests=tuple(requests(tx, [customer_id])),
        below=below,
    )


def _below(tx: Tx, customer_id: str) -> tuple[Customer, ...]:
    """Everybody of a company below a customer, each behind its parent."""
    names = branch(tx, customer_id)[1:]
    found = customers.get_many(tx, names)
    return tuple(found[name] for name in names)


def _invoices(tx: Tx, customer_id: str, ids: Sequence[str]) -> tuple[Invoice, ...]:
    """Those of a customer's invoices, oldest first."""
    shown = invoices.listing(tx, InvoiceFilter(customers=(customer_id,))) if ids else []
    return tuple(one for one in shown if one.id in ids)


def _balance(tx: Tx, customer_id: str) -> dict[Currency, int]:
    """What stands in a customer's balance, by currency."""
    found = balances_of(tx, [customer_id])[customer_id]
    declared = catalog.catalog_currencies(tx) if found else {}
    known = {code: declared.get(code) or iso_currency(code) for code in found}
    return {currency: found[code] for code, currency in known.items() if currency is not None}
