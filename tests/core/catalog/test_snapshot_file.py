"""A snapshot file: it says what the store holds and names nobody, and an edited one is refused."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from planctl.core.catalog.book import Book, Held, Spread
from planctl.core.catalog.changeset import Holders, StoredCatalog, StoredObject, Written
from planctl.core.catalog.diff import diff
from planctl.core.catalog.shape import as_read, sealed
from planctl.core.catalog.snapshot_file import Snapshot, read_snapshot, snapshot_file_document
from planctl.core.instants import Instant
from planctl.core.unreadable import Unreadable
from planctl.findings import Place
from tests.core.catalog.diffing import catalog, stored

NOVEMBER = Instant(1_793_491_200_000_000)  # 2026-11-01T00:00:00Z
HELD = (
    Held("basic", 6, "USD", "month", Fraction(19), count=300),
    Held("pro", 7, "EUR", "year", Fraction(460, 12), count=12, quantities={"seats": Decimal("2.5")}),
    Held("pro", 7, "USD", "month", Fraction(45), agreed={"price.month.USD": "45"}, charged=False),
    Held("boost", 7, "USD", "month", Fraction(12), count=4, units=2),
)
SPREAD = Spread(12, tuple(Fraction(step) for step in range(101)))


def store() -> StoredCatalog:
    whole = stored(
        catalog(),
        plans__pro={"place": Place("plans/pro.yaml", 7), "outside": (40, "alice"), "aliases": ("solo",)},
        coupons__tenner={"archived": True},
    )
    return replace(whole, notes_seen=frozenset({"2026-10-rise"}))


def document(book: Book | None = None) -> Any:
    book = book or Book(NOVEMBER, HELD, {("pro", "minutes"): SPREAD})
    return json.loads(json.dumps(snapshot_file_document(store(), book)))


def read_back(of: Any) -> Snapshot:
    return read_snapshot(as_read(of), "prod.snapshot.json")


def test_what_is_read_back_is_what_the_store_held() -> None:
    snapshot = read_back(document())
    assert snapshot.stored == replace(store(), kind="snapshot", label="prod.snapshot.json", as_of=NOVEMBER)
    assert snapshot.book.as_of == NOVEMBER
    assert snapshot.book.spreads == {("pro", "minutes"): SPREAD}
    assert snapshot.book.held[:2] == HELD[:2]
    assert snapshot.book.held[2] == replace(HELD[2], agreed={"price.month.USD": None})
    assert snapshot.holders == {
        "plans.basic": Holders({6: 300}),
        "plans.pro": Holders({7: 13}),
        "addons.boost": Holders({7: 4}),
    }


def test_a_diff_against_it_is_empty_where_nothing_changed() -> None:
    snapshot = read_back(document())
    base = replace(
        snapshot.stored, objects={k: v for k, v in snapshot.stored.objects.items() if not v.archived}
    )
    wanted = replace(catalog(), coupons={})
    assert diff(base, wanted, holders=snapshot.holders).changes == ()


def test_what_the_catalog_wrote_of_an_edited_object_is_kept_for_its_rule() -> None:
    before = store().objects["plans.pro"].document
    assert isinstance(before, dict)
    written = Written({**before, "name": "Professional"})
    base = replace(
        store(),
        objects={**store().objects, "plans.pro": replace(store().objects["plans.pro"], written=written)},
    )
    found = read_back(json.loads(json.dumps(snapshot_file_document(base, Book(NOVEMBER)))))
    assert found.stored.objects["plans.pro"].written == written
    odd = replace(base.objects["plans.pro"], written=Written({**before, "due": ["x"]}))
    base = replace(base, objects={**base.objects, "plans.pro": odd})
    found = read_back(json.loads(json.dumps(snapshot_file_document(base, Book(NOVEMBER)))))
    assert found.stored.objects["plans.pro"].written is None


def test_a_share_that_is_no_decimal_stays_exact() -> None:
    assert document()["held"][1]["monthly"] == "115/3"  # 460 / 12


def test_terms_and_customers_are_not_in_it() -> None:
    named = Held(
        "basic", 7, "USD", "month", Fraction(19), terms=catalog().plans["basic"].terms, customers=("nova",)
    )
    kept = document(Book(NOVEMBER, (named,)))
    assert "nova" not in json.dumps(kept)
    assert read_back(kept).book.held == (replace(named, terms=None, customers=()),)


def test_an_edited_file_is_refused() -> None:
    for path in (("revision",), ("held", 0, "count")):
        edited = document()
        place = edited
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] += 1
        with pytest.raises(Unreadable, match="it was changed since planctl wrote it"):
            read_back(edited)


@pytest.mark.parametrize("odd", [None, [], {}, {"format": "planctl.plan/1"}, "planctl.snapshot/1"])
def test_another_document_is_refused(odd: Any) -> None:
    with pytest.raises(Unreadable, match=r"it is not in the format planctl\.snapshot/1"):
        read_back(odd)


def test_an_object_without_a_place_has_none() -> None:
    one = StoredObject("page", {"title": "Acme"}, managed_by="acme")
    whole = StoredCatalog("id", "", 1, {"page": one})
    found = read_back(json.loads(json.dumps(snapshot_file_document(whole, Book(NOVEMBER)))))
    assert found.stored.objects == {"page": one}


def resealed(of: Any) -> Any:
    """The document with a seal that fits it, as anybody can make one."""
    rest = {key: value for key, value in of.items() if key != "sha256"}
    return json.loads(json.dumps(sealed(rest)))


@pytest.mark.parametrize(
    ("address", "path", "value"),
    [
        ("currencies.USD", ("decimals",), "x"),
        ("currencies.USD", ("decimals",), "9" * 30),
        ("plans.pro", ("features", "minutes", "rollover"), ["a"]),
        ("plans.pro", ("features", "minutes", "included"), {}),
        ("plans.pro", ("price",), {"month": {"USD": "-1"}}),
        ("features.calls", ("aggregate",), "colour"),
        ("policy", ("max_price_change",), []),
        ("coupons.tenner", ("off",), None),
    ],
)
def test_a_document_that_no_catalog_has_is_refused_though_the_seal_fits(
    address: str, path: tuple[str, ...], value: Any
) -> None:
    edited = document()
    place = edited["objects"][address]["document"]
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(Unreadable, match=rf"objects\.{re.escape(address)} is not what a catalog says"):
        read_back(resealed(edited))


def test_an_interval_that_is_none_is_refused() -> None:
    edited = document()
    edited["held"][0]["pay"] = "x"
    with pytest.raises(Unreadable, match=r"held\[0\]\.pay is not an interval"):
        read_back(resealed(edited))
