"""What a snapshot file keeps of a store's catalog, and reading it back: objects, counts, quantiles, no customers."""

from __future__ import annotations

from collections.abc import Mapping as Map
from dataclasses import field, replace

from planctl.core.catalog.book import Book, Held, Spread
from planctl.core.catalog.changeset import Holders, StoredCatalog, StoredObject, Written
from planctl.core.catalog.edits import FLAGGED
from planctl.core.catalog.emit import catalog_documents
from planctl.core.catalog.parse import parse
from planctl.core.catalog.references import SOLD
from planctl.core.catalog.shape import Shape, exact_of, sealed, unsealed
from planctl.core.catalog.sources import FORMAT as CATALOG_FORMAT
from planctl.core.document import Document, Mapping, canonical, node_of
from planctl.core.instants import instant_text
from planctl.core.money import decimal_text, fraction_text
from planctl.core.periods import Interval
from planctl.core.unreadable import Unreadable
from planctl.findings import NOWHERE, Place
from planctl.values import dataclass

FORMAT = "planctl.snapshot/1"

_TOP = frozenset({"format", "store", "revision", "as_of", "objects", "notes_seen", "held", "used"})
_OBJECT = frozenset(
    {
        "document",
        "archived",
        "version",
        "terms_hash",
        "managed_by",
        "file",
        "line",
        "aliases",
        "outside",
        "written",
    }
)
_HELD = frozenset(
    {"plan", "version", "currency", "pay", "monthly", "count", "units", "quantities", "agreed", "charged"}
)
_USED = frozenset({"plan", "feature", "count", "percentiles"})
_PERCENTILES = 101


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A store's catalog as of an instant, with how many hold and use what."""

    stored: StoredCatalog
    book: Book
    holders: Map[str, Holders] = field(default_factory=dict)


def snapshot_file_document(stored: StoredCatalog, book: Book) -> dict[str, object]:
    """The document of a snapshot file. Held terms, customers and single quantities used are left out."""
    return sealed(
        {
            "format": FORMAT,
            "store": {"id": stored.store_id, "name": stored.store_name},
            "revision": stored.revision,
            "as_of": instant_text(book.as_of),
            "objects": {address: _object_document(one) for address, one in sorted(stored.objects.items())},
            "notes_seen": sorted(stored.notes_seen),
            "held": [_held_document(one) for one in book.held],
            "used": [
                {
                    "plan": plan,
                    "feature": feature,
                    "count": spread.count,
                    "percentiles": [fraction_text(one) for one in spread.percentiles],
                }
                for (plan, feature), spread in sorted(book.spreads.items())
            ],
        }
    )


def read_snapshot(document: Document, label: str) -> Snapshot:
    """What a snapshot file says; `label` is how the file was asked for. Unreadable where it is not one of ours."""
    top = unsealed(document, FORMAT, _TOP)
    store = top.inner("store", frozenset({"id", "name"}))
    as_of = top.instant("as_of")
    objects = {address: _object(address, one) for address, one in top.map("objects").items()}
    stored = StoredCatalog(
        store_id=store.text("id"),
        store_name=store.text("name"),
        revision=top.whole("revision"),
        objects=objects,
        notes_seen=frozenset(top.texts("notes_seen")),
        kind="snapshot",
        label=label,
        as_of=as_of,
    )
    wrong = _unlike(stored)
    if wrong:
        raise Unreadable(f"objects.{wrong[0]} is not what a catalog says", "make the snapshot again")
    stored = _with_sound_drift(stored)
    held = tuple(_held(one) for one in top.maps("held", _HELD))
    spreads = {(one.text("plan"), one.text("feature")): _spread(one) for one in top.maps("used", _USED)}
    return Snapshot(stored, Book(as_of, held, spreads), holders_of(held, stored))


def _unlike(stored: StoredCatalog) -> list[str]:
    """The addresses whose document is not one that a catalog has: whoever can edit the file can seal it again."""
    written: dict[str, dict[str, Document]] = {}
    single: dict[str, Document] = {}
    for address, one in stored.objects.items():
        section, _, object_id = address.partition(".")
        assert isinstance(one.document, dict)
        flag: dict[str, Document] = {"archived": True} if one.archived and section in FLAGGED else {}
        if object_id:
            written.setdefault(section, {})[object_id] = {**one.document, **flag}
        else:
            single[section] = one.document
    node = node_of({"format": CATALOG_FORMAT, "catalog": "snapshot", **written, **single})
    assert isinstance(node, Mapping)
    catalog = parse([("", node)]).catalog
    found = catalog_documents(catalog) if catalog is not None else {}
    return [
        address
        for address, one in stored.objects.items()
        if canonical(found.get(address)) != canonical(one.document)
    ]


def _with_sound_drift(stored: StoredCatalog) -> StoredCatalog:
    """The same, without what a catalog wrote of an object where that can no longer be read beside the others."""
    drifted = {address: one for address, one in stored.objects.items() if one.written}
    if not drifted:
        return stored
    before = {
        address: replace(one, document=one.written.document if one.written else one.document)
        for address, one in stored.objects.items()
    }
    lost = {
        address: replace(drifted[address], written=None)
        for address in _unlike(replace(stored, objects=before))
        if address in drifted
    }
    return replace(stored, objects={**stored.objects, **lost})


def holders_of(held: tuple[Held, ...], stored: StoredCatalog) -> dict[str, Holders]:
    """Running subscriptions per version of each plan, by address."""
    counts: dict[str, dict[int, int]] = {}
    for one in held:
        address = next(
            (f"{section}.{one.plan}" for section in SOLD if f"{section}.{one.plan}" in stored.objects), ""
        )
        versions = counts.setdefault(address or f"plans.{one.plan}", {})
        versions[one.version] = versions.get(one.version, 0) + one.count
    return {address: Holders(versions) for address, versions in counts.items()}


def _object_document(one: StoredObject) -> dict[str, object]:
    return {
        "document": one.document,
        "archived": one.archived,
        "version": one.version,
        "terms_hash": one.terms_hash,
        "managed_by": one.managed_by,
        "file": one.place.file,
        "line": one.place.line,
        "aliases": list(one.aliases),
        "outside": list(one.outside) if one.outside else None,
        "written": None if one.written is None else _written_document(one.written),
    }


def _written_document(one: Written) -> dict[str, object]:
    return {"document": one.document, "archived": one.archived}


def _object(address: str, document: Document) -> StoredObject:
    shape = Shape.of(document, f"objects.{address}", _OBJECT)
    content = shape.map("document")
    file, line = shape.text("file"), shape.whole("line")
    return StoredObject(
        address=address,
        document=content,
        archived=shape.flag("archived"),
        version=shape.whole("version"),
        terms_hash=shape.hash("terms_hash"),
        managed_by=shape.text("managed_by"),
        place=Place(file, line) if file else NOWHERE,
        outside=_outside(shape),
        aliases=shape.texts("aliases"),
        written=_written(shape),
    )


def _written(shape: Shape) -> Written | None:
    if shape.document["written"] is None:
        return None
    inner = shape.inner("written", frozenset({"document", "archived"}))
    return Written(inner.map("document"), inner.flag("archived"))


def _outside(shape: Shape) -> tuple[int, str] | None:
    if shape.document["outside"] is None:
        return None
    told = shape.texts("outside")
    if len(told) != 2 or not told[0].isdecimal():
        raise Unreadable(f"{shape.path}.outside is not a revision and a name", "make the snapshot again")
    return int(told[0]), told[1]


def _held_document(one: Held) -> dict[str, object]:
    return {
        "plan": one.plan,
        "version": one.version,
        "currency": one.currency,
        "pay": one.pay,
        "monthly": fraction_text(one.monthly),
        "count": one.count,
        "units": one.units,
        "quantities": {name: decimal_text(value) for name, value in sorted(one.quantities.items())},
        "agreed": sorted(one.agreed),
        "charged": one.charged,
    }


def _held(shape: Shape) -> Held:
    return Held(
        plan=shape.text("plan"),
        version=shape.whole("version"),
        currency=shape.text("currency"),
        pay=_interval(shape),
        monthly=shape.exact("monthly"),
        count=shape.whole("count"),
        units=shape.whole("units"),
        quantities=shape.decimals("quantities"),
        agreed=dict.fromkeys(shape.texts("agreed")),
        charged=shape.flag("charged"),
    )


def _interval(shape: Shape) -> str:
    try:
        return str(Interval.parse(shape.text("pay")))
    except Unreadable as error:
        raise Unreadable(f"{shape.path}.pay is not an interval", error.fix) from error


def _spread(shape: Shape) -> Spread:
    texts = shape.texts("percentiles")
    if len(texts) != _PERCENTILES:
        raise Unreadable(
            f"{shape.path}.percentiles has not {_PERCENTILES} numbers", "make the snapshot again"
        )
    return Spread(shape.whole("count"), tuple(exact_of(text, f"{shape.path}.percentiles") for text in texts))
