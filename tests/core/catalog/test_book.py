"""Groups of subscriptions, quantiles of what they used, and what a snapshot may keep of them."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from planctl.core.catalog.book import Book, Held, Spread, quantiles, rank, summary
from planctl.core.instants import Instant
from tests.core.catalog.diffing import catalog

NOW = Instant(7)


def held(count: int = 1, **fields: object) -> Held:
    return Held("pro", 7, "USD", "month", Fraction(49), count, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("percent", "count", "place"),
    [(0, 5, 1), (50, 5, 3), (50, 4, 2), (95, 20, 19), (95, 21, 20), (100, 5, 5)],
)
def test_the_nearest_rank_is_rounded_up(percent: int, count: int, place: int) -> None:
    assert rank(percent, count) == place


def test_quantiles_of_values_that_stand_for_several() -> None:
    # Source: the worked example of the nearest-rank method: 15, 20, 35, 40, 50
    values = [(Fraction(number), 1) for number in (35, 15, 50, 20, 40)]
    assert quantiles(values, (5, 30, 40, 50, 100)) == [15, 20, 20, 35, 50]
    assert quantiles([(Fraction(1), 19), (Fraction(9), 1)], (50, 95, 96)) == [1, 1, 9]


def spread_of(*values: int) -> Spread:
    found = summary(Book(NOW, tuple(held(used={"calls": Fraction(value)}) for value in values)))
    return found.spreads[("pro", "calls")]


def test_of_a_hundred_or_fewer_a_spread_tells_exactly_how_many_used_more() -> None:
    spread = spread_of(*range(1, 78))
    assert [spread.over(Fraction(limit)) for limit in (0, 1, 40, 76, 77)] == [77, 76, 37, 1, 0]


def test_of_more_a_spread_tells_at_most_how_many() -> None:
    spread = spread_of(*range(1, 1_001))
    # 333 used more than 667; 660 is the 66th percentile and does not, 670 the 67th and does: at most 340
    assert spread.over(Fraction(667)) == 340
    assert spread.over(Fraction(1_000)) == 0


def test_a_summary_tells_groups_apart_by_money_alone() -> None:
    terms = catalog().plans["pro"].terms
    groups = (
        held(2, terms=terms, used={"calls": Fraction(1)}, customers=("acme", "nova")),
        held(3, terms=terms, used={"calls": Fraction(5)}),
        held(1, terms=terms, agreed={"due": "30 days"}, quantities={"seats": Decimal(5)}),
        held(1, terms=terms, charged=False),
    )
    found = summary(Book(NOW, groups))
    assert found.as_of == NOW
    assert sorted((one.count, one.charged, dict(one.agreed)) for one in found.held) == [
        (1, False, {}),
        (1, True, {"due": None}),
        (5, True, {}),
    ]
    assert all(one.terms is None and one.used is None and not one.customers for one in found.held)
    spread = found.spreads[("pro", "calls")]
    assert (spread.count, len(spread.percentiles)) == (5, 101)
    assert spread.percentiles[40:42] == (Fraction(1), Fraction(5))


def test_those_who_hold_a_plan() -> None:
    book = Book(NOW, (held(), Held("basic", 1, "USD", "month", Fraction(19))))
    assert [one.plan for one in book.of("pro")] == ["pro"]
    assert book.of("gone") == ()
