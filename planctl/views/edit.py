"""How a shell edit of the catalog looks, and the command that would undo it. It decides nothing."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace

from planctl.core.catalog.changeset import Change, ChangeSet
from planctl.core.document import Document
from planctl.findings import NOWHERE, Finding
from planctl.views.catalog import change_lines
from planctl.views.changeset import changeset_document, changeset_text
from planctl.views.findings import finding_document
from planctl.views.sheet import Answer, Json

SHELL = "shell"

_MOST_SETS = 4
"""An undo of more values than this is no line that anybody types."""

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ./_%+@-]*|", re.ASCII)


def edit_document(
    changes: ChangeSet, findings: Sequence[Finding], revision: int, named: Mapping[str, Json]
) -> dict[str, Json]:
    """What an edit answers: the diff with its warnings, the revision that holds now, and the object by its noun."""
    warnings = [finding_document(finding) for finding in findings]
    return {**changeset_document(changes), "findings": warnings, "revision": revision, **named}  # type: ignore[dict-item]


def edit_answer(document: Json, changes: ChangeSet | None) -> Answer:
    """What an edit did; without the changes (`--key` was used before) what its first answer keeps of them."""
    assert isinstance(document, Mapping)
    if changes is not None and not changes.empty:
        return Answer(document, tuple(changeset_text(_for_people(changes))))
    kept = document["changes"]
    assert isinstance(kept, Sequence)
    lines = [line for one in kept if isinstance(one, dict) for line in change_lines(one)]
    return Answer(document, tuple(lines) or (f"nothing to change; revision {document['revision']}",))


def _for_people(changes: ChangeSet) -> ChangeSet:
    """The changes under a name; what the shell archives is not removed from its file."""
    shown = [replace(one, place=NOWHERE) if one.action == "archive" else one for one in changes.changes]
    return replace(changes, catalog=SHELL, changes=tuple(shown))


def undo_of(changes: ChangeSet, address: str, noun: str) -> str:
    """The command that takes the change of `address` back; empty where no short one does."""
    object_id = address.partition(".")[2]
    change = next((one for one in changes.changes if one.address == address), None)
    if change is None:
        return ""
    if change.action == "create":
        return f"planctl plan purge {object_id}" if noun == "plan" else f"planctl feature archive {object_id}"
    if change.action in {"archive", "unarchive"}:
        return _unflagged(change, noun, object_id)
    sets = _sets(change, changes)
    if not sets or len(sets) > _MOST_SETS:
        return ""
    options = " ".join(shlex.join(["--set", one]) for one in sets)
    return f"planctl {noun} edit {object_id} {options}{_outside(change)}"


def _sets(change: Change, changes: ChangeSet) -> list[str]:
    """The values that were there before by path; what was not there at all is taken away whole."""
    stored = changes.base.objects.get(change.address)
    before = stored.document if stored else None
    replaced = {one.path for one in change.fields if one.before is not None}
    found = []
    for one in change.fields:
        if isinstance(one.before, dict):
            return []
        if one.before is not None:
            found.append(f"{one.path}={_value(one.before)}")
        elif not any(one.path.startswith(f"{path}.") for path in replaced):
            found.append(f"{_new_part(one.path, before)}=")
    return list(dict.fromkeys(found))


def _new_part(path: str, before: Document) -> str:
    """The shortest beginning of a path that the document has nothing under."""
    steps = path.split(".")
    for length, step in enumerate(steps, start=1):
        if not isinstance(before, dict) or step not in before:
            return ".".join(steps[:length])
        before = before[step]
    return path


def _unflagged(change: Change, noun: str, object_id: str) -> str:
    was_archived = change.action == "unarchive"
    if noun == "plan":
        return f"planctl plan {'archive' if was_archived else 'unarchive'} {object_id}{_outside(change)}"
    flag = "true" if was_archived else "false"
    return f"planctl feature edit {object_id} --set archived={flag}{_outside(change)}"


def _outside(change: Change) -> str:
    """The option without which what stands in a file is not edited."""
    return " --outside" if change.place != NOWHERE else ""


def _value(value: Document) -> str:
    """A value as catalog YAML; nothing takes the key away."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(_value(item) for item in value)}]"
    assert isinstance(value, str)
    return value if _PLAIN.fullmatch(value) and value else json.dumps(value, ensure_ascii=False)
