"""What unpaid invoices do to a subscription and what paying undoes; every instant is worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from planctl.core.dunning import (
    OpenInvoice,
    blocked_for_good,
    dunned,
    inherited,
    line_of,
    next_step,
    paid_up,
    unpaid_of,
    with_base,
)
from planctl.core.subscriptions.model import BlockedSpan, Status, Subscription
from tests.core.billing import metered, monthly, running, t


def unpaid(
    due: str = "2026-01-08", grace: str | None = "2026-01-11", name: str = "inv_1", **more: bool
) -> OpenInvoice:
    return OpenInvoice(name, "sub_1", t(due), None if grace is None else t(grace), 1900, **more)


def subscription(status: Status = Status.ACTIVE, *blocked: BlockedSpan) -> Subscription:
    return running(monthly(), "2026-01-01", status=status, settled_at=t("2026-01-01"), blocked=blocked)


def test_before_the_due_date_nothing_moves() -> None:
    found = dunned(subscription(), [unpaid()], t("2026-01-07T23:59:59.999999Z"))
    assert (found.subscription.status, found.transitions, found.past_due_invoices) == (Status.ACTIVE, (), ())


def test_at_the_due_date_the_subscription_and_the_invoice_are_past_due() -> None:
    found = dunned(subscription(), [unpaid()], t("2026-01-08"))
    assert found.subscription.status is Status.PAST_DUE
    assert found.past_due_invoices == ("inv_1",)
    assert found.subscription.blocked == ()


def test_at_the_end_of_the_grace_it_is_blocked_from_then_on() -> None:
    before = dunned(subscription(), [unpaid()], t("2026-01-10T23:59:59.999999Z"))
    assert before.subscription.status is Status.PAST_DUE
    found = dunned(subscription(), [unpaid()], t("2026-01-11"))
    assert found.subscription.status is Status.BLOCKED
    assert found.subscription.blocked == (BlockedSpan(t("2026-01-11")),)


def test_a_late_look_dates_the_moves_as_a_daily_one_does() -> None:
    late = dunned(subscription(), [unpaid()], t("2026-06-01"))
    first = dunned(subscription(), [unpaid()], t("2026-01-08"))
    second = dunned(first.subscription, [unpaid(past_due=True)], t("2026-01-11"))
    assert late.transitions == (*first.transitions, *second.transitions)
    assert late.subscription == second.subscription
    assert [(move.at, move.reason) for move in late.transitions] == [
        (t("2026-01-08"), "due"),
        (t("2026-01-11"), "grace"),
    ]


def test_looking_again_moves_nothing() -> None:
    blocked = dunned(subscription(), [unpaid()], t("2026-02-01")).subscription
    again = dunned(blocked, [unpaid(past_due=True)], t("2026-03-01"))
    assert (again.subscription, again.transitions, again.past_due_invoices) == (blocked, (), ())


def test_without_a_grace_nothing_is_ever_blocked() -> None:
    found = dunned(subscription(), [unpaid(grace=None)], t("2036-01-01"))
    assert found.subscription.status is Status.PAST_DUE


def test_of_several_invoices_the_first_to_be_late_decides() -> None:
    several = [unpaid("2026-02-08", "2026-02-11", "inv_2"), unpaid()]
    found = dunned(subscription(), several, t("2026-01-20"))
    assert [move.at for move in found.transitions] == [t("2026-01-08"), t("2026-01-11")]
    assert found.past_due_invoices == ("inv_1",)


@pytest.mark.parametrize(
    "status", [Status.CANCELED, Status.EXPIRED, Status.PAUSED, Status.PENDING, Status.TRIALING]
)
def test_a_subscription_that_is_not_running_stays_while_its_invoice_becomes_past_due(status: Status) -> None:
    found = dunned(subscription(status), [unpaid()], t("2026-02-01"))
    assert (found.subscription.status, found.transitions) == (status, ())
    assert found.past_due_invoices == ("inv_1",)


def test_after_the_planned_end_nothing_moves_though_the_run_is_late() -> None:
    ending = replace(subscription(), ends_at=t("2026-01-10"), end_reason="canceled")
    found = dunned(ending, [unpaid()], t("2026-02-01"))
    assert [(move.after, move.at) for move in found.transitions] == [(Status.PAST_DUE, t("2026-01-08"))]
    at_the_due_date = replace(ending, ends_at=t("2026-01-08"))
    assert dunned(at_the_due_date, [unpaid()], t("2026-02-01")).transitions == ()


# --- paying


BLOCK = BlockedSpan(t("2026-01-11"))


def test_paying_everything_overdue_makes_it_active_and_ends_the_block_then() -> None:
    found = paid_up(subscription(Status.BLOCKED, BLOCK), [], t("2026-01-20"), "pay_1")
    assert found.subscription.status is Status.ACTIVE
    assert found.subscription.blocked == (BlockedSpan(t("2026-01-11"), t("2026-01-20"), "pay_1"),)
    assert [(move.before, move.after, move.at, move.reason) for move in found.transitions] == [
        (Status.BLOCKED, Status.ACTIVE, t("2026-01-20"), "paid")
    ]


def test_one_overdue_invoice_left_keeps_it_as_it_is() -> None:
    before = subscription(Status.BLOCKED, BLOCK)
    assert paid_up(before, [unpaid(name="inv_2")], t("2026-01-20"), "pay_1").subscription == before
    at_its_due_date = paid_up(before, [unpaid("2026-01-20", None, "inv_2")], t("2026-01-20"), "pay_1")
    assert at_its_due_date.subscription == before


def test_an_invoice_that_is_not_due_yet_does_not_keep_it_blocked() -> None:
    later = unpaid("2026-01-20T00:00:00.000001Z", None, "inv_2")
    found = paid_up(subscription(Status.BLOCKED, BLOCK), [later], t("2026-01-20"), "pay_1")
    assert found.subscription.status is Status.ACTIVE


@pytest.mark.parametrize("status", [Status.ACTIVE, Status.CANCELED, Status.EXPIRED, Status.PAUSED])
def test_paying_moves_nothing_that_was_not_late(status: Status) -> None:
    before = subscription(status)
    assert paid_up(before, [], t("2026-01-20"), "pay_1").subscription == before


def test_a_payment_from_before_the_block_leaves_a_block_of_no_time() -> None:
    found = paid_up(subscription(Status.BLOCKED, BLOCK), [], t("2026-01-09"), "pay_1")
    (span,) = found.subscription.blocked
    assert (span.starts_at, span.ends_at) == (t("2026-01-11"), t("2026-01-11"))


def test_an_earlier_block_keeps_the_payment_that_ended_it() -> None:
    first = BlockedSpan(t("2025-06-01"), t("2025-06-05"), "pay_0")
    found = paid_up(subscription(Status.BLOCKED, first, BLOCK), [], t("2026-01-20"), "pay_1")
    assert found.subscription.blocked == (first, BlockedSpan(t("2026-01-11"), t("2026-01-20"), "pay_1"))


def test_paying_at_the_due_date_itself_is_too_late_and_mends_it_at_once() -> None:
    late = dunned(subscription(), [unpaid()], t("2026-01-08")).subscription
    found = paid_up(late, [], t("2026-01-08"), "pay_1")
    assert found.subscription.status is Status.ACTIVE


# --- when to look again


def test_dunning_looks_at_the_due_date_then_at_the_end_of_the_grace_then_no_more() -> None:
    assert next_step(subscription(), [unpaid()]) == t("2026-01-08")
    assert next_step(subscription(Status.PAST_DUE), [unpaid(past_due=True)]) == t("2026-01-11")
    assert next_step(subscription(Status.BLOCKED, BLOCK), [unpaid(past_due=True)]) is None
    assert next_step(subscription(), []) is None


def test_an_ended_subscription_is_looked_at_until_its_invoices_are_past_due() -> None:
    assert next_step(subscription(Status.CANCELED), [unpaid()]) == t("2026-01-08")
    assert next_step(subscription(Status.CANCELED), [unpaid(past_due=True)]) is None


# --- after a pause


PAUSE = BlockedSpan(t("2026-01-05"), t("2026-01-20"), "resume:1", "paused")


def test_after_a_pause_dunning_goes_on_from_its_end_and_never_before() -> None:
    found = dunned(subscription(Status.ACTIVE, PAUSE), [unpaid()], t("2026-01-20"))
    assert [(move.after, move.at) for move in found.transitions] == [
        (Status.PAST_DUE, t("2026-01-20")),
        (Status.BLOCKED, t("2026-01-20")),
    ]
    later = dunned(subscription(Status.ACTIVE, PAUSE), [unpaid("2026-01-22", "2026-01-25")], t("2026-01-24"))
    assert [(move.after, move.at) for move in later.transitions] == [(Status.PAST_DUE, t("2026-01-22"))]


# --- blocked for good


def final(status: Status, *blocked: BlockedSpan) -> Subscription:
    return replace(subscription(status, *blocked), terms=monthly(on_blocked="final"))


def test_where_a_block_is_final_paying_leaves_it() -> None:
    before = final(Status.BLOCKED, BLOCK)
    assert paid_up(before, [], t("2026-01-20"), "pay_1").subscription == before
    assert blocked_for_good(before)
    assert not blocked_for_good(subscription(Status.BLOCKED, BLOCK))


def test_before_the_block_a_payment_still_helps() -> None:
    found = paid_up(final(Status.PAST_DUE), [], t("2026-01-10"), "pay_1")
    assert found.subscription.status is Status.ACTIVE


# --- a new anchor after a block


def shifting(status: Status, *blocked: BlockedSpan, **more: Any) -> Subscription:
    return replace(subscription(status, *blocked), terms=monthly(renewal_anchor="shift"), **more)


def test_paying_while_blocked_counts_periods_anew_from_the_payment() -> None:
    found = paid_up(shifting(Status.BLOCKED, BLOCK), [], t("2026-01-20T14:30:00Z"), "pay_1").subscription
    assert found.anchors == (t("2026-01-20T14:30:00Z"),)
    schedule = found.schedule()
    periods = [(schedule.period(k).starts_at, schedule.period(k).ends_at) for k in (0, 1)]
    assert periods == [
        (t("2026-01-01"), t("2026-01-20T14:30:00Z")),
        (t("2026-01-20T14:30:00Z"), t("2026-02-20T14:30:00Z")),
    ]


@pytest.mark.parametrize(
    "one",
    [
        shifting(Status.PAST_DUE),
        subscription(Status.BLOCKED, BLOCK),
        replace(shifting(Status.BLOCKED, BLOCK), pay="once"),
        replace(shifting(Status.BLOCKED, BLOCK), base="sub_7"),
    ],
)
def test_without_a_block_or_a_term_or_a_renewal_of_its_own_the_anchor_stays(one: Subscription) -> None:
    assert paid_up(one, [], t("2026-01-20"), "pay_1").subscription.anchors == ()


def test_a_period_that_began_on_the_day_of_the_payment_is_the_new_one() -> None:
    found = paid_up(shifting(Status.BLOCKED, BLOCK), [], t("2026-02-01T14:30:00Z"), "pay_1").subscription
    assert (found.anchors, found.blocked[-1].ends_at) == ((), t("2026-02-01T14:30:00Z"))


def test_at_the_instant_of_a_run_the_new_period_is_not_settled_yet() -> None:
    before = shifting(Status.BLOCKED, BLOCK, settled_at=t("2026-01-20"))
    found = paid_up(before, [], t("2026-01-20"), "pay_1").subscription
    assert (found.anchors, found.settled_at) == ((t("2026-01-20"),), t("2026-01-19T23:59:59.999999Z"))


def test_a_payment_dated_back_begins_the_new_period_where_the_block_was_settled() -> None:
    before = shifting(Status.BLOCKED, BLOCK, settled_at=t("2026-01-20"))
    found = paid_up(before, [], t("2026-01-15"), "pay_1").subscription
    assert (found.anchors, found.blocked[-1].ends_at) == ((t("2026-01-20"),), t("2026-01-20"))


# --- an add-on and its base


def extra(status: Status, *blocked: BlockedSpan, **more: Any) -> Subscription:
    return replace(subscription(status, *blocked), id="sub_2", base="sub_1", **more)


def test_an_add_on_begins_its_periods_anew_with_its_base() -> None:
    base, addon = shifting(Status.BLOCKED, BLOCK), extra(Status.BLOCKED, BLOCK)
    base_after = paid_up(base, [], t("2026-01-20"), "pay_1").subscription
    moved = with_base(paid_up(addon, [], t("2026-01-20"), "pay_1"), addon, base, base_after)
    assert (moved.subscription.status, moved.subscription.anchors) == (Status.ACTIVE, (t("2026-01-20"),))
    once = replace(addon, pay="once")
    kept = with_base(paid_up(once, [], t("2026-01-20"), "pay_1"), once, base, base_after)
    assert kept.subscription.anchors == ()


def test_an_add_on_stays_blocked_with_a_base_that_is_blocked_for_good() -> None:
    base, addon = final(Status.BLOCKED, BLOCK), extra(Status.BLOCKED, BLOCK)
    moved = with_base(paid_up(addon, [], t("2026-01-20"), "pay_1"), addon, base, base)
    assert (moved.subscription, moved.transitions) == (addon, ())


# --- invoices that count


def owned(owner: str, name: str) -> OpenInvoice:
    return replace(unpaid(name=name), subscription=owner)


def test_the_invoices_of_those_that_it_followed_count_for_it() -> None:
    first = subscription(Status.CANCELED)
    second = replace(subscription(Status.CANCELED), id="sub_2", follows="sub_1")
    third = replace(subscription(), id="sub_3", follows="sub_2")
    addon = replace(subscription(), id="sub_4", base="sub_3")
    several = (first, second, third, addon)
    invoices = [owned("sub_1", "a"), owned("sub_3", "c"), owned("sub_4", "d"), owned("sub_9", "x")]
    assert line_of(third, several) == {"sub_1", "sub_2", "sub_3"}
    assert [one.id for one in unpaid_of(third, invoices, several)] == ["a", "c"]
    assert [one.id for one in unpaid_of(addon, invoices, several)] == ["a", "c", "d"]
    assert [one.id for one in inherited(addon, invoices, several)] == ["d"]
    assert [one.id for one in unpaid_of(first, invoices, several)] == ["a"]


def test_without_the_others_the_invoices_of_its_own_base_and_of_the_one_before_count() -> None:
    invoices = [owned("sub_1", "a"), owned("sub_3", "c")]
    addon = replace(subscription(), id="sub_4", base="sub_3", follows="sub_1")
    assert [one.id for one in unpaid_of(addon, invoices)] == ["a", "c"]


def test_a_chain_of_changes_ends_with_the_first_that_is_known_and_all_of_it_moves_what_runs() -> None:
    one = replace(subscription(), id="sub_2", follows="sub_1")
    assert line_of(one) == {"sub_2", "sub_1"}
    invoices = [owned("sub_1", "a"), owned("sub_2", "b")]
    assert [each.id for each in inherited(one, invoices, (one,))] == ["a", "b"]
    ended = replace(one, status=Status.CANCELED)
    assert [each.id for each in inherited(ended, invoices, (ended,))] == ["b"]


# --- the edges of days and instants


def test_without_unpaid_invoices_nothing_moves() -> None:
    assert dunned(subscription(), [], t("2026-06-01")).subscription == subscription()


def test_at_its_last_instant_a_subscription_still_moves() -> None:
    ending = replace(subscription(), ends_at=t("2026-01-08T00:00:00.000001Z"), end_reason="canceled")
    (move,) = dunned(ending, [unpaid()], t("2026-02-01")).transitions
    assert (move.subscription, move.after, move.at) == ("sub_1", Status.PAST_DUE, t("2026-01-08"))


def test_a_block_that_is_over_does_not_put_off_what_is_late() -> None:
    over = BlockedSpan(t("2026-01-05"), t("2026-01-20"), "pay_1")
    found = dunned(subscription(Status.ACTIVE, over), [unpaid()], t("2026-01-20"))
    assert [move.at for move in found.transitions] == [t("2026-01-08"), t("2026-01-11")]


@pytest.mark.parametrize("reason", ["canceled", "changed"])
def test_who_is_to_end_or_to_change_is_not_sold_a_period_anew(reason: str) -> None:
    ending = shifting(Status.BLOCKED, BLOCK, ends_at=t("2026-02-01"), end_reason=reason)
    assert paid_up(ending, [], t("2026-01-20"), "pay_1").subscription.anchors == ()


def test_the_day_of_a_payment_is_a_local_one() -> None:
    # 1 February in Berlin begins at 23:00Z of 31 January.
    berlin = replace(
        running(monthly(renewal_anchor="shift"), "2026-01-01", "Europe/Berlin"),
        status=Status.BLOCKED,
        blocked=(BLOCK,),
    )
    same_day = paid_up(berlin, [], t("2026-02-01T10:00:00Z"), "pay_1").subscription
    assert same_day.anchors == ()
    day_before = paid_up(berlin, [], t("2026-01-31T22:00:00Z"), "pay_1").subscription
    assert day_before.anchors == (t("2026-01-31T22:00:00Z"),)
    assert paid_up(berlin, [], t("2026-01-31T23:30:00Z"), "pay_1").subscription.anchors == ()
    day_after = paid_up(berlin, [], t("2026-02-01T23:30:00Z"), "pay_1").subscription
    assert day_after.anchors == (t("2026-02-01T23:30:00Z"),)


def test_where_a_run_settled_what_fell_due_at_the_payment_the_new_period_begins_right_after_it() -> None:
    daily = replace(
        shifting(Status.BLOCKED, BLOCK, settled_at=t("2026-01-20")),
        terms=monthly(renewal_anchor="shift", features=metered(reset="day")),
    )
    found = paid_up(daily, [], t("2026-01-20"), "pay_1").subscription
    assert (found.anchors, found.settled_at) == ((t("2026-01-20T00:00:00.000001Z"),), t("2026-01-20"))


def test_an_add_on_that_was_not_blocked_keeps_its_periods_though_its_base_begins_anew() -> None:
    base, addon = shifting(Status.BLOCKED, BLOCK), extra(Status.PAST_DUE)
    base_after = paid_up(base, [], t("2026-01-20"), "pay_1").subscription
    moved = with_base(paid_up(addon, [], t("2026-01-20"), "pay_1"), addon, base, base_after)
    assert (moved.subscription.status, moved.subscription.anchors) == (Status.ACTIVE, ())
