"""Two processes that send the same call, or end it, at once: it is done once, and what was done stays done."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from planctl.core.stripe.model import (
    Answer,
    Operation,
    Outcome,
    State,
)
from planctl.store import stripe_outbox
from planctl.store.engine import open_store
from planctl.workflows.sync_stripe.sending import finish, finish_all, send
from tests import stores
from tests.workflows.sync_stripe.office import (
    PRO,
    Mortal,
    Office,
    done_once,
    office,
    store,
    store_path,
    template,
)

__all__ = ["office", "store", "store_path", "template"]


def test_two_that_send_the_same_call_at_once_make_one_object(office: Office, store_path: Path) -> None:
    """The second finds the first under way: Stripe says 409 to it, and then what it answered to the first."""
    held = office.fails("delay")
    held.seconds = 10
    arrived, finished = threading.Event(), threading.Event()
    office.stripe.hooks.before.append(lambda _: arrived.set())
    office.stripe.hooks.after.append(lambda request: finished.set() if request.status == 200 else None)
    ended: list[Operation] = []

    def first() -> None:
        with open_store(stores.url(store_path)) as own:
            ended.append(send(office.talk(office.new_gateway(), own), PRO))

    def sleep(_: int) -> None:
        held.release()
        assert finished.wait(10)

    beside = threading.Thread(target=first)
    beside.start()
    assert arrived.wait(10)
    patient = office.new_gateway()
    patient.sleep = sleep
    ended.append(send(office.talk(patient), PRO))
    beside.join()
    assert [one.status for one in office.stripe.posts()] == [200, 409, 200]
    assert {one.stripe_id for one in ended} == set(office.products())
    done_once(office)


def test_one_that_was_ended_by_another_meanwhile_is_not_sent_again(office: Office) -> None:
    office.killed("before", lambda talk: send(talk, PRO))
    as_it_was = office.call()
    finish_all(office.talk())
    assert finish(office.talk(), as_it_was) == office.call()
    assert len(office.stripe.posts()) == 1
    done_once(office)


class Overtaken(Mortal):
    """While this one waits for an answer, another process brings the call to its end; then it hears what it hears."""

    meanwhile: Callable[[], object] = staticmethod(lambda: None)
    hears: Answer = Answer(Outcome.LOST)

    def send(self, operation: Operation) -> Answer:
        self.meanwhile()
        return self.hears


def overtaken(office: Office, hears: Answer, meanwhile: Callable[[], object]) -> Operation:
    slow = office.new_gateway(cls=Overtaken)
    assert isinstance(slow, Overtaken)
    slow.hears, slow.meanwhile = hears, meanwhile
    return send(office.talk(slow), PRO)


@pytest.mark.parametrize(
    "hears",
    [
        Answer(Outcome.LOST, message="silence"),
        Answer(Outcome.AGAIN, 429),
        Answer(Outcome.FAILED, 500),
        Answer(Outcome.REFUSED, 400),
    ],
)
def test_what_was_done_stays_done_whatever_a_slower_process_hears(office: Office, hears: Answer) -> None:
    found = overtaken(office, hears, lambda: finish_all(office.talk()))
    assert found.state is State.CONFIRMED
    done_once(office)


def test_a_call_that_a_slower_process_saw_done_is_done_though_another_gave_up(office: Office) -> None:
    made = office.stripe.books().make("product", {})["id"]

    def park() -> None:
        call = office.call()
        with office.store.write() as tx:
            stripe_outbox.save(tx, replace(call, state=State.PARKED, note="nothing there"))

    found = overtaken(office, Answer(Outcome.DONE, 200, {"id": made}), park)
    assert (found.state, found.note) == (State.CONFIRMED, "")
    done_once(office)
