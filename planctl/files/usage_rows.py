"""Turns one line of a usage file (NDJSON, CSV, CloudEvents) into a row; it opens nothing and knows no customer.

A line that cannot be read is a value with its reason, never an exception. One line is one row, in every
format: a line break inside a CSV field is not accepted, so that one stray quote spoils one row.
Source: RFC 8259 and ndjson.org, RFC 4180, CloudEvents 1.0.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from planctl.core.instants import InstantError, parse_instant
from planctl.core.metering.accept import Row
from planctl.core.metering.model import Property
from planctl.core.money import NumberError, parse_decimal
from planctl.core.reading import closest
from planctl.errors import InvalidInput

Kind = Literal["ndjson", "csv", "cloudevents"]
KINDS: tuple[Kind, ...] = ("ndjson", "csv", "cloudevents")

LONGEST_LINE = 1024 * 1024
"""A longer line is a rejected row; no more than this of it is ever held."""

COLUMNS = ("id", "customer", "event", "at", "quantity", "properties", "corrects")
_NEEDED = COLUMNS[:4]
_ATTRIBUTES = ("specversion", "id", "source", "type", "subject", "time", "data", "corrects")


class Unreadable(NamedTuple):
    """Why a line is no usage row: a stable reason, what is wrong, what to do."""

    reason: str
    message: str
    hint: str = ""


Reading = Callable[[bytes], Row | Unreadable]


def reading(kind: Kind, header: bytes, name: str, tz: ZoneInfo) -> Reading:
    """What turns a line of a file of that kind into a row, or says why there is none.

    `header` is the first line of a CSV file; `name` is the file's. A date without a time is the first instant of
    that day in `tz`. InvalidInput where the header is no good.
    """
    read = _READERS[kind](header, name, tz)
    hint = _HINTS[kind]

    def guarded(text: bytes) -> Row | Unreadable:
        try:
            return read(text)
        except UnicodeDecodeError:
            return Unreadable("encoding", "the line is not UTF-8", "save the file as UTF-8")
        except RecursionError:
            return Unreadable("nesting", "the line is nested too deeply", "properties are one flat map")
        except msgspec.ValidationError as error:
            return Unreadable("fields", _plain(error), _near(str(error)) or hint)
        except (msgspec.MsgspecError, ValueError) as error:
            return Unreadable(
                "json", f"the line is not JSON: {_plain(error)}", "write one JSON object a line"
            )
        except csv.Error as error:
            return Unreadable("csv", f"the line is not CSV: {error}", 'quote fields with ", doubled inside')
        except _Unfit as problem:
            return problem.why

    return guarded


class _Unfit(Exception):
    """Carries why one field cannot be read to where rows are made."""

    def __init__(self, why: Unreadable) -> None:
        super().__init__(why.message)
        self.why = why


# --- NDJSON


class _Number(str):
    """A JSON number with a point or an exponent, as it was written: never a binary fraction."""

    __slots__ = ()


class _Sent(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    id: str
    customer: str
    event: str
    at: str
    quantity: Any = None
    properties: dict[str, Any] | None = None
    corrects: str | None = None


class _CloudEvent(msgspec.Struct, gc=False):
    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: str
    data: dict[str, Any] | None = None
    data_base64: str | None = None
    corrects: str | None = None


_SENT = msgspec.json.Decoder(_Sent, float_hook=_Number)
_CLOUD = msgspec.json.Decoder(_CloudEvent, float_hook=_Number)
_PROPERTIES = msgspec.json.Decoder(dict[str, Any], float_hook=_Number)


def _ndjson(_header: bytes, _name: str, tz: ZoneInfo) -> Reading:
    def read(text: bytes) -> Row | Unreadable:
        sent = _SENT.decode(text)
        _check_keys(text, sent.properties)
        return Row(
            sent.id,
            sent.customer,
            sent.event,
            _instant(sent.at, tz),
            _quantity(sent.quantity),
            _properties(sent.properties) if sent.properties else {},
            sent.corrects or "",
        )

    return read


def usual_row(line: bytes) -> Row | None:
    """The row of a usual line of NDJSON; None where `reading` must look at it, which would give the same.

    Usual is a line with the five first fields or fewer, a time in UTC and no backslash. Then every field and every
    text has two quotation marks, and more of them mean that a key is there twice.
    """
    try:
        sent = _SENT.decode(line)
        quantity = sent.quantity
        if quantity is None:
            text, marks = "1", 16
        elif type(quantity) is str:
            text, marks = quantity, 20
        elif type(quantity) is int or type(quantity) is _Number:
            text, marks = str(quantity), 18
        else:
            return None
        at = _in_utc(sent.at)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    if at is None or line.count(b'"') != marks or b"\\" in line:
        return None
    if sent.properties is not None or sent.corrects is not None:
        return None
    return Row(sent.id, sent.customer, sent.event, at, text)


def _cloudevents(_header: bytes, _name: str, tz: ZoneInfo) -> Reading:
    """`source` and `id` together are the id, with a space between them, which no source can contain.

    `subject` is the customer, `type` the event, and both it and `time` must be there. Of `data`, `quantity` is
    the quantity and everything else a property. The extension `corrects` holds the id of an event of the same
    source. Other attributes are passed over, as the standard asks.
    """

    def read(text: bytes) -> Row | Unreadable:
        sent = _CLOUD.decode(text)
        if sent.specversion != "1.0":
            return Unreadable(
                "fields", f"specversion {sent.specversion[:20]!a} is not 1.0", "send CloudEvents 1.0"
            )
        if sent.data_base64 is not None:
            return Unreadable("fields", "data_base64 is not read", "send data as a JSON object")
        if not sent.id or not sent.source or sent.source.split() != [sent.source]:
            why = "id and source make an event's identity: neither may be empty, nor source contain a space"
            return Unreadable("fields", why, "set source to a URI such as /checkout")
        data = dict(sent.data or {})
        _check_keys(text, data)
        return Row(
            f"{sent.source} {sent.id}",
            sent.subject,
            sent.type,
            _instant(sent.time, tz),
            _quantity(data.pop("quantity", None)),
            _properties(data),
            f"{sent.source} {sent.corrects}" if sent.corrects else "",
        )

    return read


_KEYS = tuple(f'"{key}"'.encode() for key in dict.fromkeys((*COLUMNS, *_ATTRIBUTES, "data_base64")))


def _check_keys(text: bytes, properties: Mapping[str, Any] | None) -> None:
    """Refuse an object with a key twice: the decoder would silently take the last one.

    Most lines hold no key's text twice, which is quick to see; the others are read again to be sure.
    """
    if text.count(b"\\") or any(text.count(key) > 1 for key in _KEYS) or _repeats(text, properties or ()):
        json.loads(text, object_pairs_hook=_once_each, parse_int=str, parse_float=str)


def _repeats(text: bytes, names: Iterable[str]) -> bool:
    return any(text.count(f'"{name}"'.encode()) > 1 for name in names)


def _once_each(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            why = f"the key {key[:60]!a} is there twice"
            raise _Unfit(Unreadable("fields", why, "keep one of them"))
        found[key] = value
    return found


def _instant(text: str, tz: ZoneInfo) -> int:
    try:
        at = _in_utc(text)
        return parse_instant(text, tz) if at is None else at
    except InstantError as error:
        raise _Unfit(Unreadable("at", error.reason, error.fix)) from None


def _in_utc(text: str) -> int | None:
    """The instant of a time in UTC, read minute by minute from memory; None for any other form of it."""
    second = _SECONDS.get(text[16:])
    if second is not None:
        return _minute(text[:16]) + second
    second, decimals = _SECONDS.get(f"{text[16:19]}Z"), text[20:-1]
    if second is None or text[19:20] != "." or text[-1] != "Z" or not 0 < len(decimals) <= 6:
        return None
    if not (decimals.isascii() and decimals.isdigit()):
        return None
    return _minute(text[:16]) + second + int(decimals.ljust(6, "0"))


_SECONDS = {f":{second:02}Z": second * 1_000_000 for second in range(60)}
"""What stands behind the minute in a time of whole seconds in UTC."""


@lru_cache(maxsize=50_000)
def _minute(text: str) -> int:
    """The instant of the minute `2026-01-31T09:30`; a file has few, and reading one costs ten times as much."""
    return parse_instant(f"{text}:00Z", ZoneInfo("UTC"))


def _quantity(value: object) -> str:
    """The source text of the number; 1 where nothing was said."""
    if value is None:
        return "1"
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise _Unfit(Unreadable("quantity", "the quantity is not a number", 'write 12.5 or "12.5"'))


def _properties(sent: Mapping[str, Any]) -> Mapping[str, Property]:
    """Properties with exact numbers; what is no single value is refused when the row is checked."""
    found = dict(sent)
    for key, value in sent.items():
        if type(value) is _Number:
            found[key] = _exact(key, value)
    return found


def _exact(key: str, text: str) -> Decimal:
    try:
        return parse_decimal(text)
    except NumberError as error:
        raise _Unfit(
            Unreadable("properties", f"the property {key[:60]!a}: {error.reason}", error.fix)
        ) from None


def _plain(error: Exception) -> str:
    """An error of the decoder as a clause: `Object contains unknown field x`, cut."""
    text = str(error).removeprefix("JSON is malformed: ").replace("`", "")
    return text[:120]


def _near(message: str) -> str:
    """The field that may have been meant where one is not known."""
    field = message.partition("unknown field `")[2].partition("`")[0]
    return closest(field, COLUMNS) if field else ""


# --- CSV


def _csv(first: bytes, name: str, tz: ZoneInfo) -> Reading:
    header = _header(first, name)

    def read(text: bytes) -> Row | Unreadable:
        cells = _cells(text)
        if len(cells) != len(header):
            return Unreadable(
                "columns", f"the row has {len(cells)} fields, the header {len(header)}", "separate by commas"
            )
        sent = dict(zip(header, cells, strict=True))
        properties = sent.get("properties", "").encode()
        given = _PROPERTIES.decode(properties) if properties else {}
        _check_keys(properties, given)
        return Row(
            sent["id"],
            sent["customer"],
            sent["event"],
            _instant(sent["at"], tz),
            sent.get("quantity") or "1",
            _properties(given),
            sent.get("corrects", ""),
        )

    return read


def _header(first: bytes, name: str) -> tuple[str, ...]:
    """The columns, which must be known, there, and each there once."""
    csv.field_size_limit(LONGEST_LINE)
    try:
        header = tuple(cell.strip() for cell in _cells(first.strip().removeprefix(b"\xef\xbb\xbf")))
    except (csv.Error, UnicodeDecodeError):
        header = ()
    unknown = [column for column in header if column not in COLUMNS]
    missing = [column for column in _NEEDED if column not in header]
    if unknown or missing or len(set(header)) < len(header):
        wrong = f"unknown column {unknown[0][:60]!a}" if unknown else "the header is not complete"
        raise InvalidInput(
            f"{wrong}; nothing was read",
            code="usage-header",
            where=f"{name}:1",
            expected="the columns " + ",".join(COLUMNS) + " separated by commas, the first four at least",
            got=first[:200].decode(errors="replace").strip(),
            hint=closest(unknown[0], COLUMNS) if unknown else "",
        )
    return header


def _cells(text: bytes) -> list[str]:
    return next(csv.reader((text.decode(),), strict=True), [])


_READERS: dict[Kind, Callable[[bytes, str, ZoneInfo], Reading]] = {
    "ndjson": _ndjson,
    "csv": _csv,
    "cloudevents": _cloudevents,
}

_HINTS: dict[Kind, str] = {
    "ndjson": "a row has " + ", ".join(COLUMNS),
    "csv": "a row has " + ", ".join(COLUMNS),
    "cloudevents": "a CloudEvent has specversion, id, source, type, subject (the customer) and time",
}
