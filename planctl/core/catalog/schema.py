"""The JSON Schema of the catalog format, for editors; the parser stays the judge of what is right."""

from __future__ import annotations

from planctl.core.catalog.fields import FIELDS, IN_DEFAULTS
from planctl.core.catalog.parse_features import AGGREGATES, CHARGES, RESETS, TYPES
from planctl.core.catalog.parse_plans import ONCE_PER
from planctl.core.catalog.parse_sections import CHANGE_RULES, LEVELS
from planctl.core.catalog.sources import FORMAT
from planctl.core.metering.model import MODES
from planctl.core.pricing.kinds import KINDS
from planctl.core.pricing.kinds.shared import ROUNDS

Schema = dict[str, object]

_ID = "^[a-z][a-z0-9_-]{0,62}$"
_CURRENCY = "^[A-Z][A-Z0-9]{1,11}$"
_INTERVAL = "^(once|([1-9][0-9]* )?(day|week|month|year)s?)$"
_NUMBER = r"[0-9](_?[0-9])*(\.[0-9]+)?"


def catalog_schema() -> Schema:
    """The schema (JSON Schema draft 2020-12) of one catalog file, which may hold any of the sections.

    Numbers may be written as numbers or text, with underscores (`1_000`). A change note file has a shape of
    its own. References between objects are not checked here.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "planctl:catalog-1.schema.json",
        "title": "planctl catalog",
        "anyOf": [_file(), _note_file()],
        "$defs": _definitions(),
    }


def _file() -> Schema:
    return _object(
        {
            "format": {"const": FORMAT},
            "catalog": {"type": "string", "pattern": _ID},
            "currencies": _map(_CURRENCY, _nullable(_ref("currency"))),
            "defaults": _object({key: shape for key, shape in _plan_shapes().items() if key in IN_DEFAULTS}),
            "features": _map(_ID, _ref("feature")),
            "groups": _map(_ID, _nullable(_ref("group"))),
            "taxes": _map(_ID, _ref("tax")),
            "page": _object(dict.fromkeys(("title", "intro", "colour", "button", "contact"), _TEXT)),
            "plans": _map(_ID, _ref("plan")),
            "addons": _map(_ID, _ref("plan")),
            "coupons": _map(_ID, _ref("coupon")),
            "examples": _map(_ID, _ref("example")),
            "changes": _map("", _ref("note")),
            "policy": _policy(),
        }
    )


def _note_file() -> Schema:
    return _ref("note")


_TEXT: Schema = {"type": ["string", "number", "boolean"]}
_DAYS: Schema = {"type": "string", "pattern": "^[0-9]{1,4} days?$"}
_PERCENT: Schema = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)? ?%$"}
_DATE: Schema = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}
_PLAN_IDS: Schema = {"type": ["array", "string"], "items": {"type": "string", "pattern": _ID}}


def _definitions() -> Schema:
    return {
        "number": {
            "anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": f"^{_NUMBER}$"}]
        },
        "flag": {"enum": [True, False, "yes", "no", "on", "off"]},
        "amounts": _map(_CURRENCY, _ref("number")),
        "fees": _map(_CURRENCY, {"anyOf": [_ref("number"), _pattern(rf"^{_NUMBER} ?\.\. ?{_NUMBER}$")]}),
        "spends": _map(_ID, {"anyOf": [_ref("number"), _pattern(rf"^{_NUMBER} ?/ ?{_NUMBER}$")]}),
        "currency": _object({"name": _TEXT, "decimals": _ref("number"), "iso": _ref("flag")}),
        "feature": _feature(),
        "group": _group(),
        "tax": _tax(),
        "plan": _object({**_plan_shapes(), "like": _pattern(_ID), "was": _pattern(_ID)}),
        "entry": _entry(),
        "beyond": _beyond(),
        "coupon": _coupon(),
        "example": _example(),
        "note": _note(),
    }


# --- plans


def _plan_shapes() -> dict[str, Schema]:
    """The shape of each field of a plan, in the order of the table of fields."""
    shapes: dict[str, Schema] = {
        "price": {"anyOf": [{"const": "free"}, _map(_INTERVAL, _row())]},
        "group": _pattern(_ID),
        "features": _map(_ID, _ref("entry")),
        "due": _DAYS,
        "grace": {"anyOf": [{"const": "never"}, _DAYS]},
        "on_past_due": {"enum": ["keep", "block"]},
        "on_blocked": {"enum": ["recover", "final"]},
        "renewal_anchor": {"enum": ["keep", "shift"]},
        "anchor": _pattern("^(start|calendar|day ([1-9]|[12][0-9]|3[01]))$"),
        "proration": {"enum": ["day", "second", "none"]},
        "bill": {"enum": ["in advance", "in arrears"]},
        "settle": {"enum": ["allowance", "with the allowance period", "renewal", "at renewal"]},
        "decrease": {"enum": ["renewal", "at renewal", "now"]},
        "pause": {"enum": ["credit", "keep"]},
        "packs": _ref("flag"),
        "minimum": _ref("amounts"),
        "maximum": _ref("amounts"),
        "trial": _trial(),
        "expires": {"anyOf": [{"enum": ["never", "period", "subscription"]}, _pattern(_INTERVAL)]},
        "quantity": {"anyOf": [_ref("number"), _pattern(r"^[0-9_]+ ?\.\. ?[0-9_]+$")]},
        "requires": _PLAN_IDS,
        "wallet": _map(_ID, _ref("number")),
        "name": _TEXT,
        "description": _TEXT,
        "visibility": {"enum": ["active", "inactive"]},
        "recommended": _ref("flag"),
        "auto_enable": _ref("flag"),
        "archived": _ref("flag"),
        "only_for": _only_for(),
        "metadata": _map("", _TEXT),
    }
    return {field.key: shapes[field.key] for field in FIELDS}


def _row() -> Schema:
    return {"anyOf": [{"const": "usage"}, _ref("fees")]}


def _trial() -> Schema:
    once_per: Schema = {"enum": list(ONCE_PER)}
    long = _object({"days": _ref("number"), "card": _ref("flag"), "once_per": _one_or_more(once_per)})
    return {"anyOf": [{"const": "none"}, _DAYS, {**long, "required": ["days"]}]}


def _only_for() -> Schema:
    texts = _one_or_more({"type": "string"})
    named = _object({"emails": texts, "domains": texts, "list": {"type": "string"}})
    return {"anyOf": [{"const": "none"}, {**named, "minProperties": 1}]}


def _entry() -> Schema:
    """What a plan grants of a feature: its short forms, or the keys of an entry."""
    long = _object(
        {
            "included": {"anyOf": [_ref("number"), {"const": "unlimited"}]},
            "values": _one_or_more(_TEXT),
            "beyond": _ref("beyond"),
            "reset": {"enum": list(RESETS)},
            "rollover": {"anyOf": [_ref("number"), {"enum": ["all", "none"]}]},
            "prorate_allowance": _ref("flag"),
            "late": {"enum": ["bill", "reject"]},
            "spends": _ref("spends"),
        }
    )
    short: list[Schema] = [_ref("flag"), _ref("number"), {"const": "unlimited"}, _one_or_more(_TEXT)]
    return {"anyOf": [*short, long]}


def _beyond() -> Schema:
    kinds: dict[str, Schema] = {name: {"type": ["object", "array"]} for name in KINDS}
    keys: dict[str, Schema] = {
        "charge": {"enum": list(CHARGES)},
        "up_to": _ref("number"),
        "flat_at_zero": _ref("flag"),
        "convert": {**_object({"by": _ref("number"), "round": {"enum": list(ROUNDS)}}), "required": ["by"]},
        "included_as": {"enum": ["units", "tier"]},
    }
    one_kind = [{"required": [name]} for name in KINDS]
    return {**_object({**keys, **kinds}), "required": ["charge"], "oneOf": one_kind}


# --- everything else


def _feature() -> Schema:
    shape = _object(
        {
            "type": {"enum": list(TYPES)},
            "name": _TEXT,
            "values": _one_or_more(_TEXT),
            "unit": _TEXT,
            "event": _TEXT,
            "aggregate": {"enum": list(AGGREGATES)},
            "value": _TEXT,
            "where": _map("", _TEXT),
            "round": _object({"to": _pattern_or_number(r"^-?[0-9]{1,2}$"), "mode": {"enum": list(MODES)}}),
            "spends": _ref("spends"),
            "reset": {"enum": list(RESETS)},
            "archived": _ref("flag"),
            "was": _pattern(_ID),
        }
    )
    return {**shape, "required": ["type"]}


def _group() -> Schema:
    switch = {"up": {"enum": ["now", "restart"]}, "down": {"enum": ["at renewal", "on approval", "now"]}}
    return _object(
        {
            "name": _TEXT,
            "exclusive": _ref("flag"),
            "order": _PLAN_IDS,
            "switch": _object({key: dict(shape) for key, shape in switch.items()}),
            "was": _pattern(_ID),
        }
    )


def _tax() -> Schema:
    rate: Schema = {"anyOf": [_PERCENT, _map("^[0-9]{4}-[0-9]{2}-[0-9]{2}$", _PERCENT)]}
    shape = _object(
        {"name": _TEXT, "country": _pattern("^[A-Z]{2}$"), "rate": rate, "included": _ref("flag")}
    )
    return {**shape, "required": ["rate"]}


def _coupon() -> Schema:
    shape = _object(
        {
            "off": {"anyOf": [_PERCENT, _ref("amounts")]},
            "for": _pattern("^(once|forever|[1-9][0-9]* periods?)$"),
            "plans": _PLAN_IDS,
            "until": _DATE,
            "max": _ref("number"),
        }
    )
    return {**shape, "required": ["off"]}


def _example() -> Schema:
    shape = _object(
        {
            "plan": _pattern(_ID),
            "pay": _pattern(_INTERVAL),
            "in": _pattern(_CURRENCY),
            "use": _map(_ID, _one_or_more(_ref("number"))),
            "bill": _ref("number"),
        }
    )
    return {**shape, "required": ["plan", "bill"]}


def _note() -> Schema:
    return {
        **_object({"title": _TEXT, "why": _TEXT, "accept": _one_or_more({"type": "string"})}),
        "required": ["accept"],
    }


def _policy() -> Schema:
    levels: dict[str, Schema] = {rule: {"enum": list(LEVELS)} for rule in sorted(CHANGE_RULES)}
    return _object(
        {
            **levels,
            "levels": _object(levels),
            "max_price_change": _PERCENT,
            "max_subscribers_touched": _ref("number"),
            "max_mrr_at_risk": _ref("amounts"),
        }
    )


# --- shapes of shapes


def _object(properties: dict[str, Schema]) -> Schema:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _map(keys: str, values: Schema) -> Schema:
    shape: Schema = {"type": ["object", "null"], "additionalProperties": values}
    return {**shape, "propertyNames": {"pattern": keys}} if keys else shape


def _one_or_more(item: Schema) -> Schema:
    return {"anyOf": [item, {"type": "array", "items": item}]}


def _nullable(shape: Schema) -> Schema:
    return {"anyOf": [{"type": "null"}, shape]}


def _pattern(pattern: str) -> Schema:
    return {"type": "string", "pattern": pattern}


def _pattern_or_number(pattern: str) -> Schema:
    return {"anyOf": [{"type": "number"}, _pattern(pattern)]}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}
