"""The table of moves between statuses, as the rules tell it."""

from __future__ import annotations

from itertools import product
from typing import get_args

import pytest

from planctl.core.subscriptions.model import ENDED, LIVE, Status
from planctl.core.subscriptions.transitions import TABLE, Event, after, allowed
from planctl.errors import Refused


@pytest.mark.parametrize(
    ("before", "event", "then"),
    [
        ("pending", "start", "active"),
        ("pending", "cancel", "canceled"),
        ("active", "due", "past_due"),
        ("past_due", "grace", "blocked"),
        ("past_due", "paid", "active"),
        ("blocked", "paid", "active"),
        ("active", "end", "canceled"),
        ("blocked", "end", "canceled"),
        ("blocked", "expire", "expired"),
        ("active", "replace", "canceled"),
        ("canceled", "paid", "canceled"),
        ("expired", "paid", "expired"),
    ],
)
def test_a_move_leads_where_the_rules_say(before: str, event: Event, then: str) -> None:
    assert after(Status(before), event, "sub_1") is Status(then)


def test_an_active_one_is_not_blocked_without_being_past_due_first() -> None:
    with pytest.raises(Refused) as refused:
        after(Status.ACTIVE, "grace", "sub_1")
    error = refused.value
    assert (error.code, error.where, error.got) == ("transition", "sub_1", "grace")
    assert "due" in error.expected
    assert "grace" not in error.expected


@pytest.mark.parametrize("status", sorted(ENDED))
def test_what_has_ended_only_takes_late_payments(status: Status) -> None:
    assert allowed(status) == ("paid",)


@pytest.mark.parametrize("status", sorted(LIVE))
def test_everything_live_can_end_or_expire(status: Status) -> None:
    assert after(status, "end", "x") is Status.CANCELED
    assert after(status, "expire", "x") is Status.EXPIRED


def test_nothing_ever_comes_back_to_pending_or_trialing_from_elsewhere() -> None:
    assert not [key for key, then in TABLE.items() if then is Status.PENDING]
    assert {before for (before, _), then in TABLE.items() if then is Status.TRIALING} == {Status.TRIALING}


def test_every_pair_is_a_move_or_a_refusal() -> None:
    for status, event in product(Status, get_args(Event)):
        if (status, event) in TABLE:
            assert after(status, event, "x") in Status
        else:
            with pytest.raises(Refused):
                after(status, event, "x")


def test_every_status_is_live_ended_or_still_to_come() -> None:
    assert LIVE | ENDED | {Status.PENDING} == set(Status)
    assert LIVE.isdisjoint(ENDED)
