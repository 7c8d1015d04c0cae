"""How many of everything a scheduled change takes along, where quantities change after it was scheduled.

It schedules nothing. Source: planctl billing rules, lifecycle (groups) and quantities.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from planctl.core.catalog.model import Terms
from planctl.core.periods import Instant
from planctl.core.subscriptions.model import Subscription


def following(coming: Subscription, before: Subscription, after: Subscription) -> Subscription:
    """The scheduled subscription, holding what `after` will hold at its start, as far as its plan sells that.

    `before` and `after` are the one that it follows, without and with a change of its quantities. What was to be
    otherwise than `before` holds it, because it was asked for with the change, stays.
    """
    at = coming.started_at
    units = coming.quantity
    if units == units_for(before, coming.terms, at):
        units = units_for(after, coming.terms, at)
    old, new = (totals_for(one, coming.terms, coming.pay, at) for one in (before, after))
    totals = {feature: total for feature, total in coming.quantities.items() if old.get(feature) != total}
    carried = {
        feature: total
        for feature, total in new.items()
        if feature not in totals and coming.quantities.get(feature) == old.get(feature)
    }
    return replace(coming, quantity=units, quantities={**totals, **carried})


def units_for(held: Subscription, terms: Terms, at: Instant) -> int:
    """How many units of a plan with these terms go on from those that are held at an instant."""
    low, high = terms.quantity
    return min(max(held.quantity_at(at), low), high)


def totals_for(held: Subscription, terms: Terms, pay: str, at: Instant) -> dict[str, Decimal]:
    """The totals of prepaid features that go on, as far as these terms sell so many of them ahead."""
    found = {}
    for feature, total in held.quantities_at(at).items():
        entitlement = terms.features.get(feature)
        beyond = entitlement.beyond if entitlement is not None else None
        if (
            entitlement is None
            or beyond is None
            or beyond.charge != "prepaid"
            or beyond.price_for(pay) is None
        ):
            continue
        kept = total if beyond.up_to is None else min(total, beyond.up_to)
        if entitlement.included is not None and kept > entitlement.included:
            found[feature] = kept
    return found
