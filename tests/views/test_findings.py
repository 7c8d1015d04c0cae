"""Findings as people read them: a place, the line, a caret, and what to do."""

from __future__ import annotations

import json

from planctl.findings import NOWHERE, Finding, Level, Place
from planctl.views.findings import counted, finding_document, finding_lines

WORKSPACE = (
    "plans:\n"
    + "\n" * 27
    + "      month:    {USD: 49, EUR: 46, GPB: 41}\n      year:     {USD: 490, EUR: 460}\n"
)
UNKNOWN = Finding(
    "currency-unknown",
    'unknown currency "GPB"',
    Place("plans/workspace.yaml", 29, 36, 3),
    hint="not declared; known: USD, EUR, USDT",
)


def test_a_finding_shows_its_line_with_a_caret_and_the_hint() -> None:
    assert finding_lines([UNKNOWN], {"plans/workspace.yaml": WORKSPACE}) == [
        'plans/workspace.yaml:29:36: error: unknown currency "GPB" [currency-unknown]',
        "  29 |       month:    {USD: 49, EUR: 46, GPB: 41}",
        "     |                                    ^^^ not declared; known: USD, EUR, USDT",
    ]


def test_what_was_expected_and_got_and_a_second_place_follow() -> None:
    finding = Finding(
        "number",
        "the price is not a number",
        Place("a.yaml", 2, 4, 3),
        expected="digits, as in 19.90",
        got="1e3",
        hint="write 1000",
        also=Place("b.yaml", 7, 5),
    )
    assert finding_lines([finding], {"a.yaml": "x: 1\ny: 1e3\n"}) == [
        "a.yaml:2:4: error: the price is not a number [number]",
        "   2 | y: 1e3",
        "     |    ^^^ write 1000",
        "     = expected: digits, as in 19.90",
        "     = got: 1e3",
        "     = also: b.yaml:7:5",
    ]


def test_a_finding_without_a_line_says_the_hint_below() -> None:
    whole = Finding("file-too-large", "the file is larger than 1 MiB", Place("a.yaml"), hint="spread it")
    assert finding_lines([whole], {"a.yaml": ""}) == [
        "a.yaml: error: the file is larger than 1 MiB [file-too-large]",
        "     = hint: spread it",
    ]
    nowhere = Finding("number", "the price is not a number", NOWHERE, Level.WARNING)
    assert finding_lines([nowhere], {}) == ["warning: the price is not a number [number]"]


def test_a_place_beyond_the_text_is_shown_without_an_excerpt() -> None:
    finding = Finding("x", "gone", Place("a.yaml", 9, 1))
    assert finding_lines([finding], {"a.yaml": "one\n"}) == ["a.yaml:9:1: error: gone [x]"]
    assert finding_lines([finding], {}) == ["a.yaml:9:1: error: gone [x]"]


def test_a_caret_may_stand_behind_the_end_of_its_line() -> None:
    finding = Finding("syntax", "a comma or } is missing", Place("a.yaml", 1, 6))
    assert finding_lines([finding], {"a.yaml": "a: {b\r\n"}) == [
        "a.yaml:1:6: error: a comma or } is missing [syntax]",
        "   1 | a: {b",
        "     |      ^",
    ]


def test_tabs_and_wide_characters_move_the_caret_with_them() -> None:
    tabbed = Finding("x", "m", Place("a.yaml", 1, 2, 2))
    assert finding_lines([tabbed], {"a.yaml": "\tab"})[1:] == [r"   1 | \tab", "     |   ^^"]
    wide = Finding("x", "m", Place("a.yaml", 1, 4, 2))
    assert finding_lines([wide], {"a.yaml": "日本:語語"})[1:] == ["   1 | 日本:語語", "     |      ^^^^"]


def test_line_numbers_of_any_length_keep_the_gutter_straight() -> None:
    finding = Finding("x", "m", Place("a.yaml", 12345, 1))
    assert finding_lines([finding], {"a.yaml": "\n" * 12344 + "a\n"})[1:] == ["12345 | a", "      | ^"]


def test_a_huge_line_is_cut_around_the_caret() -> None:
    text = "a" * 500_000 + "WRONG" + "b" * 500_000
    finding = Finding("x", "m", Place("a.yaml", 1, 500_001, 5))
    assert finding_lines([finding], {"a.yaml": text})[1:] == [
        "   1 | …" + "a" * 60 + "WRONG" + "b" * 35 + "…",
        "     | " + " " * 61 + "^^^^^",
    ]
    whole = Finding("x", "m", Place("a.yaml", 1, 1, 1_000_000))
    assert finding_lines([whole], {"a.yaml": text})[1:] == [
        "   1 | " + "a" * 100 + "…",
        "     | " + "^" * 100,
    ]


def test_many_findings_in_a_large_file_are_all_shown() -> None:
    text = "a: 1\n" * 200_000
    findings = [Finding("x", "m", Place("a.yaml", line, 1)) for line in range(1, 1_001)]
    assert len(finding_lines(findings, {"a.yaml": text})) == 3_000


def test_nothing_in_a_file_or_its_name_reaches_the_terminal_as_it_is() -> None:
    finding = Finding(
        "x",
        'unknown "\x1b[2J"',
        Place("\x1b]0;\udcff.yaml", 1, 4, 3),
        expected="\u202e",
        got="\r" * 100,
        hint="\x9b",
        also=Place("\x07", 1, 1),
    )
    lines = finding_lines([finding], {"\x1b]0;\udcff.yaml": "a: \x1b[31m\u202e"})
    assert lines == [
        r'␛]0;\udcff.yaml:1:4: error: unknown "␛[2J" [x]',
        r"   1 | a: ␛[31m\u202e",
        r"     |    ^^^ \x9b",
        r"     = expected: \u202e",
        "     = got: " + r"\r" * 29 + "…",
        "     = also: ␇:1:1",
    ]


def test_a_document_holds_every_field_of_a_finding() -> None:
    finding = Finding(
        "duplicate-key",
        'duplicate key "price"',
        Place("a.yaml", 9, 5, 5),
        got="x" * 100,
        also=Place("a.yaml", 7, 5),
    )
    document = finding_document(finding)
    assert document == {
        "level": "error",
        "rule": "duplicate-key",
        "message": 'duplicate key "price"',
        "file": "a.yaml",
        "line": 9,
        "column": 5,
        "length": 5,
        "expected": "",
        "got": "x" * 59 + "…",
        "hint": "",
        "also": {"file": "a.yaml", "line": 7, "column": 5},
    }
    assert json.loads(json.dumps(document)) == document
    assert finding_document(UNKNOWN)["also"] is None


def test_the_last_line_counts_and_says_that_nothing_was_written() -> None:
    warning = Finding("x", "m", level=Level.WARNING)
    assert counted([UNKNOWN] * 5 + [warning]) == "5 errors, 1 warning; nothing was written"
    assert counted([UNKNOWN]) == "1 error; nothing was written"
    assert counted([warning] * 2) == "2 warnings"
    assert counted([]) == "no findings"
