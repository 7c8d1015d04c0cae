"""Usage summed for many windows at once: plain meters by the database, all others by the core from a stream.

`core.metering.aggregate` is the reference; the sums made here are equal to it, which a property test proves.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from planctl.core.catalog.model import Meter
from planctl.core.instants import DAY_MICROSECONDS
from planctl.core.invoicing.model import Totals, UsageWindow, WindowKey
from planctl.core.metering.aggregate import ZERO, Span, aggregate, level, peak
from planctl.core.metering.model import UsageEvent
from planctl.core.money import plus
from planctl.core.subscriptions.model import Subscription
from planctl.store.feature_names import names_of
from planctl.store.mapping import whole
from planctl.store.sets import chunks, known_sequences
from planctl.store.usage_mapping import event_of, exact_quantity
from planctl.store.usage_meters import meter_ids, stored_days
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.core.invoicing.facts import LateMark
    from planctl.store.engine import Tx

Marks: TypeAlias = "Mapping[str, Collection[LateMark]]"
"""Late events by customer."""

_SUMMED_AT_ONCE = 250
_STREAMED_AT_ONCE = 50
_NEIGHBOURS_AT_ONCE = 5_000
"""Requests per query; streamed ones fewer, because their events are sorted in memory."""

_FEWEST_NEIGHBOURS = 8
_SPREAD = 3
_TIMES = 4
"""Customers lie close together where they are a third of all in their range; so asked are the most frequent times."""


@dataclass(frozen=True, slots=True)
class UsageRequest:
    """A window and how its feature is metered; `aliases` are former ids of the feature."""

    window: UsageWindow
    meter: Meter
    aliases: tuple[str, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether its quantity is the sum of the events': sums and counts that look at no property."""
        return not self.carries and self.meter.aggregate in {"sum", "count"} and self._is_bare

    @property
    def carries(self) -> bool:
        """Whether what was recorded before the window, since ever, makes the level that it begins with."""
        return self.window.measure == "peak" or self.meter.aggregate == "weighted"

    @property
    def carries_a_sum(self) -> bool:
        """Whether the level brought along is a sum that the database can make."""
        return self.carries and self.meter.aggregate in {"sum", "count", "weighted"} and self._is_bare

    @property
    def _is_bare(self) -> bool:
        return not self.meter.where and not self.meter.value

    @property
    def names(self) -> Mapping[str, str]:
        """What feeding events are recorded as, and what the core calls each: an alias is the feature."""
        return _names(self.window.feature, self.meter.event, self.aliases)

    def in_core(self, events: Iterable[UsageEvent], initial: Fraction) -> Fraction:
        """The quantity by the reference: of events in the window and, where those carry a level, before it."""
        window, meter, feature = self.window, self.meter, self.window.feature
        if window.measure == "peak":
            return peak(meter, feature, events, Span(window.starts_at, window.ends_at), initial)
        if meter.aggregate != "weighted":
            return aggregate(meter, feature, events, Span(window.starts_at, window.ends_at))
        seen = list(events)
        initial += level(meter, feature, [one for one in seen if one.at < window.starts_at])
        inside = [one for one in seen if one.at >= window.starts_at]
        return aggregate(meter, feature, inside, Span(window.starts_at, window.span_ends_at), initial)


@lru_cache(maxsize=1024)
def _names(feature: str, event: str, aliases: tuple[str, ...]) -> Mapping[str, str]:
    """Remembered: a page asks the same of every customer."""
    own = dict.fromkeys((feature, *aliases), feature)
    return {event: event, **own} if event else own


def request_for(
    window: UsageWindow,
    subscriptions_by_id: Mapping[str, Subscription],
    former: Mapping[str, tuple[str, ...]],
) -> UsageRequest:
    """How a window is asked for: metered as the subscription's terms say, under every name the feature has or had."""
    definition = subscriptions_by_id[window.subscription].terms.features[window.feature].feature
    aliases = tuple(sorted(names_of(window.feature, former) - {window.feature}))
    return UsageRequest(window, definition.meter, aliases)


class Asked(NamedTuple):
    """A request and the time whose events are wanted for it: `[starts_at, ends_at)`."""

    request: UsageRequest
    starts_at: int
    ends_at: int


class _Slice(NamedTuple):
    """What one request asks of one meter. Whole numbers alone, so that it can be written into a statement."""

    request: int
    customer: int
    meter: int
    first_day: int
    last_day: int
    starts_at: int
    ends_at: int


def totals(tx: Tx, requests: Sequence[UsageRequest], without: Marks | None = None) -> Totals:
    """The aggregated quantity of every window by its key, exact; an absent one is 0.

    Windows of unknown customers and never recorded names have no events. A fixed number of queries per chunk
    of requests. Of a total, only the events of the window count; what was recorded before it, since ever,
    makes the level that a mean over time (`weighted`) and a `peak` begin with. A mean is taken over
    `[starts_at, span_ends_at)`: a window that ends earlier gives the part of it that its events make.
    With `without`, each customer's totals are as if these events had never been recorded; that is slower.
    """
    left_out = identities(without)
    summed: list[UsageRequest] = []
    streamed: list[tuple[UsageRequest, bool]] = []
    for request in requests:
        is_whole = not without or not _is_marked(request, without.get(request.window.customer, ()))
        if request.is_plain and is_whole:
            summed.append(request)
        else:
            streamed.append((request, is_whole))
    found: dict[WindowKey, Fraction] = {}
    for page in chunks(summed, _NEIGHBOURS_AT_ONCE):
        customers = known_sequences(tx, (one.window.customer for one in page))
        close, apart = _neighbours([one for one in page if one.window.customer in customers], customers)
        for several in close:
            found |= _sums_of_neighbours(tx, several, customers)
        for chunk in chunks(apart, _SUMMED_AT_ONCE):
            asked = [Asked(one, one.window.starts_at, one.window.ends_at) for one in chunk]
            found |= {chunk[number].window.key: quantity for number, quantity in _sums(tx, asked)}
    for pairs in chunks(streamed, _STREAMED_AT_ONCE):
        found |= _by_the_core(tx, pairs, left_out)
    return found


def _neighbours(
    requests: Sequence[UsageRequest], customers: Mapping[str, int]
) -> tuple[list[list[UsageRequest]], list[UsageRequest]]:
    """Requests of one time whose customers lie close together, in few lists to be asked each at once; all others.

    A billing run asks so, page by page: its customers follow one another, and most of their periods end together.
    """
    by_time: dict[tuple[int, int], list[UsageRequest]] = {}
    for one in requests:
        by_time.setdefault((one.window.starts_at, one.window.ends_at), []).append(one)
    close: list[list[UsageRequest]] = []
    apart: list[UsageRequest] = []
    for several in sorted(by_time.values(), key=len, reverse=True):
        numbers = {customers[one.window.customer] for one in several}
        spread = max(numbers) - min(numbers) + 1
        if len(close) < _TIMES and len(numbers) >= _FEWEST_NEIGHBOURS and spread <= _SPREAD * len(numbers):
            close.append(several)
        else:
            apart += several
    return close, apart


def _sums_of_neighbours(
    tx: Tx, requests: Sequence[UsageRequest], customers: Mapping[str, int]
) -> dict[WindowKey, Fraction]:
    """The summed quantity of requests of one time that have events: one range of customers a day, read in order."""
    meters = meter_ids(tx, {name for one in requests for name in one.names})
    window = requests[0].window
    days = stored_days(tx, window.starts_at, window.ends_at)
    if not (meters and days):
        return {}
    numbers = [customers[one.window.customer] for one in requests]
    statement = _NEIGHBOURS.format(
        stored_days=",".join(f"({whole(day)})" for day in days),
        meters=",".join(str(whole(meter)) for meter in meters.values()),
    )
    asked = (days[0], days[-1], min(numbers), max(numbers), window.starts_at, window.ends_at)
    sums = {(customer, meter): parts for customer, meter, *parts in tx.rows(statement, asked)}
    found = {}
    for one, customer in zip(requests, numbers, strict=True):
        fed = [(customer, meters[name]) for name in one.names if name in meters]
        own = [_summed(*sums[place]) for place in fed if place in sums]
        if own:
            found[one.window.key] = plus(*own)
    return found


Identity = tuple[str, int, bytes]
"""The name under which an event was recorded, its UTC day and its key."""


def identities(marks: Marks | None) -> dict[str, frozenset[Identity]]:
    """The events that are marked, by customer."""
    by_customer = (marks or {}).items()
    return {
        customer: frozenset((one.meter, *one.reference) for one in several)
        for customer, several in by_customer
    }


def _is_marked(request: UsageRequest, marks: Iterable[LateMark]) -> bool:
    """Whether any of these events counts for the request's window."""
    window = request.window
    since = 0 if request.carries else window.starts_at
    return any(since <= mark.at < window.ends_at and mark.meter in request.names for mark in marks)


def _by_the_core(
    tx: Tx, pairs: Sequence[tuple[UsageRequest, bool]], left_out: Mapping[str, Collection[Identity]]
) -> dict[WindowKey, Fraction]:
    """Totals from streamed events; the level brought along is summed first where no event is left out of it."""
    carried = [one for one, is_whole in pairs if is_whole and one.carries_a_sum]
    before = dict(_sums(tx, [Asked(one, 0, one.window.starts_at) for one in carried]))
    initial = {carried[number].window.key: quantity for number, quantity in before.items()}
    asked = []
    for one, is_whole in pairs:
        since = 0 if one.carries and not (is_whole and one.carries_a_sum) else one.window.starts_at
        asked.append(Asked(one, since, one.window.ends_at))
    found = {key: one.in_core((), initial[key]) for one in carried if (key := one.window.key) in initial}
    for number, events in streams(tx, asked, left_out):
        request = asked[number].request
        key = request.window.key
        found[key] = request.in_core(events, initial.get(key, ZERO))
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
_NEIGHBOURS = """
WITH stored_day(day) AS MATERIALIZED (VALUES {stored_days})
SELECT e.customer, e.meter,
       SUM(e.quantity >> 32), SUM(e.quantity & 4294967295), SUM(e.fraction >> 20), SUM(e.fraction & 1048575)
  FROM stored_day CROSS JOIN usage_event e
 WHERE e.day = stored_day.day AND e.day BETWEEN ? AND ? AND e.customer BETWEEN ? AND ?
   AND e.meter IN ({meters}) AND e.at >= ? AND e.at < ?
 GROUP BY e.customer, e.meter
"""
_SUMS_BY_CHILD = _SUMS.replace("SELECT slice.request,", "SELECT slice.request, e.child,").replace(
    "GROUP BY slice.request", "GROUP BY slice.request, e.child"
)

_EVENTS = """
SELECT slice.request, e.meter, e.at, e.event_key, e.quantity, e.fraction, d.event_id, d.properties, d.corrects,
       k.id AS child_id
  FROM slice CROSS JOIN stored_day CROSS JOIN usage_event e
  LEFT JOIN usage_detail d
    ON d.day = e.day AND d.customer = e.customer AND d.meter = e.meter AND d.event_key = e.event_key
  LEFT JOIN customer k ON k.seq = e.child
 WHERE stored_day.day BETWEEN slice.first_day AND slice.last_day
   AND e.day = stored_day.day AND e.customer = slice.customer AND e.meter = slice.meter
   AND e.at >= slice.starts_at AND e.at < slice.ends_at
 ORDER BY slice.request
"""


def _sums(tx: Tx, asked: Sequence[Asked]) -> Iterator[tuple[int, Fraction]]:
    """The summed quantity of each request that has events, by its index."""
    statement = _with_slices(tx, _slices(tx, asked, _meters(tx, asked)), _SUMS)
    if statement:
        for number, *parts in tx.rows(statement):
            yield number, _summed(*parts)


def child_sums(tx: Tx, asked: Sequence[Asked]) -> Iterator[tuple[int, int, Fraction]]:
    """The summed quantity of each request by who used it: its index, the child's small number, the units.

    The number is 0 for what the customer of the request used itself. Only for requests that are plain.
    """
    statement = _with_slices(tx, _slices(tx, asked, _meters(tx, asked)), _SUMS_BY_CHILD)
    if statement:
        for number, child, *parts in tx.rows(statement):
            yield number, child, _summed(*parts)


def _summed(upper: Any, lower: Any, upper_part: Any, lower_part: Any) -> Fraction:
    return exact_quantity((int(upper) << 32) + int(lower), (int(upper_part) << 20) + int(lower_part))


def streams(
    tx: Tx, asked: Sequence[Asked], without: Mapping[str, Collection[Identity]]
) -> Iterator[tuple[int, Iterator[UsageEvent]]]:
    """The events of each request that has some, by its index; each stream must be used up before the next.

    In no order. An event of a former id of the feature comes under the present one. `without` are events by
    customer that are left out.
    """
    meters = _meters(tx, asked)
    statement = _with_slices(tx, _slices(tx, asked, meters), _EVENTS)
    if not statement:
        return
    names = {number: name for name, number in meters.items()}

    def events(request: UsageRequest, rows: Iterable[Any]) -> Iterator[UsageEvent]:
        customer, called = request.window.customer, request.names
        left_out = without.get(customer, ())
        for row in rows:
            name = names[row.meter]
            if not left_out or (name, row.at // DAY_MICROSECONDS, bytes(row.event_key)) not in left_out:
                yield event_of(row, customer, called[name])

    rows = tx.connection.exec_driver_sql(statement, execution_options={"yield_per": 1000})
    for number, of_request in groupby(rows, key=lambda row: int(row.request)):
        yield number, events(asked[number].request, of_request)


def _meters(tx: Tx, asked: Sequence[Asked]) -> dict[str, int]:
    return meter_ids(tx, (name for one in asked for name in one.request.names)) if asked else {}


def _slices(tx: Tx, asked: Sequence[Asked], meters: dict[str, int]) -> list[_Slice]:
    """One slice for every request and every meter that feeds it; none for customers and names never seen."""
    customers = known_sequences(tx, (one.request.window.customer for one in asked))
    slices = []
    for number, (request, starts_at, ends_at) in enumerate(asked):
        customer = request.window.customer
        for name in request.names:
            if name in meters and customer in customers and starts_at < ends_at:
                days = starts_at // DAY_MICROSECONDS, (ends_at - 1) // DAY_MICROSECONDS
                slices.append(_Slice(number, customers[customer], meters[name], *days, starts_at, ends_at))
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
