"""What was charged ahead for time that is not used: the same share of it, and nothing twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

import pytest

from planctl.core.document import Document
from planctl.core.invoicing.credits import LineCredit
from planctl.core.invoicing.facts import BilledLine, GivesBack
from planctl.core.invoicing.model import Line, TaxShare
from planctl.core.invoicing.unused import gross_credit, is_unused, shifted, unused_lines
from planctl.core.periods import Instant
from planctl.core.subscriptions.model import BlockedSpan, Subscription
from tests.core.billing import DECLARED, monthly, running, t

PLAN = running(monthly("30"), "2026-04-01")
APRIL, MID, MAY = t("2026-04-01"), t("2026-04-16"), t("2026-05-01")


def charged(amount_minor: int, **changes: Any) -> Line:
    """A line of April for the fee of sub_1."""
    said: dict[str, Any] = {
        "kind": "fee", "subscription": "sub_1", "plan": "starter", "plan_version": 1, "charge_key": "fee",
        "service_index": 0, "description": "Starter", "quantity": Fraction(1), "unit_price": None,
        "amount_minor": amount_minor, "starts_at": APRIL, "ends_at": MAY,
    }  # fmt: skip
    return Line(**(said | changes))


def on_invoice(line: Line, invoice: str = "inv_1", credited: int = 0, *, void: bool = False) -> BilledLine:
    return BilledLine(invoice, 1, line, LineCredit(credited), void, 0)


def unused(*billed: BilledLine, at: Instant = MID, subscription: Subscription = PLAN) -> list[Line]:
    return list(unused_lines(subscription, at, billed, {}, "sub_2"))


def amounts(lines: Sequence[Line]) -> list[int]:
    return [line.amount_minor for line in lines]


def test_a_credit_is_the_share_of_the_days_that_are_left() -> None:
    (credit,) = unused(on_invoice(charged(30_00)))
    assert (credit.kind, credit.charge_key, credit.service_index, credit.occasion) == (
        "proration_credit", "fee", 0, "sub_2",
    )  # fmt: skip
    assert (credit.amount_minor, credit.starts_at, credit.ends_at) == (-15_00, MID, MAY)
    assert credit.description == "starter · unused (15 of 30 days)"
    assert is_unused(credit)
    assert not is_unused(charged(30_00))


def test_it_is_rounded_once_half_away_from_zero() -> None:
    assert amounts(unused(on_invoice(charged(33)))) == [-17]  # 16.5
    assert amounts(unused(on_invoice(charged(10_00)), at=t("2026-04-21"))) == [-3_33]  # 333.33…


def test_the_day_of_the_change_is_unused() -> None:
    assert amounts(unused(on_invoice(charged(30_00)), at=t("2026-04-16T23:59:59Z"))) == [-15_00]
    assert amounts(unused(on_invoice(charged(30_00)), at=t("2026-04-30T23:59:59Z"))) == [-1_00]


def test_at_the_periods_start_all_of_it_is_unused_and_at_its_end_nothing() -> None:
    (whole,) = unused(on_invoice(charged(30_00)), at=APRIL)
    assert (whole.amount_minor, whole.description) == (-30_00, "starter · unused")
    assert unused(on_invoice(charged(30_00)), at=MAY) == []


@pytest.mark.parametrize(("proration", "amount"), [("day", -15_00), ("second", -14_50), ("none", -30_00)])
def test_it_is_counted_as_the_terms_prorate(proration: Literal["day", "second", "none"], amount: int) -> None:
    plan = replace(PLAN, terms=replace(PLAN.terms, proration=proration))
    found = unused(on_invoice(charged(30_00)), at=t("2026-04-16T12:00:00Z"), subscription=plan)
    assert amounts(found) == [amount]


def test_of_a_part_that_was_charged_the_same_days_go_back() -> None:
    part = charged(21_00, starts_at=t("2026-04-10"))  # 21 of 30 days
    assert amounts(unused(on_invoice(part))) == [-15_00]
    assert amounts(unused(on_invoice(part), at=t("2026-04-10T17:00:00Z"))) == [-21_00]


def test_what_was_charged_in_parts_goes_back_as_one() -> None:
    more = charged(6_67, starts_at=t("2026-04-11"), kind="proration_charge")  # 20 days
    found = unused(on_invoice(charged(25_00)), on_invoice(more, "inv_2"))
    assert amounts(found) == [-17_50]  # 12.50 + 6.67 x 15/20 = 17.5025


def test_what_took_money_off_counts_as_it_did() -> None:
    less = charged(-10_00, starts_at=t("2026-04-11"), kind="proration_credit")  # 20 days
    found = unused(on_invoice(charged(30_00)), on_invoice(less, "inv_2"))
    assert amounts(found) == [-7_50]  # 15.00 - 7.50


def test_fee_and_quantities_go_back_each_for_itself() -> None:
    seats = charged(60_00, charge_key="quantity:seats", feature="seats", kind="quantity")
    found = unused(on_invoice(charged(30_00)), on_invoice(seats))
    assert [(line.charge_key, line.feature, line.amount_minor) for line in found] == [
        ("fee", "", -15_00),
        ("quantity:seats", "seats", -30_00),
    ]


def test_what_credit_notes_took_back_is_not_given_twice() -> None:
    assert amounts(unused(on_invoice(charged(30_00), credited=10_00))) == [-5_00]
    assert unused(on_invoice(charged(30_00), credited=15_00)) == []
    assert unused(on_invoice(charged(30_00), credited=20_00)) == []


def test_what_they_took_back_of_a_discounted_line_counts_before_its_discount() -> None:
    line = charged(30_00, discount_minor=6_00)  # 24.00 paid; 4.00 of them are 5.00 before the discount
    assert amounts(unused(on_invoice(line, credited=4_00))) == [-10_00]


@pytest.mark.parametrize(
    "line",
    [
        charged(30_00, subscription="sub_other"),
        charged(30_00, charge_key="usage:minutes", kind="usage"),
        charged(30_00, charge_key="minimum", kind="minimum"),
        charged(30_00, ends_at=None, kind="one_off"),
        charged(30_00, ends_at=MID),
    ],
    ids=["another's", "usage", "minimum", "one-off", "used-up"],
)
def test_only_what_was_charged_ahead_for_later_days_goes_back(line: Line) -> None:
    assert unused(on_invoice(line)) == []


def test_a_void_invoice_charged_nothing() -> None:
    assert unused(on_invoice(charged(30_00), void=True)) == []


def test_a_credit_can_be_read_again_before_its_discounts() -> None:
    (credit,) = unused(on_invoice(charged(30_00, discount_minor=6_00)))
    discounted = replace(credit, amount_minor=-12_00)
    assert gross_credit(discounted, DECLARED["USD"]).amount_minor == -15_00


def test_a_credit_says_in_every_field_what_it_gives_back() -> None:
    # 25.00 discounted to 20.00, of which 4.00 went back: 5.00 before the discount. Half of 25.00 less 5.00 is 7.50;
    # 15 of 20 days of 6.67 are 5.0025.
    more = charged(6_67, starts_at=t("2026-04-11"), kind="proration_charge")
    found = unused(
        on_invoice(charged(25_00, discount_minor=5_00), credited=4_00),
        replace(on_invoice(more, "inv_2"), position=3),
    )
    first: Document = {
        "invoice": "inv_1",
        "position": "1",
        "amount": "25",
        "net": "20",
        "part": "0.5",
        "credited": "5",
    }
    second: Document = {
        "invoice": "inv_2", "position": "3", "amount": "6.67", "net": "6.67", "part": "0.75", "credited": "0",
    }  # fmt: skip
    assert found == [
        Line(
            kind="proration_credit",
            subscription="sub_1",
            plan="starter",
            plan_version=1,
            charge_key="fee",
            service_index=0,
            description="starter · unused (15 of 30 days)",
            quantity=Fraction(1),
            unit_price=None,
            amount_minor=-12_50,
            starts_at=MID,
            ends_at=MAY,
            occasion="sub_2",
            detail={
                "exact": "-12.5025",
                "share": "0.5",
                "share_text": "15 of 30 days",
                "charged": [first, second],
            },
        )
    ]


def test_a_credit_names_what_it_gives_back_as_the_catalog_does() -> None:
    names = {
        "plans.starter": "Starter", "addons.starter": "Extra", "features.seats": "Seats", "plans.pro": "Pro",
    }  # fmt: skip
    seats = charged(60_00, charge_key="quantity:seats", feature="seats", kind="quantity")
    lines = [on_invoice(charged(30_00)), on_invoice(seats)]

    def described(subscription: Subscription) -> list[str]:
        found = unused_lines(subscription, MID, lines, names, "sub_2")
        return [line.description for line in found]

    rest = "unused (15 of 30 days)"
    assert described(PLAN) == [f"Starter · {rest}", f"Seats · {rest}"]
    addon = replace(PLAN, terms=replace(PLAN.terms, kind="addon"))
    assert described(addon) == [f"Extra · {rest}", f"Seats · {rest}"]
    names.clear()
    assert described(PLAN) == [f"starter · {rest}", f"seats · {rest}"]


def test_a_credit_is_for_the_days_of_what_it_gives_back_and_of_the_plan_that_stops() -> None:
    # What was charged for from the 21st on, by a plan of another name and version, is not used from then on.
    later = charged(9_00, starts_at=t("2026-04-21"), ends_at=t("2026-04-30"), plan="old", plan_version=7)
    last = charged(1_00, starts_at=t("2026-04-30"))
    (credit,) = unused(on_invoice(later), on_invoice(last))
    assert (credit.starts_at, credit.ends_at) == (t("2026-04-21"), MAY)
    assert (credit.plan, credit.plan_version, credit.amount_minor) == ("starter", 1, -10_00)
    assert credit.description == "old · unused (10 of 30 days)"


def test_what_was_used_up_or_had_no_day_is_no_part_of_a_credit() -> None:
    over = charged(15_00, ends_at=MID, plan="old")
    (credit,) = unused(on_invoice(over), on_invoice(charged(15_00, starts_at=MID), "inv_2"))
    assert credit.description == "starter · unused (15 of 30 days)"
    hours = charged(5_00, starts_at=t("2026-04-20T09:00:00Z"), ends_at=t("2026-04-20T15:00:00Z"))
    assert unused(on_invoice(hours)) == []


def test_lines_that_are_passed_over_hide_none_after_them() -> None:
    of_another, mine = charged(30_00, subscription="sub_9"), charged(30_00)
    assert amounts(unused(on_invoice(of_another), on_invoice(mine))) == [-15_00]
    gone = charged(5_00, charge_key="quantity:seats", feature="seats")
    assert amounts(unused(on_invoice(gone, credited=5_00), on_invoice(mine))) == [-15_00]


def test_a_line_of_nothing_and_one_discounted_whole_count_as_they_are() -> None:
    # Nothing was paid for the 6.00 of seats, so that no discount stands before what went back of them: 3.00 go back.
    free = charged(6_00, discount_minor=6_00)
    assert amounts(unused(on_invoice(free))) == [-3_00]
    assert amounts(unused(on_invoice(charged(0)), on_invoice(charged(30_00), "inv_2"))) == [-15_00]
    assert amounts(unused(on_invoice(charged(1)))) == [-1]  # half a cent
    assert unused(on_invoice(charged(1), credited=1)) == []


def test_what_took_off_more_than_was_charged_gives_nothing_back() -> None:
    less = charged(-40_00, starts_at=t("2026-04-11"), kind="proration_credit")  # 15/20 of it: 30.00
    assert unused(on_invoice(charged(30_00)), on_invoice(less, "inv_2")) == []


def test_a_credit_before_its_discounts_has_neither_these_nor_taxes() -> None:
    (credit,) = unused(on_invoice(charged(30_00)))
    paid = (TaxShare("vat", Decimal("0.19"), -2_28, False),)
    gross = gross_credit(replace(credit, discount_minor=7, amount_minor=-12_00, taxes=paid), DECLARED["USD"])
    assert gross == credit
    assert gross_credit(replace(credit, detail={}), DECLARED["USD"]).amount_minor == 0


# --- periods that a payment shifts


LIFTED = BlockedSpan(t("2026-04-10"), MID, "pay_1", "blocked")
SHIFTED = replace(PLAN, blocked=(LIFTED,), anchors=(MID,), settled_at=t("2026-04-10"))


def test_a_shift_that_no_run_has_billed_gives_back_the_rest_of_the_old_period() -> None:
    assert shifted(SHIFTED) == GivesBack(MID, "pay_1")


@pytest.mark.parametrize(
    "one",
    [
        PLAN,
        replace(SHIFTED, settled_at=MID),
        replace(SHIFTED, anchors=()),
        replace(SHIFTED, blocked=(replace(LIFTED, ends_at=None),)),
        replace(SHIFTED, blocked=(replace(LIFTED, kind="paused"),)),
        replace(SHIFTED, trial_ends_at=MID),
        replace(SHIFTED, anchors=(t("2026-04-05"),)),
        replace(SHIFTED, anchors=(t("2026-04-10"),), settled_at=t("2026-04-01")),
    ],
    ids=["never", "billed", "kept", "open", "pause", "trial", "before", "at-its-start"],
)
def test_anything_else_is_no_shift(one: Subscription) -> None:
    assert shifted(one) is None
