"""What deciding about one customer needs, and the decision that comes of it: values, gathered and written elsewhere.

`advance` turns one into the other. Source: planctl billing rules, time, fees and lifecycle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from fractions import Fraction

from planctl.core.catalog.model import TaxRate
from planctl.core.coupons import Redemption
from planctl.core.customers import Customer
from planctl.core.invoicing.credits import LineCredit
from planctl.core.invoicing.model import (
    Amounts,
    ByChild,
    CreditDraft,
    Draft,
    InvoiceKind,
    Line,
    OpenInvoice,
    Settlement,
    Totals,
    UsageClaim,
)
from planctl.core.money import round_minor
from planctl.core.periods import Instant, Period
from planctl.core.subscriptions.model import Subscription, Transition
from planctl.core.subscriptions.start import Offered
from planctl.core.wallets import Grant, WalletMove
from planctl.values import dataclass


@dataclass(frozen=True, slots=True)
class Voided:
    """A voided invoice that is to be issued again: its identity, what it had settled, and its credits of unused time.

    The credits have the amounts that they have before discounts.
    """

    subscription: str
    period_index: int
    kind: InvoiceKind
    occasion: str
    revision: int
    at: Instant
    settlements: tuple[Settlement, ...]
    credits: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class LateMark:
    """An accepted event of a closed allowance period: the names under which it was recorded, and when it was.

    `reference` is the store's own name for it, handed back once its difference is billed.
    """

    meter: str
    at: Instant
    reference: tuple[int, bytes]


@dataclass(frozen=True, slots=True)
class BilledLine:
    """A line of a finalized invoice: what a service period was charged before; `position` is its place, from 1.

    `credited` is what credit notes have taken back of it, `settled_minor` the part of that which closing its
    period again took back by itself, after discounts; `taken_off` what other lines have, of unused time or of usage
    rated again. A void invoice's lines count as charged, but nothing of them can be credited.
    """

    invoice: str
    position: int
    line: Line
    credited: LineCredit = field(default_factory=LineCredit)
    void: bool = False
    settled_minor: int = 0
    taken_off: LineCredit = field(default_factory=LineCredit)

    @property
    def creditable_minor(self) -> int:
        """What can still be taken back of it, after discounts and without the tax that was added."""
        gone = self.credited.net_minor + self.taken_off.net_minor
        return 0 if self.void else max(self.line.net_minor - gone, 0)

    @property
    def given_back_minor(self) -> int:
        """What closing its period again took back by credit notes, before discounts."""
        line = self.line
        if not self.settled_minor or line.net_minor <= 0:
            return 0
        return round_minor(Fraction(self.settled_minor * line.amount_minor, line.net_minor), 0)


@dataclass(frozen=True, slots=True)
class GivesBack:
    """From when on a subscription does not use what it was charged ahead for, and what causes it."""

    at: Instant
    occasion: str


@dataclass(frozen=True, slots=True)
class Fallback:
    """The plan that every customer of an exclusive group gets, and the id that its subscription would have."""

    offered: Offered
    new_id: str


@dataclass(frozen=True, slots=True)
class CustomerFacts:
    """All that deciding about one customer needs.

    `subscriptions` are those to be brought forward, `beside` others whose allowances count too, `unpaid` every
    unpaid invoice, `deferred` the settlements left open by a block, `voided` invoices to issue again, `totals`
    the usage of every window of `needed_windows`, `amounts` the events of those whose price looks at each,
    `by_child` what everybody of a company used of that.
    `taxes` are all that are declared, `redemptions` the coupons that hold, `balance` is minor units per currency
    code, `grants` are the wallets. `late` are marks of usage whose difference is not billed yet; where late
    usage, a rollover or a reissue makes them matter, `claims` is what allowance periods took, `billed` the lines
    that a difference, a minimum or a maximum compares with, `draws` what grants paid, by entry key, and `returned`
    what they paid and a void gave back. `present` maps former ids of features to present ones. `fallbacks` are the
    plans that take over what expires, by group; `fresh` names subscriptions that the store does not have yet,
    `moved` those that time alone has made others than the store has. `gives_back` says, by subscription, of which
    ones the unused rest is credited; `billed` then has their lines. `settled_then` are dues (subscription, part,
    index) that a run of the very instant of a change settled before it. `stop` is a reason that keeps the run away.
    """

    customer: Customer
    subscriptions: tuple[Subscription, ...]
    unpaid: tuple[OpenInvoice, ...] = ()
    deferred: tuple[Settlement, ...] = ()
    voided: tuple[Voided, ...] = ()
    totals: Totals = field(default_factory=dict)
    amounts: Amounts = field(default_factory=dict)
    by_child: ByChild = field(default_factory=dict)
    taxes: Mapping[str, TaxRate] = field(default_factory=dict)
    redemptions: tuple[Redemption, ...] = ()
    balance: Mapping[str, int] = field(default_factory=dict)
    grants: tuple[Grant, ...] = ()
    late: tuple[LateMark, ...] = ()
    claims: tuple[UsageClaim, ...] = ()
    billed: tuple[BilledLine, ...] = ()
    draws: Mapping[str, Fraction] = field(default_factory=dict)
    returned: Mapping[str, Fraction] = field(default_factory=dict)
    beside: tuple[Subscription, ...] = ()
    present: Mapping[str, str] = field(default_factory=dict)
    fallbacks: Mapping[str, Fallback] = field(default_factory=dict)
    fresh: tuple[str, ...] = ()
    moved: frozenset[str] = frozenset()
    gives_back: Mapping[str, GivesBack] = field(default_factory=dict)
    settled_then: frozenset[tuple[str, str, int]] = frozenset()
    stop: str = ""

    @property
    def granting(self) -> tuple[Subscription, ...]:
        """Every subscription whose allowances count."""
        return (*self.subscriptions, *self.beside)

    def left_open(self, subscription: Subscription) -> tuple[Settlement, ...]:
        """The settlements of a subscription of which something is still to be billed."""
        again = (one for void in self.voided for one in void.settlements)
        return tuple(one for one in (*self.deferred, *again) if one.subscription == subscription.id)


@dataclass(frozen=True, slots=True)
class Begun:
    """A billing period that a subscription has entered."""

    subscription: str
    period: Period
    timezone: str


@dataclass(frozen=True, slots=True)
class Advanced:
    """What bringing one customer up to an instant does; with `hold` set, nothing else is done.

    `settlements` and `claims` are those that belong to no invoice; `closed` are blocked ones
    (recorded before, or in `settlements`) of which nothing is left to bill.
    `subscriptions` holds every subscription that changed, as it is afterwards, with its next action.
    `credits` are credit notes to the balance, `wallet` the movements of wallets, `late` the marks of usage
    whose difference is billed with it. `started` are subscriptions that the store does not have yet, as they
    are afterwards; they are among `subscriptions` too.
    """

    customer: str
    drafts: tuple[Draft, ...] = ()
    settlements: tuple[Settlement, ...] = ()
    claims: tuple[UsageClaim, ...] = ()
    closed: tuple[Settlement, ...] = ()
    begun: tuple[Begun, ...] = ()
    transitions: tuple[Transition, ...] = ()
    past_due_invoices: tuple[str, ...] = ()
    subscriptions: tuple[tuple[Subscription, Instant | None], ...] = ()
    credits: tuple[CreditDraft, ...] = ()
    wallet: tuple[WalletMove, ...] = ()
    late: tuple[LateMark, ...] = ()
    started: tuple[Subscription, ...] = ()
    hold: str = ""

    def as_it_is(self, subscription: Subscription) -> Subscription:
        """A subscription as the decision leaves it."""
        return next((one for one, _ in self.subscriptions if one.id == subscription.id), subscription)

    @property
    def idle(self) -> bool:
        """Whether there is nothing to write."""
        written = self.drafts or self.settlements or self.transitions or self.subscriptions
        return not (written or self.credits or self.wallet or self.late or self.hold)
