"""Reads the parts of Stripe's objects that may be missing, unfolded or of another shape. It knows no object's meaning.

Source: https://docs.stripe.com/api/expanding_objects.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from planctl.core.periods import Instant
from planctl.core.stripe.model import Value

_ID = re.compile(r"[A-Za-z0-9_-]{1,255}", re.ASCII)
"""It becomes a part of a path, so that nothing else may be in it."""


def map_of(found: object) -> Mapping[str, Value]:
    """A map, empty where it is none."""
    return found if isinstance(found, dict) else {}


def text_of(found: Mapping[str, object], name: str) -> str:
    """A text under a name, empty where there is none."""
    value = found.get(name)
    return value if isinstance(value, str) else ""


def number_of(found: Mapping[str, object], name: str) -> int:
    """A whole number under a name, 0 where there is none."""
    value = found.get(name)
    return value if isinstance(value, int) else 0


def id_of(found: object) -> str:
    """An id, given as it is or with its object unfolded around it; empty where there is none that could be one."""
    if isinstance(found, Mapping):
        found = found.get("id")
    return found if isinstance(found, str) and _ID.fullmatch(found) else ""


def metadata_of(found: Mapping[str, object], name: str) -> str:
    """What an object's metadata say under a name, empty where they say nothing."""
    return text_of(map_of(found.get("metadata")), name)


def instant_of(seconds: int) -> Instant:
    """An instant from Stripe's seconds."""
    return Instant(seconds * 1_000_000)
