"""Which usage rows may be recorded, and what each feeds."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from planctl.core.catalog.model import Feature, Meter
from planctl.core.metering.accept import (
    Accepted,
    Known,
    Reason,
    Rejected,
    Row,
    accept,
    amount_problem,
    known_meters,
)
from planctl.core.metering.model import Property, UsageEvent

NOW = 1_800_000_000_000_000
SECOND = 1_000_000

FEATURES = (
    Feature("sso", "boolean"),
    Feature("minutes", "metered", unit="minute"),
    Feature("seats", "metered", unit="seat", reset="never"),
    Feature("level", "metered", meter=Meter(aggregate="last"), reset="never"),
    Feature("storage", "metered", meter=Meter(aggregate="max")),
    Feature("load", "metered", meter=Meter(aggregate="weighted")),
    Feature("api_calls", "metered", meter=Meter("api.call", "count")),
    Feature("gpt_large", "metered", meter=Meter("completion", "sum", "tokens", {"model": "large"})),
    Feature("gpt_all", "metered", meter=Meter("completion", "sum", "tokens")),
    Feature("visitors", "metered", meter=Meter("visit", "unique", "visitor_id")),
)
KNOWN: Known = known_meters(FEATURES, {"talk": "minutes", "gone": "nothing"})
ROW = Row("e-1", "nova", "minutes", NOW, "12.5")


def accepted(**changes: Any) -> Accepted:
    answer = accept(ROW._replace(**changes), KNOWN, NOW)
    assert isinstance(answer, Accepted), answer
    return answer


def rejected(**changes: Any) -> Rejected:
    answer = accept(ROW._replace(**changes), KNOWN, NOW)
    assert isinstance(answer, Rejected), answer
    return answer


def test_a_row_that_names_a_feature_feeds_that_feature_alone() -> None:
    answer = accepted()
    assert answer.feeds == ("minutes",)
    assert answer.event.quantity == Decimal("12.5")
    assert (answer.event.id, answer.event.customer, answer.event.at) == ("e-1", "nova", NOW)


def test_a_former_feature_id_feeds_the_renamed_feature_and_stays_the_same_content() -> None:
    answer = accepted(event="talk")
    assert (answer.event.event, answer.feeds) == ("minutes", ("minutes",))
    # The same file read before the rename: `talk` was the feature's id, and the content is the same.
    before = accept(ROW._replace(event="talk"), known_meters([Feature("talk", "metered")]), NOW)
    assert isinstance(before, Accepted)
    assert before.payload == answer.payload


def test_an_event_feeds_every_feature_whose_where_matches() -> None:
    properties = {"model": "large", "tokens": Decimal(7)}
    assert accepted(event="completion", quantity="1", properties=properties).feeds == ("gpt_all", "gpt_large")
    properties = {"model": "small", "tokens": Decimal(7)}
    assert accepted(event="completion", quantity="1", properties=properties).feeds == ("gpt_all",)


def test_a_known_event_that_matches_no_meter_feeds_nothing() -> None:
    known = known_meters([FEATURES[7]])
    answer = accept(ROW._replace(event="completion", properties={"model": "small"}), known, NOW)
    assert isinstance(answer, Accepted)
    assert answer.feeds == ()


def test_an_unknown_event_is_rejected_with_the_nearest_name() -> None:
    answer = rejected(event="minuts")
    assert answer.reason is Reason.UNKNOWN_EVENT
    assert answer.message == "event e-1 names 'minuts': no metered feature, and no event that feeds one"
    assert answer.hint == 'did you mean "minutes"?'
    assert rejected(event="api.cal").hint == 'did you mean "api.call"?'


def test_a_feature_that_is_not_metered_cannot_be_used_up() -> None:
    assert rejected(event="sso").reason is Reason.UNKNOWN_EVENT
    assert rejected(event="gone").reason is Reason.UNKNOWN_EVENT


@pytest.mark.parametrize(
    "quantity",
    ["", "1e3", "010", "NaN", "inf", "١٢", "1_000", "1,5", "1.0000000000001", "1" * 19, "1" * 5_000],
)
def test_a_quantity_is_an_exact_number(quantity: str) -> None:
    answer = rejected(quantity=quantity)
    assert answer.reason is Reason.QUANTITY
    assert answer.hint


def test_a_quantity_has_up_to_18_digits_and_12_decimals() -> None:
    assert accepted(quantity="999999999999999999.999999999999").event.quantity == Decimal(
        "999999999999999999.999999999999"
    )
    assert accepted(quantity="0").event.quantity == 0


def test_an_event_may_lie_five_minutes_in_the_future_and_not_more() -> None:
    assert accepted(at=NOW + 300 * SECOND)
    answer = rejected(at=NOW + 300 * SECOND + 1)
    assert answer.reason is Reason.FUTURE
    assert "--allow-future" in answer.hint
    late = ROW._replace(at=NOW + 86_400 * SECOND)
    assert isinstance(accept(late, KNOWN, NOW, allow_future=True), Accepted)


def test_a_quantity_below_0_names_what_it_corrects() -> None:
    answer = rejected(quantity="-2")
    assert (answer.reason, answer.hint) == (Reason.NEGATIVE, "name the corrected event in corrects")
    assert accepted(quantity="-2", corrects="e-0").event.corrects == "e-0"


def test_held_features_take_signed_changes() -> None:
    assert accepted(event="seats", quantity="-1").feeds == ("seats",)


@pytest.mark.parametrize("event", ["storage", "level"])
def test_a_level_is_never_below_0(event: str) -> None:
    assert rejected(event=event, quantity="-1", corrects="e-0").reason is Reason.NEGATIVE


def test_a_weighted_meter_takes_changes_of_its_level() -> None:
    assert accepted(event="load", quantity="-3").feeds == ("load",)


@pytest.mark.parametrize(
    ("quantity", "corrects", "good"),
    [("1", "", True), ("1.0", "", True), ("2", "", False), ("0", "", False), ("1.5", "", False),
     ("-1", "", False), ("-1", "e-0", True), ("-2", "e-0", False)],
)  # fmt: skip
def test_events_that_are_counted_count_once(quantity: str, corrects: str, good: bool) -> None:
    answer = accept(ROW._replace(event="api.call", quantity=quantity, corrects=corrects), KNOWN, NOW)
    assert isinstance(answer, Accepted) if good else isinstance(answer, Rejected)


def test_many_may_be_counted_by_naming_the_feature() -> None:
    assert accepted(event="api_calls", quantity="12500").feeds == ("api_calls",)
    assert rejected(event="api_calls", quantity="0.5").reason is Reason.COUNT
    assert rejected(event="api.call", quantity="2").hint.endswith("api_calls")


def test_different_values_cannot_be_counted_by_naming_the_feature() -> None:
    answer = rejected(event="visitors", quantity="1")
    assert answer.reason is Reason.UNIQUE
    assert answer.hint == "send 'visit' events with the property 'visitor_id'"
    assert accepted(event="visit", quantity="1", properties={"visitor_id": "ann"}).feeds == ("visitors",)


@pytest.mark.parametrize(
    ("event", "properties"),
    [("visit", {}), ("completion", {"model": "large"}), ("completion", {"tokens": "many"}),
     ("completion", {"tokens": True}), ("completion", {"tokens": "1e3"})],
)  # fmt: skip
def test_the_property_that_a_meter_reads_must_be_there_and_be_a_number(
    event: str, properties: dict[str, Any]
) -> None:
    answer = rejected(event=event, quantity="1", properties=properties)
    assert answer.reason is Reason.VALUE
    assert answer.hint


def test_a_property_below_0_is_a_correction_too() -> None:
    properties = {"tokens": "-5"}
    assert rejected(event="completion", quantity="1", properties=properties).reason is Reason.NEGATIVE
    assert accepted(event="completion", quantity="1", properties=properties, corrects="e-0").feeds == (
        "gpt_all",
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"id": ""}, Reason.ID),
        ({"id": "x" * 256}, Reason.ID),
        ({"id": "a\nb"}, Reason.ID),
        ({"id": "a\x00"}, Reason.ID),
        ({"id": "a\ud800"}, Reason.ID),
        ({"id": "a\u202eb"}, Reason.ID),
        ({"corrects": "a\x1b[2J"}, Reason.ID),
        ({"customer": ""}, Reason.CUSTOMER),
        ({"customer": "n" * 256}, Reason.CUSTOMER),
        ({"customer": "no\tva"}, Reason.CUSTOMER),
    ],
)
def test_ids_are_short_and_without_control_characters(changes: dict[str, Any], reason: Reason) -> None:
    answer = rejected(**changes)
    assert answer.reason is reason
    assert (answer.message + answer.hint).isprintable()


@pytest.mark.parametrize("event_id", ["x", "x" * 255, "Größe 1", "a\u00a0b", "事件"])
def test_other_ids_are_taken_as_they_are(event_id: str) -> None:
    assert accepted(id=event_id).event.id == event_id


@pytest.mark.parametrize(
    "properties",
    [
        {f"k{n}": "v" for n in range(51)},
        {"": "v"},
        {"k" * 256: "v"},
        {"a\x00": "v"},
        {"k": "v" * 1025},
        {"k": "ä" * 513},
        {"k": "a\x00"},
        {"k": "a\ud800"},
        {"k": {"nested": "v"}},
        {"k": ["v"]},
        {"k": None},
        {"k": Decimal("NaN")},
        {"k": Decimal("1e1000000")},
        {"k": Decimal("1e-1000000")},
        {"k": 10**100_000},
    ],
)
def test_properties_are_a_small_flat_map_and_refused(properties: dict[str, Any]) -> None:
    assert rejected(properties=properties).reason is Reason.PROPERTIES


def test_properties_at_their_limits_are_taken() -> None:
    properties = {f"k{n}": "v" * 1024 for n in range(50)}
    assert accepted(properties=properties).event.properties == properties
    assert accepted(properties={"k": True, "n": -5, "d": Decimal("1.50"), "line": "a\nb"})


def test_the_content_counts_and_its_spelling_does_not() -> None:
    assert accepted().payload == accepted(quantity="12.50", id="other").payload
    for change in (
        {"quantity": "12.6"}, {"at": NOW - 1}, {"customer": "nov"}, {"corrects": "e-0"},
        {"properties": {"a": "b"}}, {"event": "storage"},
    ):  # fmt: skip
        assert accepted(**change).payload != accepted().payload


def payment(corrects: str = "", /, **properties: Property) -> UsageEvent:
    return UsageEvent("p-1", "nova", "payment", NOW, Decimal(-1 if corrects else 1), properties, corrects)


PAYMENTS = Feature("payments", "metered", meter=Meter("payment", "count"))
VOLUME = Feature("volume", "metered", meter=Meter("payment", "sum", "amount"))


@pytest.mark.parametrize("amount", ["0", "100.50", Decimal("0.000000000001"), 7, "999999999999999999"])
def test_what_is_billed_by_its_amount_carries_an_exact_number(amount: Property) -> None:
    assert amount_problem(payment(amount=amount), PAYMENTS, "amount") is None


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({}, Reason.VALUE),
        ({"sum": "1"}, Reason.VALUE),
        ({"amount": "much"}, Reason.VALUE),
        ({"amount": True}, Reason.VALUE),
        ({"amount": "1e3"}, Reason.VALUE),
        ({"amount": "0.0000000000001"}, Reason.VALUE),
        ({"amount": "1" * 19}, Reason.VALUE),
        ({"amount": "-0.01"}, Reason.NEGATIVE),
    ],
)
def test_an_amount_that_cannot_be_billed_is_rejected(properties: dict[str, Property], reason: Reason) -> None:
    answer = amount_problem(payment(**properties), PAYMENTS, "amount")
    assert answer is not None
    assert answer.reason is reason
    assert answer.hint


def test_a_correction_takes_its_share_of_the_amount_and_says_none() -> None:
    assert amount_problem(payment("p-0"), PAYMENTS, "amount") is None
    said = amount_problem(payment("p-0", amount="5"), PAYMENTS, "amount")
    assert said is not None
    assert said.hint == "leave 'amount' out; for another amount take the event back whole and record it again"
    assert amount_problem(payment("p-0", amount="-5"), VOLUME, "amount") is None, "the meter reads it"
