"""Numbers that a price must never take, at every place where a price has one, and the largest amount."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from planctl.core.currencies import Currency
from planctl.core.document import Document, Mapping, node_of
from planctl.core.money import MAX_MINOR, NumberError
from planctl.core.pricing.kinds import read_beside, read_kind
from planctl.core.pricing.kinds.each import Each
from planctl.core.pricing.kinds.graduated import Graduated
from planctl.core.pricing.kinds.tiers import Tier
from planctl.core.pricing.model import EventAmount
from planctl.core.pricing.rate import FeatureUsage, rate
from planctl.core.reading import Reader
from planctl.findings import Place

HERE = Place("plans/pro.yaml", 7, 3)

HOSTILE = [
    "1e3", "1E-8", "1e999999999", "NaN", "nan", "sNaN", "Infinity", "-Infinity", "inf", "-1", "-0.01", "+-1",
    "١٢٣", "१२", "\uff11\uff12.\uff15", "1\u066b5", "1,000", "1,5", "0x1F",
    "0b1", "0o17", "010", "00", ".5", "5.", "1..2", "1 000",
    " 1", "1 ", "1\n", "1_", "_1", "1__0", "12:30", "1/2", "½", "²", "1\u200b", "\u202e1", "", "USD", "true",
    "1000000000000000000", "9" * 400, "0.0000000000001", "1." + "0" * 70,
]  # fmt: skip
"""Exponents, no numbers, signs, other scripts' digits, bases, separators, look-alikes, too many digits."""

PLACES: dict[str, tuple[str, Document]] = {
    "each": ("each", {"USD": "?"}),
    "package size": ("package", {"of": "?", "price": {"USD": "1"}}),
    "package price": ("package", {"of": "10", "price": {"USD": "?"}}),
    "least packages": ("package", {"of": "10", "price": {"USD": "1"}, "minimum_packages": "?"}),
    "tier bound": ("graduated", [{"to": "?", "each": {"USD": "1"}}, {"each": {"USD": "1"}}]),
    "tier price": ("volume", [{"to": "10", "each": {"USD": "?"}}, {"each": {"USD": "1"}}]),
    "tier flat": ("graduated", [{"flat": {"USD": "?"}}]),
    "fixed": ("percentage", {"rate": "2%", "of": "amount", "fixed": {"USD": "?"}}),
    "least": ("percentage", {"rate": "2%", "of": "amount", "min": {"USD": "?"}}),
    "most": ("percentage", {"rate": "2%", "of": "amount", "max": {"USD": "?"}}),
    "free events": ("percentage", {"rate": "2%", "of": "amount", "free_events": "?"}),
    "free amount": ("percentage", {"rate": "2%", "of": "amount", "free_amount": {"USD": "?"}}),
}


def reader() -> Reader:
    return Reader(currencies={"USD": Currency("USD", "US Dollar", 2)})


def with_number(document: Document, number: str) -> Document:
    if isinstance(document, dict):
        return {key: with_number(value, number) for key, value in document.items()}
    if isinstance(document, list):
        return [with_number(value, number) for value in document]
    return number if document == "?" else document


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("number", HOSTILE, ids=ascii)
def test_a_hostile_number_in_a_price_is_a_finding_with_its_place(place: str, number: str) -> None:
    name, document = PLACES[place]
    reading = reader()
    assert read_kind(name, node_of(with_number(document, number), HERE), reading) is None
    assert reading.findings
    assert all(found.is_error and found.place == HERE and found.message for found in reading.findings)
    assert all(found.message.isprintable() for found in reading.findings)


@pytest.mark.parametrize("number", HOSTILE, ids=ascii)
def test_a_hostile_number_in_a_conversion_is_a_finding(number: str) -> None:
    reading = reader()
    node = node_of({"convert": {"by": number}}, HERE)
    assert isinstance(node, Mapping)
    assert read_beside(node, reading).convert is None
    assert reading.findings


@pytest.mark.parametrize(
    "rate_text",
    [
        *(f"{number}%" for number in HOSTILE if number.strip() != "1"),
        "2.9",
        "0.029",
        "100.01%",
        "101%",
        "-2%",
        "%",
        "2%%",
        "2 %%",
    ],
)
def test_a_hostile_rate_is_a_finding(rate_text: str) -> None:
    # Spaces around the number are how many write a percentage, so they are no mistake.
    reading = reader()
    document: Document = {"rate": rate_text, "of": "amount"}
    assert read_kind("percentage", node_of(document, HERE), reading) is None
    assert reading.findings


def test_numbers_at_the_limit_are_read_exactly() -> None:
    reading = reader()
    rows: Document = [
        {"to": "999999999999999999.999999999999", "each": {"USD": "0.000000000001"}},
        {"each": {"USD": "0"}},
    ]
    kind = read_kind("graduated", node_of(rows), reading)
    assert isinstance(kind, Graduated)
    assert kind.tiers[0] == Tier(
        Decimal("999999999999999999.999999999999"), {"USD": Decimal("0.000000000001")}
    )


# The largest amount


CENT = Each({"USD": Decimal("0.01")})


def test_the_largest_amount_is_rated_to_the_cent() -> None:
    usage = FeatureUsage(Fraction(MAX_MINOR), price=CENT)
    assert rate(usage, "USD", 2).amount_minor == MAX_MINOR


@pytest.mark.parametrize(
    "usage",
    [
        FeatureUsage(Fraction(MAX_MINOR + 1), price=CENT),
        FeatureUsage(Fraction(10**18), price=CENT),
        FeatureUsage(Fraction(10**18) - Fraction(1, 10**12), price=Each({"USD": Decimal(10**12)})),
    ],
)
def test_an_amount_beyond_the_largest_is_refused_with_the_limit(usage: FeatureUsage) -> None:
    with pytest.raises(NumberError, match=r"beyond 10,000,000,000,000 \(1,000,000,000,000,000 minor units\)"):
        rate(usage, "USD", 2)


def test_an_event_of_any_size_is_refused_and_not_cut() -> None:
    reading = reader()
    kind = read_kind("percentage", node_of({"rate": "100%", "of": "amount"}), reading)
    events = (EventAmount(0, Fraction(1), Fraction(10**18)),)
    with pytest.raises(NumberError, match="beyond"):
        rate(FeatureUsage(Fraction(1), price=kind, events=events), "USD", 2)


def test_the_smallest_units_are_priced_exactly_and_rounded_once() -> None:
    # A trillionth of a unit at a trillionth of a dollar is there, and is no cent.
    usage = rate(FeatureUsage(Fraction(1, 10**12), price=Each({"USD": Decimal("0.000000000001")})), "USD", 2)
    assert usage.exact == Fraction(1, 10**24)
    assert usage.amount_minor == 0
