"""Lines that depend on earlier ones: minimums, what late usage changes of them, and credits for unused time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from planctl.core.catalog.model import Terms
from planctl.core.invoicing.model import Line, UsageClaim
from planctl.core.replay.account import Account, GivenBack, Measured, Statement
from planctl.core.replay.closings import HeldUsage, MovedUsage
from planctl.core.replay.ledger import Ledger
from planctl.core.replay.needs import moved_past
from planctl.core.replay.proposal import Proposal
from planctl.core.replay.sides import HeldRating, MovedRating
from tests.core.billing import metered, monthly, running, t
from tests.core.replay.books import account, line, settled, statement

NO_USAGE = Measured()


def rated(of: Account, one: Statement, terms: Terms, measured: Measured = NO_USAGE) -> list[list[int]]:
    """The amounts of a statement on both sides, the proposed one by other terms."""
    ledger, usage = Ledger(of), HeldUsage(of.past, measured)
    held = HeldRating(ledger, of.past.subscriptions, usage)
    (subscription,) = of.past.subscriptions
    past = moved_past(of, {"sub_1": replace(subscription, terms=terms)})
    moved = MovedRating(held, past.subscriptions, MovedUsage(of, past, measured, usage), Proposal())
    return [[each.amount_minor for each in side.of(one).values()] for side in (held, moved)]


FEE = settled("fee", 0, "2026-01-01")
MINIMUM = settled("minimum", 0, "2026-02-01")


def least(fee: str, minimum: int) -> Terms:
    """A fee and a minimum."""
    return monthly(fee, minimum={"USD": Decimal(minimum)})


@pytest.mark.parametrize(
    ("fee", "minimum", "short"), [("19", 50, [31_00]), ("40", 50, [10_00]), ("50", 50, []), ("60", 50, [])]
)
def test_a_minimum_compares_with_the_fee_of_its_own_side(fee: str, minimum: int, short: list[int]) -> None:
    statements = [
        statement("inv_1", "2026-01-01", [line(19_00)], [FEE]),
        statement("inv_2", "2026-02-01", [line(31_00, "minimum")], [MINIMUM]),
    ]
    of = account(running(least("19", 50), "2026-01-01"), statements, "inv_2")
    assert rated(of, statements[1], least(fee, minimum)) == [[31_00], short]


def test_what_closing_a_period_again_gave_back_is_not_charged_towards_a_minimum() -> None:
    first = statement("inv_1", "2026-01-01", [line(19_00)], [FEE])
    second = statement("inv_2", "2026-02-01", [line(33_00, "minimum")], [MINIMUM])
    back = {("inv_1", 1): [GivenBack(t("2026-01-20"), "inv_9", 2_00)]}
    of = account(running(least("19", 50), "2026-01-01"), [first, second], "inv_2", given_back=back)
    # 50 - 17; of a fee of 38 as large a part, 4.00, went back: 50 - 34
    assert rated(of, second, least("38", 50)) == [[33_00], [16_00]]


# --- credits for unused time


def unused(charged: Sequence[dict[str, str]], issued: int) -> Line:
    """A credit that says which charges it is for."""
    return line(issued, "fee:end", kind="proration_credit", detail={"charged": [*charged]})


def charge(amount: str, net: str, part: str, credited: str = "0", position: str = "1") -> dict[str, str]:
    """One charge that a credit is for, on the first invoice."""
    found = {"invoice": "inv_1", "position": position, "amount": amount, "net": net}
    return {**found, "part": part, "credited": credited}


@pytest.mark.parametrize(
    ("told", "held", "moved"),
    [
        (charge("19", "19", "1/2"), -9_50, -20_00),
        (charge("19", "9.5", "1/2"), -4_75, -10_00),  # half was paid, by a coupon
        (charge("19", "19", "1/3"), -6_33, -13_33),  # 6.333…, 13.333…
        (charge("19", "19", "1/2", "4.75"), -4_75, -10_00),  # a quarter went back before
        (charge("19", "19", "1/2", "12"), 0, 0),  # more than that did
        (charge("7", "7", "1/2", position="9"), -3_50, -3_50),  # of a line that nobody knows
    ],
)
def test_unused_time_gives_back_the_same_part_of_the_proposed_price(
    told: dict[str, str], held: int, moved: int
) -> None:
    begun = statement("inv_1", "2026-01-01", [line(19_00)], [FEE])
    end = statement("inv_2", "2026-01-16", [unused([told], held)], kind="change")
    of = account(running(monthly("19"), "2026-01-01"), [begun, end], "inv_2")
    assert rated(of, end, monthly("40")) == [[held], [moved]]


# --- late usage

JANUARY = ("sub_1", "minutes", t("2026-01-01"), t("2026-02-01"))


def test_late_usage_is_the_difference_of_two_amounts_rounded_each() -> None:
    def claim(units: int, occasion: str = "") -> UsageClaim:
        some, none = Fraction(units), Fraction(0)
        return UsageClaim("sub_1", "minutes", 0, *JANUARY[2:], some, none, none, some, none, occasion)

    first, late = settled("usage", 0, "2026-02-01"), settled("usage", 0, "2026-03-01", occasion="late:1")
    statements = [
        statement("inv_1", "2026-02-01", [line(2, "usage:minutes", kind="usage")], [first]),
        statement("inv_2", "2026-03-01", [line(1, "usage:minutes", occasion="late:1")], [late]),
    ]
    cheap = monthly(features=metered(included=0, each="0.005"))
    of = account(running(cheap, "2026-01-01"), statements, "inv_2")
    past = replace(of.past, claims=[(claim(3), "inv_1"), (claim(2, "late:1"), "inv_2")])
    measured = Measured({JANUARY: Fraction(5)})
    # 3 × 0.005 is 0.02, 5 are 0.03; at 0.007 they are 0.02 and 0.04, and two of them alone would be 0.01
    dearer = monthly(features=metered(included=0, each="0.007"))
    assert rated(replace(of, past=past), statements[1], dearer, measured) == [[1], [2]]
