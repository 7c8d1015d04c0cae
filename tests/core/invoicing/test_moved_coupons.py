"""Coupons that go over to the plan of a change: periods count once, a fixed amount is given once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from planctl.core.catalog.model import Coupon, Terms
from planctl.core.coupons import Redemption
from planctl.core.invoicing.moved_coupons import handed_over, moved_over
from planctl.core.subscriptions.model import Subscription
from tests.core.billing import DECLARED, monthly, running, t

NINER = Coupon("niner", amounts={"USD": Decimal(9)})
FIFTH = Coupon("fifth", percent=Decimal("0.2"), periods=3)


def runs(name: str, started: str, ended: str = "", follows: str = "", **more: Any) -> Subscription:
    """One of a line of subscriptions on the periods of the 1st of April."""
    said: dict[str, Any] = {
        "id": name, "follows": follows, "started_at": t(started),
        "ends_at": t(ended) if ended else None, "end_reason": "changed" if ended else "",
    }  # fmt: skip
    return running(monthly("30"), "2026-04-01", **(said | more))


def redeemed(
    coupon: Coupon,
    at: str,
    taken: Mapping[int, int] | None = None,
    earlier: Mapping[tuple[str, int], int] | None = None,
) -> Redemption:
    return Redemption("red_1", "nova", at, coupon, t("2026-04-01"), taken or {}, False, earlier or {})


FIRST = runs("sub_1", "2026-04-01", "2026-04-16")
SECOND = runs("sub_2", "2026-04-16", follows="sub_1")


# --- handing over


def test_a_coupon_goes_over_to_what_follows_its_subscription() -> None:
    before = redeemed(NINER, "sub_1", {0: 900})
    (after,) = handed_over([before], "sub_2", [FIRST, SECOND])
    assert (after.subscription, after.taken, after.earlier) == ("sub_2", {}, {("sub_1", 0): 900})


def test_what_it_took_from_those_before_stays_known() -> None:
    before = redeemed(NINER, "sub_2", {0: 450}, {("sub_1", 0): 900})
    third = runs("sub_3", "2026-04-21", follows="sub_2")
    (after,) = handed_over([before], "sub_3", [FIRST, SECOND, third])
    assert after.earlier == {("sub_1", 0): 900, ("sub_2", 0): 450}


@pytest.mark.parametrize(
    "new",
    [
        replace(SECOND, follows=""),
        replace(SECOND, terms=Terms(free=True)),
        replace(SECOND, id="sub_9"),
    ],
    ids=["follows-nothing", "free", "another"],
)
def test_otherwise_it_stays_where_it_is(new: Subscription) -> None:
    before = redeemed(NINER, "sub_1", {0: 900})
    assert handed_over([before], "sub_2", [FIRST, new]) == (before,)


def test_a_coupon_of_another_subscription_stays() -> None:
    other = redeemed(NINER, "sub_sales")
    assert handed_over([other], "sub_2", [FIRST, SECOND]) == (other,)


# --- counting


def test_the_period_that_a_change_cuts_counts_once_and_keeps_the_part_of_its_days() -> None:
    coupon = moved_over(redeemed(NINER, "sub_2", {}, {("sub_1", 0): 900}), [FIRST, SECOND])
    assert (coupon.taken, coupon.earlier) == ({0: 450}, {})  # 15 of 30 days
    assert coupon.left_minor(0, DECLARED["USD"]) == 450
    assert coupon.left_minor(1, DECLARED["USD"]) == 900


def test_what_it_takes_now_is_added_to_what_stays_given() -> None:
    coupon = moved_over(redeemed(NINER, "sub_2", {0: 450}, {("sub_1", 0): 900}), [FIRST, SECOND])
    assert coupon.taken == {0: 900}


def test_over_two_changes_in_a_period_each_keeps_its_days() -> None:
    second = replace(SECOND, ends_at=t("2026-04-21"), end_reason="changed")
    third = runs("sub_3", "2026-04-21", follows="sub_2")
    earlier = {("sub_1", 0): 900, ("sub_2", 0): 450}
    coupon = moved_over(redeemed(NINER, "sub_3", {}, earlier), [FIRST, second, third])
    assert coupon.taken == {0: 600}  # 4.50, and 4.50 x 5/15 = 1.50
    assert coupon.left_minor(0, DECLARED["USD"]) == 300


def test_there_and_back_on_one_day_leaves_what_the_first_days_had() -> None:
    first = replace(FIRST, ends_at=t("2026-04-10T09:00:00Z"))
    second = runs("sub_2", "2026-04-10T09:00:00Z", "2026-04-10T17:00:00Z", "sub_1")
    third = runs("sub_3", "2026-04-10T17:00:00Z", follows="sub_2")
    earlier = {("sub_1", 0): 600, ("sub_2", 0): 840}
    coupon = moved_over(redeemed(FIFTH, "sub_3", {}, earlier), [first, second, third])
    assert coupon.taken == {0: 180}  # 6.00 x 9/30; of 8.40 nothing


def test_periods_before_the_one_that_was_cut_count_as_used() -> None:
    second = runs("sub_2", "2026-06-16", follows="sub_1")
    first = replace(FIRST, ends_at=t("2026-06-16"))
    earlier = {("sub_1", 0): 600, ("sub_1", 1): 600, ("sub_1", 2): 600}
    coupon = moved_over(redeemed(FIFTH, "sub_2", {}, earlier), [first, second])
    assert coupon.taken == {-1: 600, -2: 600, 2: 300}  # the period of June goes on
    assert coupon.holds_for(2)
    assert not coupon.holds_for(3)


def test_at_a_renewal_no_period_is_shared() -> None:
    first = replace(FIRST, ends_at=t("2026-05-01"))
    second = runs("sub_2", "2026-05-01", follows="sub_1")
    coupon = moved_over(redeemed(FIFTH, "sub_2", {}, {("sub_1", 0): 600}), [first, second])
    assert (len(coupon.taken), coupon.taken.get(1)) == (1, None)
    assert coupon.holds_for(1)


@pytest.mark.parametrize(
    "changes", [{"anchor_at": t("2026-04-16")}, {"pay": "year"}], ids=["restart", "interval"]
)
def test_a_new_period_is_a_period_of_its_own(changes: dict[str, Any]) -> None:
    second = replace(SECOND, **changes)
    coupon = moved_over(redeemed(FIFTH, "sub_2", {}, {("sub_1", 0): 600}), [FIRST, second])
    assert (len(coupon.taken), coupon.taken.get(0)) == (1, None)
    twice = moved_over(redeemed(FIFTH, "sub_2", {0: 1200}, {("sub_1", 0): 600}), [FIRST, second])
    assert len(twice.taken) == 2


def test_a_coupon_that_was_always_here_is_left_alone() -> None:
    coupon = redeemed(NINER, "sub_2", {0: 900})
    assert moved_over(coupon, [FIRST, SECOND]) is coupon
