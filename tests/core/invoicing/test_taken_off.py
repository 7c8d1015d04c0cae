"""Of which line a credit on an invoice gives back: of the one that it names, else of the latest with room for it."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planctl.core.invoicing.credits import LineCredit, TakenOff
from planctl.core.invoicing.facts import BilledLine
from planctl.core.invoicing.model import Line, TaxShare
from planctl.core.invoicing.taken_off import charge_of, taken_off, with_taken_off
from planctl.core.periods import Instant

VAT = ("vat", "0.19", False)


def on(invoice: str, amount: int, **more: Any) -> BilledLine:
    """A line for the fee of sub_1 in its first period, alone on its invoice unless told otherwise."""
    taxes = tuple(TaxShare("vat", Decimal("0.19"), part) for part in (more.pop("tax", 0),) if part)
    place = {key: more.pop(key) for key in ("void", "credited") if key in more}
    position = more.pop("position", 1)
    said: dict[str, Any] = {
        "kind": "fee", "subscription": "sub_1", "plan": "a", "plan_version": 1, "charge_key": "fee",
        "service_index": 0, "description": "A", "quantity": Fraction(1), "unit_price": None,
        "amount_minor": amount, "starts_at": Instant(0), "ends_at": Instant(9), "taxes": taxes,
    }  # fmt: skip
    return BilledLine(invoice, position, Line(**(said | more)), **place)


def named(*charges: tuple[str, str, str, str]) -> dict[str, Any]:
    """What a credit says of its charges: invoice, amount, part that is unused, and what had gone back before."""
    return {
        "charged": [
            {
                "invoice": invoice,
                "position": "1",
                "amount": amount,
                "net": amount,
                "part": part,
                "credited": back,
            }
            for invoice, amount, part, back in charges
        ]
    }


def nets(*billed: BilledLine) -> dict[str, list[tuple[str, int]]]:
    """By the invoice that charged: which invoices took how much off its line."""
    return {
        invoice: [(one.invoice, one.net_minor) for one in several]
        for (invoice, _), several in taken_off(billed).items()
    }


def test_a_credit_gives_back_of_the_charge_that_it_is_of() -> None:
    other = on("inv_1", 900, position=2, charge_key="quantity:seats")
    assert nets(on("inv_1", 3000), other, on("inv_2", -1500)) == {"inv_1": [("inv_2", 1500)]}


def test_each_charge_gives_what_the_credit_names_of_it() -> None:
    # Of 30.00 half is unused, of 20.00 from the 11th 15 of 20 days: 15.00 each.
    said = named(("inv_1", "30", "1/2", "0"), ("inv_2", "20", "3/4", "0"))
    found = nets(on("inv_1", 3000), on("inv_2", 2000, occasion="change:1"), on("inv_3", -3000, detail=said))
    assert found == {"inv_1": [("inv_3", 1500)], "inv_2": [("inv_3", 1500)]}


def test_what_had_gone_back_before_is_not_given_by_the_credit() -> None:
    # A pause gave 20.00 of the 30.00 back, and 15.00 were charged again: 10.00 of these are unused.
    said = named(("inv_1", "30", "1/3", "20"), ("inv_2", "15", "2/3", "0"))
    paused = on("inv_1", 3000, credited=LineCredit(2000))
    found = nets(paused, on("inv_2", 1500, occasion="pause"), on("inv_3", -1000, detail=said))
    assert found == {"inv_2": [("inv_3", 1000)]}


def test_what_names_no_charge_takes_off_the_latest_before_it() -> None:
    usage = {"charge_key": "usage:minutes"}
    before = (on("inv_1", 400, **usage), on("inv_2", 300, occasion="late:1", **usage))
    late = on("inv_3", -500, occasion="late:2", **usage)
    later = on("inv_4", 900, occasion="late:3", **usage)
    assert nets(*before, late, later) == {"inv_2": [("inv_3", 300)], "inv_1": [("inv_3", 200)]}


def test_a_void_invoice_neither_gives_nor_takes() -> None:
    assert nets(on("inv_1", 3000), on("inv_2", -1500, void=True)) == {}
    again = on("inv_3", 3000)  # issued again after the credit
    assert nets(on("inv_1", 3000, void=True), on("inv_2", -1500), again) == {"inv_3": [("inv_2", 1500)]}


def test_what_a_credit_note_took_back_of_a_credit_is_there_again() -> None:
    assert nets(on("inv_1", 3000), on("inv_2", -1500, credited=LineCredit(-1500))) == {}
    assert nets(on("inv_1", 3000), on("inv_2", -1500, credited=LineCredit(-500))) == {
        "inv_1": [("inv_2", 1000)]
    }


def test_the_tax_of_a_credit_is_shared_by_what_each_charge_gives() -> None:
    # 3.00 with 0.57 of two charges, 2.00 and 1.00: 0.38 and 0.19.
    credit = on("inv_3", -300, tax=-57)
    found = taken_off([on("inv_1", 100, tax=19), on("inv_2", 200, occasion="change:1", tax=38), credit])
    assert {invoice: dict(one.taxes) for (invoice, _), (one,) in found.items()} == {
        "inv_1": {VAT: 19},
        "inv_2": {VAT: 38},
    }


def test_what_was_taken_off_says_of_which_line_by_which_invoice_and_with_which_tax() -> None:
    charged, credit = on("inv_1", 3000, position=2, tax=570), on("inv_2", -1500, tax=-285)
    assert taken_off([charged, credit]) == {("inv_1", 2): (TakenOff(2, "inv_2", 1500, {VAT: 285}),)}


def test_a_credit_takes_nothing_off_another_subscription_or_another_period() -> None:
    others = (on("inv_1", 3000, subscription="sub_2"), on("inv_2", 3000, service_index=1))
    assert nets(on("inv_0", 2000), *others, on("inv_3", -1500)) == {"inv_0": [("inv_3", 1500)]}


def test_what_was_issued_again_since_is_given_back_in_the_order_of_its_issue() -> None:
    after = (on("inv_1", 1000), on("inv_2", 1000, occasion="change:1"))
    assert nets(on("inv_0", -1500), *after) == {"inv_1": [("inv_0", 1000)], "inv_2": [("inv_0", 500)]}


def test_a_single_cent_is_given_back() -> None:
    assert nets(on("inv_1", 1), on("inv_2", -1)) == {"inv_1": [("inv_2", 1)]}


def test_what_is_above_what_a_credit_names_comes_off_the_latest_as_far_as_it_has_room() -> None:
    # It names 5.00 of the 20.00; of the other 25.00 there is room for 15.00 on it, and 10.00 are of the one before.
    said = named(("inv_2", "20", "1/4", "0"))
    found = nets(on("inv_1", 3000), on("inv_2", 2000, occasion="change:1"), on("inv_3", -3000, detail=said))
    assert found == {"inv_2": [("inv_3", 2000)], "inv_1": [("inv_3", 1000)]}


def test_each_charge_gives_its_own_part_and_less_what_had_gone_back_of_it() -> None:
    # Of 30.00 three quarters, of 20.00 one.
    said = named(("inv_1", "30", "3/4", "0"), ("inv_2", "20", "1/4", "0"))
    found = nets(on("inv_1", 3000), on("inv_2", 2000, occasion="change:1"), on("inv_3", -2750, detail=said))
    assert found == {"inv_1": [("inv_3", 2250)], "inv_2": [("inv_3", 500)]}
    # Of the later 30.00 a third is unused, and 20.00 had gone back before: all is of the 15.00 before it.
    said = named(("inv_1", "30", "1/3", "20"), ("inv_2", "15", "2/3", "0"))
    later = on("inv_1", 3000, occasion="change:1", credited=LineCredit(2000))
    assert nets(on("inv_2", 1500), later, on("inv_3", -1000, detail=said)) == {"inv_2": [("inv_3", 1000)]}


def test_what_had_gone_back_in_part_lowers_what_a_credit_names() -> None:
    # Of the later 30.00 two thirds are unused, and 10.00 had gone back: 10.00 are of it.
    said = named(("inv_1", "30", "2/3", "10"), ("inv_2", "15", "2/3", "0"))
    before = on("inv_2", 1500)
    later = on("inv_1", 3000, occasion="change:1", credited=LineCredit(1000))
    assert nets(before, later, on("inv_3", -1000, detail=said)) == {"inv_1": [("inv_3", 1000)]}
    assert nets(before, later, on("inv_3", -2000, detail=said)) == {
        "inv_1": [("inv_3", 1000)],
        "inv_2": [("inv_3", 1000)],
    }


def test_a_credit_of_which_a_part_was_taken_back_gives_the_rest_of_its_tax() -> None:
    part = on("inv_2", -1500, tax=-285, credited=LineCredit(-500, {VAT: -95}))
    ((given,),) = taken_off([on("inv_1", 3000, tax=570), part]).values()
    assert (given.net_minor, given.taxes) == (1000, {VAT: 190})


def test_a_credit_with_nothing_to_give_back_of_gives_nothing() -> None:
    assert taken_off([on("inv_2", -300, tax=-57)]) == {}


@pytest.mark.parametrize(
    ("said", "gives"),
    [
        ({"invoice": "inv_1", "position": "1", "amount": "1", "part": "1/2"}, "inv_1"),
        ({"invoice": "inv_1", "position": "1", "amount": "0", "part": "1/2"}, "inv_2"),
        ({"invoice": "inv_1", "position": "2", "amount": "1", "part": "1/2"}, "inv_2"),
        ({"invoice": "inv_1", "amount": "1", "part": "1/2"}, "inv_2"),
        ({"invoice": "inv_9", "position": "1", "amount": "1", "part": "1/2"}, "inv_2"),
    ],
)
def test_only_a_line_that_is_named_with_its_amount_goes_before_the_latest(
    said: dict[str, Any], gives: str
) -> None:
    credit = on("inv_3", -50, detail={"charged": [said]})
    assert nets(on("inv_1", 100), on("inv_2", 100, occasion="change:1"), credit) == {gives: [("inv_3", 50)]}


def test_what_was_taken_off_a_line_can_be_credited_no_more() -> None:
    charged, credit = with_taken_off([on("inv_1", 3000, credited=LineCredit(500)), on("inv_2", -1500)])
    assert (charged.creditable_minor, credit.creditable_minor) == (1000, 0)


@pytest.mark.parametrize(
    ("key", "charge"),
    [
        ("fee", "fee"),
        ("fee:3", "fee"),
        ("fee:3:pause:1", "fee"),
        ("quantity:seats:2:pause:1", "quantity:seats"),
        ("usage:minutes", "usage:minutes"),
        ("minimum", "minimum"),
    ],
)
def test_steps_and_pauses_in_arrears_are_of_the_charge_that_they_change(key: str, charge: str) -> None:
    assert charge_of("sub_1", key, 4) == ("sub_1", charge, 4)


@given(
    st.lists(st.tuples(st.integers(1, 5_000), st.integers(0, 5_000)), min_size=1, max_size=4),
    st.lists(st.integers(1, 4_000), max_size=4),
)
def test_credits_take_together_what_they_say_and_of_no_line_more_than_is_left(
    charged: list[tuple[int, int]], credits: list[int]
) -> None:
    lines = [
        on(f"inv_{number}", amount, occasion=str(number), credited=LineCredit(min(back, amount)))
        for number, (amount, back) in enumerate(charged)
    ]
    room = sum(amount - min(back, amount) for amount, back in charged)
    back_again = [on(f"back_{number}", -amount) for number, amount in enumerate(credits)]
    found = with_taken_off([*lines, *back_again])
    assert sum(one.taken_off.net_minor for one in found) == min(sum(credits), room)
    for one in found[: len(lines)]:
        assert 0 <= one.taken_off.net_minor <= one.line.net_minor - one.credited.net_minor
