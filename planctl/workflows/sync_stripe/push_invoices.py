"""Brings invoices to Stripe and keeps them as they are here: drafted, compared, finalized, paid or sent, and corrected.

Each is brought as far as it goes, from wherever an earlier push stopped; one that waits for a person does not hold up
the others. Source: planctl reliability rules, idempotency: push step by step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from planctl.core.periods import Instant
from planctl.core.stripe import invoice_calls as calls
from planctl.core.stripe.guard import MadeLater, check_generation
from planctl.core.stripe.invoice_calls import Standing
from planctl.core.stripe.invoice_collecting import as_last_seen
from planctl.core.stripe.invoice_compare import differences, in_words, wrongly_opened
from planctl.core.stripe.invoice_report import (
    Owed,
    ProposedInvoice,
    PushedInvoices,
    stopped_by,
    word_of,
)
from planctl.core.stripe.invoice_steps import next_step
from planctl.core.stripe.model import LOCAL, STORE, Account, Call, Operation, State
from planctl.core.stripe.outbox import collection, lacks_customer, was_declined
from planctl.core.stripe.reading import map_of, metadata_of, text_of
from planctl.core.stripe.steps import Begin, Compare, Finish, Forget, Keep, Look, Rest, Seen, Send, Step
from planctl.errors import Refused
from planctl.store import stripe_invoices, stripe_outbox
from planctl.store.stripe_invoices import Here
from planctl.workflows.sync_stripe.push_refunds import give_back, propose_refunds
from planctl.workflows.sync_stripe.sending import Talk, finish, keep_done, park, send, settle

if TYPE_CHECKING:
    from planctl.store.engine import Tx

PAGE = 100
"""How many invoices are read at a time."""

_MOST_STEPS = 40
"""More than any invoice needs in one push: a draft, five portions of lines, and what follows."""

_INVOICES, _CUSTOMERS = collection("invoice"), collection("customer")

Progress = Callable[[int, int], None]
"""Is told how many invoices and refunds were looked at, and how many there are."""


def push_invoices(talk: Talk, progress: Progress = lambda _done, _of: None) -> PushedInvoices:
    """Send what Stripe lacks of invoices and refunds; a second push with nothing new sends nothing.

    The customers have been pushed. Busy where Stripe cannot be reached, NotPermitted where the key may not: the next
    push goes on from there.
    """
    push = _Push(talk)
    here = Here(talk.account, talk.store_id)
    with talk.open_read() as tx:
        of = stripe_invoices.how_many(tx, talk.account)
    done = 0
    for page in _pages(talk, here):
        for standing in page:
            _brought(push, standing)
            done += 1
            progress(done, max(of, done))
    for _ in give_back(talk, push.done):
        done += 1
        progress(done, max(of, done))
    return push.done


def propose_invoices(tx: Tx, account: Account, store_id: str, now: Instant) -> Iterator[ProposedInvoice]:
    """What a push would do about each invoice and refund, without asking Stripe; a customer to be pushed first counts.

    What is at Stripe and waits to be paid, or is settled, is not told of.
    """
    here = Here(account, store_id, expecting=True)
    after = ""
    while names := stripe_invoices.to_look_at(tx, account, after, PAGE):
        for standing in stripe_invoices.standings(tx, here, names):
            step = as_last_seen(standing, next_step(standing, now))
            yield from _proposed(_owed(standing), step)
        after = names[-1]
    yield from propose_refunds(tx, account)


def _proposed(owed: Owed, step: Step) -> Iterator[ProposedInvoice]:
    match step:
        case Begin() | Compare() | Keep():
            yield ProposedInvoice(owed, "issue")
        case Send(call):
            yield ProposedInvoice(owed, "issue" if call.action in _ISSUING else call.action)
        case Finish(operation):
            yield ProposedInvoice(owed, "finish" if operation.action in _ISSUING else operation.action)
        case Look(then=Call() | Operation() as call):
            yield ProposedInvoice(owed, word_of(call))
        case Rest():
            stopped = stopped_by(owed, step)
            if stopped is not None:
                yield ProposedInvoice(owed, stopped=stopped)


_ISSUING = frozenset({calls.CREATE, *(calls.lines_of(portion) for portion in range(1, 10))})


# --- invoices


def _pages(talk: Talk, here: Here) -> Iterator[list[Standing]]:
    after = ""
    while True:
        with talk.open_read() as tx:
            names = stripe_invoices.to_look_at(tx, talk.account, after, PAGE)
            found = stripe_invoices.standings(tx, here, names)
        if not names:
            return
        yield found
        after = names[-1]


@dataclass(slots=True)
class _Push:
    """One push: what it did, and which invoices of this store stood at Stripe when it asked.

    Those are, by customer there and our id, the ids and statuses of what stands for it.
    """

    talk: Talk
    done: PushedInvoices = field(default_factory=PushedInvoices)
    there: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)


def _brought(push: _Push, standing: Standing) -> None:
    """Bring one invoice as far as it goes now."""
    rest = next_step(standing, push.talk.now())
    if not isinstance(rest, Rest):
        try:
            rest = _steps(push, standing.invoice.id)
        except MadeLater:
            raise
        except Refused as refused:
            rest = Rest("left_out", refused.message)
    push.done.rest(_owed(standing), rest)


def _steps(push: _Push, invoice_id: str) -> Rest:
    """Step by step until it rests. It is read anew before each: others may push beside, and people go on working."""
    talk = push.talk
    seen: Seen | None = None
    for _ in range(_MOST_STEPS):
        standing = _read(talk, invoice_id)
        step = next_step(standing, talk.now(), seen)
        seen = None
        match step:
            case Rest():
                return step
            case Look():
                seen = _looked(talk, standing, step)
            case Keep(call, stripe_id):
                keep_done(talk, call, stripe_id, _untouched(talk, standing))
            case Forget(stripe_id):
                _forget(talk, standing, stripe_id)
            case _:
                operation = _sent(push, standing, step)
                if operation is not None and _is_for_later(operation, step):
                    return Rest("left_out", f"{operation.note}; the next push asks for it again")
    return Rest("left_out", f"it came to no end in {_MOST_STEPS} steps; the next push goes on")


def _sent(push: _Push, standing: Standing, step: Send | Begin | Finish | Compare) -> Operation | None:
    """Carry out one call; None where it was kept instead: for a person, or as done."""
    talk = push.talk
    match step:
        case Send(call):
            operation = _charged(talk, standing, call) if call.action == calls.PAY else send(talk, call)
        case Begin(call):
            if _stands_already(push, standing, step):
                return None
            operation = send(talk, call)
        case Finish(unfinished, wanted):
            operation = (finish if wanted else settle)(talk, unfinished)
        case Compare():
            finalizing = _compared(talk, standing, step)
            if finalizing is None:
                return None
            operation = send(talk, finalizing)
    if operation.state is State.CONFIRMED:
        push.done.count(operation)
    if lacks_customer(operation):
        with talk.open_write() as tx:
            stripe_invoices.keep_gone(tx, talk.account, standing.invoice.draft.customer)
    return operation


def _charged(talk: Talk, standing: Standing, call: Call) -> Operation:
    """Charge; what is known of an earlier failure is forgotten first, so that a later one is told from it."""
    if standing.failure:
        with talk.open_write() as tx:
            stripe_invoices.forget_failure(tx, talk.account, standing.invoice.id)
    return send(talk, call)


def _stands_already(push: _Push, standing: Standing, step: Begin) -> bool:
    """Whether the invoice is at Stripe though no call here made it, as where the store was put back from a backup.

    Then the call is kept for a person: another draft would be charged beside it.
    """
    if step.customer not in push.there:
        push.there[step.customer] = _ours(push.talk, step.customer)
    found = push.there[step.customer].get(standing.invoice.id, {})
    several = [
        f"{stripe_id} ({status})" for stripe_id, status in found.items() if stripe_id not in step.known
    ]
    if not several:
        return False
    names = ", ".join(several)
    _parked(
        push.talk, standing, step.call, f"it is at Stripe already, and no call of this store made it: {names}"
    )
    return True


def _ours(talk: Talk, customer: str) -> dict[str, dict[str, str]]:
    """The ids and statuses of this store's invoices that a customer has at Stripe, by our id."""
    found: dict[str, dict[str, str]] = {}
    for one in talk.gateway.list(_INVOICES, customer=customer):
        check_generation([one], talk.store_id, talk.generation, talk.adoption)
        if metadata_of(one, STORE) == talk.store_id:
            found.setdefault(metadata_of(one, LOCAL), {})[str(one["id"])] = str(one.get("status"))
    return found


def _is_for_later(operation: Operation, step: Step) -> bool:
    """Whether something that is still wanted was found not done: it is not tried twice in one push.

    A declined payment says itself when it is tried again.
    """
    is_wanted = not isinstance(step, Finish) or step.wanted
    return is_wanted and operation.state is State.DROPPED and not was_declined(operation)


def _compared(talk: Talk, standing: Standing, step: Compare) -> Call | None:
    """The call that a draft needs that was read back: to finalize it, or None where it is not what was sent.

    A draft that somebody deleted at Stripe counts as deleted by us, one that somebody finalized as finalized by us,
    if it is what was sent.
    """
    path = f"{_INVOICES}/{step.stripe_id}"
    found = talk.gateway.find(path)
    if found is None:
        return calls.acting(standing, step.stripe_id, calls.DELETE)
    lines = tuple(talk.gateway.list(f"{path}/lines"))
    several = differences(step.expected, found, lines, talk.store_id)
    is_draft = found.get("status") == "draft"
    if several:
        what = "the draft" if is_draft else "it was finalized at Stripe, and"
        why = f"{what} is not what was sent: {in_words(several)}"
        _parked(talk, standing, step.again if is_draft else step.finalize, why)
        return None
    if is_draft:
        return step.finalize
    keep_done(talk, step.finalize, step.stripe_id, _untouched(talk, standing))
    return None


def _looked(talk: Talk, standing: Standing, step: Look) -> Seen:
    """Read an invoice, with its customer's card where that is needed, and keep what was seen once it is finalized."""
    found = talk.gateway.get(f"{_INVOICES}/{step.stripe_id}")
    status = str(found.get("status"))
    if status == "draft":
        return Seen(found)
    why = "" if step.opened is None else wrongly_opened(step.opened, found)
    if why:
        _parked(talk, standing, step.collect, why)
    card = _card_of(talk, step.card_of) if step.card_of and status == "open" else None
    with talk.open_write() as tx:
        cardless = "yes" if card == "" else ""
        stripe_invoices.keep_seen(tx, talk.account, standing.invoice.id, status, cardless)
    return Seen(found, card)


def _card_of(talk: Talk, customer: str) -> str:
    """What a customer pays with by default at Stripe; empty where there is nothing."""
    found = talk.gateway.find(f"{_CUSTOMERS}/{customer}")
    settings = {} if found is None else map_of(found.get("invoice_settings"))
    return text_of(settings, "default_payment_method")


def _parked(talk: Talk, standing: Standing, call: Call, why: str) -> None:
    """Keep a call for a person, unless another push did something to the invoice meanwhile."""
    park(talk, call, why, _untouched(talk, standing))


def _untouched(talk: Talk, standing: Standing) -> Callable[[Tx], bool]:
    """Tells whether nobody did anything to an invoice since it was read."""
    known = [(one.id, one.state) for one in standing.calls]

    def nobody_else(tx: Tx) -> bool:
        (now,) = stripe_invoices.standings(tx, Here(talk.account, talk.store_id), [standing.invoice.id])
        return [(one.id, one.state) for one in now.calls] == known

    return nobody_else


def _forget(talk: Talk, standing: Standing, stripe_id: str) -> None:
    with talk.open_write() as tx:
        link = stripe_outbox.links(tx, talk.account, "invoice", [standing.invoice.id]).get(
            standing.invoice.id
        )
        if link is not None and link.stripe_id == stripe_id:
            stripe_outbox.unlink(tx, talk.account, "invoice", standing.invoice.id)


def _read(talk: Talk, invoice_id: str) -> Standing:
    with talk.open_read() as tx:
        (found,) = stripe_invoices.standings(tx, Here(talk.account, talk.store_id), [invoice_id])
    return found


# --- what is told of them


def _owed(standing: Standing) -> Owed:
    invoice = standing.invoice
    return Owed(
        "invoice",
        invoice.id,
        invoice.number,
        invoice.draft.customer,
        invoice.due_minor,
        invoice.draft.currency,
    )
