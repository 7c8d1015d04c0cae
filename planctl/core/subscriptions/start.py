"""Starting a plan: with which trial and end, and what it replaces. It bills nothing and writes nothing.

What is offered, and on which row and in which currency it is sold, is of `offering.py` and offered from here too.
Source: planctl billing rules, lifecycle (assign, subscribe, groups, trial, expiry).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from decimal import Decimal

from planctl.core.currencies import Currency
from planctl.core.customers import Customer
from planctl.core.periods import Instant, instant_text
from planctl.core.subscriptions.model import ENDED, Status, Subscription, Transition
from planctl.core.subscriptions.offering import (
    Offered,
    check_built,
    check_eligible,
    check_price_is_agreed,
    check_quantities,
    choose_currency,
    choose_row,
    currencies_of,
)
from planctl.core.subscriptions.standing import check_takes
from planctl.core.subscriptions.transitions import after
from planctl.core.subscriptions.trials import (
    TrialUse,
    check_trial,
    expiry,
    trial_end,
    trial_of,
    trial_uses,
)
from planctl.errors import Refused
from planctl.values import dataclass

__all__ = [
    "AlreadyRunning",
    "Ask",
    "Offered",
    "Starting",
    "check_built",
    "check_eligible",
    "check_not_expired",
    "check_not_running",
    "check_price_is_agreed",
    "check_quantities",
    "check_start",
    "choose_currency",
    "choose_row",
    "currencies_of",
    "ended_with",
    "first_status",
    "no_trial",
    "started",
]


@dataclass(frozen=True, slots=True)
class Ask:
    """What was asked for. Empty `pay` and `currency` mean "where only one fits"; `trial` None: as the plan says.

    `start_at` is when the first period begins, `now` the instant of the command. `quantity` 0 is one, where
    nothing was said; `version` is a plan version asked for by name, 0: none was. `imported` starts take no
    trial but the one that goes on until `trial_ends_at`, and may begin at any past instant.
    """

    start_at: Instant
    now: Instant
    pay: str = ""
    currency: str = ""
    quantity: int = 0
    quantities: Mapping[str, Decimal] = field(default_factory=dict)
    negotiated: Mapping[str, str] = field(default_factory=dict)
    trial: bool | None = None
    version: int = 0
    schedule: bool = False
    imported: bool = False
    trial_ends_at: Instant | None = None


@dataclass(frozen=True, slots=True)
class Starting:
    """The subscription that begins, the free ones it replaces, the moves of both, and the trial that is taken."""

    subscription: Subscription
    replaced: tuple[Subscription, ...] = ()
    transitions: tuple[Transition, ...] = ()
    trial_use: tuple[TrialUse, ...] = ()


class AlreadyRunning(Refused):
    """The customer runs this plan on the terms asked for; subscribing again changes nothing. `where` is its id."""

    exit_code = 0
    default_code = "exists"


def started(  # noqa: PLR0913 - every fact is needed, each is one value
    new_id: str,
    customer: Customer,
    offered: Offered,
    ask: Ask,
    running: Sequence[Subscription],
    declared: Mapping[str, Currency],
    used: Collection[TrialUse] = (),
) -> Starting:
    """The subscription that `ask` begins, on the offered terms. `running` are the customer's subscriptions.

    `used` are the trials that the customer and its fingerprint have taken. A trial is the first period, and what
    is paid for begins at its end; whether anybody pays is asked then. Raises Refused (or NotYet, WrongUsage)
    where a rule says no, AlreadyRunning where it runs already, on these terms or where none are named.
    """
    if offered.terms.kind != "plan":
        raise Refused(
            f"{offered.plan} goes with a plan: it does not start by itself",
            code="requires",
            where=f"addons.{offered.plan}",
        )
    check_not_running(customer, offered, ask, running)
    check_eligible(customer, offered)
    pay = choose_row(offered, ask.pay)
    currency = choose_currency(offered, pay, ask.currency, customer, declared)
    check_start(ask, customer)
    check_apart(offered, ask, running)
    trial_ends_at = _trial_until(customer, offered, ask, pay, used)
    ends_at = expiry(offered.terms, ask.start_at, customer.timezone)
    subscription = Subscription(
        id=new_id,
        customer=customer.id,
        plan=offered.plan,
        plan_version=offered.version,
        terms=offered.terms,
        terms_hash=offered.terms_hash,
        currency=currency,
        pay=pay,
        timezone=customer.timezone,
        started_at=ask.start_at,
        anchor_at=ask.start_at,
        status=first_status(ask, trial_ends_at),
        exclusive_group=offered.terms.group if offered.exclusive else "",
        fees_from=trial_ends_at or ask.start_at,
        usage_from=ask.start_at,
        ends_at=ends_at,
        end_reason="" if ends_at is None else "expired",
        quantity=ask.quantity or 1,
        quantities=ask.quantities,
        negotiated=ask.negotiated,
        catalog_revision=offered.revision,
        created_at=ask.now,
        trial_ends_at=trial_ends_at,
        expires_at=ends_at,
        anchors=() if trial_ends_at is None else (trial_ends_at,),
    )
    check_not_expired(subscription, ask)
    check_price_is_agreed(customer, offered, pay, currency)
    check_quantities(subscription)
    moved = _replaced(subscription, running, ask)
    check_built(subscription)
    ended = [one for one, _ in moved]
    ended += [addon for one in ended for addon in ended_with(one, running)]
    moves = tuple(move for _, move in moved if move is not None)
    taken = trial_ends_at is not None
    uses = trial_uses(customer, offered.plan, offered.terms, new_id, ask.start_at) if taken else ()
    return Starting(subscription, tuple(ended), moves, uses)


def first_status(ask: Ask, trial_ends_at: Instant | None) -> Status:
    """The status that a start begins with; a trial that was over when it was moved in is one no more."""
    if ask.start_at > ask.now:
        return Status.PENDING
    over = trial_ends_at is None or (ask.imported and trial_ends_at <= ask.now)
    return Status.ACTIVE if over else Status.TRIALING


def check_not_expired(subscription: Subscription, ask: Ask) -> None:
    """A start dated back must not have run out by its terms before now (Refused)."""
    ends_at = subscription.expires_at
    if ends_at is not None and ends_at <= ask.now:
        raise Refused(
            f"{subscription.plan} from {instant_text(subscription.started_at)} would have expired already",
            code="expired-already",
            where=f"{subscription.customer}/{subscription.plan}",
            expected=f"a start within {subscription.terms.expires} of {instant_text(ask.now)}",
            got=instant_text(ends_at),
            hint="leave it out, or give a later start",
        )


def _trial_until(
    customer: Customer, offered: Offered, ask: Ask, pay: str, used: Collection[TrialUse]
) -> Instant | None:
    """The end of the trial that the start begins with; None for one without. Refused where there can be none.

    With neither `--trial` nor `--no-trial` the plan's trial starts. Source: planctl billing rules, lifecycle
    (trial).
    """
    trial = trial_of(offered.terms, pay)
    if ask.imported:
        return ask.trial_ends_at
    if trial is None and ask.trial:
        raise no_trial(customer, offered, "leave --trial out")
    if trial is None or ask.trial is False:
        return None
    check_trial(customer, offered.plan, offered.terms, used)
    over = trial_end(trial, ask.start_at, customer.timezone)
    if over <= ask.now and customer.payment_method == "none":
        raise Refused(
            f"the trial of {offered.plan} from {instant_text(ask.start_at)} would be over already, and nobody pays",
            code="expired-already",
            where=f"{customer.id}/{offered.plan}",
            got=instant_text(over),
            hint="leave --start out, or give a later one; --no-trial starts the paid period at once",
        )
    return over


def no_trial(customer: Customer, offered: Offered, hint: str) -> Refused:
    """What is said where a trial is asked for, or moved in, and the terms can have none."""
    what = "an add-on has its plan's trial" if offered.terms.kind == "addon" else "its terms have none"
    return Refused(
        f"{offered.plan} begins without a trial: {what}",
        code="no-trial",
        where=f"{customer.id}/{offered.plan}",
        hint=hint,
    )


def ended_with(base: Subscription, running: Iterable[Subscription]) -> tuple[Subscription, ...]:
    """The add-ons that would outlive their base, ending when it does and for its reason; none where it has no end.

    They still have their status: bringing them to their end bills their last usage.
    Source: planctl billing rules, lifecycle (add-ons).
    """
    ends_at = base.ends_at
    if ends_at is None:
        return ()
    return tuple(
        replace(one, ends_at=max(ends_at, one.started_at), end_reason=base.end_reason)
        for one in running
        if one.base == base.id and one.status not in ENDED and (one.ends_at is None or one.ends_at > ends_at)
    )


def check_apart(offered: Offered, ask: Ask, running: Iterable[Subscription]) -> None:
    """A start dated back must not lie within the time of an earlier plan of its exclusive group (Refused)."""
    group = offered.terms.group if offered.exclusive else ""
    for one in running:
        ended = one.status in ENDED and one.ends_at is not None and one.ends_at > one.started_at
        if group and ended and one.exclusive_group == group and (one.ends_at or 0) > ask.start_at:
            raise Refused(
                f"{one.customer} ran {one.plan} of the same group until {instant_text(one.ends_at or ask.now)}",
                code="overlaps",
                where=f"{one.customer}/{offered.plan}",
                expected=f"a start from {instant_text(one.ends_at or ask.now)} on",
                got=instant_text(ask.start_at),
                hint="leave --start out, or give a later one",
            )


def check_start(ask: Ask, customer: Customer) -> None:
    """A start still to come must be scheduled on purpose (Refused)."""
    if ask.start_at > ask.now and not ask.schedule:
        raise Refused(
            f"the start {instant_text(ask.start_at)} is still to come",
            code="future-start",
            where=customer.id,
            expected=f"at most {instant_text(ask.now)}",
            hint="" if ask.imported else "--schedule starts it then",
        )


def check_not_running(
    customer: Customer, offered: Offered, ask: Ask, running: Sequence[Subscription]
) -> None:
    """AlreadyRunning for the plan one has, whatever became of its offer; Refused for it on other terms."""
    old = next((one for one in running if one.plan == offered.plan and one.status not in ENDED), None)
    if old is None:
        return
    other = next(_other_terms(old, ask), None)
    if other is None:
        raise AlreadyRunning(
            f"{customer.id} already runs {old.plan} ({old.id}); nothing was changed", where=old.id
        )
    runs, hint = other
    raise Refused(
        f"{customer.id} already runs {old.plan} ({old.id}), {runs}; nothing was changed",
        code="runs-otherwise",
        where=f"{customer.id}/{old.plan}",
        hint=hint,
    )


def _other_terms(old: Subscription, ask: Ask) -> Iterator[tuple[str, str]]:
    """How it runs where something else is asked for, and what changes that. What is not said is not asked for."""
    address = f"{old.customer}/{old.plan}"
    anew = f"other terms need a new start after planctl subscription cancel {address}"
    renewed = f"planctl assign {old.customer} {old.plan} gives it the newest terms"
    if ask.pay and ask.pay != old.pay and not old.terms.free:
        yield f"by {old.pay}", anew
    if ask.currency and ask.currency != old.currency.code:
        yield f"in {old.currency.code}", anew
    quantity = f"planctl subscription quantity {address} {_said(ask)}"
    held = old.quantity_at(ask.now)
    if ask.quantity and ask.quantity != held:
        yield f"{held} at a time", quantity
    totals = old.quantities_at(ask.now)
    for feature, total in ask.quantities.items():
        entitlement = old.terms.features.get(feature)
        least = entitlement.included if entitlement is not None else None
        had = totals.get(feature, least or Decimal(0))
        if total != had:
            yield f"with {had} {feature}", quantity
    if ask.version and ask.version != old.plan_version:
        yield f"on v{old.plan_version}", renewed
    if any(old.negotiated.get(path) != value for path, value in ask.negotiated.items()):
        yield "on other agreed terms", renewed
    if ask.trial and old.status is not Status.TRIALING:
        yield "without a trial", "a trial begins with a subscription, and not later"
    if ask.trial is False and not ask.imported and old.status is Status.TRIALING:
        yield f"in a trial to {instant_text(old.trial_ends_at or old.anchor_at)}", anew
    if ask.start_at not in {ask.now, old.started_at}:
        yield f"since {instant_text(old.started_at)}", anew


def _said(ask: Ask) -> str:
    """The first quantity that is asked for, as the command line says it."""
    totals = (f"{feature}={total}" for feature, total in ask.quantities.items())
    return str(ask.quantity) if ask.quantity else next(totals, "")


def _replaced(
    new: Subscription, running: Sequence[Subscription], ask: Ask
) -> tuple[tuple[Subscription, Transition | None], ...]:
    """The free plans that give way, each with its end; every other plan of the group is a change (Refused).

    What runs still has its status: bringing it to its end closes its last allowances.
    """
    moved = []
    for old in running:
        if old.status in ENDED:
            continue
        if not new.exclusive_group or old.exclusive_group != new.exclusive_group:
            continue
        if not old.terms.free:
            raise Refused(
                f"{new.customer} runs {old.plan}, of the same group as {new.plan}: it would be changed, not started",
                code="group-runs",
                where=f"{new.customer}/{old.plan}",
                hint=f"planctl subscribe {new.customer} {new.plan} changes it",
            )
        ends_at = max(new.started_at, old.started_at)
        ends_at = ends_at if old.ends_at is None else min(ends_at, old.ends_at)
        ended = replace(old, ends_at=ends_at, end_reason="replaced")
        move = None
        check_takes(old, "replace", f"it does not give way to {new.plan}")
        if ends_at <= ask.now and not old.live:
            status = after(old.status, "replace", old.id)
            move = Transition(old.id, old.status, status, ends_at, "replaced")
            ended = replace(ended, status=status)
        moved.append((ended, move))
    return tuple(moved)
