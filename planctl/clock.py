"""The one door to the machine's clock; nothing else in planctl asks what time it is."""

from __future__ import annotations

import time


def now() -> int:
    """The present instant: microseconds since the epoch, UTC."""
    return time.time_ns() // 1000


def elapsed_ms(since_ns: int) -> int:
    """Whole milliseconds since a reading of `ticks()`."""
    return (time.monotonic_ns() - since_ns) // 1_000_000


def ticks() -> int:
    """A reading of the monotonic clock, in nanoseconds; only differences mean anything."""
    return time.monotonic_ns()


def pause(milliseconds: int) -> None:
    """Do nothing for that long."""
    time.sleep(milliseconds / 1000)
