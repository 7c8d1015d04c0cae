"""What one fuzzed run of planctl is: its words, files and environment; and what it may never do."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

STORE = "store.db"

KNOWN = frozenset({0, 1, 2, 3, 4, 5, 64, 74, 75, 77, 130})
"""The exit codes of a program that knew what it did; 70 is a bug."""

CPU_SECONDS = 2.0
UNSAFE = re.compile(
    rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\x8b-\x8f\xa8-\xae]|\xe2\x81[\xa0-\xaf]|\xef\xbb\xbf"
)
"""Controls but tab and line feed, marks that turn text around or hide it, as UTF-8."""


@dataclass(frozen=True, slots=True)
class Case:
    """One run: the words of the command line, what lies in the working directory, standard input, variables.

    `store` is the store's file where it is not the one of the world; None: there is a whole one. `changes` are the
    exit codes after which the store may have changed: an import of usage keeps the good rows beside the bad ones.
    """

    argv: tuple[str, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)
    stdin: bytes = b""
    environment: Mapping[str, str] = field(default_factory=dict)
    store: bytes | None = None
    changes: frozenset[int] = frozenset({0, 1})
    stripe: Mapping[str, bytes] = field(default_factory=dict)
    """What Stripe answers, by path; anything else it says is missing."""
    recovers: bool = False
    """Whether SQLite may change the file by itself: a journal of an interrupted write lies beside it."""

    def to_json(self) -> str:
        """As text that a file keeps; not for a case with a store of its own, which means nothing to the next schema."""
        assert self.store is None, "write a test of its own for a damaged store"
        document = {
            "argv": [*self.argv],
            "files": {name: _kept(data) for name, data in self.files.items()},
            "stdin": _kept(self.stdin),
            "environment": dict(self.environment),
            "changes": sorted(self.changes),
            "stripe": {path: _kept(data) for path, data in self.stripe.items()},
            "recovers": self.recovers,
        }
        return json.dumps(document, indent=1) + "\n"

    @staticmethod
    def of_json(text: str) -> Case:
        """What `to_json` wrote."""
        said: dict[str, Any] = json.loads(text)
        return Case(
            tuple(said["argv"]),
            {name: _read(data) for name, data in said["files"].items()},
            _read(said["stdin"]),
            said["environment"],
            changes=frozenset(said["changes"]),
            stripe={path: _read(data) for path, data in said["stripe"].items()},
            recovers=said["recovers"],
        )


@dataclass(frozen=True, slots=True)
class Ran:
    """How a run ended: its exit code, what it printed, the store before and after, the report of a bug."""

    exit_code: int
    stdout: bytes
    stderr: bytes
    before: bytes
    after: bytes | None
    left: tuple[str, ...] = ()
    """Files of the store that a finished run leaves behind: journals."""
    report: str = ""


def faults(case: Case, ran: Ran) -> list[str]:
    """Everything that a run did and may not do, as sentences; none where it behaved."""
    found = []
    if ran.exit_code not in KNOWN:
        found.append(
            f"exit code {ran.exit_code}: {_last_line(ran.report or ran.stderr.decode(errors='replace'))}"
        )
    for name, said in (("stdout", ran.stdout), ("stderr", ran.stderr)):
        if b"Traceback (most recent" in said:
            found.append(f"a traceback on {name}")
        if unsafe := UNSAFE.search(said):
            found.append(f"{unsafe[0]!r} on {name}")
        try:
            said.decode()
        except UnicodeDecodeError:
            found.append(f"{name} is not UTF-8")
    if ran.after != ran.before and ran.exit_code not in case.changes and not case.recovers:
        found.append(f"the store changed, and the exit code is {ran.exit_code}")
    if ran.left and not case.recovers:
        found.append(f"left beside the store: {', '.join(ran.left)}")
    return found


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return " ".join(one.strip() for one in lines[-3:])[:400] if lines else ""


def _kept(data: bytes) -> dict[str, str]:
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def _read(said: Mapping[str, str]) -> bytes:
    return said["text"].encode() if "text" in said else base64.b64decode(said["base64"])
