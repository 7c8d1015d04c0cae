"""Usage files by their digest: how far each import got, so that it can go on. It reads no file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from planctl.store.mapping import count, flag, instant, named, said
from planctl.store.sets import insert_rows, table
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_B = table("import_batch")
_COUNTS = ("offset", "rows_read", "accepted", "duplicates", "conflicts", "late", "rejected")


@dataclass(frozen=True, slots=True)
class Batch:
    """One usage file by its digest, and how far its import got. `id` 0: not stored yet; events name it."""

    digest: str
    source: str = ""
    offset: int = 0
    rows_read: int = 0
    accepted: int = 0
    duplicates: int = 0
    conflicts: int = 0
    late: int = 0
    rejected: int = 0
    done: bool = False
    recorded_at: int = 0
    id: int = 0


def batch(tx: Tx, digest: str) -> Batch | None:
    """The import of the file with that digest, None where it was never begun."""
    row = tx.connection.execute(select(_B).where(_B.c.digest == digest)).one_or_none()
    if row is None:
        return None
    values = row._mapping
    return Batch(
        digest=row.digest,
        source=row.source,
        **{name: count(values[name]) for name in _COUNTS},
        done=flag(row.is_done),
        recorded_at=instant(row.recorded_at),
        id=count(row.id),
    )


def put_batch(tx: Tx, value: Batch) -> int:
    """Write how far an import got and return its number: the next one for a new file, else the one it has."""
    row = {
        "digest": named(value.digest),
        "source": said(value.source),
        **{name: count(getattr(value, name)) for name in _COUNTS},
        "is_done": int(value.done),
        "recorded_at": instant(value.recorded_at),
    }
    stored = tx.connection.execute(select(_B.c.id).where(_B.c.digest == value.digest)).scalar_one_or_none()
    if stored is not None:
        assert value.id in {0, stored}, f"import {value.digest} is number {stored}, not {value.id}"
        tx.connection.execute(_B.update().where(_B.c.id == stored).values(row))
        return count(stored)
    last: int = tx.connection.execute(select(func.coalesce(func.max(_B.c.id), 0))).scalar_one()
    insert_rows(tx, "import_batch", [row | {"id": last + 1}])
    return last + 1
