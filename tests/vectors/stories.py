"""Plays a published story through planctl's journeys: a catalog, starts, changes, runs; it computes no amount.

What a case calls minor units are those of planctl; a day is its first instant in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from planctl.core.customers import Customer
from planctl.core.invoicing.model import CreditNote, Invoice
from planctl.core.money import parse_decimal
from planctl.core.periods import Instant, Period, instant_text
from planctl.core.subscriptions.model import Subscription
from planctl.store import customers
from planctl.store.credit_notes import credit_notes
from planctl.store.selling import subscription_at
from planctl.workflows.change_quantity import QuantityWanted, apply_quantity, propose_quantity
from planctl.workflows.subscribe import Subscribed
from tests.workflows.business import RECORDED, Business, t
from tests.workflows.world import apply

CATALOG = """\
format: planctl.catalog/1
catalog: case
currencies: {{{currency}: }}
features:
  units: {{type: metered, unit: unit}}
groups:
  one: {{switch: {{up: {up}, down: now}}}}
  several: {{exclusive: false}}
plans:
"""


@dataclass(frozen=True, slots=True)
class Money:
    """What one line charged after discounts, or gave back where it is below 0: minor units without and with tax."""

    kind: str
    minor: int
    gross: int


@dataclass
class Story:
    """One customer, `nova`, and what it does."""

    business: Business
    currency: str = "USD"

    def sell(self, plans: Mapping[str, str], more: str = "", currency: str = "USD", up: str = "now") -> None:
        """Sell plans of one exclusive group, each the inside of a YAML map; `more` is put below all of them."""
        self.currency = currency
        text = CATALOG.format(currency=currency, up=up)
        text += "".join(f"  {name}: {{group: one, {terms}}}\n" for name, terms in plans.items())
        with self.business.store.write() as tx:
            apply(tx, text + more)

    def customer(self, **fields: Any) -> None:
        """nova, in UTC and the currency of the catalog."""
        with self.business.store.write() as tx:
            customers.add_all(tx, [Customer("nova", currency=self.currency, **fields)])

    def start(self, plan: str, at: str, **wanted: Any) -> Subscription:
        """Start a plan; the customer is made by the first start."""
        with self.business.store.read() as tx:
            known = customers.customer(tx, "nova") is not None
        if not known:
            self.customer()
        return self.business.subscribe("nova", plan, at, **wanted).subscription

    def change(self, plan: str, at: str, when: str = "now", **wanted: Any) -> Subscribed:
        """Change to another plan."""
        return self.business.subscribe("nova", plan, at, trial=None, when=when, **wanted)

    def hold(self, address: str, total: str | int, at: str, feature: str = "") -> None:
        """Change a quantity."""
        with self.business.store.write() as tx:
            wanted = QuantityWanted(address, Decimal(total), feature, at_once=True)
            apply_quantity(tx, propose_quantity(tx, wanted, t(at)), t(at), RECORDED)

    def shown(self, plan: str, at: str) -> Subscription:
        """nova's subscription of a plan as it stands at an instant."""
        return self.business.shown(f"nova/{plan}", at)

    def period(self, plan: str, at: str) -> Period:
        """The billing period of nova's subscription of a plan that holds an instant."""
        with self.business.store.read() as tx:
            schedule = subscription_at(tx, f"nova/{plan}").schedule()
        return schedule.period(schedule.index_at(t(at)))

    def issued(self, at: str) -> list[Invoice]:
        """The invoices of an instant, in the order of their numbers."""
        return [one for one in self.business.invoices("nova") if one.draft.issued_at == t(at)]

    def notes(self, at: str) -> list[CreditNote]:
        """The credit notes of an instant."""
        with self.business.store.read() as tx:
            return [one for one in credit_notes(tx) if one.draft.issued_at == t(at)]

    def money(self, at: str) -> list[Money]:
        """What was charged and given back at an instant, on invoices and on credit notes, line by line."""
        found = [
            Money(line.kind, line.net_minor, line.net_minor + line.tax_minor)
            for invoice in self.issued(at)
            for line in invoice.draft.lines
        ]
        for note in self.notes(at):
            found += [
                Money("credit note", -one.net_minor, -one.net_minor - one.tax_minor)
                for one in note.draft.lines
            ]
        return found

    def owed(self) -> int:
        """What is still to be paid, in minor units."""
        return sum(one.due_minor for one in self.business.invoices("nova"))


def credit(money: Sequence[Money]) -> int:
    """All that was given back, as a number of at least 0."""
    return -sum(one.minor for one in money if one.minor < 0)


def charge(money: Sequence[Money]) -> int:
    """All that was charged."""
    return sum(one.minor for one in money if one.minor > 0)


def major(cents: int) -> str:
    """Minor units with two decimals: `-5.48`."""
    return f"{Decimal(cents).scaleb(-2):.2f}"


def price(minor: str) -> Decimal:
    """A price that a case gives in minor units of two decimals."""
    return parse_decimal(minor).scaleb(-2)


def text(at: Instant | None) -> str | None:
    """An instant as the cases write it."""
    return None if at is None else instant_text(at)
