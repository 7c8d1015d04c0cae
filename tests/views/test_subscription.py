"""How subscriptions, assignments and starts look at an instant."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from planctl.core.catalog.model import PriceRow, Terms
from planctl.core.periods import Interval
from planctl.core.subscriptions.model import Assignment, Status, Subscription
from planctl.views.subscription import (
    Shown,
    assigned_answer,
    assigned_document,
    assignment_document,
    cancel_lines,
    canceled_document,
    start_lines,
    started_document,
    subscription_document,
    subscriptions_answer,
)
from tests.core.billing import DECLARED, canceled, monthly, offer, prepaid, running, sold, t
from tests.views.test_invoice import draft, invoice


def document(subscription: Subscription, as_of: str = "2026-01-20", **more: Any) -> dict[str, Any]:
    return dict(subscription_document(Shown(subscription, t(as_of), **more)))


def monthly_one(**more: Any) -> Subscription:
    return running(monthly(), "2026-01-31", "Europe/Berlin", **more)


@pytest.mark.parametrize(
    ("as_of", "index", "starts", "ends"),
    [
        ("2026-02-27T22:59:59Z", 0, "2026-01-30T23:00:00Z", "2026-02-27T23:00:00Z"),
        ("2026-02-27T23:00:00Z", 1, "2026-02-27T23:00:00Z", "2026-03-30T22:00:00Z"),
        ("2026-04-15", 2, "2026-03-30T22:00:00Z", "2026-04-29T22:00:00Z"),
    ],
)
def test_the_period_is_the_one_that_holds_the_instant(as_of: str, index: int, starts: str, ends: str) -> None:
    assert document(monthly_one(), as_of)["period"] == {"index": index, "starts_at": starts, "ends_at": ends}


def test_before_it_begins_there_is_no_period() -> None:
    assert document(monthly_one(status=Status.PENDING), "2026-01-30T22:59:59Z")["period"] is None


def test_after_its_end_the_last_period_is_shown_cut_at_the_end() -> None:
    ended = replace(canceled(running(monthly(), "2026-01-01"), "2026-02-15"), status=Status.CANCELED)
    last = {"index": 1, "starts_at": "2026-02-01T00:00:00Z", "ends_at": "2026-02-15T00:00:00Z"}
    for as_of in ("2026-02-15", "2026-02-16", "2027-01-01"):
        assert document(ended, as_of)["period"] == last
    assert document(ended, "2026-01-20")["period"]["index"] == 0


def test_an_end_at_a_boundary_does_not_show_the_period_after_it() -> None:
    ended = replace(canceled(running(monthly(), "2026-01-01"), "2026-02-01"), status=Status.CANCELED)
    assert document(ended, "2026-02-01")["period"] == {
        "index": 0,
        "starts_at": "2026-01-01T00:00:00Z",
        "ends_at": "2026-02-01T00:00:00Z",
    }


def test_one_that_ended_where_it_began_still_has_a_period_to_show() -> None:
    ended = replace(canceled(running(monthly(), "2026-01-01"), "2026-01-01"), status=Status.CANCELED)
    assert document(ended, "2026-03-01")["period"]["index"] == 0


def test_a_one_off_has_an_open_period_and_renews_never() -> None:
    found = document(running(sold(once="299"), "2026-01-01", pay="once"))
    assert (found["period"], found["renews"]) == (
        {"index": 0, "starts_at": "2026-01-01T00:00:00Z", "ends_at": None},
        False,
    )


def test_a_planned_end_is_said_and_only_a_cancellation_cancels() -> None:
    ending = document(canceled(running(monthly(), "2026-01-01"), "2026-02-01"))
    assert (ending["renews"], ending["cancels_at"], ending["ends_at"], ending["end_reason"]) == (
        False,
        "2026-02-01T00:00:00Z",
        "2026-02-01T00:00:00Z",
        "canceled",
    )
    replaced = document(
        running(Terms(free=True), "2026-01-01", ends_at=t("2026-02-01"), end_reason="replaced")
    )
    assert (replaced["cancels_at"], replaced["ends_at"]) == (None, "2026-02-01T00:00:00Z")


def test_a_free_plan_is_paid_free() -> None:
    assert document(running(Terms(free=True), "2026-01-01"))["pay"] == "free"


def test_a_newer_version_is_named_and_the_same_is_not() -> None:
    assert document(monthly_one(), newest=3)["behind"] == 3
    assert document(monthly_one(), newest=1)["behind"] is None
    assert document(monthly_one(), newest=0)["behind"] is None


def test_quantities_are_decimal_texts() -> None:
    found = document(
        running(monthly(features=prepaid()), "2026-01-01", quantities={"seats": Decimal("12.50")})
    )
    assert found["quantities"] == {"seats": "12.5"}


def test_a_list_shows_the_end_of_the_running_period() -> None:
    answer = subscriptions_answer([Shown(running(monthly(), "2026-01-01"), t("2026-02-10"))], "UTC")
    assert answer.sheet is not None
    (row,) = answer.sheet.rows
    assert dict(zip([column.name for column in answer.sheet.columns], row, strict=True))[
        "period_ends_at"
    ] == t("2026-03-01")


# --- before and after a start


def test_the_question_before_a_start_says_all_that_it_will_do() -> None:
    one = running(monthly(), "2026-01-01")
    free = running(Terms(free=True), "2025-12-01", plan="free", ends_at=t("2026-01-01"))
    lines = start_lines(one, [draft()], [free], ["price.month.USD 19 -> 29"])
    assert lines[0] == "nova starts starter v1, Monthly in USD"
    assert "  period 0: 2026-01-01 to 2026-02-01 (UTC)" in lines
    assert "  replaces free, which ends 2026-01-01" in lines
    assert "  first request: 49.00 USD, due 2026-01-08" in lines  # as the invoice says it: midnight in Berlin
    assert lines[-2:] == ["  changed since it was assigned:", "    price.month.USD 19 -> 29"]


def test_the_question_before_a_start_says_until_when_a_trial_and_the_terms_last() -> None:
    tried = monthly_one(trial_ends_at=t("2026-02-14", "Europe/Berlin"), expires_at=t("2027-01-30T23:00:00Z"))
    assert start_lines(tried, [], [], [])[-2:] == [
        "  trial until 2026-02-14, free; it goes on from there with a payment method, else it expires",
        "  expires 2027-01-31",
    ]


def test_a_start_as_json_has_its_invoices_and_what_gave_way() -> None:
    free = running(Terms(free=True), "2025-12-01", id="sub_0", plan="free", ends_at=t("2026-01-01"))
    found = started_document(Shown(running(monthly(), "2026-01-01"), t("2026-01-01")), [invoice()], [free])
    assert found["replaced"] == [{"id": "sub_0", "plan": "free", "ends_at": "2026-01-01T00:00:00Z"}]
    assert isinstance(found["invoices"], list)
    assert found["invoices"][0]["number"] == "INV-2026-00001"


def test_canceling_says_the_local_day_and_the_final_request() -> None:
    ending = canceled(running(monthly(), "2026-01-01", "Europe/Berlin"), "2026-02-01")
    assert cancel_lines(ending, [draft()]) == [
        "nova/starter ends 2026-02-01 (Europe/Berlin)",
        "  final request: 49.00 USD",
    ]
    found = canceled_document(ending, t("2026-01-20"), [], unchanged=True)
    assert (found["unchanged"], found["invoices"]) == (True, [])


# --- assignments


def test_an_assignment_shows_every_price_and_what_was_agreed() -> None:
    row = PriceRow(Interval.parse("month"), {"USD": Decimal("45.50"), "EUR": Decimal(18)})
    assignment = Assignment(
        "asg_1", "nova", "pro", 2, negotiated={"due": "30 days"}, assigned_at=t("2026-01-01")
    )
    sales = (("month", DECLARED["USD"]), ("month", DECLARED["EUR"]))
    found = assigned_document(assignment, offer(monthly(rows=(row,))), sales, existed=False)
    assert found["pricing"] == [
        "Recurring · 45.50 USD / month",
        "Recurring · 18.00 EUR / month",
        "Usage · Off",
        "Add-on packs · Off",
        "agreed: due = 30 days",
    ]
    answer = assigned_answer(found)
    assert answer.lines[0] == "pro v2 is assigned to nova"
    assert answer.lines[-1] == "not started yet: planctl subscribe nova pro"


def test_an_assignment_says_what_it_took_the_place_of() -> None:
    assignment = Assignment("asg_1", "nova", "pro", 2, assigned_at=t("2026-01-01"))
    found = assigned_document(assignment, offer(monthly()), (), existed=False, dropped=("due = 30 days",))
    assert found["dropped"] == ["due = 30 days"]
    assert "no longer: due = 30 days (of the assignment that waited before)" in assigned_answer(found).lines


def test_what_was_not_chosen_is_null() -> None:
    found = assignment_document(Assignment("asg_1", "nova", "pro", 1, assigned_at=t("2026-01-01")))
    assert (found["pay"], found["currency"], found["subscription"], found["status"]) == (
        None,
        None,
        None,
        "waiting",
    )
    assert found["assigned_at"] == "2026-01-01T00:00:00Z"
