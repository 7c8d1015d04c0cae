"""What drafts come to together: balances, credit notes, coupons in time order; amounts are worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from planctl.core.customers import Customer
from planctl.core.invoicing.credits import LineCredit
from planctl.core.invoicing.facts import BilledLine
from planctl.core.invoicing.model import Draft, Line
from planctl.core.invoicing.settling import Purse, Settled, made_by_itself, settled
from planctl.errors import Refused
from tests.core.billing import t
from tests.core.discounting import draft, line, percent, tax

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
    with pytest.raises(Refused, match=r"would come to 10710000000000\.00 EUR"):
        settled(drafts, purse(taxes=tax("vat", "0.19")))
