"""A line worked out again, step by step: the figures are worked out by hand, the lines are written by hand too."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from planctl.core.catalog.model import TaxRate
from planctl.core.invoicing.explain import Around, EarlierLine, explain_line
from planctl.core.invoicing.explain_money import discount_shares, tax_parts, wrong_money
from planctl.core.invoicing.model import Discount, Invoice, InvoiceStatus, Line, Tax, TaxShare
from tests.core.discounting import EURO, draft, fixed, line, percent

ALONE = Around(EURO)
USAGE = {
    "exact": "0.5", "quantity": "15", "included": "10", "allowance": "10", "rolled": "0", "wallet": "0",
    "grants": {}, "over_limit": "0", "own": "15", "drawn": [],
    "parts": [{"label": "each", "quantity": "5", "unit_price": "0.1", "amount": "0.5"}],
}  # fmt: skip


def used(amount_minor: int = 50, detail: dict[str, Any] | None = None, **changes: Any) -> Line:
    """15 units, 10 included, 5 at 0.10: 0.50."""
    said = {"kind": "usage", "charge_key": "usage:calls", "feature": "calls", "quantity": Fraction(5)}
    return line(amount_minor, **(said | {"detail": USAGE | (detail or {})} | changes))


def test_a_part_of_a_period_is_price_times_quantity_times_share() -> None:
    """19 × 2 × 27/31 = 1026/31 = 33.096..., so 33.10."""
    detail = {"exact": "1026/31", "share": "27/31", "share_text": "27 of 31 days"}
    found = explain_line(1, line(3310, quantity=Fraction(2), unit_price=Fraction(19), detail=detail), ALONE)
    (step,) = found.steps
    assert [(one.name, one.value) for one in step.factors] == [
        ("price", 19),
        ("quantity", 2),
        ("share", Fraction(27, 31)),
    ]
    assert (found.exact, found.amount_minor, found.wrong) == (Fraction(1026, 31), 3310, ())


def test_a_line_that_its_steps_do_not_bear_out_says_both_numbers_and_the_difference() -> None:
    found = explain_line(3, line(1901, unit_price=Fraction(19), detail={"exact": "19"}), ALONE)
    assert found.wrong == ("line 3: its steps come to 19.00 EUR, billed was 19.01 EUR (difference 0.01 EUR)",)


def test_half_a_cent_goes_away_from_zero() -> None:
    for price, minor in ((Fraction("0.005"), 1), (Fraction("-0.005"), -1), (Fraction("0.0049"), 0)):
        found = explain_line(1, line(minor, unit_price=price, detail={}), ALONE)
        assert found.rounded_minor == minor


def test_units_that_nobody_paid_for_are_missed() -> None:
    found = explain_line(1, used(detail={"included": "9"}), ALONE)
    assert found.wrong == ("line 1: 6 units are left to charge, charged were 5",)


def test_grants_sum_to_what_the_wallet_paid() -> None:
    found = explain_line(1, used(detail={"wallet": "5", "grants": {"grant_1": "4"}, "quantity": "20"}), ALONE)
    assert any("its grants paid 4 units, the wallet 5" in one for one in found.wrong)


def test_a_tier_whose_product_was_altered_is_named() -> None:
    parts = [{"label": "each", "quantity": "5", "unit_price": "0.1", "amount": "0.6"}]
    found = explain_line(1, used(detail={"parts": parts}), ALONE)
    assert found.wrong == ("line 1: its step 'each' is not quantity × price",)


@pytest.mark.parametrize("text", ["", "a", "1/0", "nan", None])
def test_a_detail_that_cannot_be_read_explains_nothing(text: str | None) -> None:
    found = explain_line(1, line(100, kind="minimum", detail={"minimum": text, "charged": "1"}), ALONE)
    assert found.steps == ()
    assert "nothing is kept of how its amount was found" in found.wrong[0]


def test_a_minimum_that_was_billed_again_is_compared_with_what_was_billed_before() -> None:
    """26.70 was short, 0.15 more usage makes it 26.55: -0.15."""
    before = line(2670, kind="minimum", charge_key="minimum", detail={"minimum": "40", "charged": "13.3"})
    again = line(-15, kind="late_usage", charge_key="minimum", detail={"difference_minor": "-15"})
    around = Around(EURO, earlier=(EarlierLine("INV-1", 2, before),))
    found = explain_line(1, again, around)
    assert found.late is not None
    assert (found.late.before_minor, found.late.now_minor, found.amount_minor) == (2670, 2655, -15)
    assert found.wrong == ()


def test_what_is_taken_back_knows_the_discounts_that_were_given() -> None:
    """0.50 now, 2.00 before of which 1.50 were paid: 1.50 less, × 150/200 = 1.125, so 1.13."""
    before = EarlierLine("INV-1", 1, used(200, discount_minor=50))
    detail = {"difference_minor": "-150", "charged_before_minor": "200"}
    again = used(-113, detail=detail, kind="late_usage", quantity=Fraction(-10))
    found = explain_line(1, again, Around(EURO, earlier=(before,)))
    assert found.late is not None
    assert (found.late.difference_minor, found.late.amount_minor, found.wrong) == (-150, -113, ())


# --- discounts and taxes


def issued(*lines: Line, discounts: tuple[Discount, ...] = (), taxes: tuple[Tax, ...] = ()) -> Invoice:
    made = replace(draft(*lines), discounts=discounts, taxes=taxes)
    return Invoice(
        "inv_1", "INV-1", InvoiceStatus.OPEN, made,
        made.subtotal_minor, made.discount_minor, made.tax_minor, made.total_minor,
    )  # fmt: skip


def test_a_percentage_is_of_what_the_one_before_left_and_a_fixed_amount_comes_last() -> None:
    """100.00: 10% is 10.00, 20% of the 90.00 left 18.00, then 5.00 off at most 72.00."""
    ten, twenty, five = percent("0.1", "ten"), percent("0.2", "twenty"), fixed("five", EUR="5")
    discounts = (
        Discount("ten", ten.id, 1000),
        Discount("twenty", twenty.id, 1800),
        Discount("five", five.id, 500),
    )
    invoice = issued(line(10000, discount_minor=3300), discounts=discounts)
    known = {one.id: one for one in (ten, twenty, five)}
    (shares,) = discount_shares(invoice.draft, known)
    assert [(one.coupon, one.left_minor, one.share_minor) for one in shares] == [
        ("ten", 10000, 1000),
        ("twenty", 9000, 1800),
        ("five", 7200, 500),
    ]
    assert [*wrong_money(invoice, known)] == []


def test_a_coupon_of_one_plan_discounts_its_lines_alone() -> None:
    """20% of the 30.00 of pro, nothing of the 10.00 of the other."""
    coupon = percent("0.2", "pro", plans=("pro",))
    lines = (line(3000, discount_minor=600), line(1000, plan="other", charge_key="fee:other"))
    invoice = issued(*lines, discounts=(Discount("pro", coupon.id, 600),))
    shares = discount_shares(invoice.draft, {coupon.id: coupon})
    assert [[one.share_minor for one in several] for several in shares] == [[600], []]
    assert shares[0][0].covered == (1,)


def test_a_discount_without_a_coupon_is_said() -> None:
    invoice = issued(line(1000, discount_minor=100), discounts=(Discount("gone", "cou_9", 100),))
    assert "its discount gone has no coupon that was applied" in [*wrong_money(invoice, {})]


def test_a_tax_inside_the_price_is_contained_and_its_rate_is_dated() -> None:
    """119.00 contain 119 - 119/1.19 = 19.00 on 100.00."""
    share = TaxShare("vat", Decimal("0.19"), 1900, True)
    tax = Tax("vat", "VAT", Decimal("0.19"), 10000, 1900, True)
    invoice = issued(line(11900, taxes=(share,)), taxes=(tax,))
    rates = ((date(2020, 7, 1), Decimal("0.16")), (date(2021, 1, 1), Decimal("0.19")))
    declared = {"vat": TaxRate("vat", rates=rates, included=True)}
    (part,) = tax_parts(invoice.draft, invoice.draft.lines[0], declared)
    assert (part.net_minor, part.share_minor, part.base_minor, part.since) == (
        10000, 1900, 10000, date(2021, 1, 1),
    )  # fmt: skip
    assert [*wrong_money(invoice, {})] == []


def test_of_a_rate_that_the_catalog_does_not_have_any_more_no_date_is_said() -> None:
    share = TaxShare("vat", Decimal("0.19"), 190)
    invoice = issued(line(1000, taxes=(share,)), taxes=(Tax("vat", "VAT", Decimal("0.19"), 1000, 190),))
    for rates in ((), ((date(2020, 1, 1), Decimal("0.2")),)):
        (part,) = tax_parts(invoice.draft, invoice.draft.lines[0], {"vat": TaxRate("vat", rates=rates)})
        assert part.since is None
