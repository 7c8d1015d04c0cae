"""Lays a file down whole: written beside its name, made durable, then named. It knows nothing of what is in it.

A process that dies leaves nothing under the name, only `NAME.tmp`, which the next one to lay the same file takes over.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from planctl.errors import Busy, PlanctlError, Refused, StoreFailure
from planctl.store.exposure import BESIDE, OWNER_ONLY

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What the system says where there is no room, or no more for this user or this file."""


@contextmanager
def laid(target: Path, what: str, code: str = "") -> Iterator[Path]:
    """A new empty file with mode 0600 to be filled, which becomes `target` at the end; nothing is left of a failure.

    `what` names it in messages. With a `code` a target that is there is Refused, without one it is replaced. Busy where
    another process is laying the same; StoreFailure where the file system does not let us.
    """
    target = Path(os.path.abspath(target))
    if code:
        check_free(target, what, code)
    draft = Path(f"{target}.tmp")
    with _held(draft, what) as descriptor:
        try:
            _clear(draft)
            yield draft
            os.fsync(descriptor)
            if code:
                check_free(target, what, code)
            os.rename(draft, target)
        except OSError as error:
            remove(draft)
            raise _not_made(target, what, error) from error
        except BaseException:
            remove(draft)
            raise
        try:
            sync_name(target)
        except OSError as error:
            raise _not_sure(target, what, error) from error


def check_free(target: Path, what: str, code: str) -> None:
    """Refused where anything stands at a place, a link that leads nowhere too."""
    if os.path.lexists(target):
        raise Refused(
            f"{what} would be written over what is there already",
            code=code,
            where=str(target),
            hint="give a new name, or move away what is there; nothing is ever overwritten",
        )


def remove(path: Path) -> None:
    """Remove a database's file with what SQLite keeps beside it; nothing where there is none."""
    for suffix in ("", *BESIDE):
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def sync_name(path: Path) -> None:
    """Make a file's name durable."""
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _held(draft: Path, what: str) -> Iterator[int]:
    """The draft, open and locked to its end; one that nobody holds is left over from a process that died."""
    try:
        descriptor = os.open(draft, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, OWNER_ONLY)
    except OSError as error:
        raise _not_made(draft, what, error) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            mine = os.path.samestat(os.fstat(descriptor), os.lstat(draft))
        except (BlockingIOError, FileNotFoundError):
            mine = False
        if not mine:
            raise _busy(draft, what)
        yield descriptor
    finally:
        os.close(descriptor)


def _clear(draft: Path) -> None:
    for suffix in BESIDE:
        Path(f"{draft}{suffix}").unlink(missing_ok=True)
    os.truncate(draft, 0)
    draft.chmod(OWNER_ONLY)


def _busy(draft: Path, what: str) -> Busy:
    return Busy(
        f"another command is writing {what} to the same place",
        where=str(draft),
        hint="wait until it is done, or give another name",
    )


def _not_sure(path: Path, what: str, error: OSError) -> PlanctlError:
    """It has its name, but nobody knows whether it keeps that over a loss of power."""
    return StoreFailure(
        f"{what} was made, but then the disk failed: it may be gone after a loss of power",
        code="commit-unknown",
        where=str(path),
        got=error.strerror or str(error),
        hint="check the disk, and whether the file is there, before the command is run again",
    )


def _not_made(path: Path, what: str, error: OSError) -> PlanctlError:
    return StoreFailure(
        f"{what} cannot be made",
        code="disk" if error.errno in FULL else "",
        where=str(path),
        got=error.strerror or str(error),
        hint="check the directory: who may write there, and how much room there is",
    )
