"""Starting plans in a real store: what is written, what is billed at once, and what is refused whole."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from planctl.core.invoicing.model import InvoiceStatus
from planctl.core.periods import instant_text
from planctl.core.subscriptions.model import Status
from planctl.core.subscriptions.start import AlreadyRunning
from planctl.errors import InvalidInput, NotFound, PlanctlError, Refused, WrongUsage
from planctl.files.plan_options import Options
from planctl.store import subscriptions
from planctl.workflows.assign_plan import Wanted as Assigning
from planctl.workflows.assign_plan import assign_plan
from planctl.workflows.edit_catalog import Who, decide, draft_edit, keep
from planctl.workflows.subscribe import Wanted, propose_subscription
from tests.workflows.business import NEW_YEAR, Business, lines, rows, t, total


def assign(business: Business, customer: str, plan: str, **more: object) -> None:
    with business.store.write() as tx:
        assign_plan(tx, Assigning(customer, plan, **more), NEW_YEAR)  # type: ignore[arg-type]


def reprice(business: Business, plan: str, price: str) -> None:
    """Edit a plan's monthly price in the shell, outside the catalog's files."""
    with business.store.write() as tx:
        decided = decide(
            tx, draft_edit(tx, "plan", plan, Options(prices=(f"month:USD={price}",))), outside=True
        )
        assert decided.usable, decided.findings
        keep(tx, decided, Who("ci", NEW_YEAR, "a test", outside=True))


# --- what starting does


def test_a_start_issues_its_first_request_at_once(business: Business) -> None:
    business.customer("nova", timezone="Europe/Berlin")
    done = business.subscribe("nova", "pro", "2026-01-31T09:00:00Z", pay="month")
    (invoice,) = done.invoices
    assert (invoice.number, invoice.status, total(invoice)) == ("INV-2026-00001", InvoiceStatus.OPEN, "49.00")
    assert instant_text(invoice.draft.due_at) == "2026-02-07T09:00:00Z"
    assert invoice.buyer["id"] == "nova"
    assert done.subscription.settled_at == t("2026-01-31T09:00:00Z")
    with business.store.read() as tx:
        (period,) = subscriptions.periods(tx, [done.subscription.id])[done.subscription.id]
    assert (period.index, period.starts_at, period.ends_at) == (
        0,
        t("2026-01-31T09:00:00Z"),
        t("2026-02-28T09:00:00Z"),
    )


def test_a_start_in_the_past_bills_every_period_since_in_one_go(business: Business) -> None:
    business.customer("nova")
    done = business.subscribe("nova", "pro", "2026-03-15", pay="month", start="2026-01-10")
    assert [(one.number, instant_text(one.draft.at)) for one in done.invoices] == [
        ("INV-2026-00001", "2026-01-10T00:00:00Z"),
        ("INV-2026-00002", "2026-02-10T00:00:00Z"),
        ("INV-2026-00003", "2026-03-10T00:00:00Z"),
    ]
    assert {instant_text(one.draft.due_at) for one in done.invoices} == {"2026-03-22T00:00:00Z"}


def test_a_start_by_date_is_the_first_instant_of_the_customers_day(business: Business) -> None:
    business.customer("nova", timezone="America/New_York")
    done = business.subscribe("nova", "pro", "2026-01-20", pay="month", start="2026-01-15")
    assert instant_text(done.subscription.started_at) == "2026-01-15T05:00:00Z"


def test_seats_above_the_allowance_are_charged_with_the_first_fee(business: Business) -> None:
    business.customer("nova")
    done = business.subscribe("nova", "pro", pay="year", quantities={"seats": Decimal(12)})
    assert lines(done.invoices[0]) == [("fee", "490.00"), ("quantity", "80.00")]  # 2 × 40 a year
    assert done.subscription.quantities == {"seats": 12}


def test_a_free_plan_starts_without_a_request(business: Business) -> None:
    business.customer("nova")
    done = business.subscribe("nova", "free")
    assert (done.invoices, done.subscription.status) == ((), Status.ACTIVE)


def test_a_one_off_is_charged_once_and_stays_open(business: Business) -> None:
    business.customer("nova")
    done = business.subscribe("nova", "setup")
    assert [lines(one) for one in done.invoices] == [[("one_off", "299.00")]]
    business.pay("INV-2026-00001", "2026-01-02")
    assert business.run("2030-01-01").invoices == []


def test_a_usage_plan_requests_nothing_before_something_is_used(business: Business) -> None:
    business.customer("nova")
    assert business.subscribe("nova", "metered").invoices == ()
    business.use("nova", "minutes", "25", "2026-01-10")
    (invoice,) = business.run("2026-02-01").invoices
    assert lines(invoice) == [("usage", "3.00")]  # 25 × 0.12


# --- what gives way


def test_a_free_plan_gives_way_without_a_credit_and_without_its_usage(business: Business) -> None:
    business.customer("nova")
    free = business.subscribe("nova", "free").subscription
    business.use("nova", "minutes", "40", "2026-01-05")
    done = business.subscribe("nova", "pro", "2026-01-10", pay="month")
    assert [(old.id, old.status) for old in done.replaced] == [(free.id, Status.CANCELED)]
    assert lines(done.invoices[0]) == [("fee", "49.00")]
    assert business.shown("nova/free", "2026-01-10").ends_at == t("2026-01-10")


def test_a_scheduled_start_leaves_the_free_plan_until_then(business: Business) -> None:
    business.customer("nova")
    business.subscribe("nova", "free")
    done = business.subscribe("nova", "pro", "2026-01-10", pay="month", start="2026-02-01", schedule=True)
    assert (done.subscription.status, done.invoices) == (Status.PENDING, ())
    assert business.shown("nova/free", "2026-01-31").status is Status.ACTIVE
    report = business.run("2026-02-01")
    assert [(one.before.value, one.after.value) for one in report.transitions] == [
        ("active", "canceled"),
        ("pending", "active"),
    ]
    assert [total(one) for one in report.invoices] == ["49.00"]


def test_a_higher_plan_of_the_group_takes_its_place_now(business: Business) -> None:
    """16 of January's 31 days are left: 19.00 × 16/31 = 9.81 go back, 49.00 × 16/31 = 25.29 are charged."""
    business.customer("nova")
    old = business.subscribe("nova", "starter", pay="month").subscription
    business.pay("INV-2026-00001", "2026-01-05")
    done = business.subscribe("nova", "pro", "2026-01-16T12:00:00Z")
    (invoice,) = done.invoices
    assert [one[-1] for one in lines(invoice)] == ["-9.81", "25.29"]
    assert total(invoice) == "15.48"
    new = done.subscription
    assert (new.follows, new.anchor_at, new.pay, new.status) == (old.id, NEW_YEAR, "month", Status.ACTIVE)
    with business.store.read() as tx:
        ended = subscriptions.get(tx, old.id)
    assert ended is not None
    assert (ended.status, ended.end_reason, ended.ends_at) == (
        Status.CANCELED,
        "changed",
        t("2026-01-16T12:00:00Z"),
    )
    business.pay("INV-2026-00002", "2026-01-20")
    (renewal,) = business.run("2026-02-01").invoices
    assert total(renewal) == "49.00"


def test_a_lower_plan_of_the_group_waits_for_the_renewal(business: Business) -> None:
    business.customer("nova")
    old = business.subscribe("nova", "pro", pay="month").subscription
    done = business.subscribe("nova", "starter", "2026-01-10")
    assert (done.subscription.status, done.subscription.started_at) == (Status.PENDING, t("2026-02-01"))
    assert done.invoices == ()
    business.pay("INV-2026-00001", "2026-01-05")
    (invoice,) = business.run("2026-02-01").invoices
    assert (invoice.draft.subscription, total(invoice)) == (done.subscription.id, "19.00")
    with business.store.read() as tx:
        ended = subscriptions.get(tx, old.id)
    assert ended is not None
    assert (ended.status, ended.end_reason) == (Status.CANCELED, "changed")


def test_subscribing_to_the_plan_that_runs_takes_a_scheduled_change_back(business: Business) -> None:
    business.customer("nova")
    old = business.subscribe("nova", "pro", pay="month").subscription
    coming = business.subscribe("nova", "starter", "2026-01-10").subscription
    kept = business.subscribe("nova", "pro", "2026-01-20")
    assert (kept.subscription.id, kept.subscription.ends_at) == (old.id, None)
    with business.store.read() as tx:
        gone = subscriptions.get(tx, coming.id)
    assert gone is not None
    assert gone.status is Status.CANCELED
    business.pay("INV-2026-00001", "2026-01-05")
    (invoice,) = business.run("2026-02-01").invoices
    assert (invoice.draft.subscription, total(invoice)) == (old.id, "49.00")


def test_the_same_change_again_changes_nothing(business: Business) -> None:
    business.customer("nova")
    business.subscribe("nova", "pro", pay="month")
    business.subscribe("nova", "starter", "2026-01-10")
    with pytest.raises(AlreadyRunning, match="changes to starter at its renewal already"):
        business.subscribe("nova", "starter", "2026-01-10T12:00:00Z")


def test_while_blocked_no_plan_changes(business: Business) -> None:
    """Unpaid for 7 + 3 days; what it takes instead is named."""
    business.customer("nova")
    business.subscribe("nova", "starter", pay="month")
    with pytest.raises(Refused, match="cannot be changed to pro") as refused:
        business.subscribe("nova", "pro", "2026-01-12")
    assert refused.value.exit_code == 4
    assert "paid" in refused.value.expected
    assert "cancel" in refused.value.expected


def test_the_same_plan_again_changes_nothing(business: Business) -> None:
    business.customer("nova")
    business.subscribe("nova", "starter", pay="month")
    with pytest.raises(AlreadyRunning):
        business.subscribe("nova", "starter", "2026-01-05", pay="month")
    assert len(business.bills()) == 1


# --- assigned plans


def test_an_assigned_plan_starts_with_what_was_agreed(business: Business) -> None:
    business.customer("dean", emails=("dean@school.example",))
    assign(
        business, "dean", "pro", pay="month", currency="USD", price=Decimal("45.50"), terms={"due": "30 days"}
    )
    done = business.subscribe("dean")
    assert (total(done.invoices[0]), instant_text(done.invoices[0].draft.due_at)) == (
        "45.50",
        "2026-01-31T00:00:00Z",
    )
    assert done.subscription.negotiated == {"price.month.USD": "45.50", "due": "30 days"}
    with business.store.read() as tx:
        assert subscriptions.assignments(tx, ["dean"])["dean"] == []


def test_without_a_plan_the_only_assigned_one_is_meant(business: Business) -> None:
    business.customer("nova")
    with pytest.raises(WrongUsage, match="no plan assigned"):
        business.subscribe("nova")
    assign(business, "nova", "pro")
    assign(business, "nova", "setup")
    with pytest.raises(WrongUsage, match="say which"):
        business.subscribe("nova")
    assert business.subscribe("nova", "pro", pay="month").subscription.plan == "pro"


def test_newer_terms_than_those_assigned_are_not_taken_silently(business: Business) -> None:
    business.customer("nova")
    assign(business, "nova", "pro", pay="month")
    reprice(business, "pro", "59")
    with pytest.raises(Refused) as refused:
        business.subscribe("nova", "pro")
    assert refused.value.code == "terms-changed"
    assert "price.month.USD 49 -> 59" in refused.value.got
    assert business.bills() == []
    old = business.subscribe("nova", "pro", plan_version="1")
    assert (old.subscription.plan_version, total(old.invoices[0])) == (1, "49.00")


def test_the_newest_terms_are_taken_where_they_are_asked_for(business: Business) -> None:
    business.customer("nova")
    assign(business, "nova", "pro", pay="month")
    reprice(business, "pro", "59")
    done = business.subscribe("nova", "pro", plan_version="newest")
    assert (done.subscription.plan_version, total(done.invoices[0])) == (2, "59.00")


def test_differences_are_listed_for_whoever_can_be_asked(business: Business) -> None:
    business.customer("nova")
    assign(business, "nova", "pro", pay="month")
    reprice(business, "pro", "59")
    with business.store.read() as tx:
        proposal = propose_subscription(tx, Wanted("nova", "pro", trial=False, may_ask=True), NEW_YEAR)
    assert proposal.differences == ("price.month.USD 49 -> 59",)


def test_a_running_subscription_keeps_its_terms_when_the_plan_is_edited(business: Business) -> None:
    business.customer("nova")
    business.subscribe("nova", "pro", pay="month")
    reprice(business, "pro", "59")
    business.pay("INV-2026-00001", "2026-01-05")
    (invoice,) = business.run("2026-02-01").invoices
    assert total(invoice) == "49.00"


# --- what is refused


@pytest.mark.parametrize("trial", [None, True])
def test_a_plan_with_a_trial_starts_with_it_unless_told_otherwise(
    business: Business, trial: bool | None
) -> None:
    business.customer("nova")
    done = business.subscribe("nova", "starter", trial=trial, pay="month")
    assert (done.subscription.status, done.subscription.trial_ends_at) == (Status.TRIALING, t("2026-01-15"))
    assert done.invoices == ()


@pytest.mark.parametrize(
    ("customer", "plan", "asked", "error"),
    [
        ("nobody", "pro", {"pay": "month"}, NotFound),
        ("nova", "pru", {"pay": "month"}, NotFound),
        ("nova", "pro", {"pay": "month", "plan_version": "7"}, NotFound),
        ("nova", "pro", {}, WrongUsage),
        ("nova", "pro", {"pay": "week"}, Refused),
        ("nova", "pro", {"pay": "month", "currency": "GBP"}, Refused),
        ("nova", "pro", {"pay": "month", "start": "2026-01-02"}, Refused),
        ("nova", "pro", {"pay": "month", "start": "soon"}, InvalidInput),
        ("nova", "pro", {"pay": "month", "start": "2024-01-01"}, Refused),
        ("nova", "pro", {"pay": "month", "quantities": {"seats": Decimal(51)}}, InvalidInput),
        ("nova", "pro", {"pay": "month", "quantities": {"minutes": Decimal(6000)}}, Refused),
        ("nova", "enterprise", {"pay": "year"}, Refused),
        ("nova", "extra_seat", {"pay": "month"}, Refused),
        ("nova", "minutes_1k", {}, Refused),
    ],
)
def test_what_cannot_be_sold_is_refused_and_nothing_is_written(
    business: Business, customer: str, plan: str, asked: dict[str, Any], error: type[PlanctlError]
) -> None:
    business.customer("nova")
    with pytest.raises(error):
        business.subscribe(customer, plan, **asked)
    with business.store.read() as tx:
        assert rows(tx, "subscription") == rows(tx, "invoice") == rows(tx, "billing_period") == 0


def test_a_customer_to_whom_a_tax_applies_is_not_sold_to_without_it(business: Business) -> None:
    """19 % of 46.00 are 8.74."""
    business.customer("berta", country="DE", currency="EUR")
    business.customer("kunde", country="DE", currency="EUR", tax="exempt")
    assert total(business.subscribe("berta", "pro", pay="month").invoices[0]) == "54.74"
    assert total(business.subscribe("kunde", "pro", pay="month").invoices[0]) == "46.00"


def test_an_amount_beyond_all_bounds_is_refused_and_not_a_crash(business: Business) -> None:
    business.customer("nova")
    reserved = {
        "price.month.USD": "9_000_000_000_000",
        "features.seats.beyond.each.month.USD": "9_000_000_000_000",
    }
    with pytest.raises(PlanctlError) as refused:
        business.subscribe("nova", "pro", pay="month", negotiated=reserved, quantities={"seats": Decimal(50)})
    assert refused.value.exit_code in {3, 4}
