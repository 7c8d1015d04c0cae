"""Requests beside scheduled changes as they stand at an instant; answers are given once."""

from __future__ import annotations

from typing import Any

import pytest

from planctl.core.subscriptions.change_requests import Filed, PlanChange, RequestStatus, Wish
from planctl.errors import NotFound, Refused
from planctl.store.selling import subscription_at
from planctl.workflows.request_changes import (
    Filter,
    answer,
    file_request,
    open_request,
    read_changes,
    withdraw_request,
)
from tests.workflows.business import Business, t


@pytest.fixture
def nova(business: Business) -> Business:
    """nova on pro by the month (49.00) since the new year, paid."""
    business.customer("nova")
    business.subscribe("nova", "pro", pay="month")
    business.pay("INV-2026-00001", "2026-01-02")
    return business


def ask(business: Business, wish: Wish, at: str = "2026-01-10", address: str = "nova/pro") -> Filed:
    with business.store.write() as tx:
        return file_request(tx, subscription_at(tx, address), wish, t(at))


def changes(business: Business, at: str = "2026-01-10", **wanted: Any) -> list[PlanChange]:
    with business.store.read() as tx:
        return read_changes(tx, Filter(**wanted), t(at))


def test_a_request_shows_what_would_cost_what_and_from_when(nova: Business) -> None:
    ask(nova, Wish("starter", "month", "USD"))
    (one,) = changes(nova)
    assert (one.status, one.before.plan, one.to_plan) == ("requested", "pro", "starter")
    assert (one.price_before, one.price_after, one.takes_effect_at) == (4900, 1900, t("2026-02-01"))
    (later,) = changes(nova, "2026-02-10")
    assert later.takes_effect_at == t("2026-03-01")


@pytest.mark.parametrize(
    ("wish", "price"),
    [
        (Wish("starter"), 1900),
        (Wish("starter", "year"), 19000),
        (Wish("metered"), None),
        (Wish("free"), 0),
        (Wish("enterprise"), None),
        (Wish("gone"), None),
        (Wish("starter", "week"), None),
    ],
)
def test_what_has_no_fixed_price_shows_none(nova: Business, wish: Wish, price: int | None) -> None:
    ask(nova, wish)
    (one,) = changes(nova)
    assert one.price_after == price


def test_what_is_not_renewed_takes_effect_at_no_renewal(nova: Business) -> None:
    nova.subscribe("nova", "setup", "2026-01-05")
    ask(nova, Wish("starter"), address="nova/setup")
    (one,) = changes(nova)
    assert one.takes_effect_at is None


def test_in_a_trial_it_takes_effect_at_once(business: Business) -> None:
    business.customer("nova", payment_method="invoice")
    business.subscribe("nova", "pro", pay="month", trial=True)
    ask(business, Wish("starter"))
    (one,) = changes(business, "2026-01-12")
    assert one.takes_effect_at == t("2026-01-12")


def test_a_scheduled_change_is_listed_until_it_has_come(nova: Business) -> None:
    nova.subscribe("nova", "starter", "2026-01-10", trial=None, when="renewal")
    (one,) = changes(nova)
    assert (one.status, one.before.plan, one.to_plan) == ("scheduled", "pro", "starter")
    assert (one.price_before, one.price_after, one.takes_effect_at) == (4900, 1900, t("2026-02-01"))
    assert changes(nova, "2026-02-01") == []


def test_time_alone_withdraws_a_request_when_the_plan_has_ended(nova: Business) -> None:
    ask(nova, Wish("starter"))
    nova.cancel("nova/pro", "2026-01-12")
    assert [one.status for one in changes(nova, "2026-01-31")] == ["requested"]
    (one,) = changes(nova, "2026-02-01")
    assert (one.status, one.takes_effect_at) == ("withdrawn", None)
    with pytest.raises(NotFound), nova.store.read() as tx:
        open_request(tx, "nova", t("2026-02-01"))


def test_a_change_made_otherwise_withdraws_it(nova: Business) -> None:
    ask(nova, Wish("starter"))
    nova.subscribe("nova", "starter", "2026-01-12", trial=None, when="now")
    assert [one.status for one in changes(nova, "2026-01-12")] == ["withdrawn"]


def test_lists_are_filtered(nova: Business) -> None:
    nova.customer("orbit")
    nova.subscribe("orbit", "pro", "2026-01-03", pay="month")
    ask(nova, Wish("starter"))
    ask(nova, Wish("free"), "2026-01-11")
    ask(nova, Wish("free"), address="orbit/pro")
    assert [one.before.customer for one in changes(nova)] == ["orbit", "nova", "nova"]
    assert [one.to_plan for one in changes(nova, customer="nova")] == ["free", "starter"]
    assert [one.to_plan for one in changes(nova, status="withdrawn")] == ["starter"]
    assert len(changes(nova, limit=2)) == 2
    with pytest.raises(NotFound):
        changes(nova, customer="nobody")


def test_a_request_is_found_by_its_customer_or_with_the_plan_that_runs(nova: Business) -> None:
    made = ask(nova, Wish("starter")).request
    with nova.store.read() as tx:
        assert open_request(tx, "nova", t("2026-01-10")) == made
        assert open_request(tx, "nova/pro", t("2026-01-10")) == made
        with pytest.raises(NotFound):
            open_request(tx, "nova/starter", t("2026-01-10"))
        with pytest.raises(NotFound):
            open_request(tx, "nobody", t("2026-01-10"))


def test_where_several_wait_the_customer_alone_is_not_enough(nova: Business) -> None:
    nova.subscribe("nova", "setup", "2026-01-05")
    ask(nova, Wish("starter"))
    ask(nova, Wish("free"), address="nova/setup")
    with pytest.raises(Refused) as refused, nova.store.read() as tx:
        open_request(tx, "nova", t("2026-01-10"))
    assert refused.value.code == "ambiguous"


def test_an_answer_is_given_once(nova: Business) -> None:
    made = ask(nova, Wish("starter")).request
    with nova.store.write() as tx:
        done = answer(tx, made, RequestStatus.REJECTED, t("2026-01-11"), "too soon")
        assert (done.status, done.reason) == (RequestStatus.REJECTED, "too soon")
        with pytest.raises(NotFound):
            open_request(tx, "nova", t("2026-01-11"))
    (one,) = changes(nova, "2026-01-12")
    assert one.request == done


def test_a_request_for_the_running_plan_can_be_withdrawn(nova: Business) -> None:
    ask(nova, Wish("starter"))
    with nova.store.write() as tx:
        assert withdraw_request(tx, "nova", "starter", t("2026-01-11")) is None
        gone = withdraw_request(tx, "nova", "pro", t("2026-01-11"))
        assert gone is not None
        assert withdraw_request(tx, "nova", "pro", t("2026-01-11")) is None
    assert [one.status for one in changes(nova)] == ["withdrawn"]
