"""What unpaid invoices do to a subscription and what paying undoes; every instant is worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planctl.core.dunning import OpenInvoice, dunned, next_step, paid_up
from planctl.core.subscriptions.model import BlockedSpan, Status, Subscription
from tests.core.billing import monthly, running, t


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
