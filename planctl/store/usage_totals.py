"""Usage summed for many windows at once: plain meters by the database, all others by the core from a stream.

`core.metering.aggregate` is the reference; the sums made here are equal to it, which a property test proves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from planctl.core.catalog.model import Meter
from planctl.core.instants import DAY_MICROSECONDS
from planctl.core.invoicing.model import Totals, UsageWindow
from planctl.core.metering.aggregate import Span, aggregate
from planctl.core.metering.model import UsageEvent
from planctl.store.mapping import whole
from planctl.store.sets import chunks, known_sequences
from planctl.store.usage_mapping import event_of, exact_quantity
from planctl.store.usage_meters import meter_ids
from planctl.store.usage_reading import stored_days

if TYPE_CHECKING:
    from planctl.store.engine import Tx

Key = tuple[str, str, int]

_SUMMED_AT_ONCE = 250
_STREAMED_AT_ONCE = 50
"""Requests per query; streamed ones fewer, because their events are sorted in memory."""


@dataclass(frozen=True, slots=True)
class UsageRequest:
    """A window and how its feature is metered; `aliases` are former ids of the feature."""

    window: UsageWindow
    meter: Meter
    aliases: tuple[str, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether its quantity is the sum of the events': sums and counts that look at no property."""
        return self.meter.aggregate in {"sum", "count"} and not self.meter.where and not self.meter.value

    @property
    def names(self) -> dict[str, str]:
        """What feeding events are recorded as, and what the core calls each: an alias is the feature."""
        own = dict.fromkeys((self.window.feature, *self.aliases), self.window.feature)
        return {self.meter.event: self.meter.event, **own} if self.meter.event else own


class _Slice(NamedTuple):
    """What one request asks of one meter. Whole numbers alone, so that it can be written into a statement."""

    request: int
    customer: int
    meter: int
    first_day: int
    last_day: int
    starts_at: int
    ends_at: int


def totals(tx: Tx, requests: Sequence[UsageRequest]) -> Totals:
    """The aggregated quantity of every window by its key, exact; an absent one is 0.

    Windows of unknown customers and never recorded names have no events. The level that a held feature
    brings along from before the window is not in it. A fixed number of queries per chunk of requests.
    """
    found: dict[Key, Fraction] = {}
    for chunk in chunks((request for request in requests if request.is_plain), _SUMMED_AT_ONCE):
        found |= {chunk[number].window.key: quantity for number, quantity in _sums(tx, chunk)}
    for chunk in chunks((request for request in requests if not request.is_plain), _STREAMED_AT_ONCE):
        for number, events in _streams(tx, chunk):
            request, window = chunk[number], chunk[number].window
            span = Span(window.starts_at, window.ends_at)
            found[window.key] = aggregate(request.meter, window.feature, events, span)
    return found


# Sums of 64-bit numbers overflow 64 bits: each is summed in two parts, the upper of which keeps the sign.
_SUMS = """
SELECT slice.request,
       SUM(e.quantity >> 32), SUM(e.quantity & 4294967295), SUM(e.fraction >> 20), SUM(e.fraction & 1048575)
  FROM slice CROSS JOIN stored_day CROSS JOIN usage_event e
 WHERE stored_day.day BETWEEN slice.first_day AND slice.last_day
   AND e.day = stored_day.day AND e.customer = slice.customer AND e.meter = slice.meter
   AND e.at >= slice.starts_at AND e.at < slice.ends_at
 GROUP BY slice.request
"""

_EVENTS = """
SELECT slice.request, e.meter, e.at, e.event_key, e.quantity, e.fraction, d.event_id, d.properties, d.corrects
  FROM slice CROSS JOIN stored_day CROSS JOIN usage_event e
  LEFT JOIN usage_detail d
    ON d.day = e.day AND d.customer = e.customer AND d.meter = e.meter AND d.event_key = e.event_key
 WHERE stored_day.day BETWEEN slice.first_day AND slice.last_day
   AND e.day = stored_day.day AND e.customer = slice.customer AND e.meter = slice.meter
   AND e.at >= slice.starts_at AND e.at < slice.ends_at
 ORDER BY slice.request
"""


def _sums(tx: Tx, requests: Sequence[UsageRequest]) -> Iterator[tuple[int, Fraction]]:
    """The summed quantity of each request that has events, by its index."""
    statement = _with_slices(tx, _slices(tx, requests, _meters(tx, requests)), _SUMS)
    if statement:
        for number, upper, lower, upper_part, lower_part in tx.connection.exec_driver_sql(statement):
            quantity = (int(upper) << 32) + int(lower)
            yield number, exact_quantity(quantity, (int(upper_part) << 20) + int(lower_part))


def _streams(tx: Tx, requests: Sequence[UsageRequest]) -> Iterator[tuple[int, Iterator[UsageEvent]]]:
    """The events of each request that has some, by its index; each stream must be used up before the next."""
    meters = _meters(tx, requests)
    statement = _with_slices(tx, _slices(tx, requests, meters), _EVENTS)
    if not statement:
        return
    names = {number: name for name, number in meters.items()}

    def event(row: Any) -> UsageEvent:
        request = requests[row.request]
        return event_of(row, request.window.customer, request.names[names[row.meter]])

    rows = tx.connection.exec_driver_sql(statement, execution_options={"yield_per": 1000})
    for number, of_request in groupby(rows, key=lambda row: int(row.request)):
        yield number, map(event, of_request)


def _meters(tx: Tx, requests: Sequence[UsageRequest]) -> dict[str, int]:
    return meter_ids(tx, (name for request in requests for name in request.names))


def _slices(tx: Tx, requests: Sequence[UsageRequest], meters: dict[str, int]) -> list[_Slice]:
    """One slice for every request and every meter that feeds it; none for customers and names never seen."""
    customers = known_sequences(tx, (request.window.customer for request in requests))
    slices = []
    for number, request in enumerate(requests):
        window = request.window
        for name in request.names:
            if name in meters and window.customer in customers and window.starts_at < window.ends_at:
                days = window.starts_at // DAY_MICROSECONDS, (window.ends_at - 1) // DAY_MICROSECONDS
                place = customers[window.customer], meters[name]
                slices.append(_Slice(number, *place, *days, window.starts_at, window.ends_at))
    return slices


def _with_slices(tx: Tx, slices: Sequence[_Slice], query: str) -> str:
    """The query over slices and the days they can have events on; an empty text where there are none.

    The numbers stand in the statement itself: some thousand parameters cost more than the query does.
    """
    if not slices:
        return ""
    starts_at, ends_at = min(part.starts_at for part in slices), max(part.ends_at for part in slices)
    days = stored_days(tx, starts_at, ends_at)
    if not days:
        return ""
    rows = ",".join(f"({','.join(str(whole(value)) for value in part)})" for part in slices)
    return (
        f"WITH slice({','.join(_Slice._fields)}) AS MATERIALIZED (VALUES {rows}),"
        f" stored_day(day) AS MATERIALIZED (VALUES {','.join(f'({whole(day)})' for day in days)}) {query}"
    )
