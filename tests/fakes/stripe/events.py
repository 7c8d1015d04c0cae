"""The journal of what happened: one event per change, with a copy of the object as it was then. It sends nothing.

Source: https://docs.stripe.com/api/events, https://docs.stripe.com/api/events/types.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from stripe._api_version import _ApiVersion

from tests.fakes.stripe.clock import DAY, Clock
from tests.fakes.stripe.objects import Object, example

API_VERSION = _ApiVersion.CURRENT

KEPT_FOR = 30 * DAY
"""How far back Stripe lists events."""


@dataclass(slots=True)
class Journal:
    """Events of one account in one mode, oldest first. `twice` are patterns of types that come as two events."""

    clock: Clock
    livemode: bool
    new_id: Callable[[str], str]
    events: list[Object] = field(default_factory=list)
    request_id: str | None = None
    key: str | None = None
    twice: Callable[[str], bool] = lambda _type: False

    def emit(self, type: str, thing: Object, previous: Object | None = None) -> None:
        """Write down that something happened to an object; an update says what its fields were before."""
        for _ in range(2 if self.twice(type) else 1):
            self.events.append(self._event(type, thing, previous))

    def updated(self, thing: Object, before: Object, type: str = "") -> None:
        """Write down an update, unless nothing changed."""
        previous = {
            name: copy.deepcopy(before.get(name)) for name in thing if thing[name] != before.get(name)
        }
        if previous:
            self.emit(type or f"{thing['object']}.updated", thing, previous)

    def listed(self) -> list[Object]:
        """The events that Stripe still lists, oldest first."""
        since = self.clock.now - KEPT_FOR
        return [event for event in self.events if event["created"] >= since]

    def _event(self, type: str, thing: Object, previous: Object | None) -> Object:
        data: Object = {"object": copy.deepcopy(thing)}
        if previous is not None:
            data["previous_attributes"] = copy.deepcopy(previous)
        return example("event") | {
            "id": self.new_id("event"),
            "api_version": API_VERSION,
            "created": self.clock.now,
            "data": data,
            "livemode": self.livemode,
            "pending_webhooks": 1,
            "request": {"id": self.request_id, "idempotency_key": self.key},
            "type": type,
        }


def matches(type: str, wanted: str) -> bool:
    """Whether a type is meant by a filter such as `invoice.paid` or `invoice.*`."""
    return re.fullmatch(re.escape(wanted).replace(r"\*", r".*"), type) is not None
