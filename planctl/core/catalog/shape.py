"""Reads the keys of our own JSON documents (snapshots, saved plans), refusing whatever is not as it was written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from hashlib import sha256

from planctl.core.document import Document, canonical
from planctl.core.instants import Instant, parse_instant, zone
from planctl.core.unreadable import Unreadable
from planctl.values import dataclass

SEAL = "sha256"
"""The key of a document's own hash; whoever edits the file by hand breaks it."""

_WHOLE = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)
_EXACT = re.compile(r"-?[0-9]{1,24}(\.[0-9]{1,24})?(/[1-9][0-9]{0,40})?", re.ASCII)
_HEX = re.compile(r"[0-9a-f]{0,64}", re.ASCII)


def sealed(document: Mapping[str, object]) -> dict[str, object]:
    """The document with the hash of all the rest of it."""
    return {**document, SEAL: _seal(document)}


def unsealed(document: Document, form: str, keys: frozenset[str]) -> Shape:
    """A sealed document of the format `form`, with exactly these keys. Unreadable where it is another or was edited."""
    if not isinstance(document, dict) or document.get("format") != form:
        raise Unreadable(f"it is not in the format {form}", _AGAIN)
    rest = {key: value for key, value in document.items() if key != SEAL}
    if document.get(SEAL) != _seal(rest):
        raise Unreadable("it was changed since planctl wrote it", _AGAIN)
    return Shape.of(rest, "", keys)


def _seal(document: Mapping[str, object]) -> str:
    """sha256 over the canonical text, whole numbers as the texts that reading makes of them."""
    return sha256(canonical(as_read(document)).encode()).hexdigest()


def as_read(value: object) -> Document:
    """A value as the reader of JSON files gives it back: numbers as texts."""
    if isinstance(value, bool | str) or value is None:
        return value
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): as_read(item) for key, item in value.items()}
    assert isinstance(value, Sequence), f"{value!r} is not written to JSON"
    return [as_read(item) for item in value]


@dataclass(frozen=True, slots=True)
class Shape:
    """A map of a document and its path. Every method raises Unreadable naming the path at fault."""

    document: dict[str, Document]
    path: str = ""

    @classmethod
    def of(cls, document: Document, path: str, keys: frozenset[str]) -> Shape:
        """A map with these keys, all of them and no others."""
        if not isinstance(document, dict):
            raise Unreadable(f"{path or 'it'} is no map", _AGAIN)
        if document.keys() != keys:
            odd = sorted(document.keys() ^ keys)[0]
            state = "unknown" if odd in document else "missing"
            raise Unreadable(f"{_below(path, odd)} is {state}", _AGAIN)
        return cls(document, path)

    def text(self, key: str) -> str:
        """A text."""
        value = self.document[key]
        if not isinstance(value, str):
            raise self._odd(key, "text")
        return value

    def whole(self, key: str) -> int:
        """A whole number from 0 on."""
        value = self.document[key]
        if not isinstance(value, str) or not _WHOLE.fullmatch(value):
            raise self._odd(key, "a whole number")
        return int(value)

    def flag(self, key: str) -> bool:
        """Either true or false."""
        value = self.document[key]
        if not isinstance(value, bool):
            raise self._odd(key, "true or false")
        return value

    def hash(self, key: str) -> str:
        """Up to 64 hex digits; none is an empty text."""
        value = self.text(key)
        if not _HEX.fullmatch(value):
            raise self._odd(key, "hex digits")
        return value

    def instant(self, key: str) -> Instant:
        """An instant in UTC."""
        try:
            return parse_instant(self.text(key), zone("UTC"))
        except Unreadable as error:
            raise self._odd(key, "an instant") from error

    def exact(self, key: str) -> Fraction:
        """A decimal number or a fraction (`19.5`, `19/3`)."""
        return exact_of(self.document[key], _below(self.path, key))

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts."""
        value = self.document[key]
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self._odd(key, "a list of texts")
        return tuple(str(item) for item in value)

    def map(self, key: str) -> dict[str, Document]:
        """A map with any keys."""
        value = self.document[key]
        if not isinstance(value, dict):
            raise self._odd(key, "a map")
        return value

    def text_map(self, key: str) -> dict[str, str]:
        """A map of texts."""
        value = self.map(key)
        if not all(isinstance(item, str) for item in value.values()):
            raise self._odd(key, "a map of texts")
        return {name: str(item) for name, item in value.items()}

    def maps(self, key: str, keys: frozenset[str]) -> Iterator[Shape]:
        """A list of maps with these keys."""
        value = self.document[key]
        if not isinstance(value, list):
            raise self._odd(key, "a list")
        for index, item in enumerate(value):
            yield Shape.of(item, f"{_below(self.path, key)}[{index}]", keys)

    def decimals(self, key: str) -> dict[str, Decimal]:
        """A map of decimal numbers."""
        found = self.text_map(key)
        for name, text in found.items():
            exact_of(text.replace("/", "?"), f"{_below(self.path, key)}.{name}")
        return {name: Decimal(text) for name, text in found.items()}

    def inner(self, key: str, keys: frozenset[str]) -> Shape:
        """The map below a key."""
        return Shape.of(self.document[key], _below(self.path, key), keys)

    def _odd(self, key: str, expected: str) -> Unreadable:
        return Unreadable(f"{_below(self.path, key)} is not {expected}", _AGAIN)


_AGAIN = "make it again; planctl writes it whole"


def exact_of(value: Document, path: str) -> Fraction:
    """A decimal number or a fraction; Unreadable naming `path`."""
    if not isinstance(value, str) or not _EXACT.fullmatch(value):
        raise Unreadable(f"{path} is not an exact number", _AGAIN)
    above, _, below = value.partition("/")
    return Fraction(Decimal(above)) / int(below or "1")


def _below(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
