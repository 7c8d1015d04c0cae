"""Invoices as values: drafts, lines, settlements and what was claimed. It computes only sums."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import Literal

from planctl.core.currencies import Currency
from planctl.core.document import Document
from planctl.core.dunning import OpenInvoice as OpenInvoice  # noqa: PLC0414 - offered from here too
from planctl.core.periods import Instant

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
InvoiceKind = Literal["renewal", "usage", "final", "resume"]
"""renewal: a period's start (the first too); usage: an allowance closing inside a period; final: the end;
resume: the rest of a period after a block was lifted."""

Outcome = Literal["billed", "zero", "blocked", "free", "imported", "held", "void", "reissue"]


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
class Line:
    """One amount on an invoice, rounded once. `starts_at`/`ends_at` are its service period.

    The charge's identity is (subscription, `charge_key`, `service_index`, `occasion`, revision): `fee`,
    `quantity:seats`, `usage:minutes`. `unit_price` is None where there is no single one (tiers). `detail`
    explains the amount: exact value, tiers, pool, usage totals (a document, numbers as text).
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


@dataclass(frozen=True, slots=True)
class UsageClaim:
    """What a closed allowance period took: `quantity` = `included` + `wallet` + `billed` + `over_limit`, exact.

    Corrections that outweigh the usage of a period leave nothing to take: `quantity` is then 0.
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
        """Whether something of it may still be billed: what a block deferred, or a voided part to be reissued.

        Source: planctl billing rules, dunning.
        """
        return self.outcome in {"reissue", "blocked"}


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

    @property
    def subtotal_minor(self) -> int:
        """The sum of the lines."""
        return sum(line.amount_minor for line in self.lines)

    @property
    def total_minor(self) -> int:
        """Subtotal − discount + exclusive tax; discounts and taxes come with later terms."""
        return self.subtotal_minor


@dataclass(frozen=True, slots=True)
class Invoice:
    """A finalized invoice as stored, or a preview (`number` and `id` empty).

    It never changes but for payment and void.
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
    seller: Mapping[str, str] = field(default_factory=dict)
    buyer: Mapping[str, str] = field(default_factory=dict)
    tzdata: str = ""
    content_hash: str = ""

    @property
    def due_minor(self) -> int:
        """What is still to be paid: total − credit applied − paid; 0 once void or uncollectible."""
        if self.status in {InvoiceStatus.VOID, InvoiceStatus.UNCOLLECTIBLE}:
            return 0
        return self.total_minor - self.credit_minor - self.paid_minor

    @property
    def unpaid(self) -> bool:
        """Whether money is still expected."""
        return self.status in UNPAID and self.due_minor > 0

    def status_at(self, at: Instant) -> InvoiceStatus:
        """Its status as if a run had just been done at `at`: an open one is past due from its due date on."""
        late = self.status is InvoiceStatus.OPEN and self.draft.due_at <= at
        return InvoiceStatus.PAST_DUE if late else self.status


@dataclass(frozen=True, slots=True)
class Payment:
    """Money received for an invoice. `status` is succeeded or refunded."""

    id: str
    customer: str
    invoice: str
    amount_minor: int
    currency: Currency
    at: Instant
    method: str = ""
    reference: str = ""
    status: str = "succeeded"


@dataclass(frozen=True, slots=True)
class UsageWindow:
    """A quantity the run needs: one feature of one subscription over `[starts_at, ends_at)`.

    `key` is unique in a run: (subscription, feature, allowance index).
    """

    key: tuple[str, str, int]
    customer: str
    feature: str
    starts_at: Instant
    ends_at: Instant


Totals = Mapping[tuple[str, str, int], Fraction]
"""Aggregated usage per window key; an absent key is 0."""
