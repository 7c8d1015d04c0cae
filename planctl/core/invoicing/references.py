"""Finds invoices that a text names, such as a bank's reference. It knows numbers as texts and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_SHORTEST = 4
"""Letters and digits that an invoice's number needs to be looked for in a text."""
_WORDS = re.compile(r"[^\W_]+")


def by_letters(numbers: Iterable[str]) -> dict[str, str]:
    """Numbers by their letters and digits alone; those too short to be found in a text are left out."""
    found = ((number, "".join(_WORDS.findall(number)).upper()) for number in numbers)
    return {plain: number for number, plain in found if len(plain) >= _SHORTEST}


def named_in(reference: str, numbers: Mapping[str, str]) -> list[str]:
    """The invoices named in a text, by number; `numbers` gives each under its letters and digits alone.

    Banks put spaces into numbers, drop hyphens and shout: `inv 2026 00001` names INV-2026-00001. A number is
    found only whole: one that is the beginning of another is not.
    """
    words = [word.upper() for word in _WORDS.findall(reference)]
    found: dict[str, None] = {}
    for start in range(len(words)):
        for end in range(start + 1, min(start + 7, len(words) + 1)):
            number = numbers.get("".join(words[start:end]))
            if number is not None:
                found[number] = None
    return list(found)
