"""Writes a document as YAML in the style people write catalogs in; it knows no catalog section.

Maps are blocks; a map of single values is one line in braces from the third level on, where it fits:

    plans:
      pro:
        name: Pro
        price:
          month: {USD: 49, EUR: 46}
        features: {sso: true, minutes: 5000, connectors: [hubspot, zapier]}

What is plain here is text, a number or a date for other tools too; what another tool, or ours, would read
as something else (`no`, `1e3`, `010`, `12:30`, `null`, an empty text) is in double quotes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from planctl.core.document import Document

WIDTH = 90
"""The longest line in braces or brackets; a single long text is never broken."""

_FIRST_FLOW_LEVEL = 2
"""Maps on the levels above (the document and its sections) are always blocks."""

_NUMBER = r"-?(?:0|[1-9][0-9]*|[1-9][0-9]{0,2}(?:_[0-9]{3})+)(?:\.[0-9]+)?"
_PLAIN_VALUE = re.compile(rf"{_NUMBER}(?:\.\.{_NUMBER})?|[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}")
# Begins with a letter, a digit or a sign without meaning; no quote, colon or backslash; no space at the end.
_PLAIN_TEXT = re.compile(r"[^\W_][^\x00-\x1f\x7f-\xa0:\\\"]*(?<! )|[_/$+][^\x00-\x1f\x7f-\xa0:\\\"]*(?<! )")
_FLOW_SIGN = re.compile(r"[,\[\]{}]")
# Words and figures that YAML 1.1 or 1.2 reads as a boolean, a null or a number.
# Source: https://yaml.org/type/bool.html, int.html, float.html, null.html; YAML 1.2.2, 10.3.2.
_MEANS_SOMETHING = re.compile(
    r"y|n|yes|no|on|off|true|false|null|[-+]?(?:"
    r"0b[01_]+|0o?[0-7_]+|0x[0-9a-f_]+|[0-9][0-9_]*|[0-9_]*\.[0-9_]*|(?:[0-9][0-9_]*)?\.?[0-9_]*e[-+]?[0-9]+)",
    re.IGNORECASE | re.ASCII,
)
_WORD_KEYS = frozenset({"y", "n", "yes", "no", "on", "off"})
# Never raw in a file: controls, line separators, surrogates, bidi and byte order marks, non-characters.
_NEVER_RAW = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)


def write_yaml(document: Document, comments: Mapping[str, str] | None = None) -> str:
    """`document` as YAML text that reads back as an equal document, ending in a line end.

    `comments` are put above the key with that dotted path (`plans.pro.price`; `""` is the head of the file);
    a map that holds a commented key is a block. Keys are shorter than 1,000 characters. Control characters
    other than tab and line end, line separators and lone surrogates become escapes, which the reader refuses.
    """
    writer = _Writer(dict(comments or {}))
    head = writer.comment("", 0)
    if isinstance(document, dict) and document:
        return "\n".join([*head, *writer.map_lines(document, 0, "")]) + "\n"
    if isinstance(document, list) and document:
        return "\n".join([*head, *writer.list_lines(document, 0, "")]) + "\n"
    return "\n".join([*head, _flow(document)]) + "\n"


def write_inline(value: Document, *, flow: bool) -> str:
    """A value on one line, in braces and brackets where it is a map or list; `flow` where it stands in some."""
    return _text(value, flow=flow) if isinstance(value, str) else _flow(value)


def write_key(key: str, *, flow: bool) -> str:
    """A key as it stands before its colon."""
    return _key(key, flow=flow)


def write_entry(key: str, value: Document, column: int, *, top: bool = False) -> list[str]:
    """The lines of one entry of a block map whose keys stand in `column`; `top`: of the document itself."""
    level = 0 if top else 1
    first, *below = _Writer({}).entry(f"{' ' * column}{_key(key, flow=False)}:", value, level, key)
    inner = len("  ") * (level + 1)
    return [first, *(f"{' ' * (column + 2)}{line[inner:]}" if line else "" for line in below)]


class _Writer:
    def __init__(self, comments: dict[str, str]) -> None:
        self.comments = comments

    def map_lines(self, entries: dict[str, Document], level: int, path: str) -> list[str]:
        """A block map, each line indented for its level."""
        lines: list[str] = []
        for key, value in entries.items():
            below = f"{path}.{key}" if path else key
            lines += self.comment(below, level)
            lines += self.entry(f"{'  ' * level}{_key(key, flow=False)}:", value, level, below)
        return lines

    def list_lines(self, items: list[Document], level: int, path: str) -> list[str]:
        """A block list; a map in it begins on the line of its dash."""
        lines: list[str] = []
        dash = f"{'  ' * level}- "
        for index, item in enumerate(items):
            below = f"{path}[{index}]"
            line = dash + _flow(item)
            if not isinstance(item, dict | list) or not item or self.fits(line, below):
                lines.append(line)
                continue
            inner = self.inner_lines(item, level + 1, below)
            lines += [dash + inner[0].lstrip(" "), *inner[1:]]
        return lines

    def entry(self, key: str, value: Document, level: int, path: str) -> list[str]:
        """A key with its value: on one line, or the value in the lines below."""
        if value is None:
            return [key]
        if isinstance(value, str):
            return _block_text(key, value, level) or [f"{key} {_text(value, flow=False)}"]
        line = f"{key} {_flow(value)}"
        if isinstance(value, bool) or not value:
            return [line]
        is_row = _is_leaf(value) and (isinstance(value, list) or level + 1 >= _FIRST_FLOW_LEVEL)
        if is_row and self.fits(line, path):
            return [line]
        return [key, *self.inner_lines(value, level + 1, path)]

    def inner_lines(self, value: dict[str, Document] | list[Document], level: int, path: str) -> list[str]:
        """The lines of a map or list, each at `level`."""
        if isinstance(value, dict):
            return self.map_lines(value, level, path)
        return self.list_lines(value, level, path)

    def fits(self, line: str, path: str) -> bool:
        """Whether `line` is short enough and no comment belongs inside the value at `path`."""
        return len(line) <= WIDTH and not any(
            commented.startswith((f"{path}.", f"{path}[")) for commented in self.comments
        )

    def comment(self, path: str, level: int) -> list[str]:
        """The comment that belongs above `path`, if one does."""
        text = self.comments.get(path)
        if text is None:
            return []
        return [f"{'  ' * level}# {_NEVER_RAW.sub(_escaped, line)}".rstrip() for line in text.splitlines()]


def _is_leaf(value: dict[str, Document] | list[Document]) -> bool:
    """Whether a map or list holds single values only; in a map, lists of single values too."""
    items = value.values() if isinstance(value, dict) else value
    return all(
        not isinstance(item, dict | list)
        or not item
        or (isinstance(value, dict) and isinstance(item, list) and _is_leaf(item))
        for item in items
    )


def _flow(value: Document) -> str:
    """A value on one line, in braces and brackets."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value, flow=True)
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return "{" + ", ".join(f"{_key(key, flow=True)}: {_flow(item)}" for key, item in value.items()) + "}"


def _text(text: str, *, flow: bool) -> str:
    """A text plain where every tool reads the same text or number, else in double quotes."""
    if _PLAIN_VALUE.fullmatch(text):
        return text
    safe = _PLAIN_TEXT.fullmatch(text) and not _NEVER_RAW.search(text) and " #" not in text
    if safe and not _MEANS_SOMETHING.fullmatch(text) and not (flow and _FLOW_SIGN.search(text)):
        return text
    return _NEVER_RAW.sub(_escaped, json.dumps(text, ensure_ascii=False))


def _key(key: str, *, flow: bool) -> str:
    """A key; words such as `off` are plain, for they are what catalogs call things."""
    return key if key in _WORD_KEYS else _text(key, flow=flow)


def _block_text(key: str, text: str, level: int) -> list[str]:
    """Lines of a text of several lines after `|`; empty where quotes are the only safe way."""
    body = text.removesuffix("\n")
    lines = body.split("\n")
    if len(lines) == 1 or not lines[0].strip() or not lines[-1].strip() or lines[0].startswith((" ", "\t")):
        return []
    if _NEVER_RAW.search(text) or "\t" in text or any(line.endswith(" ") for line in lines):
        return []
    indent = "  " * (level + 1)
    return [
        f"{key} |{'' if text.endswith(chr(10)) else '-'}",
        *(indent + line if line else "" for line in lines),
    ]


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
