"""Random lives on SQLite and on PostgreSQL: every command ends and answers alike, and every export has the same bytes.

The commands are those that the machine of `lives` gave; given again, some are refused, which has to be alike as well.
Both engines take the same identifiers, from the same seed, and see the same clock.
"""

from __future__ import annotations

import random
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar
from unittest.mock import patch

from planctl import clock, identifiers
from tests import stores
from tests.reliability.lives import WholeTool, catalog, lives
from tests.reliability.trouble import told
from tests.test_same_bytes import EXPORTS, PRESENT

WHOSE = (
    "wallet show vega -f json",
    "customer show nova -f json",
    "usage show vega -f json",
    "wallet ledger vega",
)
"""What is asked at the end besides."""

OF_THE_ENGINE = re.compile(r'\s*"(session_user|hash|prev)": [^,\n]+,?')
"""The login at the server, which the audit keeps, and the hashes that cover it."""


@dataclass(frozen=True, slots=True)
class History:
    """Commands with their dates, and the files that they name as `FILE:name:number`."""

    lines: tuple[tuple[str, str], ...]
    files: dict[str, list[str]]


class Heard(WholeTool):
    """The machine, with what was typed into it."""

    heard: ClassVar[list[History]] = []

    def teardown(self) -> None:
        """Keep the commands of this life."""
        super().teardown()
        self.heard.append(History(tuple(self.lines), self.files))


def histories(seed: int, sequences: int, steps: int) -> list[History]:
    """The commands of so many random lives."""
    Heard.heard.clear()
    lives(seed, sequences, steps, Heard)
    return [*Heard.heard]


def told_by(history: History, store: str, folder: Path) -> Iterator[str]:
    """Each command with how it ended and all it said, and then each export."""
    ids: Any = SimpleNamespace(randbits=random.Random(7).getrandbits)

    def planctl(at: str, command: str) -> str:
        words = ["--store", store, "--as-of", at, "--yes", "--operator", "amy", *command.split()]
        code, out, err = told(words)
        return OF_THE_ENGINE.sub("", f"$ {at} {command}\n{code}\n{out}{err}".replace(store, "STORE"))

    with (
        patch.object(clock, "now", lambda: PRESENT),
        patch.object(clock, "elapsed_ms", lambda _since: 0),
        patch.object(identifiers, "secrets", ids),
        patch.object(identifiers, "_last", {}),
    ):
        (folder / "first.yaml").write_text(catalog(), encoding="utf-8")
        planctl("2025-12-01", f"init {folder / 'made'} --test")  # the second finds the first one's files
        yield planctl("2025-12-01", f"catalog apply {folder / 'first.yaml'}")
        for at, command in history.lines:
            yield planctl(at, _with_paths(command, history.files, folder))
        for command in (*EXPORTS, *WHOSE):
            yield planctl(history.lines[-1][0], command)


def _with_paths(command: str, files: dict[str, list[str]], folder: Path) -> str:
    def written(found: re.Match[str]) -> str:
        path = folder / found[1]
        path.write_text(files[found[1]][int(found[2])], encoding="utf-8")
        return str(path)

    return re.sub(r"FILE:([a-z0-9.]+):([0-9]+)", written, command)


def part(seed: int) -> int:
    """Five lives of thirty steps on both engines; AssertionError at the first answer that differs."""
    found = histories(seed, 5, 30)
    for number, history in enumerate(found):
        with tempfile.TemporaryDirectory(prefix="same-") as name:
            folder = Path(name)
            here = told_by(history, str(folder / "store.db"), folder)
            there = told_by(history, stores.database(folder / "store.db"), folder)
            for on_file, on_server in zip([*here], [*there], strict=True):
                assert on_file == on_server, f"seed {seed}, life {number}\n{on_file}\n{on_server}"
            stores.sweep(folder)
    return len(found)
