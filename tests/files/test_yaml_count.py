"""Counting before reading: how much is too much, and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from planctl.files.yaml_count import values_beyond
from planctl.files.yaml_reader import read_directory


def place(*texts: str, most: int) -> str:
    """Where the first value too many stands in files a.yaml, b.yaml …; empty where there is none."""
    found = values_beyond([(f"{'abc'[number]}.yaml", text) for number, text in enumerate(texts)], most)
    return str(found.place) if found else ""


def test_the_first_key_or_value_too_many_is_named_where_it_stands() -> None:
    # Stream, document, map, then one for `a`, the list, and one for each item: the sixth is the first item.
    text = "a:\n  [1, 2, 3]\n"
    assert place(text, most=5) == "a.yaml:2:4"
    assert place(text, most=6) == "a.yaml:2:7"
    assert place(text, most=12) == ""


def test_the_files_of_a_catalog_count_together() -> None:
    assert place("a: 1\n", "b: 1\n", most=10) == "b.yaml:1:1"


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100,
        "a: [" + "*x," * 100 + "]",
        "%TAG ! x\n" * 100 + "--- a",
        "a: [" + "1, " * 3 + "}" + ", 1" * 100,
    ],
    ids=["depth", "aliases", "directives", "syntax"],
)
def test_what_the_reader_refuses_anyway_ends_the_count(text: str) -> None:
    assert place(text, most=40) == ""


def test_a_catalog_that_holds_too_much_is_read_no_further(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: [" + "1, " * 100_000 + "]")
    (tmp_path / "b.yaml").write_text("a: !tag x\n")
    source = read_directory(tmp_path)
    assert [finding.rule for finding in source.findings] == ["too-many-values"]
    assert source.unread == ("a.yaml", "b.yaml")
