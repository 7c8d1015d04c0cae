"""One call to Stripe: stored before the first byte, sent with the same bytes, done once, whatever breaks on the way.

Source: planctl reliability rules, idempotency: push step by step, "Crash or failure, state found, next run".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from planctl.core.periods import Instant
from planctl.core.stripe.model import (
    KEY,
    Call,
    Operation,
    State,
    Value,
)
from planctl.errors import Busy, NotPermitted
from planctl.store import stripe_outbox
from planctl.store.engine import open_store
from planctl.workflows.sync_stripe.sending import finish, finish_all, send, send_next
from tests import stores
from tests.fakes.stripe import Request
from tests.fakes.stripe.faults import Kind
from tests.workflows.sync_stripe.office import (
    HOUR,
    PRO,
    SECOND,
    Mortal,
    Office,
    done_once,
    office,
    store,
    store_path,
    template,
)

__all__ = ["office", "store", "store_path", "template"]


# --- as it should be


def test_a_call_is_sent_once_linked_and_audited(office: Office) -> None:
    talk = office.talk()
    operation = send(talk, PRO)
    assert (operation.state, operation.tries, operation.first_sent_at) == (State.CONFIRMED, 1, office.now)
    assert operation.request_id == office.stripe.posts()[0].id
    assert talk.done == [operation]
    done_once(office)


def test_what_was_done_is_answered_again_and_nothing_is_sent(office: Office) -> None:
    first = send(office.talk(), PRO)
    talk = office.talk()
    assert send(talk, PRO) == first
    assert (len(office.stripe.posts()), talk.done) == (1, [])


def test_what_is_made_says_whose_it_is_what_it_stands_for_and_which_call_made_it(office: Office) -> None:
    send(office.talk(), replace(PRO, params={"name": "Pro", "metadata": {"colour": "red"}}))
    (made,) = office.stripe.objects("product")
    key = f"planctl:{office.store_id}:product:pro:create:1"
    assert made["metadata"] == {
        "colour": "red",
        "planctl_store": office.store_id,
        "planctl_id": "pro",
        "planctl_key": key,
    }
    assert office.stripe.posts()[0].key == key


def test_the_call_is_on_disk_as_sent_before_its_first_byte_and_no_transaction_is_open(
    office: Office, store_path: Path
) -> None:
    seen = []

    def look(request: Request) -> None:
        if request.method == "POST":
            with open_store(stores.url(store_path), wait_seconds=0) as other, other.write() as tx:
                found = tx.connection.exec_driver_sql(
                    "SELECT state, idempotency_key, body FROM stripe_operation"
                )
                seen.append((found.all(), request.key, request.body))

    office.stripe.hooks.before.append(look)
    send(office.talk(), PRO)
    ((rows, key, body),) = seen
    assert rows == [("sent", key, body)]


def test_the_end_is_audited_in_the_transaction_that_keeps_it(office: Office) -> None:
    kept = []
    talk = replace(
        office.talk(), record=lambda tx, one: kept.append((stripe_outbox.by_id(tx, one.id).state, one.state))
    )
    send(talk, PRO)
    assert kept == [(State.CONFIRMED, State.CONFIRMED)]


# --- the table: crash or failure, state found, next run


def test_killed_before_it_was_claimed_it_is_pending_and_sent(office: Office) -> None:
    with office.store.write() as tx:
        body = office.gateway.encode("/v1/products", {"name": "Pro"})
        stripe_outbox.add(tx, office.account, PRO, PRO.key(office.store_id), body, office.now)
    assert office.call().state is State.PENDING
    finish_all(office.talk())
    done_once(office)


def test_killed_before_the_request_left_it_is_sent_with_the_same_key_and_bytes(office: Office) -> None:
    office.killed("before", lambda talk: send(talk, PRO))
    before = office.call()
    assert (before.state, office.products()) == (State.SENT, [])
    office.later(22.9)
    finish_all(office.talk())
    (request,) = office.stripe.posts()
    assert (request.key, request.body) == (before.key, before.body)
    done_once(office)


def test_F097_killed_after_it_was_done_stripe_s_first_answer_is_replayed(office: Office) -> None:
    office.killed("after", lambda talk: send(talk, PRO))
    assert (office.call().state, len(office.products())) == (State.SENT, 1)
    office.later(22.9)
    finish_all(office.talk())
    first, second = office.stripe.posts()
    assert (first.replayed, second.replayed) == (False, True)
    assert (first.key, first.body) == (second.key, second.body)
    assert office.call().tries == 2
    done_once(office)


@pytest.mark.parametrize("fault", ["drop_before", "drop_after", "409", "429"])
def test_F104_what_stays_unanswered_is_kept_and_ends_with_75(office: Office, fault: Kind) -> None:
    office.fails(fault, times=3)
    with pytest.raises(Busy) as busy:
        send(office.talk(), PRO)
    assert (busy.value.exit_code, busy.value.code) == (75, "stripe-unreachable")
    assert (busy.value.where, len(office.stripe.posts())) == ("product pro: create", 3)
    assert (office.call().state, office.audited) == (State.SENT, [])
    send(office.talk(), PRO)
    done_once(office)


def test_F101_a_second_before_23_hours_it_is_sent_again(office: Office) -> None:
    office.killed("after", lambda talk: send(talk, PRO))
    office.later(23)
    office.stripe.clock.advance(-1)
    finish_all(office.talk())
    assert len(office.stripe.posts()) == 2
    done_once(office)


def test_F101_F105_at_23_hours_it_is_looked_for_by_list_and_never_sent_or_searched(office: Office) -> None:
    office.killed("after", lambda talk: send(talk, PRO))
    office.later(23)
    office.stripe.requests.clear()
    finish_all(office.talk())
    (request,) = office.stripe.requests
    assert (request.method, request.path) == ("GET", "/v1/products")
    first_sent = office.call().first_sent_at
    assert first_sent is not None
    assert request.params["created"] == {"gte": first_sent // SECOND - HOUR}
    done_once(office)


def test_F101_what_it_made_is_found_on_whatever_page_of_the_list_it_stands(office: Office) -> None:
    office.killed("after", lambda talk: send(talk, PRO))
    for _ in range(150):
        office.stripe.books().make("product", {"metadata": {KEY: "another"}})
    office.later(25)
    (found,) = finish_all(office.talk())
    assert (found.state, found.stripe_id) == (State.CONFIRMED, office.products()[0])


def test_F101_what_made_nothing_waits_for_a_person_though_others_look_like_it(office: Office) -> None:
    office.killed("before", lambda talk: send(talk, PRO))
    for metadata in ({}, {"planctl_id": "pro", "planctl_store": office.store_id}, {KEY: "another"}):
        office.stripe.books().make("product", {"name": "Pro", "metadata": metadata})
    office.later(25)
    (found,) = finish_all(office.talk())
    assert (found.state, found.note) == (State.PARKED, "nothing at Stripe carries its key")
    assert (office.stripe.posts(), [one.state for one in office.audited]) == ([], [State.PARKED])
    assert office.link("product", "pro") is None


def test_F101_what_is_there_twice_waits_for_a_person(office: Office) -> None:
    office.killed("after", lambda talk: send(talk, PRO))
    (metadata,) = [one["metadata"] for one in office.stripe.objects("product")]
    office.stripe.books().make("product", {"metadata": dict(metadata)})
    office.later(25)
    (found,) = finish_all(office.talk())
    one, other = office.products()
    assert (found.state, found.note) == (State.PARKED, f"several objects carry its key: {other}, {one}")
    assert office.link("product", "pro") is None


def test_F103_a_500_that_made_something_is_adopted_and_not_sent_again(office: Office) -> None:
    office.fails("500_after")
    send(office.talk(), PRO)
    assert len(office.stripe.posts()) == 1
    done_once(office)


def test_F103_a_500_that_made_nothing_waits_for_a_person(office: Office) -> None:
    office.fails("500")
    found = send(office.talk(), PRO)
    assert found.state is State.PARKED
    assert found.note.startswith("nothing at Stripe carries its key (500 api_error Sorry!")
    assert send(office.talk(), PRO) == found
    assert (len(office.stripe.posts()), office.products()) == (1, [])


def test_F103_killed_after_a_500_it_is_unknown_and_looked_for(office: Office) -> None:
    office.fails("500_after")
    office.killed("list", lambda talk: send(talk, PRO))
    assert office.call().state is State.UNKNOWN
    finish_all(office.talk())
    assert len(office.stripe.posts()) == 1
    done_once(office)


def test_F103_it_stays_unknown_while_nobody_can_look(office: Office) -> None:
    office.fails("500_after")
    office.fails("drop_before", method="GET", times=3)
    office.silent(lambda talk: send(talk, PRO))
    assert (office.call().state, office.audited) == (State.UNKNOWN, [])
    finish_all(office.talk())
    done_once(office)


def test_a_no_is_kept_with_what_stripe_said_and_is_not_asked_again(office: Office) -> None:
    wrong = Call(
        "refund", "re_1", "create", "/v1/refunds", {"payment_intent": "pi_none", "amount": 5}, links=True
    )
    found = send(office.talk(), wrong)
    assert found.state is State.PARKED
    assert found.note == "400 resource_missing No such payment_intent: 'pi_none' (payment_intent)"
    assert found.request_id == office.stripe.posts()[0].id
    for again in (send(office.talk(), wrong), send_next(office.talk(), wrong), finish(office.talk(), found)):
        assert again == found
    assert finish_all(office.talk()) == []
    assert (len(office.stripe.posts()), office.audited) == (1, [found])


def test_F100_a_key_that_was_used_with_other_bytes_waits_for_a_person_and_gets_no_other_key(
    office: Office,
) -> None:
    """Somebody else's program, or a damaged store: nothing is sent under a new key by itself."""
    foreign = Operation(
        "op_x", "product", "pro", "create", 1, PRO.key(office.store_id), "POST", "/v1/products", b"name=Other"
    )
    office.gateway.send(foreign)
    found = send(office.talk(), PRO)
    assert found.state is State.PARKED
    assert found.note.startswith("400 idempotency_error Keys for idempotent requests can only be used")
    assert send_next(office.talk(), PRO) == found
    assert finish_all(office.talk()) == []
    assert {one.key for one in office.stripe.posts()} == {found.key}
    assert len(office.products()) == 1


class NewerVersion(Mortal):
    """What the same parameters would be sent as by another version of the program."""

    def encode(self, path: str, params: Mapping[str, Value]) -> bytes:
        return b"description=newer&" + super().encode(path, params)


def test_F100_a_newer_version_of_the_program_sends_the_bytes_that_were_stored(office: Office) -> None:
    office.fails("drop_after", times=3)
    office.silent(lambda talk: send(talk, PRO))
    newer = office.new_gateway(cls=NewerVersion)
    send(office.talk(newer), replace(PRO, params={"name": "Professional"}))
    assert len({one.body for one in office.stripe.posts()}) == 1
    assert [one.replayed for one in office.stripe.posts()] == [False, True, True, True]
    assert office.stripe.objects("product")[0]["name"] == "Pro"
    done_once(office)


def test_it_sends_its_own_bytes_for_what_was_never_stored(office: Office) -> None:
    send(office.talk(office.new_gateway(cls=NewerVersion)), PRO)
    assert office.stripe.objects("product")[0]["description"] == "newer"


# --- a key that may not


@pytest.mark.parametrize("key", ["sk_test_nobodysKey0000000000", "rk_test_readsOnly0000000000"])
def test_a_key_that_may_not_stops_it_and_however_late_the_right_comes_the_call_is_still_sent(
    office: Office, key: str
) -> None:
    """401 and 403: nothing was done, so it counts as never sent. After 23 hours it would be looked for in vain."""
    if key.startswith("rk_"):
        office.stripe.add_key(key, {"products": "read"})
    with pytest.raises(NotPermitted):
        send(office.talk(office.new_gateway(key)), PRO)
    call = office.call()
    assert (call.state, call.first_sent_at, office.audited) == (State.PENDING, None, [])
    office.later(100)
    finish_all(office.talk())
    assert office.call().first_sent_at == office.now
    done_once(office)


def test_a_call_that_was_sent_before_stays_sent_when_the_key_may_not_any_more(office: Office) -> None:
    office.killed("after", lambda talk: send(talk, PRO))
    first_sent = office.call().first_sent_at
    office.later(1)
    with pytest.raises(NotPermitted):
        finish_all(office.talk(office.new_gateway("sk_test_nobodysKey0000000000")))
    assert (office.call().state, office.call().first_sent_at) == (State.SENT, first_sent)
    office.later(23)
    finish_all(office.talk())
    done_once(office)


# --- a clock that is set back


def test_where_the_clock_went_back_nothing_is_sent_again(office: Office) -> None:
    office.killed("after", lambda talk: send(talk, PRO))
    office.stripe.clock.advance(-2 * 24 * HOUR)
    office.stripe.requests.clear()
    finish_all(office.talk())
    assert [one.method for one in office.stripe.requests] == ["GET"]
    done_once(office)


def test_a_clock_that_goes_back_while_a_call_begins_does_not_keep_it_from_being_sent(office: Office) -> None:
    """By a microsecond with each look at it."""
    looks = iter(range(100))
    talk = replace(office.talk(), now=lambda: Instant(office.now - next(looks)))
    assert send(talk, PRO).state is State.CONFIRMED
    assert len(office.stripe.posts()) == 1
