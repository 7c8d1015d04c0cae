"""Makes hostile inputs of valid ones: bytes, words, lines, trees of JSON; it knows no command and no format of ours.

Every choice is drawn from the `Random` that is given, so that a seed names an input.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

HOSTILE = (
    "", " ", "\t", "\r", "\x00", "\x1b[2J", "\x1b]0;owned\x07", "\x9b31m", "\u202e", "\u2066", "\u200b", "\ufeff",
    "\ud800", "\u2028", "\x7f", "\x85", "İ", "\u0131", "ß", "é", "e\u0301", "👍🏽", "٣", "\uff11\uff12", "²", "½",
    "\U000e0041",
    "=1+1", "=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", "[bold]x[/foo]", "[link=https://a.example]b[/link]",
    "../../x", "a/b", "a\\b", "~", ".", "..", "-", "--", "-f", "--yes", "'", '"', "`id`", "$(id)", "%s", "{0}",
    "0", "-0", "00", "010", "0x1F", "0b1", "1e3", "1.0e+3", "1e999999999", "1_000", "1__0", "1,000", "1.000,00",
    "12:30", "9" * 19, "9" * 40, "9" * 400, "9" * 5_000, "-" + "9" * 30, "0." + "0" * 50 + "1", "1/3", "1/0", "1..9",
    "9..1", ".5", "5.", "1.", "NaN", "inf", "-Infinity", "50%", "-50%", "1e-400%", "nan%",
    "true", "no", "NO", "null", "~", "None", "free", "usage", "unlimited", "none", "now", "newest", "month", "year",
    "0 months", "13 months", "999999 months", "3 days", "-3 days", "1 fortnight", "P1M",
    "2026-01-01", "2026-02-30", "2024-02-29", "0000-01-01", "0001-01-01", "9999-12-31", "10000-01-01", "1969-12-31",
    "2026-01-01T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T23:59:60Z", "2026-03-29T02:30:00",
    "2026-01-01T00:00:00+99:99", "2026-01-01T00:00:00+14:00", "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59.999999-14:00", "2026-01-01T00:00:00.0000001Z", "2026-W01-1", "20260101",
    "USD", "EUR", "usd", "XXX", "JPY", "USDT", "Europe/Berlin", "../etc/localtime", "localtime", "posixrules", "UTC+1",
    "DE", "ZZ", "de_DE", "C", "x" * 200, "x" * 5_000, "ab " * 3_000, "nova", "starter", "pro", "minutes", "seats",
    "acme", "card", "invoice", "INV-2026-00001", "sub_", "{}", "[]", "{", "[", "]", "}", "a: [", "*a", "&a", "!!x",
    "<<", "---", "...", "#", "|", ">", "?", ":", ",", "\n", "\r\n", "\n\n  - ", ": &a", "!!python/object:os.system",
    "!!binary aGk=", "%YAML 1.1", "\\", '"\\ud800"', '"\\x1b"', "<script>", "</td>", "&amp;",
)  # fmt: skip
"""Words that have hurt programs before, and words that mean something in a place where they do not belong."""

BYTES = (
    b"\x00", b"\xff", b"\xfe\xff", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xc0\x80", b"\xf5\x80\x80\x80",
    b"\xc2\x9b", b"\xe2\x80\xae", b"\r", b"\n", b"\t", b'"', b"'", b"\x1b[31m", b"\x80", b"\xe2\x80", b",", b";",
    b"{", b"[", b"]", b"}", b":", b"-", b"\\", b"\\u0000", b"\\ud800", b"9" * 30,
)  # fmt: skip

_TOKENS = re.compile(r"[\w.%]+|\s+|[^\w\s]")
_CARRIERS = re.compile(r"\S")


def text(random: Random, source: str, others: Sequence[str] = ()) -> bytes:
    """A text with one to four changes: of words, lines, indentation, with pieces of `others`, and of bytes at last."""
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 4))):
        source = random.choice(_TEXT)(random, source, others)
    found = source.encode("utf-8", "surrogatepass")
    return bytes_of(random, found) if random.random() < 0.1 else found


def bytes_of(random: Random, source: bytes) -> bytes:
    """The bytes with one to eight changed, put in, taken out, or cut off."""
    found = bytearray(source)
    for _ in range(random.randint(1, 8)):
        at = random.randrange(len(found) + 1)
        match random.randrange(5):
            case 0:
                found[at : at + 1] = bytes([random.randrange(256)])
            case 1:
                found[at:at] = random.choice(BYTES)
            case 2:
                del found[at : at + random.choice((1, 2, 10, 100))]
            case 3:
                found[at:at] = found[at : at + random.choice((1, 10, 100, 1_000))]
            case _ if random.random() < 0.2:
                del found[at:]
            case _:
                found[at : at + 1] = (
                    bytes([found[at] ^ (1 << random.randrange(8))]) if at < len(found) else b""
                )
    return bytes(found)


def word(random: Random) -> str:
    """One hostile word, sometimes glued to another."""
    found = random.choice(HOSTILE)
    return found + random.choice(HOSTILE) if random.random() < 0.1 else found


def tree(random: Random, value: Any, words: Callable[[Random], Any] = word) -> Any:
    """A document of JSON with one to three of its values changed."""
    value = json.loads(json.dumps(value))
    for _ in range(random.choice((1, 1, 2, 3))):
        value = _changed(random, value, words)
    return value


def json_text(random: Random, value: Any) -> bytes:
    """A document changed as a tree, then written, sometimes with a key twice or a comma too many."""
    found = json.dumps(tree(random, value), ensure_ascii=random.random() < 0.5)
    match random.randrange(12):
        case 0:
            found = re.sub(r'("[a-z_]+": )', r"\1 0, \1", found, count=1)
        case 1:
            return text(random, found)
        case 2:
            return bytes_of(random, found.encode("utf-8", "surrogatepass"))
    return found.encode("utf-8", "surrogatepass")


# --- changes of a text


def _replace_word(random: Random, source: str, _others: Sequence[str]) -> str:
    tokens = _TOKENS.findall(source)
    places = [place for place, token in enumerate(tokens) if _CARRIERS.match(token)]
    if places:
        tokens[random.choice(places)] = word(random)
    return "".join(tokens)


def _swap_words(random: Random, source: str, _others: Sequence[str]) -> str:
    tokens = _TOKENS.findall(source)
    if len(tokens) > 1:
        one, other = random.randrange(len(tokens)), random.randrange(len(tokens))
        tokens[one] = tokens[other]
    return "".join(tokens)


def _drop_words(random: Random, source: str, _others: Sequence[str]) -> str:
    tokens = _TOKENS.findall(source)
    if tokens:
        at = random.randrange(len(tokens))
        del tokens[at : at + random.choice((1, 1, 2, 5))]
    return "".join(tokens)


def _put_in(random: Random, source: str, _others: Sequence[str]) -> str:
    at = random.randrange(len(source) + 1)
    return source[:at] + word(random) + source[at:]


def _lines(random: Random, source: str, others: Sequence[str]) -> str:
    lines = source.split("\n")
    at = random.randrange(len(lines))
    match random.randrange(6):
        case 0:
            del lines[at]
        case 1:
            lines.insert(at, lines[random.randrange(len(lines))])
        case 2:
            lines[at] = " " * random.choice((1, 2, 4, 40)) + lines[at]
        case 3:
            lines[at] = lines[at].lstrip()
        case 4:
            lines[at:at] = [lines[at]] * random.choice((2, 10, 500))
        case _ if others:
            foreign = random.choice(others).split("\n")
            begin = random.randrange(len(foreign))
            lines[at:at] = foreign[begin : begin + random.randint(1, 12)]
    return "\n".join(lines)


def _repeat(random: Random, source: str, _others: Sequence[str]) -> str:
    at = random.randrange(len(source) + 1)
    piece = source[at : at + random.choice((1, 1, 3, 12))]
    return source[:at] + piece * random.choice((2, 40, 40, 2_000)) + source[at:]


def _cut(random: Random, source: str, _others: Sequence[str]) -> str:
    return source[: random.randrange(len(source) + 1)]


_TEXT = (
    _replace_word, _replace_word, _replace_word, _replace_word, _swap_words, _swap_words, _drop_words,
    _put_in, _put_in, _lines, _lines, _lines, _repeat, _cut,
)  # fmt: skip


# --- changes of a tree


def _changed(random: Random, value: Any, words: Callable[[Random], Any]) -> Any:
    if isinstance(value, dict) and value and random.random() < 0.85:
        key = random.choice(list(value))
        match random.randrange(8):
            case 0:
                del value[key]
            case 1:
                value[str(words(random))] = value[key]
            case _:
                value[key] = _changed(random, value[key], words)
        return value
    if isinstance(value, list) and value and random.random() < 0.85:
        at = random.randrange(len(value))
        match random.randrange(8):
            case 0:
                del value[at]
            case 1:
                value += value[at : at + 1] * random.choice((1, 2, 50))
            case _:
                value[at] = _changed(random, value[at], words)
        return value
    return random.choice(_VALUES)(random, value, words)


_VALUES: tuple[Callable[[Random, Any, Callable[[Random], Any]], Any], ...] = (
    lambda random, value, words: words(random),
    lambda random, value, words: words(random),
    lambda random, value, words: words(random),
    lambda random, value, words: random.choice((None, True, False, 0, -1, 1.5, 10**30, 2**63, [], {}, "")),
    lambda random, value, words: [value],
    lambda random, value, words: {"id": value},
    lambda random, value, words: str(value),
    lambda random, value, words: value + words(random) if isinstance(value, str) else words(random),
    lambda random, value, words: (
        value + random.choice((1, -1, 10**9)) if type(value) is int else words(random)
    ),
    lambda random, value, words: _nested(random.choice((5, 40, 900))),
)


def _nested(depth: int) -> Any:
    found: Any = 0
    for _ in range(depth):
        found = [found]
    return found
