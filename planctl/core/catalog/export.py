"""Writes a whole catalog as one document that people read: what equals a built-in default is left out."""

from __future__ import annotations

from collections.abc import Mapping as Map
from functools import cache

from planctl.core.catalog.documents import (
    Object,
    feature_document,
    group_document,
    plan_document,
    policy_document,
    spends_document,
    tax_document,
)
from planctl.core.catalog.model import Feature, Group, Policy, TaxRate
from planctl.core.catalog.parse_features import Context, default_reset, parse_feature
from planctl.core.catalog.parse_plans import Section, parse_plan
from planctl.core.catalog.parse_sections import ALWAYS
from planctl.core.catalog.sources import FORMAT
from planctl.core.currencies import iso_currency
from planctl.core.document import Document, Entry, Mapping, Scalar, node_of
from planctl.core.periods import Interval
from planctl.core.reading import Reader

_ORDER = (
    "currencies", "features", "groups", "taxes", "page", "policy", "plans", "addons", "coupons", "examples",
)  # fmt: skip

_METERED = Feature("", "metered")  # stands for a definition that is not among the objects
_PLAN_ORDER = ("name", "description", "group", "recommended", "price", "trial", "features")


def catalog_file_document(objects: Map[str, Document], name: str) -> Object:
    """One document of the catalog format with these objects, documents by address; for export and reading.

    Reading it back gives the same objects. Leave archived objects out, or add `archived: true` to theirs.
    """
    features = {
        address.removeprefix("features."): _feature(address, document)
        for address, document in objects.items()
        if address.startswith("features.")
    }
    written: dict[str, Object] = {}
    single: Object = {}
    for address, document in sorted(objects.items()):
        assert isinstance(document, dict), f"the document of {address} is not a map"
        section, _, object_id = address.partition(".")
        if object_id:
            written.setdefault(section, {})[object_id] = _short(section, object_id, document, features)
        else:
            single[section] = _policy(document) if section == "policy" else document
    whole: Object = {"format": FORMAT, "catalog": name}
    for section in _ORDER:
        if section in written:
            whole[section] = written[section]
        elif section in single:
            whole[section] = single[section]
    return whole


def _short(section: str, object_id: str, document: Object, features: Map[str, Feature]) -> Document:
    if section == "plans":
        return _plan("plans", object_id, document, features)
    if section == "addons":
        return _plan("addons", object_id, document, features)
    if section == "features":
        return _without(document, _feature_defaults(object_id, document))
    if section == "groups":
        return _without(document, group_document(Group(object_id, object_id)))
    if section == "currencies":
        return _currency(object_id, document)
    if section == "taxes":
        return _tax(object_id, document)
    if section == "coupons":
        return _without(document, {"plans": []})
    if section == "examples":
        return _without(document, {"use": {}})
    raise AssertionError(f"{section} is not a section of the catalog format")


def _without(document: Object, defaults: Object) -> Object:
    """The document without the keys whose value is the default."""
    return {key: value for key, value in document.items() if key not in defaults or value != defaults[key]}


# --- plans


def _plan(section: Section, plan_id: str, document: Object, features: Map[str, Feature]) -> Object:
    price, granted = document.get("price"), document.get("features")
    intervals = tuple(Interval.parse(row) for row in price) if isinstance(price, dict) else ()
    only_once = bool(intervals) and all(interval.unit == "once" for interval in intervals)
    kept = _without(document, {**_plan_defaults(section, only_once), "name": plan_id})
    if isinstance(granted, dict) and granted:
        reset = default_reset(intervals)
        kept["features"] = {
            feature_id: _entry(entry, features.get(feature_id, _METERED), reset)
            for feature_id, entry in sorted(granted.items())
        }
    if "trial" in kept:
        kept["trial"] = _trial(kept["trial"])
    first = {key: kept[key] for key in _PLAN_ORDER if key in kept}
    return first | {key: kept[key] for key in kept if key not in first}


@cache
def _plan_defaults(section: Section, only_once: bool) -> Object:
    """The document of a plan that writes nothing but its price; not to be changed."""
    node = node_of({"price": {"once": "usage"} if only_once else "free"})
    assert isinstance(node, Mapping), "a document that is a map makes a map"
    defaults = plan_document(parse_plan("any", section, node, Context(Reader())))
    del defaults["price"]
    return defaults


def _entry(entry: Document, feature: Feature, reset: str) -> Document:
    """A plan's entry for one feature in its shortest form; `reset` is the one of the plan's rows."""
    if not isinstance(entry, dict):
        return entry
    if set(entry) == {"values"}:
        return entry["values"]
    defaults: Object = {
        "rollover": "none",
        "prorate_allowance": False,
        "late": "bill",
        "spends": spends_document(feature.spends),
        "reset": feature.reset or reset,
    }
    kept = _without(entry, defaults)
    if not entry.get("spends") and "beyond" in kept:
        kept = _without(kept, {"included": "0"})
    if set(kept) == {"included"}:
        return kept["included"]
    return kept or True


def _trial(trial: Document) -> Document:
    if isinstance(trial, dict) and not trial.get("card") and trial.get("once_per") == ["customer"]:
        return "1 day" if trial["days"] == "1" else f"{trial['days']} days"
    return trial


# --- everything else


def _feature(feature_id: str, document: Document) -> Feature:
    """The definition that a document is of."""
    feature = parse_feature(Entry(Scalar(feature_id), node_of(document)), Reader())
    assert feature is not None, f"the document of {feature_id} has no type"
    return feature


def _feature_defaults(feature_id: str, document: Object) -> Object:
    """The document of a feature that says nothing but this one's type."""
    defaults = feature_document(_feature(feature_id, {"type": document["type"]}))
    del defaults["type"]
    return defaults


def _currency(code: str, document: Object) -> Document:
    """Nothing for an ISO currency under its own name; `decimals` belong to currencies that are not ISO."""
    if not document.get("iso"):
        return _without(document, {"name": code})
    listed = iso_currency(code)
    return {"name": document["name"]} if listed is None or document["name"] != listed.name else None


def _tax(tax_id: str, document: Object) -> Document:
    kept = _without(document, {**tax_document(TaxRate(tax_id, tax_id)), "rate": ""})
    rate = document.get("rate")
    if isinstance(rate, dict) and list(rate) == [ALWAYS.isoformat()]:
        kept["rate"] = rate[ALWAYS.isoformat()]
    return kept


def _policy(document: Object) -> Object:
    return _without(document, policy_document(Policy()))
