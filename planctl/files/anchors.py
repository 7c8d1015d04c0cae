"""Keeps tips of the audit in places that only grow - a file, the journal, a git note - and reads them back.

It judges no chain. A place is told as `file:PATH` (or a path), `journal`, `syslog`, or `git[:REPOSITORY]`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from planctl.core.audit import Anchor
from planctl.errors import InvalidInput, PlanctlError, Refused, StoreFailure
from planctl.values import dataclass

NAME = "planctl-audit"
"""Under which name the journal and git know them."""

JOURNAL = Path("/run/systemd/journal/socket")
LOG = Path("/dev/log")
LONGEST_READ = 256 * 1024 * 1024
_TAIL = 65_536
_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Place:
    """Where tips are kept: its kind, and the path of the file or the repository."""

    kind: str
    path: str = ""

    @classmethod
    def of(cls, said: str, option: str) -> Place:
        """Read a place; InvalidInput names the option where there is none of that kind."""
        kind, colon, path = said.partition(":")
        if said in {"journal", "syslog", "git"} or (kind in {"file", "git"} and path):
            return cls(kind, path or ("." if kind == "git" else ""))
        if said and not colon:
            return cls("file", said)
        raise InvalidInput(
            "that is no place for the audit's tip",
            code="anchor-place",
            where=option,
            expected="file:PATH, journal, syslog or git[:REPOSITORY]",
            got=said,
            hint="for example file:/var/log/planctl/anchors",
        )

    def is_there(self) -> bool:
        """Whether tips may be kept there, as far as that is seen at once."""
        return self.kind != "file" or Path(self.path).exists()

    def __str__(self) -> str:
        """As it is told."""
        return f"{self.kind}:{self.path}" if self.path else self.kind


def keep(place: Place, anchor: Anchor) -> None:
    """Append a tip to its place; StoreFailure (`anchor-failed`) where that does not take it, Refused for a link."""
    if place.kind == "file":
        _append(Path(place.path), anchor.line)
    elif place.kind == "journal":
        _send_to_journal(anchor)
    elif place.kind == "syslog":
        _send_to_syslog(anchor.line)
    else:
        _git(place.path, "notes", f"--ref={NAME}", "append", "-m", anchor.line, "HEAD")


def anchors(place: Place) -> Iterator[Anchor]:
    """Every tip that is kept there, of whichever store, in its order; other lines are passed over.

    StoreFailure where the place cannot be read.
    """
    for line in _lines(place):
        found = Anchor.of_line(line)
        if found is not None:
            yield found


def last_anchor(place: Place, store: str, generation: int, adoption: str = "") -> Anchor | None:
    """The highest tip of a store in its newest generation near the end of a file; None where there is none, or no file.

    Generations before its own are left out, and another adoption's tips of one with the same number.
    """
    path = Path(place.path)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _failed(str(place), error) from error
    with os.fdopen(descriptor, "rb") as file:
        file.seek(max(0, os.fstat(descriptor).st_size - _TAIL))
        lines = file.read().decode("utf-8", "replace").splitlines()
    own = [
        one
        for one in map(Anchor.of_line, lines)
        if one
        and one.store == store
        and (one.generation > generation or (one.generation == generation and one.adoption in {"", adoption}))
    ]
    return max(own, key=lambda one: (one.generation, one.tip.seq), default=None)


def _append(path: Path, line: str) -> None:
    """One line in one write, on the disk before this returns; a new file is its owner's alone."""
    try:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        descriptor = os.open(path, flags, 0o600)
        try:
            about = os.fstat(descriptor)
            if not stat.S_ISREG(about.st_mode):
                raise _no_file(path)
            torn = about.st_size and os.pread(descriptor, 1, about.st_size - 1) != b"\n"
            os.write(descriptor, f"{chr(10) if torn else ''}{line}\n".encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if path.is_symlink():
            raise _no_file(path) from error
        raise _failed(f"file:{path}", error) from error


def _no_file(path: Path) -> PlanctlError:
    return Refused(
        "the audit is anchored in a plain file only",
        code="anchor-place",
        where=str(path),
        expected="a file, or nothing there yet",
        got="a link" if path.is_symlink() else "something else",
        hint="name the file itself",
    )


def _send_to_journal(anchor: Anchor) -> None:
    """One entry by the journal's own protocol. Source: systemd, Native Journal Protocol."""
    import socket

    fields = {
        "MESSAGE": anchor.line,
        "SYSLOG_IDENTIFIER": NAME,
        "PRIORITY": "5",
        "PLANCTL_STORE": anchor.store,
        "PLANCTL_AUDIT_SEQ": str(anchor.tip.seq),
    }
    text = "".join(f"{name}={value}\n" for name, value in fields.items())
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.settimeout(_SECONDS)
            sender.connect(str(JOURNAL))
            sender.send(text.encode())
    except OSError as error:
        raise _failed("journal", error) from error


def _send_to_syslog(line: str) -> None:
    import syslog

    if not LOG.exists():
        raise _failed("syslog", FileNotFoundError(2, f"there is no {LOG}"))
    syslog.openlog(NAME, syslog.LOG_PID, syslog.LOG_AUTHPRIV)
    syslog.syslog(syslog.LOG_NOTICE, line)
    syslog.closelog()


def _lines(place: Place) -> Iterable[str]:
    if place.kind == "file":
        return _file_lines(Path(place.path))
    if place.kind in {"journal", "syslog"}:
        words = ("journalctl", "--quiet", "--no-pager", "--output=cat", f"--identifier={NAME}")
        return _run(words, str(place)).splitlines()
    return _notes(place.path)


def _file_lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            if os.fstat(file.fileno()).st_size > LONGEST_READ:
                raise _failed(f"file:{path}", OSError(27, f"it is longer than {LONGEST_READ:,} bytes"))
            yield from file
    except OSError as error:
        raise _failed(f"file:{path}", error) from error


def _notes(repository: str) -> Iterator[str]:
    """The lines of every note, in the order in which git lists them."""
    listed = _git(repository, "notes", f"--ref={NAME}", "list")
    for blob in (line.split()[0] for line in listed.splitlines() if line.strip()):
        yield from _git(repository, "cat-file", "blob", blob).splitlines()


def _git(repository: str, *words: str) -> str:
    quietly = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false")
    person = ("-c", "user.name=planctl", "-c", "user.email=planctl@localhost")
    return _run(("git", "-C", repository, *quietly, *person, *words), f"git:{repository}")


def _run(words: tuple[str, ...], where: str) -> str:
    import subprocess

    try:
        done = subprocess.run(
            words, capture_output=True, timeout=_SECONDS, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _failed(where, error) from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or [f"exit {done.returncode}"]
        raise _failed(where, OSError(5, said[-1]))
    return done.stdout.decode("utf-8", "replace")


def _failed(where: str, error: Exception) -> StoreFailure:
    return StoreFailure(
        "the place where the audit is anchored cannot be used",
        code="anchor-failed",
        where=where,
        got=getattr(error, "strerror", None) or str(error),
        hint="planctl audit anchor --to PLACE tries it; the audit itself is whole without it",
    )
