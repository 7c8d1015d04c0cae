"""Catalogs as documents: everything explicit, hashes that follow content, and exports that read back."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from planctl.core.catalog.documents import beyond_document
from planctl.core.catalog.emit import (
    archived_addresses,
    catalog_digest,
    catalog_documents,
    catalog_file_document,
    feature_document,
    plan_document,
    snapshot_document,
    snapshot_hash,
)
from planctl.core.catalog.fields import FIELDS
from planctl.core.catalog.model import Catalog
from planctl.core.catalog.parse import parse
from planctl.core.catalog.snapshots import terms_of
from planctl.core.document import Document, Mapping, canonical, document_of, node_of
from planctl.errors import StoreFailure
from tests.core.catalog.helpers import acme_catalog, catalog

BY_HAND = """
plans:
  p:
    price: {month: {USD: 19.90, EUR: 900..9_000}, year: usage}
    trial: 14 days
    features:
      sso: yes
      minutes: {included: 1_000, beyond: {charge: usage, each: {USD: 0.12, EUR: 0.110}, up_to: 5_000}}
      chats: true
"""


def read_back(found: Catalog) -> Catalog:
    document = catalog_file_document(catalog_documents(found), found.name)
    node = node_of(document)
    assert isinstance(node, Mapping)
    result = parse([("export.yaml", node)])
    assert result.findings == ()
    assert result.catalog is not None
    return result.catalog


def test_a_plans_document_says_every_default() -> None:
    assert plan_document(catalog(BY_HAND).plans["p"]) == {
        "name": "p",
        "description": "",
        "visibility": "active",
        "recommended": False,
        "auto_enable": False,
        "only_for": "none",
        "metadata": {},
        "price": {"month": {"USD": "19.9", "EUR": "900..9000"}, "year": "usage"},
        "group": "default",
        "features": {
            "sso": True,
            "minutes": {
                "included": "1000",
                "reset": "month",
                "rollover": "none",
                "prorate_allowance": False,
                "late": "bill",
                "spends": {},
                "beyond": {"charge": "usage", "each": {"EUR": "0.11", "USD": "0.12"}, "up_to": "5000"},
            },
            "chats": {
                "reset": "month",
                "rollover": "none",
                "prorate_allowance": False,
                "late": "bill",
                "spends": {"minutes": "0.1"},
            },
        },
        "due": "14 days",
        "grace": "never",
        "on_past_due": "keep",
        "on_blocked": "recover",
        "renewal_anchor": "keep",
        "anchor": "start",
        "proration": "day",
        "bill": "in advance",
        "settle": "allowance",
        "decrease": "renewal",
        "pause": "credit",
        "packs": False,
        "minimum": {},
        "maximum": {},
        "trial": {"days": "14", "card": False, "once_per": ["customer"]},
        "expires": "never",
        "quantity": "1",
        "requires": [],
    }


def test_every_field_of_the_table_is_in_the_document_but_archived_and_an_empty_wallet() -> None:
    keys = set(plan_document(acme_catalog().plans["pro"]))
    assert keys == {field.key for field in FIELDS} - {"archived", "wallet"}
    assert "wallet" in plan_document(acme_catalog().plans["minutes_1k"])


def test_a_features_document_says_its_meter() -> None:
    assert feature_document(acme_catalog().features["gpt_tokens"]) == {
        "type": "metered",
        "name": "gpt_tokens",
        "unit": "token",
        "event": "completion",
        "aggregate": "sum",
        "value": "tokens",
        "where": {"model": "large"},
        "spends": {},
    }


def test_the_example_catalog_reads_back_from_its_export() -> None:
    found = acme_catalog()
    assert catalog_documents(read_back(found)) == catalog_documents(found)
    assert catalog_digest(read_back(found)) == catalog_digest(found)


def test_an_export_leaves_out_what_is_built_in() -> None:
    document = catalog_file_document(catalog_documents(acme_catalog()), "acme")
    plans = document["plans"]
    assert isinstance(plans, dict)
    assert plans["metered"] == {
        "name": "Pay as you go",
        "group": "main",
        "price": {"month": "usage"},
        "features": {"minutes": {"beyond": {"charge": "usage", "each": {"EUR": "0.11", "USD": "0.12"}}}},
        "due": "7 days",
        "grace": "3 days",
        "packs": True,
    }
    assert document["currencies"] == {
        "EUR": None,
        "USD": None,
        "USDT": {"name": "Tether", "decimals": "6", "iso": False},
    }


def test_addresses_are_those_of_the_sections_and_the_built_in_group_is_no_object() -> None:
    found = catalog("plans: {p: {price: free}}\naddons: {a: {price: {once: {USD: 1}}}}\npage: {title: T}")
    assert [address for address in catalog_documents(found) if not address.startswith("features.")] == [
        "addons.a",
        "currencies.EUR",
        "currencies.USD",
        "page",
        "plans.p",
    ]
    assert "default" in found.groups


def test_a_snapshot_reads_back_to_the_same_snapshot() -> None:
    found = acme_catalog()
    for plan in found.plans.values():
        snapshot = document_of(canonical(snapshot_document(plan, found.features)))
        terms = terms_of(snapshot)
        again = snapshot_document(replace(plan, terms=terms), {})
        assert snapshot_hash(again) == snapshot_hash(snapshot) or plan.kind == "pack"
        assert terms.rows == plan.terms.rows
        assert terms.kind == plan.kind


def test_a_snapshot_holds_what_its_features_spend() -> None:
    found = catalog("plans: {p: {price: {month: {USD: 1}}, features: {chats: true}}}")
    snapshot = snapshot_document(found.plans["p"], found.features)
    features = snapshot["features"]
    assert isinstance(features, dict)
    assert set(features) == {"chats", "minutes"}


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ("{type: metered, unit: minute}", "{type: metered, unit: minute, name: Voice}", True),
        ("price: {month: {USD: 19.90, ", "description: New\n    price: {month: {USD: 19.900, ", True),
        ("chats: true", "chats: {spends: {minutes: 0.1}}", True),
        ("{type: metered, unit: minute}", "{type: metered, unit: minute, aggregate: max}", False),
        ("spends: {minutes: 1/10}", "spends: {minutes: 1/9}", False),
        ("USD: 19.90", "USD: 19.91", False),
    ],
)
def test_a_snapshots_hash_follows_amounts_and_access_alone(before: str, after: str, same: bool) -> None:
    from tests.core.catalog.helpers import HEAD

    def hashed(head: str, text: str) -> str:
        found = catalog(text, head=head)
        return snapshot_hash(snapshot_document(found.plans["p"], found.features))

    changed = hashed(HEAD.replace(before, after), BY_HAND.replace(before, after))
    assert (before in HEAD) != (before in BY_HAND)
    assert (hashed(HEAD, BY_HAND) == changed) is same


def test_the_digest_is_twelve_hex_digits_and_knows_what_is_archived() -> None:
    one, two = catalog("plans: {p: {price: free}}"), catalog("plans: {p: {price: free, archived: true}}")
    assert len(catalog_digest(one)) == 12
    assert int(catalog_digest(one), 16) >= 0
    assert catalog_digest(one) != catalog_digest(two)


def test_an_archived_object_is_exported_with_its_flag_added() -> None:
    documents = catalog_documents(acme_catalog())
    for address in ("plans.setup", "features.storage"):
        document = documents[address]
        assert isinstance(document, dict)
        documents[address] = {**document, "archived": True}
    node = node_of(catalog_file_document(documents, "acme"))
    assert isinstance(node, Mapping)
    again = parse([("export.yaml", node)]).catalog
    assert again is not None
    assert archived_addresses(again) == ("features.storage", "plans.setup")


def test_documents_are_plain_json() -> None:
    documents: dict[str, Document] = catalog_documents(acme_catalog())
    assert json.loads(canonical(dict(documents))) == documents


@pytest.mark.parametrize("document", [{}, {"format": "planctl.terms/2"}, "x", {"format": "planctl.terms/1"}])
def test_something_that_is_no_snapshot_is_a_failure_of_the_store(document: Document) -> None:
    with pytest.raises(StoreFailure, match="stored terms cannot be read"):
        terms_of(document)


def test_a_snapshot_changed_by_hand_is_a_failure_of_the_store() -> None:
    found = acme_catalog()
    text = canonical(snapshot_document(found.plans["pro"], found.features)).replace('"49"', '"4x"')
    with pytest.raises(StoreFailure, match="not a number"):
        terms_of(document_of(text))


def test_a_meters_rounding_and_what_stands_beside_a_price_are_terms_and_are_written_only_where_set() -> None:
    text = (
        "features: {gb: {type: metered, round: {to: 2, mode: up}}}\n"
        "plans: {p: {price: {month: {USD: 5}}, features: {gb: {beyond: {charge: usage,"
        " convert: {by: 60}, included_as: tier, volume: [{each: {USD: 1}}]}}}}}"
    )
    found = catalog(text)
    assert plan_document(read_back(found).plans["p"]) == plan_document(found.plans["p"])
    snapshot = snapshot_document(found.plans["p"], found.features)
    assert snapshot["features"] == {
        "gb": {
            "type": "metered", "unit": "", "event": "", "aggregate": "sum", "value": "", "where": {},
            "round": {"to": "2", "mode": "up"},
        }
    }  # fmt: skip
    plain = catalog("features: {gb: {type: metered}}\nplans: {p: {price: free, features: {gb: 5}}}")
    assert "round" not in str(snapshot_document(plain.plans["p"], plain.features))
    entry = found.plans["p"].terms.features["gb"]
    assert entry.beyond
    assert beyond_document(entry.beyond) == {
        "charge": "usage",
        "convert": {"by": "60", "round": "up"},
        "included_as": "tier",
        "volume": [{"each": {"USD": "1"}}],
    }
