"""Closed allowance periods, closed again: what was settled, claimed and charged for them, and what it should be.

What was recorded and what was measured now in, closings and lines out. The functions are those that closed them the
first time; it reads no store. Source: planctl billing rules, laws.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from fractions import Fraction

from planctl.core.draining import PoolKey
from planctl.core.invoicing.advance import rolled_into
from planctl.core.invoicing.fees import capped
from planctl.core.invoicing.late import LATE
from planctl.core.invoicing.lineup import LineUp
from planctl.core.invoicing.model import (
    Amounts,
    EventAmount,
    Line,
    Settlement,
    Totals,
    UsageClaim,
    UsageWindow,
)
from planctl.core.invoicing.tallies import usage_in
from planctl.core.invoicing.usage import (
    Book,
    Closing,
    close,
    event_windows,
    rated_account,
    usage_line,
    usage_price,
    windows,
)
from planctl.core.money import plus, round_minor
from planctl.core.periods import Instant
from planctl.core.subscriptions.dues import Due, closed_features, due_of, usage_part
from planctl.core.subscriptions.model import Subscription
from planctl.values import dataclass

ZERO = Fraction(0)
USAGE_KEY = "usage:"


@dataclass(frozen=True, slots=True)
class Charge:
    """A line of a finalized invoice (`invoice` is its id), of one revision.

    `credited_minor` is what credit notes took back of it after discounts, `settled_minor` the part of that which
    closing a period again took back by itself. `position` is the line's place on its invoice, from 1.
    """

    invoice: str
    revision: int
    line: Line
    void: bool = False
    credited_minor: int = 0
    settled_minor: int = 0
    position: int = 0

    @property
    def given_back_minor(self) -> int:
        """What closing its period again took back by credit notes, before discounts."""
        net = self.line.net_minor
        return round_minor(Fraction(self.settled_minor * self.line.amount_minor, net), 0) if net > 0 else 0


@dataclass(frozen=True, slots=True)
class Past:
    """What is recorded of one customer. Settlements and claims come with the id of their invoice (`""`: none).

    `charges` stand in the order in which they were issued; `issued` says when each invoice was.
    """

    subscriptions: tuple[Subscription, ...]
    settled: Sequence[tuple[Settlement, str]] = ()
    claims: Sequence[tuple[UsageClaim, str]] = ()
    charges: Sequence[Charge] = ()
    issued: Mapping[str, Instant] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ClosedPeriod:
    """One closed allowance period: of everything that was issued again only the last revision."""

    subscription: Subscription
    due: Due
    settled: Sequence[tuple[Settlement, str]]
    claims: Sequence[UsageClaim]
    charges: Sequence[Charge]
    known_at: Instant

    @property
    def rated_again(self) -> bool:
        """Whether a difference was billed for it after it was closed."""
        late = any(one.occasion.startswith(LATE) for one, _ in self.settled)
        return late or any(is_difference(one.line) for one in self.charges)

    def of(self, feature: str) -> list[UsageClaim]:
        """The claims on one feature."""
        return [one for one in self.claims if one.feature == feature]


@dataclass(frozen=True, slots=True)
class Again:
    """One closed period as closing it now gives it: its features, and its lines within the `maximum`."""

    closings: tuple[Closing, ...]
    lines: tuple[Line, ...]


def is_difference(line: Line) -> bool:
    """Whether a line holds what a charge was changed by, and not the charge."""
    return isinstance(line.detail, dict) and "difference_minor" in line.detail


def parts_of(subscription: Subscription) -> dict[str, str]:
    """The part that settles each closed feature."""
    return {
        feature: usage_part(subscription, reset)
        for reset, features in closed_features(subscription).items()
        for feature in features
    }


def last_revisions(settled: Iterable[tuple[Settlement, str]]) -> dict[str, tuple[Settlement, str]]:
    """Of outcomes of one part and index, the last revision of each occasion."""
    found: dict[str, tuple[Settlement, str]] = {}
    for pair in settled:
        before = found.get(pair[0].occasion)
        if before is None or before[0].revision <= pair[0].revision:
            found[pair[0].occasion] = pair
    return found


def closed_periods(past: Past) -> Iterator[ClosedPeriod]:
    """Every allowance period of which something was settled, but for those that are to be issued again.

    What a block deferred is not closed. A part that the terms do not close is left out: another law names it.
    """
    settled: dict[tuple[str, str, int], list[tuple[Settlement, str]]] = {}
    for one, invoice in past.settled:
        settled.setdefault((one.subscription, one.part, one.index), []).append((one, invoice))
    claims: dict[tuple[str, int], list[UsageClaim]] = {}
    for claim, _ in past.claims:
        claims.setdefault((claim.subscription, claim.allowance_index), []).append(claim)
    charges: dict[tuple[str, int], list[Charge]] = {}
    for charge in past.charges:
        if charge.line.charge_key.startswith(USAGE_KEY):
            charges.setdefault((charge.line.subscription, charge.line.service_index), []).append(charge)
    by_id = {one.id: (one, parts_of(one)) for one in past.subscriptions}
    for (name, part, index), several in settled.items():
        if name not in by_id:
            continue
        subscription, parts = by_id[name]
        features = {feature for feature, its in parts.items() if its == part}
        last = last_revisions(several)
        if features and _is_closed(last):
            due = due_of(subscription, part, index)
            known = [past.issued[invoice] for _, invoice in last.values() if invoice in past.issued]
            yield ClosedPeriod(
                subscription,
                due,
                [*last.values()],
                [
                    one
                    for one in claims.get((name, index), ())
                    if one.feature in features and _is_of(one, last)
                ],
                [
                    one
                    for one in charges.get((name, index), ())
                    if one.line.charge_key.removeprefix(USAGE_KEY) in features
                    and one.line.occasion in last
                    and last[one.line.occasion][0].revision == one.revision
                ],
                Instant(max([due.at, *known])),
            )


def _is_of(claim: UsageClaim, last: Mapping[str, tuple[Settlement, str]]) -> bool:
    return claim.occasion in last and last[claim.occasion][0].revision == claim.revision


def _is_closed(last: Mapping[str, tuple[Settlement, str]]) -> bool:
    outcomes = {one.outcome for one, _ in last.values()}
    return "reissue" not in outcomes and not outcomes <= {"blocked", "paused"}


# --- closing again


def lineups(past: Past, period: ClosedPeriod, today: LineUp) -> tuple[LineUp, ...]:
    """The customer's allowances as they are, and as they were known when the period was closed, where that differs.

    A subscription that was begun, ended or enlarged since counts as it is now only for what closes later.
    """
    now = past.subscriptions
    if len(now) == 1:
        return (today,)
    then = tuple(
        _known(one, period.known_at)
        for one in now
        if one.id == period.subscription.id or one.created_at <= period.known_at
    )
    return (today,) if then == now else (today, LineUp(then))


def _known(subscription: Subscription, at: Instant) -> Subscription:
    """A subscription as it was known at an instant: without the end and the quantities that came later."""
    ends_at = subscription.ends_at
    if ends_at is not None and ends_at > at:
        subscription = replace(subscription, ends_at=None)
    steps = tuple(step for step in subscription.steps if step.at <= at)
    return subscription if steps == subscription.steps else replace(subscription, steps=steps)


def needed(past: Past, period: ClosedPeriod, today: LineUp | None = None) -> Iterator[UsageWindow]:
    """The quantities that closing it again needs; `today` is the customer's line-up as it is, where that is at hand."""
    for lineup in lineups(past, period, today or LineUp(past.subscriptions)):
        yield from windows(lineup, period.subscription, period.due)


class Closer:
    """Closes one customer's allowance periods again, from what was recorded and what was measured.

    `periods` are the closed ones, where they are at hand.
    """

    def __init__(
        self, past: Past, totals: Totals, amounts: Amounts, periods: Sequence[ClosedPeriod] | None = None
    ) -> None:
        self.past, self.totals, self.amounts = past, totals, amounts
        self.periods = tuple(closed_periods(past) if periods is None else periods)
        self.rolled = rolled_into(_last_claims(past))
        self.charges = lasting(past.charges)
        self.lineup = LineUp(past.subscriptions)

    def again(self, period: ClosedPeriod) -> Iterator[Again]:
        """The period closed by each of the line-ups that it can have had; the first is that of today.

        What grants paid is taken from the claims. What was carried on counts as used where usage came later.
        """
        subscription = period.subscription
        events = {window.feature: window.key for window, _ in event_windows(subscription, period.due)}
        for lineup in lineups(self.past, period, self.lineup):
            lineup.rolled = self.rolled | _rolled_before(period)
            fresh = close(subscription, period.due, Book(lineup, self.totals, self.amounts))
            closings = tuple(
                _with_wallet(
                    subscription,
                    one,
                    plus(*(claim.wallet for claim in period.of(one.feature))),
                    self.amounts.get(events[one.feature], ()) if one.feature in events else (),
                )
                for one in fresh
            )
            yield Again(closings, self._lines(period, closings))

    def _lines(self, period: ClosedPeriod, closings: Sequence[Closing]) -> tuple[Line, ...]:
        one, due = period.subscription, period.due
        lines = [usage_line(one, due, closing, {}) for closing in closings if closing.rated.amount_minor]
        return capped(lines, one, due, self.others(period) if one.terms.maximum else 0)

    def others(self, period: ClosedPeriod) -> int:
        """What the other closings of the same billing period were charged, before discounts."""
        lines = [one.line for one in self.charges]
        given = [
            replace(one.line, amount_minor=-one.given_back_minor, detail=None)
            for one in self.charges
            if one.given_back_minor
        ]
        return usage_in(period.subscription, period.due, [*lines, *given])


def _last_claims(past: Past) -> Iterable[UsageClaim]:
    found: dict[tuple[str, str, int, str], UsageClaim] = {}
    for one, _ in past.claims:
        key = (one.subscription, one.feature, one.allowance_index, one.occasion)
        if key not in found or found[key].revision <= one.revision:
            found[key] = one
    return found.values()


def _rolled_before(period: ClosedPeriod) -> dict[PoolKey, Fraction]:
    rolled: dict[PoolKey, Fraction] = {}
    for claim in period.claims:
        key = (claim.subscription, claim.feature, claim.allowance_index)
        gone = -claim.carried if claim.carried and period.rated_again else ZERO
        rolled[key] = plus(rolled.get(key, ZERO), claim.rolled, gone)
    return rolled


def _with_wallet(
    subscription: Subscription, closing: Closing, wallet: Fraction, events: Sequence[EventAmount]
) -> Closing:
    """The closing when grants pay `wallet` of what no allowance covers."""
    if not wallet:
        return closing
    paid = min(wallet, closing.account.above)
    account = replace(closing.account, wallet={"": paid}, above=closing.account.above - paid)
    price = usage_price(subscription, closing.feature, closing.claim.starts_at)
    rated = rated_account(subscription, closing.feature, account, closing.included, price, events)
    claim = replace(
        closing.claim,
        quantity=closing.claim.included + rated.wallet + rated.excess + rated.over_limit,
        wallet=rated.wallet,
        billed=rated.excess,
        over_limit=rated.over_limit,
    )
    return replace(closing, account=account, rated=rated, claim=claim)


def lasting(charges: Iterable[Charge]) -> list[Charge]:
    """Of every charge that was issued again, the last revision; the others as they are."""
    found: dict[tuple[str, str, int, str], Charge] = {}
    for one in charges:
        line = one.line
        key = (line.subscription, line.charge_key, line.service_index, line.occasion)
        if key not in found or found[key].revision <= one.revision:
            found[key] = one
    return [*found.values()]


def given_back(amount: int, charges: Sequence[Charge]) -> int:
    """What of an amount before discounts goes back of these charges, the latest first: what their discounts leave.

    0 for nothing or less; without a charge the amount stays whole.
    """
    paying = [one.line for one in reversed(charges) if one.line.amount_minor > 0]
    if not paying or amount <= 0:
        return max(amount, 0)
    back, left = 0, Fraction(amount)
    for line in paying:
        if left <= 0:
            break
        paid = Fraction(max(line.net_minor, 0), line.amount_minor)
        net = min(round_minor(left * paid, 0), max(line.net_minor, 0))
        back += net
        left -= line.amount_minor if left > line.amount_minor else left
    return back
