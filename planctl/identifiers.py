"""The one door that makes ids: sortable by the instant they were made, never guessed, never reused."""

from __future__ import annotations

import secrets

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base 32: no i, l, o, u


def _base32(value: int, length: int) -> str:
    digits = []
    for _ in range(length):
        value, digit = divmod(value, 32)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


def new_id(prefix: str, at: int) -> str:
    """A fresh id such as `sub_01hq…`: `prefix`, 11 characters of the instant `at` (UTC microseconds), 12 random.

    Ids made at different instants sort by those instants, so a list ordered by id is ordered by time.
    """
    return f"{prefix}_{_base32(max(at, 0), 11)}{_base32(secrets.randbits(60), 12)}"
