"""Dates of a subscription moved on: who may have that, and what moves with them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planctl.core.catalog.model import Trial
from planctl.core.subscriptions.dues import dues
from planctl.core.subscriptions.extending import (
    check_goes_on,
    later_expiry,
    longer_trial,
    with_later_expiry,
    with_longer_trial,
)
from planctl.core.subscriptions.model import Extension, Status, Subscription
from planctl.errors import Refused
from tests.core.billing import monthly, running, t

ENDS = t("2026-03-15")
TRIALING = running(
    monthly(trial=Trial(14)),
    "2026-03-01",
    status=Status.TRIALING,
    trial_ends_at=ENDS,
    anchors=(ENDS,),
    fees_from=ENDS,
)
EXPIRING = running(
    monthly(expires="45 days"),
    "2026-01-01",
    expires_at=t("2026-02-15"),
    ends_at=t("2026-02-15"),
    end_reason="expired",
)
NOW = t("2026-02-05")


def later(
    one: Subscription = EXPIRING, *others: Subscription, days: int = 7, at: str = "2026-02-05"
) -> Subscription:
    return later_expiry(one, others, days, t(at), "extend:sub_1:1")


# --- trials


def test_the_paid_periods_move_with_the_end_of_a_trial() -> None:
    moved = longer_trial(TRIALING, 7, t("2026-03-14"))
    assert (moved.trial_ends_at, moved.anchors, moved.fees_from) == (
        t("2026-03-22"),
        (t("2026-03-22"),),
        t("2026-03-22"),
    )
    assert [due.at for due in dues(moved, t("2026-04-22"))] == [t("2026-03-22"), t("2026-04-22")]


def test_a_trial_is_longer_by_local_days() -> None:
    begun = running(monthly(trial=Trial(14)), "2026-03-15", "Europe/Berlin")
    ends = t("2026-03-28T23:00:00Z")  # midnight of the 29th, on which the clocks go ahead
    trial = replace(begun, status=Status.TRIALING, trial_ends_at=ends, anchors=(ends,), fees_from=ends)
    assert longer_trial(trial, 1, t("2026-03-20")).trial_ends_at == t("2026-03-29T22:00:00Z")


def test_fees_that_somebody_else_billed_past_the_trial_stay_billed() -> None:
    moved_in = replace(TRIALING, fees_from=t("2026-04-15"))
    assert longer_trial(moved_in, 7, t("2026-03-02")).fees_from == t("2026-04-15")
    assert longer_trial(moved_in, 40, t("2026-03-02")).fees_from == t("2026-04-24")


def test_a_trial_that_is_still_to_begin_can_be_longer() -> None:
    pending = replace(TRIALING, status=Status.PENDING)
    assert longer_trial(pending, 1, t("2026-02-20")).trial_ends_at == t("2026-03-16")


@pytest.mark.parametrize(
    ("one", "at", "code"),
    [
        (TRIALING, "2026-03-15", "trial-over"),
        (replace(TRIALING, status=Status.ACTIVE), "2026-03-14", "trial-over"),
        (running(monthly(), "2026-03-01"), "2026-03-02", "trial-over"),
        (replace(TRIALING, base="sub_base"), "2026-03-02", "trial-over"),
        (replace(TRIALING, ends_at=ENDS, end_reason="canceled"), "2026-03-02", "ends-first"),
    ],
)
def test_no_trial_is_longer_that_is_over_or_ends_anyway(one: Subscription, at: str, code: str) -> None:
    with pytest.raises(Refused) as refused:
        longer_trial(one, 7, t(at))
    assert refused.value.code == code


def test_an_add_on_of_the_same_trial_moves_and_others_do_not() -> None:
    after = longer_trial(TRIALING, 7, t("2026-03-02"))
    addon = replace(TRIALING, id="sub_2", base="sub_1")
    assert with_longer_trial(addon, TRIALING, after).trial_ends_at == t("2026-03-22")
    paid = replace(addon, status=Status.ACTIVE, trial_ends_at=None, anchors=(ENDS,))
    assert with_longer_trial(paid, TRIALING, after) == paid
    other = replace(addon, base="sub_9")
    assert with_longer_trial(other, TRIALING, after) == other


# --- expiry


def test_the_end_moves_and_the_move_is_remembered() -> None:
    moved = later()
    assert (moved.expires_at, moved.ends_at, moved.end_reason) == (
        t("2026-02-22"),
        t("2026-02-22"),
        "expired",
    )
    assert moved.extensions == (Extension("extend:sub_1:1", NOW, t("2026-02-15"), t("2026-02-22")),)


def test_a_period_charged_before_keeps_the_end_that_it_was_charged_to() -> None:
    moved = later()
    assert [(due.at, due.period.ends_at) for due in dues(moved, t("2026-02-01"))] == [
        (t("2026-01-01"), t("2026-02-01")),
        (t("2026-02-01"), t("2026-02-15")),
    ]
    earlier = later(at="2026-01-20")
    assert dues(earlier, t("2026-02-01"))[1].period.ends_at == t("2026-02-22")


def test_a_fee_that_falls_due_at_that_very_instant_comes_first() -> None:
    moved = later(at="2026-02-01")
    assert dues(moved, t("2026-02-01"))[1].period.ends_at == t("2026-02-15")


def test_what_ends_earlier_for_another_reason_still_does() -> None:
    canceled = replace(EXPIRING, ends_at=t("2026-02-01"), end_reason="canceled")
    moved = later(canceled, at="2026-01-20")
    assert (moved.expires_at, moved.ends_at, moved.end_reason, moved.extensions) == (
        t("2026-02-22"), t("2026-02-01"), "canceled", (),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("one", "at", "code"),
    [
        (running(monthly(), "2026-01-01"), "2026-01-02", "no-expiry"),
        (EXPIRING, "2026-02-15", "ended"),
        (replace(EXPIRING, status=Status.EXPIRED), "2026-02-01", "ended"),
    ],
)
def test_what_never_expires_or_has_is_not_moved(one: Subscription, at: str, code: str) -> None:
    with pytest.raises(Refused) as refused:
        later(one, at=at)
    assert refused.value.code == code


def test_a_start_that_waits_for_the_end_stands_in_the_way() -> None:
    group = replace(EXPIRING, exclusive_group="main")
    waiting = replace(
        running(monthly(), "2026-02-20", id="sub_2", plan="pro"),
        status=Status.PENDING,
        exclusive_group="main",
    )
    with pytest.raises(Refused) as refused:
        later(group, waiting)
    assert (refused.value.code, refused.value.hint) == (
        "change-scheduled",
        "planctl subscription cancel sub_2",
    )
    assert later(group, waiting, days=5).ends_at == t("2026-02-20")


def test_an_add_on_goes_on_with_its_base_but_not_past_its_own_end() -> None:
    after = later()
    addon = replace(EXPIRING, id="sub_2", base="sub_1", expires_at=None)
    moved = with_later_expiry(addon, EXPIRING, after, NOW, "extend:sub_1:1")
    assert moved.ends_at == t("2026-02-22")
    assert moved.extensions == (Extension("extend:sub_1:1", NOW, t("2026-02-15"), t("2026-02-22")),)
    own = replace(addon, expires_at=t("2026-02-18"))
    assert with_later_expiry(own, EXPIRING, after, NOW, "").ends_at == t("2026-02-18")
    sooner = replace(addon, ends_at=t("2026-02-10"), end_reason="canceled")
    assert with_later_expiry(sooner, EXPIRING, after, NOW, "") == sooner


def test_an_add_ons_own_end_is_not_moved_past_its_bases() -> None:
    base = replace(EXPIRING, id="sub_base", ends_at=t("2026-02-18"), expires_at=t("2026-02-18"))
    addon = replace(EXPIRING, base="sub_base")
    moved = later(addon, base)
    assert (moved.expires_at, moved.ends_at) == (t("2026-02-22"), t("2026-02-18"))


def test_what_may_not_be_used_is_not_charged() -> None:
    for status, hint in (
        (Status.BLOCKED, "what is overdue must be paid first"),
        (Status.PAUSED, "planctl subscription resume nova/starter"),
    ):
        with pytest.raises(Refused) as refused:
            check_goes_on(replace(EXPIRING, status=status), "nothing is charged")
        assert (refused.value.code, refused.value.hint) == ("stopped", hint)
    check_goes_on(EXPIRING, "nothing is charged")
