"""Recording usage, one event by hand or a file of them; both judge rows alike. It bills nothing.

What is not needed by every call is imported when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from planctl.core.periods import Instant
from planctl.workflows.record_usage.plainly import record_plainly
from planctl.workflows.record_usage.said import Recorded, Recording

if TYPE_CHECKING:
    from planctl.store.engine import Tx
    from planctl.workflows.record_usage.by_file import FileImport, Imported, ImportTerms, NothingKept

__all__ = [
    "FileImport",
    "ImportTerms",
    "Imported",
    "NothingKept",
    "Recorded",
    "Recording",
    "record",
]


def record(tx: Tx, said: Recording, as_of: Instant) -> Recorded:
    """Record one event; else NotFound, InvalidInput, Refused (below 0, too late, not allowed) or Conflict."""
    found = record_plainly(tx, said, as_of)
    if found is None:
        from planctl.workflows.record_usage import by_hand

        found = by_hand.record(tx, said, as_of)
    return found


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from planctl.workflows.record_usage import by_file

    return getattr(by_file, name)
