"""Both sides of a diff as files: only what differs differs, whatever order the store keeps keys in."""

from __future__ import annotations

from dataclasses import replace

from planctl.core.catalog.both_sides import both_sides
from planctl.core.catalog.changeset import ChangeSet
from planctl.core.catalog.diff import diff
from planctl.core.catalog.selection import Selection, selected
from planctl.core.document import canonical, document_of
from planctl.files.yaml_writer import write_yaml
from tests.core.catalog.diffing import catalog, edited, stored

DEARER = ("month: {USD: 49, EUR: 46}", "month: {USD: 55, EUR: 46}")


def changes_of(*edits: tuple[str, str]) -> ChangeSet:
    base = stored(catalog())
    objects = {  # a store keeps canonical texts
        address: replace(one, document=document_of(canonical(one.document)))
        for address, one in base.objects.items()
    }
    return diff(replace(base, objects=objects), catalog(edited(*edits)), holders={})


def differing(*edits: tuple[str, str], selection: Selection | None = None) -> list[str]:
    wanted = catalog(edited(*edits))
    changes = changes_of(*edits)
    if selection:
        changes = selected(changes, wanted, selection)
    before, after = (write_yaml(side).splitlines() for side in both_sides(changes, wanted))
    return [f"-{line}" for line in before if line not in after] + [
        f"+{line}" for line in after if line not in before
    ]


def test_equal_sides_are_equal_texts() -> None:
    before, after = both_sides(changes_of(), catalog())
    assert write_yaml(before) == write_yaml(after)


def test_one_price_is_one_line() -> None:
    assert differing(DEARER) == ["-      month: {USD: 49, EUR: 46}", "+      month: {USD: 55, EUR: 46}"]


def test_what_is_passed_over_is_the_same_on_both_sides() -> None:
    rename = ("name: Basic", "name: Base")
    assert differing(DEARER, rename, selection=Selection(only=("plans.basic",))) == [
        "-    name: Basic",
        "+    name: Base",
    ]


def test_what_goes_is_on_one_side_only() -> None:
    assert differing(("  tenner: {off: {USD: 10}, for: once}\n", "  twenty: {off: 20%, for: once}\n")) == [
        "-  tenner:",
        "-    for: once",
        "-    off: {USD: 10}",
        "+  twenty: {off: 20%, for: once}",
    ]
