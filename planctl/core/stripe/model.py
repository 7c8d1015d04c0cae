"""The words for what stands at Stripe: accounts, links, calls with their answers, and changes. It decides nothing.

Source: planctl reliability rules, Stripe and webhooks; https://docs.stripe.com/api/idempotent_requests.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import Literal

from planctl.core.periods import Instant
from planctl.values import dataclass

Value = None | bool | int | str | list["Value"] | dict[str, "Value"]
"""A value of Stripe's JSON, as it is sent and read: whole numbers are amounts in Stripe's unit, times in seconds.

A number with a fraction (a percentage) is read as its text, so that no binary fraction comes near money.
"""

Object = Mapping[str, Value]
"""One object of Stripe's, as it was read."""

Kind = Literal[
    "product",
    "price",
    "coupon",
    "tax_rate",
    "customer",
    "invoice",
    "credit_note",
    "refund",
    "checkout",
    "portal",
]

STORE, LOCAL, KEY = "planctl_store", "planctl_id", "planctl_key"
"""The names under which everything that planctl makes at Stripe says, in its metadata, whose and what it is."""

GENERATION = "planctl_generation"
"""The same for how often the store was adopted when it made the object; it says so from the second generation on."""

ADOPTION = "planctl_adoption"
"""The same for that adoption's own mark: two stores adopted from one backup are of the same generation."""

LONGEST_KEY = 255
"""Characters that Stripe takes in an idempotency key."""

RESEND_HOURS = 23
"""For how long the same key and body may be sent again. Stripe forgets keys after 24 hours."""


METHOD = "stripe"
"""The method of a payment that Stripe took, and of a refund that was made there; nobody types it."""

OUTSIDE = "outside stripe"
"""The method of a payment that Stripe was told of and did not take, so that it can give nothing of it back."""

ON_FILE = "payment_method"
"""Under which name a customer's link says what is to be charged."""

NOT_THERE = "gone"
"""Under which name a link says that its object is not at Stripe any more."""

GIVEN_UP = "given up: "
"""How the note of a dropped call begins that a person said is never to be done."""

LET_GO = "let go: "
"""How the note of a dropped call begins that a person said is to be asked for anew, under the next revision."""

ADOPTED = "adopted"
"""The note of a call that waited for a person, who said which object it made."""

GONE = "resource_missing"
"""The code with which Stripe says that an object is not there, or not any more."""

NEVER = Instant(0)


class State(StrEnum):
    """Where a call stands. `unknown`: Stripe failed in a way that leaves open whether it did what was asked."""

    PENDING = "pending"
    SENT = "sent"
    UNKNOWN = "unknown"
    CONFIRMED = "confirmed"
    PARKED = "parked"
    DROPPED = "dropped"


OPEN = frozenset({State.PENDING, State.SENT, State.UNKNOWN})
"""A call that is still to be finished."""


@dataclass(frozen=True, slots=True)
class Account:
    """The account a store is pinned to, and its mode. `key` is what may be shown of the key that set it up.

    `cursor` is the second up to which events were read, 0 before the first time. `return_url` is where Checkout
    and the portal send people back to.
    """

    id: str
    live: bool
    key: str = ""
    country: str = ""
    return_url: str = ""
    cursor: int = 0
    set_up_at: Instant = NEVER


@dataclass(frozen=True, slots=True)
class Link:
    """Which Stripe object stands for which of ours; `digest` is that of the fields that were last sent.

    `detail` is what is known of it beside that, as named texts.
    """

    kind: Kind
    local_id: str
    stripe_id: str
    digest: str = ""
    detail: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """One thing to be done at Stripe, once: `method` and `path` with `params`, for one of our objects.

    Its identity is (`kind`, `local_id`, `action`, `revision`). `links`: a success makes the answer's id the object
    that stands for ours. `repeatable`: doing it twice does no harm, so that it may be asked again under another
    revision where nobody knows whether it was done. `digest` is kept in the link.
    """

    kind: Kind
    local_id: str
    action: str
    path: str
    params: Mapping[str, Value] = field(default_factory=dict)
    revision: int = 1
    method: Literal["POST", "DELETE"] = "POST"
    links: bool = False
    repeatable: bool = False
    digest: str = ""

    def key(self, store_id: str) -> str:
        """Its idempotency key, at most 255 characters, without personal data; the same for the same call for ever."""
        whole = f"planctl:{store_id}:{self.kind}:{self.local_id}:{self.action}:{self.revision}"
        if len(whole) <= LONGEST_KEY and whole.isascii():
            return whole
        short = hashlib.sha256(whole.encode()).hexdigest()
        return f"planctl:{store_id}:{self.kind}:{short}:{self.action}:{self.revision}"


@dataclass(frozen=True, slots=True)
class Operation:
    """A call as the outbox keeps it: `body` are the bytes that are sent, now and again.

    `note` is what Stripe or a comparison said of it, for a person; `tries` counts the times it was sent.
    """

    id: str
    kind: Kind
    local_id: str
    action: str
    revision: int
    key: str
    method: Literal["POST", "DELETE"]
    path: str
    body: bytes
    state: State = State.PENDING
    links: bool = False
    repeatable: bool = False
    digest: str = ""
    made_at: Instant = NEVER
    first_sent_at: Instant | None = None
    tries: int = 0
    stripe_id: str = ""
    request_id: str = ""
    note: str = ""

    @property
    def name(self) -> str:
        """What it is called where a person reads it."""
        return f"{self.kind} {self.local_id}: {self.action}"

    @property
    def is_given_up(self) -> bool:
        """Whether a person said that it is never to be done."""
        return self.state is State.DROPPED and self.note.startswith(GIVEN_UP)

    @property
    def is_let_go(self) -> bool:
        """Whether a person said that it is to be asked for anew."""
        return self.state is State.DROPPED and self.note.startswith(LET_GO)

    @property
    def is_adopted(self) -> bool:
        """Whether a person said which object it made."""
        return self.state is State.CONFIRMED and self.note == ADOPTED


class Outcome(StrEnum):
    """What became of one request.

    done: 2xx. refused: Stripe says no (4xx). declined: the customer's means of payment says no (402). differs: the
    key was used with another body. again: 409 or 429, nothing was done. lost: the connection broke, so nobody
    knows. failed: 500 or above, so nobody knows, and Stripe would answer the same again.
    """

    DONE = "done"
    REFUSED = "refused"
    DECLINED = "declined"
    DIFFERS = "differs"
    AGAIN = "again"
    LOST = "lost"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Answer:
    """What Stripe answered: the object, or the error's code, message and parameter. Never a secret.

    `wait_seconds` is how long Stripe asks to wait before another try, 0 where it says nothing; `stop` that it asks
    not to try again now.
    """

    outcome: Outcome
    status: int = 0
    body: Mapping[str, Value] = field(default_factory=dict)
    code: str = ""
    message: str = ""
    param: str = ""
    request_id: str = ""
    wait_seconds: int = 0
    stop: bool = False

    @property
    def id(self) -> str:
        """The id of the object that was answered, or empty."""
        found = self.body.get("id", "")
        return found if isinstance(found, str) else ""


Action = Literal["create", "adopt", "update", "replace", "archive", "drift", "recreate"]
"""create: not there yet. adopt: there, made by this store, and its link was lost. update: we changed it. replace: we
changed what Stripe never lets change. archive: no longer sold. drift: somebody changed it at Stripe, which a push
sets back. recreate: it is gone at Stripe."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that differs: its path, our value and the one at Stripe; None where a side has none."""

    path: str
    ours: Value
    stripe: Value


@dataclass(frozen=True, slots=True)
class StripeChange:
    """What a push would do about one object; `stripe_id` is that of the object there, empty for a new one."""

    kind: Kind
    local_id: str
    action: Action
    stripe_id: str = ""
    fields: tuple[FieldChange, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that is not sent to Stripe, and why."""

    kind: Kind
    local_id: str
    why: str
