"""Knows what price kinds share around their arithmetic: reading and showing prices; it prices nothing."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from planctl.core.currencies import iso_currency
from planctl.core.money import decimal_text, fraction_text

if TYPE_CHECKING:
    from planctl.core.document import Document, Node
    from planctl.core.pricing.model import Prices
    from planctl.core.reading import Reader

ZERO = Fraction(0)
"""Nothing, exactly; shared so that the many lines without a charge build no number."""

ONE = Fraction(1)
"""One, exactly; the size of a unit that is not converted."""


Round = Literal["up", "down", "none"]
ROUNDS: tuple[Round, ...] = ("up", "down", "none")
"""What happens to a part of a package or of a converted unit: it counts whole, not at all, or as it is."""


def rounded(count: Fraction, mode: Round) -> Fraction:
    """A count of packages or converted units, whole unless the mode is `none`."""
    if mode == "up":
        return Fraction(-(-count.numerator // count.denominator))
    if mode == "down":
        return Fraction(count.numerator // count.denominator)
    return count


@lru_cache(maxsize=8192)
def exact(value: Decimal) -> Fraction:
    """The same number as a fraction; remembered, for a catalog has few prices and a run has many lines."""
    return Fraction(value)


def read_prices(node: Node | None, what: str, reader: Reader) -> dict[str, Decimal] | None:
    """At least one exact price (0 or more) per declared currency, or None after reporting what is wrong."""
    complaints = len(reader.findings)
    prices = reader.amounts(node, what)
    if len(reader.findings) > complaints:
        return None
    if not prices and node is not None:
        known = ", ".join(reader.currencies) or "none are declared"
        reader.error(
            node.place,
            "price-empty",
            f"{what} has no price",
            expected="a price per currency",
            hint=f"currencies: {known}",
        )
    return prices or None


def prices_document(prices: Prices) -> Document:
    """Prices as decimal strings by currency, in alphabetical order."""
    return {code: decimal_text(prices[code]) for code in sorted(prices)}


def price_text(price: Decimal, currency: str) -> str:
    """A price for people: `0.50 USD`, `0.0004 USD`, `5 JPY`; an ISO currency shows at least its decimals."""
    whole, _, decimals = decimal_text(price).partition(".")
    known = iso_currency(currency)
    decimals = decimals.ljust(known.decimals if known else 0, "0")
    return f"{int(whole):,}{'.' + decimals if decimals else ''} {currency}"


def count_text(count: Decimal | Fraction) -> str:
    """A quantity that ends, for people, thousands set off: `1,000`, `0.5`."""
    text = fraction_text(count) if isinstance(count, Fraction) else decimal_text(count)
    whole, point, decimals = text.partition(".")
    return f"{int(whole):,}{point}{decimals}"


def singular(unit: str) -> str:
    """What one of it is called; a feature without a unit counts units."""
    return unit or "unit"


def plural(unit: str) -> str:
    """What several are called: `calls`, `entries`, `boxes`; `GB` and other symbols stay as they are."""
    word = singular(unit)
    if not word.isascii() or not word.replace(" ", "").isalpha() or word != word.lower():
        return word
    if word.endswith("y") and word[-2:-1] not in tuple("aeiou"):
        return word[:-1] + "ies"
    if word.endswith(("s", "x", "ch", "sh")):
        return word + "es"
    return word + "s"


def common_currencies(*prices: Mapping[str, Decimal]) -> frozenset[str]:
    """The currencies that all of the given, not empty, prices have."""
    given = [frozenset(each) for each in prices if each]
    return frozenset.intersection(*given) if given else frozenset()
