"""How a company looks: who of it used what, who belongs to it, and whose plans count. It adds nothing up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from planctl.core.customers import Customer
from planctl.views.formats.table import grouped
from planctl.views.sheet import Json
from planctl.views.words import exact_decimal

FEW = 8
"""How many customers a line names before it counts the others."""


def by_customer_document(used: Mapping[str, Fraction]) -> list[Json]:
    """What everybody of a company used, as JSON; empty without a company."""
    return [{"customer": name, "used": exact_decimal(units)} for name, units in used.items()]


def by_customer_text(used: Mapping[str, Fraction], *, adds_up: bool = True, every: bool = False) -> str:
    """`east 600, north 500`: who used most first; empty where nobody used anything.

    Where it does not add up it says so. Beyond FEW the others are counted, unless `every` one is wanted.
    """
    most = sorted(used.items(), key=lambda pair: (-pair[1], pair[0]))
    shown = most if every else most[:FEW]
    parts = [f"{name} {grouped(exact_decimal(units))}" for name, units in shown]
    parts += [f"and {len(most) - len(shown)} more"] if len(most) > len(shown) else []
    note = "" if adds_up or len(most) < 2 else " (each alone, not parts of a sum)"
    return ", ".join(parts) + note


def company_document(billed_to: str, below: Sequence[Customer]) -> dict[str, Json]:
    """A customer's place in a company as JSON: whose plans count for it (null: its own), and who belongs to it."""
    return {
        "billed_to": billed_to or None,
        "children": [
            {
                "id": one.id,
                "name": one.name or None,
                "parent": one.parent,
                "archived": one.archived_at is not None,
            }
            for one in below
        ],
    }


def company_lines(below: Sequence[Customer]) -> list[str]:
    """Everybody below a customer, a line each, set in below its parent."""
    children: dict[str, list[Customer]] = {}
    for one in below:
        children.setdefault(one.parent, []).append(one)
    ids = {one.id for one in below}
    ahead = [(one, 1) for one in reversed(below) if one.parent not in ids]
    lines = []
    while ahead:
        one, depth = ahead.pop()
        words = (one.id, one.name, "archived" if one.archived_at is not None else "")
        lines.append("  " * depth + " · ".join(word for word in words if word))
        ahead += [(child, depth + 1) for child in reversed(children.get(one.id, ()))]
    return lines


def no_plan_text(billed_to: str) -> str:
    """What stands where a customer has no plan: whose plans count instead, in a company."""
    return f"uses what {billed_to} holds: planctl customer show {billed_to}" if billed_to else "no plan"
