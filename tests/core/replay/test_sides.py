"""The held side compares with what was issued; the proposed one takes over what that found out."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from planctl.core.catalog.model import Plan, Terms
from planctl.core.replay.account import Account, Measured, Statement
from planctl.core.replay.closings import HeldUsage, MovedUsage
from planctl.core.replay.ledger import Ledger
from planctl.core.replay.needs import moved_past
from planctl.core.replay.proposal import Proposal
from planctl.core.replay.sides import HeldRating, MovedRating
from planctl.core.subscriptions.model import QuantityStep, Subscription
from tests.core.billing import monthly, prepaid, running, sold, t
from tests.core.replay.books import account, line, settled, statement

NOTHING = Proposal()


def both(
    of: Account, moved: Subscription | None = None, proposal: Proposal = NOTHING
) -> tuple[HeldRating, MovedRating]:
    """Both sides of an account, with its subscription on proposed terms."""
    ledger, usage = Ledger(of), HeldUsage(of.past, Measured())
    held = HeldRating(ledger, of.past.subscriptions, usage)
    past = moved_past(of, {} if moved is None else {"sub_1": moved})
    return held, MovedRating(held, past.subscriptions, MovedUsage(of, past, Measured(), usage), proposal)


def amounts(sides: tuple[HeldRating, MovedRating], of: Statement) -> list[list[int]]:
    """The lines' amounts, held and proposed; the held side is asked first, as in a replay."""
    return [[one.amount_minor for one in side.of(of).values()] for side in sides]


# --- what a decrease gives back: 2 of 4 seats at 4.00 for 15 of 30 days

SEATS = replace(
    running(monthly(decrease="now", features=prepaid(included=0)), "2026-04-01"),
    quantities={"seats": Decimal(4)},
    steps=(QuantityStep(t("2026-04-16"), "seats", Decimal(2), 1, charged=True),),
)
DEARER = replace(SEATS, terms=monthly(decrease="now", features=prepaid(included=0, each="6")))


def given_back(issued: int | None, discount: int = 0, *, credited: bool = False) -> list[list[int]]:
    """Both sides of the decrease, whose invoice has a line of so much, or none."""
    begun = statement("inv_1", "2026-04-01", [line(16_00, "quantity:seats", discount_minor=discount)])
    lines = [] if issued is None else [line(issued, "quantity:seats", occasion="change:1")]
    change = statement("inv_2", "2026-04-16", lines, kind="change", occasion="change:1", credited=credited)
    return amounts(both(account(SEATS, [begun, change]), DEARER), change)


def test_a_decrease_gives_back_the_share_at_each_sides_price() -> None:
    assert given_back(-4_00) == [[-4_00], [-6_00]]  # 2 × 4 × 1/2, 2 × 6 × 1/2


@pytest.mark.parametrize(
    ("issued", "discount", "moved"),
    [
        (-2_00, 8_00, -3_00),  # half was paid
        (-1_33, 10_68, -2_00),  # 133/400 of 6.00 is 1.995, half up
        (0, 16_00, 0),
    ],
)
def test_of_a_discounted_charge_goes_back_what_was_paid_of_it(issued: int, discount: int, moved: int) -> None:
    assert given_back(issued, discount) == [[issued], [moved]]


def test_a_line_that_was_altered_is_not_taken_for_a_discount() -> None:
    assert given_back(-2_00) == [[-4_00], [-6_00]]  # nothing was ever discounted, so it differs


def test_what_went_back_by_a_credit_note_stands_on_neither_side() -> None:
    assert given_back(None, credited=True) == [[], []]
    assert given_back(None) == [[-4_00], [-6_00]]


# --- an end that was known or not

ENDED = replace(running(sold(month="30"), "2026-04-01"), ends_at=t("2026-04-16"), end_reason="expired")


@pytest.mark.parametrize(("issued", "sides"), [(30_00, [[30_00], [60_00]]), (15_00, [[15_00], [30_00]])])
def test_the_proposed_side_knows_the_end_where_the_invoice_did(issued: int, sides: list[list[int]]) -> None:
    begun = statement("inv_1", "2026-04-01", [line(issued)], [settled("fee", 0, "2026-04-01")])
    of = account(ENDED, [begun])
    assert amounts(both(of, replace(ENDED, terms=sold(month="60"))), begun) == sides


# --- packs


def test_a_pack_is_rounded_once_by_its_proposed_price_and_by_the_old_one_without() -> None:
    bought = statement(
        "inv_1", "2026-04-01",
        [line(1_01, "pack:1", kind="pack", plan="more", quantity=Fraction(3), unit_price=Fraction("0.335"))],
    )  # fmt: skip
    of = account(running(monthly(), "2026-04-01"), [bought])
    terms: Terms = replace(sold(once="0.415"), kind="pack")
    # 3 × 0.335 = 1.005 and 3 × 0.415 = 1.245, half up
    assert amounts(both(of, proposal=Proposal({"more": Plan("more", terms)})), bought) == [[1_01], [1_25]]
    assert amounts(both(of), bought) == [[1_01], [1_01]]
