"""Shows the audit: who did what, and whether its chain holds; it verifies nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from planctl.core.anchoring import AuditVerdict, Silent
from planctl.core.audit import Anchor, ChainedEntry, Logged, Touched
from planctl.core.document import document_of
from planctl.views.sheet import Answer, Column, Json, Sheet
from planctl.views.words import count


def audit_answer(entries: Sequence[Logged], timezone: str) -> Answer:
    """Who did what, oldest first; machines are told every row that it changed, with its hashes before and after.

    The actor is who he said he was. Beside it stands the login that the server knows, where it is another.
    """
    columns = (
        Column("seq", "quantity"),
        Column("at"),
        Column("actor", heading="by"),
        Column("server_login"),
        Column("command"),
        Column("rows"),
        Column("reason"),
        Column("key"),
        Column("hash"),
    )
    bodies = [(one.entry, body_of(one.entry), one.objects) for one in entries]
    rows = tuple(
        (
            entry.seq,
            text_in(body, "at"),
            text_in(body, "actor"),
            _server_login(body),
            text_in(body, "command"),
            _rows(objects),
            text_in(body, "reason"),
            text_in(body, "key"),
            entry.hash[:12],
        )
        for entry, body, objects in bodies
    )
    documents: list[Json] = [
        {"seq": entry.seq, "hash": entry.hash, **body, "rows": [_row(one) for one in objects]}
        for entry, body, objects in bodies
    ]
    return Answer(documents, sheet=Sheet(columns, rows, timezone), empty="nothing was written yet")


def _server_login(body: Mapping[str, Json]) -> str | None:
    """The login by which the entry was written, as the database itself knows it; None where the actor says it too."""
    origin = body.get("origin")
    login = text_in(origin, "session_user") if isinstance(origin, Mapping) else None
    return None if login == body.get("actor") else login


def _rows(objects: Sequence[Touched]) -> str | None:
    """The first row that an entry names, and how many more."""
    if not objects:
        return None
    more = f" +{len(objects) - 1}" if len(objects) > 1 else ""
    return f"{objects[0].table}/{objects[0].id}{more}"


def _row(one: Touched) -> Json:
    return {"table": one.table, "id": one.id, "before": one.before or None, "after": one.after or None}


def audit_verdict_answer(verdict: AuditVerdict) -> Answer:
    """Whether the audit is as it was written, and its last entry, to be kept elsewhere."""
    tip, good, bound = verdict.tip, verdict.good, verdict.bound
    compared = (
        f", {count(len(bound.tips), 'anchor')} reached, up to entry {bound.reach}" if bound.tips else ""
    )
    whole = f"{count(tip.seq, 'entry', 'entries')}, chain whole{compared}; tip {tip.seq} {tip.hash}"
    lines = [*verdict.problems] or [whole]
    if verdict.problems:
        lines.append(f"the audit was {' and '.join(verdict.kinds)}")
        if bound.tips:
            lines.append(f"last good anchor: {good.seq} {good.hash}" if good else "no anchor holds")
    lines += silent_lines(bound.silent)
    document: dict[str, Json] = {
        "ok": not verdict.problems,
        "seq": tip.seq,
        "hash": tip.hash,
        "problems": list(verdict.problems),
        "kinds": list(verdict.kinds),
        "anchors": len(bound.tips),
        "anchored_up_to": bound.reach or None,
        "silent": silent_document(bound.silent),
        "last_good": {"seq": good.seq, "hash": good.hash} if good else None,
    }
    return Answer(document, tuple(lines))


def silent_lines(silent: Iterable[Silent]) -> list[str]:
    """Which tips were passed over, and why."""
    return [
        f"{count(one.tips, 'tip')} of generation {one.generation} "
        + (
            "kept by another copy of this store, which was adopted too: make sure that it bills no more"
            if one.after is None
            else f"beyond entry {one.after}, after which this store was adopted: nothing is said about it"
        )
        for one in silent
    ]


def silent_document(silent: Iterable[Silent]) -> Json:
    """The same for machines."""
    return [{"generation": one.generation, "tips": one.tips, "after": one.after} for one in silent]


def anchored_answer(anchor: Anchor, place: str) -> Answer:
    """The tip that was kept, and where; without a place it is only printed."""
    document: dict[str, Json] = {
        "seq": anchor.tip.seq,
        "hash": anchor.tip.hash,
        "store": anchor.store,
        "generation": anchor.generation,
        "adoption": anchor.adoption or None,
        "at": anchor.at,
        "place": place or None,
    }
    return Answer(document, (anchor.line,))


def body_of(entry: ChainedEntry) -> dict[str, Json]:
    """What an entry says."""
    body = document_of(entry.body)
    return dict(body) if isinstance(body, dict) else {}


def text_in(body: Mapping[str, Json], name: str) -> str | None:
    """A text of an entry; None where it says nothing of that."""
    value = body.get(name)
    return value if isinstance(value, str) and value else None
