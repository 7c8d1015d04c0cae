"""A scheduled change takes along what is held when it comes, unless it was asked for otherwise."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from planctl.core.catalog.model import Entitlement, Terms
from planctl.core.subscriptions.carrying import following, on_terms, totals_for, units_for
from planctl.core.subscriptions.model import QuantityStep, Status, Subscription
from tests.core.billing import metered, monthly, prepaid, running, t

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


@pytest.mark.parametrize(
    ("features", "began", "from_16_january", "from_1_march"),
    [
        (prepaid(included=2, up_to=8), 6, 4, 2),
        (prepaid(included=2, up_to=5), 5, 4, 2),  # no more than are sold
        (prepaid(included=3, up_to=8), 6, 4, 3),  # the last step is to what the allowance covers
        (prepaid(included=6, up_to=8), None, 6, 6),  # all of it is
        (metered("seats", included=2), None, None, None),  # not bought ahead
        ({}, None, None, None),
    ],
)
def test_under_other_terms_it_held_what_they_sell_at_every_time(
    features: dict[str, Entitlement], began: int | None, from_16_january: int | None, from_1_march: int | None
) -> None:
    held = replace(
        NOW,
        quantities={"seats": Decimal(6)},
        steps=(
            QuantityStep(t("2026-01-16"), "seats", Decimal(4), 1),
            QuantityStep(t("2026-03-01"), "seats", Decimal(2), 2),
        ),
    )
    terms = monthly("10", quantity=(1, 10), features=features)
    found = on_terms(held, terms)
    for day, total in (("2026-01-01", began), ("2026-01-16", from_16_january), ("2026-03-01", from_1_march)):
        assert found.quantities_at(t(day)).get("seats") == total
        bought = {
            name: total for name, total in found.quantities_at(t(day)).items() if total > included(terms)
        }
        assert bought == totals_for(held, terms, "month", t(day))  # what a change on that day takes along


def included(terms: Terms) -> Decimal:
    return terms.features["seats"].included or Decimal(0)


@pytest.mark.parametrize(
    ("sold", "began", "later"), [((1, 10), 5, 8), ((1, 6), 5, 6), ((6, 10), 6, 8), ((1, 2), 2, 2)]
)
def test_under_other_terms_it_held_as_many_units_as_they_sell(
    sold: tuple[int, int], began: int, later: int
) -> None:
    held, terms = stepped("", 8), monthly("10", quantity=sold)
    found = on_terms(held, terms)
    assert (found.quantity_at(t("2026-01-15")), found.quantity_at(t("2026-01-16"))) == (began, later)
    assert units_for(held, terms, t("2026-01-16")) == later
