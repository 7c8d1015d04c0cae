"""Where credited amounts go: against what their invoice still owes, back as money, into the balance. Written in one go.

It decides no amount: the core divides them. Source: planctl billing rules, invoices, credit and payments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from planctl.core.invoicing.advance import purse_of
from planctl.core.invoicing.credits import Parts, divided
from planctl.core.invoicing.facts import CustomerFacts
from planctl.core.invoicing.model import CreditDraft, CreditNote, CreditTarget, Invoice, Payment, Refund
from planctl.core.invoicing.returning import Returned, Unused, unused_credits
from planctl.core.periods import Instant
from planctl.identifiers import new_id
from planctl.store import balances, credit_notes, invoice_money, invoices, payments, refunds
from planctl.store.balances import BalanceMove
from planctl.store.books import check_open
from planctl.store.changing import with_charges
from planctl.store.facts import run_terms
from planctl.store.payments import PaymentFilter
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx


@dataclass(frozen=True, slots=True)
class Credit:
    """What causes credits, when, and whether what is not owed goes back as money or to the balance."""

    occasion: str
    at: Instant
    to: CreditTarget = "balance"


@dataclass(frozen=True, slots=True)
class GivenBack:
    """A credit note that would be issued, its invoice as it stands, where the amount would go, and as what money."""

    draft: CreditDraft
    invoice: Invoice
    parts: Parts
    refunds: tuple[Refund, ...] = ()


def given_back(tx: Tx, draft: CreditDraft) -> GivenBack:
    """Where a credit would go: `draft.to` says whether as money, at most what was paid of its invoice."""
    invoice = invoices.get_many(tx, [draft.invoice])[draft.invoice]
    received = payments.payments(tx, PaymentFilter(invoices=(invoice.id,)))
    there = _there(tx, received)
    parts = divided(draft.total_minor, invoice.owed_minor, sum(there.values()), draft.to)
    return GivenBack(draft, invoice, parts, _paid_out(received, there, parts.money_minor, draft.issued_at))


def give_back(tx: Tx, several: Sequence[GivenBack], recorded_at: Instant) -> list[Returned]:
    """Issue credit notes proposed in this transaction: each enters the balance, and leaves it where it goes.

    What an invoice that owes less undoes is the caller's. Refused where the books are closed over their day.
    """
    for at in {one.draft.issued_at for one in several}:
        check_open(tx, at, "the credit note")
    notes = credit_notes.issue_credit_notes(tx, [one.draft for one in several], recorded_at)
    return [
        Returned(note, one.invoice, one.parts, _applied(tx, note, one, recorded_at))
        for note, one in zip(notes, several, strict=True)
    ]


def credits_of_unused(
    tx: Tx, facts: CustomerFacts, unused: Sequence[Unused], credit: Credit
) -> tuple[GivenBack, ...]:
    """The credits of what subscriptions were charged ahead for time that they do not use, one for each invoice.

    Terms that do not prorate give nothing back.
    """
    unused = [one for one in unused if one.subscription.terms.proration != "none"]
    if not unused:
        return ()
    at = min(one.at for one in unused)
    billed = with_charges(tx, facts.billed, [one.subscription for one in unused], at)
    terms = run_terms(tx)
    purse = purse_of(replace(facts, billed=billed), terms)
    drafts = unused_credits(unused, purse, terms.names, credit.occasion, credit.at)
    return tuple(given_back(tx, replace(draft, to=credit.to)) for draft in drafts)


def _applied(tx: Tx, note: CreditNote, one: GivenBack, recorded_at: Instant) -> tuple[Refund, ...]:
    parts, draft = one.parts, note.draft

    def taken(key: str, amount_minor: int, of: str = "") -> BalanceMove:
        return BalanceMove(draft.customer, draft.currency.code, key, -amount_minor, draft.issued_at, of)

    if parts.invoice_minor:
        balances.post(tx, [taken(f"credited:{note.id}", parts.invoice_minor, draft.invoice)])
        invoice_money.apply_credit(tx, draft.invoice, parts.invoice_minor, draft.issued_at)
    given = tuple(replace(refund, credit_note=note.id) for refund in one.refunds)
    if given:
        balances.post(tx, [taken(f"paid_out:{note.id}", parts.money_minor)])
        refunds.record_refunds(tx, given, recorded_at)
    return given


def _there(tx: Tx, received: Sequence[Payment]) -> dict[str, int]:
    """What of each payment went to its invoice and was not given back, by the payment's id."""
    given = refunds.refunds_of(tx, [one.id for one in received])
    return {
        one.id: one.amount_minor
        - one.to_balance_minor
        - sum(back.amount_minor - back.from_balance_minor for back in given[one.id])
        for one in received
    }


def _paid_out(
    received: Sequence[Payment], there: Mapping[str, int], money_minor: int, at: Instant
) -> tuple[Refund, ...]:
    """The refunds that give back an amount, from the newest payment on."""
    found: list[Refund] = []
    for one in sorted(received, key=lambda payment: (payment.at, payment.id), reverse=True):
        part = min(money_minor, there[one.id])
        if part > 0:
            found.append(Refund(new_id("re", at), one.customer, one.id, part, one.currency, at))
            money_minor -= part
    return tuple(found)
