"""What must hold of billing, as sentences about values: each function yields one for every breach it sees.

It fetches nothing and repairs nothing; the store's laws read the rows and ask here. No breach: no sentence.
Source: planctl billing rules, laws.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from operator import attrgetter

from planctl.core.invoicing.model import Line, Settlement, UsageClaim
from planctl.core.money import fraction_text, plus
from planctl.core.periods import Instant, Period, Schedule, instant_text, local_date, zone
from planctl.core.subscriptions.dues import FEE, Due, due_of
from planctl.core.subscriptions.model import Status, Subscription
from planctl.core.subscriptions.transitions import TABLE
from planctl.values import dataclass

BEGINNINGS = frozenset({Status.PENDING, Status.TRIALING, Status.ACTIVE})
"""The statuses in which a subscription can begin."""

_MOVES = frozenset((before, after) for (before, _), after in TABLE.items() if after is not None)


@dataclass(frozen=True, slots=True)
class InvoiceSums:
    """An invoice's amounts in minor units; `lines` is the sum of its lines, `taxes` of the taxes it shows."""

    subtotal: int
    discount: int
    tax: int
    total: int
    credit: int
    paid: int
    lines: int
    taxes: int = 0


def wrong_sums(sums: InvoiceSums) -> Iterator[str]:
    """Lines sum to the subtotal, subtotal − discount + tax to the total, and nothing of it is negative."""
    if sums.lines != sums.subtotal:
        yield f"its lines sum to {sums.lines}, its subtotal is {sums.subtotal}"
    total = sums.subtotal - sums.discount + sums.tax
    if total != sums.total:
        yield f"subtotal - discount + tax is {total}, its total is {sums.total}"
    if sums.taxes != sums.tax:
        yield f"the taxes it shows sum to {sums.taxes}, its tax is {sums.tax}"
    if sums.total < 0:
        yield f"its total is {sums.total}"
    due = sums.total - sums.credit - sums.paid
    if due < 0 or sums.credit < 0 or sums.paid < 0:
        yield f"total - credit - paid is {due} (credit {sums.credit}, paid {sums.paid})"


@dataclass(frozen=True, slots=True)
class Series:
    """A number series: its counter (`following` is the next number to be taken) and the numbers in use.

    `left_out` numbers were given by another copy of the store, and `doubled` of them are in use here all the same.
    """

    first: int
    following: int
    used: int
    lowest: int
    highest: int
    left_out: int = 0
    doubled: int = 0


def wrong_numbers(series: Series) -> Iterator[str]:
    """Every number from the first to the one before the next is used once, but for those that are left out.

    A void invoice keeps its own.
    """
    taken = series.following - series.first - series.left_out
    if series.used != taken:
        yield f"{taken} numbers were taken, {series.used} are in use"
    elif series.doubled:
        yield f"{series.doubled} of its numbers were given by another copy of this store as well"
    elif series.left_out:
        if series.used and (series.lowest < series.first or series.highest >= series.following):
            wanted = f"{series.first} to {series.following - 1}"
            yield f"numbers run from {series.lowest} to {series.highest}, not within {wanted}"
    elif series.used and (series.lowest, series.highest) != (series.first, series.following - 1):
        wanted = f"{series.first} to {series.following - 1}"
        yield f"numbers run from {series.lowest} to {series.highest}, not {wanted}"


def entered(subscription: Subscription) -> range:
    """The billing periods that a subscription has entered by `settled_at`; none for a free plan.

    The first is the one that contains `fees_from`: those before it belong to another system.
    """
    settled = subscription.settled_at
    if settled is None or subscription.terms.free or settled < subscription.anchor_at:
        return range(0)
    schedule = subscription.schedule()
    last = settled if subscription.ends_at is None else Instant(min(settled, subscription.ends_at - 1))
    if last < schedule.anchor_at:
        return range(0)
    first = schedule.index_at(Instant(max(subscription.fees_from, schedule.anchor_at)))
    return range(first, schedule.index_at(last) + 1)


def begun_at_the_end(subscription: Subscription, settled: Iterable[Settlement]) -> Iterator[Due]:
    """The fee of a period that begins where the subscription ends, if it was settled before that end was known.

    A plan is changed at the very instant at which a run, or its own start, has billed its period.
    """
    ends_at = subscription.ends_at
    for one in settled:
        if one.part == FEE and one.due_at == ends_at and not one.occasion and not one.revision:
            due = due_of(replace(subscription, ends_at=None), FEE, one.index)
            if due.period.starts_at == ends_at:
                yield due


DatedPeriod = tuple[Period, str, str]
"""A stored period with its local first day and the local day of its end (`""` where the end is open)."""


def wrong_periods(schedule: Schedule, expected: range, stored: Sequence[DatedPeriod]) -> Iterator[str]:
    """The stored periods are the expected ones, each as its schedule says; so they tile without gap or overlap.

    One that was begun and cut on the same local day keeps no day, and is not stored.
    """
    tz = zone(schedule.zone_name)
    found = [period.index for period, _, _ in stored]
    wanted = [index for index in expected if not schedule.period(index).keeps_no_day(tz)]
    if found != wanted:
        yield f"periods {_span(found)} are stored, entered were {_span(wanted)}"
    before: Period | None = None
    for period, starts_on, ends_on in stored:
        if before is not None and before.index + 1 == period.index and before.ends_at != period.starts_at:
            yield f"period {before.index} ends at {_at(before.ends_at)}, the next begins at {_at(period.starts_at)}"
        before = period
        derived = schedule.period(period.index)
        if period != derived:
            yield f"period {period.index} is stored as {_of(period)}, its schedule says {_of(derived)}"
            continue
        ends = "" if period.ends_at is None else local_date(period.ends_at, tz).isoformat()
        days = (local_date(period.starts_at, tz).isoformat(), ends)
        if (starts_on, ends_on) != days:
            yield f"period {period.index} has the days {starts_on} to {ends_on}, not {days[0]} to {days[1]}"


def wrong_settlements(dues: Iterable[Due], settled: Iterable[Settlement]) -> Iterator[str]:
    """Everything that fell due has one first outcome, at its time; nothing else has an outcome.

    Later revisions and what a payment resumed stand beside the first outcome of the same part and index.
    """
    first: dict[tuple[str, int], Settlement] = {}
    seen: set[tuple[str, int]] = set()
    for one in settled:
        seen.add((one.part, one.index))
        if not one.occasion and not one.revision:
            first[(one.part, one.index)] = one
    for due in dues:
        found = first.pop((due.part, due.index), None)
        seen.discard((due.part, due.index))
        if found is None:
            yield f"{due.part} {due.index} fell due at {_at(due.at)} and has no invoice and no recorded reason"
        elif found.due_at != due.at:
            yield f"{due.part} {due.index} fell due at {_at(due.at)}, recorded is {_at(found.due_at)}"
    for part, index in sorted(seen):
        yield f"{part} {index} is settled and never fell due"


def wrong_split(claim: UsageClaim, *, may_be_difference: bool = False) -> Iterator[str]:
    """What was included, paid by the wallet, billed and over the limit is the quantity, once.

    Only a part of a difference may be below 0.
    """
    parts = (claim.included, claim.wallet, claim.billed, claim.over_limit)
    together = plus(*parts)
    if together != claim.quantity:
        yield (
            f"included + wallet + billed + over the limit is {_number(together)} of {_number(claim.quantity)}"
        )
    never_below = (claim.rolled, claim.carried, *(() if may_be_difference else parts))
    if any(one.numerator < 0 for one in never_below):
        yield "a part of it is below 0"


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One movement of a balance: its place in the sequence, what it moved, and the balance after it."""

    seq: int
    amount: Fraction
    balance: Fraction


def wrong_ledger(entries: Iterable[LedgerEntry]) -> Iterator[str]:
    """The sequence is dense from 1; every balance is the one before it and the amount, and never below 0."""
    seq, balance = 0, Fraction(0)
    for entry in entries:
        if entry.seq != seq + 1:
            yield f"entry {seq + 1} is missing: the next one is {entry.seq}"
        elif entry.balance != balance + entry.amount:
            before, moved = _number(balance), _number(entry.amount)
            yield f"entry {entry.seq}: {before} and {moved} are not {_number(entry.balance)}"
        if entry.balance < 0:
            yield f"entry {entry.seq} leaves {_number(entry.balance)}"
        if not entry.amount:
            yield f"entry {entry.seq} moves nothing"
        seq, balance = entry.seq, entry.balance


Move = tuple[str, str]
"""The statuses before and after a transition."""


def wrong_moves(status: str, moves: Sequence[Move]) -> Iterator[str]:
    """Transitions follow on one another, each is in the table, and the last one leads to the status."""
    now = moves[0][0] if moves else status
    if now not in BEGINNINGS:
        yield f"it begins as {now}"
    for number, (before, after) in enumerate(moves, start=1):
        if before != now:
            yield f"transition {number} is from {before}, it was {now}"
        if (before, after) not in _MOVES:
            yield f"transition {number} from {before} to {after} is none"
        now = after
    if now != status:
        yield f"it is {status}, its transitions lead to {now}"


def wrong_lines(stored: Sequence[Line], again: Sequence[Sequence[Line]]) -> Iterator[str]:
    """The stored lines are those that billing again gives; `again` are the histories of which one must hold.

    Descriptions, plan ids and details are left out: names change, and the invoice's hash keeps them.
    """
    wanted = [{_charge(line): line for line in lines} for lines in again]
    for line in stored:
        found = [lines.get(_charge(line)) for lines in wanted]
        if any(one is not None and _compared(one) == _compared(line) for one in found):
            continue
        right = found[0]
        yield f"its line {line.charge_key} {line.service_index} {_difference(line, right)}"
    there = {_charge(line) for line in stored}
    if wanted and all(set(lines) - there for lines in wanted):
        for charge in sorted(set(wanted[0]) - there):
            yield f"it has no line {charge[0]} {charge[1]}, billed again it has one"


def _charge(line: Line) -> tuple[str, int, str, str]:
    return (line.charge_key, line.service_index, line.occasion, line.subscription)


_COMPARED = {
    "amount": "amount_minor",
    "quantity": "quantity",
    "unit price": "unit_price",
    "kind": "kind",
    "feature": "feature",
    "plan version": "plan_version",
    "service start": "starts_at",
    "service end": "ends_at",
}
"""What is compared of a line, in that order: its name, and the field that has it."""

_compared = attrgetter(*_COMPARED.values())


def _difference(line: Line, right: Line | None) -> str:
    if right is None:
        return "is there, billed again it is not"
    pairs = zip(_COMPARED, _compared(line), _compared(right), strict=True)
    name, got, wanted = next(one for one in pairs if one[1] != one[2])
    return f"has the {name} {got}, billed again {wanted}"


def _at(instant: Instant | None) -> str:
    return "no end" if instant is None else instant_text(instant)


def _of(period: Period) -> str:
    return f"{_at(period.starts_at)} to {_at(period.ends_at)}"


def _number(value: Fraction) -> str:
    return fraction_text(value)


def _span(indexes: Sequence[int]) -> str:
    if len(indexes) < 2:
        return str(indexes[0]) if indexes else "none"
    dense = list(indexes) == list(range(indexes[0], indexes[0] + len(indexes)))
    return f"{indexes[0]} to {indexes[-1]}" if dense else ", ".join(map(str, indexes[:20]))
