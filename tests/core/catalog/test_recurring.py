"""What recurs by the month under given terms."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from planctl.core.catalog.model import Terms
from planctl.core.catalog.recurring import (
    Paying,
    allowance_interval,
    allowance_of,
    carried,
    monthly_amount,
)
from tests.core.catalog.diffing import catalog

TEXT = """\
format: planctl.catalog/1
catalog: acme
currencies: {USD: , EUR: }
features:
  minutes: {type: metered, unit: minute}
  calls: {type: metered, unit: call}
  seats: {type: metered, unit: seat, reset: never}
plans:
  pro:
    price:
      month: {USD: 49, EUR: 46}
      year: {USD: 490}
      3 months: {USD: 140}
      2 weeks: {USD: 10}
      once: {USD: 900}
    features:
      minutes: {included: 100, reset: day}
      calls: 50
      seats:
        included: 3
        beyond: {charge: prepaid, up_to: 10, each: {month: {USD: 10, EUR: 9}, year: {USD: 100},
          3 months: {USD: 30}, 2 weeks: {USD: 5}, once: {USD: 200}}}
  free: {price: free, features: {calls: 5}}
  enterprise: {price: {month: {USD: 900..9000}}}
  metered:
    price: {month: usage}
    features: {calls: {included: 0, beyond: {charge: usage, each: {USD: 1}}}}
addons:
  extra: {price: {month: {USD: 6}}, quantity: 2..20, features: {minutes: 500}}
"""


def terms(plan: str = "pro") -> Terms:
    return catalog(TEXT).plans[plan].terms


def monthly(
    pay: str = "month", currency: str = "USD", units: int = 1, seats: int = 0, plan: str = "pro"
) -> object:
    quantities = {"seats": Decimal(seats)} if seats else {}
    return monthly_amount(terms(plan), Paying(pay, currency, units, quantities))


def test_a_fee_counts_by_the_month() -> None:
    assert monthly() == 49
    assert monthly("year") == Fraction(490, 12)
    assert monthly("3 months") == Fraction(140, 3)
    # 14 days of a mean month of 146,097 / 4,800 days
    assert monthly("2 weeks") == Fraction(10) * Fraction(146_097, 4_800) / 14


def test_what_is_paid_once_or_free_does_not_recur() -> None:
    assert monthly("once") == 0
    assert monthly(plan="free") == 0


def test_what_is_not_offered_has_no_amount() -> None:
    assert monthly("year", "EUR") is None
    assert monthly("week") is None
    assert monthly(plan="enterprise") is None  # its price is still to be agreed
    assert monthly(currency="EUR", plan="metered") is None  # nothing has a price in EUR


def test_usage_alone_recurs_with_nothing() -> None:
    assert monthly(plan="metered") == 0


def test_units_multiply_the_fee_and_prepaid_quantities_add_what_is_above_the_allowance() -> None:
    assert monthly(units=3, plan="extra") == 18
    assert monthly(seats=5) == 49 + 2 * 10
    assert monthly(seats=3) == 49
    assert monthly("year", seats=5) == Fraction(490 + 2 * 100, 12)


def test_other_terms_take_as_much_along_as_they_sell() -> None:
    asked = Paying("month", "USD", 1, {"seats": Decimal(12), "calls": Decimal(80)})
    assert carried(terms(), asked) == Paying("month", "USD", 1, {"seats": Decimal(10)})
    assert carried(terms("free"), asked).quantities == {}
    assert carried(terms("extra"), asked).units == 2
    assert carried(terms("extra"), Paying("month", "USD", 30)).units == 20


def test_an_allowance_counts_for_every_unit_and_with_what_was_bought() -> None:
    paying = Paying("month", "USD", 2, {"seats": Decimal(8)})
    assert allowance_of(terms(), "calls", paying) == 100
    assert allowance_of(terms(), "seats", paying) == 3 * 2 + 5


@pytest.mark.parametrize(
    ("feature", "pay", "every"),
    [
        ("calls", "month", "month"),
        ("calls", "year", "month"),
        ("calls", "2 weeks", "2 weeks"),
        ("calls", "once", "once"),
        ("minutes", "year", "day"),
        ("seats", "month", "once"),
    ],
)
def test_an_allowance_comes_back_by_the_month_or_more_often(feature: str, pay: str, every: str) -> None:
    assert str(allowance_interval(terms().features[feature], pay)) == every
