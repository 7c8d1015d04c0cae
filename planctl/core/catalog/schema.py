"""The JSON Schema of the catalog format, for editors; the parser stays the judge of what is right.

Plans have a module of their own, and so has what single values look like.
"""

from __future__ import annotations

from planctl.core.catalog.fields import IN_DEFAULTS
from planctl.core.catalog.parse_features import AGGREGATES, METERED_KEYS, RESETS, TYPES
from planctl.core.catalog.parse_sections import CHANGE_RULES, LEVELS, PAGE_KEYS
from planctl.core.catalog.schemas_plans import CURRENCY, plan_definitions, plan_shapes
from planctl.core.catalog.schemas_shapes import (
    DATE,
    ID,
    INTERVAL,
    NAME,
    NAMES,
    NO,
    PERCENT,
    SHARE,
    TEXT,
    TEXTS,
    VALUES,
    WORD,
    Schema,
    by_key,
    either,
    keys,
    listed,
    nullable,
    one_or_more,
    pattern,
    ref,
    schema_of,
    when,
    words,
)
from planctl.core.catalog.sources import FORMAT
from planctl.core.currencies import MAX_DECIMALS
from planctl.core.metering.model import MODES


def catalog_schema() -> Schema:
    """The schema (JSON Schema draft 2020-12) of one catalog file, which may hold any of the sections.

    Numbers may be written as numbers or text, with underscores (`1_000`), and every key says what it is for. A
    file of `changes/`, which is one note, is told by its keys. What one object says of another is not checked.
    """
    note: Schema = {"anyOf": [{"required": [key]} for key in ("title", "why", "accept")]}
    shape: Schema = {"type": "object", "if": note, "then": ref("note"), "else": ref("file")}
    return schema_of("planctl catalog", "catalog-1", shape, _definitions())


def _definitions() -> dict[str, Schema]:
    return {
        "file": _file(),
        **VALUES,
        **plan_definitions(),
        "currency": _currency(),
        "feature": _feature(),
        "group": _group(),
        "tax": _tax(),
        "coupon": _coupon(),
        "example": _example(),
        "note": _note(),
        "policy": _policy(),
    }


def _file() -> Schema:
    defaults = {key: shape for key, shape in plan_shapes().items() if key in IN_DEFAULTS}
    sections = {
        "currencies": by_key(CURRENCY, nullable(ref("currency"))),
        "defaults": nullable(keys("plan", defaults)),
        "features": by_key(ID, ref("feature")),
        "groups": by_key(ID, nullable(ref("group"))),
        "taxes": by_key(ID, ref("tax")),
        "page": nullable(keys("page", dict.fromkeys(PAGE_KEYS, TEXT))),
        "plans": by_key(ID, ref("plan")),
        "addons": by_key(ID, ref("plan")),
        "coupons": by_key(ID, ref("coupon")),
        "examples": by_key(ID, ref("example")),
        "changes": by_key("", ref("note")),
        "policy": nullable(ref("policy")),
    }
    return {"title": "Catalog file", **keys("file", {"format": words(FORMAT), "catalog": NAME, **sections})}


def _currency() -> Schema:
    decimals = either({"type": "integer", "minimum": 0, "maximum": MAX_DECIMALS}, pattern("^[0-9]{1,2}$"))
    shape = keys("currency", {"name": TEXT, "decimals": decimals, "iso": ref("flag")})
    return {"title": "Currency", **shape, **when("iso", NO, {"required": ["decimals"]})}


def _feature() -> Schema:
    shape = keys(
        "feature",
        {
            "type": words(*TYPES),
            "name": TEXT,
            "values": TEXTS,
            "unit": TEXT,
            "event": TEXT,
            "aggregate": words(*AGGREGATES),
            "value": TEXT,
            "where": by_key("", TEXT),
            "round": _round(),
            "spends": ref("spends"),
            "reset": words(*RESETS),
            "archived": ref("flag"),
            "was": NAME,
        },
        ["type"],
    )
    foreign = {"boolean": ("values", *METERED_KEYS), "list": METERED_KEYS, "metered": ("values",)}
    by_type = [
        when("type", [name], {"properties": dict.fromkeys(refused, False)})
        for name, refused in foreign.items()
    ]
    return {
        "title": "Feature",
        **shape,
        "allOf": [*by_type, when("aggregate", ["unique"], {"required": ["value"]})],
    }


def _round() -> Schema:
    digits = either({"type": "integer"}, pattern(r"^[+-]?[0-9]{1,2}$"))
    return nullable(keys("round", {"to": digits, "mode": words(*MODES)}))


def _group() -> Schema:
    switch = {"up": words("now", "restart"), "down": words("at renewal", "on approval", "now")}
    shapes = {
        "name": TEXT,
        "exclusive": ref("flag"),
        "order": NAMES,
        "switch": nullable(keys("switch", switch)),
        "was": NAME,
    }
    return {"title": "Group of plans", **keys("group", shapes)}


def _tax() -> Schema:
    country = either(pattern("^([A-Z]{2})?$"), {"enum": [False, None]})  # NO is Norway, and no in YAML 1.1
    rate = either(SHARE, {**by_key(str(DATE["pattern"]), SHARE), "type": "object"})
    shapes = {"name": TEXT, "country": country, "rate": rate, "included": ref("flag")}
    return {"title": "Tax", **keys("tax", shapes, ["rate"])}


def _coupon() -> Schema:
    shapes = {
        "off": either(SHARE, ref("prices")),
        "for": either(words("once", "forever"), pattern("^[1-9][0-9]{0,3} periods?$")),
        "plans": NAMES,
        "until": DATE,
        "max": ref("some"),
    }
    return {"title": "Coupon", **keys("coupon", shapes, ["off"])}


def _example() -> Schema:
    used = by_key(ID, either(ref("number"), listed(ref("number"))))
    shapes = {
        "plan": NAME,
        "pay": pattern(INTERVAL),
        "in": pattern(CURRENCY),
        "use": used,
        "bill": ref("number"),
    }
    return {"title": "Price example", **keys("example", shapes, ["plan", "bill"])}


def _note() -> Schema:
    shapes = {"title": TEXT, "why": TEXT, "accept": one_or_more(WORD, at_least=1)}
    return {"title": "Change note", **keys("note", shapes, ["accept"])}


def _policy() -> Schema:
    levels: dict[str, Schema] = {
        rule: {**words(*LEVELS), "description": "How a change is taken that this rule finds."}
        for rule in sorted(CHANGE_RULES)
    }
    limits = {
        "levels": nullable(keys("", levels)),
        "max_price_change": PERCENT,
        "max_subscribers_touched": ref("whole"),
        "max_mrr_at_risk": ref("amounts"),
    }
    return {"title": "Policy", **keys("policy", {**limits, **levels})}
