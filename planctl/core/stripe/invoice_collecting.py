"""What a finalized invoice needs next at Stripe: a payment, a mail, a credit note, or an end. It calls nobody.

It is looked at before anything is done to it, since people pay it meanwhile, and nobody is charged more than is due.
Source: planctl billing rules, invoices, credit and payments.
"""

from __future__ import annotations

from planctl.core.instants import DAY_MICROSECONDS
from planctl.core.invoicing.model import InvoiceStatus
from planctl.core.money import format_amount
from planctl.core.periods import Instant
from planctl.core.stripe import invoice_calls as calls
from planctl.core.stripe.amounts import from_stripe
from planctl.core.stripe.invoice_calls import Standing, is_done, latest
from planctl.core.stripe.model import Call, Operation, State
from planctl.core.stripe.outbox import lacks_card, was_declined
from planctl.core.stripe.steps import Finish, Look, Rest, Seen, Send, Step

RETRY_DAYS = (3, 5, 7)
"""After how many days a declined payment is tried again, each counted from the try before: four tries in all.

A plain choice, of the shape that Stripe's own custom schedules have: up to three retries, each so many days after the
one before. Source: https://docs.stripe.com/billing/revenue-recovery/smart-retries.
"""

COLLECTING = frozenset({calls.PAY, calls.SEND, calls.PAID_ELSEWHERE})
"""What charges a customer, writes to one, or says that nobody is to be charged."""

_OF_WHAT_IS_LEFT = frozenset({calls.CREATE, calls.PAY, calls.PAID_ELSEWHERE})
"""What depends on how much is left to pay there: credit notes (created), payments."""

_FINAL = frozenset({"paid", "void"})
"""What an invoice at Stripe stays for ever."""


def collecting(standing: Standing, create: Operation, now: Instant, seen: Seen | None) -> Step:
    """What a finalized invoice needs next; it is looked at first."""
    status = standing.status if seen is None else str(seen.invoice.get("status"))
    if status in _FINAL:
        return _told(standing, create, Rest(), status)
    wanted = _wanted(standing, create, now, status)
    if isinstance(wanted, Rest) and status:
        return _told(standing, create, wanted, status)
    then = wanted if isinstance(wanted, Call) else None
    if seen is None:
        return looking(standing, create, then)
    if then is None:
        return _told(standing, create, wanted if isinstance(wanted, Rest) else Rest(), status)
    unequal = _unequal(standing, create, then, seen)
    if unequal:
        return Rest("left_out", unequal)
    return _charging(standing, then, seen) if then.action == calls.PAY else Send(then)


def as_last_seen(standing: Standing, step: Step) -> Step:
    """A step as far as it can be told without asking Stripe: nothing is charged where no card was seen last."""
    asks = isinstance(step, Look) and step.card_of
    return _cardless(standing) if asks and standing.is_cardless else step


def looking(standing: Standing, create: Operation, then: Call | Operation | None = None) -> Look:
    """Read it at Stripe, with its customer's card where something is to be charged and nobody knows what."""
    there = create.stripe_id
    opened = None if standing.status else calls.asked_due(create)
    is_unknown = isinstance(then, Call) and then.action == calls.PAY and not then.params
    card_of = standing.payer.customer if is_unknown else ""
    return Look(there, then, calls.paying(standing, there, ""), opened, card_of)


def finishing(standing: Standing, create: Operation, call: Operation, seen: Seen | None) -> Finish | Look:
    """A charge, a mail or the like that has no end: it is sent again only where it still is what is needed.

    So it is looked at first; what is not needed any more is ended by looking what became of it.
    """
    if not _is_needed(standing, create, call):
        return Finish(call, wanted=False)
    if seen is None:
        return looking(standing, create, call)
    status = seen.invoice.get("status")
    stands = status == "open" or (status == "uncollectible" and call.action == calls.PAID_ELSEWHERE)
    return Finish(call, stands and not _unequal(standing, create, call, seen))


def _is_needed(standing: Standing, create: Operation, call: Operation) -> bool:
    invoice = standing.invoice
    if call.action == calls.PAID_ELSEWHERE:
        return invoice.status is InvoiceStatus.PAID
    is_due = invoice.unpaid and not standing.payer.hold
    return is_due and _left(standing, create) <= standing.unit(invoice.due_minor)


def _unequal(standing: Standing, create: Operation, then: Call | Operation, seen: Seen) -> str:
    """Why a call is not made that depends on what is left there; empty where as much is left as is known here."""
    there, left = seen.invoice.get("amount_remaining"), _left(standing, create)
    if then.action not in _OF_WHAT_IS_LEFT or there == left:
        return ""
    return (
        f"{there} is left of it at Stripe, {left} as far as is known here: pull first; "
        "what somebody credited there is to be credited here too"
    )


def _left(standing: Standing, create: Operation) -> int:
    """What is left to pay at Stripe, as far as is known here, in its unit."""
    taken = standing.unit(standing.brought_minor) - calls.taken_before(create)
    return calls.asked_due(create) - calls.reduced(standing.calls, create.stripe_id) - taken


def _told(standing: Standing, create: Operation, rest: Rest, status: str) -> Rest:
    """Where nothing is to be done: that more is owed here than Stripe can collect of it, since money went back.

    What Stripe took and is not known here yet is none of it: the pull brings that.
    """
    invoice = standing.invoice
    if rest.outcome != "done" or status == "void" or not invoice.unpaid:
        return rest
    is_told = is_done(standing.calls, create.stripe_id, calls.PAID_ELSEWHERE)
    there = 0 if is_told else max(_left(standing, create), 0)
    currency = invoice.draft.currency
    again = invoice.due_minor - from_stripe(there, currency)
    if again <= 0:
        return rest
    return Rest(
        "left_out",
        f"{format_amount(again, currency)} {currency.code} of it is owed again, which Stripe has as paid and cannot "
        "collect twice: collect it some other way (planctl payment record)",
    )


def _wanted(standing: Standing, create: Operation, now: Instant, status: str) -> Call | Rest | None:
    """What a finalized invoice needs; None where it is only to be looked at."""
    invoice, there = standing.invoice, create.stripe_id
    if invoice.status is InvoiceStatus.VOID:
        return _once(standing, there, calls.VOID)
    if invoice.status is InvoiceStatus.UNCOLLECTIBLE:
        return Rest() if status == "uncollectible" else _once(standing, there, calls.WRITE_OFF)
    left = _left(standing, create)
    if not invoice.unpaid:
        return _settled(standing, create, left)
    if left > standing.unit(invoice.due_minor):
        return _reduced(standing, there, left - standing.unit(invoice.due_minor))
    if status == "uncollectible" or standing.payer.pays not in {"card", "invoice"}:
        return Rest()
    if standing.payer.hold:
        return Rest("left_out", held(standing))
    return _payment(standing, there, now) if standing.payer.pays == "card" else _mail(standing, create)


def held(standing: Standing) -> str:
    """That nobody is asked for money before a person has looked."""
    return f"its customer {standing.invoice.draft.customer} is on hold: {standing.payer.hold}"


def _settled(standing: Standing, create: Operation, left: int) -> Call | Rest | None:
    """What nothing is due of here: what was credited is credited there, and what was paid elsewhere is said."""
    if left <= 0:
        return None
    elsewhere = standing.unit(standing.invoice.paid_minor - standing.taken_minor)
    if elsewhere > calls.reduced(standing.calls, create.stripe_id):
        return _once(standing, create.stripe_id, calls.PAID_ELSEWHERE)
    return _reduced(standing, create.stripe_id, left)


def _reduced(standing: Standing, there: str, amount: int) -> Call | Rest:
    """A credit note at Stripe, unless a person gave it up."""
    call = calls.reducing(standing, there, amount)
    for one in standing.calls:
        if (one.kind, one.local_id) == (call.kind, call.local_id) and one.is_given_up:
            return Rest("dropped", one.note, one)
    return call


def _once(standing: Standing, there: str, action: str) -> Call | Rest | None:
    """An action that is done once: not where a person dropped it, and only to be looked at once it was done."""
    last = latest(standing.calls, there, action)
    if is_done(standing.calls, there, action):
        return None
    if last is not None and last.is_given_up:
        return Rest("dropped", last.note, last)
    return calls.acting(standing, there, action)


def _mail(standing: Standing, create: Operation) -> Call | Rest | None:
    """Stripe's page goes out once, where it may."""
    if not calls.is_mailed(create):
        if not standing.payer.has_address:
            return Rest("left_out", "no e-mail address: Stripe cannot send it")
        return Rest("left_out", "it was finalized as one that is not sent: Stripe cannot send it any more")
    is_sent = is_done(standing.calls, create.stripe_id, calls.SEND)
    return Rest() if is_sent else _once(standing, create.stripe_id, calls.SEND)


# --- charging


def _payment(standing: Standing, there: str, now: Instant) -> Call | Rest | None:
    """The first try, or the next one after a decline once its day has come; another card is tried at once."""
    last = latest(standing.calls, there, calls.PAY)
    if last is not None and last.is_given_up:
        return Rest("dropped", last.note, last)
    if last is not None and last.state is State.CONFIRMED and not standing.failure:
        return None  # the money is on its way
    card = _card(standing, there)
    declined = [
        one
        for one in calls.done_to(standing.calls, there, calls.PAY)
        if _failed(one) and (not card or calls.asked_card(one) in {"", card})
    ]
    if not declined:
        return calls.paying(standing, there, card)
    tried = declined[-1]
    why = tried.note or standing.failure
    if len(declined) > len(RETRY_DAYS):
        return Rest("declined", why, tried)
    began = tried.made_at if tried.first_sent_at is None else tried.first_sent_at
    again_at = Instant(began + RETRY_DAYS[len(declined) - 1] * DAY_MICROSECONDS)
    return Rest("declined", why, tried, again_at) if now < again_at else calls.paying(standing, there, card)


def _failed(paid: Operation) -> bool:
    """Whether a payment brought nothing; one that Stripe took up and that is followed by another one failed later."""
    return was_declined(paid) or paid.state is State.CONFIRMED


def _card(standing: Standing, there: str) -> str:
    """What is on file, empty for nothing; what Stripe would not charge for want of it is not asked for again."""
    card = standing.payer.payment_method
    return "" if card in _lacking(standing, there) else card


def _lacking(standing: Standing, there: str) -> set[str]:
    tries = calls.done_to(standing.calls, there, calls.PAY)
    return {calls.asked_card(one) for one in tries if lacks_card(one)}


def _charging(standing: Standing, call: Call, seen: Seen) -> Send | Rest:
    """Charge what is on file, or what the customer has by default there; where there is nothing, say what to do."""
    customer = standing.payer.customer
    if seen.invoice.get("customer", customer) != customer:
        return Rest(
            "left_out", "its customer at Stripe is gone: it can be paid on its own page, or in some other way"
        )
    if call.params:
        return Send(call)
    there = call.path.split("/")[3]
    if not seen.card or seen.card in _lacking(standing, there):
        return _cardless(standing)
    return Send(calls.paying(standing, there, seen.card))


def _cardless(standing: Standing) -> Rest:
    name = standing.invoice.draft.customer
    return Rest(
        "left_out", f"no means of payment is on file at Stripe: planctl stripe portal {name} takes one"
    )
