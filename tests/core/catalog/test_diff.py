"""What diff says happens to each object: actions, versions, fields, renames, ownership."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from planctl.core.catalog.changeset import FieldChange, Holders, StoredCatalog
from planctl.core.catalog.diff import diff
from planctl.core.catalog.emit import catalog_documents, catalog_file_document
from planctl.core.catalog.model import Catalog
from planctl.core.catalog.parse import parse
from planctl.core.catalog.references import references
from planctl.files.yaml_reader import read_directory
from planctl.files.yaml_writer import write_yaml
from tests.core.catalog.diffing import CATALOG, catalog, changed, edited, only, stored

BASIC = CATALOG[CATALOG.index("  basic:") : CATALOG.index("  pro:")]
COUPONS = CATALOG[CATALOG.index("coupons:") : CATALOG.index("policy:")]


def test_a_store_that_holds_the_catalog_differs_in_nothing() -> None:
    found = diff(stored(catalog()), catalog(), holders={})
    assert found.empty
    assert found.refusals == ()
    assert found.findings == ()
    assert found.left_alone == ()


def acme() -> Catalog:
    source = read_directory(Path(__file__).parents[2] / "data" / "acme")
    parsed = parse([(one.name, one.node) for one in source.files if one.node is not None])
    assert parsed.catalog is not None
    return parsed.catalog


def test_a_store_that_holds_the_example_catalog_differs_in_nothing_from_its_export() -> None:
    example = acme()
    exported = write_yaml(catalog_file_document(catalog_documents(example), example.name))
    found = diff(stored(example), catalog(exported), holders={})
    assert [change.address for change in found.changes] == []


def test_an_empty_store_gets_everything_and_every_plan_as_version_one() -> None:
    found = diff(StoredCatalog(), catalog(), holders={})
    assert {change.action for change in found.changes} == {"create"}
    versions = {change.address: (change.from_version, change.to_version) for change in found.changes}
    assert versions["plans.pro"] == versions["addons.pack"] == (0, 1)
    assert versions["features.sso"] == (0, 0)
    assert [change.address for change in found.changes] == sorted(versions)
    assert found.refusals == ()


def test_a_created_object_lists_every_leaf() -> None:
    found = diff(StoredCatalog(), catalog(), holders={})
    pack = next(change for change in found.changes if change.address == "addons.pack")
    assert FieldChange("price.once.USD", None, "15") in pack.fields
    assert FieldChange("wallet.minutes", None, "1000") in pack.fields


def test_changed_terms_make_a_new_version_and_name_the_leaf() -> None:
    change = only(changed(("month: {USD: 49, EUR: 46}", "month: {USD: 55, EUR: 46}"), held=377))
    assert (change.address, change.action) == ("plans.pro", "version")
    assert (change.from_version, change.to_version) == (7, 8)
    assert change.fields == (FieldChange("price.month.USD", "49", "55"),)
    assert change.holders == Holders({7: 377})
    assert (change.place.file, change.place.line) == ("catalog.yaml", 18)
    assert not change.indirect


def test_a_changed_offer_is_an_update_in_place() -> None:
    change = only(changed(("    name: Pro\n", "    name: Professional\n    recommended: true\n")))
    assert (change.action, change.from_version, change.to_version) == ("update", 7, 7)
    assert change.fields == (
        FieldChange("name", "Pro", "Professional"),
        FieldChange("recommended", False, True),
    )


def test_terms_and_offer_together_are_one_change_with_terms_first() -> None:
    change = only(changed(("    name: Basic\n", "    name: Base\n    due: 20 days\n")))
    assert change.action == "version"
    assert [one.path for one in change.fields] == ["due", "name"]


def test_a_feature_that_only_gets_another_name_makes_no_version() -> None:
    change = only(changed(("name: Voice", "name: Speech")))
    assert (change.address, change.action) == ("features.minutes", "update")


def test_a_feature_that_is_counted_in_another_way_makes_new_versions_of_the_plans_that_use_it() -> None:
    found = changed(("unit: minute}", "unit: minute, event: call.ended}"))
    assert [(change.address, change.action, change.indirect) for change in found.changes] == [
        ("addons.boost", "version", True),
        ("addons.pack", "version", True),
        ("features.minutes", "update", False),
        ("plans.basic", "version", True),
        ("plans.pro", "version", True),
    ]
    assert all(change.fields == () for change in found.changes if change.indirect)


def test_what_is_absent_is_archived_and_keeps_its_version() -> None:
    found = changed((BASIC, ""), ("[basic, pro]", "[pro]"), held=3)
    basic = next(change for change in found.changes if change.address == "plans.basic")
    assert (basic.action, basic.from_version, basic.to_version) == ("archive", 7, 7)
    assert basic.holders.total == 3
    assert basic.fields == ()


def test_an_absent_coupon_is_archived_too() -> None:
    assert (only(changed((COUPONS, ""))).address, only(changed((COUPONS, ""))).action) == (
        "coupons.tenner",
        "archive",
    )


def test_what_is_declared_archived_is_archived() -> None:
    change = only(changed(("    name: Basic\n", "    name: Basic\n    archived: true\n")))
    assert (change.address, change.action) == ("plans.basic", "archive")


def test_what_is_archived_and_absent_stays_as_it_is() -> None:
    store = stored(catalog(), coupons__tenner={"archived": True})
    assert diff(store, catalog(edited((COUPONS, ""))), holders={}).empty


def test_what_is_archived_and_back_is_unarchived_with_its_changes() -> None:
    store = stored(catalog(), plans__basic={"archived": True})
    change = only(diff(store, catalog(edited(("USD: 19", "USD: 20"))), holders={}))
    assert (change.action, change.from_version, change.to_version) == ("unarchive", 7, 8)
    assert change.fields == (FieldChange("price.month.USD", "19", "20"),)


def test_a_catalog_without_a_policy_archives_the_one_in_the_store() -> None:
    found = changed(("policy: {max_subscribers_touched: 1_000}\n", ""))
    assert (only(found).address, only(found).action) == ("policy", "archive")


# --- renames


def test_a_renamed_plan_keeps_its_version_and_what_refers_to_it_does_not_change() -> None:
    found = changed(
        ("  basic:\n", "  starter:\n    was: basic\n"), ("[basic, pro]", "[starter, pro]"), held=5
    )
    change = only(found)
    assert (change.address, change.action, change.renamed_from) == ("plans.starter", "rename", "plans.basic")
    assert (change.from_version, change.to_version) == (7, 7)
    assert change.fields == ()
    assert change.holders.total == 5


def test_a_renamed_plan_with_other_terms_gets_a_version() -> None:
    found = changed(
        ("  basic:\n", "  starter:\n    was: basic\n"),
        ("[basic, pro]", "[starter, pro]"),
        ("USD: 19", "USD: 20"),
    )
    change = only(found)
    assert (change.action, change.from_version, change.to_version) == ("rename", 7, 8)
    assert change.fields == (FieldChange("price.month.USD", "19", "20"),)


def test_a_renamed_feature_makes_no_new_version_of_the_plans_that_grant_it() -> None:
    text = CATALOG.replace("minutes:", "voice:").replace(
        "  voice: {type: metered,", "  voice: {was: minutes, type: metered,"
    )
    change = only(diff(stored(catalog()), catalog(text), holders={}))
    assert (change.address, change.renamed_from) == ("features.voice", "features.minutes")


def test_a_rename_that_was_carried_out_is_none_any_more() -> None:
    text = edited(("  basic:\n", "  starter:\n    was: basic\n"), ("[basic, pro]", "[starter, pro]"))
    assert diff(stored(catalog(text)), catalog(text), holders={}).empty


def test_a_rename_of_what_is_still_declared_is_a_finding() -> None:
    text = edited(("  pro:\n", "  starter: {was: basic, price: {month: {USD: 1}}}\n  pro:\n"))
    found = diff(stored(catalog()), catalog(text), holders={})
    assert [finding.rule for finding in found.findings] == ["was-still-declared"]
    assert found.refusals == ("1 finding must be corrected first.",)


# --- ownership


def test_what_was_made_in_the_shell_is_left_alone() -> None:
    store = stored(catalog(), plans__basic={"managed_by": ""})
    found = diff(store, catalog(edited((BASIC, ""), ("[basic, pro]", "[pro]"))), holders={})
    assert found.left_alone == ("plans.basic",)
    assert [change.address for change in found.changes] == ["addons.boost"]


def test_what_was_made_in_the_shell_and_is_declared_is_adopted_with_its_own_diff() -> None:
    store = stored(catalog(), plans__basic={"managed_by": ""})
    change = only(diff(store, catalog(edited(("USD: 19", "USD: 20"))), holders={}))
    assert (change.action, change.from_version, change.to_version) == ("adopt", 7, 8)
    assert change.fields == (FieldChange("price.month.USD", "19", "20"),)


def test_adopting_what_says_the_same_is_still_a_change() -> None:
    store = stored(catalog(), coupons__tenner={"managed_by": ""})
    change = only(diff(store, catalog(), holders={}))
    assert (change.address, change.action, change.fields) == ("coupons.tenner", "adopt", ())


def test_what_another_catalog_manages_is_refused_with_the_way_out() -> None:
    store = stored(catalog(), plans__basic={"managed_by": "other"})
    found = diff(store, catalog(), holders={})
    assert found.changes == ()
    assert [(finding.rule, finding.hint) for finding in found.findings] == [
        ("managed-by-another", "remove it here, or take it over with --take-over other")
    ]
    assert found.refusals


def test_what_another_catalog_manages_can_be_taken_over_by_its_name() -> None:
    store = stored(catalog(), plans__basic={"managed_by": "other"})
    assert only(diff(store, catalog(), holders={}, take_over="other")).action == "adopt"
    assert diff(store, catalog(), holders={}, take_over="another").findings


def test_two_catalogs_may_declare_the_same_currency() -> None:
    store = stored(catalog(), currencies__USD={"managed_by": "other"})
    found = diff(store, catalog(), holders={})
    assert found.empty
    assert found.findings == ()
    assert found.left_alone == ("currencies.USD",)


# --- what identifies a diff


def test_the_digest_is_of_the_wanted_catalog_alone() -> None:
    one = diff(StoredCatalog(), catalog(), holders={})
    other = diff(stored(catalog()), catalog(), holders={})
    assert one.digest == other.digest
    assert len(one.digest) == 12
    assert changed(("USD: 19", "USD: 20")).digest != one.digest


def test_a_stored_object_without_a_hash_is_compared_by_its_document() -> None:
    store = stored(catalog(), plans__basic={"terms_hash": ""})
    assert diff(store, catalog(), holders={}).empty


def test_the_base_is_handed_on_as_it_is() -> None:
    store = replace(stored(catalog()), revision=12)
    assert diff(store, catalog(), holders={}).base is store


def test_an_object_needs_its_group_features_and_currencies_and_no_required_plan() -> None:
    document = stored(catalog()).objects["addons.boost"].document
    assert references("addons.boost", document) == {
        "groups.none",
        "features.minutes",
        "currencies.USD",
        "currencies.EUR",
    }
