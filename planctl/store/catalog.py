"""The catalog in the store: everything about reading it and writing it, under one name. It holds no code.

What writes is imported when it is first asked for: commands that read do not pay for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from planctl.store.catalog_objects import (
    PlanVersion,
    Revision,
    aliases,
    allow,
    allow_entries,
    applied_as,
    catalog_currencies,
    disallow,
    features,
    groups,
    holders,
    last_revision,
    moved_by,
    notes_until,
    plan_object,
    plan_snapshot,
    plan_versions,
    present_id,
    revision,
    revisions,
    section_objects,
    stored_catalog,
    terms_document,
    terms_documents,
    version_hashes,
)

if TYPE_CHECKING:
    from planctl.store.catalog_changes import CatalogWrite, purge_plan, put_objects, write_changes

__all__ = [
    "CatalogWrite",
    "PlanVersion",
    "Revision",
    "aliases",
    "allow",
    "allow_entries",
    "applied_as",
    "catalog_currencies",
    "disallow",
    "features",
    "groups",
    "holders",
    "last_revision",
    "moved_by",
    "notes_until",
    "plan_object",
    "plan_snapshot",
    "plan_versions",
    "present_id",
    "purge_plan",
    "put_objects",
    "revision",
    "revisions",
    "section_objects",
    "stored_catalog",
    "terms_document",
    "terms_documents",
    "version_hashes",
    "write_changes",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from planctl.store import catalog_changes

    return getattr(catalog_changes, name)
