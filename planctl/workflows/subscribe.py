"""Starting a plan, or changing to it: propose it (read, decide), then write it with its invoice in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from planctl.core.catalog.negotiate import Agreed
from planctl.core.coupons import Redemption
from planctl.core.customers import Customer
from planctl.core.document import Document, leaves
from planctl.core.invoicing.advance import advance_or_hold
from planctl.core.invoicing.facts import Advanced, CustomerFacts
from planctl.core.invoicing.model import Invoice
from planctl.core.invoicing.projection import projected
from planctl.core.invoicing.stops import refuse_hold
from planctl.core.invoicing.succession import check_run_first
from planctl.core.periods import Instant, parse_instant, zone
from planctl.core.promises import Promise, start_promise
from planctl.core.subscriptions.addons import addon_terms, begin
from planctl.core.subscriptions.change_requests import Filed, Wish, wish_for
from planctl.core.subscriptions.changes import (
    Change,
    Keeping,
    When,
    coming_in_group,
    keeping,
    runs_in_group,
)
from planctl.core.subscriptions.model import Assignment, Subscription, Transition
from planctl.core.subscriptions.start import AlreadyRunning, Ask, Offered, Starting
from planctl.core.unreadable import Unreadable
from planctl.errors import InvalidInput, Refused, WrongUsage
from planctl.files.yaml_reader import read_values
from planctl.identifiers import new_id
from planctl.store import catalog, subscriptions
from planctl.store.change_requests import file_request, withdraw_request
from planctl.store.changing import Decided, withdraw, write_change, write_keeping
from planctl.store.coupons import redeemable
from planctl.store.deciding import Replacing, decide_change
from planctl.store.facts import customer_facts, facts_of_new, run_terms
from planctl.store.outcomes import write_start
from planctl.store.selling import Buyer, buyer, newest_or, on_agreed_terms
from planctl.store.trials import record_trials, trials_used
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for, as text where it needs the customer to be read (`start`: a local date or an instant).

    `quantity` 0 is one, where nothing was said. An empty `plan` is the one that waits for the customer.
    `may_ask`: there is a person to show differences to. `when` says when a change takes effect (`now`,
    `renewal`; `""`: as the group says). `reassign`: the plan that runs is to take its newest terms;
    then `negotiated` are all that are agreed.
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
    when: When = ""
    reassign: bool = False


@dataclass(frozen=True, slots=True)
class Proposal:
    """A start or a change, decided and not written: what begins, what it replaces, what is billed at once.

    `differences` are the paths in which the newest version differs from the one that was assigned. With `change`
    it takes the place of another plan: `billed` is then what that is billed with, for a change at renewal the
    request to be expected then; with its timing `approval` only a request is filed, for `wish`. `kept` goes on
    after all: then nothing begins. `facts` are the customer's before it, `withdrawn` are scheduled starts of the group
    that give way.
    """

    customer: Customer
    offered: Offered
    starting: Starting
    billed: Advanced
    agreed: Agreed | None = None
    assignment: Assignment | None = None
    differences: tuple[str, ...] = ()
    redemption: Redemption | None = None
    change: Change | None = None
    kept: Keeping | None = None
    facts: CustomerFacts | None = None
    withdrawn: tuple[Subscription, ...] = ()
    wish: Wish | None = None

    @property
    def subscription(self) -> Subscription:
        """The subscription as it is once its first invoice is issued; that which goes on where nothing begins."""
        if self.kept is not None:
            return self.kept.kept
        at_once = self.change is None or self.change.at_once
        new = self.starting.subscription
        return self.billed.as_it_is(new) if at_once else new

    @property
    def promise(self) -> Promise:
        """What a yes to it stands for."""
        notes = sum(note.total_minor for note in self.billed.credits)
        promise = start_promise(self.subscription, self.billed.drafts, self.starting.replaced)
        return {
            **promise,
            "credited": str(notes),
            "change": "" if self.change is None else self.change.timing,
        }


@dataclass(frozen=True, slots=True)
class Subscribed:
    """What was written."""

    subscription: Subscription
    invoices: tuple[Invoice, ...]
    replaced: tuple[Subscription, ...]
    transitions: tuple[Transition, ...]
    filed: Filed | None = None


def propose_subscription(tx: Tx, wanted: Wanted, now: Instant) -> Proposal:
    """Decide a start or a change; Refused, NotFound, InvalidInput or WrongUsage where it cannot be."""
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
    (facts,) = customer_facts(tx, [sold_to.customer.id], now)
    check_run_first(facts, now)
    if offer.terms.kind == "addon":
        sold_to = replace(sold_to, running=_standing(facts, now))
    old = _that_runs(offer, sold_to, wanted)
    asked = _Asked(wanted, assignment, differences, agreed_terms, facts)
    if old is not None:
        if old.plan != offer.plan or wanted.reassign or _other_row(old, offer, wanted, assignment):
            return _propose_change(tx, sold_to, offer, old, asked, now)
        going_on = keeping(old, sold_to.running)
        if going_on is not None and not wanted.coupon:
            return _propose_keeping(facts, offer, going_on, now)
    return _propose_start(tx, sold_to, offer, asked, now)


def _propose_start(tx: Tx, sold_to: Buyer, offer: Offered, asked: _Asked, now: Instant) -> Proposal:
    """Decide the start of a plan or add-on beside which nothing of its group runs but a free plan."""
    wanted, customer = asked.wanted, sold_to.customer
    changed_terms = {**asked.agreed, **addon_terms(customer, offer, sold_to.running)}
    offer, made = on_agreed_terms(tx, offer, read_values(changed_terms), sold_to.declared)
    ask = _ask(wanted, asked.assignment, customer, now, asked.agreed)
    ask = replace(ask, version=offer.version if wanted.plan_version else 0)
    used = trials_used(tx, customer, offer.plan, offer.terms)
    running = _giving_way(offer, sold_to)
    try:
        starting = begin(new_id("sub", now), customer, offer, ask, running, sold_to.declared, used)
    except AlreadyRunning as same:
        raise _with_coupon(same, wanted, offer.plan) from same
    redemption = redeemable(tx, wanted.coupon, starting.subscription, now) if wanted.coupon else None
    new = facts_of_new(tx, customer, starting.subscription, now, starting.replaced)
    if redemption is not None:
        new = replace(new, redemptions=(*new.redemptions, redemption))
    billed = advance_or_hold(new, now, run_terms(tx))
    refuse_hold(
        billed, "give a later --start, or move it in: planctl subscription import, with billed_through"
    )
    return Proposal(
        customer,
        offer,
        starting,
        billed,
        made,
        asked.assignment,
        asked.differences,
        redemption,
        withdrawn=coming_in_group(offer, sold_to.running),
    )


def apply_subscription(tx: Tx, proposal: Proposal, recorded_at: Instant) -> Subscribed:
    """Write a proposal made in this same transaction."""
    starting, snapshot = proposal.starting, None if proposal.agreed is None else proposal.agreed.snapshot
    if proposal.kept is not None:
        assert proposal.facts is not None
        write_keeping(tx, proposal.facts, proposal.kept, starting.subscription.created_at, recorded_at)
        return Subscribed(proposal.kept.kept, (), proposal.kept.withdrawn, ())
    if proposal.change is not None:
        return _apply_change(tx, proposal, proposal.change, snapshot, recorded_at)
    withdraw(tx, proposal.withdrawn, starting.subscription.created_at, recorded_at)
    invoices = write_start(
        tx,
        starting,
        proposal.billed,
        proposal.customer,
        snapshot,
        recorded_at,
        redemption=proposal.redemption,
    )
    record_trials(tx, starting.trial_use)
    _start_assignment(tx, proposal)
    over = tuple(proposal.billed.as_it_is(old) for old in starting.replaced)
    moves = (*starting.transitions, *proposal.billed.transitions)
    return Subscribed(proposal.subscription, tuple(invoices), (*over, *proposal.withdrawn), moves)


def _start_assignment(tx: Tx, proposal: Proposal) -> None:
    if proposal.assignment is not None:
        subscription = proposal.starting.subscription.id
        begun = replace(proposal.assignment, status="started", subscription=subscription)
        subscriptions.update_assignment(tx, begun)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What was asked for, with what was assigned before, the terms agreed on, and the customer's facts."""

    wanted: Wanted
    assignment: Assignment | None
    differences: tuple[str, ...]
    agreed: Mapping[str, str]
    facts: CustomerFacts


def _giving_way(offer: Offered, sold_to: Buyer) -> tuple[Subscription, ...]:
    """What runs, without scheduled starts of the group: they give way to one that begins now."""
    coming = {one.id for one in coming_in_group(offer, sold_to.running) if one.plan != offer.plan}
    return tuple(one for one in sold_to.running if one.id not in coming)


def _that_runs(offer: Offered, sold_to: Buyer, wanted: Wanted) -> Subscription | None:
    """The subscription that would be changed: of newer terms the plan's own, whatever its group, else of the group."""
    if not wanted.reassign or offer.terms.kind != "plan":
        return runs_in_group(offer, sold_to.running)
    return next((one for one in sold_to.running if one.live and one.plan == offer.plan), None)


def _other_row(old: Subscription, offer: Offered, wanted: Wanted, assignment: Assignment | None) -> bool:
    """Whether another price row of the plan that runs is asked for."""
    pay = wanted.pay or (assignment.pay if assignment else "")
    return bool(pay) and not offer.terms.free and pay != old.pay


def _propose_change(  # noqa: PLR0913 - what is sold, to whom, in whose place
    tx: Tx, sold_to: Buyer, offer: Offered, old: Subscription, asked: _Asked, now: Instant
) -> Proposal:
    """Decide a change of plan, with what it is billed with."""
    wanted, customer = asked.wanted, sold_to.customer
    agreed_terms = dict(asked.agreed)
    ask = _ask(wanted, asked.assignment, customer, now, agreed_terms)
    replacing = Replacing(old, offer, ask, read_values(agreed_terms), wanted.when)
    made = decide_change(tx, sold_to, asked.facts, replacing)
    change = made.decided.change
    return Proposal(
        customer,
        made.offer,
        Starting(change.successor, (*change.moved, *change.withdrawn)),
        made.decided.billed,
        made.agreed,
        asked.assignment,
        asked.differences,
        change=change,
        facts=asked.facts,
        wish=wish_for(change.successor, wanted.quantity, wanted.quantities, wanted.plan_version),
    )


def _apply_change(
    tx: Tx, proposal: Proposal, change: Change, snapshot: Document, recorded_at: Instant
) -> Subscribed:
    assert proposal.facts is not None
    if change.timing == "approval":
        assert proposal.wish is not None
        filed = file_request(tx, change.before, proposal.wish, change.successor.created_at)
        return Subscribed(change.before, (), (), (), filed)
    decided = Decided(change, proposal.facts, proposal.billed, snapshot)
    issued = write_change(tx, decided, recorded_at)
    withdraw_request(tx, change.before.id, change.successor.created_at)
    _start_assignment(tx, proposal)
    moves = proposal.billed.transitions if change.at_once else ()
    return Subscribed(proposal.subscription, tuple(issued), proposal.starting.replaced, moves)


def _propose_keeping(facts: CustomerFacts, offer: Offered, kept: Keeping, now: Instant) -> Proposal:
    """Decide that the plan that runs goes on, though it was to end or to change."""
    starting = Starting(replace(kept.kept, created_at=now))
    return Proposal(facts.customer, offer, starting, Advanced(facts.customer.id), kept=kept, facts=facts)


def _standing(facts: CustomerFacts, now: Instant) -> tuple[Subscription, ...]:
    """The customer's subscriptions with the status and end that time alone has brought.

    Refused where a run would hold the customer: an add-on is billed with its base.
    """
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
