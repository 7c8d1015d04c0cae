"""Knows whether one incoming usage row may be recorded, and what it feeds; not who has sent it before.

Duplicates, conflicts, lateness and unknown customers are seen where events are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple, Protocol

from planctl.core.metering.model import (
    MeterLike,
    Property,
    UsageEvent,
    matches,
    payload_hash,
    property_text,
)
from planctl.core.money import NumberError, decimal_text, parse_decimal
from planctl.core.reading import closest, unsafe_character
from planctl.values import dataclass

FUTURE_MICROSECONDS = 5 * 60 * 1_000_000
"""How far an event may lie after the time of the command: clocks differ a little."""

MAX_ID = 255
MAX_PROPERTIES = 50
MAX_PROPERTY_BYTES = 1024


class Reason(StrEnum):
    """Why a row was rejected; stable, counted in the summary of an import."""

    ID = "id"
    CUSTOMER = "customer"
    UNKNOWN_EVENT = "unknown-event"
    FUTURE = "future"
    QUANTITY = "quantity"
    NEGATIVE = "negative"
    COUNT = "count"
    UNIQUE = "unique"
    PROPERTIES = "properties"
    VALUE = "value"


class Row(NamedTuple):
    """One row as it was sent. `at` is in UTC microseconds, `quantity` is the source text of the number."""

    id: str
    customer: str
    event: str
    at: int
    quantity: str = "1"
    properties: Mapping[str, Property] = MappingProxyType({})
    corrects: str = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The event to record, the features it feeds in the order of their ids, and the hash of its content.

    `feeds` is empty where the event's name is known and no meter's `where` matches: there is nothing to
    record then.
    """

    event: UsageEvent
    feeds: tuple[str, ...]
    payload: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """Why a row cannot be recorded, and what to do about it."""

    reason: Reason
    message: str
    hint: str = ""


class FeatureLike(Protocol):
    """What acceptance needs of a feature; `core.catalog.model.Feature` is one."""

    @property
    def id(self) -> str:
        """Its id."""
        ...

    @property
    def type(self) -> str:
        """boolean, list or metered."""
        ...

    @property
    def meter(self) -> MeterLike:
        """How events become its quantity."""
        ...

    @property
    def held(self) -> bool:
        """Whether it is a level that is held, so that signed changes are ordinary."""
        ...


@dataclass(frozen=True, slots=True)
class Known:
    """The metered features by id and former id, and by the event name that feeds them."""

    by_feature: Mapping[str, FeatureLike]
    by_event: Mapping[str, tuple[FeatureLike, ...]]


def known_meters(features: Iterable[FeatureLike], aliases: Mapping[str, str] | None = None) -> Known:
    """What incoming rows may name, built once per import; `aliases` maps former ids to present ones."""
    metered = {feature.id: feature for feature in features if feature.type == "metered"}
    by_event: dict[str, tuple[FeatureLike, ...]] = {}
    for _, feature in sorted(metered.items()):
        if feature.meter.event:
            by_event[feature.meter.event] = (*by_event.get(feature.meter.event, ()), feature)
    former = {old: metered[new] for old, new in (aliases or {}).items() if new in metered}
    return Known({**former, **metered}, by_event)


def accept(row: Row, known: Known, as_of: int, *, allow_future: bool = False) -> Accepted | Rejected:
    """Check one row: the event to record with what it feeds, or the first reason against it.

    `as_of` is the command's time in UTC microseconds; an event may lie up to 5 minutes after it, more only
    with `allow_future`. A row naming a feature's id (or former id) feeds that feature alone; a row with a
    meter's event name feeds every feature whose meter matches. Source: planctl billing rules, usage.
    """
    problem = _identity_problem(row) or (_properties_problem(row.properties) if row.properties else None)
    if problem:
        return problem
    if row.at > as_of + FUTURE_MICROSECONDS and not allow_future:
        return Rejected(
            Reason.FUTURE,
            f"event {row.id} is more than 5 minutes in the future",
            "check the sender's clock, or pass --allow-future",
        )
    quantity = _quantity(row.quantity)
    if isinstance(quantity, NumberError):
        return Rejected(Reason.QUANTITY, f"event {row.id}: {quantity.reason}", quantity.fix)
    direct = known.by_feature.get(row.event)
    if direct is None and row.event not in known.by_event:
        return _unknown(row, known)
    name = row.event if direct is None else direct.id
    event = UsageEvent(row.id, row.customer, name, row.at, quantity, row.properties, row.corrects)
    fed = _fed(event, direct, known)
    for feature in fed:
        problem = _meter_problem(event, feature, direct is not None)
        if problem:
            return problem
    payload = payload_hash(row.customer, row.event, row.at, quantity, row.properties, row.corrects)
    return Accepted(event, tuple(feature.id for feature in fed), payload)


def _fed(event: UsageEvent, direct: FeatureLike | None, known: Known) -> tuple[FeatureLike, ...]:
    if direct is not None:
        return (direct,)
    return tuple(
        feature for feature in known.by_event[event.event] if matches(feature.meter.where, event.properties)
    )


def _identity_problem(row: Row) -> Rejected | None:
    lengths_fit = (
        0 < len(row.id) <= MAX_ID and 0 < len(row.customer) <= MAX_ID and len(row.corrects) <= MAX_ID
    )
    if lengths_fit and (row.id + row.customer + row.corrects).isprintable():
        return None  # nearly every row, so it is asked at once
    for reason, what, text in (
        (Reason.ID, "id", row.id),
        (Reason.CUSTOMER, "customer", row.customer),
        (Reason.ID, "corrects", row.corrects),
    ):
        if not text and what != "corrects":
            return Rejected(reason, f"the row has no {what}", f"give every row a {what}")
        if len(text) > MAX_ID:
            return Rejected(
                reason, f"{what} is {len(text)} characters long", f"use at most {MAX_ID} characters"
            )
        unsafe = unsafe_character(text)
        if unsafe:
            return Rejected(reason, f"{what} contains the character {unsafe}", "remove it")
    return None


def _unknown(row: Row, known: Known) -> Rejected:
    names = known.by_feature.keys() | known.by_event.keys()
    near = closest(row.event[:MAX_ID], names)
    return Rejected(
        Reason.UNKNOWN_EVENT,
        f"event {row.id} names {row.event[:MAX_ID]!a}: no metered feature, and no event that feeds one",
        near or "planctl feature list shows the features and their events",
    )


@lru_cache(maxsize=4096)
def _quantity(text: str) -> Decimal | NumberError:
    """The exact number, or what is wrong with it; remembered, because most rows say the same few numbers."""
    try:
        return parse_decimal(text)
    except NumberError as problem:
        return problem


def _properties_problem(properties: Mapping[str, Property]) -> Rejected | None:
    if len(properties) > MAX_PROPERTIES:
        return Rejected(
            Reason.PROPERTIES, f"the row has {len(properties)} properties", f"send at most {MAX_PROPERTIES}"
        )
    for key, value in properties.items():
        if not 0 < len(key) <= MAX_ID or unsafe_character(key):
            return Rejected(
                Reason.PROPERTIES,
                f"the property {key[:MAX_ID]!a} has an unusable name",
                f"use 1 to {MAX_ID} characters without control characters",
            )
        wrong = _value_problem(value)
        if wrong:
            return Rejected(
                Reason.PROPERTIES,
                f"the property {key!a} {wrong}",
                "send text, an exact number, true or false",
            )
    return None


def _value_problem(value: object) -> str:
    """What is wrong with a property's value, or an empty text; huge numbers are not written out."""
    too_long = f"is longer than {MAX_PROPERTY_BYTES} bytes"
    if isinstance(value, str):
        if len(value) > MAX_PROPERTY_BYTES:
            return too_long
        if not value.isprintable() and ("\x00" in value or any("\ud800" <= c <= "\udfff" for c in value)):
            return "contains a character that cannot be stored"
        return too_long if len(value.encode()) > MAX_PROPERTY_BYTES else ""
    if isinstance(value, Decimal):
        if not value.is_finite():
            return "is not a number"
        written = max(value.adjusted(), 0) - min(int(value.as_tuple().exponent), 0)
        return too_long if written >= MAX_PROPERTY_BYTES else ""
    if isinstance(value, int):
        return too_long if value.bit_length() > 3 * MAX_PROPERTY_BYTES else ""
    return "is not text, an exact number, true or false"


def _meter_problem(event: UsageEvent, feature: FeatureLike, direct: bool) -> Rejected | None:
    """Why the event cannot feed the feature it names, or whose meter it matches."""
    meter = feature.meter
    if meter.aggregate == "unique" and (direct or not meter.value):
        return Rejected(
            Reason.UNIQUE,
            f"{feature.id} counts different values, and event {event.id} cannot say which",
            f"send {meter.event!a} events with the property {meter.value!a}" if meter.value else "",
        )
    if meter.aggregate == "count" and not _countable(event, direct):
        return Rejected(
            Reason.COUNT,
            f"{feature.id} counts events, and event {event.id} has a quantity of "
            f"{decimal_text(event.quantity)}",
            "send whole numbers" if direct else f"send one event each, or name the feature: {feature.id}",
        )
    number = event.quantity
    if meter.value and not direct:
        if meter.value not in event.properties:
            return Rejected(
                Reason.VALUE,
                f"event {event.id} has no property {meter.value!a}, which {feature.id} needs",
                f"add {meter.value!a} to its properties",
            )
        if meter.aggregate not in {"unique", "count"}:
            read = _quantity(property_text(event.properties[meter.value]))
            if isinstance(read, NumberError):
                return Rejected(
                    Reason.VALUE, f"the property {meter.value!a} of event {event.id}: {read.reason}", read.fix
                )
            number = read
    return _negative_problem(event, feature, number) if number < 0 else None


def amount_problem(event: UsageEvent, feature: FeatureLike, name: str) -> Rejected | None:
    """Why the event cannot be billed by the amount in its property `name`; None where it can.

    An exact number of 0 or more, with at most 12 decimals. A correction takes its event's amount back in
    proportion, so it carries none of its own, unless that very number is what the meter reads.
    Source: planctl billing rules, price kinds (percentage).
    """
    if event.corrects:
        if name not in event.properties or name == feature.meter.value:
            return None
        return Rejected(
            Reason.VALUE,
            f"event {event.id} is a correction, which takes back its share of the {name} of {event.corrects}",
            f"leave {name!r} out; for another amount take the event back whole and record it again",
        )
    if name not in event.properties:
        return Rejected(
            Reason.VALUE,
            f"event {event.id} has no property {name!r}, by which {feature.id} is billed",
            f"add {name!r} to its properties: the amount in the subscription's currency",
        )
    read = _quantity(property_text(event.properties[name]))
    if isinstance(read, NumberError):
        return Rejected(Reason.VALUE, f"the property {name!r} of event {event.id}: {read.reason}", read.fix)
    if read < 0:
        return Rejected(
            Reason.NEGATIVE,
            f"the property {name!r} of event {event.id} is {decimal_text(read)}, which is below 0",
            "take an event back with a correction: a negative quantity that names it in corrects",
        )
    return None


def _countable(event: UsageEvent, direct: bool) -> bool:
    """By its event's name each event counts once or takes one back; by the feature's id it may be many."""
    if direct:
        return event.quantity == event.quantity.to_integral_value()
    return event.quantity == 1 or (event.quantity == -1 and bool(event.corrects))


def _negative_problem(event: UsageEvent, feature: FeatureLike, number: Decimal) -> Rejected | None:
    """Below 0 are changes of a level and corrections; a level itself is not."""
    aggregate = feature.meter.aggregate
    changes = aggregate in {"sum", "count"} and (feature.held or bool(event.corrects))
    if aggregate == "weighted" or changes:
        return None
    levels = aggregate in {"max", "last", "unique"}
    return Rejected(
        Reason.NEGATIVE,
        f"event {event.id} has {decimal_text(number)} of {feature.id}, which is below 0",
        "send the level as it is, 0 or more" if levels else "name the corrected event in corrects",
    )
