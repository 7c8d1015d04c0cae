"""Recording usage, one event by hand or a file of them; both judge rows alike. It bills nothing."""

from __future__ import annotations

from planctl.workflows.record_usage.by_file import FileImport, Imported, ImportTerms, NothingKept
from planctl.workflows.record_usage.by_hand import Recorded, Recording, record

__all__ = [
    "FileImport",
    "ImportTerms",
    "Imported",
    "NothingKept",
    "Recorded",
    "Recording",
    "record",
]
