"""Replaces the texts of several files that exist, all or none as far as the system allows; it makes no new file."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from planctl.errors import Conflict, StoreFailure
from planctl.files.replaced_file import replace_file
from planctl.values import dataclass


@dataclass(frozen=True, slots=True)
class NewText:
    """What stands in a file and what shall stand there."""

    before: str
    after: str


def replace_files(root: Path, texts: Mapping[str, NewText]) -> None:
    """Replace the texts of files by their names below `root`, or of `root` itself where it is one file.

    UTF-8, with the line ends of the text.

    Conflict, before anything is written, where a file no longer holds what was read from it. Where one cannot be
    written, those before it get their old text again, and StoreFailure says why.
    """
    paths = {root / name if root.is_dir() else root: text for name, text in texts.items()}
    for path, text in paths.items():
        if _bytes_of(path) != text.before.encode():
            raise Conflict(
                "the file was changed while it was being rewritten",
                code="file-moved",
                where=str(path),
                hint="run the command again",
            )
    done: list[Path] = []
    try:
        for path, text in paths.items():
            replace_file(path, text.after)
            done.append(path)
    except BaseException:
        for path in done:
            with suppress(StoreFailure):
                replace_file(path, paths[path].before)
        raise


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise StoreFailure("the file cannot be read", code="io", where=str(path), got=reason) from error
