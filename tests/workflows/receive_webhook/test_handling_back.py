"""Money that went back at Stripe: refunds that somebody made there, disputes, and what they leave owed here."""

from __future__ import annotations

import pytest

from planctl.core.money import format_minor
from planctl.core.stripe.model import Call
from planctl.core.subscriptions.model import Status
from planctl.store import credit_notes, stripe_outbox
from planctl.workflows.correct_invoices import CreditAsked, apply_credit
from planctl.workflows.sync_stripe.sending import send
from tests.workflows.business import RECORDED, t
from tests.workflows.receive_webhook.world import World


def paid(world: World, **sold: str) -> str:
    """An invoice of 19.00 that was paid at Stripe, and is here; the payment intent."""
    there = world.sold(**sold)
    intent = world.stripe.pay_invoice(there)
    world.take("invoice.paid")
    return intent


def notes(world: World) -> list[tuple[str, list[tuple[str, str]]]]:
    """Every credit note: where it went, and net and added tax of each line."""
    with world.business.store.read() as tx:
        return [
            (
                note.draft.to,
                [
                    (
                        format_minor(line.net_minor, note.draft.currency),
                        format_minor(line.tax_minor, note.draft.currency),
                    )
                    for line in note.draft.lines
                ],
            )
            for note in credit_notes.credit_notes(tx)
        ]


# --- refunds


def test_a_refund_at_stripe_is_a_credit_note_that_was_paid_out_and_nothing_is_owed_again(
    world: World,
) -> None:
    intent = paid(world)
    world.days(3)
    refund = world.stripe.refund(intent)
    (fact,) = world.take("refund.created").applied
    assert (fact.what, fact.object, fact.amount_minor, fact.at) == ("refund", refund, 1900, t("2026-01-04"))
    assert world.status() == ("paid", "0.00")
    assert notes(world) == [("refund", [("19.00", "0.00")])]
    assert world.business.balance("nova") == "0.00"


def test_a_part_given_back_at_stripe_is_credited_in_part(world: World) -> None:
    intent = paid(world)
    world.stripe.refund(intent, 700)
    world.take("refund.created")
    world.stripe.refund(intent, 500)
    world.take("refund.created")
    assert notes(world) == [("refund", [("7.00", "0.00")]), ("refund", [("5.00", "0.00")])]
    assert world.status() == ("paid", "0.00")


def test_the_tax_goes_back_with_its_part(world: World) -> None:
    # 19.00 + 19 % = 22.61; of 11.90 given back 10.00 are net, of the 10.71 that are left 9.00.
    world.customer("nova", country="DE")
    world.business.subscribe("nova", "starter", pay="month")
    intent = world.stripe.pay_invoice(world.put("INV-2026-00001"))
    world.take("invoice.paid")
    world.stripe.refund(intent, 1190)
    world.take("refund.created")
    world.stripe.refund(intent)
    world.take("refund.created")
    assert notes(world) == [("refund", [("10.00", "1.90")]), ("refund", [("9.00", "1.71")])]


def test_what_a_change_gave_back_cannot_go_back_at_stripe_again(world: World) -> None:
    # 19.00 for January; from the 11th on 21 of 31 days, 12.87, went back with the change: 6.13 are left.
    intent = paid(world)
    world.business.subscribe("nova", "pro", "2026-01-11", pay="month")
    world.days(11)
    world.stripe.refund(intent, 613)
    world.take("refund.created")
    assert notes(world) == [("refund", [("6.13", "0.00")])]


def test_more_than_a_change_left_of_an_invoice_waits_for_somebody(world: World) -> None:
    intent = paid(world)
    world.business.subscribe("nova", "pro", "2026-01-11", pay="month")
    world.days(11)
    world.stripe.refund(intent)
    handled = world.take("refund.created")
    assert handled.outcome == "parked"
    assert "at most 6.13 USD" in handled.why
    assert notes(world) == []


def test_what_went_back_of_a_part_leaves_the_rest_owed_as_it_was(world: World) -> None:
    # 4.00 of 19.00 are paid by bank, 15.00 at Stripe, of which 15.00 go back: 0 is owed, as at Stripe.
    world.customer()
    world.business.subscribe("nova", "starter", pay="month")
    world.business.pay("INV-2026-00001", "2026-01-01", "4")
    intent = world.stripe.pay_invoice(world.put("INV-2026-00001"))
    world.take("invoice.paid")
    world.stripe.refund(intent)
    world.take("charge.refunded")
    assert notes(world) == [("refund", [("15.00", "0.00")])]
    assert world.status() == ("paid", "0.00")


def test_a_refund_that_we_asked_for_is_nothing_new(world: World) -> None:
    intent = paid(world)
    with world.business.store.write() as tx:
        asked = CreditAsked("INV-2026-00001", (), t("2026-01-02"), "refund", "goodwill")
        (refund,) = apply_credit(tx, asked, RECORDED).refunds
    world.days(1)
    send(
        world.talk,
        Call(
            "refund",
            refund.id,
            "create",
            "/v1/refunds",
            {"payment_intent": intent, "amount": 1900},
            links=True,
        ),
    )
    assert world.take("refund.created").applied == ()
    assert len(notes(world)) == 1


def test_a_refund_made_at_stripe_is_linked_so_that_nobody_asks_for_it_again(world: World) -> None:
    intent = paid(world)
    made = world.stripe.refund(intent)
    world.take("refund.created")
    with world.business.store.read() as tx:
        found = stripe_outbox.linked(tx, world.account, made)
    assert found is not None
    assert found.kind == "refund"


def test_what_had_gone_to_the_balance_comes_from_there(world: World) -> None:
    there = world.sold()
    world.business.pay("INV-2026-00001", "2026-01-01", "5")
    intent = world.stripe.pay_invoice(there)  # 19.00, of which 5.00 are too much
    world.take("invoice.paid")
    world.stripe.refund(intent)
    handled = world.take("refund.created")
    assert [(one.what, one.amount_minor) for one in handled.applied] == [("refund", 500), ("refund", 1400)]
    assert world.business.balance("nova") == "0.00"
    assert notes(world) == [("refund", [("14.00", "0.00")])]
    assert world.status() == ("paid", "0.00")


def test_what_had_gone_to_the_balance_and_is_spent_waits_for_a_person(world: World) -> None:
    there = world.sold()
    world.business.pay("INV-2026-00001", "2026-01-01", "5")
    intent = world.stripe.pay_invoice(there)
    world.take("invoice.paid")
    world.business.run("2026-02-01")  # 5.00 pay a part of February
    world.days(31)
    world.stripe.refund(intent)
    before = world.export()
    handled = world.take("refund.created")
    assert handled.outcome == "parked"
    assert "is spent" in handled.why
    assert world.export() == before


def test_more_than_is_left_to_credit_waits_for_a_person(world: World) -> None:
    intent = paid(world)
    with world.business.store.write() as tx:  # 19.00 are credited to the balance already
        apply_credit(tx, CreditAsked("INV-2026-00001", (), t("2026-01-01"), "balance", "goodwill"), RECORDED)
    world.stripe.refund(intent)
    handled = world.take("refund.created")
    assert (handled.outcome, len(notes(world))) == ("parked", 1)
    assert "INV-2026-00001" in handled.why


def test_a_refund_that_failed_waits_for_a_person(world: World) -> None:
    intent = paid(world)
    refund = world.stripe.refund(intent)
    world.take("refund.created")
    world.stripe.fail_refund(refund)
    handled = world.take("refund.failed")
    assert handled.outcome == "parked"
    assert "the money is still here" in handled.why
    assert world.status() == ("paid", "0.00")


def test_a_refund_that_failed_does_not_stop_what_else_happens_to_the_payment(world: World) -> None:
    intent = paid(world)
    refund = world.stripe.refund(intent, 500)
    world.stripe.fail_refund(refund)
    other = world.stripe.refund(intent, 700)
    handled = world.take("refund.created")
    assert [(one.object, one.amount_minor) for one in handled.applied] == [(other, 700)]


def test_a_refund_that_is_still_on_its_way_is_nothing_yet(world: World) -> None:
    intent = paid(world)
    refund = world.stripe.refund(intent)
    world.stripe.edit(refund, status="pending")
    assert world.take("refund.created").applied == ()
    world.stripe.edit(refund, status="succeeded")
    assert [one.what for one in world.take("refund.updated").applied] == ["refund"]


# --- disputes


def test_what_a_bank_takes_back_is_owed_again_and_past_due_where_its_date_is_over(world: World) -> None:
    intent = paid(world)
    world.days(20)
    dispute = world.stripe.dispute(intent)
    (fact,) = world.take("charge.dispute.funds_withdrawn").applied
    assert (fact.what, fact.object, fact.amount_minor) == ("chargeback", dispute, 1900)
    assert world.status() == ("past_due", "19.00")
    assert world.business.shown("nova", "2026-01-21").status is Status.BLOCKED


def test_a_dispute_that_is_lost_stays_owed(world: World) -> None:
    intent = paid(world)
    dispute = world.stripe.dispute(intent)
    world.take("charge.dispute.created")
    world.stripe.close_dispute(dispute, won=False)
    assert world.take("charge.dispute.closed").applied == ()
    assert world.status() == ("open", "19.00")


def test_a_dispute_that_is_won_is_paid_again_and_the_subscription_active(world: World) -> None:
    intent = paid(world)
    world.days(20)
    dispute = world.stripe.dispute(intent)
    world.take("charge.dispute.created")
    world.days(5)
    world.stripe.close_dispute(dispute)
    (fact,) = world.take("charge.dispute.closed").applied
    assert (fact.what, fact.amount_minor, fact.at) == ("reinstated", 1900, t("2026-01-26"))
    assert world.take("charge.dispute.funds_reinstated").applied == ()
    assert world.status() == ("paid", "0.00")
    assert world.business.shown("nova", "2026-01-26").status is Status.ACTIVE


def test_an_inquiry_takes_no_money(world: World) -> None:
    intent = paid(world)
    dispute = world.stripe.dispute(intent)
    world.stripe.edit(dispute, status="warning_needs_response", balance_transactions=[])
    assert world.take("charge.dispute.created").applied == ()
    assert world.status() == ("paid", "0.00")


def test_money_that_went_back_before_its_payment_was_heard_of_brings_the_payment_first(world: World) -> None:
    intent = world.stripe.pay_invoice(world.sold())
    world.days(1)
    world.stripe.refund(intent)
    handled = world.take("refund.created")
    assert [one.what for one in handled.applied] == ["payment", "refund"]
    assert world.take("invoice.paid").applied == ()


@pytest.mark.parametrize("kind", ["refund.created", "charge.dispute.created"])
def test_money_that_went_back_of_a_payment_that_is_not_here_waits_for_a_person(
    world: World, kind: str
) -> None:
    intent = paid(world)
    with world.business.store.write() as tx:  # somebody recorded it under another reference
        tx.connection.exec_driver_sql("UPDATE payment SET reference = 'by hand'")
    world.stripe.refund(intent) if kind == "refund.created" else world.stripe.dispute(intent)
    handled = world.take(kind)
    assert handled.outcome == "parked"
    assert "no payment of it is recorded here" in handled.why
