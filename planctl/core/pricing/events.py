"""Knows how single events are cut at a number of units; not what they cost (that is `kinds/percentage.py`)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

from planctl.core.pricing.model import EventAmount

Events = tuple[EventAmount, ...]


def split(events: Iterable[EventAmount], units: Fraction) -> tuple[Events, Events]:
    """The events that hold the first `units` units, and those that hold the rest; the order is the given one.

    An event on the cut is in both, each time with its share of quantity and amount. An event without units
    belongs to the first part as long as that has room. `units` of 0 or less leaves everything to the rest.
    """
    first: list[EventAmount] = []
    rest: list[EventAmount] = []
    room = units
    for event in events:
        if room <= 0:
            rest.append(event)
        elif event.quantity <= room:
            first.append(event)
            room -= event.quantity
        else:
            inside = room / event.quantity
            first.append(_share(event, inside))
            rest.append(_share(event, 1 - inside))
            room = Fraction(0)
    return tuple(first), tuple(rest)


def without_last(events: Events, units: Fraction) -> Events:
    """The events but for the last `units` units."""
    return split(events, sum((event.quantity for event in events), Fraction(0)) - units)[0]


def _share(event: EventAmount, part: Fraction) -> EventAmount:
    return replace(event, quantity=event.quantity * part, amount=event.amount * part)
