"""Writes files that were not there before, readable by their owner alone; it never overwrites anything."""

from __future__ import annotations

import os
from pathlib import Path

from planctl.errors import Refused, StoreFailure


def write_new_file(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Write UTF-8 text to a new file, with its directories; Refused where something stands there already.

    Neither a file nor a link is followed or replaced. StoreFailure where the file system does not let us, and then
    nothing is left of it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _not_written(path, error) from error
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, mode)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
        except OSError:
            path.unlink(missing_ok=True)  # an empty file would be kept as somebody's own from then on
            raise
    except FileExistsError:
        raise Refused(
            "the file is already there",
            code="file-exists",
            where=str(path),
            hint="give another name, or move the file away",
        ) from None
    except OSError as error:
        raise _not_written(path, error) from error


def _not_written(path: Path, error: OSError) -> StoreFailure:
    return StoreFailure(
        "the file cannot be written", code="io", where=str(path), got=error.strerror or str(error)
    )
