"""A change of plan as it is shown before the question and after it, to people and to machines. It decides nothing."""

from __future__ import annotations

from collections.abc import Sequence

from planctl.core.instants import zone
from planctl.core.invoicing.facts import Advanced
from planctl.core.invoicing.model import Draft, Line
from planctl.core.money import format_minor
from planctl.core.periods import instant_text
from planctl.core.subscriptions.changes import Change, Keeping
from planctl.views.invoice import request_text
from planctl.views.sheet import Json
from planctl.views.words import day_text

WHEN = {
    "now": "now",
    "restart": "now, with a new period",
    "renewal": "at the renewal",
    "approval": "once it is approved",
}
WHICH = {"up": "up", "down": "down", "interval": "another interval", "terms": "other terms"}


def change_lines(change: Change, billed: Advanced, differences: Sequence[str] = ()) -> list[str]:
    """What a change does, with its amounts, for the question before it."""
    old, new = change.before, change.successor
    tz = zone(old.timezone)
    lines = [
        f"{old.customer}: {old.plan} v{old.plan_version} to {new.plan} v{new.plan_version}"
        f" ({WHICH[change.direction]}), {WHEN[change.timing]}"
    ]
    if change.timing == "approval":
        lines.append(
            f"  nothing changes before it is approved: then {new.plan} begins {day_text(change.at, tz)}"
        )
        lines.append(f"  taken back with planctl change reject {old.customer}/{old.plan}")
    elif not change.at_once:
        lines.append(f"  {old.plan} goes on until {day_text(change.at, tz)}, {new.plan} begins then")
        lines.append(f"  taken back with planctl subscribe {old.customer} {old.plan}")
    lines += [f"  {one.plan} for {day_text(one.started_at, tz)} is called off" for one in change.withdrawn]
    lines += [
        f"  {one.plan} {'ends with it' if one.base == old.id else 'goes on with it'}" for one in change.addons
    ]
    lines += _amounts(change, billed)
    if differences:
        lines += ["  changed since it was assigned:", *(f"    {one}" for one in differences)]
    return lines


def _amounts(change: Change, billed: Advanced) -> list[str]:
    """What is credited and charged, line by line, and the request it comes to."""
    lines = []
    for draft in _of_change(change, billed):
        lines += [f"  {_line_text(draft, line)}" for line in draft.lines]
        word = "request" if change.at_once else "request to be expected then"
        lines.append(f"  {word}: {request_text(draft)}")
    for note in billed.credits:
        amount = f"{format_minor(note.total_minor, note.currency)} {note.currency.code}"
        lines.append(f"  credited to the balance: {amount}")
    return lines


def _of_change(change: Change, billed: Advanced) -> list[Draft]:
    """The invoices of the change itself: what a run would bill before it is none of it."""
    return [draft for draft in billed.drafts if draft.at == change.at]


def _line_text(draft: Draft, line: Line) -> str:
    return f"{line.description}: {format_minor(line.amount_minor, draft.currency)} {draft.currency.code}"


def change_document(change: Change, billed: Advanced) -> dict[str, Json]:
    """A change as JSON: its direction and time, what ends and begins, and the credits and charges in order."""
    old, new = change.before, change.successor
    return {
        "direction": change.direction,
        "timing": change.timing,
        "at": instant_text(change.at),
        "from": {"subscription": old.id, "plan": old.plan, "version": old.plan_version},
        "to": {"subscription": new.id, "plan": new.plan, "version": new.plan_version},
        "currency": old.currency.code,
        "lines": [
            {"description": line.description, "amount": format_minor(line.amount_minor, draft.currency)}
            for draft in _of_change(change, billed)
            for line in draft.lines
        ],
        "credited": format_minor(sum(note.total_minor for note in billed.credits), old.currency),
        "called_off": [one.id for one in change.withdrawn],
        "addons": [{"id": one.id, "plan": one.plan, "goes_on": one.base == new.id} for one in change.addons],
    }


def keeping_lines(keeping: Keeping) -> list[str]:
    """What letting a subscription go on does, for the question before it."""
    one = keeping.kept
    lines = [f"{one.customer}/{one.plan} goes on: its planned end is taken back"]
    lines += [f"  {other.plan} does not begin" for other in keeping.withdrawn]
    lines += [f"  {other.plan} goes on with it" for other in keeping.addons]
    return lines
