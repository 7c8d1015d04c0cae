"""Knows what a usage event is and how meters look to it; it decides nothing about either."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import field
from decimal import Decimal
from typing import Literal, Protocol

from planctl.core.document import canonical
from planctl.core.money import decimal_text
from planctl.values import dataclass

Property = str | bool | int | Decimal
"""A property's value: text, true or false, or an exact number; never a binary fraction."""


RoundingMode = Literal["up", "down", "half_up"]
MODES: tuple[RoundingMode, ...] = ("half_up", "up", "down")
"""How a quantity is rounded; half up is away from zero, `up` and `down` are to the next larger and smaller."""


@dataclass(frozen=True, slots=True)
class Rounding:
    """The quantity of a period is rounded to `digits` decimals before anything pays for it.

    0 is whole units, -2 is hundreds; from -18 to 12.
    """

    digits: int = 0
    mode: RoundingMode = "half_up"


class MeterLike(Protocol):
    """How events become a quantity; `core.catalog.model.Meter` is one, and says what the fields mean."""

    @property
    def event(self) -> str:
        """The event name that feeds it; empty: only events naming the feature do."""
        ...

    @property
    def aggregate(self) -> str:
        """sum, count, max, last, unique or weighted."""
        ...

    @property
    def value(self) -> str:
        """The property that is aggregated; empty: the event's own quantity."""
        ...

    @property
    def where(self) -> Mapping[str, str]:
        """Properties an event must have, as text, to feed it."""
        ...

    @property
    def rounding(self) -> Rounding | None:
        """How the quantity of a period is rounded; None: it stays exact."""
        ...


@dataclass(frozen=True, slots=True)
class UsageEvent:
    """One accepted event. `at` is in microseconds since 1970-01-01 UTC.

    `event` is an event name, or the present id of the feature it feeds alone. `quantity` is exact and may be
    negative for corrections and held features; `corrects` is the id of the corrected event, or empty. `customer`
    holds the plans; `child` is the customer below it that used it, empty where it was the customer itself.
    """

    id: str
    customer: str
    event: str
    at: int
    quantity: Decimal = Decimal(1)
    properties: Mapping[str, Property] = field(default_factory=dict)
    corrects: str = ""
    child: str = ""

    @property
    def user(self) -> str:
        """Who used it: the customer, or the one below it."""
        return self.child or self.customer


def property_text(value: Property) -> str:
    """The one text of a property's value: `true`, `1.5`, or the text itself; 1, 1.0 and "1" are the same."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return decimal_text(value) if isinstance(value, Decimal) else str(value)


def matches(where: Mapping[str, str], properties: Mapping[str, Property]) -> bool:
    """Whether all properties in `where` are there with that text; an empty `where` matches everything."""
    return all(key in properties and property_text(properties[key]) == text for key, text in where.items())


def payload_hash(  # noqa: PLR0913 - the content of an event, all of it
    customer: str,
    event: str,
    at: int,
    quantity: Decimal,
    properties: Mapping[str, Property],
    corrects: str,
) -> int:
    """63 bits that tell contents under one event id apart: equal is a duplicate, different a conflict.

    The content is taken as it was sent, before a renamed feature's old id is resolved, so that an old file
    read again is a duplicate. Spelling does not count: quantities 1 and 1.0 are equal. It is the first eight
    bytes of a 16-byte BLAKE2b of the canonical JSON, without the highest bit.
    """
    if properties:
        texts = {key: property_text(value) for key, value in properties.items()}
        return _hash(canonical([customer, event, str(at), decimal_text(quantity), {**texts}, corrects]))
    return plain_hash(customer, event, at, decimal_text(quantity), corrects)


def plain_hash(customer: str, event: str, at: int, quantity: str, corrects: str = "") -> int:
    """`payload_hash` of content without properties; `quantity` is its `decimal_text`. The usual case, and quick."""
    # Lengths keep two fields from flowing into each other.
    return _hash(f"{len(customer)}:{customer}{len(event)}:{event}{at}/{quantity}/{corrects}")


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest()[:8]) >> 1


_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)
_SHORT = 15


def event_key(event_id: str, child: str = "") -> bytes:
    """The bytes an event id is kept under, at most 17, different for different ids.

    Up to 15 bytes of UTF-8: the id itself. A UUID in its canonical text (lower case, with hyphens): its 16
    bytes. Anything longer: a zero byte and a 16-byte BLAKE2b, 17 bytes. The lengths tell the three apart.
    The same id of another `child` (the id of the sub-company that used it) is another one: a byte 1 and the hash
    of both, 17 bytes, and no key of the customer itself begins so.
    """
    raw = event_id.encode()
    assert raw, "an event has an id"
    if child:
        return b"\x01" + hashlib.blake2b(f"{child}\0{event_id}".encode(), digest_size=16).digest()
    if len(raw) <= _SHORT:
        return raw
    if len(raw) == 36 and _UUID.fullmatch(event_id):
        return bytes.fromhex(event_id.replace("-", ""))
    return b"\x00" + hashlib.blake2b(raw, digest_size=16).digest()
