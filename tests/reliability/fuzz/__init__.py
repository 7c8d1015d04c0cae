"""Hostile input for every door of planctl: what comes as files, as words, over the wire, and as the store itself.

Each `…_part` is one part of a soak: PART inputs under a seed; AssertionError names those that broke a rule.
"""

from __future__ import annotations

from collections.abc import Callable

PART = 10_000
"""Inputs in a part of a soak."""


def part_of(name: str) -> Callable[[int], int]:
    """A target's part, for the soak: it takes a seed, and says how many inputs it tried."""

    def part(seed: int) -> int:
        from tests.reliability.fuzz.trying import attack

        attack(name, seed, PART)
        return PART

    return part


catalog_part = part_of("catalog")
usage_part = part_of("usage")
tables_part = part_of("tables")
plan_part = part_of("plan")
webhook_part = part_of("webhook")
argv_part = part_of("argv")
settings_part = part_of("settings")
store_part = part_of("store")
