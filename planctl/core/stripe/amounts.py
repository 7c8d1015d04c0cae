"""Knows amounts in the unit in which Stripe counts, and which currencies it takes. It knows no object at Stripe.

Our minor unit is ISO 4217's, Stripe's is its own: for most currencies they are the same, for some they are not, and of
some Stripe takes only certain amounts. Nothing is ever rounded on the way.
Source: https://docs.stripe.com/currencies (minor units in API amounts, special cases, maximum charge amounts).
"""

from __future__ import annotations

from fractions import Fraction

from planctl.core.currencies import Currency
from planctl.core.money import format_amount, fraction_text
from planctl.errors import Refused

_WHOLE = "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF"
"""Zero-decimal currencies but UGX: "the charge and the amount are the same, without requiring multiplication"."""

_WHOLE_IN_HUNDREDTHS = "ISK UGX"
"""Special cases: "a zero-decimal currency, but backward compatibility requires you to represent it as a two-decimal
value, where the decimal amount is always 00. For example, to charge 5 ISK, provide an amount value of 500"."""

_IN_THOUSANDTHS = "BHD JOD KWD OMR TND"
"""Three-decimal currencies: "require the least-significant (last) digit to be 0"."""

_MOST_DECIMALS = 3

_NOT_LISTED = """
BOV BTN CHE CHW COU CUP ERN GHS IQD IRR KPW LYD MRU MXV SDG SSP STN SYP TMT USN UYI VED VES XAD ZWG
"""
"""Money of ISO 4217 that Stripe lists under no country. What it lists depends on the country of the account too."""

_MOST = 99_999_999
_MOST_OF = {
    "IDR": 999_999_999_999,
    "COP": 9_999_999_999,
    "HUF": 9_999_999_999,
    "JPY": 9_999_999_999,
    "INR": 999_999_999,
}
"""Maximum amounts: eight digits, twelve for IDR, nine for INR; by card ten for COP, HUF and JPY."""


def takes(currency: Currency) -> str:
    """Why Stripe takes no payments in the currency; empty where it does."""
    if not currency.iso:
        return f"{currency.code} is no currency of ISO 4217"
    if currency.decimals > _MOST_DECIMALS:
        return (
            f"{currency.code} has {currency.decimals} decimals, at Stripe there are at most {_MOST_DECIMALS}"
        )
    if currency.code in _NOT_LISTED.split():
        return f"Stripe takes no payments in {currency.code}"
    return ""


def code_at_stripe(currency: Currency) -> str:
    """The currency's code as Stripe writes it: `usd`."""
    return currency.code.lower()


def at_stripe(amount_minor: int, currency: Currency) -> int:
    """An amount of ours in Stripe's unit; one below 0 is as its opposite.

    19.90 USD is 1990, 500 JPY 500, 500 ISK 50000, 12.00 MGA 12, 1.230 KWD 1230. Refused (`not-at-stripe`) where
    Stripe does not take the currency, or not this amount of it: 12.34 MGA, 500.50 ISK, 1.234 KWD, 1,000,000.00 USD.
    """
    _check_taken(currency)
    exact = Fraction(amount_minor * 10 ** _decimals(currency), 10**currency.decimals)
    step = _step(currency)
    if exact % step:
        finest = fraction_text(Fraction(step, 10 ** _decimals(currency)))
        raise _refused(amount_minor, currency, f"a multiple of {finest} {currency.code}")
    most = _MOST_OF.get(currency.code, _MOST)
    if abs(exact) > most:
        limit = Fraction(most * 10**currency.decimals, 10 ** _decimals(currency))
        raise _refused(
            amount_minor, currency, f"at most {format_amount(int(limit), currency)} {currency.code}"
        )
    return int(exact)


def from_stripe(amount: int, currency: Currency) -> int:
    """An amount at Stripe in minor units of ours, of any size: the inverse of `at_stripe`.

    Refused (`not-at-stripe`) where we cannot write it: 50050 of ISK would be 500.50 króna, which has no decimals.
    """
    _check_taken(currency)
    exact = Fraction(amount * 10**currency.decimals, 10 ** _decimals(currency))
    if exact.denominator != 1:
        raise Refused(
            f"{amount} in Stripe's unit is no amount of {currency.code}",
            code="not-at-stripe",
            where=currency.code,
            expected=f"at most {currency.decimals} decimals",
            got=f"{fraction_text(Fraction(amount, 10 ** _decimals(currency)))} {currency.code}",
            hint="look at the amount in Stripe's dashboard",
        )
    return int(exact)


def _decimals(currency: Currency) -> int:
    """How many decimals Stripe's unit has."""
    if currency.code in _WHOLE.split():
        return 0
    return 3 if currency.code in _IN_THOUSANDTHS.split() else 2


def _step(currency: Currency) -> int:
    """What an amount in Stripe's unit must be a multiple of."""
    if currency.code in _WHOLE_IN_HUNDREDTHS.split():
        return 100
    return 10 if currency.code in _IN_THOUSANDTHS.split() else 1


def _check_taken(currency: Currency) -> None:
    why = takes(currency)
    if why:
        raise Refused(
            f"Stripe cannot take this money: {why}",
            code="not-at-stripe",
            where=currency.code,
            expected="a currency that Stripe takes",
            got=currency.code,
            hint="collect it outside Stripe and record it: planctl payment record",
        )


def _refused(amount_minor: int, currency: Currency, expected: str) -> Refused:
    amount = f"{format_amount(amount_minor, currency)} {currency.code}"
    return Refused(
        f"{amount} is no amount that Stripe takes",
        code="not-at-stripe",
        where=currency.code,
        expected=expected,
        got=amount,
        hint="change the price, or collect it outside Stripe and record it: planctl payment record",
    )
