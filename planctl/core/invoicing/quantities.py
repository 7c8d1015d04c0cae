"""Changing how many are held: from when on, what that costs at once, and what it takes back. It writes nothing.

An increase holds now and is charged for the rest of the running period; a decrease holds from the renewal on,
or now with a credit where the terms or the operator say so. In arrears nothing is charged before the period's end.
Source: planctl billing rules, fees (quantities).
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from planctl.core.invoicing.drafting import empty_draft
from planctl.core.invoicing.fees import Names, step_line
from planctl.core.invoicing.model import Draft, Line
from planctl.core.periods import Instant, Period, instant_text
from planctl.core.subscriptions.dues import FEE, dues
from planctl.core.subscriptions.model import ENDED, QuantityStep, Status, Subscription
from planctl.core.subscriptions.standing import takes
from planctl.core.subscriptions.start import check_quantities
from planctl.errors import Refused
from planctl.values import dataclass

OCCASION = "change:"


@dataclass(frozen=True, slots=True)
class QuantityAsk:
    """What was asked for at `now`: a feature's total with the allowance, or with `feature` `""` the plan's own number.

    `seq` is the number that the change gets; `at_once` asks for a decrease now.
    """

    feature: str
    total: Decimal
    now: Instant
    seq: int
    at_once: bool = False


@dataclass(frozen=True, slots=True)
class QuantityChange:
    """A change, decided and not written: the subscription afterwards, and what is charged or credited at once.

    `before` and `after` are totals; `step` is None where only a scheduled change was taken back. Without both,
    nothing changes.
    """

    subscription: Subscription
    feature: str
    before: Decimal
    after: Decimal
    step: QuantityStep | None = None
    removed: tuple[QuantityStep, ...] = ()
    lines: tuple[Line, ...] = ()

    @property
    def unchanged(self) -> bool:
        """Whether it is as it was asked for already."""
        return self.step is None and not self.removed

    @property
    def amount_minor(self) -> int:
        """What it comes to at once, before discounts and tax; below zero for a credit."""
        return sum(line.amount_minor for line in self.lines)


def changed_quantity(subscription: Subscription, ask: QuantityAsk, names: Names) -> QuantityChange:
    """What asking for another quantity does; `subscription` is as it stands at `ask.now`.

    Refused where it has ended or is stopped, where that many are not sold (InvalidInput for a feature's total),
    or where what follows `ask.now` was already billed. Whatever was scheduled for the same quantity gives way.
    """
    _check_standing(subscription)
    check_quantities(_holding(subscription, ask))
    now = Instant(max(ask.now, subscription.started_at))
    held = _held(subscription, ask.feature, now)
    coming = tuple(one for one in subscription.steps if one.feature == ask.feature and one.at > now)
    _check_order(subscription, ask, now, coming)
    if ask.total == held:
        return _kept(subscription, ask, held, coming)
    at, charged = _when(subscription, ask, now, decrease=ask.total < held)
    if [(one.at, one.total) for one in coming] == [(at, ask.total)]:
        return QuantityChange(subscription, ask.feature, held, ask.total)
    step = QuantityStep(at, ask.feature, ask.total, ask.seq, charged)
    steps = (*(one for one in subscription.steps if one not in coming), step)
    changed = replace(subscription, steps=steps)
    line = _line(changed, step, names) if charged else None
    lines = () if line is None else (line,)
    return QuantityChange(changed, ask.feature, held, ask.total, step, coming, lines)


def charged_step(subscription: Subscription, occasion: str, names: Names) -> Line | None:
    """The line of a change again, from the occasion of its invoice and the steps as stored; None without one."""
    step = next((one for one in subscription.steps if f"{OCCASION}{one.seq}" == occasion), None)
    return None if step is None or not step.charged else _line(subscription, step, names)


def change_draft(change: QuantityChange, now: Instant) -> Draft | None:
    """The invoice of what a change costs at once (a negative one for a credit), before discounts and tax.

    None where nothing is charged.
    """
    if not change.lines or change.step is None:
        return None
    index, occasion = change.lines[0].service_index, f"{OCCASION}{change.step.seq}"
    empty = empty_draft(change.subscription, "change", index, occasion, change.step.at, now)
    return replace(empty, lines=change.lines)


def scheduled_steps(subscription: Subscription, at: Instant) -> tuple[QuantityStep, ...]:
    """The changes that are still to come at an instant, soonest first."""
    return tuple(
        sorted((one for one in subscription.steps if one.at > at), key=lambda one: (one.at, one.seq))
    )


def _check_standing(subscription: Subscription) -> None:
    where = f"{subscription.customer}/{subscription.plan}"
    if subscription.status in ENDED:
        raise Refused(
            f"{where} has ended: {subscription.status}",
            code="ended",
            where=where,
            expected=takes(subscription),
        )
    if subscription.status in {Status.BLOCKED, Status.PAUSED}:
        blocked = subscription.status is Status.BLOCKED
        raise Refused(
            f"{where} is {subscription.status}: its quantities do not change",
            code="stopped",
            where=where,
            hint="what is overdue must be paid first" if blocked else f"planctl subscription resume {where}",
        )


def _holding(subscription: Subscription, ask: QuantityAsk) -> Subscription:
    """The subscription as if it held only what is asked for, to check that this is sold."""
    if ask.feature:
        return replace(
            subscription, quantity=subscription.quantity_at(ask.now), quantities={ask.feature: ask.total}
        )
    return replace(subscription, quantity=int(ask.total), quantities={})


def _held(subscription: Subscription, feature: str, at: Instant) -> Decimal:
    if not feature:
        return Decimal(subscription.quantity_at(at))
    included = subscription.terms.features[feature].included or Decimal(0)
    return max(subscription.quantities_at(at).get(feature, included), included)


def _check_order(
    subscription: Subscription, ask: QuantityAsk, now: Instant, coming: tuple[QuantityStep, ...]
) -> None:
    """Nothing that came after `now` may be done already: a later change, or a fee that was billed."""
    where = f"{subscription.customer}/{subscription.plan}"
    done = [one.at for one in coming if one.charged or one.at != _boundary(subscription, now)]
    settled = subscription.settled_at
    if settled is not None and settled > now:
        since = dues(replace(subscription, settled_at=now), settled)
        done += [due.at for due in since if due.part == FEE]
    if done:
        raise Refused(
            f"{where} was changed or billed as of {instant_text(max(done))}: its quantity cannot change before that",
            code="settled-since",
            where=where,
            got=instant_text(ask.now),
            hint=f"--as-of {instant_text(max(done))}",
        )


def _kept(
    subscription: Subscription, ask: QuantityAsk, held: Decimal, coming: tuple[QuantityStep, ...]
) -> QuantityChange:
    """What it holds already: only what was scheduled is taken back."""
    steps = tuple(one for one in subscription.steps if one not in coming)
    kept = replace(subscription, steps=steps) if coming else subscription
    return QuantityChange(kept, ask.feature, held, held, removed=coming)


def _when(
    subscription: Subscription, ask: QuantityAsk, now: Instant, *, decrease: bool
) -> tuple[Instant, bool]:
    """From when on the new quantity holds, and whether the rest of the running period is charged on its own."""
    if subscription.status in {Status.PENDING, Status.TRIALING} or now < subscription.anchor_at:
        return now, False
    at_once = ask.at_once or subscription.terms.decrease == "now"
    if decrease and not at_once and not _fee_is_coming(subscription, now):
        return _renewal(subscription, now), False
    in_arrears = subscription.terms.bill == "in arrears" and subscription.pay != "once"
    if in_arrears or _fee_is_coming(subscription, now):
        return now, False
    if decrease:
        _check_billed(subscription, now)
    return now, True


def _boundary(subscription: Subscription, now: Instant) -> Instant | None:
    schedule = subscription.schedule()
    return schedule.period_at(max(now, subscription.anchor_at)).ends_at


def _renewal(subscription: Subscription, now: Instant) -> Instant:
    """The next renewal; Refused where there is none, or it ends before."""
    boundary = _boundary(subscription, now)
    ends_at = subscription.ends_at
    if boundary is None or (ends_at is not None and ends_at <= boundary):
        where = f"{subscription.customer}/{subscription.plan}"
        raise Refused(
            f"{where} is not renewed, so no renewal lowers its quantity",
            code="no-renewal",
            where=where,
            got="" if ends_at is None else f"it ends {instant_text(ends_at)}",
            hint="--at now credits the rest",
        )
    return boundary


def _fee_is_coming(subscription: Subscription, now: Instant) -> bool:
    """Whether a period begins at this very instant whose fee is not billed yet: it will be for the new quantity."""
    schedule = subscription.schedule()
    begins = max(schedule.period_at(now).starts_at, subscription.started_at)
    settled = subscription.settled_at
    unbilled = settled is None or settled < begins
    return begins == now and begins >= subscription.fees_from and unbilled


def _check_billed(subscription: Subscription, now: Instant) -> None:
    """Only what was billed can be credited (Refused): a run must have been there."""
    late = [due.at for due in dues(subscription, now) if due.part == FEE]
    if late:
        where = f"{subscription.customer}/{subscription.plan}"
        raise Refused(
            f"{where}: the fee of {instant_text(late[-1])} is not billed yet, so nothing of it can be credited",
            code="not-billed",
            where=where,
            hint=f"planctl invoice run --customer {subscription.customer}",
        )


def _line(subscription: Subscription, step: QuantityStep, names: Names) -> Line | None:
    """What a step is charged for the rest of the period in which it holds, under its own occasion."""
    schedule = subscription.schedule()
    index = schedule.index_at(step.at)
    full = schedule.full_period(index)
    rest = Period(index, step.at, full.ends_at)  # a later anchor cuts the period, not what was charged
    for end in (subscription.ends_at, subscription.foreseen_end(step.at)):
        rest = rest if end is None else rest.cut_at(end)
    line = step_line(subscription, step, rest, full, names)
    return None if line is None else replace(line, occasion=f"{OCCASION}{step.seq}")
