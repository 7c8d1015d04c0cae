"""Knows how edits of single objects become the same proposal as an edit of catalog files; it stores nothing.

What is stored is written out as one catalog, the edited entries take their place in it, and the parser, rules
and diff of catalogs say what comes of that.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from planctl.core.catalog.changeset import Change, ChangeSet, Holders, StoredCatalog, StoredObject
from planctl.core.catalog.diff import diff
from planctl.core.catalog.emit import catalog_digest
from planctl.core.catalog.entries import with_value
from planctl.core.catalog.examples import softened
from planctl.core.catalog.export import catalog_file_document
from planctl.core.catalog.model import Catalog
from planctl.core.catalog.parse import parse
from planctl.core.catalog.references import SOLD, features_used, names, references
from planctl.core.currencies import iso_currency
from planctl.core.document import Document, Node, Scalar, node_of
from planctl.core.document import Mapping as NodeMapping
from planctl.core.document import Sequence as NodeSequence
from planctl.findings import NOWHERE, Finding, Place
from planctl.values import dataclass

Entries = Mapping[str, NodeMapping | None]
"""The whole new entry of each edited object by address, as people write it; None takes the object away."""

SHELL = "shell"
"""The name that the catalog of everything stored goes by while an edit is judged; it is stored nowhere."""

FLAGGED = (*SOLD, "features")
"""The sections whose entries can say `archived: true`."""

NOT_FOR_EDITS = frozenset({"empty-catalog", "mass-archive"})
"""Rules against a wrong directory; who names an object means it."""

_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Proposal:
    """What an edit would do.

    `catalog` is everything stored, after the edit. `findings` are those that the edit brings; where one is an
    error `changes` is empty. Its `refusals` are rules that no edit may break; acceptance is for catalogs.
    """

    catalog: Catalog
    changes: ChangeSet
    findings: tuple[Finding, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether no finding is an error."""
        return not any(finding.is_error for finding in self.findings)


def entry_of(stored: StoredCatalog, address: str) -> NodeMapping:
    """The entry of an object that is stored, in the short form of an export, with `archived` where it is."""
    node = node_of(entry_document(stored, address), Place(address))
    return node if isinstance(node, NodeMapping) else new_entry(address)


def entry_document(stored: StoredCatalog, address: str) -> Document:
    """The same as a document, which a catalog file can hold below the object's id."""
    section, _, object_id = address.partition(".")
    below = _file(stored)[section]
    assert isinstance(below, dict)
    return below[object_id] if object_id else below


def new_entry(address: str) -> NodeMapping:
    """An entry with nothing in it; complaints about it name the object."""
    return NodeMapping((), Place(address))


def everything(stored: StoredCatalog) -> Catalog:
    """All that is stored as one catalog, archived plans and features included."""
    catalog = parse([("", _tree(stored))]).catalog
    assert catalog is not None, "a reading always answers with a catalog"
    return catalog


def propose(
    stored: StoredCatalog,
    entries: Entries,
    holders: Mapping[str, Holders],
    *,
    spared: Collection[str] = NOT_FOR_EDITS,
) -> Proposal:
    """Judge the edit of some objects against everything stored; `holders` is by address.

    ISO currencies that an edited entry uses and nobody declared are declared with it. Objects that are not
    edited change only with the definition of a feature that is. Price examples that no longer come out are
    warnings here. The rules `spared` do not count: those against a wrong directory, for who names an object means it.
    """
    tree = _tree(stored)
    edited = {**_missing_currencies(stored, entries), **entries}
    after_tree = tree
    for address, entry in edited.items():
        path = tuple(part for part in address.partition(".")[::2] if part)
        after_tree = with_value(after_tree, path, entry or Scalar("null"))
    known = {(finding.rule, finding.message) for finding in parse([("", tree)]).findings}
    parsed = parse([("", after_tree)])
    assert parsed.catalog is not None
    findings = tuple(
        softened(finding) for finding in parsed.findings if (finding.rule, finding.message) not in known
    )
    proposal = Proposal(parsed.catalog, ChangeSet("", catalog_digest(parsed.catalog), stored), findings)
    if not proposal.usable:
        return proposal
    found = diff(_as_own(stored), parsed.catalog, holders=holders)
    changes = tuple(
        _of_edit(change, stored, spared) for change in found.changes if _concerns(change, edited, stored)
    )
    refusals = tuple(_refusals(changes))
    return replace(proposal, changes=replace(proposal.changes, changes=changes, refusals=refusals))


def _tree(stored: StoredCatalog) -> NodeMapping:
    tree = node_of(_file(stored))
    assert isinstance(tree, NodeMapping)
    return tree


def _file(stored: StoredCatalog) -> dict[str, Document]:
    """Everything stored as one catalog file, archived objects with their flag."""
    objects: dict[str, Document] = {}
    needed = _needed(stored)
    for address, one in stored.objects.items():
        if not one.archived or address in needed:
            objects[address] = one.document
        elif address.partition(".")[0] in FLAGGED:
            assert isinstance(one.document, dict)
            objects[address] = {**one.document, "archived": True}
    return catalog_file_document(objects, SHELL)


def archived_but_named(objects: Mapping[str, StoredObject]) -> dict[str, Document]:
    """The documents of archived objects that those on sale name, with the flag that a file says it with.

    What has no flag, such as a group, is there without.
    """
    found: dict[str, Document] = {}
    waiting = [address for address, one in objects.items() if not one.archived]
    while waiting:
        address = waiting.pop()
        for target in names(address, objects[address].document):
            for one in (target, target.replace("plans.", "addons.", 1)):
                stored = objects.get(one)
                if stored is None or not stored.archived or one in found:
                    continue
                assert isinstance(stored.document, dict)
                flagged = one.partition(".")[0] in FLAGGED
                found[one] = {**stored.document, "archived": True} if flagged else stored.document
                waiting.append(one)
    return found


def _needed(stored: StoredCatalog) -> frozenset[str]:
    """Archived objects without a flag of their own that something stored cannot be without."""
    archived = {
        address
        for address, one in stored.objects.items()
        if one.archived and address.partition(".")[0] not in FLAGGED
    }
    if not archived:
        return frozenset()
    used = {target for address, one in stored.objects.items() for target in references(address, one.document)}
    return frozenset(archived & used)


def _as_own(stored: StoredCatalog) -> StoredCatalog:
    """The store as if all of it were managed by the catalog that the edit is judged in."""
    needed = _needed(stored)
    objects = {
        address: replace(one, managed_by=SHELL, outside=None, archived=one.archived and address not in needed)
        for address, one in stored.objects.items()
    }
    return replace(stored, objects=objects)


def _missing_currencies(stored: StoredCatalog, entries: Entries) -> dict[str, NodeMapping]:
    """An entry for each ISO currency that is used and not declared."""
    found: dict[str, NodeMapping] = {}
    for entry in entries.values():
        for code in _codes(entry) if entry else ():
            declared = stored.objects.get(f"currencies.{code}")
            if (declared is None or declared.archived) and iso_currency(code) is not None:
                found[f"currencies.{code}"] = NodeMapping(())
    return found


def _codes(node: Node) -> Iterator[str]:
    """Every key that looks like an ISO currency, metadata and event properties aside."""
    if isinstance(node, NodeSequence):
        for item in node.items:
            yield from _codes(item)
    elif isinstance(node, NodeMapping):
        for entry in node.entries:
            if entry.key.text not in {"metadata", "where"}:
                if _CURRENCY.fullmatch(entry.key.text):
                    yield entry.key.text
                yield from _codes(entry.value)


def _concerns(change: Change, entries: Entries, stored: StoredCatalog) -> bool:
    """Whether the edit made this change, itself or through a feature's definition."""
    if change.address in entries:
        return True
    features = {address for address in entries if address.startswith("features.")}
    if not features or change.address.partition(".")[0] not in SOLD:
        return False

    def document_at(address: str) -> Document:
        one = stored.objects.get(address)
        return one.document if one else None

    return bool(features_used(change.address, document_at) & features)


def _of_edit(change: Change, stored: StoredCatalog, spared: Collection[str]) -> Change:
    """The change with the place where the object lives, if in a file, and the rules that are about edits."""
    found = stored.objects.get(change.address)
    rules = tuple(hit for hit in change.rules if hit.id not in spared)
    return replace(change, rules=rules, place=found.place if found else NOWHERE)


def _refusals(changes: tuple[Change, ...]) -> Iterator[str]:
    for change in changes:
        for hit in change.rules:
            if hit.level == "error":
                yield f"{change.address}: {hit.detail or hit.id}"
