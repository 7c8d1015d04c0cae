"""Setting plans aside: nothing is charged or granted, the history stays."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import pytest

from planctl.core.subscriptions.model import Assignment
from planctl.errors import InvalidInput, NotFound, NotYet, PlanctlError, Refused, WrongUsage
from planctl.store import subscriptions
from planctl.workflows.assign_plan import Assigned, Wanted, assign_plan, unassign_plan
from tests.workflows.business import NEW_YEAR, Business, rows, t


def assign(
    business: Business, customer: str, plan: str, at: str = "2026-01-01", **wanted: object
) -> Assigned:
    with business.store.write() as tx:
        return assign_plan(tx, Wanted(customer, plan, **wanted), t(at))  # type: ignore[arg-type]


def waiting(business: Business, customer: str = "nova") -> list[Assignment]:
    with business.store.read() as tx:
        return subscriptions.assignments(tx, [customer])[customer]


def test_an_assignment_remembers_the_version_it_showed_and_charges_nothing(business: Business) -> None:
    business.customer("nova")
    made = assign(business, "nova", "pro")
    assert (made.existed, made.offered.version) == (False, 1)
    (kept,) = waiting(business)
    assert (kept.plan, kept.version, kept.pay, kept.currency, kept.status) == ("pro", 1, "", "", "waiting")
    assert kept.assigned_at == NEW_YEAR
    with business.store.read() as tx:
        assert rows(tx, "subscription") == rows(tx, "invoice") == 0


def test_the_same_again_changes_nothing_and_keeps_its_day(business: Business) -> None:
    business.customer("nova")
    assign(business, "nova", "pro", pay="month")
    again = assign(business, "nova", "pro", "2026-02-01", pay="month")
    assert again.existed
    (kept,) = waiting(business)
    assert kept.assigned_at == NEW_YEAR


def test_other_terms_take_the_place_of_the_waiting_ones(business: Business) -> None:
    business.customer("nova")
    first = assign(business, "nova", "pro", pay="month")
    changed = assign(business, "nova", "pro", "2026-02-01", pay="year", currency="EUR")
    (kept,) = waiting(business)
    assert (kept.id, kept.pay, kept.currency, kept.assigned_at) == (
        first.assignment.id,
        "year",
        "EUR",
        t("2026-02-01"),
    )
    assert not changed.existed


def test_an_agreed_price_is_laid_over_the_plan(business: Business) -> None:
    business.customer("dean", emails=("dean@school.example",))
    made = assign(business, "dean", "enterprise", price=Decimal("4500"))
    row = made.offered.terms.row("year")
    assert row is not None
    assert row.fee == {"USD": Decimal(4500)}
    assert (made.assignment.pay, made.assignment.currency) == ("year", "USD")
    assert made.assignment.negotiated == {"price.year.USD": "4500"}


def test_other_terms_may_be_agreed_too(business: Business) -> None:
    business.customer("nova")
    made = assign(business, "nova", "pro", terms={"due": "30 days", "features.minutes": "9_000"})
    assert (made.offered.terms.due_days, made.offered.terms.features["minutes"].included) == (30, 9000)


@pytest.mark.parametrize(
    ("customer", "plan", "wanted", "error"),
    [
        ("nobody", "pro", {}, NotFound),
        ("nova", "pru", {}, NotFound),
        ("nova", "enterprise", {}, Refused),
        ("dean", "enterprise", {"price": Decimal("899.99")}, Refused),
        ("dean", "enterprise", {"price": Decimal("4500"), "currency": "EUR"}, Refused),
        ("nova", "pro", {"price": Decimal(45)}, WrongUsage),
        ("nova", "pro", {"pay": "month", "price": Decimal("45.505")}, InvalidInput),
        ("nova", "pro", {"terms": {"group": "other"}}, Refused),
        ("nova", "pro", {"terms": {"due": "soon"}}, InvalidInput),
        ("nova", "pro", {"terms": {"due": "{"}}, InvalidInput),
        ("child", "pro", {}, Refused),
    ],
)
def test_what_may_not_be_assigned_is_refused_and_nothing_is_kept(
    business: Business, customer: str, plan: str, wanted: Mapping[str, object], error: type[PlanctlError]
) -> None:
    business.customer("nova")
    business.customer("dean", emails=("dean@school.example",))
    business.customer("child", parent="nova")
    with pytest.raises(error):
        assign(business, customer, plan, **wanted)
    with business.store.read() as tx:
        assert rows(tx, "assignment") == 0


def test_the_plan_that_runs_is_reassigned_one_day(business: Business) -> None:
    business.customer("nova")
    business.subscribe("nova", "pro", pay="month")
    with pytest.raises(NotYet, match="reassign"):
        assign(business, "nova", "pro")


# --- taking it away


def unassign(business: Business, customer: str, plan: str) -> Assignment:
    with business.store.write() as tx:
        return unassign_plan(tx, customer, plan)


def test_an_assignment_that_is_taken_away_stays_in_the_history(business: Business) -> None:
    business.customer("nova")
    assign(business, "nova", "pro")
    assert unassign(business, "nova", "pro").status == "removed"
    assert waiting(business) == []
    with business.store.read() as tx:
        assert rows(tx, "assignment") == 1
    assert not assign(business, "nova", "pro").existed


def test_what_was_never_assigned_cannot_be_taken_away(business: Business) -> None:
    business.customer("nova")
    for customer, plan in (("nova", "pro"), ("nobody", "pro")):
        with pytest.raises(NotFound):
            unassign(business, customer, plan)


def test_a_plan_that_runs_is_not_taken_away_but_canceled(business: Business) -> None:
    business.customer("nova")
    assign(business, "nova", "pro", pay="month")
    business.subscribe("nova")
    with pytest.raises(Refused) as refused:
        unassign(business, "nova", "pro")
    assert (refused.value.code, refused.value.hint) == ("running", "planctl subscription cancel nova/pro")
