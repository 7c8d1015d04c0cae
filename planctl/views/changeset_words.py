"""The words in which every form of a diff speaks of changes and values; it lays nothing out.

Every text that comes from data goes through `safe`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from fractions import Fraction

from planctl.core.catalog.changeset import Change, ChangeSet, FieldChange, Severity
from planctl.core.catalog.subject import number_of, range_of
from planctl.core.currencies import iso_currency
from planctl.core.document import Document
from planctl.core.instants import instant_text
from planctl.core.money import NumberError, decimal_text, decimals_used, parse_decimal, round_half_up
from planctl.values import dataclass
from planctl.views.safe import safe
from planctl.views.words import count

_TEXTS = frozenset({"name", "description", "metadata", "values", "event", "value", "where", "unit"})
"""Keys below which digits are text and no number."""

_LONGEST_VALUE = 44
_MOST_LEFT_ALONE = 5


@dataclass(frozen=True, slots=True)
class Known:
    """What values are shown with: the decimals of currencies by code, the units of features by id."""

    decimals: Mapping[str, int]
    units: Mapping[str, str]


def title_of(changeset: ChangeSet) -> str:
    """`acme → prod`, with where the other side comes from if that is not the store as it is now."""
    base = changeset.base
    target = safe(base.store_name)
    if base.kind == "snapshot":
        assert base.as_of is not None
        target = f"{target or 'store'} as of {instant_text(base.as_of)} ({safe(base.label)})"
    elif base.kind != "store":
        target = f"{safe(base.label)}{f' of {target}' if target else ''}"
    return f"{safe(changeset.catalog)} → {target}" if target else safe(changeset.catalog)


def revisions_of(changeset: ChangeSet) -> str:
    """The revision now and the one that apply would make; a commit has none, an earlier revision gets no successor."""
    base = changeset.base
    if base.kind in {"git", "revision"}:
        return ""
    after = "" if changeset.empty else f" → {base.revision + 1}"
    return f"revision {base.revision}{after}   "


def counts_of(changeset: ChangeSet) -> str:
    """`4 changes, 1 breaking`."""
    counts = [count(len(changeset.changes), "change")]
    told: tuple[tuple[Severity, str], ...] = (("breaking", "breaking"), ("error", "in error"))
    for level, words in told:
        number = changeset.count_of(level)
        counts += [f"{number:,} {words}"] if number else []
    return ", ".join(counts)


def left_alone(changeset: ChangeSet) -> Iterator[str]:
    """What this diff says nothing of: passed over by a selection, or not managed by the catalog."""
    passed = len(changeset.passed_over)
    if passed:
        yield f"Passed over by --only or --except: {count(passed, 'change')}"
    number = len(changeset.left_alone)
    if number:
        names = ", ".join(safe(address) for address in changeset.left_alone[:_MOST_LEFT_ALONE])
        more = f" and {number - _MOST_LEFT_ALONE:,} more" if number > _MOST_LEFT_ALONE else ""
        yield f"Left alone: {count(number, 'object')} that this catalog does not manage: {names}{more}"


def action_of(change: Change) -> str:
    """`v7 → v8`, `v1` for a new plan, the action where no version says it."""
    versions = f"v{change.from_version} → v{change.to_version}"
    if change.action == "create":
        return f"v{change.to_version}" if change.to_version else ""
    if change.action == "version" and not change.to_version:  # a commit numbers no versions
        return "new version, indirect" if change.indirect else "new version"
    if change.to_version == change.from_version:
        return "" if change.action == "rename" else change.action
    word = change.action if change.action in {"adopt", "unarchive", "archive"} else ""
    return " ".join(part for part in (word, versions, "indirect" if change.indirect else "") if part)


def place_of(change: Change) -> str:
    """`plans/workspace.yaml:24`; empty for what stands in no file."""
    if not change.place.file:
        return ""
    if change.action == "archive" and not change.fields:
        return f"removed from {safe(change.place.file)}"
    return f"{safe(change.place.file)}:{change.place.line}"


def short_paths(fields: tuple[FieldChange, ...]) -> dict[str, str]:
    """Paths as people read them: `features.minutes` where of a feature's entry only `included` differs."""
    shown = {}
    for one in fields:
        entry = one.path.removesuffix(".included")
        alone = sum(other.path.startswith(f"{entry}.") for other in fields) == 1
        shown[one.path] = safe(entry if alone else one.path)
    return shown


def field_values(changed: FieldChange, decimals: Mapping[str, int]) -> str:
    """Both values of a leaf for people: `49.00 → 55.00`; `decimals` are those of currencies by code."""
    return " → ".join(value_text(changed.path, side, decimals) for side in (changed.before, changed.after))


def value_text(path: str, value: Document, decimals: Mapping[str, int]) -> str:
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


def percent_of(changed: FieldChange) -> str:
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


def currencies(changeset: ChangeSet) -> dict[str, int]:
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


def units_of(changeset: ChangeSet) -> dict[str, str]:
    """The units of the features in the base or made by this diff."""
    found = {}
    for address, one in changeset.base.objects.items():
        if address.startswith("features.") and isinstance(one.document, dict):
            found[address.partition(".")[2]] = one.document.get("unit")
    for change in changeset.changes:
        for changed in change.fields:
            if change.address.startswith("features.") and changed.path == "unit":
                found[change.address.partition(".")[2]] = changed.after
    return {name: unit for name, unit in found.items() if isinstance(unit, str)}


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
