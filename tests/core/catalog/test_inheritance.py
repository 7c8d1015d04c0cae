"""The order of inheritance: built-in < defaults < like < own, two levels merge, never deeper."""

from __future__ import annotations

import pytest

from planctl.core.catalog.fields import FIELDS, IN_DEFAULTS
from planctl.core.catalog.model import Plan
from tests.core.catalog.helpers import acme_catalog, catalog, complaints, parsed

PARENT = """
groups: {main: {}}
defaults: {due: 7 days, grace: 3 days}
plans:
  parent:
    name: Parent
    description: The first
    group: main
    visibility: inactive
    auto_enable: true
    metadata: {a: b}
    due: 9 days
    trial: 14 days
    price: {month: {USD: 5, EUR: 4}, year: {USD: 50}}
    features:
      sso: true
      apps: [mail]
      minutes: {included: 10, rollover: all, beyond: {charge: usage, each: {USD: 1, EUR: 1}}}
  child:
    like: parent
"""


def child(own: str = "") -> Plan:
    return catalog(PARENT + own).plans["child"]


def test_defaults_replace_built_in_ones_and_a_plans_own_replace_defaults() -> None:
    plans = catalog(PARENT + "  other: {price: {month: {USD: 5}}}").plans
    assert (plans["other"].terms.due_days, plans["other"].terms.grace_days) == (7, 3)
    assert (plans["parent"].terms.due_days, plans["parent"].terms.grace_days) == (9, 3)


def test_like_passes_on_terms_over_defaults() -> None:
    assert child().terms == catalog(PARENT).plans["parent"].terms
    assert child().terms.due_days == 9


def test_like_never_passes_on_name_visibility_or_another_part_of_the_offer() -> None:
    offer = child().offer
    assert (offer.name, offer.description, offer.visibility) == ("child", "", "active")
    assert (offer.auto_enable, offer.metadata, offer.only_for) == (False, {}, None)


def test_an_own_term_replaces_the_parents_whole() -> None:
    terms = child("    price: {month: {USD: 7}}\n    trial: {days: 3, card: true}").terms
    assert [str(row.interval) for row in terms.rows] == ["month"]
    assert dict(terms.rows[0].fee) == {"USD": 7}
    assert terms.trial is not None
    assert (terms.trial.days, terms.trial.card) == (3, True)


def test_features_merge_by_id_each_entry_replaced_whole() -> None:
    features = child("    features: {minutes: 20, seats: 2}").terms.features
    assert set(features) == {"sso", "apps", "minutes", "seats"}
    assert features["minutes"].included == 20
    assert features["minutes"].rollover == ""
    assert features["minutes"].beyond is None


def test_false_removes_an_inherited_feature() -> None:
    features = child("    features: {sso: false, minutes: false}").terms.features
    assert set(features) == {"apps"}


def test_features_without_anything_inherits_all() -> None:
    assert set(child("    features:").terms.features) == {"sso", "apps", "minutes"}


def test_like_goes_through_several_plans_in_any_file() -> None:
    plans = catalog(
        PARENT + "    due: 11 days", "plans: {grandchild: {like: child, features: {seats: 1}}}"
    ).plans
    assert plans["grandchild"].terms.due_days == 11
    assert set(plans["grandchild"].terms.features) == {"sso", "apps", "minutes", "seats"}


def test_the_example_catalogs_enterprise_inherits_pros_features() -> None:
    enterprise = acme_catalog().plans["enterprise"].terms
    assert set(enterprise.features) == {"sso", "seats", "minutes", "chats", "connectors", "api_calls"}
    assert enterprise.features["seats"].beyond is None
    assert enterprise.features["connectors"].values == ("hubspot", "zapier")


def test_a_cycle_is_one_finding_whatever_plan_it_is_met_from() -> None:
    (finding,) = parsed(
        "plans: {b: {like: c, price: free}, c: {like: b}, a: {like: b, price: free}}"
    ).findings
    assert (finding.rule, finding.message) == ("like-cycle", "like goes in a circle: b → c → b")


def test_a_plan_like_itself_is_a_cycle() -> None:
    assert complaints("plans: {a: {like: a, price: free}}") == ["like-cycle"]


def test_a_chain_of_a_thousand_plans_is_resolved() -> None:
    chain = "\n".join(f"  p{n}: {{like: p{n - 1}}}" for n in range(1, 999))
    plans = catalog(f"plans:\n  p0: {{price: free, features: {{sso: true}}}}\n{chain}").plans
    assert set(plans["p998"].terms.features) == {"sso"}


def test_a_mistake_in_an_inherited_term_is_reported_once_where_it_is_written() -> None:
    (finding,) = parsed("plans:\n  a: {price: free, due: soon}\n  b: {like: a}").findings
    assert finding.place.line == 2


@pytest.mark.parametrize("key", [field.key for field in FIELDS if field.key not in IN_DEFAULTS])
def test_what_belongs_to_one_plan_may_not_stand_in_defaults(key: str) -> None:
    assert "unknown-key" in complaints(f"defaults: {{{key}: x}}")


def test_a_plan_like_an_unknown_one_does_not_lack_a_price_as_well() -> None:
    text = "plans: {parent: {price: free}, a: {like: pareni}, b: {like: a, due: soon}}"
    assert complaints(text) == ["like-unknown", "days"]
