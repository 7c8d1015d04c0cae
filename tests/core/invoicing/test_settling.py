"""What drafts come to together: balances, credit notes, coupons in time order; amounts are worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from planctl.core.catalog.model import Coupon
from planctl.core.customers import Customer
from planctl.core.document import Document
from planctl.core.invoicing.credits import LineCredit
from planctl.core.invoicing.facts import BilledLine
from planctl.core.invoicing.model import CreditDraft, CreditLine, Draft, Line
from planctl.core.invoicing.settling import Purse, Settled, made_by_itself, settled
from planctl.errors import Refused
from tests.core.billing import monthly, running, t
from tests.core.discounting import EURO, applied, draft, line, percent, tax

NOVA = Customer("nova", country="DE")
LATE = {"kind": "late_usage", "charge_key": "usage:minutes", "occasion": "late:1"}


def purse(**more: Any) -> Purse:
    return Purse(NOVA, **more)


def billed(amount: int, invoice: str = "inv_1", position: int = 1, **more: Any) -> BilledLine:
    """A usage line of January on a finalized invoice."""
    place: dict[str, Any] = {"credited": LineCredit(more.pop("credited", 0)), "void": more.pop("void", False)}
    usage = line(amount, kind="usage", charge_key="usage:minutes", **more)
    return BilledLine(invoice, position, usage, **place)


def late(amount: int) -> Line:
    return line(amount, **LATE)


def at(day: str, *lines: Line, period: int = 0) -> Draft:
    return replace(draft(*lines, period=period), at=t(day), issued_at=t(day))


def totals(found: Settled) -> list[tuple[int, int]]:
    """Total and what the balance pays of it, of every draft."""
    return [(one.total_minor, one.credit_minor) for one in found.drafts]


# --- the balance


def test_the_balance_pays_the_earlier_draft_first() -> None:
    drafts = [at("2026-01-01", line(1900)), at("2026-02-01", line(1900), period=1)]
    assert totals(settled(drafts, purse(balance={"EUR": 2500}))) == [(1900, 1900), (1900, 600)]


def test_a_balance_of_another_currency_pays_nothing() -> None:
    assert totals(settled([at("2026-01-01", line(1900))], purse(balance={"USD": 2500}))) == [(1900, 0)]


def test_the_balance_pays_the_total_with_tax_and_after_discounts() -> None:
    # 100.00 − 20 % = 80.00, + 19 % = 95.20.
    found = settled(
        [at("2026-01-01", line(10_000))],
        purse(balance={"EUR": 9000}, taxes=tax("vat", "0.19"), redemptions=(percent("0.2"),)),
    )
    assert totals(found) == [(9520, 9000)]


def test_nothing_to_pay_takes_nothing_from_the_balance() -> None:
    free = settled([at("2026-01-01", line(1000))], purse(balance={"EUR": 500}, redemptions=(percent("1"),)))
    assert totals(free) == [(0, 0)]


# --- coupons


def test_a_coupon_for_once_takes_off_the_earlier_draft_alone() -> None:
    drafts = [at("2026-01-01", line(1000)), at("2026-02-01", line(1000), period=1)]
    assert totals(settled(drafts, purse(redemptions=(percent("0.5"),)))) == [(500, 0), (1000, 0)]


# --- below zero


def test_a_credit_smaller_than_the_rest_is_a_line() -> None:
    found = settled([at("2026-03-01", line(1900), late(-300))], purse(billed=(billed(400),)))
    assert (totals(found), found.credits) == ([(1600, 0)], ())


def test_what_would_push_a_draft_below_zero_becomes_a_credit_note_and_pays_it_at_once() -> None:
    # 4.00 of usage, 9.00 back: 9.00 as a credit note, of which 4.00 pay this invoice.
    found = settled([at("2026-03-01", line(400), late(-900))], purse(billed=(billed(1000),)))
    assert totals(found) == [(400, 400)]
    (note,) = found.credits
    assert (note.invoice, note.to, note.total_minor) == ("inv_1", "balance", 900)
    assert [(one.position, one.net_minor) for one in note.lines] == [(1, 900)]
    assert made_by_itself(note.occasion)


def test_what_is_left_of_a_credit_note_pays_the_next_draft() -> None:
    drafts = [at("2026-03-01", line(400), late(-900)), at("2026-04-01", line(1900), period=1)]
    assert totals(settled(drafts, purse(billed=(billed(1000),)))) == [(400, 400), (1900, 500)]


def test_a_draft_of_credits_alone_is_no_invoice() -> None:
    found = settled([at("2026-03-01", late(-300))], purse(billed=(billed(400),)))
    assert found.drafts == ()
    assert [one.lines for one in found.emptied] == [()]
    assert [note.total_minor for note in found.credits] == [300]


def test_the_latest_invoice_is_credited_first_and_none_by_more_than_it_charged() -> None:
    before = (billed(400), billed(300, "inv_2", 3, occasion="late:1"))
    found = settled([at("2026-04-01", late(-600))], purse(billed=before))
    assert [(note.invoice, note.lines[0].position, note.total_minor) for note in found.credits] == [
        ("inv_2", 3, 300),
        ("inv_1", 1, 300),
    ]


def test_two_drafts_do_not_credit_the_same_amount_twice() -> None:
    drafts = [at("2026-03-01", late(-300)), at("2026-04-01", late(-300))]
    found = settled(drafts, purse(billed=(billed(400),)))
    assert [note.total_minor for note in found.credits] == [300, 100]


def taxed(amount: int) -> BilledLine:
    """A usage line of January that was charged with 19 %."""
    rates = tax("vat", "0.19")
    used = line(amount, kind="usage", charge_key="usage:minutes")
    return BilledLine("inv_1", 1, settled([at("2026-02-01", used)], purse(taxes=rates)).drafts[0].lines[0])


@pytest.mark.parametrize(
    "drafts",
    [
        [at("2026-03-01", late(-300)), at("2026-04-01", late(-300))],
        [at("2026-03-01", late(-300), late(-300))],
    ],
)
def test_credits_of_one_line_give_back_together_no_more_tax_than_was_charged(drafts: list[Draft]) -> None:
    # 4.00 with 0.76: 3.00 with 0.57 go back, and then the other 1.00 with 0.19.
    found = settled(drafts, purse(taxes=tax("vat", "0.19"), billed=(taxed(400),)))
    lines = [one for note in found.credits for one in note.lines]
    assert [(one.net_minor, one.tax_minor) for one in lines] == [(300, 57), (100, 19)]


def test_several_credits_on_one_invoice_give_back_no_more_than_was_charged() -> None:
    # 4.00 were charged: 3.00 go back, then the other 1.00, and of a third credit nothing.
    lines = (line(5000), late(-300), late(-300), late(-200))
    found = settled([at("2026-03-01", *lines)], purse(billed=(billed(400),)))
    assert [one.amount_minor for one in found.drafts[0].lines] == [5000, -300, -100]


def test_what_was_credited_before_is_not_credited_again() -> None:
    found = settled([at("2026-03-01", late(-300))], purse(billed=(billed(400, credited=250),)))
    assert [note.total_minor for note in found.credits] == [150]


def test_a_credit_of_charges_of_which_nothing_is_left_takes_nothing_off() -> None:
    # The usage of January was credited whole: that less of it was used gives nothing back once more.
    gone = purse(billed=(billed(400, credited=400),))
    assert totals(settled([at("2026-03-01", line(1900), late(-300))], gone)) == [(1900, 0)]
    taken = replace(billed(400), taken_off=LineCredit(250))
    found = settled([at("2026-03-01", line(1900), late(-300))], purse(billed=(taken,)))
    assert totals(found) == [(1900 - 150, 0)]


def test_nothing_of_a_void_invoice_or_of_another_charge_is_credited() -> None:
    other = BilledLine("inv_2", 1, line(400))
    found = settled([at("2026-03-01", late(-300))], purse(billed=(billed(400, void=True), other)))
    assert (found.drafts, found.credits) == ((), ())


def test_a_credit_gives_the_tax_back_that_was_charged_on_it() -> None:
    # 10.00 with 19 %: 11.90. 4.00 of it back: 4.00 + 0.76.
    rates = tax("vat", "0.19")
    first = settled(
        [at("2026-02-01", line(1000, kind="usage", charge_key="usage:minutes"))], purse(taxes=rates)
    )
    charged = BilledLine("inv_1", 1, first.drafts[0].lines[0])
    found = settled([at("2026-03-01", late(-400))], purse(taxes=rates, billed=(charged,)))
    assert [(note.tax_minor, note.total_minor) for note in found.credits] == [(76, 476)]


def test_a_credit_is_as_much_lower_as_the_discount_of_the_charge() -> None:
    # 8.00 with 20 % off: 6.40. 1.00 of it back is 0.80.
    found = settled(
        [at("2026-03-01", line(1900), late(-100))], purse(billed=(billed(800, discount_minor=160),))
    )
    assert totals(found) == [(1900 - 80, 0)]


@pytest.mark.parametrize(
    ("occasion", "own"),
    [
        ("renewal:2::0", True),
        ("late:0:late:1:0", True),
        ("final:11::3", True),
        ("cn_1", False),
        ("goodwill:1", False),
        ("renewal:2", False),
    ],
)
def test_a_credit_note_that_a_run_made_is_told_by_its_occasion(occasion: str, own: bool) -> None:
    assert made_by_itself(occasion) is own


def test_a_credit_takes_from_each_charge_what_it_charged_for_the_same_days() -> None:
    # 9.30 for 31 days, and from the 16th 8.00 more, discounted whole. Of the last 8 days 8/31 of 9.30 = 2.40 and
    # 8/16 of 8.00 = 4.00 are not used: 2.40 go back, for nothing was paid for the 4.00.
    base = replace(line(930, kind="quantity", charge_key="quantity:seats"), detail={"share": "1"})
    more = line(800, kind="proration_charge", charge_key="quantity:seats", discount_minor=800)
    added = replace(more, occasion="change:1", detail={"share": "16/31"})
    less = replace(
        line(-640, kind="proration_credit", charge_key="quantity:seats", occasion="change:2"),
        detail={"share": "8/31"},
    )
    found = settled(
        [at("2026-01-24", less)], purse(billed=(BilledLine("inv_1", 2, base), BilledLine("inv_2", 1, added)))
    )
    assert [(note.invoice, note.total_minor) for note in found.credits] == [("inv_1", 240)]


def test_a_charge_keeps_its_amount_where_the_same_was_charged_and_void() -> None:
    again = line(5000, kind="usage", charge_key="usage:minutes")
    before = billed(5000, void=True, discount_minor=500)
    assert totals(settled([at("2026-03-01", again)], purse(billed=(before,)))) == [(5000, 0)]


def test_an_invoice_beyond_the_largest_amount_is_refused_and_not_an_accident() -> None:
    # 9 × 10^14 minor units are an amount; with 19 % tax on them they are more than 10^15.
    drafts = [at("2026-01-01", line(900_000_000_000_000))]
    assert totals(settled(drafts, purse())) == [(900_000_000_000_000, 0)]
    with pytest.raises(Refused) as refused:
        settled(drafts, purse(taxes=tax("vat", "0.19")))
    error = refused.value
    assert (error.message, error.code, error.where, error.expected, error.hint) == (
        "an invoice of nova would come to 10710000000000.00 EUR",
        "invoice-too-large",
        "nova",
        "at most 10000000000000.00 EUR",
        "correct the usage or the price that it comes from",
    )


def test_the_largest_invoice_is_one_and_its_lines_come_to_no_more_before_discounts_either() -> None:
    assert totals(settled([at("2026-01-01", line(10**15))], purse())) == [(10**15, 0)]
    two = at("2026-01-01", line(6 * 10**14), line(6 * 10**14, charge_key="a"))
    with pytest.raises(Refused, match=r"would come to 12000000000000\.00 EUR"):
        settled([two], purse(redemptions=(percent("0.5"),)))


def test_a_credit_note_says_what_it_takes_back_and_why_in_every_field() -> None:
    less = line(-300, **LATE, description="Minutes counted twice")
    (note,) = settled([at("2026-03-01", less, period=2)], purse(billed=(billed(400),))).credits
    assert note == CreditDraft(
        customer="nova",
        invoice="inv_1",
        occasion="renewal:2::0",
        currency=EURO,
        lines=(CreditLine(1, "Pro", 300, (), "Minutes counted twice"),),
        issued_at=t("2026-03-01"),
    )


SEATS = {"charge_key": "quantity:seats"}


@pytest.mark.parametrize(
    ("credit", "base", "more", "back"),
    [
        # 8.00 for half a month and 8.00 for all of it: of a quarter of a month half of the first and a quarter.
        ("1/4", "1", "1/2", {"inv_2": 400, "inv_1": 200}),
        # Without a share of its own a charge gives all it has, the latest first; so do credits without one.
        ("1/4", "1", None, {"inv_2": 600}),
        (None, "1", "1/2", {"inv_2": 600}),
    ],
)
def test_a_credit_takes_of_each_charge_the_part_for_its_own_days(
    credit: str | None, base: str, more: str | None, back: dict[str, int]
) -> None:
    first = replace(line(800, kind="quantity", **SEATS), detail={"share": base})
    detail: Document = None if more is None else {"share": more}
    second = replace(line(800, kind="proration_charge", **SEATS), occasion="change:1", detail=detail)
    less = line(-600, kind="proration_credit", **SEATS)
    said: Document = None if credit is None else {"share": credit}
    less = replace(less, detail=said)
    found = settled(
        [at("2026-01-24", less)],
        purse(billed=(BilledLine("inv_1", 1, first), BilledLine("inv_2", 1, second))),
    )
    assert {note.invoice: note.total_minor for note in found.credits} == back


def test_only_a_credit_of_days_looks_at_days() -> None:
    first = replace(line(800, kind="quantity", **SEATS), detail={"share": "1"})
    second = replace(
        line(800, kind="proration_charge", **SEATS), occasion="change:1", detail={"share": "1/2"}
    )
    less = replace(line(-600, kind="late_usage", **SEATS), detail={"share": "1/4"})
    found = settled(
        [at("2026-01-24", less)],
        purse(billed=(BilledLine("inv_1", 1, first), BilledLine("inv_2", 1, second))),
    )
    assert {note.invoice: note.total_minor for note in found.credits} == {"inv_2": 600}


def test_a_coupon_gives_the_plan_after_a_change_what_the_days_before_it_did_not_use() -> None:
    # 9.00 were given in April. On the 16th another plan follows: of 30 days 15 keep 4.50, the other 4.50 are there.
    first = running(monthly("30"), "2026-04-01", id="sub_1", ends_at=t("2026-04-16"), end_reason="changed")
    second = running(monthly("30"), "2026-04-01", id="sub_2", follows="sub_1", started_at=t("2026-04-16"))
    niner = replace(applied(Coupon("niner", amounts={"EUR": Decimal(9)})), taken={0: 900})
    fee = line(3000, subscription="sub_2")
    after = replace(at("2026-04-16", fee), subscription="sub_2")
    assert totals(settled([after], purse(redemptions=(niner,), subscriptions=(first, second)))) == [(2550, 0)]


def test_a_credit_of_just_what_is_charged_is_a_line_and_no_credit_note() -> None:
    found = settled([at("2026-03-01", line(300), late(-300))], purse(billed=(billed(400),)))
    assert found.credits == ()
    assert [one.amount_minor for one in found.drafts[0].lines] == [300, -300]


def test_taxes_are_rounded_as_the_business_says() -> None:
    # 19 % of 0.50 are 9.5 cents: 10 and 10 by the line, 19 on the sum.
    two = at("2026-01-01", line(50), line(50, charge_key="quantity:seats"))
    assert totals(settled([two], purse(taxes=tax("vat", "0.19"), rounding="line"))) == [(120, 0)]
    assert totals(settled([two], purse(taxes=tax("vat", "0.19")))) == [(119, 0)]


def test_a_line_of_nothing_is_no_credit() -> None:
    free, penny = line(0, charge_key="fee:a"), line(1, charge_key="fee:b")
    found = settled([at("2026-03-01", free, penny, late(-300))], purse(billed=(billed(400),)))
    assert [one.amount_minor for one in found.drafts[0].lines] == [0, 1]
    assert [note.total_minor for note in found.credits] == [300]


def test_lines_after_a_credit_of_which_nothing_is_left_are_charged() -> None:
    gone = purse(billed=(billed(400, credited=400),))
    assert totals(settled([at("2026-03-01", late(-300), line(1900))], gone)) == [(1900, 0)]


@pytest.mark.parametrize(
    ("before", "total"),
    [
        # Another charge gives nothing back, nor does one of nothing: the credit stays whole.
        (BilledLine("inv_1", 1, line(400)), 1900 - 300),
        (billed(0), 1900 - 300),
        # A cent that was charged goes back; one that went back before does not.
        (billed(1), 1900 - 1),
        (billed(1, credited=1), 1900),
    ],
)
def test_a_credit_is_whole_where_nothing_of_its_charge_was_billed(before: BilledLine, total: int) -> None:
    found = settled([at("2026-03-01", line(1900), late(-300))], purse(billed=(before,)))
    assert totals(found) == [(total, 0)]


def test_what_the_days_of_a_charge_do_not_give_comes_from_the_rest_of_each() -> None:
    # Of a quarter 2.00 of the first 8.00, and of the second, for half and discounted whole, 4.00 that nobody paid.
    # Of 12.00 6.00 are left: the second's other 4.00, which nobody paid, and 2.00 more of the first.
    first = replace(line(800, kind="quantity", **SEATS), detail={"share": "1"})
    more = line(800, kind="proration_charge", discount_minor=800, **SEATS)
    second = replace(more, occasion="change:1", detail={"share": "1/2"})
    less = replace(line(-1200, kind="proration_credit", **SEATS), detail={"share": "1/4"})
    found = settled(
        [at("2026-01-24", less)],
        purse(billed=(BilledLine("inv_1", 1, first), BilledLine("inv_2", 1, second))),
    )
    assert [(note.invoice, note.total_minor) for note in found.credits] == [("inv_1", 400)]


def seats(
    *credits: tuple[int, str], more: Line, share: str = "1/2", credited: int = 0
) -> dict[str, list[int]]:
    """What credits of days take back of 8.00 for a whole month (inv_1), and of `more` for a share of it (inv_2)."""
    first = replace(line(800, kind="quantity", **SEATS), detail={"share": "1"})
    second = replace(more, kind="proration_charge", occasion="change:1", detail={"share": share})
    charged = (BilledLine("inv_1", 1, first), BilledLine("inv_2", 1, second, LineCredit(credited)))
    less = [
        replace(line(-amount, kind="proration_credit", **SEATS), detail={"share": days})
        for amount, days in credits
    ]
    found: dict[str, list[int]] = {}
    for note in settled([at("2026-01-24", *less)], purse(billed=charged)).credits:
        found[note.invoice] = [one.net_minor for one in note.lines]
    return found


def test_a_credit_is_of_the_days_that_the_latest_charge_has_in_full() -> None:
    # A quarter of a month is half of 8.00 for half a month: all of 4.00 from there.
    assert seats((400, "1/4"), more=line(800, **SEATS)) == {"inv_2": [400]}


def test_no_charge_gives_more_days_than_it_had() -> None:
    # 8.00 for a quarter, discounted whole, use up 8.00 of the credit for half a month; the first gives its half.
    free = line(800, discount_minor=800, **SEATS)
    assert seats((1200, "1/2"), more=free, share="1/4") == {"inv_1": [400]}


def test_days_that_were_given_back_before_are_not_given_again() -> None:
    # Of 8.00 discounted to 4.00 the credited 2.00 were a half, the days of the credit: only the first gives.
    half = line(800, discount_minor=400, **SEATS)
    assert seats((200, "1/4"), more=half, credited=200) == {"inv_1": [200]}


def test_days_that_an_earlier_credit_of_the_run_gave_back_are_not_given_again() -> None:
    # The first credit takes the quarter of the latest charge, 4.00 of 8.00; the second finds it in the first charge.
    found = seats((400, "1/4"), (200, "1/4"), more=line(800, **SEATS))
    assert found == {"inv_2": [400], "inv_1": [200]}


def test_what_a_cent_of_discount_leaves_over_comes_from_the_next_charge() -> None:
    # 3.00 discounted to 1.00: the 1.00 of a third of a month is 0.33, which is 0.99 before the discount.
    # Of 2.00 the other 1.01 come from the first charge.
    third = line(300, discount_minor=200, **SEATS)
    assert seats((200, "1/3"), more=third, share="1") == {"inv_2": [33], "inv_1": [101]}


def test_what_is_left_of_a_charge_is_taken_before_its_discount() -> None:
    # 3.00 discounted to 1.00, of which 0.50 went back: the other 0.50 are 1.50 of the 3.00 to be taken back.
    cheap = replace(billed(300, "inv_2", discount_minor=200, credited=50), position=1)
    found = settled([at("2026-03-01", late(-300))], purse(billed=(billed(400), cheap)))
    assert {note.invoice: note.total_minor for note in found.credits} == {"inv_2": 50, "inv_1": 150}


def test_a_credit_that_one_charge_gives_takes_no_cent_of_another() -> None:
    # 1.00 of 3.00 discounted to 1.00 is 0.33; what rounding left over is nobody's.
    cheap = billed(300, "inv_2", discount_minor=200)
    found = settled([at("2026-03-01", late(-100))], purse(billed=(billed(400), cheap)))
    assert {note.invoice: note.total_minor for note in found.credits} == {"inv_2": 33}


def test_the_last_credit_of_a_line_in_a_run_takes_the_tax_that_is_left() -> None:
    # 1.50 with 0.29 (28.5 rounded): half of it is 14.5, so 0.15 go back first and 0.14 with the rest.
    drafts = [at("2026-03-01", late(-75)), at("2026-04-01", late(-75))]
    found = settled(drafts, purse(taxes=tax("vat", "0.19"), billed=(taxed(150),)))
    assert [(note.total_minor, note.tax_minor) for note in found.credits] == [(90, 15), (89, 14)]
