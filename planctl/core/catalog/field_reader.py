"""Reads the fields of one catalog object with their defaults; it knows no object's list of fields."""

from __future__ import annotations

from collections.abc import Mapping as Map
from datetime import date
from decimal import Decimal
from typing import TypeVar

from planctl.core.document import Mapping, Node, Scalar
from planctl.core.periods import parse_date
from planctl.core.reading import Reader
from planctl.values import dataclass

Word = TypeVar("Word", bound=str)


@dataclass(frozen=True, slots=True)
class FieldReader:
    """The fields of one mapping; each method answers the default where the key is absent or unreadable."""

    node: Mapping
    reader: Reader

    def word(
        self, key: str, default: Word, allowed: tuple[Word, ...], synonyms: Map[str, Word] | None = None
    ) -> Word:
        """One of a few words; `synonyms` are other spellings that mean one of them."""
        node = self.node.get(key)
        if isinstance(node, Scalar) and synonyms and node.text in synonyms:
            return synonyms[node.text]
        written = self.reader.choice(node, key, allowed)
        return next((word for word in allowed if word == written), default)

    def flag(self, key: str, default: bool = False) -> bool:
        """True or false."""
        value = self.reader.boolean(self.node.get(key), key)
        return default if value is None else value

    def text(self, key: str, default: str = "") -> str:
        """One text; empty counts as absent."""
        return self.reader.text(self.node.get(key), key) or default

    def identifier(self, key: str) -> str:
        """An id, or an empty text where there is none."""
        return self.reader.identifier(self.node.get(key), key) or ""

    def whole(self, key: str, *, minimum: int = 0) -> int | None:
        """A whole number."""
        return self.reader.integer(self.node.get(key), key, minimum=minimum)

    def fees(self, key: str) -> dict[str, Decimal]:
        """An amount per currency with at most the currency's decimals."""
        return self.reader.amounts(self.node.get(key), key, fee=True)

    def day(self, key: str) -> date | None:
        """A calendar date such as 2026-12-31."""
        return calendar_date(self.node.get(key), key, self.reader)

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts (one text stands for a list of one); a repeated one is an error."""
        return unique_texts(self.node.get(key), key, self.reader)

    def text_map(self, key: str) -> dict[str, str]:
        """A map of texts, such as `where` or `metadata`."""
        section = self.reader.mapping(self.node.get(key), key)
        found: dict[str, str] = {}
        for entry in section.entries if section else ():
            name = self.reader.text(entry.key, f"a key of {key}")
            value = self.reader.text(entry.value, f"{key}.{entry.key.text}")
            if name and value is not None:
                found[name] = value
        return found


def unique_texts(node: Node | None, what: str, reader: Reader) -> tuple[str, ...]:
    """The texts of a list in the order written, each once."""
    found: dict[str, None] = {}
    for item in reader.sequence(node, what):
        text = reader.text(item, f"an entry of {what}")
        if text in found:
            reader.error(item.place, "duplicate", f"{what} names {text!r} twice", hint="remove one")
        elif text:
            found[text] = None
    return tuple(found)


def calendar_date(node: Node | None, what: str, reader: Reader) -> date | None:
    """A calendar date such as 2026-12-31."""
    scalar = reader.scalar(node, what)
    if scalar is None:
        return None
    try:
        return parse_date(scalar.text)
    except ValueError as problem:
        expected = "a date such as 2026-12-31"
        reader.error(
            scalar.place, "date", f"{what} is not a date: {problem}", got=scalar.text, expected=expected
        )
        return None


def known_word(node: Scalar, what: str, known: frozenset[str], reader: Reader, rule: str) -> bool:
    """Whether `node` names something known; else an error with a near miss."""
    if node.text in known:
        return True
    reader.error(node.place, rule, f'unknown {what} "{node.text}"', hint=reader.near(node.text, known))
    return False
