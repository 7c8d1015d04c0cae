"""Every code that the program can print is explained, and the page of codes is the program's own."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from planctl.views.codes import KINDS, codes_page, explained

PACKAGE = Path(__file__).parents[2] / "planctl"
CODE = re.compile("[a-z][a-z0-9]*(-[a-z0-9]+)*")
MAKERS = {"Finding", "Rule", "Law", "Skip", "error", "warning", "warn", "complain", "_whole"}
"""Functions that take a code as one of their first three arguments."""
OWN = {"codes.py", "codes_catalog.py", "codes_errors.py", "codes_stripe.py"}


def modules() -> Iterator[tuple[Path, ast.Module]]:
    """Every module but those that explain."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.name not in OWN:
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def codes_in(tree: ast.Module) -> Iterator[str]:
    """The codes that a module gives to errors and findings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            if any(isinstance(target, ast.Name) and target.id == "default_code" for target in node.targets):
                yield str(node.value.value)
        elif isinstance(node, ast.Call):
            yield from codes_of(node)


def codes_of(call: ast.Call) -> Iterator[str]:
    """The codes that a call gives: `code=` and `rule=`, or a first argument of what makes findings."""
    for keyword in call.keywords:
        if keyword.arg in {"code", "rule"} and isinstance(keyword.value, ast.Constant):
            yield str(keyword.value.value)
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name in MAKERS:
        texts = [
            one.value for one in call.args[:3] if isinstance(one, ast.Constant) and isinstance(one.value, str)
        ]
        yield from [text for text in texts if CODE.fullmatch(text)][:1]


def test_every_code_that_is_used_is_explained() -> None:
    unknown = {code: path.name for path, tree in modules() for code in codes_in(tree) if not explained(code)}
    assert unknown == {}


def test_every_code_that_is_explained_is_used() -> None:
    words = {
        node.value
        for _, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    printed = " ".join(word for word in words if word.startswith("error: "))
    unused = [
        code for _, codes in KINDS for code in codes if code not in words and f"[{code}]" not in printed
    ]
    assert [code for code in unused if code != "output"] == []  # printed by the boundary itself


def test_every_explanation_is_a_sentence() -> None:
    assert [
        code
        for _, codes in KINDS
        for code, meaning in codes.items()
        if not re.match("[A-Z`-]|planctl", meaning) or meaning[-1] not in ".…"
    ] == []


def test_the_page_of_codes_is_what_the_program_knows() -> None:
    page = PACKAGE.parent / "docs" / "reference" / "codes.md"
    assert page.read_text(encoding="utf-8") == "\n".join(codes_page()) + "\n"
