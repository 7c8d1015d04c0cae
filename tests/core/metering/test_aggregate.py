"""What the events of one period add up to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import get_args

import pytest

from planctl.core.catalog.model import Aggregate, Meter
from planctl.core.metering.aggregate import (
    Reading,
    Span,
    aggregate,
    exact_sum,
    level,
    peak,
    reading_of,
    rounded,
)
from planctl.core.metering.model import Property, Rounding, RoundingMode, UsageEvent

PERIOD = Span(1_000, 2_000)


def meter(
    kind: Aggregate = "sum", event: str = "", value: str = "", where: Mapping[str, str] | None = None
) -> Meter:
    return Meter(event, kind, value, where or {})


def event(
    name: str, at: int = 1_500, quantity: str = "1", event_id: str = "e", **properties: Property
) -> UsageEvent:
    return UsageEvent(event_id, "nova", name, at, Decimal(quantity), properties)


def test_nothing_used_is_zero_for_every_aggregate() -> None:
    for kind in get_args(Aggregate):
        assert aggregate(meter(kind), "minutes", [], PERIOD) == 0


def test_sum_adds_the_quantities_of_events_that_name_the_feature() -> None:
    events = [
        event("minutes", quantity="1.5"),
        event("minutes", quantity="2.25"),
        event("minutes", quantity="-1"),
    ]
    assert aggregate(meter(), "minutes", events, PERIOD) == Fraction("2.75")


def test_sums_stay_exact_where_28_digits_are_not_enough() -> None:
    # 999,999,999,999,999,999.000000000001 + 0.000000000001: thirty digits.
    numbers = [Decimal("999999999999999999.000000000001"), Decimal("0.000000000001")]
    assert exact_sum(numbers) == Fraction("999999999999999999.000000000002")


def test_a_meter_sums_the_property_it_names_of_events_that_match_where() -> None:
    tokens = meter("sum", "completion", "tokens", {"model": "large"})
    events = [
        event("completion", tokens=Decimal(120), model="large"),
        event("completion", tokens="30.5", model="large"),
        event("completion", tokens=Decimal(999), model="small"),
        event("completion", tokens=Decimal(999)),
        event("other", tokens=Decimal(999), model="large"),
    ]
    assert aggregate(tokens, "gpt_tokens", events, PERIOD) == Fraction("150.5")


def test_an_event_that_names_the_feature_feeds_a_property_meter_with_its_quantity() -> None:
    tokens = meter("sum", "completion", "tokens")
    events = [event("completion", tokens=Decimal(120)), event("gpt_tokens", quantity="80")]
    assert aggregate(tokens, "gpt_tokens", events, PERIOD) == 200


def test_a_meter_without_an_event_is_fed_by_its_feature_alone() -> None:
    assert aggregate(meter(), "minutes", [event(""), event("minutes")], PERIOD) == 1


def test_where_compares_numbers_and_truth_as_text() -> None:
    calls = meter("count", "call", where={"tier": "2", "billable": "true"})
    events = [
        event("call", tier=Decimal("2.0"), billable=True),
        event("call", tier=2, billable="true"),
        event("call", tier="2", billable=False),
        event("call", tier="2.0", billable=True),
    ]
    assert aggregate(calls, "calls", events, PERIOD) == 2


def test_count_counts_events_and_takes_corrections_back() -> None:
    calls = meter("count", "api.call")
    events = [
        event("api.call"),
        event("api.call"),
        event("api.call", quantity="-1"),
        event("calls", quantity="10"),
    ]
    assert aggregate(calls, "calls", events, PERIOD) == 11


def test_max_is_the_highest_level() -> None:
    events = [event("storage", quantity=level) for level in ("3", "7.5", "4")]
    assert aggregate(meter("max"), "storage", events, PERIOD) == Fraction("7.5")
    assert aggregate(meter("max"), "storage", events, PERIOD, Fraction(9)) == 9


def test_last_is_the_latest_by_instant_then_id_whatever_the_order_of_arrival() -> None:
    events = [
        event("seats", 1_700, "5", "b"),
        event("seats", 1_700, "4", "a"),
        event("seats", 1_100, "9", "z"),
    ]
    assert aggregate(meter("last"), "seats", events, PERIOD) == 5
    assert aggregate(meter("last"), "seats", [], PERIOD, Fraction(3)) == 3


def test_unique_counts_different_values_of_the_property() -> None:
    visitors = meter("unique", "visit", "visitor_id")
    events = [event("visit", visitor_id=who) for who in ("ann", "bob", "ann", "Ann")]
    events += [event("visit", visitor_id=Decimal("7")), event("visit", visitor_id="7")]
    assert aggregate(visitors, "visitors", events, PERIOD) == 4


def test_unique_cannot_be_fed_by_the_feature_itself() -> None:
    with pytest.raises(AssertionError, match="counts different values"):
        aggregate(meter("unique", "visit", "visitor_id"), "visitors", [event("visitors")], PERIOD)


def test_weighted_is_the_mean_level_over_the_time_of_the_period() -> None:
    # Level 2 for the first quarter, then 6 for a half, then 3 for the last quarter: 0.5 + 3 + 0.75.
    events = [event("load", 1_250, "4"), event("load", 1_750, "-3")]
    assert aggregate(meter("weighted"), "load", events, PERIOD, Fraction(2)) == Fraction("4.25")


def test_the_first_instant_belongs_to_the_period_and_the_end_does_not() -> None:
    assert aggregate(meter(), "minutes", [event("minutes", 1_000), event("minutes", 1_999)], PERIOD) == 2
    with pytest.raises(AssertionError, match="outside"):
        aggregate(meter(), "minutes", [event("minutes", 2_000)], PERIOD)
    with pytest.raises(AssertionError, match="outside"):
        aggregate(meter(), "minutes", [event("minutes", 999)], PERIOD)


def test_a_period_without_end_takes_everything_from_its_start() -> None:
    assert aggregate(meter(), "minutes", [event("minutes", 10**17)], Span(1_000)) == 1


def change(at: int, quantity: str, event_id: str = "e") -> UsageEvent:
    return event("seats", at, quantity, event_id)


def test_the_peak_is_the_highest_level_that_was_reached_in_the_span() -> None:
    # 4 brought along, 6 from 1,200, 3 from 1,500, 5 from 1,900.
    changes = [change(200, "4"), change(1_200, "2"), change(1_500, "-3"), change(1_900, "2")]
    assert peak(meter(), "seats", changes, PERIOD) == 6
    assert peak(meter(), "seats", changes[1:], PERIOD, Fraction(4)) == 6


@pytest.mark.parametrize("kind", ["sum", "count", "weighted"])
def test_a_level_that_changes_add_up_to_may_fall_again(kind: Aggregate) -> None:
    # 4, 6 from 1,200, 3 from 1,500: six at most, though three are left.
    changes = [change(200, "4"), change(1_200, "2"), change(1_500, "-3")]
    assert peak(meter(kind), "seats", changes, PERIOD) == 6
    assert level(meter(kind), "seats", changes) == 3


def test_a_mean_over_a_time_without_end_is_our_mistake() -> None:
    with pytest.raises(AssertionError, match=r"\Aa mean over time needs an end\Z"):
        aggregate(meter("weighted"), "load", [event("load")], Span(1_000))


def test_a_span_without_changes_has_the_level_that_was_brought_along() -> None:
    assert peak(meter(), "seats", [change(10, "7"), change(999, "-2")], PERIOD) == 5
    assert peak(meter(), "seats", [], PERIOD, Fraction(5)) == 5
    assert peak(meter(), "seats", [], PERIOD) == 0


def test_changes_of_one_instant_are_one_change() -> None:
    # Five seats are swapped for five others at 1,500: never ten.
    swap = [change(1_100, "5"), change(1_500, "5", "in"), change(1_500, "-5", "out")]
    assert peak(meter(), "seats", swap, PERIOD) == 5


def test_a_level_that_is_lowered_at_the_very_start_counts_as_it_is_afterwards() -> None:
    assert peak(meter(), "seats", [change(500, "5"), change(1_000, "-2")], PERIOD) == 3
    assert peak(meter(), "seats", [change(500, "5"), change(1_001, "-2")], PERIOD) == 5
    assert peak(meter(), "seats", [change(500, "5"), change(1_000, "2")], PERIOD) == 7


def test_a_peak_is_never_below_0_and_forgets_what_came_before_the_span() -> None:
    assert peak(meter(), "seats", [change(1_200, "-2")], PERIOD) == 0
    assert peak(meter(), "seats", [change(100, "9"), change(200, "-9"), change(1_300, "1")], PERIOD) == 1


def test_a_peak_of_levels_that_are_said_as_they_are() -> None:
    said = [change(900, "8"), change(1_200, "3"), change(1_400, "6")]
    assert peak(meter("last"), "seats", said, PERIOD) == 8  # eight held until 1,200
    assert peak(meter("last"), "seats", [*said, change(1_000, "2")], PERIOD) == 6
    assert peak(meter("max"), "seats", said, PERIOD) == 8


def test_an_event_behind_the_span_is_our_mistake() -> None:
    with pytest.raises(AssertionError, match="behind"):
        peak(meter(), "seats", [change(2_000, "1")], PERIOD)


@pytest.mark.parametrize(
    ("read_by", "said", "number", "value"),
    [
        (meter(), event("seats", quantity="2"), "2", ""),
        (meter("sum", "call"), event("call", quantity="3"), "3", ""),
        (meter("sum", "call", "tokens"), event("call", tokens="30.5"), "30.5", "30.5"),
        (meter("sum", "call", "tokens"), event("seats", quantity="7", tokens="30.5"), "7", ""),
        (meter("count", "call", "kind"), event("call", kind="long"), "1", "long"),
        (meter("unique", "call", "kind"), event("call", kind="long"), "1", "long"),
    ],
)
def test_an_event_says_when_how_much_and_which_value(
    read_by: Meter, said: UsageEvent, number: str, value: str
) -> None:
    assert reading_of(read_by, "seats", said) == Reading(1_500, "e", Decimal(number), value)


def test_events_that_children_named_alike_are_told_apart_by_the_child() -> None:
    of_child = replace(event("seats"), child="kid")
    assert reading_of(meter(), "seats", of_child) == Reading(1_500, "e\0kid", Decimal(1), "")
    assert reading_of(meter("sum", "call"), "seats", event("other")) is None


def test_a_level_is_what_events_leave_behind() -> None:
    assert level(meter(), "seats", [change(1, "5"), change(2, "-2")]) == 3
    assert level(meter("weighted"), "seats", [change(1, "5"), change(2, "-2")]) == 3
    assert level(meter("last"), "seats", [change(2, "4"), change(1, "9")]) == 4
    assert level(meter(), "seats", []) == 0


@pytest.mark.parametrize(
    ("digits", "mode", "quantity", "result"),
    [
        (0, "half_up", "2.5", "3"), (0, "half_up", "2.4999", "2"), (0, "half_up", "-2.5", "-3"),
        (0, "up", "2.000000000001", "3"), (0, "up", "2", "2"), (0, "down", "2.999999999999", "2"),
        (2, "up", "1.001", "1.01"), (2, "down", "1.009", "1"), (-2, "half_up", "150", "200"),
        (-2, "up", "1", "100"), (-2, "down", "199", "100"), (12, "half_up", "1/3", "0.333333333333"),
    ],
)  # fmt: skip
def test_a_quantity_is_rounded_as_its_meter_says(
    digits: int, mode: RoundingMode, quantity: str, result: str
) -> None:
    assert rounded(Meter(rounding=Rounding(digits, mode)), Fraction(quantity)) == Fraction(result)


def test_a_meter_without_rounding_stays_exact() -> None:
    assert rounded(Meter(), Fraction(1, 3)) == Fraction(1, 3)
