"""The tree a catalog file is read into: scalars keep their source text, everything keeps its place.

It knows nothing about YAML or about catalogs. A document (plain dicts, lists, strings, booleans) becomes
the same tree with `node_of`, so stored terms and files are read by the same code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping as MappingABC
from json.encoder import encode_basestring

from planctl.findings import NOWHERE, Place
from planctl.values import dataclass

Document = None | bool | str | list["Document"] | dict[str, "Document"]


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value as written. `quoted` scalars are always text; plain ones mean what the reader expects."""

    text: str
    place: Place = NOWHERE
    quoted: bool = False

    @property
    def is_null(self) -> bool:
        """Whether nothing was written (`key:`, `~` or `null`)."""
        return not self.quoted and self.text in {"", "~", "null"}


@dataclass(frozen=True, slots=True)
class Entry:
    """A key and its value in a mapping."""

    key: Scalar
    value: Node


@dataclass(frozen=True, slots=True)
class Mapping:
    """Entries in the order written; keys are unique (a duplicate is a finding and its later value is dropped)."""

    entries: tuple[Entry, ...]
    place: Place = NOWHERE

    def get(self, key: str) -> Node | None:
        """The value of `key`, or None where it is absent."""
        for entry in self.entries:
            if entry.key.text == key:
                return entry.value
        return None

    def key_place(self, key: str) -> Place:
        """Where `key` is written; the mapping's own place where it is absent."""
        for entry in self.entries:
            if entry.key.text == key:
                return entry.key.place
        return self.place


@dataclass(frozen=True, slots=True)
class Sequence:
    """Items in order."""

    items: tuple[Node, ...]
    place: Place = NOWHERE


Node = Scalar | Mapping | Sequence


@dataclass(frozen=True, slots=True)
class Put:
    """Set the value at a path of keys and list indexes, as they are written; keys that are missing are made."""

    path: tuple[str | int, ...]
    value: Document


@dataclass(frozen=True, slots=True)
class Take:
    """Take the key at a path away, with its value."""

    path: tuple[str | int, ...]


Edit = Put | Take
"""One change of a tree, for those who keep the text that it was read from."""


def node_of(document: Document, place: Place = NOWHERE) -> Node:
    """The tree of a plain document; every node gets the same `place`."""
    if isinstance(document, dict):
        return Mapping(
            tuple(Entry(Scalar(key, place), node_of(value, place)) for key, value in document.items()), place
        )
    if isinstance(document, list):
        return Sequence(tuple(node_of(item, place) for item in document), place)
    if document is None:
        return Scalar("null", place)
    if isinstance(document, bool):
        return Scalar("true" if document else "false", place)
    return Scalar(document, place, quoted=document in {"", "~", "null"})


def canonical(document: Document) -> str:
    """The one text of a document: JSON with sorted keys, no spaces, numbers as decimal strings, no escapes.

    Equal documents have equal texts, so hashes of it identify content.
    """
    return _CANONICAL.encode(document)


_CANONICAL = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False
)  # made once: `json.dumps` makes one for every call


def quoted(text: str) -> str:
    """The canonical text of a text."""
    return encode_basestring(text)


def document_of(text: str) -> Document:
    """The document of a canonical text."""
    value: Document = json.loads(text)
    return value


def leaves(document: Document, prefix: str = "") -> dict[str, Document]:
    """Every leaf of a document by its dotted path; list items are `[0]`, empty containers are leaves."""
    found: dict[str, Document] = {}
    if isinstance(document, MappingABC) and document:
        for key, value in document.items():
            found |= leaves(value, f"{prefix}.{key}" if prefix else key)
    elif isinstance(document, list) and document and any(isinstance(i, dict | list) for i in document):
        for index, value in enumerate(document):
            found |= leaves(value, f"{prefix}[{index}]")
    else:
        found[prefix] = document
    return found
