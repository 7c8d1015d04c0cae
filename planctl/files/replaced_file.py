"""Writes a file whole or not at all, over one that is there; whoever reads it sees the old or the new one."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from tempfile import mkstemp

from planctl.errors import StoreFailure


def replace_file(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Write UTF-8 text; a file that is there keeps its mode, a new one gets `mode`. StoreFailure where it cannot."""
    try:
        if path.exists():
            mode = path.stat().st_mode & 0o777
        target = path.resolve()  # a link stays a link
        descriptor, name = mkstemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
                file.write(text)
                file.flush()
                os.fchmod(file.fileno(), mode)
                os.fsync(file.fileno())
            os.replace(name, target)
        except BaseException:
            with suppress(OSError):
                os.unlink(name)
            raise
    except OSError as error:
        raise StoreFailure(
            "the file cannot be written", code="io", where=str(path), got=error.strerror or str(error)
        ) from error
