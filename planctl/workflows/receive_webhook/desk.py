"""One event's transaction: what is taken once, what waits, and which day it bears. It knows no kind of fact."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from decimal import Decimal
from typing import TYPE_CHECKING

from planctl.core.currencies import Currency
from planctl.core.document import Document
from planctl.core.instants import DAY, first_instant, instant_text
from planctl.core.invoicing.model import Invoice
from planctl.core.money import format_minor
from planctl.core.periods import Instant, zone
from planctl.core.stripe.amounts import code_at_stripe, from_stripe
from planctl.core.stripe.facts_told import Applied, What
from planctl.errors import Conflict, InvalidInput, PlanctlError, Refused
from planctl.store.books import closed_through
from planctl.store.operations import recall, remember
from planctl.store.settings import timezone
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.core.stripe.model import Account
    from planctl.store.engine import Tx

KIND = "stripe fact"
"""What facts are remembered as, beside the keys that people give."""

_SECOND = 1_000_000

WHOLE = "whole:"
"""How the key of an attempt begins that is no fact: an invoice, a page, a customer's cards. It is never let be."""


@dataclass(frozen=True, slots=True)
class Dated:
    """The instant that something bears; `note` says why where that is not Stripe's own."""

    at: Instant
    note: str = ""

    def because(self, why: str) -> Dated:
        """The same, with something else to be said before."""
        return Dated(self.at, "; ".join(filter(None, (why, self.note))))


@dataclass(slots=True)
class Desk:
    """Where the facts of one event are written, in one transaction.

    `now` is what the command believes it is, `recorded_at` the machine's clock. `taken` are the keys that were
    taken before without being kept: a dry run takes each once, too. `waiting` says for which other event a fact waits
    that could not be written, `let_be` which facts a person said are to be let be. `stopped` is why something could
    not be done this time, by key, `written` are the keys of what was.
    """

    tx: Tx
    account: Account
    store_id: str
    actor: str
    now: Instant
    recorded_at: Instant
    taken: set[str] = field(default_factory=set)
    waiting: Mapping[str, str] = field(default_factory=dict)
    let_be: frozenset[str] = frozenset()
    applied: list[Applied] = field(default_factory=list)
    stopped: dict[str, str] = field(default_factory=dict)
    written: set[str] = field(default_factory=set)

    def attempt(self, key: str, do: Callable[[], None]) -> None:
        """Do something whole or not at all: what cannot be done is `stopped`, and stops nothing else."""
        before = (list(self.applied), dict(self.stopped), set(self.taken), set(self.written))
        with self.tx.part() as undo:
            try:
                do()
            except (Refused, InvalidInput, Conflict) as problem:
                undo()
                self.applied, self.stopped, self.taken, self.written = before
                self.stopped[key] = why(problem)
            else:
                self.written.add(key)

    def once(self, key: str, request: Document, do: Callable[[], Document]) -> None:
        """Attempt what a fact says, if it was not done before, nor let be; stopped where Stripe said otherwise then."""

        def take() -> None:
            name = f"stripe:{key}"
            if name in self.taken or recall(self.tx, name, KIND, request) is not None:
                return
            remember(self.tx, name, KIND, request, do(), self.actor, self.recorded_at)
            self.taken.add(name)

        if key not in self.let_be:
            self.attempt(key, take)

    def result(self, key: str, request: Document) -> Document:
        """What doing a fact answered; None where it was not done."""
        return recall(self.tx, f"stripe:{key}", KIND, request)

    def minor(self, amount: int, code: str, currency: Currency, where: str) -> int:
        """An amount of Stripe's in our minor units; Refused where it is in another currency."""
        if code.lower() != code_at_stripe(currency):
            raise Refused(
                f"Stripe took another currency than {where} is in",
                code="stripe-currency",
                where=where,
                expected=currency.code,
                got=code.upper(),
                hint="record by hand what it is worth: planctl payment record",
            )
        return from_stripe(amount, currency)

    def dated(self, at: Instant, since: Instant) -> Dated:
        """The instant that something bears: not before `since`, when what it changes was made, nor after now.

        What is of a day of closed books is of the first that is open. Stripe says whole seconds: within one, nothing is
        noted.
        """
        last = closed_through(self.tx)
        is_open = at if last is None else first_instant(last + DAY, zone(timezone(self.tx)))
        bears = Instant(min(max(at, since, is_open), self.now))
        if abs(bears - at) < _SECOND:
            return Dated(bears)
        limit = "that is still to come here"
        if at < bears:
            limit = (
                f"the books are closed through {last}"
                if since < bears
                else "what it is for was made later here"
            )
        return Dated(bears, f"Stripe says {instant_text(at)}: {limit}")

    def tell(self, what: What, thing: str, invoice: Invoice, minor: int, dated: Dated) -> None:
        """Keep for people, and for the audit, what was written about an invoice because of a thing at Stripe."""
        draft = invoice.draft
        told = Applied(
            what, thing, draft.customer, invoice.number, minor, draft.currency, dated.at, dated.note
        )
        self.applied.append(told)


def why(problem: PlanctlError) -> str:
    """What stopped something, and what to do about it, in one line."""
    parts = [problem.message]
    parts += [f"expected {problem.expected}"] if problem.expected else []
    parts += [f"got {problem.got}"] if problem.got else []
    parts += [f"hint: {problem.hint}"] if problem.hint else []
    return "; ".join(parts)


def decimal_of(minor: int, currency: Currency) -> Decimal:
    """Minor units in major ones, exactly, as the journeys take what people type."""
    return Decimal(format_minor(minor, currency))
