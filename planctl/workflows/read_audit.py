"""Reads the audit: its log, whether it is as it was written, and its tip, to be kept elsewhere. It writes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING

from planctl.core.anchoring import AuditVerdict, Binding, binding
from planctl.core.audit import Anchor, Logged, Verifier
from planctl.errors import NotFound
from planctl.store.audit import adoptions, anchor_of, entries
from planctl.store.audit_objects import entries_about, objects_of
from planctl.store.settings import identity
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.core.anchoring import Silent
    from planctl.core.instants import Instant
    from planctl.store.engine import Tx
    from planctl.store.laws import Law

MOST_FAULTS = 100
"""How many faults of a chain are listed, and as many rows that are not as entries name them."""


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which entries a log shows: those numbered above `after`, at most `limit`, about one row (its table and id)."""

    after: int = 0
    limit: int | None = None
    about: tuple[str, str] | None = None


def audit_log(tx: Tx, asked: LogFilter) -> list[Logged]:
    """Audit entries that a filter lets through, oldest first, each with the rows that it names."""
    if asked.about:
        numbers = [seq for seq in entries_about(tx, *asked.about) if seq > asked.after]
        found = [one for seq in numbers[: asked.limit] for one in entries(tx, after=seq - 1, limit=1)]
    else:
        found = list(entries(tx, after=asked.after, limit=asked.limit))
    objects = objects_of(tx, [one.seq for one in found])
    return [Logged(one, tuple(objects[one.seq])) for one in found]


def audit_verdict(tx: Tx, anchors: Iterable[Anchor] = ()) -> AuditVerdict:
    """Whether the audit is as it was written: its chain, what its entries name, and every tip that was kept elsewhere.

    Which tips bind it, and which say nothing about it: see `binding`.
    """
    from planctl.store.laws.rows import named

    bound = _binding(tx, anchors)
    verifier, kinds = Verifier(bound.tips), set()
    problems: list[str] = []
    for fault in verifier.faults(entries(tx)):  # to the end: where it is, and whether it was cut off
        kinds.add(fault.kind)
        if len(problems) < MOST_FAULTS:
            problems.append(fault.what)
    wrong = [f"{one.object}: {one.what}" for one in islice(named(tx), MOST_FAULTS)]
    kinds |= {"edited"} if wrong else set()
    return AuditVerdict(
        verifier.tip,
        (*problems, *wrong),
        tuple(kind for kind in ("edited", "cut off", "rewritten") if kind in kinds),
        bound,
        verifier.good,
    )


def tip_of(tx: Tx, at: Instant) -> Anchor:
    """The audit's tip, to be kept elsewhere. NotFound where nothing was audited yet."""
    anchor = anchor_of(tx, at)
    if not anchor.tip.seq:
        raise NotFound(
            "nothing was audited yet, so there is no tip to keep",
            where=tx.store.where,
            hint="run it again after the first command that writes",
        )
    return anchor


def anchored_law(tx: Tx, anchors: Iterable[Anchor], place: str) -> tuple[Law, tuple[Silent, ...]]:
    """The law that the audit contains every tip that was kept elsewhere, for `examine`; and tips that do not tell.

    `place` is where they were kept: that none of this store is there breaks the law.
    """
    from planctl.store.laws.whole import anchored

    bound = _binding(tx, anchors)
    return anchored(bound, place), bound.silent


def _binding(tx: Tx, anchors: Iterable[Anchor]) -> Binding:
    return binding(anchors, identity(tx).store_id, adoptions(tx))
