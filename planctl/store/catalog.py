"""The catalog in the store: everything about reading it and writing it, under one name. It holds no code."""

from __future__ import annotations

from planctl.store.catalog_changes import CatalogWrite, purge_plan, put_objects, write_changes
from planctl.store.catalog_objects import (
    PlanVersion,
    Revision,
    aliases,
    allow,
    allow_entries,
    catalog_currencies,
    disallow,
    features,
    groups,
    holders,
    last_revision,
    plan_object,
    plan_snapshot,
    plan_versions,
    revision,
    revisions,
    section_objects,
    stored_catalog,
    terms_document,
    terms_documents,
)

__all__ = [
    "CatalogWrite",
    "PlanVersion",
    "Revision",
    "aliases",
    "allow",
    "allow_entries",
    "catalog_currencies",
    "disallow",
    "features",
    "groups",
    "holders",
    "last_revision",
    "plan_object",
    "plan_snapshot",
    "plan_versions",
    "purge_plan",
    "put_objects",
    "revision",
    "revisions",
    "section_objects",
    "stored_catalog",
    "terms_document",
    "terms_documents",
    "write_changes",
]
