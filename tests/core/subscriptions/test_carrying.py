"""A scheduled change takes along what is held when it comes, unless it was asked for otherwise."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from planctl.core.subscriptions.carrying import following
from planctl.core.subscriptions.model import QuantityStep, Status, Subscription
from tests.core.billing import monthly, prepaid, running, t

SOLD = monthly("10", quantity=(1, 10), features=prepaid(included=2, up_to=8))
NOW = replace(running(SOLD, "2026-01-01"), quantity=5, quantities={"seats": Decimal(4)})
COMES = replace(
    NOW,
    id="sub_2",
    follows="sub_1",
    status=Status.PENDING,
    started_at=t("2026-02-01"),
    anchor_at=t("2026-01-01"),
)


def stepped(feature: str, total: int, at: str = "2026-01-16") -> Subscription:
    return replace(NOW, steps=(QuantityStep(t(at), feature, Decimal(total), 1, charged=True),))


def test_more_units_now_are_held_after_the_change_too() -> None:
    found = following(COMES, NOW, stepped("", 8))
    assert (found.quantity, found.quantities) == (8, {"seats": Decimal(4)})


def test_fewer_at_the_renewal_are_what_the_change_begins_with() -> None:
    assert following(COMES, NOW, stepped("", 2, "2026-02-01")).quantity == 2


def test_it_takes_along_what_its_plan_sells_and_no_more() -> None:
    few = replace(COMES, terms=monthly("10", quantity=(1, 6), features=prepaid(included=2, up_to=5)))
    assert following(few, NOW, stepped("", 8)).quantity == 6
    assert following(few, NOW, stepped("seats", 7)).quantities == {"seats": Decimal(5)}
    none = replace(COMES, terms=monthly("10", quantity=(1, 10)), quantities={})
    assert following(none, NOW, stepped("seats", 7)).quantities == {}


def test_seats_that_the_allowance_covers_are_not_bought() -> None:
    assert following(COMES, NOW, stepped("seats", 2)).quantities == {}
    assert following(replace(COMES, quantities={}), stepped("seats", 2), stepped("seats", 6)).quantities == {
        "seats": Decimal(6)
    }


def test_what_was_asked_for_with_the_change_stays() -> None:
    other = replace(COMES, quantity=1, quantities={"seats": Decimal(8)})
    found = following(following(other, NOW, stepped("", 8)), NOW, stepped("seats", 6))
    assert (found.quantity, found.quantities) == (1, {"seats": Decimal(8)})
