"""Usage events recorded once each; reading, summing and import batches are offered from here too.

An event's identity is its customer, meter, UTC day and id, and the child of the customer that used it; with the
setting `dedup` = `strict` the day does not count. The same content again is a duplicate, other content a conflict,
and neither is kept.
Source: planctl billing rules, usage.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from planctl.store.mapping import said
from planctl.store.sets import put_tuples
from planctl.store.settings import setting
from planctl.store.usage_amounts import amounts
from planctl.store.usage_batches import Batch, batch, put_batch
from planctl.store.usage_mapping import Columns, EventRow, decimal_of, event_row
from planctl.store.usage_meters import meter_ids
from planctl.store.usage_reading import (
    LateEvent,
    clear_late,
    clear_marks,
    corrected,
    events,
    late_events,
    late_marks,
    recorded,
)
from planctl.store.usage_totals import UsageRequest, totals
from planctl.store.usage_writing import Stored, insert_events, prepare_import, stored_events
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx

__all__ = [
    "AppendResult",
    "Batch",
    "Conflicting",
    "EventBlock",
    "EventRow",
    "LateEvent",
    "UsageRequest",
    "amounts",
    "append",
    "append_block",
    "batch",
    "clear_late",
    "clear_marks",
    "corrected",
    "event_row",
    "events",
    "late_events",
    "late_marks",
    "meter_ids",
    "prepare_import",
    "put_batch",
    "recorded",
    "totals",
]


@dataclass(frozen=True, slots=True)
class Conflicting:
    """An event that was not kept: the one under its id says something else.

    `position` is its index in the rows given. `quantity`, `at` and `batch` are those of the event kept; batch
    -1 means that it came earlier in the same call.
    """

    position: int
    row: EventRow
    quantity: Decimal
    at: int
    batch: int


@dataclass(frozen=True, slots=True)
class AppendResult:
    """What became of the rows: each was accepted, a duplicate or a conflict. `late` counts accepted ones."""

    accepted: int = 0
    duplicates: int = 0
    conflicts: tuple[Conflicting, ...] = ()
    late: int = 0


class EventBlock:
    """Events in the order they came: the columns of each, and the whole row of those that have more, by place."""

    __slots__ = ("extras", "rows")

    def __init__(self, rows: Iterable[Columns | EventRow]) -> None:
        several = list(rows)
        self.rows = [row.columns if isinstance(row, EventRow) else row for row in several]
        self.extras = {
            place: row
            for place, row in enumerate(several)
            if isinstance(row, EventRow) and (row.late or row.has_detail)
        }


def append(tx: Tx, rows: Iterable[EventRow], batch_id: int = 0) -> AppendResult:
    """Record events of one batch (0: no file), each at most once; give at most some 50,000 at a time."""
    return append_block(tx, EventBlock(rows), batch_id)


def append_block(tx: Tx, block: EventBlock, batch_id: int = 0) -> AppendResult:
    """`append` for events that come as a block.

    What needs more than its own row is looked up first: identities that come twice, late events and, with strict
    `dedup`, all. Everything else is inserted at once; only if some of it was there already is it looked up, too.
    """
    rows = block.rows
    strict = setting(tx, "dedup") == "strict"
    doubtful = range(len(rows)) if strict else _doubtful(block)
    known = stored_events(tx, rows, doubtful, any_day=strict)
    fresh, conflicts = _first_of_each(rows, [place for place in doubtful if place not in known], strict)
    conflicts += _contradicted(rows, known)
    others = _without(len(rows), doubtful)
    new = rows if len(others) == len(rows) else [rows[place] for place in (*fresh, *others)]
    if strict:
        _insert_identities(tx, new)
    accepted = insert_events(tx, new, batch_id)
    if accepted < len(new):
        assert not strict, "events that were not stored a moment ago are stored"
        conflicts += _contradicted(rows, stored_events(tx, rows, others, any_day=False))
    refused = {*doubtful} - {*fresh} | {conflict.position for conflict in conflicts}
    late = _insert_companions(tx, [row for place, row in block.extras.items() if place not in refused])
    conflicts.sort(key=lambda conflict: conflict.position)
    return AppendResult(accepted, len(rows) - accepted - len(conflicts), tuple(conflicts), late)


def _identity(strict: bool) -> Callable[[Columns], tuple[Any, ...]]:
    """What makes an event the same as another one: customer, meter and key and, usually, the day."""
    return itemgetter(1, 2, 3) if strict else itemgetter(0, 1, 2, 3)


def _doubtful(block: EventBlock) -> list[int]:
    """The places of events whose identity comes twice, and of late ones: a late one is marked only if it is new."""
    late = [place for place, row in block.extras.items() if row.late]
    identities = list(map(_identity(strict=False), block.rows))
    if len(set(identities)) == len(identities):
        return late
    times = Counter(identities)
    return sorted({*late, *(place for place, one in enumerate(identities) if times[one] > 1)})


def _without(count: int, places: Sequence[int]) -> Sequence[int]:
    """The places from 0 to `count` but for these."""
    if not places:
        return range(count)
    left_out = set(places)
    return [place for place in range(count) if place not in left_out]


def _first_of_each(
    rows: Sequence[Columns], places: Sequence[int], strict: bool
) -> tuple[list[int], list[Conflicting]]:
    """The first place of each identity, and the events that contradict it; those that repeat it are in neither."""
    identity = _identity(strict)
    first: dict[tuple[Any, ...], int] = {}
    conflicts = []
    for place in places:
        row = EventRow(*rows[place])
        kept = EventRow(*rows[first.setdefault(identity(rows[place]), place)])
        if kept.payload != row.payload:
            conflicts.append(Conflicting(place, row, kept.quantity, kept.at, -1))
    return list(first.values()), conflicts


def _contradicted(rows: Sequence[Columns], stored: Mapping[int, Stored]) -> list[Conflicting]:
    """The events of which other content is stored."""
    return [
        Conflicting(place, EventRow(*rows[place]), decimal_of(old.whole, old.part), old.at, old.batch)
        for place, old in stored.items()
        if rows[place][_PAYLOAD] != old.payload
    ]


_PAYLOAD = EventRow._fields.index("payload")
_DETAIL = ("day", "customer", "meter", "event_key", "event_id", "properties", "corrects")
_LATE = ("day", "customer", "meter", "event_key", "at")


def _insert_identities(tx: Tx, rows: Sequence[Columns]) -> None:
    identities = sorted((customer, meter, key, day) for day, customer, meter, key, *_ in rows)
    tx.store.link.fill("usage_identity", ("customer", "meter", "event_key", "day"), identities)


def _insert_companions(tx: Tx, rows: Sequence[EventRow]) -> int:
    """Insert what events carry beyond their quantity, and mark the late ones; how many are late.

    An event that was there already and says the same has its details; a late one is new.
    """
    details = [
        (*row[:4], said(row.event_id), said(row.properties), said(row.corrects))
        for row in rows
        if row.has_detail
    ]
    put_tuples(tx, "usage_detail", _DETAIL, details)
    late = [(*row[:4], row.at) for row in rows if row.late]
    tx.store.link.fill("late_usage", _LATE, late)
    return len(late)
