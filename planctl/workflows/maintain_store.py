"""Looks after a store: what it is, backups, upgrades, and every law that it must obey. It repairs nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from planctl.errors import Refused
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.core.audit import ChainedEntry, Tip
    from planctl.store.copying import Copied
    from planctl.store.engine import Store, Tx
    from planctl.store.laws import Law, Violation
    from planctl.store.laws.model import Seen
    from planctl.store.maintenance import Backup, StoreInfo
    from planctl.store.migrate import Upgrade

MOST_VIOLATIONS = 100
"""How many violations of one law are listed."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a law found: `count` violations, of which the first MOST_VIOLATIONS are listed."""

    law: Law
    violations: tuple[Violation, ...]
    count: int

    @property
    def holds(self) -> bool:
        """Whether the store obeys it."""
        return not self.count


def examine(tx: Tx, laws: Iterable[Law] | None = None, seen: Seen | None = None) -> list[Verdict]:
    """Check every law, or these, in one state of the store; `seen` is told how far it is."""
    from planctl.store.laws import LAWS, violations

    asked = list(LAWS if laws is None else laws)
    listed: dict[str, list[Violation]] = {law.id: [] for law in asked}
    counts = dict.fromkeys(listed, 0)
    for violation in violations(tx, asked, seen):
        counts[violation.law] += 1
        if counts[violation.law] <= MOST_VIOLATIONS:
            listed[violation.law].append(violation)
    return [Verdict(law, tuple(listed[law.id]), counts[law.id]) for law in asked]


def describe(store: Store) -> StoreInfo:
    """What the store is."""
    from planctl.store.maintenance import info

    return info(store)


def back_up(store: Store, target: Path) -> Backup:
    """A checked copy in a new file."""
    from planctl.store.maintenance import backup

    return backup(store, target)


def copy_store(
    source: Store, target: str, *, told: Callable[[str, int], None], wait_seconds: int
) -> tuple[Copied, int]:
    """Copy a store to a new place, compared table by table; the copy, and how many laws it obeys: every one.

    Refused, with nothing left, where it breaks a law, since then the store itself does.
    """
    from planctl.store import copying

    verdicts: list[Verdict] = []

    def judge(copy: Tx) -> None:
        verdicts.extend(examine(copy, seen=lambda noun, done, _of: told(f"laws of {noun}", done)))
        broken = [verdict for verdict in verdicts if not verdict.holds]
        if broken:
            raise Refused(
                f"the store breaks {len(broken)} of its laws, so its copy was not kept",
                code="copy-laws",
                where=source.where,
                got=", ".join(f"{one.law.id} ({one.count})" for one in broken),
                hint="planctl doctor says what is broken; mend that first",
            )

    made = copying.copy_store(source, target, told=told, judge=judge, wait_seconds=wait_seconds)
    return made, len(verdicts)


def upgrade_store(url: str, wait_seconds: int) -> Upgrade:
    """Bring the store's schema up to date."""
    from planctl.store.migrate import upgrade

    return upgrade(url, wait_seconds=wait_seconds)


def audit_log(tx: Tx, after: int, limit: int | None) -> list[ChainedEntry]:
    """Audit entries numbered above `after`, oldest first."""
    from planctl.store.audit import entries

    return list(entries(tx, after=after, limit=limit))


def audit_verdict(tx: Tx, anchor: Tip | None) -> tuple[Tip, list[str]]:
    """The audit's last entry, and a sentence for each place where the chain is broken."""
    from planctl.store.audit import tip, verify

    return tip(tx), verify(tx, anchor)
