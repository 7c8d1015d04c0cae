"""The core has no binary floating point: one of them in an amount is a letter to every customer."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

CORE = Path(__file__).parents[2] / "planctl" / "core"
MODULES = sorted(CORE.rglob("*.py"))

EXACT_IN_MATH = {"ceil", "comb", "factorial", "floor", "gcd", "isqrt", "lcm", "prod"}
"""What `math` offers that stays in whole numbers when given whole or rational ones."""

RETURN_FLOATS = {"total_seconds", "timestamp"}
"""Methods of exact values that answer with a float."""


def floats_in(source: str) -> Iterator[str]:
    """Every place where the source writes, names or makes a float: `line: what`."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Constant(value=float() | complex() as value):
                yield f"{node.lineno}: the literal {value!r}"
            case ast.Name(id="float" | "complex" as name):
                yield f"{node.lineno}: the name {name}"
            case ast.Attribute(value=ast.Name(id="math"), attr=name) if name not in EXACT_IN_MATH:
                yield f"{node.lineno}: math.{name}"
            case ast.Attribute(attr=name) if name in RETURN_FLOATS:
                yield f"{node.lineno}: .{name}"
            case ast.ImportFrom(module="math", names=names):
                wrong = sorted({alias.name for alias in names} - EXACT_IN_MATH)
                yield from (f"{node.lineno}: math.{name}" for name in wrong)


def test_the_core_is_there() -> None:
    assert MODULES


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(CORE)))
def test_no_module_of_the_core_knows_a_float(path: Path) -> None:
    assert list(floats_in(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("price = 0.1", ["1: the literal 0.1"]),
        ("limit = 1e3", ["1: the literal 1000.0"]),
        ("x = 1\nprice: float = x", ["2: the name float"]),
        ("def f(x: int | float) -> None: ...", ["1: the name float"]),
        ("import math\nx = math.sqrt(2)", ["2: math.sqrt"]),
        ("from math import gcd, log", ["1: math.log"]),
        ("seconds = (b - a).total_seconds()", ["1: .total_seconds"]),
        ("import math\nx = math.gcd(4, 6) // 2", []),
        ("from math import lcm\nname = 'float 0.1'", []),
    ],
)
def test_the_search_finds_what_it_is_for(source: str, found: list[str]) -> None:
    assert list(floats_in(source)) == found
