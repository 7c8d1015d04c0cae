"""Which tips that were kept elsewhere a chain must contain, where its store was adopted once or more. It verifies none.

A store that was put back from a backup and adopted holds the chain of the generation before it, up to its adoption.
What the original or another copy of it wrote from there on is not in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from planctl.core.audit import Anchor, ChainedEntry, Tip
from planctl.values import dataclass

ADOPTING = "store adopt"
"""The command whose entry begins another generation."""

ADOPTION = "adoption"
"""Under which name that entry says the adoption's own mark among what it touched."""


@dataclass(frozen=True, slots=True)
class Adopted:
    """Where a chain goes on in another generation: the entry that says so, and the adoption's mark, empty for none."""

    seq: int
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Silent:
    """Tips of a store that say nothing about this chain: of which generation, and how many.

    `after` is the last entry that both chains have, where it is known; None: another copy of the store was adopted.
    """

    generation: int
    tips: int
    after: int | None = None


@dataclass(frozen=True, slots=True)
class Binding:
    """The tips of a store, sorted: those that its chain must contain, and those that say nothing about it."""

    tips: tuple[Tip, ...] = ()
    silent: tuple[Silent, ...] = ()

    @property
    def reach(self) -> int:
        """The highest entry that one of them is of; 0 where none must be in the chain."""
        return max((one.seq for one in self.tips), default=0)

    @property
    def is_there(self) -> bool:
        """Whether any tip was of this store."""
        return bool(self.tips or self.silent)


@dataclass(frozen=True, slots=True)
class AuditVerdict:
    """What became of the audit: its tip, sentences for what is wrong, and of which kinds that is.

    `bound` are the tips that were compared; `good` is the last of them up to which nothing is wrong.
    """

    tip: Tip
    problems: tuple[str, ...]
    kinds: tuple[str, ...]
    bound: Binding = Binding()
    good: Tip | None = None


def adopted_in(entry: ChainedEntry) -> Adopted | None:
    """The adoption that an entry tells of; None where it tells of something else, or cannot be read."""
    try:
        said = entry.document
    except ValueError:
        return None
    if not isinstance(said, dict) or said.get("command") != ADOPTING:
        return None
    touched = said.get("touched")
    rows = [one for one in touched if isinstance(one, list)] if isinstance(touched, list) else []
    marks = [str(name) for table, name, *_ in rows if table == ADOPTION]
    return Adopted(entry.seq, marks[0] if marks else "")


def binding(anchors: Iterable[Anchor], store: str, adoptions: Sequence[Adopted]) -> Binding:
    """Sort tips by what they say about a store; `adoptions` are all that its chain tells of, oldest first.

    A tip that says no store must be in the chain, and so must one of a generation of this chain up to that one's last
    entry. One that says no adoption is taken for this chain's in its generation. One of a later generation must be in
    it too: where it is not, this is an older copy. Tips of other stores are left out.
    """
    marks = ("", *(one.mark for one in adoptions))
    tips: list[Tip] = []
    silent: Counter[tuple[int, int | None]] = Counter()
    for one in anchors:
        number = one.generation
        if one.store not in {"", store}:
            continue
        if not one.store or number > len(marks):
            tips.append(one.tip)
        elif number < 1 or one.adoption not in {"", marks[number - 1]}:
            silent[number, None] += 1
        elif number <= len(adoptions) and one.tip.seq >= adoptions[number - 1].seq:
            silent[number, adoptions[number - 1].seq - 1] += 1
        else:
            tips.append(one.tip)
    told = [Silent(number, count, after) for (number, after), count in silent.items()]
    told.sort(key=lambda one: (one.generation, one.after is None))
    return Binding(tuple(tips), tuple(told))
