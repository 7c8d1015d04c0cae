"""Coupons: percentages multiply and come first, fixed amounts are capped, and every cent off stands on a line."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planctl.core.currencies import Currency
from planctl.core.invoicing.discounts import Taken, taken_again, wrong_discounts
from planctl.core.invoicing.finish import redeemed
from planctl.core.invoicing.model import Discount, Draft
from tests.core.discounting import applied, draft, finish, fixed, line, percent

YEN = Currency("JPY", "Yen", 0)


def off(made: Draft) -> list[int]:
    return [one.discount_minor for one in made.lines]


def test_percentages_are_taken_one_of_what_the_other_left() -> None:
    """10 % of 100.00 is 10.00, then 25 % of 90.00 is 22.50."""
    made = finish(draft(line(10000)), percent("0.10"), percent("0.25"))
    assert [one.amount_minor for one in made.discounts] == [1000, 2250]
    assert (made.subtotal_minor, made.discount_minor, made.total_minor) == (10000, 3250, 6750)


def test_a_fixed_amount_comes_after_percentages_whatever_was_applied_first() -> None:
    """20 % of 49.00 is 9.80; 10.00 more leaves 29.20. The other way round it would be 31.20."""
    one = finish(draft(line(4900)), fixed(EUR="10"), percent("0.20"))
    other = finish(draft(line(4900)), percent("0.20"), fixed(EUR="10"))
    assert one == other
    assert one.total_minor == 2920


def test_a_percentage_is_rounded_once_half_up_on_all_its_lines_together() -> None:
    """15 % of 0.33 + 0.33 + 0.04 = 0.70 is 0.105, so 0.11: 5.19, 5.19 and 0.63 hundredths, cut 5, 5, 0."""
    made = finish(draft(line(33), line(33, charge_key="a"), line(4, charge_key="b")), percent("0.15"))
    assert made.discount_minor == 11
    assert off(made) == [5, 5, 1]


def test_fixed_amounts_stop_at_what_is_left() -> None:
    made = finish(draft(line(10000)), fixed("a", EUR="80"), fixed("b", EUR="50"))
    assert [(one.coupon, one.amount_minor) for one in made.discounts] == [("a", 8000), ("b", 2000)]
    assert made.total_minor == 0


def test_a_discount_is_spread_in_proportion_by_largest_remainder() -> None:
    """10.00 over 49.00, 8.00 and 3.25 of 60.25: 8.132…, 1.327… and 0.539…; the cent goes to the last."""
    made = finish(draft(line(4900), line(800, kind="quantity"), line(325, kind="usage")), fixed(EUR="10"))
    assert off(made) == [813, 133, 54]


def test_a_line_gives_no_more_than_it_has_and_the_others_give_the_rest() -> None:
    """`lite` takes all 10.00 of the first line; then 50.00 of 90.00 left can only come from the second."""
    made = finish(
        draft(line(1000, plan="lite"), line(9000)), fixed("a", plans=["lite"], EUR="10"), fixed("b", EUR="50")
    )
    assert off(made) == [1000, 5000]


def test_a_coupon_with_plans_covers_the_lines_of_these_plans_alone() -> None:
    made = finish(
        draft(line(4900), line(600, plan="extra_seat", kind="addon", subscription="sub_2")),
        percent("0.5", plans=("pro",)),
    )
    assert off(made) == [2450, 0]


def test_a_coupon_without_plans_covers_the_add_ons_on_the_invoice_too() -> None:
    made = finish(
        draft(line(4900), line(600, plan="extra_seat", kind="addon", subscription="sub_2")), percent("0.5")
    )
    assert off(made) == [2450, 300]


def test_a_coupon_of_another_subscription_takes_nothing() -> None:
    made = finish(draft(line(4900)), applied(percent("0.5").coupon, "sub_9"))
    assert made.discounts == ()
    assert made.total_minor == 4900


def test_a_proration_credit_is_not_discounted_and_a_fixed_amount_takes_nothing_below_zero() -> None:
    """30.00 charged, 20.00 credited: a coupon of 15.00 takes 10.00."""
    made = finish(draft(line(-2000, kind="proration_credit"), line(3000)), fixed(EUR="15"))
    assert off(made) == [0, 1000]
    assert made.total_minor == 0


def test_a_percentage_leaves_the_credit_whole() -> None:
    """20 % of the charge of 30.00; the credit of 20.00 is what was once paid."""
    made = finish(draft(line(-2000, kind="proration_credit"), line(3000)), percent("0.2"))
    assert (off(made), made.total_minor) == ([0, 600], 400)


def test_a_minimum_is_discounted_like_any_other_line() -> None:
    made = finish(draft(line(80000, kind="usage"), line(20000, kind="minimum")), percent("0.1"))
    assert off(made) == [8000, 2000]


def test_a_currency_without_decimals_is_split_in_whole_units() -> None:
    """5 yen over three lines of 100: 2, 2 and 1."""
    lines = (line(100), line(100, charge_key="a"), line(100, charge_key="b"))
    made = finish(draft(*lines, currency=YEN), fixed(JPY="5"))
    assert off(made) == [2, 2, 1]


def test_a_coupon_without_an_amount_in_the_currency_takes_nothing_and_uses_no_period() -> None:
    coupon = fixed(USD="10")
    made = finish(draft(line(4900)), coupon)
    assert made.discounts == ()
    assert redeemed((coupon,), made) == (coupon,)


@pytest.mark.parametrize(("periods", "totals"), [(1, [4000, 5000]), (2, [4000, 4000]), (None, [4000, 4000])])
def test_a_coupon_holds_for_as_many_periods_as_it_says(periods: int | None, totals: list[int]) -> None:
    first = finish(draft(line(5000)), coupon := fixed(periods=periods, EUR="10"))
    (after,) = redeemed((coupon,), first)
    second = finish(draft(line(5000), period=1), after)
    assert [first.total_minor, second.total_minor] == totals
    assert after.used == {0}


def test_a_percentage_holds_for_every_invoice_of_a_period_that_it_was_used_in() -> None:
    coupon = percent("0.2")
    (after,) = redeemed((coupon,), finish(draft(line(4900)), coupon))
    again = finish(draft(line(1000, kind="usage")), after)
    assert again.discount_minor == 200
    assert redeemed((after,), again)[0].taken == {0: 980 + 200}


def test_a_fixed_amount_is_given_once_a_period_however_many_invoices_it_has() -> None:
    """10.00: 4.00 of the first invoice, the other 6.00 of the second, nothing of the third."""
    held = (fixed(EUR="10"),)
    given = []
    for amount in (400, 3000, 3000):
        made = finish(draft(line(amount)), *held)
        given.append(made.discount_minor)
        held = redeemed(held, made)  # type: ignore[assignment]
    assert given == [400, 600, 0]


def test_an_invoice_of_nothing_uses_no_period() -> None:
    coupon = percent("0.2")
    assert redeemed((coupon,), finish(draft(line(0)), coupon)) == (coupon,)


def test_finishing_a_finished_draft_changes_nothing() -> None:
    once = finish(draft(line(4900), line(333, kind="usage")), percent("0.2"), fixed(EUR="3"))
    assert finish(once, percent("0.2"), fixed(EUR="3")) == once


def test_a_fixed_amount_after_a_percentage_takes_no_more_than_credits_and_it_have_left() -> None:
    """30.00 charged, 20.00 credited: 20 % of the charge are 6.00, and of 15.00 the other 4.00 are taken."""
    made = finish(draft(line(-2000, kind="proration_credit"), line(3000)), percent("0.2"), fixed(EUR="15"))
    assert [one.amount_minor for one in made.discounts] == [600, 400]
    assert (off(made), made.total_minor) == ([0, 1000], 0)


def test_a_fixed_amount_takes_of_its_plans_lines_no_more_than_they_are() -> None:
    made = finish(draft(line(1000, plan="lite"), line(9000)), fixed("a", plans=["lite"], EUR="50"))
    assert off(made) == [1000, 0]


def test_the_last_cent_is_taken_too() -> None:
    assert off(finish(draft(line(2)), percent("0.5"))) == [1]
    assert off(finish(draft(line(1)), percent("1"))) == [1]


def test_a_proration_credit_above_zero_is_not_discounted_either() -> None:
    assert off(finish(draft(line(500, kind="proration_credit"), line(100)), percent("0.5"))) == [0, 50]


def test_discounts_of_known_amounts_are_spread_again_in_the_order_in_which_they_were_taken() -> None:
    """24.50 of the first line alone; then 10.00 by 49 to 8: 859.65 and 140.35 hundredths; then all that is left."""
    lines = (line(4900), line(800, plan="lite"), line(-500, kind="proration_credit"), line(0))
    taken = [
        (percent("0.5", plans=("pro",)), 2450),
        (fixed(EUR="10"), 1000),
        (fixed("more", EUR="999"), 99900),
    ]
    assert taken_again(lines, taken) == (
        Taken(4900, (2450, 0, 0, 0), (0,)),
        Taken(3250, (860, 140, 0, 0), (0, 1)),
        Taken(2250, (1590, 660, 0, 0), (0, 1)),
    )
    assert taken_again(lines, []) == ()


def test_a_discount_of_a_line_that_charges_nothing_is_told() -> None:
    assert list(wrong_discounts([line(0, discount_minor=1)], [Discount("a", "cou_a", 1)])) == [
        "line 1 of 0 was discounted by 1"
    ]
    assert list(wrong_discounts([line(-5, discount_minor=-1)], [Discount("a", "cou_a", -1)])) == [
        "line 1 of -5 was discounted by -1"
    ]


def test_finishing_again_without_the_coupon_takes_its_discount_back() -> None:
    once = finish(draft(line(4900)), percent("0.2"))
    assert finish(once).discounts == ()
    assert finish(once) == draft(line(4900))


def test_a_coupon_that_took_something_off_twice_has_taken_both() -> None:
    coupon = percent("0.2", name="a")
    twice = replace(draft(line(4900)), discounts=(Discount("a", "cou_a", 5), Discount("a", "cou_a", 7)))
    assert [one.taken for one in redeemed((coupon,), twice)] == [{0: 12}]


def test_discounts_that_no_line_gave_are_told() -> None:
    assert list(wrong_discounts([line(500)], [Discount("a", "cou_a", 7)])) == [
        "its lines were discounted by 0, its discounts are 7"
    ]
    assert list(wrong_discounts([line(5, discount_minor=6)], [Discount("a", "cou_a", 6)])) == [
        "line 1 of 5 was discounted by 6"
    ]
    assert list(wrong_discounts([line(5, discount_minor=5)], [Discount("a", "cou_a", 5)])) == []
