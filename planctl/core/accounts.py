"""A customer with everything that belongs to it, and what happens next to it, with dates. It decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from planctl.core.currencies import Currency
from planctl.core.customers import Customer
from planctl.core.entitlements import Holding
from planctl.core.invoicing.model import Invoice
from planctl.core.periods import Instant
from planctl.core.subscriptions.dues import charges_fee, next_due
from planctl.core.subscriptions.model import Assignment, Status, Subscription


@dataclass(frozen=True, slots=True)
class NextEvent:
    """Something that will happen by itself: `what` at `at`, to the object named.

    what: starts, renews, quantity_changes, usage_closes, allowance_resets, ends,
    due (an invoice's last day to be paid), blocked (its grace passes).
    """

    at: Instant
    what: str
    about: str


@dataclass(frozen=True, slots=True)
class Account:
    """A customer as it stands at `at`. `balance` is what is kept for it in each currency, in minor units.

    `holdings` are its own subscriptions, ended ones included; a child of a company has none. `newest` is the
    newest version of each plan it holds.
    """

    customer: Customer
    at: Instant
    holdings: tuple[Holding, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    open_invoices: tuple[Invoice, ...] = ()
    balance: Mapping[Currency, int] = field(default_factory=dict)
    holds: tuple[str, ...] = ()
    newest: Mapping[str, int] = field(default_factory=dict)


def next_events(account: Account) -> tuple[NextEvent, ...]:
    """What happens next to each subscription and open invoice, soonest first; only what is still to come."""
    found: set[NextEvent] = set()
    for holding in account.holdings:
        found |= _of_subscription(holding, account.at)
    for invoice in account.open_invoices:
        name = invoice.number or invoice.id
        found.add(NextEvent(invoice.draft.due_at, "due", name))
        if invoice.draft.grace_ends_at is not None:
            found.add(NextEvent(invoice.draft.grace_ends_at, "blocked", name))
    coming = (event for event in found if event.at > account.at)
    return tuple(sorted(coming, key=lambda event: (event.at, event.about, event.what)))


def _of_subscription(holding: Holding, at: Instant) -> set[NextEvent]:
    one = holding.subscription
    name = f"{one.customer}/{one.plan}"
    if one.status is Status.PENDING:
        return {NextEvent(one.started_at, "starts", name)}
    if not one.live:
        return set()
    found = {NextEvent(one.ends_at, "ends", name)} if one.ends_at is not None else set()
    found |= {NextEvent(step.at, "quantity_changes", name) for step in one.steps}
    renewal = _renewal(one, at)
    if renewal is not None:
        found.add(NextEvent(renewal, "renews", name))
    for state in holding.pools.values():
        if state.period.ends_at is not None and state.period.ends_at != one.ends_at:
            found.add(NextEvent(state.period.ends_at, "allowance_resets", name))
    closing = next_due(one)
    if closing is not None and closing not in {renewal, one.ends_at}:
        found.add(NextEvent(closing, "usage_closes", name))
    return found


def _renewal(one: Subscription, at: Instant) -> Instant | None:
    """The next boundary at which a fee is charged; None where it ends before, is stopped, or never renews."""
    stopped = one.status in {Status.BLOCKED, Status.PAUSED}
    if stopped or one.terms.free or one.pay == "once" or not charges_fee(one) or at < one.anchor_at:
        return None
    schedule = one.schedule()
    boundary = schedule.period(schedule.index_at(at)).ends_at
    return None if boundary is None or (one.ends_at is not None and one.ends_at <= boundary) else boundary
