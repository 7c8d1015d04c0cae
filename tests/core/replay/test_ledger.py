"""Which statements matter to one another, and what falls due by proposed terms alone."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from planctl.core.replay.account import GivenBack
from planctl.core.replay.ledger import Ledger, added_dues, billed_in
from planctl.core.subscriptions.model import BlockedSpan
from tests.core.billing import metered, monthly, running, t
from tests.core.replay.books import account, line, settled, statement

NOVA = running(monthly(features=metered()), "2026-01-01")
JANUARY = statement("inv_1", "2026-02-01", [line(5_00, "usage:minutes")], [settled("usage", 0, "2026-02-01")])
LATE = statement(
    "inv_2", "2026-03-01", [], [settled("usage", 0, "2026-03-01", occasion="late:1"), settled("fee", 2, "2026-03-01")]
)  # fmt: skip


@pytest.mark.parametrize(
    ("amount", "discount", "back", "before_discounts"),
    [
        (100, 10, 45, 50),  # 45 of 90 paid is a half
        (100, 67, 17, 52),  # 17/33 of 100 is 51.51…
        (200, 67, 1, 2),  # 1/133 of 200 is 1.503…
        (100, 100, 0, 0),  # nothing was paid
    ],
)
def test_what_a_credit_note_took_back_counts_before_discounts(
    amount: int, discount: int, back: int, before_discounts: int
) -> None:
    first = statement("inv_1", "2026-02-01", [line(amount, discount_minor=discount)])
    given = {("inv_1", 1): [GivenBack(t("2026-02-10"), "inv_9", back)]}
    ledger = Ledger(account(NOVA, [first, LATE], given_back=given))
    assert ledger.given_back(first.charges[0], LATE) == before_discounts


def test_what_came_with_the_statement_itself_or_later_was_not_taken_back_yet() -> None:
    backs = [
        GivenBack(t("2026-03-01"), "inv_9", 1_00),
        GivenBack(t("2026-03-01"), LATE.identity, 20),
        GivenBack(t("2026-03-02"), "inv_9", 3),
    ]
    ledger = Ledger(account(NOVA, [JANUARY, LATE], given_back={("inv_1", 1): backs}))
    assert ledger.given_back(JANUARY.charges[0], LATE) == 1_00


def test_only_earlier_statements_closed_a_period_before() -> None:
    ledger = Ledger(account(NOVA, [JANUARY, LATE]))
    assert [one.id for one in ledger.closed_before(LATE, LATE.settled[0])] == ["inv_1"]
    assert [*ledger.closed_before(JANUARY, JANUARY.settled[0])] == []


def test_what_was_voided_to_be_issued_again_did_not_last() -> None:
    replaced = replace(JANUARY, void=True, settled=(replace(JANUARY.settled[0], outcome="reissue"),))
    voided = replace(JANUARY, id="inv_0", void=True)  # for good: it was billed, and the debt was forgiven
    ledger = Ledger(account(NOVA, [voided, replaced, LATE]))
    assert [one.id for one in ledger.closed_before(LATE, LATE.settled[0])] == ["inv_0"]
    assert ledger.charge("inv_1", 1) is not None  # a credit may still name it


def test_late_usage_needs_what_closed_the_period_and_a_minimum_what_was_billed_for_it() -> None:
    ahead = statement("inv_0", "2026-01-01", [line(19_00)], [settled("fee", 0, "2026-01-01")])
    ledger = Ledger(account(NOVA, [ahead, JANUARY, LATE], "inv_2"))
    assert {one.id for one in ledger.scope(())} == {"inv_1", "inv_2"}
    assert {one.id for one in ledger.scope({"sub_1"})} == {"inv_0", "inv_1", "inv_2"}


@pytest.mark.parametrize(("index", "period"), [(30, 0), (31, 1)])
def test_usage_belongs_to_the_billing_period_in_which_its_allowance_ends(index: int, period: int) -> None:
    daily = running(monthly(features=metered(reset="day")), "2026-01-01")
    # day 30 is 31 January, which ends when February begins
    assert billed_in(daily, settled("usage:day", index, "2026-02-01")) == period


def test_what_was_settled_at_an_instant_is_not_before_it() -> None:
    ledger = Ledger(account(NOVA, [JANUARY, LATE]))
    assert ledger.settled_before("sub_1", t("2026-02-01")) is None
    assert ledger.settled_before("sub_1", t("2026-03-01")) == t("2026-02-01")


def test_a_minimum_that_is_new_falls_due_once_and_not_in_a_block() -> None:
    held = running(monthly(), "2026-01-01")
    new = replace(held, terms=replace(held.terms, minimum={"USD": Decimal(50)}))
    months = [
        statement(f"inv_{month}", f"2026-0{month}-01", [], [settled("fee", month - 1, f"2026-0{month}-01")])
        for month in (1, 2, 3)
    ]
    ledger = Ledger(account(held, months))

    def due(number: int, **changes: object) -> list[tuple[str, int]]:
        moved = {"sub_1": replace(new, **changes)}  # type: ignore[arg-type]
        return [(due.part, due.index) for _, due in added_dues(ledger, months[number], moved)]

    assert [due(0), due(1), due(2)] == [[], [("minimum", 0)], [("minimum", 1)]]
    assert due(2, blocked=(BlockedSpan(t("2026-02-20")),)) == []
    other = {"EUR": Decimal(50)}
    assert due(1, terms=replace(held.terms, minimum=other)) == []  # none in what it pays in
