"""What a change of plan needs to be decided, and writing it in one transaction. It decides nothing itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from planctl.core import dunning
from planctl.core.document import Document
from planctl.core.invoicing.advance import next_action, waits
from planctl.core.invoicing.facts import Advanced, BilledLine, CustomerFacts, GivesBack
from planctl.core.invoicing.model import Invoice
from planctl.core.periods import Instant
from planctl.core.subscriptions.changes import Change, Keeping, reopened_at, settled_then
from planctl.core.subscriptions.model import Status, Subscription, Transition
from planctl.core.subscriptions.transitions import after
from planctl.store import subscriptions
from planctl.store.coupons import move_redemptions
from planctl.store.facts import measured
from planctl.store.history import billed_lines
from planctl.store.outcomes import write_outcomes
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx


def change_facts(tx: Tx, facts: CustomerFacts, change: Change, until: Instant) -> CustomerFacts:
    """The customer's facts with the change made, and what its unused charges are credited from.

    Others of the customer's subscriptions are beside: a command bills what it changes alone. `until` is when they
    are asked about: now for a change at once, its own instant for one that is scheduled.
    """
    moved = {one.id: one for one in change.moved}
    # An add-on whose periods go on is not cut: it has nothing unused.
    cut = [one for one in moved.values() if change.at_once and change.at in {one.ends_at, *one.anchors}]
    moved |= {one.id: reopened_at(one, change.at) for one in cut}
    withdrawn = {one.id for one in change.withdrawn}
    mine: list[Subscription] = []
    beside: list[Subscription] = []
    for one in facts.subscriptions:
        if one.id in withdrawn:
            continue
        if one.id in moved:
            mine.append(moved[one.id])
        elif one.base == change.ended.id:
            mine.append(one)
        else:
            beside.append(one)
    made = replace(
        facts,
        subscriptions=(*mine, change.successor),
        beside=tuple(beside),
        fresh=(change.successor.id,),
        moved=frozenset(moved),
        gives_back={one.id: GivesBack(change.at, change.successor.id) for one in cut},
        settled_then=frozenset(
            (one.id, due.part, due.index)
            for one in facts.subscriptions
            if one.id in moved and moved[one.id].settled_at != one.settled_at
            for due in settled_then(one)
        ),
        billed=with_charges(tx, facts.billed, mine, change.at),
    )
    return measured(tx, [made], until)[0]


def with_charges(
    tx: Tx, billed: Sequence[BilledLine], several: Iterable[Subscription], at: Instant
) -> tuple[BilledLine, ...]:
    """The lines with those of the billing periods that run at an instant, from which a credit is taken."""
    wanted = {
        one.id: Instant(max(_period_start(one, at), one.started_at) - 1)
        for one in several
        if not one.terms.free and one.anchor_at <= at
    }
    known = {(one.invoice, one.position) for one in billed}
    fresh = billed_lines(tx, wanted) if wanted else ()
    return (*billed, *(one for one in fresh if (one.invoice, one.position) not in known))


def _period_start(one: Subscription, at: Instant) -> Instant:
    """When the billing period began that runs just before an instant."""
    schedule = one.schedule()
    return schedule.period_at(Instant(max(at - 1, schedule.anchor_at))).starts_at


@dataclass(frozen=True, slots=True)
class Decided:
    """A change with what it is billed with. `facts` are those before it, `snapshot` its terms where they are agreed."""

    change: Change
    facts: CustomerFacts
    billed: Advanced
    snapshot: Document = None


def write_change(tx: Tx, decided: Decided, recorded_at: Instant) -> list[Invoice]:
    """Write a change decided in this transaction, and return the invoices it issued."""
    change, facts, billed = decided.change, decided.facts, decided.billed
    if decided.snapshot is not None:
        subscriptions.keep_terms(tx, decided.snapshot)
    withdraw(tx, change.withdrawn, change.successor.created_at, recorded_at)
    if change.at_once:
        for addon in change.addons:
            if change.at in addon.anchors:
                subscriptions.cut_periods(tx, addon)
        issued = write_outcomes(tx, [billed], [facts.customer], recorded_at)
        if not change.successor.terms.free:
            move_redemptions(tx, change.before.id, change.successor.id)
        return issued
    unpaid = dunning.inherited(change.ended, facts.unpaid, facts.subscriptions)
    waiting = waits(change.ended, facts.left_open(change.ended))
    subscriptions.update(tx, change.ended, next_action(change.ended, unpaid, waiting=waiting))
    subscriptions.insert(tx, change.successor, next_action(change.successor, ()))
    return []


def write_keeping(tx: Tx, facts: CustomerFacts, keeping: Keeping, now: Instant, recorded_at: Instant) -> None:
    """Write that a subscription goes on as it is: what was scheduled is taken back."""
    withdraw(tx, keeping.withdrawn, now, recorded_at)
    rows = []
    for one in (keeping.kept, *keeping.addons):
        unpaid = dunning.inherited(one, facts.unpaid, facts.subscriptions)
        rows.append((one, next_action(one, unpaid, waiting=waits(one, facts.left_open(one)))))
    subscriptions.update_many(tx, rows)


def withdraw(tx: Tx, several: Sequence[Subscription], now: Instant, recorded_at: Instant) -> None:
    """Call off starts that were still to come."""
    rows: list[tuple[Subscription, Instant | None]] = []
    moves = []
    for one in several:
        assert one.status is Status.PENDING, f"{one.id} has started"
        status = after(one.status, "cancel", one.id)
        moves.append(Transition(one.id, one.status, status, now, "withdrawn"))
        rows.append((replace(one, status=status, ends_at=one.started_at, end_reason="canceled"), None))
    subscriptions.update_many(tx, rows)
    subscriptions.add_transitions(tx, moves, recorded_at)
