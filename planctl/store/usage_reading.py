"""Usage events found again: one customer's in time order, and those that came late. It sums nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select, bindparam, func, select

from planctl.core.instants import DAY_MICROSECONDS
from planctl.core.invoicing.facts import LateMark
from planctl.core.metering.model import UsageEvent, event_key
from planctl.core.periods import Instant
from planctl.store.columns import FOREVER
from planctl.store.mapping import instant
from planctl.store.sets import chunks, known_sequences, sequences, table
from planctl.store.usage_mapping import event_of
from planctl.store.usage_meters import meter_ids

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_E = table("usage_event")
_D = table("usage_detail")
_M = table("meter")


@dataclass(frozen=True, slots=True)
class LateEvent:
    """An accepted event of a closed allowance period, whose difference is not billed yet."""

    customer: str
    meter: str
    at: int
    day: int
    key: bytes


def stored_days(tx: Tx, starts_at: int, ends_at: int) -> range:
    """The UTC days of `[starts_at, ends_at)` on which anything at all may be stored.

    The event table is in the order of days, so every question about one customer goes from day to day.
    """
    first = tx.connection.execute(select(func.min(_E.c.day))).scalar_one()
    if first is None or starts_at >= ends_at:
        return range(0)
    last = tx.connection.execute(select(func.max(_E.c.day))).scalar_one()
    return range(max(first, starts_at // DAY_MICROSECONDS), min(last, (ends_at - 1) // DAY_MICROSECONDS) + 1)


def events(tx: Tx, customer: str, names: Sequence[str], starts_at: int, ends_at: int) -> Iterator[UsageEvent]:
    """One customer's events of these event names and feature ids in `[starts_at, ends_at)`, streamed.

    In the order of their instants, then of the keys of their ids. Nothing for an unknown customer or name.
    Properties come as text; an event of a renamed feature keeps the name it was recorded under.
    """
    seq = known_sequences(tx, [customer]).get(customer)
    meters = {number: name for name, number in meter_ids(tx, names).items()}
    if seq is None or not meters:
        return
    query = (
        select(_E, _D.c.event_id, _D.c.properties, _D.c.corrects)
        .select_from(_E.outerjoin(_D, _same_key()))
        .where(_E.c.customer == seq, _E.c.meter.in_(sorted(meters)))
        .where(_E.c.at >= starts_at, _E.c.at < ends_at)
        .order_by(_E.c.day, _E.c.at, _E.c.event_key)
        .execution_options(yield_per=1000)
    )
    for days in chunks(stored_days(tx, starts_at, ends_at)):
        for row in tx.connection.execute(query.where(_E.c.day.in_(days))):
            yield event_of(row, customer, meters[row.meter])


def recorded(
    tx: Tx, customer: str, names: Sequence[str], starts_at: int, ends_at: int
) -> Iterator[UsageEvent]:
    """Events in `[starts_at, ends_at)`, streamed day by day: of one customer or, where empty, of all.

    Only those recorded under `names`, or all where there are none. Within a day corrections come last, and of
    one instant the larger quantities first, so that recording them again in this order finds nothing amiss.
    """
    people = table("customer")
    query = (
        select(_E, people.c.id.label("customer_id"), _M.c.name, _D.c.event_id, _D.c.properties, _D.c.corrects)
        .select_from(_E.outerjoin(_D, _same_key()))
        .join(people, people.c.seq == _E.c.customer)
        .join(_M, _M.c.id == _E.c.meter)
        .where(_E.c.at >= starts_at, _E.c.at < ends_at)
        .order_by(func.coalesce(_D.c.corrects, "") != "", _E.c.at, _E.c.quantity.desc(), _E.c.fraction.desc())
        .order_by(_E.c.customer, _E.c.meter, _E.c.event_key)
        .execution_options(yield_per=1000)
    )
    if customer:
        query = query.where(people.c.id == customer)
    if names:
        query = query.where(_M.c.name.in_(names))
    for day in stored_days(tx, starts_at, ends_at):
        for row in tx.connection.execute(query.where(_E.c.day == day)):
            yield event_of(row, row.customer_id, row.name)


def corrected(tx: Tx, customer: str, names: Sequence[str], event_ids: Sequence[str]) -> list[UsageEvent]:
    """One customer's events of these ids and all corrections of them, under any of these names, each once."""
    seq = known_sequences(tx, [customer]).get(customer)
    meters = {number: name for name, number in meter_ids(tx, names).items()}
    if seq is None or not meters:
        return []
    joined = _E.outerjoin(_D, _same_key())
    query = (
        select(_E, _D.c.event_id, _D.c.properties, _D.c.corrects)
        .select_from(joined)
        .where(_E.c.customer == seq, _E.c.meter.in_(sorted(meters)))
    )
    days = stored_days(tx, 0, FOREVER)
    found: dict[tuple[str, int, str], UsageEvent] = {}
    for ids in chunks(event_ids):
        keys = [event_key(one) for one in ids]
        originals = _read(tx, query.where(_E.c.event_key.in_(keys)), days, customer, meters)
        # A correction may lie on the day of what it corrects or later, never before.
        since = min((one.at // DAY_MICROSECONDS for one in originals), default=days.stop)
        later = range(max(since, days.start), days.stop)
        wanted = query.where(_D.c.customer == seq, _D.c.meter.in_(sorted(meters)), _D.c.corrects.in_(ids))
        corrections = _read(tx, wanted, later, customer, meters)
        found |= {(one.event, one.at // DAY_MICROSECONDS, one.id): one for one in (*originals, *corrections)}
    return list(found.values())


def _read(
    tx: Tx, query: Select[Any], days: range, customer: str, meters: Mapping[int, str]
) -> list[UsageEvent]:
    return [
        event_of(row, customer, meters[row.meter])
        for some in chunks(days)
        for row in tx.connection.execute(query.where(_E.c.day.in_(some)))
    ]


def _same_key() -> ColumnElement[bool]:
    return (
        (_D.c.day == _E.c.day)
        & (_D.c.customer == _E.c.customer)
        & (_D.c.meter == _E.c.meter)
        & (_D.c.event_key == _E.c.event_key)
    )


def late_events(tx: Tx, customer_ids: Iterable[str]) -> dict[str, list[LateEvent]]:
    """Late events whose difference is not billed yet, in time order, of those customers that have some."""
    late, customer = table("late_usage"), table("customer")
    found: dict[str, list[LateEvent]] = {}
    for chunk in chunks(dict.fromkeys(customer_ids)):
        query = (
            select(customer.c.id, _M.c.name, late.c.at, late.c.day, late.c.event_key)
            .select_from(late)
            .join(customer, customer.c.seq == late.c.customer)
            .join(_M, _M.c.id == late.c.meter)
            .where(customer.c.id.in_(chunk))
            .order_by(customer.c.id, late.c.at, _M.c.name, late.c.event_key)
        )
        for row in tx.connection.execute(query):
            found.setdefault(row.id, []).append(
                LateEvent(row.id, row.name, instant(row.at), row.day, bytes(row.event_key))
            )
    return found


def late_marks(tx: Tx, customer_ids: Iterable[str]) -> dict[str, tuple[LateMark, ...]]:
    """The marks of every one of these customers, in time order; none where nothing is to be billed again."""
    wanted = tuple(dict.fromkeys(customer_ids))
    found = late_events(tx, wanted)
    return {
        name: tuple(LateMark(one.meter, Instant(one.at), (one.day, one.key)) for one in found.get(name, ()))
        for name in wanted
    }


def clear_marks(tx: Tx, customer: str, marks: Sequence[LateMark]) -> None:
    """Forget that one customer's events were late: their difference is billed. Each must be marked."""
    clear_late(tx, [LateEvent(customer, mark.meter, mark.at, *mark.reference) for mark in marks])


def clear_late(tx: Tx, billed: Sequence[LateEvent]) -> None:
    """Forget that events were late: their difference is billed. Each must be marked."""
    if not billed:
        return
    late = table("late_usage")
    seqs = sequences(tx, (event.customer for event in billed))
    meters = meter_ids(tx, (event.meter for event in billed))
    statement = late.delete()
    for column in ("customer", "meter", "day", "event_key"):
        statement = statement.where(late.c[column] == bindparam(f"the_{column}"))
    rows = [
        {
            "the_customer": seqs[event.customer],
            "the_meter": meters[event.meter],
            "the_day": event.day,
            "the_event_key": event.key,
        }
        for event in billed
    ]
    cleared = tx.connection.execute(statement, rows).rowcount
    assert cleared == len(rows), f"{len(rows)} late events to clear, {cleared} are marked"
