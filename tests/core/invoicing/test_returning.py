"""What goes back when a subscription stops, as credit notes; every amount is worked out by hand in cents."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planctl.core.customers import Customer
from planctl.core.invoicing.credits import LineCredit
from planctl.core.invoicing.facts import BilledLine
from planctl.core.invoicing.fees import fee_lines
from planctl.core.invoicing.model import CreditDraft, CreditLine, Settlement
from planctl.core.invoicing.returning import Unused, check_charged, unused_credits, with_credits
from planctl.core.invoicing.settling import Purse
from planctl.core.subscriptions.dues import FEE, due_of
from planctl.core.subscriptions.model import BlockedSpan, Subscription
from planctl.errors import Refused
from tests.core.billing import DECLARED, facts_of, monthly, running, t


def plan() -> Subscription:
    """30.00 a month from 1 April on."""
    return running(monthly("30"), "2026-04-01")


def addon() -> Subscription:
    return replace(running(monthly("6"), "2026-04-01"), id="sub_2", plan="extra", base="sub_1")


def billed(one: Subscription, invoice: str, back: int = 0, *, void: bool = False) -> BilledLine:
    """April's fee on an invoice of its own, of which some cents went back already."""
    (line,) = fee_lines(one, due_of(one, FEE, 0), {})
    return BilledLine(invoice, 1, line, LineCredit(back), void)


def credits(
    *several: Subscription, at: str = "2026-04-11", lines: tuple[BilledLine, ...]
) -> list[CreditDraft]:
    unused = [Unused(one, t(at)) for one in several]
    return list(unused_credits(unused, Purse(Customer("nova"), billed=lines), {}, "pause:1", t(at)))


def told(notes: list[CreditDraft]) -> list[tuple[str, int, str]]:
    return [(note.invoice, note.total_minor, note.occasion) for note in notes]


def test_each_invoice_gives_back_what_is_not_used_of_it() -> None:
    lines = (billed(plan(), "inv_1"), billed(addon(), "inv_2"))
    notes = credits(plan(), addon(), lines=lines)
    assert told(notes) == [("inv_1", 2000, "change:0:pause:1:0"), ("inv_2", 400, "change:0:pause:1:0")]
    assert {(note.to, note.issued_at) for note in notes} == {("balance", t("2026-04-11"))}


def test_lines_of_one_invoice_are_on_one_credit_note() -> None:
    extra = replace(billed(addon(), "inv_1"), position=2)
    (note,) = credits(plan(), addon(), lines=(billed(plan(), "inv_1"), extra))
    assert [(line.position, line.net_minor) for line in note.lines] == [(1, 2000), (2, 400)]


def test_what_went_back_already_does_not_go_back_again() -> None:
    assert told(credits(plan(), lines=(billed(plan(), "inv_1", 1500),))) == [
        ("inv_1", 500, "change:0:pause:1:0")
    ]
    assert credits(plan(), lines=(billed(plan(), "inv_1", 2500),)) == []


def test_nothing_goes_back_of_what_was_not_charged_is_void_or_is_over() -> None:
    assert credits(plan(), lines=()) == []
    assert credits(plan(), lines=(billed(plan(), "inv_1", void=True),)) == []
    assert credits(plan(), at="2026-05-01", lines=(billed(plan(), "inv_1"),)) == []
    assert credits(plan(), lines=(billed(addon(), "inv_1"),)) == []


def test_lines_count_the_credits_that_are_about_to_be_issued() -> None:
    lines = (billed(plan(), "inv_1"), billed(addon(), "inv_2"))
    note = CreditDraft(
        "nova", "inv_1", "cancel", DECLARED["USD"], (CreditLine(1, "fee", 2000),), t("2026-04-11")
    )
    first, second = with_credits(lines, [note])
    assert (first.creditable_minor, first.given_back_minor) == (1000, 2000)
    assert second == lines[1]


def test_what_is_about_to_be_issued_is_added_to_what_went_back_of_that_very_line() -> None:
    one = replace(billed(plan(), "inv_1", 500), settled_minor=300)
    draft = CreditDraft("nova", "inv_1", "cancel", DECLARED["USD"], (), t("2026-04-11"))
    lines = (CreditLine(2, "seats", 700), CreditLine(1, "fee", 1000))
    (found,) = with_credits([one], [replace(draft, lines=lines)])
    assert (found.credited.net_minor, found.settled_minor) == (1500, 1300)
    assert with_credits([one], [replace(draft, invoice="inv_2", lines=lines)]) == (one,)


def test_a_credit_note_says_what_is_not_used_and_is_issued_when_it_is_written() -> None:
    unused = [Unused(plan(), t("2026-04-11"))]
    purse = Purse(Customer("nova"), billed=(billed(plan(), "inv_1"),))
    (note,) = unused_credits(unused, purse, {"plans.starter": "Starter"}, "pause:1", t("2026-04-12"))
    assert note == CreditDraft(
        customer="nova",
        invoice="inv_1",
        occasion="change:0:pause:1:0",
        currency=DECLARED["USD"],
        lines=(CreditLine(1, "starter · Monthly", 2000, (), "Starter · unused (20 of 30 days)"),),
        issued_at=t("2026-04-12"),
    )


def test_a_credit_bears_the_period_of_the_stop_or_the_first() -> None:
    (may,) = fee_lines(plan(), due_of(plan(), FEE, 1), {})
    lines = (BilledLine("inv_2", 1, may),)
    assert told(credits(plan(), at="2026-05-31", lines=lines)) == [
        ("inv_2", 97, "change:1:pause:1:0")
    ]  # 1/31
    before = credits(plan(), at="2026-03-20", lines=(billed(plan(), "inv_1"),))
    assert told(before) == [("inv_1", 3000, "change:0:pause:1:0")]


# --- what must be billed before


def test_a_fee_that_is_not_billed_yet_comes_first() -> None:
    one = replace(plan(), settled_at=t("2026-04-01"))
    check_charged(facts_of(one), [one], t("2026-05-01"))  # what begins at that very instant does not matter
    with pytest.raises(Refused) as found:
        check_charged(facts_of(one), [one], t("2026-05-11"))
    assert (found.value.code, found.value.hint) == ("not-billed", "planctl invoice run --customer nova")


def test_what_a_lifted_block_left_open_comes_first() -> None:
    block = BlockedSpan(t("2026-04-25"), t("2026-05-05"), "pay_1")
    one = replace(plan(), settled_at=t("2026-05-01"), blocked=(block,))
    check_charged(facts_of(one), [one], t("2026-05-11"))
    left = Settlement("sub_1", FEE, 1, "blocked", t("2026-05-01"))
    with pytest.raises(Refused) as found:
        check_charged(facts_of(one, deferred=(left,)), [plan_of_its_own(one), one], t("2026-05-11"))
    error = found.value
    assert (error.message, error.code, error.where, error.hint) == (
        "nova/starter has something that the next run bills, and what is not billed cannot be credited",
        "not-billed",
        "nova/starter",
        "planctl invoice run --customer nova",
    )


def plan_of_its_own(one: Subscription) -> Subscription:
    """Another of the customer's, of which nothing waits."""
    return replace(one, id="sub_9", plan="other")
