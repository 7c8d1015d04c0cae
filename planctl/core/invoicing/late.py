"""Whether a usage event comes too late, its allowance period being closed already. It bills nothing.

A period is closed when a run has settled it, not when its end has passed.
Source: planctl billing rules, rating a feature for one allowance period (late usage).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Literal

from planctl.core.catalog.model import Entitlement, Reset
from planctl.core.periods import Instant, Interval
from planctl.core.pools import allowance_of
from planctl.core.subscriptions.dues import (
    allowance_schedule,
    billed_features,
    effective_reset,
    usage_part,
)
from planctl.core.subscriptions.model import Subscription

Lateness = Literal["", "late", "reject"]
"""In time; late, so that the difference is billed; late and refused by the terms."""


def lateness(
    subscription: Subscription, features: Iterable[str], at: Instant, still_open: Collection[tuple[str, int]]
) -> Lateness:
    """What becomes of an event at `at` that feeds `features`, as far as this subscription is concerned.

    `still_open` are the (part, index) of settlements of which something is still to be billed: usage of a
    period that closed in a block is not late. What the old system billed (`usage_from`) never is.
    """
    settled, ends_at = subscription.settled_at, subscription.ends_at
    outside = at < subscription.anchor_at or (ends_at is not None and at >= ends_at)
    if subscription.terms.free or settled is None or at >= settled or outside:
        return ""
    found: Lateness = ""
    for feature in features:
        entitlement = subscription.terms.features.get(feature)
        if entitlement is None or not entitlement.granted or entitlement.feature.type != "metered":
            continue
        closed = [
            reset
            for reset in _resets(subscription, feature, entitlement)
            if _closed(subscription, reset, at, still_open)
        ]
        if closed and entitlement.late == "reject":
            return "reject"
        if any(reset in _billed_resets(subscription, feature) for reset in closed):
            found = "late"
    return found


def _resets(subscription: Subscription, feature: str, entitlement: Entitlement) -> set[Reset]:
    """The resets of the feature itself and of whatever bills its units."""
    own = effective_reset(entitlement, Interval.parse(subscription.pay))
    return {own, *_billed_resets(subscription, feature)}


def _billed_resets(subscription: Subscription, feature: str) -> set[Reset]:
    payers = _payers(subscription.terms.features, feature)
    return {
        reset for reset, features in billed_features(subscription).items() if not payers.isdisjoint(features)
    }


def _payers(features: Mapping[str, Entitlement], feature: str) -> set[str]:
    """The feature and everything that its units draw on, through others too."""
    found = {feature}
    for target in allowance_of(features[feature]).spends:
        found |= _payers(features, target) if target in features else {target}
    return found


def _closed(
    subscription: Subscription, reset: Reset, at: Instant, still_open: Collection[tuple[str, int]]
) -> bool:
    schedule = allowance_schedule(subscription, reset)
    period = schedule.period(schedule.index_at(at))
    if subscription.ends_at is not None:
        period = period.cut_at(subscription.ends_at)
    settled = subscription.settled_at
    assert settled is not None
    if period.ends_at is None or period.ends_at > settled or period.ends_at <= subscription.usage_from:
        return False
    return (usage_part(subscription, reset), period.index) not in still_open
