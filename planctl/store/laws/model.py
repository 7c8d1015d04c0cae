"""What a law and a violation are, and how laws are asked so that a damaged row cannot stop the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from planctl.store.laws.reading import DAMAGE, Page, count_of, subscription_pages
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx

Subject = TypeVar("Subject")

Seen = Callable[[str, int, int], None]
"""Who is told how far it is: of what (`subscriptions`, `laws`), how many are done, and of how many."""


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


def _nowhere(_: Tx) -> Iterable[Breach]:
    """What a law of customers finds in the store as a whole: nothing."""
    return ()


@dataclass(frozen=True, slots=True)
class Law:
    """A sentence that must hold for every store, and the functions that find where it does not.

    `breaches` looks at the whole store; `of_page` at some customers, and is asked about all, page by page.
    """

    id: str
    sentence: str
    breaches: Callable[[Tx], Iterable[Breach]] = _nowhere
    of_page: Callable[[Page], Iterable[Breach]] | None = None

    def violations(self, tx: Tx) -> Iterator[Violation]:
        """Every violation in this state of the store, one after the other.

        Damage that the law itself cannot get past is a violation too; it is then not checked further.
        """
        return violations(tx, [self])


def violations(tx: Tx, laws: Sequence[Law], seen: Seen | None = None) -> Iterator[Violation]:
    """Every violation of each of these laws; those of one law in its own order, first those of customers.

    All laws of customers are asked about a page before the next one is read: each row is read once, and what laws
    have in common is worked out once. No more than a page is kept in memory.
    """
    broken_off: set[str] = set()
    yield from _of_pages(tx, [law for law in laws if law.of_page is not None], broken_off, seen)
    for number, law in enumerate(laws, 1):
        if law.id not in broken_off:
            yield from _asked(law, law.breaches, tx, broken_off)
        if seen is not None:
            seen("laws", number, len(laws))


def _of_pages(tx: Tx, laws: Sequence[Law], broken_off: set[str], seen: Seen | None) -> Iterator[Violation]:
    if not laws:
        return
    done, of = 0, 0 if seen is None else count_of(tx, "subscription")
    try:
        for page in subscription_pages(tx):
            for law in laws:
                if law.of_page is not None and law.id not in broken_off:
                    yield from _asked(law, law.of_page, page, broken_off)
            done += len(page.names)
            if seen is not None:
                seen("subscriptions", done, of)
    except DAMAGE as problem:
        for law in laws:
            if law.id not in broken_off:
                broken_off.add(law.id)
                yield _broken_off(law, problem)


def _asked(
    law: Law, breaches: Callable[[Subject], Iterable[Breach]], subject: Subject, broken_off: set[str]
) -> Iterator[Violation]:
    try:
        for breach in breaches(subject):
            yield Violation(law.id, breach.object, breach.what)
    except DAMAGE as problem:
        broken_off.add(law.id)
        yield _broken_off(law, problem)


def _broken_off(law: Law, problem: BaseException) -> Violation:
    return Violation(law.id, "store", f"cannot be checked further: {_told(problem)}")


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
