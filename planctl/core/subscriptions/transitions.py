"""The one table of moves between a subscription's statuses. It says what may happen, not when."""

from __future__ import annotations

from typing import Literal, get_args

from planctl.core.subscriptions.model import Status
from planctl.errors import Refused

Event = Literal[
    "start",
    "trial",
    "convert",
    "due",
    "grace",
    "paid",
    "extend",
    "pause",
    "resume",
    "cancel",
    "change",
    "replace",
    "end",
    "expire",
]
"""start: the first period begins · trial: a trial begins · convert: a trial ended and somebody pays · due: an
invoice passed its due date unpaid · grace: its grace passed · paid: nothing is overdue any more · extend: more
time to pay was given · pause, resume: asked to stop and to go on · cancel: asked to end · change: another plan of
the group takes its place · replace: a free plan gave way · end: the planned end came · expire: the terms, or a
trial, ran out."""

_GRID = """
          pending   trialing  active    past_due  blocked   paused    canceled  expired
start     active    -         -         -         -         -         -         -
trial     trialing  -         -         -         -         -         -         -
convert   -         active    -         -         -         -         -         -
due       -         -         past_due  past_due  blocked   -         -         -
grace     -         -         -         blocked   blocked   -         -         -
paid      -         trialing  active    active    active    paused    canceled  expired
extend    pending   trialing  active    active    active    paused    -         -
pause     -         -         paused    paused    -         -         -         -
resume    -         -         -         -         -         active    -         -
cancel    canceled  trialing  active    past_due  blocked   paused    -         -
change    canceled  canceled  canceled  canceled  -         -         -         -
replace   canceled  canceled  canceled  canceled  -         -         -         -
end       -         canceled  canceled  canceled  canceled  canceled  -         -
expire    expired   expired   expired   expired   expired   expired   -         -
"""
"""What an event makes of each status; `-`: it cannot happen then. A subscription that is asked to end at its
period's end keeps its status until then (`cancel`), and paying what an ended one owes changes nothing."""


def _parsed(grid: str) -> dict[tuple[Status, Event], Status | None]:
    heading, *lines = [line.split() for line in grid.strip().splitlines()]
    statuses = [Status(name) for name in heading]
    assert tuple(line[0] for line in lines) == get_args(Event), "every event has its line, in order"
    assert statuses == list(Status), "every status has its column, in order"
    found: dict[tuple[Status, Event], Status | None] = {}
    for event, line in zip(get_args(Event), lines, strict=True):
        for status, name in zip(statuses, line[1:], strict=True):
            found[(status, event)] = None if name == "-" else Status(name)
    return found


TABLE = _parsed(_GRID)
"""Every status with every event: the status afterwards, None where the event is refused."""


def allowed(status: Status) -> tuple[Event, ...]:
    """The events that a subscription in `status` takes, in the table's order."""
    return tuple(event for (before, event), after in TABLE.items() if before is status and after is not None)


def after(status: Status, event: Event, who: str) -> Status:
    """The status after `event`; Refused, naming what is allowed instead, where the table has no such move."""
    found = TABLE[(status, event)]
    if found is None:
        raise Refused(
            f"{who} is {status}: {event} is not possible now",
            code="transition",
            where=who,
            expected=" | ".join(allowed(status)) or "nothing: it has ended",
            got=event,
        )
    return found
