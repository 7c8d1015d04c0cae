"""Knows what a part of a price is; not which part of a period has passed (that is `core/periods.py`)."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction


def prorated(price: Decimal | Fraction, share: Fraction, quantity: int = 1) -> Fraction:
    """`price` × `quantity` × `share`, exact and unrounded, in the unit of `price`.

    `share` is the fraction of the whole period, 0 to 1 inclusive. The caller rounds once, per line.
    Source: planctl billing rules, fees.
    """
    assert 0 <= share <= 1, f"{share} is not a part of a period"
    return Fraction(price) * quantity * share
