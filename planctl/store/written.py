"""Finds what a catalog last wrote of objects that were edited in the shell since; it compares nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from planctl.core.catalog.changeset import StoredObject, Written
from planctl.core.catalog.references import followed, mapped, renaming
from planctl.core.document import Document, document_of
from planctl.store.sets import chunks, table

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_R = table("catalog_revision")


def with_written(tx: Tx, objects: Mapping[str, StoredObject]) -> dict[str, StoredObject]:
    """The objects, those that were edited outside with what the revision before the first such edit held of them.

    That speaks of what was renamed since by its present ids, as the objects do. Nothing is read where
    nothing was edited outside.
    """
    before = {one.outside[0] - 1 for one in objects.values() if one.outside is not None}
    kept: dict[int, Document] = {}
    for chunk in chunks(sorted(before)):
        query = select(_R.c.number, _R.c.document).where(_R.c.number.in_(chunk))
        kept |= {row.number: document_of(row.document) for row in tx.connection.execute(query)}
    renames = (
        renames_after(tx, min(before)) if before and any(one.aliases for one in objects.values()) else {}
    )
    present = {
        number: followed(was, (several for later, several in renames.items() if later > number))
        for number, was in kept.items()
        if isinstance(was, dict)
    }
    found = dict(objects)
    for address, one in objects.items():
        number = one.outside[0] - 1 if one.outside is not None else 0
        was = kept.get(number)
        if not isinstance(was, dict):
            continue
        former = next((old for old, new in present[number].items() if new == address), address)
        state = was.get(former)
        if isinstance(state, dict):
            document = mapped(former, state["document"], renaming(present[number]))
            found[address] = replace(one, written=Written(document, bool(state["archived"])))
    return found


def renames_after(tx: Tx, number: int) -> dict[int, dict[str, str]]:
    """The new addresses by the old ones that each revision after `number` gave, by revision in their order."""
    query = select(_R.c.number, _R.c.changes).where(_R.c.number > number).order_by(_R.c.number)
    found: dict[int, dict[str, str]] = {}
    for row in tx.connection.execute(query):
        changes: Any = document_of(row.changes)
        for change in changes:
            if change.get("renamed_from"):
                found.setdefault(row.number, {})[change["renamed_from"]] = change["address"]
    return found
