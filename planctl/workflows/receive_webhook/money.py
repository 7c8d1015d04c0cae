"""What Stripe says of an invoice's money, written here: received, given back, disputed, given up. Each once.

Source: planctl billing rules, dunning, and invoices, credit and payments.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from planctl.core.document import Document
from planctl.core.invoicing.model import UNPAID, Invoice, InvoiceStatus, Payment
from planctl.core.money import format_amount
from planctl.core.stripe.facts import Disputed, Ended, Fact, FailedRefund, Received, Refunded
from planctl.core.stripe.model import METHOD
from planctl.errors import Refused
from planctl.identifiers import new_id
from planctl.store import customers, invoices, payments, stripe_outbox
from planctl.store.books import check_open
from planctl.workflows.collect_payments import Receipt, Returning, record_payment, refund_payment
from planctl.workflows.correct_invoices import void_invoice, write_off
from planctl.workflows.receive_webhook import page_money
from planctl.workflows.receive_webhook.desk import Dated, Desk, decimal_of
from planctl.workflows.receive_webhook.given_back import shares_of, withdrawn, write_refund

if TYPE_CHECKING:
    from planctl.core.stripe.checkout import Page

CHARGED_BACK = "chargeback"
"""How money went back that a bank took."""

PAID_VOID = "paid-void"
"""The reason of the hold of who paid at Stripe what is void here; a person lifts it once they have looked."""


def write_facts(
    desk: Desk, invoice: Invoice | None, customer: str, facts: Iterable[Fact], page: Page | None = None
) -> None:
    """Write facts in their order, each whole or not at all; one that cannot be is `stopped` at the desk.

    `invoice` is the one that what was received is for, `page` the page of Checkout that brought the money.
    """
    facts = [*facts]
    given_back = [fact for fact in facts if isinstance(fact, Refunded)]
    credited = page if page is not None and page.state == "credited" else None
    for fact in facts:
        if isinstance(fact, FailedRefund):
            _write_failed(desk, fact)
        elif credited is not None and isinstance(fact, Refunded | Disputed):
            page_money.write_back(desk, credited, fact)
        elif isinstance(fact, Refunded):
            write_refund(desk, customer, fact, given_back)
        elif isinstance(fact, Disputed):
            _write_dispute(desk, customer, fact)
        elif invoice is not None:
            _write_received(desk, invoice, fact) if isinstance(fact, Received) else _write_end(
                desk, invoice, fact
            )


# --- received


def _write_received(desk: Desk, invoice: Invoice, fact: Received) -> None:
    currency = invoice.draft.currency
    request: dict[str, Document] = {"invoice": invoice.id, "currency": fact.currency}
    if not fact.elsewhere:  # which is a rest, so that its amount is known only once
        request["amount"] = str(fact.amount)

    def do() -> Document:
        amount = desk.minor(fact.amount, fact.currency, currency, invoice.number)
        if fact.elsewhere:
            owed = invoices.invoice(desk.tx, invoice.id).owed_minor
            amount = 0 if _marked_by_us(desk, invoice) else min(amount, owed)
        if amount <= 0:
            return []
        dated = desk.dated(fact.at, invoice.draft.issued_at)
        if fact.elsewhere:
            dated = dated.because("marked as paid at Stripe")
        paid, dated = _record(desk, invoice, amount, dated, fact)
        desk.tell("payment", fact.reference, invoice, amount, dated)
        return [[paid.id, str(amount)]]

    desk.once(fact.key, request, do)


def _record(
    desk: Desk, invoice: Invoice, amount: int, dated: Dated, fact: Received | Disputed
) -> tuple[Payment, Dated]:
    """Record a payment; where its invoice is void, all of it goes to the balance, and the customer on hold."""
    method, reference = _named(fact)
    if invoices.invoice(desk.tx, invoice.id).status is not InvoiceStatus.VOID:
        paid = decimal_of(amount, invoice.draft.currency)
        receipt = Receipt(invoice.id, paid, dated.at, method, reference)
        return record_payment(desk.tx, receipt, desk.recorded_at).payment, dated
    customer, currency = invoice.draft.customer, invoice.draft.currency
    check_open(desk.tx, dated.at, "the payment")
    made = Payment(
        new_id("pay", dated.at),
        customer,
        invoice.id,
        amount,
        currency,
        dated.at,
        method,
        reference,
        to_balance_minor=amount,
    )
    payments.record(desk.tx, made, desk.recorded_at)
    came = f"{format_amount(amount, currency)} {currency.code} came by {reference}"
    why = f"{came} for {invoice.number}, which is void"
    customers.hold_also(desk.tx, customer, PAID_VOID, why, dated.at)
    return made, dated.because("the invoice is void: to the customer's balance, and the customer on hold")


def _named(fact: Received | Disputed) -> tuple[str, str]:
    """The method and the reference of a payment."""
    return (fact.method, fact.reference) if isinstance(fact, Received) else (METHOD, fact.intent)


def _marked_by_us(desk: Desk, invoice: Invoice) -> bool:
    """Whether we told Stripe that it is paid: then what paid it is here already."""
    made = stripe_outbox.operations_of(desk.tx, desk.account, "invoice", [invoice.id])[invoice.id]
    return any(one.path.endswith("/pay") and b"paid_out_of_band" in one.body for one in made)


# --- taken back


def _write_failed(desk: Desk, fact: FailedRefund) -> None:
    """A refund that never arrived: nothing is written, a person gives the money back in another way."""

    def do() -> Document:
        raise Refused(
            f"refund {fact.refund} failed: the money is still here, and the customer waits for it",
            code="stripe-refund-failed",
            where=fact.intent,
            got=fact.why,
            hint="give it back in another way, then drop the event",
        )

    desk.once(fact.key, [], do)


def _write_dispute(desk: Desk, customer: str, fact: Disputed) -> None:
    """Money that a bank took back: the invoice owes it again, until it is reinstated."""
    request: Document = {"intent": fact.intent, "amount": str(fact.amount), "currency": fact.currency}

    def withdraw() -> Document:
        try:
            shares = shares_of(desk, customer, fact)
        except Refused:
            if fact.came_back:  # before it was written that it went: nothing is left to be decided
                return []
            raise
        for payment, amount in shares:
            dated = desk.dated(fact.at, payment.at)
            much = decimal_of(amount, payment.currency)
            back = Returning(payment.id, much, dated.at, CHARGED_BACK, fact.dispute)
            done = refund_payment(desk.tx, back, desk.recorded_at)
            desk.tell("chargeback", fact.dispute, done.invoice, amount, dated)
        return [[payment.id, str(amount)] for payment, amount in shares]

    def reinstate() -> Document:
        paid: list[Document] = []
        for payment, amount in withdrawn(desk, fact, request):
            before = payments.payment(desk.tx, payment)
            invoice = invoices.invoice(desk.tx, before.invoice)
            again, dated = _record(desk, invoice, amount, desk.dated(fact.at, before.at), fact)
            desk.tell("reinstated", fact.dispute, invoice, amount, dated)
            paid.append([again.id, str(amount)])
        return paid

    desk.once(fact.key, request, withdraw if fact.step == "withdrawn" else reinstate)


# --- given up


def _write_end(desk: Desk, invoice: Invoice, fact: Ended) -> None:
    """An invoice that cannot be paid at Stripe any more must not block anybody here."""

    def do() -> Document:
        now = invoices.invoice(desk.tx, invoice.id)
        if not _still_counts(now, fact):
            return []
        dated = desk.dated(fact.at, invoice.draft.issued_at)
        if fact.how == "void":
            void_invoice(desk.tx, invoice.id, dated.at, reissue=False, recorded_at=desk.recorded_at)
        else:
            write_off(desk.tx, invoice.id, dated.at, desk.recorded_at)
        desk.tell(fact.how, fact.invoice, invoice, now.due_minor, dated)
        return [fact.how]

    desk.once(fact.key, {"invoice": invoice.id}, do)


def _still_counts(invoice: Invoice, fact: Ended) -> bool:
    """Whether it is anything new here: states only move forward, and what is paid here is asked of nobody."""
    if fact.how == "void":
        return invoice.status not in {InvoiceStatus.VOID, InvoiceStatus.PAID}
    return invoice.status in UNPAID
