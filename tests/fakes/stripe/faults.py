"""The fault script: what goes wrong with which request. It answers nothing itself."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal[
    "drop_before",  # the connection breaks, nothing was done
    "drop_after",  # it was done, the answer is lost
    "delay",  # the answer waits for `seconds` or `release()`, the key is in use meanwhile
    "500",  # a 500 without the effect, kept under the key
    "500_after",  # a 500 with the effect, kept under the key
    "503",  # not done, not kept, Stripe-Should-Retry: true
    "429",  # not done, not kept
    "409",  # a lock timeout: not done, not kept
    "twice",  # method "EVENT": an event of this type is written as two events
]


@dataclass(slots=True)
class Fault:
    """Something that befalls the `nth` request (and `times` - 1 more) whose method and path match, counted from now.

    `path` is a pattern that is searched for. `should_retry` and `retry_after` become headers of a 409, 429, 500 or
    503 where they are set.
    """

    method: str
    path: str
    kind: Kind
    nth: int = 1
    times: int = 1
    should_retry: str = ""
    retry_after: str = ""
    seconds: float = 0.2
    seen: int = 0
    _released: threading.Event = field(default_factory=threading.Event)

    def befalls(self, method: str, path: str) -> bool:
        """Count a request, and say whether it is the one."""
        if self.method not in {method, "*"} or re.search(self.path, path) is None:
            return False
        self.seen += 1
        return self.nth <= self.seen < self.nth + self.times

    def wait(self) -> None:
        """Hold a delayed request back."""
        self._released.wait(self.seconds)

    def release(self) -> None:
        """Let a delayed request go on at once."""
        self._released.set()

    def headers(self) -> dict[str, str]:
        """The headers that say when to try again."""
        found = {"Stripe-Should-Retry": self.should_retry, "Retry-After": self.retry_after}
        return {name: value for name, value in found.items() if value}


@dataclass(slots=True)
class Faults:
    """All faults of a fake; the first that befalls a request decides."""

    faults: list[Fault] = field(default_factory=list)

    def add(self, fault: Fault) -> Fault:
        """Add one; it counts from now on."""
        self.faults.append(fault)
        return fault

    def clear(self) -> None:
        """From now on nothing goes wrong."""
        self.release()
        self.faults.clear()

    def release(self) -> None:
        """Let everything go on that is held back."""
        for fault in self.faults:
            fault.release()

    def of(self, method: str, path: str) -> Fault | None:
        """What befalls this request; every fault counts it."""
        found = [fault for fault in self.faults if fault.befalls(method, path)]
        return found[0] if found else None
