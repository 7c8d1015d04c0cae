"""The ids under which one feature is or was known: a renamed feature keeps its former ids. It reads nothing."""

from __future__ import annotations

from collections.abc import Mapping


def names_of(feature: str, former: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    """The present id and all former ids of the feature that has or had this id.

    `former` maps present ids to former ones; a feature that is not in it has only its own.
    """
    for present, olds in former.items():
        if feature == present or feature in olds:
            return frozenset({present, *olds})
    return frozenset({feature})
