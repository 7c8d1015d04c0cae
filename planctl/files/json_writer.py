"""Writes a document of ours as a JSON file, over an older one of its kind and over nothing else."""

from __future__ import annotations

import json
import stat
from collections.abc import Mapping
from pathlib import Path

from planctl.errors import Refused
from planctl.files.replaced_file import replace_file

_ENOUGH = 4_096
"""So many bytes of a file tell what it is."""


def write_json(path: Path, document: Mapping[str, object]) -> None:
    """Write a document that says its `format` first, one value a line, as git compares files well.

    A file of the same format is replaced. Refused where another file stands there, such as one of the catalog's, or
    what is no plain file: a link that a pull request laid down, a device, a pipe. StoreFailure where the file system
    does not let us.
    """
    mark = f'{{\n "format": "{document["format"]}"'
    _check_place(path)
    try:
        with path.open("rb") as stream:
            there = stream.read(_ENOUGH).decode("utf-8", "replace")
    except (OSError, ValueError):  # nothing there, or nothing that can be read: writing says what is wrong
        there = mark
    if there.strip() and not there.startswith(mark):
        raise Refused(
            "the file is there already and is something else",
            code="file-exists",
            where=str(path),
            expected=f"a new file, or one in the format {document['format']}",
            hint="give another name, or move the file away",
        )
    replace_file(path, json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def _check_place(path: Path) -> None:
    try:
        found = path.lstat().st_mode
    except (OSError, ValueError):  # nothing there, or nothing that can be asked: writing says what is wrong
        return
    if not (stat.S_ISREG(found) or stat.S_ISDIR(found)):
        raise Refused(
            "what is there already is a link, or no plain file",
            code="file-exists",
            where=str(path),
            expected="a new file",
            hint="give another name; a link is not followed",
        )
