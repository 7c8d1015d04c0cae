"""Requests to change a plan: one at most waits, and what overtakes it withdraws it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from planctl.core.catalog.model import AmountRange, PriceRow, Terms
from planctl.core.periods import Interval
from planctl.core.subscriptions.change_requests import (
    ChangeRequest,
    PlanChange,
    RequestStatus,
    Wish,
    decided,
    fee_minor,
    filed,
    standing,
    wish_for,
)
from planctl.core.subscriptions.model import Status
from tests.core.billing import DECLARED, monthly, running, sold, t

USD = DECLARED["USD"]
PRO = replace(running(monthly("49"), "2026-01-01"), plan="pro")
LITE = replace(
    running(monthly("9"), "2026-02-01"), id="sub_2", plan="lite", follows="sub_1",
    status=Status.PENDING, created_at=t("2026-01-20"),
)  # fmt: skip


def asked(plan: str = "lite", at: str = "2026-01-10", seq: int = 1, **wish: Any) -> ChangeRequest:
    return ChangeRequest("nova", "sub_1", "pro", seq, Wish(plan, "month", "USD", **wish), t(at))


def test_the_first_request_waits() -> None:
    done = filed(None, asked())
    assert (done.request, done.withdrawn, done.existed) == (asked(), None, False)
    assert done.request.is_open
    assert done.request.name == "nova/pro"


def test_the_same_again_changes_nothing_and_keeps_its_day() -> None:
    done = filed(asked(), asked(at="2026-01-15", seq=2))
    assert (done.request, done.withdrawn, done.existed) == (asked(), None, True)


@pytest.mark.parametrize("other", [asked("free", seq=2), asked(quantity=3, seq=2), asked(version="1", seq=2)])
def test_another_one_takes_its_place(other: ChangeRequest) -> None:
    done = filed(asked(), replace(other, requested_at=t("2026-01-15")))
    assert done.request.seq == 2
    assert done.withdrawn is not None
    assert (done.withdrawn.status, done.withdrawn.decided_at) == (RequestStatus.WITHDRAWN, t("2026-01-15"))


def test_only_one_that_waits_gets_an_answer() -> None:
    rejected = decided(asked(), RequestStatus.REJECTED, t("2026-01-11"), "too soon")
    assert (rejected.status, rejected.decided_at, rejected.reason) == (
        RequestStatus.REJECTED, t("2026-01-11"), "too soon",
    )  # fmt: skip
    assert not rejected.is_open
    with pytest.raises(AssertionError, match="the request is rejected"):
        decided(rejected, RequestStatus.APPROVED, t("2026-01-12"))


# --- what overtakes a request


def test_it_waits_as_long_as_what_it_would_change_runs() -> None:
    assert standing(asked(), [PRO], t("2026-03-01")).is_open
    blocked = replace(PRO, status=Status.BLOCKED)
    assert standing(asked(), [blocked], t("2026-03-01")).is_open


def test_it_is_withdrawn_when_what_it_would_change_has_ended() -> None:
    ended = replace(PRO, status=Status.CANCELED, ends_at=t("2026-02-01"), end_reason="canceled")
    found = standing(asked(), [ended], t("2026-03-01"))
    assert (found.status, found.decided_at) == (RequestStatus.WITHDRAWN, t("2026-02-01"))


def test_it_is_withdrawn_by_a_change_that_was_made_after_it() -> None:
    found = standing(asked(), [PRO, LITE], t("2026-01-25"))
    assert (found.status, found.decided_at) == (RequestStatus.WITHDRAWN, t("2026-01-20"))


def test_a_change_that_was_scheduled_before_it_or_called_off_lets_it_wait() -> None:
    assert standing(asked(at="2026-01-21"), [PRO, LITE], t("2026-01-25")).is_open
    assert standing(asked(), [PRO, replace(LITE, status=Status.CANCELED)], t("2026-01-25")).is_open


def test_an_answer_stays_whatever_comes_later() -> None:
    rejected = decided(asked(), RequestStatus.REJECTED, t("2026-01-11"))
    assert standing(rejected, [PRO, LITE], t("2026-01-25")) == rejected


# --- what is shown of it


def test_the_fee_of_a_period_is_for_as_many_as_are_held() -> None:
    assert fee_minor(sold(month="19", year="190"), "year", USD, 1) == 19000
    assert fee_minor(monthly("19"), "month", USD, 3) == 5700


def test_there_is_no_fee_to_show_where_none_is_fixed() -> None:
    month = Interval.parse("month")
    ranged = Terms(rows=(PriceRow(month, {"USD": AmountRange(Decimal(1), Decimal(2))}),))
    assert fee_minor(ranged, "month", USD, 1) is None
    assert fee_minor(Terms(rows=(PriceRow(month, {}, usage_only=True),)), "month", USD, 1) is None
    assert fee_minor(monthly("19"), "year", USD, 1) is None
    assert fee_minor(monthly("19"), "month", DECLARED["EUR"], 1) is None
    assert fee_minor(Terms(free=True), "month", USD, 5) == 0


def test_a_wish_names_the_row_and_leaves_open_how_many_unless_it_was_said() -> None:
    assert wish_for(LITE) == Wish("lite", "month", "USD")
    assert wish_for(LITE, 3, {"seats": Decimal(5)}, "2") == Wish(
        "lite", "month", "USD", 3, {"seats": Decimal(5)}, "2"
    )
    assert wish_for(replace(LITE, terms=Terms(free=True))).pay == ""


def test_what_waits_is_listed_first_then_what_is_scheduled_then_what_was_answered() -> None:
    rejected = decided(asked(at="2026-01-01"), RequestStatus.REJECTED, t("2026-01-11"))
    entries = [
        PlanChange(PRO, "lite", rejected),
        PlanChange(PRO, "lite", successor=LITE, takes_effect_at=LITE.started_at),
        PlanChange(PRO, "lite", asked()),
    ]
    entries.sort(key=lambda one: one.order)
    assert [one.status for one in entries] == ["requested", "scheduled", "rejected"]
