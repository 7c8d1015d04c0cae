"""What was billed, computed again from the frozen terms and the quantities claimed. It compares nothing.

The functions are those that billed it the first time, asked with what was recorded; so a line that differs
now was altered. Source: planctl billing rules, laws.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from planctl.core.invoicing.build import fee_lines, usage_lines
from planctl.core.invoicing.model import Line, Settlement, UsageClaim
from planctl.core.subscriptions.dues import FEE, billed_features, due_of, resumed_at, usage_part
from planctl.core.subscriptions.model import Subscription

ClaimKey = tuple[str, int, str, int]
"""A claim within its subscription: feature, allowance index, occasion, revision."""

Claims = Mapping[ClaimKey, UsageClaim]


@dataclass(frozen=True, slots=True)
class Again:
    """Lines and claims as they are when billed again; `claims` by the same keys as those recorded."""

    lines: tuple[Line, ...]
    claims: Claims


def billed_again(subscription: Subscription, settled: Iterable[Settlement], claims: Claims) -> Again:
    """What billing these settlements gives, with the usage that `claims` recorded for them.

    Usage without a claim counts as none.
    """
    lines: list[Line] = []
    made: dict[ClaimKey, UsageClaim] = {}
    for one in settled:
        assert one.part == FEE or claim_keys(subscription, one), f"nothing is billed as {one.part!r}"
        due = due_of(subscription, one.part, one.index)
        if one.part == FEE:
            fresh = tuple(fee_lines(subscription, due, {}, resumed_at=resumed_at(subscription, due)))
        else:
            used = {
                (subscription.id, feature, one.index): claims[key].quantity
                for feature, key in claim_keys(subscription, one).items()
                if key in claims
            }
            fresh, claimed = usage_lines(subscription, due, used, {})
            for claim in claimed:
                key = (claim.feature, claim.allowance_index, one.occasion, one.revision)
                made[key] = replace(claim, occasion=one.occasion, revision=one.revision)
        lines += [replace(line, occasion=one.occasion) for line in fresh]
    return Again(tuple(lines), made)


def claim_keys(subscription: Subscription, settled: Settlement) -> dict[str, ClaimKey]:
    """The claims that settled usage must have, by feature: one for each that is billed with that reset."""
    for reset, features in billed_features(subscription).items():
        if usage_part(subscription, reset) == settled.part:
            return {one: (one, settled.index, settled.occasion, settled.revision) for one in features}
    return {}


def histories(subscription: Subscription) -> tuple[Subscription, ...]:
    """The subscription as it may have been when it was billed: as it is, and before its end was known."""
    if subscription.ends_at is None:
        return (subscription,)
    return (subscription, replace(subscription, ends_at=None))
