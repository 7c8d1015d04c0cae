"""Looks after a store: what it is, backups, upgrades, and every law that it must obey. It repairs nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from planctl.errors import Refused
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.copying import Copied
    from planctl.store.engine import Store, Tx
    from planctl.store.laws import Law, Violation
    from planctl.store.laws.model import Seen
    from planctl.store.maintenance import Backup, StoreInfo
    from planctl.store.migrate import Upgrade
    from planctl.store.number_gaps import Gap
    from planctl.store.restoring import Restored

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


def left_out_numbers(tx: Tx) -> list[Gap]:
    """The numbers that no series has since another copy of the store gave them."""
    from planctl.store.number_gaps import gaps

    return gaps(tx)


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


@dataclass(frozen=True, slots=True)
class Judging:
    """How a store is judged before an upgrade or a restore counts: `told` hears how far it is.

    `record` audits an upgrade in its transaction, with the ids of the laws that are broken; where there are more rows
    than one entry should name, `part` appended others before. With `keep_broken` a store that breaks one is taken all
    the same.
    """

    told: Callable[[str, int], None]
    record: Callable[[Tx, Upgrade, list[str]], None]
    keep_broken: bool = False
    part: Callable[[Tx], None] | None = None

    def judge(self, tx: Tx, done: Upgrade, code: str, where: str) -> list[Verdict]:
        """Every law, and an entry where there was an upgrade; Refused with `code` where one is broken in `where`."""
        verdicts = examine(tx, seen=lambda noun, done, _of: self.told(f"laws of {noun}", done))
        broken = [verdict for verdict in verdicts if not verdict.holds]
        if broken and not self.keep_broken:
            first = broken[0].violations[0]
            raise Refused(
                f"the store breaks {len(broken)} of its laws, so nothing was done: {first}",
                code=code,
                where=where,
                got=", ".join(f"{one.law.id} ({one.count})" for one in broken),
                hint="--keep-broken takes it as it is; planctl doctor then says what to mend",
            )
        if done.before < done.after:
            self._audit(tx, done, [one.law.id for one in broken])
        return verdicts

    def _audit(self, tx: Tx, done: Upgrade, broken: list[str]) -> None:
        """Let entries name every row that is audited as it is now, which no entry of an older schema did."""
        from planctl.store.audit_objects import baseline

        for is_last in baseline(tx):
            if is_last:
                self.record(tx, done, broken)
            elif self.part is not None:
                self.part(tx)


@dataclass(frozen=True, slots=True)
class Upgraded:
    """An upgrade: from which schema to which, where the store from before is kept, and which laws are broken."""

    schema: Upgrade
    kept: Path | None = None
    verdicts: tuple[Verdict, ...] = ()


def upgrade_store(url: str, judging: Judging, *, wait_seconds: int, host: str = "") -> Upgraded:
    """Bring the store's schema up to date, checked by every law before it counts; the file from before is kept.

    Refused, with nothing changed, where it breaks a law and that is not accepted.
    """
    from planctl.store.link import Link
    from planctl.store.maintenance import keep_from_before
    from planctl.store.sqlite_link import SqliteLink
    from planctl.store.upgrading import Around, upgrade

    kept: list[Path] = []
    verdicts: list[Verdict] = []

    def before(link: Link) -> None:
        if isinstance(link, SqliteLink):
            kept[:] = [keep_from_before(link)]

    def after(tx: Tx, done: Upgrade) -> None:
        verdicts[:] = judging.judge(tx, done, "upgrade-laws", tx.store.where)

    done = upgrade(url, wait_seconds=wait_seconds, host=host, around=Around(before, after))
    return Upgraded(done, kept[0] if kept else None, tuple(verdicts))


def restore_store(
    source: Path, target: Path, judging: Judging, *, wait_seconds: int
) -> tuple[Restored, tuple[Verdict, ...]]:
    """Put a backup where no store is, checked by every law before it counts."""
    from planctl.store.restoring import restore

    verdicts: list[Verdict] = []

    def judge(tx: Tx, done: Upgrade) -> None:
        verdicts[:] = judging.judge(tx, done, "restore-laws", str(source))

    return restore(source, target, judge=judge, wait_seconds=wait_seconds), tuple(verdicts)
