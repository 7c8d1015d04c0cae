"""The one table of moves between a subscription's statuses. It says what may happen, not when."""

from __future__ import annotations

from typing import Literal

from planctl.core.subscriptions.model import Status
from planctl.errors import Refused

Event = Literal["due", "grace", "paid", "cancel", "end", "expire", "replace", "start"]
"""due: an invoice passed its due date unpaid · grace: its grace passed · paid: nothing is overdue any more ·
cancel: asked to end · end: the planned end came · expire: the terms ran out · replace: a free plan gave way ·
start: a pending start came."""

TABLE: dict[tuple[Status, Event], Status] = {
    (Status.PENDING, "start"): Status.ACTIVE,
    (Status.PENDING, "cancel"): Status.CANCELED,
    (Status.PENDING, "replace"): Status.CANCELED,
    (Status.TRIALING, "cancel"): Status.TRIALING,
    (Status.TRIALING, "end"): Status.CANCELED,
    (Status.TRIALING, "expire"): Status.EXPIRED,
    (Status.TRIALING, "replace"): Status.CANCELED,
    (Status.ACTIVE, "due"): Status.PAST_DUE,
    (Status.ACTIVE, "paid"): Status.ACTIVE,
    (Status.ACTIVE, "cancel"): Status.ACTIVE,
    (Status.ACTIVE, "end"): Status.CANCELED,
    (Status.ACTIVE, "expire"): Status.EXPIRED,
    (Status.ACTIVE, "replace"): Status.CANCELED,
    (Status.PAST_DUE, "due"): Status.PAST_DUE,
    (Status.PAST_DUE, "grace"): Status.BLOCKED,
    (Status.PAST_DUE, "paid"): Status.ACTIVE,
    (Status.PAST_DUE, "cancel"): Status.PAST_DUE,
    (Status.PAST_DUE, "end"): Status.CANCELED,
    (Status.PAST_DUE, "expire"): Status.EXPIRED,
    (Status.PAST_DUE, "replace"): Status.CANCELED,
    (Status.BLOCKED, "due"): Status.BLOCKED,
    (Status.BLOCKED, "grace"): Status.BLOCKED,
    (Status.BLOCKED, "paid"): Status.ACTIVE,
    (Status.BLOCKED, "cancel"): Status.BLOCKED,
    (Status.BLOCKED, "end"): Status.CANCELED,
    (Status.BLOCKED, "expire"): Status.EXPIRED,
    (Status.PAUSED, "paid"): Status.PAUSED,
    (Status.PAUSED, "cancel"): Status.PAUSED,
    (Status.PAUSED, "end"): Status.CANCELED,
    (Status.PAUSED, "expire"): Status.EXPIRED,
    (Status.CANCELED, "paid"): Status.CANCELED,
    (Status.EXPIRED, "paid"): Status.EXPIRED,
}


def allowed(status: Status) -> tuple[Event, ...]:
    """The events that a subscription in `status` takes, in the table's order."""
    return tuple(event for before, event in TABLE if before is status)


def after(status: Status, event: Event, who: str) -> Status:
    """The status after `event`; Refused, naming what is allowed instead, where the table has no such move."""
    found = TABLE.get((status, event))
    if found is None:
        raise Refused(
            f"{who} is {status}: {event} is not possible now",
            code="transition",
            where=who,
            expected=" | ".join(allowed(status)) or "nothing: it has ended",
            got=event,
        )
    return found
