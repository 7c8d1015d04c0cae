"""Bring one customer up to an instant: what falls due is billed, what is overdue moves, what ends ends.

Pure: facts in, decision out. A run, a preview, a first invoice and every reading command use this one page, so
what is shown is what will be billed. It reads no clock, gives no numbers and writes nothing.
Source: planctl billing rules, time, fees and lifecycle.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import groupby

from planctl.core import dunning
from planctl.core.instants import DAY_MICROSECONDS
from planctl.core.invoicing.build import Names, fee_lines, usage_lines, windows
from planctl.core.invoicing.facts import Advanced, Begun, CustomerFacts, Voided
from planctl.core.invoicing.model import (
    Draft,
    InvoiceKind,
    Line,
    OpenInvoice,
    Outcome,
    Settlement,
    UsageClaim,
    UsageWindow,
)
from planctl.core.periods import Instant, Period, add_local_days, zone
from planctl.core.subscriptions.dues import (
    FEE,
    Due,
    block_at,
    due_of,
    dues,
    next_due,
    owed,
    resumed_at,
)
from planctl.core.subscriptions.model import ENDED, Status, Subscription, Transition
from planctl.core.subscriptions.transitions import Event, after
from planctl.core.unreadable import Unreadable
from planctl.errors import Refused

Charged = tuple[Due, str, Instant | None]
"""A due to bill, the occasion of its charges, and from when on if a block was lifted within the period."""

IMPOSSIBLE = "impossible"
CATCH_UP_PERIODS = 12
CATCH_UP_DAYS = 35


@dataclass(frozen=True, slots=True)
class RunTerms:
    """How a run goes: `invoice.zero`, how many periods may be caught up at once, what things are called."""

    issue_zero: bool = False
    catch_up: int = CATCH_UP_PERIODS
    catch_up_asked: bool = False
    names: Names = field(default_factory=dict)


def needed_windows(facts: CustomerFacts, until: Instant) -> tuple[UsageWindow, ...]:
    """The usage that `advance` will ask for: of every allowance period that closes, was deferred or is billed again."""
    found: dict[tuple[str, str, int], UsageWindow] = {}
    for subscription in facts.subscriptions:
        open_dues = [due_of(subscription, one.part, one.index) for one in facts.left_open(subscription)]
        for due in (*dues(subscription, until), *open_dues):
            found |= {window.key: window for window in windows(subscription, due)}
    return tuple(found.values())


def advance(facts: CustomerFacts, until: Instant, terms: RunTerms) -> Advanced:
    """Decide everything about one customer whose time is at or before `until`, in time order.

    Invoices are issued at `until` whatever they bill for, so a late run gives nobody less time to pay.
    """
    name = facts.customer.id
    if facts.stop:
        return Advanced(name, hold=facts.stop)
    results = []
    for subscription in facts.subscriptions:
        journey = _Journey(facts, subscription, until, terms)
        missed = journey.missed()
        if missed:
            return Advanced(name, hold=f"catch-up: {subscription.id} is {missed} periods behind")
        results.append(journey.go())
    return _merged(name, results)


def advance_or_hold(facts: CustomerFacts, until: Instant, terms: RunTerms) -> Advanced:
    """The same, where a state or an amount that cannot be is a hold of this customer alone."""
    try:
        return advance(facts, until, terms)
    except (AssertionError, Refused, Unreadable) as impossible:
        return Advanced(facts.customer.id, hold=f"{IMPOSSIBLE}: {impossible}")


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
    return min((step for step in steps if step is not None), default=None)


def waits(subscription: Subscription, left_open: Iterable[Settlement]) -> bool:
    """Whether something that was left open can be billed at once: it is to be issued again, or its block is over."""
    over = [(span.starts_at, span.ends_at) for span in subscription.blocked if span.ends_at is not None]
    return any(
        one.outcome == "reissue" or any(begins <= one.due_at <= ends for begins, ends in over)
        for one in left_open
    )


def _merged(customer: str, results: list[Advanced]) -> Advanced:
    drafts = sorted((draft for one in results for draft in one.drafts), key=lambda d: (d.at, d.subscription))
    return Advanced(
        customer,
        tuple(drafts),
        tuple(item for one in results for item in one.settlements),
        tuple(item for one in results for item in one.claims),
        tuple(item for one in results for item in one.closed),
        tuple(item for one in results for item in one.begun),
        tuple(sorted((move for one in results for move in one.transitions), key=lambda m: m.at)),
        tuple(item for one in results for item in one.past_due_invoices),
        tuple(item for one in results for item in one.subscriptions),
    )


class _Journey:
    """One subscription's way to `until`; it only collects, and `go` returns the result."""

    def __init__(
        self, facts: CustomerFacts, subscription: Subscription, until: Instant, terms: RunTerms
    ) -> None:
        self.facts, self.until, self.terms = facts, until, terms
        self.before = subscription
        self.moves: list[Transition] = []
        if subscription.status is Status.PENDING and subscription.started_at <= until:
            subscription = self._move(subscription, "start", subscription.started_at, "start")
        self.unpaid = tuple(one for one in facts.unpaid if one.subscription == subscription.id)
        dunned = dunning.dunned(subscription, self.unpaid, until)
        self.moves += dunned.transitions
        self.past_due_invoices = dunned.past_due_invoices
        self.subscription = dunned.subscription
        self.dues = dues(self.subscription, until) if self.subscription.live else ()
        self.drafts: list[Draft] = []
        self.settlements: list[Settlement] = []
        self.claims: list[UsageClaim] = []
        self.closed: list[Settlement] = []

    def missed(self) -> int:
        """How many billing periods would be billed at once, where that is too many to do unasked; else 0.

        Too many are more than 12 periods and more than 35 days; periods that bill nothing do not count.
        """
        if len(self.dues) <= self.terms.catch_up:
            return 0
        billing = [due for due in self.dues if self._bills(due)]
        schedule = self.subscription.schedule()
        periods = len({schedule.index_at(due.at) for due in billing})
        if periods <= self.terms.catch_up:
            return 0
        late = self.until - billing[0].at > CATCH_UP_DAYS * DAY_MICROSECONDS
        return periods if late or self.terms.catch_up_asked else 0

    def _bills(self, due: Due) -> bool:
        """Whether a due comes to an amount: not within a block, not free of charge, not within the allowance."""
        if block_at(self.subscription, due.at) is not None:
            return False
        lines, _ = self._lines([(due, "", resumed_at(self.subscription, due))])
        return any(line.amount_minor for line in lines)

    def go(self) -> Advanced:
        """Bill in time order, settle what a block deferred, end what ends."""
        deferred = [one for one in self.facts.deferred if one.subscription == self.subscription.id]
        fresh: list[Settlement] = []
        for at, group in groupby(self.dues, key=lambda due: due.at):
            fresh += self._bill(at, tuple(group), [*deferred, *fresh])
        self._resume([*deferred, *fresh], fresh)
        for voided in self.facts.voided:
            if voided.subscription == self.subscription.id:
                self._reissue(voided)
        self._end()
        if self.subscription.status in ENDED:
            self.closed += [one for one in (*deferred, *fresh) if one not in self.closed]
        return self._result()

    def _bill(self, at: Instant, group: tuple[Due, ...], deferred: list[Settlement]) -> list[Settlement]:
        """One invoice for what falls due at `at`; returns what a block defers instead."""
        final = self.subscription.ends_at == at
        blocked = block_at(self.subscription, at) is not None
        postponed = [due for due in group if blocked and not (final and owed(self.subscription, due))]
        charged: list[Charged] = [
            (due, "", resumed_at(self.subscription, due)) for due in group if due not in postponed
        ]
        if final and blocked:
            for one in deferred:
                due = due_of(self.subscription, one.part, one.index)
                if owed(self.subscription, due) and not waits(self.subscription, [one]):
                    charged.append((due, "final", None))
                    self.closed.append(one)
        if charged:
            kind, index, occasion = _identity(self.subscription, at, group)
            self._draft(kind, index, occasion, at, charged)
        return [_settled(self.subscription, due, "blocked") for due in postponed]

    def _resume(self, waiting: list[Settlement], fresh: list[Settlement]) -> None:
        """Bill what was deferred by a block that is over: the rest of the running period, and usage.

        A fee whose whole period passed in the block, or that was still blocked at the end, is never charged.
        """
        for span in self.subscription.blocked:
            over = span.ends_at
            if over is None or over > self.until:
                continue
            # A payment dated back ends the block at the very instant that a run settled as blocked.
            mine = [one for one in waiting if one not in self.closed and span.starts_at <= one.due_at <= over]
            charged: list[Charged] = []
            for one in mine:
                due = due_of(self.subscription, one.part, one.index)
                self.closed.append(one)
                if owed(self.subscription, due) or due.period.contains(over):
                    charged.append((due, span.payment, resumed_at(self.subscription, due)))
            if charged:
                index = self.subscription.schedule().index_at(over)
                self._draft("resume", index, span.payment, over, charged)
        self.settlements += fresh

    def _reissue(self, voided: Voided) -> None:
        """The same charges as a voided invoice, computed again, one revision later."""
        charged: list[Charged] = []
        self.closed += voided.settlements
        for one in voided.settlements:
            due = due_of(self.subscription, one.part, one.index)
            charged.append((due, one.occasion, resumed_at(self.subscription, due)))
        self._draft(
            voided.kind, voided.period_index, voided.occasion, voided.at, charged, voided.revision + 1
        )

    def _draft(  # noqa: PLR0913 - an invoice's identity is five values
        self,
        kind: InvoiceKind,
        index: int,
        occasion: str,
        at: Instant,
        charged: list[Charged],
        revision: int = 0,
    ) -> None:
        lines, claims = self._lines(charged)
        total = sum(line.amount_minor for line in lines)
        worth = bool(total) or (self.terms.issue_zero and bool(lines))
        outcome: Outcome = "billed" if worth else "zero"
        settled = tuple(
            replace(_settled(self.subscription, due, outcome), occasion=its, revision=revision)
            for due, its, _ in charged
        )
        tz = zone(self.subscription.timezone)
        due_at = add_local_days(Instant(max(at, self.until)), self.subscription.terms.due_days, tz)
        grace = self.subscription.terms.grace_days
        period = self.subscription.schedule().period(index)
        draft = Draft(
            self.facts.customer.id,
            self.subscription.id,
            index,
            kind,
            self.subscription.currency,
            at,
            period.starts_at,
            period.ends_at,
            due_at,
            None if grace is None else add_local_days(due_at, grace, tz),
            self.until,
            tuple(lines),
            tuple(replace(claim, revision=revision) for claim in claims),
            settled,
            occasion,
            revision,
            self.subscription.timezone,
            self.subscription.catalog_revision,
        )
        if worth:
            self.drafts.append(draft)
        else:
            self.settlements += settled
            self.claims += draft.claims

    def _lines(self, charged: list[Charged]) -> tuple[list[Line], list[UsageClaim]]:
        lines: list[Line] = []
        claims: list[UsageClaim] = []
        for due, occasion, since in charged:
            if due.part == FEE:
                fresh: Iterable[Line] = fee_lines(self.subscription, due, self.terms.names, resumed_at=since)
            else:
                fresh, claimed = usage_lines(self.subscription, due, self.facts.totals, self.terms.names)
                claims += [replace(claim, occasion=occasion) for claim in claimed]
            lines += [replace(line, occasion=occasion) for line in fresh]
        return lines, claims

    def _end(self) -> None:
        ends_at = self.subscription.ends_at
        if self.subscription.live and ends_at is not None and ends_at <= self.until:
            spans = tuple(
                replace(span, ends_at=ends_at) if span.ends_at is None else span
                for span in self.subscription.blocked
            )
            ended = replace(self.subscription, blocked=spans)
            event: Event = "expire" if ended.end_reason == "expired" else "end"
            self.subscription = self._move(ended, event, ends_at, ended.end_reason)

    def _move(self, subscription: Subscription, event: Event, at: Instant, reason: str) -> Subscription:
        status = after(subscription.status, event, subscription.id)
        self.moves.append(Transition(subscription.id, subscription.status, status, at, reason))
        return replace(subscription, status=status)

    def _result(self) -> Advanced:
        begun = tuple(
            Begun(self.subscription.id, period, self.subscription.timezone)
            for period in _begun(self.before, self.subscription, self.until)
        )
        after_run = self.subscription
        if self.dues or begun or self.moves or self.drafts:
            settled = after_run.settled_at
            after_run = replace(
                after_run, settled_at=self.until if settled is None else Instant(max(settled, self.until))
            )
        past_due = set(self.past_due_invoices)
        unpaid = [replace(one, past_due=one.past_due or one.id in past_due) for one in self.unpaid]
        unpaid += [_as_open(draft) for draft in self.drafts if draft.total_minor > 0]
        left_open = (*self.facts.left_open(after_run), *self.settlements)
        waiting = waits(after_run, [one for one in left_open if one.is_open and one not in self.closed])
        following = next_action(after_run, unpaid, waiting=waiting)
        written = (*self.drafts, *self.settlements, *self.closed, *self.past_due_invoices)
        changed = after_run != self.before or bool(written)
        return Advanced(
            self.facts.customer.id,
            tuple(self.drafts),
            tuple(self.settlements),
            tuple(self.claims),
            tuple(self.closed),
            begun,
            tuple(self.moves),
            self.past_due_invoices,
            ((after_run, following),) if changed else (),
        )


def _settled(subscription: Subscription, due: Due, outcome: Outcome) -> Settlement:
    return Settlement(subscription.id, due.part, due.index, outcome, due.at)


def _as_open(draft: Draft) -> OpenInvoice:
    return OpenInvoice("", draft.subscription, draft.due_at, draft.grace_ends_at, draft.total_minor)


def _identity(
    subscription: Subscription, at: Instant, group: tuple[Due, ...]
) -> tuple[InvoiceKind, int, str]:
    """Kind, period index and occasion of the invoice for what falls due at `at`."""
    schedule = subscription.schedule()
    if subscription.ends_at == at:
        return "final", schedule.index_at(Instant(max(at - 1, subscription.anchor_at))), ""
    index = schedule.index_at(at)
    if any(due.part == FEE for due in group) or schedule.boundary(index) == at:
        return "renewal", index, ""
    first = group[0]
    label = first.part.partition(":")[2]
    return "usage", index, f"allowance:{label + ':' if label else ''}{first.index}"


def _begun(before: Subscription, now: Subscription, until: Instant) -> list[Period]:
    """The billing periods entered since `settled_at`, from the one that holds `fees_from` on; none for free plans."""
    if now.terms.free or before.status is Status.PENDING is now.status or not (before.live or now.live):
        return []
    schedule = now.schedule()
    last = until if now.ends_at is None else Instant(min(until, now.ends_at - 1))
    if last < schedule.anchor_at:
        return []
    settled = before.settled_at
    first = schedule.index_at(Instant(max(now.fees_from, schedule.anchor_at)))
    if settled is not None and settled >= schedule.anchor_at:
        first = max(first, schedule.index_at(settled) + 1)
    return [schedule.period(index) for index in range(first, schedule.index_at(last) + 1)]
