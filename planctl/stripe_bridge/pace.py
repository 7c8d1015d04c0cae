"""When the next request may go out, and how long to wait after a failed one; it sends nothing."""

from __future__ import annotations

import time
from collections.abc import Callable

PER_SECOND = 20
"""Requests a second that planctl sends at most; Stripe's lowest limit is 25 (test mode), live 100.

Source: docs.stripe.com/rate-limits.
"""

FIRST_WAIT_MS = 500
LONGEST_WAIT_MS = 8_000

_SECOND = 1_000_000_000


def sleep(nanoseconds: int) -> None:
    """Do nothing for that long."""
    time.sleep(nanoseconds / _SECOND)


class Pace:
    """Lets through at most `per_second` requests a second, evenly, never two at once; 0 lets everything through.

    `now` reads a monotonic clock in nanoseconds and `sleep` waits that many. Time without requests saves up
    nothing for later. For one thread.
    """

    def __init__(self, per_second: int, now: Callable[[], int], sleep: Callable[[int], None] = sleep) -> None:
        self._between = -(-_SECOND // per_second) if per_second else 0
        self._now = now
        self._sleep = sleep
        self._next: int | None = None

    def wait(self) -> None:
        """Return as soon as the next request may go out."""
        if not self._between:
            return
        present = self._now()
        due = present if self._next is None else max(present, self._next)
        if due > present:
            self._sleep(due - present)
        self._next = due + self._between


def backoff(attempt: int, retry_after: int | None, jitter: int) -> int:
    """Milliseconds to wait after the failure of an attempt, counted from 1: half a second, doubled up to 8 s.

    `jitter` from 0 to 1000 spreads it over the upper half of that, so that many who failed together do not
    come back together. Never less than `retry_after`, the seconds that Stripe asked for.

    Source: docs.stripe.com/error-low-level: exponential backoff with randomness.
    """
    half = min(FIRST_WAIT_MS << min(attempt - 1, 10), LONGEST_WAIT_MS) // 2
    return max(half + half * jitter // 1_000, (retry_after or 0) * 1_000)
