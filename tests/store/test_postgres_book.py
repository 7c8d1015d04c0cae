"""Running subscriptions are gathered alike on PostgreSQL."""

from __future__ import annotations

import pytest

from planctl.core.catalog.book import summary
from planctl.store.book import book
from planctl.store.engine import Store
from tests.data_makers.many_subscriptions import NOW, Many, fill
from tests.store.test_postgres import store, url

__all__ = ["store", "url"]

pytestmark = pytest.mark.postgres


def test_groups_and_usage_are_read_here_too(store: Store) -> None:
    with store.write() as tx:
        fill(tx, Many(plans=3, subscriptions=60, versions=2))
        found = book(tx, NOW, ["plan_1"], {"plan_1": {"minutes"}}, names=True)
        everything = summary(book(tx, NOW, None, None))
    assert sum(one.count for one in found.of("plan_1")) == 20
    used = {one.customers[0]: one.used for one in found.of("plan_1")}
    assert (used["customer_0000040"] or {})["minutes"] == 40 * 37 + 2
    assert used["customer_0000001"] == {}  # in its trial
    assert sum(one.count for one in everything.held) == 60
    assert everything.spreads[("plan_1", "minutes")].count == 9  # 34, 37, … 58: the others are in trials
