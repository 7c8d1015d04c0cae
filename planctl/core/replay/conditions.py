"""Conditions under which a simulation fails: read from text, and tested against its sums. It prints nothing.

`revenue < -2%` · `revenue < -500 USD` · `losers > 10%` · `losers > 25` · `loser > 20%` · `loser > 50 USD`; with
`<`, `<=`, `>` or `>=`. Money is compared currency by currency. Source: docs/decisions/029.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from planctl.core.money import NumberError, format_minor, parse_decimal, round_half_up
from planctl.core.replay.simulation import InCurrency, Sides, Simulation
from planctl.core.unreadable import Unreadable
from planctl.values import dataclass

Metric = Literal["revenue", "total", "losers", "winners", "loser"]
Operator = Literal["<", "<=", ">", ">="]

GRAMMAR = (
    "revenue|total < -2% or -500 USD, losers|winners > 10% or 25, loser > 20% or 50 USD; with <, <=, > or >="
)

_TEXT = re.compile(
    r"\s*(revenue|total|losers|winners|loser)\s*(<=|>=|<|>)\s*([+-]?[0-9][0-9._]*)\s*(%|[A-Z][A-Z0-9]*)?\s*",
    re.ASCII,
)


class ConditionError(Unreadable):
    """A text is no condition."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition. `unit` is `%` (of `bound` per cent), a currency's code, or `""` for a number of customers."""

    text: str
    metric: Metric
    operator: Operator
    bound: Decimal
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Fired:
    """A condition that holds: where, and the number that it found as people read it."""

    condition: Condition
    currency: str
    found: str


def condition(text: str) -> Condition:
    """Read a condition; ConditionError names what one looks like.

    Money and per cent may have decimals, a number of customers none; how many customers lose has no currency.
    """
    match = _TEXT.fullmatch(text)
    if match is None:
        raise ConditionError("it is no condition", GRAMMAR)
    metric, operator, number, unit = match.group(1), match.group(2), match.group(3), match.group(4) or ""
    try:
        bound = parse_decimal(number, allow_underscores=True)
    except NumberError as error:
        raise ConditionError(error.reason, error.fix) from error
    counts = metric in {"losers", "winners"}
    if counts and unit not in {"", "%"}:
        raise ConditionError(f"{metric} are counted in customers, not in {unit}", GRAMMAR)
    if not counts and not unit:
        raise ConditionError("it says no unit: % or a currency", GRAMMAR)
    if counts and not unit and bound != int(bound):
        raise ConditionError("a number of customers is whole", GRAMMAR)
    return Condition(text.strip(), metric, operator, bound, unit)  # type: ignore[arg-type]


def fired(simulation: Simulation, conditions: Iterable[Condition]) -> tuple[Fired, ...]:
    """The conditions that hold, each once for every currency in which it does; customers are counted over all."""
    return tuple(found for one in conditions for found in _fired(simulation, one))


def _fired(simulation: Simulation, one: Condition) -> Iterator[Fired]:
    if one.metric in {"losers", "winners"}:
        yield from _counted(simulation, one)
        return
    for book in simulation.currencies:
        if one.unit not in {"%", book.currency.code}:
            continue
        sides = _sides(book, one.metric)
        if sides is not None and _holds(one, _value(sides, one, book)):
            yield Fired(one, book.currency.code, _shown(sides, one, book))


def _counted(simulation: Simulation, one: Condition) -> Iterator[Fired]:
    everybody = sum(book.customers for book in simulation.currencies)
    several = sum(book.losers if one.metric == "losers" else book.winners for book in simulation.currencies)
    value = Fraction(several)
    if one.unit:
        value = Fraction(100 * several, everybody) if everybody else Fraction(0)
    if _holds(one, value):
        yield Fired(
            one, "", f"{percent_text(value)} ({several} of {everybody})" if one.unit else str(several)
        )


def _sides(book: InCurrency, metric: Metric) -> Sides | None:
    if metric == "loser":
        return None if book.steepest is None else book.steepest.revenue
    return book.revenue if metric == "revenue" else book.total


def _value(sides: Sides, one: Condition, book: InCurrency) -> Fraction | None:
    """What is compared; None is more than any number: something where there was nothing."""
    if one.unit != "%":
        if one.metric == "loser":
            sides = book.more[0].revenue
        return Fraction(sides.change, 10**book.currency.decimals)
    return None if sides.part is None else 100 * sides.part


def _holds(one: Condition, value: Fraction | None) -> bool:
    if value is None:
        return one.operator in {">", ">="}
    bound = Fraction(one.bound)
    if one.operator == "<":
        return value < bound
    if one.operator == "<=":
        return value <= bound
    return value > bound if one.operator == ">" else value >= bound


def _shown(sides: Sides, one: Condition, book: InCurrency) -> str:
    if one.metric == "loser" and one.unit != "%":
        sides = book.more[0].revenue
    currency = book.currency
    held, moved = (f"{format_minor(minor, currency)} {currency.code}" for minor in (sides.held, sides.moved))
    change = f"{format_minor(sides.change, currency)} {currency.code}"
    if one.unit == "%":
        change = "from nothing" if sides.part is None else percent_text(100 * sides.part)
    return f"{change} ({held} to {moved})"


def percent_text(percent: Fraction) -> str:
    """A percentage for people, two decimals, half up: `-2.04%`."""
    hundredths = round_half_up(percent, 2)
    sign = "-" if hundredths < 0 else ""
    return f"{sign}{abs(hundredths) // 100}.{abs(hundredths) % 100:02}%"
