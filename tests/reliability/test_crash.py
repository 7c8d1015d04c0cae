"""A thousand faults: every write command is killed, or its disk fails, and run again. No part of it is ever half done.

The long size is `make soak`: every mode at every call, and pairs.
"""

from __future__ import annotations

import os
import random
import resource
import signal
from pathlib import Path

import pytest

from tests.reliability import crash
from tests.reliability.crash import AGAIN, FAULTS, NO_DISK, Judge, Strike, doubled, sampled
from tests.reliability.fork import Task
from tests.reliability.lab import lab
from tests.reliability.world import COMMANDS, Command

pytestmark = pytest.mark.sqlite_only

EACH = 17
"""How many faults each command gets here: 62 commands make more than 1,000."""

PAIRS = ("invoice run", "usage import", "migrate apply", "subscribe", "payment record", "catalog apply")
"""Commands that are struck again while they recover."""

WRITES_NOTHING = frozenset({"store upgrade"})
"""Commands that change no file of a world, because there is nothing to do."""


def named(name: str) -> Command:
    (found,) = [one for one in COMMANDS if one.name == name]
    return found


@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: one.name)
def test_a_fault_at_any_change_of_a_file_leaves_all_or_nothing(command: Command) -> None:
    judge = Judge(lab(), command)
    assert bool(judge.calls) == (command.name not in WRITES_NOTHING)
    for strike in sampled(command, judge.calls, EACH, 0):
        judge.try_out(strike)


def test_there_are_a_thousand_of_them() -> None:
    assert EACH * (len(COMMANDS) - len(WRITES_NOTHING)) >= 1_000
    assert len(FAULTS) == 6


@pytest.mark.parametrize("name", PAIRS)
def test_a_second_fault_while_the_first_is_made_good_does_no_harm(name: str) -> None:
    judge = Judge(lab(), named(name))
    for strike in doubled(judge.command, judge.calls, 6, 1):
        judge.try_out(strike)


@pytest.mark.parametrize(
    ("mutant", "name"),
    [
        ("number_apart", "subscribe"),
        ("number_apart", "invoice run"),
        ("audit_after", "config set"),
        ("audit_after", "wallet grant"),
        ("debit_after", "wallet void"),
        ("journal_off", "subscribe"),
        ("journal_off", "invoice run"),
    ],
)
def test_mistakes_of_old_are_found(mutant: str, name: str) -> None:
    """F023 and F088: a number, an audit entry or a debit in another transaction, a store without a journal."""
    judge = Judge(lab(), named(name), (f"tests.reliability.mutants:{mutant}",))
    with pytest.raises(AssertionError):
        kill_everywhere(judge)


def kill_everywhere(judge: Judge) -> None:
    places = [*range(1, judge.calls + 1)]
    random.Random(0).shuffle(places)
    for at in places:
        judge.try_out(Strike(judge.command, "kill before", at))


@pytest.mark.parametrize("name", ["config set", "store backup", "store copy"])
def test_a_disk_that_fails_once_all_is_written_is_not_said_to_have_changed_nothing(name: str) -> None:
    """The last call of a commit syncs the folder, once the journal is gone: the change is there, for now."""
    judge = Judge(lab(), named(name))
    judge.here.fresh()
    ended = judge.here.run(judge.command, judge.here.fault("EIO once", judge.calls))
    assert ended.code == NO_DISK
    assert "[commit-unknown]" in ended.stderr
    assert ended.stderr.splitlines()[-1] == "Whether the change was kept is not known."
    assert judge.here.read() == judge.after


def test_every_commit_waits_for_the_disk(tmp_path: Path) -> None:
    """The journal, the store, and the folder in which the journal was: three that somebody might save (decision 8)."""
    here, log = lab(), tmp_path / "log"
    here.fresh()
    here.run(named("config set"), here.fault("count", 0, str(log)))
    synced = [
        change.path.removeprefix(str(here.folder)) for change in crash.changes(log) if change.kind == "s"
    ]
    assert synced.count("/store.db-journal") >= 1
    assert synced.count("/store.db") >= 1
    assert synced[-1] == ""


@pytest.mark.parametrize("limit", [4_096, 65_536, 300_000, 512_000])
def test_F123_a_file_that_may_not_grow_is_a_full_disk(limit: int) -> None:
    """RLIMIT_FSIZE is a full disk that needs no root; Python ignores SIGXFSZ, so that SQLite sees the failure."""
    here, command = lab(), named("usage import")
    here.fresh()
    size = here.store.stat().st_size
    task = here.task(command, None, 0, "tests.reliability.test_crash:may_not_grow")
    ended = here.server.run(Task(task.words, task.cwd, {**task.env, "LIMIT": str(limit)}, before=task.before))
    assert ended.code in {0, NO_DISK}, ended.stderr
    if limit < size:
        assert ended.code == NO_DISK, ended.stderr
        assert here.read().rows == here.before.rows
    assert here.run(command, None, AGAIN).code == 0
    assert len(here.read().rows["usage_event"]) == len(here.before.rows["usage_event"]) + 16


def may_not_grow(_task: Task) -> None:
    limit = int(os.environ["LIMIT"])
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")
def test_a_folder_that_may_only_be_read_is_said_and_stays_as_it_is() -> None:
    here = lab()
    here.fresh()
    for one in (here.root, here.folder, here.store):
        one.chmod(0o755 if one.is_dir() else 0o644)
    ended = here.run(named("config set"), None, 0, "tests.reliability.test_crash:be_nobody")
    here.root.chmod(0o700)
    assert ended.code == 77, ended.stderr
    assert here.read().rows == here.before.rows


def be_nobody(_task: Task) -> None:
    os.setgid(65_534)
    os.setuid(65_534)


def test_the_shim_kills_where_it_should() -> None:
    """Otherwise all of the above would be about nothing."""
    here = lab()
    calls = Judge(here, named("config set")).calls
    assert calls > 20
    for mode in FAULTS[:3]:
        here.fresh()
        assert here.run(named("config set"), here.fault(mode, 5)).code == -signal.SIGKILL
    here.fresh()
    assert here.run(named("config set"), here.fault("kill before", calls + 1)).code == 0
