"""Knows amounts: reading, rounding, splitting and writing them exactly. It does not know prices or taxes.

An amount is an integer of minor units and a currency; unit prices and quantities are exact `Decimal`, what
lies between is `Fraction`. No function here depends on a decimal context, so nothing rounds by itself.
Source: planctl billing rules, money and rounding.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from math import lcm

from planctl.core.currencies import Currency
from planctl.core.unreadable import Unreadable
from planctl.values import dataclass

MAX_MINOR = 10**15
"""The largest amount, in minor units, on either side of zero."""

MAX_INTEGER_DIGITS = 18
MAX_DECIMALS = 12
"""Quantities and unit prices have at most this many digits before and after the point."""

_NUMBER = re.compile(r"[+-]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?", re.ASCII)
_LONGEST_TEXT = 64
_ZERO = Fraction(0)


class NumberError(Unreadable):
    """A number cannot be read, does not fit its currency, or is larger than an amount may be."""


@dataclass(frozen=True, slots=True)
class Money:
    """An amount of one currency in whole minor units (cents for USD, yen for JPY); negative is a credit."""

    minor: int
    currency: Currency

    def __post_init__(self) -> None:
        assert abs(self.minor) <= MAX_MINOR, f"{self.minor} minor units are more than an amount may be"

    def __str__(self) -> str:
        """The amount for people, with its code: `1,234.50 USD`."""
        return f"{format_amount(self.minor, self.currency)} {self.currency.code}"


def parse_decimal(text: str, *, allow_underscores: bool = False) -> Decimal:
    """Read a number exactly as written, or raise NumberError saying which character is wrong.

    ASCII digits, an optional sign and an optional point with digits on both sides: at most 18 before it,
    without leading zeros, and at most 12 after it. With `allow_underscores`, `1_000` is read too. Exponents,
    NaN, infinities, thousands commas, spaces and digits of other scripts are refused, in constant time.
    Trailing zeros are kept (`19.90` has two decimals); `-0` is 0.
    """
    if len(text) > _LONGEST_TEXT:
        raise NumberError(
            f"the number is {len(text)} characters long",
            f"write at most {MAX_INTEGER_DIGITS} digits before the point and {MAX_DECIMALS} after it",
        )
    plain = re.sub(r"(?<=[0-9])_(?=[0-9])", "", text) if allow_underscores else text
    if not _NUMBER.fullmatch(plain):
        raise _not_a_number(text)
    whole, _, decimals = plain.lstrip("+-").partition(".")
    if len(whole) > MAX_INTEGER_DIGITS:
        raise NumberError(
            f"{text!r} has {len(whole)} digits before the point", f"write at most {MAX_INTEGER_DIGITS}"
        )
    if len(decimals) > MAX_DECIMALS:
        raise NumberError(f"{text!r} has {len(decimals)} decimals", f"write at most {MAX_DECIMALS}")
    value = Decimal(plain)
    return value if value else value.copy_abs()


def to_minor(amount: Decimal, currency: Currency) -> int:
    """Return an amount in major units as whole minor units, exactly: 19.90 USD is 1990, 500 JPY is 500.

    Never rounds: NumberError when the value needs more decimals than the currency has (1.234 USD; 1.230 is
    1.23 and fits), when it is beyond 10^15 minor units, or when it is not finite.
    """
    if not amount.is_finite() or (amount and abs(amount.adjusted()) > MAX_INTEGER_DIGITS):
        raise NumberError(f"{amount:.6e} is not an amount of {currency.code}", "write it in plain digits")
    used = decimals_used(amount)
    if used > currency.decimals:
        raise NumberError(
            f"{decimal_text(amount)} has {used} decimals, {currency.code} has {currency.decimals}",
            f"write the amount with at most {currency.decimals} decimals",
        )
    numerator, denominator = amount.as_integer_ratio()
    return _within_limit(numerator * 10**currency.decimals // denominator, currency.decimals)


def round_minor(exact: Fraction, currency_decimals: int) -> int:
    """Round an exact amount in major units to whole minor units: half up, away from zero.

    This is the door through which every line becomes money, once. 0.005 at 2 decimals is 1, -0.005 is -1,
    0.004999 is 0. NumberError beyond 10^15 minor units. Source: planctl billing rules, money and rounding.
    """
    return _within_limit(round_half_up(exact, currency_decimals), currency_decimals)


def round_half_up(exact: Fraction, decimals: int) -> int:
    """Round an exact number to `decimals` decimals and return it in units of the last one.

    Half up, away from zero, and without a limit on size: what `round_minor` does to amounts, for quantities
    too (a wallet debit is kept in 12 decimals).
    """
    numerator: int = exact.numerator * 10**decimals
    rounded = (2 * abs(numerator) + exact.denominator) // (2 * exact.denominator)
    return rounded if numerator >= 0 else -rounded


def allocate(total_minor: int, weights: Sequence[int | Fraction]) -> tuple[int, ...]:
    """Split a total into one part per weight by largest remainder; the parts always sum to the total.

    Each part is the exact share cut towards zero; the units left over go one each to the largest cut-off
    remainders, ties to the earlier position. A negative total is split as its opposite is. Weights are zero
    or positive; a zero weight gets nothing, unless all are zero, when they count as equal. No weights at all
    can only share zero.
    """
    assert all(weight >= 0 for weight in weights), f"a weight below zero cannot have a share: {weights}"
    if not weights:
        assert total_minor == 0, f"{total_minor} minor units and nobody to share them"
        return ()
    common = lcm(*(weight.denominator for weight in weights))
    shares = [weight.numerator * (common // weight.denominator) for weight in weights]
    whole = sum(shares)
    if whole == 0:
        shares, whole = [1] * len(shares), len(shares)
    cut = [divmod(abs(total_minor) * share, whole) for share in shares]
    left_over = abs(total_minor) - sum(part for part, _ in cut)
    by_remainder = sorted(range(len(cut)), key=lambda position: (-cut[position][1], position))
    gets_one_more = frozenset(by_remainder[:left_over])
    sign = 1 if total_minor >= 0 else -1
    return tuple(sign * (part + (position in gets_one_more)) for position, (part, _) in enumerate(cut))


def format_minor(minor: int, currency: Currency) -> str:
    """Return an amount for machines: a point, the currency's decimals, nothing else (`-1234.50`)."""
    whole, decimals = _digits(minor, currency)
    return whole + decimals


def format_amount(minor: int, currency: Currency) -> str:
    """Return an amount for people, thousands set off by commas (`-1,234.50`); the caller adds the code."""
    whole, decimals = _digits(minor, currency)
    return f"{int(whole):,}{decimals}" if whole != "-0" else whole + decimals


def decimals_used(value: Decimal) -> int:
    """Return how many decimals a finite value needs: 2 for 1.230, 0 for 500 and for 5E+2."""
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int), f"{value} is not a finite number"
    _, point, decimals = decimal_text(value).partition(".") if exponent < 0 else ("", "", "")
    return len(decimals) if point else 0


def decimal_text(value: Decimal) -> str:
    """Return the value exactly, without exponent, trailing zeros or a sign on zero (`0.00000001`, `500`)."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", "0"} else text


def plus(*values: Fraction) -> Fraction:
    """Return their sum. Most of what is added up is zero, and adding fractions is the slow part of rating."""
    total = _ZERO
    for value in values:
        if value:
            total = total + value if total else value
    return total


def fraction_text(value: Fraction) -> str:
    """Return the value exactly: as a decimal where it ends (`0.1`), else as the fraction itself (`1/3`)."""
    if value.denominator == 1:  # nearly every one
        return str(value.numerator)
    denominator, places = value.denominator, 0
    for prime in (2, 5):
        power = 0
        while denominator % prime == 0:
            denominator, power = denominator // prime, power + 1
        places = max(places, power)
    if denominator != 1:
        return f"{value.numerator}/{value.denominator}"
    scaled = value.numerator * 10**places // value.denominator
    digits = str(abs(scaled)).rjust(places + 1, "0")
    text = f"{digits[:-places]}.{digits[-places:]}" if places else digits
    return f"-{text}" if scaled < 0 else text


def _within_limit(minor: int, decimals: int) -> int:
    if abs(minor) > MAX_MINOR:
        limit = MAX_MINOR // 10**decimals
        raise NumberError(
            f"the amount is beyond {limit:,} ({MAX_MINOR:,} minor units)", f"stay within {limit:,} either way"
        )
    return minor


def _digits(minor: int, currency: Currency) -> tuple[str, str]:
    """The sign and whole part, and the decimals with their point (or an empty text)."""
    sign = "-" if minor < 0 else ""
    digits = str(abs(minor)).rjust(currency.decimals + 1, "0")
    if not currency.decimals:
        return sign + digits, ""
    return sign + digits[: -currency.decimals], "." + digits[-currency.decimals :]


# What people write where a number should stand, the first that fits: a pattern, what is wrong, the fix.
_MISTAKES = (
    (r"", "there is no number", "write one, such as 19.90"),
    (r"[+-]?(?i:nan|inf|infinity)", "{text} is not a number", "write a number in digits"),
    (r"[+-]?0[xXoObB].*", "{text} is not a decimal number", "write it in base ten"),
    (r"[+-]?[0-9._]+[eE][+-]?[0-9]*", "{text} has an exponent", "write all its digits"),
    (r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?", "{text} has thousands commas", "leave the commas out"),
    (r"[+-]?[0-9]+,[0-9]+", "{text} has a decimal comma", "write a point instead"),
    (r"[+-]?0[0-9][0-9_]*(?:\.[0-9]*)?", "{text} has leading zeros", "write it without them"),
    (r"[+-]?\.[0-9]+", "{text} has no digit before the point", "write 0 before the point"),
    (r"[+-]?[0-9]+\.", "{text} has no digit after the point", "leave the point out"),
    (r"[+-]?[0-9][0-9._]*_[0-9._]*", "{text} has underscores", "leave the underscores out"),
)


def _not_a_number(text: str) -> NumberError:
    shown = ascii(text)
    for pattern, reason, fix in _MISTAKES:
        if re.fullmatch(pattern, text, re.ASCII):
            return NumberError(reason.format(text=shown), fix)
    for position, character in enumerate(text, start=1):
        if not re.fullmatch(r"[0-9.]", character, re.ASCII) and not (position == 1 and character in "+-"):
            return NumberError(
                f"{shown} is not a number: character {position} is {character!a}",
                "write digits 0-9 with at most one point, such as 19.90",
            )
    return NumberError(f"{shown} is not a number", "write digits 0-9 with at most one point, such as 19.90")
