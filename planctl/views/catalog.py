"""Says what a catalog is and was: the result of a validation, of an apply, the history, one revision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from planctl.core.catalog.changeset import ChangeSet
from planctl.core.catalog.emit import catalog_digest
from planctl.core.catalog.model import Catalog
from planctl.core.document import Document
from planctl.core.instants import Instant, instant_text
from planctl.findings import Finding
from planctl.views.changeset import changeset_document, changeset_text
from planctl.views.findings import counted, finding_document
from planctl.views.safe import safe
from planctl.views.sheet import Answer, Column, Json, Sheet
from planctl.views.words import count


class RevisionLike(Protocol):
    """What is shown of a revision."""

    @property
    def number(self) -> int:
        """Counted from 1."""

    @property
    def catalog(self) -> str:
        """Which catalog was applied; empty for an edit in the shell."""

    @property
    def digest(self) -> str:
        """Of the desired catalog."""

    @property
    def changes(self) -> Document:
        """What it did."""

    @property
    def accepted(self) -> tuple[str, ...]:
        """Fingerprints."""

    @property
    def actor(self) -> str:
        """Who."""

    @property
    def reason(self) -> str:
        """Why."""

    @property
    def source_commit(self) -> str:
        """Of the catalog's files."""

    @property
    def recorded_at(self) -> Instant:
        """When."""


def validation_answer(catalog: Catalog, findings: Sequence[Finding]) -> Answer:
    """A valid catalog in one line, with how many warnings there were."""
    plans = [plan for plan in catalog.plans.values() if plan.kind == "plan"]
    document: dict[str, Json] = {
        "catalog": catalog.name,
        "digest": catalog_digest(catalog),
        "plans": len(plans),
        "addons": len(catalog.plans) - len(plans),
        "features": len(catalog.features),
        "examples": len(catalog.examples),
        "findings": [finding_document(finding) for finding in findings],
    }
    counts = [
        count(len(plans), "plan"),
        count(len(catalog.plans) - len(plans), "add-on"),
        count(len(catalog.features), "feature"),
        *([count(len(catalog.examples), "price example")] if catalog.examples else []),
    ]
    return Answer(document, (f"{catalog.name}: {', '.join(counts)}; {counted(findings)}",))


def diff_answer(
    changes: ChangeSet, findings: Sequence[Finding], names: Mapping[str, Sequence[str]] | None = None
) -> Answer:
    """A diff for people and machines; `names` lists the customers who hold what changes, by address."""
    document = changeset_document(changes)
    document["findings"] = [finding_document(finding) for finding in (*findings, *changes.findings)]
    lines = changeset_text(changes)
    if names is not None:
        document["customers"] = {address: list(held) for address, held in names.items()}
        lines += [f"{address} is held by {', '.join(held)}" for address, held in names.items()]
    return Answer(document, tuple(lines))  # type: ignore[arg-type]  # values are JSON by construction


def applied_document(changes: ChangeSet, revision: int) -> dict[str, Json]:
    """What apply answers: the diff, the revision that holds now, and what is remembered where nothing differs."""
    document: dict[str, Json] = {**changeset_document(changes), "revision": revision}  # type: ignore[dict-item]
    if changes.empty:
        document |= {"settled": list(changes.settled), "noted": list(changes.new_notes)}
    return document


def unchanged_answer(changes: ChangeSet, *, already: bool) -> Answer:
    """What apply says where nothing differs; `already`: a saved plan that has changes holds already."""
    revision = changes.base.revision
    lines = changeset_text(changes)
    if already:
        name = safe(changes.catalog)
        lines = [f"{name}: already applied; revision {revision} holds what the plan wanted"]
    return Answer(applied_document(changes, revision), tuple(lines))


def applied_answer(document: Json) -> Answer:
    """What apply says, from its document: the first answer reads the same when it is given again."""
    assert isinstance(document, Mapping)
    changes, summary = document["changes"], document["summary"]
    assert isinstance(changes, Sequence)
    assert isinstance(summary, Mapping)
    done = ", ".join(
        f"{number:,} {DONE[action][number != 1]}"
        for action, number in summary.items()
        if number and action in DONE
    )
    line = f"revision {document['revision']}: {count(len(changes), 'change')} applied: {done}"
    if not changes:
        told = [text for key, text in _REMEMBERED.items() if document.get(key)]
        line = f"revision {document['revision']}: {'; '.join(['no changes', *told])}"
    return Answer(document, (line,))


_REMEMBERED = {
    "settled": "what was edited outside is in the files now",
    "noted": "its new change notes accept nothing later",
}

DONE = {
    "create": ("created", "created"),
    "version": ("new version", "new versions"),
    "update": ("updated", "updated"),
    "archive": ("archived", "archived"),
    "unarchive": ("unarchived", "unarchived"),
    "adopt": ("adopted", "adopted"),
    "rename": ("renamed", "renamed"),
}


def history_answer(revisions: Sequence[RevisionLike], timezone: str) -> Answer:
    """The revisions in the order given."""
    columns = (
        Column("revision", "quantity"),
        Column("recorded_at", "instant", "at"),
        Column("actor", heading="by"),
        Column("catalog"),
        Column("digest"),
        Column("changes", "quantity"),
        Column("source_commit", heading="commit"),
        Column("reason"),
    )
    rows = tuple(
        (
            one.number,
            one.recorded_at,
            one.actor,
            one.catalog or None,
            one.digest or None,
            len(changes_of(one)),
            short(one.source_commit) or None,
            one.reason or None,
        )
        for one in revisions
    )
    documents = [revision_document(one) for one in revisions]
    return Answer(documents, sheet=Sheet(columns, rows, timezone), empty="no catalog was applied yet")


def revision_answer(one: RevisionLike) -> Answer:
    """One revision: who, when, why, and every change."""
    head = (
        f"revision {one.number}   {one.catalog or 'shell'}   {instant_text(one.recorded_at)}   by {one.actor}"
    )
    about = [
        f"{what}: {said}"
        for what, said in (
            ("digest", one.digest),
            ("commit", one.source_commit),
            ("reason", one.reason),
            ("accepted", ", ".join(one.accepted)),
        )
        if said
    ]
    lines = [line for change in changes_of(one) for line in change_lines(change)]
    return Answer(revision_document(one), (head, *about, "", *lines))


def revision_document(one: RevisionLike) -> dict[str, Json]:
    """One revision for machines."""
    return {
        "revision": one.number,
        "catalog": one.catalog or None,
        "digest": one.digest or None,
        "recorded_at": instant_text(one.recorded_at),
        "actor": one.actor,
        "reason": one.reason or None,
        "source_commit": one.source_commit or None,
        "accepted": list(one.accepted),
        "changes": [change_document(change) for change in changes_of(one)],
    }


def change_document(change: Mapping[str, Document]) -> dict[str, Json]:
    """A kept change for machines, its versions as numbers."""
    found: dict[str, Json] = dict(change)
    for name in ("from_version", "to_version"):
        found[name] = int(str(change.get(name) or "0"))
    return found


def changes_of(one: RevisionLike) -> list[dict[str, Document]]:
    """The changes of a revision as it kept them."""
    changes = one.changes if isinstance(one.changes, list) else []
    return [change for change in changes if isinstance(change, dict)]


def change_lines(change: Mapping[str, Document]) -> list[str]:
    """One kept change: its address and action, then its fields."""
    before, after = str(change.get("from_version", "0")), str(change.get("to_version", "0"))
    versions = f"  v{before} → v{after}" if before != after else ""
    lines = [f"{change.get('address')}  {change.get('action')}{versions}"]
    fields = change.get("fields")
    for field in fields if isinstance(fields, list) and change.get("action") != "create" else []:
        if isinstance(field, dict):
            lines.append(f"    {field.get('path')}  {said(field.get('before'))} → {said(field.get('after'))}")
    return lines


def short(commit: str) -> str:
    """The beginning of a commit's hash; `+` where the files differed from it."""
    return commit[:12] + "+" * commit.endswith("-dirty")


def said(value: Document) -> str:
    """A kept value for people."""
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(said(item) for item in value)}]"
    return "…" if isinstance(value, dict) else value
