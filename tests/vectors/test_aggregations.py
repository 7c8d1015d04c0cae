"""Aggregated quantities that other billing systems publish in their tests, each with its source in the data.

Every case is run with planctl's aggregates or listed, with the reason why its rule is another one, in
exceptions/aggregations.json. Never both.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import Any

import pytest

from planctl.core.catalog.model import Meter
from planctl.core.metering.aggregate import Span, aggregate, rounded
from planctl.core.metering.model import Rounding, UsageEvent
from planctl.core.money import fraction_text, round_half_up
from tests.vectors.harness import load

VECTORS = load("aggregations")
CASES, EXCEPTIONS = VECTORS.cases, VECTORS.exceptions

EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def test_the_file_is_whole_and_names_its_sources() -> None:
    VECTORS.check_whole(10)


def test_every_listed_exception_exists_and_says_why() -> None:
    VECTORS.check_exceptions()
    assert len(EXCEPTIONS) * 10 < len(CASES)


def test_a_listed_case_cannot_be_run() -> None:
    assert not [case_id for case_id in EXCEPTIONS if mapping_of(CASES[case_id]["input"])]


@pytest.mark.parametrize("case_id", VECTORS.played)
def test_a_published_case_gives_the_published_quantity(case_id: str) -> None:
    case = CASES[case_id]
    mapping = mapping_of(case["input"])
    assert mapping, "no mapping understands all fields of this input: map it, or list it with a reason"
    got = mapping(case["input"])
    ((_, expected),) = case["expected"].items()
    assert Fraction(expected) == Fraction(got)


def weighted_sum(given: dict[str, Any]) -> str:
    """Each event changes the level; the peer shows five decimals, half up."""
    span = Span(microseconds(given["period_start"]), microseconds(given["period_end"]))
    changes = [(microseconds(event["at"]), event["value"]) for event in given["events"]]
    return five_decimals(round_half_up(mean(changes, span, given["initial_value"]), 5))


def prorated_sum(given: dict[str, Any]) -> str:
    """Units count from the first instant of their day to the period's end: a change of a mean level.

    The peer rounds the quantity up to five decimals; planctl keeps it exact.
    """
    span = days(given["period_first_day"], given["period_last_day"])
    changes = [(microseconds(event["on"]), event["value"]) for event in given["events"]]
    return five_decimals(ceil(mean(changes, span, given["carried_over"]) * 10**5))


def prorated_unique(given: dict[str, Any]) -> str:
    """One held unit, for the days on which the subscription runs: a level that starts or ends inside."""
    span = days(given["period_first_day"], given["period_last_day"])
    held = str(given["carried_over"])
    if "subscription_first_day" in given:
        exact = mean([(microseconds(given["subscription_first_day"]), held)], span, "0")
    else:
        after = date.fromisoformat(given["subscription_last_day"]) + timedelta(days=1)
        exact = mean([(microseconds(after.isoformat()), f"-{held}")], span, held)
    return five_decimals(ceil(exact * 10**5))


def rounding(given: dict[str, Any]) -> Fraction:
    """The meter's rounding; without a precision whole units."""
    mode: Any = {"round": "half_up", "ceil": "up", "floor": "down"}[given["function"]]
    return rounded(Meter(rounding=Rounding(given["precision"] or 0, mode)), Fraction(given["units"]))


PRORATED = {"aggregation", "recurring", "prorated", "period_first_day", "period_last_day", "carried_over"}
MAPPINGS: tuple[tuple[set[str], Callable[[dict[str, Any]], str | Fraction]], ...] = (
    ({"units", "function", "precision"}, rounding),
    ({"aggregation", "period_start", "period_end", "initial_value", "events"}, weighted_sum),
    (PRORATED | {"events"}, prorated_sum),
    (PRORATED | {"period_days", "subscription_first_day"}, prorated_unique),
    (PRORATED | {"period_days", "subscription_last_day"}, prorated_unique),
)
"""The fields a case has, and the mapping for them."""


def mapping_of(given: dict[str, Any]) -> Callable[[dict[str, Any]], str | Fraction] | None:
    return next((mapping for fields, mapping in MAPPINGS if fields == given.keys()), None)


def mean(changes: list[tuple[int, str]], span: Span, initial: str) -> Fraction:
    events = [
        UsageEvent(f"e{index}", "nova", "level", at, Decimal(change))
        for index, (at, change) in enumerate(changes)
    ]
    return aggregate(Meter(aggregate="weighted"), "level", events, span, Fraction(initial))


def days(first: str, last: str) -> Span:
    after = date.fromisoformat(last) + timedelta(days=1)
    return Span(microseconds(first), microseconds(after.isoformat()))


def microseconds(text: str) -> int:
    at = datetime.fromisoformat(text if "T" in text else f"{text}T00:00:00+00:00")
    return (at - EPOCH) // timedelta(microseconds=1)


def five_decimals(units: int) -> str:
    return fraction_text(Fraction(units, 10**5))
