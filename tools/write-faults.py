"""Writes the table of faults and their tests into docs/reliability.md, from the tests' own sentences.

Usage: python tools/write-faults.py [FILE]   (default: docs/reliability.md; `-` writes the table to standard output)
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "tests" / "faults"
PAGE = ROOT / "docs" / "reliability.md"
BEGINS, ENDS = "<!-- faults -->", "<!-- end of faults -->"

GROUPS = {
    "test_b1_doubled.py": "Doubled and lost invoices",
    "test_b2_time.py": "Time",
    "test_b3_money.py": "Money",
    "test_b4_usage.py": "Usage",
    "test_b5_wallets.py": "Wallets and credits",
    "test_b6_stripe.py": "Stripe",
    "test_b7_store.py": "Store, crash, backup, upgrade",
    "test_b8_catalogs.py": "Catalogs and other input",
    "test_b9_output.py": "Output, secrets, identity",
}

_NAME = re.compile(r"test_(F[0-9]{3})_\w+")


@dataclass(frozen=True, slots=True)
class Held:
    """A fault, the sentence that tells it, where it was seen, and the test that holds it."""

    id: str
    sentence: str
    source: str
    test: str


def held(path: Path) -> Iterator[Held]:
    """Every fault that a module holds, in the order of its tests; a test without a source is a mistake."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match = _NAME.fullmatch(node.name) if isinstance(node, ast.FunctionDef) else None
        if match and isinstance(node, ast.FunctionDef):
            said = " ".join((ast.get_docstring(node) or "").split())
            sentence, mark, source = said.partition(" Source: ")
            if not mark:
                raise SystemExit(f"{path.name}: {node.name} does not say the fault and its source")
            yield Held(match[1], sentence, source.rstrip("."), node.name)


def table() -> Iterator[str]:
    """The lines of the table: a row a fault, with all tests that hold it."""
    for name, group in GROUPS.items():
        path = FOLDER / name
        faults: dict[str, list[Held]] = {}
        for one in held(path):
            faults.setdefault(one.id, []).append(one)
        yield f"### {group}\n"
        yield f"In `tests/faults/{name}`.\n"
        yield "| id | fault | seen in | test |"
        yield "|---|---|---|---|"
        for id, tests in sorted(faults.items()):
            names = ", ".join(f"`{one.test.removeprefix(f'test_{id}_')}`" for one in tests)
            yield f"| {id} | {_cell(tests[0].sentence)} | {_cell(tests[0].source)} | {names} |"
        yield ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> None:
    """Write it."""
    rows = "\n".join(table())
    target = sys.argv[1] if len(sys.argv) > 1 else str(PAGE)
    if target == "-":
        sys.stdout.write(rows)
        return
    page = Path(target).read_text(encoding="utf-8")
    before, after = page.partition(BEGINS)[0], page.partition(ENDS)[2]
    Path(target).write_text(f"{before}{BEGINS}\n\n{rows}{ENDS}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
