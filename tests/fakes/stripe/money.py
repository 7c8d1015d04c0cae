"""Which currencies and amounts Stripe takes, in its smallest unit. It computes nothing.

Source: https://docs.stripe.com/currencies (presentment currencies, zero-decimal and three-decimal ones, special cases,
minimum and maximum charge amounts).
"""

from __future__ import annotations

from tests.fakes.stripe.errors import invalid

_CODES = (
    "usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd "
    "cad cdf chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd "
    "hkd hnl htg huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad "
    "mdl mga mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln "
    "pyg qar ron rsd rub rwf sar sbd scr sek sgd shp sle sos srd std svc szl thb tjs tnd top try ttd twd "
    "tzs uah ugx uyu uzs vnd vuv wst xaf xcd xcg xof xpf yer zar zmw "
)
CURRENCIES = frozenset(_CODES.split())
MULTIPLES = dict.fromkeys(("bhd", "jod", "kwd", "omr", "tnd"), 10) | {"isk": 100, "ugx": 100}
"""Amounts must end in so many zeros: three decimals of which the last is 0, or two decimals that mean nothing."""
LARGEST = 99_999_999
MINIMUMS = {
    "aed": 200, "bgn": 100, "czk": 1_500, "dkk": 250, "gbp": 30, "hkd": 400, "huf": 17_500, "jpy": 50, "mxn": 1_000,
    "myr": 200, "nok": 300, "pln": 200, "ron": 200, "sek": 300, "thb": 1_000,
}  # fmt: skip
MINIMUM = 50
"""The least that can be charged where `MINIMUMS` names nothing: 50 cents. Stripe converts it; the fake does not."""


def currency_of(code: str, param: str = "currency") -> str:
    """The code in small letters; 400 where Stripe does not take it."""
    if code.lower() not in CURRENCIES:
        known = ", ".join(sorted(CURRENCIES))
        raise invalid(
            f"Invalid currency: {code.lower()}. Stripe currently supports these currencies: {known}", param
        )
    return code.lower()


def check_amount(amount: int, currency: str, param: str, *, least: int = 0) -> int:
    """The amount, if Stripe takes it; `least` is 1 where nothing must not be charged, and very low for credits."""
    if amount < least:
        raise invalid(
            f"This value must be greater than or equal to {least}.", param, "parameter_invalid_integer"
        )
    if abs(amount) > LARGEST:
        raise invalid(f"This value must be less than or equal to {LARGEST}.", param, "amount_too_large")
    multiple = MULTIPLES.get(currency, 1)
    if amount % multiple:
        raise invalid(
            f"Invalid amount: {amount} in {currency} must be a multiple of {multiple}.",
            param,
            "invalid_charge_amount",
        )
    return amount


def minimum(currency: str) -> int:
    """The least that can be charged."""
    return MINIMUMS.get(currency, MINIMUM)
