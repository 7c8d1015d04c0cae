"""The table of moves between statuses, told status by status as the rules tell it, and walked whole."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import get_args

import pytest

from planctl.core.subscriptions.model import ENDED, LIVE, Status
from planctl.core.subscriptions.transitions import TABLE, Event, after, allowed
from planctl.errors import Refused

GOES_ON = "stays"

STORY: dict[str, dict[str, str]] = {
    # It begins on its day, with its trial where it has one; until then it can be called off, be replaced, or be
    # given another date; terms that run out before it began leave nothing to begin.
    "pending": {
        "start": "active",
        "trial": "trialing",
        "extend": GOES_ON,
        "cancel": "canceled",
        "change": "canceled",
        "replace": "canceled",
        "expire": "expired",
    },
    # Nothing is charged, so nothing can be due; it converts or expires, and canceled it runs to the trial's end.
    "trialing": {
        "convert": "active",
        "paid": GOES_ON,
        "extend": GOES_ON,
        "cancel": GOES_ON,
        "change": "canceled",
        "replace": "canceled",
        "end": "canceled",
        "expire": "expired",
    },
    "active": {
        "due": "past_due",
        "paid": GOES_ON,
        "extend": GOES_ON,
        "pause": "paused",
        "cancel": GOES_ON,
        "change": "canceled",
        "replace": "canceled",
        "end": "canceled",
        "expire": "expired",
    },
    # Paying or more time brings it back, the end of the grace blocks it.
    "past_due": {
        "due": GOES_ON,
        "grace": "blocked",
        "paid": "active",
        "extend": "active",
        "pause": "paused",
        "cancel": GOES_ON,
        "change": "canceled",
        "replace": "canceled",
        "end": "canceled",
        "expire": "expired",
    },
    # While blocked a change, a new start in the group and a pause are refused.
    "blocked": {
        "due": GOES_ON,
        "grace": GOES_ON,
        "paid": "active",
        "extend": "active",
        "cancel": GOES_ON,
        "end": "canceled",
        "expire": "expired",
    },
    # Dunning waits; only being resumed brings it back.
    "paused": {
        "paid": GOES_ON,
        "extend": GOES_ON,
        "resume": "active",
        "cancel": GOES_ON,
        "end": "canceled",
        "expire": "expired",
    },
    # An ended one still owes what it owed.
    "canceled": {"paid": GOES_ON},
    "expired": {"paid": GOES_ON},
}
"""What each status takes and where that leads; everything else is refused. Source: planctl billing rules, lifecycle."""

PAGE = Path(__file__).parents[3] / "docs" / "concepts" / "lifecycle.md"
PAIRS = [*product(Status, get_args(Event))]


def told(status: Status, event: Event) -> Status | None:
    """The status that the story tells; None where it tells of no such move."""
    then = STORY[status].get(event)
    if then is None:
        return None
    return status if then == GOES_ON else Status(then)


def test_every_status_has_every_event_in_the_table_and_nothing_else_is_in_it() -> None:
    assert set(TABLE) == set(PAIRS)
    assert len(TABLE) == 8 * 14


@pytest.mark.parametrize(("status", "event"), [pair for pair in PAIRS if told(*pair)], ids=str)
def test_a_move_leads_where_the_rules_say(status: Status, event: Event) -> None:
    assert after(status, event, "sub_1") is told(status, event)


@pytest.mark.parametrize(("status", "event"), [pair for pair in PAIRS if not told(*pair)], ids=str)
def test_every_other_move_is_refused_and_says_what_is_allowed_instead(status: Status, event: Event) -> None:
    with pytest.raises(Refused) as refused:
        after(status, event, "sub_1")
    error = refused.value
    assert error.exit_code == 4
    assert (error.code, error.where, error.got) == ("transition", "sub_1", event)
    assert f"sub_1 is {status}" in str(error)
    assert set(error.expected.split(" | ")) == set(STORY[status])


def test_the_page_of_the_manual_has_the_same_table() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if " | " in line]
    start = next(place for place, row in enumerate(rows) if row[0] == "start")
    statuses, events = rows[start - 1], rows[start : start + len(get_args(Event))]
    assert statuses == [status.value for status in Status]
    assert [row[0] for row in events] == [*get_args(Event)]
    shown = {(status, row[0]): then for row in events for status, then in zip(statuses, row[1:], strict=True)}
    for status, event in PAIRS:
        then = told(status, event)
        assert shown[(status.value, event)] == ("-" if then is None else then.value), (status, event)


@pytest.mark.parametrize("status", Status)
def test_what_is_allowed_is_what_the_story_tells(status: Status) -> None:
    assert set(allowed(status)) == set(STORY[status])
    assert len(allowed(status)) == len(STORY[status])


@pytest.mark.parametrize("status", sorted(ENDED))
def test_what_has_ended_only_takes_late_payments(status: Status) -> None:
    assert allowed(status) == ("paid",)


@pytest.mark.parametrize("status", sorted(LIVE))
def test_everything_live_can_be_canceled_can_end_and_can_expire(status: Status) -> None:
    assert after(status, "cancel", "x") is status
    assert after(status, "end", "x") is Status.CANCELED
    assert after(status, "expire", "x") is Status.EXPIRED


def test_nothing_comes_back_to_pending_or_into_a_trial_and_nothing_leaves_an_end() -> None:
    moves = {(before, then) for (before, _), then in TABLE.items() if then not in {None, before}}
    assert {before for before, then in moves if then is Status.PENDING} == set()
    assert {before for before, then in moves if then is Status.TRIALING} == {Status.PENDING}
    assert {before for before, _ in moves}.isdisjoint(ENDED)


def test_nothing_is_blocked_without_being_past_due_first() -> None:
    into = {before for (before, _), then in TABLE.items() if then is Status.BLOCKED}
    assert into == {Status.PAST_DUE, Status.BLOCKED}


def test_every_status_can_be_reached_from_a_beginning() -> None:
    reached = {Status.PENDING, Status.TRIALING, Status.ACTIVE}
    for _ in Status:
        reached |= {then for (before, _), then in TABLE.items() if then is not None and before in reached}
    assert reached == set(Status)


def test_every_status_is_live_ended_or_still_to_come() -> None:
    assert LIVE | ENDED | {Status.PENDING} == set(Status)
    assert LIVE.isdisjoint(ENDED)
