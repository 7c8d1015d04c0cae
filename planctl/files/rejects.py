"""Keeps rejected usage rows in a new file, readable by its owner alone; it never overwrites one."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TextIO

from planctl.errors import InvalidInput


@dataclass(slots=True)
class RejectsFile:
    """An open file of rejected rows, a JSON object a line; removed at the end where nothing was rejected."""

    path: Path
    stream: TextIO
    written: int = field(default=0)

    @classmethod
    def create(cls, name: str) -> RejectsFile:
        """Make the file, 0600; InvalidInput where there is one already."""
        path = Path(name)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise InvalidInput(
                "there is a file of that name already; nothing was read",
                code="file-exists",
                where=name,
                hint="name a new file with --rejects",
            ) from None
        return cls(path, os.fdopen(descriptor, "w", encoding="utf-8", newline="\n"))

    def add(self, line: int, reason: str, message: str, hint: str, raw: bytes) -> None:
        """Add a row: its line number, why it was rejected, and the row itself."""
        row = {"line": line, "reason": reason, "message": message, "hint": hint or None}
        row["row"] = raw.decode("utf-8", "backslashreplace").rstrip("\r")
        self.stream.write(json.dumps(row) + "\n")
        self.written += 1

    def flush(self) -> None:
        """Hand everything to the system, before what was accepted is committed."""
        self.stream.flush()

    def __enter__(self) -> RejectsFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stream.close()
        if not self.written:
            self.path.unlink(missing_ok=True)
