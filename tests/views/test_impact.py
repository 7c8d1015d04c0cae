"""How the impact of a change is said."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction

import pytest

from planctl.core.catalog.changeset import Change, Holders, Impact, Overuse, Recurring
from planctl.views.impact import impact_document, overuse_line, recurring_lines

MINUTES = Overuse(
    "features.minutes.included",
    Fraction(4_000),
    over=31,
    subscriptions=377,
    median=Fraction(1_210),
    p95=Fraction(9_741, 2),
    most=Fraction(9_300),
    every="month",
)
IMPACT = Impact((Recurring("USD", Fraction(18_473), Fraction(20_735)),), compared=377, overuse=(MINUTES,))
HOLDERS = Holders({5: 12, 6: 100, 7: 265})


def test_the_money_of_a_change() -> None:
    assert recurring_lines(IMPACT, HOLDERS) == [
        "377 running on v5–v7 keep their terms   MRR 18,473.00 USD",
        "if all moved: +2,262.00 USD a month; none would pay over 20 % more",
    ]


def test_several_currencies_stand_side_by_side_and_each_is_rounded_once() -> None:
    found = Impact(
        (
            Recurring("EUR", Fraction(92), Fraction(92)),
            Recurring("JPY", Fraction(7_350, 12), Fraction(7_200, 12)),
            Recurring("USD", Fraction(490, 12), Fraction(500, 12)),
        ),
        compared=3,
        dearer=1,
    )
    assert recurring_lines(found, Holders({7: 3})) == [
        "3 running on v7 keep their terms   MRR 92.00 EUR, 613 JPY, 40.83 USD",
        "if all moved: −13 JPY, +0.83 USD a month; 1 of 3 would pay over 20 % more",
    ]


def test_a_currency_of_the_catalog_has_its_own_decimals() -> None:
    points = Impact((Recurring("PTS", Fraction(1, 8), Fraction(1, 8)),), compared=1)
    assert recurring_lines(points, Holders({1: 1}), {"PTS": 3}) == [
        "1 running on v1 keeps its terms   MRR 0.125 PTS",
        "if all moved: the same a month; none would pay over 20 % more",
    ]


def test_nothing_that_moves_has_no_second_line() -> None:
    still = Impact((Recurring("USD", Fraction(49), Fraction(49)),))
    assert recurring_lines(still, Holders({7: 1})) == ["1 running on v7 keeps its terms   MRR 49.00 USD"]
    assert recurring_lines(Impact(), Holders({1: 2, 2: 1})) == ["3 running on v1–v2 keep their terms"]


def test_who_cannot_be_moved_is_said() -> None:
    assert recurring_lines(replace(IMPACT, stuck=1), HOLDERS)[2:] == [
        "1 cannot be moved as it is: its row, currency or agreed terms do not fit the new ones"
    ]
    assert recurring_lines(Impact(stuck=2), Holders({1: 2}))[1:] == [
        "2 cannot be moved as they are: their row, currency or agreed terms do not fit the new ones"
    ]


def test_a_comparison_of_fees_alone_says_so() -> None:
    (_, line) = recurring_lines(replace(IMPACT, by_fees=True, dearer=1_200, compared=3_000), HOLDERS)
    assert line.endswith("; 1,200 of 3,000 would pay over 20 % more by the fees alone")


def test_who_used_more_than_a_lower_allowance() -> None:
    assert overuse_line(MINUTES, "minute") == (
        "31 of 377 used more than 4,000 minutes last month (median 1,210, 95 % up to 4,870.5, most 9,300)"
    )


@pytest.mark.parametrize(
    ("change", "unit", "start"),
    [
        ({"over": 0}, "", "0 of 377 used more than 4,000 last month ("),
        ({"about": True}, "", "at most 31 of 377 used more than 4,000 last month ("),
        ({"about": True, "over": 0}, "", "0 of 377 used more than 4,000 last month ("),
        ({"every": "2 weeks"}, "call", "31 of 377 used more than 4,000 calls in the last period ("),
        ({"every": "day", "limit": Fraction(1)}, "call", "31 of 377 used more than 1 call yesterday ("),
        ({"every": "once", "limit": Fraction(3)}, "seat", "31 of 377 hold more than 3 seats ("),
        ({"every": "once", "over": 1}, "seat", "1 of 377 holds more than 4,000 seats ("),
        ({"every": "granted"}, "", "31 of 377 have it"),
        ({"every": "granted", "over": 1}, "", "1 of 377 has it"),
    ],
)
def test_other_allowances(change: dict[str, object], unit: str, start: str) -> None:
    assert overuse_line(replace(MINUTES, **change), unit).startswith(start)  # type: ignore[arg-type]


def test_the_first_customers_are_named_where_they_are_known() -> None:
    named = replace(MINUTES, customers=tuple(f"c{number}" for number in range(12)))
    assert overuse_line(named, "").endswith(": c0, c1, c2, c3, c4, c5, c6, c7, c8, c9 and 2 more")
    dearer = replace(IMPACT, dearer=2, dearer_customers=("acme", "\x1b[31mnova"))
    assert recurring_lines(dearer, HOLDERS)[1].endswith("20 % more: acme, ␛[31mnova")


def test_the_impact_for_machines() -> None:
    change = Change("plans.pro", "version", 7, 8, holders=HOLDERS, impact=IMPACT)
    assert json.loads(json.dumps(impact_document(change))) == {
        "subscriptions": {"5": 12, "6": 100, "7": 265},
        "recurring": [{"currency": "USD", "now": "18473.00", "moved": "20735.00"}],
        "compared": 377,
        "dearer": 0,
        "stuck": 0,
        "by_fees": False,
        "overuse": [
            {
                "path": "features.minutes.included",
                "limit": "4000",
                "over": 31,
                "subscriptions": 377,
                "median": "1210",
                "p95": "4870.5",
                "most": "9300",
                "about": False,
            }
        ],
    }
    assert impact_document(replace(change, impact=None)) == {"subscriptions": {"5": 12, "6": 100, "7": 265}}


def test_customers_are_in_the_document_only_where_somebody_is_named() -> None:
    named = replace(IMPACT, dearer_customers=("nova",), overuse=(replace(MINUTES, customers=("acme",)),))
    document = impact_document(Change("plans.pro", "version", 7, 8, impact=named))
    assert document["customers"] == ["nova"]
    assert json.dumps(document["overuse"]).endswith('"customers": ["acme"]}]')
