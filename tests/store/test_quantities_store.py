"""Changes of quantities come back with their subscription; canceled ones are kept and count no more."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from planctl.core.subscriptions.model import QuantityStep
from planctl.errors import Conflict
from planctl.store import subscriptions
from planctl.store.engine import Store
from planctl.store.quantities import step_row
from tests.store.samples import on_day, with_subscriptions

MORE = QuantityStep(on_day(5), "seats", Decimal("12.5"), 1, charged=True)
FEWER = QuantityStep(on_day(31), "", Decimal(2), 2)


def test_changes_come_back_in_the_order_of_their_numbers_for_many_at_once(store: Store) -> None:
    with store.write() as tx:
        with_subscriptions(tx, 3)
        subscriptions.add_steps(tx, "sub_1", [MORE, FEWER], on_day(5))
        subscriptions.add_steps(tx, "sub_3", [FEWER], on_day(5))
    with store.read() as tx:
        found = subscriptions.get_many(tx, ["sub_1", "sub_2", "sub_3"])
    assert {name: one.steps for name, one in found.items()} == {
        "sub_1": (MORE, FEWER),
        "sub_2": (),
        "sub_3": (FEWER,),
    }


def test_a_change_that_is_still_to_come_can_be_canceled_and_keeps_its_number(store: Store) -> None:
    with store.write() as tx:
        with_subscriptions(tx, 1)
        assert subscriptions.next_change(tx, "sub_1") == 1
        subscriptions.add_steps(tx, "sub_1", [MORE, FEWER], on_day(5))
        subscriptions.cancel_steps(tx, "sub_1", [FEWER])
        subscriptions.cancel_steps(tx, "sub_1", [])
    with store.read() as tx:
        one = subscriptions.get(tx, "sub_1")
        assert one is not None
        assert one.steps == (MORE,)
        assert subscriptions.next_change(tx, "sub_1") == 3


def test_what_was_done_cannot_be_canceled(store: Store) -> None:
    with store.write() as tx:
        with_subscriptions(tx, 1)
        subscriptions.add_steps(tx, "sub_1", [MORE], on_day(5))
        with pytest.raises(AssertionError, match="1 changes to cancel, 0 are scheduled"):
            subscriptions.cancel_steps(tx, "sub_1", [MORE])


def test_a_number_is_given_once(store: Store) -> None:
    with store.write() as tx:
        with_subscriptions(tx, 1)
        subscriptions.add_steps(tx, "sub_1", [MORE], on_day(5))
    with pytest.raises(Conflict), store.write() as tx:
        subscriptions.add_steps(tx, "sub_1", [MORE], on_day(5))


def test_a_change_says_whether_it_is_done_or_scheduled() -> None:
    row = step_row("sub_1", MORE, "done")
    assert row == {
        "subscription": "sub_1",
        "seq": 1,
        "kind": "quantity",
        "document": '{"charged":"yes","feature":"seats","total":"12.5"}',
        "at": on_day(5),
        "status": "done",
    }
    with pytest.raises(AssertionError):
        step_row("sub_1", MORE, "undone")


def test_the_base_of_an_add_on_is_stored(store: Store) -> None:
    with store.write() as tx:
        (one,) = with_subscriptions(tx, 1)
        subscriptions.update(tx, replace(one, base="sub_base", pools_from=on_day(3)), on_day(1))
    with store.read() as tx:
        found = subscriptions.get(tx, "sub_1")
    assert found is not None
    assert (found.base, found.pools_from) == ("sub_base", on_day(3))
