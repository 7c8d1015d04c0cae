"""Usage events found again: one customer's in time order, and those that came late. It sums nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select, bindparam, func, select

from planctl.core.instants import DAY_MICROSECONDS, FOREVER
from planctl.core.invoicing.facts import LateMark
from planctl.core.metering.model import UsageEvent, event_key
from planctl.core.periods import Instant
from planctl.store.mapping import instant
from planctl.store.sets import chunks, known_sequences, sequences, table
from planctl.store.usage_mapping import event_of
from planctl.store.usage_meters import meter_ids, stored_days
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_E = table("usage_event")
_D = table("usage_detail")
_M = table("meter")
_K = table("customer").alias("child_customer")


@dataclass(frozen=True, slots=True)
class LateEvent:
    """An accepted event of a closed allowance period, whose difference is not billed yet."""

    customer: str
    meter: str
    at: int
    day: int
    key: bytes


def events(  # noqa: PLR0913 - whose, which and when
    tx: Tx,
    customer: str,
    names: Sequence[str],
    starts_at: int,
    ends_at: int,
    users: Collection[str] = (),
) -> Iterator[UsageEvent]:
    """One customer's events of these event names and feature ids in `[starts_at, ends_at)`, streamed.

    Those of the customer and of all below it or, with `users`, of these alone. In the order of their instants,
    then of the keys of their ids. Nothing for an unknown customer or name. Properties come as text; an event of a
    renamed feature keeps the name it was recorded under.
    """
    seqs = known_sequences(tx, [customer, *users])
    meters = {number: name for name, number in meter_ids(tx, names).items()}
    if customer not in seqs or not meters:
        return
    query = (
        _select()
        .where(_E.c.customer == seqs[customer], _E.c.meter.in_(sorted(meters)))
        .where(_E.c.at >= starts_at, _E.c.at < ends_at)
        .order_by(_E.c.day, _E.c.at, _E.c.event_key)
        .execution_options(yield_per=1000)
    )
    if users:
        query = query.where(_E.c.child.in_(_numbers(customer, users, seqs)))
    for days in chunks(stored_days(tx, starts_at, ends_at)):
        # Who stops early closes the server's cursor with this generator.
        with tx.connection.execute(query.where(_E.c.day.in_(days))) as rows:
            for row in rows:
                yield event_of(row, customer, meters[row.meter])


def recorded(
    tx: Tx, customers: Collection[str], names: Sequence[str], starts_at: int, ends_at: int
) -> Iterator[UsageEvent]:
    """Events in `[starts_at, ends_at)`, streamed day by day: of some customers or, without any, of all.

    A customer's are those that it used and, as far as it held the plans, those of all below it. Only those
    recorded under `names`, or all where there are none. Within a day corrections come last, and of one instant the
    larger quantities first, so that recording them again in this order finds nothing amiss.
    """
    people = table("customer")
    query = (
        _select(people.c.id.label("customer_id"), _M.c.name)
        .join(people, people.c.seq == _E.c.customer)
        .join(_M, _M.c.id == _E.c.meter)
        .where(_E.c.at >= starts_at, _E.c.at < ends_at)
        .order_by(func.coalesce(_D.c.corrects, "") != "", _E.c.at, _E.c.quantity.desc(), _E.c.fraction.desc())
        .order_by(_E.c.customer, _E.c.meter, _E.c.event_key)
        .execution_options(yield_per=1000)
    )
    if customers:
        seqs = list(known_sequences(tx, customers).values())
        query = query.where(_E.c.customer.in_(seqs) | _E.c.child.in_(seqs))
    if names:
        query = query.where(_M.c.name.in_(names))
    for day in stored_days(tx, starts_at, ends_at):
        with tx.connection.execute(query.where(_E.c.day == day)) as rows:
            for row in rows:
                yield event_of(row, row.customer_id, row.name)


def corrected(
    tx: Tx, customer: str, user: str, names: Sequence[str], event_ids: Sequence[str]
) -> list[UsageEvent]:
    """One customer's events of these ids and all corrections of them, under any of these names, each once.

    Of those that `user` used: the customer itself, or the one below it.
    """
    seqs = known_sequences(tx, [customer, user])
    meters = {number: name for name, number in meter_ids(tx, names).items()}
    if len(seqs) < len({customer, user}) or not meters:
        return []
    seq, child = seqs[customer], "" if user == customer else user
    query = _select().where(_E.c.customer == seq, _E.c.meter.in_(sorted(meters)))
    query = query.where(_E.c.child.in_(_numbers(customer, [user], seqs)))
    days = stored_days(tx, 0, FOREVER)
    found: dict[tuple[str, int, str], UsageEvent] = {}
    for ids in chunks(event_ids):
        keys = [event_key(one, child) for one in ids]
        originals = _read(tx, query.where(_E.c.event_key.in_(keys)), days, customer, meters)
        # A correction may lie on the day of what it corrects or later, never before.
        since = min((one.at // DAY_MICROSECONDS for one in originals), default=None)
        later = [] if since is None else [day for day in days if day >= since]
        wanted = query.where(_D.c.customer == seq, _D.c.meter.in_(sorted(meters)), _D.c.corrects.in_(ids))
        corrections = _read(tx, wanted, later, customer, meters)
        found |= {(one.event, one.at // DAY_MICROSECONDS, one.id): one for one in (*originals, *corrections)}
    return list(found.values())


def _read(
    tx: Tx, query: Select[Any], days: Sequence[int], customer: str, meters: Mapping[int, str]
) -> list[UsageEvent]:
    return [
        event_of(row, customer, meters[row.meter])
        for some in chunks(days)
        for row in tx.connection.execute(query.where(_E.c.day.in_(some)))
    ]


def _select(*columns: Any) -> Select[Any]:
    """Events with what they carry beyond their quantity, and the id of the child that used them."""
    joined = _E.outerjoin(_D, _same_key()).outerjoin(_K, _K.c.seq == _E.c.child)
    details = (_D.c.event_id, _D.c.properties, _D.c.corrects, _K.c.id.label("child_id"))
    return select(_E, *columns, *details).select_from(joined)


def _numbers(customer: str, users: Iterable[str], seqs: Mapping[str, int]) -> list[int]:
    """How events name these users: a child by its small number, the customer that holds the plans by 0."""
    return [0 if user == customer else seqs[user] for user in users if user in seqs]


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
