"""One customer's statements on both sides, and what the records do not bear out."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from planctl.core.catalog.model import Coupon
from planctl.core.coupons import Redemption
from planctl.core.customers import Customer
from planctl.core.invoicing.model import Discount, Line, Tax
from planctl.core.replay.account import Account, House, Redeemed, Statement
from planctl.core.replay.proposal import Proposal
from planctl.core.replay.replayed import Difference, Ground, Replayed, replay
from tests.core.billing import DECLARED, monthly, running, t
from tests.core.replay.books import account, draft_of, line, settled, statement

USD = DECLARED["USD"]
NOBODY = Ground()
NOVA = running(monthly(), "2026-01-01")
FEE = settled("fee", 0, "2026-01-01")
ISSUED = statement("inv_1", "2026-01-01", [line(19_00)], [FEE])


def one(of: Account, ground: Ground = NOBODY) -> Replayed:
    """The only statement of the period, replayed."""
    (found,) = replay(of, ground, House(), Proposal())
    return found


def issued(*lines: Line, **draft: object) -> Account:
    """An account whose only invoice has these lines, and says this."""
    first = statement("inv_1", "2026-01-01", lines, [FEE])
    said = replace(draft_of(NOVA, first), **draft)  # type: ignore[arg-type]
    return account(NOVA, [first], drafts={"inv_1": said})


def test_what_is_borne_out_has_no_differences() -> None:
    found = one(issued(line(19_00)))
    assert (found.number, found.differences) == ("inv_1", ())
    assert found.held == found.moved


def test_every_line_that_is_other_missing_or_too_many_is_named() -> None:
    found = one(issued(line(20_00), line(5_00, "usage:minutes", 3, occasion="late:1")))
    assert found.differences == (
        Difference("inv_1", "line fee 0", 20_00, 19_00, USD),
        Difference("inv_1", "line usage:minutes 3 (late:1)", 5_00, 0, USD),
    )
    assert one(issued(line(19_00), line(0, "usage:minutes"))).differences == ()  # a line of nothing is none
    assert one(issued()).differences == (Difference("inv_1", "line fee 0", 0, 19_00, USD),)


def test_a_discount_or_a_tax_that_is_not_borne_out_is_named_where_the_lines_are() -> None:
    off = one(issued(line(19_00, discount_minor=3_00), discounts=(Discount("less", "red_1", 3_00),)))
    assert off.differences == (Difference("inv_1", "discount", 3_00, 0, USD),)
    taxed = one(issued(line(19_00), taxes=(Tax("vat", "VAT", Decimal("0.1"), 19_00, 1_90),)))
    assert taxed.differences == (Difference("inv_1", "tax", 1_90, 0, USD),)
    both = one(issued(line(20_00, discount_minor=3_00), discounts=(Discount("less", "red_1", 3_00),)))
    assert [found.what for found in both.differences] == ["line fee 0"]  # the rest follows from it


def test_what_came_to_nothing_and_does_not_is_named_without_an_invoice() -> None:
    silent = Statement("zero:1", "", "sub_1", "renewal", "", t("2026-01-01"), t("2026-01-01"), (FEE,))
    found = one(account(NOVA, [silent]))
    assert found.number == ""
    assert found.differences == (Difference("", "what came to nothing for sub_1", 0, 19_00, USD),)


def test_a_coupon_that_is_spent_on_one_side_is_spent_on_that_side_alone() -> None:
    free = replace(NOVA, terms=monthly("0"))
    second = statement("inv_2", "2026-02-01", [line(19_00, index=1)], [settled("fee", 1, "2026-02-01")])
    redemption = Redemption(
        "red_1", "nova", "sub_1", Coupon("half", Decimal("0.5"), periods=1), t("2026-01-01")
    )
    drafts = {
        "inv_1": replace(draft_of(NOVA, ISSUED), discounts=(Discount("half", "red_1", 9_50),)),
        "inv_2": replace(draft_of(NOVA, second), period_index=1),
    }
    of = account(NOVA, [ISSUED, second], drafts=drafts, redeemed=(Redeemed(redemption),))
    held = [*replay(of, Ground(), House(), Proposal())]
    assert [each.held.draft.discount_minor for each in held] == [9_50, 0]
    assert [each.differences for each in held] == [(), ()]
    nothing = [*replay(of, Ground({"sub_1": free}), House(), Proposal())]
    assert [each.moved.draft.discount_minor for each in nothing] == [0, 0]


def test_the_lines_stand_as_they_were_issued_and_nothing_of_zero_is_added() -> None:
    dearer = replace(NOVA, terms=monthly("0"))
    found = one(issued(line(19_00)), Ground({"sub_1": dearer}))
    assert [each.amount_minor for each in found.moved.draft.lines] == [0]  # it was on the invoice
    silent = Statement("zero:1", "", "sub_1", "renewal", "", t("2026-01-01"), t("2026-01-01"), (FEE,))
    of = account(dearer, [silent], customer=Customer("nova"))
    assert one(of).held.draft.lines == ()
