"""What editors hand to a JSON Schema: the same YAML as a reader of YAML 1.2 sees it, and as one of 1.1 does."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from planctl.core.catalog.schema import catalog_schema
from planctl.core.document import Mapping, Node, Scalar
from tests.core.catalog.helpers import tree


def as_1_2(node: Node) -> Any:
    """YAML 1.2: `1_000`, `no` and `2026-01-31` are texts, `19.90` is a number."""
    if isinstance(node, Mapping):
        return {entry.key.text: as_1_2(entry.value) for entry in node.entries}
    if not isinstance(node, Scalar):
        return [as_1_2(item) for item in node.items]
    if node.quoted:
        return node.text
    if node.is_null:
        return None
    if node.text in {"true", "True", "TRUE", "false", "False", "FALSE"}:
        return node.text.lower() == "true"
    if re.fullmatch(r"[-+]?[0-9]+", node.text):
        return int(node.text)
    return float(node.text) if re.fullmatch(r"[-+]?[0-9]+\.[0-9]+", node.text) else node.text


class Reader(yaml.CSafeLoader):
    """YAML 1.1 with keys as they are written: `off` is a key, and a date is one too."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        return {key.value: self.construct_object(value, deep=True) for key, value in node.value}


def as_1_1(text: str) -> Any:
    """YAML 1.1: `1_000` is the number 1000, `no` is false; dates go to JSON as texts."""
    return json.loads(json.dumps(yaml.load(text, Loader=Reader), default=lambda day: day.isoformat()))


@cache
def judge() -> Draft202012Validator:
    """The catalog's schema, ready to judge."""
    return Draft202012Validator(catalog_schema())


def marks(text: str) -> list[str]:
    """What editors mark in a file, with the YAML reader first; empty where they mark nothing."""
    return [
        f"YAML {version}: {error.json_path}: {error.message}"
        for version, value in (("1.2", as_1_2(tree(text)[1])), ("1.1", as_1_1(text)))
        for error in judge().iter_errors(value)
    ]
