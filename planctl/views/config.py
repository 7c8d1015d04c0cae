"""Shows settings with where each value comes from; it reads none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from planctl.core.business import SETTINGS
from planctl.views.sheet import Answer, Column, Json, Sheet

COLUMNS = (Column("setting"), Column("value"), Column("origin", heading="from"), Column("about"))


def config_answer(tool: Sequence[tuple[str, str, str]], business: Sequence[tuple[str, str, bool]]) -> Answer:
    """The tool's settings (name, value, origin), then the business's (name, value, is it the default)."""
    rows = [(name, value or None, origin, "how the tool behaves") for name, value, origin in tool]
    rows += [
        (name, value or None, "default" if is_default else "the store", SETTINGS[name].about)
        for name, value, is_default in business
    ]
    documents = [{"setting": name, "value": value, "origin": origin} for name, value, origin, _ in rows]
    return Answer(documents, sheet=Sheet(COLUMNS, tuple(rows)))


def setting_answer(name: str, value: str) -> Answer:
    """One setting: people get the value alone."""
    return Answer({"setting": name, "value": value or None}, (value,))


def changed_answer(document: Json) -> Answer:
    """What a setting was and is."""
    assert isinstance(document, Mapping)
    before, after = document["before"], document["after"]
    if before == after:
        return Answer(document, (f"{document['setting']} is {after or 'empty'} already",))
    return Answer(document, (f"{document['setting']}: {before or 'empty'} → {after or 'empty'}",))
