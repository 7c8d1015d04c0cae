"""The billing run: everything whose time is at or before T, page by page of customers, each page one transaction.

Kill it anywhere and run it again: what is due is found from the store alone, and the unique keys decide. It
opens no transaction; what it counts grows with the answer, not with the invoices.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from planctl.core.customers import Customer
from planctl.core.document import Document
from planctl.core.instants import DAY_MICROSECONDS
from planctl.core.invoicing.advance import RunTerms, advance_or_hold
from planctl.core.invoicing.comparing import (
    Comparison,
    Volume,
    beyond,
    changes_of,
    percent_words,
)
from planctl.core.invoicing.facts import Advanced, CustomerFacts
from planctl.core.invoicing.model import Draft
from planctl.core.invoicing.reporting import Held, PageDone, RunReport, sum_up
from planctl.core.invoicing.stops import lacks_country
from planctl.core.money import fraction_text
from planctl.core.periods import Instant, instant_text
from planctl.errors import Refused
from planctl.identifiers import new_id
from planctl.store import claiming, customers, runs
from planctl.store.facts import SELF_CLEARING, customer_facts, run_terms
from planctl.store.invoices import next_numbers
from planctl.store.offers import taxes
from planctl.store.outcomes import write_outcomes
from planctl.store.places import check_home
from planctl.store.selling import existing
from planctl.store.sets import chunks
from planctl.store.settings import identity, set_high_water
from planctl.store.usual import unusual

if TYPE_CHECKING:
    from planctl.store.engine import Tx
    from planctl.store.runs import Run

PAGE = 500
_SMALLEST = 25
_PAGES_EACH = 4
_BACKWARDS = 5 * 60 * 1_000_000
_AHEAD_DAYS = 35


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What a run is asked: the instant it believes it is, the machine's clock, and its limits.

    `customer` limits it to one (then it is no whole run). `catch_up` is how many periods may be caught up.
    `compares`: it also says which invoices are over twice what is usual.
    """

    as_of: Instant
    now: Instant
    customer: str = ""
    catch_up: int | None = None
    reason: str = ""
    compares: bool = False


def check_clock(tx: Tx, request: RunRequest) -> bool:
    """Refuse what `refuse_clock` refuses; whether a reason lowered the mark of the last run, a write of its own."""
    refuse_clock(tx, request)
    mark = identity(tx).high_water_at
    lowered = bool(request.reason) and mark is not None and request.as_of < mark
    if lowered:
        set_high_water(tx, request.as_of)
    return lowered


def refuse_clock(tx: Tx, request: RunRequest) -> None:
    """Refuse a run before the last whole one, or far ahead of the machine's clock, unless a reason is given."""
    store = identity(tx)
    mark = store.high_water_at
    if request.reason:
        return
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


def due_pages(tx: Tx, request: RunRequest, share_out_to: int = 1) -> list[list[int]]:
    """The customers a run must look at, by small numbers, cut into pages.

    Where several workers share them out, a page is so small that each of them gets some.
    """
    if request.customer:
        return [[customers.sequence_of(tx, request.customer)]]
    due = claiming.due(tx, request.as_of)
    share = max(_SMALLEST, len(due) // (_PAGES_EACH * share_out_to))
    return [*chunks(due, PAGE if share_out_to == 1 else min(PAGE, share))]


def propose_one(tx: Tx, request: RunRequest) -> list[Advanced]:
    """Decide about the one customer of the request, NotFound where there is none. `apply_page` without its write."""
    existing(tx, request.customer)
    return decided(customer_facts(tx, [request.customer], request.as_of), request, terms_of(tx, request))


def decided(facts: Sequence[CustomerFacts], request: RunRequest, terms: RunTerms) -> list[Advanced]:
    """One decision per customer; an impossible state is a hold of that customer alone."""
    return [advance_or_hold(one, request.as_of, terms) for one in facts]


def bill_page(
    tx: Tx, page: Sequence[int], request: RunRequest, but_for: frozenset[str] = frozenset()
) -> PageDone:
    """Claim those of a page who are due, and read, decide and write them in this transaction.

    Those in `but_for` are left out, and those whom another run has claimed: it bills them. A run of one
    customer claims nobody, so nobody else may be writing.
    """
    claimed = _claimed(tx, page, request)
    wanted = [name for name in claimed if name not in but_for]
    done = apply_page(tx, wanted, request) if wanted else PageDone()
    return replace(done, claimed=tuple(claimed.values()))


def _claimed(tx: Tx, page: Sequence[int], request: RunRequest) -> dict[str, int]:
    """The customers of a page that were claimed now, or the one of the request, with their small numbers."""
    if request.customer:
        return {request.customer: page[0]}
    return {name: seq for seq, name in claiming.claim_page(tx, request.as_of, page)}


def apply_page(tx: Tx, customer_ids: Sequence[str], request: RunRequest) -> PageDone:
    """Read, decide and write these customers in this transaction."""
    facts = customer_facts(tx, customer_ids, request.as_of)
    outcomes = decided(facts, request, terms_of(tx, request))
    issued = write_outcomes(tx, outcomes, [one.customer for one in facts], request.now, facts)
    _write_holds(tx, outcomes, request)
    billed = {one.draft.customer for one in issued}
    moved = {move.subscription for one in outcomes for move in one.transitions}
    return PageDone(
        looked_at=len(facts),
        nothing_due=sum(not (one.drafts or one.hold) for one in outcomes),
        invoices=tuple(issued),
        credits=tuple(note for one in outcomes for note in one.credits),
        held=tuple(Held(one.customer, one.hold) for one in outcomes if one.hold),
        transitions=tuple(move for one in outcomes for move in one.transitions),
        names={
            one.id: f"{one.customer}/{one.plan}"
            for several in facts
            for one in several.subscriptions
            if one.id in moved
        },
        without_country=tuple(
            without_country(tx, [one.customer for one in facts if one.customer.id in billed])
        ),
        unusual=tuple(unusual(tx, issued)) if request.compares else (),
    )


def foreseen_page(tx: Tx, page: Sequence[int], request: RunRequest) -> RunReport:
    """Decide about those of a page who are due, without writing: a report with totals, and empty numbers."""
    names = [name for _, name in claiming.due_among(tx, request.as_of, page)]
    outcomes = decided(customer_facts(tx, names, request.as_of), request, terms_of(tx, request))
    report = RunReport(request.as_of)
    for draft in previews(outcomes):
        report.numbers.append("")
        sum_up(report.totals, {draft.currency: draft.total_minor})
    return report


def without_country(tx: Tx, billed_to: Sequence[Customer]) -> list[str]:
    """Those of the customers who are billed without tax, because nothing says which one applies to them."""
    in_force = taxes(tx) if billed_to else {}
    return [one.id for one in billed_to if lacks_country(one, in_force)]


def hold_page(tx: Tx, page: Sequence[int], request: RunRequest, problem: str) -> PageDone:
    """Put on hold those of a page who are due: even alone they met a conflict, and a person must look."""
    claimed = _claimed(tx, page, request)
    for name in claimed:
        customers.put_hold(tx, name, "conflict", problem, request.now)
    held = tuple(Held(name, f"conflict: {problem}") for name in claimed)
    return PageDone(len(claimed), held=held, claimed=tuple(claimed.values()))


def terms_of(tx: Tx, request: RunRequest) -> RunTerms:
    """How this run bills: the store's settings, and how much the request lets it catch up."""
    terms = run_terms(tx)
    if request.catch_up is None:
        return terms
    return replace(terms, catch_up=request.catch_up, catch_up_asked=True)


def start(tx: Tx, request: RunRequest) -> str:
    """Record that a run begins; its id. NotFound where it is of one customer that does not exist.

    Refused where the store is not at home, also where nothing would be due; a dry run may be done anywhere.
    """
    if not tx.discards:
        check_home(tx)
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


def number_on(tx: Tx, report: RunReport) -> None:
    """Number what a dry run would issue as one run does; undone, every page of it began with the same number."""
    report.numbers = [one.text for one in next_numbers(tx, report.issued_at)]


def last_volume(tx: Tx) -> tuple[Run, Volume] | None:
    """The last whole run that issued something, with what it issued; None where none ever did."""
    last = runs.last_issuing(tx)
    if last is None:
        return None
    issued, totals = runs.issued_by(last), last.summary["totals"] if isinstance(last.summary, dict) else {}
    assert isinstance(totals, dict), f"run {last.id}: {totals!r}"
    return last, Volume(issued, {code: Decimal(str(amount)) for code, amount in totals.items()})


def compared(tx: Tx, request: RunRequest, report: RunReport) -> Comparison:
    """How a run that is over, and is not recorded yet, compares; one of a customer compares with no other run."""
    last = None if request.customer else last_volume(tx)
    if last is None:
        return Comparison(unusual=tuple(report.unusual))
    run, before = last
    return Comparison(run.as_of, changes_of(before, report.volume()), tuple(report.unusual))


def check_change(last: tuple[Run, Volume] | None, foreseen: RunReport, limit: Fraction) -> None:
    """Refuse a run that differs by more than `limit` (3/10 is 30 %) from the last one, or has none before it.

    A run that would issue nothing is let through: it does no harm.
    """
    if not foreseen.numbers:
        return
    hint = "look at it first: planctl invoice run --dry-run; without --max-change it is billed"
    if last is None:
        raise Refused(
            "no run has issued anything yet, so there is nothing to compare with",
            code="no-run-before",
            where="--max-change",
            hint=hint,
        )
    run, before = last
    too_much = beyond(changes_of(before, foreseen.volume()), limit)
    if too_much:
        told = ", ".join(f"{one.what} {one.before} to {one.now}" for one in too_much)
        raise Refused(
            f"the run differs too much from the last one, as of {instant_text(run.as_of)}: {told}",
            code="over-max-change",
            where="--max-change",
            expected=f"at most {fraction_text(limit * 100)} % more or less",
            got=", ".join(f"{one.what} {percent_words(one.percent_text)}" for one in too_much),
            hint=hint,
        )


def left_over(tx: Tx, request: RunRequest, tried: Iterable[int]) -> list[list[int]]:
    """Pages of those who are still due at the end of a whole run, but for those tried already.

    Somebody else had claimed them, or lost them. In a write no claim of others is left, so what is not found
    now is done; where one writer is alone nothing was ever left.
    """
    if request.customer or not claiming.has_several_writers(tx.store):
        return []
    due = claiming.due(tx, request.as_of)
    known = {*tried} if due else set()
    return [*chunks([seq for seq in due if seq not in known], PAGE)]


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
