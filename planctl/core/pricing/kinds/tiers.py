"""Knows tier tables: reading, checking and writing their rows. How a quantity is priced by them it does not.

A row holds the positions above the row before it, up to and with its `to`; the last row is open. Positions
count total usage with the allowance included, as price pages are written.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Self

from planctl.core.money import decimal_text, plus
from planctl.core.pricing.kinds.convert import Convert
from planctl.core.pricing.kinds.shared import (
    ONE,
    ZERO,
    common_currencies,
    count_text,
    exact,
    plural,
    price_text,
    prices_document,
    read_prices,
    singular,
)
from planctl.core.pricing.model import Part, Prices, Steps
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.core.document import Document, Node
    from planctl.core.reading import Reader


@dataclass(frozen=True, slots=True)
class Tier:
    """One row: `each` per unit and `flat` once, per currency; an empty one is not charged.

    `to` is the last position it holds (inclusive), None for the open last row. Both price maps that are
    given have the same currencies.
    """

    to: Decimal | None
    each: Prices = field(default_factory=dict)
    flat: Prices = field(default_factory=dict)

    def document(self) -> Document:
        """The row with the keys it has."""
        row: dict[str, Document] = {}
        if self.to is not None:
            row["to"] = decimal_text(self.to)
        if self.each:
            row["each"] = prices_document(self.each)
        if self.flat:
            row["flat"] = prices_document(self.flat)
        return row

    def currencies(self) -> frozenset[str]:
        """The currencies in which all that it charges has a price."""
        return common_currencies(self.each, self.flat)

    def holds(self, position: Fraction) -> bool:
        """Whether the position is not beyond its upper bound."""
        return self.to is None or position <= exact(self.to)

    def parts(self, units: Fraction, label: str, currency: str) -> tuple[Part, ...]:
        """What `units` charged units in this row cost: the units, then the flat amount."""
        found: tuple[Part, ...] = ()
        if self.each and units:
            unit_price = exact(self.each[currency])
            found = (Part(label, units, unit_price, units * unit_price),)
        return found + self.flat_parts(label, currency)

    def flat_parts(self, label: str, currency: str) -> tuple[Part, ...]:
        """The flat amount alone, where there is one."""
        if not self.flat:
            return ()
        flat = exact(self.flat[currency])
        return (Part(f"flat, {label}", Fraction(1), flat, flat),)

    def describe(self, unit: str, currency: str) -> str:
        """`0.0002 USD / call + 10.00 USD`; `unit` is what one of the priced units is called."""
        each = f"{price_text(self.each[currency], currency)} / {unit}" if self.each else ""
        flat = price_text(self.flat[currency], currency) if self.flat else ""
        return " + ".join(text for text in (each, flat) if text)


@dataclass(frozen=True, slots=True)
class TierTable:
    """What the kinds that are priced by a tier table share: all but the price. They are told by `name`.

    `flat_at_zero` and `convert` stand beside the kind in YAML, so they are no part of `document()`. With
    `convert` the rows count and price converted units.
    """

    name: ClassVar[str]
    not_built: ClassVar[str] = ""
    amount_property: ClassVar[str] = ""

    tiers: tuple[Tier, ...]
    flat_at_zero: bool = False
    convert: Convert | None = None

    @classmethod
    def read(cls, node: Node, reader: Reader) -> Self | None:
        """A list of tiers, without what stands beside it; see `read_tiers` for what is checked."""
        tiers = read_tiers(node, cls.name, reader)
        return cls(tiers) if tiers else None

    def document(self) -> Document:
        """The table as a list of rows."""
        return [tier.document() for tier in self.tiers]

    def currencies(self) -> frozenset[str]:
        """The currencies in which every tier has all its prices."""
        return frozenset.intersection(*(tier.currencies() for tier in self.tiers))

    def first_bound(self) -> Fraction | None:
        """The first tier's `to`, in units before any conversion."""
        to = self.tiers[0].to
        return None if to is None else exact(to) * self.unit_size()

    def edges(self, included: Fraction) -> frozenset[Fraction]:
        """The end of the allowance and every `to`."""
        return self._edges(included, ZERO)

    def steps(self, included: Fraction) -> Steps | None:
        """The steps of rounded converted units; without them a tier is straight."""
        return self.convert.steps() if self.convert else None

    def describe(self, unit: str, currency: str) -> str:
        """`0.0004 USD / call up to 1,000,000; then 0.0002 USD / call + 10.00 USD`.

        Up to three rows; of more the first and the last.
        """
        size = self.unit_size()
        name = singular(unit) if self.convert is None else f"{count_text(size)} {plural(unit)}"
        texts = [
            tier.describe(name, currency)
            + (f" up to {count_text(exact(tier.to) * size)}" if tier.to is not None else "")
            for tier in self.tiers
        ]
        if len(texts) > 3:
            return f"{texts[0]}; … {texts[-1]} ({len(texts)} tiers)"
        return "; then ".join(texts)

    def unit_size(self) -> Fraction:
        """How many units one priced unit is: 1, or what `convert` divides by."""
        return ONE if self.convert is None else exact(self.convert.by)

    def label(self, index: int) -> str:
        """What a row is called, in units before conversion: `up to 10`, `above 10 up to 20`; `all`."""
        return _span(self.tiers[index - 1].to if index else None, self.tiers[index].to, self.unit_size())

    def _edges(self, included: Fraction, shift: Fraction) -> frozenset[Fraction]:
        """The end of the allowance and every `to`, moved up by `shift` units."""
        bounds = [exact(tier.to) * self.unit_size() + shift for tier in self.tiers if tier.to is not None]
        found = frozenset({included, *bounds})
        return found if self.convert is None else found.union(*(self.convert.edges(at) for at in found))


@lru_cache(maxsize=4096)
def _span(above: Decimal | None, to: Decimal | None, size: Fraction) -> str:
    words = [] if above is None else [f"above {count_text(exact(above) * size)}"]
    words += [] if to is None else [f"up to {count_text(exact(to) * size)}"]
    return " ".join(words) or "all"


def total_of(parts: Iterable[Part]) -> Fraction:
    """The exact sum of the parts' amounts."""
    return plus(*(part.amount for part in parts))


def read_tiers(node: Node, what: str, reader: Reader) -> tuple[Tier, ...] | None:
    """The rows of a tier table, or None after a finding for each mistake in it.

    Mistakes: no rows, a row without a price, a `to` that is not above the one before, a row without `to`
    that is not the last, a last row with `to`, rows or prices in a row with different currencies.
    """
    complaints = len(reader.findings)
    rows = reader.sequence(node, what)
    if not rows:
        if len(reader.findings) == complaints:
            reader.error(node.place, "tier-empty", f"{what} has no tiers", expected="a list of tiers")
        return None
    tiers = [_read_tier(row, f"{what}[{index}]", reader) for index, row in enumerate(rows)]
    read = tuple(tier for tier in tiers if tier is not None)
    if len(read) == len(rows):
        _check_order(read, rows, what, reader)
        _check_currencies(read, rows, what, reader)
    return read if len(reader.findings) == complaints else None


def _read_tier(node: Node, what: str, reader: Reader) -> Tier | None:
    complaints = len(reader.findings)
    row = reader.mapping(node, what, ("to", "each", "flat"))
    if row is None:
        return None
    to = reader.number(row.get("to"), f"{what}.to")
    each = read_prices(row.get("each"), f"{what}.each", reader)
    flat = read_prices(row.get("flat"), f"{what}.flat", reader)
    if len(reader.findings) > complaints:
        return None
    if each is None and flat is None:
        reader.error(
            node.place,
            "tier-price",
            f"{what} has no price",
            expected="each or flat, or both",
            hint="write each: {CODE: 0} for a free tier",
        )
        return None
    return Tier(to, each or {}, flat or {})


def _check_order(tiers: tuple[Tier, ...], rows: tuple[Node, ...], what: str, reader: Reader) -> None:
    reached = Decimal(0)
    for index, (tier, row) in enumerate(zip(tiers, rows, strict=True)):
        last = index == len(tiers) - 1
        if last and tier.to is not None:
            reader.error(
                row.place,
                "tier-last",
                f"{what} ends at {count_text(tier.to)}: its last tier has a to",
                expected="a last tier without to",
                hint="a limit is written as up_to beside the price",
            )
        if not last and tier.to is None:
            reader.error(
                row.place,
                "tier-last",
                f"{what}[{index}] has no to and is not the last tier",
                expected="to in every tier but the last",
            )
        if tier.to is None:
            continue
        if tier.to <= reached:
            reader.error(
                row.place,
                "tier-order",
                f"{what}[{index}] is out of order",
                got=f"to: {count_text(tier.to)}",
                expected=f"a to above {count_text(reached)}",
            )
        reached = max(reached, tier.to)


def _check_currencies(tiers: tuple[Tier, ...], rows: tuple[Node, ...], what: str, reader: Reader) -> None:
    everywhere = frozenset().union(*(frozenset(tier.each) | frozenset(tier.flat) for tier in tiers))
    for index, (tier, row) in enumerate(zip(tiers, rows, strict=True)):
        for key, prices in (("each", tier.each), ("flat", tier.flat)):
            missing = ", ".join(sorted(everywhere - frozenset(prices))) if prices else ""
            if missing:
                reader.error(
                    row.place,
                    "tier-currencies",
                    f"{what}[{index}].{key} has no price in {missing}",
                    expected="the same currencies in every tier",
                )
