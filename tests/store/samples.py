"""One customer's small world: terms, subscriptions, drafts and payments to store and read back.

Instants are written as days after 2026-01-01T00:00:00Z.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from planctl.core.catalog.emit import snapshot_document
from planctl.core.catalog.model import Plan, PriceRow, Terms
from planctl.core.catalog.snapshots import terms_of
from planctl.core.currencies import Currency
from planctl.core.customers import Customer
from planctl.core.invoicing.model import Draft, Line, Payment
from planctl.core.periods import Instant, Interval
from planctl.core.subscriptions.model import Subscription
from planctl.store import customers
from planctl.store.engine import Tx
from planctl.store.mapping import hash_of
from planctl.store.subscriptions import insert_many, keep_terms

NEW_YEAR = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z in microseconds: 20,454 days of 86,400 seconds."""

DAY = 86_400_000_000
USD = Currency("USD", "US Dollar", 2)
SNAPSHOT = snapshot_document(
    Plan("starter", Terms(group="main", rows=(PriceRow(Interval("month"), {"USD": Decimal("49")}),))), {}
)
TERMS = terms_of(SNAPSHOT)
TERMS_HASH = hash_of(SNAPSHOT)


def on_day(days: int | Fraction) -> Instant:
    """The instant that many days after the start of 2026."""
    return Instant(int(NEW_YEAR + days * DAY))


def a_subscription(subscription_id: str = "sub_1", customer: str = "nova", **changes: Any) -> Subscription:
    """A monthly subscription in USD that began with 2026."""
    plain = Subscription(
        id=subscription_id,
        customer=customer,
        plan="starter",
        plan_version=1,
        terms=TERMS,
        terms_hash=TERMS_HASH,
        currency=USD,
        pay="month",
        timezone="UTC",
        started_at=on_day(0),
        anchor_at=on_day(0),
        exclusive_group="main",
        created_at=on_day(0),
    )
    return replace(plain, **changes)


def a_line(**changes: Any) -> Line:
    """A month's fee of 49.00."""
    plain = Line(
        kind="fee",
        subscription="sub_1",
        plan="starter",
        plan_version=1,
        charge_key="fee",
        service_index=0,
        description="Starter, January",
        quantity=Fraction(1),
        unit_price=Fraction(49),
        amount_minor=4900,
        starts_at=on_day(0),
        ends_at=on_day(31),
    )
    return replace(plain, **changes)


def a_draft(period: int = 0, **changes: Any) -> Draft:
    """The renewal of period `period`, with its fee, due after 14 days."""
    at = on_day(31 * period)
    subscription = changes.get("subscription", "sub_1")
    plain = Draft(
        customer="nova",
        subscription="sub_1",
        period_index=period,
        kind="renewal",
        currency=USD,
        at=at,
        starts_at=at,
        ends_at=on_day(31 * period + 31),
        due_at=Instant(at + 14 * DAY),
        grace_ends_at=None,
        issued_at=at,
        lines=(a_line(service_index=period, subscription=subscription),),
    )
    return replace(plain, **changes)


def a_payment(payment_id: str, invoice: str, amount_minor: int, **changes: Any) -> Payment:
    """Money from nova by bank transfer on 5 January."""
    plain = Payment(
        id=payment_id,
        customer="nova",
        invoice=invoice,
        amount_minor=amount_minor,
        currency=USD,
        at=on_day(4),
        method="transfer",
        reference="SEPA-1",
    )
    return replace(plain, **changes)


def with_customers(tx: Tx, ids: Iterable[str]) -> dict[str, int]:
    """Store customers of these ids; their small numbers."""
    return customers.add_all(tx, [Customer(name, created_at=NEW_YEAR) for name in ids])


def with_subscriptions(tx: Tx, how_many: int = 1) -> list[Subscription]:
    """Store nova with `sub_1`, and as many more customers `c2`, `c3` … with `sub_2`, `sub_3` …"""
    names = ["nova", *(f"c{number}" for number in range(2, how_many + 1))]
    with_customers(tx, names)
    keep_terms(tx, SNAPSHOT)
    made = [a_subscription(f"sub_{number}", name) for number, name in enumerate(names, start=1)]
    insert_many(tx, [(value, None) for value in made])
    return made
