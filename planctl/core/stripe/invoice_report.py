"""What a push of invoices did, and what one would do, as values for those who show it. It decides nothing."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from planctl.core.currencies import Currency
from planctl.core.periods import Instant
from planctl.core.stripe.model import Call, Kind, Operation
from planctl.core.stripe.steps import Rest
from planctl.values import dataclass

Outcome = Literal["parked", "dropped", "declined", "left_out"]
"""parked: a person decides. dropped: a person gave it up. declined: the customer's means of payment said no.
left_out: it cannot be sent."""

LINES = "lines"


@dataclass(frozen=True, slots=True)
class Owed:
    """What a push is about: an invoice, or a refund of a payment for one, with its amount in minor units."""

    kind: Kind
    id: str
    number: str
    customer: str
    amount_minor: int
    currency: Currency


@dataclass(frozen=True, slots=True)
class Stopped:
    """Something that was not brought to its end, and why; `call` is the id of the call that stands in the way, if any.

    `again_at` is when a declined payment is tried again, None where it is not.
    """

    owed: Owed
    outcome: Outcome
    why: str
    call: str = ""
    again_at: Instant | None = None


@dataclass(slots=True)
class PushedInvoices:
    """How many calls were carried out by what they did, and everything that stopped."""

    sent: dict[str, int] = field(default_factory=dict)
    stopped: list[Stopped] = field(default_factory=list)

    def count(self, call: Call | Operation) -> None:
        """One more that was carried out."""
        name = word_of(call)
        self.sent[name] = self.sent.get(name, 0) + 1

    def of(self, outcome: Outcome) -> list[Stopped]:
        """What stopped in that way."""
        return [one for one in self.stopped if one.outcome == outcome]

    def rest(self, owed: Owed, rest: Rest) -> None:
        """Something went no further now; nothing is kept of it where all is done."""
        stopped = stopped_by(owed, rest)
        if stopped is not None:
            self.stopped.append(stopped)

    @property
    def needs_person(self) -> bool:
        """Whether a call waits for a person."""
        return bool(self.of("parked"))


@dataclass(frozen=True, slots=True)
class ProposedInvoice:
    """What a push would do about an invoice or a refund, in one word, or why it cannot.

    issue: the draft with its lines is made, compared and finalized, then paid or sent where its customer wants that.
    finish: a call of an earlier push is brought to its end. delete: the draft is not owed any more, or says something
    else. pay, send, void, uncollectible, paid_elsewhere, credit_note and refund are what they say.
    """

    owed: Owed
    action: str = ""
    stopped: Stopped | None = None


def stopped_by(owed: Owed, rest: Rest) -> Stopped | None:
    """What is said of something that rests: nothing where all is done."""
    if rest.outcome == "done":
        return None
    call = rest.operation.id if rest.operation else ""
    return Stopped(owed, rest.outcome, rest.why, call, rest.again_at)


def word_of(call: Call | Operation) -> str:
    """What a call does, in one word: of an invoice its action, portions of lines as one, else the kind of object."""
    if call.kind != "invoice":
        return call.kind
    return LINES if call.action.startswith(f"{LINES}-") else call.action
