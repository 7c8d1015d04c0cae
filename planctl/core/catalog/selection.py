"""Narrows a diff to some addresses, and says what cannot be applied without what was left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase

from planctl.core.catalog.changeset import Change, ChangeSet
from planctl.core.catalog.emit import catalog_documents
from planctl.core.catalog.model import Catalog
from planctl.core.catalog.references import SOLD, features_used, names, references
from planctl.findings import Finding, in_order
from planctl.values import dataclass


@dataclass(frozen=True, slots=True)
class Selection:
    """Globs over addresses (`plans.*`, `features.minutes`): of what `only` matches all that `without` does not.

    No `only` matches everything. `*` matches dots too. `exactly` are the addresses that a saved plan was reviewed
    with: whatever else has come to differ since is no part of it.
    """

    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    exactly: frozenset[str] | None = None

    def picks(self, change: Change) -> bool:
        """Whether a change is selected; a renamed object goes by either of its addresses."""
        addresses = [one for one in (change.address, change.renamed_from) if one]
        if self.exactly is not None:
            return change.address in self.exactly
        wanted = not self.only or any(fnmatchcase(one, glob) for one in addresses for glob in self.only)
        return wanted and not any(fnmatchcase(one, glob) for one in addresses for glob in self.without)


EVERYTHING = Selection()


def selected(changes: ChangeSet, desired: Catalog, selection: Selection) -> ChangeSet:
    """The changes that are picked; the addresses of the others are `passed_over`.

    An error where a picked change cannot be without one that is left out: an object that it names would only be
    made, renamed or brought back by that one; a new version is made from a definition that changes there; or it
    archives what only that one lets go. An error too for a glob that matches no object.
    """
    if selection == EVERYTHING:
        return changes
    picked = tuple(one for one in changes.changes if selection.picks(one))
    left = {one.address: one for one in changes.changes if not selection.picks(one)}
    findings = [*changes.findings, *_useless(changes, selection), *_needed(picked, left, changes, desired)]
    return replace(
        changes,
        changes=picked,
        passed_over=tuple(sorted(left)),
        findings=in_order(list(dict.fromkeys(findings))),
    )


def _useless(changes: ChangeSet, selection: Selection) -> Iterator[Finding]:
    named = {address for one in changes.changes for address in (one.address, one.renamed_from) if address}
    named |= set(changes.base.objects)
    for option, globs in (("--only", selection.only), ("--except", selection.without)):
        for glob in globs:
            if not any(fnmatchcase(address, glob) for address in named):
                yield Finding(
                    "selection-matches-nothing",
                    f"{option} {glob} matches no object",
                    expected="a glob over addresses, such as 'plans.*' or features.minutes",
                    got=glob,
                    hint="planctl catalog diff without it lists the addresses",
                )


def _needed(
    picked: tuple[Change, ...], left: dict[str, Change], changes: ChangeSet, desired: Catalog
) -> Iterator[Finding]:
    documents = catalog_documents(desired)
    makes = {address: one for address, one in left.items() if one.action in _MAKES}
    for change in picked:
        missing = _still_needing(change, left, changes)
        if change.address in documents:
            missing |= {
                one for one in map(_as_left(makes), names(change.address, documents[change.address])) if one
            }
        if change.address.partition(".")[0] in SOLD and change.to_version > change.from_version:
            used = features_used(change.address, documents.get)
            missing |= {one for one in used if one in left and (left[one].fields or left[one].renamed_from)}
        for one in sorted(missing):
            yield Finding(
                "selection-incomplete",
                f"{change.address} cannot go without {one}, which changes too and is left out",
                change.place,
                hint=f"add --only {one}, or leave {change.address} out as well",
            )


def _as_left(makes: Mapping[str, Change]) -> Callable[[str], str]:
    """The address among `makes` that a mention means; empty for none. Add-ons are mentioned as plans."""

    def meant(address: str) -> str:
        return next((one for one in (address, address.replace("plans.", "addons.", 1)) if one in makes), "")

    return meant


def _still_needing(change: Change, left: Mapping[str, Change], changes: ChangeSet) -> set[str]:
    """What is left out and, as the base has it, cannot be without an object that the change archives."""
    if change.action != "archive":
        return set()
    base = changes.base.objects
    return {
        address
        for address in left
        if address in base and not base[address].archived
        if change.address in references(address, base[address].document)
    }


_MAKES = frozenset({"create", "rename", "unarchive"})
"""After these actions an object is there that was not there before under its address."""
