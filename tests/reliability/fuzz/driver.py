"""Runs cases of hostile input through planctl, many in one forked child; whatever ends the child is the last one's.

The child has 300 MB, 2 s of processor time for each case, no network, a clock that stands still, and a working
directory of its own. Nothing here knows what the inputs are.
"""

from __future__ import annotations

import gc
import io
import json
import os
import resource
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, NoReturn
from unittest import mock

from planctl.__main__ import main
from planctl.core.stripe.model import Answer
from planctl.stripe_bridge.gateway import Gateway, _understood
from planctl.stripe_bridge.wire import Heard
from tests.reliability.fuzz import seeds
from tests.reliability.fuzz.cases import CPU_SECONDS, STORE, Case, Ran, faults

Make = Callable[[int], Case]
"""Makes the case of a number, always the same one."""

BATCH = 500
"""So many cases a child runs before it is replaced, so that what it remembers stays small."""

HANGS_SECONDS = 300
"""A case that neither computes nor ends: it waits for something that never comes."""

EVERY = 16
"""Of the cases that changed the store, one of so many is looked through by `doctor`."""

ROOM = 200 * 1024 * 1024
"""So much a case may address above what the program addresses with all its modules, which is below 100 MB itself."""

_HARNESS = -1
"""The number of what is wrong with the harness itself."""


@dataclass(frozen=True, slots=True)
class Found:
    """A case that broke a rule, and how."""

    number: int
    what: tuple[str, ...]


def run(make: Make, numbers: Sequence[int]) -> list[Found]:
    """Run the cases of these numbers; those that broke a rule, in order."""
    seeds.world()
    found: list[Found] = []
    left = [*numbers]
    with warm():
        while left:
            done, broken, death = _child(make, left[:BATCH])
            found += broken
            if death:
                found.append(Found(left[done], (death,)))
                done += 1
            left = left[done:]
    return found


def _child(make: Make, numbers: Sequence[int]) -> tuple[int, list[Found], str]:
    """Run the cases in one child: how many ended, which broke a rule, and how the next one ended the child."""
    folder = Path(tempfile.mkdtemp(prefix="planctl-fuzz-", dir=_memory()))
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        _be_the_child(folder, writing, make, numbers)
    os.close(writing)
    try:
        with os.fdopen(reading, "rb") as pipe:
            said = [json.loads(line) for line in pipe]
        _, status = os.waitpid(child, 0)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if said and said[-1][0] == _HARNESS:
        raise RuntimeError(said[-1][1])
    broken = [Found(number, tuple(what)) for number, what in said if what]
    death = "" if len(said) == len(numbers) else _meaning(os.waitstatus_to_exitcode(status))
    return len(said), broken, death


def _meaning(code: int) -> str:
    if code == -signal.SIGPROF:
        return f"it computes for more than {CPU_SECONDS} s"
    if code == -signal.SIGALRM:
        return f"it neither computes nor ends for {HANGS_SECONDS} s"
    if code < 0:
        return f"it was killed by {signal.Signals(-code).name}"
    return f"the process ended with exit code {code}"


def _memory() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


# --- the child


def _be_the_child(folder: Path, pipe: int, make: Make, numbers: Sequence[int]) -> NoReturn:
    code = 99
    try:
        room = Room(folder)
        room.enter()
        for number in numbers:
            what = room.run(make(number), thorough=number % EVERY == 0)
            os.write(pipe, json.dumps([number, what]).encode() + b"\n")
        code = 0
    except BaseException as error:
        import traceback

        text = "".join(traceback.format_exception(error))
        os.write(pipe, json.dumps([_HARNESS, text]).encode() + b"\n")
    finally:
        os._exit(code)


class Room:
    """Where the cases of one child run: a directory, streams of its own, and the limits of the process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "work"
        self.folder.mkdir()
        (folder / "home").mkdir()
        self.home = folder / "home"
        self.outs = [_stream() for _ in range(2)]
        self.environment: Mapping[str, str] = {}

    def enter(self) -> None:
        """Make the process what a run of planctl finds: limits, variables, no network."""
        os.umask(0o077)
        gc.set_threshold(200_000, 50, 1_000)
        tempfile.tempdir = str(self.home)
        self.environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.home),
            "XDG_DATA_HOME": f"{self.home}/data",
            "XDG_CONFIG_HOME": f"{self.home}/config",
            "TZ": "UTC",
            "NO_COLOR": "1",
            "COLUMNS": "100",
            "GIT_CEILING_DIRECTORIES": str(self.folder.parent),
            "STRIPE_WEBHOOK_SECRET_FILE": seeds.private(self.home / "webhook.secret", seeds.SECRET),
            "STRIPE_API_KEY_FILE": seeds.private(self.home / "stripe.key", "sk_test_" + "0" * 24),
            "STRIPE_API_BASE": "http://127.0.0.1:9",
            "PLANCTL_STORE": STORE,
            "PLANCTL_WAIT": "0",
        }
        socket.socket.connect = _no_network  # type: ignore[method-assign]
        for number, stream in zip((1, 2), self.outs, strict=True):
            os.dup2(stream.fileno(), number)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if sys.platform == "linux":
            most = _addressed() + ROOM
            resource.setrlimit(resource.RLIMIT_AS, (most, most))
        for number in (signal.SIGPROF, signal.SIGALRM):
            signal.signal(number, signal.SIG_DFL)

    def run(self, case: Case, *, thorough: bool) -> list[str]:
        """Run one case; what it broke. `thorough`: `doctor` looks at what the case made of the store."""
        before = self._lay(case)
        ran = self._main(case.argv, case, before)
        what = faults(case, ran)
        if thorough and case.store is None and ran.after is not None and ran.after != before:
            broken = self._laws_broken(case, before)
            if broken:
                what.append(f"the store breaks {', '.join(broken)}")
        return what

    def _main(self, argv: Sequence[str], case: Case, before: bytes) -> Ran:
        for stream in self.outs:
            stream.seek(0)
            stream.truncate()
        os.environ.clear()
        os.environ.update({**self.environment, **case.environment})
        stdin = io.TextIOWrapper(io.BytesIO(case.stdin), encoding="utf-8")
        stdout, stderr = map(_text, self.outs)
        with (
            seeds.fixed(1),
            mock.patch.multiple(sys, stdin=stdin, stdout=stdout, stderr=stderr),
            mock.patch.object(Gateway, "ask", _stripe(case.stripe)),
        ):
            signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
            signal.setitimer(signal.ITIMER_REAL, HANGS_SECONDS)
            try:
                code = main([*argv])
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
                signal.setitimer(signal.ITIMER_REAL, 0)
            for said in (stdout, stderr):
                said.close()
        out, err = (_read(stream) for stream in self.outs)
        return Ran(code, out, err, before, self._store(), self._left(), self._report())

    def _laws_broken(self, case: Case, before: bytes) -> list[str]:
        checked = self._main(("doctor",), case, before)
        if checked.exit_code == 0:
            return []
        lines = checked.stdout.decode().splitlines() or checked.stderr.decode().splitlines()
        return [line for line in lines if not line.startswith(("ok ", " "))][:3]

    def _lay(self, case: Case) -> bytes:
        """Empty the directory and put the case's files there; the bytes of the store as it will be found."""
        store = seeds.world().store if case.store is None else case.store
        found = self._store()
        for path in self.folder.iterdir():
            if path.name != STORE or found != store:
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        if found != store:
            (self.folder / STORE).write_bytes(store)
        os.chdir(self.folder)
        for name, data in case.files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return store

    def _store(self) -> bytes | None:
        try:
            return (self.folder / STORE).read_bytes()
        except OSError:
            return None

    def _left(self) -> tuple[str, ...]:
        return tuple(path.name for path in self.folder.glob(f"{STORE}-*"))

    def _report(self) -> str:
        """The report of a bug, which is removed."""
        text = ""
        for path in self.home.glob("planctl-bug-*.txt"):
            text = path.read_text(encoding="utf-8", errors="replace")
            path.unlink()
        return text


def _stripe(answers: Mapping[str, bytes]) -> Callable[..., Answer]:
    """Stripe, as far as a case says what it answers; it knows nothing else."""

    def ask(_self: Gateway, _method: str, path: str, _params: object) -> Answer:
        body = answers.get(path)
        missing = b'{"error": {"type": "invalid_request_error", "code": "resource_missing"}}'
        return _understood(Heard(404, {}, missing) if body is None else Heard(200, {}, body))

    return ask


def _no_network(*_words: Any) -> NoReturn:
    raise ConnectionRefusedError(111, "Connection refused")


def _stream() -> BinaryIO:
    return os.fdopen(os.memfd_create("said"), "r+b", buffering=0)


def _text(stream: BinaryIO) -> io.TextIOWrapper:
    """The stream as the program's own are; closing it leaves the stream open."""
    raw = open(stream.fileno(), "wb", closefd=False)  # noqa: SIM115 - closed by who asked for it
    return io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", newline="\n")


def _read(stream: BinaryIO) -> bytes:
    stream.seek(0)
    return stream.read()


def _addressed() -> int:
    """The bytes that the process addresses now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * resource.getpagesize()


# --- what is imported and built once


@contextmanager
def warm() -> Iterator[None]:
    """Every command imported and built once: a case then costs what planctl does, not what Python reads."""
    from planctl.cli import app

    root, commands = built()
    with mock.patch.multiple(app, root=lambda: root, loaded=lambda name, _word: commands[name]):
        yield


@cache
def built() -> tuple[Any, dict[str, Any]]:
    """The root of the program, and every command or group by its word."""
    from importlib import import_module

    from planctl.cli import app

    for name in _HEAVY:
        import_module(name)
    return app.root(), {name: app.loaded(name, word) for name, word in app.WORDS.items()}


_HEAVY = (
    "planctl.workflows.apply_catalog", "planctl.workflows.run_invoices", "planctl.store.engine",
    "planctl.stripe_bridge.gateway", "planctl.store.laws", "planctl.workflows.import_subscriptions",
)  # fmt: skip


def numbers(seed: int, count: int) -> Iterator[int]:
    """The numbers of the cases of a part: parts do not overlap."""
    yield from range(seed * count, (seed + 1) * count)
