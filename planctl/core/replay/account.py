"""What replaying one customer's invoices needs: what was issued and recorded, as values. It rates nothing.

Source: planctl billing rules, replay and migrate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field

from planctl.core.catalog.model import TaxRate
from planctl.core.coupons import Redemption
from planctl.core.customers import Customer
from planctl.core.invoicing.model import Amounts, Draft, InvoiceKind, Settlement, Totals
from planctl.core.invoicing.reclose import Charge, Past
from planctl.core.invoicing.taxation import Rounding
from planctl.core.periods import Instant
from planctl.core.wallets import Entry, Grant
from planctl.values import dataclass

ChargeKey = tuple[str, str, int, str]
"""A charge within one revision: subscription, charge key, service index, occasion."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What was billed together: an invoice, or what came to nothing at one instant and has none (`number` is `""`).

    `charges` are the lines as issued, in their order. `identity` is how credit notes name the invoice that they came
    with, where what would have been below zero became credit notes: `credited`.
    """

    id: str
    number: str
    subscription: str
    kind: InvoiceKind
    occasion: str
    at: Instant
    issued_at: Instant
    settled: tuple[Settlement, ...] = ()
    charges: tuple[Charge, ...] = ()
    void: bool = False
    identity: str = ""
    credited: bool = False


@dataclass(frozen=True, slots=True)
class GivenBack:
    """What a credit note took back of a line by itself, because its period was closed again; after discounts.

    `with_` is the identity of the invoice that it came with.
    """

    at: Instant
    with_: str
    net_minor: int


@dataclass(frozen=True, slots=True)
class CouponUse:
    """What a redeemed coupon took off one invoice: whose billing period it was, and minor units."""

    redemption: str
    statement: str
    subscription: str
    period_index: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Redeemed:
    """A redemption and when it was taken off again; None where it holds."""

    redemption: Redemption
    removed_at: Instant | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """One customer: its past, the statements of the period among all there are, and what finishes an invoice.

    `statements` stand in the order in which they were issued, `inside` are the ids of those in the period, `drafts`
    what those that are invoices said. `uses` are of invoices that are not void. `present` maps former ids of features
    to present ones, `given_back` is by invoice and the line's position.
    """

    customer: Customer
    past: Past
    statements: tuple[Statement, ...]
    inside: frozenset[str]
    drafts: Mapping[str, Draft]
    grants: tuple[Grant, ...] = ()
    entries: tuple[Entry, ...] = ()
    redeemed: tuple[Redeemed, ...] = ()
    uses: tuple[CouponUse, ...] = ()
    present: Mapping[str, str] = field(default_factory=dict)
    given_back: Mapping[tuple[str, int], Sequence[GivenBack]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class House:
    """What all customers share: the taxes that are declared, those proposed, and how taxes are rounded."""

    taxes: Mapping[str, TaxRate] = field(default_factory=dict)
    proposed_taxes: Mapping[str, TaxRate] = field(default_factory=dict)
    rounding: Rounding = "invoice"


@dataclass(frozen=True, slots=True)
class Measured:
    """The usage of every window that rating asks for, metered by one side's terms."""

    totals: Totals = field(default_factory=dict)
    amounts: Amounts = field(default_factory=dict)


def in_order(statements: Sequence[Statement]) -> tuple[Statement, ...]:
    """Statements in the order in which they were issued; of one issue those that bill the earlier first."""
    return tuple(sorted(statements, key=lambda one: (one.issued_at, one.at, one.number, one.id)))
