"""What must be true of a running subscription before something is changed about it now. It changes nothing.

Source: planctl billing rules, lifecycle.
"""

from __future__ import annotations

from dataclasses import replace

from planctl.core.periods import Instant, instant_text
from planctl.core.subscriptions.dues import FEE, dues
from planctl.core.subscriptions.model import ENDED, Status, Subscription
from planctl.core.subscriptions.transitions import Event, after, allowed
from planctl.errors import Refused

_HINTS = {
    Status.BLOCKED: "what is overdue must be paid first",
    Status.PENDING: "it has not started yet",
}


def name_of(subscription: Subscription) -> str:
    """The address of a subscription: `CUSTOMER/PLAN`."""
    return f"{subscription.customer}/{subscription.plan}"


def takes(subscription: Subscription) -> str:
    """What its status takes, for a refusal that says what may be done instead."""
    return " | ".join(allowed(subscription.status))


def way_back(subscription: Subscription) -> str:
    """What must come first where its status takes something no more, or not yet; `""` where nothing helps."""
    if subscription.status is Status.PAUSED:
        return f"planctl subscription resume {name_of(subscription)}"
    return _HINTS.get(subscription.status, "")


def check_takes(subscription: Subscription, event: Event, what: str) -> None:
    """Refused where the status does not take the event, with what it takes instead; `what` cannot be done."""
    where = name_of(subscription)
    try:
        after(subscription.status, event, where)
    except Refused as refused:
        raise Refused(
            f"{where} is {subscription.status}: {what}",
            code="ended" if subscription.status in ENDED else "transition",
            where=where,
            expected=takes(subscription),
            got=event,
            hint=way_back(subscription),
        ) from refused


def check_fees_billed(subscription: Subscription, now: Instant) -> None:
    """Only what was billed can be credited (Refused): a run must have billed every period that began before."""
    late = [
        due.at for due in dues(subscription, now) if due.part == FEE and due.period.starts_at < now >= due.at
    ]
    if late:
        raise Refused(
            f"{name_of(subscription)}: the fee of {instant_text(late[-1])} is not billed yet,"
            " so nothing of it can be credited",
            code="not-billed",
            where=name_of(subscription),
            hint=f"planctl invoice run --customer {subscription.customer}",
        )


def check_nothing_since(subscription: Subscription, now: Instant) -> None:
    """Refused where a period was billed that begins after `now`: what came later would have to be undone."""
    settled = subscription.settled_at
    if settled is None or settled <= now:
        return
    begun = [
        due.period.starts_at
        for due in dues(replace(subscription, settled_at=now), settled)
        if due.part == FEE
    ]
    later = [at for at in begun if at > now]
    if later:
        raise Refused(
            f"{name_of(subscription)} was billed as of {instant_text(max(later))}: nothing changes before that",
            code="settled-since",
            where=name_of(subscription),
            got=instant_text(now),
            hint=f"--as-of {instant_text(max(later))}",
        )
