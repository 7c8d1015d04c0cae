"""What time alone makes follow what: trials that end, terms that run out, the plan that takes over, changes that come.

A pure first step of everything that is decided or shown about a customer: facts in, the same facts out with what
has begun by an instant. It bills nothing, and moves no status. Source: planctl billing rules, lifecycle.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from planctl.core.catalog.model import AmountRange
from planctl.core.catalog.selling import sold_in
from planctl.core.customers import may_have
from planctl.core.invoicing.facts import CustomerFacts, Fallback
from planctl.core.periods import Instant
from planctl.core.subscriptions.changes import moved_addons
from planctl.core.subscriptions.model import ENDED, Status, Subscription
from planctl.core.subscriptions.start import Ask, Offered, started
from planctl.errors import Refused


def unfolded(facts: CustomerFacts, until: Instant) -> CustomerFacts:
    """The facts with what time alone has brought by `until` (inclusive), before anything is billed.

    A trial that has ended without anybody who pays ends its subscription; the plan that every customer of a
    group gets takes the place of what expired; add-ons go over to the subscription that follows their base.
    `fresh` then names subscriptions that the store does not have yet, `moved` those it has otherwise.
    """
    if not _is_stirring(facts.subscriptions, until):
        return facts
    found = {one.id: _trial_over(one, facts, until) for one in facts.subscriptions}
    for heir in _following(found.values(), until):
        for addon in moved_addons(found[heir.follows], heir, list(found.values())):
            if found[addon.id].base == heir.follows and found[addon.id].ends_at != heir.started_at:
                found[addon.id] = addon
    fresh = list(facts.fresh)
    for expired in _expired(found.values(), until):
        fallback = facts.fallbacks.get(expired.exclusive_group)
        new = _taking_over(expired, fallback, list(found.values()), facts) if fallback is not None else None
        if new is not None:
            found[new.id] = new
            fresh.append(new.id)
    before = {one.id: one for one in facts.subscriptions}
    moved = {one.id for one in found.values() if one.id in before and one != before[one.id]}
    return replace(
        facts,
        subscriptions=tuple(found.values()),
        fresh=tuple(dict.fromkeys(fresh)),
        moved=facts.moved | frozenset(moved),
    )


def _is_stirring(subscriptions: Iterable[Subscription], until: Instant) -> bool:
    """Whether time may have begun or ended anything by an instant; for most customers it has not."""
    return any(
        (one.status is Status.PENDING and one.started_at <= until)
        or (one.status not in ENDED and _may_expire(one, until))
        for one in subscriptions
    )


def check_run_first(facts: CustomerFacts, until: Instant) -> None:
    """Refused where time has begun or ended something by then that no run has written yet: it comes first."""
    waiting = _unwritten(facts, until)
    if waiting:
        one = waiting[0]
        raise Refused(
            f"time has moved {one.customer}/{one.plan} on, and no run has written it yet",
            code="run-first",
            where=f"{one.customer}/{one.plan}",
            hint=f"planctl invoice run --customer {one.customer}",
        )


def has_begun(facts: CustomerFacts, until: Instant) -> bool:
    """Whether a start that was still to come, a change say, has come by then and no run has written it yet."""
    return any(one.status is Status.PENDING and one.started_at <= until for one in facts.subscriptions)


def _unwritten(facts: CustomerFacts, until: Instant) -> list[Subscription]:
    return [
        one
        for one in facts.subscriptions
        if one.id in facts.moved or one.id in facts.fresh or _is_over(one, until) or _has_come(one, until)
    ]


def _is_over(one: Subscription, until: Instant) -> bool:
    return one.live and one.ends_at is not None and one.ends_at <= until


def _has_come(one: Subscription, until: Instant) -> bool:
    """Whether a start that was still to come has come, or the end of a trial."""
    if one.status is Status.PENDING:
        return one.started_at <= until
    over = one.trial_ends_at
    return one.status is Status.TRIALING and over is not None and over <= until


def wants_fallback(subscriptions: Iterable[Subscription], until: Instant) -> frozenset[str]:
    """The exclusive groups in which something may have expired by an instant, so that another plan may take over."""
    return frozenset(
        one.exclusive_group
        for one in subscriptions
        if one.exclusive_group and one.status not in ENDED and _may_expire(one, until)
    )


def _may_expire(one: Subscription, until: Instant) -> bool:
    over = one.ends_at is not None and one.ends_at <= until and one.end_reason == "expired"
    trial = one.trial_ends_at is not None and one.trial_ends_at <= until
    return over or (trial and one.status in {Status.TRIALING, Status.PENDING})


def _trial_over(one: Subscription, facts: CustomerFacts, until: Instant) -> Subscription:
    """The subscription, ended with its trial where that is over and nobody pays."""
    over = one.trial_ends_at
    if over is None or over > until or one.status not in {Status.TRIALING, Status.PENDING}:
        return one
    if facts.customer.payment_method != "none" or (one.ends_at is not None and one.ends_at <= over):
        return one
    return replace(one, ends_at=over, end_reason="expired")


def _following(subscriptions: Iterable[Subscription], until: Instant) -> Iterator[Subscription]:
    """The scheduled changes that have come, in time order."""
    due = [one for one in subscriptions if one.status is Status.PENDING and one.started_at <= until]
    by_id = {one.id for one in subscriptions}
    yield from sorted((one for one in due if one.follows in by_id), key=lambda one: (one.started_at, one.id))


def _expired(subscriptions: Iterable[Subscription], until: Instant) -> list[Subscription]:
    """What expires by then and has not yet, of exclusive groups, in time order."""
    found = [
        one
        for one in subscriptions
        if one.exclusive_group
        and one.status not in ENDED
        and one.ends_at is not None
        and one.ends_at <= until
        and one.end_reason == "expired"
    ]
    return sorted(found, key=lambda one: (one.ends_at or until, one.id))


def _taking_over(
    expired: Subscription, fallback: Fallback, running: Sequence[Subscription], facts: CustomerFacts
) -> Subscription | None:
    """The subscription of the group's plan for everybody, from the end of what expired on.

    None where another of the group runs or is to start, or that plan is not for this customer or its currency.
    """
    at, offered = expired.ends_at, fallback.offered
    assert at is not None
    others = [
        one
        for one in running
        if one.id != expired.id and one.exclusive_group == expired.exclusive_group and one.status not in ENDED
    ]
    eligible = not facts.customer.parent and facts.customer.archived_at is None and not offered.offer.archived
    listed = may_have(offered.offer.only_for, facts.customer, offered.listed)
    if others or offered.plan == expired.plan or not (eligible and listed):
        return None
    pay = _row(offered, expired)
    if not pay:
        return None
    ask = Ask(at, at, "" if offered.terms.free else pay, expired.currency.code, trial=False)
    declared = {expired.currency.code: expired.currency}
    customer = replace(facts.customer, timezone=expired.timezone)
    new = started(fallback.new_id, customer, offered, ask, (), declared).subscription
    return replace(new, status=Status.PENDING, created_at=at)


def _row(offered: Offered, expired: Subscription) -> str:
    """The only price row in which the plan is sold in the currency; `""` where there is none or a choice."""
    if offered.terms.free:
        return "month"
    code = expired.currency.code
    rows = [
        str(row.interval)
        for row in offered.terms.rows
        if code in sold_in(offered.terms, row) and not isinstance(row.fee.get(code), AmountRange)
    ]
    same = [row for row in rows if row == expired.pay]
    return next(iter(same or (rows if len(rows) == 1 else [])), "")
