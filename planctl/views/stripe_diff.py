"""Shows what `stripe push` would do, with what somebody changed at Stripe told apart; it compares nothing.

Values are as Stripe says them: amounts of prices are in its unit, `why` says them as money.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import get_args

from planctl.core.stripe.comparing import Comparison
from planctl.core.stripe.model import Account, Action, FieldChange, LeftOut, StripeChange, Value
from planctl.values import dataclass
from planctl.views.formats import Screen, csv, markdown
from planctl.views.safe import safe, width
from planctl.views.sheet import Answer, Column, Json, Sheet
from planctl.views.words import count

FORMAT = "planctl.stripe-diff/1"

ACTIONS: tuple[Action, ...] = get_args(Action)
_SYMBOLS = {
    "create": "+",
    "recreate": "+",
    "adopt": "=",
    "update": "~",
    "replace": "±",
    "archive": "-",
    "drift": "!",
}
_MOST = 50
"""How many objects of one kind and action people are shown; machines get all."""
_LONGEST_VALUE = 60

_COLUMNS = tuple(
    Column(name, heading=heading)
    for name, heading in (
        ("object", ""),
        ("local_id", "id"),
        ("action", ""),
        ("stripe_id", "at Stripe"),
        ("path", "field"),
        ("stripe", "Stripe has"),
        ("ours", "planctl has"),
        ("why", ""),
    )
)


Row = tuple[str | None, ...]
"""Object, id, action, id at Stripe, field, what Stripe has, what planctl has, why."""


@dataclass(frozen=True, slots=True)
class Beside:
    """What stands beside the changes of objects: words of the title, and rows of a table file."""

    title: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()


_NOTHING = Beside()


def stripe_diff_answer(account: Account, found: Comparison, beside: Beside = _NOTHING) -> Answer:
    """The changes in every form. Exit codes are the caller's: nothing differs where there are no changes."""
    sheet = Sheet(_COLUMNS, (*_rows(found), *beside.rows))
    title = _title(account, found, beside.title)
    return Answer(
        stripe_diff_document(account, found),
        tuple(_lines(title, found)),
        sources={
            "csv": "\n".join(csv.render(Answer(sheet=sheet), Screen())),
            "markdown": "\n".join(_markdown(title, found, sheet)),
        },
    )


def stripe_diff_document(account: Account, found: Comparison) -> dict[str, Json]:
    """The changes for machines, in the shape `planctl.stripe-diff/1`; `summary` counts them by action."""
    summary: dict[str, Json] = {action: found.count_of(action) for action in ACTIONS}
    return {
        "format": FORMAT,
        "account": account.id,
        "livemode": account.live,
        "summary": {**summary, "unchanged": found.unchanged},
        "changes": [
            {
                "object": change.kind,
                "local_id": change.local_id,
                "stripe_id": change.stripe_id or None,
                "action": change.action,
                "fields": [
                    {"path": one.path, "ours": one.ours, "stripe": one.stripe} for one in change.fields
                ],
                "why": change.why,
            }
            for change in found.changes
        ],
        "left_out": [
            {"object": one.kind, "local_id": one.local_id, "why": one.why} for one in found.left_out
        ],
        "foreign": found.foreign,
    }


# --- for people


def _lines(title: str, found: Comparison) -> Iterator[str]:
    drifted = [change for change in found.changes if change.action == "drift"]
    pushed = [change for change in found.changes if change.action != "drift"]
    yield title
    yield from _block("", pushed)
    yield from _block("Changed at Stripe; a push sets it back:", drifted)
    yield from _left_out(found.left_out)
    if found.foreign:
        yield ""
        yield _foreign(found.foreign)


def _title(account: Account, found: Comparison, more: Sequence[str]) -> str:
    mode = "live mode" if account.live else "test mode"
    told = [f"{found.count_of(action):,} {_TOLD[action]}" for action in ACTIONS if found.count_of(action)]
    told = [*told, *more] or ["no changes"]
    return f"planctl → Stripe {account.id}, {mode}: {', '.join([*told, f'{found.unchanged:,} unchanged'])}"


_TOLD: dict[Action, str] = {
    "create": "to create", "adopt": "to adopt", "update": "to update", "replace": "to replace",
    "archive": "to archive", "drift": "changed at Stripe", "recreate": "to create again",
}  # fmt: skip


def _block(heading: str, changes: Sequence[StripeChange]) -> Iterator[str]:
    """The changes of a section; of many alike the first ones and how many more there are."""
    if not changes:
        return
    yield ""
    if heading:
        yield heading
    shown: dict[tuple[str, str], int] = {}
    for change in changes:
        alike = shown[change.kind, change.action] = shown.get((change.kind, change.action), 0) + 1
        if alike <= _MOST:
            yield from _change(change)
    for (kind, action), number in shown.items():
        if number > _MOST:
            yield f"{_SYMBOLS[action]} and {number - _MOST:,} more of kind {kind} to {action}; -f json lists all"


def _change(change: StripeChange) -> Iterator[str]:
    words = (
        _SYMBOLS[change.action],
        change.kind,
        safe(change.local_id),
        _action(change.action),
        safe(change.stripe_id),
    )
    yield " ".join(word for word in words if word)
    paths = [safe(one.path) for one in change.fields]
    room = max(map(width, paths), default=0)
    for path, one in zip(paths, change.fields, strict=True):
        yield f"    {path}{' ' * (room - width(path))}  {_value(one.stripe)} → {_value(one.ours)}"
    if change.why and change.action != "drift":
        yield f"    {safe(change.why)}"


def _action(action: Action) -> str:
    """The word beside a symbol that does not say it all."""
    return "" if action in {"create", "update", "drift"} else action


def _left_out(left_out: Sequence[LeftOut]) -> Iterator[str]:
    if not left_out:
        return
    yield ""
    yield "Not sent:"
    for one in left_out[:_MOST]:
        yield f"  {one.kind} {safe(one.local_id)}: {safe(one.why)}"
    if len(left_out) > _MOST:
        yield f"  and {len(left_out) - _MOST:,} more; -f json lists all"


def _foreign(number: int) -> str:
    belong = "belongs to another store" if number == 1 else "belong to other stores"
    return f"Left alone: {count(number, 'object')} at Stripe that {belong}"


def _value(value: Value) -> str:
    """One value for people; `—` where there is none."""
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return safe(", ".join(map(_item, value)), _LONGEST_VALUE)
    return safe(_item(value), _LONGEST_VALUE)


def _item(value: Value) -> str:
    """A value inside a list: of a map what it holds."""
    return " ".join(map(str, value.values())) if isinstance(value, dict) else str(value)


# --- tables


def _rows(found: Comparison) -> Iterator[Row]:
    """A row for every field of every change, one for a change without fields, and one for what is left out."""
    for change in found.changes:
        head = (change.kind, change.local_id, change.action, change.stripe_id or None)
        for one in change.fields or (FieldChange("", None, None),):
            yield (*head, one.path or None, _cell(one.stripe), _cell(one.ours), change.why or None)
    for left in found.left_out:
        yield (left.kind, left.local_id, "not sent", None, None, None, None, left.why)


def _cell(value: Value) -> str | None:
    return None if value is None else _value(value)


def _markdown(title: str, found: Comparison, sheet: Sheet) -> Iterator[str]:
    yield f"**{markdown.escaped(title)}**"
    if sheet.rows:
        yield ""
        yield from markdown.render(Answer(sheet=sheet), Screen())
    if found.foreign:
        yield ""
        yield markdown.escaped(_foreign(found.foreign))
