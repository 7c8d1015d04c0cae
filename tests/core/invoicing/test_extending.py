"""What a later end adds to a period that was charged up to the former one. All amounts are worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from planctl.core.catalog.model import Terms
from planctl.core.invoicing.extending import extension_again, extension_draft, extension_lines
from planctl.core.invoicing.unused import is_unused
from planctl.core.subscriptions.model import Extension, QuantityStep, Subscription
from tests.core.billing import monthly, prepaid, running, sold, t

MOVE = Extension("extend:sub_1:1", t("2026-02-05"), t("2026-02-15"), t("2026-02-22"))


def extended(terms: Terms | None = None, move: Extension = MOVE, **more: Any) -> Subscription:
    """A plan of 19.00 a month since 1 January whose end was moved on 5 February from the 15th to the 22nd."""
    begun = running(terms or monthly(), "2026-01-01", **more)
    return replace(begun, expires_at=move.after, ends_at=move.after, end_reason="expired", extensions=(move,))


def charged(one: Subscription, move: Extension = MOVE) -> list[tuple[str, str, int]]:
    return [(line.kind, line.charge_key, line.amount_minor) for line in extension_lines(one, move, {})]


def test_the_days_added_are_charged_like_a_fee() -> None:
    (line,) = extension_lines(extended(), MOVE, {"plans.starter": "Starter"})
    assert (line.kind, line.amount_minor, line.occasion) == ("proration_charge", 475, "extend:sub_1:1")
    assert (line.starts_at, line.ends_at, line.service_index) == (t("2026-02-15"), t("2026-02-22"), 1)
    assert line.description == "Starter · Monthly (7 of 28 days)"
    assert not is_unused(line)


def test_no_more_than_the_period_is_charged() -> None:
    move = replace(MOVE, after=t("2026-03-20"))
    assert charged(extended(move=move), move) == [("proration_charge", "fee", 950)]  # 14 of 28 days


def test_prepaid_seats_are_charged_as_they_are_held_at_the_former_end() -> None:
    step = QuantityStep(t("2026-02-10"), "seats", Decimal(14), 1, charged=True)
    one = extended(monthly(features=prepaid()), quantities={"seats": Decimal(12)}, steps=(step,))
    # 7 of 28 days of 19.00, and of four seats at 4.00.
    assert charged(one) == [("proration_charge", "fee", 475), ("quantity", "quantity:seats", 400)]


@pytest.mark.parametrize(
    ("one", "move"),
    [
        (extended(monthly(bill="in arrears")), MOVE),
        (extended(monthly(proration="none")), MOVE),
        (extended(Terms(free=True)), MOVE),
        (extended(sold(once="99"), pay="once"), MOVE),
        (extended(fees_from=t("2026-03-01")), MOVE),
        (extended(), replace(MOVE, at=t("2026-01-31"))),
        (extended(), replace(MOVE, before=t("2026-03-01"), after=t("2026-03-08"))),
        (extended(), replace(MOVE, before=t("2026-02-01"))),
    ],
    ids=[
        "charged at its end",
        "charged whole",
        "free",
        "paid once",
        "billed elsewhere",
        "the period is still to begin",
        "the next period is still to begin",
        "a boundary",
    ],
)
def test_nothing_is_charged_at_once_where_nothing_was_shortened(one: Subscription, move: Extension) -> None:
    assert charged(one, move) == []


def test_a_period_that_begins_with_the_extension_was_charged_first() -> None:
    move = replace(MOVE, at=t("2026-02-01"))
    assert charged(extended(move=move), move) == [("proration_charge", "fee", 475)]


def test_the_request_is_the_plans_with_its_add_ons() -> None:
    addon = replace(extended(monthly("6", kind="addon")), id="sub_2", base="sub_1", plan="extra")
    draft = extension_draft([extended(), addon], MOVE.cause, {}, t("2026-02-05"))
    assert draft is not None
    assert (draft.subscription, draft.kind, draft.occasion, draft.due_at) == (
        "sub_1", "change", "extend:sub_1:1", t("2026-02-12"),
    )  # fmt: skip
    assert [(line.subscription, line.amount_minor) for line in draft.lines] == [
        ("sub_1", 475),
        ("sub_2", 150),
    ]
    assert extension_draft([extended(Terms(free=True))], MOVE.cause, {}, t("2026-02-05")) is None


def test_it_can_be_billed_again_from_what_was_recorded() -> None:
    assert [line.amount_minor for line in extension_again(extended(), MOVE.cause)] == [475]
    assert list(extension_again(extended(), "extend:sub_1:2")) == []
