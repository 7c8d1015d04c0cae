"""Knows the terms of the price kind `percentage`, a share of each event's amount; it cannot price yet.

Pricing it needs the amounts event by event, because `fixed`, `min` and `max` hold for each one, and a
`Billable` is a total.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar, Self

from planctl.core.money import decimal_text
from planctl.core.pricing.kinds.shared import common_currencies, price_text, prices_document, read_prices
from planctl.core.pricing.model import Billable, Priced, Prices

if TYPE_CHECKING:
    from planctl.core.document import Document, Node
    from planctl.core.reading import Reader


@dataclass(frozen=True, slots=True)
class Percentage:
    """`percentage: {rate: 2.9%, of: amount, fixed: {USD: 0.30}, min: {USD: 0.50}, max: {USD: 10}}`.

    `rate` is a fraction of 1, `of` the event property that holds the amount. `fixed` is added for each
    event, `min` and `max` bound what one event costs; each may be absent. `declared` are the currencies of
    the catalog, which are its own where no amount says otherwise.
    """

    name: ClassVar[str] = "percentage"
    not_built: ClassVar[str] = "percentage"

    rate: Decimal
    of: str
    fixed: Prices = field(default_factory=dict)
    min: Prices = field(default_factory=dict)
    max: Prices = field(default_factory=dict)
    declared: frozenset[str] = field(default=frozenset(), compare=False)

    @classmethod
    def read(cls, node: Node, reader: Reader) -> Self | None:
        """A map with `rate` (0% to 100%) and `of`, and optional `fixed`, `min`, `max`."""
        complaints = len(reader.findings)
        terms = reader.mapping(node, "percentage", ("rate", "of", "fixed", "min", "max"))
        if terms is None:
            return None
        for key in ("rate", "of"):
            if terms.get(key) is None:
                reader.error(node.place, "percentage", f"percentage has no {key}")
        rate = reader.percent(terms.get("rate"), "percentage.rate")
        if rate is not None and not 0 <= rate <= 1:
            reader.error(terms.key_place("rate"), "range", "percentage.rate must be from 0% to 100%")
        of = reader.text(terms.get("of"), "percentage.of")
        fixed, low, high = (
            read_prices(terms.get(key), f"percentage.{key}", reader) or {} for key in ("fixed", "min", "max")
        )
        for code in sorted(low.keys() & high.keys()):
            if low[code] > high[code]:
                reader.error(
                    terms.key_place("max"),
                    "range",
                    f"percentage.max is below min in {code}",
                    got=decimal_text(high[code]),
                    expected=f"at least {decimal_text(low[code])}",
                )
        if rate is None or not of or len(reader.findings) > complaints:
            return None
        return cls(rate, of, fixed, low, high, frozenset(reader.currencies))

    def document(self) -> Document:
        """The terms it has."""
        found: dict[str, Document] = {"rate": _percent_text(self.rate), "of": self.of}
        for key, prices in (("fixed", self.fixed), ("min", self.min), ("max", self.max)):
            if prices:
                found[key] = prices_document(prices)
        return found

    def currencies(self) -> frozenset[str]:
        """Those that all its amounts have; every declared one where it is a rate alone."""
        if self.fixed or self.min or self.max:
            return common_currencies(self.fixed, self.min, self.max)
        return self.declared

    def first_bound(self) -> Decimal | None:
        """None: there are no tiers."""
        return None

    def price(self, billable: Billable, currency: str) -> Priced:
        """Not built: nobody may ask, because `not_built` is looked at before a subscription starts."""
        raise AssertionError(f"a percentage price cannot be computed from a total ({billable}, {currency})")

    def describe(self, unit: str, currency: str) -> str:
        """`2.9% of amount + 0.30 USD`."""
        text = f"{_percent_text(self.rate)} of {self.of}"
        return f"{text} + {price_text(self.fixed[currency], currency)}" if self.fixed else text


def _percent_text(rate: Decimal) -> str:
    return f"{decimal_text(rate.scaleb(2))}%"
