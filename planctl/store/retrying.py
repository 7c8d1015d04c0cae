"""Doing a transaction again that met another one, or whose connection was cut before it was kept; it opens nothing.

Only what the engine undid is done again, or what does no harm twice. SQLite has one writer and no connection:
there it never happens.
Source: PostgreSQL documentation, "Serialization Failure Handling".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from planctl import clock
from planctl.errors import PlanctlError
from planctl.store.failures import Collided, Cut, Unsure

Done = TypeVar("Done")

RETRIES = 5
"""How often a transaction is done again, before its failure is what the command says."""

FIRST_WAIT_MS = 100


def attempted(body: Callable[[], Done], *, idempotent: bool = False) -> Done:
    """What `body` gives, done again at most RETRIES times where it ends in Collided or Cut.

    `body` is one whole transaction of a store and nothing else: it begins it, reads all that it decides on,
    and leaves nothing behind where it fails. The store makes a new connection by itself. `idempotent`: done twice
    it changes nothing the second time, so it is done again also where it ends in Unsure.
    """
    again: tuple[type[PlanctlError], ...] = (Collided, Cut, Unsure) if idempotent else (Collided, Cut)
    for number in range(RETRIES):
        try:
            return body()
        except again:
            clock.pause(wait_ms(number))
    return body()


def wait_ms(number: int) -> int:
    """Milliseconds to wait after failure `number`, from 0: doubled, and spread by chance, not to meet again."""
    import random  # costs a short command more than the rest of this module

    longest = FIRST_WAIT_MS << number
    return random.randint(longest // 2, longest)
