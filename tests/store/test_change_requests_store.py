"""Requests to change a plan come back as they were made, beside the other changes of their subscription."""

from __future__ import annotations

from decimal import Decimal

import pytest

from planctl.core.subscriptions.change_requests import RequestStatus, Wish, decided
from planctl.core.subscriptions.model import QuantityStep
from planctl.store import subscriptions
from planctl.store.change_requests import (
    file_request,
    keep_answer,
    open_request_of,
    requests,
    withdraw_request,
)
from planctl.store.engine import Store
from tests.store.samples import on_day, with_subscriptions

PRO = Wish("pro", "year", "USD", 3, {"seats": Decimal("12.5")}, "2")
LITE = Wish("lite")


def test_a_request_comes_back_as_it_was_made(store: Store) -> None:
    with store.write() as tx:
        (one,) = with_subscriptions(tx, 1)
        done = file_request(tx, one, PRO, on_day(3))
    with store.read() as tx:
        found = open_request_of(tx, "sub_1")
        assert found == done.request
        assert requests(tx) == requests(tx, [one.customer]) == [done.request]
        assert requests(tx, ["nobody"]) == []
    assert found is not None
    assert (found.customer, found.plan, found.seq) == (one.customer, one.plan, 1)
    assert (found.wish, found.requested_at, found.status) == (PRO, on_day(3), RequestStatus.REQUESTED)


def test_another_request_withdraws_the_one_that_waited(store: Store) -> None:
    with store.write() as tx:
        (one,) = with_subscriptions(tx, 1)
        file_request(tx, one, PRO, on_day(3))
        assert file_request(tx, one, PRO, on_day(4)).existed
        file_request(tx, one, LITE, on_day(5))
    with store.read() as tx:
        first, second = requests(tx)
    assert (first.status, first.decided_at) == (RequestStatus.WITHDRAWN, on_day(5))
    assert (second.wish, second.seq, second.is_open) == (LITE, 2, True)


def test_an_answer_is_kept_with_its_reason_and_given_once(store: Store) -> None:
    with store.write() as tx:
        (one,) = with_subscriptions(tx, 1)
        made = file_request(tx, one, PRO, on_day(3)).request
        answered = decided(made, RequestStatus.REJECTED, on_day(4), "too soon")
        keep_answer(tx, answered)
        assert open_request_of(tx, "sub_1") is None
        assert requests(tx) == [answered]
        with pytest.raises(AssertionError, match="no request of number 1 waits"):
            keep_answer(tx, answered)


def test_what_waits_can_be_withdrawn_once(store: Store) -> None:
    with store.write() as tx:
        (one,) = with_subscriptions(tx, 1)
        file_request(tx, one, PRO, on_day(3))
        gone = withdraw_request(tx, "sub_1", on_day(6))
        assert gone is not None
        assert (gone.status, gone.decided_at) == (RequestStatus.WITHDRAWN, on_day(6))
        assert withdraw_request(tx, "sub_1", on_day(6)) is None


def test_requests_and_changes_of_quantities_count_on_together_and_are_told_apart(store: Store) -> None:
    more = QuantityStep(on_day(5), "seats", Decimal(12), 1, charged=True)
    with store.write() as tx:
        (one,) = with_subscriptions(tx, 1)
        subscriptions.add_steps(tx, "sub_1", [more], on_day(5))
        assert file_request(tx, one, PRO, on_day(6)).request.seq == 2
    with store.read() as tx:
        assert subscriptions.next_change(tx, "sub_1") == 3
        found = subscriptions.get(tx, "sub_1")
        assert len(requests(tx)) == 1
    assert found is not None
    assert found.steps == (more,)
