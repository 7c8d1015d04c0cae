"""A share of each event's amount, worked out by hand: which events are free, what one costs, how it is shown."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from planctl.core.currencies import Currency
from planctl.core.document import Document, node_of
from planctl.core.pricing.events import split
from planctl.core.pricing.kinds import read_kind
from planctl.core.pricing.kinds.each import Each
from planctl.core.pricing.kinds.percentage import Percentage, charges_events, term_increase
from planctl.core.pricing.model import Billable, EventAmount, Priced
from planctl.core.pricing.rate import FeatureUsage, RatedUsage, rate
from planctl.core.reading import Reader


def percentage(**terms: Document) -> Percentage:
    reading = Reader(currencies={"USD": Currency("USD", "USD", 2)})
    read = read_kind("percentage", node_of({"rate": "2%", "of": "amount", **terms}), reading)
    assert isinstance(read, Percentage), reading.findings
    return read


def payments(*amounts: int | str) -> tuple[EventAmount, ...]:
    """One unit each, a microsecond apart."""
    return tuple(EventAmount(at, Fraction(1), Fraction(amount)) for at, amount in enumerate(amounts))


def priced(kind: Percentage, events: tuple[EventAmount, ...], included: int = 0) -> Priced:
    total = sum((event.quantity for event in events), Fraction(0))
    return kind.price(Billable(total, Fraction(included), events), "USD")


def rated(kind: Percentage, events: tuple[EventAmount, ...], **terms: int) -> RatedUsage:
    total = sum((event.quantity for event in events), Fraction(0))
    given = {name: Fraction(value) for name, value in terms.items()}
    return rate(FeatureUsage(total, price=kind, events=events, **given), "USD", 2)


def explained(bill: Priced) -> list[str]:
    return [f"{part.label}: {part.quantity} × {part.unit_price} = {part.amount}" for part in bill.parts]


def test_each_event_pays_the_rate_and_the_fixed_amount() -> None:
    # 2 % of 50 + 0.30 = 1.30; 2 % of 100 + 0.30 = 2.30.
    bill = priced(percentage(fixed={"USD": "0.30"}), payments(50, 100))
    assert bill.amount == Fraction("3.60")
    assert explained(bill) == ["2% of amount: 150 × 1/50 = 3", "per event: 2 × 3/10 = 3/5"]


def test_the_least_and_the_most_hold_for_each_event() -> None:
    # 10 costs 0.20, at least 0.50; 100 costs 2.00; 1,000 costs 20.00, at most 5.00.
    bill = priced(percentage(min={"USD": "0.50"}, max={"USD": "5"}), payments(10, 100, 1000))
    assert bill.amount == Fraction("7.50")
    assert explained(bill) == [
        "2% of amount: 100 × 1/50 = 2",
        "at least, per event: 1 × 1/2 = 1/2",
        "at most, per event: 1 × 5 = 5",
    ]


def test_the_bounds_take_the_fixed_amount_in() -> None:
    kind = percentage(fixed={"USD": "0.30"}, min={"USD": "0.50"}, max={"USD": "1"})
    assert [priced(kind, payments(amount)).amount for amount in (5, 10, 20, 35, 36)] == [
        Fraction("0.50"), Fraction("0.50"), Fraction("0.70"), 1, 1,
    ]  # fmt: skip


def test_no_event_costs_nothing() -> None:
    assert priced(percentage(fixed={"USD": "1"}, min={"USD": "1"}), ()) == Priced(Fraction(0))


def test_an_event_of_nothing_pays_what_every_event_pays() -> None:
    assert priced(percentage(fixed={"USD": "0.30"}), payments(0)).amount == Fraction("0.30")
    assert priced(percentage(min={"USD": "0.50"}), payments(0)).amount == Fraction("0.50")


def test_an_amount_below_zero_counts_as_zero() -> None:
    assert priced(percentage(fixed={"USD": "0.30"}), payments(-50, 100)).amount == Fraction("2.60")


def test_a_most_of_zero_makes_events_free() -> None:
    assert priced(percentage(max={"USD": "0"}), payments(100)) == Priced(Fraction(0))


def test_included_events_are_the_earliest_ones() -> None:
    # Two of three are included: only the last, of 400, pays 2 %.
    assert priced(percentage(), payments(50, 100, 400), included=2).amount == 8
    assert priced(percentage(), payments(50, 100, 400), included=3) == Priced(Fraction(0))
    assert priced(percentage(), payments(50, 100, 400), included=9) == Priced(Fraction(0))


def test_an_event_that_the_allowance_covers_in_part_pays_its_rest_and_the_whole_fixed_amount() -> None:
    # A meter that sums the amounts: 120 of 50 + 100 are included, so 30 of the second event pay.
    events = (EventAmount(1, Fraction(50), Fraction(50)), EventAmount(2, Fraction(100), Fraction(100)))
    assert priced(percentage(fixed={"USD": "1"}), events, included=120).amount == Fraction("1.60")
    assert priced(percentage(fixed={"USD": "1"}), events, included=150).amount == 0
    assert priced(percentage(fixed={"USD": "1"}), events, included=50).amount == 3


def test_units_from_the_wallet_are_the_earliest_ones_above_the_allowance() -> None:
    usage = rated(percentage(), payments(50, 100, 400), included=1, wallet=1)
    assert [usage.included, usage.wallet, usage.excess] == [1, 1, 1]
    assert usage.amount_minor == 800


def test_events_over_the_limit_are_the_latest_ones() -> None:
    # One included, at most two in all: the event of 100 pays, the one of 400 is over the limit.
    usage = rated(percentage(), payments(50, 100, 400), included=1, up_to=2)
    assert [usage.included, usage.excess, usage.over_limit] == [1, 1, 1]
    assert usage.amount_minor == 200


def test_free_events_are_the_earliest_ones() -> None:
    assert priced(percentage(free_events="2"), payments(50, 100, 400)).amount == 8
    assert priced(percentage(free_events="5"), payments(50, 100, 400)).amount == 0


def test_a_free_amount_ends_inside_an_event() -> None:
    # 120 are free: 50, and 70 of the 100. The rest of 30 pays 0.60 and the fixed 1.00; 400 pay 9.00.
    kind = percentage(free_amount={"USD": "120"}, fixed={"USD": "1"})
    assert priced(kind, payments(50, 100, 400)).amount == Fraction("10.60")


def test_an_event_that_just_uses_up_the_free_amount_is_free() -> None:
    kind = percentage(free_amount={"USD": "150"}, fixed={"USD": "1"})
    assert priced(kind, payments(50, 100)).amount == 0
    assert priced(kind, payments(50, 100, 1)).amount == Fraction("1.02")


def test_of_free_events_and_a_free_amount_the_first_to_be_used_up_ends_both() -> None:
    kind = percentage(free_events="2", free_amount={"USD": "1000"})
    assert priced(kind, payments(50, 100, 400)).amount == 8
    kind = percentage(free_events="3", free_amount={"USD": "60"})
    assert priced(kind, payments(50, 100, 400)).amount == Fraction("9.80")  # 2 % of 90 and of 400


def test_free_events_come_after_the_included_ones() -> None:
    assert priced(percentage(free_events="1"), payments(50, 100, 400), included=1).amount == 8


def test_units_without_their_events_are_our_mistake() -> None:
    with pytest.raises(AssertionError, match="without their events"):
        percentage().price(Billable(Fraction(3)), "USD")


def test_free_terms_are_written_back_and_each_currency_needs_them() -> None:
    kind = percentage(free_events="3", free_amount={"USD": "250"})
    assert kind.document() == {
        "rate": "2%", "of": "amount", "free_amount": {"USD": "250"}, "free_events": "3",
    }  # fmt: skip
    assert kind.currencies() == {"USD"}


@pytest.mark.parametrize(
    ("units", "first", "rest"),
    [("0", [], [2, 3]), ("2", [2], [3]), ("3", [2, 1], [2]), ("5", [2, 3], []), ("9", [2, 3], [])],
)
def test_events_are_cut_at_a_number_of_units(units: str, first: list[int], rest: list[int]) -> None:
    events = (EventAmount(1, Fraction(2), Fraction(20)), EventAmount(2, Fraction(3), Fraction(30)))
    found = split(events, Fraction(units))
    assert [event.quantity for event in found[0]] == first
    assert [event.quantity for event in found[1]] == rest
    assert [event.amount for event in found[0]] == [10 * units for units in first]


def test_every_event_below_the_least_pays_it_and_every_one_above_the_most_pays_that() -> None:
    # 2 % of 10 is 0.20, of 20 is 0.40: twice 0.50. 2 % of 300 and of 400: twice 5.00, not 6.00 and 8.00.
    bill = priced(percentage(min={"USD": "0.50"}, max={"USD": "5"}), payments(10, 300, 20, 400))
    assert bill.amount == 11
    assert explained(bill) == ["at least, per event: 2 × 1/2 = 1", "at most, per event: 2 × 5 = 10"]


def test_an_event_that_costs_just_the_least_or_the_most_is_shown_by_its_rate() -> None:
    # 2 % of 25 is 0.50, 2 % of 250 is 5.00.
    bill = priced(percentage(min={"USD": "0.50"}, max={"USD": "5"}), payments(25, 250))
    assert explained(bill) == ["2% of amount: 275 × 1/50 = 11/2"]


def test_what_costs_nothing_is_an_exact_nothing() -> None:
    assert type(priced(percentage(), ()).amount) is Fraction


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ({}, "2% of amount"),
        ({"fixed": {"USD": "0.30"}}, "2% of amount + 0.30 USD"),
        ({"min": {"USD": "0.50"}}, "2% of amount, at least 0.50 USD"),
        ({"max": {"USD": "10"}}, "2% of amount, at most 10.00 USD"),
        (
            {"fixed": {"USD": "0.30"}, "min": {"USD": "0.50"}, "max": {"USD": "10"}},
            "2% of amount + 0.30 USD, at least 0.50 USD, at most 10.00 USD",
        ),
    ],
)
def test_it_is_described_by_the_terms_it_has(terms: dict[str, Document], said: str) -> None:
    assert percentage(**terms).describe("payment", "USD") == said


def test_a_rate_alone_is_sold_in_every_declared_currency_and_amounts_narrow_it() -> None:
    both = {code: Currency(code, code, 2) for code in ("EUR", "USD")}
    read = read_kind("percentage", node_of({"rate": "2%", "of": "amount"}), Reader(currencies=both))
    assert read is not None
    assert read.currencies() == {"EUR", "USD"}
    terms: Document = {"rate": "2%", "of": "amount", "min": {"EUR": "1"}}
    narrowed = read_kind("percentage", node_of(terms), Reader(currencies=both))
    assert narrowed is not None
    assert narrowed.currencies() == {"EUR"}
    assert narrowed.document() == terms


def test_its_bill_has_no_other_edge_than_the_end_of_the_allowance() -> None:
    assert percentage().edges(Fraction(7)) == {7}
    assert percentage().first_bound() is None
    assert percentage().steps(Fraction(7)) is None


def test_what_comes_after_the_event_on_the_cut_is_all_of_the_rest() -> None:
    # 3 of 2 + 2 + 2 units: one event, half of the second; its other half and the third are left.
    events = tuple(EventAmount(at, Fraction(2), Fraction(20)) for at in range(3))
    first, rest = split(events, Fraction(3))
    two, one = (Fraction(2), Fraction(20)), (Fraction(1), Fraction(10))
    assert first == (EventAmount(0, *two), EventAmount(1, *one))
    assert rest == (EventAmount(1, *one), EventAmount(2, *two))


# Two of them compared


@pytest.mark.parametrize(
    ("term", "old", "new", "increase"),
    [
        ("rate", "0.02", "0.025", Fraction(1, 4)),
        ("rate", "0.02", "0.01", 0),
        ("rate", "0", "0.01", None),
        ("rate", "0", "0", 0),
        ("fixed", None, None, 0),
        ("fixed", None, "0.30", None),
        ("fixed", "0.30", None, 0),
        ("min", "1", "2", 1),
        ("max", "10", "12", Fraction(1, 5)),
        ("max", "10", None, None),
        ("max", None, "10", 0),
        ("free_events", "3", "2", Fraction(1, 2)),
        ("free_events", "3", None, None),
        ("free_events", "3", "4", 0),
        ("free_amount", None, "4", 0),
        ("of", None, None, None),
    ],
)
def test_a_changed_term_is_dearer_by_so_much(
    term: str, old: str | None, new: str | None, increase: Fraction | int | None
) -> None:
    ends = [None if number is None else Fraction(number) for number in (old, new)]
    assert term_increase(term, *ends) == increase


def test_whether_any_event_costs_something() -> None:
    assert charges_events(percentage(), "USD")
    assert charges_events(percentage(rate="0%", min={"USD": "1"}), "USD")
    assert charges_events(percentage(rate="0%", fixed={"USD": "1"}), "USD")
    assert charges_events(Each({"USD": Decimal("0.10")}), "USD")
    assert not charges_events(percentage(rate="0%"), "USD")
    assert not charges_events(percentage(max={"USD": "0"}), "USD")
