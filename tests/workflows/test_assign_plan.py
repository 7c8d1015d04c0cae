"""Setting plans aside: nothing is charged or granted, the history stays."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from planctl.core.subscriptions.model import Assignment
from planctl.errors import InvalidInput, NotFound, PlanctlError, Refused, WrongUsage
from planctl.files.plan_options import Options
from planctl.store import subscriptions
from planctl.workflows import edit_catalog
from planctl.workflows.assign_plan import (
    Assigned,
    Reassignment,
    Wanted,
    assign_plan,
    propose_reassignment,
    unassign_plan,
)
from tests.workflows.business import NEW_YEAR, Business, rows, t


def assign(business: Business, customer: str, plan: str, at: str = "2026-01-01", **wanted: Any) -> Assigned:
    with business.store.write() as tx:
        return assign_plan(tx, Wanted(customer, plan, **wanted), t(at))


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
    assert made.offered.terms.due_days == 30
    assert made.offered.terms.features["minutes"].included == 9000


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
    business: Business, customer: str, plan: str, wanted: dict[str, Any], error: type[PlanctlError]
) -> None:
    business.customer("nova")
    business.customer("dean", emails=("dean@school.example",))
    business.customer("child", parent="nova")
    with pytest.raises(error):
        assign(business, customer, plan, **wanted)
    with business.store.read() as tx:
        assert rows(tx, "assignment") == 0


# --- what is checked the day it is assigned


def test_an_add_on_needs_one_of_its_plans_to_run(business: Business) -> None:
    business.customer("nova")
    with pytest.raises(Refused) as refused:
        assign(business, "nova", "extra_seat")
    assert (refused.value.code, refused.value.expected) == ("requires", "pro | starter")
    assert waiting(business) == []
    business.subscribe("nova", "pro", pay="month")
    assert assign(business, "nova", "extra_seat").assignment.plan == "extra_seat"


def test_one_plan_of_an_exclusive_group_waits_at_a_time(business: Business) -> None:
    business.customer("nova")
    assign(business, "nova", "pro")
    with pytest.raises(Refused) as refused:
        assign(business, "nova", "starter")
    assert (refused.value.code, refused.value.got) == ("group-waiting", "pro")
    assert assign(business, "nova", "setup").assignment.plan == "setup"
    assert [one.plan for one in waiting(business)] == ["pro", "setup"]


def test_a_plan_of_the_group_that_runs_does_not_stand_in_the_way(business: Business) -> None:
    business.customer("nova")
    business.subscribe("nova", "pro", pay="month")
    assert assign(business, "nova", "starter").assignment.plan == "starter"


def test_a_currency_the_plan_is_not_sold_in_is_refused_without_naming_one(business: Business) -> None:
    business.customer("nova", currency="GBP")
    with pytest.raises(Refused) as refused:
        assign(business, "nova", "pro")
    assert (refused.value.code, refused.value.got) == ("no-such-currency", "GBP")


def test_a_price_that_is_a_range_is_agreed_when_it_is_assigned(business: Business) -> None:
    business.customer("dean", emails=("dean@school.example",))
    with pytest.raises(Refused) as refused:
        assign(business, "dean", "enterprise")
    assert (refused.value.code, refused.value.expected) == ("price-not-agreed", "900 to 9000 USD")
    assert assign(business, "dean", "enterprise", terms={"price.year.USD": "1_000"}).assignment.negotiated


def test_the_pricing_is_of_what_is_asked_or_of_every_row_in_the_customers_currency(
    business: Business,
) -> None:
    business.customer("nova")
    business.customer("nemo", currency="")
    assert [(row, money.code) for row, money in assign(business, "nova", "pro").sales] == [
        ("month", "USD"),
        ("year", "USD"),
    ]
    made = assign(business, "nova", "pro", pay="year", currency="EUR")
    assert [(row, money.code) for row, money in made.sales] == [("year", "EUR")]
    assert len(assign(business, "nemo", "pro").sales) == 6


def test_what_another_assignment_drops_is_named(business: Business) -> None:
    business.customer("nova")
    agreed = assign(business, "nova", "pro", pay="month", price=Decimal("45.50"), terms={"due": "30 days"})
    assert agreed.dropped == ()
    again = assign(business, "nova", "pro", pay="month", terms={"due": "30 days"})
    assert again.dropped == ("price.month.USD = 45.50",)
    assert assign(business, "nova", "pro").dropped == ("pay = month", "in = USD", "due = 30 days")


def test_when_new_terms_hold_is_a_question_of_a_running_plan(business: Business) -> None:
    business.customer("nova")
    asked = Wanted("nova", "pro", at="now")
    with pytest.raises(WrongUsage, match="does not run pro"), business.store.write() as tx:
        assign_plan(tx, asked, NEW_YEAR)
    assert waiting(business) == []


# --- the plan that runs


def renewed(business: Business, at: str = "2026-01-11", **wanted: Any) -> Reassignment | None:
    with business.store.read() as tx:
        return propose_reassignment(tx, Wanted("nova", "pro", **wanted), t(at))


def make_dearer(business: Business) -> None:
    """Version 2 of pro: 59.00 by the month instead of 49.00, 6,000 minutes instead of 5,000."""
    options = Options(sets=("price.month.USD=59", "features.minutes=6_000"))
    with business.store.write() as tx:
        decided = edit_catalog.decide(tx, edit_catalog.draft_edit(tx, "plan", "pro", options), outside=True)
        edit_catalog.keep(tx, decided, edit_catalog.Who("ci", t("2026-01-05"), outside=True))


def test_a_plan_that_does_not_run_is_no_reassignment(business: Business) -> None:
    business.customer("nova")
    assert renewed(business) is None
    business.subscribe("nova", "starter", pay="month")
    assert renewed(business) is None


def test_the_newest_version_is_what_a_running_plan_is_renewed_to(business: Business) -> None:
    business.customer("nova")
    business.subscribe("nova", "pro", pay="month")
    same = renewed(business)
    assert same is not None
    assert (same.version, same.unchanged, same.keeps, same.lacks) == (1, True, {}, {})
    make_dearer(business)
    newer = renewed(business)
    assert newer is not None
    assert (newer.version, newer.unchanged) == (2, False)
    assert newer.keeps == {"price.month.USD": "49", "features.minutes.included": "5000"}
    assert newer.lacks == {"price.month.USD": "59", "features.minutes.included": "6000"}


def test_agreed_terms_are_kept_and_new_ones_put_over_them(business: Business) -> None:
    business.customer("nova")
    agreed = {"price.month.USD": "45", "due": "30 days"}
    business.subscribe("nova", "pro", pay="month", negotiated=agreed)
    make_dearer(business)
    kept = renewed(business)
    assert kept is not None
    assert (kept.kept.terms, kept.kept.same, kept.kept.void) == (agreed, (), {})
    assert "price.month.USD" not in kept.keeps
    other = renewed(business, price=Decimal(59), terms={"due": "10 days"})
    assert other is not None
    assert other.kept.terms == {"price.month.USD": "59", "due": "10 days"}
    assert other.kept.same == ("price.month.USD",)


def test_an_agreed_price_is_for_the_row_that_is_paid(business: Business) -> None:
    business.customer("nova")
    business.subscribe("nova", "pro", pay="year")
    found = renewed(business, price=Decimal(450))
    assert found is not None
    assert (found.kept.terms, found.pay, found.currency) == ({"price.year.USD": "450"}, "year", "USD")


def test_another_row_is_another_way_to_run(business: Business) -> None:
    business.customer("nova")
    business.subscribe("nova", "pro", pay="month")
    found = renewed(business, pay="year")
    assert found is not None
    assert (found.pay, found.unchanged) == ("year", False)
    same = renewed(business, pay="month")
    assert same is not None
    assert same.unchanged


def test_what_has_ended_by_itself_does_not_run(business: Business) -> None:
    business.customer("nova")
    business.subscribe("nova", "pro", pay="month")
    business.cancel("nova/pro", "2026-01-10")
    assert renewed(business) is not None
    assert renewed(business, "2026-02-01") is None


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
