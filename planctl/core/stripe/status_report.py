"""Where a store stands with Stripe, as values for those who show it. It reads and decides nothing."""

from __future__ import annotations

from collections.abc import Mapping

from planctl.core.periods import Instant
from planctl.core.stripe.model import OPEN, Account, Operation, State
from planctl.values import dataclass


@dataclass(frozen=True, slots=True)
class LastEvent:
    """The newest event that was read: when it happened at Stripe, and when it was read."""

    id: str
    kind: str
    happened_at: Instant
    received_at: Instant


@dataclass(frozen=True, slots=True)
class WaitingEvent:
    """An event that waits for a person. `object` is the id of what it is about, `why` what stopped it."""

    id: str
    kind: str
    object: str
    received_at: Instant
    why: str


@dataclass(frozen=True, slots=True)
class UnpaidThere:
    """An invoice that is at Stripe and unpaid here; `detail` is what its link says, such as the last failure."""

    number: str
    customer: str
    stripe_id: str
    status: str
    currency: str
    decimals: int
    due_minor: int
    due_at: Instant
    detail: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class OpenPage:
    """A Checkout page that is open: for whom, what it starts or changes, and the amount in minor units."""

    session: str
    customer: str
    plan: str
    currency: str
    decimals: int
    amount_minor: int
    made_at: Instant
    expires_at: Instant


@dataclass(frozen=True, slots=True)
class StripeStanding:
    """Everything that `stripe status` says. `counts`: how many calls there are by kind of object and state.

    `timezone` is the store's, in which people are shown days. `given_up`: what a person said is never to be done.
    """

    as_of: Instant
    account: Account
    counts: Mapping[tuple[str, str], int]
    event_counts: Mapping[str, int]
    last_event: LastEvent | None
    parked: tuple[Operation, ...]
    waiting: tuple[WaitingEvent, ...]
    unpaid: tuple[UnpaidThere, ...]
    pages: tuple[OpenPage, ...]
    given_up: tuple[Operation, ...] = ()
    timezone: str = "UTC"

    @property
    def unfinished(self) -> int:
        """How many calls the next push has to bring to an end."""
        return sum(many for (_, state), many in self.counts.items() if State(state) in OPEN)

    @property
    def needs_person(self) -> bool:
        """Whether somebody must decide: a call or an event is parked."""
        return bool(self.parked or self.waiting)
