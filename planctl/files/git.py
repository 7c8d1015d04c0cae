"""Asks git which commit a directory is at; being in no repository, or without git, is nothing wrong."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_SECONDS = 5


def commit_of(path: Path) -> str:
    """The full hash of the commit that is checked out where `path` lies; empty where that cannot be told.

    `-dirty` follows where files below `path` differ from that commit. Only git's own programs run: hooks and
    file system monitors that a repository configures do not.
    """
    folder = path if path.is_dir() else path.parent
    if not any((parent / ".git").exists() for parent in (folder.resolve(), *folder.resolve().parents)):
        return ""
    commit = _git(folder, "rev-parse", "--verify", "HEAD").strip()
    if not commit:
        return ""
    return f"{commit}-dirty" if _git(folder, "status", "--porcelain", "--", ".") else commit


def _git(folder: Path, *words: str) -> str:
    """What git says; empty where it is missing, slow, or does not want to."""
    try:
        answer = subprocess.run(
            [
                "git",
                "-C",
                str(folder),
                "-c",
                "core.fsmonitor=false",
                "-c",
                "core.hooksPath=/dev/null",
                *words,
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.decode("utf-8", "replace") if answer.returncode == 0 else ""
