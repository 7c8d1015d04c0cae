"""What must hold of the lives of one customer's subscriptions, as sentences: turns, succession, dates, trials, credits.

Each function yields a sentence for every breach it sees. It fetches nothing and repairs nothing.
Source: planctl billing rules, lifecycle and laws.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

from planctl.core.invoicing.reclose import Charge, lasting
from planctl.core.invoicing.taken_off import charge_of
from planctl.core.periods import Instant, add_local_days, days_between, instant_text, local_date, zone
from planctl.core.subscriptions.model import Status, Subscription
from planctl.core.subscriptions.trials import TrialUse, expiry, scope_of

Subscriptions = Mapping[str, Subscription]
"""All subscriptions of one customer, by id."""

END_REASONS = frozenset({"", "canceled", "changed", "expired", "replaced"})

_SETTLED_THEN = 1
"""Microseconds by which a cancellation at the very instant of a run outlasts it."""


def never_ran(subscription: Subscription) -> bool:
    """Whether it was called off before it began. What was changed at the instant of its start had begun."""
    ended = subscription.ends_at is not None and subscription.ends_at <= subscription.started_at
    return subscription.status is Status.CANCELED and ended and subscription.end_reason != "changed"


def wrong_turns(subscriptions: Iterable[Subscription]) -> Iterator[str]:
    """Of one exclusive group never two run at once: each begins when the one before it has ended.

    What is still to begin counts too, what was called off before does not.
    """
    turns = [one for one in subscriptions if one.exclusive_group and not never_ran(one)]
    turns.sort(key=lambda one: (one.exclusive_group, one.started_at, one.ends_at is None, one.ends_at or 0))
    for before, one in pairwise(turns):
        if before.exclusive_group != one.exclusive_group:
            continue
        if before.ends_at is None or before.ends_at > one.started_at + _SETTLED_THEN:
            until = "no end" if before.ends_at is None else instant_text(before.ends_at)
            yield (
                f"{before.id} of group {before.exclusive_group} runs to {until}, "
                f"{one.id} begins at {instant_text(one.started_at)}"
            )


def wrong_succession(one: Subscription, others: Subscriptions) -> Iterator[str]:
    """What follows another by a change begins where that ended, in the same group and zone.

    What was changed is followed, and once.
    """
    was_changed = one.end_reason == "changed" and not one.base and not never_ran(one)
    if was_changed and not any(other.follows == one.id for other in others.values()):
        yield "was changed, and nothing follows it"
    if not one.follows or never_ran(one):
        return
    before = others.get(one.follows)
    if before is None:
        yield f"follows {one.follows}, which is none of its customer's"
        return
    if (before.exclusive_group, before.timezone, before.currency) != (
        one.exclusive_group,
        one.timezone,
        one.currency,
    ):
        yield f"follows {before.id}, whose group, time zone or currency is another"
    if (before.ends_at, before.end_reason) != (one.started_at, "changed"):
        ended = "runs on" if before.ends_at is None else f"ended at {instant_text(before.ends_at)}"
        why = f" ({before.end_reason})" if before.end_reason else ""
        yield f"begins at {instant_text(one.started_at)}, {before.id} that it follows {ended}{why}"
    rivals = [other.id for other in others.values() if other.follows == one.follows and not never_ran(other)]
    if len(rivals) > 1 and one.id == min(rivals):
        yield f"follows {before.id}, and so does {rivals[-1]}"


def wrong_place(one: Subscription, others: Subscriptions) -> Iterator[str]:
    """An add-on stands on a base of its customer, a plan on none; what is exclusive is so in the group of its terms."""
    if one.exclusive_group not in {"", one.terms.group}:
        yield f"is exclusive in group {one.exclusive_group}, its terms are of {one.terms.group or 'none'}"
    if bool(one.base) != (one.terms.kind != "plan") or (one.base and one.base not in others):
        yield f"stands on {one.base}, which is no base of it" if one.base else "is an add-on without a base"


def wrong_dates(one: Subscription, others: Subscriptions) -> Iterator[str]:
    """Trial, expiry, end and anchors of a subscription agree with its terms, its base and what it followed."""
    yield from _wrong_trial(one)
    yield from _wrong_expiry(one, others)
    yield from _wrong_anchors(one, others)


def _wrong_trial(one: Subscription) -> Iterator[str]:
    ends_at = one.trial_ends_at
    if ends_at is None:
        if one.status is Status.TRIALING:
            yield "is in a trial that has no end"
        return
    over = instant_text(ends_at)
    if ends_at <= one.started_at:
        yield f"its trial ends at {over}, it began at {instant_text(one.started_at)}"
    if ends_at not in one.anchors:
        yield f"its trial ends at {over}, and no paid period begins then"
    if one.fees_from < ends_at:
        yield f"its trial ends at {over}, its fees count from {instant_text(one.fees_from)}"
    settled = one.settled_at
    if one.status is Status.TRIALING and settled is not None and settled >= ends_at:
        yield f"is in a trial that ended at {over}, and is settled to {instant_text(settled)}"


def _wrong_expiry(one: Subscription, others: Subscriptions) -> Iterator[str]:
    foreseen = expiry(one.terms, one.started_at, one.timezone)
    if (foreseen is None) != (one.expires_at is None):
        said = "its terms say when" if one.expires_at is None else "its terms never do"
        yield f"{'never expires' if one.expires_at is None else 'expires'}, {said}"
    elif foreseen is not None and one.expires_at is not None and not _extended(foreseen, one):
        yield (
            f"expires at {instant_text(one.expires_at)}, its terms say {instant_text(foreseen)} "
            "or whole days later"
        )
    if one.expires_at is not None and (one.ends_at is None or one.ends_at > one.expires_at + _SETTLED_THEN):
        yield f"expires at {instant_text(one.expires_at)} and is to run longer"
    base = others.get(one.base)
    ends = {one.expires_at, one.trial_ends_at, base.ends_at if base is not None else None} - {None}
    if one.end_reason == "expired" and one.ends_at not in ends:
        yield "is said to expire when neither its trial nor its terms end"
    if one.end_reason not in END_REASONS or (one.ends_at is None) != (not one.end_reason):
        yield f"its end has the reason {one.end_reason!r}"


def _extended(foreseen: Instant, one: Subscription) -> bool:
    expires_at = one.expires_at
    assert expires_at is not None
    return expires_at == foreseen or is_days_later(foreseen, expires_at, one.timezone)


def _wrong_anchors(one: Subscription, others: Subscriptions) -> Iterator[str]:
    """Periods are counted anew from the end of a trial, from a payment that shifts them, and from a base's new ones."""
    roots = [*_before(one, others), *_bases(one, others)]
    known: set[Instant | None] = {one.trial_ends_at}
    if one.terms.renewal_anchor == "shift":
        known |= {span.ends_at for span in one.blocked if span.kind == "blocked"}
    for other in roots:
        known |= {other.started_at, other.trial_ends_at, *other.anchors}
    strange = [at for at in one.anchors if at not in known]
    if strange:
        yield f"its periods are counted anew from {instant_text(strange[0])}, when nothing happened"
    if list(one.anchors) != sorted(set(one.anchors)) or (one.anchors and one.anchors[0] <= one.anchor_at):
        yield "the instants from which its periods are counted anew are out of order"
    if one.anchor_at not in {one.started_at, *(other.anchor_at for other in roots)}:
        yield f"its periods are counted from {instant_text(one.anchor_at)}, when it did not begin"


def _before(one: Subscription, others: Subscriptions) -> Iterator[Subscription]:
    """What it followed, the latest first."""
    seen = {one.id}
    while one.follows in others and one.follows not in seen:
        one = others[one.follows]
        seen.add(one.id)
        yield one


def _bases(one: Subscription, others: Subscriptions) -> Iterator[Subscription]:
    """The base of an add-on, and the bases that it had before changes."""
    base = others.get(one.base)
    if base is not None:
        yield base
        yield from _before(base, others)


def is_days_later(first: Instant, later: Instant, timezone: str) -> bool:
    """Whether `later` is one or more whole local days after `first`, at the same wall time."""
    tz = zone(timezone)
    days = days_between(local_date(first, tz), local_date(later, tz))
    return days > 0 and add_local_days(first, days, tz) == later


def wrong_trials(
    subscriptions: Sequence[Subscription], uses: Collection[TrialUse], others: Subscriptions
) -> Iterator[str]:
    """Every trial is recorded for its customer, and a customer has one per scope; `uses` are the customer's own.

    An add-on is in its base's trial, and a change within a trial goes on with it: they have none of their own.
    """
    recorded = {use.scope: use for use in uses if use.who_kind == "customer"}
    for one in subscriptions:
        if one.trial_ends_at is None or never_ran(one) or _goes_on(one, others):
            continue
        scope = scope_of(one.plan, one.terms)
        use = recorded.get(scope)
        if use is None:
            yield f"the trial of {one.id} in {scope} is not recorded"
        elif use.subscription != one.id:
            yield f"{one.id} has a trial in {scope}, which {use.subscription or 'another system'} had already"
    for use in uses:
        taken = others.get(use.subscription)
        if use.subscription and (taken is None or taken.trial_ends_at is None):
            yield f"a trial in {use.scope} is recorded of {use.subscription}, which had none"
        elif taken is not None and taken.started_at != use.started_at:
            yield f"the trial of {taken.id} is recorded from {instant_text(use.started_at)}, when it did not begin"


def _goes_on(one: Subscription, others: Subscriptions) -> bool:
    before = others.get(one.follows)
    return bool(one.base) or (before is not None and before.trial_ends_at is not None)


def overdrawn(charges: Iterable[Charge], again: Collection[str] = ()) -> Iterator[str]:
    """Of no charge for a period more is given back than it took: by lines that take off, and by credit notes.

    After discounts; void invoices left out, but for those that are to be issued again: `again` are the ids of all
    that were voided for it, and the last revision counts. What a pause or fewer units take off in arrears counts for
    the charge it is of.
    """
    left: dict[tuple[str, str, int], int] = {}
    for one in lasting(charges) if again else charges:
        if one.void and one.invoice not in again:
            continue
        line = one.line
        key = charge_of(line.subscription, line.charge_key, line.service_index)
        left[key] = left.get(key, 0) + line.net_minor - one.credited_minor
    for (subscription, charge, index), amount in left.items():
        if amount < 0:
            yield f"{charge} {index} of {subscription} gave back {-amount} more than it charged (minor units)"
