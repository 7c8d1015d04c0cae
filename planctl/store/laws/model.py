"""What a law and a violation are, and how a law is asked so that a damaged row cannot stop the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from planctl.errors import PlanctlError

if TYPE_CHECKING:
    from planctl.store.engine import Tx

DAMAGE = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError, PlanctlError)
"""What reading a row raises that no version of planctl can have written."""


class Breach(NamedTuple):
    """Where a law does not hold: the object as people name it (`invoice INV-2026-00007`), and what is wrong."""

    object: str
    what: str


@dataclass(frozen=True, slots=True)
class Violation:
    """One breach of one law."""

    law: str
    object: str
    what: str

    def __str__(self) -> str:
        """As it is printed."""
        return f"{self.object}: {self.what}"


@dataclass(frozen=True, slots=True)
class Law:
    """A sentence that must hold for every store, and the function that finds where it does not."""

    id: str
    sentence: str
    breaches: Callable[[Tx], Iterable[Breach]]

    def violations(self, tx: Tx) -> Iterator[Violation]:
        """Every violation in this state of the store, one after the other.

        Damage that the law itself cannot get past is a violation too; it is then not checked further.
        """
        try:
            for breach in self.breaches(tx):
                yield Violation(self.id, breach.object, breach.what)
        except DAMAGE as problem:
            yield Violation(self.id, "store", f"cannot be checked further: {_told(problem)}")


def guarded(name: str, sentences: Iterable[str]) -> Iterator[Breach]:
    """The breaches of one object; that it cannot be read or computed is one too.

    `sentences` comes from a generator, so that what it raises is raised here.
    """
    found: list[str] = []
    try:
        found.extend(sentences)
    except DAMAGE as problem:
        found.append(f"cannot be checked: {_told(problem)}")
    for what in found:
        yield Breach(name, what)


def _told(problem: BaseException) -> str:
    return str(problem) or type(problem).__name__
