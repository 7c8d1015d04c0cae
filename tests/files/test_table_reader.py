"""Small tables for moving in: CSV and NDJSON as text, and every complaint with its line."""

from __future__ import annotations

import hashlib
import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from planctl.errors import StoreFailure
from planctl.files import table_reader
from planctl.files.table_reader import Table, read_table

COLUMNS = frozenset({"customer", "plan", "price", "trial_used"})
PREFIXES = ("quantity:",)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path


def read(directory: Path, content: str | bytes, name: str = "moved.csv") -> Table:
    path = directory / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_table(str(path), COLUMNS, PREFIXES)


def told(table: Table) -> list[tuple[int, str]]:
    return [(finding.place.line, finding.rule) for finding in table.findings]


def values(table: Table) -> list[dict[str, str]]:
    assert table.findings == ()
    return [dict(row.values) for row in table.rows]


# --- CSV


def test_a_row_holds_its_values_by_column_and_the_line_it_stands_on(directory: Path) -> None:
    table = read(directory, "customer,plan,quantity:seats\nnova,pro,12\n\nvega,starter,\n")
    assert values(table) == [
        {"customer": "nova", "plan": "pro", "quantity:seats": "12"},
        {"customer": "vega", "plan": "starter"},
    ]
    assert [row.line for row in table.rows] == [2, 4]


def test_spaces_around_values_and_headers_do_not_count(directory: Path) -> None:
    assert values(read(directory, " customer , plan \n  nova , pro \n")) == [
        {"customer": "nova", "plan": "pro"}
    ]


def test_quotes_hold_commas_line_breaks_and_quotes(directory: Path) -> None:
    table = read(directory, 'customer,plan\n"no,va","p""ro"\n"two",x\n')
    assert [row.values["customer"] for row in table.rows] == ["no,va", "two"]


def test_a_row_over_several_lines_stands_where_it_begins(directory: Path) -> None:
    table = read(directory, 'customer,plan\n"no\nva\n",pro\nvega,pro\nzora\n')
    assert [row.line for row in table.rows] == [2, 5]
    assert told(table) == [(2, "character"), (6, "row")]


def test_a_doubled_quote_is_one(directory: Path) -> None:
    table = read(directory, 'customer,plan\nnova,"p""ro"\n')
    assert table.rows[0].values["plan"] == 'p"ro'


def test_a_mark_of_utf_8_at_the_beginning_and_line_ends_of_windows_are_read(directory: Path) -> None:
    assert values(read(directory, b"\xef\xbb\xbfcustomer,plan\r\nnova,pro\r\n")) == [
        {"customer": "nova", "plan": "pro"}
    ]


def test_the_digest_is_that_of_the_bytes(directory: Path) -> None:
    content = b"customer,plan\nnova,pro\n"
    assert read(directory, content).digest == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("name", ["moved.csv", "moved.ndjson"])
def test_an_empty_file_has_no_rows(directory: Path, name: str) -> None:
    table = read(directory, "", name)
    assert table.rows == ()
    assert (told(table) == [(1, "header")]) == (name == "moved.csv")


def test_an_unknown_column_is_named_with_a_near_one(directory: Path) -> None:
    table = read(directory, "customer,pln\nnova,pro\n")
    (finding,) = table.findings
    assert (finding.rule, finding.place.line) == ("unknown-column", 1)
    assert "plan" in finding.hint


def test_every_complaint_is_told_with_its_line(directory: Path) -> None:
    table = read(directory, "customer,plan\nnova\nvega,pro,x\nzora,pro\n")
    assert told(table) == [(2, "row"), (3, "row")]
    assert "1 values for 2 columns" in table.findings[0].message


def test_a_column_twice_is_refused(directory: Path) -> None:
    assert (1, "header") in told(read(directory, "customer,plan,plan\nnova,pro,pro\n"))


def test_a_quote_that_never_ends_is_a_complaint(directory: Path) -> None:
    assert [rule for _, rule in told(read(directory, 'customer,plan\n"nova,pro\n'))] == ["row"]


@pytest.mark.parametrize("bad", ["\x00", "\x1b", "\x9b", "\u202e"])
def test_a_character_that_nobody_sees_is_a_complaint(directory: Path, bad: str) -> None:
    table = read(directory, f"customer,plan\nno{bad}va,pro\n")
    assert table.findings != ()


def test_bytes_that_are_no_utf_8_are_a_complaint_of_their_line(directory: Path) -> None:
    table = read(directory, b"customer,plan\nnova,pro\nv\xe9ga,pro\n")
    assert [line for line, _ in told(table)] == [3]
    assert table.rows == ()


# --- NDJSON


def test_json_lines_are_text_too_and_numbers_keep_their_digits(directory: Path) -> None:
    table = read(
        directory,
        '{"customer": "nova", "price": 45.50, "quantity:seats": 12, "trial_used": true, "plan": null}\n',
        "moved.ndjson",
    )
    assert values(table) == [
        {"customer": "nova", "price": "45.50", "quantity:seats": "12", "trial_used": "true"}
    ]


def test_a_text_that_begins_with_a_brace_is_json_whatever_its_name(directory: Path) -> None:
    assert values(read(directory, '{"customer": "nova"}\n\n{"customer": "vega"}\n')) == [
        {"customer": "nova"},
        {"customer": "vega"},
    ]


@pytest.mark.parametrize(
    "line", ["nova", "[1]", '"nova"', "{", '{"customer": ["nova"]}', '{"customer": {}}', "[" * 5000]
)
def test_a_line_that_is_no_flat_object_is_a_complaint(directory: Path, line: str) -> None:
    table = read(directory, f'{{"customer": "good"}}\n{line}\n', "moved.ndjson")
    assert [number for number, _ in told(table)] == [2]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_what_json_does_not_know_is_no_number(directory: Path, number: str) -> None:
    table = read(directory, f'{{"customer": "nova", "price": {number}}}\n', "moved.ndjson")
    assert told(table) == [(1, "row")]


def test_a_key_twice_is_a_complaint(directory: Path) -> None:
    table = read(directory, '{"customer": "nova", "customer": "vega"}\n', "moved.ndjson")
    assert told(table) == [(1, "row")]


def test_unknown_keys_are_named_on_every_line(directory: Path) -> None:
    table = read(directory, '{"customr": "a"}\n{"customer": "b"}\n{"customr": "c"}\n', "moved.ndjson")
    assert told(table) == [(1, "unknown-column"), (3, "unknown-column")]


# --- where it comes from


def test_standard_input_is_a_dash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"customer\nnova\n")))
    table = read_table("-", COLUMNS)
    assert [(row.file, row.line, dict(row.values)) for row in table.rows] == [
        ("<stdin>", 2, {"customer": "nova"})
    ]


@pytest.mark.parametrize("source", ["moved.csv", "-"])
def test_a_file_that_is_too_large_is_not_read_in_part(
    directory: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    content = b"customer\nnova\n"
    (directory / "moved.csv").write_bytes(content)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    monkeypatch.chdir(directory)
    monkeypatch.setattr(table_reader, "MAX_BYTES", len(content) - 1)
    with pytest.raises(StoreFailure) as refused:
        read_table(source, COLUMNS)
    assert refused.value.code == "file-too-large"


def test_a_file_that_cannot_be_read_is_a_failure_and_no_finding(directory: Path) -> None:
    with pytest.raises(StoreFailure) as missing:
        read_table(str(directory / "nothing.csv"), COLUMNS)
    assert (missing.value.exit_code, missing.value.code) == (74, "cannot-open")
    with pytest.raises(StoreFailure):
        read_table(str(directory), COLUMNS)


def test_a_file_without_an_end_is_read_up_to_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_reader, "MAX_BYTES", 1_000)
    with pytest.raises(StoreFailure) as endless:
        read_table("/dev/zero", COLUMNS)
    assert endless.value.code == "file-too-large"
