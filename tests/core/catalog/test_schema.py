"""The editor schema takes what the parser takes; a small judge of JSON Schema stands in for the editor."""

from __future__ import annotations

import re
from typing import Any

import pytest

from planctl.core.catalog.fields import BY_KEY
from planctl.core.catalog.schema import catalog_schema
from planctl.core.document import Mapping, Node, Scalar
from planctl.core.pricing.kinds import KINDS
from planctl.files.yaml_reader import read_directory
from tests.core.catalog.helpers import ACME, HEAD, tree

KEYWORDS = {
    "$schema", "$id", "$defs", "$ref", "title", "type", "properties", "additionalProperties", "propertyNames",
    "pattern", "enum", "const", "anyOf", "oneOf", "required", "minProperties", "minimum", "items",
}  # fmt: skip
TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,), "array": (list,), "string": (str,), "null": (type(None),), "number": (int, float),
    "boolean": (bool,),
}  # fmt: skip


def seen(node: Node) -> Any:
    """What an editor's YAML 1.2 parser makes of a node: 1_000 is text there, 19.90 a number."""
    if isinstance(node, Mapping):
        return {entry.key.text: seen(entry.value) for entry in node.entries}
    if not isinstance(node, Scalar):
        return [seen(item) for item in node.items]
    if node.is_null:
        return None
    if node.text in {"true", "false"}:
        return node.text == "true"
    return float(node.text) if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", node.text) else node.text


def accepts(schema: dict[str, Any], value: Any, root: dict[str, Any]) -> bool:
    """Whether a value fits a schema, for the keywords our schema uses."""
    assert schema.keys() <= KEYWORDS, schema.keys() - KEYWORDS
    if "$ref" in schema:
        return accepts(root["$defs"][schema["$ref"].removeprefix("#/$defs/")], value, root)
    return (
        fits_scalar(schema, value)
        and ("anyOf" not in schema or any(accepts(option, value, root) for option in schema["anyOf"]))
        and ("oneOf" not in schema or sum(accepts(option, value, root) for option in schema["oneOf"]) == 1)
        and (not isinstance(value, list) or fits_items(schema, value, root))
        and (not isinstance(value, dict) or fits_object(schema, value, root))
    )


def fits_scalar(schema: dict[str, Any], value: Any) -> bool:
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    return (
        (not types or any(fits_type(value, name) for name in types))
        and (
            "enum" not in schema
            or any(value == word and type(value) is type(word) for word in schema["enum"])
        )
        and value == schema.get("const", value)
        and (not isinstance(value, str) or bool(re.search(schema.get("pattern", ""), value)))
        and (not fits_type(value, "number") or value >= schema.get("minimum", value))
    )


def fits_items(schema: dict[str, Any], value: list[Any], root: dict[str, Any]) -> bool:
    return all(accepts(schema.get("items", {}), item, root) for item in value)


def fits_type(value: Any, name: str) -> bool:
    return isinstance(value, TYPES[name]) and not (name == "number" and isinstance(value, bool))


def fits_object(schema: dict[str, Any], value: dict[str, Any], root: dict[str, Any]) -> bool:
    properties = schema.get("properties", {})
    if not set(schema.get("required", [])) <= value.keys() or len(value) < schema.get("minProperties", 0):
        return False
    others = schema.get("additionalProperties", {})
    for key, item in value.items():
        shape = properties.get(key, others)
        if shape is False or not accepts(schema.get("propertyNames", {}), key, root):
            return False
        if not accepts(shape, item, root):
            return False
    return True


def editor_takes(text: str) -> bool:
    schema = catalog_schema()
    return accepts(schema, seen(tree(text)[1]), schema)


def test_the_example_catalog_of_the_documentation_fits() -> None:
    schema = catalog_schema()
    for file in read_directory(ACME).files:
        assert file.node is not None
        assert accepts(schema, seen(file.node), schema), file.name


@pytest.mark.parametrize(
    "text",
    [
        HEAD,
        "plans: {p: {price: {month: {USD: 1_000, EUR: '9.90', USDT: 0.000001}}}}",
        "plans: {p: {price: {2 weeks: usage}, trial: 14 days, features: {minutes: 1_000, sso: yes}}}",
        "plans: {p: {price: free, features: {apps: [a], minutes: unlimited, seats: {included: 5}}}}",
        "title: x\nwhy: y\naccept: [77c1d09e5b3f]",
        "policy: {hidden: breaking, max_price_change: 25%}",
        "taxes: {t: {rate: 19%}}",
        "features: {gb: {type: metered, round: {to: -2, mode: up}}}",
        "examples: {e: {plan: p, bill: 5, use: {payments: [50, 12.5], minutes: 3}}}",
        "plans: {p: {price: free, features: {minutes: {beyond: {charge: usage, flat_at_zero: true,"
        " convert: {by: 1_000, round: none}, included_as: tier, volume: [{each: {USD: 1}}]}}}}}",
    ],
)
def test_short_forms_fit(text: str) -> None:
    assert editor_takes(text)


@pytest.mark.parametrize(
    "text",
    [
        "plan: {}",
        "plans: {p: {prise: free}}",
        "plans: {p: {price: {fortnight: {USD: 1}}}}",
        "plans: {p: {price: {month: {usd: 1}}}}",
        "plans: {p: {price: free, due: 2 weeks}}",
        "plans: {p: {price: free, features: {minutes: {beyond: {charge: usage, each: {}, volume: []}}}}}",
        "plans: {p: {price: free, features: {minutes: {beyond: {each: {USD: 1}}}}}}",
        "features: {f: {unit: call}}",
        "defaults: {price: free}",
        "features: {gb: {type: metered, round: {mode: ceil}}}",
        "plans: {p: {price: free, features: {minutes: {beyond: {charge: usage, convert: {}, volume: []}}}}}",
        "currencies: {USD: {symbol: $}}",
    ],
)
def test_what_the_parser_refuses_by_shape_the_editor_marks_too(text: str) -> None:
    assert not editor_takes(text)


def test_every_field_and_every_price_kind_is_known_to_the_editor() -> None:
    definitions: dict[str, Any] = catalog_schema()["$defs"]  # type: ignore[assignment]  # a schema is plain JSON
    assert definitions["plan"]["properties"].keys() == BY_KEY.keys() | {"like", "was"}
    assert KINDS.keys() <= definitions["beyond"]["properties"].keys()
