"""The journey back to the catalog of an earlier revision: a new revision, through the same gates. It prints nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from planctl.core.catalog import guards
from planctl.core.catalog.bases import of_revision
from planctl.core.catalog.changeset import ChangeSet, StoredCatalog, StoredObject
from planctl.core.catalog.edits import FLAGGED, Proposal, entry_of, propose
from planctl.core.catalog.entries import with_value
from planctl.core.catalog.references import followed, mapped, references, renaming
from planctl.core.catalog.weighing import features_weighed, weighed
from planctl.core.document import Document, Scalar
from planctl.core.document import Mapping as Node
from planctl.errors import Conflict, NotFound
from planctl.store import catalog as store
from planctl.store.written import renames_after
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.core.instants import Instant
    from planctl.store.engine import Tx


@dataclass(frozen=True, slots=True)
class Who:
    """Who rolls back, why and when, for the revision; `store_name` as planctl.toml knows the store."""

    actor: str
    reason: str
    at: Instant
    store_name: str = ""


@dataclass(frozen=True, slots=True)
class Rollback:
    """What a rollback does: the proposal with its gates, and everything stored after it."""

    proposal: Proposal

    @property
    def changes(self) -> ChangeSet:
        """The changes, with impact and refusals."""
        return self.proposal.changes


def propose_rollback(
    tx: Tx, number: int, accept: Collection[str], at: Instant, store_name: str = ""
) -> Rollback:
    """What would bring back the catalog as it was after revision `number`; NotFound without that revision.

    Objects that came later are archived where they can be, else taken away. A renamed object keeps its new id.
    """
    found = store.revision(tx, number)
    if found is None:
        last = store.last_revision(tx)
        raise NotFound(
            "there is no such revision" if last else "no catalog was ever applied",
            where=f"revision {number}",
            expected=f"1 to {last}" if last else "",
            hint="planctl catalog history",
        )
    stored = replace(store.stored_catalog(tx), store_name=store_name)
    then = of_revision(stored, number, found.objects, store.version_hashes(tx))
    then = _by_present_ids(then, renames_after(tx, number).values())
    proposal = propose(stored, dict(_entries(stored, then)), store.holders(tx), spared=())
    changes = replace(proposal.changes, catalog=f"back to revision {number}")
    if proposal.usable:
        given = guards.acceptances(accept, {}, ())
        marked, unused = guards.accepted(changes.changes, given)
        changes = replace(changes, changes=marked, findings=(*changes.findings, *unused))
        plans, features = features_weighed(changes, proposal.catalog)
        book = None
        if plans:
            from planctl.store.book import book as book_of

            book = book_of(tx, at, plans, features)
        changes = weighed(changes, proposal.catalog, book)
    return Rollback(replace(proposal, changes=changes))


def roll_back(tx: Tx, number: int, accept: Collection[str], who: Who, shown: ChangeSet | None) -> ChangeSet:
    """Decide again inside the write transaction and write one revision; nothing where nothing differs.

    Managed objects keep their manager: to their catalog's files it is an edit from outside. Conflict where the
    store moved since `shown`.
    """
    rollback = propose_rollback(tx, number, accept, who.at, who.store_name)
    changes = rollback.changes
    if not rollback.proposal.usable or (shown is not None and shown.changes != changes.changes):
        raise Conflict(
            "the store changed since these changes were shown",
            code="store-moved",
            where=f"catalog {changes.catalog}",
            expected=f"revision {shown.base.revision}" if shown else "",
            got=f"revision {changes.base.revision}",
            hint="look at them again",
        )
    guards.refuse(changes)
    write = store.CatalogWrite.of(
        replace(changes, catalog=""), rollback.proposal.catalog, actor=who.actor, at=who.at
    )
    store.write_changes(tx, replace(write, reason=who.reason, places={}, notes=(), outside=True))
    return changes


def _by_present_ids(then: StoredCatalog, renames: Iterable[Mapping[str, str]]) -> StoredCatalog:
    """The catalog of then, its objects under the ids that they have now; `renames` are those of each revision since.

    An id that was free after a rename may belong to another object now: that one came later.
    """
    present = followed(then.objects, renames)
    objects: dict[str, StoredObject] = {}
    for address, one in then.objects.items():
        document: Document = mapped(address, one.document, renaming(present))
        new = present.get(address, address)
        objects[new] = replace(one, address=new, document=document)
    return replace(then, objects=objects)


def _entries(now: StoredCatalog, then: StoredCatalog) -> Iterator[tuple[str, Node | None]]:
    """The whole entry of every object that is not as it was then; None takes it away.

    What came later and can be archived is; what that cannot be without stays with it.
    """
    later = {address: one for address, one in now.objects.items() if address not in then.objects}
    flagged = {address for address in later if address.partition(".")[0] in FLAGGED}
    kept = {target for address in flagged for target in references(address, later[address].document)}
    for address, one in later.items():
        if address in flagged and not one.archived:
            yield address, with_value(entry_of(now, address), ("archived",), Scalar("true"))
        elif address not in flagged | kept and not one.archived:
            yield address, None
    for address, before in then.objects.items():
        current = now.objects.get(address)
        if current is not None and (before.document, before.archived) == (current.document, current.archived):
            continue
        if not before.archived or address.partition(".")[0] in FLAGGED:
            yield address, entry_of(then, address)
        elif current is not None:
            yield address, None
