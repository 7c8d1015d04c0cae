"""Asks git which commit a directory is at, and for the catalog of another commit; it changes no repository.

For the first, being in no repository, or without git, is nothing wrong.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from planctl.errors import InvalidInput
from planctl.files.yaml_reader import MAX_CATALOG_BYTES, is_catalog_file

_SECONDS = 5
_LONGEST_READ = 60

_QUIETLY = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")
"""Only git's own programs run: hooks and monitors that a repository configures do not."""


def commit_of(path: Path) -> str:
    """The full hash of the commit that is checked out where `path` lies; empty where that cannot be told.

    `-dirty` follows where files below `path` differ from that commit.
    """
    folder = path if path.is_dir() else path.parent
    if not any((parent / ".git").exists() for parent in (folder.resolve(), *folder.resolve().parents)):
        return ""
    commit = _git(folder, "rev-parse", "--verify", "HEAD").strip()
    if not commit:
        return ""
    return f"{commit}-dirty" if _git(folder, "status", "--porcelain", "--", ".") else commit


def catalog_at(path: Path, revision: str) -> Mapping[str, str]:
    """The catalog files of `path` as they were at a revision, texts by name relative to it; none if it was not there.

    `path` is a directory, or one file. Names and limits are those of reading a directory; links are passed over.
    InvalidInput where `path` lies in no repository, git is missing or the revision is unknown.
    """
    folder = (path if path.is_dir() else path.parent).resolve()
    top = _asked(folder, revision, "rev-parse", "--show-toplevel").decode("utf-8", "replace").strip()
    commit = _asked(
        folder, revision, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"
    )
    below = path.resolve().relative_to(Path(top).resolve()).as_posix()
    listed = _asked(
        Path(top), revision, "ls-tree", "-r", "-z", "--long", commit.decode().strip(), "--", f"{below}"
    )
    blobs = dict(_blobs(listed.decode("utf-8", "replace"), below, path.name))
    if sum(size for _, size in blobs.values()) > MAX_CATALOG_BYTES:
        raise _unknown(revision, f"the catalog there is larger than {MAX_CATALOG_BYTES // 1024 // 1024} MiB")
    contents = _contents(Path(top), revision, [blob for blob, _ in blobs.values()])
    return dict(zip(blobs, contents, strict=True))


def _blobs(listed: str, below: str, file: str) -> Iterator[tuple[str, tuple[str, int]]]:
    """The catalog files of a listing, by name relative to the catalog: their objects and sizes in bytes."""
    for entry in listed.split("\0"):
        about, _, name = entry.partition("\t")
        mode, _, blob, size = (*about.split(), "", "", "", "")[:4]
        inner = file if name == below else name if below == "." else name.removeprefix(f"{below}/")
        if mode.startswith("100") and is_catalog_file(inner):  # neither links nor submodules
            yield inner, (blob, int(size))


def _contents(top: Path, revision: str, blobs: list[str]) -> Iterator[str]:
    """The texts of objects, asked for at once; what is not UTF-8 keeps a mark that the reader refuses."""
    wanted = "".join(f"{blob}\n" for blob in blobs).encode()
    rest = _asked(top, revision, "cat-file", "--batch", given=wanted) if blobs else b""
    for _ in blobs:
        head, _, rest = rest.partition(b"\n")
        size = int(head.split()[2])
        data, rest = rest[:size], rest[size + 1 :]
        yield data.decode("utf-8", "surrogateescape")


def _asked(folder: Path, revision: str, *words: str, given: bytes = b"") -> bytes:
    """What git says; InvalidInput where it cannot."""
    try:
        answer = _run(folder, words, _LONGEST_READ, given)
    except FileNotFoundError:
        raise _unknown(revision, "git is not installed") from None
    except (OSError, subprocess.SubprocessError) as error:
        raise _unknown(revision, f"git did not answer: {error}") from error
    if answer.returncode != 0:
        said = answer.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
        raise _unknown(revision, said.removeprefix("fatal: ") or "there is no such revision")
    return answer.stdout


def _unknown(revision: str, reason: str) -> InvalidInput:
    return InvalidInput(
        f"the catalog of that revision cannot be read: {reason}",
        code="git-revision",
        where="--against",
        expected="git:REV, where REV is a commit, tag or branch of the repository that holds the catalog",
        got=f"git:{revision}",
        hint="a shallow clone lacks older commits: fetch them first",
    )


def _git(folder: Path, *words: str) -> str:
    """What git says; empty where it is missing, slow, or does not want to."""
    try:
        answer = _run(folder, words, _SECONDS)
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.decode("utf-8", "replace") if answer.returncode == 0 else ""


def _run(
    folder: Path, words: tuple[str, ...], seconds: int, given: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["git", "-C", str(folder), *_QUIETLY, *words],
        input=given,
        capture_output=True,
        timeout=seconds,
        env={**_environment(), "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
    )


def _environment() -> dict[str, str]:
    """The environment without what a hook of git sets, which speaks of another directory than the catalog's."""
    return {name: value for name, value in os.environ.items() if name not in _OF_HOOKS}


_OF_HOOKS = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR"})
