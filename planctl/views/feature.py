"""How a feature's definition looks, to machines and to people. It changes and decides nothing."""

from __future__ import annotations

from collections.abc import Sequence

from planctl.core.catalog.standing import StandingFeature
from planctl.views.sheet import Answer, Column, Json, Sheet

LIST = (
    Column("id", heading="feature"),
    Column("type"),
    Column("name"),
    Column("unit"),
    Column("measured"),
    Column("archived", "flag"),
    Column("used_by", heading="used by"),
    Column("managed_by", heading="managed by"),
)


def feature_document(one: StandingFeature) -> dict[str, Json]:
    """A feature for machines: its definition under the keys of the catalog format, and who uses it."""
    feature, stored = one.feature, one.stored
    assert isinstance(stored.document, dict), f"the document of {stored.address} is no map"
    return {
        "id": feature.id,
        **stored.document,
        "archived": stored.archived,
        "managed_by": stored.managed_by or None,
        "file": stored.place.file or None,
        "line": stored.place.line or None,
        "used_by": list(one.used_by),
    }


def feature_answer(one: StandingFeature, yaml: str = "") -> Answer:
    """Everything about a feature; `yaml` is what `-f yaml` prints."""
    document = feature_document(one)
    rows = [(key, _text(value)) for key, value in document.items() if value not in (None, "", [], {}, False)]
    width = max(len(key) for key, _ in rows)
    lines = tuple(f"{key.replace('_', ' '):{width}}  {value}" for key, value in rows)
    return Answer(document, lines, sources={"yaml": yaml} if yaml else None)


def features_answer(features: Sequence[StandingFeature]) -> Answer:
    """Features in the order given, one a row."""
    rows = tuple(
        (
            one.feature.id,
            one.feature.type,
            one.feature.name,
            one.feature.unit or None,
            measured(one) or None,
            one.stored.archived,
            ", ".join(user.partition(".")[2] for user in one.used_by) or None,
            one.stored.managed_by or None,
        )
        for one in features
    )
    documents = [feature_document(one) for one in features]
    return Answer(
        documents,
        sheet=Sheet(LIST, rows),
        empty="no feature yet; make one: planctl feature create ID --type metered",
    )


def measured(one: StandingFeature) -> str:
    """How its quantity comes about: `sum of call`, `held`, the values of a list."""
    feature = one.feature
    if feature.type == "list":
        return ", ".join(feature.values)
    if feature.type == "boolean":
        return ""
    if feature.held:
        return "held"
    meter = feature.meter
    return f"{meter.aggregate} of {meter.value or meter.event or feature.id}"


def _text(value: Json) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(_text(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {_text(item)}" for key, item in value.items())
    return str(value)
