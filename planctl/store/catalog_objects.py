"""What the store holds of a catalog, read back: objects, versions, terms, holders, revisions, named lists.

It changes nothing and compares nothing. Values are parsed by the same code that reads a catalog's files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, func, select

from planctl.core.catalog.changeset import Holders, StoredCatalog, StoredObject
from planctl.core.catalog.model import Feature, Group
from planctl.core.catalog.references import SOLD
from planctl.core.currencies import Currency
from planctl.core.document import Document, Entry, Scalar, document_of, node_of
from planctl.core.periods import Instant
from planctl.core.reading import Reader
from planctl.core.subscriptions.model import LIVE
from planctl.errors import NotFound, StoreFailure
from planctl.findings import NOWHERE, Place
from planctl.store.sets import chunks, put_rows, table
from planctl.store.settings import identity
from planctl.store.touching import will_change
from planctl.store.written import with_written
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_O = table("catalog_object")
_R = table("catalog_revision")
_V = table("plan_version")
_T = table("terms")
_S = table("subscription")
_L = table("allow_entry")


@dataclass(frozen=True, slots=True)
class PlanVersion:
    """A plan's terms under a number: their hash, the revision that made it and when."""

    plan: str
    version: int
    terms_hash: str
    revision: int
    recorded_at: Instant


@dataclass(frozen=True, slots=True)
class Revision:
    """One accepted state of the catalog. `objects` is the whole store after it, `changes` what it did.

    `objects`: address → {"document", "archived", "version", "managed_by"}. `changes`: a list of maps with
    address, action, from_version, to_version and fields.
    """

    number: int
    catalog: str
    digest: str
    objects: Document
    changes: Document
    accepted: tuple[str, ...]
    actor: str
    reason: str
    source_commit: str
    recorded_at: Instant


# --- objects


def stored_catalog(tx: Tx) -> StoredCatalog:
    """Everything the store holds of catalogs: revision 0 and no objects where nothing was ever applied."""
    rows = tx.connection.execute(select(_O).order_by(_O.c.address))
    notes = tx.connection.execute(select(table("change_note").c.id)).scalars()
    return StoredCatalog(
        store_id=identity(tx).store_id,
        revision=last_revision(tx),
        objects=with_written(tx, {row.address: _object(row) for row in rows}),
        notes_seen=frozenset(notes),
    )


def objects_document(tx: Tx) -> dict[str, Document]:
    """Every object by address as the catalog holds it now, in the words of a revision's document."""
    return {
        address: {
            "document": one.document,
            "archived": one.archived,
            "version": str(one.version),
            "managed_by": one.managed_by,
        }
        for address, one in stored_catalog(tx).objects.items()
    }


def plan_object(tx: Tx, plan_id: str) -> StoredObject | None:
    """The plan, add-on or pack with that id, archived or not; None where there is none."""
    addresses = [f"{section}.{plan_id}" for section in SOLD]
    row = tx.connection.execute(select(_O).where(_O.c.address.in_(addresses))).one_or_none()
    return None if row is None else _object(row)


def section_objects(tx: Tx, section: str) -> dict[str, StoredObject]:
    """The objects of a section (`features`) by id, archived ones too, in id order."""
    prefix = section + "."
    rows = tx.connection.execute(
        select(_O).where(_O.c.address.startswith(prefix, autoescape=True)).order_by(_O.c.address)
    )
    return {row.address.removeprefix(prefix): _object(row) for row in rows}


def aliases(tx: Tx, section: str) -> dict[str, tuple[str, ...]]:
    """The earlier ids of a section's renamed objects, by present id; those never renamed are left out."""
    found = section_objects(tx, section)
    return {one: stored.aliases for one, stored in found.items() if stored.aliases}


def present_id(tx: Tx, plan: str) -> str:
    """The present id of a plan, add-on or pack that was renamed; its own where it was not."""
    for section in ("plans", "addons"):
        for present, former in aliases(tx, section).items():
            if plan in former:
                return present
    return plan


def _object(row: Row[Any]) -> StoredObject:
    known = document_of(row.aliases)
    assert isinstance(known, list), f"{row.address}: {row.aliases!r} is no list"
    return StoredObject(
        address=row.address,
        document=document_of(row.document),
        archived=bool(row.archived),
        version=row.version,
        terms_hash=row.terms_hash,
        managed_by=row.managed_by,
        place=Place(row.file, row.line) if row.file else NOWHERE,
        commit=row.source_commit,
        outside=(row.outside_revision, row.outside_actor) if row.outside_revision else None,
        aliases=tuple(str(alias) for alias in known),
    )


# --- plans


def plan_versions(tx: Tx, plan_id: str) -> list[PlanVersion]:
    """Every version of a plan, oldest first; nothing for a plan that does not exist."""
    rows = tx.connection.execute(select(_V).where(_V.c.plan == plan_id).order_by(_V.c.version))
    return [
        PlanVersion(row.plan, row.version, row.terms_hash, row.revision, Instant(row.recorded_at))
        for row in rows
    ]


def plan_snapshot(tx: Tx, plan_id: str, version: int | None = None) -> tuple[int, str, Document]:
    """A plan version's number, its terms' hash and their document; the newest unless `version` is given.

    NotFound where there is no such plan or no such version.
    """
    query = select(_V.c.version, _V.c.terms_hash, _T.c.document).join(_T, _T.c.hash == _V.c.terms_hash)
    query = query.where(_V.c.plan == plan_id).order_by(_V.c.version.desc()).limit(1)
    if version is not None:
        query = query.where(_V.c.version == version)
    row = tx.connection.execute(query).one_or_none()
    if row is None:
        raise NotFound(
            f"there is no plan {plan_id!r}"
            if version is None
            else f"plan {plan_id!r} has no version {version}",
            where=f"plan {plan_id}",
            hint="planctl plan list shows them all"
            if version is None
            else f"planctl plan versions {plan_id}",
        )
    return row.version, row.terms_hash, document_of(row.document)


def terms_document(tx: Tx, terms_hash: str) -> Document:
    """The snapshot with that hash; NotFound where the store does not hold it."""
    return terms_documents(tx, [terms_hash])[terms_hash]


def terms_documents(tx: Tx, hashes: Iterable[str]) -> dict[str, Document]:
    """Snapshots by hash; NotFound names the first one that the store does not hold."""
    wanted = dict.fromkeys(hashes)
    found: dict[str, Document] = {}
    for chunk in chunks(wanted):
        for row in tx.connection.execute(select(_T).where(_T.c.hash.in_(chunk))):
            found[row.hash] = document_of(row.document)
    for terms_hash in wanted:
        if terms_hash not in found:
            raise NotFound(f"there are no terms {terms_hash}", where="terms", hint="planctl doctor")
    return found


def holders(tx: Tx) -> dict[str, Holders]:
    """Live subscriptions per version of every plan and add-on that has any, by address (`plans.pro`)."""
    addresses = {
        address.partition(".")[2]: address
        for section in SOLD
        for address in tx.connection.execute(
            select(_O.c.address).where(_O.c.address.startswith(section + "."))
        ).scalars()
    }
    counts: dict[str, dict[int, int]] = {}
    query = (
        select(_S.c.plan, _S.c.plan_version, func.count())
        .where(_S.c.status.in_(sorted(LIVE)))
        .group_by(_S.c.plan, _S.c.plan_version)
        .order_by(_S.c.plan, _S.c.plan_version)
    )
    for plan, version, count in tx.connection.execute(query):
        counts.setdefault(addresses.get(plan, f"plans.{plan}"), {})[version] = count
    return {address: Holders(by_version) for address, by_version in counts.items()}


# --- values


def catalog_currencies(tx: Tx) -> dict[str, Currency]:
    """The currencies in use, by code: those that no catalog has archived."""
    from planctl.core.catalog.parse_sections import parse_currencies

    reader = Reader()
    found = parse_currencies([entry for entry, _ in _entries(tx, "currencies", live=True)], reader)
    _check(reader, "currencies")
    return found


def features(tx: Tx) -> dict[str, Feature]:
    """Every feature's present definition by id, archived ones too."""
    from planctl.core.catalog.parse_features import parse_feature

    reader = Reader()
    found: dict[str, Feature] = {}
    for entry, stored in _entries(tx, "features"):
        feature = parse_feature(entry, reader)
        if feature is not None:
            found[entry.key.text] = replace(feature, archived=stored.archived)
    _check(reader, "features")
    return found


def groups(tx: Tx) -> dict[str, Group]:
    """The plan groups by id, those that no catalog has archived; the built-in one is not kept."""
    from planctl.core.catalog.parse_sections import parse_group

    reader = Reader()
    found: dict[str, Group] = {}
    for entry, _ in _entries(tx, "groups", live=True):
        group = parse_group(entry, reader)
        if group is not None:
            found[entry.key.text] = group
    _check(reader, "groups")
    return found


def _entries(tx: Tx, section: str, *, live: bool = False) -> Iterator[tuple[Entry, StoredObject]]:
    for object_id, stored in section_objects(tx, section).items():
        if not (live and stored.archived):
            yield Entry(Scalar(object_id, stored.place), node_of(stored.document, stored.place)), stored


def _check(reader: Reader, section: str) -> None:
    """What was checked before it was written reads without a finding, or the store is damaged."""
    wrong = next((finding for finding in reader.findings if finding.is_error), None)
    if wrong is not None:
        raise StoreFailure(
            f"the {section} kept in the store cannot be read: {wrong.message}",
            code="damaged",
            where=str(wrong.place) or section,
            got=wrong.got,
            hint="check the store: planctl doctor",
        )


# --- revisions


def last_revision(tx: Tx) -> int:
    """The number of the newest revision; 0 where nothing was ever applied."""
    number: int = tx.connection.execute(select(func.coalesce(func.max(_R.c.number), 0))).scalar_one()
    return number


def revisions(tx: Tx, limit: int | None = None) -> list[Revision]:
    """The last `limit` revisions, or all, newest first."""
    rows = tx.connection.execute(select(_R).order_by(_R.c.number.desc()).limit(limit))
    return [_revision(row) for row in rows]


def revision(tx: Tx, number: int) -> Revision | None:
    """One revision, None where there is none."""
    row = tx.connection.execute(select(_R).where(_R.c.number == number)).one_or_none()
    return None if row is None else _revision(row)


def applied_as(tx: Tx, digest: str, after: int, addresses: frozenset[str]) -> int | None:
    """The newest revision after `after` that applied a catalog of this digest and changed one of the addresses."""
    query = select(_R).where(_R.c.digest == digest, _R.c.number > after).order_by(_R.c.number.desc())
    for row in tx.connection.execute(query):
        changes = document_of(row.changes)
        for one in changes if isinstance(changes, list) else ():
            if isinstance(one, dict) and one.get("address") in addresses:
                return int(row.number)
    return None


def moved_by(tx: Tx, address: str) -> int | None:
    """The revision that last wrote an object; None where it is not there."""
    query = select(_O.c.revision).where(_O.c.address == address)
    number: int | None = tx.connection.execute(query).scalar_one_or_none()
    return number


def notes_until(tx: Tx, number: int) -> frozenset[str]:
    """The change notes that revisions up to a number contained."""
    notes = table("change_note")
    return frozenset(tx.connection.execute(select(notes.c.id).where(notes.c.revision <= number)).scalars())


def version_hashes(tx: Tx) -> dict[tuple[str, int], str]:
    """The hash of every plan version's terms, by plan id and version."""
    query = select(_V.c.plan, _V.c.version, _V.c.terms_hash)
    return {(row.plan, row.version): row.terms_hash for row in tx.connection.execute(query)}


def _revision(row: Row[Any]) -> Revision:
    accepted = document_of(row.accepted)
    assert isinstance(accepted, list), f"revision {row.number}: {row.accepted!r} is no list"
    return Revision(
        number=row.number,
        catalog=row.catalog,
        digest=row.digest,
        objects=document_of(row.document),
        changes=document_of(row.changes),
        accepted=tuple(str(one) for one in accepted),
        actor=row.actor,
        reason=row.reason,
        source_commit=row.source_commit,
        recorded_at=Instant(row.recorded_at),
    )


# --- named lists


def allow_entries(tx: Tx, list_name: str) -> frozenset[str]:
    """The members of a named list: customer ids, e-mail addresses, domains; none for a list nobody filled."""
    rows = tx.connection.execute(select(_L.c.entry).where(_L.c.list_name == list_name))
    return frozenset(rows.scalars())


def allow(tx: Tx, list_name: str, entries: Sequence[str]) -> int:
    """Put entries on a named list; how many were not yet on it."""
    rows = [{"list_name": list_name, "entry": entry} for entry in dict.fromkeys(entries)]
    before = len(allow_entries(tx, list_name))
    put_rows(tx, "allow_entry", rows)
    return len(allow_entries(tx, list_name)) - before


def disallow(tx: Tx, list_name: str, entries: Sequence[str]) -> int:
    """Take entries off a named list; how many were on it."""
    removed = 0
    for chunk in chunks(dict.fromkeys(entries)):
        will_change(tx, "allow_entry", [(list_name, entry) for entry in chunk])
        statement = _L.delete().where(_L.c.list_name == list_name, _L.c.entry.in_(chunk))
        removed += tx.connection.execute(statement).rowcount
    return removed
