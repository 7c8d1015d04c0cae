"""Where the business stands at an instant: due, overdue, on hold, and the last run. It changes nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from planctl.core.instants import DAY_MICROSECONDS, HOUR_MICROSECONDS, MINUTE_MICROSECONDS, Instant
from planctl.errors import InvalidInput
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.customers import Hold
    from planctl.store.engine import Tx
    from planctl.store.runs import Run
    from planctl.store.settings import Identity
    from planctl.store.standing import Due, Soon, Unpaid

_AGE = re.compile(r"([0-9]{1,6})([mhd])", re.ASCII)
_MICROSECONDS = {"m": MINUTE_MICROSECONDS, "h": HOUR_MICROSECONDS, "d": DAY_MICROSECONDS}

SOON = 7 * DAY_MICROSECONDS
"""How far ahead it looks for trials and plans that end by themselves."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Everything that `status` says. `age` is how long ago the last whole run ended, in microseconds."""

    as_of: Instant
    store: Identity
    due: Due
    soon: Soon
    unpaid: tuple[Unpaid, ...]
    holds: tuple[Hold, ...]
    last_run: Run | None
    age: int | None
    too_old: bool

    @property
    def needs_person(self) -> bool:
        """Whether somebody must look: a hold, or a run that is older than it may be."""
        return bool(self.holds) or self.too_old


def read_status(tx: Tx, as_of: Instant, max_age: int | None) -> Standing:
    """Where the business stands; `max_age` in microseconds, None: a run may be as old as it is."""
    from planctl.store.customers import holds
    from planctl.store.runs import last_whole
    from planctl.store.settings import identity
    from planctl.store.standing import due, soon, unpaid

    last = last_whole(tx)
    age = None if last is None else max(0, as_of - last.as_of)
    return Standing(
        as_of=as_of,
        store=identity(tx),
        due=due(tx, as_of),
        soon=soon(tx, as_of, Instant(as_of + SOON)),
        unpaid=tuple(unpaid(tx, as_of)),
        holds=tuple(holds(tx)),
        last_run=last,
        age=age,
        too_old=max_age is not None and (age is None or age > max_age),
    )


def parse_age(text: str) -> int:
    """Microseconds of `26h`, `90m` or `2d`; InvalidInput for anything else."""
    match = _AGE.fullmatch(text)
    if match is None:
        raise InvalidInput(
            "that is no length of time",
            where="--max-age",
            expected="a number of minutes, hours or days",
            got=text,
            hint="write 26h, 90m or 2d",
        )
    return int(match[1]) * _MICROSECONDS[match[2]]
