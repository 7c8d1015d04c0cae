"""What an explained invoice consists of: lines with their steps, terms, events and shares. It works nothing out."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from planctl.core.invoicing.explain import ExplainedLine
from planctl.core.invoicing.explain_money import DiscountShare, TaxPart
from planctl.core.invoicing.model import CreditNote, Invoice, Payment
from planctl.core.metering.model import UsageEvent
from planctl.core.periods import Instant
from planctl.core.subscriptions.model import Subscription
from planctl.core.wallets import Grant
from planctl.values import dataclass

FEW = 20
"""How many events of a feature people are shown; machines get all."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a line's terms come from: the version of a plan, the catalog revision that made it, its place.

    `file` and `line` are where the plan stands in the catalog today, `commit` is that of the revision; each is
    empty where it is not known. `terms_hash` are the frozen terms, with what was negotiated in them.
    """

    plan: str
    version: int
    terms_hash: str
    version_hash: str = ""
    revision: int = 0
    recorded_at: Instant | None = None
    catalog: str = ""
    commit: str = ""
    file: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class CountedEvent:
    """One event behind a usage line: what it says to the meter (`number`, or the text of `value`).

    `amount` is the text of the property that a percentage price reads, else empty. `late`: it came after its
    period was closed, and its difference is not billed yet.
    """

    event: UsageEvent
    number: Decimal
    value: str
    amount: str
    late: bool


@dataclass(frozen=True, slots=True)
class MeasuredFeature:
    """What is recorded today of one feature in a line's service period: the aggregate and the events behind it.

    `count` is how many events there are, `events` the first of them, oldest first. Usage that came after the invoice
    is among them, so `total` may be more than the line counted.
    """

    feature: str
    unit: str
    aggregate: str
    total: Fraction
    count: int
    events: tuple[CountedEvent, ...]


@dataclass(frozen=True, slots=True)
class Pool:
    """What an allowance is made of: `included` × `plans` of the subscription, `bought` ahead, `rolled` in.

    `others` is what is then left of the allowance: of other subscriptions, or (below 0) not given in a part of a
    period.
    """

    included: Fraction
    plans: int
    bought: Fraction
    rolled: Fraction
    others: Fraction


@dataclass(frozen=True, slots=True)
class LineStory:
    """Everything that is told of one line; `grants` are those that paid units of it, or that a pack brought.

    `pool` is None where the line has no allowance, or an unlimited one.
    """

    explained: ExplainedLine
    origin: Origin
    subscription: Subscription | None
    unit: str
    pool: Pool | None
    discounts: tuple[DiscountShare, ...]
    taxes: tuple[TaxPart, ...]
    measured: tuple[MeasuredFeature, ...]
    grants: tuple[Grant, ...]


@dataclass(frozen=True, slots=True)
class InvoiceStory:
    """An invoice explained: the lines asked for, what was paid and taken back, and all that does not agree."""

    invoice: Invoice
    lines: tuple[LineStory, ...]
    payments: tuple[Payment, ...]
    credit_notes: tuple[CreditNote, ...]
    wrong: tuple[str, ...]
