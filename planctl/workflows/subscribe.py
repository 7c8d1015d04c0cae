"""Starting a subscription: propose it (read, decide), then write it with its first invoice in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from planctl.core.catalog.negotiate import Agreed
from planctl.core.coupons import Redemption
from planctl.core.customers import Customer
from planctl.core.document import leaves
from planctl.core.invoicing.advance import advance_or_hold
from planctl.core.invoicing.facts import Advanced
from planctl.core.invoicing.model import Invoice
from planctl.core.invoicing.projection import projected
from planctl.core.invoicing.stops import refuse_hold
from planctl.core.periods import Instant, parse_instant, zone
from planctl.core.promises import Promise, start_promise
from planctl.core.subscriptions.addons import addon_terms, begin
from planctl.core.subscriptions.model import Assignment, Subscription, Transition
from planctl.core.subscriptions.start import AlreadyRunning, Ask, Offered, Starting
from planctl.core.unreadable import Unreadable
from planctl.errors import InvalidInput, Refused, WrongUsage
from planctl.files.yaml_reader import read_values
from planctl.identifiers import new_id
from planctl.store import catalog, subscriptions
from planctl.store.coupons import redeemable
from planctl.store.facts import customer_facts, facts_of_new, run_terms
from planctl.store.outcomes import write_start
from planctl.store.selling import buyer, newest_or, on_agreed_terms

if TYPE_CHECKING:
    from planctl.store.engine import Tx


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for, as text where it needs the customer to be read (`start`: a local date or an instant).

    `quantity` 0 is one, where nothing was said. An empty `plan` is the one that waits for the customer.
    `may_ask`: there is a person to show differences to.
    """

    customer: str
    plan: str = ""
    pay: str = ""
    currency: str = ""
    start: str = ""
    quantity: int = 0
    quantities: Mapping[str, Decimal] = field(default_factory=dict)
    negotiated: Mapping[str, str] = field(default_factory=dict)
    trial: bool | None = None
    plan_version: str = ""
    schedule: bool = False
    coupon: str = ""
    may_ask: bool = False


@dataclass(frozen=True, slots=True)
class Proposal:
    """A start, decided and not written: what begins, what it replaces, what is billed at once.

    `differences` are the paths in which the newest version differs from the one that was assigned.
    """

    customer: Customer
    offered: Offered
    starting: Starting
    billed: Advanced
    agreed: Agreed | None = None
    assignment: Assignment | None = None
    differences: tuple[str, ...] = ()
    redemption: Redemption | None = None

    @property
    def subscription(self) -> Subscription:
        """The subscription as it is once its first invoice is issued."""
        return self.billed.subscriptions[0][0] if self.billed.subscriptions else self.starting.subscription

    @property
    def promise(self) -> Promise:
        """What a yes to it stands for."""
        return start_promise(self.subscription, self.billed.drafts, self.starting.replaced)


@dataclass(frozen=True, slots=True)
class Subscribed:
    """What was written."""

    subscription: Subscription
    invoices: tuple[Invoice, ...]
    replaced: tuple[Subscription, ...]
    transitions: tuple[Transition, ...]


def propose_subscription(tx: Tx, wanted: Wanted, now: Instant) -> Proposal:
    """Decide a start; Refused, NotFound, InvalidInput or WrongUsage where it cannot be."""
    sold_to = buyer(tx, wanted.customer)
    assignment = _assignment(tx, wanted)
    plan = wanted.plan or (assignment.plan if assignment else "")
    offer = newest_or(tx, plan, wanted.plan_version)
    differences = _differences(tx, offer, assignment)
    if differences and not wanted.plan_version and not wanted.may_ask:
        raise Refused(
            f"plan {plan} has changed since it was assigned (v{assignment.version if assignment else 0})",
            code="terms-changed",
            where=f"{wanted.customer}/{plan}",
            got="; ".join(differences),
            hint="--plan-version newest takes the new terms, --plan-version N the old ones",
        )
    agreed_terms = dict(assignment.negotiated if assignment else {}) | dict(wanted.negotiated)
    if offer.terms.kind == "addon":
        sold_to = replace(sold_to, running=_standing(tx, sold_to.customer, now))
    changed_terms = agreed_terms | addon_terms(sold_to.customer, offer, sold_to.running)
    offer, made = on_agreed_terms(tx, offer, read_values(changed_terms), sold_to.declared)
    ask = _ask(wanted, assignment, sold_to.customer, now, agreed_terms)
    ask = replace(ask, version=offer.version if wanted.plan_version else 0)
    try:
        starting = begin(new_id("sub", now), sold_to.customer, offer, ask, sold_to.running, sold_to.declared)
    except AlreadyRunning as running:
        raise _with_coupon(running, wanted, plan) from running
    redemption = redeemable(tx, wanted.coupon, starting.subscription, now) if wanted.coupon else None
    new = facts_of_new(tx, sold_to.customer, starting.subscription, now)
    if redemption is not None:
        new = replace(new, redemptions=(*new.redemptions, redemption))
    billed = advance_or_hold(new, now, run_terms(tx))
    refuse_hold(
        billed, "give a later --start, or move it in: planctl subscription import, with billed_through"
    )
    return Proposal(sold_to.customer, offer, starting, billed, made, assignment, differences, redemption)


def apply_subscription(tx: Tx, proposal: Proposal, recorded_at: Instant) -> Subscribed:
    """Write a proposal made in this same transaction."""
    starting = proposal.starting
    snapshot = None if proposal.agreed is None else proposal.agreed.snapshot
    invoices = write_start(
        tx,
        starting,
        proposal.billed,
        proposal.customer,
        snapshot,
        recorded_at,
        redemption=proposal.redemption,
    )
    if proposal.assignment is not None:
        begun = replace(proposal.assignment, status="started", subscription=starting.subscription.id)
        subscriptions.update_assignment(tx, begun)
    return Subscribed(proposal.subscription, tuple(invoices), starting.replaced, starting.transitions)


def _standing(tx: Tx, customer: Customer, now: Instant) -> tuple[Subscription, ...]:
    """The customer's subscriptions with the status and end that time alone has brought.

    Refused where a run would hold the customer: an add-on is billed with its base.
    """
    (facts,) = customer_facts(tx, [customer.id], now)
    standing = projected(facts, now)
    refuse_hold(standing.billed)
    return standing.subscriptions


def _with_coupon(running: AlreadyRunning, wanted: Wanted, plan: str) -> AlreadyRunning | Refused:
    """What is said of a plan that runs already: nothing to do, unless a coupon was asked for."""
    if not wanted.coupon:
        return running
    return Refused(
        running.message,
        code="runs-otherwise",
        where=f"{wanted.customer}/{plan}",
        got=f"coupon {wanted.coupon}",
        hint=f"planctl coupon apply {wanted.customer}/{plan} {wanted.coupon}",
    )


def start_instant(text: str, timezone: str, now: Instant) -> Instant:
    """A local date's first instant in the customer's zone, an RFC 3339 instant, or `now` where nothing is said."""
    if not text:
        return now
    try:
        return parse_instant(text, zone(timezone))
    except Unreadable as problem:
        raise InvalidInput(problem.reason, where="--start", got=text, hint=problem.fix) from problem


def _assignment(tx: Tx, wanted: Wanted) -> Assignment | None:
    waiting = subscriptions.assignments(tx, [wanted.customer])[wanted.customer]
    if wanted.plan:
        return next((one for one in waiting if one.plan == wanted.plan), None)
    if len(waiting) == 1:
        return waiting[0]
    plans = ", ".join(one.plan for one in waiting)
    raise WrongUsage(
        f"{wanted.customer} has {'no plan' if not waiting else plans} assigned: say which plan to start",
        where=wanted.customer,
        hint=f"planctl subscribe {wanted.customer} PLAN",
    )


def _differences(tx: Tx, offer: Offered, assignment: Assignment | None) -> tuple[str, ...]:
    """The paths, with both values, in which the offered version differs from the one assigned."""
    if assignment is None or assignment.version == offer.version:
        return ()
    _, _, new = catalog.plan_snapshot(tx, offer.plan, offer.version)
    _, _, old = catalog.plan_snapshot(tx, offer.plan, assignment.version)
    before, after = leaves(old), leaves(new)
    return tuple(
        f"{path.removeprefix('plan.')} {before.get(path, 'none')} -> {after.get(path, 'none')}"
        for path in sorted(before.keys() | after.keys())
        if before.get(path) != after.get(path)
    )


def _ask(
    wanted: Wanted,
    assignment: Assignment | None,
    customer: Customer,
    now: Instant,
    agreed_terms: Mapping[str, str],
) -> Ask:
    return Ask(
        start_at=start_instant(wanted.start, customer.timezone, now),
        now=now,
        pay=wanted.pay or (assignment.pay if assignment else ""),
        currency=wanted.currency or (assignment.currency if assignment else ""),
        quantity=wanted.quantity,
        quantities=wanted.quantities,
        negotiated=agreed_terms,
        trial=wanted.trial,
        schedule=wanted.schedule,
    )
