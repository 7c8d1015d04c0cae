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

    Ids made at different instants sort by those instants, so a list ordered by id is ordered by time. Ids of
    one prefix that one process makes in a row for the same instant sort in the order they were made.
    """
    return f"{prefix}_{_base32(max(at, 0), 11)}{_base32(_tail(prefix, at), 12)}"


_last: dict[str, tuple[int, int]] = {}
"""The instant and the random part of the last id of each prefix."""


def _tail(prefix: str, at: int) -> int:
    """60 bits: half of them free for what follows at the same instant, by random steps that nobody foresees."""
    before, tail = _last.get(prefix, (-1, 0))
    tail = tail + 1 + secrets.randbits(32) if before == at else secrets.randbits(59)
    assert tail < 1 << 60, f"no more ids can be made for the instant {at}"
    _last[prefix] = (at, tail)
    return tail
