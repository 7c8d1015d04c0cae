"""Changing to another plan of a group: up or down, when, and what takes whose place. It bills and writes nothing.

Every change ends the subscription that runs and begins one that follows it. Source: planctl billing rules,
lifecycle (groups).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from planctl.core.catalog.model import Group, Terms
from planctl.core.currencies import Currency
from planctl.core.customers import Customer
from planctl.core.instants import add_local_days
from planctl.core.periods import Instant, Interval, zone
from planctl.core.subscriptions.carrying import totals_for, units_for
from planctl.core.subscriptions.dues import Due, dues
from planctl.core.subscriptions.model import ENDED, Status, Subscription
from planctl.core.subscriptions.standing import (
    check_fees_billed,
    check_nothing_since,
    check_takes,
    name_of,
)
from planctl.core.subscriptions.start import (
    AlreadyRunning,
    Ask,
    Offered,
    check_eligible,
    check_price_is_agreed,
    check_quantities,
    choose_currency,
    choose_row,
)
from planctl.core.subscriptions.trials import check_payment_method, expiry
from planctl.errors import Refused
from planctl.values import dataclass

Direction = Literal["up", "down", "interval", "terms"]
"""up, down: to a higher or lower plan; interval: the same plan by another price row; terms: the same plan and row."""

Timing = Literal["now", "restart", "renewal", "approval"]
"""now: the rest of the period is credited and charged; restart: a new period begins; renewal: when the running
period ends; approval: an operator decides first, then at renewal."""

When = Literal["", "now", "renewal"]
"""What was asked for; `""`: as the group says."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change, decided. `ended` is the old subscription with its end, `successor` the one that follows it.

    `withdrawn` are starts of the group that were still to come and give way. `addons` are those of the old one
    as they are from the change on: on the new base, or ending. With timing `approval` nothing happens yet.
    """

    before: Subscription
    ended: Subscription
    successor: Subscription
    direction: Direction
    timing: Timing
    withdrawn: tuple[Subscription, ...] = ()
    addons: tuple[Subscription, ...] = ()

    @property
    def at(self) -> Instant:
        """When the new subscription begins."""
        return self.successor.started_at

    @property
    def at_once(self) -> bool:
        """Whether it happens with the command, and not later."""
        return self.timing in {"now", "restart"}

    @property
    def moved(self) -> tuple[Subscription, ...]:
        """What the command itself moves: the old one, and its add-ons where the change is at once."""
        return (self.ended, *self.addons) if self.at_once else (self.ended,)


@dataclass(frozen=True, slots=True)
class Keeping:
    """A subscription that goes on after all: its planned end, and the start that was to follow, are taken back."""

    kept: Subscription
    withdrawn: tuple[Subscription, ...] = ()
    addons: tuple[Subscription, ...] = ()


def keeping(one: Subscription, running: Iterable[Subscription]) -> Keeping | None:
    """What lets a live subscription go on that is to end, or to give way to a change; None where neither is planned.

    Only what somebody asked for is taken back, never the end that its terms foresee.
    """
    asked = one.ends_at is not None and one.end_reason in {"canceled", "changed"}
    if not one.live or not asked:
        return None
    withdrawn = tuple(
        other for other in running if other.status is Status.PENDING and other.follows == one.id
    )
    kept = _going_on(one)
    addons = tuple(
        _going_on(other)
        for other in running
        if other.base == one.id
        and other.live
        and other.ends_at == one.ends_at
        and other.end_reason == one.end_reason
    )
    return Keeping(kept, withdrawn, addons)


def _going_on(one: Subscription) -> Subscription:
    return replace(one, ends_at=one.expires_at, end_reason="" if one.expires_at is None else "expired")


def runs_in_group(offered: Offered, running: Iterable[Subscription]) -> Subscription | None:
    """The live subscription whose place a start of the plan would take: of its exclusive group, and not free.

    A free plan is replaced, not changed. Source: planctl billing rules, lifecycle (groups).
    """
    if not offered.exclusive:
        return None
    group = offered.terms.group
    return next(
        (one for one in running if one.live and one.exclusive_group == group and not one.terms.free), None
    )


def coming_in_group(offered: Offered, running: Iterable[Subscription]) -> tuple[Subscription, ...]:
    """The starts of the plan's exclusive group that are still to come."""
    if not offered.exclusive:
        return ()
    group = offered.terms.group
    return tuple(one for one in running if one.status is Status.PENDING and one.exclusive_group == group)


def row_for(old: Subscription, offered: Offered, wanted: str) -> str:
    """The price row of the new plan: the one asked for, else the interval that is paid now, else the only one."""
    usual = "" if offered.terms.free or offered.terms.row(old.pay) is None else old.pay
    return choose_row(offered, wanted or usual)


def direction_of(old: Subscription, offered: Offered, pay: str) -> Direction:
    """Whether the new plan is higher or lower: by the group's order, else dearer per month is up.

    What costs the same per month is down: nothing is charged before the renewal.
    """
    if offered.plan == old.plan:
        return "terms" if pay == old.pay else "interval"
    order = offered.group.order if offered.group is not None else ()
    if old.plan in order and offered.plan in order:
        return "up" if order.index(offered.plan) > order.index(old.plan) else "down"
    new = _monthly(offered.terms, pay, old.currency)
    return "up" if new > _monthly(old.terms, old.pay, old.currency) else "down"


def timing_of(direction: Direction, old: Subscription, group: Group | None, when: When) -> Timing:
    """When a change takes effect: as asked, else as the group says; within a trial at once, once it is approved.

    Another interval of the same plan begins a new period on the day of the change.
    """
    up = group.switch_up if group is not None else "now"
    down = group.switch_down if group is not None else "at renewal"
    if when == "renewal" and old.status is not Status.TRIALING:
        return "renewal"
    if when in {"now", "renewal"}:
        return up if direction == "up" else "now"
    if direction == "interval":
        return "now"
    if direction == "terms":
        return "now" if old.status is Status.TRIALING else "renewal"
    if direction == "up":
        return up
    if down == "on approval":
        return "approval"
    at_once = down == "now" or old.status is Status.TRIALING
    return "now" if at_once else "renewal"


def changed(  # noqa: PLR0913 - every fact is needed, each is one value
    new_id: str,
    customer: Customer,
    offered: Offered,
    ask: Ask,
    old: Subscription,
    running: Sequence[Subscription],
    declared: Mapping[str, Currency],
    when: When = "",
) -> Change:
    """The change that `ask` makes of `old`; `running` are the customer's subscriptions as they stand now.

    Refused where the old one is blocked, paused or has ended, where its running period is not billed yet, or
    where the new one could not be started. `offered` must have the old anchor where the period goes on.
    """
    _check_now(ask, old)
    check_takes(old, "change", f"it cannot be changed to {offered.plan}")
    check_eligible(customer, offered)
    pay = row_for(old, offered, ask.pay)
    _check_currency(offered, pay, ask, old, customer, declared)
    direction = direction_of(old, offered, pay)
    timing = timing_of(direction, old, offered.group, when)
    check_nothing_since(old, ask.now)
    at = ask.now
    if timing in {"now", "restart"}:
        for one in (old, *addons_of(old, running)):
            check_fees_billed(one, ask.now)
    else:
        at = renewal_of(old, ask.now)
    new = _successor(new_id, customer, offered, ask, old, pay, at, timing)
    if new.trial_ends_at is not None and offered.terms.trial is not None:
        check_payment_method(customer, offered.plan, offered.terms.trial)
    check_price_is_agreed(customer, offered, pay, old.currency)
    check_quantities(new)
    ended = replace(old, ends_at=at, end_reason="changed")
    withdrawn = tuple(one for one in coming_in_group(offered, running) if one.id != old.id)
    return Change(old, ended, new, direction, timing, withdrawn, moved_addons(old, new, running))


def reopened_at(one: Subscription, at: Instant) -> Subscription:
    """What a change cuts at the very instant of a run, which did not settle what the cut makes due there."""
    return replace(one, settled_at=Instant(at - 1)) if one.settled_at == at else one


def settled_then(one: Subscription) -> tuple[Due, ...]:
    """What a run settled of it at the very last instant; nothing falls due on it twice."""
    at = one.settled_at
    return () if at is None else dues(replace(one, settled_at=Instant(at - 1)), at)


def check_is_another(change: Change) -> None:
    """AlreadyRunning where the terms would be the same, or the same change is scheduled already."""
    old, new = change.before, change.successor
    same = change.direction == "terms" and old.terms_hash == new.terms_hash
    if same and dict(old.quantities_at(change.at)) == dict(new.quantities):
        raise AlreadyRunning(
            f"{name_of(old)} has these terms already (v{old.plan_version}); nothing was changed", where=old.id
        )
    for one in change.withdrawn:
        alike = (one.plan, one.pay, one.terms_hash, one.started_at, one.quantity) == (
            new.plan, new.pay, new.terms_hash, new.started_at, new.quantity,
        )  # fmt: skip
        if alike and one.follows == old.id and dict(one.quantities) == dict(new.quantities):
            raise AlreadyRunning(
                f"{one.customer} changes to {one.plan} at its renewal already ({one.id}); nothing was changed",
                where=one.id,
            )


def keeps_periods(old: Subscription, pay: str, timing: Timing) -> bool:
    """Whether the new subscription goes on with the old one's periods: not by another interval or a restart."""
    return pay == old.pay and timing != "restart"


def renewal_of(old: Subscription, now: Instant) -> Instant:
    """The end of the running period, or of the trial; Refused where there is none, or the terms end before it."""
    if old.trial_ends_at is not None and old.in_trial(now):
        return old.trial_ends_at
    schedule = old.schedule()
    boundary = schedule.period_at(Instant(max(now, old.anchor_at))).ends_at
    over = old.expires_at is not None and boundary is not None and old.expires_at < boundary
    if boundary is None or over:
        raise Refused(
            f"{name_of(old)} is not renewed, so nothing changes at its renewal",
            code="no-renewal",
            where=name_of(old),
            hint=f"planctl change now {old.customer} PLAN",
        )
    return boundary


def moved_addons(
    old: Subscription, new: Subscription, running: Iterable[Subscription]
) -> tuple[Subscription, ...]:
    """The old one's add-ons from the change on: on the new base where it allows them, else ending there.

    Where the base begins new periods, those of an add-on begin anew with them.
    """
    found = []
    for one in addons_of(old, running):
        if one.ends_at is not None and one.ends_at <= new.started_at:
            continue
        if not goes_with(one, new):
            ends_at = Instant(max(new.started_at, one.started_at))
            found.append(replace(one, ends_at=ends_at, end_reason="changed"))
            continue
        over, reason = _own_end(one, old, new)
        moved = replace(one, base=new.id, ends_at=over, end_reason=reason)
        if one.pay != "once" and one.in_trial(new.started_at):
            moved = _in_trial_of(moved, new)
        elif one.pay != "once" and not _same_grid(old, new) and new.started_at > one.anchor_at:
            moved = _begun_anew(moved, new.started_at)
        found.append(moved)
    return tuple(found)


def _in_trial_of(addon: Subscription, base: Subscription) -> Subscription:
    """An add-on in a trial, from a change of its base on: in the trial of the new base, or paid from then on."""
    over = base.trial_ends_at or base.started_at
    return replace(addon, trial_ends_at=over, fees_from=over, anchors=(over,))


def _begun_anew(addon: Subscription, at: Instant) -> Subscription:
    """An add-on whose periods begin anew at an instant; as it is where one begins there already and ends the same."""
    anew = replace(addon, anchors=(*addon.anchors, at))
    before, after = addon.schedule(), anew.schedule()
    same = before.period_at(at) == after.period_at(at)
    return addon if same else anew


def addons_of(base: Subscription, running: Iterable[Subscription]) -> tuple[Subscription, ...]:
    """The add-ons of a base that have not ended."""
    return tuple(one for one in running if one.base == base.id and one.status not in ENDED)


def goes_with(addon: Subscription, base: Subscription) -> bool:
    """Whether an add-on may stand on a base: the plan is one it requires, and its interval divides the base's."""
    needed = addon.terms.requires
    if needed and base.plan not in needed:
        return False
    if addon.pay == "once" or addon.terms.kind == "pack":
        return True
    return Interval.parse(addon.pay).divides(Interval.parse(base.pay))


def _own_end(addon: Subscription, old: Subscription, new: Subscription) -> tuple[Instant | None, str]:
    """The end that an add-on has of itself, and the new base's where that comes first."""
    ends: list[tuple[Instant | None, str]] = [
        (at, reason)
        for at, reason in ((addon.expires_at, "expired"), (new.ends_at, new.end_reason))
        if at is not None
    ]
    own = (addon.ends_at, addon.end_reason) != (old.ends_at, old.end_reason)
    if addon.ends_at is not None and own and addon.end_reason == "canceled":
        ends.append((addon.ends_at, addon.end_reason))
    return min(ends, key=lambda end: end[0] or 0, default=(None, ""))


def _same_grid(old: Subscription, new: Subscription) -> bool:
    return (old.anchor_at, old.anchors) == (new.anchor_at, new.anchors)


def _check_now(ask: Ask, old: Subscription) -> None:
    if ask.start_at != ask.now:
        raise Refused(
            f"{name_of(old)} runs: its plan changes now or at its renewal, not at another time",
            code="change-start",
            where=name_of(old),
            hint="leave --start out",
        )
    if ask.trial:
        raise Refused(
            f"{name_of(old)} runs: a change begins no trial",
            code="no-trial",
            where=name_of(old),
            hint="leave --trial out",
        )


def _check_currency(  # noqa: PLR0913 - the facts of `choose_currency`
    offered: Offered,
    pay: str,
    ask: Ask,
    old: Subscription,
    customer: Customer,
    declared: Mapping[str, Currency],
) -> None:
    """The new plan must be sold in the currency that is paid, which is fixed for the subscription's life."""
    wanted = ask.currency or old.currency.code
    known = {**declared, old.currency.code: old.currency}
    currency = choose_currency(offered, pay, wanted, customer, known)
    if currency.code != old.currency.code:
        raise Refused(
            f"{name_of(old)} is paid in {old.currency.code}, which a change keeps",
            code="no-such-currency",
            where=name_of(old),
            expected=old.currency.code,
            got=currency.code,
            hint=f"cancel it and start {offered.plan} anew",
        )


def _successor(  # noqa: PLR0913 - every fact is needed, each is one value
    new_id: str,
    customer: Customer,
    offered: Offered,
    ask: Ask,
    old: Subscription,
    pay: str,
    at: Instant,
    timing: Timing,
) -> Subscription:
    tz = zone(old.timezone)
    trial_ends_at = None
    if old.in_trial(at) and offered.terms.trial is not None and ask.trial is not False:
        ends_at = add_local_days(old.anchor_at, offered.terms.trial.days, tz)
        trial_ends_at = ends_at if ends_at > at else None
    kept = keeps_periods(old, pay, timing) and not old.in_trial(at)
    anchor_at: Instant
    anchors: tuple[Instant, ...]
    if trial_ends_at is not None:
        anchor_at, anchors = old.anchor_at, (trial_ends_at,)
    elif kept:
        anchor_at, anchors = old.anchor_at, tuple(one for one in old.anchors if one <= at)
    else:
        anchor_at, anchors = at, ()
    paid_from = at if trial_ends_at is None else trial_ends_at
    ends = expiry(offered.terms, at, old.timezone)
    status = Status.PENDING
    if at <= ask.now:
        status = Status.ACTIVE if trial_ends_at is None else Status.TRIALING
    return Subscription(
        id=new_id,
        customer=customer.id,
        plan=offered.plan,
        plan_version=offered.version,
        terms=offered.terms,
        terms_hash=offered.terms_hash,
        currency=old.currency,
        pay=pay,
        timezone=old.timezone,
        started_at=at,
        anchor_at=anchor_at,
        status=status,
        exclusive_group=offered.terms.group if offered.exclusive else "",
        fees_from=paid_from,
        usage_from=at,
        ends_at=ends,
        end_reason="" if ends is None else "expired",
        quantity=ask.quantity or units_for(old, offered.terms, at),
        quantities={**totals_for(old, offered.terms, pay, at), **ask.quantities},
        negotiated=ask.negotiated,
        catalog_revision=offered.revision,
        created_at=ask.now,
        trial_ends_at=trial_ends_at,
        expires_at=ends,
        anchors=anchors,
        follows=old.id,
        locked=old.locked,
    )


def _monthly(terms: Terms, pay: str, currency: Currency) -> Fraction:
    """The fee per month in a currency; 0 where there is none."""
    row = terms.row(pay)
    price = None if row is None or row.usage_only else row.fee.get(currency.code)
    months = None if row is None else row.interval.monthly_equivalent
    if not isinstance(price, Decimal) or months is None:
        return Fraction(0)
    return Fraction(price) / months
