"""The fake's own clock, in unix seconds: it moves when a test moves it, never by itself."""

from __future__ import annotations

from dataclasses import dataclass

HOUR = 3_600
DAY = 24 * HOUR


@dataclass(slots=True)
class Clock:
    """`now` may be set to any second, backwards too."""

    now: int

    def advance(self, seconds: int) -> None:
        """Move on by so many seconds."""
        self.now += seconds
