"""What cannot be written: kept with its reason, never half, and what a person then says about it."""

from __future__ import annotations

from typing import Any

import pytest

from planctl.errors import Busy, NotFound, NotPermitted
from planctl.store.settings import put_setting
from planctl.stripe_bridge.gateway import Gateway
from planctl.stripe_bridge.keys import Key
from planctl.workflows.receive_webhook import money
from planctl.workflows.receive_webhook.handling import drop_event, retry_event
from tests.fakes.stripe import Fault
from tests.workflows.receive_webhook.world import World


def closed(world: World, day: str) -> None:
    with world.business.store.write() as tx:
        put_setting(tx, "books.closed_through", day)


def test_F115_what_cannot_be_written_leaves_its_row_and_an_audit_entry_and_nothing_else(world: World) -> None:
    world.stripe.pay_invoice(world.sold())
    closed(world, "2026-01-01")
    before = world.export()
    handled = world.take("invoice.paid")
    assert handled.outcome == "parked"
    assert "the books are closed through 2026-01-01" in handled.why
    assert world.kept() == {handled.notice.id: ("parked", handled.why)}
    assert world.audited == [handled]
    assert world.export() == before


def test_F115_what_else_happened_is_written_all_the_same(world: World) -> None:
    intent = world.stripe.pay_invoice(world.sold())
    world.days(1)
    refund = world.stripe.refund(intent)
    world.stripe.edit(refund, amount=99_900)
    handled = world.take("refund.created")
    assert (handled.outcome, [one.what for one in handled.applied]) == ("parked", ["payment"])
    assert (world.paid()[0][0], world.status()) == ("19.00", ("paid", "0.00"))
    assert world.kept()[handled.notice.id] == ("parked", handled.why)
    assert world.audited == [handled]


def test_what_to_do_about_it_is_part_of_the_reason(world: World) -> None:
    intent = world.stripe.pay_invoice(world.sold())
    world.stripe.edit(world.stripe.refund(intent), amount=99_900)
    assert world.take("refund.created").why.endswith(
        "hint: record by hand what it was for, then drop the event"
    )


def test_money_in_another_currency_waits_for_a_person(world: World) -> None:
    there = world.sold()
    world.stripe.pay_invoice(there)
    (payment,) = world.stripe.objects("invoice_payment")
    world.stripe.edit(payment["id"], currency="eur")
    handled = world.take("invoice.paid")
    assert (handled.outcome, world.paid()) == ("parked", [])
    assert "expected USD; got EUR" in handled.why


def test_void_at_stripe_what_is_paid_here_waits_for_a_person(world: World) -> None:
    there = world.sold()
    world.business.pay("INV-2026-00001", "2026-01-01", "5")
    world.stripe.void_invoice(there)
    handled = world.take("invoice.voided")
    assert (handled.outcome, world.status()) == ("parked", ("open", "14.00"))


def test_another_amount_under_the_same_payment_waits_for_a_person(world: World) -> None:
    there = world.sold()
    world.stripe.pay_invoice(there)
    world.take("invoice_payment.paid")
    (payment,) = world.stripe.objects("invoice_payment")
    world.stripe.edit(payment["id"], amount_paid=5_000)
    assert world.take("invoice.paid").outcome == "parked"
    assert [amount for amount, *_ in world.paid()] == ["19.00"]


def test_an_event_that_waits_is_a_duplicate_when_it_comes_again(world: World) -> None:
    world.stripe.pay_invoice(world.sold())
    closed(world, "2026-01-01")
    assert [world.take("invoice.paid").outcome for _ in range(2)] == ["parked", "duplicate"]


def test_once_its_cause_is_gone_an_event_is_taken_in_again(world: World) -> None:
    world.stripe.pay_invoice(world.sold())
    closed(world, "2026-01-01")
    event = world.take("invoice.paid").notice.id
    assert retry_event(world.receiver, event).outcome == "parked"
    closed(world, "2025-12-31")
    again = retry_event(world.receiver, event)
    assert (again.outcome, [one.what for one in again.applied]) == ("done", ["payment"])
    assert world.status() == ("paid", "0.00")
    assert world.kept()[event][0] == "done"
    assert [one.outcome for one in world.audited] == ["parked", "parked", "done"]
    with pytest.raises(NotFound):
        retry_event(world.receiver, event)


@pytest.mark.parametrize("kind", ["refund.created", "charge.dispute.created", "payment_method.detached"])
def test_an_event_that_waits_is_found_again_by_its_row_alone(world: World, kind: str) -> None:
    there = world.sold()
    intent = world.stripe.pay_invoice(there)
    card = world.stripe.attach_card(world.stripe.get(there)["customer"])
    world.take("payment_method.attached")
    world.stripe.detach_card(card)
    world.stripe.refund(intent, 500) if kind == "refund.created" else world.stripe.dispute(intent)
    handled = world.take(kind)
    with world.business.store.write() as tx:  # as if it had waited all along
        tx.connection.exec_driver_sql("UPDATE stripe_event SET state = 'parked'")
    assert retry_event(world.receiver, handled.notice.id).notice == handled.notice


def test_an_event_that_is_dropped_stays_dropped(world: World) -> None:
    world.stripe.pay_invoice(world.sold())
    closed(world, "2026-01-01")
    event = world.take("invoice.paid").notice.id
    with world.business.store.write() as tx:
        assert drop_event(tx, world.account, event, "paid by hand").notice.id == event
    assert world.kept()[event] == ("dropped", "paid by hand")
    assert world.take("invoice.paid").outcome == "duplicate"
    with world.business.store.write() as tx, pytest.raises(NotFound):
        drop_event(tx, world.account, event, "again")


def test_a_mistake_of_ours_leaves_a_trace_and_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    world.stripe.pay_invoice(world.sold())
    monkeypatch.setattr(money, "_write_received", broken)
    with pytest.raises(ZeroDivisionError):
        world.take("invoice.paid")
    ((state, why),) = world.kept().values()
    assert (state, why) == ("parked", "planctl made a mistake: ZeroDivisionError")


# --- nothing is kept where it is to come again


def test_where_stripe_does_not_answer_nothing_is_kept_and_the_event_may_come_again(world: World) -> None:
    world.stripe.pay_invoice(world.sold())
    world.stripe.faults.add(Fault("GET", r"/v1/invoice_payments", "drop_before", times=3))
    with pytest.raises(Busy):
        world.take("invoice.paid")
    assert world.kept() == {}
    assert world.take("invoice.paid").outcome == "done"


def test_where_the_key_may_not_look_nothing_is_kept(world: World) -> None:
    world.stripe.pay_invoice(world.sold())
    event = world.event("invoice.paid")
    weak = world.stripe.add_key("rk_test_weak0000000000000000", {"account": "read"})
    world.talk.gateway = Gateway(Key(weak, False, True, "test"), world.stripe.address, lambda _: None)
    with pytest.raises(NotPermitted):
        world.handle(event)
    assert world.kept() == {}
