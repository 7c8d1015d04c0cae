"""A push that dies anywhere and is run again: one invoice each at Stripe, with the same totals (F097).

It is killed before, after and in the middle of every request, and at every transaction. One test kills a real process.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from planctl.store.engine import open_store
from tests import stores
from tests.fakes.stripe import FakeStripe, Fault
from tests.workflows.business import Business
from tests.workflows.sync_stripe.world import Killed, World

ROOT = Path(__file__).parents[3]
MOST = 200
"""More requests and transactions than any push here makes."""

CARD, MAILED = "INV-2026-00001", "INV-2026-00002"
TOTALS = {CARD: 4_990, MAILED: 1_900}


@pytest.fixture(scope="session")
def sold(books: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with two invoices, one for a card and one that is sent; copy it, never open it."""
    path = tmp_path_factory.mktemp("sold") / "books.db"
    stores.copy(books, path)
    with open_store(stores.url(path)) as store:
        business = Business(store)
        business.customer("nova", payment_method="card")
        business.customer("mira", payment_method="invoice", emails=("mira@books.example",))
        business.subscribe("nova", "pro")
        business.subscribe("mira", "starter")
    return path


def meet(world: World) -> None:
    """The customers are at Stripe, one with a card."""
    world.push_customer("nova")
    world.push_customer("mira")
    world.stripe.attach_card(world.there("customer", "nova"))


@contextmanager
def opened(path: Path, fake: FakeStripe) -> Iterator[World]:
    """The world on a store."""
    with open_store(stores.url(path)) as store:
        yield World(Business(store), fake)


def killed(world: World, die: dict[str, Any]) -> bool:
    """Push with a process that dies somewhere; whether it did."""
    gateway = world.new_gateway()
    gateway.die_at, gateway.how = die.get("request", 0), die.get("how", "before")
    gateway.lose = lambda: world.stripe.faults.add(Fault("*", ".", "drop_after"))
    world.gateway, world.commits, world.die_at_commit = gateway, 0, die.get("commit", 0)
    try:
        world.push()
    except Killed:
        return True
    finally:
        world.gateway, world.die_at_commit = world.new_gateway(), 0
        world.stripe.faults.clear()
    return False


def check(world: World) -> None:
    """Everything is at Stripe once, whole and right, and the next push sends nothing."""
    pushed = world.push()
    assert pushed.stopped == []
    found = {one["metadata"]["planctl_number"]: one for one in world.stripe.objects("invoice")}
    assert len(world.stripe.objects("invoice")) == len(found) == 2
    assert {number: one["total"] for number, one in found.items()} == TOTALS
    assert (found[CARD]["status"], found[MAILED]["status"]) == ("paid", "open")
    assert len(world.stripe.objects("charge")) == 1
    assert [event["type"] for event in world.stripe.events].count("invoice.sent") == 1
    assert world.unfinished() == world.waiting() == []
    sent = len(world.stripe.posts())
    world.push()
    assert len(world.stripe.posts()) == sent
    world.business.check()


@pytest.mark.parametrize("how", ["before", "effect", "answer"])
def test_F097_a_push_that_is_killed_at_any_request_is_finished_by_the_next(
    sold: Path, tmp_path: Path, how: str
) -> None:
    reached = 0
    for number in range(1, MOST):
        if not _killed_and_finished(sold, tmp_path / f"{number}.db", {"request": number, "how": how}):
            break
        reached = number
    assert reached == 18  # 10 for the one that is paid, 8 for the one that is sent


def test_F097_a_push_that_is_killed_at_any_transaction_is_finished_by_the_next(
    sold: Path, tmp_path: Path
) -> None:
    reached = 0
    for number in range(1, MOST):
        if not _killed_and_finished(sold, tmp_path / f"{number}.db", {"commit": number}):
            break
        reached = number
    assert reached == 19  # two for each call, one for each look


def _killed_and_finished(sold: Path, path: Path, die: dict[str, Any]) -> bool:
    """Whether the push was killed there; then it was run again, and all is well."""
    stores.copy(sold, path)
    with FakeStripe() as fake, opened(path, fake) as world:
        meet(world)
        was_killed = killed(world, die)
        check(world)
        assert fake.violations == []
    stores.remove(path)
    return was_killed


def test_a_push_that_is_killed_again_and_again_comes_to_its_end(sold: Path, tmp_path: Path) -> None:
    """A comparison takes two requests, so a run that does no more than four gets on."""
    path = tmp_path / "books.db"
    stores.copy(sold, path)
    with FakeStripe() as fake, opened(path, fake) as world:
        meet(world)
        runs = 0
        while killed(world, {"request": 4, "how": "effect"}):
            runs += 1
            assert runs < MOST
        check(world)


SCRIPT = """
import os, signal, sys
from tests.fakes.stripe import FakeStripe
from tests.workflows.sync_stripe import world as worlds
from planctl.store.engine import open_store
from planctl.stripe_bridge.gateway import Gateway
from tests.workflows.business import Business

path, address, key, when, number = sys.argv[1:]
asked = 0


class There:
    def __init__(self) -> None:
        self.address, self.key = address, key
        self.clock = type("Clock", (), {"now": 1_767_225_600})()


def heard(self, method, path, params):
    global asked
    asked += 1
    if asked == int(number) and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    answer = Gateway._heard(self, method, path, params)
    if asked == int(number):
        os.kill(os.getpid(), signal.SIGKILL)
    return answer


worlds.DyingGateway._heard = heard
with open_store(path) as store:
    worlds.World(Business(store), There()).push()
"""
"""A push in a process of its own, that is killed at its N-th request; the first one asks for the account."""


@pytest.mark.parametrize(
    ("when", "number"), [("before", 2), ("after", 2), ("after", 3), ("after", 6), ("after", 8)]
)
def test_F097_a_process_that_is_killed_leaves_one_invoice_each(
    sold: Path, tmp_path: Path, stripe: FakeStripe, when: str, number: int
) -> None:
    path = tmp_path / "books.db"
    stores.copy(sold, path)
    with opened(path, stripe) as world:
        meet(world)
    given = [stores.address(path), stripe.address, stripe.key, when, str(number)]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *given],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
        timeout=300,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    with opened(path, stripe) as world:
        check(world)


def test_two_pushes_side_by_side_send_each_invoice_once(
    sold: Path, tmp_path: Path, stripe: FakeStripe
) -> None:
    """At each request of one push another one runs whole."""
    path = tmp_path / "books.db"
    stores.copy(sold, path)
    with opened(path, stripe) as one, opened(path, stripe) as other:
        meet(one)
        one.gateway.before = other.push
        assert one.push().stopped == []
        one.gateway.before = lambda: None
        check(one)


@pytest.mark.parametrize("turn", range(1, 19))
def test_another_push_between_any_two_requests_does_no_harm(
    sold: Path, tmp_path: Path, stripe: FakeStripe, turn: int
) -> None:
    """The first stands still at one request, and the other does everything meanwhile."""
    path = tmp_path / "books.db"
    stores.copy(sold, path)
    with opened(path, stripe) as one, opened(path, stripe) as other:
        meet(one)
        asked = []

        def beside() -> None:
            asked.append(1)
            if len(asked) == turn:
                other.push()

        one.gateway.before = beside
        assert one.push().stopped == []
        one.gateway.before = lambda: None
        check(one)
