"""What the laws say of values, one breach at a time; where everything is right they say nothing."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from planctl.core.catalog.model import PriceRow, Terms
from planctl.core.currencies import Currency
from planctl.core.invoicing.model import Line, Settlement, UsageClaim
from planctl.core.laws import (
    InvoiceSums,
    LedgerEntry,
    Series,
    begun_at_the_end,
    entered,
    wrong_ledger,
    wrong_lines,
    wrong_moves,
    wrong_numbers,
    wrong_periods,
    wrong_settlements,
    wrong_split,
    wrong_sums,
)
from planctl.core.periods import Instant, Interval, Period, parse_instant, zone
from planctl.core.subscriptions.dues import Due
from planctl.core.subscriptions.model import Subscription

MONTHLY = Terms(rows=(PriceRow(Interval.parse("month"), {"USD": Decimal(19)}),))


def t(text: str) -> Instant:
    return parse_instant(text, zone("UTC"))


def nova(**more: object) -> Subscription:
    """A monthly subscription since New Year, settled until 10 March."""
    started = t("2026-01-01")
    plain = Subscription(
        "sub_1", "nova", "starter", 1, MONTHLY, "", Currency("USD", "US Dollar", 2), "month", "UTC",
        started, started, fees_from=started, usage_from=started, settled_at=t("2026-03-10"),
    )  # fmt: skip
    return replace(plain, **more)  # type: ignore[arg-type]


RIGHT = InvoiceSums(
    subtotal=1000, discount=100, tax=171, total=1071, credit=71, paid=500, lines=1000, taxes=171
)


@pytest.mark.parametrize(
    ("sums", "expected"),
    [
        (RIGHT, []),
        (replace(RIGHT, lines=999), ["its lines sum to 999, its subtotal is 1000"]),
        (replace(RIGHT, total=1070), ["subtotal - discount + tax is 1071, its total is 1070"]),
        (replace(RIGHT, taxes=0), ["the taxes it shows sum to 0, its tax is 171"]),
        (replace(RIGHT, paid=1001), ["total - credit - paid is -1 (credit 71, paid 1001)"]),
        (
            InvoiceSums(-5, 0, 0, -5, 0, 0, -5),
            ["its total is -5", "total - credit - paid is -5 (credit 0, paid 0)"],
        ),
    ],
)
def test_an_invoice_adds_up(sums: InvoiceSums, expected: list[str]) -> None:
    assert list(wrong_sums(sums)) == expected


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        (Series(first=1, following=1, used=0, lowest=0, highest=0), []),
        (Series(first=42, following=45, used=3, lowest=42, highest=44), []),
        (Series(first=1, following=4, used=2, lowest=1, highest=3), ["3 numbers were taken, 2 are in use"]),
        (Series(first=1, following=3, used=3, lowest=1, highest=3), ["2 numbers were taken, 3 are in use"]),
        (Series(first=1, following=4, used=3, lowest=2, highest=4), ["numbers run from 2 to 4, not 1 to 3"]),
        # 3 to 6 were given by another copy
        (Series(first=1, following=8, used=3, lowest=1, highest=7, left_out=4), []),
        (Series(first=1, following=7, used=2, lowest=1, highest=2, left_out=4), []),
        (Series(first=3, following=7, used=0, lowest=0, highest=0, left_out=4), []),
        (
            Series(first=1, following=8, used=2, lowest=1, highest=7, left_out=4),
            ["3 numbers were taken, 2 are in use"],
        ),
        (
            Series(first=1, following=8, used=3, lowest=1, highest=5, left_out=4, doubled=1),
            ["1 of its numbers were given by another copy of this store as well"],
        ),
        (
            Series(first=1, following=8, used=3, lowest=1, highest=8, left_out=4),
            ["numbers run from 1 to 8, not within 1 to 7"],
        ),
        (
            Series(first=2, following=8, used=2, lowest=1, highest=7, left_out=4),
            ["numbers run from 1 to 7, not within 2 to 7"],
        ),
    ],
)
def test_numbers_are_consecutive(series: Series, expected: list[str]) -> None:
    assert list(wrong_numbers(series)) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, range(3)),
        ({"settled_at": None}, range(0)),
        ({"terms": Terms(free=True)}, range(0)),
        ({"settled_at": t("2026-02-01")}, range(2)),
        ({"ends_at": t("2026-02-01")}, range(1)),
        ({"ends_at": t("2026-02-15")}, range(2)),
        ({"fees_from": t("2026-03-01")}, range(2, 3)),
        ({"fees_from": t("2026-04-01")}, range(3, 3)),
    ],
)
def test_periods_are_entered_until_what_is_settled_or_the_end(
    changes: dict[str, object], expected: range
) -> None:
    assert list(entered(nova(**changes))) == list(expected)


JANUARY = (Period(0, t("2026-01-01"), t("2026-02-01")), "2026-01-01", "2026-02-01")
FEBRUARY = (Period(1, t("2026-02-01"), t("2026-03-01")), "2026-02-01", "2026-03-01")


def test_periods_tile_as_their_schedule_says() -> None:
    schedule = nova().schedule()
    assert list(wrong_periods(schedule, range(2), [JANUARY, FEBRUARY])) == []
    assert list(wrong_periods(schedule, range(2), [JANUARY])) == ["periods 0 are stored, entered were 0 to 1"]
    assert list(wrong_periods(schedule, range(0), [FEBRUARY])) == ["periods 1 are stored, entered were none"]


def test_a_period_that_ends_before_the_next_begins_is_found_twice() -> None:
    cut = (replace(JANUARY[0], ends_at=t("2026-01-31")), "2026-01-01", "2026-01-31")
    assert list(wrong_periods(nova().schedule(), range(2), [cut, FEBRUARY])) == [
        "period 0 is stored as 2026-01-01T00:00:00Z to 2026-01-31T00:00:00Z, "
        "its schedule says 2026-01-01T00:00:00Z to 2026-02-01T00:00:00Z",
        "period 0 ends at 2026-01-31T00:00:00Z, the next begins at 2026-02-01T00:00:00Z",
    ]


def test_a_period_with_another_local_day_is_found() -> None:
    odd = (JANUARY[0], "2025-12-31", "2026-02-01")
    assert list(wrong_periods(nova().schedule(), range(1), [odd])) == [
        "period 0 has the days 2025-12-31 to 2026-02-01, not 2026-01-01 to 2026-02-01"
    ]


def test_a_period_that_was_begun_and_cut_on_one_local_day_is_not_stored() -> None:
    anew = (t("2026-02-01T10:00:00Z"), t("2026-02-01T15:00:00Z"))
    schedule = nova(anchors=anew).schedule()
    # January; until 10 on 1 February; until 15; then from 15 on 1 February to 15 on 1 March
    cut = (Period(3, anew[1], t("2026-03-01T15:00:00Z")), "2026-02-01", "2026-03-01")
    assert list(wrong_periods(schedule, range(4), [JANUARY, cut])) == []
    empty = (Period(2, anew[0], anew[1]), "2026-02-01", "2026-02-01")
    assert list(wrong_periods(schedule, range(4), [JANUARY, empty, cut])) == [
        "periods 0, 2, 3 are stored, entered were 0, 3"
    ]


def test_a_fee_that_was_settled_when_its_plan_was_changed_at_that_instant_fell_due() -> None:
    changed = nova(ends_at=t("2026-02-01"), end_reason="changed")
    second = Settlement("sub_1", "fee", 1, "billed", t("2026-02-01"))
    (due,) = begun_at_the_end(changed, [SETTLED, second])
    assert (due.part, due.index, due.at, due.period.ends_at) == ("fee", 1, t("2026-02-01"), t("2026-03-01"))
    assert list(begun_at_the_end(changed, [SETTLED, replace(second, occasion="pay_1")])) == []
    assert list(begun_at_the_end(nova(), [SETTLED, second])) == []


FEE = Due(t("2026-01-01"), "fee", 0, JANUARY[0], JANUARY[0])
SETTLED = Settlement("sub_1", "fee", 0, "billed", t("2026-01-01"))


def test_everything_due_has_one_first_outcome() -> None:
    assert list(wrong_settlements([FEE], [SETTLED])) == []
    assert (
        list(
            wrong_settlements(
                [FEE], [SETTLED, replace(SETTLED, occasion="pay_1"), replace(SETTLED, revision=1)]
            )
        )
        == []
    )
    assert list(wrong_settlements([FEE], [replace(SETTLED, revision=1)])) == [
        "fee 0 fell due at 2026-01-01T00:00:00Z and has no invoice and no recorded reason"
    ]
    assert list(wrong_settlements([FEE], [replace(SETTLED, due_at=t("2026-01-02"))])) == [
        "fee 0 fell due at 2026-01-01T00:00:00Z, recorded is 2026-01-02T00:00:00Z"
    ]
    assert list(wrong_settlements([], [SETTLED])) == ["fee 0 is settled and never fell due"]


CLAIM = UsageClaim(
    "sub_1", "minutes", 0, t("2026-01-01"), t("2026-02-01"),
    quantity=Fraction(351, 2), included=Fraction(100), wallet=Fraction(50), billed=Fraction(20),
    over_limit=Fraction(11, 2),
)  # fmt: skip


def test_a_claim_is_split_without_rest() -> None:
    assert list(wrong_split(CLAIM)) == []
    assert list(wrong_split(replace(CLAIM, billed=Fraction(21)))) == [
        "included + wallet + billed + over the limit is 176.5 of 175.5"
    ]
    below = replace(CLAIM, billed=Fraction(-20), included=Fraction(140))
    assert list(wrong_split(below)) == ["a part of it is below 0"]
    assert list(wrong_split(below, may_be_difference=True)) == []
    assert list(wrong_split(replace(CLAIM, carried=Fraction(-1)))) == ["a part of it is below 0"]


def entries(*moves: tuple[int, int, int]) -> list[LedgerEntry]:
    return [LedgerEntry(seq, Fraction(amount), Fraction(balance)) for seq, amount, balance in moves]


@pytest.mark.parametrize(
    ("moves", "expected"),
    [
        ([], []),
        ([(1, 10, 10), (2, -4, 6), (3, -6, 0)], []),
        ([(1, 10, 10), (3, -4, 6)], ["entry 2 is missing: the next one is 3"]),
        ([(1, 10, 10), (2, -4, 7)], ["entry 2: 10 and -4 are not 7"]),
        ([(1, -1, -1)], ["entry 1 leaves -1"]),
        ([(1, 0, 0)], ["entry 1 moves nothing"]),
    ],
)
def test_a_ledger_is_the_sum_of_its_entries(moves: list[tuple[int, int, int]], expected: list[str]) -> None:
    assert list(wrong_ledger(entries(*moves))) == expected


@pytest.mark.parametrize(
    ("status", "moves", "expected"),
    [
        ("active", [], []),
        ("blocked", [("active", "past_due"), ("past_due", "blocked")], []),
        ("active", [("active", "past_due")], ["it is active, its transitions lead to past_due"]),
        ("canceled", [], ["it begins as canceled"]),
        ("blocked", [("active", "past_due"), ("active", "blocked")],
         ["transition 2 is from active, it was past_due", "transition 2 from active to blocked is none"]),
        ("none", [], ["it begins as none"]),
    ],
)  # fmt: skip
def test_a_status_follows_from_its_transitions(
    status: str, moves: list[tuple[str, str]], expected: list[str]
) -> None:
    assert list(wrong_moves(status, moves)) == expected


LINE = Line(
    "fee", "sub_1", "starter", 1, "fee", 0, "Starter", Fraction(1), Fraction(19), 1900,
    t("2026-01-01"), t("2026-02-01"),
)  # fmt: skip


def test_lines_are_compared_by_their_charge_and_by_what_they_cost() -> None:
    assert list(wrong_lines([LINE], [[replace(LINE, description="Renamed", plan="basic")]])) == []
    assert list(wrong_lines([LINE], [[replace(LINE, amount_minor=1901)]])) == [
        "its line fee 0 has the amount 1900, billed again 1901"
    ]
    assert list(wrong_lines([LINE], [[]])) == ["its line fee 0 is there, billed again it is not"]
    assert list(wrong_lines([], [[LINE]])) == ["it has no line fee 0, billed again it has one"]


def test_two_subscriptions_may_have_the_same_charge_on_one_invoice() -> None:
    other = replace(LINE, subscription="sub_2", amount_minor=300)
    assert list(wrong_lines([LINE, other], [[LINE, other]])) == []
    assert list(wrong_lines([LINE, other], [[LINE, replace(other, amount_minor=301)]])) == [
        "its line fee 0 has the amount 300, billed again 301"
    ]


def test_one_history_that_gives_the_lines_is_enough() -> None:
    shorter = replace(LINE, amount_minor=950, ends_at=t("2026-01-16"))
    assert list(wrong_lines([LINE], [[shorter], [LINE]])) == []
    assert list(wrong_lines([replace(LINE, amount_minor=5)], [[shorter], [LINE]])) == [
        "its line fee 0 has the amount 5, billed again 950"
    ]
    assert list(wrong_lines([], [[], [LINE]])) == []
