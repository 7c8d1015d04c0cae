"""Shows a ChangeSet as lines for people and as a document for machines; it computes and decides nothing.

Findings are printed by views/findings.py. Every text that comes from data goes through `safe`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from fractions import Fraction

from planctl.core.catalog.changeset import Change, ChangeSet, FieldChange, RuleHit
from planctl.core.catalog.subject import number_of, range_of
from planctl.core.currencies import iso_currency
from planctl.core.document import Document
from planctl.core.money import NumberError, decimal_text, decimals_used, parse_decimal, round_half_up
from planctl.views.findings import finding_document
from planctl.views.safe import safe, width
from planctl.views.words import count

FORMAT = "planctl.diff/1"

_ACTIONS = ("create", "version", "update", "archive", "unarchive", "adopt", "rename")
_SYMBOLS = {"create": "+", "unarchive": "+", "archive": "-", "rename": "»"}
_TEXTS = frozenset({"name", "description", "metadata", "values", "event", "value", "where", "unit"})
"""Keys below which digits are text and no number."""

_LONGEST_VALUE = 44
_LONGEST_DETAIL = 400
_MOST_LEFT_ALONE = 5
_GAP = "  "

_Row = tuple[str, ...]


def changeset_document(changeset: ChangeSet) -> dict[str, object]:
    """The ChangeSet for machines, in the shape `planctl.diff/1`: values as they are, not made for reading.

    `summary` counts changes: by action, and those with at least one breaking rule or caution.
    """
    base = changeset.base
    return {
        "format": FORMAT,
        "digest": changeset.digest,
        "base": {"kind": "store", "store": base.store_name, "id": base.store_id, "revision": base.revision},
        "summary": _summary(changeset),
        "changes": [_change_document(change) for change in changeset.changes],
        "findings": [finding_document(finding) for finding in changeset.findings],
    }


def changeset_text(changeset: ChangeSet) -> list[str]:
    """The lines that people review.

    One line where nothing differs. Amounts have their currency's decimals, quantities thousands commas.
    """
    name = safe(changeset.base.store_name)
    title = f"{safe(changeset.catalog)} → {name}" if name else safe(changeset.catalog)
    revision, digest = changeset.base.revision, f"digest {changeset.digest}"
    if changeset.empty:
        return [
            f"{title}   revision {revision}   {digest}   no changes",
            *_left_alone(changeset),
            *_refusals(changeset),
        ]
    heads = [_head(change) for change in changeset.changes]
    head_widths = _widths(heads)
    rows = [list(_rows(change, _currencies(changeset))) for change in changeset.changes]
    row_widths = _widths([row for block in rows for row in block if isinstance(row, tuple)])
    lines = [f"{title}   revision {revision} → {revision + 1}   {digest}   {_counts(changeset)}", ""]
    for head, block in zip(heads, rows, strict=True):
        lines.append(_line(head, head_widths))
        lines += [row if isinstance(row, str) else "    " + _line(row, row_widths) for row in block]
    lines += ["", "Nothing changes for a running subscription until it is migrated."]
    return [*lines, *_left_alone(changeset), *_refusals(changeset)]


# --- for machines


def _summary(changeset: ChangeSet) -> dict[str, int]:
    counts = {action: sum(change.action == action for change in changeset.changes) for action in _ACTIONS}
    levels = {level: _with_level(changeset, level) for level in ("breaking", "caution")}
    return {**counts, **levels}


def _with_level(changeset: ChangeSet, level: str) -> int:
    return sum(any(hit.level == level for hit in change.rules) for change in changeset.changes)


def _change_document(change: Change) -> dict[str, object]:
    held = {str(version): number for version, number in sorted(change.holders.by_version.items())}
    return {
        "address": change.address,
        "action": change.action,
        "from_version": change.from_version,
        "to_version": change.to_version,
        "fields": [{"path": one.path, "before": one.before, "after": one.after} for one in _fields(change)],
        "rules": [{"id": hit.id, "level": hit.level, "fingerprint": hit.fingerprint} for hit in change.rules],
        "file": change.place.file,
        "line": change.place.line,
        "impact": {"subscriptions": held},
    }


def _fields(change: Change) -> Iterator[FieldChange]:
    """The changed leaves; a rename is said as a change of the id."""
    if change.renamed_from:
        old, new = (address.partition(".")[2] for address in (change.renamed_from, change.address))
        yield FieldChange("id", old, new)
    yield from change.fields


# --- lines and columns


def _widths(rows: list[_Row]) -> list[int]:
    """The width of each column but the last, which nothing follows."""
    columns = max((len(row) for row in rows), default=0)
    return [max(width(row[column]) for row in rows if column < len(row)) for column in range(columns)]


def _line(row: _Row, widths: list[int]) -> str:
    cells = [cell + " " * (room - width(cell)) for cell, room in zip(row, widths, strict=False)]
    return _GAP.join(cells).rstrip()


def _counts(changeset: ChangeSet) -> str:
    counts = [count(len(changeset.changes), "change")]
    for level, words in (("breaking", "breaking"), ("error", "in error")):
        number = _with_level(changeset, level)
        counts += [f"{number:,} {words}"] if number else []
    return ", ".join(counts)


def _head(change: Change) -> _Row:
    symbol = _SYMBOLS.get(change.action, "~")
    address = safe(change.address)
    if change.renamed_from:
        address = f"{safe(change.renamed_from)} ↦ {address}"
    level = {"safe": "", "caution": "caution"}.get(change.level, change.level.upper())
    return f"{symbol} {address}", _what(change), level, _where(change)


def _what(change: Change) -> str:
    """`v7 → v8`, `v1` for a new plan, the action where no version says it."""
    versions = f"v{change.from_version} → v{change.to_version}"
    if change.action == "create":
        return f"v{change.to_version}" if change.to_version else ""
    if change.to_version == change.from_version:
        return "" if change.action == "rename" else change.action
    word = change.action if change.action in {"adopt", "unarchive", "archive"} else ""
    return " ".join(part for part in (word, versions, "indirect" if change.indirect else "") if part)


def _where(change: Change) -> str:
    if not change.place.file:
        return ""
    if change.action == "archive" and not change.fields:
        return f"removed from {safe(change.place.file)}"
    return f"{safe(change.place.file)}:{change.place.line}"


def _rows(change: Change, decimals: Mapping[str, int]) -> Iterator[_Row | str]:
    """The rows of one change: its fields with the rules they touch, other rules, who holds it."""
    waiting = list(change.rules)
    fields = () if change.action == "create" else change.fields
    short = _short_paths(fields)
    for one in fields:
        hits = [hit for hit in waiting if hit.path == one.path]
        waiting = [hit for hit in waiting if hit not in hits]
        values = f"{_value(one.path, one.before, decimals)} → {_value(one.path, one.after, decimals)}"
        cells = (short[one.path], values, _percent(one))
        if not hits:
            yield cells
        for hit in hits:
            yield (*cells, hit.id, _verdict(hit))
            yield from _detail(hit)
            cells = ("", "", "")
    for hit in waiting:
        yield "    " + _GAP.join(part for part in (safe(hit.path), hit.id, _verdict(hit)) if part)
        yield from _detail(hit)
    yield from _held(change)


def _short_paths(fields: tuple[FieldChange, ...]) -> dict[str, str]:
    """Paths as people read them: `features.minutes` where of a feature's entry only `included` differs."""
    shown = {}
    for one in fields:
        entry = one.path.removesuffix(".included")
        alone = sum(other.path.startswith(f"{entry}.") for other in fields) == 1
        shown[one.path] = safe(entry if alone else one.path)
    return shown


def _verdict(hit: RuleHit) -> str:
    if hit.level != "breaking":
        return hit.level
    return f"{hit.fingerprint}{' accepted' if hit.accepted else ''}"


def _detail(hit: RuleHit) -> Iterator[str]:
    if hit.detail:
        yield f"      {safe(hit.detail, _LONGEST_DETAIL)}"


def _held(change: Change) -> Iterator[str]:
    held = sorted(version for version, number in change.holders.by_version.items() if number)
    if held and change.to_version != change.from_version:
        versions = f"v{held[0]}" if len(held) == 1 else f"v{held[0]}–v{held[-1]}"
        keep = "keeps its" if change.holders.total == 1 else "keep their"
        yield f"    {change.holders.total:,} running on {versions} {keep} terms"


def _left_alone(changeset: ChangeSet) -> Iterator[str]:
    number = len(changeset.left_alone)
    if number:
        names = ", ".join(safe(address) for address in changeset.left_alone[:_MOST_LEFT_ALONE])
        more = f" and {number - _MOST_LEFT_ALONE:,} more" if number > _MOST_LEFT_ALONE else ""
        yield f"Left alone: {count(number, 'object')} that this catalog does not manage: {names}{more}"


def _refusals(changeset: ChangeSet) -> Iterator[str]:
    for refusal in changeset.refusals:
        first, *rest = refusal.split("\n")
        yield f"Refused by apply: {safe(first)}"
        yield from (safe(line) for line in rest)


# --- values


def _currencies(changeset: ChangeSet) -> dict[str, int]:
    """The decimals of the currencies that the store declares or this diff brings; ISO codes need neither."""
    found = {}
    for address, one in changeset.base.objects.items():
        if address.startswith("currencies.") and isinstance(one.document, dict):
            found[address.partition(".")[2]] = one.document.get("decimals")
    for change in changeset.changes:
        for changed in change.fields:
            if change.address.startswith("currencies.") and changed.path == "decimals":
                found[change.address.partition(".")[2]] = changed.after
    return {code: int(text) for code, text in found.items() if isinstance(text, str) and text.isdigit()}


def _value(path: str, value: Document, decimals: Mapping[str, int]) -> str:
    """One value for people: `49.00`, `5,000`, `[hubspot, zapier]`, `—` where there is none."""
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        items = ", ".join(str(item) for item in value if isinstance(item, str))
        return safe(f"[{items}]", _LONGEST_VALUE) if value else "none"
    if isinstance(value, dict):
        return "none" if not value else "…"
    keys = path.split(".")
    if _TEXTS & set(keys):
        return safe(value, _LONGEST_VALUE) or "empty"
    code = keys[-1]
    if re.fullmatch("[A-Z][A-Z0-9]+", code, re.ASCII) and range_of(value) is not None:
        places = decimals[code] if code in decimals else _iso_decimals(code)
        return "..".join(_grouped(end.strip(), places) for end in value.split(".."))
    return _grouped(value, 0) if _is_number(value) else safe(value, _LONGEST_VALUE)


def _iso_decimals(code: str) -> int:
    currency = iso_currency(code)
    return currency.decimals if currency else 0


def _is_number(text: str) -> bool:
    try:
        parse_decimal(text)
    except NumberError:
        return False
    return True


def _grouped(text: str, places: int) -> str:
    """A number with thousands commas and at least so many decimals."""
    value = Decimal(text)
    whole, _, fraction = decimal_text(value).partition(".")
    fraction = fraction.ljust(max(places, decimals_used(value)), "0")
    sign = "-" if whole.startswith("-") else ""
    return f"{sign}{int(whole.lstrip('-')):,}{'.' if fraction else ''}{fraction}"


def _percent(changed: FieldChange) -> str:
    """By how much a number changes, `+12.2 %`; empty where that says nothing."""
    old, new = (
        number_of(value) if isinstance(value, str) and _is_number(value) else None
        for value in (changed.before, changed.after)
    )
    if old is None or new is None or old <= 0 or _TEXTS & set(changed.path.split(".")):
        return ""
    tenths = round_half_up(Fraction(new - old) / old * 100, 1)
    text = _grouped(decimal_text(Decimal(abs(tenths)).scaleb(-1)), 0)
    return f"{'+' if new > old else '−'}{text} %"
