"""Says findings: file, line and column, the line itself with a caret, and what to do; it judges nothing.

Every piece of text passes through `safe`, for files and their names come from strangers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from planctl.findings import Finding, Place
from planctl.views.safe import safe, width

_LONGEST_MESSAGE = 300
_LONGEST_GOT = 60
_WINDOW = 100
"""Characters of a source line that are shown; a longer line is cut on both sides of the caret."""

_BEFORE_CARET = 60

FindingDocument = dict[str, str | int | dict[str, str | int] | None]
"""A finding as JSON-ready values; a place is a file, a line and a column, 0 where there is none."""


def finding_lines(findings: Iterable[Finding], sources: Mapping[str, str]) -> list[str]:
    """The lines that say `findings`, in the order given; `sources` holds the text of each file by its name.

        plans/workspace.yaml:29:36: error: unknown currency "GPB" [currency-unknown]
          29 |       month:    {USD: 49, EUR: 46, GPB: 41}
             |                                    ^^^ not declared; known: USD, EUR, USDT

    What was got and expected and a second place follow as lines of their own. Without a place or its text
    the hint does so too.
    """

    @cache
    def source_lines(file: str) -> list[str]:
        return sources[file].split("\n") if file in sources else []

    lines: list[str] = []
    for finding in findings:
        place = finding.place
        source = source_lines(place.file)
        excerpt = source[place.line - 1].rstrip("\r") if 0 < place.line <= len(source) else None
        lines += _lines(finding, excerpt)
    return lines


def finding_document(finding: Finding) -> FindingDocument:
    """A finding for machines; `also` is null where there is no second place."""
    place = finding.place
    return {
        "level": finding.level.value,
        "rule": finding.rule,
        "message": safe(finding.message, _LONGEST_MESSAGE),
        "file": safe(place.file),
        "line": place.line,
        "column": place.column,
        "length": place.length,
        "expected": safe(finding.expected, _LONGEST_MESSAGE),
        "got": safe(finding.got, _LONGEST_GOT),
        "hint": safe(finding.hint, _LONGEST_MESSAGE),
        "also": _place_document(finding.also) if finding.also else None,
    }


def counted(findings: Sequence[Finding]) -> str:
    """The last line: `5 errors, 1 warning; nothing was written`, or `no findings`.

    That nothing was written is said where there are errors, for warnings stop no command.
    """
    errors = sum(finding.is_error for finding in findings)
    warnings = len(findings) - errors
    counts = [_count(errors, "error")] * (errors > 0) + [_count(warnings, "warning")] * (warnings > 0)
    return (", ".join(counts) or "no findings") + ("; nothing was written" if errors else "")


def _lines(finding: Finding, excerpt: str | None) -> list[str]:
    where = f"{safe(str(finding.place))}: " if finding.place.file else ""
    message = safe(finding.message, _LONGEST_MESSAGE)
    lines = [f"{where}{finding.level.value}: {message} [{finding.rule}]"]
    hint = safe(finding.hint, _LONGEST_MESSAGE)
    gutter = " " * 5
    if excerpt is not None:
        number = f"{finding.place.line:>4}"
        gutter = " " * (len(number) + 1)
        shown, indent, marks = _marked(excerpt, finding.place)
        lines.append(f"{number} | {shown}".rstrip())
        lines.append(f"{gutter}| {' ' * indent}{'^' * marks} {hint}".rstrip())
    rest = {
        "expected": safe(finding.expected, _LONGEST_MESSAGE),
        "got": safe(finding.got, _LONGEST_GOT),
        "hint": hint if excerpt is None else "",
        "also": safe(str(finding.also)) if finding.also else "",
    }
    return lines + [f"{gutter}= {name}: {text}" for name, text in rest.items() if text]


def _marked(line: str, place: Place) -> tuple[str, int, int]:
    """The part of `line` to show, the columns before the caret and the width of the marks (at least 1)."""
    start = max(0, place.column - 1)
    first = max(0, start - _BEFORE_CARET) if len(line) > _WINDOW else 0
    last = first + _WINDOW
    before = "…" * (first > 0) + safe(line[first:start])
    marked = safe(line[start : min(start + place.length, last)])
    after = safe(line[start + place.length : last]) + "…" * (len(line) > last)
    return before + marked + after, width(before), max(1, width(marked))


def _place_document(place: Place) -> dict[str, str | int]:
    return {"file": safe(place.file), "line": place.line, "column": place.column}


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
