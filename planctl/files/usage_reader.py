"""Reads usage files (NDJSON, CSV, CloudEvents) line by line, in bounded memory; it knows no customer.

A row that cannot be read is a value with its reason, never an exception. One line is one row, in every
format: a line break inside a CSV field is not accepted, so that one stray quote spoils one row.
Source: RFC 8259 and ndjson.org, RFC 4180, CloudEvents 1.0.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from io import BufferedReader
from typing import Any, BinaryIO, Literal, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from planctl.core.instants import InstantError, parse_instant
from planctl.core.metering.accept import Row
from planctl.core.metering.model import Property
from planctl.core.money import NumberError, parse_decimal
from planctl.core.reading import closest
from planctl.errors import InvalidInput, StoreFailure
from planctl.files.standard_input import standard_input

Kind = Literal["ndjson", "csv", "cloudevents"]
KINDS: tuple[Kind, ...] = ("ndjson", "csv", "cloudevents")

BLOCK = 4 * 1024 * 1024
"""Bytes read at once."""

LONGEST_LINE = 1024 * 1024
"""A longer line is a rejected row; no more than this of it is ever held."""

ENDLESS_LINE = 256 * 1024 * 1024
"""So many bytes without the end of a line are no usage file: reading stops, or `/dev/zero` would never end."""

COLUMNS = ("id", "customer", "event", "at", "quantity", "properties", "corrects")
_NEEDED = COLUMNS[:4]


class Unreadable(NamedTuple):
    """Why a line is no usage row: a stable reason, what is wrong, what to do."""

    reason: str
    message: str
    hint: str = ""


class Line(NamedTuple):
    """One line of a file: its number from 1, the byte offset behind it, its bytes, its row."""

    number: int
    offset: int
    raw: bytes
    row: Row | Unreadable


@dataclass(frozen=True, slots=True)
class Position:
    """Where in a file to go on: a byte offset at the start of a line, and how many lines come before it."""

    offset: int = 0
    lines: int = 0


@dataclass(frozen=True, slots=True)
class UsageFile:
    """An open usage file. `digest` is the SHA-256 of the content, empty for a pipe, which is read once."""

    name: str
    stream: BinaryIO
    digest: str = ""

    def position(self, offset: int) -> Position:
        """The position at a byte offset, with the lines before it counted."""
        self.stream.seek(0)
        left, lines = offset, 0
        while left > 0 and (block := self.stream.read(min(BLOCK, left))):
            lines += block.count(b"\n")
            left -= len(block)
        self.stream.seek(0)
        return Position(offset, lines)


@contextmanager
def open_usage(name: str) -> Iterator[UsageFile]:
    """Open a usage file for reading; `-` is stdin. OSError where it is not there or a directory."""
    if name == "-":
        yield UsageFile("-", standard_input())
        return
    with open(name, "rb") as stream:
        mode = os.fstat(stream.fileno()).st_mode
        yield UsageFile(name, stream, _digest(stream) if stat.S_ISREG(mode) else "")


def kind_of(name: str, said: str) -> Kind:
    """The format that was said, else the one that the file's name ends with; NDJSON where it says nothing."""
    if said in KINDS:
        return said
    if said:
        raise InvalidInput(
            "there is no such usage format", where="--from", expected=" | ".join(KINDS), got=said
        )
    return "csv" if name.lower().endswith(".csv") else "ndjson"


def read_usage(file: UsageFile, kind: Kind, tz: ZoneInfo, start: Position | None = None) -> Iterator[Line]:
    """The rows of a usage file from `start` on, in order; empty lines are passed over.

    A date without a time is the first instant of that day in `tz`. A CSV file without its header, or with an
    unknown column, is InvalidInput: then no row of it means anything.
    """
    lines = _lines(file.stream)
    read = _READERS[kind](lines, file.name, tz)
    if start is not None and start.offset:
        file.stream.seek(start.offset)
        lines = _lines(file.stream, start.offset, start.lines)
    for number, offset, raw in lines:
        text = raw.strip()
        if number == 1:
            text = text.removeprefix(b"\xef\xbb\xbf")
        if text:
            yield Line(number, offset, raw[:LONGEST_LINE], _guarded(read, text))


def _digest(stream: BufferedReader) -> str:
    found = hashlib.file_digest(stream, "sha256").hexdigest()
    stream.seek(0)
    return found


Lines = Iterator[tuple[int, int, bytes]]
Reading = Callable[[bytes], Row | Unreadable]


def _lines(stream: BinaryIO, offset: int = 0, number: int = 0) -> Lines:
    """Lines with their number and the offset behind them; of one that is too long only the beginning."""
    rest, dropped = b"", 0
    while block := stream.read(BLOCK):
        whole = (rest + block).split(b"\n")
        rest = whole.pop()
        for raw in whole:
            number, offset, dropped = number + 1, offset + dropped + len(raw) + 1, 0
            yield number, offset, raw
        if len(rest) > LONGEST_LINE:
            dropped += len(rest) - LONGEST_LINE - 1
            rest = rest[: LONGEST_LINE + 1]
        if dropped > ENDLESS_LINE:
            raise StoreFailure(
                f"line {number + 1:,} has more than {ENDLESS_LINE:,} bytes", code="file-too-large"
            )
    if rest:
        yield number + 1, offset + dropped + len(rest), rest


def _guarded(read: Reading, text: bytes) -> Row | Unreadable:
    """The row of a line, or why there is none."""
    if len(text) > LONGEST_LINE:
        return Unreadable("too-long", f"the line is longer than {LONGEST_LINE} bytes", "send shorter rows")
    try:
        return read(text)
    except UnicodeDecodeError:
        return Unreadable("encoding", "the line is not UTF-8", "save the file as UTF-8")
    except RecursionError:
        return Unreadable("nesting", "the line is nested too deeply", "properties are one flat map")
    except msgspec.ValidationError as error:
        return Unreadable("fields", _plain(error), _field_hint(str(error)))
    except (msgspec.MsgspecError, ValueError) as error:
        return Unreadable("json", f"the line is not JSON: {_plain(error)}", "write one JSON object a line")
    except csv.Error as error:
        return Unreadable("csv", f"the line is not CSV: {error}", 'quote fields with ", doubled inside')
    except _Unfit as problem:
        return problem.why


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


_SENT = msgspec.json.Decoder(_Sent, float_hook=_Number)
_CLOUD = msgspec.json.Decoder(_CloudEvent, float_hook=_Number)
_PROPERTIES = msgspec.json.Decoder(dict[str, Any], float_hook=_Number)


def _ndjson(_rows: Lines, _name: str, tz: ZoneInfo) -> Reading:
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


def _cloudevents(_rows: Lines, _name: str, tz: ZoneInfo) -> Reading:
    """`source` and `id` together are the id, with a space between them, which no source can contain.

    Of `data`, `quantity` is the quantity and everything else a property.
    """

    def read(text: bytes) -> Row | Unreadable:
        sent = _CLOUD.decode(text)
        if sent.specversion != "1.0":
            return Unreadable("fields", f"specversion {sent.specversion[:20]!a} is not 1.0")
        data = dict(sent.data or {})
        _check_keys(text, data)
        return Row(
            f"{sent.source} {sent.id}",
            sent.subject,
            sent.type,
            _instant(sent.time, tz),
            _quantity(data.pop("quantity", None)),
            _properties(data),
        )

    return read


_KEYS = tuple(
    f'"{key}"'.encode() for key in (*COLUMNS, "specversion", "source", "type", "subject", "time", "data")
)


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
    """The instant of `at`; the usual form, whole seconds in UTC, is read minute by minute from memory."""
    try:
        if len(text) == 20 and text[19] == "Z" and text[16] == ":":
            second = _SECONDS.get(text[17:19])
            if second is not None:
                return _minute(text[:16]) + second
        return parse_instant(text, tz)
    except InstantError as error:
        raise _Unfit(Unreadable("at", error.reason, error.fix)) from None


_SECONDS = {f"{second:02}": second * 1_000_000 for second in range(60)}


@lru_cache(maxsize=50_000)
def _minute(text: str) -> int:
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


def _field_hint(message: str) -> str:
    field = message.partition("unknown field `")[2].partition("`")[0]
    known = "a row has " + ", ".join(COLUMNS)
    return (closest(field, COLUMNS) or known) if field else known


# --- CSV


def _csv(lines: Lines, name: str, tz: ZoneInfo) -> Reading:
    header = _header(lines, name)

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


def _header(lines: Lines, name: str) -> tuple[str, ...]:
    """The columns, which must be known, there, and each there once."""
    csv.field_size_limit(LONGEST_LINE)
    _, _, first = next(lines, (0, 0, b""))
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


_READERS: dict[Kind, Callable[[Lines, str, ZoneInfo], Reading]] = {
    "ndjson": _ndjson,
    "csv": _csv,
    "cloudevents": _cloudevents,
}
