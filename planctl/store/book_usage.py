"""What each of many subscriptions used in its last closed allowance period, from claims or measured. It groups nothing.

A run claims what a period took where it closes one; where it closes none, the events are asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import text as sql

from planctl.core.draining import drain
from planctl.core.instants import Instant
from planctl.core.invoicing.lineup import Course, Grantor, LineUp, windows_of
from planctl.core.invoicing.model import Totals, UsageWindow
from planctl.core.open_pools import level_window
from planctl.core.periods import Period
from planctl.core.subscriptions.dues import closed_features, usage_part
from planctl.core.subscriptions.model import LIVE, Subscription
from planctl.store import catalog, subscriptions, usage
from planctl.store.mapping import exact_of, exact_text
from planctl.store.sets import chunks
from planctl.store.usage_totals import request_for
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx

Used = dict[str, dict[str, str]]
"""Exact quantities as text by subscription and the feature's id in its terms; none of what had no closed period yet."""

Kind = tuple[str, int, str, str]
"""A plan, its version, the hash of the terms held and the row paid by: subscriptions of one kind use alike."""

Sample = Mapping[Kind, Subscription]
"""One subscription of each kind: what follows from its terms and row is asked of it."""

Wanted = Mapping[Kind, frozenset[str]]
"""Features by kind, in the ids of the terms."""

ZERO = Fraction(0)
_ASKED_AT_ONCE = 2_000
_CUSTOMERS_AT_ONCE = 500
exact = lru_cache(maxsize=65_536)(exact_of)
"""The number of a text; most texts come many times."""

# The last closed period is found by its index, downwards, so that years of them cost nothing. What took nothing may
# have no claim: the settlement says that the period was closed.
_CLAIMS = """
WITH wanted(plan, version, pay, part, feature) AS (VALUES {asked}),
     closed AS (
       SELECT s.id, s.plan, s.plan_version, s.terms_hash, s.pay, w.feature, (
              SELECT t.idx FROM settlement t
               WHERE t.subscription = s.id AND t.part = w.part AND t.due_at <= :as_of
                 AND t.outcome NOT IN ('blocked', 'paused', 'imported', 'held')
               ORDER BY t.idx DESC LIMIT 1) AS idx
         FROM wanted w CROSS JOIN subscription s
        WHERE s.plan = w.plan AND s.plan_version = w.version AND s.pay = w.pay AND s.status IN ({live}))
SELECT c.id, c.plan, c.plan_version, c.terms_hash, c.pay, c.feature, u.occasion, u.revision, u.quantity
  FROM closed c LEFT JOIN usage_claim u
    ON u.subscription = c.id AND u.feature = c.feature AND u.allowance_idx = c.idx
 WHERE c.idx IS NOT NULL
"""
_COLUMNS = "pvyuf"
"""Short names of the values of `wanted`, in their order."""


def kind_of(row: Any) -> Kind:
    """The kind of a subscription's row."""
    return (row.plan, row.plan_version, row.terms_hash, row.pay)


def split(sample: Sample, wanted: Wanted) -> tuple[Wanted, Wanted]:
    """The features wanted, apart: those whose periods a run closes and claims, and those that have to be measured."""
    by_claim = {
        key: wanted[key] & _closed(one) if wanted[key] else frozenset[str]() for key, one in sample.items()
    }
    return by_claim, {key: wanted[key] - by_claim[key] for key in sample}


def _closed(one: Subscription) -> frozenset[str]:
    """What a run claims; a held feature counts by its level, not by the claim on its highest."""
    closed = {name for several in closed_features(one).values() for name in several}
    return frozenset(name for name in closed if not one.terms.features[name].feature.held)


def claimed(tx: Tx, as_of: Instant, sample: Sample, wanted: Wanted) -> Used:
    """From the claims on the last allowance period that was closed: all units, whoever paid, late ones included.

    Of what was issued again the last revision counts.
    """
    asked = dict.fromkeys(
        (one.plan, one.plan_version, one.pay, usage_part(one, reset), feature)
        for key, one in sample.items()
        for reset, several in (closed_features(one) if wanted[key] else {}).items()
        for feature in several
        if feature in wanted[key]
    )
    live = ", ".join(f"'{status.value}'" for status in sorted(LIVE))
    found: Used = {}
    for chunk in chunks(asked, _ASKED_AT_ONCE):
        marks = ", ".join(
            f"({', '.join(f':{one}{number}' for one in _COLUMNS)})" for number in range(len(chunk))
        )
        values: dict[str, Any] = {"as_of": as_of}
        for number, row in enumerate(chunk):
            values |= {f"{one}{number}": value for one, value in zip(_COLUMNS, row, strict=True)}
        rows = tx.connection.execute(sql(_CLAIMS.format(asked=marks, live=live)), values).all()
        _add_claims(found, rows, wanted)
    return found


def _add_claims(found: Used, rows: Iterable[Any], wanted: Wanted) -> None:
    """Sum the claims of each period over their occasions; a period without any took nothing."""
    lasting: dict[tuple[str, str, str], tuple[int, str]] = {}
    for name, *kind, feature, occasion, revision, quantity in rows:
        if feature in wanted[tuple(kind)]:
            key = (name, feature, occasion or "")
            claim = (0, "0") if quantity is None else (revision, quantity)
            lasting[key] = max(lasting.get(key, claim), claim)
    for (name, feature, _), (_, quantity) in lasting.items():
        of_one = found.setdefault(name, {})
        before = of_one.get(feature)
        of_one[feature] = quantity if before is None else exact_text(exact(before) + exact(quantity))


# --- measured


def measured(tx: Tx, as_of: Instant, rows: Sequence[Any], wanted: Wanted) -> tuple[Used, Used]:
    """From the events, where no run closes a period: its last one that ended; of what is held the level at `as_of`.

    Units count where they are used up, converted ones too; the whole level where its customer is billed for what is
    above. Second, of what is held, the level that is left for each subscription that grants it: less what the others
    of its customer include. `rows` also carry the customer's id as `customer_id`.
    """
    found: Used = {}
    left: Used = {}
    former = catalog.aliases(tx, "features") if rows else {}
    asked = {row.id: wanted[kind_of(row)] for row in rows}
    for page in chunks(dict.fromkeys(row.customer_id for row in rows), _CUSTOMERS_AT_ONCE):
        several = subscriptions.of_customers(tx, page)
        lineups = (LineUp([one.until(as_of) for one in mine]) for mine in several.values())
        places = [place for lineup in lineups for place in _places(lineup, asked, as_of)]
        by_id = {one.id: one for mine in several.values() for one in mine}
        windows = {window.key: window for place in places for window in place.windows()}
        totals = usage.totals(tx, [request_for(window, by_id, former) for window in windows.values()])
        for place in places:
            subscription, feature, _ = place.grantor.key(place.period)
            quantity = place.quantity(totals)
            if place.level is not None:
                left.setdefault(subscription, {})[feature] = exact_text(place.left_of(quantity))
            if place.answers:
                found.setdefault(subscription, {})[feature] = exact_text(quantity)
    return found, left


@dataclass(frozen=True, slots=True)
class _Place:
    """One feature of one subscription, and what has to be measured for it: a course in time, or a level.

    A level is the customer's: `answers` says whether this subscription bills for what is above. `others` is what other
    subscriptions of the customer include of it; None: all.
    """

    grantor: Grantor
    period: Period
    lineup: LineUp
    course: Course = ()
    level: UsageWindow | None = None
    answers: bool = True
    others: Fraction | None = ZERO

    def windows(self) -> Iterator[UsageWindow]:
        """The windows whose totals `quantity` will ask for."""
        yield from windows_of(self.course) if self.level is None else (self.level,)

    def quantity(self, totals: Totals) -> Fraction:
        """What was used, in the feature's unit: of the allowance, past it, and passed on to what it spends."""
        if self.level is not None:
            return max(totals.get(self.level.key, ZERO), ZERO)
        key = self.grantor.key(self.period)
        drained = drain(self.lineup.entries(self.course, totals), {})
        account = drained.account(key)
        return drained.used.get(key, ZERO) + account.passed_on + account.above

    def left_of(self, level: Fraction) -> Fraction:
        """What of a level the others do not include."""
        return ZERO if self.others is None else max(level - self.others, ZERO)


def _places(lineup: LineUp, asked: Mapping[str, frozenset[str]], as_of: Instant) -> Iterator[_Place]:
    """What is wanted of one customer's subscriptions; nothing of an allowance period that is the first one yet."""
    for one in lineup.subscriptions:
        for feature in sorted(asked.get(one.id, ())):
            grantor = next(
                (each for each in lineup.grantors(feature) if each.subscription.id == one.id), None
            )
            if grantor is None or not grantor.open_at(as_of):
                continue
            period = grantor.period_at(as_of)
            if grantor.entitlement.feature.held:
                yield _level(lineup, grantor, period, as_of)
            elif period.starts_at > grantor.opens_at:
                last = grantor.period_at(Instant(period.starts_at - 1))
                course = lineup.course(feature, last.starts_at, period.starts_at)
                yield _Place(grantor, last, lineup, course)


def _level(lineup: LineUp, grantor: Grantor, period: Period, as_of: Instant) -> _Place:
    """The place of a held feature: all that grant it now cover one level, as `check` counts it."""
    feature = grantor.entitlement.feature.id
    holder = lineup.holder(feature, as_of)
    assert holder is not None, "who grants it now is one of those who may answer for it"
    others: Fraction | None = ZERO
    for one in lineup.grantors(feature):
        if one is not grantor and one.open_at(as_of):
            more = one.included(one.period_at(as_of), ZERO)
            others = None if others is None or more is None else others + more
    return _Place(
        grantor,
        period,
        lineup,
        level=level_window(holder, as_of),
        answers=holder is grantor,
        others=others,
    )
