"""Somebody reads for long, holds the lock, backs up or upgrades: the other one is busy in time, and nothing is lost.

Source: planctl reliability rules, concurrency; SQLite documentation, "File Locking And Concurrency".
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

import pytest

from planctl.store.engine import open_store
from planctl.store.version import SCHEMA_VERSION
from planctl.workflows.maintain_store import examine
from tests.cli.test_store_upgrade import make_older
from tests.reliability.fork import Ended
from tests.reliability.ground import Ground, Told, transcript
from tests.reliability.lab import lab, rows_of
from tests.reliability.pairs import CHOSEN, command, race_on
from tests.reliability.stops import BUSY, go_on, started
from tests.reliability.world import STORE, Command

pytestmark = [pytest.mark.sqlite_only, pytest.mark.compiler, pytest.mark.slow]

RUN, APPLY, BACKUP, UPGRADE, BUY = (
    command(name) for name in ("invoice run", "catalog apply", "store backup", "store upgrade", "wallet buy")
)

IN_TIME = 20
"""After so many seconds a command that was told to wait one has not kept to it: it is ended, and the test fails."""


@pytest.fixture
def ground() -> Ground:
    """A fresh world."""
    made = Ground()
    made.fresh()
    return made


@contextmanager
def held(*statements: str) -> Iterator[None]:
    """Somebody past planctl is in the middle of something."""
    with closing(sqlite3.connect(lab().store, isolation_level=None)) as other:
        for statement in statements:
            other.execute(statement).fetchall()
        yield


def waiting(ground: Ground, one: Command, seconds: int, which: int = 0) -> Ended:
    """A command that waits so long for its turn."""
    task = ground.task(one, which)
    return ground.server.run(replace(task, words=(*task.words, "--wait", str(seconds)), patience=IN_TIME))


def undisturbed(one: Command) -> Told:
    """What a command leaves that nobody disturbs."""
    ground = Ground()
    ground.fresh()
    assert ground.run(one, 0).code == one.code
    return ground.told(one.name)


READING = ("BEGIN", "SELECT count(*) FROM customer")


@pytest.mark.parametrize(
    "statements",
    [READING, ("BEGIN IMMEDIATE",), ("BEGIN EXCLUSIVE",)],
    ids=["reads", "is about to write", "writes"],
)
def test_who_comes_while_another_is_at_it_is_busy_and_changes_nothing(
    ground: Ground, statements: tuple[str, ...]
) -> None:
    before = rows_of(lab().store)
    with held(*statements):
        for name in CHOSEN:
            ended = waiting(ground, command(name), 0)
            assert (ended.code, "busy" in ended.stderr) == (BUSY, True), transcript(ended)
            assert "corrupt" not in ended.stderr
            assert "damaged" not in ended.stderr
    assert rows_of(lab().store) == before


@pytest.mark.parametrize("statements", [READING, ("BEGIN IMMEDIATE",)], ids=["reads", "is about to write"])
def test_a_run_that_waits_a_second_is_busy_in_time_and_the_next_one_completes(
    ground: Ground, statements: tuple[str, ...]
) -> None:
    with held(*statements):
        ended = waiting(ground, RUN, 1)
        assert ended.code == BUSY, transcript(ended)
    again = ground.run(RUN, 0)
    assert again.code == 0, transcript(again)
    assert ground.told("the next run").is_like(undisturbed(RUN))


def test_who_works_in_one_store_is_not_in_the_way_of_another(ground: Ground) -> None:
    other = ground.root / "other"
    shutil.copytree(lab().folder, other)
    pid = started(ground, BUY, "before commit", 1)
    task = ground.task(BUY, 0)
    beside = ground.server.run(
        replace(
            task,
            words=(*task.words, "--wait", "0"),
            cwd=str(other),
            env={**task.env, "PLANCTL_STORE": str(other / STORE)},
        )
    )
    assert (beside.code, go_on(ground, pid).code) == (0, 0), transcript(beside)
    assert rows_of(other / STORE) == rows_of(lab().store)
    shutil.rmtree(other)


@pytest.mark.parametrize("point", ["after begin", "before commit", "after commit"])
@pytest.mark.parametrize("at", [1, 3])
def test_a_backup_in_the_middle_of_a_run_holds_what_was_kept_by_then(
    ground: Ground, point: str, at: int
) -> None:
    pid = started(ground, RUN, point, at)
    kept = rows_of(lab().store)
    ended = waiting(ground, BACKUP, 0, which=1)
    assert ended.code == 0, transcript(ended)
    saved = lab().folder / "saved.db"
    assert {**rows_of(saved), "store_identity": ()} == {**kept, "store_identity": ()}
    with open_store(str(saved)) as store, store.read() as tx:
        assert [one.law.id for one in examine(tx) if not one.holds] == []
    assert go_on(ground, pid).code == 0
    assert ground.told("the run").is_like(undisturbed(RUN))


def test_a_catalog_that_is_applied_in_the_middle_of_a_run_changes_no_bill(ground: Ground) -> None:
    # atlas pays 28.00 EUR and pavo 30.00 USD a month since 5 January, by terms that are theirs.
    pid = started(ground, RUN, "after commit", 1)
    applied = ground.run(APPLY, 1)
    ended = go_on(ground, pid)
    assert (applied.code, ended.code) == (0, 0), transcript(applied, ended)
    said = json.loads(ended.stdout)
    assert (said["issued"], said["totals"]) == (2, {"EUR": "28.00", "USD": "30.00"})
    ground.told(transcript(applied, ended))


def test_a_run_sees_that_the_store_was_upgraded_and_ends_where_it_is(ground: Ground) -> None:
    pid = started(ground, RUN, "after commit", 1)
    with held(f"PRAGMA user_version = {SCHEMA_VERSION + 1}"):
        ended = go_on(ground, pid)
    assert (ended.code, "store-upgraded" in ended.stderr) == (BUSY, True), transcript(ended)
    with held(f"PRAGMA user_version = {SCHEMA_VERSION}"):
        again = ground.run(RUN, 1)
    assert again.code == 0, transcript(again)
    assert ground.told("the next run").unnumbered == undisturbed(RUN).unnumbered


def test_of_two_upgrades_at_once_one_does_it_and_the_store_is_whole(ground: Ground) -> None:
    make_older(lab().store)
    ended = race_on(ground, UPGRADE, UPGRADE)
    assert [one.code for one in ended] == [0, 0], transcript(*ended)
    assert sum(f"{SCHEMA_VERSION - 1} → {SCHEMA_VERSION}" in one.stdout for one in ended) == 1
    assert ground.broken() == []
    assert ground.run(RUN, 2).code == 0
    assert [*lab().folder.glob(f"{STORE}-journal")] == []
