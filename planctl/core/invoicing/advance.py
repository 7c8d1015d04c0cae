"""Bring one customer up to an instant: what falls due is billed, what is overdue moves, what ends ends.

Pure: facts in, decision out. A run, a preview, a first invoice and every reading command use this one page, so
what is shown is what will be billed. It reads no clock, gives no numbers and writes nothing.
Source: planctl billing rules, time, fees and lifecycle.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

from planctl.core import dunning
from planctl.core.draining import PoolKey
from planctl.core.invoicing.drafting import empty_draft
from planctl.core.invoicing.facts import Advanced, Begun, CustomerFacts
from planctl.core.invoicing.journey import Journey, RunTerms, waits
from planctl.core.invoicing.late import late_dues
from planctl.core.invoicing.lineup import LineUp
from planctl.core.invoicing.model import Draft, OpenInvoice, Settlement, UsageClaim, UsageWindow, WindowKey
from planctl.core.invoicing.settling import Purse, Settled, settled
from planctl.core.invoicing.succession import unfolded
from planctl.core.invoicing.usage import Book, event_windows, looks_at_events, windows
from planctl.core.periods import Instant
from planctl.core.subscriptions.dues import Due, due_of, dues, next_due
from planctl.core.subscriptions.model import Status, Subscription, Transition
from planctl.core.unreadable import Unreadable
from planctl.errors import Refused

__all__ = [
    "RunTerms",
    "advance",
    "advance_or_hold",
    "needed_amounts",
    "needed_windows",
    "next_action",
    "waits",
]

IMPOSSIBLE = "impossible"


def needed_windows(facts: CustomerFacts, until: Instant) -> tuple[UsageWindow, ...]:
    """The usage that `advance` will ask for: of every allowance period that closes, was deferred or is billed again."""
    facts = unfolded(facts, until)
    found: dict[WindowKey, UsageWindow] = {}
    lineup = lineup_of(facts)
    for subscription, due in _closing(facts, until):
        found |= {window.key: window for window in windows(lineup, subscription, due)}
    return tuple(found.values())


def needed_amounts(facts: CustomerFacts, until: Instant) -> tuple[tuple[UsageWindow, str], ...]:
    """The windows whose events a price looks at one by one, each with the property that it reads."""
    facts = unfolded(facts, until)
    if not any(looks_at_events(one.terms) for one in facts.granting):
        return ()
    found: dict[WindowKey, tuple[UsageWindow, str]] = {}
    for subscription, due in _closing(facts, until):
        if due.part.startswith("usage"):
            found |= {window.key: (window, name) for window, name in event_windows(subscription, due)}
    return tuple(found.values())


def _closing(facts: CustomerFacts, until: Instant) -> Iterator[tuple[Subscription, Due]]:
    marked = [mark.at for mark in facts.late]
    lineup = lineup_of(facts)
    for subscription in with_bases(facts.subscriptions):
        left_open = facts.left_open(subscription)
        still_open = {(one.part, one.index) for one in left_open}
        yield from ((subscription, due) for due in dues(subscription, until))
        yield from ((subscription, due_of(subscription, one.part, one.index)) for one in left_open)
        yield from ((subscription, due) for due in late_dues(subscription, marked, still_open, lineup))


def advance(facts: CustomerFacts, until: Instant, terms: RunTerms) -> Advanced:
    """Decide everything about one customer whose time is at or before `until`, in time order.

    Invoices are issued at `until` whatever they bill for, so a late run gives nobody less time to pay.
    """
    name = facts.customer.id
    if facts.stop:
        return Advanced(name, hold=facts.stop)
    facts = unfolded(facts, until)
    book = book_of(facts)
    journeys = [Journey(facts, one, until, terms, book) for one in with_bases(facts.subscriptions)]
    for journey in journeys:
        missed = journey.missed()
        if missed:
            return Advanced(name, hold=f"catch-up: {journey.subscription.id} is {missed} periods behind")
    for journey in journeys:
        journey.bill_ended()
    for _, step in heapq.merge(*(journey.steps() for journey in journeys), key=lambda step: step[0]):
        step()
    for journey in journeys:
        journey.finish()
    drafts = sorted((draft for one in journeys for draft in one.drafts), key=lambda d: (d.at, d.subscription))
    money = settled(joined(drafts, facts.subscriptions), purse_of(facts, terms))
    return _merged(facts, journeys, money)


def advance_or_hold(facts: CustomerFacts, until: Instant, terms: RunTerms) -> Advanced:
    """The same, where a state or an amount that cannot be is a hold of this customer alone."""
    try:
        return advance(facts, until, terms)
    except (AssertionError, Refused, Unreadable) as impossible:
        return Advanced(facts.customer.id, hold=f"{IMPOSSIBLE}: {impossible}")


def with_bases(subscriptions: Sequence[Subscription]) -> list[Subscription]:
    """The subscriptions, each add-on after its base and ending with it at the latest."""
    by_id = {one.id: one for one in subscriptions}
    bases = [one for one in subscriptions if not one.base]
    return bases + [_ending_with(one, by_id.get(one.base)) for one in subscriptions if one.base]


def _ending_with(one: Subscription, base: Subscription | None) -> Subscription:
    """An add-on ends with its base; at a change of plan only where the new one does not take it over."""
    if base is None or base.ends_at is None or not one.live or base.end_reason == "changed":
        return one
    ends_at = Instant(max(base.ends_at, one.started_at))
    if one.ends_at is not None and one.ends_at <= ends_at:
        return one
    return replace(one, ends_at=ends_at, end_reason=base.end_reason)


def book_of(facts: CustomerFacts) -> Book:
    """What the customer's closings are made with: its allowances, its usage, its wallets, what rolled over."""
    lefts = {grant.id: grant.left for grant in facts.grants}
    return Book(lineup_of(facts), facts.totals, facts.amounts, lefts, facts.by_child)


def lineup_of(facts: CustomerFacts) -> LineUp:
    """Every allowance and grant of the customer, with what rolled into allowance periods."""
    granting = (*with_bases(facts.subscriptions), *facts.beside)
    return LineUp(granting, facts.grants, rolled_into(facts.claims), facts.present)


def rolled_into(claims: Iterable[UsageClaim]) -> dict[PoolKey, Fraction]:
    """What closed allowance periods passed on, by the period that it rolled into."""
    rolled: dict[PoolKey, Fraction] = {}
    for claim in claims:
        if claim.carried:
            key = (claim.subscription, claim.feature, claim.allowance_index + 1)
            rolled[key] = rolled.get(key, Fraction(0)) + claim.carried
    return rolled


def purse_of(facts: CustomerFacts, terms: RunTerms) -> Purse:
    """What the customer's drafts are finished with."""
    return Purse(
        facts.customer,
        facts.taxes,
        facts.redemptions,
        facts.balance,
        facts.billed,
        terms.tax_rounding,
        facts.granting,
    )


def joined(drafts: Iterable[Draft], subscriptions: Sequence[Subscription]) -> list[Draft]:
    """The drafts, those that bill with another subscription at one instant put into its draft.

    An add-on bills with its base; what a change ends bills with what follows it.
    Source: planctl billing rules, fees (the base plan and its add-ons are one invoice), lifecycle (groups).
    """
    hosts = _hosts(subscriptions)
    found: list[Draft] = []
    ordered = sorted(
        drafts, key=lambda one: (one.at, len(_hosts_at(hosts, one)), one.subscription, one.kind != "final")
    )
    for draft in ordered:
        above = _hosts_at(hosts, draft)
        own = tuple(one for one in subscriptions if draft.kind == "change" and one.id == draft.subscription)
        places = (
            place
            for host in (*above, *own)
            for place, one in enumerate(found)
            if _bills_both(one, host, draft)
        )
        place = next(places, None)
        if place is None:
            base = above[0] if above else None
            if base is None or not _meets(base, draft):
                found.append(draft)
                continue
            place = len(found)
            found.append(_of_base(base, draft))
        into = found[place]
        over = any(one.id == draft.subscription and one.ends_at == draft.at for one in subscriptions)
        ends = over and any(one.id == into.subscription and one.follows for one in above)
        found[place] = replace(
            into,  # what ends comes before what begins
            lines=draft.lines + into.lines if ends else into.lines + draft.lines,
            claims=into.claims + draft.claims,
            settlements=into.settlements + draft.settlements,
        )
    return found


Hosts = dict[str, tuple[Subscription, ...]]
"""By subscription those with which it may bill: its base, what follows it, and theirs, nearest first."""


def _hosts(subscriptions: Sequence[Subscription]) -> Hosts:
    by_id = {one.id: one for one in subscriptions}
    heirs = {one.follows: one for one in subscriptions if one.follows}
    found: Hosts = {}
    for one in subscriptions:
        above: list[Subscription] = []
        ahead = [one]
        while ahead:
            here = ahead.pop(0)
            for host in (by_id.get(here.base), heirs.get(here.id)):
                if host is not None and host not in above and host is not one:
                    above.append(host)
                    ahead.append(host)
        found[one.id] = tuple(above)
    return found


def _hosts_at(hosts: Hosts, draft: Draft) -> tuple[Subscription, ...]:
    """Those with which a draft may bill: what follows it only where it begins at that very instant."""
    return tuple(
        one for one in hosts.get(draft.subscription, ()) if not one.follows or one.started_at <= draft.at
    )


def _bills_both(one: Draft, base: Subscription, draft: Draft) -> bool:
    """Whether a draft is the base's for the instant at which an add-on's draft bills."""
    alike = (one.at, one.currency, one.revision) == (draft.at, draft.currency, draft.revision)
    kinds = {"renewal", "final", "resume"}
    if one.subscription != base.id or not alike:
        return False
    return one.kind in kinds or (one.kind == "change" and draft.kind in {"change", "final"})


def _meets(base: Subscription, draft: Draft) -> bool:
    """Whether an add-on renews where its base's period begins, though the base itself bills nothing then."""
    if base.terms.free or draft.kind != "renewal" or draft.at <= base.anchor_at or not base.live:
        return False
    schedule = base.schedule()
    return schedule.interval.unit != "once" and schedule.boundary(schedule.index_at(draft.at)) == draft.at


def _of_base(base: Subscription, draft: Draft) -> Draft:
    """The base's invoice for an add-on's draft, without lines yet."""
    index = base.schedule().index_at(draft.at)
    empty = empty_draft(base, draft.kind, index, draft.occasion, draft.at, draft.issued_at)
    return replace(empty, revision=draft.revision)


def next_action(
    subscription: Subscription, unpaid: Iterable[OpenInvoice], *, waiting: bool = False
) -> Instant | None:
    """When a run must look at the subscription again; None where time alone changes nothing any more.

    `waiting`: something deferred or voided can be billed at once.
    """
    if waiting:
        return subscription.started_at
    steps = [dunning.next_step(subscription, tuple(unpaid))]
    if subscription.status is Status.PENDING:
        steps.append(subscription.started_at)
    elif subscription.live:
        steps += [next_due(subscription), subscription.ends_at]
        if subscription.status is Status.TRIALING:
            steps.append(subscription.trial_ends_at)
    return min((step for step in steps if step is not None), default=None)


def _merged(facts: CustomerFacts, journeys: Sequence[Journey], money: Settled) -> Advanced:
    emptied = [replace(one, outcome="credited") for draft in money.emptied for one in draft.settlements]
    pending = {mark for one in journeys if one.late for mark in facts.late}
    changed: list[tuple[Subscription, Instant | None]] = []
    closed: list[Settlement] = []
    begun: list[Begun] = []
    moves: list[Transition] = []
    late_invoices: list[str] = []
    for journey in journeys:
        after = _after(journey, money.drafts)
        changed += after
        closed += journey.closed
        begun += journey.begun()
        moves += journey.moves
        late_invoices += journey.past_due_invoices
    return Advanced(
        facts.customer.id,
        money.drafts,
        (*(item for one in journeys for item in one.settlements), *emptied),
        (
            *(item for one in journeys for item in one.claims),
            *(item for draft in money.emptied for item in draft.claims),
        ),
        tuple(closed),
        tuple(begun),
        tuple(sorted(moves, key=lambda move: move.at)),
        tuple(dict.fromkeys(late_invoices)),
        tuple(changed),
        money.credits,
        # What is given back comes first: a debit may be paid with it.
        tuple(sorted((item for one in journeys for item in one.wallet), key=lambda item: item.amount < 0)),
        tuple(mark for mark in facts.late if mark not in pending),
        tuple(one for one, _ in changed if one.id in facts.fresh),
    )


def _after(journey: Journey, drafts: Sequence[Draft]) -> list[tuple[Subscription, Instant | None]]:
    """The subscription as it is left, with when to look at it again; nothing where nothing changed."""
    one, facts, until = journey.subscription, journey.facts, journey.until
    if journey.dues or journey.begun() or journey.moves or journey.drafts or journey.settlements:
        settled_at = one.settled_at
        one = replace(one, settled_at=until if settled_at is None else Instant(max(settled_at, until)))
    past_due = set(journey.past_due_invoices)
    own = dunning.inherited(one, journey.unpaid, facts.granting)
    unpaid = [replace(open_, past_due=open_.past_due or open_.id in past_due) for open_ in own]
    mine = [draft for draft in drafts if draft.subscription == one.id]
    unpaid += [_as_open(draft) for draft in mine if draft.total_minor > draft.credit_minor]
    left_open: list[Settlement] = [*facts.left_open(one), *journey.settlements]
    open_now = [item for item in left_open if item.is_open and item not in journey.closed]
    following = next_action(one, unpaid, waiting=waits(one, open_now))
    written = (*journey.drafts, *journey.settlements, *journey.closed, *journey.past_due_invoices)
    changed = one != journey.before or bool(written) or one.id in facts.moved or one.id in facts.fresh
    return [(one, following)] if changed else []


def _as_open(draft: Draft) -> OpenInvoice:
    due = draft.total_minor - draft.credit_minor
    return OpenInvoice("", draft.subscription, draft.due_at, draft.grace_ends_at, due)
