"""Moving one customer's dates on: the end of a trial, the end that the terms foresee. It bills and writes nothing.

Until when invoices may be paid is moved with them, in `dunning.py` and the store.
Source: planctl billing rules, lifecycle (trial, expiry).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from planctl.core.instants import add_local_days
from planctl.core.periods import Instant, instant_text, zone
from planctl.core.subscriptions.model import ENDED, Extension, Status, Subscription
from planctl.core.subscriptions.standing import name_of, takes
from planctl.errors import Refused

IN_TRIAL = frozenset({Status.TRIALING, Status.PENDING})
STOPPED = frozenset({Status.BLOCKED, Status.PAUSED})


def longer_trial(subscription: Subscription, days: int, now: Instant) -> Subscription:
    """The subscription with its trial `days` local days longer: what is paid for begins so much later.

    Refused where it is in no trial at `now`, or ends before the trial would.
    """
    where, ends_at = name_of(subscription), subscription.trial_ends_at
    if subscription.status not in IN_TRIAL or ends_at is None or not subscription.in_trial(now):
        had = "had none" if ends_at is None else f"ended at {instant_text(ends_at)}"
        raise Refused(
            f"{where} is in no trial: it {had}",
            code="trial-over",
            where=where,
            expected=takes(subscription),
            got=subscription.status,
        )
    if subscription.base:
        raise Refused(
            f"{where} is in the trial of its plan", code="trial-over", where=where, hint="extend the plan's"
        )
    if subscription.ends_at is not None and subscription.ends_at <= ends_at:
        kept = f"subscribe {subscription.customer} {subscription.plan}"
        kept = kept if subscription.end_reason == "changed" else f"subscription resume {where}"
        raise Refused(
            f"{where} ends at {instant_text(subscription.ends_at)}, its trial no later than that",
            code="ends-first",
            where=where,
            got=subscription.end_reason,
            hint=f"planctl {kept} lets it go on",
        )
    return _in_trial_until(subscription, add_local_days(ends_at, days, zone(subscription.timezone)))


def with_longer_trial(addon: Subscription, before: Subscription, after: Subscription) -> Subscription:
    """An add-on in its base's trial, after that was extended from `before` to `after`; others as they are."""
    if addon.base != before.id or addon.status not in IN_TRIAL or addon.trial_ends_at != before.trial_ends_at:
        return addon
    assert after.trial_ends_at is not None
    return _in_trial_until(addon, after.trial_ends_at)


def later_expiry(
    subscription: Subscription, others: Iterable[Subscription], days: int, now: Instant, cause: str
) -> Subscription:
    """The subscription with the end that its terms foresee moved on by local days; `others` are its customer's.

    One that is to end earlier for another reason still does. Refused where its terms foresee no end, where that
    is over, or another start of its group waits for it.
    """
    where, before = name_of(subscription), subscription.expires_at
    if before is None:
        raise Refused(
            f"{where} does not expire: its terms never end",
            code="no-expiry",
            where=where,
            expected=takes(subscription),
        )
    if subscription.status in ENDED or before <= now:
        raise Refused(
            f"{where} expired at {instant_text(before)}",
            code="ended",
            where=where,
            expected=takes(subscription),
        )
    after = add_local_days(before, days, zone(subscription.timezone))
    several = tuple(others)
    group = subscription.exclusive_group
    for one in several:
        waits = one.status is Status.PENDING and one.id != subscription.id and one.exclusive_group == group
        if group and waits and one.started_at < after:
            raise Refused(
                f"{name_of(one)} begins at {instant_text(one.started_at)}, in the place of {where}",
                code="change-scheduled",
                where=where,
                expected="nothing that is still to start",
                got=one.id,
                hint=f"planctl subscription cancel {one.id}",
            )
    base = next((one for one in several if one.id == subscription.base), None)
    moved = replace(subscription, expires_at=after)
    return _ending(moved, subscription, base, Extension(cause, now, before, after))


def with_later_expiry(
    addon: Subscription, before: Subscription, after: Subscription, now: Instant, cause: str
) -> Subscription:
    """An add-on that was to end with its base, after that was extended; others as they are."""
    ends_at = addon.ends_at
    with_base = addon.base == before.id and addon.status not in ENDED and addon.end_reason == "expired"
    if not with_base or ends_at is None or ends_at != before.ends_at or after.ends_at == before.ends_at:
        return addon
    return _ending(addon, addon, after, Extension(cause, now, ends_at, ends_at))


def check_goes_on(subscription: Subscription, what: str) -> None:
    """Refused where it is blocked or paused: nothing is charged for time in which it may not be used."""
    if subscription.status in STOPPED:
        where = name_of(subscription)
        paused = subscription.status is Status.PAUSED
        raise Refused(
            f"{where} is {subscription.status}: {what}",
            code="stopped",
            where=where,
            hint=f"planctl subscription resume {where}" if paused else "what is overdue must be paid first",
        )


def _in_trial_until(subscription: Subscription, ends_at: Instant) -> Subscription:
    """The subscription with its trial's end there, from where its periods are counted anew, and its fees owed."""
    anchors = tuple(sorted({ends_at, *subscription.anchors} - {subscription.trial_ends_at}))
    return replace(
        subscription,
        trial_ends_at=ends_at,
        anchors=anchors,
        fees_from=Instant(max(ends_at, subscription.fees_from)),
    )


def _ending(
    moved: Subscription, before: Subscription, base: Subscription | None, extension: Extension
) -> Subscription:
    """The subscription with the end that its new expiry and its base leave it, and the move of that remembered."""
    if before.end_reason != "expired":
        return moved
    ends = [moved.expires_at, None if base is None else base.ends_at]
    ends_at = min((end for end in ends if end is not None), default=None)
    assert ends_at is not None
    if ends_at == before.ends_at:
        return moved
    assert before.ends_at is not None
    made = replace(extension, before=before.ends_at, after=ends_at)
    reason = "expired" if base is None or ends_at != base.ends_at else base.end_reason
    return replace(moved, ends_at=ends_at, end_reason=reason, extensions=(*before.extensions, made))
