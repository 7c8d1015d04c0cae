"""The runs of `invoice run`: when each believed it was, whom it covered, what it did. It runs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, select

from planctl.core.document import Document, canonical, document_of
from planctl.core.periods import Instant
from planctl.store.sets import insert_rows, table
from planctl.store.touching import will_change
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_R = table("run")


@dataclass(frozen=True, slots=True)
class Run:
    """One run. `finished_at` None: it has not ended, or was killed. `is_whole`: no customer was left out."""

    id: str
    as_of: Instant
    is_whole: bool
    started_at: Instant
    finished_at: Instant | None = None
    summary: Document = None


def start(tx: Tx, run: Run) -> None:
    """Record that a run begins; Conflict if its id is taken."""
    row = {
        "id": run.id,
        "as_of": run.as_of,
        "is_whole": int(run.is_whole),
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "summary": canonical(run.summary),
    }
    insert_rows(tx, "run", [row])


def finish(tx: Tx, run_id: str, finished_at: int, summary: Document) -> None:
    """Record that a run has ended and what it did. It must have begun."""
    values = {"finished_at": finished_at, "summary": canonical(summary)}
    will_change(tx, "run", [(run_id,)])
    changed = tx.connection.execute(_R.update().where(_R.c.id == run_id).values(values)).rowcount
    assert changed == 1, f"run {run_id} never began"


def last_whole(tx: Tx) -> Run | None:
    """The run that ended last among those that covered everybody; None before the first."""
    query = select(_R).where(_R.c.is_whole == 1, _R.c.finished_at.is_not(None))
    row = tx.connection.execute(
        query.order_by(_R.c.finished_at.desc(), _R.c.id.desc()).limit(1)
    ).one_or_none()
    return None if row is None else _run(row)


def last_issuing(tx: Tx) -> Run | None:
    """The same among those that issued an invoice; None where none did."""
    query = select(_R).where(_R.c.is_whole == 1, _R.c.finished_at.is_not(None))
    newest_first = query.order_by(_R.c.finished_at.desc(), _R.c.id.desc())
    with tx.connection.execute(newest_first, execution_options={"yield_per": 100}) as rows:
        return next((run for run in map(_run, rows) if issued_by(run)), None)


def issued_by(run: Run) -> int:
    """How many invoices a run says that it issued; 0 where it says nothing."""
    issued = run.summary.get("issued") if isinstance(run.summary, dict) else None
    return issued if isinstance(issued, int) else 0


def runs(tx: Tx, limit: int | None = None) -> list[Run]:
    """The last `limit` runs, or all, newest first."""
    rows = tx.connection.execute(select(_R).order_by(_R.c.started_at.desc(), _R.c.id.desc()).limit(limit))
    return [_run(row) for row in rows]


def _run(row: Row[Any]) -> Run:
    finished_at = None if row.finished_at is None else Instant(row.finished_at)
    return Run(
        row.id,
        Instant(row.as_of),
        bool(row.is_whole),
        Instant(row.started_at),
        finished_at,
        document_of(row.summary),
    )
