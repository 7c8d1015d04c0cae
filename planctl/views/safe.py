"""Makes text from data safe to print: nothing in it can move the cursor, hide or reorder what is read.

It knows characters and what secrets look like, not what a text means; markup of a terminal library is the
caller's to avoid.
"""

from __future__ import annotations

import re
import unicodedata

# Control (Cc), format (Cf: bidi, zero-width, tags), surrogate (Cs), line and paragraph separator (Zl, Zp).
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# Letters and marks by category, yet nothing is seen: the Hangul fillers and the grapheme joiner.
_HIDDEN_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
_NAMED = {"\n": r"\n", "\r": r"\r", "\t": r"\t", "\x7f": "\u2421"}
_WIDE = frozenset({"W", "F"})

_SECRETS = (
    (("earer ", "EARER "), re.compile(r"\b(bearer +)[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE), r"\1…"),
    # What stands before may not be a letter or a digit: `desk_test_2026abcd` is somebody's plan.
    (("_test_", "_live_"), re.compile(r"(?<![A-Za-z0-9])([srp]k_(?:test|live)_)[A-Za-z0-9_]{8,}"), r"\1…"),
    (("whsec_",), re.compile(r"(?<![A-Za-z0-9])(whsec_)[A-Za-z0-9_+/=-]{8,}"), r"\1…"),
    # A backslash and what follows go together, so that no quote of JSON loses the one that escapes it.
    (("://",), re.compile(r"(://[^\s/@:?#\"'<>,(){}]*):(?:\\\S|[^\s/?#\"'<>\\])+@"), r"\1:***@"),
    (("assword=", "ASSWORD="), re.compile(r"\b(password=)(?:\\\S|[^\s&#'\"\\])+", re.IGNORECASE), r"\1***"),
)
"""What a text holds where it may hold a secret, how that looks, and what is shown instead."""


def safe(text: str, limit: int | None = None) -> str:
    """`text` with every invisible character shown: ESC as `␛`, U+202E as `\\u202e`, a line end as `\\n`.

    Control characters below 32 and DEL become the symbols of Unicode's Control Pictures, but `\\n`, `\\r`
    and `\\t`; other controls, bidi and zero-width characters, line separators and lone surrogates become
    escapes. Everything else is unchanged. A result longer than `limit` characters is cut and ends in `…`;
    no escape is cut in two. `limit` is at least 1.

    Source: CVE-2021-25743 and CVE-2021-42574 for what such characters do on a terminal and in a review.
    """
    # What nearly all text is: nothing that is printable is of a hidden category.
    if text.isprintable() and (text.isascii() or _HIDDEN_LETTERS.isdisjoint(text)):
        return text if limit is None or len(text) <= limit else text[: limit - 1] + "…"
    if limit is None:
        return "".join(map(_shown, text))
    shown: list[str] = []
    length, fitting = 0, 0
    for character in text:
        piece = _shown(character)
        length += len(piece)
        if length > limit:
            return "".join(shown[:fitting]) + "…"
        shown.append(piece)
        fitting += length < limit  # pieces that leave room for the …
    return "".join(shown)


def redacted(text: str) -> str:
    """`text` without secrets: of a key of Stripe's, a webhook's secret, a bearer token only the kind is left.

    The password in an address becomes `***`. It is the second line of defence: what is printed should hold none.
    Source: planctl reliability rules, security: secrets; https://docs.stripe.com/keys.
    """
    for marks, pattern, shown in _SECRETS:
        if any(mark in text for mark in marks):
            text = pattern.sub(shown, text)
    return text


def width(text: str) -> int:
    """About how many columns `text` takes on a terminal: East Asian wide ones two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(_columns(character) for character in text)


def _shown(character: str) -> str:
    if character in _NAMED:
        return _NAMED[character]
    if character < " ":
        return chr(0x2400 + ord(character))
    if unicodedata.category(character) in _HIDDEN_CATEGORIES or character in _HIDDEN_LETTERS:
        code = ord(character)
        return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
    return character


def _columns(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in _WIDE else 1
