"""Subscriptions and invoices as they stand at an instant: what time alone has moved is derived, never written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from planctl.core.invoicing.model import Invoice
from planctl.core.invoicing.projection import projected
from planctl.core.periods import Instant
from planctl.core.subscriptions.model import ENDED, Status, Subscription
from planctl.store import invoices, subscriptions
from planctl.store.facts import customer_facts
from planctl.store.invoices import InvoiceFilter
from planctl.store.offers import newest_versions
from planctl.store.selling import existing, subscription_at
from planctl.store.subscriptions import SubscriptionFilter

if TYPE_CHECKING:
    from planctl.store.engine import Tx


@dataclass(frozen=True, slots=True)
class Read:
    """A subscription with the newest version of its plan (0: none) and the numbers of its unpaid invoices.

    `addons` are those that run on it.
    """

    subscription: Subscription
    newest: int = 0
    open_invoices: tuple[str, ...] = ()
    addons: tuple[Subscription, ...] = ()


@dataclass(frozen=True, slots=True)
class Filter:
    """Which subscriptions to list; empty fields ask nothing. The status is the one at the instant asked for."""

    customer: str = ""
    plan: str = ""
    status: str = ""
    currency: str = ""
    limit: int = 0


def read_one(tx: Tx, address: str, as_of: Instant) -> Read:
    """One subscription as of an instant."""
    found = subscription_at(tx, address)
    (read,) = [one for one in _reads(tx, [found.customer], as_of) if one.subscription.id == found.id]
    return read


def read_all(tx: Tx, wanted: Filter, as_of: Instant) -> list[Read]:
    """The subscriptions that a filter lets through, oldest first, as of an instant."""
    if wanted.customer:
        existing(tx, wanted.customer)
    stored = subscriptions.listing(
        tx, SubscriptionFilter((wanted.customer,) if wanted.customer else (), wanted.plan)
    )
    kept = {one.id for one in stored}
    customers = list(dict.fromkeys(one.customer for one in stored))
    found = [
        one
        for one in _reads(tx, customers, as_of)
        if one.subscription.id in kept
        and wanted.status in {"", one.subscription.status.value}
        and wanted.currency in {"", one.subscription.currency.code}
    ]
    found.sort(key=lambda one: (one.subscription.started_at, one.subscription.id))
    return found[: wanted.limit] if wanted.limit else found


def read_invoices(tx: Tx, wanted: InvoiceFilter, as_of: Instant, status: str = "") -> list[Invoice]:
    """Invoices in the order of issue, with the status that time has brought; NotFound for an unknown customer."""
    for customer in wanted.customers:
        existing(tx, customer)
    found = [_at(one, as_of) for one in invoices.listing(tx, wanted)]
    return [one for one in found if status in {"", one.status.value}]


def read_invoice(tx: Tx, number: str, as_of: Instant) -> Invoice:
    """One invoice by number or id, with the status that time has brought."""
    return _at(invoices.invoice(tx, number), as_of)


def _at(invoice: Invoice, as_of: Instant) -> Invoice:
    return replace(invoice, status=invoice.status_at(as_of))


def _reads(tx: Tx, customers: Sequence[str], as_of: Instant) -> list[Read]:
    several = [projected(facts, as_of) for facts in customer_facts(tx, customers, as_of)]
    everything = [one for each in several for one in each.subscriptions]
    newest = newest_versions(tx, {one.plan for one in everything})
    unpaid = [item for each in several for item in each.facts.unpaid]
    numbers = {found.id: found.number for found in invoices.get_many(tx, [one.id for one in unpaid]).values()}
    open_of: dict[str, list[str]] = {}
    for item in unpaid:
        open_of.setdefault(item.subscription, []).append(numbers[item.id])
    for mine in open_of.values():
        mine.sort()
    addons: dict[str, list[Subscription]] = {}
    for one in everything:
        if one.base and one.status not in ENDED:
            addons.setdefault(one.base, []).append(_started(one, as_of))
    return [
        Read(
            _started(one, as_of),
            newest.get(one.plan, 0),
            tuple(open_of.get(one.id, ())),
            tuple(addons.get(one.id, ())),
        )
        for one in everything
    ]


def _started(one: Subscription, as_of: Instant) -> Subscription:
    """A subscription looked at before it began is pending."""
    return replace(one, status=Status.PENDING) if as_of < one.started_at and one.live else one
