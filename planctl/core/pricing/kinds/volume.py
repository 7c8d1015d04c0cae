"""Knows the price kind `volume`: the tier that the total reached prices all charged units."""

from __future__ import annotations

from fractions import Fraction
from typing import ClassVar

from planctl.core.pricing.kinds import tiers as table
from planctl.core.pricing.kinds.shared import ZERO
from planctl.core.pricing.model import Billable, Part, Priced
from planctl.values import dataclass


@dataclass(frozen=True, slots=True)
class Volume(table.TierTable):
    """`volume: [{to: 1_000, each: {USD: 0.10}}, {each: {USD: 0.05}, flat: {USD: 10}}]`.

    The total, allowance included, chooses one tier; its `each` prices every unit above the allowance and
    its `flat` is added. With no charged unit it costs zero, or with `flat_at_zero` the first tier's flat.

    `included_as_tier` makes the allowance a free tier below the others: every `to` counts from its end, and
    a total beyond it pays for all units, the included ones too. With `convert` tiers count and price
    converted units. The three stand beside the kind in YAML. Source: planctl billing rules, price kinds.
    """

    name: ClassVar[str] = "volume"

    included_as_tier: bool = False

    def price(self, billable: Billable, currency: str) -> Priced:
        """All units at one tier; a total exactly on a bound reaches the lower tier."""
        if self.convert is not None:
            billable = self.convert.billable(billable)
        parts: tuple[Part, ...] = ()
        if billable.total > billable.included:
            position = billable.excess if self.included_as_tier else billable.total
            units = billable.total if self.included_as_tier else billable.excess
            index = next(at for at, tier in enumerate(self.tiers) if tier.holds(position))
            parts = self.tiers[index].parts(units, self.label(index), currency)
        elif self.flat_at_zero:
            parts = self.tiers[0].flat_parts(self.label(0), currency)
        return Priced(table.total_of(parts) if parts else ZERO, parts)

    def first_bound(self) -> Fraction | None:
        """The first tier's `to`; None where tiers count from the allowance on."""
        return None if self.included_as_tier else table.TierTable.first_bound(self)

    def edges(self, included: Fraction) -> frozenset[Fraction]:
        """The end of the allowance and every `to`, where it then counts from."""
        return self._edges(included, included if self.included_as_tier else ZERO)

    def describe(self, unit: str, currency: str) -> str:
        """`all at 0.10 USD / call up to 1,000; then 0.05 USD / call + 10.00 USD`."""
        text = "all at " + table.TierTable.describe(self, unit, currency)
        return f"{text} (above the allowance, which is charged too then)" if self.included_as_tier else text
