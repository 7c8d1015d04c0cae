"""The one list of the JSON Schemas that planctl publishes, by name; what they say stands in their own modules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from planctl.core.catalog.schema import catalog_schema
from planctl.core.catalog.schemas_files import diff_schema, plan_schema, snapshot_schema
from planctl.core.catalog.schemas_shapes import Schema

SCHEMAS: Mapping[str, Callable[[], Schema]] = MappingProxyType(
    {"catalog": catalog_schema, "diff": diff_schema, "plan": plan_schema, "snapshot": snapshot_schema}
)
"""Catalog files, the JSON of a diff, saved plans and snapshot files (JSON Schema draft 2020-12)."""
