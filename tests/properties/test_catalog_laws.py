"""Laws of whole catalogs: what is exported or applied differs in nothing afterwards, and what is changed differs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planctl.core.catalog.diff import diff
from planctl.core.catalog.emit import archived_addresses, catalog_documents, catalog_file_document
from planctl.core.catalog.fields import BY_KEY, FEATURE_ENTRY
from planctl.core.catalog.parse import parse
from planctl.core.catalog.parse_features import parse_beyond
from planctl.core.catalog.sources import SECTIONS
from planctl.core.document import Document, node_of
from planctl.core.instants import Instant
from planctl.core.pricing import kinds
from planctl.core.reading import Reader
from planctl.files.plan_options import Options
from planctl.files.yaml_reader import read_text
from planctl.files.yaml_writer import write_yaml
from planctl.store.engine import Store, open_store
from planctl.workflows.apply_catalog import ReadCatalog, Terms, Who, apply_changes, propose_changes
from planctl.workflows.edit_catalog import Who as Editor
from planctl.workflows.edit_catalog import decide, draft_new, keep
from planctl.workflows.read_catalog import export_catalog
from tests import stores
from tests.core.catalog.diffing import stored
from tests.properties import any_catalog
from tests.properties.any_catalog import Object, read, whole

pytestmark = pytest.mark.slow

ALICE = Who("alice", "", Instant(1_767_225_600_000_000))  # 2026-01-01T00:00:00Z
AS_IT_IS = Terms(accept=("policy-loosened policy",))


# --- what is drawn


def test_every_field_price_kind_and_section_is_drawn() -> None:
    assert {*any_catalog.FIELDS, *any_catalog.ELSEWHERE} == BY_KEY.keys()
    assert {*any_catalog.ENTRY, "beyond", "spends", "values"} == FEATURE_ENTRY
    assert any_catalog.KINDS.keys() == kinds.KINDS.keys()
    assert {*any_catalog.BESIDE} == {*kinds.BESIDE}
    drawn = {*any_catalog.OTHERS, "currencies", "features", "groups", "plans", "addons"}
    assert drawn == {*SECTIONS}


@pytest.mark.parametrize("kind", ["package", "percentage", "convert"])
def test_every_term_of_a_price_kind_is_drawn(kind: str) -> None:
    """A key that is no term is a finding that lists those which are."""
    terms = {
        "package": any_catalog.PACKAGE,
        "percentage": any_catalog.PERCENTAGE,
        "convert": any_catalog.CONVERT,
    }
    text: Document = {"no_such_term": "1"}
    node = node_of({"charge": "usage", kind: text, **({"volume": []} if kind == "convert" else {})})
    reader = Reader()
    parse_beyond(node, reader)
    (hint,) = [finding.hint for finding in reader.findings if finding.rule == "unknown-key"]
    assert hint == "known: " + ", ".join(sorted(terms[kind]))


# --- without a store


@given(whole())
def test_an_export_differs_in_nothing_from_what_was_exported(document: Object) -> None:
    found = read(document)
    objects = catalog_documents(found)
    archived = archived_addresses(found)
    for address in archived:
        one = objects[address]
        assert isinstance(one, dict)
        objects[address] = {**one, "archived": True}
    again = read(catalog_file_document(objects, found.name))
    assert catalog_documents(again) == catalog_documents(found)
    assert archived_addresses(again) == archived
    base = stored(found)
    flagged = {address: replace(base.objects[address], archived=True) for address in archived}
    base = replace(base, objects={**base.objects, **flagged})
    assert diff(base, again, holders={}).changes == ()


@settings(max_examples=50)
@given(whole())
def test_an_export_that_was_written_to_a_file_says_the_same(document: Object) -> None:
    found = read(document)
    text = write_yaml(catalog_file_document(catalog_documents(found), found.name))
    source = read_text(text, "catalog.yaml").files[0]
    assert source.node is not None
    again = parse([("catalog.yaml", source.node)]).catalog
    assert again is not None
    assert catalog_documents(again) == catalog_documents(found)


# --- with a store


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A test store without a catalog, made once."""
    path = tmp_path_factory.mktemp("empty") / "store.db"
    with open_store(stores.url(path), create=True, is_test=True):
        return path


@contextmanager
def copy_of(path: Path) -> Iterator[Store]:
    """A store of its own."""
    with TemporaryDirectory() as folder:
        own = Path(folder) / "store.db"
        stores.copy(path, own)
        with open_store(stores.url(own)) as store:
            yield store


def apply(store: Store, document: Object, terms: Terms = AS_IT_IS) -> None:
    """Apply a catalog as one revision."""
    with store.write() as tx:
        apply_changes(tx, ReadCatalog(Path("any.yaml"), read(document), ()), terms, ALICE, None)


def changed_by(store: Store, document: Document) -> list[str]:
    """The addresses that applying a catalog would change."""
    with store.read() as tx:
        return [change.address for change in propose_changes(tx, read(document), AS_IT_IS).changes]


def exported(store: Store) -> Object:
    """Everything that is sold, as one document."""
    with store.read() as tx:
        return export_catalog(tx).document


OTHER: Object = {
    "format": "planctl.catalog/1",
    "catalog": "other",
    "currencies": {"AUD": None},
    "features": {"trips": {"type": "metered"}},
    "groups": {"rides": {}},
    "plans": {"ride": {"group": "rides", "price": {"month": {"AUD": "5"}}, "features": {"trips": "5"}}},
}


@settings(max_examples=25)
@given(whole())
def test_what_was_applied_differs_in_nothing(empty: Path, document: Object) -> None:
    with copy_of(empty) as store:
        apply(store, document)
        assert changed_by(store, document) == []


@settings(max_examples=25)
@given(whole())
def test_what_a_store_exports_differs_in_nothing_from_it(empty: Path, document: Object) -> None:
    with copy_of(empty) as store:
        apply(store, document)
        assert changed_by(store, exported(store)) == []
        apply(store, OTHER)
        assert changed_by(store, document) == changed_by(store, OTHER) == []


@settings(max_examples=10)
@given(whole())
def test_what_was_made_in_the_shell_stays_and_is_exported_too(empty: Path, document: Object) -> None:
    with copy_of(empty) as store:
        apply(store, document)
        with store.write() as tx:
            drafted = draft_new(tx, "plans.by_hand", Options(prices=("month:USD=5",)))
            keep(tx, decide(tx, drafted, outside=False), Editor("bob", ALICE.at))
        assert changed_by(store, document) == []
        whole_store = exported(store)
        assert "by_hand" in (whole_store["plans"] or ())  # type: ignore[operator]
        assert changed_by(store, whole_store) == ["plans.by_hand"]  # taken over, as its export says
        apply(store, whole_store)
        assert changed_by(store, whole_store) == []


def test_an_export_reads_back_where_a_plan_uses_an_archived_feature(empty: Path) -> None:
    document: Object = {
        "format": "planctl.catalog/1",
        "catalog": "any",
        "features": {"old": {"type": "boolean", "archived": True}},
        "plans": {"p": {"price": "free", "features": {"old": True}}},
    }
    with copy_of(empty) as store:
        apply(store, document)
        assert changed_by(store, exported(store)) == []


LEAVES: dict[str, tuple[tuple[str, ...], Document]] = {
    "a fee": (("price", "month", "USD"), "6"),
    "another currency": (("price", "month", "EUR"), "5"),
    "another row": (("price", "week"), {"USD": "5"}),
    "an allowance": (("features", "seats"), "2"),
    "a feature": (("features", "sso"), True),
    "a name": (("name",), "Another"),
    "a flag": (("recommended",), False),
    "days": (("due",), "1 day"),
    "a group": (("group",), "extras"),
    "a minimum": (("minimum",), {"USD": "9"}),
    "archived": (("archived",), True),
    "whom it is for": (("only_for",), {"list": "schools"}),
    "metadata": (("metadata",), {"a": "b"}),
}


@settings(max_examples=25)
@given(whole(), st.sampled_from(sorted(LEAVES)))
def test_a_changed_leaf_is_never_nothing(empty: Path, document: Object, name: str) -> None:
    path, value = LEAVES[name]
    plans = document["plans"]
    assert isinstance(plans, dict)
    after = {**document, "plans": {**plans, "fixed": put(plans["fixed"], path, value)}}
    with copy_of(empty) as store:
        apply(store, {**document, "defaults": {}, "examples": {}})
        assert "plans.fixed" in changed_by(store, {**after, "defaults": {}, "examples": {}})


def put(document: Document, path: tuple[str, ...], value: Document) -> Document:
    """The document with one leaf replaced or added."""
    if not path:
        return value
    assert isinstance(document, dict)
    return {**document, path[0]: put(document.get(path[0]), path[1:], value)}
