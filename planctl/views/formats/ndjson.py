"""One JSON object a line: the items of a list, or the one object."""

from __future__ import annotations

from collections.abc import Iterator

from planctl.views.formats import Screen
from planctl.views.formats.json import text_of
from planctl.views.formats.values import document_of
from planctl.views.sheet import Answer


def render(answer: Answer, _screen: Screen) -> Iterator[str]:
    """Each object on its own line."""
    document = document_of(answer)
    if isinstance(document, list | tuple):
        for item in document:
            yield text_of(item)
    elif document is not None:
        yield text_of(document)
