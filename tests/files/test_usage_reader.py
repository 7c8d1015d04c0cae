"""Usage files, line by line: good rows, bad rows, hostile ones, and going on in the middle."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest

from planctl.core.metering.accept import Row
from planctl.core.periods import zone
from planctl.errors import InvalidInput, StoreFailure
from planctl.files import usage_reader
from planctl.files.usage_reader import (
    Kind,
    Position,
    Unreadable,
    UsageFile,
    kind_of,
    open_usage,
    read_usage,
)

UTC = zone("UTC")
NEW_YEAR = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z in microseconds."""


class Line(NamedTuple):
    """One line that is not empty: its number, the offset behind it where it ends its block, its bytes, its row."""

    number: int
    offset: int
    raw: bytes
    row: Row | Unreadable


Read = Callable[..., list[Line]]


def lines_of(file: UsageFile, kind: Kind, start: Position | None = None, size: int = 1) -> list[Line]:
    """The lines of a file, read in blocks of `size`."""
    return [
        Line(number, block.offset, line, row)
        for block in read_usage(file, kind, UTC, start, size)
        for number, (line, row) in enumerate(zip(block.lines, block.rows, strict=True), block.first)
        if row is not None
    ]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """`read(content, kind)`: the lines of a file with that content."""

    def read(content: bytes | str, kind: Kind = "ndjson", size: int = 1) -> list[Line]:
        path = tmp_path / "usage"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        with open_usage(str(path)) as file:
            return lines_of(file, kind, size=size)

    return read


def rows(lines: list[Line]) -> list[Row]:
    assert all(isinstance(line.row, Row) for line in lines), lines
    return [line.row for line in lines if isinstance(line.row, Row)]


def reason(lines: list[Line]) -> str:
    (line,) = lines
    assert isinstance(line.row, Unreadable), line
    return line.row.reason


def ndjson(more: str = "", at: str = "2026-01-01") -> str:
    return '{"id":"e1","customer":"nova","event":"minutes","at":"' + at + '"' + more + "}"


# --- NDJSON


def test_a_row_has_a_quantity_of_1_unless_it_says_another(read: Read) -> None:
    assert rows(read(ndjson())) == [Row("e1", "nova", "minutes", NEW_YEAR, "1")]


@pytest.mark.parametrize(
    ("written", "text"),
    [("2", "2"), ("2.50", "2.50"), ('"2.50"', "2.50"), ("0.000000000001", "0.000000000001"), ("1e3", "1e3"),
     ("-3", "-3"), ("null", "1")],
)  # fmt: skip
def test_a_quantity_is_kept_as_it_was_written_never_as_a_binary_fraction(
    read: Read, written: str, text: str
) -> None:
    (row,) = rows(read(ndjson(f',"quantity":{written}')))
    assert row == Row("e1", "nova", "minutes", NEW_YEAR, text)


def test_numbers_among_properties_are_exact(read: Read) -> None:
    (row,) = rows(read(ndjson(',"properties":{"size":0.1,"n":3,"big":true,"model":"large"}')))
    assert row.properties == {"size": Decimal("0.1"), "n": 3, "big": True, "model": "large"}


@pytest.mark.parametrize(
    ("at", "microseconds"),
    [
        ("2026-01-01", 0),
        ("2026-01-01T00:00:59Z", 59_000_000),
        ("2026-01-01T01:00:00.000001Z", 3_600_000_001),
        ("2026-01-01T01:00:00+01:00", 0),
    ],
)
def test_instants_are_dates_or_rfc_3339(read: Read, at: str, microseconds: int) -> None:
    (row,) = rows(read(ndjson(at=at)))
    assert row.at == NEW_YEAR + microseconds


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("nope", "json"),
        ("[]", "fields"),
        ('{"id":"e1"', "json"),
        (ndjson() + ndjson(), "json"),
        (ndjson(',"qty":2'), "fields"),
        ('{"id":"e1","customer":"nova","event":"minutes"}', "fields"),
        ('{"id":7,"customer":"nova","event":"minutes","at":"2026-01-01"}', "fields"),
        (ndjson(',"quantity":NaN'), "json"),
        (ndjson(',"quantity":true'), "quantity"),
        (ndjson(',"quantity":[1]'), "quantity"),
        (ndjson(',"properties":{"a":1e9}'), "properties"),
        (ndjson(at="2026-01-01T00:00:60Z"), "at"),
        (ndjson(at="2026-01-01T00:00:00"), "at"),
        (ndjson(at="2026-02-30T00:00:00Z"), "at"),
        (ndjson(at="2026-01-01T00:00:५५Z"), "at"),
        (ndjson(',"properties":{"a":' + "[" * 100_000), "nesting"),
        (ndjson(',"corrects":"\\ud800"'), "json"),
        (b'{"id":"\xff","customer":"nova","event":"minutes","at":"2026-01-01"}', "encoding"),
    ],
)
def test_a_bad_line_is_a_value_with_its_reason(read: Read, line: str | bytes, why: str) -> None:
    assert reason(read(line)) == why


def test_an_unknown_field_is_told_with_a_near_miss(read: Read) -> None:
    (line,) = read(ndjson(',"quantty":2'))
    assert isinstance(line.row, Unreadable)
    assert line.row.message == "Object contains unknown field quantty"
    assert line.row.hint == 'did you mean "quantity"?'


def test_lines_are_numbered_with_empty_ones_and_offsets_lie_behind_them(read: Read) -> None:
    lines = read(f"\ufeff{ndjson()}\r\n\n{ndjson()}")
    assert [line.number for line in lines] == [1, 3]
    assert lines[0].offset == 3 + len(ndjson()) + 2
    assert lines[1].offset == lines[0].offset + 1 + len(ndjson())
    assert len(rows(lines)) == 2


def test_reading_goes_on_at_an_offset_with_the_same_line_numbers(read: Read, tmp_path: Path) -> None:
    lines = read("".join(ndjson(f',"quantity":{n}') + "\n" for n in range(5)))
    with open_usage(str(tmp_path / "usage")) as file:
        start = file.position(lines[2].offset)
        rest = lines_of(file, "ndjson", start)
    assert start == Position(lines[2].offset, 3)
    assert rest == lines[3:]


def test_lines_are_cut_right_wherever_blocks_end(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    content = "".join(ndjson(f',"quantity":{n}') + "\n" for n in range(20))
    whole = read(content)
    for size, lines in product((1, 7, 64, 1000), (1, 3, 20, 99)):
        monkeypatch.setattr(usage_reader, "BLOCK", size)
        cut = read(content, size=lines)
        assert [line._replace(offset=0) for line in cut] == [line._replace(offset=0) for line in whole]
        ends = [line.offset for line in whole]
        assert [line.offset for line in cut] == [ends[min(n - n % lines + lines, 20) - 1] for n in range(20)]


def test_a_line_that_is_too_long_is_one_rejected_row_and_the_next_is_read(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage_reader, "BLOCK", 100)
    monkeypatch.setattr(usage_reader, "LONGEST_LINE", 300)
    long = "x" * 5000
    lines = read(f"{long}\n{ndjson()}\n{long}")
    assert [type(line.row) for line in lines] == [Unreadable, Row, Unreadable]
    assert [line.number for line in lines] == [1, 2, 3]
    assert [line.offset for line in lines] == [5001, 5001 + len(ndjson()) + 1, 10_002 + len(ndjson())]
    assert max(len(line.raw) for line in lines) == 300


# --- CSV

HEADER = "id,customer,event,at,quantity,properties,corrects\n"


def test_csv_rows_read_like_their_ndjson(read: Read) -> None:
    (row,) = rows(read(HEADER + 'e1,nova,minutes,2026-01-01,2.50,"{""size"":0.1}",e0\n', "csv"))
    assert row == Row("e1", "nova", "minutes", NEW_YEAR, "2.50", {"size": Decimal("0.1")}, "e0")


def test_csv_columns_may_come_in_any_order_and_optional_ones_be_left_out(read: Read) -> None:
    (row,) = rows(read("\ufeffat,event,customer,id\r\n2026-01-01,minutes,nova,e1\r\n", "csv"))
    assert row == Row("e1", "nova", "minutes", NEW_YEAR)


@pytest.mark.parametrize(
    "header",
    ["", "id;customer;event;at\n", "id,customer,event\n", "id,customer,event,at,qty\n", "id,customer,event,at,id\n",
     'id,"customer,event,at\n', "\xff\n"],
)  # fmt: skip
def test_a_csv_file_needs_its_header(read: Read, header: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read(header.encode("latin-1") + b"e1,nova,minutes,2026-01-01\n", "csv")
    assert refused.value.code == "usage-header"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("e1,nova,minutes,2026-01-01\n", "columns"),
        ('"e1,nova,minutes,2026-01-01,1,,\n', "csv"),
        ('"e1"x,nova,minutes,2026-01-01,1,,\n', "csv"),
        ("e1,nova,minutes,2026-01-01,1,{,\n", "json"),
        ("e1,nova,minutes,2026-01-01,1,{,,\n", "columns"),
        ("e1,nova,minutes,2026-01-01,1,[],\n", "fields"),
        ("e1,nova,minutes,soon,1,,\n", "at"),
    ],
)
def test_a_bad_csv_line_spoils_no_other(read: Read, line: str, why: str) -> None:
    lines = read(HEADER + line + "e2,nova,minutes,2026-01-01,1,,\n", "csv")
    assert reason(lines[:1]) == why
    assert len(rows(lines[1:])) == 1


def test_csv_goes_on_at_an_offset_with_the_columns_of_its_header(read: Read, tmp_path: Path) -> None:
    lines = read(
        "at,event,customer,id\n" + "".join(f"2026-01-01,minutes,nova,e{n}\n" for n in range(4)), "csv"
    )
    with open_usage(str(tmp_path / "usage")) as file:
        rest = lines_of(file, "csv", file.position(lines[1].offset))
    assert rest == lines[2:]


# --- CloudEvents


def test_a_cloud_event_is_a_row(read: Read) -> None:
    content = (
        '{"specversion":"1.0","id":"7","source":"/api","type":"api.call","subject":"nova",'
        '"time":"2026-01-01T00:00:00Z","datacontenttype":"application/json","data":{"quantity":2,"model":"large"}}'
    )
    (row,) = rows(read(content, "cloudevents"))
    assert row == Row("/api 7", "nova", "api.call", NEW_YEAR, "2", {"model": "large"})


CLOUD = {
    "specversion": "1.0",
    "id": "7",
    "source": "/api",
    "type": "api.call",
    "subject": "nova",
    "time": "2026-01-01T00:00:00Z",
}


def cloud(**changes: object) -> str:
    return json.dumps({name: value for name, value in (CLOUD | changes).items() if value is not ...})


def test_a_cloud_event_without_data_counts_once(read: Read) -> None:
    assert rows(read(cloud(), "cloudevents")) == [Row("/api 7", "nova", "api.call", NEW_YEAR, "1")]
    assert rows(read(cloud(data=None), "cloudevents")) == rows(read(cloud(), "cloudevents"))


def test_one_id_from_two_sources_is_two_events(read: Read) -> None:
    one, other = rows(read(cloud() + "\n" + cloud(source="/chat"), "cloudevents"))
    assert (one.id, other.id) == ("/api 7", "/chat 7")


def test_a_cloud_event_corrects_one_of_its_own_source(read: Read) -> None:
    (row,) = rows(read(cloud(corrects="6", data={"quantity": "-1"}), "cloudevents"))
    assert (row.quantity, row.corrects) == ("-1", "/api 6")


def test_attributes_that_the_standard_allows_are_passed_over(read: Read) -> None:
    (row,) = rows(read(cloud(dataschema="urn:x", partitionkey="3", sequence=4), "cloudevents"))
    assert row == Row("/api 7", "nova", "api.call", NEW_YEAR, "1")


@pytest.mark.parametrize(
    "changes",
    [
        {"specversion": "0.3"}, {"specversion": ...}, {"specversion": 1}, {"id": ...}, {"id": ""},
        {"id": 7}, {"source": ...}, {"source": ""}, {"source": "/a b"}, {"type": ...}, {"subject": ...},
        {"subject": None}, {"time": ...}, {"time": 1_767_225_600}, {"data": "text"}, {"data": [1]},
        {"data_base64": "AQ=="}, {"corrects": 6},
    ],
)  # fmt: skip
def test_a_cloud_event_that_lacks_something_is_rejected_with_what_it_has(
    read: Read, changes: dict[str, object]
) -> None:
    (line,) = read(cloud(**changes), "cloudevents")
    assert isinstance(line.row, Unreadable)
    assert line.row.reason == "fields"
    assert line.row.hint


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"time": "yesterday"}, "at"),
        ({"data": {"quantity": []}}, "quantity"),
        ({"data": {"quantity": True}}, "quantity"),
    ],
)
def test_a_cloud_event_that_says_something_odd_is_rejected(
    read: Read, changes: dict[str, object], why: str
) -> None:
    assert reason(read(cloud(**changes), "cloudevents")) == why


def test_a_batch_of_cloud_events_in_one_array_is_told_to_be_lines(read: Read) -> None:
    (line,) = read(f"[{cloud()}]", "cloudevents")
    assert isinstance(line.row, Unreadable)
    assert "got array" in line.row.message


# --- files


def test_the_format_follows_the_name_unless_it_is_said() -> None:
    assert [kind_of("a.csv", ""), kind_of("a.ndjson", ""), kind_of("-", ""), kind_of("-", "csv")] == [
        "csv",
        "ndjson",
        "ndjson",
        "csv",
    ]
    with pytest.raises(InvalidInput):
        kind_of("a", "xml")


def test_a_file_has_the_digest_of_its_content(tmp_path: Path) -> None:
    path = tmp_path / "usage"
    path.write_bytes(b"abc")
    with open_usage(str(path)) as file:
        # Source: FIPS 180-4, the SHA-256 of "abc".
        assert file.digest == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    with pytest.raises(OSError), open_usage(str(tmp_path)):  # noqa: PT011 - a directory, in the system's words
        pass


# --- a key twice


@pytest.mark.parametrize(
    "line",
    [
        ndjson(',"quantity":1,"quantity":2'),
        ndjson(',"id":"e2"'),
        ndjson(',"\\u0069d":"e2"'),
        ndjson(',"properties":{"model":"a","model":"b"}'),
        ndjson(',"properties":{"a":1},"properties":{"b":1}'),
    ],
)
def test_an_object_with_a_key_twice_is_rejected(read: Read, line: str) -> None:
    (found,) = read(line)
    assert isinstance(found.row, Unreadable)
    assert found.row.reason == "fields"
    assert "twice" in found.row.message


def test_a_key_twice_is_rejected_in_a_cell_and_in_a_cloud_event(read: Read) -> None:
    cell = 'id,customer,event,at,properties\ne1,nova,minutes,2026-01-01,"{""a"":1,""a"":2}"\n'
    assert reason(read(cell, "csv")) == "fields"
    event = (
        '{"specversion":"1.0","id":"7","source":"s","type":"minutes","subject":"nova",'
        '"time":"2026-01-01T00:00:00Z","data":{"quantity":2,"quantity":3}}'
    )
    assert reason(read(event, "cloudevents")) == "fields"


def test_a_value_that_looks_like_a_key_is_no_key(read: Read) -> None:
    (row,) = rows(read(ndjson(',"properties":{"id":"id","text":"a\\"b"}')))
    assert row.properties == {"id": "id", "text": 'a"b'}


def test_a_line_without_an_end_stops_the_reading(
    read: Read, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(usage_reader, "ENDLESS_LINE", 5_000_000)
    with open_usage("/dev/zero") as file, pytest.raises(StoreFailure) as endless:
        list(read_usage(file, "ndjson", UTC))
    assert endless.value.code == "file-too-large"
