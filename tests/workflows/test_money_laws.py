"""Whatever is paid, overpaid, credited, given back, voided and written off, in any order: the books balance.

Each sequence is random and given by its seed; what is refused must change nothing. After every step the laws of
money hold and no balance is below zero; at the end every law of the store does (the fixture looks).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import pytest

from planctl.core.invoicing.model import CreditTarget
from planctl.errors import InvalidInput, Refused
from planctl.store import invoices, payments
from planctl.store.engine import Tx
from planctl.store.laws import ledgers
from planctl.workflows.collect_payments import Receipt, Returning, record_payment, refund_payment
from planctl.workflows.correct_invoices import CreditAsked, apply_credit, void_invoice, write_off
from tests.workflows.business import RECORDED, Business, t

STEPS = 30
TARGETS: tuple[CreditTarget, ...] = ("balance", "refund")
MONEY_LAWS = (ledgers.counted, ledgers.balanced, ledgers.balances, ledgers.credited)


@dataclass
class Bookkeeper:
    """Does something at random; most of it fits what is there, some does not."""

    business: Business
    chance: random.Random
    day: date = date(2026, 2, 1)

    def step(self) -> None:
        self.day += timedelta(days=self.chance.randint(0, 4))
        if self.chance.random() < 0.2:
            self.business.run(self.day.isoformat())
            return
        doing: Sequence[Callable[[Tx], object]] = (self.pay, self.pay, self.credit, self.give_back, self.end)
        with suppress(InvalidInput, Refused), self.business.store.write() as tx:
            self.chance.choice(doing)(tx)

    @property
    def at(self) -> str:
        return self.day.isoformat()

    def number(self, tx: Tx) -> str:
        return self.chance.choice([one.number for one in invoices.listing(tx)])

    def amount(self) -> Decimal | None:
        return self.chance.choice((None, Decimal(self.chance.randint(1, 5000)) / 100))

    def pay(self, tx: Tx) -> None:
        record_payment(tx, Receipt(self.number(tx), self.amount(), t(self.at)), RECORDED)

    def credit(self, tx: Tx) -> None:
        lines = self.chance.choice(((), ((1, self.amount()),)))
        asked = CreditAsked(self.number(tx), lines, t(self.at), self.chance.choice(TARGETS), "why")
        apply_credit(tx, asked, RECORDED)

    def give_back(self, tx: Tx) -> None:
        received = payments.payments(tx)
        if received:
            back = Returning(self.chance.choice(received).id, self.amount(), t(self.at))
            refund_payment(tx, back, RECORDED)

    def end(self, tx: Tx) -> None:
        number, at = self.number(tx), t(self.at)
        if self.chance.random() < 0.5:
            write_off(tx, number, at, RECORDED)
        else:
            void_invoice(tx, number, at, reissue=self.chance.random() < 0.5, recorded_at=RECORDED)


@pytest.mark.parametrize("seed", range(8))
def test_the_books_balance_after_every_step(business: Business, seed: int) -> None:
    for customer in ("nova", "lune"):
        business.customer(customer)
        business.subscribe(customer, "metered", "2026-02-01", negotiated={"price.month.USD": "31"})
    keeper = Bookkeeper(business, random.Random(seed))
    for _ in range(STEPS):
        keeper.step()
        with business.store.read() as tx:
            assert [str(one) for law in MONEY_LAWS for one in law(tx)] == []
