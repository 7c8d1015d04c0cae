"""What may stand beside a tier table: larger units, and the allowance as a free tier. Worked out by hand."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from planctl.core.currencies import Currency
from planctl.core.document import Document, Mapping, node_of
from planctl.core.pricing.kinds import beside_document, read_beside, read_kind
from planctl.core.pricing.kinds.convert import Convert
from planctl.core.pricing.kinds.graduated import Graduated
from planctl.core.pricing.kinds.tiers import Tier
from planctl.core.pricing.model import Billable, PriceKind, Steps
from planctl.core.pricing.rate import FeatureUsage, rate
from planctl.core.reading import Reader

TIERS: Document = [{"to": "5", "each": {"USD": "1"}}, {"each": {"USD": "0.5"}}]


def reading_of(name: str, **beside: Document) -> tuple[PriceKind | None, list[str]]:
    reader = Reader(currencies={"USD": Currency("USD", "USD", 2)})
    node = node_of({name: TIERS, **beside})
    assert isinstance(node, Mapping)
    value = node.get(name)
    assert value
    written = read_beside(node, reader)
    kind = read_kind(name, value, reader, written)
    return kind, [finding.rule for finding in reader.findings]


def kind(name: str, **beside: Document) -> PriceKind:
    found, complaints = reading_of(name, **beside)
    assert found, complaints
    assert beside_document(found) == {**beside}
    return found


def bills(priced_by: PriceKind, totals: str, included: str = "0") -> list[Fraction]:
    return [
        priced_by.price(Billable(Fraction(total), Fraction(included)), "USD").amount
        for total in totals.split()
    ]


def thousands(mode: str) -> Document:
    return {"by": "1000", "round": mode}


# convert


@pytest.mark.parametrize(
    ("mode", "amounts"),
    [("up", ["0", "1", "1", "2", "5", "5.5"]), ("down", ["0", "0", "1", "1", "5", "5"]),
     ("none", ["0", "0.5", "1", "1.5", "5", "5.0005"])],
)  # fmt: skip
def test_tiers_count_and_price_converted_units(mode: str, amounts: list[str]) -> None:
    converted = kind("graduated", convert=thousands(mode))
    assert bills(converted, "0 500 1000 1500 5000 5001") == [Fraction(amount) for amount in amounts]


def test_the_volume_tier_is_chosen_after_converting() -> None:
    # 5,000 are 5 at 1.00; 5,001 are 6, all at 0.50.
    assert bills(kind("volume", convert=thousands("up")), "5000 5001") == [5, 3]


def test_the_allowance_is_taken_off_after_converting_and_is_not_rounded() -> None:
    # 1,400 with 500 included: 2 − 0.5 = 1.5 thousands. Within the allowance nothing is charged.
    converted = kind("graduated", convert=thousands("up"))
    assert bills(converted, "0 400 500 501 1400", "500") == [0, 0, 0, Fraction("0.5"), Fraction("1.5")]
    assert bills(kind("graduated", convert=thousands("down")), "900 1000 2400", "500") == [
        0, Fraction("0.5"), Fraction("1.5"),
    ]  # fmt: skip


def test_what_the_allowance_covers_costs_nothing_in_smaller_units_too() -> None:
    # Two converted units are one: 4 included are 8 of them.
    assert bills(kind("graduated", convert={"by": "0.5", "round": "up"}), "0 3 4 5", "4") == [0, 0, 0, 1]


def test_rating_shows_units_before_and_prices_units_after_converting() -> None:
    usage = rate(
        FeatureUsage(Fraction(1400), Fraction(500), kind("graduated", convert=thousands("up"))), "USD", 2
    )
    assert [usage.quantity, usage.excess, usage.amount_minor] == [1400, 900, 150]
    (part,) = usage.parts
    assert part.label == "up to 5,000"
    assert [part.quantity, part.unit_price] == [Fraction("1.5"), 1]


def test_flat_at_zero_holds_for_converted_units_too() -> None:
    rows: Document = [{"flat": {"USD": "3"}}]
    reader = Reader(currencies={"USD": Currency("USD", "USD", 2)})
    node = node_of({"convert": thousands("up"), "flat_at_zero": True})
    assert isinstance(node, Mapping)
    for name in ("graduated", "volume"):
        priced_by = read_kind(name, node_of(rows), reader, read_beside(node, reader))
        assert priced_by
        assert bills(priced_by, "0 10 20", "10") == [3, 3, 3]


def test_a_converted_price_says_what_one_unit_is() -> None:
    assert kind("graduated", convert=thousands("up")).describe("call", "USD") == (
        "1.00 USD / 1,000 calls up to 5,000; then 0.50 USD / 1,000 calls"
    )


@pytest.mark.parametrize(
    "convert",
    [{}, {"by": "0"}, {"by": "-1"}, {"by": "1e3"}, {"by": "10", "round": "half_up"}, "5", {"to": "5"}],
)
def test_a_conversion_that_says_nothing_is_a_finding(convert: Document) -> None:
    assert reading_of("graduated", convert=convert)[1]


# included_as: tier


def test_the_allowance_as_a_tier_moves_the_others_up_and_is_charged_once_it_is_passed() -> None:
    # 10 included: up to 10 free, up to 15 all at 1.00, above all at 0.50.
    as_tier = kind("volume", included_as="tier")
    assert bills(as_tier, "0 10 11 15 16", "10") == [0, 0, 11, 15, 8]


def test_without_it_an_included_unit_is_never_charged() -> None:
    assert bills(kind("volume"), "4 5 6", "4") == [0, 1, 1]


def test_tiers_that_count_from_the_allowance_on_have_no_bound_that_it_could_reach() -> None:
    assert kind("volume", included_as="tier").first_bound() is None
    assert kind("volume", convert=thousands("up")).first_bound() == 5000


def test_it_says_that_the_allowance_is_charged_too() -> None:
    assert kind("volume", included_as="tier").describe("call", "USD") == (
        "all at 1.00 USD / call up to 5; then 0.50 USD / call (above the allowance, which is charged too then)"
    )


# Where they have no meaning


def test_included_as_a_tier_needs_volume() -> None:
    assert reading_of("graduated", included_as="tier") == (None, ["included-as"])


def test_units_is_the_default() -> None:
    assert reading_of("volume", included_as="units") == reading_of("volume")
    assert reading_of("volume", included_as="all")[1] == ["choice"]


@pytest.mark.parametrize(
    ("name", "document"),
    [("each", {"USD": "1"}), ("package", {"of": "1", "price": {"USD": "1"}}),
     ("percentage", {"rate": "1%", "of": "amount"})],
)  # fmt: skip
def test_a_conversion_needs_tiers(name: str, document: Document) -> None:
    reader = Reader(currencies={"USD": Currency("USD", "USD", 2)})
    node = node_of({"convert": {"by": "10"}})
    assert isinstance(node, Mapping)
    assert read_kind(name, node_of(document), reader, read_beside(node, reader)) is None
    assert [finding.rule for finding in reader.findings] == ["convert"]


def test_the_bill_of_rounded_converted_units_has_steps_and_one_of_parts_has_none() -> None:
    assert kind("graduated", convert=thousands("up")).steps(Fraction(7)) == Steps(Fraction(0), Fraction(1000))
    assert kind("graduated", convert=thousands("none")).steps(Fraction(7)) is None
    assert kind("graduated").steps(Fraction(7)) is None


def test_a_bill_bends_at_the_end_of_the_allowance_at_bounds_and_where_the_converted_quantity_jumps() -> None:
    # The tier ends at 5 thousands. 500 lies between 0 and 1,000, and from 5,000 the next jump is 6,000.
    assert kind("graduated", convert=thousands("none")).edges(Fraction(500)) == {500, 5000}
    assert kind("graduated", convert=thousands("up")).edges(Fraction(500)) == {0, 500, 1000, 5000, 6000}
    assert kind("graduated").edges(Fraction(3)) == {3, 5}


def test_bounds_above_an_allowance_that_is_a_tier_move_up_with_it() -> None:
    # Two included, and five more in the first tier: it ends at 7.
    assert kind("volume", included_as="tier").edges(Fraction(2)) == {2, 7}
    assert kind("volume").edges(Fraction(2)) == {2, 5}


def test_an_allowance_is_converted_as_it_is_and_covers_what_is_within_it() -> None:
    convert = Convert(Decimal(4), "up")
    assert convert.billable(Billable(Fraction(3), Fraction(10))) == Billable(Fraction(5, 2), Fraction(5, 2))
    assert convert.billable(Billable(Fraction(11), Fraction(10))) == Billable(Fraction(3), Fraction(5, 2))


def test_the_flat_of_a_tier_within_the_allowance_is_not_charged() -> None:
    tiers = (
        Tier(Decimal(5), {"USD": Decimal(1)}, {"USD": Decimal(2)}),
        Tier(None, {"USD": Decimal("0.5")}, {"USD": Decimal(7)}),
    )
    assert bills(Graduated(tiers), "5 7", "5") == [0, 8]
