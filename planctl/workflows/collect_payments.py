"""Payments: received, read from a bank's statement, and returned; each journey in one transaction.

A statement's row names an invoice in its reference, or its amount is what exactly one open invoice still owes;
nothing is guessed, the rest is listed. Source: planctl billing rules, dunning, and invoices, credit and payments.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from planctl.core.dunning import blocked_for_good, counts_for
from planctl.core.instants import first_instant, local_date
from planctl.core.invoicing.credits import minor_of
from planctl.core.invoicing.model import Invoice, InvoiceStatus, Payment, Refund
from planctl.core.invoicing.references import by_letters, named_in
from planctl.core.money import NumberError, format_minor, to_minor
from planctl.core.periods import Instant, zone
from planctl.core.stripe.model import METHOD, OUTSIDE
from planctl.core.subscriptions.model import Subscription, Transition
from planctl.errors import InvalidInput, Refused
from planctl.files.bank_reader import BankRow
from planctl.identifiers import new_id
from planctl.store import invoice_money, invoices, payments, refunds
from planctl.store.balances import BalanceMove, balances_of, post
from planctl.store.books import check_open, check_since
from planctl.store.debts import Lifted, caught_up, lift, owed_again
from planctl.store.operations import recall, remember
from planctl.store.payments import PaymentFilter
from planctl.store.selling import existing
from planctl.store.settings import timezone
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx


@dataclass(frozen=True, slots=True)
class Paid:
    """A recorded payment, its invoice afterwards, and what moved because of it; `stays_blocked` no payment moves."""

    payment: Payment
    invoice: Invoice
    transitions: tuple[Transition, ...] = ()
    stays_blocked: tuple[Subscription, ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was received: `amount` None is what is due; `at` when."""

    number: str
    amount: Decimal | None
    at: Instant
    method: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Returning:
    """A payment that went back: its id, how much in major units (None: all that is left of it), and when."""

    payment: str
    amount: Decimal | None
    at: Instant
    method: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Returned:
    """A recorded refund, the invoice afterwards, and what moved because of it."""

    refund: Refund
    invoice: Invoice
    transitions: tuple[Transition, ...] = ()


KIND = "payment import row"


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A row that was not recorded, and why."""

    row: BankRow
    why: str


@dataclass(frozen=True, slots=True)
class Importing:
    """Who imports and when: `as_of` bounds the dates of rows, `recorded_at` is the clock."""

    actor: str
    as_of: Instant
    recorded_at: Instant


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did: rows read, payments recorded, rows that were recorded before, and those unmatched."""

    read: int
    recorded: tuple[Paid, ...] = ()
    already: int = 0
    unmatched: tuple[Unmatched, ...] = ()


def check_method(method: str) -> str:
    """The word for how money came or went, as somebody gave it; InvalidInput for those that only Stripe's has."""
    if method.strip().casefold() in {METHOD, OUTSIDE}:
        raise InvalidInput(
            "that word is for what is read from Stripe",
            where="--method",
            expected="any other word",
            got=method,
            hint="planctl stripe pull records what Stripe took; of money beside it say transfer, card …",
        )
    return method


def record_payment(tx: Tx, receipt: Receipt, recorded_at: Instant) -> Paid:
    """Record a payment; a subscription whose overdue invoices are all paid becomes active again.

    What is more than the invoice owes goes to the customer's balance. Refused for an invoice that owes
    nothing and for a day of closed books.
    """
    invoice = invoices.invoice(tx, receipt.number)
    check_open(tx, receipt.at, "the payment")
    payment = _payment(invoice, receipt)
    before = caught_up(tx, invoice.draft.customer, receipt.at, recorded_at)
    payments.record(tx, payment, recorded_at)
    moves = lift(tx, before, invoice, Lifted(payment.at, payment.id, recorded_at))
    paid_for = [one for one in before if invoice.draft.subscription in counts_for(one, before)]
    stays_blocked = tuple(one for one in paid_for if blocked_for_good(one))
    return Paid(payment, invoices.invoice(tx, invoice.id), moves, stays_blocked)


def propose_refund(tx: Tx, asked: Returning) -> Refund:
    """The refund that `refund_payment` would record; Refused as there."""
    check_open(tx, asked.at, "the refund")
    payment = payments.payment(tx, asked.payment)
    check_since(tx, asked.at, payment.at, "the refund", payment.id)
    return _refund(tx, payment, asked)


def refund_payment(tx: Tx, asked: Returning, recorded_at: Instant) -> Returned:
    """Record that a payment went back to the customer, or a part of it: the invoice owes it again.

    What the payment put into the balance comes from there first, as far as it is still there. A subscription
    is past due again where the invoice is overdue, from the refund on. Refused for more than is left of the
    payment, or where the balance has been spent on other invoices.
    """
    refund = propose_refund(tx, asked)
    payment = payments.payment(tx, refund.payment)
    invoice = invoices.get_many(tx, [payment.invoice])[payment.invoice]
    before = caught_up(tx, payment.customer, asked.at, recorded_at)
    refunds.record_refunds(tx, [refund], recorded_at)
    taken_back = refund.amount_minor - refund.from_balance_minor
    moves: tuple[Transition, ...] = ()
    if taken_back:
        invoice_money.take_payment_back(tx, payment.invoice, taken_back)
        _pay_from_balance(tx, invoice, refund)
        for subscription in before:
            if invoice.draft.subscription in counts_for(subscription, before):
                moves += owed_again(tx, subscription, payment.invoice, asked.at, recorded_at)
    return Returned(refund, invoices.invoice(tx, payment.invoice), moves)


def _pay_from_balance(tx: Tx, invoice: Invoice, refund: Refund) -> None:
    """Let what stands in the customer's balance pay what an invoice owes again: it pays before anybody else."""
    code = refund.currency.code
    there = balances_of(tx, [refund.customer])[refund.customer].get(code, 0)
    amount = min(there, invoices.invoice(tx, invoice.id).due_minor)
    if amount > 0:
        key = f"invoice:{invoice.id}:{refund.id}"
        post(tx, [BalanceMove(refund.customer, code, key, -amount, refund.at, invoice.id)])
        invoice_money.apply_credit(tx, invoice.id, amount, refund.at)


def import_payments(tx: Tx, rows: Iterable[BankRow], importing: Importing) -> Imported:
    """Record the rows that name an invoice or pay exactly one; the others are listed and may come again."""
    numbers = by_letters(invoice_money.numbers(tx))
    tz = zone(timezone(tx))
    today = local_date(importing.as_of, tz)
    read = already = 0
    recorded: list[Paid] = []
    unmatched: list[Unmatched] = []
    for row in rows:
        read += 1
        key = f"bank:{row.key}"
        if recall(tx, key, KIND, row.key) is not None:
            already += 1
            continue
        why = "" if row.day <= today else "is dated in the future"
        number, why = ("", why) if why else _match(tx, row, numbers)
        if not why and invoices.invoice(tx, number).owed_minor <= 0:
            # It may have been recorded by hand before, so nobody but a person can tell that it came twice.
            why = f"invoice {number} owes nothing (to the balance: planctl payment record {number} AMOUNT)"
        if not why:
            receipt = Receipt(number, row.amount, first_instant(row.day, tz), "bank", row.reference[:200])
            try:
                paid = record_payment(tx, receipt, importing.recorded_at)
            except Refused as refused:
                why = refused.message
            else:
                recorded.append(paid)
                remember(tx, key, KIND, row.key, paid.payment.id, importing.actor, importing.recorded_at)
        if why:
            unmatched.append(Unmatched(row, why))
    return Imported(read, tuple(recorded), already, tuple(unmatched))


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
    currency, owed = invoice.draft.currency, invoice.owed_minor
    is_void = invoice.status is InvoiceStatus.VOID
    if owed <= 0 and (receipt.amount is None or is_void):
        other = f"record it on one that owes: planctl invoice list --customer {invoice.draft.customer}"
        more = f"an amount goes to the customer's balance: planctl payment record {invoice.number} AMOUNT"
        raise Refused(
            f"invoice {invoice.number} owes nothing: it is {invoice.status}",
            code="nothing-due",
            where=invoice.number,
            hint=other if is_void else more,
        )
    amount = owed if receipt.amount is None else minor_of(receipt.amount, currency)
    return Payment(
        new_id("pay", receipt.at),
        invoice.draft.customer,
        invoice.id,
        amount,
        currency,
        receipt.at,
        receipt.method,
        receipt.reference,
        to_balance_minor=max(amount - owed, 0),
    )


def _what_is_left(payment: Payment, most: int) -> str:
    spent = "the rest went to the customer's balance and was spent on other invoices"
    amount = format_minor(most, payment.currency)
    return f"{spent}; planctl payment refund {payment.id} {amount}" if most > 0 else spent


def _refund(tx: Tx, payment: Payment, asked: Returning) -> Refund:
    """The refund that is asked for, the balance giving first what it got of the payment and still has."""
    earlier = refunds.refunds_of(tx, [payment.id])[payment.id]
    taken = sum(one.from_balance_minor for one in earlier)
    code = payment.currency.code
    in_balance = min(
        payment.to_balance_minor - taken, balances_of(tx, [payment.customer])[payment.customer].get(code, 0)
    )
    applied = payment.amount_minor - payment.to_balance_minor - (payment.refunded_minor - taken)
    most = in_balance + applied
    amount = (
        payment.left_minor if asked.amount is None else minor_of(asked.amount, payment.currency, "a refund")
    )
    if not payment.left_minor:
        raise Refused(
            f"payment {payment.id} is given back whole already", code="refund-too-large", where=payment.id
        )
    if not 0 < amount <= most:
        raise Refused(
            f"no more of payment {payment.id} can be given back",
            code="refund-too-large",
            where=payment.id,
            expected=f"at most {format_minor(most, payment.currency)} {code}",
            got=f"{format_minor(amount, payment.currency)} {code}",
            hint=_what_is_left(payment, most) if most < payment.left_minor else "",
        )
    return Refund(
        new_id("re", asked.at),
        payment.customer,
        payment.id,
        amount,
        payment.currency,
        asked.at,
        method=asked.method,
        reference=asked.reference,
        from_balance_minor=min(amount, in_balance),
    )


def _match(tx: Tx, row: BankRow, numbers: Mapping[str, str]) -> tuple[str, str]:
    """The number of the invoice that a row pays, or why none is found."""
    if row.amount <= 0:
        return "", "is no money that came in"
    named = named_in(row.reference, numbers)
    if len(named) > 1:
        return "", f"names several invoices: {', '.join(named)}"
    if named:
        currency = invoices.invoice(tx, named[0]).draft.currency
        if currency.code != row.currency:
            return "", f"is in {row.currency}, {named[0]} is in {currency.code}"
        try:
            to_minor(row.amount, currency)
        except NumberError as problem:
            return "", problem.reason
        return named[0], ""
    return _only_one(tx, row)


def _only_one(tx: Tx, row: BankRow) -> tuple[str, str]:
    owed = invoice_money.owing(tx, row.currency, row.amount)
    if len(owed) == 1:
        return owed[0][0], ""
    if not owed:
        return "", "names no invoice, and no open one has that amount"
    people = len({customer for _, customer in owed})
    whose = "one customer" if people == 1 else f"{people} customers"
    return "", f"names no invoice, and {len(owed)} open ones of {whose} have that amount"
