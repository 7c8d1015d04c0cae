"""Counts what stands in YAML texts before a tree is made of them; it reads no value and judges no catalog.

Counting takes a sixth of the time of reading, so a catalog with too much in it is refused before any of it is
read. Depth, aliases and directives end the count, for the reader refuses them where they stand.
"""

from __future__ import annotations

from collections.abc import Iterable

import yaml
from yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, ScalarEvent

from planctl.files.yaml_composer import MAX_CATALOG_EVENTS, MAX_DEPTH, has_directive, too_many_values
from planctl.findings import Finding, Place

_MOST_PER_CHARACTER = 3
"""More keys, values and brackets than this no character makes: `[:,:]` makes two of each of its middle ones."""


def values_beyond(texts: Iterable[tuple[str, str]], most: int = MAX_CATALOG_EVENTS) -> Finding | None:
    """The finding `too-many-values` where the texts of a catalog, by name, hold more than `most` together.

    Keys, values and brackets count. The place is where the first one too many stands. A text that is no YAML
    counts as far as it can be read.
    """
    known = tuple(texts)
    if sum(len(text) for _, text in known) * _MOST_PER_CHARACTER <= most:
        return None
    left = most
    for name, text in known:
        counted, beyond = _count(text, name, left)
        if beyond is not None:
            return too_many_values(beyond)
        left -= counted
    return None


def _count(text: str, name: str, most: int) -> tuple[int, Place | None]:
    """How many there are, and where number `most` + 1 stands."""
    if has_directive(text):
        return 0, None
    depth = count = 0
    try:
        for event in iter(yaml.CSafeLoader(text).get_event, None):
            count += 1
            if count > most:
                mark = event.start_mark
                assert mark is not None
                return count, Place(name, mark.line + 1, mark.column + 1)
            if type(event) is ScalarEvent:  # most of them; isinstance on the rest costs as much again
                continue
            if isinstance(event, CollectionStartEvent):
                depth += 1
                if depth > MAX_DEPTH:
                    break
            elif isinstance(event, CollectionEndEvent):
                depth -= 1
            elif isinstance(event, AliasEvent):
                break
    except yaml.YAMLError:
        pass  # the reader says what is wrong
    return count, None
