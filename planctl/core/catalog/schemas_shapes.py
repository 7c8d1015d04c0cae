"""Knows how shapes are written in JSON Schema, and the shapes of single values; it knows no object's keys.

Editors hand over what their YAML reader made of a value: `1_000` is a number or the text `1_000`, `no` is false
or the text `no`. Each shape takes both. Source: JSON Schema, draft 2020-12; YAML 1.1 and 1.2, scalar resolution.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from planctl.core.catalog.schemas_help import HELP
from planctl.core.money import MAX_DECIMALS, MAX_INTEGER_DIGITS
from planctl.core.reading import FALSE, IDENTIFIER, TRUE

Schema = dict[str, object]

DRAFT = "https://json-schema.org/draft/2020-12/schema"

_SOME = r"(?=\+?[0._]*[1-9])"  # before a number: it is not 0
_DIGITS = f"(0|[1-9](_?[0-9]){{0,{MAX_INTEGER_DIGITS - 1}}})"
_NUMBER = rf"{_DIGITS}(\.[0-9](_?[0-9]){{0,{MAX_DECIMALS - 1}}})?"
_COUNT = "[1-9](_?[0-9]){0,9}"
_HUNDREDTHS = r"(100(\.0+)?|(0|[1-9][0-9]?)(\.[0-9]+)?)"
_UNIT = "(day|week|month|year)"

ID = f"^{IDENTIFIER.pattern}$"
LENGTH = f"^({_UNIT}|[1-9][0-9]{{0,5}} {_UNIT}s?)$"
INTERVAL = f"^(once|{_UNIT}|[1-9][0-9]{{0,5}} {_UNIT}s?)$"


# --- shapes of shapes


def keys(owner: str, shapes: Mapping[str, Schema], required: Collection[str] = ()) -> Schema:
    """An object with these keys and no other; `owner` names the rows of `HELP` that say what each key is for."""
    help_of = HELP[owner] if owner else {}
    properties = {key: {**one, **_said(help_of.get(key))} for key, one in shapes.items()}
    needed: Schema = {"required": list(required)} if required else {}
    return {"type": "object", "properties": properties, **needed, "additionalProperties": False}


def _said(row: str | tuple[str, object] | None) -> Schema:
    if row is None:
        return {}
    about, default = (row, None) if isinstance(row, str) else row
    return {"description": about} | ({} if default is None else {"default": default})


def by_key(key_pattern: str, values: Schema, *, at_least: int = 0) -> Schema:
    """A map from keys of a pattern (empty: any) to values; one that may be empty may be null as well."""
    shape: Schema = (
        {"type": "object", "minProperties": at_least} if at_least else {"type": ["object", "null"]}
    )
    named: Schema = {"propertyNames": {"pattern": key_pattern}} if key_pattern else {}
    return {**shape, **named, "additionalProperties": values}


def listed(items: Schema) -> Schema:
    """A list of any length."""
    return {"type": "array", "items": items}


def either(*shapes: Schema) -> Schema:
    """A value of one of these shapes; the first is what editors offer first."""
    return {"anyOf": list(shapes)}


def nullable(shape: Schema) -> Schema:
    """The shape, or nothing written."""
    return either(shape, {"type": "null"})


def words(*allowed: str) -> Schema:
    """One of a few words."""
    return {"enum": list(allowed)}


def pattern(text: str) -> Schema:
    """A text of a pattern."""
    return {"type": "string", "pattern": text}


def one_or_more(item: Schema, *, at_least: int = 0) -> Schema:
    """A list, each item once; a single value stands for a list of one."""
    items: Schema = {"type": "array", "items": item, "uniqueItems": True}
    return either({**items, "minItems": at_least} if at_least else items, item)


def ref(name: str) -> Schema:
    """A shape of `$defs`."""
    return {"$ref": f"#/$defs/{name}"}


def schema_of(title: str, file: str, shape: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """A whole schema; `file` is the name it goes by, such as `catalog-1`."""
    head: Schema = {"$schema": DRAFT, "$id": f"planctl:{file}.schema.json", "title": title}
    return {**head, **shape, "$defs": dict(definitions)}


def when(key: str, values: Iterable[object], then: Schema) -> Schema:
    """What also holds where `key` has one of the values."""
    condition: Schema = {"required": [key], "properties": {key: {"enum": list(values)}}}
    return {"if": condition, "then": then}


# --- values

WORD: Schema = {"type": ["string", "number", "boolean"]}
"""What reads as a text that says something."""
NO_NUMBER = pattern(r"^(?![-+]?(\d{1,3}(,\d{3})+(\.\d+)?|[\d.]+[eE][-+]?\d+|0x[\dA-Fa-f]+|\d+:\d+)$)")
"""A text that does not look like a number in a form that is not read: `1,000`, `1e3`, `0x1F`, `12:30`."""
TEXT: Schema = {"type": ["string", "number", "boolean", "null"]}
"""What reads as a text: a name may be 2024, NO or nothing."""
TEXTS: Schema = either({"type": "array", "items": TEXT, "uniqueItems": True}, TEXT)
NAME = pattern(ID)
NAMES = nullable(one_or_more(NAME))
DATE = pattern("^[0-9]{4}-[0-9]{2}-[0-9]{2}$")
DAYS: Schema = {**pattern("^(0|[1-9][0-9]{0,3}) days?$"), "examples": ["14 days"]}
SOME_DAYS: Schema = {**pattern("^[1-9][0-9]{0,3} days?$"), "examples": ["14 days"]}
SHARE: Schema = {**pattern(rf"^\+?{_HUNDREDTHS} *%$"), "examples": ["20%"]}
"""A percentage of something: 0% to 100%."""
PERCENT: Schema = {**pattern(rf"^\+?{_NUMBER} *%$"), "examples": ["25%"]}

NO = (False, *sorted(FALSE))
"""Every way to say no: what editors make of it, and what a person may have put into quotes."""

_BOUND: Schema = {"exclusiveMaximum": 10**MAX_INTEGER_DIGITS}
_POSITIVE: Schema = {"type": "number", "exclusiveMinimum": 0, **_BOUND}
VALUES: Mapping[str, Schema] = {
    "flag": either({"type": "boolean"}, pattern(f"^({'|'.join(sorted(TRUE | FALSE))})$")),
    "number": either({"type": "number", "minimum": 0, **_BOUND}, pattern(rf"^\+?{_NUMBER}$")),
    "positive": either(_POSITIVE, pattern(rf"^{_SOME}\+?{_NUMBER}$")),
    "whole": either({"type": "integer", "minimum": 0, **_BOUND}, pattern(rf"^\+?{_DIGITS}$")),
    "some": either({"type": "integer", "minimum": 1, **_BOUND}, pattern(rf"^{_SOME}\+?{_DIGITS}$")),
}
"""Numbers as people write them: a `number` of 0 or more, a `positive` one, a `whole` one, at least one (`some`)."""

NUMBER_RANGE = pattern(rf"^{_NUMBER} *\.\. *{_NUMBER}$")
COUNT_RANGE = pattern(rf"^{_COUNT} *\.\. *{_COUNT}$")
RATIO = either(_POSITIVE, pattern(rf"^{_SOME}\+?{_NUMBER}( */ *{_SOME}{_NUMBER})?$"))
"""How many units one unit spends: `0.1`, or `1/10`."""
