"""Knows the price kind `package`: units are sold in blocks of one size. It rounds blocks, never money."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar, Self, cast

from planctl.core.money import decimal_text
from planctl.core.pricing.kinds.shared import (
    ROUNDS,
    ZERO,
    Round,
    count_text,
    exact,
    plural,
    price_text,
    prices_document,
    read_prices,
    rounded,
)
from planctl.core.pricing.model import Billable, Part, Priced, Prices, Steps
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.core.document import Document, Node
    from planctl.core.reading import Reader


@dataclass(frozen=True, slots=True)
class Package:
    """`package: {of: 1_000, price: {USD: 0.50}, round: up, minimum_packages: 0}`.

    The charged units, the allowance already taken off, are divided by `of`; a started package counts whole
    (`up`), not at all (`down`) or by its share (`none`). At least `minimum_packages` are charged in every
    allowance period, without any usage too. Source: planctl billing rules, price kinds.
    """

    name: ClassVar[str] = "package"
    not_built: ClassVar[str] = ""
    amount_property: ClassVar[str] = ""

    of: Decimal
    prices: Prices
    round: Round = "up"
    minimum_packages: int = 0

    @classmethod
    def read(cls, node: Node, reader: Reader) -> Self | None:
        """A map with `of` (above 0) and `price`; `round` is `up`, `minimum_packages` 0 where absent."""
        complaints = len(reader.findings)
        terms = reader.mapping(node, "package", ("of", "price", "round", "minimum_packages"))
        if terms is None:
            return None
        size = _size(terms.get("of"), node, reader)
        if terms.get("price") is None:
            reader.error(
                node.place, "package", "package has no price", expected="price: an amount per currency"
            )
        prices = read_prices(terms.get("price"), "package.price", reader)
        rounding = reader.choice(terms.get("round"), "package.round", ROUNDS)
        minimum = reader.integer(terms.get("minimum_packages"), "package.minimum_packages")
        if size is None or prices is None or len(reader.findings) > complaints:
            return None
        return cls(size, prices, cast(Round, rounding or "up"), minimum or 0)

    def document(self) -> Document:
        """All four terms, the defaults too."""
        return {
            "of": decimal_text(self.of),
            "price": prices_document(self.prices),
            "round": self.round,
            "minimum_packages": str(self.minimum_packages),
        }

    def currencies(self) -> frozenset[str]:
        """The currencies it has a price in."""
        return frozenset(self.prices)

    def first_bound(self) -> Fraction | None:
        """None: there are no tiers."""
        return None

    def edges(self, included: Fraction) -> frozenset[Fraction]:
        """The end of the allowance, and of the packages that are charged at least."""
        return frozenset({included, included + exact(self.of) * self.minimum_packages})

    def steps(self, included: Fraction) -> Steps | None:
        """One step per package above the allowance; with `round: none` the steps are level with the slope."""
        return Steps(included, exact(self.of))

    def packages(self, excess: Fraction) -> Fraction:
        """How many packages `excess` charged units are; a fraction only with `round: none`."""
        packages = rounded(excess / exact(self.of), self.round) if excess else ZERO
        return max(packages, Fraction(self.minimum_packages))

    def price(self, billable: Billable, currency: str) -> Priced:
        """Packages times their price; KeyError for a currency it is not sold in."""
        price = exact(self.prices[currency])
        excess = billable.excess
        if not excess and not self.minimum_packages:
            return Priced(ZERO)
        packages = self.packages(excess)
        amount = packages * price
        return Priced(amount, (Part(f"package of {count_text(self.of)}", packages, price, amount),))

    def describe(self, unit: str, currency: str) -> str:
        """`0.50 USD / 1,000 calls`."""
        return f"{price_text(self.prices[currency], currency)} / {count_text(self.of)} {plural(unit)}"


def _size(node: Node | None, package: Node, reader: Reader) -> Decimal | None:
    if node is None:
        reader.error(package.place, "package", "package has no size", expected="of: the units in one package")
        return None
    size = reader.number(node, "package.of")
    if size == 0:
        reader.error(node.place, "range", "package.of must be above 0", got="0")
        return None
    return size
