"""The JSON Schema of a migration's file, for editors; the parser stays the judge of what is right."""

from __future__ import annotations

from planctl.core.catalog.schemas_shapes import (
    DATE,
    INTERVAL,
    NAME,
    PERCENT,
    TEXT,
    VALUES,
    Schema,
    either,
    keys,
    one_or_more,
    pattern,
    ref,
    schema_of,
    words,
)
from planctl.core.waves.model import NEWEST, OLDER
from planctl.core.waves.parse import MOST_BATCHES

_ABOUT = {
    "title": "What is moved, in a few words.",
    "why": "The reason, for the next one who reads this.",
    "plan": "The plan whose subscriptions are moved.",
    "from": "The versions to move from; older is every version older than `to`.",
    "to": "The version to move to; newest is fixed when the first batch is begun.",
    "at": "When: at each renewal, or now, with unused days credited.",
    "select": "Whose subscriptions: all that is said must hold.",
    "exclude": "Whose subscriptions are left alone.",
    "batches": "How many batches alike, or their shares in per cent.",
    "max_increase": "Who would pay more than so much more by the month is left out and listed.",
}


def migration_schema() -> Schema:
    """The schema of one file below `migrations/`."""
    shapes: dict[str, Schema] = {
        "title": TEXT,
        "why": TEXT,
        "plan": NAME,
        "from": either(words(OLDER), one_or_more(ref("some"), at_least=1)),
        "to": either(words(NEWEST), ref("some")),
        "at": words("renewal", "now"),
        "select": _select(),
        "exclude": keys("", {"customers": _TEXTS, "negotiated": ref("flag")}),
        "batches": either(_UP_TO, keys("", {"percent": one_or_more(_SHARE)}, ["percent"])),
        "max_increase": PERCENT,
    }
    told = {key: {**shape, "description": _ABOUT[key]} for key, shape in shapes.items()}
    shape = keys("", told, ["plan", "from", "to"])
    definitions = {name: VALUES[name] for name in ("some", "flag")}
    return schema_of("planctl migration of subscriptions", "migration-1", shape, definitions)


_TEXTS = one_or_more({"type": "string"})
_UP_TO = either({"type": "integer", "minimum": 1, "maximum": MOST_BATCHES}, pattern("^([1-9][0-9]?|100)$"))
_SHARE = either({"type": "integer", "minimum": 1, "maximum": 100}, pattern("^([1-9][0-9]?|100)$"))


def _select() -> Schema:
    return keys(
        "",
        {
            "customers": _TEXTS,
            "currency": _TEXTS,
            "pay": one_or_more(pattern(INTERVAL)),
            "country": one_or_more(pattern("^[A-Z]{2}$")),
            "started_before": DATE,
        },
    )
