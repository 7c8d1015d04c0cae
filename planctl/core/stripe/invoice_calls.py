"""The calls that an invoice needs at Stripe, one function for each, and what the stored ones say. It decides nothing.

A draft and everything done to it is one attempt: its calls have the id of the invoice at Stripe in their paths. Each
call has the revision after the last of its kind, whatever attempt that belonged to.
Source: https://docs.stripe.com/api/invoices, /credit_notes and /refunds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from urllib.parse import parse_qsl

from planctl.core.invoicing.model import Invoice
from planctl.core.stripe.amounts import at_stripe
from planctl.core.stripe.invoice_params import DUE, Outgoing, Payer
from planctl.core.stripe.model import KEY, STORE, Call, Link, Operation, State, Value
from planctl.core.stripe.outbox import collection
from planctl.values import dataclass

CREATE, DELETE, FINALIZE, PAY, SEND = "create", "delete", "finalize", "pay", "send"
VOID, WRITE_OFF, PAID_ELSEWHERE = "void", "uncollectible", "paid_elsewhere"
"""What is done to an invoice; lines are `lines-1` and so on, one for each portion."""

TAKEN = "planctl_taken"
"""The name under which a draft says what Stripe had taken before it for its invoice, where it had taken something."""

STATUS = "status"
"""The name under which the link keeps the status that was last seen at Stripe, absent before it was finalized."""

FAILURE = "failure"
"""The name under which the link keeps why a payment failed that Stripe had taken up, absent while none did."""

CARDLESS = "cardless"
"""The name under which the link keeps that nothing was there to be charged when it was looked at, absent otherwise."""

_CARD = "payment_method"

_WORDS = {DELETE: "", FINALIZE: "/finalize", PAY: "/pay", SEND: "/send", VOID: "/void"}
_WORDS |= {WRITE_OFF: "/mark_uncollectible", PAID_ELSEWHERE: "/pay"}


@dataclass(frozen=True, slots=True)
class Standing:
    """One invoice as it stands here, how its customer pays, and what was asked of Stripe for it so far.

    `calls` are those for the invoice and for what was credited of it at Stripe, in the order they were made.
    `taken_minor` is what Stripe's payments brought and is not owed again, `returned_minor` what is owed again of them.
    `countries` are those of our tax codes.
    """

    store: str
    invoice: Invoice
    payer: Payer
    calls: tuple[Operation, ...] = ()
    link: Link | None = None
    taken_minor: int = 0
    countries: Mapping[str, str] = field(default_factory=dict)
    returned_minor: int = 0

    @property
    def status(self) -> str:
        """The status that was last seen at Stripe; empty where it was not finalized, or not looked at since."""
        return self.link.detail.get(STATUS, "") if self.link else ""

    @property
    def brought_minor(self) -> int:
        """What Stripe's payments brought, also what is owed again of it: there it stays paid."""
        return self.taken_minor + self.returned_minor

    @property
    def failure(self) -> str:
        """Why the payment failed that Stripe took up last; empty where none did."""
        return self.link.detail.get(FAILURE, "") if self.link else ""

    @property
    def is_cardless(self) -> bool:
        """Whether nothing was there to be charged when it was looked at last."""
        return bool(self.link and self.link.detail.get(CARDLESS))

    def unit(self, amount_minor: int) -> int:
        """An amount of the invoice in Stripe's unit."""
        return at_stripe(amount_minor, self.invoice.draft.currency)


def creation(standing: Standing, sent: Outgoing) -> Call:
    """Make the draft, without lines."""
    params = dict(sent.draft)
    if standing.brought_minor:
        marks = params["metadata"]
        assert isinstance(marks, dict), marks
        params["metadata"] = {**marks, TAKEN: str(standing.unit(standing.brought_minor))}
    call = _call(standing, CREATE, collection("invoice"), params)
    return replace(call, links=True, digest=sent.digest)


def adding(standing: Standing, stripe_id: str, sent: Outgoing, portion: int) -> Call:
    """Add one portion of the lines, counted from 1; each line says what made it, so that it is found again."""
    path = f"{collection('invoice')}/{stripe_id}/add_lines"
    bare = replace(_call(standing, lines_of(portion), path, {}), repeatable=True)
    marks: dict[str, Value] = {STORE: standing.store, KEY: bare.key(standing.store)}
    lines: list[Value] = []
    for line in sent.portions[portion - 1]:
        own = line["metadata"]
        assert isinstance(own, dict), own
        lines.append({**line, "metadata": {**own, **marks}})
    return replace(bare, params={"lines": lines})


def acting(standing: Standing, stripe_id: str, action: str) -> Call:
    """Finalize, delete, send, void, write off, or say that it was paid elsewhere.

    All may be repeated: Stripe refuses each where it was done, but for a second mail.
    """
    path = f"{collection('invoice')}/{stripe_id}{_WORDS[action]}"
    params: dict[str, Value] = {}
    if action == FINALIZE:
        params["auto_advance"] = False
    if action == PAID_ELSEWHERE:
        params["paid_out_of_band"] = True
    call = replace(_call(standing, action, path, params), repeatable=True)
    return replace(call, method="DELETE") if action == DELETE else call


def paying(standing: Standing, stripe_id: str, card: str) -> Call:
    """Charge a means of payment, empty where it is still to be asked for."""
    return replace(acting(standing, stripe_id, PAY), params={_CARD: card} if card else {})


def reducing(standing: Standing, stripe_id: str, amount: int) -> Call:
    """Let less be due of a finalized invoice, by a credit note at Stripe of `amount` in its unit.

    The first is `INVOICE:1`, and so on: one that was not made is asked for again under its own name.
    """
    params: dict[str, Value] = {
        "invoice": stripe_id,
        "amount": amount,
        "email_type": "none",
        "memo": f"Invoice {standing.invoice.number}",
    }
    name = f"{standing.invoice.id}:{len(_reductions(standing.calls, stripe_id)) + 1}"
    before = [one.revision for one in standing.calls if (one.kind, one.local_id) == ("credit_note", name)]
    revision = max(before, default=0) + 1
    return Call("credit_note", name, CREATE, collection("credit_note"), params, revision, links=True)


def lines_of(portion: int) -> str:
    """What adding a portion of the lines is called."""
    return f"lines-{portion}"


def drafts(calls: Sequence[Operation]) -> list[Operation]:
    """The calls that made drafts of an invoice, one for each attempt, in their order."""
    return [one for one in calls if (one.kind, one.action) == ("invoice", CREATE)]


def done_to(calls: Sequence[Operation], stripe_id: str, action: str = "") -> list[Operation]:
    """The calls that did something, or just `action`, to one invoice at Stripe; those that made it are none of them."""
    return [
        one
        for one in calls
        if one.kind == "invoice" and action in {"", one.action} and stripe_id in one.path.split("/")
    ]


def latest(calls: Sequence[Operation], stripe_id: str, action: str) -> Operation | None:
    """The last call that did an action to one invoice at Stripe."""
    return max(done_to(calls, stripe_id, action), key=lambda one: one.revision, default=None)


def is_done(calls: Sequence[Operation], stripe_id: str, action: str) -> bool:
    """Whether an action was done to one invoice at Stripe."""
    last = latest(calls, stripe_id, action)
    return last is not None and last.state is State.CONFIRMED


def asked_due(create: Operation) -> int:
    """What was due of an invoice when its draft was made, in Stripe's unit."""
    return int(_asked(create).get(f"metadata[{DUE}]", "0"))


def taken_before(create: Operation) -> int:
    """What Stripe had taken for an invoice before its draft was made, in Stripe's unit."""
    return int(_asked(create).get(f"metadata[{TAKEN}]", "0"))


def reduced(calls: Sequence[Operation], stripe_id: str) -> int:
    """By how much credit notes at Stripe lowered what is due of an invoice there, in its unit."""
    return sum(int(_asked(one)["amount"]) for one in _reductions(calls, stripe_id))


def asked_card(paid: Operation) -> str:
    """What a payment was to be charged to, empty where that was left to Stripe."""
    return _asked(paid).get(_CARD, "")


def is_mailed(create: Operation) -> bool:
    """Whether the draft was made as one that is sent, and not as one that a card is charged for."""
    return _asked(create).get("collection_method") == "send_invoice"


def _call(standing: Standing, action: str, path: str, params: Mapping[str, Value]) -> Call:
    before = [one.revision for one in standing.calls if (one.kind, one.action) == ("invoice", action)]
    return Call("invoice", standing.invoice.id, action, path, params, max(before, default=0) + 1)


def _reductions(calls: Sequence[Operation], stripe_id: str) -> list[Operation]:
    """The credit notes that were made at Stripe on one invoice there."""
    notes = [one for one in calls if one.kind == "credit_note" and one.state is State.CONFIRMED]
    return [one for one in notes if _asked(one).get("invoice") == stripe_id]


def _asked(call: Operation) -> dict[str, str]:
    """The parameters as they were sent, by their names on the wire."""
    return dict(parse_qsl(call.body.decode(), keep_blank_values=True))
