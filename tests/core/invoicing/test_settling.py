"""What drafts come to together: balances, credit notes, coupons in time order; amounts are worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from planctl.core.customers import Customer
from planctl.core.document import Document
from planctl.core.invoicing.credits import LineCredit
from planctl.core.invoicing.facts import BilledLine
from planctl.core.invoicing.model import CreditDraft, CreditLine, Draft, Line
from planctl.core.invoicing.settling import Purse, Settled, made_by_itself, settled
from planctl.errors import Refused
from tests.core.billing import t
from tests.core.discounting import EURO, draft, line, percent, tax

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
