"""Where keys and values stand in a YAML text, to the character."""

from __future__ import annotations

import pytest

from planctl.files.yaml_spans import Span, comments_in, spans_of

TEXT = """\
a: 1        # one
b:
  c: 'it''s # no comment'
  d: |
    # text

e: {f: [x, "y"], g}   # row
h:
"""


def slice_of(span: Span, text: str = TEXT) -> str:
    return text[span.start : span.end]


def value(*path: str, text: str = TEXT) -> Span:
    span = spans_of(text)
    for step in path:
        pair = span.pair(step)
        assert pair is not None
        span = pair.value
    return span


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("a",), "1"),
        (("b",), "c: 'it''s # no comment'\n  d: |\n    # text"),
        (("b", "c"), "'it''s # no comment'"),
        (("b", "d"), "|\n    # text"),
        (("e",), '{f: [x, "y"], g}'),
        (("e", "f"), '[x, "y"]'),
        (("e", "g"), ""),
        (("h",), ""),
    ],
)
def test_a_value_is_found_without_the_comment_and_line_end_behind_it(
    path: tuple[str, ...], expected: str
) -> None:
    assert slice_of(value(*path)) == expected


def test_what_is_not_written_stands_behind_its_colon() -> None:
    assert TEXT[: value("h").start].endswith("h:")
    assert value("h").is_null
    assert TEXT[: value("e", "g").start].endswith(", g")


def test_only_what_yaml_takes_for_a_comment_is_one() -> None:
    root = spans_of(TEXT)
    assert comments_in(TEXT, root, 0, len(TEXT)) == ["# one", "# row"]
    assert comments_in(TEXT, root, value("b").start, value("b").end) == []
    assert comments_in("a: b#c\n", spans_of("a: b#c\n"), 0, 7) == []


def test_line_ends_of_windows_and_a_missing_last_one_move_nothing() -> None:
    text = "a: 1\r\nb:\r\n  c: ä 2"
    assert slice_of(value("a", text=text), text) == "1"
    assert slice_of(value("b", "c", text=text), text) == "ä 2"


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n"])
def test_a_text_that_says_nothing_is_an_empty_map(text: str) -> None:
    assert spans_of(text).pairs == ()
