"""Who of a company used what: everybody's units of an allowance period, and how a line tells them. It rates nothing.

Source: planctl billing rules, companies.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from fractions import Fraction

from planctl.core.document import Document
from planctl.core.draining import PoolKey
from planctl.core.invoicing.lineup import Course
from planctl.core.invoicing.model import ByChild, UsageWindow
from planctl.core.money import fraction_text

_NOBODY: Mapping[str, Fraction] = {}


def windows_of_accounts(course: Course, keys: Collection[PoolKey]) -> tuple[UsageWindow, ...]:
    """The windows whose quantities are what allowance periods of a feature answer for, in time order.

    A sum is measured stretch by stretch. All else is measured from the period's start on, stretch after stretch a
    longer one: there the last one tells it all.
    """
    mine = (place.reading.window for stretch in course for place in stretch if place.account in keys)
    return tuple({window.starts_at: window for window in mine}.values())


def used_by(windows: Iterable[UsageWindow], by_child: ByChild) -> dict[str, Fraction]:
    """Everybody's units in these windows by customer id, the root among them; nothing for one that used nothing.

    Each is aggregated on its own: quantities that are no sums do not add up to that of the company.
    """
    found: dict[str, Fraction] = {}
    for window in windows:
        for name, units in by_child.get(window.key, _NOBODY).items():
            found[name] = found.get(name, Fraction(0)) + units
    return {name: units for name, units in sorted(found.items()) if units}


def by_customer_document(used: Mapping[str, Fraction]) -> dict[str, Document]:
    """What a usage line's detail says of it; nothing for a customer without a company."""
    if not used:
        return {}
    return {"by_customer": {name: fraction_text(units) for name, units in used.items()}}
