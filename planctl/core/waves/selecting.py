"""Knows which subscriptions a migration asks for, and in which batch each is; whether they can move it does not."""

from __future__ import annotations

import hashlib
from fractions import Fraction

from planctl.core.customers import Customer
from planctl.core.instants import Instant, first_instant, zone
from planctl.core.subscriptions.model import ENDED, Subscription
from planctl.core.waves.model import Migration, Skip

_HASHES = 2**64


def asks_for(migration: Migration, to: int, one: Subscription, customer: Customer, began_at: Instant) -> bool:
    """Whether a subscription has not ended, is on a version to move from, and all that is selected holds of it.

    `to` is the version that the migration moves to. `began_at` is when the first one of its chain started: changes
    of plan and migrations begin a new subscription, and its customer was there before.
    """
    if one.plan != migration.plan or one.status in ENDED:
        return False
    older = one.plan_version < to if not migration.versions else one.plan_version in migration.versions
    select = migration.select
    return (
        older
        and one.plan_version != to
        and one.customer in (select.customers or {one.customer})
        and one.currency.code in (select.currency or {one.currency.code})
        and one.pay in (select.pay or {one.pay})
        and customer.country in (select.country or {customer.country})
        and _began_before(migration, one, began_at)
    )


def _began_before(migration: Migration, one: Subscription, began_at: Instant) -> bool:
    day = migration.select.started_before
    return day is None or began_at < first_instant(day, zone(one.timezone))


def spared(migration: Migration, one: Subscription) -> Skip | None:
    """Why the file leaves out a subscription that it asks for; None where it does not."""
    if one.customer in migration.spared:
        return Skip("excluded", f"the file leaves {one.customer} out")
    if migration.spares_negotiated and one.negotiated:
        terms = ", ".join(sorted(one.negotiated))
        return Skip("excluded", f"the file leaves out who has terms of its own ({terms})")
    return None


def batch_of(migration: Migration, subscription: str) -> int:
    """The batch of a subscription, from 1: by a hash of its id, so it stays the same whoever comes or goes."""
    digest = hashlib.sha256(subscription.encode()).digest()
    share = Fraction(int.from_bytes(digest[:8]), _HASHES)
    return next(number for number, bound in enumerate(migration.bounds, 1) if share < bound)
