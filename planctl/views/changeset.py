"""Shows a ChangeSet as lines for people and as a document for machines; it computes and decides nothing.

Findings are printed by views/findings.py. Every text that comes from data goes through `safe`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from planctl.core.catalog.changeset import Change, ChangeSet, RuleHit
from planctl.core.instants import instant_text
from planctl.views.changeset_words import (
    Known,
    action_of,
    counts_of,
    currencies,
    field_values,
    left_alone,
    percent_of,
    place_of,
    revisions_of,
    short_paths,
    title_of,
    units_of,
)
from planctl.views.findings import finding_document
from planctl.views.impact import impact_document, overuse_line, recurring_lines
from planctl.views.safe import safe, width

FORMAT = "planctl.diff/1"

_ACTIONS = ("create", "version", "update", "archive", "unarchive", "adopt", "rename")
_SYMBOLS = {"create": "+", "unarchive": "+", "archive": "-", "rename": "»"}
_LONGEST_DETAIL = 2_000
_GAP = "  "

_Row = tuple[str, ...]


def changeset_document(changeset: ChangeSet, *, names: bool = True) -> dict[str, object]:
    """The ChangeSet for machines, in the shape `planctl.diff/1`: values as they are, not made for reading.

    `summary` counts changes: by action, and those with at least one breaking rule or caution. Without `names` no
    customer is named, whatever the impact knows.
    """
    base, decimals = changeset.base, currencies(changeset)
    return {
        "format": FORMAT,
        "digest": changeset.digest,
        "base": {
            "kind": base.kind,
            "store": base.store_name,
            "id": base.store_id,
            "revision": base.revision,
            "label": base.label,
            "as_of": None if base.as_of is None else instant_text(base.as_of),
        },
        "summary": _summary(changeset),
        "changes": [_change_document(change, decimals, names=names) for change in changeset.changes],
        "passed_over": list(changeset.passed_over),
        "refusals": list(changeset.refusals),
        "findings": [finding_document(finding) for finding in changeset.findings],
    }


def changeset_text(changeset: ChangeSet) -> list[str]:
    """The lines that people review.

    One line where nothing differs. Amounts have their currency's decimals, quantities thousands commas.
    """
    title, digest = title_of(changeset), f"digest {changeset.digest}"
    if changeset.empty:
        return [
            f"{title}   {revisions_of(changeset)}{digest}   no changes",
            *left_alone(changeset),
            *_refusals(changeset),
        ]
    heads = [_head(change) for change in changeset.changes]
    head_widths = _widths(heads)
    known = Known(currencies(changeset), units_of(changeset))
    rows = [list(_rows(change, known)) for change in changeset.changes]
    row_widths = _widths([row for block in rows for row in block if isinstance(row, tuple)])
    lines = [f"{title}   {revisions_of(changeset)}{digest}   {counts_of(changeset)}", ""]
    for head, block in zip(heads, rows, strict=True):
        lines.append(_line(head, head_widths))
        lines += [row if isinstance(row, str) else "    " + _line(row, row_widths) for row in block]
    lines += ["", "Nothing changes for a running subscription until it is migrated."]
    return [*lines, *left_alone(changeset), *_refusals(changeset)]


# --- for machines


def _summary(changeset: ChangeSet) -> dict[str, int]:
    counts = {action: sum(change.action == action for change in changeset.changes) for action in _ACTIONS}
    return {**counts, "breaking": changeset.count_of("breaking"), "caution": changeset.count_of("caution")}


def _change_document(change: Change, decimals: Mapping[str, int], *, names: bool) -> dict[str, object]:
    if change.impact is not None and not names:
        change = replace(change, impact=change.impact.nameless)
    return {
        "address": change.address,
        "action": change.action,
        "from_version": change.from_version,
        "to_version": change.to_version,
        "fields": [{"path": one.path, "before": one.before, "after": one.after} for one in change.told],
        "rules": [_rule_document(hit) for hit in change.rules],
        "file": change.place.file,
        "line": change.place.line,
        "impact": impact_document(change, decimals),
    }


def _rule_document(hit: RuleHit) -> dict[str, object]:
    return {
        "id": hit.id,
        "level": hit.level,
        "fingerprint": hit.fingerprint,
        "path": hit.path,
        "detail": hit.detail,
        "accepted": hit.accepted,
    }


# --- lines and columns


def _widths(rows: list[_Row]) -> list[int]:
    """The width of each column but the last, which nothing follows."""
    columns = max((len(row) for row in rows), default=0)
    return [max(width(row[column]) for row in rows if column < len(row)) for column in range(columns)]


def _line(row: _Row, widths: list[int]) -> str:
    cells = [cell + " " * (room - width(cell)) for cell, room in zip(row, widths, strict=False)]
    return _GAP.join(cells).rstrip()


def _head(change: Change) -> _Row:
    symbol = _SYMBOLS.get(change.action, "~")
    address = safe(change.address)
    if change.renamed_from:
        address = f"{safe(change.renamed_from)} ↦ {address}"
    level = {"safe": "", "caution": "caution"}.get(change.level, change.level.upper())
    return f"{symbol} {address}", action_of(change), level, place_of(change)


def _rows(change: Change, known: Known) -> Iterator[_Row | str]:
    """The rows of one change: its fields with the rules they touch, other rules, who holds it."""
    waiting = list(change.rules)
    fields = () if change.action == "create" else change.fields
    short = short_paths(fields)
    for one in fields:
        hits = [hit for hit in waiting if hit.path == one.path]
        waiting = [hit for hit in waiting if hit not in hits]
        values = field_values(one, known.decimals)
        cells = (short[one.path], values, percent_of(one))
        if not hits:
            yield cells
        for hit in hits:
            yield (*cells, hit.id, _verdict(hit))
            yield from _detail(hit)
            cells = ("", "", "")
        yield from _overuse(change, one.path, known)
    for hit in waiting:
        yield "    " + _GAP.join(part for part in (safe(hit.path), hit.id, _verdict(hit)) if part)
        yield from _detail(hit)
    yield from _held(change, known)


def _verdict(hit: RuleHit) -> str:
    if hit.level != "breaking":
        return hit.level
    return f"{hit.fingerprint}{' accepted' if hit.accepted else ''}"


def _detail(hit: RuleHit) -> Iterator[str]:
    if hit.detail:
        yield f"      {safe(hit.detail, _LONGEST_DETAIL)}"


def _overuse(change: Change, path: str, known: Known) -> Iterator[str]:
    for one in change.impact.overuse if change.impact else ():
        if one.path == path:
            line = overuse_line(one, known.units.get(path.split(".")[1], ""))
            yield f"      {safe(line, _LONGEST_DETAIL)}"


def _held(change: Change, known: Known) -> Iterator[str]:
    held = sorted(version for version, number in change.holders.by_version.items() if number)
    if not held:
        return
    if change.impact is not None and (change.to_version != change.from_version or change.action == "archive"):
        yield from (
            f"    {safe(line, _LONGEST_DETAIL)}"
            for line in recurring_lines(change.impact, change.holders, known.decimals)
        )
    elif change.to_version != change.from_version:
        versions = f"v{held[0]}" if len(held) == 1 else f"v{held[0]}–v{held[-1]}"
        keep = "keeps its" if change.holders.total == 1 else "keep their"
        yield f"    {change.holders.total:,} running on {versions} {keep} terms"


def _refusals(changeset: ChangeSet) -> Iterator[str]:
    for refusal in changeset.refusals:
        first, *rest = refusal.split("\n")
        yield f"Refused by apply: {safe(first)}"
        yield from (safe(line) for line in rest)
