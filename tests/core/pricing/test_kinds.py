"""Every price kind keeps one contract, and prices as price pages are read. Amounts are worked out by hand."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from planctl.core.currencies import Currency
from planctl.core.document import Document, node_of
from planctl.core.pricing.kinds import KINDS, NOTHING_BESIDE, Beside, beside_document, read_kind
from planctl.core.pricing.kinds.shared import common_currencies, count_text, price_text
from planctl.core.pricing.model import Billable, Part, Priced, PriceKind, Steps
from planctl.core.reading import Reader
from planctl.findings import Place

HERE = Place("plans/pro.yaml", 7, 3)

SAMPLES: dict[str, Document] = {
    "each": {"EUR": "0.11", "USD": "0.12"},
    "package": {"of": "1000", "price": {"EUR": "0.45", "USD": "0.5"}, "round": "up", "minimum_packages": "0"},
    "graduated": [
        {"to": "10", "each": {"EUR": "1", "USD": "1"}},
        {"to": "20", "each": {"EUR": "0.5", "USD": "0.5"}, "flat": {"EUR": "3", "USD": "3"}},
        {"flat": {"EUR": "7", "USD": "7"}},
    ],
    "volume": [
        {"to": "10", "each": {"EUR": "1", "USD": "1"}},
        {"to": "20", "each": {"EUR": "0.5", "USD": "0.5"}, "flat": {"EUR": "3", "USD": "3"}},
        {"each": {"EUR": "0.1", "USD": "0.1"}},
    ],
    "percentage": {
        "rate": "2.9%", "of": "amount",
        "fixed": {"EUR": "0.25", "USD": "0.3"}, "max": {"EUR": "9", "USD": "10"},
    },
}  # fmt: skip


def reader() -> Reader:
    return Reader(currencies={code: Currency(code, code, 2) for code in ("USD", "EUR")})


AT_ZERO = Beside(flat_at_zero=True)


def kind(name: str, document: Document | None = None, beside: Beside = NOTHING_BESIDE) -> PriceKind:
    reading = reader()
    read = read_kind(name, node_of(SAMPLES[name] if document is None else document, HERE), reading, beside)
    assert read, reading.findings
    assert not reading.findings
    return read


def price(priced_by: PriceKind, total: str, included: str = "0") -> Priced:
    return priced_by.price(Billable(Fraction(total), Fraction(included)), "USD")


def amounts(priced_by: PriceKind, totals: str, included: str = "0") -> list[Fraction]:
    return [price(priced_by, total, included).amount for total in totals.split()]


# The contract of all kinds


def test_every_kind_has_a_sample_here() -> None:
    assert SAMPLES.keys() == KINDS.keys()
    assert list(KINDS) == ["each", "package", "graduated", "volume", "percentage"]


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_reads_back_what_it_writes(name: str) -> None:
    read = kind(name)
    assert read.document() == SAMPLES[name]
    assert kind(name, read.document()) == read
    assert isinstance(read, PriceKind)
    assert read.name == name


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_knows_the_currencies_it_is_sold_in(name: str) -> None:
    assert kind(name).currencies() == {"USD", "EUR"}


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_describes_itself(name: str) -> None:
    assert (
        kind(name).describe("call", "USD")
        == {
            "each": "0.12 USD / call",
            "package": "0.50 USD / 1,000 calls",
            "graduated": "1.00 USD / call up to 10; then 0.50 USD / call + 3.00 USD up to 20; then 7.00 USD",
            "volume": "all at 1.00 USD / call up to 10; then 0.50 USD / call + 3.00 USD up to 20;"
            " then 0.10 USD / call",
            "percentage": "2.9% of amount + 0.30 USD, at most 10.00 USD",
        }[name]
    )


def test_every_kind_can_be_computed() -> None:
    assert not any(found.not_built for found in KINDS.values())


@pytest.mark.parametrize("name", KINDS)
def test_only_a_price_by_event_names_a_property(name: str) -> None:
    assert kind(name).amount_property == ("amount" if name == "percentage" else "")


@pytest.mark.parametrize("name", KINDS)
def test_zero_usage_costs_zero(name: str) -> None:
    for billable in (
        Billable(Fraction(0)),
        Billable(Fraction(5), Fraction(5)),
        Billable(Fraction(3), Fraction(5)),
    ):
        assert kind(name).price(billable, "USD") == Priced(Fraction(0))


@pytest.mark.parametrize("name", ["graduated", "volume"])
def test_the_first_bound_is_the_first_tiers(name: str) -> None:
    assert kind(name).first_bound() == Decimal(10)
    assert kind(name, [{"each": {"USD": "1"}}]).first_bound() is None


@pytest.mark.parametrize("name", ["each", "package", "percentage"])
def test_a_kind_without_tiers_has_no_first_bound(name: str) -> None:
    assert kind(name).first_bound() is None


@pytest.mark.parametrize("name", KINDS)
def test_a_wrong_shape_is_a_finding_with_its_place_and_never_an_exception(name: str) -> None:
    shapes: list[Document] = [
        "5", "", None, True, [], {}, ["5"], [[]], [{}], [{"to": "x"}], {"GBP": "1"}, {"USD": "1e3"},
        {"USD": "-1"}, {"USD": {"USD": "1"}}, {"of": "0", "price": {"USD": "1"}}, {"of": "1"},
        {"rate": "101%"}, [{"to": "5", "each": {"USD": "1"}}], {"price": {"USD": "1"}},
    ]  # fmt: skip
    for shape in shapes:
        reading = reader()
        assert read_kind(name, node_of(shape, HERE), reading) is None, shape
        assert reading.findings, shape
        assert {finding.place for finding in reading.findings} == {HERE}
        assert all(finding.is_error for finding in reading.findings)


# each and package


def test_each_is_quantity_times_price() -> None:
    assert amounts(kind("each"), "1 2.5 1000000") == [Fraction("0.12"), Fraction("0.3"), 120000]
    assert price(kind("each"), "12", "10").amount == Fraction("0.24")


def test_the_parts_of_each_and_of_packages_are_one_whole_line() -> None:
    # 2 × 0.12 = 0.24; 2,500 are 3 packages at 0.50.
    assert price(kind("each"), "12", "10") == Priced(
        Fraction("0.24"), (Part("each", Fraction(2), Fraction("0.12"), Fraction("0.24")),)
    )
    assert price(kind("package"), "2500") == Priced(
        Fraction("1.5"), (Part("package of 1,000", Fraction(3), Fraction("0.5"), Fraction("1.5")),)
    )


def test_the_bill_of_each_bends_where_the_allowance_ends_and_nowhere_else() -> None:
    assert kind("each").edges(Fraction(7)) == {7}
    assert kind("each").steps(Fraction(7)) is None


def test_the_bill_of_packages_bends_where_the_allowance_and_the_least_packages_end() -> None:
    terms: Document = {"of": "10", "price": {"USD": "2"}, "minimum_packages": "3"}
    assert kind("package", terms).edges(Fraction(7)) == {7, 37}
    assert kind("package", terms).steps(Fraction(7)) == Steps(Fraction(7), Fraction(10))


def test_a_package_that_is_begun_counts_whole() -> None:
    assert amounts(kind("package"), "0 0.001 1 999 1000 1001 2000") == [
        0, Fraction("0.5"), Fraction("0.5"), Fraction("0.5"), Fraction("0.5"), 1, 1,
    ]  # fmt: skip


def test_packages_are_counted_after_the_allowance() -> None:
    # 12,500 calls with 10,000 included: 2,500 are three packages of 1,000.
    bill = price(kind("package"), "12500", "10000")
    assert bill.amount == Fraction("1.5")
    (part,) = bill.parts
    assert part.label == "package of 1,000"
    assert part.quantity == 3
    assert part.unit_price == Fraction("0.5")


def test_a_package_may_round_down_or_not_at_all() -> None:
    terms: dict[str, Document] = {"of": "1000", "price": {"USD": "0.5"}}
    assert amounts(kind("package", {**terms, "round": "down"}), "999 1000 2999") == [0, Fraction("0.5"), 1]
    assert amounts(kind("package", {**terms, "round": "none"}), "1 500 3000") == [
        Fraction("0.0005"), Fraction("0.25"), Fraction("1.5"),
    ]  # fmt: skip


def test_the_least_packages_are_charged_without_usage_too() -> None:
    terms: Document = {"of": "10", "price": {"USD": "2"}, "minimum_packages": "3"}
    assert amounts(kind("package", terms), "0 1 30 31") == [6, 6, 6, 8]
    assert amounts(kind("package", terms), "0 100 131", "100") == [6, 6, 8]


# graduated: 1.00 up to 10; 0.50 and 3.00 flat up to 20; 7.00 flat above


def test_graduated_prices_each_unit_in_its_tier_and_bounds_are_inclusive() -> None:
    assert amounts(kind("graduated"), "0 1 9 10 11 19 20 21") == [
        0, 1, 9, 10, Fraction("13.5"), Fraction("17.5"), 18, 25,
    ]  # fmt: skip


def test_graduated_takes_a_fraction_above_a_bound_into_the_next_tier() -> None:
    assert price(kind("graduated"), "10.5").amount == Fraction("13.25")


def test_graduated_positions_count_the_allowance() -> None:
    # 8 included: positions 9 and 10 cost 1.00 each, 11 and 12 cost 0.50 each and the flat 3.00.
    assert amounts(kind("graduated"), "8 9 10 11 12", "8") == [0, 1, 2, Fraction("5.5"), 6]


def test_graduated_leaves_out_the_flat_of_a_tier_that_the_allowance_covers() -> None:
    # Prepaid quantities can raise the allowance past the first tiers: only position 21 is charged.
    assert price(kind("graduated"), "21", "20").amount == 7


def test_graduated_parts_say_which_tier_they_are() -> None:
    assert [
        f"{part.label}: {part.quantity} × {part.unit_price} = {part.amount}"
        for part in price(kind("graduated"), "21").parts
    ] == [
        "up to 10: 10 × 1 = 10",
        "above 10 up to 20: 10 × 1/2 = 5",
        "flat, above 10 up to 20: 1 × 3 = 3",
        "flat, above 20: 1 × 7 = 7",
    ]


# volume: all at 1.00 up to 10; all at 0.50 and 3.00 flat up to 20; all at 0.10 above


def test_volume_prices_all_units_in_the_tier_that_the_total_reached() -> None:
    assert amounts(kind("volume"), "0 1 9 10 11 19 20 21") == [
        0, 1, 9, 10, Fraction("8.5"), Fraction("12.5"), 13, Fraction("2.1"),
    ]  # fmt: skip


def test_volume_takes_a_fraction_above_a_bound_into_the_next_tier() -> None:
    assert price(kind("volume"), "20.5").amount == Fraction("2.05")


def test_volume_parts_say_which_tier_they_are() -> None:
    assert [
        f"{part.label}: {part.quantity} × {part.unit_price} = {part.amount}"
        for part in price(kind("volume"), "12").parts
    ] == ["above 10 up to 20: 12 × 1/2 = 6", "flat, above 10 up to 20: 1 × 3 = 3"]


def test_volume_chooses_by_the_total_and_prices_what_is_above_the_allowance() -> None:
    # 8 included: 12 reach the second tier, where 4 cost 0.50 each and the flat is 3.00.
    assert amounts(kind("volume"), "8 10 12 28", "8") == [0, 2, 5, 2]


# flat_at_zero


@pytest.mark.parametrize("name", ["graduated", "volume"])
def test_the_first_flat_is_charged_at_zero_only_where_the_terms_say_so(name: str) -> None:
    rows: Document = [{"to": "10", "each": {"USD": "1"}, "flat": {"USD": "2"}}, {"each": {"USD": "1"}}]
    assert amounts(kind(name, rows), "0 1", "0") == [0, 3]
    assert amounts(kind(name, rows, AT_ZERO), "0 1 10", "0") == [2, 3, 12]
    assert amounts(kind(name, rows, AT_ZERO), "0 4 5 6", "5") == [2, 2, 2, 3]
    (part,) = price(kind(name, rows, AT_ZERO), "0").parts
    assert part.label == "flat, up to 10"
    assert part.amount == 2


FLATS: Document = [{"to": "10", "flat": {"USD": "2"}}, {"flat": {"USD": "5"}}]


@pytest.mark.parametrize("name", ["graduated", "volume"])
def test_the_flat_of_a_tier_that_is_not_reached_is_not_charged(name: str) -> None:
    for beside in (NOTHING_BESIDE, AT_ZERO):
        assert price(kind(name, FLATS, beside), "3").amount == 2


def test_graduated_charges_the_first_flat_of_a_covered_tier_only_where_the_terms_say_so() -> None:
    # 10 included cover the first tier: one unit above it pays the flat of the second.
    assert price(kind("graduated", FLATS), "11", "10").amount == 5
    assert price(kind("graduated", FLATS, AT_ZERO), "11", "10").amount == 7


@pytest.mark.parametrize("name", ["graduated", "volume"])
def test_flat_at_zero_stands_beside_the_kind_and_counts_in_comparisons(name: str) -> None:
    assert beside_document(kind(name, beside=AT_ZERO)) == {"flat_at_zero": True}
    assert beside_document(kind(name)) == {}
    assert kind(name, beside=AT_ZERO) != kind(name)
    assert kind(name, beside=AT_ZERO).document() == kind(name).document()


@pytest.mark.parametrize("name", ["each", "package", "percentage"])
def test_flat_at_zero_without_tiers_is_a_finding(name: str) -> None:
    reading = reader()
    assert read_kind(name, node_of(SAMPLES[name], HERE), reading, AT_ZERO) is None
    assert [(finding.rule, finding.place) for finding in reading.findings] == [("flat-at-zero", HERE)]


# percentage: what it costs stands in test_percentage.py


def test_a_percentage_alone_is_sold_in_every_declared_currency() -> None:
    assert kind("percentage", {"rate": "1%", "of": "amount"}).currencies() == {"USD", "EUR"}


def test_a_percentage_whose_most_is_below_its_least_is_a_finding() -> None:
    reading = reader()
    terms: Document = {"rate": "1%", "of": "amount", "min": {"USD": "2"}, "max": {"USD": "1.5"}}
    assert read_kind("percentage", node_of(terms, HERE), reading) is None
    assert [finding.message for finding in reading.findings] == ["percentage.max is below min in USD"]


# Faces


@pytest.mark.parametrize(
    ("unit", "several"),
    [("call", "calls"), ("GB", "GB"), ("entry", "entries"), ("day", "days"), ("box", "boxes"), ("", "units"),
     ("API call", "API call"), ("voice minute", "voice minutes"), ("bus", "buses"), ("branch", "branches"),
     ("push", "pushes"), ("Stück", "Stück"), ("stück", "stück"), ("m2", "m2")],
)  # fmt: skip
def test_units_are_named_in_the_plural(unit: str, several: str) -> None:
    assert kind("package").describe(unit, "USD") == f"0.50 USD / 1,000 {several}"


def test_many_tiers_show_the_first_and_the_last() -> None:
    rows: list[Document] = [{"to": str(n), "each": {"USD": str(9 - n)}} for n in range(1, 5)]
    rows.append({"each": {"USD": "0"}})
    assert kind("graduated", rows).describe("call", "USD") == (
        "8.00 USD / call up to 1; … 0.00 USD / call (5 tiers)"
    )


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (3, "8.00 USD / call up to 1; then 7.00 USD / call up to 2; then 0.00 USD / call"),
        (4, "8.00 USD / call up to 1; … 0.00 USD / call (4 tiers)"),
    ],
)
def test_up_to_three_tiers_are_shown(rows: int, said: str) -> None:
    bounded: list[Document] = [{"to": str(n), "each": {"USD": str(9 - n)}} for n in range(1, rows)]
    assert kind("graduated", [*bounded, {"each": {"USD": "0"}}]).describe("call", "USD") == said


@pytest.mark.parametrize(
    ("price", "currency", "text"),
    [
        ("5", "USD", "5.00 USD"),
        ("0.0004", "USD", "0.0004 USD"),
        ("1234.5", "USD", "1,234.50 USD"),
        ("5", "JPY", "5 JPY"),
        ("0.5", "JPY", "0.5 JPY"),
        ("5", "CREDITS", "5 CREDITS"),  # a currency of a catalog's own shows no zeros of its own accord
        ("5.25", "CREDITS", "5.25 CREDITS"),
    ],
)
def test_a_price_is_shown_with_at_least_its_currencys_decimals(price: str, currency: str, text: str) -> None:
    assert price_text(Decimal(price), currency) == text


def test_a_count_is_shown_exactly_with_its_thousands_set_off() -> None:
    assert count_text(Decimal("1234.50")) == "1,234.5"
    assert count_text(Fraction(1, 2)) == "0.5"
    assert count_text(Fraction(1_000_000)) == "1,000,000"


def test_prices_have_the_currencies_in_common_that_all_of_those_given_have() -> None:
    usd, both = {"USD": Decimal(1)}, {"USD": Decimal(1), "EUR": Decimal(1)}
    assert common_currencies(both, usd) == {"USD"}
    assert common_currencies({}, both) == {"USD", "EUR"}
    assert common_currencies({}, {}) == frozenset()
