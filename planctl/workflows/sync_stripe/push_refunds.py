"""Gives back at Stripe what credit notes gave back here of money that Stripe took; one that stops ends no push.

Source: planctl billing rules, invoices, credit and payments.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from planctl.core.stripe.invoice_report import Owed, ProposedInvoice, PushedInvoices, stopped_by
from planctl.core.stripe.model import Account, State
from planctl.core.stripe.outbox import collection
from planctl.core.stripe.refund_steps import GivingBack, next_refund_step
from planctl.core.stripe.steps import Ask, Rest, Send
from planctl.errors import Refused
from planctl.store import stripe_invoices
from planctl.workflows.sync_stripe.sending import Talk, finish, park, send

if TYPE_CHECKING:
    from planctl.store.engine import Tx

PAGE = 100
"""How many refunds are read at a time."""


def give_back(talk: Talk, pushed: PushedInvoices) -> Iterator[GivingBack]:
    """Make the refunds that Stripe lacks, each as it is asked for; what became of them is kept in `pushed`."""
    after = ""
    while several := _page(talk, after):
        for giving in several:
            try:
                rest = _refunded(talk, giving, pushed)
            except Refused as refused:
                rest = Rest("left_out", refused.message)
            pushed.rest(_owed(giving), rest)
            yield giving
        after = several[-1].refund.id


def propose_refunds(tx: Tx, account: Account) -> Iterator[ProposedInvoice]:
    """What a push would do about each refund, without asking Stripe."""
    after = ""
    while several := stripe_invoices.to_give_back(tx, account, after, PAGE):
        for giving in several:
            step = next_refund_step(giving)
            if not isinstance(step, Rest):
                yield ProposedInvoice(_owed(giving), "refund" if step is None else "finish")
            elif (stopped := stopped_by(_owed(giving), step)) is not None:
                yield ProposedInvoice(_owed(giving), stopped=stopped)
        after = several[-1].refund.id


def _page(talk: Talk, after: str) -> Sequence[GivingBack]:
    with talk.open_read() as tx:
        return stripe_invoices.to_give_back(tx, talk.account, after, PAGE)


def _refunded(talk: Talk, giving: GivingBack, pushed: PushedInvoices) -> Rest:
    step = next_refund_step(giving)
    if step is None:
        there = talk.gateway.list(collection("refund"), payment_intent=giving.payment.reference)
        step = next_refund_step(giving, tuple(there), talk.account.cursor)
    assert step is not None, f"{giving.refund.id} was looked at"
    if isinstance(step, Ask):
        return Rest("parked", step.why, park(talk, step.call, step.why, lambda _tx: True))
    if isinstance(step, Rest):
        return step
    operation = send(talk, step.call) if isinstance(step, Send) else finish(talk, step.operation)
    if operation.state is State.CONFIRMED:
        pushed.count(operation)
        return Rest()
    return Rest("parked" if operation.state is State.PARKED else "left_out", operation.note, operation)


def _owed(giving: GivingBack) -> Owed:
    refund = giving.refund
    return Owed("refund", refund.id, giving.payment.id, refund.customer, refund.amount_minor, refund.currency)
