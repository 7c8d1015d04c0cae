"""Event names and feature ids as the small numbers that usage events carry. It knows no event."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from planctl.store.mapping import named
from planctl.store.sets import chunks, insert_rows, table

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_M = table("meter")


def meter_ids(tx: Tx, names: Iterable[str], create: bool = False) -> dict[str, int]:
    """The small numbers of event names and feature ids; with `create`, new ones get the next numbers.

    One under which nothing was ever recorded is not in it, unless it is created.
    """
    wanted = dict.fromkeys(names)
    found: dict[str, int] = {}
    for chunk in chunks(wanted):
        query = select(_M.c.name, _M.c.id).where(_M.c.name.in_(chunk))
        found |= {row.name: row.id for row in tx.connection.execute(query)}
    missing = [name for name in wanted if name not in found] if create else []
    if missing:
        last = tx.connection.execute(select(func.coalesce(func.max(_M.c.id), 0))).scalar_one()
        made = {named(name): last + number for number, name in enumerate(missing, start=1)}
        insert_rows(tx, "meter", [{"id": number, "name": name} for name, number in made.items()])
        found |= made
    return found
