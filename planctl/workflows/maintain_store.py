"""Looks after a store: what it is, backups, upgrades, and every law that it must obey. It repairs nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planctl.core.audit import ChainedEntry, Tip
    from planctl.store.engine import Store, Tx
    from planctl.store.laws import Law, Violation
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


def examine(tx: Tx, laws: Iterable[Law] | None = None) -> list[Verdict]:
    """Check every law, or these, in one state of the store."""
    if laws is None:
        from planctl.store.laws import LAWS

        laws = LAWS
    return [_verdict(tx, law) for law in laws]


def describe(store: Store) -> StoreInfo:
    """What the store is."""
    from planctl.store.maintenance import info

    return info(store)


def back_up(store: Store, target: Path) -> Backup:
    """A checked copy in a new file."""
    from planctl.store.maintenance import backup

    return backup(store, target)


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


def _verdict(tx: Tx, law: Law) -> Verdict:
    listed: list[Violation] = []
    count = 0
    for violation in law.violations(tx):
        count += 1
        if count <= MOST_VIOLATIONS:
            listed.append(violation)
    return Verdict(law, tuple(listed), count)
