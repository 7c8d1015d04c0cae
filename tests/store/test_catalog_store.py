"""Catalogs in the store: what was applied is read back equal, versions are fixed, renames are followed."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import text

from planctl.core.catalog.changeset import ChangeSet, Holders, StoredCatalog
from planctl.core.catalog.diff import diff
from planctl.core.catalog.model import Catalog
from planctl.core.catalog.parse import parse
from planctl.core.catalog.snapshots import terms_of
from planctl.core.currencies import Currency
from planctl.core.document import Mapping
from planctl.errors import Conflict, NotFound, Refused, StoreFailure
from planctl.files.yaml_reader import read_text
from planctl.findings import Place
from planctl.store import catalog
from planctl.store.catalog import CatalogWrite
from planctl.store.engine import Store, Tx
from tests.store.samples import with_customers

AT = 1_767_225_600_000_000

ACME = """\
format: planctl.catalog/1
catalog: acme
currencies:
  USD: {}
  USDT: {name: Tether, decimals: 6, iso: false}
features:
  minutes: {type: metered, unit: minute, event: call, aggregate: sum, value: seconds}
  sso: {type: boolean}
groups:
  main: {name: Main, order: [free, pro]}
plans:
  free: {price: free, group: main, features: {minutes: 100}}
  pro:
    name: Pro
    group: main
    price: {month: {USD: 49}}
    features: {minutes: 5_000, sso: true}
"""


def read(yaml: str) -> Catalog:
    source = read_text(yaml, "catalog.yaml")
    trees = [(file.name, file.node) for file in source.files if isinstance(file.node, Mapping)]
    parsed = parse(trees)
    assert parsed.catalog is not None
    assert [str(finding) for finding in parsed.findings if finding.is_error] == []
    return parsed.catalog


def changes(tx: Tx, wanted: Catalog) -> ChangeSet:
    return diff(catalog.stored_catalog(tx), wanted, holders=catalog.holders(tx))


def apply(store: Store, yaml: str, **more: object) -> int:
    wanted = read(yaml)
    with store.write() as tx:
        write = CatalogWrite.of(changes(tx, wanted), wanted, actor="amy", at=AT)
        return catalog.write_changes(tx, replace(write, **more))  # type: ignore[arg-type]


def subscribe(tx: Tx, subscription: str, plan: str, version: int, status: str = "active") -> None:
    """A row of a subscription, as far as the catalog looks at it."""
    terms = tx.connection.execute(text("SELECT hash FROM terms LIMIT 1")).scalar_one()
    tx.connection.execute(
        text(
            "INSERT INTO subscription (id, customer, plan, plan_version, terms_hash, currency, decimals, pay,"
            " timezone, anchor_at, started_at, status, exclusive_group, fees_from, usage_from,"
            " end_reason, quantity, quantities, negotiated, catalog_revision, created_at)"
            " VALUES (:id, 1, :plan, :version, :terms, 'USD', 2, 'month', 'UTC', 0, 0, :status, :group,"
            " 0, 0, '', 1, '{}', '{}', 1, 0)"
        ),
        {
            "id": subscription,
            "plan": plan,
            "version": version,
            "terms": terms,
            "status": status,
            "group": "main" if subscription == "sub_1" else "",
        },
    )


# --- applying


def test_a_new_store_holds_no_catalog(store: Store) -> None:
    with store.read() as tx:
        found = catalog.stored_catalog(tx)
        assert (found.revision, dict(found.objects), found.notes_seen) == (0, {}, frozenset())
        assert found.store_id.startswith("store_")
        assert catalog.holders(tx) == {}
        assert catalog.revisions(tx) == []
        assert catalog.plan_object(tx, "pro") is None


def test_what_was_applied_differs_in_nothing_from_what_is_stored(store: Store) -> None:
    assert apply(store, ACME) == 1
    with store.read() as tx:
        assert changes(tx, read(ACME)).empty
        found = catalog.stored_catalog(tx)
    assert found.revision == 1
    assert sorted(found.objects) == [
        "currencies.USD",
        "currencies.USDT",
        "features.minutes",
        "features.sso",
        "groups.main",
        "plans.free",
        "plans.pro",
    ]
    pro = found.objects["plans.pro"]
    assert (pro.version, pro.archived, pro.managed_by, pro.outside) == (1, False, "acme", None)
    assert (pro.place.file, pro.place.line) == ("catalog.yaml", 13)
    assert found.objects["features.sso"].version == 0


def test_applying_the_same_again_writes_nothing(store: Store) -> None:
    apply(store, ACME)
    assert apply(store, ACME) == 1
    with store.read() as tx:
        assert len(catalog.revisions(tx)) == 1


def test_a_price_change_makes_a_version_and_keeps_the_old_terms(store: Store) -> None:
    apply(store, ACME)
    assert apply(store, ACME.replace("USD: 49", "USD: 55")) == 2
    with store.read() as tx:
        versions = catalog.plan_versions(tx, "pro")
        assert [(one.version, one.revision) for one in versions] == [(1, 1), (2, 2)]
        number, terms_hash, document = catalog.plan_snapshot(tx, "pro")
        assert (number, terms_hash) == (2, versions[1].terms_hash)
        assert terms_of(document).row("month").fee == {"USD": Decimal(55)}  # type: ignore[union-attr]
        _, _, first = catalog.plan_snapshot(tx, "pro", 1)
        assert terms_of(first).row("month").fee == {"USD": Decimal(49)}  # type: ignore[union-attr]
        assert catalog.terms_document(tx, versions[0].terms_hash) == first
        assert [one.version for one in catalog.plan_versions(tx, "free")] == [1]


def test_a_change_of_a_features_meter_makes_versions_of_the_plans_that_use_it(store: Store) -> None:
    apply(store, ACME)
    apply(store, ACME.replace("value: seconds", "value: billed_seconds"))
    with store.read() as tx:
        assert [one.version for one in catalog.plan_versions(tx, "pro")] == [1, 2]
        assert [one.version for one in catalog.plan_versions(tx, "free")] == [1, 2]


def test_a_new_name_is_changed_in_place(store: Store) -> None:
    apply(store, ACME)
    apply(store, ACME.replace("name: Pro", "name: Professional"))
    with store.read() as tx:
        pro = catalog.plan_object(tx, "pro")
        assert pro is not None
        assert isinstance(pro.document, dict)
        assert pro.document["name"] == "Professional"
        assert pro.version == 1


def test_a_plan_that_is_gone_is_archived_and_comes_back_as_it_was(store: Store) -> None:
    without = ACME.replace("  free: {price: free, group: main, features: {minutes: 100}}\n", "")
    without = without.replace("[free, pro]", "[pro]")
    apply(store, ACME)
    apply(store, without)
    with store.read() as tx:
        free = catalog.plan_object(tx, "free")
        assert free is not None
        assert (free.archived, free.version) == (True, 1)
    apply(store, ACME)
    with store.read() as tx:
        free = catalog.plan_object(tx, "free")
        assert free is not None
        assert (free.archived, free.version) == (False, 1)
        assert [one.version for one in catalog.plan_versions(tx, "free")] == [1]


def test_a_plan_that_is_declared_archived_from_the_start_is_archived_at_once(store: Store) -> None:
    declared = ACME.replace("    name: Pro\n", "    name: Pro\n    archived: true\n")
    apply(store, declared)
    with store.read() as tx:
        pro = catalog.plan_object(tx, "pro")
        assert pro is not None
        assert pro.archived
        assert changes(tx, read(declared)).empty


def test_a_rename_takes_versions_subscriptions_and_assignments_along(store: Store) -> None:
    apply(store, ACME)
    with store.write() as tx:
        with_customers(tx, ["nova"])
        subscribe(tx, "sub_1", "pro", 1)
    renamed = ACME.replace("[free, pro]", "[free, team]").replace("  pro:\n", "  team:\n    was: pro\n")
    assert apply(store, renamed) == 2
    with store.read() as tx:
        assert catalog.plan_object(tx, "pro") is None
        team = catalog.plan_object(tx, "team")
        assert team is not None
        assert (team.version, team.aliases) == (1, ("pro",))
        assert [one.version for one in catalog.plan_versions(tx, "team")] == [1]
        assert catalog.holders(tx) == {"plans.team": Holders({1: 1})}
        assert tx.connection.execute(text("SELECT plan FROM subscription")).scalar_one() == "team"
        assert changes(tx, read(renamed)).empty


def test_a_rename_with_new_terms_makes_a_version_under_the_new_id(store: Store) -> None:
    apply(store, ACME)
    renamed = ACME.replace("[free, pro]", "[free, team]").replace("  pro:\n", "  team:\n    was: pro\n")
    apply(store, renamed.replace("USD: 49", "USD: 55"))
    with store.read() as tx:
        assert [one.version for one in catalog.plan_versions(tx, "team")] == [1, 2]
        assert catalog.plan_versions(tx, "pro") == []


def test_a_renamed_group_stays_exclusive_for_those_who_are_in_it(store: Store) -> None:
    apply(store, ACME)
    with store.write() as tx:
        with_customers(tx, ["nova"])
        subscribe(tx, "sub_1", "pro", 1)
    apply(
        store, ACME.replace("  main: {name", "  core: {was: main, name").replace("group: main", "group: core")
    )
    with store.read() as tx:
        assert tx.connection.execute(text("SELECT exclusive_group FROM subscription")).scalar_one() == "core"


def test_changes_made_from_another_state_are_a_conflict(store: Store) -> None:
    wanted = read(ACME)
    stale = diff(StoredCatalog(), wanted, holders={})
    apply(store, ACME)
    with pytest.raises(Conflict, match="revision 1, the changes were made from 0"), store.write() as tx:
        catalog.write_changes(tx, CatalogWrite.of(stale, wanted, actor="bob", at=AT))


def test_lines_that_move_are_remembered_with_the_next_revision(store: Store) -> None:
    apply(store, ACME)
    moved = "# a comment\n# and another\n" + ACME.replace("name: Main", "name: Our plans")
    apply(store, moved, source_commit="c0ffee")
    with store.read() as tx:
        pro = catalog.plan_object(tx, "pro")
    assert pro is not None
    assert (pro.place, pro.commit) == (Place("catalog.yaml", 15), "c0ffee")


def test_a_change_note_is_seen_once(store: Store) -> None:
    note = "changes:\n  dearer: {title: Dearer, why: costs rose, accept: [price-increase plans.pro]}\n"
    apply(store, ACME)
    apply(store, ACME.replace("USD: 49", "USD: 55") + note)
    with store.read() as tx:
        seen = catalog.stored_catalog(tx).notes_seen
    assert "acme/dearer" in seen
    assert len(seen) == 2  # its name, and what it says


# --- edits in the shell


def test_an_edit_of_a_managed_object_is_marked_until_the_catalog_writes_it_again(store: Store) -> None:
    apply(store, ACME)
    apply(store, ACME.replace("name: Pro", "name: Best"), outside=True)
    with store.read() as tx:
        pro = catalog.plan_object(tx, "pro")
        assert pro is not None
        assert (pro.managed_by, pro.outside) == ("acme", (2, "amy"))
    apply(store, ACME)
    with store.read() as tx:
        pro = catalog.plan_object(tx, "pro")
        assert pro is not None
        assert pro.outside is None


def test_an_object_made_in_the_shell_is_nobodys(store: Store) -> None:
    apply(store, ACME)
    with_team = ACME.replace("[free, pro]", "[free, pro, team]") + "  team: {like: pro, name: Team}\n"
    apply(store, with_team, outside=True)
    with store.read() as tx:
        team = catalog.plan_object(tx, "team")
        assert team is not None
        assert (team.managed_by, team.outside, team.place.file, team.version) == ("", None, "", 1)


# --- what the store tells


def test_holders_are_live_subscriptions_per_version(store: Store) -> None:
    apply(store, ACME)
    with store.write() as tx:
        with_customers(tx, ["nova"])
        for number, (plan, version, status) in enumerate(
            [
                ("pro", 1, "active"),
                ("pro", 2, "trialing"),
                ("pro", 2, "blocked"),
                ("pro", 2, "canceled"),
                ("free", 1, "expired"),
                ("free", 1, "pending"),
            ],
            start=1,
        ):
            subscribe(tx, f"sub_{number}", plan, version, status)
        assert catalog.holders(tx) == {"plans.pro": Holders({1: 1, 2: 2})}


def test_values_are_read_from_what_is_stored(store: Store) -> None:
    apply(store, ACME)
    wanted = read(ACME)
    with store.read() as tx:
        assert catalog.catalog_currencies(tx) == {
            "USD": Currency("USD", "US Dollar", 2),
            "USDT": Currency("USDT", "Tether", 6, iso=False),
        }
        features = catalog.features(tx)
        assert sorted(features) == ["minutes", "sso"]
        assert features["minutes"].meter == wanted.features["minutes"].meter
        assert catalog.groups(tx)["main"].order == ("free", "pro")
        assert sorted(catalog.section_objects(tx, "plans")) == ["free", "pro"]


def test_an_archived_currency_is_no_longer_offered(store: Store) -> None:
    apply(store, ACME)
    apply(store, ACME.replace("  USDT: {name: Tether, decimals: 6, iso: false}\n", ""))
    with store.read() as tx:
        assert sorted(catalog.catalog_currencies(tx)) == ["USD"]


def test_a_damaged_object_is_named(store: Store) -> None:
    apply(store, ACME)
    with store.write() as tx:
        tx.connection.execute(
            text("UPDATE catalog_object SET document = '{\"type\":\"no\"}' WHERE address = 'features.sso'")
        )
    with store.read() as tx, pytest.raises(StoreFailure, match="features kept in the store cannot be read"):
        catalog.features(tx)


def test_a_revision_remembers_who_did_what_and_the_whole_state(store: Store) -> None:
    apply(store, ACME)
    apply(store, ACME.replace("USD: 49", "USD: 55"), reason="costs rose", accepted=("77c1d09e5b3f",))
    with store.read() as tx:
        newest, first = catalog.revisions(tx)
        assert catalog.revision(tx, 2) == newest
        assert catalog.revision(tx, 3) is None
    assert (first.number, newest.number, newest.actor, newest.recorded_at) == (1, 2, "amy", AT)
    assert (newest.catalog, newest.reason, newest.accepted) == ("acme", "costs rose", ("77c1d09e5b3f",))
    assert newest.changes == [
        {
            "address": "plans.pro",
            "action": "version",
            "from_version": "1",
            "to_version": "2",
            "renamed_from": "",
            "fields": [{"path": "price.month.USD", "before": "49", "after": "55"}],
        }
    ]
    assert isinstance(newest.objects, dict)
    assert len(newest.objects) == 7
    pro = newest.objects["plans.pro"]
    assert isinstance(pro, dict)
    assert (pro["version"], pro["archived"], pro["managed_by"]) == ("2", False, "acme")


def test_what_does_not_exist_is_named(store: Store) -> None:
    apply(store, ACME)
    with store.read() as tx:
        with pytest.raises(NotFound, match="there is no plan 'gold'"):
            catalog.plan_snapshot(tx, "gold")
        with pytest.raises(NotFound, match="plan 'pro' has no version 7"):
            catalog.plan_snapshot(tx, "pro", 7)
        with pytest.raises(NotFound, match="there are no terms"):
            catalog.terms_document(tx, "ab" * 32)


# --- purge


def test_a_plan_that_nobody_ever_had_is_deleted_with_a_revision(store: Store) -> None:
    apply(store, ACME)
    with store.write() as tx:
        assert catalog.purge_plan(tx, "pro", actor="amy", at=AT, reason="a mistake") == 2
    with store.read() as tx:
        assert catalog.plan_object(tx, "pro") is None
        assert catalog.plan_versions(tx, "pro") == []
        found = catalog.revision(tx, 2)
        assert found is not None
        assert (found.changes, found.reason) == ([{"address": "plans.pro", "action": "purge"}], "a mistake")


def test_a_plan_that_somebody_had_once_is_not_deleted(store: Store) -> None:
    apply(store, ACME)
    with store.write() as tx:
        with_customers(tx, ["nova"])
        subscribe(tx, "sub_1", "pro", 1, "expired")
    with pytest.raises(Refused, match="1 times"), store.write() as tx:
        catalog.purge_plan(tx, "pro", actor="amy", at=AT)
    with pytest.raises(NotFound), store.write() as tx:
        catalog.purge_plan(tx, "gold", actor="amy", at=AT)


# --- named lists


def test_named_lists_take_and_lose_entries(store: Store) -> None:
    with store.write() as tx:
        assert catalog.allow(tx, "beta", ["nova", "amy@example.com", "nova"]) == 2
        assert catalog.allow(tx, "beta", ["nova", "example.org"]) == 1
        assert catalog.disallow(tx, "beta", ["nova", "unknown"]) == 1
        assert catalog.allow_entries(tx, "beta") == {"amy@example.com", "example.org"}
        assert catalog.allow_entries(tx, "other") == frozenset()
