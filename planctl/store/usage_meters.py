"""Event names and feature ids as the small numbers that events carry, and the days on which there are any."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from planctl.core.instants import DAY_MICROSECONDS
from planctl.store import hot
from planctl.store.mapping import named
from planctl.store.sets import insert_rows, numbers

if TYPE_CHECKING:
    from planctl.store.engine import Tx


def meter_ids(tx: Tx, names: Iterable[str], create: bool = False) -> dict[str, int]:
    """The small numbers of event names and feature ids; with `create`, new ones get the next numbers.

    One under which nothing was ever recorded is not in it, unless it is created.
    """
    wanted = dict.fromkeys(names)
    found = numbers(tx, hot.METERS, wanted)
    missing = [name for name in wanted if name not in found] if create else []
    if missing:
        last = hot.one(tx, hot.LAST_METER)[0]
        made = {named(name): last + number for number, name in enumerate(missing, start=1)}
        insert_rows(tx, "meter", [{"id": number, "name": name} for name, number in made.items()])
        found |= made
    return found


def stored_days(tx: Tx, starts_at: int, ends_at: int) -> list[int]:
    """The UTC days of `[starts_at, ends_at)` on which anything at all is stored, in order.

    The event table is in the order of days, so every question about one customer goes from day to day. The days are
    found by steps from one to the next in the key: an event of long ago costs one step, not all days since.
    """
    if starts_at >= ends_at:
        return []
    first, last = starts_at // DAY_MICROSECONDS, (ends_at - 1) // DAY_MICROSECONDS
    return [day for (day,) in tx.rows(hot.DAYS, (first, last, last))]
