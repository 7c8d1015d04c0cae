"""`planctl stripe push` in processes of its own: two side by side, and one that is killed again and again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from planctl import clock
from tests.cli.conftest import Run
from tests.cli.stripe_desk import (
    FIRST,
    done,
    marked,
    number_of,
    sell,
    there,
)
from tests.fakes.stripe import FakeStripe, Request
from tests.fakes.stripe.fixture import stripe

__all__ = ["stripe", "there"]

ROOT = Path(__file__).parents[2]


@pytest.fixture
def process(shop: Run, there: FakeStripe) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Starts `planctl stripe push` for three who owe 19.00 USD each."""
    # A process has no clock but the machine's, and Stripe takes no due date that is over by its own.
    there.clock.now = clock.now() // 1_000_000
    done(shop("stripe", "setup"))
    sell(shop, "nova", "rosa", "kim")
    there.requests.clear()
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", "planctl", "--wait", "60", "stripe", "push"],
                env=os.environ | {"PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return started[-1]

    yield start
    for one in started:
        one.kill()
        one.communicate(timeout=60)


def is_there_once(run: Run, stripe: FakeStripe) -> None:
    """Everything of the three is at Stripe, once, to the cent, and every law holds here."""
    made = Counter(marked(stripe, "product", "price", "customer"))
    assert set(made.values()) == {1}, made
    assert len(made) == 2 + 2 + 3
    invoices = [(one["status"], one["amount_due"]) for one in stripe.objects("invoice")]
    assert invoices == [("open", 1_900)] * 3
    assert all(len(stripe.lines(one["id"])) == 1 for one in stripe.objects("invoice"))
    assert number_of(stripe) == [FIRST, "INV-2026-00002", "INV-2026-00003"]
    done(run("stripe", "diff", "--exit-code"))
    done(run("doctor", "--quiet"))


@pytest.mark.slow
def test_two_pushes_side_by_side_make_one_object_each(
    shop: Run, there: FakeStripe, process: Callable[[], subprocess.Popen[str]]
) -> None:
    both = [process(), process()]
    ended = [(one.communicate(timeout=300)[1], one.returncode) for one in both]
    assert {code for _, code in ended} <= {0, 75}, ended
    done(shop("stripe", "push"))
    is_there_once(shop, there)


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_push_that_is_killed_again_and_again_makes_one_object_each(
    shop: Run, there: FakeStripe, process: Callable[[], subprocess.Popen[str]], when: str
) -> None:
    """Each process dies at its third POST: before that is carried out, or before its answer is heard."""
    posts, running = 0, process()

    def kill(request: Request) -> None:
        nonlocal posts
        posts += request.method == "POST"
        if posts == 3 and request.method == "POST":
            os.kill(running.pid, signal.SIGKILL)
            running.wait(60)

    hooks = there.hooks.before if when == "before" else there.hooks.after
    hooks.append(kill)
    for _ in range(20):
        _, said = running.communicate(timeout=300)
        if running.returncode != -signal.SIGKILL:
            break
        posts = 0
        running = process()
    assert running.returncode == 0, said
    is_there_once(shop, there)
