"""What a base knows of running subscriptions and their usage, in groups; it names nobody unless asked to.

The store gathers it (store/book.py), a snapshot file keeps a part of it, impact.py reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from planctl.core.catalog.model import Terms
from planctl.core.catalog.recurring import Paying
from planctl.core.document import Document
from planctl.core.instants import Instant
from planctl.values import dataclass

PERCENTILES = 101
"""How many quantiles a spread has: 0 to 100 percent."""


@dataclass(frozen=True, slots=True)
class Held:
    """Running subscriptions that hold the same terms of a plan and pay alike: `count` of them.

    `plan` is an id (add-ons are plans here). `terms` are those held, negotiated terms laid over; None in a
    snapshot, which keeps `monthly` alone: what one of them pays by the month in recurring amounts (fee times
    `units`, prepaid quantities), in major units, exact. `agreed` are the negotiated terms by path; empty where
    there are none, and in a snapshot without their values. `units` is an add-on's own quantity, `quantities` the
    prepaid ones by feature. `charged` is False where nothing is paid now: in a trial, before a start, in a pause
    or a block.
    `used` is the quantity of each metered feature in the last closed allowance period, by its present id; one
    without such a period yet has none of a feature. None where that is not known one by one. `levels` is of each
    held feature (seats) what is left for this subscription to cover: the level of its customer, less what other
    running subscriptions of that customer include; 0 where those include as much.
    `customers` only if asked for.
    """

    plan: str
    version: int
    currency: str
    pay: str
    monthly: Fraction
    count: int = 1
    units: int = 1
    quantities: Mapping[str, Decimal] = field(default_factory=dict)
    agreed: Mapping[str, Document] = field(default_factory=dict)
    charged: bool = True
    terms: Terms | None = None
    used: Mapping[str, Fraction] | None = None
    levels: Mapping[str, Fraction] = field(default_factory=dict)
    customers: tuple[str, ...] = ()

    @property
    def paying(self) -> Paying:
        """How each of them pays."""
        return Paying(self.pay, self.currency, self.units, self.quantities)

    @property
    def covered(self) -> Mapping[str, Fraction]:
        """What its allowances had to cover, by present id: what was used, of what is held the level left for it."""
        return {**(self.used or {}), **self.levels}

    def covered_of(self, names: Iterable[str]) -> Fraction | None:
        """`covered` of the first of these ids that is in it; None where none is."""
        for name in names:
            quantity = self.levels.get(name)
            if quantity is None and self.used is not None:
                quantity = self.used.get(name)
            if quantity is not None:
                return quantity
        return None


@dataclass(frozen=True, slots=True)
class Spread:
    """How much subscriptions of a plan used of a feature: `count` of them, and quantities in rising order.

    `percentiles` has 101 entries, the nearest-rank quantiles from 0 to 100 percent.
    """

    count: int
    percentiles: tuple[Fraction, ...]

    def over(self, limit: Fraction) -> int:
        """At most how many used more than `limit`; exactly so many where there are a hundred or fewer."""
        first = next((place for place, value in enumerate(self.percentiles) if value > limit), None)
        if first is None:
            return 0
        return self.count if first == 0 else self.count - rank(first - 1, self.count)


@dataclass(frozen=True, slots=True)
class Book:
    """Running subscriptions as of an instant; `spreads` are by plan id and feature, where `used` is not known.

    `present` maps former ids of features, as old terms have them, to the present ones.
    """

    as_of: Instant
    held: tuple[Held, ...] = ()
    spreads: Mapping[tuple[str, str], Spread] = field(default_factory=dict)
    present: Mapping[str, str] = field(default_factory=dict)
    _by_plan: Mapping[str, Sequence[Held]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_plan: dict[str, list[Held]] = {}
        for one in self.held:
            by_plan.setdefault(one.plan, []).append(one)
        object.__setattr__(self, "_by_plan", by_plan)

    def of(self, plan: str) -> Sequence[Held]:
        """Those who hold a plan, by its id; none for one that nobody holds."""
        return self._by_plan.get(plan, ())


def rank(percent: int, count: int) -> int:
    """Which of `count` values in rising order is the quantile, counted from 1; the first for 0 percent.

    Source: nearest-rank method (the smallest value that at least so many percent do not exceed).
    """
    return max(1, -(-percent * count // 100))


def quantiles(used: Iterable[tuple[Fraction, int]], percents: Sequence[int]) -> list[Fraction]:
    """The nearest-rank quantiles of values that each stand for several (value, how many); at least one value.

    `percents` are in rising order.
    """
    ordered = sorted(used, key=_rising)
    total = sum(count for _, count in ordered)
    assert total, "there is no quantile of nothing"
    found: list[Fraction] = []
    place, reached = -1, 0
    for percent in percents:
        while reached < rank(percent, total):
            place += 1
            reached += ordered[place][1]
        found.append(ordered[place][0])
    return found


def _rising(value: tuple[Fraction, int]) -> Fraction | int:
    """What a value is sorted by: nearly all are whole, and whole numbers compare much faster."""
    quantity = value[0]
    return quantity.numerator if quantity.denominator == 1 else quantity


def summary(book: Book) -> Book:
    """The same without single quantities, terms, agreed values and customers: what a snapshot may show.

    Groups that are alike then are one; what was used becomes a spread per plan and feature.
    """
    groups: dict[tuple[Any, ...], Held] = {}
    used: dict[tuple[str, str], list[tuple[Fraction, int]]] = {}
    for one in book.held:
        for feature, quantity in one.covered.items():
            used.setdefault((one.plan, feature), []).append((quantity, one.count))
        plain = replace(
            one, terms=None, used=None, levels={}, customers=(), agreed=dict.fromkeys(sorted(one.agreed))
        )
        before = groups.get(_alike(plain))
        groups[_alike(plain)] = replace(plain, count=one.count + (before.count if before else 0))
    spreads = {
        key: Spread(sum(count for _, count in values), tuple(quantiles(values, range(PERCENTILES))))
        for key, values in sorted(used.items())
    }
    held = tuple(groups[key] for key in sorted(groups))
    return Book(book.as_of, held, {**book.spreads, **spreads}, book.present)


def _alike(one: Held) -> tuple[Any, ...]:
    """What two groups of a snapshot are told apart by; it puts them in order too."""
    return (
        one.plan,
        one.version,
        one.currency,
        one.pay,
        one.units,
        one.charged,
        one.monthly,
        tuple(sorted(one.quantities.items())),
        tuple(one.agreed),
    )
