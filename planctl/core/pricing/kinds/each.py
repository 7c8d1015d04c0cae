"""Knows the price kind `each`: every charged unit costs the same. It rounds nothing."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar, Self

from planctl.core.pricing.kinds.shared import ZERO, exact, price_text, prices_document, read_prices, singular
from planctl.core.pricing.model import Billable, Part, Priced, Prices, Steps
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.core.document import Document, Node
    from planctl.core.reading import Reader


@dataclass(frozen=True, slots=True)
class Each:
    """`each: {USD: 0.12}`: quantity × price. Zero charged units cost zero."""

    name: ClassVar[str] = "each"
    not_built: ClassVar[str] = ""
    amount_property: ClassVar[str] = ""

    prices: Prices

    @classmethod
    def read(cls, node: Node, reader: Reader) -> Self | None:
        """A map of currency to price; see `PriceKind.read`."""
        prices = read_prices(node, "each", reader)
        return cls(prices) if prices else None

    def document(self) -> Document:
        """The prices as decimal strings."""
        return prices_document(self.prices)

    def currencies(self) -> frozenset[str]:
        """The currencies it has a price in."""
        return frozenset(self.prices)

    def first_bound(self) -> Fraction | None:
        """None: there are no tiers."""
        return None

    def edges(self, included: Fraction) -> frozenset[Fraction]:
        """The bill bends where the allowance ends."""
        return frozenset({included})

    def steps(self, included: Fraction) -> Steps | None:
        """None: the bill is straight."""
        return None

    def price(self, billable: Billable, currency: str) -> Priced:
        """Every unit in `(included, total]` times the price; KeyError for a currency it is not sold in."""
        unit_price = exact(self.prices[currency])
        quantity = billable.excess
        if not quantity:
            return Priced(ZERO)
        amount = quantity * unit_price
        return Priced(amount, (Part("each", quantity, unit_price, amount),))

    def describe(self, unit: str, currency: str) -> str:
        """`0.12 USD / minute`."""
        return f"{price_text(self.prices[currency], currency)} / {singular(unit)}"
