"""A period is a month of the store's zone, or the days from one to before another."""

from __future__ import annotations

import pytest

from planctl.core.instants import instant_text
from planctl.core.replay.span import span_of
from planctl.core.unreadable import Unreadable


@pytest.mark.parametrize(
    ("text", "timezone", "starts_at", "ends_at"),
    [
        ("2026-10", "UTC", "2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z"),
        ("2026-12", "UTC", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        # Berlin is 2 hours ahead in summer, 1 hour from 25 October on
        ("2026-10", "Europe/Berlin", "2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z"),
        ("2026-10-05..2026-10-12", "UTC", "2026-10-05T00:00:00Z", "2026-10-12T00:00:00Z"),
    ],
)
def test_a_period_is_read_in_the_zone_of_the_store(
    text: str, timezone: str, starts_at: str, ends_at: str
) -> None:
    span = span_of(text, timezone)
    assert (instant_text(span.starts_at), instant_text(span.ends_at)) == (starts_at, ends_at)


@pytest.mark.parametrize(
    "text",
    ["", "2026", "2026-13", "2026-10-05", "2026-10-05..2026-10-05", "2026-10-05..", "2026-02-30..2026-03-01"],
)
def test_what_is_no_period_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        span_of(text, "UTC")
