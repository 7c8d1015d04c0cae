"""Trials and ends that terms foresee: how long, who may have one, and that it was taken. It starts nothing.

Source: planctl billing rules, lifecycle (trial, expiry).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from planctl.core.catalog.model import Terms, Trial
from planctl.core.customers import Customer
from planctl.core.instants import add_local_days
from planctl.core.periods import Anchor, Instant, Interval, Schedule, instant_text, zone
from planctl.errors import Refused
from planctl.values import dataclass

WhoKind = Literal["customer", "fingerprint"]


@dataclass(frozen=True, slots=True)
class TrialUse:
    """A trial that was taken: by a customer or a fingerprint, of a group or of a plan that is in none.

    `scope` is `group:ID` or `plan:ID`. `subscription` is whose trial it was, `""` where another system gave it.
    """

    who_kind: WhoKind
    who: str
    scope: str
    subscription: str
    started_at: Instant


def scope_of(plan: str, terms: Terms) -> str:
    """What a trial is taken once of: the plan's group, or the plan where it is in none."""
    return f"group:{terms.group}" if terms.group else f"plan:{plan}"


def trial_of(terms: Terms, pay: str) -> Trial | None:
    """The trial that a start on a price row may have; None for what is paid once and for what goes with a plan.

    A plan that is sold both by the month and once has its trial by the month alone.
    """
    return terms.trial if terms.kind == "plan" and pay != "once" and not terms.free else None


def check_trial(customer: Customer, plan: str, terms: Terms, used: Collection[TrialUse]) -> None:
    """Refused where the customer cannot have the plan's trial: it took one, or a payment method is missing.

    `used` are the trials that the customer and its fingerprint have taken. A customer has one per scope; with
    `once_per` fingerprint so has everybody with the same fingerprint. The terms must have a trial.
    """
    trial = terms.trial
    assert trial is not None, f"{plan} has no trial"
    where = f"{customer.id}/{plan}"
    taken = _taken(customer, scope_of(plan, terms), trial, used)
    if taken is not None:
        who = customer.id if taken.who_kind == "customer" else f"a customer with {customer.id}'s fingerprint"
        by = f" ({taken.subscription or 'in another system'})"
        raise Refused(
            f"{who} had the trial of {taken.scope.replace(':', ' ', 1)} on {instant_text(taken.started_at)}{by}",
            code="trial-used",
            where=where,
            expected=f"one trial per {' and '.join(_once_per(trial))} in each {taken.scope.partition(':')[0]}",
            hint=f"planctl subscribe {customer.id} {plan} --no-trial",
        )
    check_payment_method(customer, plan, trial)


def check_payment_method(customer: Customer, plan: str, trial: Trial) -> None:
    """Refused where a trial needs somebody who pays, and nothing says how."""
    if trial.card and customer.payment_method == "none":
        raise Refused(
            f"the trial of {plan} begins with a payment method on file, and {customer.id} has none",
            code="trial-card",
            where=f"{customer.id}/{plan}",
            expected="payment method card or invoice",
            got="none",
            hint=f"planctl customer update {customer.id} --payment-method card",
        )


def may_try(customer: Customer, plan: str, terms: Terms, used: Collection[TrialUse]) -> bool:
    """Whether `check_trial` would let the trial begin; no where the terms have none."""
    if terms.trial is None:
        return False
    try:
        check_trial(customer, plan, terms, used)
    except Refused:
        return False
    return True


def trial_uses(
    customer: Customer, plan: str, terms: Terms, subscription: str, at: Instant
) -> tuple[TrialUse, ...]:
    """What is remembered of a trial: that the customer took it, and its fingerprint where it has one.

    Both whatever the terms ask for: those of another version may ask for more.
    """
    scope = scope_of(plan, terms)
    named: list[tuple[WhoKind, str]] = [("customer", customer.id), ("fingerprint", customer.fingerprint)]
    return tuple(TrialUse(kind, who, scope, subscription, at) for kind, who in named if who)


def trial_end(trial: Trial, begins: Instant, timezone: str) -> Instant:
    """The end of a trial: as many local days later, at the same wall time; this instant is not in it any more."""
    return add_local_days(begins, trial.days, zone(timezone))


def expiry(terms: Terms, begins: Instant, timezone: str) -> Instant | None:
    """When a plan or an add-on ends by its terms: an interval after its start, on the local calendar; None: never.

    31 January and a month is the last of February, at the same wall time. What a pack says is of its units.
    """
    if terms.kind == "pack" or terms.expires in {"never", "period", "subscription"}:
        return None
    return Schedule(begins, Interval.parse(terms.expires), Anchor("start"), timezone).boundary(1)


def _taken(customer: Customer, scope: str, trial: Trial, used: Collection[TrialUse]) -> TrialUse | None:
    """The first use that stands in the way, the customer's own before its fingerprint's."""
    asked = [("customer", customer.id)]
    if "fingerprint" in trial.once_per and customer.fingerprint:
        asked.append(("fingerprint", customer.fingerprint))
    by_who = {(use.who_kind, use.who): use for use in used if use.scope == scope}
    return next((by_who[who] for who in asked if who in by_who), None)


def _once_per(trial: Trial) -> tuple[str, ...]:
    return ("customer", *(word for word in trial.once_per if word != "customer"))
