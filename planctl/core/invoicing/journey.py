"""One subscription's way to an instant: what falls due is turned into drafts, what a block defers comes later.

It only collects; `advance` walks the journeys of a customer in time order and finishes their drafts. It reads
no clock, gives no numbers and writes nothing. Source: planctl billing rules, time, fees and lifecycle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import field, replace
from functools import partial
from itertools import groupby

from planctl.core import dunning
from planctl.core.instants import DAY_MICROSECONDS
from planctl.core.invoicing.charged import ChargedBefore, next_late
from planctl.core.invoicing.drafting import begun_periods, empty_draft, identity_of
from planctl.core.invoicing.facts import Begun, CustomerFacts, GivesBack, Voided
from planctl.core.invoicing.fees import Names, capped, fee_lines, minimum_lines
from planctl.core.invoicing.late import Difference, difference, difference_minor, late_dues
from planctl.core.invoicing.model import Draft, InvoiceKind, Line, Outcome, Settlement, UsageClaim
from planctl.core.invoicing.tallies import billing_index, is_compared
from planctl.core.invoicing.taxation import Rounding
from planctl.core.invoicing.unused import unused_lines
from planctl.core.invoicing.usage import Book, Closing, close, usage_line
from planctl.core.periods import Instant
from planctl.core.subscriptions.dues import (
    FEE,
    MINIMUM,
    Due,
    block_at,
    charged_to,
    credited_by_pause,
    due_of,
    dues,
    owed,
    resumed_at,
)
from planctl.core.subscriptions.model import ENDED, BlockedSpan, Status, Subscription, Transition
from planctl.core.subscriptions.transitions import TABLE, Event, after
from planctl.core.wallets import WalletMove, debit_key
from planctl.values import dataclass

Charged = tuple[Due, str, Instant | None]
"""A due to bill, the occasion of its charges, and from when on if a block was lifted within the period."""

_ENDS: dict[str, Event] = {"expired": "expire", "changed": "change", "replaced": "replace"}
"""The event of a planned end, by its reason; any other is just an end."""

CATCH_UP_PERIODS = 12
CATCH_UP_DAYS = 35


@dataclass(frozen=True, slots=True)
class RunTerms:
    """How a run goes: `invoice.zero`, how many periods may be caught up at once, what things are called."""

    issue_zero: bool = False
    catch_up: int = CATCH_UP_PERIODS
    catch_up_asked: bool = False
    names: Names = field(default_factory=dict)
    tax_rounding: Rounding = "invoice"


@dataclass(slots=True)
class Charges:
    """What some dues come to: lines, claims, movements of wallets."""

    lines: list[Line] = field(default_factory=list)
    claims: list[UsageClaim] = field(default_factory=list)
    moves: list[WalletMove] = field(default_factory=list)


def waits(subscription: Subscription, left_open: Sequence[Settlement]) -> bool:
    """Whether something that was left open can be billed at once: it is to be issued again, or its block is over."""
    over = [(span.starts_at, span.ends_at) for span in subscription.blocked if span.ends_at is not None]
    return any(
        one.outcome == "reissue" or any(begins <= one.due_at <= ends for begins, ends in over)
        for one in left_open
    )


class Journey:
    """What time has brought to one subscription since `settled_at`; the lists grow as it is walked."""

    def __init__(
        self, facts: CustomerFacts, subscription: Subscription, until: Instant, terms: RunTerms, book: Book
    ) -> None:
        self.facts, self.until, self.terms, self.book = facts, until, terms, book
        self.before = subscription
        self.moves: list[Transition] = []
        subscription = self._begun(subscription)
        self.unpaid = dunning.unpaid_of(subscription, facts.unpaid, facts.granting)
        dunned = dunning.dunned(subscription, self.unpaid, until)
        self.moves += dunned.transitions
        self.past_due_invoices = dunned.past_due_invoices
        self.subscription = dunned.subscription
        self.dues = self._falling_due()
        self.drafts: list[Draft] = []
        self.settlements: list[Settlement] = []
        self.claims: list[UsageClaim] = []
        self.closed: list[Settlement] = []
        self.wallet: list[WalletMove] = []
        self.fresh: list[Settlement] = []
        self.late: list[tuple[Settlement, Difference]] = []
        self.late_is_billed = False
        self.charged = ChargedBefore(facts, self.subscription)

    def _falling_due(self) -> tuple[Due, ...]:
        one = self.subscription
        found = dues(one, self.until) if one.live else ()
        return tuple(due for due in found if (one.id, due.part, due.index) not in self.facts.settled_then)

    def _begun(self, subscription: Subscription) -> Subscription:
        """The subscription once its start has come, and the end of a trial that somebody pays after."""
        if subscription.status is Status.PENDING and subscription.started_at <= self.until:
            event: Event = "trial" if subscription.in_trial(subscription.started_at) else "start"
            subscription = self._move(subscription, event, subscription.started_at, event)
        over = subscription.trial_ends_at
        if subscription.status is not Status.TRIALING or over is None or over > self.until:
            return subscription
        if subscription.ends_at is not None and subscription.ends_at <= over:
            return subscription
        return self._move(subscription, "convert", over, "paid")

    # --- what is far behind

    def missed(self) -> int:
        """How many billing periods would be billed at once, where that is too many to do unasked; else 0.

        Too many are more than 12 periods and more than 35 days; periods that bill nothing do not count.
        """
        if len(self.dues) <= self.terms.catch_up:
            return 0
        book = self.book.apart()
        billing = [due for due in self.dues if self._bills(due, book)]
        schedule = self.subscription.schedule()
        periods = len({schedule.index_at(due.at) for due in billing})
        if periods <= self.terms.catch_up:
            return 0
        late = self.until - billing[0].at > CATCH_UP_DAYS * DAY_MICROSECONDS
        return periods if late or self.terms.catch_up_asked else 0

    def _bills(self, due: Due, book: Book) -> bool:
        """Whether a due comes to an amount: not within a block, not free of charge, not within the allowance."""
        if block_at(self.subscription, due.at) is not None:
            return False
        charges = self._charges([(due, "", resumed_at(self.subscription, due))], 0, book)
        return any(line.amount_minor for line in charges.lines)

    # --- walking

    def steps(self) -> Iterator[tuple[Instant, Callable[[], None]]]:
        """What is to be done on the way, in time order: what falls due together, and blocks that are lifted.

        What a block deferred comes before what falls due after it, since it may roll over or draw on a wallet. What
        falls due at the very instant of a payment comes first: another block may begin there and defer it.
        What is given back comes before all of its instant: a minimum there compares with what is left of the fee. What
        was voided is issued again in its own time, for the same reason.
        """
        lifted = [span for span in self.subscription.blocked if span.ends_at is not None]
        found: list[tuple[Instant, int, Callable[[], None]]] = [
            (span.ends_at, 1, partial(self._resume, span))
            for span in lifted
            if span.ends_at is not None and span.ends_at <= self.until
        ]
        for at, group in groupby(self.dues, key=lambda due: due.at):
            found.append((at, 0, partial(self._bill, at, tuple(group))))
        gives = self.facts.gives_back.get(self.subscription.id)
        if gives is not None:
            found.append((gives.at, -1, partial(self._give_back, gives)))
        for voided in self.facts.voided:
            if voided.subscription == self.subscription.id:
                found.append((voided.at, 2, partial(self._reissue, voided)))
        for at, _, step in sorted(found, key=lambda one: one[:2]):
            yield at, step

    def _find_late(self, book: Book) -> None:
        """Work out what late usage changes in periods closed before, to be billed with the next draft."""
        marked = [mark.at for mark in self.facts.late]
        touched = late_dues(self.before, marked, self._still_open(), book.lineup)
        for due in touched:
            settlement = Settlement(
                self.before.id, due.part, due.index, "billed", self.until, self.charged.next_late(due)
            )
            before = self.charged.before(due, self._fresh())
            found = difference(self.before, due, book, before, settlement, self.terms.names)
            if not found.nothing:
                self.late.append((settlement, found))

    def bill_ended(self) -> None:
        """Bill late usage of a subscription that has ended, on an invoice of its own: nothing else will come."""
        if self.before.status in ENDED:
            self._bill_late()
            if self.late:
                first = self.late[0][
                    0
                ]  # numbers count by period: the next late invoice may begin with another
                occasion = f"{first.occasion}:{first.part}:{first.index}"
                self._draft("late", self._last_index(), occasion, self.until, [])

    def _bill_late(self) -> None:
        """Take up what late usage changes, once: only then it may move what wallets have left."""
        if not self.late_is_billed:
            self.late_is_billed = True
            self._find_late(self.book)

    def _bill(self, at: Instant, group: tuple[Due, ...]) -> None:
        """One invoice for what falls due at `at`; a block defers instead what falls into it."""
        deferred = [*self._deferred(), *self.fresh]
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
            kind, index, occasion = identity_of(self.subscription, at, group)
            self._draft(kind, index, occasion, at, charged)
        span = block_at(self.subscription, at)
        reason: Outcome = "paused" if span is not None and span.kind == "paused" else "blocked"
        self.fresh += [_settled(self.subscription, due, reason) for due in postponed]

    def _give_back(self, gives: GivesBack) -> None:
        """Credit what was charged ahead for time that is not used any more; nothing of it is settled by that."""
        lines = unused_lines(self.subscription, gives.at, self.facts.billed, self.terms.names, gives.occasion)
        credits = tuple(lines)
        if credits:
            index = credits[0].service_index
            draft = self._dated("change", index, gives.occasion, gives.at)
            self.drafts.append(replace(draft, lines=credits))

    def finish(self) -> None:
        """Settle what a block deferred, end what ends."""
        self.settlements += self.fresh
        if not self.late_is_billed:
            self._find_late(self.book.apart())
        self._end()
        if self.subscription.status in ENDED:
            self.closed += [one for one in (*self._deferred(), *self.fresh) if one not in self.closed]

    def _deferred(self) -> list[Settlement]:
        """What earlier runs left open, in the order of dues: a minimum comes after the usage that counts for it."""
        mine = [one for one in self.facts.deferred if one.subscription == self.subscription.id]
        return sorted(mine, key=lambda one: due_of(self.subscription, one.part, one.index).order)

    def _still_open(self) -> set[tuple[str, int]]:
        return {(one.part, one.index) for one in self.facts.left_open(self.before)}

    def _last_index(self) -> int:
        schedule = self.subscription.schedule()
        ends_at = self.subscription.ends_at
        assert ends_at is not None
        return schedule.index_at(Instant(max(ends_at - 1, schedule.anchor_at)))

    def _resume(self, span: BlockedSpan) -> None:
        """Bill what was deferred by a block or pause that is over: the rest of the running period, and usage.

        A fee whose whole period passed in the block, or that was still blocked at the end, is never charged. What a
        pause credited of the running period is charged again from the return on.
        """
        over = span.ends_at
        assert over is not None
        # A payment dated back ends the block at the very instant that a run settled as blocked.
        waiting = [one for one in (*self._deferred(), *self.fresh) if one not in self.closed]
        schedule = self.subscription.schedule()
        charged: list[Charged] = []
        for one in waiting:
            if span.starts_at <= one.due_at <= over:
                due = due_of(self.subscription, one.part, one.index)
                self.closed.append(one)
                # A period that a new anchor has cut before that instant is not charged: the next one is.
                runs = due.part in {FEE, MINIMUM} and schedule.period(one.index).contains(over)
                if owed(self.subscription, due) or runs:
                    begins = resumed_at(self.subscription, due, span.payment)
                    charged.append(self._rest(due, span.payment, begins))
        again = credited_by_pause(self.subscription, span)
        settled = self.before.settled_at
        if again is not None and (settled is None or settled < over):
            charged.append(self._rest(again, span.payment, over))
        if charged:
            self._draft("resume", schedule.index_at(over), span.payment, over, charged)

    def _reissue(self, voided: Voided) -> None:
        """The same charges as a voided invoice, computed again, one revision later."""
        charged: list[Charged] = []
        self.closed += voided.settlements
        for one in voided.settlements:
            due = due_of(self.subscription, one.part, one.index)
            begins = resumed_at(self.subscription, due, one.occasion)
            charged.append(self._rest(due, one.occasion, begins))
        index = voided.period_index
        if self.subscription.base:  # the index is of its base's period
            schedule = self.subscription.schedule()
            index = schedule.index_at(Instant(max(voided.at, self.subscription.started_at)))
        revision = voided.revision + 1
        if voided.credits:
            draft = self._dated(voided.kind, index, voided.occasion, voided.at)
            self.drafts.append(replace(draft, lines=voided.credits, revision=revision))
        if charged or not voided.credits:
            self._draft(voided.kind, index, voided.occasion, voided.at, charged, revision)

    def _rest(self, due: Due, occasion: str, from_at: Instant | None) -> Charged:
        """A due that is charged from an instant on; None: from its start."""
        return charged_to(self.subscription, due, from_at), occasion, from_at

    # --- drafts

    def _draft(  # noqa: PLR0913 - an invoice's identity is five values
        self,
        kind: InvoiceKind,
        index: int,
        occasion: str,
        at: Instant,
        charged: list[Charged],
        revision: int = 0,
    ) -> None:
        self._bill_late()
        charges = self._charges(charged, revision, self.book)
        minimums = list(self._late_minimums())
        late, self.late = self.late, []
        lines = charges.lines + [line for _, found in late for line in found.lines] + minimums
        worth = any(line.amount_minor for line in lines) or (self.terms.issue_zero and bool(lines))
        outcome: Outcome = "billed" if worth else "zero"
        settled = [
            Settlement(self.subscription.id, due.part, due.index, outcome, due.at, its, revision)
            for due, its, _ in charged
        ]
        settled += [replace(one, outcome=outcome) for one, _ in late]
        settled += [
            Settlement(one.subscription, MINIMUM, one.service_index, outcome, self.until, one.occasion)
            for one in minimums
        ]
        claims = [replace(one, revision=revision) if revision else one for one in charges.claims]
        claims += [claim for _, found in late for claim in found.claims]
        self.wallet += [move for _, found in late for move in found.moves] + charges.moves
        if worth:
            draft = self._dated(kind, index, occasion, at)
            self.drafts.append(
                replace(
                    draft,
                    lines=tuple(lines),
                    claims=tuple(claims),
                    settlements=tuple(settled),
                    revision=revision,
                )
            )
        else:
            self.settlements += settled
            self.claims += claims

    def _dated(self, kind: InvoiceKind, index: int, occasion: str, at: Instant) -> Draft:
        """An empty draft of this subscription: its identity, its period and when it is due."""
        return empty_draft(self.subscription, kind, index, occasion, at, self.until)

    def _charges(self, charged: Sequence[Charged], revision: int, book: Book) -> Charges:
        found = Charges()
        for due, occasion, since in charged:
            if due.part == FEE:
                fresh = list(fee_lines(self.subscription, due, self.terms.names, resumed_at=since))
            elif due.part == MINIMUM:
                so_far = self.charged.in_period(due.index, self._fresh(found.lines))
                fresh = list(minimum_lines(self.subscription, due, so_far, self.terms.names, since))
            else:
                fresh = self._usage(due, occasion, revision, book, found)
            found.lines += [replace(line, occasion=occasion) if occasion else line for line in fresh]
        return found

    def _usage(self, due: Due, occasion: str, revision: int, book: Book, found: Charges) -> list[Line]:
        """The usage lines of a closing; where something of it is billed already, only what differs."""
        settlement = Settlement(
            self.subscription.id, due.part, due.index, "billed", due.at, occasion, revision
        )
        before = self.charged.before(due, self._fresh(found.lines))
        if before.claims:
            again = difference(self.subscription, due, book, before, settlement, self.terms.names)
            found.claims += again.claims
            found.moves += again.moves
            return list(again.lines)
        closings = close(self.subscription, due, book)
        found.claims += [
            replace(one.claim, occasion=occasion) if occasion else one.claim
            for one in closings
            if _is_told(self.subscription, one)
        ]
        found.moves += [
            WalletMove(
                self.subscription.customer,
                book.lineup.present.get(one.feature, one.feature),
                grant,
                debit_key(settlement, grant),
                -units,
                due.period.ends_at or due.at,
            )
            for one in closings
            for grant, units in one.account.wallet.items()
            if units
        ]
        lines = [
            usage_line(self.subscription, due, one, self.terms.names)
            for one in closings
            if one.rated.amount_minor
        ]
        others = self.charged.usage_beside(due, self._fresh(found.lines))
        return list(capped(lines, self.subscription, due, others))

    def _fresh(self, lines: Sequence[Line] = ()) -> list[Line]:
        """What this run has charged so far: in earlier drafts, for late usage, and `lines`."""
        drafted = [line for draft in self.drafts for line in draft.lines]
        return [*drafted, *(line for _, found in self.late for line in found.lines), *lines]

    def _late_minimums(self) -> Iterator[Line]:
        """What late usage makes of minimums that were compared before: one line for each billing period."""
        one = self.before
        if not one.terms.minimum.get(one.currency.code) or one.pay == "once":
            return
        late = [line for _, found in self.late for line in found.lines]
        for index in sorted({index for line in late if (index := billing_index(one, line)) is not None}):
            billed = self.charged.minimums(index)
            due = due_of(one, MINIMUM, index)
            if not billed and (not is_compared(one, due) or (MINIMUM, index) in self._still_open()):
                continue
            charged = self.charged.in_period(index, self._fresh())
            short = list(minimum_lines(one, due, charged, self.terms.names, resumed_at(one, due)))
            differs = sum(line.amount_minor for line in short)
            differs -= sum(difference_minor(b.line) - b.given_back_minor for b in billed)
            if differs:
                yield replace(
                    short[0] if short else billed[0].line, kind="late_usage", amount_minor=differs,
                    occasion=next_late(b.line.occasion for b in billed), discount_minor=0, taxes=(),
                    detail={"difference_minor": str(differs)},
                )  # fmt: skip

    # --- the end

    def _end(self) -> None:
        ends_at = self.subscription.ends_at
        if self.subscription.live and ends_at is not None and ends_at <= self.until:
            spans = tuple(
                replace(span, ends_at=ends_at) if span.ends_at is None else span
                for span in self.subscription.blocked
            )
            ended = replace(self.subscription, blocked=spans)
            event = _ENDS.get(ended.end_reason, "end")
            if TABLE[(ended.status, event)] is None:
                event = "end"
            self.subscription = self._move(ended, event, ends_at, ended.end_reason)

    def _move(self, subscription: Subscription, event: Event, at: Instant, reason: str) -> Subscription:
        status = after(subscription.status, event, subscription.id)
        self.moves.append(Transition(subscription.id, subscription.status, status, at, reason))
        return replace(subscription, status=status)

    def begun(self) -> tuple[Begun, ...]:
        """The billing periods entered since `settled_at`."""
        return tuple(
            Begun(self.subscription.id, period, self.subscription.timezone)
            for period in begun_periods(self.before, self.subscription, self.until)
        )


def _is_told(subscription: Subscription, closing: Closing) -> bool:
    """Whether a claim is kept: always of what is charged after use, else where anything was used or goes on."""
    beyond = subscription.terms.features[closing.feature].beyond
    charged = beyond is not None and beyond.charge == "usage"
    return charged or bool(closing.claim.quantity or closing.claim.carried or closing.claim.rolled)


def _settled(subscription: Subscription, due: Due, outcome: Outcome) -> Settlement:
    return Settlement(subscription.id, due.part, due.index, outcome, due.at)
