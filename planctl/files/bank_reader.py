"""A bank's statement as CSV: date, amount, currency and reference of each row. It knows no invoice.

Banks write tables of many shapes, so other columns are read over; what is needed is found by its name, with
`,` or `;` between the columns.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import field
from datetime import date
from decimal import Decimal
from typing import Protocol

from planctl.core.instants import parse_date
from planctl.core.money import parse_decimal
from planctl.core.unreadable import Unreadable
from planctl.files.table_reader import whole_file
from planctl.findings import Finding, Place
from planctl.values import dataclass

COLUMNS = ("date", "amount", "currency", "reference")

_GROUPED = re.compile(r"[+-]?[0-9]{1,3}(?:([.,])[0-9]{3})(?:\1[0-9]{3})*([.,])[0-9]+", re.ASCII)
_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+", re.ASCII)


class AmountError(Unreadable):
    """An amount can be read in two ways, or in none."""


@dataclass(frozen=True, slots=True)
class BankRow:
    """One row: money that came (below 0: that went). `key` is the same whenever the row is read again.

    It is made of the whole row and of how many rows like it stand before it in the file.
    """

    line: int
    key: str
    day: date
    amount: Decimal
    currency: str
    reference: str


@dataclass(slots=True)
class Statement:
    """What a file held; with findings it is not to be used. `digest` is the SHA-256 of its bytes."""

    digest: str
    rows: list[BankRow] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def read_statement(path: str) -> Statement:
    """Read a whole statement (`-`: standard input). StoreFailure where it cannot be read; findings for the rest."""
    name, data = whole_file(path)
    found = Statement(hashlib.sha256(data).hexdigest())
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = data[: problem.start].count(b"\n") + 1
        found.findings.append(Finding("encoding", "the file is not UTF-8", Place(name, line, 1)))
        return found
    first = text.partition("\n")[0]
    csv.field_size_limit(1_000_000)
    delimiter = ";" if first.count(";") > first.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        _read(found, name, reader)
    except csv.Error as problem:
        found.findings.append(Finding("row", f"not CSV: {problem}", Place(name, reader.line_num, 1)))
    return found


def amount_of(text: str) -> Decimal:
    """An amount as banks write it: `1234.50`, `1,234.50`, `1.234,50` or `12,50`.

    AmountError where it could be two amounts: `1,234` is a thousand to some and a little over one to others.
    """
    grouped = _GROUPED.fullmatch(text)
    if grouped and grouped[1] != grouped[2]:
        text = text.replace(grouped[1], "").replace(",", ".")
    elif _COMMA.fullmatch(text):
        if len(text.rpartition(",")[2]) == 3:
            raise AmountError(f"{text[:32]!a} can be read in two ways", "write a point before the decimals")
        text = text.replace(",", ".")
    return parse_decimal(text)


class _Reader(Protocol):
    """What the csv module calls a reader."""

    line_num: int

    def __iter__(self) -> Iterator[list[str]]: ...

    def __next__(self) -> list[str]: ...


def _read(found: Statement, name: str, reader: _Reader) -> None:
    header = [column.strip().lower() for column in next(reader, [])]
    missing = [column for column in COLUMNS if header.count(column) != 1]
    if missing:
        found.findings.append(
            Finding(
                "header",
                f"the header has no column, or two, named {', '.join(missing)}",
                Place(name, 1, 1),
                hint=f"name the columns {', '.join(COLUMNS)}, with , or ; between them",
            )
        )
        return
    seen: Counter[str] = Counter()
    following = reader.line_num + 1
    for cells in reader:
        line, following = following, reader.line_num + 1
        if not any(cells):
            continue
        place = Place(name, line, 1)
        if len(cells) != len(header):
            found.findings.append(Finding("row", f"{len(cells)} values for {len(header)} columns", place))
            continue
        values = {column: cell.strip() for column, cell in zip(header, cells, strict=True)}
        content = _digest(values)
        seen[content] += 1
        try:
            found.rows.append(_row(line, f"{content}:{seen[content]}", values))
        except Unreadable as problem:
            found.findings.append(Finding("row", problem.reason, place, hint=problem.fix))


def _row(line: int, key: str, values: dict[str, str]) -> BankRow:
    return BankRow(
        line,
        key,
        parse_date(values["date"]),
        amount_of(values["amount"]),
        values["currency"].upper(),
        values["reference"],
    )


def _digest(values: dict[str, str]) -> str:
    content: Sequence[tuple[str, str]] = sorted(values.items())
    return hashlib.sha256(repr(content).encode()).hexdigest()[:32]
