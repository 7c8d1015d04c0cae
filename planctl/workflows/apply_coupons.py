"""Applies coupons to running subscriptions and takes them off again; invoices that are issued stay as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planctl.core.coupons import Redemption
from planctl.core.subscriptions.model import ENDED, Subscription
from planctl.errors import NotFound, Refused
from planctl.store import coupons, subscriptions
from planctl.store.coupons import Declared
from planctl.store.selling import existing
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.core.periods import Instant
    from planctl.store.engine import Tx


@dataclass(frozen=True, slots=True)
class Applied:
    """A coupon on the subscription that has it."""

    redemption: Redemption
    subscription: Subscription


def read_declared(tx: Tx) -> list[Declared]:
    """The coupons of the catalog, by id."""
    return list(coupons.declared_coupons(tx).values())


def read_applied(tx: Tx, customer: str) -> list[Applied]:
    """The coupons that a customer's subscriptions have, oldest first; NotFound for an unknown customer."""
    existing(tx, customer)
    mine = {one.id: one for one in subscriptions.of_customers(tx, [customer])[customer]}
    return [Applied(one, mine[one.subscription]) for one in coupons.redemptions_of(tx, [customer])[customer]]


def apply_coupon(tx: Tx, subscription: Subscription, name: str, at: Instant) -> Applied:
    """Give a subscription a coupon, from its next invoice on; NotFound or Refused where it cannot have it."""
    where = f"{subscription.customer}/{subscription.plan}"
    if subscription.status in ENDED:
        raise Refused(f"{where} has ended: {subscription.status}", code="ended", where=where)
    redemption = coupons.redeemable(tx, name, subscription, at)
    coupons.add_redemption(tx, redemption)
    return Applied(redemption, subscription)


def remove_coupon(tx: Tx, subscription: Subscription, name: str, at: Instant) -> Applied:
    """Take a coupon off a subscription, for the invoices to come; NotFound where it has none of that name."""
    mine = coupons.redemptions_of(tx, [subscription.customer])[subscription.customer]
    found = [one for one in mine if one.subscription == subscription.id and one.coupon.id == name]
    if not found:
        where = f"{subscription.customer}/{subscription.plan}"
        raise NotFound(
            f"{where} has no coupon {name!r}",
            where=where,
            hint=f"planctl coupon list {subscription.customer}",
        )
    coupons.remove_redemption(tx, found[0].id, at)
    return Applied(found[0], subscription)
