"""Imports a usage file row by row, in transactions of many rows; a killed import goes on where it stopped.

Good rows are kept, bad ones are counted and told; or all are kept or none, where that was asked for.
Source: planctl billing rules, usage.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from operator import itemgetter
from typing import TYPE_CHECKING, Protocol
from zoneinfo import ZoneInfo

from planctl.core.metering.accept import Row
from planctl.core.money import decimal_text
from planctl.core.periods import Instant, instant_text
from planctl.files.usage_reader import Block, Kind, Position, Unreadable, UsageFile, read_usage
from planctl.identifiers import new_id
from planctl.store import usage
from planctl.store.usage import Batch, Conflicting
from planctl.store.usage_customers import UsageCustomers
from planctl.values import dataclass
from planctl.workflows.record_usage.intake import Intake, Refusal
from planctl.workflows.record_usage.ordinary import take_block

if TYPE_CHECKING:
    from planctl.store.engine import Tx

ROWS = 30_000
"""Lines per transaction: enough that a durable commit costs nothing, few enough to be held in memory."""

SHOWN = 20
"""How many refused rows are kept for telling; a rejects file gets them all."""

CONFLICT = "conflict"

_NOTHING = Block(1, 0, (), ())


Progress = Callable[[int, int, bool], None]
"""Told how many rows of a large file are done, the byte offset behind them, and whether that is all."""


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

    def __init__(
        self,
        file: UsageFile,
        terms: ImportTerms,
        rejects: Rejects | None = None,
        progress: Progress = lambda _rows, _offset, _last: None,
    ) -> None:
        self.file, self.terms, self.rejects, self.progress = file, terms, rejects, progress
        self.batch = Batch(file.digest or new_id("pipe", terms.recorded_at), source=file.name)
        self.imported = Imported()
        self.blocks: Iterator[Block] = iter(())
        self.customers = UsageCustomers()

    def rows(self, write: Callable[[], AbstractContextManager[Tx]]) -> None:
        """Import in transactions of ROWS rows; each keeps how far it got, so that a killed import goes on."""
        with _without_collector():
            with write() as tx:
                self._begin(tx, resume=True)
                self._take(tx, next(self.blocks, _NOTHING))
            for block in self.blocks:  # read before the transaction begins: others may write meanwhile
                with write() as tx:
                    self._take(tx, block)
                del block  # before the next one is read
        self._tell_progress(last=True)

    def whole(self, tx: Tx, *, all_or_nothing: bool) -> Imported:
        """Import everything in this transaction; NothingKept where `all_or_nothing` and not all is good."""
        self._begin(tx, resume=False)
        with _without_collector():
            for block in self.blocks:
                self._take(tx, block)
                del block
        self._tell_progress(last=True)
        if all_or_nothing and not self.imported.whole:
            raise NothingKept(self.imported)
        return self.finish(tx)

    def finish(self, tx: Tx) -> Imported:
        """Say that the file is done."""
        self._keep(tx, done=True)
        return self.imported

    def _begin(self, tx: Tx, *, resume: bool) -> None:
        """Find out whether the file was begun before; one that was finished is read again as a whole."""
        usage.prepare_import(tx)
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
        self.blocks = read_usage(self.file, self.terms.kind, self.terms.tz, start, ROWS)

    def _take(self, tx: Tx, block: Block) -> None:
        """Import a block of lines."""
        rows, refused = _apart(block)
        intake = Intake(tx, self.terms.at, allow_future=self.terms.allow_future, customers=self.customers)
        judged = take_block(intake, [row for _, row in rows])
        refused += [(rows[place][0], why) for place, why in judged.refused.items()]
        outcome = usage.append_block(tx, judged.block, self.batch.id)
        clashes = [(rows[judged.places[clash.position]][0], _clash(clash)) for clash in outcome.conflicts]
        had = self.imported
        self.imported = replace(
            had,
            read=had.read + len(block.rows) - block.rows.count(None),
            accepted=had.accepted + outcome.accepted,
            duplicates=had.duplicates + outcome.duplicates,
            conflicts=had.conflicts + len(clashes),
            late=had.late + outcome.late,
            rejected=had.rejected + len(refused),
        )
        self._tell(block, sorted([*refused, *clashes], key=itemgetter(0)))
        self.offset = max(self.offset, block.offset)
        self._keep(tx, done=False)
        self._tell_progress(last=False)

    def _tell(self, block: Block, refused: list[tuple[int, Refusal]]) -> None:
        """Keep the first for people, all for the rejects file."""
        room = SHOWN - len(self.imported.told)
        told = tuple(Told(block.first + place, why) for place, why in refused[:room])
        self.imported = replace(self.imported, told=(*self.imported.told, *told))
        if self.rejects is not None:
            for place, why in refused:
                number, line = block.first + place, block.lines[place]
                self.rejects.add(number, why.reason, why.message, why.hint, line)
            self.rejects.flush()

    def _tell_progress(self, *, last: bool) -> None:
        """Say how far it is, unless a single block is all there is."""
        if self.imported.read > ROWS:
            self.progress(self.imported.read, self.offset, last)

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


@contextmanager
def _without_collector() -> Iterator[None]:
    """Let nobody look for cycles among millions of rows, which have none: that costs a fifth of an import."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _apart(block: Block) -> tuple[list[tuple[int, Row]], list[tuple[int, Refusal]]]:
    """The rows of a block and why there is none, each with the place of its line."""
    rows = [(place, row) for place, row in enumerate(block.rows) if type(row) is Row]
    if len(rows) == len(block.rows):
        return rows, []
    unreadable = enumerate(block.rows)
    return rows, [(place, Refusal(*why)) for place, why in unreadable if isinstance(why, Unreadable)]


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
