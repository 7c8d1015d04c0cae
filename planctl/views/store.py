"""Says what a store is and which laws it obeys; it opens nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from planctl.core.audit import Tip
from planctl.core.instants import instant_text
from planctl.views.sheet import Answer, Json
from planctl.views.words import count

FLAGS = {"is_test", "writable"}


def store_answer(info: Any, origin: str, name: str) -> Answer:
    """What a store is, and what said that it is this one."""
    document: dict[str, Json] = {
        "url": info.url,
        "origin": origin,
        "name": name or None,
        "engine": info.engine,
        "engine_version": info.engine_version,
        "schema": info.schema_version,
        "newest_schema": info.newest_schema,
        "id": info.identity.store_id,
        "created_at": instant_text(info.identity.created_at),
        "is_test": info.identity.is_test,
        "writable": info.writable,
        "path": str(info.path) if info.path else None,
        "mode": f"{info.mode:04o}" if info.mode is not None else None,
        "size_bytes": info.size_bytes,
        "audit": {"seq": info.audit_tip.seq, "hash": info.audit_tip.hash},
    }
    lines = [
        f"{what}: {said}"
        for what, said in document.items()
        if isinstance(said, str | int) and what not in FLAGS
    ]
    lines += [] if info.writable else ["this user may only read it"]
    lines.append(
        f"audit: {count(info.audit_tip.seq, 'entry', 'entries')}, the last is {info.audit_tip.hash[:12]}"
    )
    return Answer(document, (*lines, *(["a test store: its clock is free"] if info.identity.is_test else [])))


def backup_answer(path: str, size_bytes: int, tip: Tip) -> Answer:
    """A backup that was made and checked, with the audit's last entry in it."""
    document: Json = {"path": path, "size_bytes": size_bytes, "audit": {"seq": tip.seq, "hash": tip.hash}}
    return Answer(document, (f"{path}: {size_bytes:,} bytes, checked; audit tip {tip.seq} {tip.hash}",))


def copied_answer(copied: Any, laws: int) -> Answer:
    """A copy of a store that was compared and checked: what each table holds, and the audit's last entry."""
    tip = copied.audit_tip
    document: dict[str, Json] = {
        "from": copied.source,
        "to": copied.target,
        "rows": copied.rows,
        "tables": {name: content.rows for name, content in copied.tables.items()},
        "laws": laws,
        "audit": {"seq": tip.seq, "hash": tip.hash},
    }
    filled = sum(bool(content.rows) for content in copied.tables.values())
    return Answer(
        document,
        (
            f"{copied.source} was copied to {copied.target}",
            f"{count(copied.rows, 'row')} in {count(filled, 'table')}: the same on both sides",
            f"{count(laws, 'law')}: all hold on the copy; audit tip {tip.seq} {tip.hash}",
        ),
    )


def one_goes_on(source: str) -> tuple[str, ...]:
    """The warning after a copy: two stores that go on bill everything twice. `source` is a path or an address."""
    if "://" in source:
        name = source.partition("://")[2].partition("?")[0].partition("/")[2] or "its_name"
        closing = f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'
    else:
        closing = f"chmod 0400 {source}"
    return (
        "warning: from now on only one of the two may be written to: both would bill the same customers",
        f"  hint: close the one that was copied: {closing}",
    )


def upgrade_answer(before: int, after: int) -> Answer:
    """Which schema the store had and has."""
    line = f"schema {after} already" if before == after else f"schema {before} → {after}"
    return Answer({"before": before, "after": after}, (line,))


def doctor_answer(verdicts: Iterable[Any]) -> Answer:
    """Every law and whether it holds or how often it is broken, then the violations by object."""
    verdicts = list(verdicts)
    lines: list[str] = []
    for verdict in verdicts:
        state = "ok    " if verdict.holds else "BROKEN"
        broken_how = "" if verdict.holds else f": {count(verdict.count, 'violation')}"
        lines.append(f"{state}  {verdict.law.id}  {verdict.law.sentence}{broken_how}")
        lines += [f"        {violation}" for violation in verdict.violations]
        left = verdict.count - len(verdict.violations)
        lines += [f"        and {left} more"] if left else []
    broken = sum(not verdict.holds for verdict in verdicts)
    lines.append(f"{count(len(verdicts), 'law')}: {f'{broken} broken' if broken else 'all hold'}")
    document: dict[str, Json] = {"ok": not broken, "laws": [_verdict_document(one) for one in verdicts]}
    return Answer(document, tuple(lines))


def _verdict_document(verdict: Any) -> Json:
    return {
        "id": verdict.law.id,
        "sentence": verdict.law.sentence,
        "holds": verdict.holds,
        "count": verdict.count,
        "violations": [{"object": one.object, "what": one.what} for one in verdict.violations],
    }
