"""Runs commands in children of a process that has imported everything: as the program would, for milliseconds each.

`ForkServer` is what a harness holds; `serve` is the process behind it. It knows no command.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import os
import pickle
import pkgutil
import signal
import struct
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

ROOT = Path(__file__).parents[2]

PATIENCE = 300
"""After so many seconds a child that still runs is killed, and the test fails: far more than a busy machine takes."""

MODES = (
    "count",
    "kill before",
    "kill within",
    "kill after",
    "EIO from there on",
    "ENOSPC from there on",
    "EIO once",
)
"""What the shim does at its n-th call, in the order of its own numbers."""

_LENGTH = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens at the n-th change below `folder`, from 1; 0 never. `log` is a file that gets every change."""

    mode: str
    at: int
    folder: str
    log: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """One command: its words, where it runs, and what is done in the child before it begins.

    `env` is added to the server's environment. `before` names functions as `module:function`, each called with the
    task: to change what the program is, or to wait for others. `first` is where ids begin (`world.frozen`).
    """

    words: tuple[str, ...]
    cwd: str
    env: Mapping[str, str] = field(default_factory=dict)
    said: bytes = b""
    first: int = 0
    fault: Fault | None = None
    before: tuple[str, ...] = ()
    patience: int = PATIENCE


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended: its exit code, or minus the signal. `calls`: how many changes the shim counted."""

    code: int
    stdout: str
    stderr: str
    calls: int = 0

    @property
    def was_killed(self) -> bool:
        """Whether the fault killed it."""
        return self.code == -signal.SIGKILL


class ForkServer:
    """A server in a process of its own; `shim` is the compiled library, for tasks with a fault."""

    def __init__(self, shim: Path | None = None) -> None:
        env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"}
        if shim:
            env["LD_PRELOAD"] = str(shim)
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from tests.reliability.fork import serve; serve()"],
            cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self._tasks: dict[int, Task] = {}
        self._hear()

    def run(self, task: Task) -> Ended:
        """Run one task to its end."""
        return self.wait(self.start(task))

    def start(self, task: Task) -> int:
        """Start a task; the number of its process, to signal it and for `wait`. Any number may run at once."""
        pid: int = self._asked("start", task)
        self._tasks[pid] = task
        return pid

    def wait(self, pid: int) -> Ended:
        """Wait for a task that was started."""
        ended: Ended = self._asked("wait", pid)
        task = self._tasks.pop(pid)
        said = f"{task.words} with {task.fault} did not end in {task.patience} seconds"
        assert ended.code != -signal.SIGALRM, f"{said}\n{ended.stdout}\n{ended.stderr}"
        return ended

    def close(self) -> None:
        """End the server; what still runs goes on."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE)
        self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _asked(self, *question: Any) -> Any:
        assert self._process.stdin is not None
        _put(self._process.stdin, question)
        return self._hear()

    def _hear(self) -> Any:
        assert self._process.stdout is not None
        answer = _get(self._process.stdout)
        assert answer is not None, "the fork server ended"
        return answer


def _put(stream: IO[bytes], thing: Any) -> None:
    body = pickle.dumps(thing)
    stream.write(_LENGTH.pack(len(body)) + body)
    stream.flush()


def _get(stream: IO[bytes]) -> Any:
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    return pickle.loads(stream.read(*_LENGTH.unpack(head)))


# --- the server


def serve() -> None:
    """Answer questions until there are no more. Everything of the program is imported before the first."""
    asked, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(2, 1)
    _import_all()
    said: dict[int, tuple[int, int]] = {}
    gc.collect()
    gc.freeze()  # a child that collects garbage would copy every page
    _put(answers, "ready")
    while question := _get(asked):
        what, given = question
        if what == "start":
            outputs = os.memfd_create("stdout"), os.memfd_create("stderr")
            pid = os.fork()
            if not pid:
                asked.close()
                answers.close()
                _become(given, *outputs)
            said[pid] = outputs
            _put(answers, pid)
        else:
            _, status = os.waitpid(given, 0)
            stdout, stderr = (_text_of(one) for one in said.pop(given))
            _put(answers, Ended(os.waitstatus_to_exitcode(status), stdout, stderr, _count()))


def _import_all() -> None:
    import planctl

    for found in pkgutil.walk_packages(planctl.__path__, "planctl."):
        if ".migrations" not in found.name and not found.name.endswith("__main__"):
            importlib.import_module(found.name)
    for name in ("tests.reliability.world", "tomllib", "random", "csv", "tempfile", "platform"):
        importlib.import_module(name)


def _text_of(descriptor: int) -> str:
    with os.fdopen(descriptor, "rb") as file:
        file.seek(0)
        return file.read().decode()


def _become(task: Task, stdout: int, stderr: int) -> None:
    """Be the program: never return."""
    try:
        _prepare(task, stdout, stderr)
        from planctl.__main__ import main
        from tests.reliability.world import frozen

        sys.argv = ["planctl", *task.words]
        with frozen(task.first):
            for name in task.before:
                module, _, function = name.partition(":")
                getattr(importlib.import_module(module), function)(task)
            if task.fault:
                _arm(task.fault)
            main()
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(99)  # the program has left before


def _prepare(task: Task, stdout: int, stderr: int) -> None:
    signal.setitimer(signal.ITIMER_REAL, task.patience)
    stdin = os.memfd_create("stdin")
    os.write(stdin, task.said)
    os.lseek(stdin, 0, os.SEEK_SET)
    for number, descriptor in enumerate((stdin, stdout, stderr)):
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))
    os.environ.update(task.env)
    os.chdir(task.cwd)


def _library() -> ctypes.CDLL:
    return ctypes.CDLL(os.environ["LD_PRELOAD"])


def _arm(fault: Fault) -> None:
    log = os.open(fault.log, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600) if fault.log else -1
    _library().shim_arm(MODES.index(fault.mode), ctypes.c_long(fault.at), fault.folder.encode(), log)


def _count() -> int:
    if "LD_PRELOAD" not in os.environ:
        return 0
    count = _library().shim_count
    count.restype = ctypes.c_long
    return int(count())
