"""Knows the price kind `graduated`: each charged unit pays the price of the tier it falls in."""

from __future__ import annotations

from typing import ClassVar

from planctl.core.pricing.kinds import tiers as table
from planctl.core.pricing.kinds.shared import ZERO, exact
from planctl.core.pricing.model import Billable, Part, Priced
from planctl.values import dataclass


@dataclass(frozen=True, slots=True)
class Graduated(table.TierTable):
    """`graduated: [{to: 1_000, each: {USD: 0.10}}, {each: {USD: 0.05}, flat: {USD: 10}}]`.

    A tier's `flat` is added once it holds any charged unit. `flat_at_zero` charges the first tier's flat
    whatever the usage, zero included. With `convert` tiers count and price converted units. Both stand
    beside the kind in YAML. Source: planctl billing rules, price kinds.
    """

    name: ClassVar[str] = "graduated"

    def price(self, billable: Billable, currency: str) -> Priced:
        """The units of `(included, total]` tier by tier; one exactly on a bound belongs to the lower tier."""
        if self.convert is not None:
            billable = self.convert.billable(billable)
        if billable.total <= billable.included and not self.flat_at_zero:
            return Priced(ZERO)
        found: list[Part] = []
        reached = billable.included
        for index, tier in enumerate(self.tiers):
            upper = billable.total if tier.to is None else min(billable.total, exact(tier.to))
            if upper > reached:
                found += tier.parts(upper - reached, self.label(index), currency)
                reached = upper
            elif index == 0 and self.flat_at_zero:
                found += tier.flat_parts(self.label(0), currency)
        return Priced(table.total_of(found), tuple(found))
