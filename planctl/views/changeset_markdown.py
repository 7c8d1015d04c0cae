"""Shows a ChangeSet as one comment of a pull request, in Markdown with a bounded length; it decides nothing.

A comment begins with a marker by which the next one can take its place. Whatever comes from data is escaped: it can
neither mark up the page nor mention anybody. Source: GitHub Flavored Markdown; GitHub, comments (65,536 characters).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from typing import Literal
from urllib.parse import quote

from planctl.core.catalog.changeset import SEVERITIES, Change, ChangeSet, Recurring, RuleHit
from planctl.values import dataclass
from planctl.views.changeset_words import (
    Known,
    action_of,
    counts_of,
    currencies,
    left_alone,
    percent_of,
    place_of,
    revisions_of,
    short_paths,
    title_of,
    units_of,
    value_text,
)
from planctl.views.impact import amount_text, overuse_line, recurring_lines
from planctl.views.safe import safe
from planctl.views.words import count

LIMIT = 65_000
"""Characters; below what GitHub and GitLab take, with room for a line of one's own."""

_LONGEST_NAME = 100
_LONGEST_TITLE = 300
_LONGEST_SENTENCE = 1_000
_LONGEST_PASTED = 200
_LONGEST_DETAIL = 2_000
_LONGEST_WARNING = 400
_MOST_NAMED = 5
_HEADINGS = ("change", "what", "level", "subscriptions", "MRR now → if moved")
_MEANT = str.maketrans({one: f"&#{ord(one)};" for one in "&<>`*[]\\|~$#"} | {"@": "@<wbr>"})
"""What could mean something in Markdown, as what it is; nobody is mentioned, and no address made, across a tag."""

_MEANT_HERE = re.compile(r":(?=//)|w(?=ww\.)|(?<![a-z0-9])_|_(?![a-z0-9])", re.IGNORECASE)
"""What means something only where it stands: the character that makes an address a link, `_` at the end of a word."""


def markdown_text(changeset: ChangeSet, *, limit: int = LIMIT) -> str:
    """The comment: marker, verdict, a table of the changes, and the details of each, folded.

    At most `limit` characters (50,000 are always enough for what is never left out). Too long, it loses the details of
    the least important changes first, then their rows, then reasons; it says how many and names the first.
    Customers are named only where the impact names them.
    """
    comment = _Comment.of(changeset)
    order = comment.droppable()
    fewest = bisect_left(range(len(order)), True, key=lambda gone: len(comment.text(order[:gone])) <= limit)
    while len(comment.text(order[:fewest])) > limit and fewest < len(order):
        fewest += 1  # the sentence about what went may have grown by more than the last piece was long
    return comment.text(order[:fewest])


def marker(changeset: ChangeSet) -> str:
    """`<!-- planctl:acme:prod -->`: which comment this is, by catalog and store, or by the kind of a base without one.

    Letters, digits and `_.~-` of a name stay, all else is percent-encoded, so that no name can end the marker.
    """
    base = changeset.base
    names = (changeset.catalog, base.store_name or base.kind)
    encoded = [quote(name[:_LONGEST_NAME], safe="", errors="replace").replace("--", "-%2D") for name in names]
    return f"<!-- planctl:{':'.join(encoded)} -->"


_Piece = tuple[Literal["details", "row", "reason"], int]
"""What can be left out: `details` or `row` of a change, or a `reason`, by its index."""


@dataclass(frozen=True, slots=True)
class _Comment:
    """The parts of a comment, written out; some of them can be left out."""

    head: str
    changes: tuple[Change, ...]
    reasons: tuple[str, ...]
    rows: tuple[str, ...]
    details: tuple[str, ...]
    foot: str

    @staticmethod
    def of(changeset: ChangeSet) -> _Comment:
        known = Known(currencies(changeset), units_of(changeset))
        return _Comment(
            head=_head(changeset),
            changes=changeset.changes,
            reasons=tuple(_reason(refusal) for refusal in changeset.refusals),
            rows=tuple(_row(change, known) for change in changeset.changes),
            details=tuple(_details(change, known) for change in changeset.changes),
            foot=_foot(changeset),
        )

    def droppable(self) -> list[_Piece]:
        """What goes first comes first: the details of what matters least, the longest among equals."""
        indexes = range(len(self.changes))
        details = sorted(indexes, key=lambda at: (*_weight(self.changes[at]), -len(self.details[at])))
        rows = sorted(indexes, key=lambda at: (*_weight(self.changes[at]), -at))
        reasons = range(len(self.reasons) - 1, 0, -1)
        return [
            *(("details", at) for at in details if self.details[at]),
            *(("row", at) for at in rows),
            *(("reason", at) for at in reasons),
        ]

    def text(self, dropped: Collection[_Piece]) -> str:
        """The comment without some pieces, and with a sentence about them."""
        gone = frozenset(dropped)
        reasons = [one for at, one in enumerate(self.reasons) if ("reason", at) not in gone]
        rows = [one for at, one in enumerate(self.rows) if ("row", at) not in gone]
        details = [one for at, one in enumerate(self.details) if one and ("details", at) not in gone]
        table = [_table(_HEADINGS, rows)] if rows else []
        parts = [self.head, *reasons, *table, *details, *self._left_out(gone), self.foot]
        return "\n\n".join(part for part in parts if part) + "\n"

    def _left_out(self, gone: frozenset[_Piece]) -> Iterator[str]:
        told = []
        for kind, what in (("details", "the details of {}"), ("row", "{} in the table")):
            lost = [self.changes[at].address for at in range(len(self.changes)) if (kind, at) in gone]
            if lost:
                told.append(f"{what.format(count(len(lost), 'change'))} ({_named(lost)})")
        reasons = sum(kind == "reason" for kind, _ in gone)
        if reasons:
            told.append(count(reasons, "further reason"))
        if told:
            yield f"Left out here for length: {', '.join(told)}. `planctl catalog diff` shows everything."


def _weight(change: Change) -> tuple[int, int]:
    """How much a change matters: its worst rule, then how many hold it."""
    return SEVERITIES.index(change.level), change.holders.total


def _named(addresses: Sequence[str]) -> str:
    names = ", ".join(_code(safe(address, _LONGEST_NAME)) for address in addresses[:_MOST_NAMED])
    more = len(addresses) - _MOST_NAMED
    return f"{names} and {more:,} more" if more > 0 else names


# --- what stands above and below


def _head(changeset: ChangeSet) -> str:
    title = safe(title_of(changeset), _LONGEST_TITLE)
    digest = f"{revisions_of(changeset).strip()} digest {changeset.digest}".strip()
    if changeset.empty:
        heading, verdict = f"{title}: no changes", "There is nothing to apply."
    else:
        heading, verdict = f"{title}: {counts_of(changeset)}", "Apply would take this."
    if changeset.refusals:
        verdict = f"Apply refuses this for {count(len(changeset.refusals), 'reason')}."
    return f"{marker(changeset)}\n### {_escaped(heading)}\n\n**{verdict}** {_escaped(digest)}"


def _reason(refusal: str) -> str:
    """A sentence, and what of it is to be pasted in a block of its own."""
    sentence, *pasted = refusal.split("\n")
    lines = [_escaped(safe(sentence, _LONGEST_SENTENCE))]
    if pasted:
        indent = min(len(line) - len(line.lstrip(" ")) for line in pasted)
        lines += ["", _fenced([safe(line[indent:], _LONGEST_PASTED) for line in pasted])]
    return "\n".join(lines)


def _fenced(lines: Sequence[str]) -> str:
    """A block that shows lines as they are; its fence is longer than any in it."""
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([f"{fence}yaml", *lines, fence])


def _foot(changeset: ChangeSet) -> str:
    calm = [] if changeset.empty else ["Nothing changes for a running subscription until it is migrated."]
    return "\n\n".join(
        [
            *calm,
            *(_escaped(safe(line, _LONGEST_SENTENCE)) for line in left_alone(changeset)),
            *_warnings(changeset),
        ]
    )


def _warnings(changeset: ChangeSet) -> Iterator[str]:
    """What the comparison found beside the changes; errors are reasons already."""
    told = [finding for finding in changeset.findings if not finding.is_error]
    for finding in told[:_MOST_NAMED]:
        yield f"Warning: {_escaped(safe(finding.message, _LONGEST_WARNING))} ({_code(finding.rule)})"
    if len(told) > _MOST_NAMED:
        yield f"And {count(len(told) - _MOST_NAMED, 'more warning')}."


# --- the table


def _table(headings: Sequence[str], rows: Sequence[str]) -> str:
    return "\n".join([_cells(headings), "|" + "---|" * len(headings), *rows])


def _cells(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _row(change: Change, known: Known) -> str:
    held = f"{change.holders.total:,}" if change.holders.total else ""
    recurring = change.impact.recurring if change.impact else ()
    money = "<br>".join(_moved(one, known) for one in recurring)
    return _cells([_address(change), _escaped(_action(change)), _level(change), held, money])


def _address(change: Change) -> str:
    renamed = f"{_code(change.renamed_from)} ↦ " if change.renamed_from else ""
    return renamed + _code(change.address)


def _action(change: Change) -> str:
    what = action_of(change)
    if change.action == "create":
        return f"new, {what}" if what else "new"
    return what or "renamed"


def _level(change: Change) -> str:
    if change.level in {"safe", "caution"}:
        return "" if change.level == "safe" else "caution"
    worst = [hit for hit in change.rules if hit.level == change.level]
    return f"**{change.level}**{', accepted' if all(hit.accepted for hit in worst) else ''}"


def _moved(one: Recurring, known: Known) -> str:
    now, moved = (amount_text(value, one.currency, known.decimals) for value in (one.now, one.moved))
    return _escaped(now if now == moved else f"{now} → {moved}")


# --- the details


def _details(change: Change, known: Known) -> str:
    """One folded block; empty where there is nothing to unfold."""
    body = [part for part in (_fields(change, known), _points(change, known)) if part]
    if not body:
        return ""
    summary = " ".join(
        part for part in (_address(change), _escaped(_action(change)), _level_word(change)) if part
    )
    where = f" · {_escaped(place_of(change))}" if place_of(change) else ""
    return "\n\n".join([f"<details><summary>{summary}{where}</summary>", *body, "</details>"])


def _level_word(change: Change) -> str:
    return "" if change.level == "safe" else f"({change.level})"


def _fields(change: Change, known: Known) -> str:
    short = short_paths(change.fields)
    rows = [
        _cells(
            [
                _code(short[one.path]),
                _escaped(value_text(one.path, one.before, known.decimals)),
                _escaped(value_text(one.path, one.after, known.decimals)),
                _escaped(percent_of(one)),
            ]
        )
        for one in change.fields
    ]
    return _table(("field", "before", "after", ""), rows) if rows else ""


def _points(change: Change, known: Known) -> str:
    """The rules with what they found, then whom the change touches."""
    lines = [_rule(hit) for hit in change.rules]
    impact = change.impact
    if impact is not None:
        for one in impact.overuse:
            unit = known.units.get(one.path.split(".")[1], "")
            lines.append(_escaped(safe(overuse_line(one, unit), _LONGEST_SENTENCE)))
        told = recurring_lines(impact, change.holders, known.decimals)
        lines += [_escaped(safe(line, _LONGEST_SENTENCE)) for line in told]
    return "\n".join(f"* {line}" for line in lines)


def _rule(hit: RuleHit) -> str:
    where = f" at {_code(hit.path)}" if hit.path else ""
    said = f"{hit.level}, accepted" if hit.accepted else hit.level
    detail = f"<br>{_escaped(safe(hit.detail, _LONGEST_DETAIL))}" if hit.detail else ""
    return f"**{_escaped(hit.id)}**{where}: {said}, fingerprint `{hit.fingerprint}`{detail}"


# --- escaping


def _escaped(text: str) -> str:
    """Text that means nothing in Markdown or HTML, on one line."""
    return _MEANT_HERE.sub(lambda found: f"&#{ord(found[0])};", safe(text).translate(_MEANT))


def _code(text: str) -> str:
    return f"<code>{_escaped(text)}</code>"
