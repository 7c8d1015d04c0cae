"""Shows a ChangeSet and findings as annotations of a pull request's files; it judges nothing.

A line of it is a workflow command, so every text from data is escaped for that, and cannot begin one of its own.
Source: GitHub Actions, "Workflow commands for GitHub Actions" (error, warning, notice); escaping as
`packages/core/src/command.ts` of GitHub's actions/toolkit does it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from planctl.core.catalog.changeset import Change, ChangeSet, FieldChange, RuleHit
from planctl.findings import NOWHERE, Finding, Place
from planctl.views.changeset_words import currencies, field_values, percent_of
from planctl.views.safe import safe

Level = Literal["error", "warning", "notice"]

_LONGEST = 1_000


def github_lines(changeset: ChangeSet, findings: Sequence[Finding], *, folder: str = "") -> list[str]:
    """One annotation per refusal, finding and rule that is more than safe, each at its place if it has one.

    Refusals come first: GitHub shows ten errors and ten warnings of a step. What is accepted is a notice.
    `folder` leads from the repository to the catalog, whose files are named relative to it.
    """
    refused = [_line("error", "Refused by apply", refusal, NOWHERE, folder) for refusal in changeset.refusals]
    found = [_finding(finding, folder) for finding in findings]
    decimals = currencies(changeset)
    hits = [line for change in changeset.changes for line in _hits(change, decimals, folder)]
    return [*refused, *found, *hits]


def _finding(finding: Finding, folder: str) -> str:
    texts = {
        "": finding.message,
        "expected: ": finding.expected,
        "got: ": finding.got,
        "hint: ": finding.hint,
    }
    message = "\n".join(label + safe(text, _LONGEST) for label, text in texts.items() if text)
    level: Level = "error" if finding.is_error else "warning"
    return _line(level, finding.rule, message, finding.place, folder)


def _hits(change: Change, decimals: Mapping[str, int], folder: str) -> Iterator[str]:
    changed = {one.path: one for one in change.fields}
    for hit in change.rules:
        if hit.level == "safe":
            continue
        target = f"{change.address}.{hit.path}" if hit.path else change.address
        first = f"{target}: {_values(changed[hit.path], decimals)}" if hit.path in changed else target
        accept = f"to accept it: --accept {hit.fingerprint}" if _open(hit) else ""
        message = "\n".join(part for part in (first, hit.detail, accept) if part)
        yield _line(_level(hit), f"{hit.id} ({_said(hit)})", message, _place(change), folder)


def _values(changed: FieldChange, decimals: Mapping[str, int]) -> str:
    """`49.00 → 55.00 (+12.2 %)`."""
    percent = percent_of(changed)
    return field_values(changed, decimals) + (f" ({percent})" if percent else "")


def _open(hit: RuleHit) -> bool:
    return hit.level == "breaking" and not hit.accepted


def _said(hit: RuleHit) -> str:
    return f"{hit.level}, accepted" if hit.accepted else hit.level


def _level(hit: RuleHit) -> Level:
    if hit.level == "error" or _open(hit):
        return "error"
    return "notice" if hit.accepted else "warning"


def _place(change: Change) -> Place:
    """Where the object stands; an archived one stands nowhere any more."""
    return NOWHERE if change.action == "archive" else change.place


def _line(level: Level, title: str, message: str, place: Place, folder: str) -> str:
    where: dict[str, str] = {}
    if place.file and place.line:
        file = f"{folder.rstrip('/')}/{place.file}" if folder not in {"", "."} else place.file
        where = {"file": file, "line": str(place.line), "col": str(place.column)}
    properties = ",".join(f"{key}={_property(text)}" for key, text in {**where, "title": title}.items())
    lines = "\n".join(safe(line, _LONGEST) for line in message.split("\n"))
    return f"::{level} {properties}::{_data(lines)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(safe(text)).replace(":", "%3A").replace(",", "%2C")
