"""Knows the price kind `volume`: the tier that the total reached prices all charged units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from planctl.core.pricing.kinds import tiers as table
from planctl.core.pricing.kinds.shared import ZERO
from planctl.core.pricing.model import Billable, Part, Priced


@dataclass(frozen=True, slots=True)
class Volume(table.TierTable):
    """`volume: [{to: 1_000, each: {USD: 0.10}}, {each: {USD: 0.05}, flat: {USD: 10}}]`.

    The total, allowance included, chooses one tier; its `each` prices every unit above the allowance and
    its `flat` is added. With no charged unit it costs zero, or with `flat_at_zero` (which stands beside the
    kind in YAML) the first tier's flat. Source: planctl billing rules, price kinds.
    """

    name: ClassVar[str] = "volume"

    def price(self, billable: Billable, currency: str) -> Priced:
        """All units of `(included, total]` at one tier; a total exactly on a bound reaches the lower tier."""
        parts: tuple[Part, ...] = ()
        if billable.total > billable.included:
            index = next(at for at, tier in enumerate(self.tiers) if tier.holds(billable.total))
            parts = self.tiers[index].parts(billable.excess, table.label(self.tiers, index), currency)
        elif self.flat_at_zero:
            parts = self.tiers[0].flat_parts(table.label(self.tiers, 0), currency)
        return Priced(table.total_of(parts) if parts else ZERO, parts)

    def describe(self, unit: str, currency: str) -> str:
        """`all at 0.10 USD / call up to 1,000; then 0.05 USD / call + 10.00 USD`."""
        return "all at " + table.describe(self.tiers, unit, currency)
