"""One feature's pool in one allowance period, as it is shown: what was used, by whom, and what is left."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from planctl.core.catalog.model import Entitlement
from planctl.values import dataclass

ZERO = Fraction(0)
_NOTHING: Mapping[str, Fraction] = {}


def passes_on_to(entitlement: Entitlement) -> Mapping[str, Fraction]:
    """What units above the allowance draw on, per unit; a feature with a price of its own passes nothing on.

    Source: planctl billing rules, rating a feature for one allowance period.
    """
    return _NOTHING if entitlement.beyond is not None else entitlement.spends


@dataclass(frozen=True, slots=True)
class Contribution:
    """`quantity` units of `feature` that drew `units` of the pool's feature."""

    feature: str
    quantity: Fraction
    units: Fraction


@dataclass(frozen=True, slots=True)
class Pool:
    """One feature's pool in one allowance period of one subscription, everything in the feature's own unit.

    `included` has prepaid and rolled units added (None: unlimited), of which `used` are used up. `own` is the
    feature's own usage, `drawn` what others drew on it in the order of their ids, `passed_on` the units that
    went on to what it spends, `elsewhere` those that another subscription's allowance paid for, `wallet` those
    that grants pay for. `before` are units of `used` that were used before a change of plan. All but `used` and
    `before` are 0 where another subscription answers for the feature.
    """

    feature: str
    included: Fraction | None
    used: Fraction = ZERO
    own: Fraction = ZERO
    drawn: tuple[Contribution, ...] = ()
    passed_on: Fraction = ZERO
    elsewhere: Fraction = ZERO
    wallet: Fraction = ZERO
    rolled: Fraction = ZERO
    before: Fraction = ZERO

    @property
    def total(self) -> Fraction:
        """Own usage, what others drew, and what was used before a change of plan."""
        return sum((draw.units for draw in self.drawn), self.own) + self.before

    @property
    def remaining(self) -> Fraction | None:
        """The allowance that is left, None: unlimited."""
        return None if self.included is None else max(self.included - self.used, ZERO)
