"""Writing a change set: new plan versions, objects changed, archived, renamed, and the revision that says so.

It decides nothing: what to do was computed by the diff, and every write is a revision of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, select

from planctl.core.catalog.changeset import Change, ChangeSet, StoredObject
from planctl.core.catalog.emit import (
    archived_addresses,
    catalog_documents,
    snapshot_document,
    snapshot_hash,
)
from planctl.core.catalog.facts import section_of
from planctl.core.catalog.guards import spent
from planctl.core.catalog.model import Catalog
from planctl.core.catalog.references import SOLD, mapped, renaming
from planctl.core.document import Document, canonical
from planctl.errors import Conflict, NotFound, Refused
from planctl.findings import NOWHERE, Place
from planctl.store.catalog_objects import last_revision, objects_document, plan_object, stored_catalog
from planctl.store.sets import Values, chunks, insert_rows, put_rows, table
from planctl.store.touching import will_change, will_change_where
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_O = table("catalog_object")
_S = table("subscription")
_A = table("assignment")
_V = table("plan_version")


@dataclass(frozen=True, slots=True)
class CatalogWrite:
    """A change set with everything needed to carry it out and to remember who did it.

    `desired` and `snapshots` are documents by address: the normalised ones of every object wanted, and the
    terms of every plan wanted. `archived` are addresses declared archived, `places` where objects stand in
    files, `notes` the marks of change notes that are spent. `outside`: an edit in the shell; an object keeps
    its manager, whose next diff shows the edit, and a new object has none.
    """

    changes: ChangeSet
    desired: Mapping[str, Document]
    snapshots: Mapping[str, Document]
    actor: str
    at: int
    reason: str = ""
    accepted: tuple[str, ...] = ()
    source_commit: str = ""
    notes: tuple[str, ...] = ()
    archived: frozenset[str] = frozenset()
    places: Mapping[str, Place] = field(default_factory=dict)
    outside: bool = False

    @classmethod
    def of(cls, changes: ChangeSet, catalog: Catalog, *, actor: str, at: int) -> CatalogWrite:
        """The write that brings the store to `catalog`, for which `changes` was computed."""
        plans = {f"{section_of(plan)}.{plan.id}": plan for plan in catalog.plans.values()}
        return cls(
            changes=changes,
            desired=catalog_documents(catalog),
            snapshots={one: snapshot_document(plan, catalog.features) for one, plan in plans.items()},
            actor=actor,
            at=at,
            accepted=tuple(
                rule.fingerprint for change in changes.changes for rule in change.rules if rule.accepted
            ),
            notes=tuple(
                mark
                for note in spent(changes, catalog.notes)
                for mark in sorted(catalog.notes[note].marks(catalog.name))
            ),
            archived=frozenset(archived_addresses(catalog)),
            places=_places(catalog),
        )


def write_changes(tx: Tx, write: CatalogWrite) -> int:
    """Carry out a change set; the new revision's number, or the last one's if there is nothing to do.

    The change set must have been computed from what the store holds now, in this transaction: otherwise
    Conflict. Plan ids of a renamed plan are followed into subscriptions and assignments.
    """
    base = write.changes.base
    if last_revision(tx) != base.revision:
        raise Conflict(
            f"the catalog is at revision {last_revision(tx)}, the changes were made from {base.revision}",
            code="stale",
            where=f"catalog {write.changes.catalog}",
            hint="look at the difference again: planctl catalog diff",
        )
    notes = [{"id": note, "revision": base.revision + (not write.changes.empty)} for note in write.notes]
    put_rows(tx, "change_note", notes)
    if write.changes.empty:
        _forget_edits(tx, write)
        return base.revision
    number = base.revision + 1
    _add_versions(tx, write, number)
    for change in write.changes.changes:
        if change.renamed_from:
            _rename(tx, change)
    put_objects(tx, [*_speaking_of_new_ids(write)], number)
    put_objects(tx, [_after(change, write, number) for change in write.changes.changes], number)
    _refresh_places(tx, write)
    _forget_edits(tx, write)
    changes: Document = [_told(change) for change in write.changes.changes]
    _add_revision(tx, write, number, changes)
    return number


def purge_plan(tx: Tx, plan_id: str, *, actor: str, at: int, reason: str = "") -> int:
    """Delete a plan that nobody was ever assigned or subscribed to, and its versions; the new revision.

    NotFound if there is no such plan, Refused if anybody ever had it.
    """
    stored = plan_object(tx, plan_id)
    if stored is None:
        raise NotFound(
            f"there is no plan {plan_id!r}", where=f"plan {plan_id}", hint="planctl plan list shows them all"
        )
    had = 0
    for subscribed in (_S, _A):
        query = select(func.count()).select_from(subscribed).where(subscribed.c.plan == plan_id)
        had += tx.connection.execute(query).scalar_one()
    if had:
        raise Refused(
            f"plan {plan_id!r} was assigned or subscribed to {had} times",
            code="plan-in-use",
            where=f"plan {plan_id}",
            hint=f"archive it instead: planctl plan archive {plan_id}",
        )
    base = stored_catalog(tx)
    will_change_where(tx, _V, _V.c.plan == plan_id)
    will_change(tx, "catalog_object", [(stored.address,)])
    tx.connection.execute(_V.delete().where(_V.c.plan == plan_id))
    tx.connection.execute(_O.delete().where(_O.c.address == stored.address))
    write = CatalogWrite(ChangeSet(stored.managed_by, "", base), {}, {}, actor, at, reason)
    changes: Document = [{"address": stored.address, "action": "purge"}]
    _add_revision(tx, write, base.revision + 1, changes)
    return base.revision + 1


def put_objects(tx: Tx, objects: Iterable[StoredObject], revision: int) -> None:
    """Insert or overwrite objects as they are now, by address."""
    rows = [_row(one, revision) for one in objects]
    put_rows(
        tx, "catalog_object", rows, replaced=[key for key in rows[0] if key != "address"] if rows else ()
    )


# --- what becomes of one object


def _after(change: Change, write: CatalogWrite, number: int) -> StoredObject:
    """The object as it stands after the change."""
    old = write.changes.base.objects.get(change.renamed_from or change.address)
    document = write.desired.get(change.address, old.document if old else None)
    assert document is not None, f"{change.address}: nothing is wanted and nothing is stored"
    snapshot = write.snapshots.get(change.address) if _is_new_version(change, old) else None
    one = StoredObject(
        address=change.address,
        document=document,
        archived=_archived(change, write, old),
        version=change.to_version,
        terms_hash=snapshot_hash(snapshot) if snapshot is not None else (old.terms_hash if old else ""),
        managed_by=write.changes.catalog,
        place=write.places.get(change.address, change.place),
        commit=write.source_commit,
        aliases=old.aliases if old else (),
    )
    if change.renamed_from:
        one = replace(
            one, aliases=tuple(dict.fromkeys([*one.aliases, change.renamed_from.partition(".")[2]]))
        )
    if not write.outside:
        return one
    if old is None:  # made in the shell: nobody's, until a catalog adopts it
        return replace(one, managed_by="", place=NOWHERE, commit="")
    outside = _edited(old, number, write.actor) if old.managed_by else None
    return replace(one, managed_by=old.managed_by, place=old.place, commit=old.commit, outside=outside)


def _edited(old: StoredObject, number: int, actor: str) -> tuple[int, str]:
    """Since which revision an object differs from what its catalog wrote, and everybody who edited it since."""
    since, actors = old.outside or (number, "")
    return since, ", ".join(dict.fromkeys([*filter(None, actors.split(", ")), actor]))


def _archived(change: Change, write: CatalogWrite, old: StoredObject | None) -> bool:
    if change.action in {"archive", "unarchive"}:
        return change.action == "archive"
    if change.action == "create" or any(one.path == "archived" for one in change.fields):
        return change.address in write.archived
    return old.archived if old else False


def _is_new_version(change: Change, old: StoredObject | None) -> bool:
    return change.to_version > (old.version if old else 0)


def _add_versions(tx: Tx, write: CatalogWrite, number: int) -> None:
    """The terms and the plan version of every change that makes one."""
    terms, versions = {}, []
    for change in write.changes.changes:
        old = write.changes.base.objects.get(change.renamed_from or change.address)
        if not _is_new_version(change, old):
            continue
        before = old.version if old else 0
        assert change.to_version == before + 1, (
            f"{change.address}: version {change.to_version} after {before}"
        )
        snapshot = write.snapshots[change.address]
        terms_hash = snapshot_hash(snapshot)
        terms[terms_hash] = canonical(snapshot)
        versions.append(
            {
                # under the old id where the plan is renamed: the rename follows and takes it along
                "plan": (change.renamed_from or change.address).partition(".")[2],
                "version": change.to_version,
                "terms_hash": terms_hash,
                "revision": number,
                "recorded_at": write.at,
            }
        )
    put_rows(tx, "terms", [{"hash": name, "document": text} for name, text in terms.items()])
    insert_rows(tx, "plan_version", versions)


def _rename(tx: Tx, change: Change) -> None:
    """Let everything that names the old id name the new one; invoices keep what they said."""
    section, _, new = change.address.partition(".")
    old = change.renamed_from.partition(".")[2]
    will_change(tx, "catalog_object", [(change.renamed_from,)])
    tx.connection.execute(_O.delete().where(_O.c.address == change.renamed_from))
    if section in SOLD:
        for follower in (_V, _S, _A):
            will_change_where(tx, follower, follower.c.plan == old)
        will_change(
            tx, "plan_version", [(new, key[1]) for key in tx.touched["plan_version"] if key[0] == old]
        )
        for follower in (_V, _S, _A):
            tx.connection.execute(follower.update().where(follower.c.plan == old).values(plan=new))
    if section == "groups":
        will_change_where(tx, _S, _S.c.exclusive_group == old)
        tx.connection.execute(_S.update().where(_S.c.exclusive_group == old).values(exclusive_group=new))


def _speaking_of_new_ids(write: CatalogWrite) -> Iterator[StoredObject]:
    """The objects that do not change themselves but name a renamed one, of whichever manager."""
    renames = {one.renamed_from: one.address for one in write.changes.changes if one.renamed_from}
    changed = {change.address for change in write.changes.changes} | set(renames)
    name = renaming(renames)
    for address, one in write.changes.base.objects.items() if renames else ():
        document = mapped(address, one.document, name)
        if address not in changed and document != one.document:
            yield replace(one, document=document)


def _refresh_places(tx: Tx, write: CatalogWrite) -> None:
    """Lines move while objects stay the same: remember where each stands now."""
    changed = {change.address for change in write.changes.changes}
    moved = []
    for address, place in write.places.items():
        old = write.changes.base.objects.get(address)
        if old is not None and old.managed_by == write.changes.catalog and address not in changed:
            moved.append({"the_address": address, "the_file": place.file, "the_line": place.line})
    if moved and not write.outside:
        will_change(tx, "catalog_object", [(one["the_address"],) for one in moved])
        statement = _O.update().where(_O.c.address == bindparam("the_address"))
        tx.connection.execute(
            statement.values(
                file=bindparam("the_file"), line=bindparam("the_line"), source_commit=write.source_commit
            ),
            moved,
        )


def _forget_edits(tx: Tx, write: CatalogWrite) -> None:
    """What was edited in the shell and is now said by the files is no edit outside any more."""
    for chunk in chunks(write.changes.settled) if not write.outside else ():
        will_change(tx, "catalog_object", [(address,) for address in chunk])
        settled = _O.update().where(_O.c.address.in_(chunk))
        tx.connection.execute(settled.values(outside_revision=0, outside_actor=""))


def _places(catalog: Catalog) -> dict[str, Place]:
    """Where every object of a catalog stands, by address; page and policy have no place."""
    found = {f"{section_of(plan)}.{plan.id}": plan.place for plan in catalog.plans.values()}
    found |= {f"currencies.{code}": place for code, place in catalog.currency_places.items()}
    found |= {f"features.{name}": one.place for name, one in catalog.features.items()}
    found |= {f"groups.{name}": one.place for name, one in catalog.groups.items()}
    found |= {f"taxes.{name}": one.place for name, one in catalog.taxes.items()}
    found |= {f"coupons.{name}": one.place for name, one in catalog.coupons.items()}
    found |= {f"examples.{name}": one.place for name, one in catalog.examples.items()}
    return found


# --- rows


def _row(one: StoredObject, revision: int) -> Values:
    place = one.place or NOWHERE
    return {
        "address": one.address,
        "document": canonical(one.document),
        "archived": int(one.archived),
        "version": one.version,
        "terms_hash": one.terms_hash,
        "managed_by": one.managed_by,
        "file": place.file,
        "line": place.line,
        "source_commit": one.commit,
        "outside_revision": one.outside[0] if one.outside else 0,
        "outside_actor": one.outside[1] if one.outside else "",
        "aliases": canonical([*one.aliases]),
        "revision": revision,
    }


def _add_revision(tx: Tx, write: CatalogWrite, number: int, changes: Document) -> None:
    row: dict[str, Any] = {
        "number": number,
        "parent": number - 1,
        "catalog": write.changes.catalog,
        "digest": write.changes.digest,
        "document": canonical(objects_document(tx)),
        "changes": canonical(changes),
        "accepted": canonical([*write.accepted]),
        "actor": write.actor,
        "reason": write.reason,
        "source_commit": write.source_commit,
        "recorded_at": write.at,
    }
    insert_rows(tx, "catalog_revision", [row])


def _told(change: Change) -> Document:
    return {
        "address": change.address,
        "action": change.action,
        "from_version": str(change.from_version),
        "to_version": str(change.to_version),
        "renamed_from": change.renamed_from,
        "fields": [{"path": one.path, "before": one.before, "after": one.after} for one in change.fields],
    }
