"""A change set saved for review: bound to the store and the objects it was computed from; it applies nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256

from planctl.core.catalog.changeset import Change, ChangeSet, StoredCatalog, StoredObject
from planctl.core.catalog.emit import catalog_documents
from planctl.core.catalog.model import Catalog
from planctl.core.catalog.references import references
from planctl.core.catalog.selection import Selection
from planctl.core.catalog.shape import Shape, as_read, sealed, unsealed
from planctl.core.document import Document, canonical
from planctl.core.instants import instant_text
from planctl.core.unreadable import Unreadable
from planctl.values import dataclass

FORMAT = "planctl.plan/1"

_TOP = frozenset(
    {
        "format",
        "digest",
        "catalog",
        "store",
        "base",
        "hashes",
        "files",
        "only",
        "except",
        "take_over",
        "accept",
        "source",
        "summary",
        "changes",
        "refusals",
    }
)


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """What was reviewed: the whole desired catalog as its files, and what it was compared with.

    `hashes` are of every object that changes or that a changed one refers to, as the base held it (empty: it did
    not). `store_id` is empty where there was no store yet. `accept` are fingerprints and `RULE ADDRESS` entries.
    `commit` is where the files came from. `reviewed` are the changes themselves, by address, as they were shown.
    """

    digest: str
    catalog: str
    store_id: str
    store_name: str
    revision: int
    hashes: Mapping[str, str]
    files: Mapping[str, str]
    selection: Selection
    take_over: str
    accept: tuple[str, ...]
    commit: str
    reviewed: Mapping[str, Document]


@dataclass(frozen=True, slots=True)
class Reviewed:
    """Beside the change set, what a saved plan is made of."""

    files: Mapping[str, str]
    selection: Selection
    take_over: str = ""
    accept: tuple[str, ...] = ()
    commit: str = ""


def saved_plan_document(
    changes: ChangeSet, desired: Catalog, reviewed: Reviewed, shown: Mapping[str, object]
) -> dict[str, object]:
    """The document of a saved plan; `shown` is the diff as machines see it, impact included."""
    base = changes.base
    return sealed(
        {
            "format": FORMAT,
            "digest": changes.digest,
            "catalog": changes.catalog,
            "store": {"id": base.store_id, "name": base.store_name},
            "base": {
                "kind": base.kind,
                "revision": base.revision,
                "as_of": instant_text(base.as_of) if base.as_of is not None else None,
            },
            "hashes": {one: object_hash(base.objects.get(one)) for one in bound_to(changes, desired)},
            "files": dict(reviewed.files),
            "only": list(reviewed.selection.only),
            "except": list(reviewed.selection.without),
            "take_over": reviewed.take_over,
            "accept": list(reviewed.accept),
            "source": {
                "commit": reviewed.commit,
                "files": {name: file_hash(text) for name, text in reviewed.files.items()},
            },
            "summary": shown["summary"],
            "changes": shown["changes"],
            "refusals": list(changes.refusals),
        }
    )


def read_saved_plan(document: Document) -> SavedPlan:
    """The plan that a file holds; Unreadable where it is none of ours or was edited."""
    top = unsealed(document, FORMAT, _TOP)
    store = top.inner("store", frozenset({"id", "name"}))
    base = top.inner("base", frozenset({"kind", "revision", "as_of"}))
    source = top.inner("source", frozenset({"commit", "files"}))
    files = top.text_map("files")
    _check_files(files, source)
    reviewed = _reviewed(top.document["changes"])
    return SavedPlan(
        digest=top.hash("digest"),
        catalog=top.text("catalog"),
        store_id=store.text("id"),
        store_name=store.text("name"),
        revision=base.whole("revision"),
        hashes=top.text_map("hashes"),
        files=files,
        selection=Selection(top.texts("only"), top.texts("except"), frozenset(reviewed)),
        take_over=top.text("take_over"),
        accept=top.texts("accept"),
        commit=source.text("commit"),
        reviewed=reviewed,
    )


def _reviewed(changes: Document) -> dict[str, Document]:
    """The changes by address, each as far as it is a decision: impact and place move by themselves."""
    if not isinstance(changes, list):
        raise Unreadable("changes is not a list", "make the plan again")
    found: dict[str, Document] = {}
    for index, one in enumerate(changes):
        if not isinstance(one, dict) or not isinstance(one.get("address"), str):
            raise Unreadable(f"changes[{index}] is no change", "make the plan again")
        found[str(one["address"])] = {key: one.get(key) for key in _DECIDED}
    return found


_DECIDED = ("address", "action", "from_version", "to_version", "fields")
"""What of a change in `planctl.diff/1` is the change itself."""


def differing(plan: SavedPlan, changes: ChangeSet) -> tuple[str, ...]:
    """The addresses whose changes are not those that were reviewed; `changes` are of a diff made now."""
    now = {one.address: as_read(_decided(one)) for one in changes.changes}
    return tuple(sorted(one for one in {*now, *plan.reviewed} if now.get(one) != plan.reviewed.get(one)))


def _decided(change: Change) -> dict[str, object]:
    return {
        "address": change.address,
        "action": change.action,
        "from_version": change.from_version,
        "to_version": change.to_version,
        "fields": [{"path": one.path, "before": one.before, "after": one.after} for one in change.told],
    }


def _check_files(files: Mapping[str, str], source: Shape) -> None:
    hashes = source.text_map("files")
    if hashes != {name: file_hash(text) for name, text in files.items()}:
        raise Unreadable("its files are not those whose hashes it names", "make the plan again")


def bound_to(changes: ChangeSet, desired: Catalog) -> tuple[str, ...]:
    """The addresses of every object that changes, under both names where it is renamed, or that one refers to."""
    documents = catalog_documents(desired)
    found: dict[str, None] = {}
    for change in changes.changes:
        for address in (change.address, change.renamed_from):
            if address:
                found[address] = None
        if change.address in documents:
            found |= dict.fromkeys(references(change.address, documents[change.address]))
    return tuple(sorted(found))


def moved(hashes: Mapping[str, str], stored: StoredCatalog) -> Sequence[str]:
    """The addresses whose objects are not any more what they were."""
    return [
        address for address, was in sorted(hashes.items()) if object_hash(stored.objects.get(address)) != was
    ]


def object_hash(one: StoredObject | None) -> str:
    """sha256 over all of an object that a diff looks at; empty for none. Where it stands in files does not count."""
    if one is None:
        return ""
    told: Document = {
        "document": one.document,
        "archived": one.archived,
        "version": str(one.version),
        "terms_hash": one.terms_hash,
        "managed_by": one.managed_by,
    }
    return sha256(canonical(told).encode()).hexdigest()


def file_hash(text: str) -> str:
    """sha256 of a file's bytes; catalog files are UTF-8."""
    return sha256(text.encode()).hexdigest()
