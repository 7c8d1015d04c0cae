"""Imports a usage file row by row, in transactions of many rows; a killed import goes on where it stopped.

Good rows are kept, bad ones are counted and told; or all are kept or none, where that was asked for.
Source: planctl billing rules, usage.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Protocol
from zoneinfo import ZoneInfo

from planctl.core.metering.accept import Row
from planctl.core.money import decimal_text
from planctl.core.periods import Instant, instant_text
from planctl.files.usage_reader import Kind, Line, Position, Unreadable, UsageFile, read_usage
from planctl.identifiers import new_id
from planctl.store import usage
from planctl.store.usage import Batch, Conflicting
from planctl.workflows.record_usage.intake import Intake, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from planctl.store.engine import Tx

ROWS = 20_000
"""Rows per transaction: enough that a durable commit costs nothing, few enough to be held in memory."""

SHOWN = 20
"""How many refused rows are kept for telling; a rejects file gets them all."""

CONFLICT = "conflict"


class Rejects(Protocol):
    """Where refused rows go; `planctl.files.rejects.RejectsFile` is one."""

    def add(self, line: int, reason: str, message: str, hint: str, raw: bytes) -> None:
        """Add a row."""

    def flush(self) -> None:
        """Make it last."""


@dataclass(frozen=True, slots=True)
class ImportTerms:
    """How a file is imported. `recorded_at` is the machine's clock; `tz` is that of dates without a time."""

    kind: Kind
    at: Instant
    recorded_at: Instant
    tz: ZoneInfo
    allow_future: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """A row that was not kept, for people: its line, why, what to do."""

    line: int
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file's rows; of a resumed import, of all of them.

    `late` is part of `accepted`. `resumed_at`: how many lines an earlier run had already done, None: none.
    """

    read: int = 0
    accepted: int = 0
    duplicates: int = 0
    conflicts: int = 0
    late: int = 0
    rejected: int = 0
    resumed_at: int | None = None
    told: tuple[Told, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether every row is in."""
        return not self.rejected and not self.conflicts


class NothingKept(Exception):
    """All or nothing was asked for, and some rows are no good: the transaction is undone."""

    def __init__(self, imported: Imported) -> None:
        super().__init__("nothing was kept")
        self.imported = replace(imported, accepted=0, late=0)


class FileImport:
    """The import of one file: `rows` for row by row, or `whole` in one transaction. Use one of them, once."""

    def __init__(self, file: UsageFile, terms: ImportTerms, rejects: Rejects | None = None) -> None:
        self.file, self.terms, self.rejects = file, terms, rejects
        self.batch = Batch(file.digest or new_id("pipe", terms.recorded_at), source=file.name)
        self.imported = Imported()
        self.lines: Iterator[Line] = iter(())

    def rows(self, write: Callable[[], AbstractContextManager[Tx]]) -> None:
        """Import in transactions of ROWS rows; each keeps how far it got, so that a killed import goes on."""
        with write() as tx:
            self._begin(tx, resume=True)
            more = self._some(tx)
        while more:
            with write() as tx:
                more = self._some(tx)

    def whole(self, tx: Tx, *, all_or_nothing: bool) -> Imported:
        """Import everything in this transaction; NothingKept where `all_or_nothing` and not all is good."""
        self._begin(tx, resume=False)
        while self._some(tx):
            pass
        if all_or_nothing and not self.imported.whole:
            raise NothingKept(self.imported)
        return self.finish(tx)

    def finish(self, tx: Tx) -> Imported:
        """Say that the file is done."""
        self._keep(tx, done=True)
        return self.imported

    def _begin(self, tx: Tx, *, resume: bool) -> None:
        """Find out whether the file was begun before; one that was finished is read again as a whole."""
        before = usage.batch(tx, self.batch.digest)
        start = Position()
        if before is not None and resume and not before.done and before.offset:
            start = self.file.position(before.offset)
            self.imported = Imported(
                before.rows_read,
                before.accepted,
                before.duplicates,
                before.conflicts,
                before.late,
                before.rejected,
                resumed_at=start.lines,
            )
        self.batch = before or replace(self.batch, id=usage.put_batch(tx, self._batch(0, done=False)))
        self.offset = start.offset
        self.lines = read_usage(self.file, self.terms.kind, self.terms.tz, start)

    def _some(self, tx: Tx) -> bool:
        """Import the next rows; whether there may be more."""
        lines = list(islice(self.lines, ROWS))
        if not lines:
            return False
        good = [line for line in lines if isinstance(line.row, Row)]
        verdicts = Intake(tx, self.terms.at, allow_future=self.terms.allow_future).take(
            [line.row for line in good if isinstance(line.row, Row)]
        )
        taken, refused = (
            [],
            [(line, Refusal(*line.row)) for line in lines if isinstance(line.row, Unreadable)],
        )
        for line, verdict in zip(good, verdicts, strict=True):
            if isinstance(verdict, Refusal):
                refused.append((line, verdict))
            else:
                taken.append((line, verdict.row))
        outcome = usage.append(tx, [row for _, row in taken], self.batch.id)
        clashes = [(taken[clash.position][0], _clash(clash)) for clash in outcome.conflicts]
        had = self.imported
        self.imported = replace(
            had,
            read=had.read + len(lines),
            accepted=had.accepted + outcome.accepted,
            duplicates=had.duplicates + outcome.duplicates,
            conflicts=had.conflicts + len(clashes),
            late=had.late + outcome.late,
            rejected=had.rejected + len(refused),
        )
        self._tell(sorted([*refused, *clashes], key=lambda pair: pair[0].number))
        self.offset = lines[-1].offset
        self._keep(tx, done=False)
        return len(lines) == ROWS

    def _tell(self, refused: list[tuple[Line, Refusal]]) -> None:
        """Keep the first for people, all for the rejects file."""
        room = SHOWN - len(self.imported.told)
        told = tuple(Told(line.number, why) for line, why in refused[:room])
        self.imported = replace(self.imported, told=(*self.imported.told, *told))
        if self.rejects is not None:
            for line, why in refused:
                self.rejects.add(line.number, why.reason, why.message, why.hint, line.raw)
            self.rejects.flush()

    def _keep(self, tx: Tx, *, done: bool) -> None:
        """Keep how far it got; of a file that was finished before, what it did then stays."""
        if not self.batch.done:
            usage.put_batch(tx, self._batch(self.offset, done=done))

    def _batch(self, offset: int, *, done: bool) -> Batch:
        now = self.imported
        return Batch(
            self.batch.digest,
            self.batch.source,
            offset,
            now.read,
            now.accepted,
            now.duplicates,
            now.conflicts,
            now.late,
            now.rejected,
            done,
            self.terms.recorded_at,
            self.batch.id,
        )


def _clash(clash: Conflicting) -> Refusal:
    """What a conflict is about: both quantities, and when and by what the other was recorded."""
    source = {-1: "earlier in this file", 0: "by hand"}.get(clash.batch, f"by import {clash.batch}")
    kept = f"{decimal_text(clash.quantity)} at {instant_text(Instant(clash.at))}"
    new = f"{decimal_text(clash.row.quantity)} at {instant_text(Instant(clash.row.at))}"
    return Refusal(
        CONFLICT,
        f"another event has this id: recorded {source} {kept}, now {new}",
        "use a new id for a new event",
    )
