"""What became of events, as values to be shown and audited. It decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from planctl.core.currencies import Currency
from planctl.core.periods import Instant
from planctl.core.stripe.facts_notice import Notice
from planctl.values import dataclass

What = Literal[
    "payment",
    "refund",
    "chargeback",
    "reinstated",
    "void",
    "uncollectible",
    "failed",
    "card",
    "no card",
    "checkout",
    "gone",
]


@dataclass(frozen=True, slots=True)
class Applied:
    """One thing that changed here because of what stands at Stripe.

    `object` is the id at Stripe, `invoice` the number here. `note` says what a person may want to know.
    """

    what: What
    object: str
    customer: str
    invoice: str = ""
    amount_minor: int = 0
    currency: Currency | None = None
    at: Instant | None = None
    note: str = ""


Outcome = Literal["done", "duplicate", "ignored", "parked"]
"""duplicate: it was kept before. ignored: of somebody else, or not listened to. parked: a person decides."""


@dataclass(frozen=True, slots=True)
class Handled:
    """What became of one event; `why` says what stopped it or a part of it, or why it was ignored."""

    notice: Notice
    outcome: Outcome
    why: str = ""
    applied: tuple[Applied, ...] = ()


@dataclass(frozen=True, slots=True)
class Pulled:
    """What became of the events since `since`; `counts` says how many by outcome.

    `handled` are those that changed something or wait for a person. `looked` is how many objects of ours were looked
    at besides, because events may be older than Stripe keeps them.
    """

    since: Instant
    until: Instant
    counts: Mapping[Outcome, int]
    handled: tuple[Handled, ...] = ()
    looked: int = 0

    @property
    def read(self) -> int:
        """How many events there were."""
        return sum(self.counts.values())

    @property
    def parked(self) -> tuple[Handled, ...]:
        """Those that wait for a person."""
        return tuple(one for one in self.handled if one.outcome == "parked")
