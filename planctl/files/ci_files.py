"""Appends to the files by which a CI job hands on a summary and outputs; what they say it does not know.

Source: GitHub Actions, "Workflow commands for GitHub Actions": environment files, job summaries, multiline strings.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from planctl.errors import StoreFailure

SUMMARY, OUTPUT = "GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"
"""The variables of the environment that name the files."""

MAX_SUMMARY = 1024 * 1024
"""The most bytes that a step's summary may have; a longer one is shown not at all."""

_TOO_LONG = "The summary of this diff is left out: with it the step's summary would be longer than 1 MiB.\n"
_NAME = re.compile("[A-Za-z_][A-Za-z0-9_-]*", re.ASCII)


def append_summary(text: str) -> None:
    """Add Markdown to the step's summary; nothing where the environment names no file for it.

    Where it does not fit any more, a sentence says so instead. StoreFailure where the file cannot be written.
    """
    path = _path(SUMMARY)
    if path is not None:
        _append(path, (_whole_lines(text), _TOO_LONG), MAX_SUMMARY)


def append_outputs(outputs: Mapping[str, str | int]) -> None:
    """Set the step's outputs; nothing where the environment names no file for them.

    A value of several lines is written between two delimiter lines that it does not contain, so no value can set
    another output. StoreFailure where the file cannot be written.
    """
    path = _path(OUTPUT)
    if path is not None:
        _append(path, ("".join(_output(name, str(value)) for name, value in outputs.items()),))


def _path(variable: str) -> Path | None:
    named = os.environ.get(variable, "")
    return Path(named) if named else None


def _output(name: str, value: str) -> str:
    assert _NAME.fullmatch(name), f"{name!r} is no name of an output"
    if "\n" not in value and "\r" not in value:
        return f"{name}={value}\n"
    delimiter = "planctl_" + sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
    assert delimiter not in value, "no text holds its own hash"
    return f"{name}<<{delimiter}\n{_whole_lines(value)}{delimiter}\n"


def _whole_lines(text: str) -> str:
    return text if text.endswith("\n") else text + "\n"


def _append(path: Path, texts: tuple[str, ...], most: int | None = None) -> None:
    """Add the first of the texts with which the file is not longer than `most` bytes, on a line of its own."""
    try:
        with path.open("a+b") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 1))
            begin = b"" if file.read(1) in {b"", b"\n"} else b"\n"
            for text in texts:
                added = begin + text.encode("utf-8", "backslashreplace")
                if most is None or size + len(added) <= most:
                    file.write(added)
                    return
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise StoreFailure(
            "the file of the CI job cannot be written",
            code="io",
            where=str(path),
            got=reason,
            hint=f"leave out --ci where no CI job runs, or unset {SUMMARY} and {OUTPUT}",
        ) from error
