"""One event as it is said by hand, and what is answered of it: values, and the words that take it back.

It reads and writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from decimal import Decimal
from fractions import Fraction
from shlex import quote

from planctl.core.metering.accept import Row
from planctl.core.metering.model import MeterLike, UsageEvent
from planctl.core.money import decimal_text
from planctl.core.periods import Instant
from planctl.identifiers import new_id
from planctl.values import dataclass


@dataclass(frozen=True, slots=True)
class Recording:
    """What was said. `feature` is a feature's id or an event name; `at` None: now; without `id` it is new.

    `quantity` is text, 1 where empty; `level` sets a held feature to that level instead. `corrects` names
    the event that a negative quantity takes back; without `at` it does so at that event's instant, so that
    the period in which it was used is the one that is put right. `if_allowed`: only what `check` allows.
    """

    customer: str
    feature: str
    quantity: str = ""
    at: Instant | None = None
    id: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)
    level: str = ""
    corrects: str = ""
    if_allowed: bool = False


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of it: `recorded`, `exists` (just so, from before) or `unchanged` (a level set as it is).

    `customer` is the one it was said of, `billed_to` the one that holds its plans. `level` is the level of a
    held feature afterwards. `undo` are the words after `usage record` that take it back, where any do.
    """

    status: str
    id: str
    customer: str
    billed_to: str
    event: str
    at: Instant
    quantity: Decimal
    late: bool = False
    level: Fraction | None = None
    undo: str = ""


def row_of(said: Recording, as_of: Instant) -> Row:
    """The row that is judged; without an id it gets a new one, without a time it is of now."""
    at = as_of if said.at is None else said.at
    return Row(
        said.id or new_id("evt", at),
        said.customer,
        said.feature,
        at,
        said.quantity or "1",
        dict(said.properties),
        said.corrects,
    )


def correction(said: Recording, event: UsageEvent, meters: Sequence[MeterLike]) -> str:
    """The words that record a correction of the event; empty where it feeds other than sums of its quantity."""
    back = decimal_text(event.quantity.copy_negate())
    summed = meters and all(one.aggregate in {"sum", "count"} and not one.value for one in meters)
    if not summed or back == "0" or said.corrects:
        return ""
    alike = "".join(
        f" --property {quote(f'{key}={value}')}"
        for key, value in said.properties.items()
        if any(key in meter.where for meter in meters)
    )
    return f"{said.customer} {said.feature} {back} --corrects {event.id}{alike}"
