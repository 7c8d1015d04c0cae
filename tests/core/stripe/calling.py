"""Calls about one invoice as an outbox would keep them; it decides nothing and sends nothing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from planctl.core.invoicing.model import Invoice, InvoiceStatus
from planctl.core.periods import Instant
from planctl.core.stripe.invoice_calls import Standing
from planctl.core.stripe.invoice_params import Payer
from planctl.core.stripe.invoice_steps import next_step
from planctl.core.stripe.model import Call, Link, Operation, State, Value
from planctl.core.stripe.steps import Begin, Compare, Finish, Forget, Keep, Look, Rest, Seen, Send, Step
from tests.core.billing import t
from tests.core.stripe.owing import CARD, NOW, fee, invoice

HOUR = 3_600_000_000
DAY = 24 * HOUR
STORE = "st_1"
OPENED: dict[str, Value] = {"status": "open"}

OWED = invoice(fee(10_000))
VOID = replace(OWED, status=InvoiceStatus.VOID, voided_at=t("2026-01-05"))
LOST = replace(OWED, status=InvoiceStatus.UNCOLLECTIBLE, written_off_at=t("2026-03-01"))
PAID = replace(OWED, status=InvoiceStatus.PAID, paid_minor=10_000, paid_at=t("2026-01-05"))
DECLINED: dict[str, Any] = {"state": State.DROPPED, "note": "402 card_declined Your card was declined."}


def remaining(amount: int, status: str = "open") -> dict[str, Value]:
    """An invoice at Stripe of which so much is left to pay."""
    return {"status": status, "amount_remaining": amount}


def body(params: Any, inside: str = "") -> list[tuple[str, str]]:
    """Parameters by their names on the wire."""
    if isinstance(params, dict):
        pairs = [(f"{inside}[{name}]" if inside else name, value) for name, value in params.items()]
    elif isinstance(params, list):
        pairs = [(f"{inside}[{number}]", value) for number, value in enumerate(params)]
    else:
        return [(inside, str(params).lower() if isinstance(params, bool) else str(params))]
    return [one for name, value in pairs for one in body(value, name)]


def operation(call: Call, state: State = State.CONFIRMED, **changes: Any) -> Operation:
    """A call as it is kept, sent at NOW and done unless told otherwise."""
    made = Operation(
        f"op_{call.kind}_{call.action}_{call.revision}",
        call.kind,
        call.local_id,
        call.action,
        call.revision,
        call.key(STORE),
        call.method,
        call.path,
        urlencode(body(dict(call.params))).encode(),
        state,
        call.links,
        call.repeatable,
        call.digest,
        made_at=NOW,
        first_sent_at=NOW,
        tries=1,
    )
    return replace(made, **changes)


@dataclass
class Journey:
    """One invoice on its way: what it needs next, and what becomes of it; `there` is its id at Stripe, once made.

    `card` is what its customer pays with at Stripe by default, `returned` what is owed again of Stripe's payments.
    """

    invoice: Invoice
    payer: Payer = CARD
    calls: list[Operation] = field(default_factory=list)
    link: Link | None = None
    taken: int = 0
    now: Instant = NOW
    there: str = ""
    card: str = "pm_1"
    returned: int = 0

    @property
    def standing(self) -> Standing:
        calls = tuple(self.calls)
        return Standing(
            STORE, self.invoice, self.payer, calls, self.link, self.taken, returned_minor=self.returned
        )

    def step(self, seen: dict[str, Value] | None = None) -> Step:
        return next_step(self.standing, self.now, None if seen is None else Seen(seen, self.card))

    def did(self, state: State = State.CONFIRMED, **changes: Any) -> Operation:
        """Let what is needed next come to an end."""
        step = self.step()
        if isinstance(step, Look):
            assert isinstance(step.then, Call), step
            call = step.then
        else:
            assert isinstance(step, Send | Begin | Compare), step
            call = step.finalize if isinstance(step, Compare) else step.call
        return self.kept(call, state, **changes)

    def kept(self, call: Call, state: State = State.CONFIRMED, **changes: Any) -> Operation:
        """A call at its end; what makes a draft is linked."""
        names = {"create": f"in_{len(self.calls) + 1}"} if call.kind == "invoice" else {"create": "cn_1"}
        changes = {"stripe_id": names.get(call.action, self.there), "first_sent_at": self.now} | changes
        made = operation(call, state, **changes)
        self.calls.append(made)
        if state is State.CONFIRMED and call.kind == "invoice" and call.action == "create":
            self.there = made.stripe_id
            self.link = Link("invoice", self.invoice.id, self.there, made.digest)
        return made

    def seen(self, status: str) -> None:
        """The status at Stripe is known here."""
        assert self.link is not None
        self.link = replace(self.link, detail={"status": status})

    def finalized(self, status: str = "open") -> Journey:
        """Draft, lines and finalized, seen once."""
        for _ in ("create", "lines-1", "finalize"):
            self.did()
        self.seen(status)
        return self


def named(step: Step) -> str:
    """A step in one word."""
    match step:
        case Send(call) | Begin(call):
            return call.action if call.kind == "invoice" else call.kind
        case Keep(call):
            return f"keep {call.action}"
        case Look(then=then):
            if then is None:
                return "look"
            return f"look, {then.action if then.kind == 'invoice' else then.kind}"
        case Rest(outcome):
            return outcome
        case Finish(wanted=wanted):
            return "finish" if wanted else "settle"
        case Compare():
            return "compare"
        case Forget():
            return "forget"


def asked(going: Journey, left: int = 10_000) -> Value:
    """What the payment that is needed next is to be charged to, of which so much is left there."""
    step = going.step(remaining(left))
    assert isinstance(step, Send), step
    return step.call.params.get("payment_method")
