"""Says what a store is and which laws it obeys; it opens nothing."""

from __future__ import annotations

from collections.abc import Iterable
from shlex import quote
from typing import Any

from planctl.core.anchoring import Silent
from planctl.core.audit import Tip
from planctl.core.instants import instant_text
from planctl.views.audit import silent_document, silent_lines
from planctl.views.sheet import Answer, Json
from planctl.views.words import count

FLAGS = {"is_test", "writable", "at_home"}


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
        "generation": info.identity.generation,
        "adoption": info.identity.adoption or None,
        "home": info.identity.home or None,
        "here": info.here,
        "at_home": info.at_home,
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
    lines += [] if info.at_home else ["not at home: it bills nobody before planctl store adopt"]
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


def one_goes_on(source: str, target: str, *, is_test: bool) -> tuple[str, ...]:
    """The warning after a copy: which of the two bills. `source` is a path or an address; a test store bills nobody."""
    if "://" in source:
        name = source.partition("://")[2].partition("?")[0].partition("/")[2] or "its_name"
        closing = f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'
    else:
        closing = f"chmod 0400 {quote(source)}"
    if is_test:
        return (
            "warning: from now on only one of the two should be written to",
            f"  hint: close the one that was copied: {closing}",
        )
    return (
        "warning: the copy bills nobody; the store that was copied goes on to",
        f"  hint: to go on with the copy, close the other: {closing}",
        f"  hint: then planctl --store {quote(target)} store adopt --reason TEXT",
    )


def upgrade_answer(upgraded: Any) -> Answer:
    """Which schema the store had and has, where the store from before is kept, and which laws it breaks."""
    before, after = upgraded.schema.before, upgraded.schema.after
    lines = [f"schema {after} already" if before == after else f"schema {before} → {after}"]
    if upgraded.kept:
        lines.append(f"the store as it was: {upgraded.kept} (remove it once nobody goes back)")
    broken = _broken(upgraded.verdicts)
    document: Json = {
        "before": before,
        "after": after,
        "kept": str(upgraded.kept) if upgraded.kept else None,
        "laws": len(upgraded.verdicts),
        "broken": broken,
    }
    return Answer(document, (*lines, *_laws_lines(upgraded.verdicts)))


def restored_answer(restored: Any, source: str, verdicts: Iterable[Any]) -> Answer:
    """A store that was put back from a backup."""
    verdicts, tip = list(verdicts), restored.audit_tip
    document: Json = {
        "path": str(restored.path),
        "from": source,
        "size_bytes": restored.size_bytes,
        "id": restored.store.store_id,
        "is_test": restored.store.is_test,
        "generation": restored.store.generation,
        "schema": {"before": restored.schema.before, "after": restored.schema.after},
        "laws": len(verdicts),
        "broken": _broken(verdicts),
        "audit": {"seq": tip.seq, "hash": tip.hash},
    }
    lines = [f"{restored.path}: {restored.size_bytes:,} bytes, restored from {source}"]
    if restored.schema.before != restored.schema.after:
        lines.append(f"schema {restored.schema.before} → {restored.schema.after}")
    return Answer(document, (*lines, *_laws_lines(verdicts), f"audit tip {tip.seq} {tip.hash}"))


def adopted_answer(document: Json) -> Answer:
    """Where a store lives from now on, and which numbers it leaves out."""
    assert isinstance(document, dict)
    if not document["changed"]:
        return Answer(document, ("a test store lives anywhere; there is nothing to adopt",))
    lines = [f"the store lives at {document['home']}, generation {document['generation']}"]
    return Answer(document, (*lines, *left_out_lines(document["left_out"])))


def adopted_document(adoption: Any) -> Json:
    """The same for machines."""
    return {
        "id": adoption.store_id,
        "home_before": adoption.home_before or None,
        "home": adoption.home or None,
        "generation": adoption.generation,
        "adoption": adoption.mark or None,
        "changed": adoption.changed,
        "series": [
            {"series": one.series, "year": one.year or None, "last": one.last or None, "next": one.next}
            for one in adoption.counters
        ],
        "left_out": [_gap_document(one) for one in adoption.left_out],
    }


def adoption_lines(adoption: Any) -> tuple[str, ...]:
    """What is shown before the yes: where it lived, which numbers it goes on with, and what only people can know."""
    if not adoption.changed:
        return ()
    lines = [
        f"lived at:     {adoption.home_before or 'nowhere, it is a copy'}",
        f"will live at: {adoption.home}, generation {adoption.generation}",
    ]
    lines += [f"next number:  {one.next} (before it {one.last or 'none'})" for one in adoption.counters]
    lines += left_out_lines([_gap_document(one) for one in adoption.left_out])
    return (
        *lines,
        "Make sure that:",
        "  no other copy of this store bills again: take away its timers, and close it;",
        "  numbers that another copy gave since are named: --after with the last one of each series;",
        "  the store is whole: planctl doctor.",
    )


def left_out_lines(gaps: Iterable[Any]) -> list[str]:
    """What of the numbers is left out since another copy gave it."""
    return [
        f"left out:     {one['first']} to {one['last']}, given before the store was adopted" for one in gaps
    ]


def _gap_document(gap: Any) -> dict[str, Json]:
    return {"first": gap.first, "last": gap.last, "count": gap.count}


def _broken(verdicts: Iterable[Any]) -> list[Json]:
    return [verdict.law.id for verdict in verdicts if not verdict.holds]


def _laws_lines(verdicts: Iterable[Any]) -> list[str]:
    """How many laws hold."""
    verdicts = list(verdicts)
    broken = _broken(verdicts)
    said = f"{len(broken)} broken: {', '.join(map(str, broken))}" if broken else "all hold"
    return [f"{count(len(verdicts), 'law')}: {said}"] if verdicts else []


def doctor_answer(
    verdicts: Iterable[Any], left_out: Iterable[Any] = (), silent: tuple[Silent, ...] = ()
) -> Answer:
    """Every law and whether it holds or how often it is broken, the violations by object, and numbers left out.

    `silent` are tips of the audit that were kept elsewhere and say nothing about this store.
    """
    gaps = [_gap_document(one) for one in left_out]
    verdicts = list(verdicts)
    lines: list[str] = []
    for verdict in verdicts:
        state = "ok    " if verdict.holds else "BROKEN"
        broken_how = "" if verdict.holds else f": {count(verdict.count, 'violation')}"
        lines.append(f"{state}  {verdict.law.id}  {verdict.law.sentence}{broken_how}")
        lines += [f"        {violation}" for violation in verdict.violations]
        left = verdict.count - len(verdict.violations)
        lines += [f"        and {left} more"] if left else []
    lines += [*left_out_lines(gaps), *silent_lines(silent)]
    broken = sum(not verdict.holds for verdict in verdicts)
    lines.append(f"{count(len(verdicts), 'law')}: {f'{broken} broken' if broken else 'all hold'}")
    document: dict[str, Json] = {"ok": not broken, "laws": [_verdict_document(one) for one in verdicts]}
    document["left_out"] = [*gaps]
    document["silent"] = silent_document(silent)
    return Answer(document, tuple(lines))


def _verdict_document(verdict: Any) -> Json:
    return {
        "id": verdict.law.id,
        "sentence": verdict.law.sentence,
        "holds": verdict.holds,
        "count": verdict.count,
        "violations": [{"object": one.object, "what": one.what} for one in verdict.violations],
    }
