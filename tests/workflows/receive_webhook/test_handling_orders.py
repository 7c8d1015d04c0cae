"""The same event twice, late events and all orders: one effect. What is written follows from what stands at Stripe."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from planctl.store.engine import open_store
from planctl.store.settings import put_setting
from tests.fakes.stripe import Request
from tests.workflows.business import Business
from tests.workflows.receive_webhook.world import World


def delivered(world: World, events: list[dict[str, Any]], path: Path) -> dict[str, Any]:
    """What a copy of the store holds after those events."""
    with world.copied(path) as fresh:
        for event in events:
            assert fresh.handle(event).outcome == "done"
        fresh.business.check()
        return fresh.export()


@pytest.fixture
def settled(world: World) -> World:
    """One invoice that was declined, paid and refunded in part, with a card that came in between."""
    there = world.sold()
    world.days(1)
    world.stripe.fail_payment(there)
    world.days(1)
    customer = world.stripe.get(there)["customer"]
    world.stripe.attach_card(customer)
    world.days(1)
    intent = world.stripe.pay_invoice(there)
    world.days(1)
    world.stripe.refund(intent, 500)
    world.days(1)
    return world


def test_the_same_event_five_times_has_one_effect(world: World) -> None:
    world.stripe.pay_invoice(world.sold())
    outcomes = [world.take("invoice.paid").outcome for _ in range(5)]
    assert outcomes == ["done", "duplicate", "duplicate", "duplicate", "duplicate"]
    assert len(world.paid()) == 1
    assert len(world.kept()) == 1


def test_two_events_of_stripe_about_one_thing_have_one_effect(world: World) -> None:
    intent = world.stripe.pay_invoice(world.sold())
    world.stripe.refund(intent)
    for kind in (
        "invoice.paid",
        "invoice_payment.paid",
        "refund.created",
        "charge.refunded",
        "refund.updated",
    ):
        if any(one["type"] == kind for one in world.stripe.events):
            world.take(kind)
    assert len(world.paid()) == 1
    assert len(world.export()["notes"]) == 1


@pytest.mark.slow
def test_F111_all_24_orders_of_four_events_end_in_the_same_store(settled: World, tmp_path: Path) -> None:
    kinds = ("invoice.payment_failed", "payment_method.attached", "invoice.paid", "refund.created")
    events = [settled.event(kind) for kind in kinds]
    orders = list(permutations(events))
    assert len(orders) == 24
    found = [delivered(settled, list(order), tmp_path / f"{n}.db") for n, order in enumerate(orders)]
    assert all(one == found[0] for one in found)
    assert found[0]["invoices"][0][1] == "paid"
    assert len(found[0]["payments"]) == len(found[0]["notes"]) == 1
    assert found[0]["customers"] == [("nova", "card")]


@pytest.mark.slow
@pytest.mark.parametrize("won", [True, False])
def test_all_orders_of_paid_refunded_and_disputed_end_in_the_same_store(
    world: World, tmp_path: Path, won: bool
) -> None:
    intent = world.stripe.pay_invoice(world.sold())
    world.days(1)
    world.stripe.refund(intent, 400)
    world.days(1)
    dispute = world.stripe.dispute(intent)
    world.stripe.edit(
        dispute,
        amount=1500,
        balance_transactions=[
            one | {"amount": -1500} for one in world.stripe.get(dispute)["balance_transactions"]
        ],
    )
    world.days(1)
    world.stripe.close_dispute(dispute, won=won)
    kinds = ["invoice.paid", "refund.created", "charge.dispute.funds_withdrawn", "charge.dispute.closed"]
    events = [world.event(kind) for kind in kinds]
    found = [
        delivered(world, list(order), tmp_path / f"{n}.db") for n, order in enumerate(permutations(events))
    ]
    assert all(one == found[0] for one in found)
    assert found[0]["invoices"][0][1] == ("paid" if won else "open")


def test_heard_of_as_it_happens_or_all_at_the_end_the_store_is_the_same(world: World, tmp_path: Path) -> None:
    there = world.sold()
    acts: list[Callable[[], Any]] = [
        lambda: world.stripe.fail_payment(there),
        lambda: world.stripe.attach_card(world.stripe.get(there)["customer"]),
        lambda: world.stripe.pay_invoice(there),
        lambda: world.stripe.refund(intent(), 400),
        lambda: world.stripe.dispute(intent()),
        lambda: world.stripe.close_dispute(world.stripe.objects("dispute")[0]["id"]),
    ]

    def intent() -> str:
        return str(world.stripe.objects("payment_intent")[0]["id"])

    begun = len(world.stripe.events)
    with world.copied(tmp_path / "late.db") as late:
        for act in acts:
            seen = len(world.stripe.events)
            act()
            _dispute_the_rest(world)
            for event in world.stripe.events[seen:]:
                world.handle(event)
            world.days(1)
        for event in world.stripe.events[begun:]:
            late.handle(event)
        late.business.check()
        assert late.export() == world.export()
    assert world.status() == ("paid", "0.00")
    assert len(world.paid()) == 2


def _dispute_the_rest(world: World) -> None:
    """A bank takes back what was not given back before: the fake disputes the whole charge."""
    for dispute in world.stripe.objects("dispute"):
        moved = [
            one | {"amount": 1500 if one["amount"] > 0 else -1500} for one in dispute["balance_transactions"]
        ]
        world.stripe.edit(dispute["id"], amount=1500, balance_transactions=moved)


@pytest.mark.parametrize("closed", [False, True])
def test_taken_in_by_two_at_once_it_is_taken_in_once(world: World, closed: bool) -> None:
    """While one looks at Stripe, another process takes in the same event, whole."""
    there = world.sold()
    world.stripe.pay_invoice(there)
    if closed:  # so that it waits for a person
        with world.business.store.write() as tx:
            put_setting(tx, "books.closed_through", "2026-01-01")
    event, meanwhile = world.event("invoice.paid"), list[str]()

    def another(request: Request) -> None:
        if request.path == "/v1/invoice_payments" and not meanwhile:
            meanwhile.append("")
            with open_store(str(world.business.store.url)) as store:
                other = World(Business(store), world.stripe)
                meanwhile[0] = other.handle(event).outcome

    world.stripe.hooks.after.append(another)
    first = world.handle(event)
    assert meanwhile == ["parked" if closed else "done"]
    assert first.outcome == "duplicate"
    assert len(world.paid()) == (0 if closed else 1)
    assert world.audited == []
