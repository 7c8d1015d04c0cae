"""A PostgreSQL server of the benchmarks' own, in a temporary folder, on a socket; it is as durable as any other."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SETTINGS = ("shared_buffers=1GB", "max_wal_size=8GB", "checkpoint_timeout=30min", "work_mem=64MB")
"""What anybody would set on a machine of some gigabytes; nothing here makes a commit less durable."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    folder: Path

    def address(self, database: str) -> str:
        """How planctl names one of its databases."""
        return f"postgresql://owner@/{database}?host={self.folder}"

    def create(self, database: str, like: str = "postgres") -> None:
        """Make a database: an empty one, or a copy that nobody is connected to."""
        copied = f" TEMPLATE {like} STRATEGY FILE_COPY" if like != "postgres" else ""
        self._do(f"CREATE DATABASE {database}{copied}")

    def drop(self, database: str) -> None:
        """Remove a database."""
        self._do(f"DROP DATABASE {database}")

    def _do(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())


def program(name: str) -> str:
    """The path of one of the server's programs, which Debian keeps out of PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = str(debian[-1]) if debian else shutil.which(name)
    if found is None:
        sys.exit(f"error: {name} is not installed: this benchmark needs PostgreSQL")
    return found


@contextmanager
def server() -> Iterator[Server]:
    """A server for as long as the block lasts. It refuses to run as root, so as somebody else where we are."""
    user = "nobody" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="planctl-pg-"))
    data = str(folder / "data")

    def run(*command: str) -> None:
        subprocess.run(command, check=True, capture_output=True, user=user)

    try:
        if user:
            os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
        run(program("initdb"), "-D", data, "-U", "owner", "-A", "trust", "-E", "UTF8", "--locale=C")
        settings = " ".join(f"-c {one}" for one in SETTINGS)
        options = f"-c listen_addresses='' -k {folder} {settings}"
        run(program("pg_ctl"), "-D", data, "-o", options, "-l", str(folder / "log"), "-w", "start")
        try:
            yield Server(folder)
        finally:
            run(program("pg_ctl"), "-D", data, "-m", "fast", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
