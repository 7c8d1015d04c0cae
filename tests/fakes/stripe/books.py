"""Everything one account has in one mode: objects in the order they were made, and the journal. It knows no rules."""

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import dataclass, field

from tests.fakes.stripe.clock import Clock
from tests.fakes.stripe.errors import missing
from tests.fakes.stripe.events import Journal
from tests.fakes.stripe.objects import Object, example, new_id

WORDS = {"tax_rate": "tax rate", "payment_intent": "payment_intent", "payment_method": "PaymentMethod"}
"""What an object is called in "No such ...", where it is not its kind."""


@dataclass(slots=True)
class Books:
    """`lines` are the lines of an invoice or a Checkout session; `aside` what is shown only when it is asked for."""

    account: Object
    livemode: bool
    clock: Clock
    journal: Journal = field(init=False)
    objects: dict[str, Object] = field(default_factory=dict)
    deleted: dict[str, str] = field(default_factory=dict)
    lines: dict[str, list[Object]] = field(default_factory=dict)
    aside: dict[str, Object] = field(default_factory=dict)
    declining: set[str] = field(default_factory=set)
    """Cards that are declined."""
    search_lag: int = 60
    """Seconds until a new object is found by a search."""
    _made: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.journal = Journal(self.clock, self.livemode, self.new_id)

    def new_id(self, kind: str) -> str:
        """The next id of a kind."""
        self._made[kind] += 1
        return new_id(kind, f"{self.account['id']}:{self.livemode}", self._made[kind], self.livemode)

    def make(self, kind: str, fields: Object, id: str = "") -> Object:
        """A new object: Stripe's example, overwritten; it is in the books, and no event is written."""
        made = example(kind) | {"id": id or self.new_id(kind), "created": self.clock.now} | fields
        if "livemode" in made:
            made["livemode"] = self.livemode
        self.objects[made["id"]] = made
        return made

    def of(self, kind: str) -> list[Object]:
        """All objects of a kind, oldest first."""
        if kind == "event":
            return self.journal.listed()
        return [thing for thing in self.objects.values() if thing["object"] == kind]

    def find(self, kind: str, id: str, param: str = "") -> Object:
        """The object itself, to be read or changed; an error where there is none."""
        found = self.objects.get(id)
        if found is None or found["object"] != kind:
            raise missing(WORDS.get(kind, kind), id, param)
        return found

    def remove(self, thing: Object) -> Object:
        """Take an object out of the books; what Stripe answers then."""
        del self.objects[thing["id"]]
        self.deleted[thing["id"]] = thing["object"]
        return {"id": thing["id"], "object": thing["object"], "deleted": True}

    def mark(self) -> tuple[frozenset[str], int]:
        """Where the books stand, for `back_to`."""
        return frozenset(self.objects), len(self.journal.events)

    def back_to(self, mark: tuple[frozenset[str], int]) -> None:
        """Take away what was made since: a request that is refused leaves nothing."""
        there, events = mark
        for id in [id for id in self.objects if id not in there]:
            del self.objects[id]
        del self.journal.events[events:]

    def updated(self, thing: Object, before: Object, type: str = "") -> None:
        """Write the event of an update, unless nothing changed."""
        self.journal.updated(thing, before, type)

    def emit(self, type: str, thing: Object) -> None:
        """Write an event."""
        self.journal.emit(type, thing)


def snapshot(thing: Object) -> Object:
    """A copy from before a change."""
    return copy.deepcopy(thing)
