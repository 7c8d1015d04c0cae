"""Reads a JSON file of ours as a document: exact numbers, no doubled keys, limits first. It knows no format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NoReturn

from planctl.core.document import Document, canonical
from planctl.errors import InvalidInput
from planctl.files.standard_input import read_up_to

MAX_BYTES = 64 * 1024 * 1024
"""The longest file; a snapshot of 1,000 plans and 100,000 subscriptions stays far below."""

MAX_VALUES = 1_500_000
"""Commas, brackets and braces in a file, so that what is read takes some 200 MB at most."""

DEEPEST = 100
"""Levels of maps and lists; a catalog's own values nest at most 32."""


def read_json(path: Path, what: str) -> Document:
    """The document in a file; numbers become their source text. `what` names it in errors (`a saved plan`).

    InvalidInput where the file cannot be opened, is too long or holds too much, is not UTF-8 or not
    JSON, says a key twice, or nests too deeply.
    """
    try:
        with path.open("rb") as stream:
            data = read_up_to(stream, MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise _unreadable(path, what, f"it cannot be opened: {reason}") from None
    if len(data) > MAX_BYTES:
        raise _unreadable(path, what, f"it is longer than {MAX_BYTES // 1024 // 1024} MiB")
    if sum(data.count(mark) for mark in b",[{") > MAX_VALUES:
        raise _unreadable(path, what, f"it holds more than {MAX_VALUES:,} values")
    try:
        found: Document = json.loads(
            data.decode("utf-8"),
            parse_int=str,
            parse_float=str,
            parse_constant=_constant,
            object_pairs_hook=_map,
        )
        canonical(found).encode("utf-8")  # an escape can bring a lone surrogate, which nothing can write
    except UnicodeError:
        raise _unreadable(path, what, "it is not UTF-8") from None
    except RecursionError:
        raise _unreadable(path, what, "maps and lists are nested too deeply") from None
    except json.JSONDecodeError as error:
        reason = f"it is not JSON: {error.msg} in line {error.lineno}, column {error.colno}"
        raise _unreadable(path, what, reason) from None
    except _Doubled as error:
        raise _unreadable(path, what, f"it says the key {error.key!r} twice") from None
    except ValueError as error:
        raise _unreadable(path, what, str(error)) from None
    if _is_deep(found):
        raise _unreadable(path, what, "maps and lists are nested too deeply")
    return found


def _is_deep(found: Document) -> bool:
    """Whether maps and lists are nested deeper than DEEPEST: whoever walks the document may then go down by calls."""
    level: list[Document] = [found]
    for _ in range(DEEPEST):
        level = [
            below
            for one in level
            for below in (one.values() if isinstance(one, dict) else one if isinstance(one, list) else ())
        ]
        if not level:
            return False
    return True


class _Doubled(ValueError):
    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def _map(pairs: list[tuple[str, Document]]) -> dict[str, Document]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _Doubled(key)
            seen.add(key)
    return found


def _constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _unreadable(path: Path, what: str, reason: str) -> InvalidInput:
    return InvalidInput(
        f"{what} cannot be read: {reason}",
        code="file-unreadable",
        where=str(path),
        hint=f"make {what} again; it is written by planctl and not by hand",
    )
