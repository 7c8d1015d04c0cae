"""The billing run: everything whose time is at or before T, page by page of customers, each page one transaction.

Kill it anywhere and run it again: what is due is found from the store alone, and the unique keys decide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from planctl.core.currencies import Currency
from planctl.core.customers import Customer
from planctl.core.document import Document
from planctl.core.instants import DAY_MICROSECONDS
from planctl.core.invoicing.advance import RunTerms, advance_or_hold
from planctl.core.invoicing.facts import Advanced, CustomerFacts
from planctl.core.invoicing.model import CreditDraft, Draft, Invoice
from planctl.core.invoicing.stops import lacks_country
from planctl.core.periods import Instant, instant_text
from planctl.core.subscriptions.model import Transition
from planctl.errors import Conflict, Refused
from planctl.identifiers import new_id
from planctl.store import customers, runs, subscriptions
from planctl.store.facts import SELF_CLEARING, customer_facts, run_terms
from planctl.store.offers import taxes
from planctl.store.outcomes import write_outcomes
from planctl.store.selling import existing
from planctl.store.settings import identity, set_high_water

if TYPE_CHECKING:
    from planctl.store.engine import Tx

PAGE = 500
_BACKWARDS = 5 * 60 * 1_000_000
_AHEAD_DAYS = 35


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What a run is asked: the instant it believes it is, the machine's clock, and its limits.

    `customer` limits it to one (then it is no whole run). `catch_up` is how many periods may be caught up.
    """

    as_of: Instant
    now: Instant
    customer: str = ""
    catch_up: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """A customer the run left alone, and why."""

    customer: str
    reason: str


@dataclass(slots=True)
class RunReport:
    """What a run did, over all its pages."""

    as_of: Instant
    invoices: list[Invoice] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)
    credits: list[CreditDraft] = field(default_factory=list)
    nothing_due: int = 0
    names: dict[str, str] = field(default_factory=dict)
    """`CUSTOMER/PLAN` of the subscriptions that moved."""
    without_country: list[str] = field(default_factory=list)
    """Customers billed without tax, because nothing says which one applies to them."""

    def totals(self) -> Mapping[Currency, int]:
        """Invoiced minor units per currency."""
        found: dict[Currency, int] = {}
        for invoice in self.invoices:
            currency = invoice.draft.currency
            found[currency] = found.get(currency, 0) + invoice.total_minor
        return found

    def credited(self) -> Mapping[Currency, int]:
        """Minor units that credit notes of the run put into balances, per currency."""
        found: dict[Currency, int] = {}
        for note in self.credits:
            found[note.currency] = found.get(note.currency, 0) + note.total_minor
        return found


def check_clock(tx: Tx, request: RunRequest) -> bool:
    """Refuse a run before the last whole one, or far ahead of the machine's clock, unless a reason is given.

    Whether the reason lowered the mark of the last run, which is a write of its own.
    """
    store = identity(tx)
    mark = store.high_water_at
    if request.reason:
        lowered = mark is not None and request.as_of < mark
        if lowered:
            set_high_water(tx, request.as_of)
        return lowered
    if mark is not None and request.as_of < mark - _BACKWARDS:
        raise Refused(
            f"the last run was as of {instant_text(mark)}, this one would go back to"
            f" {instant_text(request.as_of)}",
            code="clock-back",
            where="--as-of",
            hint="--reason TEXT accepts it once, and lowers the mark",
        )
    if not store.is_test and request.as_of > request.now + _AHEAD_DAYS * DAY_MICROSECONDS:
        raise Refused(
            f"{instant_text(request.as_of)} is more than {_AHEAD_DAYS} days ahead of this machine's clock",
            code="clock-ahead",
            where="--as-of",
            hint="--reason TEXT accepts it once; a test store (init --test) has a free clock",
        )
    return False


def due_pages(
    open_read: Callable[[], AbstractContextManager[Tx]], request: RunRequest
) -> Iterator[list[str]]:
    """The customers a run must look at, a page at a time, each page read in a transaction of its own."""
    if request.customer:
        yield [request.customer]
        return
    last = 0
    while True:
        with open_read() as tx:
            page = subscriptions.due_page(tx, request.as_of, last, PAGE)
        if not page:
            return
        last = page[-1][0]
        yield [customer for _, customer in page]


def propose_one(tx: Tx, request: RunRequest) -> list[Advanced]:
    """Decide about the one customer of the request, NotFound where there is none. `apply_page` without its write."""
    existing(tx, request.customer)
    return decided(customer_facts(tx, [request.customer], request.as_of), request, terms_of(tx, request))


def decided(facts: Sequence[CustomerFacts], request: RunRequest, terms: RunTerms) -> list[Advanced]:
    """One decision per customer; an impossible state is a hold of that customer alone."""
    return [advance_or_hold(one, request.as_of, terms) for one in facts]


def apply_page(tx: Tx, customer_ids: Sequence[str], request: RunRequest, report: RunReport) -> list[Invoice]:
    """Read, decide and write one page in this transaction; the report grows by what was done."""
    facts = customer_facts(tx, customer_ids, request.as_of)
    outcomes = decided(facts, request, terms_of(tx, request))
    issued = write_outcomes(tx, outcomes, [one.customer for one in facts], request.now)
    _write_holds(tx, outcomes, request)
    report.invoices += issued
    report.credits += [note for one in outcomes for note in one.credits]
    billed = {one.draft.customer for one in issued}
    report.without_country += without_country(
        tx, [one.customer for one in facts if one.customer.id in billed]
    )
    moved = {move.subscription for one in outcomes for move in one.transitions}
    report.names |= {
        one.id: f"{one.customer}/{one.plan}"
        for several in facts
        for one in several.subscriptions
        if one.id in moved
    }
    report.transitions += [move for one in outcomes for move in one.transitions]
    report.held += [Held(one.customer, one.hold) for one in outcomes if one.hold]
    report.nothing_due += sum(not (one.drafts or one.hold) for one in outcomes)
    return issued


def without_country(tx: Tx, billed_to: Sequence[Customer]) -> list[str]:
    """Those of the customers who are billed without tax, because nothing says which one applies to them."""
    in_force = taxes(tx) if billed_to else {}
    return [one.id for one in billed_to if lacks_country(one, in_force)]


def apply_one_by_one(
    open_write: Callable[[], AbstractContextManager[Tx]],
    customer_ids: Sequence[str],
    request: RunRequest,
    report: RunReport,
    record: Callable[[Tx, Sequence[Invoice]], None],
) -> None:
    """After a page failed: each customer in a transaction of its own; one that fails again is put on hold.

    `record` is called in each of them with what was issued.
    """
    for customer in customer_ids:
        try:
            with open_write() as tx:
                record(tx, apply_page(tx, [customer], request, report))
        except Conflict as problem:
            with open_write() as tx:
                customers.put_hold(tx, customer, "conflict", problem.message, request.now)
                record(tx, [])
            report.held.append(Held(customer, f"conflict: {problem.message}"))


def terms_of(tx: Tx, request: RunRequest) -> RunTerms:
    """How this run bills: the store's settings, and how much the request lets it catch up."""
    terms = run_terms(tx)
    if request.catch_up is None:
        return terms
    return replace(terms, catch_up=request.catch_up, catch_up_asked=True)


def start(tx: Tx, request: RunRequest) -> str:
    """Record that a run begins; its id. NotFound where it is of one customer that does not exist."""
    if request.customer:
        existing(tx, request.customer)
    run_id = new_id("run", request.now)
    runs.start(tx, runs.Run(run_id, request.as_of, not request.customer, request.now))
    return run_id


def finish(tx: Tx, request: RunRequest, run_id: str, summary: Document) -> None:
    """Record a run that went through, and move the mark that later runs may not go behind."""
    whole = not request.customer
    runs.finish(tx, run_id, request.now, summary)
    mark = identity(tx).high_water_at
    if whole and (mark is None or request.as_of > mark):
        set_high_water(tx, request.as_of)


def previews(outcomes: Sequence[Advanced]) -> list[Draft]:
    """The invoices that the run would issue, in time order per customer."""
    return [draft for one in outcomes for draft in one.drafts]


def _write_holds(tx: Tx, outcomes: Sequence[Advanced], request: RunRequest) -> None:
    """Keep what is held for a person to see; a hold that the run judges anew goes away when it no longer holds."""
    on_hold = customers.held(tx, [one.customer for one in outcomes])
    for one in outcomes:
        reason, _, detail = one.hold.partition(": ")
        if one.customer in on_hold and reason != "hold":
            for stale in SELF_CLEARING:
                customers.clear_hold(tx, one.customer, stale)
        if one.hold and reason != "hold":
            customers.put_hold(tx, one.customer, reason, detail, request.as_of)
