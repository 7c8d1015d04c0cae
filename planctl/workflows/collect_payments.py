"""Payments, voids and what they do to invoices and subscriptions, each in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from planctl.core import dunning
from planctl.core.invoicing.advance import next_action, waits
from planctl.core.invoicing.model import Invoice, InvoiceStatus, OpenInvoice, Payment
from planctl.core.money import NumberError, format_minor, to_minor
from planctl.core.periods import Instant
from planctl.core.subscriptions.model import Subscription, Transition
from planctl.errors import InvalidInput, NotYet, Refused
from planctl.identifiers import new_id
from planctl.store import invoices, payments, subscriptions
from planctl.store.facts import customer_facts
from planctl.store.payments import PaymentFilter
from planctl.store.selling import existing

if TYPE_CHECKING:
    from planctl.store.engine import Tx


@dataclass(frozen=True, slots=True)
class Paid:
    """A recorded payment, its invoice afterwards, and what moved because of it."""

    payment: Payment
    invoice: Invoice
    transitions: tuple[Transition, ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was received: `amount` None is what is due; `at` when."""

    number: str
    amount: Decimal | None
    at: Instant
    method: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Lifted:
    """What may have lifted a debt: when, and the payment (or `void:INVOICE`)."""

    at: Instant
    by: str
    recorded_at: Instant


def record_payment(tx: Tx, receipt: Receipt, recorded_at: Instant) -> Paid:
    """Record a payment; a subscription whose overdue invoices are all paid becomes active again.

    Refused for an invoice that owes nothing; NotYet for more than is due (it would go to the balance).
    """
    invoice = invoices.invoice(tx, receipt.number)
    payment = _payment(invoice, receipt)
    before = caught_up(tx, invoice.draft.customer, receipt.at, recorded_at)
    payments.record(tx, payment, recorded_at)
    unpaid = invoices.open_invoices(tx, [invoice.draft.customer])[invoice.draft.customer]
    moves: list[Transition] = []
    for subscription in before:
        if subscription.id == invoice.draft.subscription:
            moves += _unblock(tx, subscription, unpaid, Lifted(payment.at, payment.id, recorded_at))
    return Paid(payment, invoices.invoice(tx, invoice.id), tuple(moves))


def caught_up(tx: Tx, customer: str, at: Instant, recorded_at: Instant) -> list[Subscription]:
    """The customer's subscriptions with the lateness that time alone has brought until `at` written down."""
    (facts,) = customer_facts(tx, [customer], at)
    found: list[Subscription] = []
    moves: list[Transition] = []
    past_due: list[str] = []
    for subscription in facts.subscriptions:
        mine = tuple(one for one in facts.unpaid if one.subscription == subscription.id)
        late = dunning.dunned(subscription, mine, at)
        moves += late.transitions
        past_due += late.past_due_invoices
        found.append(late.subscription)
    changed = [one for one, old in zip(found, facts.subscriptions, strict=True) if one != old]
    unpaid = [replace(one, past_due=one.past_due or one.id in past_due) for one in facts.unpaid]
    subscriptions.update_many(
        tx,
        [
            (
                one,
                next_action(
                    one,
                    [due for due in unpaid if due.subscription == one.id],
                    waiting=waits(one, facts.left_open(one)),
                ),
            )
            for one in changed
        ],
    )
    subscriptions.add_transitions(tx, moves, recorded_at)
    invoices.mark_past_due(tx, past_due)
    return found


def void_invoice(tx: Tx, number: str, at: Instant, *, reissue: bool, recorded_at: Instant) -> Invoice:
    """Void an invoice, which keeps its number; with `reissue` the next run bills its charges again.

    Refused for a paid, partly paid or void one.
    """
    invoice = invoices.invoice(tx, number)
    if invoice.status is InvoiceStatus.VOID:
        raise Refused(f"invoice {invoice.number} is void already", code="invoice-void", where=invoice.number)
    if invoice.paid_minor or invoice.credit_minor:
        raise Refused(
            f"invoice {invoice.number} is paid with {format_minor(invoice.paid_minor, invoice.draft.currency)}"
            f" {invoice.draft.currency.code}",
            code="invoice-paid",
            where=invoice.number,
            hint="only an invoice on which nothing was paid can be voided",
        )
    held = caught_up(tx, invoice.draft.customer, at, recorded_at)
    invoices.void(tx, invoice.id, at, reissue)
    unpaid = invoices.open_invoices(tx, [invoice.draft.customer])[invoice.draft.customer]
    for subscription in held:
        if subscription.id == invoice.draft.subscription:
            _unblock(tx, subscription, unpaid, Lifted(at, f"void:{invoice.id}", recorded_at))
    return invoices.invoice(tx, invoice.id)


def read_payments(tx: Tx, wanted: PaymentFilter) -> tuple[list[Payment], dict[str, str]]:
    """The payments that a filter lets through, oldest first, and the numbers of their invoices by id.

    NotFound for an unknown customer.
    """
    for customer in wanted.customers:
        existing(tx, customer)
    found = payments.payments(tx, wanted)
    paid = invoices.get_many(tx, [one.invoice for one in found])
    return found, {invoice_id: one.number for invoice_id, one in paid.items()}


def _payment(invoice: Invoice, receipt: Receipt) -> Payment:
    currency = invoice.draft.currency
    if invoice.due_minor <= 0:
        raise Refused(
            f"invoice {invoice.number} owes nothing: it is {invoice.status}",
            code="nothing-due",
            where=invoice.number,
        )
    try:
        amount = invoice.due_minor if receipt.amount is None else to_minor(receipt.amount, currency)
    except NumberError as problem:
        raise InvalidInput(str(problem), where="AMOUNT", got=str(receipt.amount)) from problem
    if amount <= 0:
        raise InvalidInput(
            "a payment is more than 0", where="AMOUNT", got=str(receipt.amount), expected="an amount above 0"
        )
    if amount > invoice.due_minor:
        raise NotYet(
            "customer balance",
            where=invoice.number,
            hint=f"{format_minor(invoice.due_minor, currency)} {currency.code} are due,"
            f" {format_minor(amount, currency)} were given",
        )
    return Payment(
        new_id("pay", receipt.at),
        invoice.draft.customer,
        invoice.id,
        amount,
        currency,
        receipt.at,
        receipt.method,
        receipt.reference,
    )


def _unblock(
    tx: Tx, subscription: Subscription, unpaid: Sequence[OpenInvoice], lifted: Lifted
) -> tuple[Transition, ...]:
    """Write what paying undid, and when a run must look at the subscription again."""
    mine = tuple(one for one in unpaid if one.subscription == subscription.id)
    moved = dunning.paid_up(subscription, mine, lifted.at, lifted.by)
    after = moved.subscription
    deferred = subscriptions.open_settlements(tx, [after.id])[after.id]
    waiting = waits(after, deferred)
    subscriptions.update(tx, after, next_action(after, mine, waiting=waiting))
    subscriptions.add_transitions(tx, moved.transitions, lifted.recorded_at)
    return moved.transitions
