"""Adopts a store: says that it is the one that goes on, here. Whether another copy bills beside it only people know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from planctl.core.anchoring import ADOPTION
from planctl.core.audit import Touched
from planctl.identifiers import new_id
from planctl.store.number_gaps import Counter, Gap, counters, leave_out_to
from planctl.store.places import here
from planctl.store.settings import identity, put_adoption, put_home
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.core.instants import Instant
    from planctl.store.engine import Tx


@dataclass(frozen=True, slots=True)
class Adoption:
    """A store that goes on here: where it lived and lives, in which generation, its counters and what is left out.

    `home_before` is empty for a copy. `mark` tells this adoption from another one of the same backup, whose
    generation has the same number. `changed` False: a test store, which lives anywhere.
    """

    store_id: str
    home_before: str
    home: str
    generation: int
    counters: tuple[Counter, ...]
    mark: str = ""
    left_out: tuple[Gap, ...] = ()
    changed: bool = True

    @property
    def touched(self) -> tuple[Touched, ...]:
        """What of the store changes, and the adoption's mark: by it the audit tells which tips are this store's."""
        return (
            (Touched("store_identity", self.store_id), Touched(ADOPTION, self.mark)) if self.changed else ()
        )


def adopt(tx: Tx, after: Sequence[str], at: Instant) -> Adoption:
    """Let the store live where it is, in the next generation; `after` are the last numbers that were given elsewhere.

    Its counters go on after them. InvalidInput for a number that is none, or that this store gave itself.
    """
    who, place = identity(tx), here(tx)
    if who.is_test:
        return Adoption(who.store_id, "", "", who.generation, (), changed=False)
    left_out = tuple(leave_out_to(tx, number) for number in sorted(after, key=lambda one: (len(one), one)))
    generation, mark = who.generation + 1, new_id("adoption", at)
    put_home(tx, place)
    put_adoption(tx, generation, mark)
    return Adoption(who.store_id, who.home, place, generation, tuple(counters(tx)), mark, left_out)
