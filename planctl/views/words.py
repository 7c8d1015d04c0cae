"""Small words that several views share: counts, exact numbers, terms, instants and days, a length of time."""

from __future__ import annotations

from fractions import Fraction
from zoneinfo import ZoneInfo

from planctl.core.document import Document
from planctl.core.instants import (
    DAY_MICROSECONDS,
    HOUR_MICROSECONDS,
    MINUTE_MICROSECONDS,
    Instant,
    instant_text,
    local_date,
)
from planctl.core.money import fraction_text, round_half_up


def count(number: int, noun: str, nouns: str = "") -> str:
    """`1 customer`, `2 customers`."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def exact_decimal(value: Fraction) -> str:
    """A quantity or unit price as a decimal text: exact where it ends, else 12 decimals, half up."""
    text = fraction_text(value)
    return text if "/" not in text else fraction_text(Fraction(round_half_up(value, 12), 10**12))


def maybe(at: int | None) -> str | None:
    """An instant as RFC 3339, or nothing."""
    return None if at is None else instant_text(Instant(at))


def day_text(at: int | None, tz: ZoneInfo, absent: str = "-") -> str:
    """The local day of an instant, `2026-01-31`; `absent` where there is none."""
    return absent if at is None else local_date(Instant(at), tz).isoformat()


def age_text(age: int) -> str:
    """A length of time in microseconds for people: `3 d`, `26 h`, `5 min`; days from two of them on."""
    if age >= 2 * DAY_MICROSECONDS:
        return f"{age // DAY_MICROSECONDS:,} d"
    if age >= HOUR_MICROSECONDS:
        return f"{age // HOUR_MICROSECONDS} h"
    return f"{age // MINUTE_MICROSECONDS} min"


def said_text(value: Document) -> str:
    """A term's value in one line."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return ", ".join(said_text(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {said_text(item)}" for key, item in value.items())
    return value or ""
