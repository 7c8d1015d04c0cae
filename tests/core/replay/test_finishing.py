"""Discounts and taxes of a replayed statement: as they stood when it was issued, and as the proposal declares them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from planctl.core.catalog.model import Coupon, TaxRate
from planctl.core.coupons import Redemption
from planctl.core.customers import Customer
from planctl.core.invoicing.model import Draft, Tax, TaxShare
from planctl.core.invoicing.taxation import Rounding
from planctl.core.replay.account import Account, CouponUse, House, Redeemed
from planctl.core.replay.finishing import Finisher, Taxing, held_draft, proposed_taxing
from tests.core.billing import monthly, running, t
from tests.core.replay.books import account, draft_of, line, statement

NOVA = running(monthly(), "2026-01-01")
FIRST = statement("inv_1", "2026-01-01", [line(19_00)])
SECOND = statement("inv_2", "2026-02-01", [line(19_00, index=1)])
UNTAXED = Taxing(Customer("nova"), {}, "invoice")
HALF = Coupon("half", percent=Decimal("0.5"), periods=1)


def vat(rate: str, code: str = "vat") -> TaxRate:
    """A tax with one rate for all days."""
    return TaxRate(code, "VAT", rates=((date.min, Decimal(rate)),))


def draft(number: int = 0) -> Draft:
    """One of the two statements before discounts and taxes."""
    one = (FIRST, SECOND)[number]
    return replace(draft_of(NOVA, one), period_index=number)


def with_coupon(applied: str, removed: str = "", **more: object) -> Account:
    """Both statements, and a coupon that was applied on one day and taken off on another."""
    redemption = Redemption("red_1", "nova", "sub_1", HALF, t(applied))
    redeemed = Redeemed(redemption, t(removed) if removed else None)
    return replace(account(NOVA, [FIRST, SECOND]), redeemed=(redeemed,), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("applied", "removed", "discount"),
    [
        ("2026-01-01", "", 9_50),
        ("2026-01-02", "", 0),  # after it was issued
        ("2025-12-01", "2026-01-01", 0),  # it was off by then
        ("2025-12-01", "2026-01-02", 9_50),
    ],
)
def test_a_coupon_counts_as_it_stood_when_the_invoice_was_issued(
    applied: str, removed: str, discount: int
) -> None:
    done = Finisher(with_coupon(applied, removed)).finish(FIRST, draft(), UNTAXED)
    assert done.discount_minor == discount


def test_a_coupon_for_one_period_is_used_by_the_statement_before() -> None:
    finisher = Finisher(with_coupon("2026-01-01"))
    first = finisher.finish(FIRST, draft(), UNTAXED)
    assert finisher.finish(SECOND, draft(1), UNTAXED).discount_minor == 9_50  # nothing is kept yet
    finisher.keep(FIRST, first.discounts, first)
    assert finisher.finish(SECOND, draft(1), UNTAXED).discount_minor == 0
    assert finisher.finish(FIRST, draft(), UNTAXED).discount_minor == 9_50  # not by one after it


def test_what_was_used_outside_the_period_is_used_and_inside_it_is_replayed() -> None:
    used = CouponUse("red_1", "inv_1", "sub_1", 0, 9_50)
    before = replace(with_coupon("2026-01-01", uses=(used,)), inside=frozenset({"inv_2"}))
    assert Finisher(before).finish(SECOND, draft(1), UNTAXED).discount_minor == 0
    within = with_coupon("2026-01-01", uses=(used,))
    assert Finisher(within).finish(SECOND, draft(1), UNTAXED).discount_minor == 9_50


def test_what_would_be_below_zero_is_left_to_credit_notes() -> None:
    lines = (line(10_00), line(-30_00, "quantity:seats"))
    done = Finisher(account(NOVA, [FIRST])).finish(FIRST, replace(draft(), lines=lines), UNTAXED)
    assert [one.amount_minor for one in done.lines] == [10_00]
    even = (line(30_00), line(-30_00, "quantity:seats"))
    nothing = Finisher(account(NOVA, [FIRST])).finish(FIRST, replace(draft(), lines=even), UNTAXED)
    assert len(nothing.lines) == 2


@pytest.mark.parametrize(("rounding", "tax"), [("invoice", 1), ("line", 2)])
def test_the_way_of_rounding_is_that_under_which_the_taxes_come_out_as_issued(
    rounding: Rounding, tax: int
) -> None:
    # twice 5 % of 0.10: 0.005 is 0.01 each, 0.01 together
    lines = (line(10), line(10, "quantity:seats"))
    issued = statement("inv_1", "2026-01-01", lines)
    rate = {"vat": vat("0.05")}
    of_whom = Customer("nova", tax="vat")
    stood = Finisher(account(NOVA, [issued])).finish(
        issued, replace(draft(), lines=lines), Taxing(of_whom, rate, rounding)
    )
    assert stood.tax_minor == tax
    known = account(NOVA, [issued], drafts={"inv_1": stood}, customer=of_whom)
    found, taxing = held_draft(Finisher(known), House(rate, rate), issued, replace(draft(), lines=lines))
    assert (found.tax_minor, taxing.rounding) == (tax, rounding)


def test_a_tax_that_is_not_declared_any_more_is_read_from_the_invoice_day_by_day() -> None:
    before = line(10_00, taxes=(TaxShare("old", Decimal("0.10"), 1_00),))
    since = line(
        10_00, "fee", 1, starts_at=t("2026-02-01"), ends_at=t("2026-03-01"),
        taxes=(TaxShare("old", Decimal("0.20"), 2_00),),
    )  # fmt: skip
    taxes = (Tax("old", "Old", Decimal("0.10"), 10_00, 1_00), Tax("old", "Old", Decimal("0.20"), 10_00, 2_00))
    issued = replace(draft(), lines=(before, since), taxes=taxes)
    known = account(NOVA, [FIRST], drafts={"inv_1": issued}, customer=Customer("nova", tax="old"))
    bare = replace(draft(), lines=(replace(before, taxes=()), replace(since, taxes=())))
    found, _ = held_draft(Finisher(known), House(), FIRST, bare)
    assert found.taxes == taxes


def test_only_a_tax_that_the_proposal_declares_otherwise_is_the_proposals() -> None:
    held = {"vat": vat("0.19"), "city": vat("0.01", "city")}
    stood = Taxing(Customer("nova"), {"vat": vat("0.16"), "city": vat("0.01", "city")}, "line")
    renamed = replace(held["vat"], name="Value added tax")
    assert proposed_taxing(stood, House(held, {**held, "vat": renamed})) == stood
    raised = proposed_taxing(stood, House(held, {**held, "vat": vat("0.20")}))
    assert raised == Taxing(Customer("nova"), {**stood.taxes, "vat": vat("0.20")}, "line")
