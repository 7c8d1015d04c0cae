"""The words for what an invoice or a refund needs next at Stripe, and for what was seen there. It decides nothing.

Source: planctl reliability rules, push step by step.
"""

from __future__ import annotations

from typing import Literal

from planctl.core.periods import Instant
from planctl.core.stripe.invoice_params import Expected
from planctl.core.stripe.model import Call, Object, Operation
from planctl.values import dataclass


@dataclass(frozen=True, slots=True)
class Seen:
    """An invoice as it was read at Stripe since the last call.

    `card` is what its customer pays with there by default, empty for nothing, None where that was not asked.
    """

    invoice: Object
    card: str | None = None


@dataclass(frozen=True, slots=True)
class Send:
    """Do this."""

    call: Call


@dataclass(frozen=True, slots=True)
class Ask:
    """Do not do this before a person says so, and why."""

    call: Call
    why: str


@dataclass(frozen=True, slots=True)
class Begin:
    """Make a draft, unless the customer has one of this invoice at Stripe beside the `known`.

    One that no call here made is from a time that the store does not know: it was put back from a backup, say. The
    call is then kept for a person.
    """

    call: Call
    customer: str
    known: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Keep:
    """Keep this as done, for the object at Stripe: somebody did there what it asks for. It is not sent."""

    call: Call
    stripe_id: str


@dataclass(frozen=True, slots=True)
class Finish:
    """Bring a call to its end that an earlier push left open; one that is not `wanted` any more is not sent again."""

    operation: Operation
    wanted: bool = True


@dataclass(frozen=True, slots=True)
class Compare:
    """Read the draft back; equal, `finalize` it; else keep `again`, the next attempt, for a person to decide on.

    One that somebody finalized at Stripe is equal or not in the same way, and is never deleted.
    """

    stripe_id: str
    expected: Expected
    finalize: Call
    again: Call


@dataclass(frozen=True, slots=True)
class Look:
    """Read the invoice and keep its status; `then` is what is to be done if it still stands as we think.

    `opened` is what must be due there the first time it is looked at after it was finalized, None later; where it is
    not, `collect` is kept for a person. `card_of` is the customer whose card is to be asked for too, if any.
    """

    stripe_id: str
    then: Call | Operation | None
    collect: Call
    opened: int | None = None
    card_of: str = ""


@dataclass(frozen=True, slots=True)
class Forget:
    """The draft was deleted: nothing stands for the invoice at Stripe."""

    stripe_id: str


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing is to be done now, and why: all is said, a person decides, it was declined, or it cannot be sent.

    `again_at` is when a declined payment is tried again, None where it is not.
    """

    outcome: Literal["done", "parked", "dropped", "declined", "left_out"] = "done"
    why: str = ""
    operation: Operation | None = None
    again_at: Instant | None = None


Step = Send | Begin | Keep | Finish | Compare | Look | Forget | Rest
