"""A migration on PostgreSQL: two that apply it at once move each subscription once, and it can be taken back."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path

import pytest

from planctl.core.subscriptions.model import Status
from planctl.store import subscriptions, waves
from planctl.store.engine import Store, open_store
from planctl.store.subscriptions import SubscriptionFilter
from planctl.workflows.lock_subscription import lock
from tests.store.test_postgres import store, url
from tests.workflows.business import Business, t
from tests.workflows.moving import FIRST, Moving, migration, moved, sell

__all__ = ["store", "url"]

pytestmark = pytest.mark.postgres

NAMES = [f"c{index:02}" for index in range(20)]


def test_two_at_once_move_each_subscription_once_and_one_takes_it_back(
    store: Store, url: str, tmp_path: Path
) -> None:
    business = Business(store)
    moving = Moving(business, tmp_path)
    sell(store, FIRST, tmp_path, "2026-01-01")
    business.customer(*NAMES)
    for name in NAMES:
        business.subscribe(name, "pro", pay="month")
    moving.sell()
    with store.write() as tx:
        lock(tx, "c07/pro", "talks", t("2026-01-06"))
        before = subscriptions.listing(tx, SubscriptionFilter(statuses=(Status.ACTIVE,)))
    wanted = migration(batches=3)
    found: list[str] = []

    def apply() -> None:
        with open_store(url, wait_seconds=60) as own:
            found.extend(moved(Moving(Business(own), tmp_path).apply(wanted)))

    threads = [threading.Thread(target=apply) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(found) == Counter(name for name in NAMES if name != "c07")
    with store.read() as tx:
        assert waves.moved(tx, "pro-v2") == 19
    undone, left = moving.undo()
    assert (len(undone), left) == (19, [])
    with store.read() as tx:
        assert subscriptions.listing(tx, SubscriptionFilter(statuses=(Status.ACTIVE,))) == before
    business.check()
