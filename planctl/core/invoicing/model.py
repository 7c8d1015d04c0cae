"""Invoices as values: drafts, lines, taxes, discounts, settlements and claims. It computes only sums."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Literal

from planctl.core.currencies import Currency
from planctl.core.document import Document
from planctl.core.dunning import OpenInvoice as OpenInvoice  # noqa: PLC0414 - offered from here too
from planctl.core.periods import Instant
from planctl.core.pricing.model import EventAmount as EventAmount  # noqa: PLC0414 - offered from here too
from planctl.values import dataclass

LineKind = Literal[
    "fee",
    "one_off",
    "quantity",
    "usage",
    "minimum",
    "pack",
    "addon",
    "proration_credit",
    "proration_charge",
    "late_usage",
]
InvoiceKind = Literal["renewal", "usage", "final", "resume", "change", "pack", "late"]
"""renewal: a period's start (the first too); usage: an allowance closing inside a period; final: the end;
resume: the rest of a period after a block was lifted or a pause ended; change: quantities bought within a period,
and what a pause or an early end gives back; pack: a pack bought; late: usage that came after the end."""

Outcome = Literal[
    "billed", "zero", "blocked", "paused", "free", "imported", "held", "void", "reissue", "credited"
]


class InvoiceStatus(StrEnum):
    """draft has no number; void and uncollectible keep theirs."""

    DRAFT = "draft"
    OPEN = "open"
    PAID = "paid"
    PAST_DUE = "past_due"
    VOID = "void"
    UNCOLLECTIBLE = "uncollectible"


UNPAID = frozenset({InvoiceStatus.OPEN, InvoiceStatus.PAST_DUE})


@dataclass(frozen=True, slots=True)
class TaxShare:
    """A line's share of one tax: `rate` is a fraction of 1. An included one is contained in the line's amount."""

    code: str
    rate: Decimal
    amount_minor: int
    included: bool = False


@dataclass(frozen=True, slots=True)
class Tax:
    """One tax at one rate on an invoice: what it was computed on and what it comes to, rounded once.

    `base_minor` is the sum of the taxable lines after discounts, net of the tax where it is `included`; an
    included tax is shown and not added.
    """

    code: str
    name: str
    rate: Decimal
    base_minor: int
    amount_minor: int
    included: bool = False


@dataclass(frozen=True, slots=True)
class Discount:
    """What one redeemed coupon takes off an invoice, in minor units above 0."""

    coupon: str
    redemption: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Line:
    """One amount on an invoice, rounded once. `starts_at`/`ends_at` are its service period.

    The charge's identity is (subscription, `charge_key`, `service_index`, `occasion`, revision): `fee`,
    `quantity:seats`, `usage:minutes`. `unit_price` is None where there is no single one (tiers). `detail`
    explains the amount: exact value, tiers, pool, usage totals (a document, numbers as text).
    `discount_minor` is the line's share of the invoice's discounts, `taxes` its shares of the taxes.
    """

    kind: LineKind
    subscription: str
    plan: str
    plan_version: int
    charge_key: str
    service_index: int
    description: str
    quantity: Fraction
    unit_price: Fraction | None
    amount_minor: int
    starts_at: Instant
    ends_at: Instant | None
    occasion: str = ""
    feature: str = ""
    detail: Document = None
    discount_minor: int = 0
    taxes: tuple[TaxShare, ...] = ()

    @property
    def net_minor(self) -> int:
        """The amount after discounts; an included tax is still in it."""
        return self.amount_minor - self.discount_minor

    @property
    def tax_minor(self) -> int:
        """What exclusive taxes add to the line."""
        return sum(share.amount_minor for share in self.taxes if not share.included)


@dataclass(frozen=True, slots=True)
class UsageClaim:
    """What a closed allowance period took: `quantity` = `included` + `wallet` + `billed` + `over_limit`, exact.

    Corrections that outweigh the usage of a period leave nothing to take: `quantity` is then 0. A claim with
    the occasion `late:N` holds the differences that late usage made, which may be below 0. `rolled` units were
    brought in from the period before, `carried` ones go on to the next.
    """

    subscription: str
    feature: str
    allowance_index: int
    starts_at: Instant
    ends_at: Instant
    quantity: Fraction
    included: Fraction
    wallet: Fraction
    billed: Fraction
    over_limit: Fraction
    occasion: str = ""
    revision: int = 0
    rolled: Fraction = Fraction(0)
    carried: Fraction = Fraction(0)


@dataclass(frozen=True, slots=True)
class Settlement:
    """The recorded outcome of something that fell due: `part` is `fee` or `usage` (`usage:day` for another reset).

    `index` counts billing periods for fees, allowance periods for usage. `occasion` is empty but for what
    a payment resumed. Every due part has exactly one per revision, whether it was billed or not.
    """

    subscription: str
    part: str
    index: int
    outcome: Outcome
    due_at: Instant
    occasion: str = ""
    revision: int = 0

    @property
    def is_open(self) -> bool:
        """Whether something of it may still be billed: what a block or pause deferred, or a voided part to reissue.

        Source: planctl billing rules, dunning.
        """
        return self.outcome == "reissue" or self.is_deferred

    @property
    def is_deferred(self) -> bool:
        """Whether it fell due without service."""
        return self.outcome in {"blocked", "paused"}


@dataclass(frozen=True, slots=True)
class Draft:
    """An invoice to be: everything but its id, number and what was paid.

    `at` is the instant it bills for (a boundary); `period` is the billing period it opens or closes.
    Its identity is (subscription, period_index, kind, occasion, revision).
    """

    customer: str
    subscription: str
    period_index: int
    kind: InvoiceKind
    currency: Currency
    at: Instant
    starts_at: Instant
    ends_at: Instant | None
    due_at: Instant
    grace_ends_at: Instant | None
    issued_at: Instant
    lines: tuple[Line, ...]
    claims: tuple[UsageClaim, ...] = ()
    settlements: tuple[Settlement, ...] = ()
    occasion: str = ""
    revision: int = 0
    timezone: str = "UTC"
    catalog_revision: int = 0
    discounts: tuple[Discount, ...] = ()
    taxes: tuple[Tax, ...] = ()
    credit_minor: int = 0
    """What the customer's balance pays of it when it is issued."""

    @property
    def subtotal_minor(self) -> int:
        """The sum of the lines."""
        return sum(line.amount_minor for line in self.lines)

    @property
    def discount_minor(self) -> int:
        """The sum of the discounts."""
        return sum(discount.amount_minor for discount in self.discounts)

    @property
    def tax_minor(self) -> int:
        """The sum of the exclusive taxes."""
        return sum(tax.amount_minor for tax in self.taxes if not tax.included)

    @property
    def total_minor(self) -> int:
        """Subtotal − discount + exclusive tax."""
        return self.subtotal_minor - self.discount_minor + self.tax_minor


@dataclass(frozen=True, slots=True)
class Invoice:
    """A finalized invoice as stored, or a preview (`number` and `id` empty).

    It never changes but for payment and void, and for the dates that `subscription extend` moves: what it was
    issued with stands in the draft, what was granted since in `extended_due_at` and `extended_grace_at`.
    """

    id: str
    number: str
    status: InvoiceStatus
    draft: Draft
    subtotal_minor: int
    discount_minor: int
    tax_minor: int
    total_minor: int
    credit_minor: int = 0
    paid_minor: int = 0
    paid_at: Instant | None = None
    voided_at: Instant | None = None
    written_off_at: Instant | None = None
    extended_due_at: Instant | None = None
    extended_grace_at: Instant | None = None
    seller: Mapping[str, str] = field(default_factory=dict)
    buyer: Mapping[str, str] = field(default_factory=dict)
    tzdata: str = ""
    content_hash: str = ""

    @property
    def due_at(self) -> Instant:
        """Until when it may be paid: as it was extended, else as it was issued."""
        return self.draft.due_at if self.extended_due_at is None else self.extended_due_at

    @property
    def grace_ends_at(self) -> Instant | None:
        """When its grace is over: as it was extended, else as it was issued; None where it never is."""
        return self.draft.grace_ends_at if self.extended_grace_at is None else self.extended_grace_at

    @property
    def due_minor(self) -> int:
        """What is still to be paid: total − credit applied − paid; 0 once void or uncollectible."""
        if self.status in {InvoiceStatus.VOID, InvoiceStatus.UNCOLLECTIBLE}:
            return 0
        return self.total_minor - self.credit_minor - self.paid_minor

    @property
    def owed_minor(self) -> int:
        """What a payment can still settle: what is due, or was written off; 0 once void."""
        settled = self.credit_minor + self.paid_minor
        return 0 if self.status is InvoiceStatus.VOID else self.total_minor - settled

    @property
    def unpaid(self) -> bool:
        """Whether money is still expected."""
        return self.status in UNPAID and self.due_minor > 0

    def status_at(self, at: Instant) -> InvoiceStatus:
        """Its status as if a run had just been done at `at`: an open one is past due from its due date on."""
        late = self.status is InvoiceStatus.OPEN and self.due_at <= at
        return InvoiceStatus.PAST_DUE if late else self.status


@dataclass(frozen=True, slots=True)
class CreditLine:
    """A part of an invoice's line that is taken back, in minor units above 0.

    `position` is the line's on the invoice (from 1), `net_minor` what is credited of it after discounts,
    `taxes` the shares of its taxes that go back with it. `reason` says what for where the line alone does not.
    """

    position: int
    description: str
    net_minor: int
    taxes: tuple[TaxShare, ...] = ()
    reason: str = ""

    @property
    def tax_minor(self) -> int:
        """The exclusive tax that goes back."""
        return sum(share.amount_minor for share in self.taxes if not share.included)


CreditTarget = Literal["balance", "refund"]


@dataclass(frozen=True, slots=True)
class CreditDraft:
    """A credit note to be: a correction of one finalized invoice; (invoice, occasion) happens once.

    `to` says whether the amount goes to the customer's balance or back as money.
    """

    customer: str
    invoice: str
    occasion: str
    currency: Currency
    lines: tuple[CreditLine, ...]
    issued_at: Instant
    to: CreditTarget = "balance"
    reason: str = ""

    @property
    def tax_minor(self) -> int:
        """The exclusive tax that goes back."""
        return sum(line.tax_minor for line in self.lines)

    @property
    def total_minor(self) -> int:
        """All that is credited, with tax: above 0."""
        return sum(line.net_minor for line in self.lines) + self.tax_minor


@dataclass(frozen=True, slots=True)
class CreditNote:
    """A credit note as stored."""

    id: str
    number: str
    draft: CreditDraft


@dataclass(frozen=True, slots=True)
class Payment:
    """Money received for an invoice. `status` is succeeded or refunded (all of it).

    `to_balance_minor` of the amount was more than the invoice owed and is in the customer's balance.
    """

    id: str
    customer: str
    invoice: str
    amount_minor: int
    currency: Currency
    at: Instant
    method: str = ""
    reference: str = ""
    status: str = "succeeded"
    to_balance_minor: int = 0
    refunded_minor: int = 0
    """What was given back of it since."""

    @property
    def left_minor(self) -> int:
        """What can still be given back of it."""
        return self.amount_minor - self.refunded_minor


@dataclass(frozen=True, slots=True)
class Refund:
    """Money given back of a payment, in minor units above 0.

    With `credit_note` (an id) it is what that note credited; else the payment was returned, and its invoice
    owes it again but for `from_balance_minor`, which the customer's balance gave.
    """

    id: str
    customer: str
    payment: str
    amount_minor: int
    currency: Currency
    at: Instant
    credit_note: str = ""
    method: str = ""
    reference: str = ""
    from_balance_minor: int = 0


Measure = Literal["total", "peak"]
"""total: the meter's aggregate over the window; peak: the highest level that a held feature had in it."""

WindowKey = tuple[str, str, Instant, Instant]
"""(subscription, feature, starts_at, ends_at): unique in a run, since a feature is measured in one way."""


@dataclass(frozen=True, slots=True)
class UsageWindow:
    """A quantity the run needs: one feature, metered as a subscription's terms say, over `[starts_at, ends_at)`.

    `span_ends_at` is the end of the allowance period it lies in: what a mean over time (`weighted`) is
    taken over, together with `starts_at`.
    """

    subscription: str
    customer: str
    feature: str
    starts_at: Instant
    ends_at: Instant
    span_ends_at: Instant
    measure: Measure = "total"

    @property
    def key(self) -> WindowKey:
        """What its total is found under."""
        return (self.subscription, self.feature, self.starts_at, self.ends_at)


Totals = Mapping[WindowKey, Fraction]
"""Aggregated usage per window key; an absent key is 0."""

ByChild = Mapping[WindowKey, Mapping[str, Fraction]]
"""What each customer of a company used per window key, its root under its own id; absent for all others."""


Amounts = Mapping[WindowKey, tuple[EventAmount, ...]]
"""The events of a window in the order of their instants and ids, where the price looks at each; else absent."""
