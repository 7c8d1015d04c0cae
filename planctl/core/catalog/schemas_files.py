"""The JSON Schemas of what planctl writes for machines: a diff, a saved plan, a snapshot. Strict: no key is free.

Amounts and quantities are texts, exact; a schema checks their form, whoever reads a file checks that they fit.
"""

from __future__ import annotations

from typing import get_args

from planctl.core.catalog import saved_plan, snapshot_file
from planctl.core.catalog.changeset import SEVERITIES, Action, BaseKind
from planctl.core.catalog.schemas_plans import CURRENCY
from planctl.core.catalog.schemas_shapes import (
    ID,
    INTERVAL,
    NAME,
    Schema,
    either,
    keys,
    listed,
    nullable,
    pattern,
    ref,
    schema_of,
    words,
)
from planctl.core.catalog.shape import SEAL
from planctl.core.catalog.sources import KEYED
from planctl.findings import Level

DIFF = "planctl.diff/1"

_STRING: Schema = {"type": "string"}
_FLAG: Schema = {"type": "boolean"}
_WHOLE: Schema = {"type": "integer", "minimum": 0}
_NUMBER = r"(0|[1-9][0-9]*)(\.[0-9]+)?"
_HEX = pattern("^[0-9a-f]{64}$")
_HEX_OR_NONE = pattern("^([0-9a-f]{64})?$")
_ID = ID.removeprefix("^").removesuffix("$")
_KEYED = "|".join(section for section in KEYED if section not in {"currencies", "changes"})
_CODE = CURRENCY.removeprefix("^").removesuffix("$")

_VALUES: dict[str, Schema] = {
    "amount": {"description": "An exact decimal number.", **pattern(f"^-?{_NUMBER}$")},
    "instant": {
        "description": "An instant in UTC (RFC 3339).",
        **pattern(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z$"),
    },
    "address": {
        "description": "An object of a catalog, such as plans.pro.",
        **pattern(f"^(page|policy|currencies\\.{_CODE}|({_KEYED})\\.{_ID})$"),
    },
    "document": {
        "description": "A value of a catalog, normalised: numbers are texts.",
        **either(
            {"type": ["string", "boolean", "null"]},
            listed(ref("document")),
            {"type": "object", "additionalProperties": ref("document")},
        ),
    },
}


_EXACT: Schema = {
    "description": "An exact number: a decimal, or a fraction such as 19/3.",
    **pattern(f"^-?({_NUMBER}|(0|[1-9][0-9]*)/[1-9][0-9]*)$"),
}
_FINGERPRINT: Schema = {"description": "The first 12 hex digits of a sha256.", **pattern("^[0-9a-f]{12}$")}


def diff_schema() -> Schema:
    """The schema of `catalog diff -f json`, and of what `catalog apply -f json` answers.

    `revision` is there in the answer of apply alone, `customers` where they were asked for.
    """
    shapes = {
        "format": words(DIFF),
        "digest": ref("fingerprint"),
        "base": ref("base"),
        "summary": ref("summary"),
        "changes": listed(ref("change")),
        "passed_over": listed(ref("address")),
        "refusals": listed(_STRING),
        "findings": listed(ref("finding")),
    }
    customers: Schema = {
        "type": "object",
        "propertyNames": ref("address"),
        "additionalProperties": listed(_STRING),
    }
    shape = keys("", {**shapes, "revision": _WHOLE, "customers": customers}, shapes)
    return _document(
        "planctl catalog diff", "diff-1", shape, {"base": _base(), **_changes(), "finding": _finding()}
    )


def plan_schema() -> Schema:
    """The schema of a plan saved with `catalog diff --out`."""
    hashes: Schema = {
        "type": "object",
        "propertyNames": ref("address"),
        "additionalProperties": _HEX_OR_NONE,
    }
    shapes = {
        "format": words(saved_plan.FORMAT),
        "digest": ref("fingerprint"),
        "catalog": NAME,
        "store": _strict({"id": _STRING, "name": _STRING}),
        "base": _strict({"kind": _base_kind(), "revision": _WHOLE, "as_of": nullable(ref("instant"))}),
        "hashes": hashes,
        "files": _texts(_STRING),
        "only": listed(_STRING),
        "except": listed(_STRING),
        "take_over": _STRING,
        "accept": listed(_STRING),
        "source": _strict({"commit": pattern("^([0-9a-f]{40,64}(-dirty)?)?$"), "files": _texts(_HEX)}),
        "summary": ref("summary"),
        "changes": listed(ref("change")),
        "refusals": listed(_STRING),
        SEAL: _HEX,
    }
    return _document("planctl saved plan", "plan-1", _strict(shapes), _changes())


def snapshot_schema() -> Schema:
    """The schema of a file written by `catalog snapshot`."""
    objects: Schema = {
        "type": "object",
        "propertyNames": ref("address"),
        "additionalProperties": ref("object"),
    }
    shapes = {
        "format": words(snapshot_file.FORMAT),
        "store": _strict({"id": _STRING, "name": _STRING}),
        "revision": _WHOLE,
        "as_of": ref("instant"),
        "objects": objects,
        "notes_seen": listed(_STRING),
        "held": listed(ref("held")),
        "used": listed(ref("used")),
        SEAL: _HEX,
    }
    parts = {"exact": _EXACT, "object": _object(), "held": _held(), "used": _used()}
    return _document("planctl snapshot", "snapshot-1", _strict(shapes), parts)


def _document(title: str, file: str, shape: Schema, parts: dict[str, Schema]) -> Schema:
    return schema_of(title, file, shape, {**_VALUES, **parts})


def _strict(shapes: dict[str, Schema]) -> Schema:
    """An object that has all of these keys and no other."""
    return keys("", shapes, shapes)


def _texts(values: Schema) -> Schema:
    return {"type": "object", "additionalProperties": values}


def _base_kind() -> Schema:
    return words(*get_args(BaseKind))


# --- changes


def _changes() -> dict[str, Schema]:
    return {
        "fingerprint": _FINGERPRINT,
        "summary": _strict(dict.fromkeys((*get_args(Action), "breaking", "caution"), _WHOLE)),
        "change": _change(),
        "rule": _rule(),
        "impact": _impact(),
    }


def _base() -> Schema:
    return _strict(
        {
            "kind": _base_kind(),
            "store": _STRING,
            "id": _STRING,
            "revision": _WHOLE,
            "label": _STRING,
            "as_of": nullable(ref("instant")),
        }
    )


def _change() -> Schema:
    leaf = _strict({"path": _STRING, "before": ref("document"), "after": ref("document")})
    return _strict(
        {
            "address": ref("address"),
            "action": words(*get_args(Action)),
            "from_version": _WHOLE,
            "to_version": _WHOLE,
            "fields": listed(leaf),
            "rules": listed(ref("rule")),
            "file": _STRING,
            "line": _WHOLE,
            "impact": nullable(ref("impact")),
        }
    )


def _rule() -> Schema:
    return _strict(
        {
            "id": pattern("^[a-z-]+$"),
            "level": words(*SEVERITIES),
            "fingerprint": ref("fingerprint"),
            "path": _STRING,
            "detail": _STRING,
            "accepted": _FLAG,
        }
    )


def _impact() -> Schema:
    """Who holds it; how much money, where the base knows; customers only where they were asked for."""
    versions: Schema = {
        "type": "object",
        "propertyNames": {"pattern": "^[0-9]+$"},
        "additionalProperties": _WHOLE,
    }
    recurring = _strict({"currency": pattern(CURRENCY), "now": ref("amount"), "moved": ref("amount")})
    money = {
        "recurring": listed(recurring),
        "compared": _WHOLE,
        "dearer": _WHOLE,
        "stuck": _WHOLE,
        "by_fees": _FLAG,
        "overuse": listed(_overuse()),
    }
    return keys("", {"subscriptions": versions, **money, "customers": listed(_STRING)}, ["subscriptions"])


def _overuse() -> Schema:
    amounts = dict.fromkeys(("limit", "median", "p95", "most"), ref("amount"))
    shapes = {"path": _STRING, **amounts, "over": _WHOLE, "subscriptions": _WHOLE, "about": _FLAG}
    return keys("", {**shapes, "customers": listed(_STRING)}, shapes)


# --- snapshots


def _object() -> Schema:
    outside: Schema = {"type": "array", "prefixItems": [_WHOLE, _STRING], "minItems": 2, "maxItems": 2}
    document: Schema = {"type": "object", "additionalProperties": ref("document")}
    written = _strict({"document": document, "archived": _FLAG})
    return _strict(
        {
            "document": document,
            "archived": _FLAG,
            "version": _WHOLE,
            "terms_hash": _HEX_OR_NONE,
            "managed_by": _STRING,
            "file": _STRING,
            "line": _WHOLE,
            "aliases": listed(NAME),
            "outside": nullable(outside),
            "written": nullable(written),
        }
    )


def _held() -> Schema:
    return _strict(
        {
            "plan": NAME,
            "version": _WHOLE,
            "currency": pattern(CURRENCY),
            "pay": either(pattern(INTERVAL), words("")),
            "monthly": ref("exact"),
            "count": _WHOLE,
            "units": _WHOLE,
            "quantities": {
                "type": "object",
                "propertyNames": {"pattern": ID},
                "additionalProperties": ref("amount"),
            },
            "agreed": listed(_STRING),
            "charged": _FLAG,
        }
    )


def _used() -> Schema:
    """101 nearest-rank quantiles, from 0 to 100 percent."""
    percentiles = {**listed(ref("exact")), "minItems": 101, "maxItems": 101}
    return _strict({"plan": NAME, "feature": NAME, "count": _WHOLE, "percentiles": percentiles})


# --- findings


def _finding() -> Schema:
    place = {"file": _STRING, "line": _WHOLE, "column": _WHOLE}
    return _strict(
        {
            "level": words(*Level),
            "rule": pattern("^[a-z-]+$"),
            "message": _STRING,
            **place,
            "length": _WHOLE,
            "expected": _STRING,
            "got": _STRING,
            "hint": _STRING,
            "also": nullable(_strict(place)),
        }
    )
