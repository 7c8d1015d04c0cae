"""Compares three ways: what a catalog last wrote, what the store holds since a shell edit, what the files say.

It knows no file and writes nothing; documents are those of catalog objects, `archived` beside their keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Literal

from planctl.core.catalog.changeset import FieldChange, StoredCatalog, StoredObject
from planctl.core.catalog.documents import Object
from planctl.core.catalog.subject import field_changes
from planctl.core.document import Document
from planctl.values import dataclass

_WHOLE = frozenset({"beyond", "trial", "only_for", "off", "round"})
"""Keys whose maps are one thing: half of one side's and half of the other's would be neither."""


class Absent(Enum):
    """Nothing is there; `None` is a value of documents."""

    ABSENT = "absent"


ABSENT = Absent.ABSENT
Value = Document | Literal[Absent.ABSENT]


def flagged(document: Document, archived: bool) -> Object:
    """An object's document with the flag, so that both are compared at once."""
    assert isinstance(document, dict), "the document of a catalog object is a map"
    return {**document, "archived": archived}


def drift_of(stored: StoredObject) -> tuple[FieldChange, ...]:
    """The leaves that were edited outside: what the catalog wrote, and what the store holds now."""
    if stored.outside is None or stored.written is None:
        return ()
    before = flagged(stored.written.document, stored.written.archived)
    return field_changes(before, flagged(stored.document, stored.archived))


def drifts(stored: StoredCatalog) -> dict[str, tuple[FieldChange, ...]]:
    """The drift of every object that was edited outside and whose last written state is known, by address."""
    return {
        address: drift_of(one)
        for address, one in stored.objects.items()
        if one.outside is not None and one.written is not None
    }


@dataclass(frozen=True, slots=True)
class Merge:
    """The document that keeps both sides' changes, and the leaves at which the store's replaced the files'.

    Of a replaced leaf `before` is what the files said and `after` what the store says.
    """

    document: Object
    replaced: tuple[FieldChange, ...] = ()


def merged(written: Object, files: Object, stored: Object) -> Merge:
    """What the store changed since `written` on top of what the files say; where both changed, the store wins."""
    found = _merged(written, files, stored)
    assert isinstance(found, dict), "three maps make a map"
    replaced = [
        one
        for one in field_changes(files, found)
        if _changed_in_files(one.path, field_changes(written, files))
    ]
    return Merge(found, tuple(replaced))


def _merged(written: Value, files: Value, stored: Value, key: str = "") -> Value:
    if stored in (written, files):
        return files
    if files == written:
        return stored
    if key in _WHOLE or not all(isinstance(one, dict) for one in (files, stored)):
        return stored
    assert isinstance(files, dict)
    assert isinstance(stored, dict)
    base = written if isinstance(written, dict) else {}
    whole = {
        name: _merged(
            base.get(name, ABSENT), files.get(name, ABSENT), stored.get(name, ABSENT), name
        )
        for name in {**files, **stored}
    }  # fmt: skip
    return {name: value for name, value in whole.items() if value is not ABSENT}


def _changed_in_files(path: str, changed: tuple[FieldChange, ...]) -> bool:
    return any(
        path == one.path or path.startswith((f"{one.path}.", f"{one.path}["))
        or one.path.startswith((f"{path}.", f"{path}["))
        for one in changed
    )  # fmt: skip


def differences(now: Document, then: Value, path: tuple[str | int, ...] = ()) -> Iterator[Difference]:
    """Every part that differs, as small as it can be said; a list of another length is one part."""
    if isinstance(now, dict) and isinstance(then, dict):
        for key in {**now, **then}:
            before, after = now.get(key, ABSENT), then.get(key, ABSENT)
            if before is ABSENT or after is ABSENT:
                yield Difference((*path, key), after)
            else:
                yield from differences(before, after, (*path, key))
    elif _are_tables(now, then):
        assert isinstance(now, list)
        assert isinstance(then, list)
        for index, (before, after) in enumerate(zip(now, then, strict=True)):
            yield from differences(before, after, (*path, index))
    elif now != then:
        yield Difference(path, then)


def _are_tables(now: Document, then: Value) -> bool:
    """Whether both are lists of maps with as many rows, such as two tier tables."""
    return (
        isinstance(now, list)
        and isinstance(then, list)
        and len(now) == len(then)
        and all(isinstance(row, dict) for row in (*now, *then))
    )


@dataclass(frozen=True, slots=True)
class Difference:
    """A part of a document by its path, and what shall stand there; `ABSENT`: nothing."""

    path: tuple[str | int, ...]
    value: Value
