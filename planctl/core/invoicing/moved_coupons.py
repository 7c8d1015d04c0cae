"""Coupons that went over to the subscription of another plan: what they have used and still give there.

Source: planctl billing rules, lifecycle (groups): remaining coupon periods move over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from planctl.core.coupons import Redemption
from planctl.core.invoicing.fees import share
from planctl.core.money import round_half_up
from planctl.core.periods import Instant, Period
from planctl.core.subscriptions.model import Subscription


def moved_over(redemption: Redemption, subscriptions: Iterable[Subscription]) -> Redemption:
    """The coupon with what it took from earlier subscriptions counted in the periods of the one that has it now.

    A period that a change of plan cut in two counts once, and what it gave for the days that were credited is
    there to be given again. Every other earlier period counts as used; such periods have numbers below 0.
    """
    if not redemption.earlier:
        return redemption
    by_id = {one.id: one for one in subscriptions}
    shared = _same_period(by_id.get(redemption.subscription), by_id)
    taken = dict(redemption.taken)
    for number, ((name, index), amount) in enumerate(sorted(redemption.earlier.items()), start=1):
        now = shared.get((name, index))
        if now is None:
            taken[-number] = amount
        else:
            taken[now] = taken.get(now, 0) + _kept(by_id[name], index, amount)
    return replace(redemption, taken=taken, earlier={})


def handed_over(
    redemptions: Sequence[Redemption], to: str, subscriptions: Iterable[Subscription]
) -> tuple[Redemption, ...]:
    """The coupons, those of the subscription whose place `to` (an id) takes being its own from now on.

    A free plan takes none over: nothing of it is billed.
    """
    new = next((one for one in subscriptions if one.id == to), None)
    if new is None or not new.follows or new.terms.free:
        return tuple(redemptions)
    return tuple(
        replace(
            one,
            subscription=to,
            taken={},
            earlier={
                **one.earlier,
                **{(one.subscription, index): minor for index, minor in one.taken.items()},
            },
        )
        if one.subscription == new.follows
        else one
        for one in redemptions
    )


def _same_period(now: Subscription | None, by_id: Mapping[str, Subscription]) -> dict[tuple[str, int], int]:
    """The periods of earlier subscriptions that go on as the first period of the one that runs now."""
    found: dict[tuple[str, int], int] = {}
    if now is None:
        return found
    index = now.schedule().index_at(now.started_at)
    one = now
    while one.follows in by_id:
        old = by_id[one.follows]
        period = one.schedule().period_at(one.started_at)
        goes_on = old.anchor_at == one.anchor_at and old.pay == one.pay
        if not goes_on or period.starts_at == one.started_at:
            return found
        found[(old.id, period.index)] = index
        if old.started_at <= period.starts_at:
            return found
        one = old
    return found


def _kept(old: Subscription, index: int, amount: int) -> int:
    """What of a discount stays given: the part for the days before the change."""
    period, full = old.schedule().period(index), old.schedule().full_period(index)
    begins = Instant(max(period.starts_at, old.started_at))
    assert old.ends_at is not None, f"{old.id} was followed and has no end"
    served = Period(index, begins, period.ends_at)
    whole = share(old, served.starts_at, served, full).part
    rest = share(old, old.ends_at, served, full).part
    return amount - round_half_up(amount * rest / whole, 0) if whole else amount
