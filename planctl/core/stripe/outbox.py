"""What becomes of a call to Stripe: after an answer, after a silence, and after what was found there. It calls nobody.

A call is sent again with the same key and the same bytes for 23 hours after it was first sent. Later, and after an
answer that leaves open what was done, Stripe is asked what is there: it is never guessed and never searched.
Source: planctl reliability rules, idempotency: push step by step; https://docs.stripe.com/api/idempotent_requests.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Literal

from planctl.core.instants import DAY_MICROSECONDS
from planctl.core.periods import Instant
from planctl.core.stripe.model import (
    ADOPTED,
    GONE,
    KEY,
    RESEND_HOURS,
    Answer,
    Kind,
    Object,
    Operation,
    Outcome,
    State,
)
from planctl.core.stripe.reading import metadata_of

Step = Literal["send", "look"]
"""send: the stored bytes under the stored key. look: whether it is there, by list or by retrieving it."""

_RESEND = RESEND_HOURS * DAY_MICROSECONDS // 24

_DECLINED = 402

_NO_CARD = "no card: "
"""How the note of a payment begins for which nothing was there to be charged, or not what was asked for."""

_NO_CUSTOMER = "no customer: "
"""How the note of a call about an invoice begins whose customer Stripe does not know any more."""


def next_step(operation: Operation, now: Instant) -> Step:
    """What an open call needs at `now`. At 23 hours and later nothing is sent any more.

    A clock that went back counts as time that is over: how long ago it was sent is then unknown.
    """
    if operation.state is State.UNKNOWN:
        return "look"
    first = operation.first_sent_at
    if first is None or first <= now < first + _RESEND:
        return "send"
    return "look"


def after_answer(operation: Operation, answer: Answer) -> Operation:
    """The call as it stands after an answer to it; what Stripe said is kept for a person.

    What a customer's bank declined was not done and is over: it may be asked for again under another revision. So is
    what needs a card or a customer that is not there: nobody is to decide anything. What was to be deleted and is gone
    was deleted.
    """
    heard = replace(operation, request_id=answer.request_id or operation.request_id)
    if answer.outcome is Outcome.DONE:
        return confirmed(heard, answer.id)
    if operation.method == "DELETE" and answer.code == GONE:
        return confirmed(heard, object_at(operation).rpartition("/")[2])
    if answer.outcome in {Outcome.LOST, Outcome.AGAIN}:
        return replace(heard, state=State.SENT, note=_said(answer))
    if answer.outcome is Outcome.FAILED:
        return replace(heard, state=State.UNKNOWN, note=_said(answer))
    if answer.outcome is Outcome.DECLINED:
        return replace(heard, state=State.DROPPED, note=_said(answer))
    if answer.outcome is Outcome.DIFFERS:
        # Source: planctl reliability rules, F100. Stripe does not say what it was used with before.
        kept = hashlib.sha256(operation.body).hexdigest()
        return replace(
            heard, state=State.PARKED, note=f"{_said(answer)}; the body kept here has SHA-256 {kept}"
        )
    lacking = _lacking(operation, answer)
    if lacking:
        return replace(heard, state=State.DROPPED, note=f"{lacking}{_said(answer)}")
    return replace(heard, state=State.PARKED, note=_said(answer))


def _lacking(operation: Operation, answer: Answer) -> str:
    """What a call about an invoice lacks at Stripe, as its note begins; empty where that is not why it was refused."""
    if operation.kind != "invoice":
        return ""
    if answer.code == GONE and answer.param == "customer":
        return _NO_CUSTOMER
    no_default = answer.code == GONE and not answer.param
    return _NO_CARD if _is_paying(operation) and (no_default or answer.param == "payment_method") else ""


def was_declined(operation: Operation) -> bool:
    """Whether it was a payment, and over because the customer's means of payment said no."""
    said_no = operation.state is State.DROPPED and operation.note.startswith(f"{_DECLINED} ")
    return said_no and _is_paying(operation)


def lacks_card(operation: Operation) -> bool:
    """Whether a payment was not made because nothing was there to be charged, or not what was asked for."""
    return operation.state is State.DROPPED and operation.note.startswith(_NO_CARD)


def lacks_customer(operation: Operation) -> bool:
    """Whether something was not done about an invoice because Stripe does not know its customer any more."""
    return operation.state is State.DROPPED and operation.note.startswith(_NO_CUSTOMER)


def _is_paying(operation: Operation) -> bool:
    return operation.kind == "invoice" and operation.path.endswith("/pay")


def confirmed(operation: Operation, stripe_id: str) -> Operation:
    """The call as one that was done, for the object with that id; where it waited for a person, he said so."""
    note = ADOPTED if operation.state is State.PARKED else ""
    return replace(operation, state=State.CONFIRMED, stripe_id=stripe_id, note=note)


def after_list(operation: Operation, found: tuple[Object, ...]) -> Operation:
    """The call after objects of its kind were listed: the one that carries its key was made by it.

    None or several: a person decides.
    """
    mine = [one for one in found if metadata_of(one, KEY) == operation.key]
    if len(mine) == 1:
        return confirmed(operation, str(mine[0]["id"]))
    ids = ", ".join(str(one["id"]) for one in mine)
    why = f"several objects carry its key: {ids}" if mine else "nothing at Stripe carries its key"
    return replace(operation, state=State.PARKED, note=f"{why}{_before(operation)}")


def after_look(operation: Operation, reached: bool | None, seen: str) -> Operation:
    """The call after its object was looked at: `reached` says whether it is as asked for, None that nobody can tell.

    One that may be repeated is dropped where it was not reached: what is still needed is asked for anew, under
    another revision. Any other is parked. `seen` is what was seen, for a person.
    """
    if reached:
        return confirmed(operation, operation.stripe_id)
    if operation.repeatable:
        return replace(operation, state=State.DROPPED, note=f"was not done: {seen}")
    return replace(operation, state=State.PARKED, note=f"{seen}{_before(operation)}")


LINES = "add_lines"
"""The last word of the path that adds lines to a draft: what it made is listed below the invoice."""


def is_creation(operation: Operation) -> bool:
    """Whether it makes an object of its own: its path is that of a collection, under which it is listed."""
    return operation.method == "POST" and operation.path.count("/") == _COLLECTION[operation.kind].count("/")


def listed_at(operation: Operation) -> str:
    """The path under which what it makes is listed."""
    return operation.path.removesuffix(LINES) + "lines" if operation.path.endswith(LINES) else operation.path


def object_at(operation: Operation) -> str:
    """The path of the object that it changes."""
    parts = operation.path.split("/")
    return "/".join(parts[: _COLLECTION[operation.kind].count("/") + 2])


def reached(operation: Operation, found: Object | None) -> bool | None:
    """Whether the object is as the call wants it; None where its state does not tell. `found` None: it is gone."""
    if operation.method == "DELETE":
        return found is None
    if found is None:
        return None
    status = found.get("status")
    word = operation.path.rpartition("/")[2]
    if word == "finalize":
        return status != "draft"
    return status == _REACHED[word] if word in _REACHED else None


_REACHED = {
    "void": "void",
    "mark_uncollectible": "uncollectible",
    "pay": "paid",
    "expire": "expired",
}
"""The status that tells that a change was made, by the last word of its path."""


def is_told(operation: Operation) -> bool:
    """Whether its object's status alone tells that a change was made: it may be so, though Stripe refuses it."""
    return operation.path.rpartition("/")[2] in {"finalize", *_REACHED}


_COLLECTION: dict[Kind, str] = {
    "product": "/v1/products",
    "price": "/v1/prices",
    "coupon": "/v1/coupons",
    "tax_rate": "/v1/tax_rates",
    "customer": "/v1/customers",
    "invoice": "/v1/invoices",
    "credit_note": "/v1/credit_notes",
    "refund": "/v1/refunds",
    "checkout": "/v1/checkout/sessions",
    "portal": "/v1/billing_portal/configurations",
}
"""Where objects of each kind are made and listed."""


def collection(kind: Kind) -> str:
    """The path at which objects of a kind are made and listed."""
    return _COLLECTION[kind]


def _before(operation: Operation) -> str:
    return f" ({operation.note})" if operation.note else ""


def _said(answer: Answer) -> str:
    """What Stripe said, in one line."""
    words = [answer.outcome.value if not answer.status else str(answer.status), answer.code, answer.message]
    if answer.param:
        words.append(f"({answer.param})")
    return " ".join(word for word in words if word)
