"""Every row of the mission that is built has a test that names it: in its name and at the start of what it says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROWS = [
    f"{part}{number}"
    for part, last in (("A", 9), ("B", 7), ("C", 7), ("D", 9))
    for number in range(1, last + 1)
] + ["E12", "F5"]
"""The rows, as the mission numbers them: A1 to A9, B1 to B7, C1 to C7, D1 to D9; of E and F what is about Stripe."""


def row_tests() -> Iterator[ast.FunctionDef]:
    """The test functions of the modules of rows."""
    for path in sorted(Path(__file__).parent.glob("test_rows_?.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield node


def row_of(test: ast.FunctionDef) -> str:
    """The row in a test's name, empty where it names none."""
    named = re.match(r"test_([a-f][0-9]+)_", test.name)
    return named[1].upper() if named else ""


@pytest.mark.parametrize("row", ROWS)
def test_every_row_has_a_test_that_names_it(row: str) -> None:
    assert [test.name for test in row_tests() if row_of(test) == row]


def test_every_test_says_of_which_row_it_is() -> None:
    unnamed = [
        test.name
        for test in row_tests()
        if not (ast.get_docstring(test) or "").startswith(f"{row_of(test) or '?'}: ")
    ]
    assert unnamed == []


def test_no_row_is_left_out_or_expected_to_fail() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_rows_?.py"))
    assert not re.search(r"xfail|skip", text.replace("fmt: skip", ""))
