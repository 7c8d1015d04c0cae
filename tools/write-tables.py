"""Writes planctl/store/tables.py from the schema of planctl/store/rows.py; it knows no table.

Usage: python tools/write-tables.py [FILE]   (default: planctl/store/tables.py; `-` is standard output)
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import wrap

from sqlalchemy import Column, LargeBinary, Text

from planctl.store.columns import WHOLE
from planctl.store.rows import METADATA

MODULE = Path(__file__).resolve().parents[1] / "planctl" / "store" / "tables.py"

BEGINNING = '''"""The columns of every table, for statements. `make tables` makes it from `rows.py`, the schema.

Statements need names, types and keys, not the classes of the schema: importing those costs a short command
more than the rest of it. Per column: its name, `*` where it is in the primary key, its type, `?` where it
may be NULL.
"""

from __future__ import annotations

COLUMNS: dict[str, str] = {'''


def module() -> Iterator[str]:
    """The lines of the module: every table in the order of the schema."""
    yield BEGINNING
    for name, table in METADATA.tables.items():
        yield f'    "{name}": """'
        yield from (f"        {line}" for line in wrap(" ".join(map(said, table.columns)), 100))
        yield '    """,'
    yield "}"


def said(column: Column[object]) -> str:
    """A column in one word: `seq*:whole`, `ends_at:whole?`."""
    key, maybe = "*" if column.primary_key else "", "?" if column.nullable else ""
    return f"{column.name}{key}:{kind_of(column)}{maybe}"


def kind_of(column: Column[object]) -> str:
    """The word for a column's type."""
    if column.type is WHOLE:
        return "whole"
    kinds = {Text: "text", LargeBinary: "blob"}
    return kinds[type(column.type)]


def main(arguments: list[str]) -> int:
    """Write the module; 0."""
    text = "\n".join(module()) + "\n"
    if arguments[:1] == ["-"]:
        sys.stdout.write(text)
    else:
        Path(arguments[0] if arguments else MODULE).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
