"""Knows a catalog's documents as a whole: by address, snapshots and their hashes, one document for export."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping as Map

from planctl.core.catalog.documents import (
    Object,
    coupon_document,
    currency_document,
    example_document,
    feature_document,
    group_document,
    metering_document,
    plan_document,
    policy_document,
    tax_document,
    terms_document,
)
from planctl.core.catalog.export import catalog_file_document
from planctl.core.catalog.facts import section_of
from planctl.core.catalog.model import Catalog, Feature, Group, Plan, Policy, Terms
from planctl.core.catalog.parse_plans import IMPLICIT_GROUP
from planctl.core.catalog.snapshots import SNAPSHOT_FORMAT
from planctl.core.document import Document, canonical

__all__ = [
    "archived_addresses",
    "catalog_digest",
    "catalog_documents",
    "catalog_file_document",
    "coupon_document",
    "currency_document",
    "example_document",
    "feature_document",
    "group_document",
    "plan_document",
    "policy_document",
    "snapshot_document",
    "snapshot_hash",
    "tax_document",
    "terms_document",
]


def catalog_documents(catalog: Catalog) -> dict[str, Document]:
    """The document of every object by address, in address order: `plans.pro`, `currencies.USD`, `policy` …

    The built-in group and a policy or page that says nothing are no objects. Change notes are none either.
    """
    found: dict[str, Document] = {}
    for plan in catalog.plans.values():
        found[f"{section_of(plan)}.{plan.id}"] = plan_document(plan)
    for feature in catalog.features.values():
        found[f"features.{feature.id}"] = feature_document(feature)
    for group in catalog.groups.values():
        if not is_implicit(group):
            found[f"groups.{group.id}"] = group_document(group)
    for currency in catalog.currencies.values():
        found[f"currencies.{currency.code}"] = currency_document(currency)
    for tax in catalog.taxes.values():
        found[f"taxes.{tax.id}"] = tax_document(tax)
    for coupon in catalog.coupons.values():
        found[f"coupons.{coupon.id}"] = coupon_document(coupon)
    for example in catalog.examples.values():
        found[f"examples.{example.id}"] = example_document(example)
    if catalog.page:
        found["page"] = dict(catalog.page)
    if catalog.policy != Policy():
        found["policy"] = policy_document(catalog.policy)
    return dict(sorted(found.items()))


def is_implicit(group: Group) -> bool:
    """Whether it is the built-in group of plans that name none, as nobody changed it."""
    return group_document(group) == group_document(Group(IMPLICIT_GROUP, IMPLICIT_GROUP))


def snapshot_document(plan: Plan, features: Map[str, Feature]) -> Object:
    """What a plan version and a subscription keep: the terms, and of the features used what changes amounts.

    `features` are the catalog's definitions; those of the plan's entries, and of what they spend, go in.
    Names and texts are left out, so that they never make a new version.
    """
    used = _used(plan.terms, features)
    return {
        "format": SNAPSHOT_FORMAT,
        "kind": plan.kind,
        "plan": terms_document(plan.terms),
        "features": {
            feature_id: metering_document(used[feature_id], with_spends=feature_id not in plan.terms.features)
            for feature_id in sorted(used)
        },
    }


def _used(terms: Terms, features: Map[str, Feature]) -> dict[str, Feature]:
    used = {
        feature_id: features.get(feature_id, entry.feature) for feature_id, entry in terms.features.items()
    }
    waiting = [target for entry in terms.features.values() for target in entry.spends]
    waiting += list(terms.wallet)
    while waiting:
        feature_id = waiting.pop()
        if feature_id in features and feature_id not in used:
            used[feature_id] = features[feature_id]
            waiting += list(features[feature_id].spends)
    return used


def snapshot_hash(document: Document) -> str:
    """Identify a snapshot's content: sha256 of its canonical text, 64 hex digits."""
    return hashlib.sha256(canonical(document).encode()).hexdigest()


def archived_addresses(catalog: Catalog) -> tuple[str, ...]:
    """The addresses of what the catalog declares as archived; their documents do not say so."""
    archived = [f"{section_of(plan)}.{plan.id}" for plan in catalog.plans.values() if plan.offer.archived]
    archived += [f"features.{feature.id}" for feature in catalog.features.values() if feature.archived]
    return tuple(sorted(archived))


def catalog_digest(catalog: Catalog) -> str:
    """Identify a catalog's content: 12 hex digits of sha256 over its name, objects and what is archived."""
    whole: Object = {
        "catalog": catalog.name,
        "objects": catalog_documents(catalog),
        "archived": [*archived_addresses(catalog)],
    }
    return hashlib.sha256(canonical(whole).encode()).hexdigest()[:12]
