"""How terms that are held look beside the newest ones, to machines and to people. It compares nothing itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from planctl.core.catalog.apart import Apart
from planctl.core.document import Document
from planctl.views.formats.table import grouped
from planctl.views.sheet import Json
from planctl.views.words import said_text


def apart_document(apart: Apart) -> dict[str, Json]:
    """The difference as JSON: leaves by path on both sides, and the features that only one side grants."""
    return {
        "keeps": dict(apart.keeps),
        "lacks": dict(apart.lacks),
        "features_kept": list(apart.dropped),
        "features_lacked": list(apart.added),
    }


def apart_lines(apart: Apart, most: int) -> list[str]:
    """The difference line by line, `most` of them at most, and how many more there are."""
    lines = [f"keeps {text}" for text in kept(apart)]
    lines += [f"lacks {text}" for text in lacked(apart)]
    lines += differing(apart)
    more = len(lines) - most
    return lines if more <= 0 else [*lines[:most], f"and {more} more"]


def kept(apart: Apart) -> list[str]:
    """What is held and was taken off later: features whole (`minutes 1,000`), other terms by path."""
    return [*_only(apart.keeps, apart.lacks, apart.dropped)]


def lacked(apart: Apart) -> list[str]:
    """What came later and is not held."""
    return [*_only(apart.lacks, apart.keeps, apart.added)]


def differing(apart: Apart) -> list[str]:
    """What both have otherwise: `minutes 1,000 → 5,000`, the value held before the newest one."""
    whole = (*apart.dropped, *apart.added)
    return [
        f"{_named(path)} {_leaf_text(value)} → {_leaf_text(apart.lacks[path])}"
        for path, value in apart.keeps.items()
        if path in apart.lacks and not isinstance(value, list) and not _of(path, whole)
    ]


def _only(
    mine: Mapping[str, Document], other: Mapping[str, Document], features: Sequence[str]
) -> Iterator[str]:
    """What one side alone has: a feature by its name and allowance, the values of a list that the other lacks."""
    for feature in features:
        included = mine.get(f"features.{feature}.included")
        yield feature if included is None else f"{feature} {_leaf_text(included)}"
    for path, value in mine.items():
        only = _more(value, other[path]) if path in other else value
        if only is not None and not _of(path, features):
            yield f"{_named(path)} {_leaf_text(only)}"


def _more(mine: Document, theirs: Document) -> Document:
    """The values of a list that the other one lacks; None without any, and for what is no list."""
    if not isinstance(mine, list) or not isinstance(theirs, list):
        return None
    return [one for one in mine if one not in theirs] or None


def _of(path: str, features: Sequence[str]) -> bool:
    """Whether a path lies in one of the features."""
    return any(path == f"features.{name}" or path.startswith(f"features.{name}.") for name in features)


def _named(path: str) -> str:
    """A path as people say it: a feature's allowance, and the values of a list, go by the feature."""
    return path.removeprefix("features.").removesuffix(".included").removesuffix(".values")


def _leaf_text(value: Document) -> str:
    return grouped(value) if isinstance(value, str) else said_text(value) or "none"
