"""Moving one customer's dates on: a trial's end, the terms' end, until when its invoices may be paid.

What an extension gives is written at once; what it costs in the running period is a request of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from planctl.core import dunning
from planctl.core.dunning import blocked_for_good
from planctl.core.instants import add_local_days
from planctl.core.invoicing.extending import extension_draft
from planctl.core.invoicing.facts import CustomerFacts
from planctl.core.invoicing.model import Invoice, OpenInvoice
from planctl.core.invoicing.projection import projected
from planctl.core.invoicing.settling import settled
from planctl.core.invoicing.stops import refuse_hold
from planctl.core.invoicing.succession import check_run_first
from planctl.core.periods import Instant, zone
from planctl.core.subscriptions.extending import (
    check_goes_on,
    later_expiry,
    longer_trial,
    with_later_expiry,
    with_longer_trial,
)
from planctl.core.subscriptions.model import Subscription, Transition
from planctl.core.subscriptions.standing import check_takes, name_of
from planctl.errors import Refused
from planctl.store import invoices, subscriptions
from planctl.store.books import check_since
from planctl.store.debts import Lifted, caught_up, lift, looked_at
from planctl.store.extensions import add_extension, cause_of
from planctl.store.facts import customer_facts, purse_for
from planctl.store.offers import names
from planctl.store.outcomes import issue
from planctl.store.selling import subscription_at
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx


@dataclass(frozen=True, slots=True)
class Wanted:
    """By how many local days each date of a subscription is moved on; 0: not at all. Not all are 0."""

    address: str
    trial: int = 0
    due: int = 0
    grace: int = 0
    expiry: int = 0

    @property
    def days(self) -> Mapping[str, int]:
        """What was asked for, by what is extended."""
        asked = {"trial": self.trial, "due": self.due, "grace": self.grace, "expiry": self.expiry}
        return {what: days for what, days in asked.items() if days}


@dataclass(frozen=True, slots=True)
class Extended:
    """What was written: the subscription before and afterwards, its add-ons that moved with it, and moved invoices.

    Each of `moved` is an invoice before and afterwards; `issued` is what the extension costs at once.
    """

    before: Subscription
    subscription: Subscription
    addons: tuple[Subscription, ...] = ()
    moved: tuple[tuple[Invoice, Invoice], ...] = ()
    issued: tuple[Invoice, ...] = ()
    transitions: tuple[Transition, ...] = ()


@dataclass(frozen=True, slots=True)
class _Case:
    """One extension as it is carried out: whose, of what, when, and what it is called."""

    wanted: Wanted
    facts: CustomerFacts
    stored: Subscription
    now: Instant
    recorded_at: Instant
    seq: int

    @property
    def cause(self) -> str:
        return cause_of(self.stored.id, self.seq)


def extend_subscription(tx: Tx, wanted: Wanted, now: Instant, recorded_at: Instant) -> Extended:
    """Move a subscription's dates on; Refused or NotFound where one of them cannot be, and then none is.

    A trial's only within it; an expiry with the end that it is; a due date and a grace of the unpaid invoices of
    the subscription itself. Who is past due or blocked for what is not overdue any more goes on.
    """
    assert wanted.days, "an extension moves something"
    stored = subscription_at(tx, wanted.address)
    (facts,) = customer_facts(tx, [stored.customer], now)
    seen = projected(facts, now)
    refuse_hold(seen.billed)
    standing = next(one for one in seen.subscriptions if one.id == stored.id)
    _check(standing, wanted, now)
    check_run_first(facts, now)
    case = _Case(wanted, facts, stored, now, recorded_at, subscriptions.next_change(tx, stored.id))
    running = caught_up(tx, stored.customer, now, recorded_at)
    after = _moved(case, running, standing)
    issued = _record(tx, case, running, after)
    moved, transitions = _give_time(tx, case, [after.get(one.id, one) for one in running])
    _look_again(tx, case, {*after, stored.id})
    found = subscriptions.get_many(tx, after)
    addons = tuple(found[name] for name in after if name != stored.id)
    return Extended(stored, found[stored.id], addons, moved, issued, transitions)


def _check(standing: Subscription, wanted: Wanted, now: Instant) -> None:
    where = name_of(standing)
    if wanted.trial:
        longer_trial(standing, wanted.trial, now)
    check_takes(standing, "extend", "its dates cannot be moved")
    if (wanted.due or wanted.grace) and blocked_for_good(standing):
        raise Refused(
            f"{where} is blocked for good: more time to pay does not lift that",
            code="stopped",
            where=where,
            hint=f"planctl subscription cancel {where} --at now, then start it anew",
        )


def _moved(case: _Case, running: Sequence[Subscription], standing: Subscription) -> dict[str, Subscription]:
    """The subscription, and its add-ons that move with it, with their dates moved, by id: the subscription first."""
    before = next(one for one in running if one.id == case.stored.id)
    after, wanted = before, case.wanted
    if wanted.trial:
        after = longer_trial(after, wanted.trial, case.now)
    if wanted.expiry:
        after = later_expiry(
            replace(after, status=standing.status), running, wanted.expiry, case.now, case.cause
        )
        after = replace(after, status=before.status)
    found = {after.id: after}
    for one in running:
        if one.base != before.id:
            continue
        addon = with_longer_trial(one, before, after) if wanted.trial else one
        if wanted.expiry:
            addon = with_later_expiry(addon, before, after, case.now, case.cause)
        if addon != one:
            found[addon.id] = addon
    return found


def _record(
    tx: Tx, case: _Case, running: Sequence[Subscription], after: Mapping[str, Subscription]
) -> tuple[Invoice, ...]:
    """Write the moved dates and that they were moved, and issue what that costs at once."""
    subscriptions.update_many(tx, [(one, case.now) for one in after.values()])
    known = {one.id: one.extensions for one in running}
    for name, one in after.items():
        fresh = one.extensions[len(known[name]) :]
        seq = case.seq if name == case.stored.id else subscriptions.next_change(tx, name)
        days = case.wanted.days if name == case.stored.id else {}
        add_extension(tx, name, seq, days, case.now, fresh[0] if fresh else None)
    several = list(after.values())
    draft = extension_draft(several, case.cause, names(tx), case.now)
    if draft is None:
        return ()
    for one in several:
        check_goes_on(one, "nothing is charged for time in which it may not be used")
    money = settled([draft], purse_for(tx, case.facts.customer, case.stored))
    return tuple(issue(tx, money.drafts, money.credits, [case.facts.customer], case.recorded_at))


def _give_time(
    tx: Tx, case: _Case, running: Sequence[Subscription]
) -> tuple[tuple[tuple[Invoice, Invoice], ...], tuple[Transition, ...]]:
    """Move the dates of the subscription's unpaid invoices on, those it inherited too, and write what that lifts."""
    due, grace = case.wanted.due, case.wanted.grace
    if not due and not grace:
        return (), ()
    unpaid = invoices.open_invoices(tx, [case.stored.customer])[case.stored.customer]
    inherited = dunning.inherited(case.stored, unpaid, running)
    mine = [one for one in inherited if not _made_now(case, one)]
    later = [_later(one, case) for one in mine if due or one.grace_ends_at is not None]
    if not later:
        what = "with a grace that ends" if mine else "to be paid later"
        raise Refused(
            f"{name_of(case.stored)} has no unpaid invoice {what}",
            code="nothing-open",
            where=name_of(case.stored),
            hint=f"planctl invoice list --customer {case.stored.customer}",
        )
    before = invoices.get_many(tx, [one.id for one in later])
    for one in before.values():
        check_since(tx, case.now, one.draft.issued_at, "the extension", one.number)
    invoices.extend(tx, later)
    lifted = Lifted(case.now, case.cause, case.recorded_at, more_time=True)
    latest = max(before.values(), key=lambda one: one.draft.subscription == case.stored.id)
    moves = lift(tx, running, latest, lifted)
    after = invoices.get_many(tx, before)
    return tuple((before[one.id], after[one.id]) for one in later), moves


def _made_now(case: _Case, one: OpenInvoice) -> bool:
    """Whether an unpaid invoice is the extension's own: it has all its time to be paid."""
    return all(one.id != known.id for known in case.facts.unpaid)


def _later(one: OpenInvoice, case: _Case) -> OpenInvoice:
    """An unpaid invoice with its dates moved on; its grace begins with the later due date."""
    tz = zone(case.stored.timezone)
    due_at = add_local_days(one.due_at, case.wanted.due, tz)
    grace = one.grace_ends_at
    if grace is not None:
        grace = add_local_days(grace, case.wanted.due + case.wanted.grace, tz)
    return replace(one, due_at=due_at, grace_ends_at=grace, past_due=due_at <= case.now)


def _look_again(tx: Tx, case: _Case, touched: set[str]) -> None:
    """Write when a run must look at the subscriptions again, now that all is written."""
    customer = case.stored.customer
    running = subscriptions.of_customers(tx, [customer])[customer]
    unpaid = invoices.open_invoices(tx, [customer])[customer]
    facts = replace(case.facts, subscriptions=tuple(running), unpaid=tuple(unpaid))
    subscriptions.update_many(tx, [(one, looked_at(facts, one)) for one in running if one.id in touched])
