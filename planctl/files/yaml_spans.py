"""Knows where in a YAML text each key and value begins and ends, character by character; it changes nothing.

Only for texts that `compose` read without an error: there are no anchors, tags or second documents in them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal

import yaml
from yaml.events import (
    CollectionStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
)

from planctl.values import dataclass

_COLON = re.compile(r"[ \t]*:")
_COMMENT = re.compile(r"(?<!\S)#[^\r\n]*")


@dataclass(frozen=True, slots=True)
class Span:
    """A node with the half-open range of characters it stands in.

    A block map or list ends with its last value, before the comment and the line end that follow. Nothing
    written (`key:`) is an empty range behind the colon. `style` is the sign of a scalar (`'`, `"`, `|`, `>`),
    empty for a plain one. `flow`: in braces or brackets.
    """

    start: int
    end: int
    kind: Literal["scalar", "map", "list"]
    text: str = ""
    style: str = ""
    flow: bool = False
    pairs: tuple[Pair, ...] = ()
    items: tuple[Span, ...] = ()

    def pair(self, key: str) -> Pair | None:
        """The entry with that key, if this is a map that has it."""
        return next((pair for pair in self.pairs if pair.key.text == key), None)

    @property
    def is_null(self) -> bool:
        """Whether nothing is written."""
        return self.kind == "scalar" and not self.style and self.text in {"", "~", "null"}

    def scalars(self) -> Iterator[Span]:
        """Every key and single value in it, in order."""
        if self.kind == "scalar":
            yield self
        for pair in self.pairs:
            yield pair.key
            yield from pair.value.scalars()
        for item in self.items:
            yield from item.scalars()


@dataclass(frozen=True, slots=True)
class Pair:
    """A key, its value, and where the colon between them ends (the key's end where there is none)."""

    key: Span
    value: Span
    colon: int

    @property
    def end(self) -> int:
        """Where the value ends."""
        return self.value.end


def spans_of(text: str) -> Span:
    """The spans of the one document in `text`; an empty map where it says nothing."""
    return _Spans(text).document()


def comments_in(text: str, root: Span, start: int, end: int) -> list[str]:
    """The comments that stand in a range of the text, each with its `#`."""
    found: list[str] = []
    position = start
    for scalar in root.scalars():
        if scalar.end > start and scalar.start < end:
            found += _COMMENT.findall(text, position, max(position, scalar.start))
            position = max(position, scalar.end)
    return [*found, *_COMMENT.findall(text, position, end)] if position < end else found


class _Spans:
    def __init__(self, text: str) -> None:
        self.text = text
        self.lines = [0]
        for found in re.finditer("\n", text):
            self.lines.append(found.end())

    def document(self) -> Span:
        self.events = yaml.parse(self.text, Loader=yaml.CSafeLoader)
        for event in self.events:
            if isinstance(event, ScalarEvent | CollectionStartEvent):
                found = self.node(event)
                return Span(len(self.text), len(self.text), "map") if found.is_null else found
        return Span(len(self.text), len(self.text), "map")

    def node(self, event: Event) -> Span:
        start, end = self.offset(event.start_mark), self.offset(event.end_mark)
        if isinstance(event, ScalarEvent):
            if event.style in {"|", ">"}:  # the parser stops where the next line begins
                end = start + len(self.text[start:end].rstrip())
            return Span(start, end, "scalar", event.value, event.style or "")
        assert isinstance(event, CollectionStartEvent), event
        flow = bool(event.flow_style)
        if isinstance(event, MappingStartEvent):
            pairs, last = self.pairs()
            end = self.offset(last.end_mark) if flow else pairs[-1].end
            return Span(start, end, "map", flow=flow, pairs=tuple(pairs))
        items, last = self.items()
        end = self.offset(last.end_mark) if flow else items[-1].end
        return Span(start, end, "list", flow=flow, items=tuple(items))

    def pairs(self) -> tuple[list[Pair], Event]:
        found: list[Pair] = []
        while not isinstance(event := next(self.events), MappingEndEvent):
            key, value = self.node(event), self.node(next(self.events))
            colon = _COLON.match(self.text, key.end)
            behind = colon.end() if colon else key.end
            if value.start == value.end:
                value = Span(behind, behind, "scalar")
            found.append(Pair(key, value, behind))
        return found, event

    def items(self) -> tuple[list[Span], Event]:
        found: list[Span] = []
        while not isinstance(event := next(self.events), SequenceEndEvent):
            found.append(self.node(event))
        return found, event

    def offset(self, mark: Any) -> int:
        """The character at which a mark stands; the parser ends a last line that has no end, and stands below it."""
        return self.lines[mark.line] + mark.column if mark.line < len(self.lines) else len(self.text)
