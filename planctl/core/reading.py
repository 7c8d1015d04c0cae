"""Typed values out of a document tree, every complaint collected with its place; it knows no catalog section.

Each method returns None after reporting a finding, so a caller goes on and all findings come in one run.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from itertools import islice

from planctl.core.currencies import Currency
from planctl.core.document import Entry, Mapping, Node, Scalar, Sequence
from planctl.core.money import NumberError, decimals_used, parse_decimal
from planctl.core.periods import Interval
from planctl.findings import Finding, Level, Place

IDENTIFIER = re.compile(r"[a-z][a-z0-9_-]{0,62}", re.ASCII)
_BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
TRUE = {"true", "yes", "on", "True", "TRUE", "Yes", "YES", "On", "ON"}
FALSE = {"false", "no", "off", "False", "FALSE", "No", "NO", "Off", "OFF"}


LONGEST_WORD = 64
"""A longer word is no slip of the pen; looking for its neighbours would cost much."""

MOST_LISTED = 40
"""Known words that a hint lists; of more it says how many there are."""


def closest(word: str, known: Collection[str]) -> str:
    """`did you mean "x"?` for the nearest known word, or an empty text.

    A word of the same letters is nearest, whatever their case and order.
    """
    if len(word) > LONGEST_WORD:
        return ""
    letters = sorted(word.lower())
    same = (other for other in known if len(other) == len(word) and sorted(other.lower()) == letters)
    import difflib  # only a mistake needs it

    near = list(islice(same, 1)) or difflib.get_close_matches(word, sorted(known), n=1)
    return f'did you mean "{near[0]}"?' if near else ""


def listed(known: Collection[str]) -> str:
    """`known: a, b`, in order; how many there are where that is more than anybody reads."""
    if len(known) > MOST_LISTED:
        return f"it is none of the {len(known):,} that are known"
    return "known: " + (", ".join(sorted(known)) or "none")


def unsafe_character(text: str) -> str:
    """The name of the first control, surrogate or bidi character in `text`, or an empty text."""
    for character in text:
        if unicodedata.category(character) in {"Cc", "Cs"} or character in _BIDI:
            return f"U+{ord(character):04X}"
    return ""


@dataclass(slots=True)
class Reader:
    """Collects findings while values are read; `currencies` are those the catalog declares."""

    currencies: dict[str, Currency] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    comparisons: int = 10_000
    """How many known words are still compared with unknown ones, so that many mistakes cost little."""

    def near(self, word: str, known: Collection[str]) -> str:
        """A near miss, or else what is known; nothing is compared where too much was already."""
        hint = closest(word, known) if len(known) <= self.comparisons else ""
        self.comparisons -= min(self.comparisons, len(known))
        return hint or listed(known)

    def error(  # noqa: PLR0913 - a finding's fields, by name
        self, place: Place, rule: str, message: str, *, expected: str = "", got: str = "", hint: str = ""
    ) -> None:
        """Report an error."""
        self.findings.append(Finding(rule, message, place, Level.ERROR, expected, got, hint))

    def warn(self, place: Place, rule: str, message: str, *, hint: str = "") -> None:
        """Report a warning."""
        self.findings.append(Finding(rule, message, place, Level.WARNING, hint=hint))

    def mapping(self, node: Node | None, what: str, known: Collection[str] = ()) -> Mapping | None:
        """`node` as a mapping; with `known`, every other key is an `unknown-key` error with a near miss.

        A null (`key:` with nothing) is an empty mapping. An absent node is None without a finding.
        """
        if node is None:
            return None
        if isinstance(node, Scalar) and node.is_null:
            return Mapping((), node.place)
        if not isinstance(node, Mapping):
            self.error(node.place, "type", f"{what} must be a map of keys and values", got=shown(node))
            return None
        for entry in node.entries if known else ():
            if entry.key.text not in known:
                hint = self.near(entry.key.text, known)
                self.error(
                    entry.key.place, "unknown-key", f'unknown key "{entry.key.text}" in {what}', hint=hint
                )
        return node

    def lacks(self, node: Mapping, key: str, known: Collection[str]) -> bool:
        """Whether `key` is absent, and no unknown key is a slip of the pen for it, which is a finding already."""
        if node.get(key) is not None:
            return False
        strange = (entry.key.text for entry in node.entries[:MOST_LISTED] if entry.key.text not in known)
        return not any(f'"{key}"' in closest(word, known) for word in strange)

    def by_id(self, node: Node | None, what: str) -> Iterator[Entry]:
        """The entries of a section keyed by id; a malformed id is an error and is left out."""
        section = self.mapping(node, what)
        for entry in section.entries if section else ():
            if self.identifier(entry.key, f"an id in {what}") is not None:
                yield entry

    def sequence(self, node: Node | None, what: str) -> tuple[Node, ...]:
        """The items of a list; a single scalar stands for a list of one."""
        if node is None or (isinstance(node, Scalar) and node.is_null):
            return ()
        if isinstance(node, Sequence):
            return node.items
        if isinstance(node, Scalar):
            return (node,)
        self.error(node.place, "type", f"{what} must be a list", got=shown(node))
        return ()

    def scalar(self, node: Node | None, what: str) -> Scalar | None:
        """`node` as one written value."""
        if node is None:
            return None
        if not isinstance(node, Scalar):
            self.error(node.place, "type", f"{what} must be a single value", got=shown(node))
            return None
        return node

    def text(self, node: Node | None, what: str) -> str | None:
        """Text as written (`NO`, `1e3` and `12:30` are text here), without control or bidi characters."""
        scalar = self.scalar(node, what)
        if scalar is None:
            return None
        unsafe = unsafe_character(scalar.text.replace("\n", " "))
        if unsafe:
            self.error(scalar.place, "character", f"{what} contains the character {unsafe}", hint="remove it")
            return None
        return "" if scalar.is_null else scalar.text

    def identifier(self, node: Node | None, what: str) -> str | None:
        """An id: a lower-case letter, then up to 62 letters, digits, `_` or `-`."""
        scalar = self.scalar(node, what)
        if scalar is None:
            return None
        if not IDENTIFIER.fullmatch(scalar.text):
            self.error(
                scalar.place,
                "id",
                f"{what} is not an id",
                got=scalar.text,
                expected="a lower-case letter, then letters, digits, _ or - (at most 63)",
            )
            return None
        return scalar.text

    def choice(self, node: Node | None, what: str, allowed: Collection[str]) -> str | None:
        """One of a few words."""
        scalar = self.scalar(node, what)
        if scalar is None:
            return None
        if scalar.text not in allowed:
            self.error(
                scalar.place,
                "choice",
                f"{what} cannot be {scalar.text!r}",
                got=scalar.text,
                expected=" | ".join(allowed),
                hint=closest(scalar.text, allowed),
            )
            return None
        return scalar.text

    def boolean(self, node: Node | None, what: str) -> bool | None:
        """True or false, as a person writes them (yes, no, on, off too)."""
        scalar = self.scalar(node, what)
        if scalar is None:
            return None
        if scalar.text in TRUE:
            return True
        if scalar.text in FALSE:
            return False
        self.error(scalar.place, "boolean", f"{what} must be true or false", got=scalar.text)
        return None

    def number(
        self, node: Node | None, what: str, *, minimum: int | None = 0, decimals: int = 12
    ) -> Decimal | None:
        """An exact number with at most `decimals` decimals, at least `minimum` (None: any)."""
        scalar = self.scalar(node, what)
        if scalar is None:
            return None
        try:
            value = parse_decimal(scalar.text, allow_underscores=True)
        except NumberError as problem:
            self.error(scalar.place, "number", f"{what} is not a number: {problem}", got=scalar.text)
            return None
        places = decimals_used(value)
        if places > decimals:
            message = f"{what} has {places} decimal{'s' * (places > 1)}"
            expected = f"at most {decimals}" if decimals else "a whole number"
            self.error(scalar.place, "decimals", message, got=scalar.text, expected=expected)
            return None
        if minimum is not None and value < minimum:
            self.error(scalar.place, "range", f"{what} must be at least {minimum}", got=scalar.text)
            return None
        return value

    def integer(self, node: Node | None, what: str, *, minimum: int = 0, maximum: int = 10**15) -> int | None:
        """A whole number between `minimum` and `maximum`."""
        value = self.number(node, what, minimum=minimum, decimals=0)
        if value is None:
            return None
        if value > maximum:
            assert isinstance(node, Scalar)
            self.error(node.place, "range", f"{what} must be at most {maximum}", got=node.text)
            return None
        return int(value)

    def ratio(self, node: Node | None, what: str) -> Fraction | None:
        """A positive number or a fraction such as `1/10`."""
        scalar = self.scalar(node, what)
        if scalar is None:
            return None
        above, slash, below = scalar.text.partition("/")
        try:
            numbers = [
                Fraction(parse_decimal(text.strip(), allow_underscores=True))
                for text in (above, below if slash else "1")
            ]
            value = numbers[0] / numbers[1]
        except (NumberError, ZeroDivisionError) as problem:
            why = "it divides by 0" if isinstance(problem, ZeroDivisionError) else problem
            self.error(
                scalar.place, "number", f"{what} is not a number or a fraction: {why}", got=scalar.text
            )
            return None
        if value <= 0:
            self.error(scalar.place, "range", f"{what} must be above 0", got=scalar.text)
            return None
        return value

    def percent(self, node: Node | None, what: str) -> Decimal | None:
        """`19%` or `2.9 %` as an exact fraction of 1 (0.19, 0.029)."""
        scalar = self.scalar(node, what)
        if scalar is None:
            return None
        if not scalar.text.endswith("%"):
            self.error(
                scalar.place, "percent", f"{what} needs a percent sign", got=scalar.text, expected="e.g. 19%"
            )
            return None
        try:
            return _hundredth(parse_decimal(scalar.text[:-1].strip(), allow_underscores=True))
        except NumberError as problem:
            self.error(scalar.place, "number", f"{what} is not a percentage: {problem}", got=scalar.text)
            return None

    def days(self, node: Node | None, what: str) -> int | None:
        """`7 days`, `1 day` or `0 days`."""
        scalar = self.scalar(node, what)
        if scalar is None:
            return None
        match = re.fullmatch(r"(0|[1-9][0-9]{0,3}) days?", scalar.text, re.ASCII)
        if match is None:
            bare = re.fullmatch(r"0|[1-9][0-9]{0,3}", scalar.text, re.ASCII)
            hint = f"write {scalar.text} day{'s' * (scalar.text != '1')}" if bare else ""
            message = f"{what} must be a number of days"
            self.error(scalar.place, "days", message, got=scalar.text, expected="e.g. 7 days", hint=hint)
            return None
        return int(match[1])

    def interval(self, node: Node | None, what: str) -> Interval | None:
        """`month`, `3 months`, `2 weeks`, `once` …"""
        scalar = self.scalar(node, what)
        if scalar is None:
            return None
        try:
            return Interval.parse(scalar.text)
        except ValueError as problem:
            self.error(
                scalar.place,
                "interval",
                f"{what} is not an interval: {problem}",
                got=scalar.text,
                expected="once | day | week | month | year, or a count such as 3 months",
            )
            return None

    def amounts(self, node: Node | None, what: str, *, fee: bool = False) -> dict[str, Decimal]:
        """An amount per declared currency (`{USD: 19, EUR: 18}`); a fee has at most the currency's decimals."""
        found: dict[str, Decimal] = {}
        section = self.mapping(node, what)
        for entry in section.entries if section else ():
            currency = self.currency(entry.key)
            if currency is None:
                continue
            limit = currency.decimals if fee else 12
            value = self.number(entry.value, f"{what} in {currency.code}", decimals=limit)
            if value is not None:
                found[currency.code] = value
        return found

    def currency(self, node: Node) -> Currency | None:
        """A declared currency by its code."""
        scalar = self.scalar(node, "a currency")
        if scalar is None:
            return None
        currency = self.currencies.get(scalar.text)
        if currency is None:
            known = ", ".join(islice(self.currencies, MOST_LISTED)) or "none"
            near = self.near(scalar.text, self.currencies)
            hint = near if near.startswith("did") else f"not declared; known: {known}"
            self.error(scalar.place, "currency-unknown", f'unknown currency "{scalar.text}"', hint=hint)
        return currency


def _hundredth(value: Decimal) -> Decimal:
    """Exactly a hundredth: the decimal point moves, no context rounds."""
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    return Decimal((sign, digits, exponent - 2))


def shown(node: Node) -> str:
    """What stands there, for a message: a value, `a map` or `a list`."""
    if isinstance(node, Scalar):
        return node.text
    return "a map" if isinstance(node, Mapping) else "a list"
