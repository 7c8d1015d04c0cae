"""What time alone makes follow what: ends of trials and terms, the plan that takes over, changes that come."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from planctl.core.catalog.model import OnlyFor, Terms
from planctl.core.customers import Customer
from planctl.core.invoicing.facts import CustomerFacts, Fallback
from planctl.core.invoicing.succession import check_run_first, unfolded, wants_fallback
from planctl.core.subscriptions.model import Status, Subscription
from planctl.core.subscriptions.start import Offered
from planctl.errors import Refused
from tests.core.billing import monthly, offer, running, sold, t

FREE = offer(Terms(free=True, group="main"), "free")
OVER = t("2026-04-15")


def runs(terms: Terms | None = None, **more: Any) -> Subscription:
    """A subscription of the group from 1 April on."""
    said: dict[str, Any] = {"id": "sub_old", "plan": "pro", "exclusive_group": "main"} | more
    return running(replace(terms or monthly("30"), group="main"), "2026-04-01", **said)


TRIAL = runs(status=Status.TRIALING, trial_ends_at=OVER, anchors=(OVER,), fees_from=OVER)
PASS = runs(expires_at=t("2026-05-16"), ends_at=t("2026-05-16"), end_reason="expired")


def facts(
    *subscriptions: Subscription, fallback: Offered | None = FREE, customer: Customer | None = None
) -> CustomerFacts:
    several = {} if fallback is None else {"main": Fallback(fallback, "sub_free")}
    return CustomerFacts(customer or Customer("nova", currency="USD"), subscriptions, fallbacks=several)


def named(found: CustomerFacts) -> dict[str, Subscription]:
    return {one.id: one for one in found.subscriptions}


# --- trials


def test_a_trial_that_nobody_pays_after_ends_its_subscription_at_that_very_instant() -> None:
    before = unfolded(facts(TRIAL), t("2026-04-14T23:59:59.999999Z"))
    assert (before.subscriptions, before.moved, before.fresh) == ((TRIAL,), frozenset(), ())
    after = unfolded(facts(TRIAL), OVER)
    ended = named(after)["sub_old"]
    assert (ended.ends_at, ended.end_reason, ended.status) == (OVER, "expired", Status.TRIALING)
    assert after.moved == {"sub_old"}
    assert after.fresh == ("sub_free",)


@pytest.mark.parametrize("method", ["card", "invoice"])
def test_a_trial_that_somebody_pays_after_goes_on(method: Any) -> None:
    payer = Customer("nova", currency="USD", payment_method=method)
    found = unfolded(facts(TRIAL, customer=payer), t("2026-06-01"))
    assert (found.subscriptions, found.fresh) == ((TRIAL,), ())


@pytest.mark.parametrize("ends_at", ["2026-04-10", "2026-04-15"])
def test_a_trial_that_is_canceled_does_not_expire(ends_at: str) -> None:
    canceled = replace(TRIAL, ends_at=t(ends_at), end_reason="canceled")
    found = unfolded(facts(canceled), t("2026-05-01"))
    assert (found.subscriptions, found.fresh, found.moved) == ((canceled,), (), frozenset())


def test_a_scheduled_start_whose_trial_is_over_too_has_expired() -> None:
    coming = replace(TRIAL, status=Status.PENDING)
    assert named(unfolded(facts(coming), OVER))["sub_old"].end_reason == "expired"


def test_a_trial_that_was_paid_after_is_no_trial_any_more() -> None:
    paid = replace(TRIAL, status=Status.ACTIVE)
    assert unfolded(facts(paid), t("2026-06-01")).subscriptions == (paid,)


# --- the plan that takes over


def test_what_expires_is_followed_by_the_groups_plan_for_everybody() -> None:
    found = unfolded(facts(PASS), t("2026-05-16"))
    new = named(found)["sub_free"]
    at = t("2026-05-16")
    assert (new.plan, new.status, new.started_at, new.anchor_at, new.created_at) == (
        "free", Status.PENDING, at, at, at,
    )  # fmt: skip
    assert (new.customer, new.exclusive_group, new.follows, new.timezone) == ("nova", "main", "", "UTC")
    assert (found.fresh, found.moved) == (("sub_free",), frozenset())


def test_it_does_so_once() -> None:
    once = unfolded(facts(PASS), t("2026-05-16"))
    twice = unfolded(once, t("2026-07-01"))
    assert [one.id for one in twice.subscriptions] == ["sub_old", "sub_free"]
    assert twice.fresh == ("sub_free",)


def test_it_lives_in_the_zone_of_what_expired() -> None:
    found = unfolded(facts(replace(PASS, timezone="Asia/Tokyo")), t("2026-05-16"))
    assert named(found)["sub_free"].timezone == "Asia/Tokyo"


@pytest.mark.parametrize(
    "old",
    [
        replace(PASS, exclusive_group=""),
        replace(PASS, plan="free"),
        replace(PASS, end_reason="canceled"),
        replace(PASS, status=Status.EXPIRED),
    ],
    ids=["no-group", "itself", "canceled", "written-already"],
)
def test_nothing_takes_over_from_what_did_not_expire_in_the_group(old: Subscription) -> None:
    found = unfolded(facts(old), t("2026-06-01"))
    assert (found.subscriptions, found.fresh) == ((old,), ())


def test_nothing_takes_over_where_another_of_the_group_runs_or_is_to_start() -> None:
    for status in (Status.ACTIVE, Status.PENDING):
        other = runs(id="sub_next", plan="small", status=status, started_at=t("2026-05-16"))
        assert unfolded(facts(PASS, other), t("2026-06-01")).fresh == ()
    gone = runs(id="sub_gone", plan="small", status=Status.CANCELED)
    assert unfolded(facts(PASS, gone), t("2026-06-01")).fresh == ("sub_free",)
    sales = runs(id="sub_sales", plan="leads", exclusive_group="sales")
    assert unfolded(facts(PASS, sales), t("2026-06-01")).fresh == ("sub_free",)


@pytest.mark.parametrize(
    ("customer", "fallback"),
    [
        (Customer("nova", currency="USD", archived_at=t("2026-05-01")), FREE),
        (Customer("nova", currency="USD", parent="acme"), FREE),
        (Customer("nova", currency="USD"), offer(FREE.terms, "free", archived=True)),
        (
            Customer("nova", currency="USD"),
            offer(FREE.terms, "free", only_for=OnlyFor(domains=("x.example",))),
        ),
        (Customer("nova", currency="USD"), offer(sold(month="5", year="50"), "free")),
        (Customer("nova", currency="USD"), None),
    ],
    ids=["archived", "child", "plan-archived", "reserved", "two-rows", "no-such-plan"],
)
def test_nothing_takes_over_that_the_customer_could_not_have(
    customer: Customer, fallback: Offered | None
) -> None:
    yearly = replace(PASS, pay="2 weeks")
    assert unfolded(facts(yearly, customer=customer, fallback=fallback), t("2026-06-01")).fresh == ()


def test_a_plan_with_a_price_takes_over_by_the_row_that_was_paid_or_its_only_one() -> None:
    both = offer(replace(sold(month="5", year="50"), group="main"), "small")
    found = unfolded(facts(PASS, fallback=both), t("2026-06-01"))
    assert named(found)["sub_free"].pay == "month"
    yearly = offer(replace(sold(year="50"), group="main"), "small")
    found = unfolded(facts(PASS, fallback=yearly), t("2026-06-01"))
    assert named(found)["sub_free"].pay == "year"


def test_which_groups_may_need_a_plan_for_everybody() -> None:
    assert wants_fallback([PASS], t("2026-05-15")) == frozenset()
    assert wants_fallback([PASS], t("2026-05-16")) == {"main"}
    assert wants_fallback([TRIAL], OVER) == {"main"}
    assert wants_fallback([replace(TRIAL, status=Status.ACTIVE)], OVER) == frozenset()
    assert wants_fallback([replace(PASS, status=Status.EXPIRED)], t("2026-06-01")) == frozenset()
    assert wants_fallback([replace(PASS, exclusive_group="")], t("2026-06-01")) == frozenset()


# --- changes that come


MAY = t("2026-05-01")
LEAVING = runs(ends_at=MAY, end_reason="changed")
COMING = runs(
    id="sub_new", plan="small", follows="sub_old", status=Status.PENDING, started_at=MAY, fees_from=MAY
)
SEAT = running(
    replace(sold(month="6"), kind="addon", requires=("pro", "small")), "2026-04-01",
    id="sub_seat", plan="seat", base="sub_old",
)  # fmt: skip


def test_an_add_on_goes_over_when_the_change_of_its_base_comes() -> None:
    before = unfolded(facts(LEAVING, COMING, SEAT), t("2026-04-30"))
    assert (named(before)["sub_seat"], before.moved) == (SEAT, frozenset())
    after = unfolded(facts(LEAVING, COMING, SEAT), MAY)
    assert (named(after)["sub_seat"].base, named(after)["sub_seat"].ends_at) == ("sub_new", None)
    assert after.moved == {"sub_seat"}


def test_an_add_on_that_the_new_base_does_not_allow_ends_then() -> None:
    only_old = replace(SEAT, terms=replace(SEAT.terms, requires=("pro",)))
    found = named(unfolded(facts(LEAVING, COMING, only_old), t("2026-05-20")))["sub_seat"]
    assert (found.base, found.ends_at, found.end_reason) == ("sub_old", MAY, "changed")


def test_what_a_run_has_written_stays_as_it_is() -> None:
    gone = replace(LEAVING, status=Status.CANCELED)
    begun = replace(COMING, status=Status.ACTIVE)
    moved = replace(SEAT, base="sub_new")
    found = unfolded(facts(gone, begun, moved), t("2026-05-20"))
    assert (found.subscriptions, found.moved) == ((gone, begun, moved), frozenset())


# --- what a run has to write first


def test_what_time_has_moved_on_must_be_written_by_a_run_before_a_command_changes_it() -> None:
    moved = unfolded(facts(TRIAL), OVER)
    with pytest.raises(Refused) as refused:
        check_run_first(moved, OVER)
    assert (refused.value.code, refused.value.exit_code) == ("run-first", 4)
    assert refused.value.hint == "planctl invoice run --customer nova"
    check_run_first(unfolded(facts(TRIAL), t("2026-04-14")), t("2026-04-14"))


def test_so_must_an_end_that_has_come() -> None:
    canceled = replace(PASS, end_reason="canceled")
    check_run_first(facts(canceled), t("2026-05-15"))
    with pytest.raises(Refused):
        check_run_first(facts(canceled), t("2026-05-16"))
    check_run_first(facts(replace(canceled, status=Status.CANCELED)), t("2026-05-16"))
