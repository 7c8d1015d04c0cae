"""Refunds that a credit note asked for, and that somebody made at Stripe by hand: nobody gets the money twice."""

from __future__ import annotations

from decimal import Decimal

import pytest

from planctl.core.money import format_minor
from planctl.core.stripe.model import Call, State
from planctl.errors import Busy
from planctl.store import credit_notes, stripe_invoices, stripe_outbox
from planctl.workflows.collect_payments import Receipt, record_payment
from planctl.workflows.correct_invoices import CreditAsked, apply_credit
from planctl.workflows.receive_webhook.handling import retry_event
from planctl.workflows.sync_stripe.resolve import adopt
from planctl.workflows.sync_stripe.sending import send
from tests.fakes.stripe import Fault
from tests.workflows.business import RECORDED, t
from tests.workflows.receive_webhook.world import World


def paid(world: World) -> str:
    """An invoice of 19.00 that was paid at Stripe; the payment."""
    intent = world.stripe.pay_invoice(world.sold())
    world.take("invoice.paid")
    world.days(1)
    return intent


def asked(world: World, amount: str, day: str = "2026-01-02") -> str:
    """A credit note whose amount is to go back as money; the refund that is to be made at Stripe."""
    with world.business.store.write() as tx:
        wanted = CreditAsked("INV-2026-00001", ((1, Decimal(amount)),), t(day), "refund", "goodwill")
        (refund,) = apply_credit(tx, wanted, RECORDED).refunds
    return refund.id


def call(refund: str, intent: str, amount: int) -> Call:
    """What a push asks of Stripe for it."""
    params = {"payment_intent": intent, "amount": amount}
    return Call("refund", refund, "create", "/v1/refunds", params, links=True)  # type: ignore[arg-type]


def notes(world: World) -> list[str]:
    """What every credit note gave back."""
    with world.business.store.read() as tx:
        found = credit_notes.credit_notes(tx)
    return [format_minor(one.draft.total_minor, one.draft.currency) for one in found]


def to_make(world: World) -> list[str]:
    """The refunds that a push would ask Stripe for."""
    with world.business.store.read() as tx:
        return [one.refund.id for one in stripe_invoices.to_give_back(tx, world.account, "", 9)]


def linked(world: World, made: str) -> str:
    """Which refund here one at Stripe stands for."""
    with world.business.store.read() as tx:
        found = stripe_outbox.linked(tx, world.account, made)
    return "" if found is None else found.local_id


def test_made_by_hand_before_a_push_it_is_the_refund_that_was_asked_for(world: World) -> None:
    intent = paid(world)
    refund = asked(world, "5.00")
    made = world.stripe.refund(intent, 500)
    (fact,) = world.take("refund.created").applied
    assert (fact.what, fact.object, fact.amount_minor) == ("refund", made, 500)
    assert fact.note == "it was asked for by CN-2026-00001"
    assert (notes(world), to_make(world), linked(world, made)) == (["5.00"], [], refund)
    assert world.take("charge.refunded").applied == ()


def test_of_several_of_one_amount_it_is_the_oldest(world: World) -> None:
    intent = paid(world)
    first, second = asked(world, "5.00"), asked(world, "5.00", "2026-01-03")
    world.days(1)
    made = world.stripe.refund(intent, 500)
    world.take("refund.created")
    assert (linked(world, made), to_make(world), notes(world)) == (first, [second], ["5.00", "5.00"])


def test_of_another_amount_it_is_another_refund(world: World) -> None:
    intent = paid(world)
    refund = asked(world, "5.00")
    world.stripe.refund(intent, 600)
    world.take("refund.created")
    assert (notes(world), to_make(world)) == (["5.00", "6.00"], [refund])


def test_in_parts_the_last_one_stands_for_it(world: World) -> None:
    """19.00 are to go back whole; 10.00 of them by hand, and then the other 9.00."""
    intent = paid(world)
    refund = asked(world, "19.00")
    world.stripe.refund(intent, 1_000)
    (fact,) = world.take("refund.created").applied
    assert (fact.amount_minor, fact.note) == (
        1_000,
        "a part: 9.00 USD are left to give back of CN-2026-00001",
    )
    assert (notes(world), to_make(world)) == (["19.00"], [refund])
    made = world.stripe.refund(intent, 900)
    world.take("refund.created")
    assert (notes(world), to_make(world), linked(world, made)) == (["19.00"], [], refund)
    assert world.take("charge.refunded").applied == ()


def test_a_call_for_it_that_waits_for_a_person_is_done_with_it(world: World) -> None:
    intent = paid(world)
    refund = asked(world, "5.00")
    waiting = send(world.talk, call(refund, intent, 99_900))  # which Stripe refuses
    assert waiting.state is State.PARKED
    made = world.stripe.refund(intent, 500)
    world.take("refund.created")
    with world.business.store.read() as tx:
        after = stripe_outbox.by_id(tx, waiting.id)
    assert (after.state, after.stripe_id, notes(world)) == (State.CONFIRMED, made, ["5.00"])


def test_adopted_by_a_person_its_own_events_are_nothing_new(world: World) -> None:
    intent = paid(world)
    refund = asked(world, "5.00")
    waiting = send(world.talk, call(refund, intent, 99_900))  # which Stripe refuses
    made = world.stripe.refund(intent, 500)
    with world.business.store.write() as tx:
        adopt(tx, world.account, waiting.id, made)
    for kind in ("refund.created", "charge.refunded"):
        handled = world.take(kind)
        assert (handled.outcome, handled.applied) == ("done", ())
    assert notes(world) == ["5.00"]


def test_while_one_is_on_its_way_a_person_is_to_say_which_one_it_is(world: World) -> None:
    intent = paid(world)
    refund = asked(world, "5.00")
    world.stripe.faults.add(Fault("POST", "/v1/refunds", "drop_after", times=9))
    with pytest.raises(Busy):
        send(world.talk, call(refund, intent, 500))
    world.stripe.faults.clear()
    world.stripe.refund(intent, 500)
    handled = world.take("refund.created")
    assert (handled.outcome, notes(world)) == ("parked", ["5.00"])
    assert "on its way to Stripe" in handled.why
    assert send(world.talk, call(refund, intent, 500)).state is State.CONFIRMED
    done = retry_event(world.receiver, handled.notice.id)
    assert (done.why, [one.amount_minor for one in done.applied]) == ("", [500])
    assert notes(world) == ["5.00", "5.00"]


def test_one_payment_of_two_invoices_that_goes_back_whole_is_a_credit_note_on_each(world: World) -> None:
    intent = paid(world)
    world.business.run("2026-02-01")
    world.days(40)
    with world.business.store.write() as tx:
        receipt = Receipt("INV-2026-00002", Decimal("19.00"), t("2026-02-02"), "stripe", intent)
        record_payment(tx, receipt, RECORDED)
    made = world.stripe.refund(intent)
    world.stripe.edit(made, amount=3_800)
    handled = world.take("refund.created")
    assert (handled.outcome, handled.why) == ("done", "")
    assert notes(world) == ["19.00", "19.00"]
    assert to_make(world) == []
