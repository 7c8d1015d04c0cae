"""Migrations, their batches and members come back from the store as they were kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from planctl.core.subscriptions.change_requests import wish_for
from planctl.core.waves.model import Batch, Kept, Member, Migration, Select, Skip, State
from planctl.store import subscriptions, waves
from planctl.store.change_requests import file_request
from planctl.store.engine import Store, Tx
from tests.store.samples import a_subscription, on_day, with_subscriptions

MIGRATION = Migration(
    "pro-v8", "pro", (5, 6), 8, "Pro to v8", "two rounds", "now",
    Select(("nova",), ("USD",), started_before=date(2026, 1, 2)),
    ("acme",), True, 2, (10, 90), Decimal("0.2"),
)  # fmt: skip
KEPT = Kept(MIGRATION, 8, "ada", on_day(1))


@pytest.fixture
def tx(store: Store) -> Iterator[Tx]:
    with store.write() as tx:
        with_subscriptions(tx, 4)
        yield tx


def test_a_migration_is_kept_as_its_file_said_it(tx: Tx) -> None:
    assert waves.kept(tx, "pro-v8") is None
    waves.keep(tx, KEPT)
    other = Kept(replace(MIGRATION, name="basic-v3", percent=(), batches=1), 3, "ben", on_day(0))
    waves.keep(tx, other)
    assert waves.kept(tx, "pro-v8") == KEPT
    assert waves.all_kept(tx) == [other, KEPT]


def test_another_file_of_the_same_name_takes_its_place(tx: Tx) -> None:
    waves.keep(tx, KEPT)
    waves.keep(tx, replace(KEPT, to=9, actor="ben"))
    assert waves.all_kept(tx) == [replace(KEPT, to=9, actor="ben")]


def test_a_batch_is_begun_once_done_and_opened_again(tx: Tx) -> None:
    waves.keep(tx, KEPT)
    begun = Batch(1, "ada", on_day(1))
    for one in (begun, replace(begun, finished_at=on_day(2)), begun):
        waves.keep_batch(tx, "pro-v8", one)
        assert waves.batches(tx, "pro-v8") == {1: one}


def test_the_last_word_about_a_member_counts(tx: Tx) -> None:
    waves.keep(tx, KEPT)
    skipped = Member("sub_1", 1, State.SKIPPED, "ada", on_day(1), skip=Skip("locked", "it is locked: talks"))
    moved = Member("sub_2", 2, State.MOVED, "ada", on_day(1), "sub_3")
    waves.put_members(tx, "pro-v8", [skipped, moved])
    assert waves.members(tx, "pro-v8") == {"sub_1": skipped, "sub_2": moved}
    assert waves.members(tx, "pro-v8", ["sub_2", "sub_9"]) == {"sub_2": moved}
    assert waves.moved(tx, "pro-v8") == 1
    undone = replace(moved, state=State.UNDONE, actor="ben", at=on_day(2))
    later = Member("sub_1", 1, State.MOVED, "ben", on_day(2), "sub_4")
    waves.put_members(tx, "pro-v8", [undone, later])
    assert waves.members(tx, "pro-v8") == {"sub_1": later, "sub_2": undone}
    assert waves.moved(tx, "pro-v8") == 1


def test_a_chain_of_changes_began_with_its_first(tx: Tx) -> None:
    first = a_subscription("chain_1", started_at=on_day(3), exclusive_group="")
    second = replace(first, id="chain_2", started_at=on_day(40), follows="chain_1")
    third = replace(first, id="chain_3", started_at=on_day(70), follows="chain_2")
    subscriptions.insert_many(tx, [(one, None) for one in (first, second, third)])
    found = waves.beginnings(tx, [first, third])
    assert found == {"chain_1": on_day(3), "chain_3": on_day(3)}
    assert waves.beginnings(tx, [second]) == {"chain_2": on_day(3)}


def test_what_is_forgotten_leaves_the_migration_and_nothing_of_it(tx: Tx) -> None:
    waves.keep(tx, KEPT)
    waves.keep_batch(tx, "pro-v8", Batch(1, "ada", on_day(1)))
    waves.put_members(tx, "pro-v8", [Member("sub_1", 1, State.MOVED, "ada", on_day(1), "sub_3")])
    waves.forget(tx, "pro-v8")
    assert (waves.batches(tx, "pro-v8"), waves.members(tx, "pro-v8")) == ({}, {})
    assert waves.kept(tx, "pro-v8") == KEPT


def test_only_requests_that_wait_for_an_answer_are_waiting(tx: Tx) -> None:
    assert waves.waiting_requests(tx, ["sub_1", "sub_2"]) == frozenset()
    file_request(tx, a_subscription(), replace(wish_for(a_subscription()), plan="basic"), on_day(1))
    assert waves.waiting_requests(tx, ["sub_1", "sub_2"]) == {"sub_1"}
