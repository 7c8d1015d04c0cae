"""Reads usage files (NDJSON, CSV, CloudEvents) in blocks of lines, in bounded memory; it knows no customer.

A row that cannot be read is a value with its reason, never an exception; `usage_rows` reads the lines.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import BufferedReader
from itertools import starmap
from typing import BinaryIO, NamedTuple
from zoneinfo import ZoneInfo

from planctl.core.metering.accept import Row
from planctl.errors import InvalidInput, StoreFailure
from planctl.files.standard_input import standard_input
from planctl.files.usage_rows import KINDS, LONGEST_LINE, Kind, Unreadable, reading, usual_row
from planctl.values import dataclass

__all__ = ["Block", "Kind", "Position", "Unreadable", "UsageFile", "kind_of", "open_usage", "read_usage"]

BLOCK = 1024 * 1024
"""Bytes read at once."""

MOST_BYTES = 16 * 1024 * 1024
"""A block of lines holds about so many bytes at most, however many lines were asked for."""

ENDLESS_LINE = 256 * 1024 * 1024
"""So many bytes without the end of a line are no usage file: reading stops, or `/dev/zero` would never end."""


_TOO_LONG = Unreadable("too-long", f"the line is longer than {LONGEST_LINE} bytes", "send shorter rows")


class Block(NamedTuple):
    """Lines of a file that follow one another: the number of the first, from 1, and the byte offset behind the last.

    `lines` are their bytes, without the end; `rows` the row of each, why it has none, or None for an empty line.
    """

    first: int
    offset: int
    lines: Sequence[bytes]
    rows: Sequence[Row | Unreadable | None]


@dataclass(frozen=True, slots=True)
class Position:
    """Where in a file to go on: a byte offset at the start of a line, and how many lines come before it."""

    offset: int = 0
    lines: int = 0


@dataclass(frozen=True, slots=True)
class UsageFile:
    """An open usage file. `digest` is the SHA-256 of the content, empty for a pipe, which is read once.

    `size` is how many bytes it has, 0 for a pipe.
    """

    name: str
    stream: BinaryIO
    digest: str = ""
    size: int = 0

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
        found = os.fstat(stream.fileno())
        if stat.S_ISREG(found.st_mode):
            yield UsageFile(name, stream, _digest(stream), found.st_size)
        else:
            yield UsageFile(name, stream)


def kind_of(name: str, said: str) -> Kind:
    """The format that was said, else the one that the file's name ends with; NDJSON where it says nothing."""
    if said in KINDS:
        return said
    if said:
        raise InvalidInput(
            "there is no such usage format", where="--from", expected=" | ".join(KINDS), got=said
        )
    return "csv" if name.lower().endswith(".csv") else "ndjson"


def read_usage(
    file: UsageFile, kind: Kind, tz: ZoneInfo, start: Position | None = None, size: int = 10_000
) -> Iterator[Block]:
    """The rows of a usage file from `start` on, in order, in blocks of `size` lines; fewer where they are long.

    A date without a time is the first instant of that day in `tz`. A CSV file without its header, or with an
    unknown column, is InvalidInput: then no row of it means anything.
    """
    header = file.stream.readline(LONGEST_LINE) if kind == "csv" else b""
    read = reading(kind, header, file.name, tz)
    if start is not None and start.offset:
        file.stream.seek(start.offset)
    else:
        start = Position(len(header), int(bool(header)))

    def row(number: int, line: bytes) -> Row | Unreadable | None:
        text = line.rstrip(b"\r") if kind == "csv" else line.strip()  # a space may be part of a cell
        if number == 1:
            text = text.removeprefix(b"\xef\xbb\xbf")
        if not text or text.isspace():
            return None
        return _TOO_LONG if len(text) > LONGEST_LINE else read(text)

    quick: Callable[[bytes], Row | None] = usual_row if kind == "ndjson" else lambda _line: None

    def block(first: int, offset: int, lines: list[bytes]) -> Block:
        if max(map(len, lines)) > LONGEST_LINE:
            rows = [row(number, line) for number, line in enumerate(lines, first)]
            return Block(first, offset, [line[:LONGEST_LINE] for line in lines], rows)
        usual = enumerate(zip(map(quick, lines), lines, strict=True), first)
        return Block(first, offset, lines, [found or row(number, line) for number, (found, line) in usual])

    return starmap(block, _blocks(file.stream, start, size))  # which holds no block when the next one is read


def _digest(stream: BufferedReader) -> str:
    found = hashlib.file_digest(stream, "sha256").hexdigest()
    stream.seek(0)
    return found


def _blocks(stream: BinaryIO, start: Position, size: int) -> Iterator[tuple[int, int, list[bytes]]]:
    """Up to `size` lines, with the number of the first and the offset behind the last; at least one.

    Of a line that is too long only the beginning, and it is the first of its block. A block ends early where its
    lines hold many bytes.
    """
    offset, number = start.offset, start.lines + 1
    waiting: list[bytes] = []
    rest, dropped = b"", 0
    while data := stream.read(BLOCK):
        *lines, rest = (rest + data).split(b"\n")
        waiting += lines
        ends = len(rest) > LONGEST_LINE or sum(map(len, waiting)) > MOST_BYTES
        while len(waiting) >= size or (ends and waiting):
            lines, waiting = waiting[:size], waiting[size:]
            offset, dropped = offset + dropped + sum(map(len, lines)) + len(lines), 0
            yield number, offset, lines
            number += len(lines)
        if len(rest) > LONGEST_LINE:
            dropped += len(rest) - LONGEST_LINE - 1
            rest = rest[: LONGEST_LINE + 1]
        if dropped > ENDLESS_LINE:
            raise StoreFailure(f"line {number:,} has more than {ENDLESS_LINE:,} bytes", code="file-too-large")
    lines = [*waiting, rest] if rest else waiting
    if lines:
        missing = 1 if rest else 0  # the last line has no end
        yield number, offset + dropped + sum(map(len, lines)) + len(lines) - missing, lines
