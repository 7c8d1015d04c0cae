"""One command is stopped at a named point, another runs meanwhile, the first goes on: interleavings without chance.

A process stops itself by SIGSTOP around BEGIN and COMMIT, on PostgreSQL after any statement.
Source: planctl reliability rules, concurrency: SIGSTOP as a scheduler.
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg

from planctl.store.kind import Kind
from planctl.store.sqlite_link import SqliteLink
from tests.reliability.fork import Ended, Task
from tests.reliability.ground import Ground, transcript, until
from tests.reliability.pairs import CHOSEN, Orders, Outcome, pairs
from tests.reliability.world import COMMANDS, Command

BUSY = 75

POINTS = ("before begin", "after begin", "before commit", "after commit")
"""Where a command may be stopped: around each of its transactions that write."""

HELD = POINTS[1:3]
"""Where it holds the lock, so that nobody else comes in."""

STEPS = tuple(
    replace(one, keyed=one.name != "usage import") for one in COMMANDS if one.steps and not one.stripe
)
"""Commands of several transactions; a file of usage is one transaction where it has a key."""

WAITING = """
    SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""

ARMED = "tests.reliability.stops:arm"
ARMED_ON_POSTGRES = "tests.reliability.stops:arm_on_postgres"


# --- in the child


def arm(_task: Task) -> None:
    """Stop this process at the point STOP of its STOP_AT-th transaction that writes; count them into COUNT_INTO."""
    begin, commit = SqliteLink.begin, SqliteLink.commit
    point, at = os.environ["STOP"], int(os.environ["STOP_AT"])
    kinds: list[Kind] = []

    def stop(here: str) -> None:
        if here == point and len(kinds) == at:
            os.kill(os.getpid(), signal.SIGSTOP)

    def begun(link: SqliteLink, kind: Kind) -> None:
        if kind == "read":
            begin(link, kind)
            return
        kinds.append(kind)
        stop("before begin")
        begin(link, kind)
        stop("after begin")

    def committed(link: SqliteLink) -> None:
        stop("before commit")
        commit(link)
        stop("after commit")
        Path(os.environ["COUNT_INTO"]).write_text(str(len(kinds)), encoding="ascii")

    SqliteLink.begin, SqliteLink.commit = begun, committed  # type: ignore[method-assign, assignment]


def arm_on_postgres(_task: Task) -> None:
    """Stop this process after its STOP_AT-th statement, COMMIT too; count them into COUNT_INTO."""
    at, counted = int(os.environ["STOP_AT"]), 0

    def after(work: Callable[..., Any]) -> Callable[..., Any]:
        def done(*given: Any, **named: Any) -> Any:
            nonlocal counted
            result = work(*given, **named)
            counted += 1
            if counted == at:
                os.kill(os.getpid(), signal.SIGSTOP)
            if not at:
                Path(os.environ["COUNT_INTO"]).write_text(str(counted), encoding="ascii")
            return result

        return done

    for place, name in (
        (psycopg.Cursor, "execute"),
        (psycopg.Cursor, "executemany"),
        (psycopg.Connection, "commit"),
    ):
        setattr(place, name, after(getattr(place, name)))


def lazy_begin(_task: Task) -> None:
    """A mutant: a transaction that writes begins as one that reads, and takes the lock when it comes to it."""
    begin = SqliteLink.begin

    def lazy(link: SqliteLink, kind: Kind) -> None:
        del kind
        begin(link, "read")

    SqliteLink.begin = lazy  # type: ignore[method-assign, assignment]


# --- outside


def started(ground: Ground, one: Command, point: str, at: int, mutant: tuple[str, ...] = ()) -> int:
    """Start a command and wait until it has stopped at that point, or has ended without coming to it."""
    armed = ARMED_ON_POSTGRES if ground.on_postgres else ARMED
    into = str(ground.root / "counted")
    pid = ground.server.start(
        ground.task(one, 0, (*mutant, armed), STOP=point, STOP_AT=str(at), COUNT_INTO=into)
    )
    until(lambda: _state(pid) in "TZ")
    return pid


def go_on(ground: Ground, pid: int) -> Ended:
    """Let a command that was stopped go on to its end."""
    os.kill(pid, signal.SIGCONT)
    return ground.server.wait(pid)


def counted(ground: Ground, one: Command) -> int:
    """How many transactions that write a command has, or on PostgreSQL how many statements."""
    ground.fresh()
    ended = ground.server.wait(started(ground, one, "nowhere", 0))
    assert ended.code == one.code, transcript(ended)
    return int((ground.root / "counted").read_text(encoding="ascii"))


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]


def check_stopped(orders: Orders, point: str, at: int = 1, mutant: tuple[str, ...] = ()) -> None:
    """AssertionError where a pair does not end as it must whose first is stopped at that point, on SQLite.

    The other passes by, or, where the first holds the lock, is busy and comes again later. Then both run once more,
    under their keys: nothing comes of that.
    """
    ground, one, other = orders.ground, orders.one, orders.other
    ground.fresh()
    pid = started(ground, one, point, at, mutant)
    beside = ground.server.run(_impatient(ground, other))
    ended = [go_on(ground, pid), beside]
    said = f"{one.name} stopped {point} {at}, {other.name} beside it\n{transcript(*ended)}"
    assert (beside.code == BUSY) == (point in HELD), said
    if beside.code == BUSY:
        ended[1] = ground.run(other, 1)
    found = Outcome((ended[0].code, ended[1].code), ground.told(said))
    orders.check(found, f"{said}\n{transcript(*ended)}")
    orders.check_again(found, said)


def _impatient(ground: Ground, one: Command) -> Task:
    task = ground.task(one, 1)
    return replace(task, words=(*task.words, "--wait", "0"))


def check_stopped_on_postgres(orders: Orders, at: int) -> None:
    """AssertionError where a pair does not end as it must whose first is stopped after its `at`-th statement.

    The other runs to its end, or until it waits for the first.
    """
    ground, one, other = orders.ground, orders.one, orders.other
    ground.fresh()
    first = started(ground, one, "after a statement", at)
    second = ground.server.start(ground.task(other, 1))
    with psycopg.connect(ground.address, autocommit=True) as seen:
        until(lambda: _state(second) == "Z" or bool(seen.execute(WAITING).fetchall()))
    ended = [go_on(ground, first), ground.server.wait(second)]
    said = f"{one.name} stopped after statement {at}, {other.name} beside it\n{transcript(*ended)}"
    orders.check(Outcome((ended[0].code, ended[1].code), ground.told(said)), said)


# --- the long size


def part(seed: int) -> int:
    """A fiftieth of: every command stopped at every point of each of its transactions, with every other beside it."""
    cases = 0
    for one, other in _ordered()[seed % 50 :: 50]:
        orders = Orders(Ground(), one, other)
        for at in range(1, counted(orders.ground, one) + 1):
            for point in POINTS:
                check_stopped(orders, point, at)
                cases += 1
    return cases


def postgres_part(seed: int) -> int:
    """The chosen commands on PostgreSQL: each pair is stopped after three statements that the part's number draws."""
    chance = random.Random(seed)
    chosen = pairs(CHOSEN)
    for pair in chosen:
        one, other = chance.sample(pair, 2)
        orders = Orders(Ground(on_postgres=True), one, other)
        for at in chance.sample(range(1, counted(orders.ground, orders.one) + 1), 3):
            check_stopped_on_postgres(orders, at)
    return 3 * len(chosen)


def _ordered() -> list[tuple[Command, Command]]:
    return [(one, other) for pair in pairs() for one, other in dict.fromkeys((pair, pair[::-1]))]
