"""The server fails under a command at its n-th statement: it stops, ends the connection, or undoes the transaction.

The commands and the oracle are those of tests.reliability.crash; the world is copied to a server of its own here.
Source: PostgreSQL documentation, pg_ctl, "immediate"; "Serialization Failure Handling".
"""

from __future__ import annotations

import atexit
import os
import pwd
import random
import shutil
import signal
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import psycopg

from planctl.store.copying import copy_store
from planctl.store.engine import open_store
from planctl.workflows.maintain_store import examine
from tests import stores
from tests.reliability.crash import AGAIN, NO_DISK, facts
from tests.reliability.fork import Ended, Task
from tests.reliability.lab import Rows, lab
from tests.reliability.world import COMMANDS, Command

FAULTS = ("stop", "terminate", "serialization", "deadlock", "kill")
"""Stop the server at once; end the connection; the server undoes the transaction (40001, 40P01); kill the command."""

IN_STORE = tuple(one for one in COMMANDS if one.keyed and not one.stripe)
"""Commands that write into the store and ask nobody else."""

BUSY = 75

WITH_POSTGRES = "tests.reliability.postgres:arm"


class Server:
    """A server that may be stopped: it belongs to this harness alone."""

    def __init__(self) -> None:
        place = stores.MEMORY if os.access(stores.MEMORY, os.W_OK) else Path(tempfile.gettempdir())
        stores._end_orphans(place)
        self.folder = Path(tempfile.mkdtemp(prefix=f"{stores.PREFIX}{os.getpid()}-", dir=place))
        if os.geteuid() == 0:
            os.chown(self.folder, pwd.getpwnam("nobody").pw_uid, -1)
        data = f"{self.folder}/data"
        stores._run(
            "initdb", "-D", data, "-U", "owner", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C"
        )
        self.start()

    def start(self) -> None:
        """Start it, or start it again after it was stopped at once."""
        quick = "-F -c wal_level=minimal -c max_wal_senders=0 -c shared_buffers=32MB -c jit=off"
        options = f"-c listen_addresses='' -k {self.folder} {quick}"
        stores._run(
            "pg_ctl", "-D", f"{self.folder}/data", "-o", options, "-l", f"{self.folder}/log", "-w", "start"
        )

    def remove(self) -> None:
        """Stop it, and remove everything of it."""
        stores._run("pg_ctl", "-D", f"{self.folder}/data", "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def is_up(self) -> bool:
        """Whether it runs."""
        return (self.folder / "data" / "postmaster.pid").exists()

    def url(self, name: str) -> str:
        """The address of a database."""
        return f"postgresql://owner@/{name}?host={self.folder}"

    def do(self, statement: str) -> None:
        """A statement of its administrator."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def fresh(self) -> None:
        """The seed once more."""
        self.do("DROP DATABASE IF EXISTS world WITH (FORCE)")
        self.do("CREATE DATABASE world TEMPLATE seed STRATEGY FILE_COPY")

    def rows(self) -> Rows:
        """All rows of each table, in one order."""
        with psycopg.connect(self.url("world")) as connection:
            names = connection.execute(
                "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
                " AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY 1"
            ).fetchall()
            return {
                name: tuple(
                    sorted(connection.execute(f'SELECT * FROM "{name}"'.encode()).fetchall(), key=repr)
                )
                for (name,) in names
            }


@cache
def server() -> Server:
    """This process's server with the world, made when it is first asked for; skip where there is none."""
    made = Server()
    atexit.register(made.remove)
    made.do("CREATE DATABASE seed")
    with open_store(str(lab().root / "seed" / "store.db")) as source:
        copy_store(source, made.url("seed"), told=lambda *_: None, judge=lambda _: None)
    return made


@dataclass(slots=True)
class Judge:
    """Tries faults on one command."""

    command: Command
    after: Rows = field(init=False)
    before: Rows = field(init=False)
    statements: int = field(init=False)
    _lawful: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        server().fresh()
        self.before = server().rows()
        ended = self._run("count", 0)
        assert ended.code == self.command.code, ended.stderr
        self.after = server().rows()
        self.statements = int((lab().root / "statements").read_text(encoding="ascii"))

    def try_out(self, fault: str, at: int) -> None:
        """One fault and what follows; AssertionError where anything is not as it must be."""
        here = server()
        here.fresh()
        ended = self._run(fault, at)
        if not here.is_up or fault == "stop":
            here.start()
        left = here.rows()
        told = f"{self.command.name}: {fault} at statement {at}, left with {ended.code}\n{ended.stderr}"
        expected = {self.command.code, NO_DISK, BUSY, -signal.SIGKILL, *((1,) if self.command.steps else ())}
        assert ended.code in expected, told
        assert "Traceback" not in ended.stderr, told
        assert self._is_at_rest(left), f"half done: {told}"
        if ended.code == self.command.code:
            assert self._is_done(left), f"said that it was done: {told}"
        if "Nothing was changed." in ended.stderr:
            assert facts(left) == facts(self.before), told
        last = self._run("count", 0, AGAIN)
        assert last.code == self.command.code, f"{told}\nthen {last.stderr}"
        assert self._is_done(here.rows()), f"not what an undisturbed run leaves: {told}"

    def _run(self, fault: str, at: int, first: int = 0) -> Ended:
        lab().fresh()
        plain = lab().task(self.command, None, first, WITH_POSTGRES)
        extra = {
            "PLANCTL_STORE": server().url("world"),
            "FAULT": f"{fault} {at}",
            "SERVER": str(server().folder),
        }
        said = {**plain.env, **extra, "COUNT_INTO": str(lab().root / "statements")}
        task = Task(plain.words, plain.cwd, said, plain.said, first, None, plain.before)
        return lab().server.run(task)

    def _is_at_rest(self, left: Rows) -> bool:
        if left in (self.before, self.after):
            return True
        return self._is_lawful(left) if self.command.steps else self._is_done(left)

    def _is_done(self, found: Rows) -> bool:
        return found == self.after or (facts(found) == facts(self.after) and self._is_lawful(found))

    def _is_lawful(self, found: Rows) -> bool:
        mark = repr(found)
        if mark not in self._lawful:
            with open_store(server().url("world")) as store, store.read() as tx:
                broken = [one.violations for one in examine(tx) if not one.holds]
            assert broken == [], broken
            self._lawful.add(mark)
        return True


# --- in the child


def arm(_task: Task) -> None:
    """Count the statements of this process, COMMIT too, and act at one of them."""
    fault, at = os.environ["FAULT"].split()
    counted = 0

    def before(work: Callable[..., Any]) -> Callable[..., Any]:
        def done(itself: Any, *given: Any, **named: Any) -> Any:
            nonlocal counted
            counted += 1
            if fault == "count":
                Path(os.environ["COUNT_INTO"]).write_text(str(counted), encoding="ascii")
            elif counted == int(at):
                _act(fault, getattr(itself, "connection", itself))
            return work(itself, *given, **named)

        return done

    for place, name in (
        (psycopg.Cursor, "execute"),
        (psycopg.Cursor, "executemany"),
        (psycopg.Connection, "commit"),
    ):
        setattr(place, name, before(getattr(place, name)))


def _act(fault: str, connection: psycopg.Connection) -> None:
    if fault == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if fault == "serialization":
        raise psycopg.errors.SerializationFailure("could not serialize access")
    if fault == "deadlock":
        raise psycopg.errors.DeadlockDetected("deadlock detected")
    folder = Path(os.environ["SERVER"])
    if fault == "stop":
        postmaster = int((folder / "data" / "postmaster.pid").read_text(encoding="ascii").split()[0])
        os.kill(postmaster, signal.SIGQUIT)
        _wait_until_gone(folder)
    if fault == "terminate":
        os.kill(connection.info.backend_pid, signal.SIGTERM)


def _wait_until_gone(folder: Path) -> None:
    while (folder / "data" / "postmaster.pid").exists():
        signal.sigtimedwait((), 0.01)


# --- the sizes


def some(number: int, seed: int, faults: tuple[str, ...] = FAULTS) -> list[tuple[Command, str, int]]:
    """So many faults by chance: a command, what fails, and where as a share of 1,000 of its statements."""
    chance = random.Random(seed)
    return [
        (chance.choice(IN_STORE), faults[turn % len(faults)], chance.randrange(1_000))
        for turn in range(number)
    ]


def try_some(chosen: list[tuple[Command, str, int]]) -> int:
    """Try them out; how many there were."""
    for command, fault, share in chosen:
        judge = Judge(command)
        if judge.statements:
            judge.try_out(fault, 1 + judge.statements * share // 1_000)
    return len(chosen)


def part(seed: int) -> int:
    """Ten faults, two of which stop the server."""
    return try_some(some(10, seed))
