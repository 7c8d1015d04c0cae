"""Runs commands the way nobody wants: killed at one of their statements, twice, or two at the same time.

It knows the command line and SQLite's driver, and nothing of what a command does. A child of this process runs
the command, so that what is killed is a real process in the middle of its work; statements are counted by the
driver itself, BEGIN and COMMIT too.
"""

from __future__ import annotations

import io
import os
import signal
import sqlite3
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from typing import Any, NoReturn

from planctl.__main__ import main

KNOWN_CODES = frozenset({0, 1, 2, 3, 4, 5, 64, 74, 75, 77})
"""How a command may end here: 70 would be a bug, and nobody interrupts."""

KILLED = -signal.SIGKILL


def told(words: Sequence[str]) -> tuple[int, str, str]:
    """Run a command in this process: its exit code, and what it printed."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main([*words])
    return code, out.getvalue(), err.getvalue()


def killed(words: Sequence[str], statement: int) -> int:
    """Run a command in a child that is killed before its n-th statement, from 1; its exit code, or KILLED.

    A command that has fewer statements ends as it always does.
    """
    return _ended(_begun(words, statement))


def together(first: Sequence[str], second: Sequence[str]) -> tuple[int, int]:
    """Run two commands in two children at the same time; how both ended."""
    children = _begun(first, 0), _begun(second, 0)
    return _ended(children[0]), _ended(children[1])


def _begun(words: Sequence[str], statement: int) -> int:
    child = os.fork()
    if not child:
        _be_child(words, statement)
    return child


def _ended(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _be_child(words: Sequence[str], statement: int) -> NoReturn:
    """Run the command and leave, whatever happens: this is a copy of the test's process."""
    code = 70
    try:
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        sys.stdout = sys.stderr = io.StringIO()
        if statement:
            _arm(statement)
        code = main([*words])
    finally:
        os._exit(code)


def _arm(statement: int) -> None:
    left = [statement]

    def count(_sql: str) -> None:
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)

    connect: Callable[..., sqlite3.Connection] = sqlite3.connect

    def connected(*arguments: Any, **named: Any) -> sqlite3.Connection:
        connection = connect(*arguments, **named)
        connection.set_trace_callback(count)
        return connection

    sqlite3.connect = connected  # type: ignore[assignment]
