"""Reading at an instant: what time alone has moved is shown as if the run had just been, and nothing is written."""

from __future__ import annotations

import pytest

from planctl.core.invoicing.model import InvoiceStatus
from planctl.core.subscriptions.model import Status
from planctl.errors import NotFound, Refused
from planctl.store.invoices import InvoiceFilter
from planctl.store.selling import subscription_at
from planctl.workflows.read_invoices import read_invoice, read_invoices
from planctl.workflows.read_subscriptions import Filter, read_all, read_one
from tests.workflows.business import Business, t


@pytest.mark.parametrize(
    ("as_of", "status"),
    [
        ("2025-12-31", Status.PENDING),
        ("2026-01-01", Status.ACTIVE),
        ("2026-01-07T23:59:59.999999Z", Status.ACTIVE),
        ("2026-01-08", Status.PAST_DUE),
        ("2026-01-10T23:59:59.999999Z", Status.PAST_DUE),
        ("2026-01-11", Status.BLOCKED),
        ("2026-06-01", Status.BLOCKED),
    ],
)
def test_the_status_follows_from_the_time_asked_about(business: Business, as_of: str, status: Status) -> None:
    business.customer("nova")
    business.subscribe("nova", "pro", pay="month")
    assert business.shown("nova", as_of).status is status


def test_a_planned_end_is_over_when_it_is_over(business: Business) -> None:
    business.customer("nova")
    business.subscribe("nova", "pro", pay="month")
    business.pay("INV-2026-00001", "2026-01-02")
    business.cancel("nova", "2026-01-20")
    assert business.shown("nova", "2026-01-31T23:59:59Z").status is Status.ACTIVE
    assert business.shown("nova", "2026-02-01").status is Status.CANCELED


def test_a_scheduled_start_is_running_from_its_hour_on(business: Business) -> None:
    business.customer("nova")
    business.subscribe("nova", "free")
    business.subscribe("nova", "pro", pay="month", start="2026-02-01", schedule=True)
    for as_of, free, pro in (
        ("2026-01-31T23:59:59Z", Status.ACTIVE, Status.PENDING),
        ("2026-02-01", Status.CANCELED, Status.ACTIVE),
    ):
        assert (business.shown("nova/free", as_of).status, business.shown("nova/pro", as_of).status) == (
            free,
            pro,
        )


def test_reading_writes_nothing(business: Business) -> None:
    business.customer("nova")
    business.subscribe("nova", "pro", pay="month")
    dump = "SELECT status, settled_at, next_action_at FROM subscription ORDER BY id"
    with business.store.read() as tx:
        before = list(tx.rows(dump))
    with business.store.write() as tx:
        read_all(tx, Filter(), t("2026-06-01"))
        read_one(tx, "nova", t("2026-06-01"))
        read_invoices(tx, InvoiceFilter(), t("2026-06-01"))
    with business.store.read() as tx:
        assert list(tx.rows(dump)) == before
    assert business.shown("nova", "2026-01-02").status is Status.ACTIVE


def test_an_open_invoice_is_past_due_from_its_due_date_on(business: Business) -> None:
    business.customer("nova")
    business.subscribe("nova", "pro", pay="month")
    with business.store.read() as tx:
        for as_of, status in (
            ("2026-01-07T23:59:59.999999Z", InvoiceStatus.OPEN),
            ("2026-01-08", InvoiceStatus.PAST_DUE),
        ):
            assert read_invoice(tx, "INV-2026-00001", t(as_of)).status is status
        assert read_invoices(tx, InvoiceFilter(), t("2026-01-08"), "open") == []
        assert len(read_invoices(tx, InvoiceFilter(), t("2026-01-08"), "past_due")) == 1


def test_a_paid_or_void_invoice_is_never_past_due(business: Business) -> None:
    business.customer("nova", "vega")
    business.subscribe("nova", "pro", pay="month")
    business.subscribe("vega", "pro", pay="month")
    business.pay("INV-2026-00001", "2026-01-02")
    business.void("INV-2026-00002", "2026-01-02")
    with business.store.read() as tx:
        found = read_invoices(tx, InvoiceFilter(), t("2026-06-01"))
    assert [one.status for one in found] == [InvoiceStatus.PAID, InvoiceStatus.VOID]


def test_unpaid_invoices_are_listed_by_number(business: Business) -> None:
    business.customer("nova")
    business.subscribe("nova", "pro", pay="month")
    business.subscribe("nova", "setup")
    with business.store.read() as tx:
        assert read_one(tx, "nova/pro", t("2026-01-02")).open_invoices == ("INV-2026-00001",)
        assert read_one(tx, "nova/setup", t("2026-01-02")).open_invoices == ("INV-2026-00002",)
    business.pay("INV-2026-00001", "2026-01-03")
    with business.store.read() as tx:
        assert read_one(tx, "nova/pro", t("2026-01-03")).open_invoices == ()


# --- addresses


def test_a_subscription_is_found_by_id_by_customer_and_plan_and_by_a_customer_who_has_one(
    business: Business,
) -> None:
    business.customer("nova")
    made = business.subscribe("nova", "pro", pay="month").subscription
    with business.store.read() as tx:
        assert {subscription_at(tx, address).id for address in (made.id, "nova/pro", "nova")} == {made.id}


def test_of_several_runs_of_a_plan_the_live_one_is_meant_else_the_latest(business: Business) -> None:
    business.customer("nova")
    first = business.subscribe("nova", "pro", pay="month").subscription
    business.cancel("nova", "2026-01-05", at_once=True)
    second = business.subscribe("nova", "pro", "2026-01-06", pay="month").subscription
    with business.store.read() as tx:
        assert subscription_at(tx, "nova/pro").id == second.id
    business.cancel("nova/pro", "2026-01-07", at_once=True)
    with business.store.read() as tx:
        assert subscription_at(tx, "nova/pro").id == subscription_at(tx, "nova").id == second.id
        assert subscription_at(tx, first.id).status is Status.CANCELED


def test_a_customer_of_several_must_be_asked_about_one(business: Business) -> None:
    business.customer("nova")
    business.subscribe("nova", "pro", pay="month")
    business.subscribe("nova", "setup", "2026-01-02")
    with business.store.read() as tx, pytest.raises(Refused) as refused:
        subscription_at(tx, "nova")
    assert (refused.value.code, refused.value.expected) == ("ambiguous", "nova/pro | nova/setup")


@pytest.mark.parametrize("address", ["nobody", "nova", "nova/pro", "sub_00000000000", "nobody/pro"])
def test_what_is_not_there_is_not_found(business: Business, address: str) -> None:
    business.customer("nova")
    with business.store.read() as tx, pytest.raises(NotFound):
        subscription_at(tx, address)


# --- lists


def test_lists_filter_by_the_status_at_that_instant(business: Business) -> None:
    business.customer("late", "paid")
    for name, hour in (("late", "00"), ("paid", "01")):
        business.subscribe(name, "pro", f"2026-01-01T{hour}:00:00Z", pay="month")
    business.pay("INV-2026-00002", "2026-01-02")
    with business.store.read() as tx:

        def customers(as_of: str, **wanted: str | int) -> list[str]:
            found = read_all(tx, Filter(**wanted), t(as_of))  # type: ignore[arg-type]
            return [one.subscription.customer for one in found]

        assert customers("2026-01-20") == ["late", "paid"]
        assert customers("2026-01-20", status="blocked") == ["late"]
        assert customers("2026-01-09", status="past_due") == ["late"]
        assert customers("2026-01-20", status="active") == ["paid"]
        assert customers("2026-01-20", customer="paid") == ["paid"]
        assert customers("2026-01-20", plan="starter") == []
        assert customers("2026-01-20", currency="EUR") == []
        assert customers("2026-01-20", limit=1) == ["late"]
        with pytest.raises(NotFound):
            customers("2026-01-20", customer="nobody")


def test_a_list_is_in_the_order_of_starts_and_then_of_making(business: Business) -> None:
    business.customer("nova", "vega", "berta")
    business.subscribe("vega", "starter", "2026-01-10", start="2026-01-10", pay="month")
    business.subscribe("berta", "starter", "2026-01-10", start="2026-01-10", pay="month")
    business.subscribe("nova", "starter", "2026-01-12", start="2026-01-05", pay="month")
    with business.store.read() as tx:
        found = read_all(tx, Filter(), t("2026-01-12"))
    assert [one.subscription.customer for one in found] == ["nova", "vega", "berta"]
