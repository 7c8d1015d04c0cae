"""Says what a pull writes into which file, and what it leaves alone; it decides nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from planctl.core.catalog.breaking_whole import said
from planctl.core.catalog.changeset import FieldChange
from planctl.core.catalog.pulling import Pull, Taken
from planctl.findings import NOWHERE, Place
from planctl.views.file_texts import Texts, unified
from planctl.views.safe import safe
from planctl.views.sheet import Answer, Json
from planctl.views.words import count

Places = Mapping[tuple[str, str], Place]
"""Where values stood that are replaced, by address and path."""

_MOST_LEFT_ALONE = 5


def pull_answer(pull: Pull, texts: Texts, places: Places, kept: tuple[str, ...], *, dry_run: bool) -> Answer:
    """What is written; of a dry run the unified diff. One sentence where nothing is to be pulled."""
    document: dict[str, Json] = {
        "written": not dry_run and bool(texts),
        "files": list(texts),
        "objects": [_document(one, places) for one in pull.taken],
        "kept": list(kept),
        "adopted": [{"address": one, "needed_by": list(by)} for one, by in sorted(pull.adopted.items())],
        "left_alone": list(pull.left_alone),
    }
    difference = unified(texts)
    if dry_run:
        document["diff"] = "".join(f"{line}\n" for line in difference)
    return Answer(document, (*(difference if dry_run else ()), *_lines(pull, texts, places, kept)))


def _document(one: Taken, places: Places) -> dict[str, Json]:
    replaced: list[Json] = []
    for changed in one.replaced:
        place = places.get((one.address, changed.path), NOWHERE)
        replaced.append({"path": changed.path, "file": place.file, "line": place.line, **_sides(changed)})
    return {
        "address": one.address,
        "since": one.since,
        "actor": one.actor,
        "fields": [{"path": changed.path, **_sides(changed)} for changed in one.fields],
        "replaced": replaced,
        "again": one.again,
    }


def _sides(changed: FieldChange) -> dict[str, Json]:
    return {"before": changed.before, "after": changed.after}


def _lines(pull: Pull, texts: Texts, places: Places, kept: tuple[str, ...]) -> Iterator[str]:
    if not pull.taken and not pull.adopted:
        yield "nothing to pull: the files say what the store holds of what they manage"
    for one in pull.taken:
        yield f"{one.address}  changed outside git since revision {one.since} by {safe(one.actor)}"
        if one.again:
            yield "    was gone from the files and is written again, for the shell changed it"
        for changed in _gathered(one.fields):
            yield f"    {_change(changed)}{_replaces(one, changed, places)}"
    for address in kept:
        yield f"{address}  has its own values now, so that it does not follow"
    for address, needed_by in sorted(pull.adopted.items()):
        reason = f", for {', '.join(needed_by)} needs it" if needed_by else ""
        yield f"{address}  made in the shell, is written too{reason}; the next apply adopts it"
    if pull.left_alone:
        names = ", ".join(pull.left_alone[:_MOST_LEFT_ALONE])
        more = len(pull.left_alone) - _MOST_LEFT_ALONE
        names += f" and {more:,} more" if more > 0 else ""
        yield f"Left alone: {count(len(pull.left_alone), 'object')} made in the shell: {names}; --adopt writes them too"
    if texts:
        yield f"{count(len(texts), 'file')}: {', '.join(map(safe, texts))}"


def _gathered(fields: tuple[FieldChange, ...]) -> Iterator[FieldChange]:
    """The changes, those of a feature that is new in its plan as one."""
    seen = set()
    for changed in fields:
        feature = ".".join(changed.path.split(".")[:2])
        below = [one for one in fields if one.path.startswith(f"{feature}.")]
        is_new = (
            feature.startswith("features.") and len(below) > 1 and all(one.before is None for one in below)
        )
        if not is_new:
            yield changed
        elif feature not in seen:
            seen.add(feature)
            yield FieldChange(feature, None, "granted")


def _change(changed: FieldChange) -> str:
    return safe(f"{changed.path}  {said(changed.before)} → {said(changed.after)}")


def _replaces(one: Taken, changed: FieldChange, places: Places) -> str:
    """Where the files had changed the same value, which is lost."""
    if changed not in one.replaced:
        return ""
    place = places.get((one.address, changed.path), NOWHERE)
    where = f" at {safe(place.file)}:{place.line}" if place.file else ""
    return f"   replaces what the files said{where}"
