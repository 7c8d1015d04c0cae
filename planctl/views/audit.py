"""Shows the audit: who did what, and whether its chain holds; it verifies nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from planctl.core.audit import Anchor, AuditVerdict, ChainedEntry, Logged, Touched
from planctl.core.document import document_of
from planctl.views.sheet import Answer, Column, Json, Sheet
from planctl.views.words import count


def audit_answer(entries: Sequence[Logged], timezone: str) -> Answer:
    """Who did what, oldest first; machines are told every row that it changed, with its hashes before and after."""
    columns = (
        Column("seq", "quantity"),
        Column("at"),
        Column("actor", heading="by"),
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
    tip, good = verdict.tip, verdict.good
    compared = f", {count(verdict.anchors, 'anchor')} reached" if verdict.anchors else ""
    whole = f"{count(tip.seq, 'entry', 'entries')}, chain whole{compared}; tip {tip.seq} {tip.hash}"
    lines = [*verdict.problems] or [whole]
    if verdict.problems:
        lines.append(f"the audit was {' and '.join(verdict.kinds)}")
        if verdict.anchors:
            lines.append(f"last good anchor: {good.seq} {good.hash}" if good else "no anchor holds")
    document: dict[str, Json] = {
        "ok": not verdict.problems,
        "seq": tip.seq,
        "hash": tip.hash,
        "problems": list(verdict.problems),
        "kinds": list(verdict.kinds),
        "anchors": verdict.anchors,
        "last_good": {"seq": good.seq, "hash": good.hash} if good else None,
    }
    return Answer(document, tuple(lines))


def anchored_answer(anchor: Anchor, place: str) -> Answer:
    """The tip that was kept, and where; without a place it is only printed."""
    document: dict[str, Json] = {
        "seq": anchor.tip.seq,
        "hash": anchor.tip.hash,
        "store": anchor.store,
        "generation": anchor.generation,
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
