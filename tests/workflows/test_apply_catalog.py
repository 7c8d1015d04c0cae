"""A catalog on its way into the store: decided again inside the transaction, or refused because something moved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from planctl.core.catalog.changeset import ChangeSet
from planctl.core.instants import Instant
from planctl.errors import Conflict, Refused
from planctl.store.engine import Store, open_store
from planctl.store.laws.model import Breach, Law
from planctl.workflows.apply_catalog import (
    ReadCatalog,
    Terms,
    Who,
    apply_changes,
    propose_changes,
    read_catalog,
    revision_after,
)
from planctl.workflows.maintain_store import examine
from planctl.workflows.read_catalog import export_catalog, revision_of
from tests import stores

SHOP = Path(__file__).parents[1] / "data" / "shop.yaml"
JANUARY = Instant(1_767_225_600_000_000)  # 2026-01-01T00:00:00Z
AS_IT_IS = Terms()
ALICE = Who("alice", "a reason", JANUARY)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty test store."""
    with open_store(stores.url(tmp_path / "books.db"), create=True, is_test=True) as opened:
        yield opened


def shop(tmp_path: Path, *replacements: tuple[str, str]) -> ReadCatalog:
    """The shop's catalog with some texts replaced."""
    text = SHOP.read_text(encoding="utf-8")
    for old, new in replacements:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path = tmp_path / "shop.yaml"
    path.write_text(text, encoding="utf-8")
    return read_catalog(path)


def proposed(store: Store, read: ReadCatalog, terms: Terms = AS_IT_IS) -> ChangeSet:
    assert read.catalog is not None
    with store.read() as tx:
        return propose_changes(tx, read.catalog, terms)


def applied(store: Store, read: ReadCatalog, shown: ChangeSet | None = None, terms: Terms = AS_IT_IS) -> int:
    with store.write() as tx:
        return revision_after(apply_changes(tx, read, terms, ALICE, shown))


def test_what_was_shown_is_what_is_applied(store: Store, tmp_path: Path) -> None:
    read = shop(tmp_path)
    shown = proposed(store, read)
    assert applied(store, read, shown) == 1
    with store.read() as tx:
        revision = revision_of(tx, None)
    assert (revision.actor, revision.reason, revision.recorded_at, revision.digest) == (
        "alice", "a reason", JANUARY, shown.digest,
    )  # fmt: skip


def test_applying_again_makes_no_revision(store: Store, tmp_path: Path) -> None:
    read = shop(tmp_path)
    applied(store, read)
    assert applied(store, read) == 1
    assert proposed(store, read).empty


def test_a_store_that_moved_since_the_changes_were_shown_is_a_conflict(store: Store, tmp_path: Path) -> None:
    shown = proposed(store, shop(tmp_path))
    applied(store, shop(tmp_path, ("name: Starter", "name: Start")))
    with pytest.raises(Conflict) as caught:
        applied(store, shop(tmp_path), shown)
    assert (caught.value.code, caught.value.expected, caught.value.got) == (
        "store-moved", "revision 0", "revision 1",
    )  # fmt: skip
    with store.read() as tx:
        assert revision_of(tx, None).number == 1


def test_a_breaking_change_is_refused_inside_the_transaction_too(store: Store, tmp_path: Path) -> None:
    applied(store, shop(tmp_path))
    dearer = shop(tmp_path, ("{USD: 19, EUR: 18}", "{USD: 29, EUR: 18}"))
    with pytest.raises(Refused):
        applied(store, dearer)
    fingerprints = proposed(store, dearer).unaccepted
    assert len(fingerprints) == 1
    assert applied(store, dearer, terms=Terms(accept=fingerprints)) == 2


def test_an_export_holds_what_is_sold_and_names_its_catalog(store: Store, tmp_path: Path) -> None:
    applied(store, shop(tmp_path))
    with store.read() as tx:
        exported = export_catalog(tx)
    assert exported.unmanaged == ()
    assert exported.document["catalog"] == "shop"
    plans = exported.document["plans"]
    assert isinstance(plans, dict)
    assert set(plans) == {"free", "starter"}


def test_every_law_holds_for_a_new_store(store: Store) -> None:
    with store.read() as tx:
        assert [verdict.law.id for verdict in examine(tx) if not verdict.holds] == []


def test_at_most_a_hundred_violations_of_a_law_are_listed(store: Store) -> None:
    broken = Law("broken", "nothing is broken", lambda tx: (Breach("store", str(n)) for n in range(250)))
    with store.read() as tx:
        [verdict] = examine(tx, [broken])
    assert not verdict.holds
    assert (len(verdict.violations), verdict.count, str(verdict.violations[-1])) == (100, 250, "store: 99")


def test_a_number_that_no_invoice_has_is_a_gap(store: Store) -> None:
    from planctl.store.numbering import INVOICES, NumberFormat, take_numbers

    with store.write() as tx:
        take_numbers(tx, INVOICES, NumberFormat(), [JANUARY], "UTC")
    with store.read() as tx:
        found = {verdict.law.id: verdict.violations for verdict in examine(tx)}
    assert ["INV" in str(violation) for violation in found["numbers-consecutive"]] == [True]
