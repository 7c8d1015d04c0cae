"""A migration whose process is killed anywhere, and run again: each subscription is moved once, locked ones never."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from planctl.__main__ import main
from planctl.core.subscriptions.model import ENDED, Status, Subscription
from planctl.store import subscriptions
from planctl.store.engine import open_store
from planctl.store.subscriptions import SubscriptionFilter
from planctl.workflows.lock_subscription import lock
from tests import stores
from tests.workflows.business import Business, t
from tests.workflows.moving import Moving, make_store

ROOT = Path(__file__).parents[2]
NUMBER = 60
LOCKED = {f"c{index:02}" for index in range(0, NUMBER, 10)}

KILLED = """
import os, signal, sys
from planctl.workflows import migrate_subscriptions as journey

real, calls, journey.CHUNK = journey.apply_some, 0, 4


def cut(*given):
    global calls
    calls += 1
    if calls == int(sys.argv[1]) and sys.argv[2] == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    done = real(*given)
    if calls == int(sys.argv[1]) and sys.argv[2] == "inside":
        os.kill(os.getpid(), signal.SIGKILL)
    return done


journey.apply_some = cut
from planctl.__main__ import main

sys.exit(main(sys.argv[3:]))
"""
"""planctl, killed at the N-th portion of four: before it did anything, or when all but the commit is done."""


@pytest.fixture(scope="session")
def sixty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with 60 subscriptions of Pro v1, six of them locked, and v2 sold; copy it, never open it."""
    path = tmp_path_factory.mktemp("sixty") / "books.db"
    make_store(path)
    names = [f"c{index:02}" for index in range(NUMBER)]
    with open_store(stores.url(path)) as store:
        business = Business(store)
        business.customer(*names)
        for name in names:
            business.subscribe(name, "pro", pay="month")
        Moving(business, path.parent).sell()
        with store.write() as tx:
            for name in LOCKED:
                lock(tx, f"{name}/pro", "talks", t("2026-01-06"))
    return path


@pytest.fixture
def books(sixty: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy, beside a file of three batches. At the end of the test every law holds in it."""
    path = tmp_path / "books.db"
    stores.copy(sixty, path)
    (tmp_path / "pro-v2.yaml").write_text(
        "plan: pro\nfrom: older\nto: newest\nbatches: 3\n", encoding="utf-8"
    )
    yield path
    with open_store(stores.url(path)) as store:
        Business(store).check()


def words(path: Path) -> list[str]:
    file = str(path.parent / "pro-v2.yaml")
    return [
        "--store", stores.url(path), "--as-of", "2026-01-10", "--quiet", "migrate", "apply", file, "--all", "--yes",
    ]  # fmt: skip


def killed(path: Path, portion: int, where: str) -> int:
    """Apply in a process of its own that is killed; how it ended."""
    return subprocess.run(
        [sys.executable, "-c", KILLED, str(portion), where, *words(path)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=300,
    ).returncode


def of_pro(path: Path) -> list[Subscription]:
    with open_store(stores.url(path)) as store, store.read() as tx:
        return subscriptions.listing(tx, SubscriptionFilter(plan="pro"))


def check_moved_once(path: Path) -> None:
    """Of every customer but the locked ones, v1 runs and v2 is to follow it, once."""
    found = of_pro(path)
    heirs = Counter(one.customer for one in found if one.plan_version == 2 and one.status is Status.PENDING)
    running = {one.customer: one for one in found if one.plan_version == 1}
    assert len(running) == NUMBER
    assert heirs == Counter(name for name in running if name not in LOCKED)
    assert all(running[name].locked == "talks" and running[name].ends_at is None for name in LOCKED)


@pytest.mark.slow
@pytest.mark.parametrize(("portion", "where"), [(3, "inside"), (9, "before"), (14, "inside")])
def test_a_migration_that_is_killed_goes_on_and_moves_each_subscription_once(
    books: Path, portion: int, where: str
) -> None:
    before = {one.id: one for one in of_pro(books)}
    assert killed(books, portion, where) == -signal.SIGKILL
    halfway = [one for one in of_pro(books) if one.plan_version == 2]
    assert 0 < len(halfway) < NUMBER - len(LOCKED)
    assert killed(books, 2, "inside") == -signal.SIGKILL
    assert main(words(books)) == 0
    check_moved_once(books)
    assert main(words(books)) == 0
    check_moved_once(books)
    undo = ["--store", stores.url(books), "--as-of", "2026-01-11", "--quiet", "migrate", "undo", "pro-v2"]
    assert main(undo) == 0
    after = {one.id: one for one in of_pro(books) if one.status not in ENDED}
    assert after == before


@pytest.mark.slow
def test_two_processes_at_once_share_the_work(books: Path) -> None:
    several = [
        subprocess.Popen(
            [sys.executable, "-m", "planctl", *words(books), "--wait", "60"],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stderr=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    ended = [(one.communicate(timeout=300)[1], one.returncode) for one in several]
    assert ended == [(b"", 0)] * 2
    check_moved_once(books)
