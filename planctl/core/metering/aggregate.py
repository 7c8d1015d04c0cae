"""Knows how the events of one period become one quantity; not whose they are or in which period.

This is the reference: another way to aggregate (in the database) is allowed where a test proves it equal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from math import ceil, floor

from planctl.core.metering.model import MeterLike, UsageEvent, matches, property_text
from planctl.core.money import parse_decimal, round_half_up
from planctl.values import dataclass

ZERO = Fraction(0)


@dataclass(frozen=True, slots=True)
class Span:
    """The half-open time `[starts_at, ends_at)` in UTC microseconds; `ends_at` None: open."""

    starts_at: int
    ends_at: int | None = None

    def __contains__(self, at: int) -> bool:
        return self.starts_at <= at and (self.ends_at is None or at < self.ends_at)


@dataclass(frozen=True, slots=True)
class Reading:
    """What one event says to one meter: when, and how much or which value."""

    at: int
    id: str
    number: Decimal
    value: str


def aggregate(
    meter: MeterLike, feature_id: str, events: Iterable[UsageEvent], span: Span, initial: Fraction = ZERO
) -> Fraction:
    """The quantity of one feature over `span`, exact.

    Events naming the feature feed it with their quantity; events with the meter's name that match its
    `where` feed it with the property `value`, or their quantity where it names none; others are left out.
    An event of another feature's id must not be among them, nor one outside `span`.

    sum: all of them. count: the events' quantities, which are 1 (−1 for a correction). max: the highest
    level. last: the level of the latest event by instant, then id. unique: how many different values.
    weighted: the mean level over the span's time, where each event changes the level by its number; the
    span must have an end. `initial` is the level brought along from before: sum and count start from it,
    max is at least it, last is it without events. No event at all gives `initial`, which is 0.
    Source: planctl billing rules, rating a feature for one allowance period.
    """
    readings: list[Reading] = []
    for event in events:
        assert event.at in span, f"event {event.id} at {event.at} is outside {span}"
        reading = reading_of(meter, feature_id, event)
        if reading is not None:
            readings.append(reading)
    return _AGGREGATES[meter.aggregate](readings, span, initial)


def level(meter: MeterLike, feature_id: str, events: Iterable[UsageEvent]) -> Fraction:
    """What these events leave behind: the level that the time after them begins with; 0 without any.

    The sum of all changes; for max the highest level and for last the latest one; for unique how many
    different values there were. Which events feed the feature is as for `aggregate`.
    """
    readings = _readings(meter, feature_id, events)
    return _LEVELS[meter.aggregate](readings, Span(0), ZERO)


def peak(
    meter: MeterLike, feature_id: str, events: Iterable[UsageEvent], span: Span, initial: Fraction = ZERO
) -> Fraction:
    """The highest level that a held feature had at an instant of `span`, exact and never below 0.

    `events` are all before the end of the span; those before its start only make the level it begins with,
    to which `initial` is added: what still earlier changes left behind, where those are summed. Changes of one
    instant are one change, so a level that is lowered at the very start counts as it is afterwards.
    Source: planctl billing rules, held features.
    """
    readings = _readings(meter, feature_id, events)
    assert span.ends_at is None or all(reading.at < span.ends_at for reading in readings), (
        f"an event lies behind {span}"
    )
    reached = _LEVELS[meter.aggregate]
    if meter.aggregate not in {"sum", "count", "weighted", "last"}:  # such a level never falls
        return max(ZERO, reached(readings, span, initial))
    now = reached([reading for reading in readings if reading.at <= span.starts_at], span, initial)
    highest = max(ZERO, now)
    later = sorted((one for one in readings if one.at > span.starts_at), key=lambda one: (one.at, one.id))
    for _, together in groupby(later, key=lambda one: one.at):
        now = reached(list(together), span, now)
        highest = max(highest, now)
    return highest


def rounded(meter: MeterLike, quantity: Fraction) -> Fraction:
    """The quantity as the meter's `rounding` says; without one the same number.

    To so many decimals, below 0 to tens, hundreds and so on: `half_up` away from zero, `up` to the next
    larger and `down` to the next smaller number. It applies once, to the quantity of a whole period.
    """
    if meter.rounding is None:
        return quantity
    scaled = quantity * Fraction(10) ** meter.rounding.digits
    whole = {"half_up": round_half_up(scaled, 0), "up": ceil(scaled), "down": floor(scaled)}
    return Fraction(whole[meter.rounding.mode]) / Fraction(10) ** meter.rounding.digits


def _readings(meter: MeterLike, feature_id: str, events: Iterable[UsageEvent]) -> list[Reading]:
    found = (reading_of(meter, feature_id, event) for event in events)
    return [reading for reading in found if reading is not None]


def reading_of(meter: MeterLike, feature_id: str, event: UsageEvent) -> Reading | None:
    """What the event says to the meter of this feature, None where it does not feed it.

    The property that `value` names must be there, and be a number unless different values are counted:
    acceptance refuses events without it.
    """
    if event.event == feature_id:
        assert meter.aggregate != "unique", (
            f"event {event.id} names {feature_id}, which counts different values"
        )
        return Reading(event.at, _place(event), event.quantity, "")
    if not meter.event or event.event != meter.event or not matches(meter.where, event.properties):
        return None
    if not meter.value:
        return Reading(event.at, _place(event), event.quantity, "")
    text = property_text(event.properties[meter.value])
    number = event.quantity if meter.aggregate in {"unique", "count"} else parse_decimal(text)
    return Reading(event.at, _place(event), number, text)


def _place(event: UsageEvent) -> str:
    """What orders events of one instant: their ids, and of two that children named alike the children's."""
    return f"{event.id}\0{event.child}" if event.child else event.id


def _sum(readings: list[Reading], _span: Span, initial: Fraction) -> Fraction:
    return initial + exact_sum(reading.number for reading in readings)


def _max(readings: list[Reading], _span: Span, initial: Fraction) -> Fraction:
    return max([initial, *(Fraction(reading.number) for reading in readings)])


def _last(readings: list[Reading], _span: Span, initial: Fraction) -> Fraction:
    latest = max(readings, key=lambda reading: (reading.at, reading.id), default=None)
    return initial if latest is None else Fraction(latest.number)


def _unique(readings: list[Reading], _span: Span, _initial: Fraction) -> Fraction:
    return Fraction(len({reading.value for reading in readings}))


def _weighted(readings: list[Reading], span: Span, initial: Fraction) -> Fraction:
    """A change holds from its instant to the end, so it counts by that share of the span."""
    assert span.ends_at is not None, "a mean over time needs an end"
    length = span.ends_at - span.starts_at
    return initial + sum(
        (Fraction(reading.number) * (span.ends_at - reading.at) / length for reading in readings), ZERO
    )


_AGGREGATES: dict[str, Callable[[list[Reading], Span, Fraction], Fraction]] = {
    "sum": _sum,
    "count": _sum,
    "max": _max,
    "last": _last,
    "unique": _unique,
    "weighted": _weighted,
}

_LEVELS = {**_AGGREGATES, "weighted": _sum}
"""How the numbers of events change a level from an instant on."""

_SCALE = 10**12


def exact_sum(numbers: Iterable[Decimal]) -> Fraction:
    """The exact sum of numbers with at most 12 decimals; `sum()` of Decimals would round at 28 digits."""
    total = 0
    for number in numbers:
        above, below = number.as_integer_ratio()
        assert _SCALE % below == 0, f"{number} has more than 12 decimals"
        total += above * (_SCALE // below)
    return Fraction(total, _SCALE)
