"""What waits for a person waits alone: told once, holding nothing else up, gone once it is written or let be."""

from __future__ import annotations

import pytest

from planctl.store import customers
from planctl.store.settings import put_setting
from planctl.workflows.correct_invoices import CreditAsked, apply_credit
from planctl.workflows.receive_webhook.handling import drop_event, retry_event
from tests.workflows.business import RECORDED, t
from tests.workflows.receive_webhook.world import World


def closed(world: World, day: str) -> None:
    with world.business.store.write() as tx:
        put_setting(tx, "books.closed_through", day)


def drop(world: World, event: str) -> None:
    with world.business.store.write() as tx:
        drop_event(tx, world.account, event, "looked at")


def states(world: World) -> list[str]:
    return [state for state, _ in world.kept().values()]


def paid(world: World) -> str:
    intent = world.stripe.pay_invoice(world.sold())
    world.take("invoice.paid")
    return intent


@pytest.fixture
def credited(world: World) -> str:
    """A paid invoice of which all was credited to the balance; somebody gives 1.00 back at Stripe. The payment."""
    intent = paid(world)
    with world.business.store.write() as tx:
        asked = CreditAsked("INV-2026-00001", (), t("2026-01-01"), "balance", "goodwill")
        apply_credit(tx, asked, RECORDED)
    world.stripe.refund(intent, 100)
    return intent


def test_two_events_of_one_payment_that_cannot_be_written_are_one_thing_to_decide(world: World) -> None:
    world.stripe.pay_invoice(world.sold())
    closed(world, "2026-01-01")
    first, second = world.take("invoice_payment.paid"), world.take("invoice.paid")
    assert [first.outcome, second.outcome] == ["parked", "done"]
    assert second.why == f"the rest waits already: {first.notice.id}"
    assert [one.notice.id for one in world.audited] == [first.notice.id]


def test_once_another_event_could_write_it_nothing_waits_any_more(world: World) -> None:
    world.stripe.pay_invoice(world.sold())
    closed(world, "2026-01-01")
    world.take("invoice_payment.paid")
    closed(world, "2025-12-31")
    assert [one.what for one in world.take("invoice.paid").applied] == ["payment"]
    assert set(world.kept().values()) == {("done", "")}


def test_a_refund_that_cannot_be_credited_holds_no_dispute_up(world: World, credited: str) -> None:
    """19.00 less 1.00 that went back: 18.00 are withdrawn, and come back."""
    world.take("refund.created")
    dispute = world.stripe.dispute(credited)
    moved = [one | {"amount": -1_800} for one in world.stripe.get(dispute)["balance_transactions"]]
    world.stripe.edit(dispute, amount=1_800, balance_transactions=moved)
    handled = world.take("charge.dispute.funds_withdrawn")
    assert (handled.outcome, [one.what for one in handled.applied]) == ("done", ["chargeback"])
    assert world.paid()[0][0] == "19.00"
    assert states(world).count("parked") == 1


def test_what_was_let_be_is_not_asked_about_again(world: World, credited: str) -> None:
    waiting = world.take("refund.created")
    assert waiting.outcome == "parked"
    drop(world, waiting.notice.id)
    assert world.take("charge.refunded").outcome == "done"
    world.stripe.refund(credited, 200)
    again = world.take("refund.created")  # another refund is another thing to decide
    assert (again.outcome, "2.00" in again.why) == ("parked", True)
    assert states(world).count("parked") == 1


def test_a_refund_that_failed_is_one_thing_to_decide_whatever_tells_of_it(world: World) -> None:
    intent = paid(world)
    refund = world.stripe.refund(intent)
    world.take("refund.created")
    world.stripe.fail_refund(refund)
    outcomes = [world.take(kind).outcome for kind in ("refund.updated", "refund.failed", "charge.refunded")]
    assert outcomes == ["parked", "done", "done"]
    (waiting,) = (name for name, (state, _) in world.kept().items() if state == "parked")
    drop(world, waiting)
    world.stripe.dispute(intent)
    assert "failed" not in world.take("charge.dispute.created").why


def test_a_dispute_of_what_we_gave_back_waits_once_and_is_gone_once_it_is_won(world: World) -> None:
    intent = paid(world)
    world.stripe.refund(intent)
    world.take("refund.created")
    dispute = world.stripe.dispute(intent)
    assert world.take("charge.dispute.created").outcome == "parked"
    assert world.take("charge.dispute.funds_withdrawn").outcome == "done"
    assert world.take("charge.refunded").outcome == "done"
    world.days(5)
    world.stripe.close_dispute(dispute)
    before = world.export()
    assert world.take("charge.dispute.closed").outcome == "done"
    assert world.take("charge.dispute.funds_reinstated").outcome == "done"
    assert (set(states(world)), world.export()) == ({"done"}, before)


def test_a_dispute_that_was_won_before_it_was_heard_of_leaves_nothing_to_decide(world: World) -> None:
    intent = paid(world)
    world.stripe.refund(intent)
    world.take("refund.created")
    world.stripe.close_dispute(world.stripe.dispute(intent))
    assert world.take("charge.dispute.created").applied == ()
    assert set(states(world)) == {"done"}


def test_a_customer_on_hold_has_the_new_card_and_waits_once(world: World) -> None:
    there = world.customer()
    world.business.subscribe("nova", "starter", pay="month", trial=True)
    world.days(20)  # the trial is over, and no run has written that
    with world.business.store.write() as tx:
        customers.put_hold(tx, "nova", "checkout", "somebody is to look", t("2026-01-10"))
    card = world.stripe.attach_card(there)
    outcomes = [world.take(kind).outcome for kind in ("payment_method.attached", "customer.updated")]
    assert outcomes == ["parked", "done"]
    assert world.detail("customer", "nova")["payment_method"] == card


def test_cards_that_were_let_be_once_are_followed_all_the_same(world: World) -> None:
    there = world.customer()
    world.business.subscribe("nova", "starter", pay="month", trial=True)
    world.days(20)
    with world.business.store.write() as tx:
        customers.put_hold(tx, "nova", "checkout", "somebody is to look", t("2026-01-10"))
    world.stripe.attach_card(there)
    drop(world, world.take("payment_method.attached").notice.id)
    with world.business.store.write() as tx:
        customers.clear_hold(tx, "nova")
    assert [one.what for one in world.take("customer.updated").applied] == ["card"]


def test_tried_again_what_waits_for_another_event_is_written_too(world: World) -> None:
    intent = world.stripe.pay_invoice(world.sold())
    world.stripe.refund(intent, 500)
    closed(world, "2026-01-01")
    first, second = world.take("invoice.paid"), world.take("refund.created")
    assert (first.outcome, second.outcome) == ("parked", "parked")
    closed(world, "2025-12-31")
    again = retry_event(world.receiver, second.notice.id)
    assert [one.what for one in again.applied] == ["payment", "refund"]
    assert set(world.kept().values()) == {("done", "")}


def test_a_dry_run_tells_of_what_waits_once(world: World) -> None:
    world.stripe.pay_invoice(world.sold())
    closed(world, "2026-01-01")
    world.talk.open_write = world.dry
    pulled = world.pull()
    assert [one.outcome for one in pulled.handled] == ["parked"]
    assert world.kept() == {}
