"""What a company used, told apart by who of it used it: itself and everybody below it. It decides nothing.

Source: planctl billing rules, companies.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from sqlalchemy import select

from planctl.core.invoicing.model import ByChild, WindowKey
from planctl.core.metering.model import UsageEvent
from planctl.store.sets import chunks, table
from planctl.store.usage_totals import Asked, UsageRequest, child_sums, streams

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_C = table("customer")
_SUMMED_AT_ONCE = 250
_STREAMED_AT_ONCE = 50


def companies(tx: Tx, customer_ids: Iterable[str]) -> set[str]:
    """Those of the customers that have another one directly below them."""
    parent = _C.alias("parent_customer")
    found: set[str] = set()
    for chunk in chunks(dict.fromkeys(customer_ids)):
        query = select(parent.c.id).distinct().join(_C, _C.c.parent == parent.c.seq)
        found |= set(tx.connection.execute(query.where(parent.c.id.in_(chunk))).scalars())
    return found


def branch(tx: Tx, customer_id: str) -> tuple[str, ...]:
    """A customer and everybody below it, through any number of levels; each level in the order of their making."""
    query = select(_C.c.seq, _C.c.id).order_by(_C.c.seq)
    level = tx.connection.execute(query.where(_C.c.id == customer_id)).all()
    found: list[str] = []
    while level:
        found += [row.id for row in level]
        above = [row.seq for row in level]
        level = [
            row
            for chunk in chunks(above)
            for row in tx.connection.execute(query.where(_C.c.parent.in_(chunk)))
        ]
    return tuple(found)


def by_child(tx: Tx, requests: Sequence[UsageRequest]) -> ByChild:
    """The quantity of every window by who used it, by customer id; those of whom it comes to 0 are left out.

    What the window's customer used itself stands under its own id. Each is aggregated on its own, so quantities
    that are no sums (`max`, `last`, `unique`, levels, means, whatever is rounded) do not add up to the total. A
    fixed number of queries per chunk of requests.
    """
    found: dict[WindowKey, dict[str, Fraction]] = {request.window.key: {} for request in requests}
    summed = [one for one in requests if one.is_plain]
    for chunk in chunks(summed, _SUMMED_AT_ONCE):
        asked = [Asked(one, one.window.starts_at, one.window.ends_at) for one in chunk]
        sums = list(child_sums(tx, asked))
        ids = _ids(tx, {child for _, child, _ in sums})
        for number, child, quantity in sums:
            window = chunk[number].window
            found[window.key][ids.get(child, window.customer)] = quantity
    for several in chunks([one for one in requests if not one.is_plain], _STREAMED_AT_ONCE):
        asked = [
            Asked(one, 0 if one.carries else one.window.starts_at, one.window.ends_at) for one in several
        ]
        for number, events in streams(tx, asked, {}):
            found[several[number].window.key] = _apart(several[number], events)
    return {key: {name: units for name, units in users.items() if units} for key, users in found.items()}


def _apart(request: UsageRequest, events: Iterable[UsageEvent]) -> dict[str, Fraction]:
    """The quantity by the reference, of everybody's events alone."""
    of_user: dict[str, list[UsageEvent]] = {}
    for event in events:
        of_user.setdefault(event.user, []).append(event)
    return {user: request.in_core(own, Fraction(0)) for user, own in of_user.items()}


def _ids(tx: Tx, numbers: set[int]) -> dict[int, str]:
    """Customers by their small numbers; 0 is nobody's."""
    found: dict[int, str] = {}
    for chunk in chunks(sorted(numbers - {0})):
        query = select(_C.c.seq, _C.c.id).where(_C.c.seq.in_(chunk))
        found |= {row.seq: row.id for row in tx.connection.execute(query)}
    return found
