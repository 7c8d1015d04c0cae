"""Compares two prices of a quantity exactly: where the new bill is dearer or cheaper. It judges nothing.

A bill is made of straight pieces between breakpoints: the allowance, tier bounds and steps of packages or
converted units. In each piece the difference of two bills is a straight line, so its sign changes at most
once and at a point that is computed, not searched. Steps repeat without end; what lies after the last
breakpoint is compared over one common repetition and its drift per repetition. A kind with an
`amount_property` has no bill by quantity, so it is no curve.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor, gcd, lcm

from planctl.core.pricing.model import Billable, PriceKind, Steps
from planctl.values import dataclass

MOST_STEPS = 4_000
"""The most package steps that are looked at one by one in one repetition."""

MOST_STRETCHES = 8
"""More alternating stretches than this are summed up as one per direction, `in_places`."""

_ZERO = Fraction(0)


@dataclass(frozen=True, slots=True)
class Curve:
    """The bill of one feature by quantity: `included` units (`None`: all) are free, then `kind` prices."""

    kind: PriceKind
    included: Decimal | None = Decimal(0)

    def at(self, quantity: Fraction, currency: str) -> Fraction:
        """The exact bill for `quantity` units used, in major units."""
        if self.included is None:
            return _ZERO
        return self.kind.price(Billable(quantity, Fraction(self.included)), currency).amount

    def edges(self) -> frozenset[Fraction]:
        """The quantities at which the price may bend or jump, repeated steps excepted."""
        if self.included is None:
            return frozenset({_ZERO})
        return self.kind.edges(Fraction(self.included)) | {_ZERO}

    def steps(self) -> Steps | None:
        """Where the price jumps again and again."""
        return None if self.included is None else self.kind.steps(Fraction(self.included))


@dataclass(frozen=True, slots=True)
class Stretch:
    """A range of quantities in which one bill is dearer: above `low` up to `high` (None: without end).

    `most` is the largest difference in it, in major units; None where it grows without end, by `per_unit`
    with each further unit. `in_places`: only some quantities of the range, as with packages of two sizes.
    """

    low: Fraction
    high: Fraction | None
    dearer: bool
    most: Fraction | None
    per_unit: Fraction = _ZERO
    in_places: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """Where the new bill differs. `worst` is the largest increase as a fraction of the old bill.

    `from_zero`: something that cost nothing now costs something, so no fraction can say by how much.
    `comparable` is False where packages of two sizes share no repetition short enough to be looked at.
    """

    stretches: tuple[Stretch, ...] = ()
    worst: Fraction = _ZERO
    from_zero: bool = False
    comparable: bool = True

    @property
    def dearer(self) -> bool:
        """Whether any quantity costs more than before."""
        return any(stretch.dearer for stretch in self.stretches)


@dataclass(frozen=True, slots=True)
class _Cell:
    """A straight piece above `low` below `high`, or a point: old bill and difference at its start."""

    low: Fraction
    high: Fraction | None
    old: Fraction
    old_slope: Fraction
    more: Fraction
    more_slope: Fraction

    def old_at_end(self) -> Fraction:
        """The old bill at `high`; without an end that at its start."""
        return self.old if self.high is None else self.old + self.old_slope * (self.high - self.low)

    def more_at_end(self) -> Fraction:
        """The difference at `high`; without an end that at its start."""
        return self.more if self.high is None else self.more + self.more_slope * (self.high - self.low)


@dataclass(frozen=True, slots=True)
class _Pair:
    """Both curves in one currency."""

    old: Curve
    new: Curve
    currency: str

    def both(self, quantity: Fraction) -> tuple[Fraction, Fraction]:
        """The old bill and how much more the new one is."""
        before = self.old.at(quantity, self.currency)
        return before, self.new.at(quantity, self.currency) - before

    def steps(self, low: Fraction, high: Fraction) -> set[Fraction]:
        """The package steps of both strictly between two quantities."""
        found: set[Fraction] = set()
        for steps in (self.old.steps(), self.new.steps()):
            if steps is not None and high > steps.start:
                first = max(1, floor((low - steps.start) / steps.size) + 1)
                last = ceil((high - steps.start) / steps.size) - 1
                found |= {steps.start + steps.size * number for number in range(first, last + 1)}
        return found

    def count(self, width: Fraction) -> Fraction:
        """Roughly how many steps lie in so many units."""
        return sum((width / size for size in self.sizes()), _ZERO)

    def sizes(self) -> list[Fraction]:
        """The step sizes of the curves that have one."""
        return [steps.size for steps in (self.old.steps(), self.new.steps()) if steps is not None]

    def repetition(self) -> Fraction:
        """After how many units both step patterns repeat; only where there is a step at all."""
        sizes = self.sizes()
        return Fraction(lcm(*(size.numerator for size in sizes)), gcd(*(size.denominator for size in sizes)))


def compare(old: Curve, new: Curve, currency: str) -> Comparison:
    """Compare two bills at every quantity from 0 on, exactly."""
    pair = _Pair(old, new, currency)
    edges: list[Fraction] = sorted(old.edges() | new.edges())
    cells: list[_Cell] = [_point(pair, edge) for edge in edges]
    summed: list[Comparison] = []
    for low, high in [*pairwise(edges), (edges[-1], None)]:
        found, repeated = _gap(pair, low, high)
        cells += found
        summed += repeated
    return _sum(_judge(sorted(cells, key=_by_place)), summed)


def _by_place(cell: _Cell) -> tuple[Fraction, bool]:
    return cell.low, cell.high != cell.low


def _gap(pair: _Pair, low: Fraction, high: Fraction | None) -> tuple[list[_Cell], list[Comparison]]:
    """The pieces between two breakpoints; too many package steps are summed up over their repetition."""
    if not pair.sizes():
        return [_piece(pair, low, high)], []
    if high is not None and pair.count(high - low) <= MOST_STEPS:
        return _pieces(pair, low, high), []
    width = pair.repetition()
    if pair.count(width) > MOST_STEPS:
        return [], [Comparison(comparable=False)]
    if high is None:
        return [], [_repeated(pair, low, width, None)]
    times = floor((high - low) / width)
    return _pieces(pair, low + times * width, high), [_repeated(pair, low, width, times)]


def _pieces(pair: _Pair, low: Fraction, high: Fraction) -> list[_Cell]:
    """Every straight piece and every step strictly between two quantities."""
    if low == high:
        return []
    steps = sorted(pair.steps(low, high))
    between = [_piece(pair, *ends) for ends in pairwise([low, *steps, high])]
    return [*between, *(_point(pair, step) for step in steps)]


def _piece(pair: _Pair, low: Fraction, high: Fraction | None) -> _Cell:
    """The straight lines between two neighbouring breakpoints, from two points inside."""
    third = (Fraction(3) if high is None else high - low) / 3
    old_one, more_one = pair.both(low + third)
    old_two, more_two = pair.both(low + 2 * third)
    old_slope, more_slope = (old_two - old_one) / third, (more_two - more_one) / third
    return _Cell(low, high, 2 * old_one - old_two, old_slope, 2 * more_one - more_two, more_slope)


def _point(pair: _Pair, at: Fraction) -> _Cell:
    old, more = pair.both(at)
    return _Cell(at, at, old, _ZERO, more, _ZERO)


def _judge(cells: Iterable[_Cell]) -> Comparison:
    """Stretches and worst increase of straight pieces in order."""
    stretches: list[Stretch] = []
    worst, from_zero = _ZERO, False
    for cell in cells:
        for stretch in _stretches(cell):
            _append(stretches, stretch)
        for increase in _increases(cell):
            from_zero |= increase is None
            worst = max(worst, increase or _ZERO)
    return Comparison(tuple(stretches), worst, from_zero)


def _stretches(cell: _Cell) -> Iterator[Stretch]:
    """Where a straight piece is dearer or cheaper: nowhere, all along, or changing once."""
    start, slope = cell.more, cell.more_slope
    if cell.high is None:
        crossing = cell.low - start / slope if start * slope < 0 else None
        if crossing is None:
            if start or slope:
                yield Stretch(cell.low, None, (start or slope) > 0, None if slope else abs(start), abs(slope))
            return
        yield Stretch(cell.low, crossing, start > 0, abs(start))
        yield Stretch(crossing, None, slope > 0, None, abs(slope))
        return
    end = cell.more_at_end()
    if start * end < 0:
        crossing = cell.low - start / slope
        yield Stretch(cell.low, crossing, start > 0, abs(start))
        yield Stretch(crossing, cell.high, end > 0, abs(end))
    elif start or end:
        yield Stretch(cell.low, cell.high, (start or end) > 0, max(abs(start), abs(end)))


def _append(stretches: list[Stretch], stretch: Stretch) -> None:
    """Add a stretch, joined to the last one where they touch and go the same way."""
    last = stretches[-1] if stretches else None
    if last is None or last.high != stretch.low or last.dearer is not stretch.dearer:
        stretches.append(stretch)
        return
    most = None if stretch.most is None or last.most is None else max(stretch.most, last.most)
    stretches[-1] = replace(stretch, low=last.low, most=most, in_places=last.in_places or stretch.in_places)


def _increases(cell: _Cell) -> Iterator[Fraction | None]:
    """The increase at both ends, as a fraction of the old bill; inside it lies between. None: from zero."""
    if cell.more > 0 or cell.more == 0 < cell.more_slope:
        yield _increase(cell.old, cell.more, cell.old_slope, cell.more_slope)
    if cell.high is None and cell.more_slope > 0:
        yield cell.more_slope / cell.old_slope if cell.old_slope > 0 else None
    elif cell.high is not None and cell.more_at_end() > 0:
        yield _increase(cell.old_at_end(), cell.more_at_end(), cell.old_slope, cell.more_slope)


def _increase(old: Fraction, more: Fraction, old_slope: Fraction, more_slope: Fraction) -> Fraction | None:
    if old > 0:
        return more / old
    if more > 0 or old_slope <= 0:
        return None
    return more_slope / old_slope


def _repeated(pair: _Pair, low: Fraction, width: Fraction, times: int | None) -> Comparison:
    """Package steps that repeat every `width` units, `times` times from `low` on (None: without end)."""
    cells = [*_pieces(pair, low, low + width), _point(pair, low + width)]
    inside = low + width / 2
    here, there = pair.both(inside), pair.both(inside + width)
    drift = _Drift(width, there[0] - here[0], there[1] - here[1], None if times is None else times - 1)
    up, down = _hull(cells, drift, dearer=True), _hull(cells, drift, dearer=False)
    stretches = tuple(
        replace(stretch, in_places=(up is not None and down is not None) or not _always(cells, drift))
        for stretch in (up, down)
        if stretch is not None
    )
    increases = [increase for cell in cells for increase in _repeated_increases(cell, drift)]
    worst = max((increase for increase in increases if increase is not None), default=_ZERO)
    return Comparison(stretches, worst, any(increase is None for increase in increases))


@dataclass(frozen=True, slots=True)
class _Drift:
    """How much old bill and difference move with each repetition up to number `last` (None: no end)."""

    width: Fraction
    old: Fraction
    more: Fraction
    last: int | None

    def range_of(self, most: Fraction) -> tuple[int, int | None] | None:
        """The repetitions, first and last, in which `most` plus the drift is above zero."""
        if self.more == 0:
            return (0, self.last) if most > 0 else None
        if self.more > 0:
            first = 0 if most > 0 else floor(-most / self.more) + 1
            return (first, self.last) if self.last is None or first <= self.last else None
        if most <= 0:
            return None
        final = ceil(most / -self.more) - 1
        return 0, final if self.last is None else min(final, self.last)


def _hull(cells: list[_Cell], drift: _Drift, *, dearer: bool) -> Stretch | None:
    """One stretch from the first to the last quantity that is dearer (or cheaper) in any repetition."""
    sign = 1 if dearer else -1
    signed = replace(drift, more=sign * drift.more)
    lows: list[Fraction] = []
    highs: list[Fraction | None] = []
    most: list[Fraction] = []
    for cell in cells:
        top = max(sign * cell.more, sign * cell.more_at_end())
        found = signed.range_of(top)
        if found is None:
            continue
        first, last = found
        lows.append(cell.low + first * drift.width)
        highs.append(None if last is None or cell.high is None else cell.high + last * drift.width)
        most.append(top + signed.more * (last if last is not None and signed.more > 0 else first))
    if not lows:
        return None
    endless = None in highs
    growing = endless and signed.more > 0
    return Stretch(
        min(lows),
        None if endless else max(high for high in highs if high is not None),
        dearer,
        None if growing else max(most),
        signed.more / drift.width if growing else _ZERO,
        in_places=True,
    )


def _always(cells: list[_Cell], drift: _Drift) -> bool:
    """Whether every quantity of every repetition differs in the same direction."""
    ends = [end for cell in cells for end in (cell.more, cell.more_at_end())]
    if drift.more >= 0 and min(ends) > 0:
        return True
    return drift.more <= 0 and max(ends) < 0


def _repeated_increases(cell: _Cell, drift: _Drift) -> Iterator[Fraction | None]:
    """The increases of one piece in the first and the last repetition in which it is dearer."""
    for old, more in ((cell.old, cell.more), (cell.old_at_end(), cell.more_at_end())):
        found = drift.range_of(more)
        if found is None:
            continue
        first, last = found
        yield _increase(old + first * drift.old, more + first * drift.more, _ZERO, _ZERO)
        if last is not None:
            yield _increase(old + last * drift.old, more + last * drift.more, _ZERO, _ZERO)
        elif drift.more > 0:
            yield drift.more / drift.old if drift.old > 0 else None


def _sum(exact: Comparison, summed: list[Comparison]) -> Comparison:
    """One answer of all pieces: stretches in order, too many alternating ones as one per direction."""
    stretches: list[Stretch] = []
    everything = [stretch for part in (exact, *summed) for stretch in part.stretches]
    for stretch in sorted(everything, key=lambda s: (s.low, s.high != s.low, s.high is None, s.high or 0)):
        _append(stretches, stretch)
    if len(stretches) > MOST_STRETCHES:
        stretches = [_together([s for s in stretches if s.dearer is way]) for way in (True, False)]
    parts = (exact, *summed)
    return Comparison(
        tuple(stretches),
        max(part.worst for part in parts),
        any(part.from_zero for part in parts),
        all(part.comparable for part in parts),
    )


def _together(stretches: list[Stretch]) -> Stretch:
    """Many stretches of one direction as one."""
    last = stretches[-1]
    mosts = [stretch.most for stretch in stretches if stretch.most is not None]
    endless = any(stretch.high is None for stretch in stretches)
    growing = any(stretch.most is None for stretch in stretches)
    return Stretch(
        stretches[0].low,
        None if endless else last.high,
        last.dearer,
        None if growing else max(mosts),
        max(stretch.per_unit for stretch in stretches) if growing else _ZERO,
        in_places=len(stretches) > 1 or last.in_places,
    )
