"""Money that somebody gave back at Stripe: of which payments it is, and the credit note that says so here.

Nobody is asked for it again there, so it is credited for good. Source: planctl billing rules, invoices, credit and
payments.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from planctl.core.invoicing.credits import Crediting, Parts
from planctl.core.invoicing.model import Payment, Refund
from planctl.core.money import format_amount
from planctl.core.stripe.facts import Disputed, Refunded
from planctl.core.stripe.facts_refund import credit_of_sum
from planctl.core.stripe.model import METHOD, OPEN, Link, State
from planctl.core.stripe.outbox import confirmed
from planctl.errors import Refused
from planctl.identifiers import new_id
from planctl.store import credit_notes, invoices, payments, refunds, stripe_outbox
from planctl.store.history import gone_back
from planctl.store.paying_out import GivenBack, give_back
from planctl.store.payments import PaymentFilter
from planctl.workflows.collect_payments import Returning, refund_payment
from planctl.workflows.receive_webhook.desk import Desk, decimal_of

if TYPE_CHECKING:
    from planctl.core.document import Document


def write_refund(desk: Desk, customer: str, fact: Refunded, all_of_it: Sequence[Refunded]) -> None:
    """Money that Stripe gave back for good: a credit note says so here, if none has asked for it before.

    `all_of_it` is all that Stripe gave back of the payment without being asked by this store.
    """

    def do() -> Document:
        linked = stripe_outbox.linked(desk.tx, desk.account, fact.key)
        if linked is not None and linked.kind == "refund":
            return []
        waiting = _waiting(desk, customer, fact)
        for payment, back in waiting:
            if back.amount_minor == desk.minor(fact.amount, fact.currency, payment.currency, payment.id):
                return _answered(desk, payment, back, fact)
        try:
            shares = shares_of(desk, customer, fact)
        except Refused:
            if not waiting:
                raise
            return _part_of(desk, *waiting[0], fact, all_of_it)
        notes: dict[str, list[tuple[Payment, int]]] = {}
        for payment, amount in shares:
            taken = _from_balance(desk, payment, amount, fact)
            if amount > taken:
                notes.setdefault(payment.invoice, []).append((payment, amount - taken))
        for invoice_id, given in notes.items():
            _credit(desk, invoice_id, given, fact)
        return [[payment.id, str(amount)] for payment, amount in shares]

    desk.once(fact.key, _request(fact), do)


def _request(fact: Refunded) -> Document:
    return {"intent": fact.intent, "amount": str(fact.amount), "currency": fact.currency}


def shares_of(desk: Desk, customer: str, fact: Refunded | Disputed) -> list[tuple[Payment, int]]:
    """The payments here that an amount went back of, the newest first; Refused where they do not come to it."""
    here = _payments_of(desk, customer, fact)
    if not here:
        raise unmatched(fact, "no payment of it is recorded here", fact.intent)
    rest = desk.minor(fact.amount, fact.currency, here[0].currency, here[0].id)
    found = []
    for one in reversed(here):
        part = min(rest, one.left_minor)
        if part > 0:
            found.append((one, part))
            rest -= part
    if rest:
        raise unmatched(fact, "more than is left of its payments here", here[-1].id)
    return found


def unmatched(fact: Refunded | Disputed, what: str, where: str) -> Refused:
    """Money that went back at Stripe and cannot be found here."""
    return Refused(
        f"{fact.key} takes back money of {fact.intent}: {what}",
        code="stripe-unmatched",
        where=where,
        hint="record by hand what it was for, then drop the event",
    )


def withdrawn(desk: Desk, fact: Disputed, request: Document) -> list[tuple[str, int]]:
    """What a dispute took back, by what it was taken from; Refused where that was not written here."""
    result = desk.result(f"{fact.dispute}:withdrawn", request)
    if not isinstance(result, list):
        raise Refused(
            f"dispute {fact.dispute} is reinstated, and that it was withdrawn is not recorded here",
            code="stripe-unmatched",
            where=fact.dispute,
            hint="record by hand what came back: planctl payment record",
        )
    found = []
    for pair in result:
        assert isinstance(pair, list)
        found.append((str(pair[0]), int(str(pair[1]))))
    return found


def _payments_of(desk: Desk, customer: str, fact: Refunded | Disputed) -> list[Payment]:
    received = payments.payments(desk.tx, PaymentFilter(customers=(customer,)))
    return [one for one in received if one.method == METHOD and one.reference == fact.intent]


# --- asked for here


def _waiting(desk: Desk, customer: str, fact: Refunded) -> list[tuple[Payment, Refund]]:
    """The refunds of credit notes that nobody made at Stripe yet of what the payment brought, the oldest first.

    Refused where one of them is on its way, so that nobody knows whether this is it.
    """
    given = {
        back.id: (payment, back)
        for payment in _payments_of(desk, customer, fact)
        for back in refunds.refunds_of(desk.tx, [payment.id])[payment.id]
        if back.credit_note and back.method != METHOD
    }
    made = stripe_outbox.links(desk.tx, desk.account, "refund", [*given])
    waiting = [given[name] for name in given if name not in made]
    calls = stripe_outbox.operations_of(desk.tx, desk.account, "refund", [back.id for _, back in waiting])
    for name, several in calls.items():
        if any(one.state in OPEN for one in several):
            raise Refused(
                f"{fact.key} may be the refund {name}, which is on its way to Stripe",
                code="stripe-unmatched",
                where=name,
                hint="planctl stripe push brings that to its end; then --retry the event",
            )
    return sorted(waiting, key=lambda one: (one[1].at, one[1].id))


def _answered(desk: Desk, payment: Payment, back: Refund, fact: Refunded) -> Document:
    """What was asked for here was given back there by hand: it stands for it, and nobody is asked again."""
    stripe_outbox.link(desk.tx, desk.account, Link("refund", back.id, fact.key))
    for call in stripe_outbox.operations_of(desk.tx, desk.account, "refund", [back.id])[back.id]:
        if call.state is State.PARKED:
            stripe_outbox.save(desk.tx, confirmed(call, fact.key))
    _tell_asked(desk, payment, back, fact, "it was asked for by")
    return []


def _part_of(
    desk: Desk, payment: Payment, back: Refund, fact: Refunded, all_of_it: Sequence[Refunded]
) -> Document:
    """A part of what was asked for here was given back there by hand; the last part stands for the whole."""
    parts = [one for one in all_of_it if _is_part(desk, one) or one == fact]
    currency, place = payment.currency, payment.id
    given = sum(desk.minor(one.amount, one.currency, currency, place) for one in parts)
    if given > back.amount_minor:
        raise unmatched(fact, "more than is left of its payments here", place)
    if given == back.amount_minor:
        return _answered(desk, payment, back, fact)
    rest = f"{format_amount(back.amount_minor - given, currency)} {currency.code}"
    _tell_asked(desk, payment, back, fact, f"a part: {rest} are left to give back of")
    return []


def _is_part(desk: Desk, fact: Refunded) -> bool:
    """Whether it was taken in, and neither credited nor what stands for a refund here."""
    result = desk.result(fact.key, _request(fact))
    return result == [] and stripe_outbox.linked(desk.tx, desk.account, fact.key) is None


def _tell_asked(desk: Desk, payment: Payment, back: Refund, fact: Refunded, what: str) -> None:
    number = credit_notes.credit_note(desk.tx, back.credit_note).number
    dated = desk.dated(fact.at, back.at).because(f"{what} {number}")
    invoice = invoices.invoice(desk.tx, payment.invoice)
    amount = desk.minor(fact.amount, fact.currency, payment.currency, payment.id)
    desk.tell("refund", fact.key, invoice, amount, dated)


# --- not asked for


def _from_balance(desk: Desk, payment: Payment, amount: int, fact: Refunded) -> int:
    """Take back what of a payment was more than its invoice owed; how much that is. Refused where it is spent."""
    earlier = refunds.refunds_of(desk.tx, [payment.id])[payment.id]
    on_invoice = payment.amount_minor - payment.to_balance_minor
    on_invoice -= sum(one.amount_minor - one.from_balance_minor for one in earlier)
    extra = amount - on_invoice
    if extra <= 0:
        return 0
    dated = desk.dated(fact.at, payment.at).because("from the customer's balance")
    back = Returning(payment.id, decimal_of(extra, payment.currency), dated.at, METHOD, fact.key)
    done = refund_payment(desk.tx, back, desk.recorded_at)
    if done.refund.from_balance_minor < extra:
        raise unmatched(fact, "a part of it stood in the customer's balance and is spent", payment.id)
    desk.tell("refund", fact.key, done.invoice, extra, dated)
    return extra


def _credit(desk: Desk, invoice_id: str, given: list[tuple[Payment, int]], fact: Refunded) -> None:
    """The credit note of what went back of one invoice, with the money gone already."""
    invoice = invoices.invoice(desk.tx, invoice_id)
    amount = sum(part for _, part in given)
    dated = desk.dated(fact.at, max(payment.at for payment, _ in given))
    at = dated.at
    said = Crediting(f"stripe:{fact.key}", at, "refund", f"refunded at Stripe: {fact.key}")
    back = tuple(
        Refund(
            new_id("re", at),
            payment.customer,
            payment.id,
            part,
            payment.currency,
            at,
            method=METHOD,
            reference=fact.key,
        )
        for payment, part in given
    )
    draft = credit_of_sum(invoice, gone_back(desk.tx, invoice), amount, said)
    give_back(desk.tx, [GivenBack(draft, invoice, Parts(0, amount, 0), back)], desk.recorded_at)
    if stripe_outbox.linked(desk.tx, desk.account, fact.key) is None:  # one of several invoices stands for it
        # It stands at Stripe already: what is linked is not asked for again.
        stripe_outbox.link(desk.tx, desk.account, Link("refund", back[0].id, fact.key))
    desk.tell("refund", fact.key, invoice, amount, dated)
