"""Says who may use a store and what a grant changed; it asks nobody."""

from __future__ import annotations

from collections.abc import Mapping

from planctl.core.access import Granted, Standing
from planctl.views.sheet import Answer, Column, Json, Sheet

COLUMNS = (Column("name", heading="who"), Column("role"), Column("how", heading="by"))

ABOUT = {
    "server": "the server enforces these roles",
    "system": "only the operating system enforces this: who may write the file may do everything with it",
}


def standing_answer(standing: Standing) -> Answer:
    """Everybody who may use the store, with the role that it comes to; of a file also owner, group and mode."""
    rows = tuple((one.name, one.role.value, one.how) for one in standing.holders)
    document: dict[str, Json] = {
        "store": standing.where,
        "enforced_by": standing.enforced_by,
        "access": [{"name": name, "role": role, "how": how} for name, role, how in rows],
        "places": [
            {"path": one.path, "owner": one.owner, "group": one.group, "mode": f"{one.mode:04o}"}
            for one in standing.places
        ],
    }
    lines = [
        f"{one.path}: owner {one.owner}, group {one.group}, mode {one.mode:04o}" for one in standing.places
    ]
    return Answer(document, (*lines, ABOUT[standing.enforced_by]), Sheet(COLUMNS, rows))


def granted_document(granted: Granted) -> Json:
    """A login's role before and after; null where it had or has none."""
    return {"name": granted.name, "before": granted.before or None, "after": granted.after or None}


def granted_answer(document: Json) -> Answer:
    """What a login was and is."""
    assert isinstance(document, Mapping)
    name, before, after = document["name"], document["before"], document["after"]
    if before == after:
        return Answer(document, (f"{name} is {after or 'in no role'} already",))
    if after is None:
        return Answer(document, (f"{name} may not use the store any more (was {before})",))
    return Answer(document, (f"{name} is {after} now" + (f" (was {before})" if before else ""),))
