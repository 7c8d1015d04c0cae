"""Add-ons: on which base, by which row and on whose clock they begin. It bills and writes nothing.

Source: planctl billing rules, lifecycle (add-ons).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from planctl.core.currencies import Currency
from planctl.core.customers import Customer
from planctl.core.periods import Instant, Interval, instant_text
from planctl.core.subscriptions.model import Status, Subscription
from planctl.core.subscriptions.standing import name_of, way_back
from planctl.core.subscriptions.start import (
    Ask,
    Offered,
    Starting,
    check_built,
    check_eligible,
    check_not_expired,
    check_not_running,
    check_price_is_agreed,
    check_quantities,
    check_start,
    first_status,
    no_trial,
    started,
)
from planctl.core.subscriptions.trials import TrialUse, expiry
from planctl.errors import Refused

STOPPED = frozenset({Status.BLOCKED, Status.PAUSED})


def begin(  # noqa: PLR0913 - the facts of `started`
    new_id: str,
    customer: Customer,
    offered: Offered,
    ask: Ask,
    running: Sequence[Subscription],
    declared: Mapping[str, Currency],
    used: Collection[TrialUse] = (),
) -> Starting:
    """The subscription that `ask` begins: a plan's, or an add-on's on its base. Refused for a pack."""
    if offered.terms.kind == "pack":
        raise Refused(
            f"{offered.plan} is a pack: it is bought, not subscribed to",
            code="pack",
            where=f"addons.{offered.plan}",
            hint=f"planctl wallet buy {customer.id} {offered.plan}",
        )
    if offered.terms.kind == "plan":
        return started(new_id, customer, offered, ask, running, declared, used)
    return _addon(new_id, customer, offered, ask, running)


def _addon(
    new_id: str, customer: Customer, offered: Offered, ask: Ask, running: Sequence[Subscription]
) -> Starting:
    """An add-on from `ask.start_at` on, with its base's currency, timezone, anchors, trial and end.

    A one-off may be bought again and again, and is paid in a trial too. What an add-on's own terms foresee may
    end it sooner than its base.
    """
    base = base_of(customer, offered, running)
    pay = row_on(offered, base, ask.pay)
    once = pay == "once"
    if not once:
        check_not_running(customer, offered, ask, running)
    check_eligible(customer, offered)
    _check_currency(offered, base, pay, ask.currency)
    check_start(ask, customer)
    _check_base_then(offered, base, ask)
    assert once or offered.terms.anchor == base.terms.anchor, f"{offered.plan} is not on its base's anchor"
    trial_ends_at = None if once else _trial_of_base(customer, offered, base, ask)
    expires_at = expiry(offered.terms, ask.start_at, base.timezone)
    ends_at, end_reason = base.ends_at, base.end_reason
    if expires_at is not None and (ends_at is None or expires_at <= ends_at):
        ends_at, end_reason = expires_at, "expired"
    subscription = Subscription(
        id=new_id,
        customer=customer.id,
        plan=offered.plan,
        plan_version=offered.version,
        terms=offered.terms,
        terms_hash=offered.terms_hash,
        currency=base.currency,
        pay=pay,
        timezone=base.timezone,
        started_at=ask.start_at,
        anchor_at=ask.start_at if once else base.anchor_at,
        status=first_status(ask, trial_ends_at),
        fees_from=trial_ends_at or ask.start_at,
        usage_from=ask.start_at,
        ends_at=ends_at,
        end_reason=end_reason,
        quantity=ask.quantity or max(offered.terms.quantity[0], 1),
        quantities=ask.quantities,
        negotiated=ask.negotiated,
        catalog_revision=offered.revision,
        created_at=ask.now,
        base=base.id,
        trial_ends_at=trial_ends_at,
        expires_at=expires_at,
        anchors=() if once else base.anchors,
    )
    check_not_expired(subscription, ask)
    check_price_is_agreed(customer, offered, pay, base.currency)
    check_quantities(subscription)
    check_built(subscription)
    return Starting(subscription)


def _trial_of_base(customer: Customer, offered: Offered, base: Subscription, ask: Ask) -> Instant | None:
    """The end of the base's trial, until which its add-ons cost nothing either; None where it is in none.

    Refused where something else is asked for. Source: planctl billing rules, lifecycle (trial: nothing charged).
    """
    in_trial = base.in_trial(ask.start_at)
    if ask.trial and not in_trial:
        raise no_trial(customer, offered, "leave --trial out")
    if ask.trial is False and in_trial and not ask.imported:
        raise Refused(
            f"{base.plan} is in its trial, in which {offered.plan} costs nothing either",
            code="in-trial",
            where=f"{customer.id}/{offered.plan}",
            hint="leave --no-trial out",
        )
    return base.trial_ends_at if in_trial else None


def base_of(customer: Customer, offered: Offered, running: Iterable[Subscription]) -> Subscription:
    """The plan that an add-on goes with: a paid one before one in its trial, the first in `requires`, else the oldest
    recurring one. Refused without.

    It must run: neither scheduled nor ended, and neither blocked nor paused (Refused).
    """
    needed = offered.terms.requires
    plans = [one for one in running if one.live and not one.base]
    fitting = [one for one in plans if not needed or one.plan in needed]
    fitting.sort(
        key=lambda one: (
            one.status in STOPPED,
            one.status is Status.TRIALING,
            needed.index(one.plan) if needed else 0,
            one.pay == "once",
            one.started_at,
            one.id,
        )
    )
    if not fitting:
        wanted = " or ".join(needed) or "a plan"
        raise Refused(
            f"{offered.plan} goes with {wanted}, and {customer.id} runs {'none of them' if needed else 'none'}",
            code="requires",
            where=f"addons.{offered.plan}",
            expected=" | ".join(needed) or "a plan that runs",
            got=", ".join(sorted(one.plan for one in plans)) or "no plan",
            hint=f"planctl subscribe {customer.id} {needed[0] if needed else 'PLAN'}",
        )
    base = fitting[0]
    if base.status in STOPPED:
        raise Refused(
            f"{name_of(base)} is {base.status}: nothing is added to it",
            code="stopped",
            where=name_of(base),
            hint=way_back(base),
        )
    return base


def row_on(offered: Offered, base: Subscription, wanted: str = "") -> str:
    """The price row by which an add-on bills: the longest that divides the base's; `once` where it is a one-off.

    Refused where none divides it, or the one that is asked for does not.
    """
    rows = [row.interval for row in offered.terms.rows]
    once = [row for row in rows if row.unit == "once"]
    dividing = [row for row in rows if row.unit != "once" and row.divides(Interval.parse(base.pay))]
    usable = [*once, *sorted(dividing)]
    chosen = [row for row in usable if wanted in {"", str(row)}]
    if not chosen:
        raise Refused(
            f"{offered.plan} is not sold by an interval that divides {base.plan}'s ({base.pay})",
            code="addon-interval",
            where=f"addons.{offered.plan}",
            expected=" | ".join(str(row) for row in usable) or f"an interval that divides {base.pay}",
            got=wanted or ", ".join(str(row) for row in rows),
        )
    return str(chosen[-1])


def _check_currency(offered: Offered, base: Subscription, pay: str, wanted: str) -> None:
    code = base.currency.code
    row = offered.terms.row(pay)
    sold = tuple(row.fee) if row is not None else ()
    if wanted not in {"", code} or (row is not None and not row.usage_only and code not in sold):
        raise Refused(
            f"{offered.plan} is billed with {base.plan}, in {code}",
            code="no-such-currency",
            where=f"addons.{offered.plan}",
            expected=code,
            got=wanted or " | ".join(sold),
        )


def _check_base_then(offered: Offered, base: Subscription, ask: Ask) -> None:
    """The base must run when the add-on begins: not yet to start, not ended by then."""
    if base.started_at <= ask.start_at and (base.ends_at is None or ask.start_at < base.ends_at):
        return
    ends = "on" if base.ends_at is None else f"to {instant_text(base.ends_at)}"
    raise Refused(
        f"{base.plan} does not run when {offered.plan} would begin",
        code="requires",
        where=f"addons.{offered.plan}",
        expected=f"{instant_text(base.started_at)} {ends}",
        got=instant_text(ask.start_at),
    )


def addon_terms(customer: Customer, offer: Offered, running: Sequence[Subscription]) -> dict[str, str]:
    """The terms that an add-on takes over from its base, by path: its anchor. Nothing for a plan."""
    if offer.terms.kind != "addon":
        return {}
    base = base_of(customer, offer, running)
    once = row_on(offer, base) == "once"
    return {} if once or base.terms.anchor == offer.terms.anchor else {"anchor": str(base.terms.anchor)}
