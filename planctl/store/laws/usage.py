"""Laws of usage and amounts: closed usage is claimed once and whole, and billing again gives the same lines.

Three laws stand on one another: events give the claims, claims and terms give the lines, lines give the sums. Where
one does not hold, those above it are not asked about the same period.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from functools import cached_property
from typing import Any

from planctl.core.invoicing.late import LATE
from planctl.core.invoicing.model import (
    Amounts,
    EventAmount,
    Line,
    Settlement,
    Totals,
    UsageClaim,
    WindowKey,
)
from planctl.core.invoicing.reclose import Again, ClosedPeriod, Closer, Past, needed, parts_of
from planctl.core.invoicing.unused import is_unused
from planctl.core.invoicing.usage import event_windows
from planctl.core.laws import wrong_lines, wrong_split
from planctl.core.rerate import change_again, fees_again, histories, wrong_minimums, wrong_packs
from planctl.core.subscriptions.dues import FEE, MINIMUM, billed_features, due_of
from planctl.core.subscriptions.model import Subscription
from planctl.core.unused_laws import kept_for_nothing, wrong_unused
from planctl.core.usage_laws import wrong_charges, wrong_parts, wrong_quantities, wrong_rollover
from planctl.store import catalog
from planctl.store.laws.model import Breach, guarded
from planctl.store.laws.past import Recorded, pasts
from planctl.store.laws.reading import DAMAGE, Page
from planctl.store.sets import grouped
from planctl.store.usage import UsageRequest, amounts, late_marks, totals
from planctl.store.usage_totals import request_for
from planctl.values import dataclass

ClaimKey = tuple[str, int, str, int]
"""A claim within its subscription: feature, allowance index, occasion, revision."""


# Claims and what was settled


def claimed(page: Page) -> Iterator[Breach]:
    """Settled usage has a claim for each feature charged after use, over its period and on its invoice.

    Every claim belongs to such usage, and an allowance period is claimed once, late differences beside it.
    """
    for customer, recorded in pasts(page).items():
        for name, what in recorded.unreadable:
            yield Breach(f"subscription {name}", what)
        for subscription in recorded.past.subscriptions:
            subject = f"subscription {subscription.id}"
            yield from guarded(subject, _wrong_claims(subscription, recorded.past))
        yield from guarded(f"customer {customer}", _claimed_twice(recorded))


def _wrong_claims(subscription: Subscription, past: Past) -> Iterator[str]:
    left: dict[ClaimKey, tuple[UsageClaim, str]] = {
        (claim.feature, claim.allowance_index, claim.occasion, claim.revision): (claim, invoice)
        for claim, invoice in past.claims
        if claim.subscription == subscription.id
    }
    billed = {feature for several in billed_features(subscription).values() for feature in several}
    features = grouped(parts_of(subscription).items(), (), lambda pair: pair[1])
    mine = [(one, invoice) for one, invoice in past.settled if one.subscription == subscription.id]
    again = {(one.part, one.index) for one, _ in mine if one.occasion.startswith(LATE)}
    for settled, invoice in mine:
        if settled.is_deferred or settled.part not in features:
            continue
        period = due_of(subscription, settled.part, settled.index).period
        # Of a period that was rated again only differences are claimed, where there are any.
        differs = settled.occasion.startswith(LATE) or (
            settled.revision > 0 and (settled.part, settled.index) in again
        )
        for feature, _ in features[settled.part]:
            found = left.pop((feature, settled.index, settled.occasion, settled.revision), None)
            if found is None:
                if feature in billed and not differs:
                    yield f"{settled.part} {settled.index} is settled and {feature} is not claimed"
                continue
            claim, claimed_on = found
            if claimed_on != invoice:
                yield f"the claim on {feature} {settled.index} is not on the invoice that settled it"
            elif (claim.starts_at, claim.ends_at) != (period.starts_at, period.ends_at):
                yield f"the claim on {feature} {settled.index} is of another time than its period"
    for feature, index, occasion, revision in left:
        at = f"{feature} {index}{f' ({occasion})' if occasion else ''}, revision {revision}"
        yield f"the claim on {at} belongs to nothing that was settled"


def _claimed_twice(recorded: Recorded) -> Iterator[str]:
    for period in recorded.periods:
        whole: dict[str, int] = {}
        for claim in period.claims:
            if not claim.occasion.startswith(LATE) and not _is_difference(period, claim):
                whole[claim.feature] = whole.get(claim.feature, 0) + 1
        for feature, times in whole.items():
            if times > 1:
                yield f"{feature} {period.due.index} of {period.subscription.id} is claimed {times} times"


def _is_difference(period: ClosedPeriod, claim: UsageClaim) -> bool:
    """Whether a claim was made again and stands beside late ones, so that it may be what they left."""
    return claim.revision > 0 and period.rated_again


# Closing again


def complete(page: Page) -> Iterator[Breach]:
    """The claims on an allowance period take what the events give now, their parts sum to it, and rollover is right.

    Events whose difference is not billed yet are left out.
    """
    for _, several in _closed(page):
        for one in several:
            period = one.period
            subject = f"usage {period.subscription.id}/{period.due.part} {period.due.index}"
            yield from guarded(subject, _wrong_claims_of(one))


def rerated(page: Page) -> Iterator[Breach]:
    """Every invoice's lines, and the split of every claim, are those that billing again gives.

    What was settled as zero comes to zero again. Void invoices are billed again too: they keep their lines.
    """
    for recorded, several in _closed(page):
        yield from _other_lines(recorded)
        for one in several:
            owner = f"subscription {one.period.subscription.id}"
            invoices = [invoice for each, invoice in one.period.settled if not each.is_deferred]
            subject = recorded.named(invoices[-1] if invoices else "", owner)
            yield from guarded(subject, _rated_otherwise(one))


@dataclass(frozen=True, slots=True)
class _Fitting:
    """The line-up under which a period fits best: the first without a wrong quantity, else today's."""

    again: Again
    quantities: Sequence[str]
    parts: Sequence[str]


def _fitting(closer: Closer, period: ClosedPeriod) -> _Fitting:
    found: list[_Fitting] = []
    for again in closer.again(period):
        one = _Fitting(again, [*wrong_quantities(period, again)], [*wrong_parts(period, again)])
        if not one.quantities and not one.parts:
            return one
        found.append(one)
    return found[0]


@dataclass(frozen=True, slots=True)
class _Judged:
    """A period closed again by the closer that knows what its last closing knew, and what of its claims is wrong."""

    closer: Closer
    fitting: _Fitting
    incomplete: Sequence[str]


class _Closed:
    """A closed period and who may close it again. It is judged when the first law asks, and once."""

    def __init__(self, period: ClosedPeriod, closers: Sequence[Closer]) -> None:
        self.period, self.closers = period, closers

    @cached_property
    def judged(self) -> _Judged | None:
        """The judgement; None where it is not known what the last closing knew.

        Late usage waits until everything that it touches is billed: one subscription may have billed some of it,
        while another one's invoice is still to come.
        """
        several = self._knowing_more()
        found: list[_Judged] = []
        for closer in (self.closers[0], *several):
            fitting = _fitting(closer, self.period)
            one = _Judged(closer, fitting, [*_incomplete(closer, self.period, fitting)])
            if not one.incomplete:
                return one
            found.append(one)
        return None if several and self.period.rated_again else found[0]

    def _knowing_more(self) -> list[Closer]:
        first, *others = self.closers
        if not others:
            return []
        keys = {one.key for one in needed(first.past, self.period, first.lineup)}
        return [one for one in others if any(one.totals.get(key) != first.totals.get(key) for key in keys)]


def _wrong_claims_of(closed: _Closed) -> Iterator[str]:
    judged = closed.judged
    if judged is not None:
        yield from judged.incomplete


def _incomplete(closer: Closer, period: ClosedPeriod, fitting: _Fitting) -> Iterator[str]:
    for claim in period.claims:
        differs = claim.occasion.startswith(LATE) or _is_difference(period, claim)
        for what in wrong_split(claim, may_be_difference=differs):
            yield f"{claim.feature}: {what}"
        if claim.occasion.startswith(LATE) and (claim.rolled or claim.carried):
            yield f"{claim.feature}: the difference {claim.occasion} rolls over"
    yield from wrong_rollover(closer, period)
    yield from fitting.quantities


def _rated_otherwise(closed: _Closed) -> Iterator[str]:
    judged = closed.judged
    if judged is None or judged.incomplete:
        return
    yield from judged.fitting.parts
    if not judged.fitting.parts:
        yield from wrong_charges(judged.closer, closed.period, judged.fitting.again)


OfCustomers = Sequence[tuple[Recorded, Sequence[_Closed]]]
"""Customers with their closed periods."""


def _closed(page: Page) -> OfCustomers:
    """Every customer's periods with what was measured for them: a fixed number of queries per page.

    First without the usage that came late and is not billed yet; then with it, where one of several subscriptions
    may have billed it.
    """
    return page.once(_measured)


def _measured(page: Page) -> OfCustomers:
    tx = page.tx
    former = catalog.aliases(tx, "features")
    requests: dict[WindowKey, UsageRequest] = {}
    priced: dict[WindowKey, tuple[UsageRequest, str]] = {}
    measured: dict[WindowKey, Fraction] = {}
    by_event: dict[WindowKey, tuple[EventAmount, ...]] = {}
    of_page = [*_closers(page, measured, by_event)]
    for _, closer in of_page:
        for period in closer.periods:
            for window in needed(closer.past, period, closer.lineup):
                requests[window.key] = request_for(window, page.subscriptions, former)
            for window, name in event_windows(period.subscription, period.due):
                priced[window.key] = (request_for(window, page.subscriptions, former), name)
    without = {name: marks for name, marks in late_marks(tx, sorted(page.customers)).items() if marks}
    measured |= totals(tx, [*requests.values()], without)
    by_event |= amounts(tx, [*priced.values()], without)
    late = [one for one in requests.values() if one.window.customer in without]
    with_late = {**measured, **totals(tx, late)}
    at_all = amounts(tx, [*priced.values()]) if late else by_event
    found = []
    for recorded, closer in of_page:
        past, closers = recorded.past, [closer]
        if len(past.subscriptions) > 1 and past.subscriptions[0].customer in without:
            closers.append(Closer(past, with_late, at_all, closer.periods))
        found.append((recorded, [_Closed(period, closers) for period in closer.periods]))
    return found


def _closers(page: Page, totals: Totals, amounts: Amounts) -> Iterator[tuple[Recorded, Closer]]:
    """The customers of whom all that was settled can have fallen due; where it cannot, `claimed` says so."""
    for recorded in pasts(page).values():
        try:
            closer = Closer(recorded.past, totals, amounts, recorded.periods)
        except DAMAGE:
            continue
        yield recorded, closer


# Fees, quantities, minimums, packs


def _other_lines(recorded: Recorded) -> Iterator[Breach]:
    past = recorded.past
    settled = grouped(past.settled, (), lambda pair: pair[1])
    charges = grouped(past.charges, (), lambda one: one.invoice)
    for row in recorded.invoices:
        mine = [one for one, _ in settled.get(row.id, ())]
        lines = [one.line for one in charges.get(row.id, ())]
        is_credited = f"{row.kind}:{row.period_idx}:{row.occasion}:{row.revision}" in recorded.credited
        subject = f"invoice {row.number}"
        yield from guarded(subject, _billed_otherwise(past, row, mine, lines, is_credited))
        yield from guarded(subject, _belonging_nowhere(past, mine, lines))
        if any(map(is_unused, lines)):
            yield from guarded(subject, wrong_unused(past, row.id))
        yield from guarded(subject, wrong_packs(charges.get(row.id, ()), row.decimals))
    for one in past.subscriptions:
        zero = [settlement for settlement, _ in settled.get("", ()) if settlement.subscription == one.id]
        yield from guarded(f"subscription {one.id}", _not_zero(one, zero))
    subject = f"customer {past.subscriptions[0].customer}"
    yield from guarded(subject, kept_for_nothing(past))
    yield from _minimums(recorded, subject)


def _minimums(recorded: Recorded, otherwise: str) -> Iterator[Breach]:
    found: list[Breach] = []
    try:
        found.extend(
            Breach(recorded.named(invoice, otherwise), what)
            for invoice, what in wrong_minimums(recorded.past)
        )
    except DAMAGE as problem:
        found.append(Breach(otherwise, f"its minimums cannot be checked: {problem}"))
    yield from found


def _billed_otherwise(
    past: Past, row: Any, settled: Sequence[Settlement], lines: Sequence[Line], is_credited: bool
) -> Iterator[str]:
    """Fees and quantities, by the histories that their subscriptions may have had."""
    billed = [(one, histories(one)) for one in past.subscriptions]
    wanted: list[list[Line]] = [[] for _ in range(max(len(several) for _, several in billed))]
    for one, several in billed:
        mine = [settlement for settlement in settled if settlement.subscription == one.id]
        for place, fresh in enumerate(wanted):
            history = several[min(place, len(several) - 1)]
            fresh.extend(fees_again(history, mine))
            if row.kind == "change" and row.subscription in {one.id, one.base}:
                changes = change_again(one, row.occasion)
                fresh.extend(changes[min(place, len(changes) - 1)])
    stored = [line for line in lines if _is_fee(line)]
    for fresh in wanted if is_credited else ():
        # What would have been below zero is on a credit note instead.
        fresh[:] = [line for line in fresh if line.amount_minor >= 0]
    yield from wrong_lines(stored, wanted)


def _is_fee(line: Line) -> bool:
    if line.kind == "pack" or is_unused(line):
        return False
    return line.charge_key != MINIMUM and not line.charge_key.startswith("usage:")


def _belonging_nowhere(past: Past, settled: Sequence[Settlement], lines: Iterable[Line]) -> Iterator[str]:
    """Lines of usage and minimums whose settlement is not on the same invoice."""
    places = {(one.subscription, one.part, one.index, one.occasion, one.revision) for one in settled}
    late = {(one.subscription, one.occasion) for one in settled if one.occasion.startswith(LATE)}
    parts = {one.id: parts_of(one) | {"": MINIMUM} for one in past.subscriptions}
    revisions = {one.revision for one in settled}
    for line in lines:
        if not line.charge_key.startswith("usage:") and line.charge_key != MINIMUM:
            continue
        part = parts.get(line.subscription, {}).get(line.charge_key.partition(":")[2], "")
        wanted = {
            (line.subscription, part, line.service_index, line.occasion, revision) for revision in revisions
        }
        # The minimum that late usage changes is settled with that usage.
        is_changed = line.charge_key == MINIMUM and (line.subscription, line.occasion) in late
        if not is_changed and not wanted & places:
            yield f"its line {line.charge_key} {line.service_index} is settled by nothing on it"


def _not_zero(subscription: Subscription, parts: Iterable[Settlement]) -> Iterator[str]:
    for settled in parts:
        if settled.part != FEE or settled.outcome not in {"zero", "credited"}:
            continue
        sums = [
            sum(line.amount_minor for line in fees_again(one, [settled])) for one in histories(subscription)
        ]
        if all(amount > 0 for amount in sums):
            what = f"{settled.part} {settled.index}"
            yield f"{what} is settled as {settled.outcome}, billed again it comes to {sums[0]} (minor units)"
