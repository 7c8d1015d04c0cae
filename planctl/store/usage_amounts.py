"""The events that a price looks at one by one, each with the amount in its property. It prices nothing.

Source: planctl billing rules, price kinds (percentage).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from planctl.core.invoicing.model import Amounts, EventAmount, WindowKey
from planctl.core.metering.aggregate import reading_of
from planctl.core.metering.model import UsageEvent, property_text
from planctl.core.money import NumberError, parse_decimal
from planctl.core.periods import Instant
from planctl.errors import StoreFailure
from planctl.store.sets import chunks
from planctl.store.usage_totals import Asked, Marks, UsageRequest, identities, streams

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_AT_ONCE = 50


def amounts(tx: Tx, requests: Sequence[tuple[UsageRequest, str]], without: Marks | None = None) -> Amounts:
    """The events of every window in the order of their instants, then ids; each with its amount, in major units.

    The text beside a request names the property with the amount. Quantities are never below 0: a correction takes
    units, and their share of the amount, from the event that it names; where that lies in another window, or
    where a level was lowered, from the latest events. One of which nothing is left is not there.
    `without` leaves out events of each customer, as if they had never been recorded.
    StoreFailure names an event without a usable amount. A fixed number of queries per chunk of requests.
    """
    found: dict[WindowKey, tuple[EventAmount, ...]] = {request.window.key: () for request, _ in requests}
    left_out = identities(without)
    for chunk in chunks(requests, _AT_ONCE):
        asked = [Asked(one, one.window.starts_at, one.window.ends_at) for one, _ in chunk]
        for number, events in streams(tx, asked, left_out):
            request, name = chunk[number]
            found[request.window.key] = _amounts(request, name, events)
    return found


@dataclass(slots=True)
class _Left:
    """An event and how many of its units corrections have left."""

    event: UsageEvent
    read: Fraction
    left: Fraction

    def take(self, units: Fraction) -> Fraction:
        """Take back as many units as there are; how many were taken."""
        taken = min(units, self.left)
        self.left -= taken
        return taken


def _amounts(request: UsageRequest, name: str, events: Iterable[UsageEvent]) -> tuple[EventAmount, ...]:
    """What is left of each event, in order."""
    read = [(one, reading_of(request.meter, request.window.feature, one)) for one in events]
    fed = sorted(
        ((event, Fraction(reading.number)) for event, reading in read if reading is not None),
        key=lambda pair: (pair[0].at, pair[0].id, pair[0].child),
    )
    used = [_Left(event, number, number) for event, number in fed if number >= 0]
    named: dict[tuple[str, str], list[_Left]] = {}
    for one in used:
        named.setdefault((one.event.child, one.event.id), []).append(one)
    elsewhere = Fraction(0)
    for event, number in fed:
        back = max(-number, Fraction(0))
        for one in named.get((event.child, event.corrects), ()) if event.corrects else ():
            back -= one.take(back)
        elsewhere += back
    for one in reversed(used):
        elsewhere -= one.take(elsewhere)
    return tuple(_event_amount(one, name) for one in used if one.left or not one.read)


def _event_amount(one: _Left, name: str) -> EventAmount:
    """The amount of what is left; what is taken back whole is never asked for its amount."""
    amount = _amount(one.event, name)
    share = one.left / one.read if one.read else Fraction(1)
    return EventAmount(Instant(one.event.at), one.left, amount * share)


def _amount(event: UsageEvent, name: str) -> Fraction:
    """The amount that the event carries; what was recorded before its price asked for it may carry none."""
    problem = f"it has no property {name!r}"
    if name in event.properties:
        try:
            amount = parse_decimal(property_text(event.properties[name]))
            if amount >= 0:
                return Fraction(amount)
            problem = f"its {name} is below 0"
        except NumberError as error:
            problem = f"its {name}: {error.reason}"
    raise StoreFailure(
        f"event {event.id} of {event.customer} cannot be billed by its amount: {problem}",
        code="usage-amount",
        where=f"{event.customer}/{event.event}",
        hint=f"take it back with a correction and record it again with {name}",
    )
