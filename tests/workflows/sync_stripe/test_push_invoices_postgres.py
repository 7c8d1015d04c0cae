"""A push of invoices from a store on PostgreSQL."""

from __future__ import annotations

import pytest

from planctl.store.engine import Store
from tests.fakes.stripe import FakeStripe
from tests.store.test_postgres import store, url
from tests.workflows.business import Business
from tests.workflows.sync_stripe.world import CATALOG, World
from tests.workflows.world import apply

__all__ = ["store", "url"]

pytestmark = pytest.mark.postgres


def test_invoices_go_out_once_and_what_becomes_of_them_follows(store: Store, stripe: FakeStripe) -> None:
    with store.write() as tx:
        apply(tx, CATALOG)
    world = World(Business(store), stripe)
    world.sold("nova", pays="card")
    world.sold("mira", "leo", "zoe", plan="pro", currency="EUR", country="DE")
    assert world.push().sent == {"create": 4, "lines": 4, "finalize": 4, "pay": 1}
    assert world.posted() == []
    world.paid_by_stripe("INV-2026-00001")
    world.at("2026-01-02")
    world.credit("INV-2026-00001", "5", "refund")
    world.void("INV-2026-00002")
    world.pay("INV-2026-00003")
    world.pay("INV-2026-00004", "20")
    assert sorted(world.posted()) == ["POST credit_notes", "POST pay", "POST refunds", "POST void"]
    assert world.posted() == []
    assert [one["status"] for one in stripe.objects("invoice")] == ["paid", "void", "paid", "open"]
    world.business.check()
