"""Usage events as rows and as core values, asserted both ways. It sends no statement.

A quantity is kept as two integers, whole units and 10⁻¹² parts of one sign, so that the database can sum it
exactly. Properties are kept as the text that meters compare: 1, 1.0 and "1" are one value.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

from planctl.core.document import canonical
from planctl.core.instants import DAY_MICROSECONDS
from planctl.core.metering.model import UsageEvent, event_key, property_text
from planctl.store.mapping import MAX_WHOLE, texts_of

PARTS = 10**12
"""How many parts a unit has: quantities have at most 12 decimals."""

_UUID_BYTES = 16


Columns = tuple[int, int, int, bytes, int, int, int, int, int]
"""An event's row in `usage_event` but for its batch; the first columns are its key, after the day."""


class EventRow(NamedTuple):
    """One accepted event as it is kept: the columns of `usage_event` but for its batch, then what few events have.

    `day` counts UTC days since 1970-01-01; `customer`, `meter` and `child` (the sub-company that used it, or 0) are
    small numbers; `whole` and `part` are the quantity. `event_id`, `properties` and `corrects` are empty for the
    usual event, which then has one row; `event_id` is said only where the key does not hold it. `late`: its
    allowance period is closed already.
    """

    day: int
    customer: int
    meter: int
    key: bytes
    at: int
    whole: int
    part: int
    payload: int
    child: int = 0
    late: bool = False
    event_id: str = ""
    properties: str = ""
    corrects: str = ""

    @property
    def columns(self) -> Columns:
        """What goes into `usage_event`."""
        return self[:9]

    @property
    def quantity(self) -> Decimal:
        """The quantity as one number."""
        return decimal_of(self.whole, self.part)

    @property
    def has_detail(self) -> bool:
        """Whether it needs a second row."""
        return bool(self.event_id or self.properties or self.corrects)


def event_row(  # noqa: PLR0913 - an event, and all that the store adds to it
    event: UsageEvent, payload: int, customer: int, meter: int, late: bool = False, child: int = 0
) -> EventRow:
    """The row of an accepted event whose content hash is `payload`; `child` is the number of `event.child`."""
    assert bool(child) == bool(event.child), f"event {event.id}: {event.child!r} is number {child}"
    key = event_key(event.id, event.child)
    properties = event.properties
    return EventRow(
        event.at // DAY_MICROSECONDS,
        customer,
        meter,
        key,
        event.at,
        *parts_of(event.quantity),
        payload,
        child,
        late,
        "" if holds_id(key) else event.id,
        canonical({name: property_text(value) for name, value in properties.items()}) if properties else "",
        event.corrects,
    )


def holds_id(key: bytes) -> bool:
    """Whether the key of an event is its id itself; else it is only a hash of it, and the id is kept beside it."""
    return len(key) <= _UUID_BYTES


def event_of(row: Any, customer: str, meter_name: str) -> UsageEvent:
    """The event of a row joined with its detail and its child's id, whose columns are None where there is none."""
    return UsageEvent(
        id=event_id_of(row.event_key, row.event_id or "", row.child_id or ""),
        customer=customer,
        event=meter_name,
        at=row.at,
        quantity=decimal_of(row.quantity, row.fraction),
        properties=texts_of(row.properties) if row.properties else {},
        corrects=row.corrects or "",
        child=row.child_id or "",
    )


def event_id_of(key: bytes, kept: str, child: str = "") -> str:
    """The event id that a key stands for; `kept` is the id itself where the key is only its hash."""
    key = bytes(key)
    if len(key) < _UUID_BYTES:
        return key.decode()
    if len(key) > _UUID_BYTES:
        assert event_key(kept, child) == key, f"the event id {kept!r} does not have the key {key.hex()}"
        return kept
    digits = key.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


@lru_cache(maxsize=4096)
def parts_of(quantity: Decimal) -> tuple[int, int]:
    """A quantity as whole units and 10⁻¹² parts, both of its sign; remembered: most are the same few."""
    above, below = quantity.as_integer_ratio()
    assert PARTS % below == 0, f"{quantity} has more than 12 decimals"
    whole, part = divmod(abs(above) * (PARTS // below), PARTS)
    assert whole <= MAX_WHOLE, f"{quantity} is more than 64 bits hold"
    return (whole, part) if above >= 0 else (-whole, -part)


def exact_quantity(whole: int, part: int) -> Fraction:
    """The exact number of whole units and 10⁻¹² parts, or of sums of them."""
    return whole + Fraction(part, PARTS) if part else Fraction(whole)


def decimal_of(whole: int, part: int) -> Decimal:
    """The quantity of one row."""
    assert abs(part) < PARTS, f"{part} parts are a unit or more"
    assert whole * part >= 0, f"{whole} and {part} parts have two signs"
    if not part:
        return Decimal(whole)
    sign = "-" if whole < 0 or part < 0 else ""
    return Decimal(f"{sign}{abs(whole)}.{abs(part):012}".rstrip("0"))
