"""The one table of a plan's fields: which are terms (snapshotted), which are presentation and offer.

Versioning, inheritance (`like`, `defaults`), documents and breaking rules all follow from it.
"""

from __future__ import annotations

from typing import Literal

from planctl.values import dataclass

Nature = Literal["terms", "offer"]


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a plan or add-on: its YAML key, its nature, whether `defaults` may set it and `like` passes it on."""

    key: str
    nature: Nature
    in_defaults: bool = False
    inherited: bool = True


FIELDS = (
    Field("price", "terms"),
    Field("group", "terms", in_defaults=True),
    Field("features", "terms"),
    Field("due", "terms", in_defaults=True),
    Field("grace", "terms", in_defaults=True),
    Field("on_past_due", "terms", in_defaults=True),
    Field("on_blocked", "terms", in_defaults=True),
    Field("renewal_anchor", "terms", in_defaults=True),
    Field("anchor", "terms", in_defaults=True),
    Field("proration", "terms", in_defaults=True),
    Field("bill", "terms", in_defaults=True),
    Field("settle", "terms", in_defaults=True),
    Field("decrease", "terms", in_defaults=True),
    Field("pause", "terms", in_defaults=True),
    Field("packs", "terms", in_defaults=True),
    Field("minimum", "terms", in_defaults=True),
    Field("maximum", "terms", in_defaults=True),
    Field("trial", "terms"),
    Field("expires", "terms"),
    Field("quantity", "terms"),
    Field("requires", "terms"),
    Field("wallet", "terms"),
    Field("name", "offer", inherited=False),
    Field("description", "offer", inherited=False),
    Field("visibility", "offer", in_defaults=True, inherited=False),
    Field("recommended", "offer", inherited=False),
    Field("auto_enable", "offer", inherited=False),
    Field("archived", "offer", inherited=False),
    Field("only_for", "offer", inherited=False),
    Field("metadata", "offer", inherited=False),
)

BY_KEY = {field.key: field for field in FIELDS}
TERMS = frozenset(field.key for field in FIELDS if field.nature == "terms")
IN_DEFAULTS = frozenset(field.key for field in FIELDS if field.in_defaults)
INHERITED = frozenset(field.key for field in FIELDS if field.inherited)

FEATURE_ENTRY = frozenset(
    {"included", "values", "beyond", "reset", "rollover", "prorate_allowance", "late", "spends"}
)
"""The keys of one feature's entry in a plan; all of them are terms."""
