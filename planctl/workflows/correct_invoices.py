"""Corrects finalized invoices, which never change: voids, write-offs and credit notes, each in one transaction.

Source: planctl billing rules, invoices, credit and payments.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from planctl.core.invoicing.credits import Crediting, LineChoice, Parts, TakenOff, credit_of, minor_of
from planctl.core.invoicing.model import (
    UNPAID,
    CreditNote,
    CreditTarget,
    Invoice,
    InvoiceStatus,
    Refund,
)
from planctl.core.money import format_minor
from planctl.core.periods import Instant
from planctl.core.subscriptions.model import Transition
from planctl.errors import Refused
from planctl.store import balances, credit_notes, invoice_money, invoices, refunds
from planctl.store.balances import BalanceMove
from planctl.store.books import check_open, check_since
from planctl.store.credit_notes import CreditNoteFilter
from planctl.store.debts import Lifted, caught_up, lift
from planctl.store.facts import customer_facts
from planctl.store.history import gone_back
from planctl.store.paying_out import GivenBack, give_back, given_back
from planctl.store.selling import existing
from planctl.store.wallets import reverse_wallet
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx


@dataclass(frozen=True, slots=True)
class CreditAsked:
    """What to credit of which invoice: lines by position, each whole or an amount of it; none is the whole invoice."""

    number: str
    lines: tuple[tuple[int, Decimal | None], ...]
    at: Instant
    to: CreditTarget = "balance"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CreditProposed:
    """A credit note that would be issued, and what other invoices gave back of the same lines before."""

    given: GivenBack
    taken_off: tuple[TakenOff, ...] = ()


@dataclass(frozen=True, slots=True)
class Credited:
    """A credit note that was issued, its invoice afterwards, where the amount went, and what moved because of it.

    `taken_off` is what other invoices had given back of the same lines before.
    """

    note: CreditNote
    invoice: Invoice
    parts: Parts
    refunds: tuple[Refund, ...] = ()
    transitions: tuple[Transition, ...] = ()
    taken_off: tuple[TakenOff, ...] = ()


def void_invoice(tx: Tx, number: str, at: Instant, *, reissue: bool, recorded_at: Instant) -> Invoice:
    """Void an invoice, which keeps its number; with `reissue` the next run bills its charges again.

    What the customer's balance paid of it returns there, and what wallets paid of its usage to them. Refused
    for one that is void, on which money was paid, on which a credit note stands, or, where it is not issued again,
    of which another invoice has given unused time or usage back. A pack's is not issued again.
    """
    invoice = voidable(tx, number, at, reissue=reissue)
    if not reissue:
        _check_not_given_back(tx, invoice)
    held = caught_up(tx, invoice.draft.customer, at, recorded_at)
    _return_credit(tx, invoice, at)
    reverse_wallet(tx, invoice.id, at)
    invoices.void(tx, invoice.id, at, reissue)
    lift(tx, held, invoice, Lifted(at, f"void:{invoice.id}", recorded_at))
    return invoices.invoice(tx, invoice.id)


def write_off(tx: Tx, number: str, at: Instant, recorded_at: Instant) -> Invoice:
    """Mark an unpaid invoice as uncollectible: dunning no longer asks for it, a payment may still come.

    A subscription that only this invoice kept blocked is active again. Refused for one that owes nothing.
    """
    invoice = collectible(tx, number, at)
    held = caught_up(tx, invoice.draft.customer, at, recorded_at)
    invoice_money.write_off(tx, invoice.id, at)
    lift(tx, held, invoice, Lifted(at, f"written_off:{invoice.id}", recorded_at))
    return invoices.invoice(tx, invoice.id)


def voidable(tx: Tx, number: str, at: Instant, *, reissue: bool = False) -> Invoice:
    """The invoice, if it may be voided at `at`, and issued again; Refused or NotFound where not."""
    invoice = invoices.invoice(tx, number)
    _check_voidable(tx, invoice)
    if reissue:
        _check_comes_again(invoice)
    _check_day(tx, invoice, at, "the void")
    return invoice


def collectible(tx: Tx, number: str, at: Instant) -> Invoice:
    """The invoice, if it may be written off at `at`; Refused or NotFound where not."""
    invoice = invoices.invoice(tx, number)
    if invoice.status not in UNPAID:
        raise Refused(
            f"invoice {invoice.number} cannot be written off: it is {invoice.status}",
            code="nothing-due",
            where=invoice.number,
            expected="an invoice that is open or past due",
            got=invoice.status.value,
        )
    _check_day(tx, invoice, at, "the write-off")
    return invoice


def propose_credit(tx: Tx, asked: CreditAsked) -> CreditProposed:
    """What crediting would do. Refused where nothing, or not so much, is left to credit."""
    invoice = invoices.invoice(tx, asked.number)
    _check_day(tx, invoice, asked.at, "the credit note")
    _check_nothing_to_give_again(tx, invoice, asked.at)
    gone = gone_back(tx, invoice)
    currency = invoice.draft.currency
    choices = [
        LineChoice(position, None if amount is None else minor_of(amount, currency, "a credit"))
        for position, amount in asked.lines
    ]
    said = Crediting(f"manual:{len(gone.notes) + 1}", asked.at, asked.to, asked.reason)
    given = given_back(tx, credit_of(invoice, gone, choices, said))
    wanted = {position for position, _ in asked.lines}
    elsewhere = (one for one in gone.taken_off if one.invoice != invoice.id)
    return CreditProposed(given, tuple(one for one in elsewhere if not wanted or one.position in wanted))


def apply_credit(tx: Tx, asked: CreditAsked, recorded_at: Instant) -> Credited:
    """Issue a credit note: it enters the balance, and leaves it for what the invoice owes or goes back as money."""
    proposed = propose_credit(tx, asked)
    invoice, parts = proposed.given.invoice, proposed.given.parts
    held = caught_up(tx, invoice.draft.customer, asked.at, recorded_at)
    (done,) = give_back(tx, [proposed.given], recorded_at)
    note = done.note
    moves: tuple[Transition, ...] = ()
    if parts.invoice_minor:
        moves = lift(tx, held, invoice, Lifted(asked.at, note.id, recorded_at))
    after = invoices.invoice(tx, invoice.id)
    return Credited(note, after, parts, done.refunds, moves, proposed.taken_off)


def read_credit_notes(tx: Tx, wanted: CreditNoteFilter) -> tuple[list[CreditNote], dict[str, str]]:
    """The credit notes that a filter lets through, and the numbers of their invoices by id.

    NotFound for an unknown customer.
    """
    for customer in wanted.customers:
        existing(tx, customer)
    found = credit_notes.credit_notes(tx, wanted)
    credited = invoices.get_many(tx, [one.draft.invoice for one in found])
    return found, {name: one.number for name, one in credited.items()}


def read_credit_note(tx: Tx, number: str) -> tuple[CreditNote, Invoice, list[Refund]]:
    """A credit note, its invoice as it stands, and what went back as money; NotFound where there is none."""
    note = credit_notes.credit_note(tx, number)
    invoice = invoices.get_many(tx, [note.draft.invoice])[note.draft.invoice]
    return note, invoice, refunds.refunds_by(tx, note.id)


def _check_day(tx: Tx, invoice: Invoice, at: Instant, what: str) -> None:
    """Refused on a day of closed books, and before the day on which the invoice was issued."""
    check_open(tx, at, what)
    check_since(tx, at, invoice.draft.issued_at, what, invoice.number)


def _check_nothing_to_give_again(tx: Tx, invoice: Invoice, at: Instant) -> None:
    """Refused while a voided invoice that gave unused time back is still to be issued again: it gives that first.

    What is credited meanwhile would be given back twice, once by the note and once by the new invoice.
    """
    customer = invoice.draft.customer
    (facts,) = customer_facts(tx, [customer], at)
    if any(voided.credits for voided in facts.voided):
        raise Refused(
            f"an invoice of {customer} that gives unused time back is to be issued again first",
            code="run-first",
            where=invoice.number,
            hint=f"planctl invoice run --customer {customer}",
        )


def _check_voidable(tx: Tx, invoice: Invoice) -> None:
    currency = invoice.draft.currency
    if invoice.status is InvoiceStatus.VOID:
        raise Refused(f"invoice {invoice.number} is void already", code="invoice-void", where=invoice.number)
    notes = credit_notes.notes_on(tx, [invoice.id])[invoice.id]
    if notes:
        raise Refused(
            f"credit note {notes[0].number} stands on invoice {invoice.number}",
            code="invoice-credited",
            where=invoice.number,
            hint=f"credit the rest of it: planctl credit-note create {invoice.number} --reason TEXT",
        )
    if invoice.paid_minor:
        raise Refused(
            f"invoice {invoice.number} is paid with {format_minor(invoice.paid_minor, currency)}"
            f" {currency.code}",
            code="invoice-paid",
            where=invoice.number,
            hint=f"credit it: planctl credit-note create {invoice.number} --to balance|refund --reason TEXT",
        )


def _check_comes_again(invoice: Invoice) -> None:
    """Refused for a pack's: a run bills what falls due, which a purchase does not, and its request would be lost."""
    if invoice.draft.kind == "pack":
        raise Refused(
            f"invoice {invoice.number} is for a pack, which no run issues again",
            code="pack-reissue",
            where=invoice.number,
            expected="an invoice of a billing run, a start or a change",
            hint="void it without --reissue, take its units out (planctl wallet void), and buy it anew"
            " (planctl wallet buy)",
        )


def _check_not_given_back(tx: Tx, invoice: Invoice) -> None:
    """Refused where another invoice gave a part of it back: what was never charged cannot go back."""
    taken = next((one for one in gone_back(tx, invoice).taken_off if one.invoice != invoice.id), None)
    if taken is not None:
        raise Refused(
            f"invoice {taken.number} gave a part of line {taken.position} of {invoice.number} back",
            code="invoice-credited",
            where=invoice.number,
            hint=f"credit the rest of it: planctl credit-note create {invoice.number} --reason TEXT",
        )


def _return_credit(tx: Tx, invoice: Invoice, at: Instant) -> None:
    draft, key = invoice.draft, f"void:{invoice.id}"
    back = BalanceMove(draft.customer, draft.currency.code, key, invoice.credit_minor, at, invoice.id)
    balances.post(tx, [back] if invoice.credit_minor else [])
    invoice_money.return_credit(tx, invoice.id)
