"""Writes both sides of a diff as catalog files, for those who read differences of text; it compares nothing."""

from __future__ import annotations

from itertools import zip_longest

from planctl.core.catalog.changeset import ChangeSet
from planctl.core.catalog.emit import archived_addresses, catalog_documents
from planctl.core.catalog.export import catalog_file_document
from planctl.core.catalog.model import Catalog
from planctl.core.document import Document


def both_sides(changes: ChangeSet, desired: Catalog) -> tuple[dict[str, Document], dict[str, Document]]:
    """What the catalog's objects are and would be, each as one catalog file's document.

    Objects that it does not manage are in neither, archived ones are left out, and what a selection passes over is
    the same in both.
    """
    base = changes.base.objects
    gone = set(archived_addresses(desired))
    after = {address: one for address, one in catalog_documents(desired).items() if address not in gone}
    before = {
        address: one.document
        for address, one in base.items()
        if not one.archived and (one.managed_by == desired.name or address in after)
    }
    for address in changes.passed_over:
        after.pop(address, None)
        if address in before:
            after[address] = before[address]
    new = catalog_file_document(after, desired.name)
    old = _in_order_of(catalog_file_document(before, desired.name), new)
    assert isinstance(old, dict)
    return old, new


def _in_order_of(old: Document, new: Document) -> Document:
    """The old document with its keys in the order of the new one, for order says nothing; what is gone comes last."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys = [*(key for key in new if key in old), *(key for key in old if key not in new)]
        return {key: _in_order_of(old[key], new.get(key)) for key in keys}
    if isinstance(old, list) and isinstance(new, list):
        return [_in_order_of(one, other) for one, other in zip_longest(old, new[: len(old)])]
    return old
