"""Reads back what the catalog is and was: revisions, and the whole of it as a document; it writes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from planctl.core.catalog.book import summary
from planctl.core.catalog.changeset import ChangeSet
from planctl.core.catalog.edits import archived_but_named
from planctl.core.catalog.export import catalog_file_document
from planctl.core.catalog.snapshot_file import Snapshot
from planctl.core.document import Document
from planctl.errors import NotFound
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.core.instants import Instant
    from planctl.store.catalog import Revision
    from planctl.store.engine import Tx

UNNAMED = "catalog"
"""What a catalog is called where everything was made in the shell."""


@dataclass(frozen=True, slots=True)
class Export:
    """Everything that is sold now as one catalog file's document; `unmanaged` were made in the shell."""

    document: dict[str, Document]
    unmanaged: tuple[str, ...]


def export_catalog(tx: Tx) -> Export:
    """Every object that is not archived, and what these name, under the name of the catalog applied last."""
    from planctl.store.catalog import stored_catalog

    objects = stored_catalog(tx).objects
    live = {address: one for address, one in objects.items() if not one.archived}
    names = sorted({one.managed_by for one in live.values() if one.managed_by})
    last = [one.catalog for one in revisions_of(tx, 1) if one.catalog in names]
    name = [*last, *names, UNNAMED][0]
    documents = {address: one.document for address, one in live.items()}
    document = catalog_file_document(documents | archived_but_named(objects), name)
    return Export(document, tuple(address for address, one in live.items() if not one.managed_by))


def snapshot_of(tx: Tx, at: Instant, store_name: str) -> Snapshot:
    """The store's catalog with how many hold and use what, as of `at`."""
    from planctl.store.book import book
    from planctl.store.catalog import holders, stored_catalog

    stored = replace(stored_catalog(tx), store_name=store_name)
    return Snapshot(stored, summary(book(tx, at, None, None)), holders(tx))


def revisions_of(tx: Tx, limit: int | None = None) -> list[Revision]:
    """The revisions, newest first."""
    from planctl.store.catalog import revisions

    return revisions(tx, limit)


def revision_of(tx: Tx, number: int | None) -> Revision:
    """A revision by number, the newest where none is given; NotFound without one."""
    from planctl.store.catalog import last_revision, revision

    last = last_revision(tx)
    found = revision(tx, last if number is None else number)
    if found is None:
        raise NotFound(
            "there is no such revision" if last else "no catalog was ever applied",
            where=f"revision {last if number is None else number}",
            expected=f"1 to {last}" if last else "",
            hint="planctl catalog history" if last else "planctl catalog apply",
        )
    return found


def customers_touched(tx: Tx, changes: ChangeSet) -> dict[str, tuple[str, ...]]:
    """The customers with a live subscription to each plan that changes, by address, sorted."""
    from planctl.core.subscriptions.model import LIVE
    from planctl.store.subscriptions import SubscriptionFilter, listing

    found: dict[str, tuple[str, ...]] = {}
    for address in _held(changes):
        wanted = SubscriptionFilter(plan=address.partition(".")[2], statuses=tuple(LIVE))
        found[address] = tuple(sorted({one.customer for one in listing(tx, wanted)}))
    return found


def _held(changes: ChangeSet) -> Iterable[str]:
    return (change.renamed_from or change.address for change in changes.changes if change.holders.total)
