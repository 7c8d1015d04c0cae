"""What one subscription was charged before a run, of lines, claims and voids that are given; sums by hand."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from planctl.core.invoicing.charged import ChargedBefore, next_late
from planctl.core.invoicing.facts import BilledLine, Voided
from planctl.core.invoicing.late import Before
from planctl.core.invoicing.model import Line, Settlement, UsageClaim
from planctl.core.subscriptions.dues import MINIMUM, due_of
from tests.core.billing import facts_of, metered, monthly, running, t
from tests.core.discounting import line

PLAN = running(monthly("19", features=metered() | metered("chats", reset="day")), "2026-01-01")
JANUARY = due_of(PLAN, "usage", 0)


def fee(amount: int, index: int = 0, **more: Any) -> Line:
    starts = t(f"2026-0{index + 1}-01")
    return line(amount, service_index=index, starts_at=starts, ends_at=t(f"2026-0{index + 2}-01"), **more)


def minutes(amount: int, index: int = 0, **more: Any) -> Line:
    return fee(amount, index, **{"kind": "usage", "charge_key": "usage:minutes", **more})


def billed(one: Line, invoice: str = "inv_1", **more: Any) -> BilledLine:
    return BilledLine(invoice, 1, one, **more)


def claim(units: int, index: int = 0, **more: Any) -> UsageClaim:
    zero, number = Fraction(0), Fraction(units)
    said: dict[str, Any] = {"subscription": "sub_1", "feature": "minutes", "occasion": "", **more}
    return UsageClaim(
        allowance_index=index, starts_at=t("2026-01-01"), ends_at=t("2026-02-01"), quantity=number,
        included=number, wallet=zero, billed=zero, over_limit=zero, **said,
    )  # fmt: skip


def charged(*lines: BilledLine, **facts: Any) -> ChargedBefore:
    return ChargedBefore(facts_of(PLAN, billed=lines, **facts), PLAN)


def voided(*again: Settlement, subscription: str = "sub_1") -> tuple[Voided, ...]:
    return (Voided(subscription, 0, "renewal", "", 0, t("2026-02-01"), again),)


def settlement(part: str, index: int = 0, **more: Any) -> Settlement:
    return Settlement("sub_1", part, index, "reissue", t("2026-02-01"), **more)


# --- which lines count


def test_only_lines_of_the_subscription_count() -> None:
    mine, other = billed(fee(1900)), billed(fee(700, subscription="sub_2"))
    assert charged(other, mine).lines == [mine]


@pytest.mark.parametrize(
    ("again", "left"),
    [
        (settlement("fee"), ["usage:minutes"]),
        (settlement("usage"), ["fee", "quantity:seats"]),
        (settlement("usage:day"), ["fee", "quantity:seats"]),
        (settlement("fee", 1), ["fee", "quantity:seats", "usage:minutes"]),
        (settlement("fee", occasion="late:1"), ["fee", "quantity:seats", "usage:minutes"]),
    ],
)
def test_void_lines_that_are_issued_again_do_not_count(again: Settlement, left: list[str]) -> None:
    lines = [fee(1900), fee(800, charge_key="quantity:seats"), minutes(200)]
    void = charged(*(billed(one, void=True) for one in lines), voided=voided(again))
    assert [one.line.charge_key for one in void.lines] == left
    # What stands beside the void invoice stays, and so does what another subscription is issued again.
    standing = charged(*map(billed, lines), voided=voided(again))
    assert [one.line for one in standing.lines] == lines
    others = charged(*(billed(one, void=True) for one in lines), voided=voided(again, subscription="sub_2"))
    assert [one.line for one in others.lines] == lines


# --- sums


def test_a_period_was_charged_its_lines_and_the_runs_own_less_what_closing_it_again_took_back() -> None:
    lines = (
        billed(fee(1900)),
        # 2.00, of which closing again took back 0.50; 4.00 discounted to 2.00, of which it took back half: 2.00.
        billed(minutes(200), settled_minor=50),
        billed(fee(400, charge_key="quantity:seats", discount_minor=200), settled_minor=100),
        billed(fee(5000, charge_key=MINIMUM), settled_minor=300),
        billed(fee(1900, 1), settled_minor=40),
    )
    assert charged(*lines).in_period(0, [minutes(30)]) == 1900 + 150 + 200 + 30
    assert charged(*lines).in_period(1, []) == 1900 - 40


def test_the_minimum_of_a_period_is_its_own() -> None:
    first, second = (
        billed(fee(5000, charge_key=MINIMUM)),
        billed(fee(6000, 1, charge_key=MINIMUM)),
    )
    assert charged(first, second, billed(fee(1900))).minimums(0) == [first]


def test_usage_beside_is_that_of_other_closings_of_the_period() -> None:
    day = minutes(20, charge_key="usage:chats")
    found = charged(billed(day), billed(minutes(200)), billed(fee(1900)))
    assert found.usage_beside(JANUARY, [replace(day, service_index=3, amount_minor=7)]) == 27


# --- what a closing was


def test_a_closed_period_took_its_claims_was_charged_their_lines_and_drew_on_grants() -> None:
    first, late = claim(120), claim(5, occasion="late:1")
    mine, added = billed(minutes(200)), billed(minutes(50, occasion="late:1"))
    chats = billed(minutes(20, charge_key="usage:chats"))
    found = charged(
        mine,
        added,
        chats,
        billed(minutes(90, 1)),
        billed(fee(1900)),
        billed(minutes(1, occasion="late:2")),  # of which no claim is known
        claims=(
            first,
            late,
            claim(7, 1),
            claim(8, feature="chats"),
            claim(9, subscription="sub_2"),
        ),
        draws={"usage_debit:x": Fraction(-3)},
        returned={
            "debit:sub_1:usage:0::0:g1": Fraction(-4),
            "debit:sub_1:usage:0:late:1:0:g1": Fraction(-5),
            "debit:sub_1:usage:0:late:1:1:g1": Fraction(-6),
            "debit:sub_1:usage:0:resume:0:g1": Fraction(-7),
        },
    ).before(JANUARY, [minutes(2, charge_key="usage:chats")])
    assert found == Before(
        claims=[first, late],
        lines=[mine, added],
        others_minor=20 + 2,
        draws={"usage_debit:x": Fraction(-3)},
        returned={
            "debit:sub_1:usage:0::0:g1": Fraction(-4),
            "debit:sub_1:usage:0:late:1:0:g1": Fraction(-5),
        },
    )


@pytest.mark.parametrize(
    ("again", "left"),
    [
        (settlement("usage"), []),
        (settlement("usage", occasion="late:1"), [120]),
        (settlement("usage", revision=1), [120]),
        (settlement("usage", 1), [120]),
        (settlement("usage:day"), [120]),
    ],
)
def test_a_claim_that_is_issued_again_does_not_count(again: Settlement, left: list[int]) -> None:
    found = charged(claims=(claim(120),), voided=voided(again)).before(JANUARY, [])
    assert [one.quantity for one in found.claims] == left


# --- late differences


def test_late_differences_are_counted_on() -> None:
    claims = (
        claim(120),
        claim(1, occasion="late:1"),
        claim(1, occasion="late:10"),
        claim(1, 1, occasion="late:20"),
        claim(1, occasion="late:30", subscription="sub_2"),
    )
    assert charged(claims=claims).next_late(JANUARY) == "late:11"
    assert charged().next_late(JANUARY) == "late:1"


def test_occasions_that_are_not_late_are_not_counted() -> None:
    assert next_late(["", "change:7", "late:2", "resume"]) == "late:3"
