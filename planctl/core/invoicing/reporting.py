"""What a billing run did, page by page and in all: numbers, counts and sums. It decides and keeps nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from planctl.core.currencies import Currency
from planctl.core.instants import Instant
from planctl.core.invoicing.comparing import Unusual, Volume
from planctl.core.invoicing.model import CreditDraft, Invoice
from planctl.core.money import format_minor
from planctl.core.subscriptions.model import Transition


@dataclass(frozen=True, slots=True)
class Held:
    """A customer the run left alone, and why."""

    customer: str
    reason: str


@dataclass(frozen=True, slots=True)
class PageDone:
    """What one page did; it counts once its transaction is kept.

    `looked_at` is how many customers it decided about, `claimed` holds their numbers in the store. `names` says
    `CUSTOMER/PLAN` of the subscriptions that moved, `without_country` who was billed without tax because nothing says
    which one applies, `unusual` which invoices are over twice what is usual, where the request compares.
    """

    looked_at: int = 0
    nothing_due: int = 0
    invoices: tuple[Invoice, ...] = ()
    credits: tuple[CreditDraft, ...] = ()
    held: tuple[Held, ...] = ()
    transitions: tuple[Transition, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    without_country: tuple[str, ...] = ()
    unusual: tuple[Unusual, ...] = ()
    claimed: tuple[int, ...] = ()


NAMED = 20
"""How many moves, and how many customers without a country, a report names."""


@dataclass(slots=True)
class RunReport:
    """What a run did, over all its pages: numbers, counts and sums, and never an invoice."""

    as_of: Instant
    numbers: list[str] = field(default_factory=list)
    totals: dict[Currency, int] = field(default_factory=dict)
    """Invoiced minor units per currency."""
    credit_notes: int = 0
    credited: dict[Currency, int] = field(default_factory=dict)
    """Minor units that credit notes of the run put into balances, per currency."""
    held: list[Held] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)
    nothing_due: int = 0
    names: dict[str, str] = field(default_factory=dict)
    """`CUSTOMER/PLAN` of the first NAMED subscriptions that moved."""
    untaxed: int = 0
    without_country: list[str] = field(default_factory=list)
    """The first NAMED of the `untaxed` customers billed without tax."""
    unusual: list[Unusual] = field(default_factory=list)
    issued_at: list[Instant] = field(default_factory=list)
    """When each of the `numbers` would be issued, in a dry run; empty for invoices that are kept."""

    def add(self, other: RunReport) -> None:
        """Count what another report of the same run has, after what this one has."""
        self.numbers += other.numbers
        sum_up(self.totals, other.totals)
        self.credit_notes += other.credit_notes
        sum_up(self.credited, other.credited)
        self.held += other.held
        self.transitions += other.transitions
        self.nothing_due += other.nothing_due
        self.names |= dict([*other.names.items()][: NAMED - len(self.names)])
        self.untaxed += other.untaxed
        self.without_country += other.without_country[: NAMED - len(self.without_country)]
        self.unusual += other.unusual
        self.issued_at += other.issued_at

    def volume(self) -> Volume:
        """How much it issued, to be compared."""
        totals = {one.code: Decimal(format_minor(minor, one)) for one, minor in self.totals.items()}
        return Volume(len(self.numbers), totals)


def sum_up(sums: dict[Currency, int], more: Mapping[Currency, int]) -> None:
    """Add minor units per currency to sums."""
    for currency, minor in more.items():
        sums[currency] = sums.get(currency, 0) + minor


def counted(done: PageDone, as_of: Instant, *, dry: bool = False) -> RunReport:
    """A page as a report of its own, which holds none of its invoices. `dry`: it is not kept."""
    report = RunReport(
        as_of,
        numbers=[one.number for one in done.invoices],
        credit_notes=len(done.credits),
        held=[*done.held],
        transitions=[*done.transitions],
        nothing_due=done.nothing_due,
        names=dict([*done.names.items()][:NAMED]),
        untaxed=len(done.without_country),
        without_country=[*done.without_country[:NAMED]],
        unusual=[*done.unusual],
        issued_at=[one.draft.issued_at for one in done.invoices] if dry else [],
    )
    for invoice in done.invoices:
        sum_up(report.totals, {invoice.draft.currency: invoice.total_minor})
    for note in done.credits:
        sum_up(report.credited, {note.currency: note.total_minor})
    return report
