"""Reads usage files (NDJSON, CSV, CloudEvents) line by line, in bounded memory; it knows no customer.

A row that cannot be read is a value with its reason, never an exception; `usage_rows` reads the lines.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from typing import BinaryIO, NamedTuple
from zoneinfo import ZoneInfo

from planctl.core.metering.accept import Row
from planctl.errors import InvalidInput, StoreFailure
from planctl.files.standard_input import standard_input
from planctl.files.usage_rows import KINDS, LONGEST_LINE, Kind, Lines, Unreadable, reading

__all__ = ["Kind", "Line", "Position", "Unreadable", "UsageFile", "kind_of", "open_usage", "read_usage"]

BLOCK = 4 * 1024 * 1024
"""Bytes read at once."""

ENDLESS_LINE = 256 * 1024 * 1024
"""So many bytes without the end of a line are no usage file: reading stops, or `/dev/zero` would never end."""


_TOO_LONG = Unreadable("too-long", f"the line is longer than {LONGEST_LINE} bytes", "send shorter rows")


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
    read = reading(kind, lines, file.name, tz)
    if start is not None and start.offset:
        file.stream.seek(start.offset)
        lines = _lines(file.stream, start.offset, start.lines)
    for number, offset, raw in lines:
        text = raw.rstrip(b"\r") if kind == "csv" else raw.strip()  # a space may be part of a cell
        if number == 1:
            text = text.removeprefix(b"\xef\xbb\xbf")
        if text and not text.isspace():
            row = _TOO_LONG if len(text) > LONGEST_LINE else read(text)
            yield Line(number, offset, raw[:LONGEST_LINE], row)


def _digest(stream: BufferedReader) -> str:
    found = hashlib.file_digest(stream, "sha256").hexdigest()
    stream.seek(0)
    return found


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
