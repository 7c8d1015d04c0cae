"""Closed allowance periods as they were known when they were settled, closed again by held and by proposed terms.

Events do not say when they were recorded; claims say how much was known at each settlement. So a period is closed with
what is measured now and, where more came later, with as many units as its claims took. It knows no invoices.
Source: planctl billing rules, rating a feature for one allowance period; docs/decisions/029.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable
from copy import copy
from dataclasses import replace
from fractions import Fraction

from planctl.core.draining import PoolKey
from planctl.core.invoicing.late import LATE
from planctl.core.invoicing.lineup import LineUp
from planctl.core.invoicing.model import Settlement, Totals, UsageClaim, WindowKey
from planctl.core.invoicing.reclose import Again, ClosedPeriod, Closer, Past, lineups, parts_of
from planctl.core.invoicing.usage import Book, Closing, close, event_windows, windows
from planctl.core.replay.account import Account, Measured
from planctl.core.subscriptions.dues import Due, due_of
from planctl.core.subscriptions.model import Subscription
from planctl.core.usage_laws import wrong_parts, wrong_quantities
from planctl.core.wallets import debit_prefix, posted
from planctl.values import dataclass

ZERO = Fraction(0)

Place = tuple[str, str, int]
"""An allowance period: subscription, part, index."""


@dataclass(frozen=True, slots=True)
class Known:
    """One closed period as one of its settlements knew it.

    `totals` are the quantities recorded by then, where they are others than those measured now; `lineup` is the
    place of the line-up that it was closed with.
    """

    seen: ClosedPeriod
    closings: tuple[Closing, ...]
    totals: Totals
    lineup: int


class HeldUsage:
    """One customer's periods closed again by the terms that were held."""

    def __init__(self, past: Past, measured: Measured) -> None:
        self.closer = Closer(past, measured.totals, measured.amounts)
        self.periods = {
            (one.subscription.id, one.due.part, one.due.index): one for one in self.closer.periods
        }
        self._known: dict[tuple[Place, str], Known | None] = {}

    def known(self, settled: Settlement) -> Known | None:
        """The period with what was known when it was settled; None where that cannot be told from the records."""
        place = (settled.subscription, settled.part, settled.index)
        if (place, settled.occasion) not in self._known:
            period = self.periods.get(place)
            found = None if period is None else self._find(period, as_of(period, settled.occasion))
            self._known[(place, settled.occasion)] = found
        return self._known[(place, settled.occasion)]

    def closings(self, settled: Settlement) -> tuple[Closing, ...] | None:
        """The features of a settled period; None as in `known`."""
        found = self.known(settled)
        return None if found is None else found.closings

    def _find(self, period: ClosedPeriod, seen: ClosedPeriod) -> Known | None:
        """The period as its claims say. Where nothing came later that must be what is measured, so that counts then."""
        found = _fitting(self.closer, seen, {})
        if found is not None:
            return found
        if not period.rated_again and len(self.closer.past.subscriptions) == 1:
            return Known(seen, next(iter(self.closer.again(seen))).closings, {}, 0)
        if any(event_windows(seen.subscription, seen.due)):
            return None
        recorded = self._recorded(seen)
        return _fitting(_instead(self.closer, recorded), seen, recorded)

    def _recorded(self, seen: ClosedPeriod) -> dict[WindowKey, Fraction]:
        """The quantities that the claims took: what was measured now, changed by what came later or went."""
        again = next(iter(self.closer.again(seen)))
        last = {one.feature: one.key for one in windows(self.closer.lineup, seen.subscription, seen.due)}
        found = {}
        for closing in again.closings:
            claimed = sum((one.quantity for one in seen.of(closing.feature)), ZERO)
            key = last[closing.feature]
            now = self.closer.totals.get(key, ZERO)
            found[key] = now + claimed - closing.claim.quantity
        return found


def as_of(period: ClosedPeriod, occasion: str) -> ClosedPeriod:
    """A period with what was settled, claimed and charged for it up to one of its settlements, that with it."""
    last = _rank(occasion)
    return replace(
        period,
        settled=[pair for pair in period.settled if _rank(pair[0].occasion) <= last],
        claims=[one for one in period.claims if _rank(one.occasion) <= last],
        charges=[one for one in period.charges if _rank(one.line.occasion) <= last],
    )


def _rank(occasion: str) -> int:
    return int(occasion.removeprefix(LATE)) if occasion.startswith(LATE) else 0


def _fitting(closer: Closer, seen: ClosedPeriod, totals: Totals) -> Known | None:
    """The first line-up under which closing the period again gives what was claimed."""
    for place, again in enumerate(closer.again(seen)):
        if not any(wrong_quantities(seen, again)) and not any(wrong_parts(seen, again)):
            return Known(seen, again.closings, totals, place)
    return None


def _instead(closer: Closer, totals: Totals) -> Closer:
    """The closer with some quantities as they were recorded then."""
    changed = copy(closer)
    changed.totals = ChainMap(dict(totals), dict(closer.totals)) if totals else closer.totals
    return changed


class MovedUsage:
    """The same periods closed by proposed terms, in the order in which they were settled.

    Allowances that the period's statements closed carry on and draw on the wallet anew; what was before it is as it
    was. Where the records do not bear out what grants had left, they pay what they paid.
    """

    def __init__(self, account: Account, past: Past, measured: Measured, held: HeldUsage) -> None:
        self.held = held
        self.account = account
        self.closer = Closer(past, measured.totals, measured.amounts)
        self.by_id = {one.id: one for one in past.subscriptions}
        self.wallets = Wallets(account)
        self.carried: dict[PoolKey, Fraction] = {}

    def closings(self, settled: Settlement) -> tuple[Closing, ...] | None:
        """The features of a settled period; None where what was known then cannot be told from the records."""
        known = self.held.known(settled)
        if known is None:
            return None
        subscription = self.by_id[settled.subscription]
        if settled.part not in parts_of(subscription).values():
            return ()
        seen = replace(
            known.seen,
            subscription=subscription,
            due=due_of(subscription, settled.part, settled.index),
            claims=[self._with_carried(one) for one in known.seen.claims],
        )
        if settled.occasion.startswith(LATE) or not self.wallets.is_inside(settled):
            return self._as_paid(known, seen)  # what late usage finds carried on counts as used
        found = self._anew(known, seen, settled)
        self._carry(found)
        return found

    def extra(self, subscription: Subscription, due: Due) -> tuple[Closing, ...]:
        """The features of a period that only the proposed terms close."""
        seen = ClosedPeriod(subscription, due, (), (), (), due.at)
        found = next(iter(self.closer.again(seen))).closings
        self._carry(found)
        return found

    def _anew(self, known: Known, seen: ClosedPeriod, settled: Settlement) -> tuple[Closing, ...]:
        """A period that the statements of the replayed one closed: the wallet is drawn on anew, if there is one."""
        drawn = self._drawn(known, seen, settled) if self.account.grants else None
        if drawn is None:
            self.wallets.take_as_held(settled)
        return self._as_paid(known, seen) if drawn is None else drawn

    def _as_paid(self, known: Known, seen: ClosedPeriod) -> tuple[Closing, ...]:
        """A period closed with what grants paid for it."""
        closer = _instead(self.closer, self._comparable(known))
        several: list[Again] = list(closer.again(seen))
        return several[min(known.lineup, len(several) - 1)].closings

    def _drawn(self, known: Known, seen: ClosedPeriod, settled: Settlement) -> tuple[Closing, ...] | None:
        """The period with the wallet drawn on anew; None where the held terms do not give what grants paid."""
        held = _instead(self.held.closer, known.totals)
        before = self._closed(held, known.seen, known.lineup, self.wallets.held(settled))
        paid = [one.account.paid_by_wallet for one in before]
        if paid != [one.account.paid_by_wallet for one in known.closings]:
            return None
        closer = _instead(self.closer, self._comparable(known))
        found = self._closed(closer, seen, known.lineup, self.wallets.moved())
        self.wallets.take(found)
        return found

    def _closed(
        self, closer: Closer, seen: ClosedPeriod, place: int, lefts: dict[str, Fraction]
    ) -> tuple[Closing, ...]:
        several = lineups(closer.past, seen, closer.lineup)
        subscriptions = several[min(place, len(several) - 1)].subscriptions
        claimed = {(one.subscription, one.feature, one.allowance_index): one.rolled for one in seen.claims}
        rolled = {**closer.rolled, **self.carried, **claimed}
        lineup = LineUp(subscriptions, self.account.grants, rolled, self.account.present)
        return close(seen.subscription, seen.due, Book(lineup, closer.totals, closer.amounts, lefts))

    def _comparable(self, known: Known) -> Totals:
        """The quantities recorded then, of features that the proposed terms meter alike."""
        before = known.seen.subscription.terms.features
        after = self.by_id[known.seen.subscription.id].terms.features
        return {
            key: units
            for key, units in known.totals.items()
            if key[1] in after and after[key[1]].feature.meter == before[key[1]].feature.meter
        }

    def _with_carried(self, claim: UsageClaim) -> UsageClaim:
        key = (claim.subscription, claim.feature, claim.allowance_index)
        is_first = not claim.occasion.startswith(LATE)
        return replace(claim, rolled=self.carried[key]) if is_first and key in self.carried else claim

    def _carry(self, closings: Iterable[Closing]) -> None:
        for one in closings:
            claim = one.claim
            key = (claim.subscription, claim.feature, claim.allowance_index + 1)
            self.carried[key] = claim.carried
            self.closer.rolled[key] = claim.carried


class Wallets:
    """What grants have left before each closing of the period: as it was, and as it would be."""

    def __init__(self, account: Account) -> None:
        order = {one.id: place for place, one in enumerate(account.statements)}
        first = min((order[name] for name in account.inside), default=len(order))
        self._prefixes = {
            debit_prefix(settled): order[one.id] for one in account.statements for settled in one.settled
        }
        self._entries = [(one, self._place(one.key, first)) for one in account.entries]
        kept = {entry.key for entry, place in self._entries if place < first}
        self._base = {grant.id: grant.amount for grant in account.grants}
        for entry, place in self._entries:
            is_debit = entry.key.startswith("close:") and place < first
            if entry.grant in self._base and (is_debit or (entry.reverses and entry.reverses in kept)):
                self._base[entry.grant] += entry.amount
        self._first = first
        self._inside = {
            debit_prefix(settled)
            for one in account.statements
            if one.id in account.inside
            for settled in one.settled
        }
        self._taken: dict[str, Fraction] = {}

    def is_inside(self, settled: Settlement) -> bool:
        """Whether a statement of the period settled it."""
        return debit_prefix(settled) in self._inside

    def held(self, settled: Settlement) -> dict[str, Fraction]:
        """What grants had left when a period was closed."""
        now = self._prefixes.get(debit_prefix(settled), self._first)
        lefts = dict(self._base)
        for entry, place in self._entries:
            if entry.key.startswith("close:") and self._first <= place < now and entry.grant in lefts:
                lefts[entry.grant] += entry.amount
        return lefts

    def moved(self) -> dict[str, Fraction]:
        """What they would have left by now."""
        return {name: left - self._taken.get(name, ZERO) for name, left in self._base.items()}

    def take(self, closings: Iterable[Closing]) -> None:
        """Post what closings drew."""
        for one in closings:
            for grant, units in one.account.wallet.items():
                self._taken[grant] = self._taken.get(grant, ZERO) + posted(units)

    def take_as_held(self, settled: Settlement) -> None:
        """Post what grants paid when a period was closed."""
        prefix = debit_prefix(settled)
        for entry, _ in self._entries:
            if entry.key.startswith(prefix):
                self._taken[entry.grant] = self._taken.get(entry.grant, ZERO) - entry.amount

    def _place(self, key: str, first: int) -> int:
        """Which statement an entry belongs to; one that no statement knows was there before the period."""
        return self._prefixes.get(f"{key.rpartition(':')[0]}:", first - 1)
