"""What redeemed coupons take off the lines of one invoice. It knows no taxes and no store.

Percentages first, one on what the other left, each rounded once; then fixed amounts, capped at what is left.
Source: planctl billing rules, invoices, credit, payments: coupons.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

from planctl.core.coupons import Redemption
from planctl.core.currencies import Currency
from planctl.core.invoicing.model import Discount, Line
from planctl.core.money import allocate, round_half_up
from planctl.values import dataclass


@dataclass(frozen=True, slots=True)
class Discounted:
    """Lines with their shares, and the discounts that these are shares of; the sums are the same."""

    lines: tuple[Line, ...]
    discounts: tuple[Discount, ...]


def discounted(
    lines: Sequence[Line], redemptions: Sequence[Redemption], period_index: int, currency: Currency
) -> Discounted:
    """Take the redemptions that hold for the billing period off the lines; their order does not matter.

    Discountable are lines above 0 but for proration credits; a coupon with `plans` covers those of these plans
    alone. A minimum is measured before discounts and its line is discounted like any other. A percentage is
    taken of what the percentages before it left of its lines; a fixed amount is given once per billing period,
    and never takes the invoice below 0, credits on it counted. Each discount is spread over its lines in
    proportion to their original amounts by largest remainder, and takes no more of a line than is left of it.
    What takes nothing is not listed.
    """
    ledger = _Ledger(tuple(lines))
    holding = sorted(
        (one for one in redemptions if one.holds_for(period_index)), key=lambda one: (one.applied_at, one.id)
    )
    found: list[Discount] = []
    for one in holding:
        if one.coupon.percent is not None:
            share = Fraction(one.coupon.percent)
            found += ledger.take(one, lambda left, share=share: round_half_up(share * left, 0))  # type: ignore[misc]
    for one in holding:
        if one.coupon.percent is None:
            found += ledger.take(one, _fixed(one.left_minor(period_index, currency), ledger))
    return Discounted(ledger.lines(), tuple(found))


@dataclass(frozen=True, slots=True)
class Taken:
    """What one discount took of each line, in the lines' order, and what was left of its lines before it."""

    left_minor: int
    shares: tuple[int, ...]
    covered: tuple[int, ...]
    """The places of the lines that the coupon covers."""


def taken_again(lines: Sequence[Line], taken: Sequence[tuple[Redemption, int]]) -> tuple[Taken, ...]:
    """How discounts of known amounts are spread over the lines, in the order in which they were taken.

    It is the spreading of `discounted`; an amount that the lines do not hold is taken as far as they do.
    """
    ledger = _Ledger(tuple(lines))
    found: list[Taken] = []
    for redemption, amount in taken:
        before = tuple(ledger.given)
        covered = tuple(place for place, line in enumerate(lines) if _covers(redemption, line))
        left = sum(ledger.left(place) for place in covered)
        ledger.take(redemption, lambda held, amount=amount: min(amount, held))  # type: ignore[misc]
        shares = tuple(now - was for now, was in zip(ledger.given, before, strict=True))
        found.append(Taken(left, shares, covered))
    return tuple(found)


def wrong_discounts(lines: Sequence[Line], discounts: Sequence[Discount]) -> Iterator[str]:
    """One sentence for every way in which an invoice's discounts are not what its lines gave up."""
    given = sum(line.discount_minor for line in lines)
    listed = sum(one.amount_minor for one in discounts)
    if given != listed:
        yield f"its lines were discounted by {given}, its discounts are {listed}"
    for position, line in enumerate(lines, start=1):
        if not 0 <= line.discount_minor <= max(0, line.amount_minor):
            yield f"line {position} of {line.amount_minor} was discounted by {line.discount_minor}"


class _Ledger:
    """What each line has given up so far; it only collects."""

    def __init__(self, lines: tuple[Line, ...]) -> None:
        self.before = lines
        self.given = [0] * len(lines)

    def take(self, redemption: Redemption, amount_of: Callable[[int], int]) -> list[Discount]:
        """Take a redemption's amount, asked for with what is left of its lines; one discount, or none of 0."""
        covered = [place for place, line in enumerate(self.before) if _covers(redemption, line)]
        amount = amount_of(sum(self.left(place) for place in covered))
        if amount <= 0:
            return []
        self._spread(amount, covered)
        return [Discount(redemption.coupon.id, redemption.id, amount)]

    def left(self, place: int) -> int:
        """What is left of a line."""
        return self.before[place].amount_minor - self.given[place]

    def total(self) -> int:
        """What is left of all lines, credits counted."""
        return sum(line.amount_minor for line in self.before) - sum(self.given)

    def lines(self) -> tuple[Line, ...]:
        """The lines with their discounts."""
        return tuple(
            replace(line, discount_minor=given) for line, given in zip(self.before, self.given, strict=True)
        )

    def _spread(self, amount: int, places: list[int]) -> None:
        """By original amounts; what a line cannot give goes to the others, again by their original amounts."""
        while amount:
            shares = allocate(amount, [self.before[place].amount_minor for place in places])
            for place, share in zip(places, shares, strict=True):
                given = min(share, self.left(place))
                self.given[place] += given
                amount -= given
            places = [place for place in places if self.left(place)]


def _covers(redemption: Redemption, line: Line) -> bool:
    """Whether a coupon takes something off this line."""
    plans = redemption.coupon.plans
    return line.amount_minor > 0 and line.kind != "proration_credit" and (not plans or line.plan in plans)


def _fixed(wanted: int, ledger: _Ledger) -> Callable[[int], int]:
    """A fixed amount, capped at what is left of its lines and of the whole invoice."""
    return lambda left: max(0, min(wanted, left, ledger.total()))
