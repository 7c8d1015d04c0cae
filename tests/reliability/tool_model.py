"""What must be true of a customer's calls, wallet, invoices and payments: a model in dictionaries and fractions.

Written from the billing rules alone: rating, late usage, wallets, payments and the balance. Times are local and naive,
money is minor units. `Books` keeps both parts for one customer who pays one plan by the month from its start on.
Source: planctl billing rules, rating a feature; invoices, credit and payments.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction

from tests.properties.life_model import Life, Plan, months_later
from tests.reliability.local_days import cents

FEE, EACH, INCLUDED, PACK, PACK_PRICE = 2_000, Fraction(7), 50, 30, 500


@dataclass
class VersionedLife(Life):
    """A life in a catalog whose prices change: what runs keeps its terms, what begins takes the newest."""

    newest: dict[str, Plan] = field(default_factory=dict)

    def start(self, plan: str, now: datetime, *, trial: bool = False, months: int = 1) -> None:
        """A plan begins, on its newest terms."""
        self.walk(now)
        self._take(plan)
        super().start(plan, now, trial=trial, months=months)

    def change(self, plan: str, now: datetime, months: int) -> None:
        """Another plan takes the place, on its newest terms."""
        self.walk(now)
        self._take(plan)
        super().change(plan, now, months)

    def change_later(self, plan: str, now: datetime, months: int) -> None:
        """The terms are those of the day on which it was asked for."""
        self.walk(now)
        self._take(plan)
        super().change_later(plan, now, months)

    def _take(self, plan: str) -> None:
        self.plans = {**self.plans, plan: self.newest.get(plan, self.plans[plan])}


@dataclass
class Month:
    """A month that a run has closed: what it was billed for, and what grants paid of it, by their number."""

    owed: int = 0
    drawn: dict[int, int] = field(default_factory=dict)
    charged: int = 0


@dataclass
class Invoice:
    """What an invoice comes to, and what balance and payments paid of it."""

    total: int
    credit: int = 0
    paid: int = 0
    is_void: bool = False
    is_pack: bool = False

    @property
    def due(self) -> int:
        """What is still open."""
        return 0 if self.is_void else self.total - self.credit - self.paid


@dataclass
class Books:
    """One customer's calls and money from the start of the plan on."""

    start: datetime
    calls: dict[str, tuple[datetime, int]] = field(default_factory=dict)
    taken_back: dict[str, int] = field(default_factory=dict)
    grants: list[tuple[datetime, int]] = field(default_factory=list)
    months: list[Month] = field(default_factory=list)
    invoices: dict[str, Invoice] = field(default_factory=dict)
    payments: dict[str, tuple[str, int]] = field(default_factory=dict)
    balance: int = 0
    packs: int = 0

    # --- usage

    def record(self, name: str, at: datetime, quantity: int) -> str:
        """What becomes of an event: `new`, `known` (the same once more), or `conflict` (other content)."""
        if name in self.calls:
            return "known" if self.calls[name] == (at, quantity) else "conflict"
        self.calls[name] = (at, quantity)
        return "new"

    def take_back(self, name: str, quantity: int, by: str) -> None:
        """A correction is at the instant of what it corrects."""
        self.calls[by] = (self.calls[name][0], -quantity)
        self.taken_back[name] = self.taken_back.get(name, 0) + quantity

    def left_of(self, name: str) -> int:
        """How much of an event nobody took back."""
        return self.calls[name][1] - self.taken_back.get(name, 0)

    def month(self, number: int) -> tuple[datetime, datetime]:
        """A month of the plan, from 0."""
        return months_later(self.start, number), months_later(self.start, number + 1)

    def number_at(self, at: datetime) -> int:
        """The month in which an instant lies."""
        number = 0
        while self.month(number)[1] <= at:
            number += 1
        return number

    def used(self, number: int, until: datetime) -> int:
        """All calls of a month before an instant or at it."""
        since, ends = self.month(number)
        return sum(quantity for at, quantity in self.calls.values() if since <= at < ends and at <= until)

    def _rated(self, number: int, left: dict[int, int], until: datetime) -> Month:
        """The included calls come first in time; what is above is paid by grants that are there; the rest is owed."""
        since, ends = self.month(number)
        by_instant: dict[datetime, int] = {}
        for at, quantity in self.calls.values():
            if since <= at < ends and at <= until:
                by_instant[at] = by_instant.get(at, 0) + quantity
        found, used = Month(), 0
        for at in sorted(by_instant):
            above = max(0, used + by_instant[at] - max(used, INCLUDED))
            used += by_instant[at]
            for grant, (given, _) in enumerate(self.grants):
                taken = min(above, left[grant]) if given <= at else 0
                left[grant] -= taken
                above -= taken
                found.drawn[grant] = found.drawn.get(grant, 0) + taken
            found.owed += above
        found.charged = cents(EACH * found.owed)
        return found

    def _left(self, without: int = -1) -> dict[int, int]:
        """What the closed months, all or all but one, left of every grant."""
        return {
            grant: units
            - sum(one.drawn.get(grant, 0) for place, one in enumerate(self.months) if place != without)
            for grant, (_, units) in enumerate(self.grants)
        }

    def close(self, now: datetime) -> None:
        """A run: closed months are rated again where a new month closes with them, then those that are over."""
        until = self.number_at(now)
        while len(self.months) < until:
            for place in range(len(self.months)):
                self.months[place] = self._rated(place, self._left(place), now)
            self.months.append(self._rated(len(self.months), self._left(), now))

    def standing(self, now: datetime) -> tuple[int, int]:
        """What `check` says: the calls of this month, and what closing all that is over leaves in the wallet."""
        here = self.number_at(now)
        left = self._left()
        for number in range(len(self.months), here + 1):
            self._rated(number, left, now)
        return self.used(here, now), sum(left.values())

    @property
    def charged(self) -> int:
        """All fees, packs and calls so far, before anything is paid."""
        fees = FEE * (len(self.months) + 1)
        return fees + self.packs * PACK_PRICE + sum(one.charged for one in self.months)

    # --- money

    def issued(self, number: str, total: int) -> None:
        """A new invoice is paid from the balance as far as that goes."""
        self.invoices[number] = Invoice(total)
        self._from_balance(self.invoices[number])

    @property
    def last(self) -> Invoice:
        """The newest invoice."""
        return [*self.invoices.values()][-1]

    def pay(self, number: str, payment: str, amount: int) -> None:
        """Money for an invoice; what is more than due goes to the balance."""
        invoice = self.invoices[number]
        taken = min(amount, invoice.due)
        invoice.paid += taken
        self.balance += amount - taken
        if amount == taken:
            self.payments[payment] = (number, amount)

    def give_back(self, payment: str) -> None:
        """A payment that was no more than due came back: its invoice owes it again, and the balance pays first."""
        number, amount = self.payments.pop(payment)
        self.invoices[number].paid -= amount
        self._from_balance(self.invoices[number])

    def void(self, number: str) -> None:
        """What the balance paid of it goes back there."""
        invoice = self.invoices[number]
        self.balance += invoice.credit
        invoice.credit, invoice.is_void = 0, True

    def _from_balance(self, invoice: Invoice) -> None:
        taken = min(self.balance, invoice.due)
        invoice.credit += taken
        self.balance -= taken
