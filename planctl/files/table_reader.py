"""Small tables for moving in: CSV with a header, or NDJSON, every value as text; complaints are findings."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Collection, Mapping
from pathlib import Path

from planctl.core.reading import closest, unsafe_character
from planctl.errors import StoreFailure
from planctl.files.standard_input import read_up_to, standard_input
from planctl.findings import Finding, Place
from planctl.values import dataclass

MAX_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row: values by column, absent and empty ones left out, and the line it begins on."""

    file: str
    line: int
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """What a file held; `digest` is the SHA-256 of its bytes."""

    rows: tuple[TableRow, ...]
    findings: tuple[Finding, ...]
    digest: str


def read_table(path: str, columns: Collection[str], prefixes: Collection[str] = ()) -> Table:
    """Read a whole file (`-`: standard input); `prefixes` are of columns such as `quantity:seats`.

    NDJSON where the name ends so or the text begins with `{`, else CSV with a header. StoreFailure where the
    file cannot be read; unknown columns and malformed rows are findings, all of them.
    """
    name, data = whole_file(path)
    digest = hashlib.sha256(data).hexdigest()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        place = Place(name, data[: problem.start].count(b"\n") + 1, 1)
        return Table((), (Finding("encoding", "the file is not UTF-8", place),), digest)
    is_json = path.endswith((".ndjson", ".jsonl")) or text.lstrip().startswith("{")
    found = _Found(name, frozenset(columns), tuple(prefixes))
    (_read_json if is_json else _read_csv)(found, text)
    return Table(tuple(found.rows), tuple(found.findings), digest)


class _Found:
    """Rows and findings as they are collected."""

    def __init__(self, name: str, columns: frozenset[str], prefixes: tuple[str, ...]) -> None:
        self.name, self.columns, self.prefixes = name, columns, prefixes
        self.rows: list[TableRow] = []
        self.findings: list[Finding] = []

    def complain(self, rule: str, message: str, line: int, hint: str = "") -> None:
        """Add a finding about a line."""
        self.findings.append(Finding(rule, message, Place(self.name, line, 1), hint=hint))

    def knows(self, column: str, line: int) -> bool:
        """Whether a column is known; else that is complained of."""
        if column in self.columns or (column.startswith(self.prefixes) and self.prefixes):
            return True
        hint = closest(column, self.columns) or "known: " + ", ".join(sorted(self.columns))
        self.complain("unknown-column", f'unknown column "{column}"', line, hint)
        return False

    def add(self, values: Mapping[str, str], line: int) -> None:
        """Add a row, without its empty values."""
        for column, value in values.items():
            unsafe = unsafe_character(value)
            if unsafe:
                self.complain("character", f"{column} contains the character {unsafe}", line, "remove it")
        self.rows.append(TableRow(self.name, line, {key: value for key, value in values.items() if value}))


def _read_csv(found: _Found, text: str) -> None:
    csv.field_size_limit(1_000_000)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [column.strip() for column in next(reader, [])]
        if not header:
            found.complain("header", "the file has no header", 1, "the first line names the columns")
            return
        known = [found.knows(column, 1) for column in header]
        if len(set(header)) < len(header):
            found.complain("header", "a column stands twice in the header", 1)
        following = reader.line_num + 1
        for cells in reader:
            line, following = following, reader.line_num + 1
            if not any(cells):
                continue
            if len(cells) != len(header):
                found.complain("row", f"{len(cells)} values for {len(header)} columns", line)
            elif all(known):
                found.add({key: cell.strip() for key, cell in zip(header, cells, strict=True)}, line)
    except csv.Error as problem:
        found.complain("row", f"not CSV: {problem}", reader.line_num)


def _read_json(found: _Found, text: str) -> None:
    for line, content in enumerate(text.split("\n"), start=1):
        if not content.strip():
            continue
        try:
            values = json.loads(
                content,
                parse_float=str,
                parse_int=str,
                parse_constant=_no_constant,
                object_pairs_hook=_once_each,
            )
        except (ValueError, RecursionError) as problem:
            found.complain("row", f"not JSON: {problem}", line)
            continue
        if not isinstance(values, dict):
            found.complain("row", "not a JSON object", line)
            continue
        texts = {}
        for column, value in values.items():
            if found.knows(column, line) and not isinstance(value, list | dict):
                texts[column] = (
                    "" if value is None else str(value).lower() if isinstance(value, bool) else value
                )
            elif isinstance(value, list | dict):
                found.complain("row", f"{column} must be a single value", line)
        found.add(texts, line)


def _no_constant(text: str) -> str:
    raise ValueError(f"{text} is no number")


def _once_each(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in it")
    return found


def whole_file(path: str) -> tuple[str, bytes]:
    """A file's name as it is shown, and its bytes (`-`: standard input); StoreFailure where it cannot be read."""
    name = "<stdin>" if path == "-" else path
    try:
        if path == "-":
            data = read_up_to(standard_input(), MAX_BYTES + 1)
        else:
            with Path(path).open("rb") as file:
                data = read_up_to(file, MAX_BYTES + 1)
    except OSError as problem:
        raise StoreFailure(
            f"cannot read {path}: {problem.strerror}", code="cannot-open", where=path
        ) from problem
    if len(data) > MAX_BYTES:
        raise StoreFailure(f"{name} is larger than {MAX_BYTES} bytes", code="file-too-large", where=name)
    return name, data
