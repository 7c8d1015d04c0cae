"""Shows the audit: who did what, and whether its chain holds; it verifies nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from planctl.core.audit import ChainedEntry
from planctl.core.document import document_of
from planctl.views.sheet import Answer, Column, Json, Sheet
from planctl.views.words import count


def audit_answer(entries: Sequence[ChainedEntry], timezone: str) -> Answer:
    """Who did what, oldest first."""
    columns = (
        Column("seq", "quantity"),
        Column("at"),
        Column("actor", heading="by"),
        Column("command"),
        Column("reason"),
        Column("key"),
        Column("hash"),
    )
    bodies = [(entry, body_of(entry)) for entry in entries]
    rows = tuple(
        (
            entry.seq,
            text_in(body, "at"),
            text_in(body, "actor"),
            text_in(body, "command"),
            text_in(body, "reason"),
            text_in(body, "key"),
            entry.hash[:12],
        )
        for entry, body in bodies
    )
    documents: list[Json] = [{"seq": entry.seq, "hash": entry.hash, **body} for entry, body in bodies]
    return Answer(documents, sheet=Sheet(columns, rows, timezone), empty="nothing was written yet")


def audit_verdict_answer(seq: int, tip: str, problems: Sequence[str]) -> Answer:
    """Whether the audit's chain holds, and its last entry, to be kept elsewhere."""
    lines = [*problems] or [f"{count(seq, 'entry', 'entries')}, chain whole; tip {seq} {tip}"]
    return Answer({"ok": not problems, "seq": seq, "hash": tip, "problems": list(problems)}, tuple(lines))


def body_of(entry: ChainedEntry) -> dict[str, Json]:
    """What an entry says."""
    body = document_of(entry.body)
    return dict(body) if isinstance(body, dict) else {}


def text_in(body: Mapping[str, Json], name: str) -> str | None:
    """A text of an entry; None where it says nothing of that."""
    value = body.get(name)
    return value if isinstance(value, str) and value else None
