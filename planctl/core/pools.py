"""Knows which feature pays for a unit: own allowance first, then what it spends; it knows no prices.

One subscription, one allowance period: quantities of several features become draws on pools.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Protocol

ZERO = Fraction(0)


class EntitlementLike(Protocol):
    """What pools need of an entitlement; `core.catalog.model.Entitlement` is one."""

    @property
    def included(self) -> Decimal | None:
        """The allowance per allowance period, None: unlimited."""
        ...

    @property
    def own_allowance(self) -> bool:
        """False for a feature that draws on what it spends from its first unit."""
        ...

    @property
    def spends(self) -> Mapping[str, Fraction]:
        """What a unit spends in this plan: the plan's own conversion or, where it has none, the definition's."""
        ...

    @property
    def beyond(self) -> object | None:
        """The price past the allowance, None where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Allowance:
    """A feature as a pool: what is included and where units above it go.

    `included` has prepaid quantities added; None: unlimited. `spends` maps each target to its units per unit
    of this feature; empty: units above the allowance stay here, as excess or over the limit.
    """

    included: Fraction | None = ZERO
    spends: Mapping[str, Fraction] = field(default_factory=dict)


def allowance_of(entitlement: EntitlementLike, bought: Fraction = ZERO) -> Allowance:
    """The pool that an entitlement opens, with `bought` prepaid units added.

    A feature that spends another one but has a price of its own is priced by its own, so it passes nothing
    on. Source: planctl billing rules, rating a feature for one allowance period.
    """
    spends = entitlement.spends
    own = entitlement.included if entitlement.own_allowance else Decimal(0)
    return Allowance(
        included=None if own is None else Fraction(own) + bought,
        spends={} if entitlement.beyond is not None else spends,
    )


@dataclass(frozen=True, slots=True)
class Contribution:
    """`quantity` units of `feature` that drew `units` of the pool's feature."""

    feature: str
    quantity: Fraction
    units: Fraction


@dataclass(frozen=True, slots=True)
class Pool:
    """One feature's pool in one allowance period, everything in the feature's own unit.

    `own` is its own usage, `drawn` what others drew on it in the order of their ids, `passed_on` the units
    that went on to what it spends. A sum of corrections may make `own` negative; it then pays nothing back
    to others.
    """

    feature: str
    included: Fraction | None
    own: Fraction = ZERO
    drawn: tuple[Contribution, ...] = ()
    passed_on: Fraction = ZERO

    @property
    def total(self) -> Fraction:
        """Own usage and what others drew."""
        return sum((draw.units for draw in self.drawn), self.own) if self.drawn else self.own

    @property
    def kept(self) -> Fraction:
        """The units to rate here, by this feature's allowance and price."""
        return self.total - self.passed_on if self.passed_on else self.total

    @property
    def used(self) -> Fraction:
        """The part of the allowance that is used up: from 0 to `included`."""
        kept = max(self.kept, ZERO)
        return kept if self.included is None else min(kept, self.included)

    @property
    def remaining(self) -> Fraction | None:
        """The allowance that is left, None: unlimited."""
        return None if self.included is None else self.included - self.used


def drain(allowances: Mapping[str, Allowance], used: Mapping[str, Fraction]) -> dict[str, Pool]:
    """Turn the quantities used in one allowance period into one pool per metered feature granted.

    `allowances` are the metered features that the subscription grants; `used` maps features to their
    aggregated quantity, absent ones count as zero, ones not granted are left out. A feature draws on its own
    allowance first, what is above it draws ratio × units on each feature it spends, and so on along a chain.
    A target that is not granted is a pool with nothing included. Pools come sorted by feature id.
    """
    targets = {target for allowance in allowances.values() for target in allowance.spends}
    known = sorted(allowances.keys() | targets)
    drawn: dict[str, list[Contribution]] = {}
    pools: dict[str, Pool] = {}
    for feature in _spenders_first(known, allowances) if targets else known:
        allowance = allowances.get(feature, _NOTHING)
        own = used.get(feature, ZERO) if feature in allowances else ZERO
        draws = tuple(sorted(drawn.get(feature, ()), key=lambda draw: draw.feature))
        pool = Pool(feature, allowance.included, own, draws)
        above = ZERO if allowance.included is None else max(pool.total - allowance.included, ZERO)
        if allowance.spends and above:
            pool = Pool(feature, allowance.included, own, draws, passed_on=above)
            for target, ratio in allowance.spends.items():
                drawn.setdefault(target, []).append(Contribution(feature, above, above * ratio))
        pools[feature] = pool
    return {feature: pools[feature] for feature in known}


_NOTHING = Allowance()


def _spenders_first(features: list[str], allowances: Mapping[str, Allowance]) -> list[str]:
    """The features so ordered that each stands before all that it spends; validation refused cycles."""
    waiting = dict.fromkeys(features, 0)
    for feature in features:
        for target in allowances.get(feature, _NOTHING).spends:
            waiting[target] += 1
    ready = [feature for feature in features if not waiting[feature]]
    for feature in ready:  # grows while it is walked
        for target in allowances.get(feature, _NOTHING).spends:
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    assert len(ready) == len(features), f"features spend each other in a circle: {features}"
    return ready
