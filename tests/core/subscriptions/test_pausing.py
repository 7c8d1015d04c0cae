"""Who may be paused and resumed, and from when on; every instant is worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from planctl.core.subscriptions.model import BlockedSpan, Status, Subscription
from planctl.core.subscriptions.pausing import (
    check_goes_on,
    check_pausable,
    check_resumable,
    pause_name,
    paused,
    resumed,
    since,
    with_addons,
)
from planctl.errors import Refused
from tests.core.billing import monthly, running, t


def april(status: Status = Status.ACTIVE, settled: str = "2026-04-01", **more: Any) -> Subscription:
    """nova/starter by the month from 1 April on, that day's fee billed."""
    return running(monthly("30"), "2026-04-01", status=status, settled_at=t(settled), **more)


def addon(status: Status = Status.ACTIVE, **more: Any) -> Subscription:
    return replace(april(status), id="sub_2", plan="extra", base="sub_1", **more)


def refused(found: pytest.ExceptionInfo[Refused]) -> tuple[str, str]:
    return found.value.code, found.value.hint


# --- the subscription afterwards


def test_a_pause_begins_a_time_without_service_that_lasts() -> None:
    after, move = paused(april(), t("2026-04-11"))
    assert (after.status, after.blocked) == (Status.PAUSED, (BlockedSpan(t("2026-04-11"), kind="paused"),))
    assert (move.before, move.after, move.at, move.reason) == (
        Status.ACTIVE,
        Status.PAUSED,
        t("2026-04-11"),
        "pause",
    )


def test_resuming_ends_it_and_each_pause_has_its_number() -> None:
    once, move = resumed(paused(april(), t("2026-04-11"))[0], t("2026-04-16"))
    assert once.status is Status.ACTIVE
    assert once.blocked == (BlockedSpan(t("2026-04-11"), t("2026-04-16"), "resume:1", "paused"),)
    assert (move.before, move.after, move.at, move.reason) == (
        Status.PAUSED,
        Status.ACTIVE,
        t("2026-04-16"),
        "resume",
    )
    again = paused(once, t("2026-04-20"))[0]
    assert pause_name(again) == "pause:2"
    assert resumed(again, t("2026-04-21"))[0].blocked[-1].payment == "resume:2"


def test_a_block_before_is_no_pause_and_keeps_what_ended_it() -> None:
    block = BlockedSpan(t("2026-04-02"), t("2026-04-03"), "pay_1")
    after = paused(april(blocked=(block,)), t("2026-04-11"))[0]
    assert (pause_name(after), after.blocked[0]) == ("pause:1", block)


def test_a_past_due_one_is_paused_and_is_active_when_it_is_resumed() -> None:
    after, move = paused(april(Status.PAST_DUE), t("2026-04-11"))
    assert move.before is Status.PAST_DUE
    assert resumed(after, t("2026-04-16"))[0].status is Status.ACTIVE


def test_two_pauses_at_one_instant_are_a_microsecond_apart() -> None:
    one = resumed(paused(april(), t("2026-04-11"))[0], t("2026-04-11"))[0]
    begins = [span.starts_at for span in paused(one, t("2026-04-11"))[0].blocked]
    assert begins == [t("2026-04-11"), t("2026-04-11T00:00:00.000001Z")]


# --- what was settled meanwhile


def test_after_everything_that_is_settled_it_is_from_that_instant_on() -> None:
    assert since(april(), t("2026-04-11")) == (t("2026-04-11"), april())


def test_at_the_instant_of_a_renewal_that_was_billed_it_is_right_after_it() -> None:
    at, ready = since(april(settled="2026-05-01"), t("2026-05-01"))
    assert (at, ready.settled_at) == (t("2026-05-01T00:00:00.000001Z"), t("2026-05-01"))


def test_where_a_run_found_nothing_since_there_is_room_for_it() -> None:
    at, ready = since(april(settled="2026-04-20"), t("2026-04-11"))
    assert (at, ready.settled_at) == (t("2026-04-11"), t("2026-04-10T23:59:59.999999Z"))


def test_before_something_that_is_billed_it_is_refused_with_the_first_instant_that_will_do() -> None:
    with pytest.raises(Refused) as found:
        since(april(settled="2026-05-01"), t("2026-04-11"))
    assert refused(found) == ("settled-since", "--as-of 2026-05-01T00:00:00Z")


def test_nothing_stops_before_it_last_went_on() -> None:
    one = resumed(paused(april(), t("2026-04-11"))[0], t("2026-04-16"))[0]
    with pytest.raises(Refused) as found:
        paused(one, t("2026-04-12"))
    assert refused(found) == ("settled-since", "--as-of 2026-04-16T00:00:00Z")


# --- who may


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (Status.PENDING, "transition"),
        (Status.TRIALING, "transition"),
        (Status.BLOCKED, "transition"),
        (Status.PAUSED, "transition"),
        (Status.CANCELED, "ended"),
        (Status.EXPIRED, "ended"),
    ],
)
def test_what_does_not_run_is_not_paused(status: Status, code: str) -> None:
    with pytest.raises(Refused) as found:
        check_pausable(april(status), ())
    assert (found.value.code, found.value.where) == (code, "nova/starter")


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.PAUSED}))
def test_only_what_is_paused_is_resumed(status: Status) -> None:
    with pytest.raises(Refused):
        check_resumable(april(status), ())


def test_an_add_on_is_paused_and_resumed_with_its_base() -> None:
    with pytest.raises(Refused) as found:
        check_pausable(addon(), (april(), addon()))
    assert refused(found) == ("requires", "planctl subscription pause nova/starter")
    with pytest.raises(Refused) as found:
        check_resumable(addon(Status.PAUSED), (april(Status.PAUSED), addon(Status.PAUSED)))
    assert refused(found) == ("requires", "planctl subscription resume nova/starter")


@pytest.mark.parametrize("link", ["follows", "base"])
def test_a_start_that_waits_for_it_is_taken_back_first(link: str) -> None:
    waits: dict[str, Any] = {link: "sub_1"}
    coming = replace(april(Status.PENDING), id="sub_9", plan="pro", **waits)
    with pytest.raises(Refused) as found:
        check_pausable(april(), (april(), coming))
    assert refused(found) == ("change-scheduled", "planctl subscription cancel sub_9")


def test_an_add_on_that_is_blocked_is_paid_first() -> None:
    with pytest.raises(Refused) as found:
        check_pausable(april(), (april(), addon(Status.BLOCKED)))
    assert (found.value.code, found.value.where) == ("transition", "nova/extra")


def test_the_add_ons_that_run_go_with_it_and_no_others() -> None:
    other = replace(addon(), id="sub_3", base="sub_7")
    ended = replace(addon(Status.CANCELED), id="sub_4")
    assert with_addons(april(), (april(), addon(), other, ended)) == (april(), addon())
    stopped = april(Status.PAUSED), addon(Status.PAUSED)
    assert with_addons(stopped[0], stopped) == stopped


# --- going on after all


def test_an_add_on_whose_base_ends_too_goes_on_with_the_base() -> None:
    ending: dict[str, Any] = {"ends_at": t("2026-05-01"), "end_reason": "canceled"}
    base, extra = april(**ending), addon(**ending)
    with pytest.raises(Refused) as found:
        check_goes_on(extra, (base, extra))
    assert refused(found) == ("requires", "planctl subscription resume nova/starter")
    check_goes_on(extra, (april(), extra))


def test_where_another_plan_of_the_group_is_to_begin_that_one_is_canceled_first() -> None:
    ending = april(exclusive_group="main", ends_at=t("2026-05-01"), end_reason="canceled")
    coming = replace(april(Status.PENDING), id="sub_9", plan="pro", exclusive_group="main")
    with pytest.raises(Refused) as found:
        check_goes_on(ending, (ending, coming))
    assert refused(found) == ("change-scheduled", "planctl subscription cancel sub_9")
    check_goes_on(ending, (ending, replace(coming, exclusive_group="")))
