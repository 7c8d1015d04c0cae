"""What an invoice needs next at Stripe, given how it stands here and what was asked there. It calls nobody.

Draft, lines, read back and compare, finalize; what follows is in invoice_collecting.
Everything follows from the store as it stands, so it does not matter where an earlier push stopped.
Source: planctl reliability rules, push step by step; planctl billing rules, invoices, credit and payments.
"""

from __future__ import annotations

from planctl.core.invoicing.model import InvoiceStatus
from planctl.core.periods import Instant
from planctl.core.stripe import invoice_calls as calls
from planctl.core.stripe.invoice_calls import Standing, is_done, latest
from planctl.core.stripe.invoice_collecting import COLLECTING, collecting, finishing, held, looking
from planctl.core.stripe.invoice_params import Outgoing, outgoing
from planctl.core.stripe.model import OPEN, LeftOut, Operation, State
from planctl.core.stripe.steps import Begin, Compare, Finish, Forget, Keep, Rest, Seen, Send, Step
from planctl.errors import Refused

_ASKED = frozenset({calls.PAY, calls.SEND})
_ENDED = _ASKED | {calls.PAID_ELSEWHERE, calls.CREATE}
_MOOT = {
    InvoiceStatus.PAID: _ASKED,
    InvoiceStatus.UNCOLLECTIBLE: _ENDED,
    InvoiceStatus.VOID: _ENDED | {calls.WRITE_OFF},
}
"""What is not needed any more of an invoice that stands so here; what is created is a credit note then."""


def next_step(standing: Standing, now: Instant, seen: Seen | None = None) -> Step:
    """What an invoice needs next. `seen` is it as it was read at Stripe since the last call, None where it was not.

    Nothing is asked of Stripe for an invoice that was never there and owes nothing.
    """
    try:
        return _next(standing, now, seen)
    except Refused as refused:  # an amount that Stripe's unit cannot say
        return Rest("left_out", f"{refused.message}, but {refused.expected}")


def _next(standing: Standing, now: Instant, seen: Seen | None) -> Step:
    unfinished = _unfinished(standing, seen)
    if unfinished is not None:
        return unfinished
    attempts = calls.drafts(standing.calls)
    if not attempts:
        return _begun(standing, now)
    create = attempts[-1]
    if create.state is not State.CONFIRMED:
        return _not_made(standing, create, now)
    if is_done(standing.calls, create.stripe_id, calls.DELETE):
        if standing.link is not None and standing.link.stripe_id == create.stripe_id:
            return Forget(create.stripe_id)
        return _begun(standing, now)
    return _parked(standing, create) or _going_on(standing, create, now, seen)


def _going_on(standing: Standing, create: Operation, now: Instant, seen: Seen | None) -> Step:
    """What an attempt needs whose draft was made. One that a person adopted may be finalized already."""
    if is_done(standing.calls, create.stripe_id, calls.FINALIZE):
        return collecting(standing, create, now, seen)
    if not create.is_adopted or latest(standing.calls, create.stripe_id, calls.lines_of(1)) is not None:
        return _drafting(standing, create, now)
    if seen is None:
        return looking(standing, create)
    if seen.invoice.get("status") == "draft":
        return _drafting(standing, create, now)
    return Keep(calls.acting(standing, create.stripe_id, calls.FINALIZE), create.stripe_id)


def _unfinished(standing: Standing, seen: Seen | None) -> Step | None:
    """What an earlier push left: a call without an end, or the draft of an attempt that another one followed."""
    attempts = calls.drafts(standing.calls)
    for call in standing.calls:
        if call.state not in OPEN:
            continue
        if call.action in COLLECTING:
            return finishing(standing, attempts[-1], call, seen)
        return Finish(call, standing.invoice.unpaid or call.action != calls.FINALIZE)
    for earlier in attempts[:-1]:
        if earlier.state is State.CONFIRMED and earlier.stripe_id != attempts[-1].stripe_id:
            deleted = latest(standing.calls, earlier.stripe_id, calls.DELETE)
            if deleted is None or (deleted.state is not State.CONFIRMED and not deleted.is_given_up):
                return _deleting(standing, earlier.stripe_id)
    return None


def _deleting(standing: Standing, draft: str) -> Send | Rest:
    """Delete a draft, unless Stripe refuses that: a person decides then."""
    deleted = latest(standing.calls, draft, calls.DELETE)
    if deleted is not None and deleted.state is State.PARKED:
        return Rest("parked", deleted.note, deleted)
    if deleted is not None and deleted.is_given_up:
        return Rest("dropped", deleted.note, deleted)
    return Send(calls.acting(standing, draft, calls.DELETE))


def _not_made(standing: Standing, create: Operation, now: Instant) -> Step:
    """A draft that Stripe refused, or that a person is to decide on or decided on."""
    if create.state is State.PARKED:
        return Rest("parked", create.note, create)
    return Rest("dropped", create.note, create) if create.is_given_up else _begun(standing, now)


def _parked(standing: Standing, create: Operation) -> Rest | None:
    """The call of an attempt that waits for a person, or a credit note that does.

    What was to be collected does not hold up the end of what is not owed any more.
    """
    moot = _MOOT.get(standing.invoice.status, frozenset())
    notes = [one for one in standing.calls if one.kind == "credit_note"]
    for one in [*calls.done_to(standing.calls, create.stripe_id), *notes]:
        if one.state is State.PARKED and one.action not in moot:
            return Rest("parked", one.note, one)
    return None


def _begun(standing: Standing, now: Instant) -> Step:
    """The first draft, or the next one. One that a person let go is made whatever else is there: he has seen it."""
    if not standing.invoice.unpaid:
        return Rest()
    if not standing.payer.customer:
        return Rest("left_out", f"its customer {standing.invoice.draft.customer} is not at Stripe")
    if standing.payer.hold:
        return Rest("left_out", held(standing))
    sent = _sent(standing, now)
    if isinstance(sent, LeftOut):
        return Rest("left_out", sent.why)
    attempts = calls.drafts(standing.calls)
    call = calls.creation(standing, sent)
    if attempts and attempts[-1].is_let_go:
        return Send(call)
    known = tuple(one.stripe_id for one in attempts if one.stripe_id)
    return Begin(call, standing.payer.customer, known)


def _sent(standing: Standing, now: Instant) -> Outgoing | LeftOut:
    return outgoing(standing.invoice, standing.payer, now, standing.countries)


def _drafting(standing: Standing, create: Operation, now: Instant) -> Step:
    """A draft that says what would be sent today is completed; any other is deleted, and begun anew if it is owed."""
    draft = create.stripe_id
    owed = standing.invoice.unpaid and standing.payer.customer
    sent = _sent(standing, now) if owed else None
    if not isinstance(sent, Outgoing) or sent.digest != create.digest:
        return _deleting(standing, draft)
    for portion in range(1, len(sent.portions) + 1):
        added = latest(standing.calls, draft, calls.lines_of(portion))
        if added is not None and added.state is State.CONFIRMED:
            continue
        if added is not None and added.is_given_up:
            return Rest("dropped", added.note, added)
        return Send(calls.adding(standing, draft, sent, portion))
    finalized = latest(standing.calls, draft, calls.FINALIZE)
    if finalized is not None and finalized.is_given_up:
        return Rest("dropped", finalized.note, finalized)
    return Compare(
        draft,
        sent.expected,
        calls.acting(standing, draft, calls.FINALIZE),
        calls.creation(standing, sent),
    )
