"""Conditions are read exactly, compared exactly, and say what they found. Every number is worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from planctl.core.currencies import Currency
from planctl.core.instants import Instant
from planctl.core.replay.conditions import ConditionError, condition, fired, percent_text
from planctl.core.replay.simulation import About, InCurrency, Payer, Sides, Simulation, Span
from tests.core.billing import DECLARED

USD, EUR = DECLARED["USD"], DECLARED["EUR"]

SPAN = Span("2026-10", Instant(0), Instant(1))


def book(
    held: int, moved: int, currency: Currency = USD, losers: int = 0, winners: int = 0, same: int = 0
) -> InCurrency:
    """One currency whose totals are its revenue."""
    sides = Sides(held, moved)
    return InCurrency(currency, sides, sides, held, losers, winners, same)


def simulated(*books: InCurrency) -> Simulation:
    """A simulation of these currencies."""
    return Simulation(SPAN, About(), 1, 0, 1, books, (), ())


def found(simulation: Simulation, text: str) -> list[tuple[str, str]]:
    """Where a condition holds, and what it found."""
    return [(one.currency, one.found) for one in fired(simulation, [condition(text)])]


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("revenue < -2%", False),  # 100.00 to 98.00 is exactly 2% less
        ("revenue <= -2%", True),
        ("revenue < -1.99%", True),
        ("revenue<-1.99%", True),
        ("revenue < -2 USD", False),
        ("revenue <= -2 USD", True),
        ("revenue < -1.99 USD", True),
        ("revenue > -3%", True),
        ("total >= -2 USD", True),
        ("revenue < -2 EUR", False),  # nothing is billed in it
    ],
)
def test_money_is_compared_exactly(text: str, holds: bool) -> None:
    assert bool(found(simulated(book(100_00, 98_00)), text)) is holds


def test_every_currency_is_compared_by_itself() -> None:
    both = simulated(book(100_00, 110_00), book(100_00, 90_00, EUR))
    assert found(both, "revenue < -5%") == [("EUR", "-10.00% (100.00 EUR to 90.00 EUR)")]


def test_a_third_less_is_less_than_33_per_cent() -> None:
    assert found(simulated(book(300, 200)), "revenue < -33%") == [("USD", "-33.33% (3.00 USD to 2.00 USD)")]


def test_something_where_there_was_nothing_is_more_than_any_per_cent() -> None:
    new = simulated(book(0, 5_00))
    assert found(new, "revenue > 1000%") == [("USD", "from nothing (0.00 USD to 5.00 USD)")]
    assert found(new, "revenue < 1000%") == []
    assert found(simulated(book(0, 0)), "revenue > 0%") == []


def test_customers_are_counted_over_all_currencies() -> None:
    both = simulated(book(0, 0, losers=2, same=6), book(0, 0, EUR, losers=1, winners=1))
    assert found(both, "losers > 2") == [("", "3")]
    assert found(both, "losers > 3") == []
    assert found(both, "losers >= 30%") == [("", "30.00% (3 of 10)")]
    assert found(both, "winners < 20%") == [("", "10.00% (1 of 10)")]


def test_the_one_who_would_pay_the_largest_part_more_is_compared() -> None:
    steep, most = Payer("vega", Sides(1_00, 1_30)), Payer("nova", Sides(100_00, 110_00))
    one = replace(book(101_00, 111_30, losers=2), more=(most, steep), steepest=steep)
    assert found(simulated(one), "loser > 20%") == [("USD", "30.00% (1.00 USD to 1.30 USD)")]
    assert found(simulated(one), "loser > 30%") == []
    assert found(simulated(one), "loser > 9.99 USD") == [("USD", "10.00 USD (100.00 USD to 110.00 USD)")]
    assert found(simulated(book(100, 100)), "loser > 0%") == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is no condition"),
        ("revenue", "it is no condition"),
        ("revenue = 2%", "it is no condition"),
        ("profit < 2%", "it is no condition"),
        ("revenue < 2 % USD", "it is no condition"),
        ("revenue < -2", "it says no unit: % or a currency"),
        ("losers > 2 USD", "losers are counted in customers, not in USD"),
        ("losers > 2.5", "a number of customers is whole"),
        ("revenue < 1e3 USD", "it is no condition"),
        ("revenue < 1..2%", "'1..2' is not a number"),
    ],
)
def test_a_text_that_is_no_condition_says_why_and_what_one_looks_like(text: str, said: str) -> None:
    with pytest.raises(ConditionError) as raised:
        condition(text)
    assert raised.value.reason.startswith(said)
    assert raised.value.fix


def test_thousands_may_be_set_apart() -> None:
    assert condition("revenue < -1_000 USD").bound == -1000


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Fraction(-49, 24), "-2.04%"),
        (Fraction(1, 200), "0.01%"),
        (Fraction(-1, 200), "-0.01%"),
        (Fraction(0), "0.00%"),
    ],
)
def test_a_percentage_has_two_decimals_half_up(value: Fraction, text: str) -> None:
    assert percent_text(value) == text
