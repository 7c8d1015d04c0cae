"""What a diff can compare with beside the store: another catalog's files, or an earlier revision. It reads nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from planctl.core.catalog.changeset import Change, ChangeSet, StoredCatalog, StoredObject
from planctl.core.catalog.emit import archived_addresses, catalog_documents, snapshot_document, snapshot_hash
from planctl.core.catalog.facts import section_of
from planctl.core.catalog.model import Catalog
from planctl.core.document import Document
from planctl.findings import NOWHERE


def of_catalog(catalog: Catalog, label: str) -> StoredCatalog:
    """A catalog's files as if they had been applied to an empty store; no versions are known, so they are 0.

    Its change notes are those of an earlier revision: they accept nothing any more.
    """
    archived = set(archived_addresses(catalog))
    hashes = {
        f"{section_of(plan)}.{plan.id}": snapshot_hash(snapshot_document(plan, catalog.features))
        for plan in catalog.plans.values()
    }
    objects = {
        address: StoredObject(
            address=address,
            document=document,
            archived=address in archived,
            terms_hash=hashes.get(address, ""),
            managed_by=catalog.name,
        )
        for address, document in catalog_documents(catalog).items()
    }
    return StoredCatalog(
        objects=objects,
        notes_seen=frozenset(f"{catalog.name}/{note}" for note in catalog.notes),
        kind="git",
        label=label,
    )


def without_versions(changes: ChangeSet) -> ChangeSet:
    """The changes against a base that numbers no versions."""

    def unnumbered(change: Change) -> Change:
        return replace(change, from_version=0, to_version=0)

    return replace(changes, changes=tuple(map(unnumbered, changes.changes)))


def of_revision(
    stored: StoredCatalog, number: int, objects: Document, hashes: Mapping[tuple[str, int], str]
) -> StoredCatalog:
    """The store as it was after a revision; `objects` is what the revision kept of it.

    `hashes` are of the terms by plan id and version. Ids are those of then. Where objects stand in files now is
    taken from `stored`.
    """
    assert isinstance(objects, dict), f"revision {number} keeps no map of objects"
    found = {}
    for address, kept in objects.items():
        assert isinstance(kept, dict), f"revision {number}: {address} is no map"
        version = int(str(kept["version"]))
        now = stored.objects.get(address)
        found[address] = StoredObject(
            address=address,
            document=kept["document"],
            archived=kept["archived"] is True,
            version=version,
            terms_hash=hashes.get((address.partition(".")[2], version), ""),
            managed_by=str(kept["managed_by"]),
            place=now.place if now else NOWHERE,
            aliases=now.aliases if now else (),
        )
    return replace(stored, revision=number, objects=found, kind="revision", label=f"rev:{number}")
