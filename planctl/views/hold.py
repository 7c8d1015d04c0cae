"""Shows who is on hold; it lifts nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from planctl.core.instants import Instant, instant_text
from planctl.views.sheet import Answer, Column, Json, Sheet


class HoldLike(Protocol):
    """What is shown of a hold."""

    @property
    def customer(self) -> str:
        """Whom."""

    @property
    def reason(self) -> str:
        """Why, in a word."""

    @property
    def detail(self) -> str:
        """Why, in a sentence; may be empty."""

    @property
    def since(self) -> Instant:
        """Since when."""


def holds_answer(holds: Sequence[HoldLike], timezone: str) -> Answer:
    """Who is on hold, why and since when."""
    columns = (Column("customer"), Column("reason"), Column("detail"), Column("since", "instant"))
    rows = tuple((hold.customer, hold.reason, hold.detail or None, int(hold.since)) for hold in holds)
    return Answer(
        [hold_document(hold) for hold in holds],
        sheet=Sheet(columns, rows, timezone),
        empty="nobody is on hold",
    )


def hold_document(hold: HoldLike) -> dict[str, Json]:
    """One hold for machines."""
    return {
        "customer": hold.customer,
        "reason": hold.reason,
        "detail": hold.detail or None,
        "since": instant_text(hold.since),
    }
