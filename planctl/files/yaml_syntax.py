"""Says in plain words what the YAML parser stumbled over, and where; it parses nothing itself."""

from __future__ import annotations

from collections.abc import Sequence

import yaml

from planctl.findings import Finding, Place

_ESCAPE_HINT = r"write \\ for a backslash, or put the text in single quotes"

# The parser's sentence -> ours, and what to do. {opened} is where the thing it was reading begins.
_PLAIN_WORDS = {
    "mapping values are not allowed in this context": (
        "a key cannot stand here",
        "check the indentation and the line above; a value that contains ': ' needs quotes",
    ),
    "could not find expected ':'": (
        "this is neither a key with its value nor part of one",
        "write `key: value`; a text of several lines needs quotes or |",
    ),
    "did not find expected key": (
        "a key was expected here",
        "check the indentation and for a bracket or quote too many",
    ),
    "did not find expected '-' indicator": (
        "a list item was expected here",
        "begin it with `- `, indented like the items above",
    ),
    "did not find expected ',' or '}'": ("a comma or } is missing", "the {{ was opened at {opened}"),
    "did not find expected ',' or ']'": ("a comma or ] is missing", "the [ was opened at {opened}"),
    "found unexpected end of stream": ("a quote is never closed", "close it with the same quote"),
    "found unknown escape character": ("an escape after \\ is not known", _ESCAPE_HINT),
    "did not find expected hexadecimal numbers": ("an escape after \\ is not complete", _ESCAPE_HINT),
    "did not find expected hexdecimal number": ("an escape after \\ is not complete", _ESCAPE_HINT),
    "found invalid Unicode character escape code": (
        "the escape stands for no character",
        r"write the character itself; a pair such as \ud83d\ude00 is one character, \U0001f600",
    ),
    "did not find expected node content": ("a value is missing", "check for a comma or bracket too many"),
    "did not find expected <document start>": (
        "the document has ended before this",
        "check the indentation and for a bracket too many",
    ),
    "block sequence entries are not allowed in this context": (
        "a list item cannot stand here",
        "put it on a line of its own, below its key",
    ),
    "mapping keys are not allowed in this context": ("a `?` cannot stand here", "put the text in quotes"),
    "found unexpected ':'": ("a colon cannot stand here", "put the text in quotes"),
    "found unexpected document indicator": ("a quote is still open here", "close it with the same quote"),
    "did not find expected alphabetic or numeric character": (
        "a value cannot begin with & or *",
        "put it in quotes",
    ),
    "did not find expected comment or line break": (
        "a text after | or > begins on the next line",
        "put it there, or in quotes",
    ),
    "found undefined tag handle": ("a value cannot begin with !", "put it in quotes"),
}
_CANNOT_START = "found character that cannot start any token"
_NEVER_CLOSED = "found unexpected end of stream"


def syntax_finding(problem: yaml.YAMLError, name: str, lines: Sequence[str]) -> Finding:
    """The finding for a parser error in the file `name` with these lines.

    The rule is `tab` where the parser stopped at a tab, else `syntax`. A quote that is never closed is
    reported where it was opened, everything else where the parser stopped.
    """
    stopped = _place(getattr(problem, "problem_mark", None), name, lines)
    opened = _place(getattr(problem, "context_mark", None), name, lines)
    said = str(getattr(problem, "problem", None) or "this is not YAML")
    if said == _NEVER_CLOSED:
        stopped = opened
    character = _character(problem, lines)
    if "tab character" in said or (said == _CANNOT_START and character == "\t"):
        return Finding("tab", "a tab cannot stand here", stopped, hint="indent with spaces")
    if said == _CANNOT_START:
        return Finding("syntax", f"a value cannot begin with {character}", stopped, hint="put it in quotes")
    message, hint = _PLAIN_WORDS.get(said, (said, ""))
    also = opened if "{opened}" in hint else None
    return Finding(
        "syntax", message, stopped, hint=hint.format(opened=f"{opened.line}:{opened.column}"), also=also
    )


def _character(problem: yaml.YAMLError, lines: Sequence[str]) -> str:
    mark = getattr(problem, "problem_mark", None)
    return lines[mark.line][mark.column : mark.column + 1] if mark and mark.line < len(lines) else ""


def _place(mark: yaml.Mark | None, name: str, lines: Sequence[str]) -> Place:
    if mark is None:
        return Place(name, 1, 1)
    if mark.line >= len(lines):  # the parser ends a last line that has no end, and stands below it
        return Place(name, len(lines), len(lines[-1]) + 1)
    return Place(name, mark.line + 1, mark.column + 1)
