"""The law of the schema: whoever takes a guard away, or turns it off, is found. It knows no table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from planctl.store.laws.model import Breach
from planctl.store.schema_objects import objects, objects_as_made

if TYPE_CHECKING:
    from planctl.store.engine import Tx


def as_made(tx: Tx) -> Iterator[Breach]:
    """Every table, index, trigger and constraint is there as planctl makes it, and its tables have no other trigger.

    Other tables, views and indexes, such as those of a report, change nothing that planctl reads or writes.
    """
    expected, found = objects_as_made(tx), objects(tx)
    for one, definition in expected.items():
        if one not in found:
            yield Breach(f"{one.kind} {one.name}", f"it is not there; planctl makes it on {one.table}")
        elif found[one] != definition:
            yield Breach(f"{one.kind} {one.name}", "it is not as planctl makes it")
    tables = {one.table for one in expected}
    for one in found.keys() - expected.keys():
        if one.kind == "trigger" and one.table in tables:
            yield Breach(f"{one.kind} {one.name}", f"planctl makes no such trigger on {one.table}")
