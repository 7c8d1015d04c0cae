"""Knows the price kind `graduated`: each charged unit pays the price of the tier it falls in."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar, Self

from planctl.core.pricing.kinds import tiers as table
from planctl.core.pricing.kinds.shared import ZERO, exact
from planctl.core.pricing.model import Billable, Part, Priced

if TYPE_CHECKING:
    from planctl.core.document import Document, Node
    from planctl.core.reading import Reader


@dataclass(frozen=True, slots=True)
class Graduated:
    """`graduated: [{to: 1_000, each: {USD: 0.10}}, {each: {USD: 0.05}, flat: {USD: 10}}]`.

    A tier's `flat` is added once it holds any charged unit. `flat_at_zero` charges the first tier's flat
    whatever the usage, zero included. It stands beside the kind in YAML, so it is no part of `document()`.
    Source: planctl billing rules, price kinds.
    """

    name: ClassVar[str] = "graduated"
    not_built: ClassVar[str] = ""

    tiers: tuple[table.Tier, ...]
    flat_at_zero: bool = False

    @classmethod
    def read(cls, node: Node, reader: Reader) -> Self | None:
        """A list of tiers, without `flat_at_zero`; see `tiers.read_tiers` for what is checked."""
        tiers = table.read_tiers(node, cls.name, reader)
        return cls(tiers) if tiers else None

    def document(self) -> Document:
        """The rows."""
        return table.document(self.tiers)

    def currencies(self) -> frozenset[str]:
        """The currencies in which every tier has all its prices."""
        return table.currencies(self.tiers)

    def first_bound(self) -> Decimal | None:
        """The first tier's `to`."""
        return self.tiers[0].to

    def price(self, billable: Billable, currency: str) -> Priced:
        """The units of `(included, total]` tier by tier; one exactly on a bound belongs to the lower tier."""
        if billable.total <= billable.included and not self.flat_at_zero:
            return Priced(ZERO)
        found: list[Part] = []
        reached = billable.included
        for index, tier in enumerate(self.tiers):
            upper = billable.total if tier.to is None else min(billable.total, exact(tier.to))
            if upper > reached:
                found += tier.parts(upper - reached, table.label(self.tiers, index), currency)
                reached = upper
            elif index == 0 and self.flat_at_zero:
                found += tier.flat_parts(table.label(self.tiers, 0), currency)
        return Priced(table.total_of(found), tuple(found))

    def describe(self, unit: str, currency: str) -> str:
        """`0.0004 USD / call up to 1,000,000; then 0.0002 USD / call + 10.00 USD`."""
        return table.describe(self.tiers, unit, currency)
