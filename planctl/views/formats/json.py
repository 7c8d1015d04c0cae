"""One JSON object or array; amounts are strings, a float is a mistake of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from planctl.views.formats import Screen
from planctl.views.formats.values import document_of
from planctl.views.sheet import Answer, Json


def render(answer: Answer, _screen: Screen) -> Iterator[str]:
    """The document, indented by two."""
    yield from text_of(document_of(answer), indent=2).split("\n")


def text_of(document: Json, indent: int | None = None) -> str:
    """JSON text; characters that move a terminal are escaped, all others are written as they are."""
    separators = (",", ":") if indent is None else (",", ": ")
    plain = json.dumps(checked(document), ensure_ascii=False, indent=indent, separators=separators)
    return "".join(character if harmless(character) else escaped(character) for character in plain)


def checked(document: Json) -> Json:
    """The same document in plain dicts and lists; a float or another type is refused."""
    if isinstance(document, Mapping):
        return {str(key): checked(value) for key, value in document.items()}
    if isinstance(document, list | tuple):
        return [checked(value) for value in document]
    if document is None or isinstance(document, bool | int | str):
        return document
    raise TypeError(f"{type(document).__name__} has no form in JSON")


def harmless(character: str) -> bool:
    """Whether a terminal shows the character and nothing else; line ends of the layout are."""
    return character.isprintable() or character == "\n"


def escaped(character: str) -> str:
    """The character as JSON escapes it, by UTF-16 code units."""
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
