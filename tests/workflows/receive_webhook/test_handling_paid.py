"""What an invoice that is paid, not paid or given up at Stripe becomes here."""

from __future__ import annotations

from planctl.core.stripe.facts_notice import notice_of
from planctl.core.stripe.model import Call
from planctl.core.subscriptions.model import Status
from planctl.store import customers, stripe_invoices
from planctl.store.settings import put_setting
from planctl.workflows.collect_payments import Returning, refund_payment
from planctl.workflows.receive_webhook.handling import Receiver, handle
from planctl.workflows.sync_stripe.sending import send
from tests.workflows.business import RECORDED, t
from tests.workflows.receive_webhook.world import World


def test_an_invoice_that_is_paid_at_stripe_is_paid_here_with_its_amount_and_instant(world: World) -> None:
    there = world.sold()
    world.days(1)
    intent = world.stripe.pay_invoice(there)
    world.days(1)
    handled = world.take("invoice.paid")
    assert handled.outcome == "done"
    assert world.status() == ("paid", "0.00")
    assert world.paid() == [("19.00", "2026-01-02T00:00:00Z", "stripe", intent)]
    (fact,) = handled.applied
    assert (fact.what, fact.object, fact.invoice, fact.amount_minor) == (
        "payment",
        intent,
        "INV-2026-00001",
        1900,
    )


def test_paying_what_is_overdue_makes_a_blocked_subscription_active_again(world: World) -> None:
    there = world.sold()
    world.days(14)
    world.business.run("2026-01-15")
    assert world.business.shown("nova", "2026-01-15").status is Status.BLOCKED
    world.stripe.pay_invoice(there)
    world.take("invoice.paid")
    assert world.business.shown("nova", "2026-01-15").status is Status.ACTIVE


def test_what_was_paid_before_the_store_knew_of_it_ends_the_block_when_it_was_paid(world: World) -> None:
    # Due on the 8th, blocked on the 11th; paid on the 12th, heard of on the 20th.
    there = world.sold()
    world.days(11)
    world.stripe.pay_invoice(there)
    world.days(8)
    world.business.run("2026-01-20")
    world.take("invoice.paid")
    assert world.business.shown("nova", "2026-01-20").status is Status.ACTIVE
    assert [one[1] for one in world.paid()] == ["2026-01-12T00:00:00Z"]


def test_one_payment_of_an_invoice_is_one_payment_here_whichever_event_tells_of_it(world: World) -> None:
    there = world.sold()
    world.stripe.pay_invoice(there)
    assert [one.what for one in world.take("invoice_payment.paid").applied] == ["payment"]
    again = world.take("invoice.paid")
    assert (again.outcome, again.applied) == ("done", ())
    assert len(world.paid()) == 1


def test_F108_the_amount_is_what_stripe_took_and_what_is_too_much_goes_to_the_balance(world: World) -> None:
    there = world.sold()
    world.business.pay(
        "INV-2026-00001", "2026-01-01", "5"
    )  # by bank; Stripe does not know of it and takes all
    world.stripe.pay_invoice(there)
    world.take("invoice.paid")
    assert world.status() == ("paid", "0.00")
    assert [amount for amount, *_ in world.paid()] == ["5.00", "19.00"]
    assert world.business.balance("nova") == "5.00"


def test_marked_as_paid_by_hand_at_stripe_what_is_still_due_is_paid(world: World) -> None:
    there = world.sold()
    world.business.pay("INV-2026-00001", "2026-01-01", "5")
    world.gateway.ask("post", f"/v1/invoices/{there}/pay", {"paid_out_of_band": True})
    (fact,) = world.take("invoice.paid").applied
    assert (fact.what, fact.amount_minor, fact.note) == ("payment", 1400, "marked as paid at Stripe")
    assert world.status() == ("paid", "0.00")
    assert world.paid()[1] == ("14.00", "2026-01-01T00:00:00Z", "outside stripe", there)


def test_what_we_marked_as_paid_elsewhere_at_stripe_is_not_paid_again(world: World) -> None:
    there = world.sold()
    paid = world.business.pay("INV-2026-00001", "2026-01-01")
    call = Call(
        "invoice",
        world.invoice().id,
        "paid_elsewhere",
        f"/v1/invoices/{there}/pay",
        {"paid_out_of_band": True},
    )
    send(world.talk, call)
    with world.business.store.write() as tx:  # the bank takes it back before the event is read
        refund_payment(tx, Returning(paid.payment.id, None, t("2026-01-01")), RECORDED)
    assert world.take("invoice.paid").applied == ()
    assert world.status() == ("open", "19.00")


def test_a_payment_is_never_dated_before_its_invoice_or_in_the_future(world: World) -> None:
    there = world.sold(at="2026-01-01")
    world.stripe.pay_invoice(there)
    earlier = Receiver(world.talk, "ci", lambda _tx, _one: None, lambda: t("2025-12-31"))
    world.stripe.clock.advance(-2 * 86_400)  # a clock at Stripe that is behind ours
    (fact,) = handle(earlier, notice_of(world.event("invoice.paid"))).applied
    assert fact.at == t("2025-12-31")
    assert "Stripe says 2026-01-01T00:00:00Z" in fact.note


def test_a_payment_of_a_closed_day_is_of_the_first_open_one_and_says_so(world: World) -> None:
    there = world.sold()
    world.stripe.pay_invoice(there)
    world.days(2)
    with world.business.store.write() as tx:
        put_setting(tx, "books.closed_through", "2026-01-01")
    (fact,) = world.take("invoice.paid").applied
    assert (world.paid()[0][1], world.status()) == ("2026-01-02T00:00:00Z", ("paid", "0.00"))
    assert fact.note == "Stripe says 2026-01-01T00:00:00Z: the books are closed through 2026-01-01"


def test_reported_to_stripe_and_not_taken_by_it_money_is_of_no_payment_that_stripe_can_give_back(
    world: World,
) -> None:
    there = world.sold()
    world.stripe.pay_invoice(there)
    (payment,) = world.stripe.objects("invoice_payment")
    world.stripe.edit(payment["id"], payment={"type": "payment_record", "payment_record": "payrec_1"})
    world.take("invoice.paid")
    assert world.paid() == [("19.00", "2026-01-01T00:00:00Z", "outside stripe", "payrec_1")]


def test_what_stripe_was_told_of_counts_as_paid_there(world: World) -> None:
    there = world.sold()
    world.gateway.ask("post", f"/v1/invoices/{there}/pay", {"paid_out_of_band": True})
    world.take("invoice.paid")
    invoice, here = world.invoice().id, stripe_invoices.Here(world.account, world.store_id)
    with world.business.store.read() as tx:
        (standing,) = stripe_invoices.standings(tx, here, [invoice])
    assert standing.taken_minor == 1_900


# --- void here


def held(world: World) -> list[tuple[str, str]]:
    with world.business.store.read() as tx:
        return [(one.reason, one.detail) for one in customers.holds(tx, "nova")]


def paid_void(world: World) -> str:
    """An invoice that is void here and was paid at Stripe all the same, taken in; the payment there."""
    there = world.sold()
    world.business.void("INV-2026-00001", "2026-01-01")
    intent = world.stripe.pay_invoice(there)
    assert world.take("invoice.paid").outcome == "done"
    return intent


def test_money_for_an_invoice_that_is_void_here_goes_to_the_balance_and_the_customer_on_hold(
    world: World,
) -> None:
    intent = paid_void(world)
    assert world.paid() == [("19.00", "2026-01-01T00:00:00Z", "stripe", intent)]
    assert (world.status(), world.business.balance("nova")) == (("void", "0.00"), "19.00")
    assert held(world) == [("paid-void", f"19.00 USD came by {intent} for INV-2026-00001, which is void")]
    assert world.take("invoice_payment.paid").applied == ()


def test_what_came_for_a_void_invoice_and_went_back_at_stripe_leaves_the_balance(world: World) -> None:
    intent = paid_void(world)
    world.stripe.refund(intent, 700)
    assert [one.amount_minor for one in world.take("refund.created").applied] == [700]
    assert world.business.balance("nova") == "12.00"
    world.stripe.refund(intent)
    assert world.take("charge.refunded").outcome == "done"
    assert world.business.balance("nova") == "0.00"
    assert world.export()["notes"] == []


def test_what_came_for_a_void_invoice_and_is_disputed_leaves_the_balance_until_it_is_won(
    world: World,
) -> None:
    dispute = world.stripe.dispute(paid_void(world))
    world.take("charge.dispute.funds_withdrawn")
    assert (world.business.balance("nova"), world.status()) == ("0.00", ("void", "0.00"))
    world.stripe.close_dispute(dispute)
    world.take("charge.dispute.closed")
    assert world.business.balance("nova") == "19.00"


def test_billed_anew_what_was_paid_of_the_void_invoice_pays_that(world: World) -> None:
    there = world.sold()
    world.business.void("INV-2026-00001", "2026-01-01", reissue=True)
    world.stripe.pay_invoice(there)
    world.take("invoice.paid")
    with world.business.store.write() as tx:
        customers.clear_hold(tx, "nova")
    world.business.run("2026-01-02")
    assert world.status("INV-2026-00002") == ("paid", "0.00")


# --- not paid


def test_a_declined_card_leaves_the_invoice_open_and_its_reason_is_kept(world: World) -> None:
    there = world.sold()
    world.stripe.fail_payment(there)
    (fact,) = world.take("invoice.payment_failed").applied
    assert (fact.what, fact.invoice) == ("failed", "INV-2026-00001")
    assert world.status() == ("open", "19.00")
    assert (
        world.detail("invoice", world.invoice().id)["failure"] == "generic_decline: Your card was declined."
    )


def test_the_next_try_at_stripe_is_kept_with_the_reason(world: World) -> None:
    there = world.sold()
    world.stripe.fail_payment(there)
    world.stripe.edit(there, next_payment_attempt=1_767_484_800)  # 4 January
    world.take("invoice.payment_failed")
    assert world.detail("invoice", world.invoice().id)["next_try"] == "2026-01-04T00:00:00Z"


def test_F116_a_failure_that_is_heard_of_after_success_changes_nothing(world: World) -> None:
    there = world.sold()
    world.stripe.fail_payment(there)
    world.stripe.pay_invoice(there)
    world.take("invoice.paid")
    late = world.take("invoice.payment_failed")
    assert (late.outcome, late.applied) == ("done", ())
    assert world.status() == ("paid", "0.00")
    assert "failure" not in world.detail("invoice", world.invoice().id)


def test_a_payment_takes_the_failure_before_it_away(world: World) -> None:
    there = world.sold()
    world.stripe.fail_payment(there)
    world.take("invoice.payment_failed")
    world.stripe.pay_invoice(there)
    world.take("invoice.paid")
    assert "failure" not in world.detail("invoice", world.invoice().id)


# --- given up


def test_voided_at_stripe_is_void_here(world: World) -> None:
    there = world.sold()
    world.days(2)
    world.stripe.void_invoice(there)
    (fact,) = world.take("invoice.voided").applied
    assert (fact.what, fact.amount_minor) == ("void", 1900)
    assert world.status() == ("void", "0.00")
    assert world.invoice().voided_at == t("2026-01-03")


def test_voided_at_stripe_what_is_paid_here_is_nothing_new(world: World) -> None:
    there = world.sold()
    world.business.pay("INV-2026-00001", "2026-01-01")
    world.stripe.void_invoice(there)
    handled = world.take("invoice.voided")
    assert (handled.outcome, handled.applied, world.status()) == ("done", (), ("paid", "0.00"))


def test_what_we_voided_ourselves_is_nothing_new(world: World) -> None:
    there = world.sold()
    world.business.void("INV-2026-00001", "2026-01-01")
    world.stripe.void_invoice(there)
    assert world.take("invoice.voided").applied == ()


def test_uncollectible_at_stripe_is_written_off_here_and_can_still_be_paid(world: World) -> None:
    there = world.sold()
    world.days(3)
    world.stripe.mark_uncollectible(there)
    (fact,) = world.take("invoice.marked_uncollectible").applied
    assert (fact.what, fact.amount_minor) == ("uncollectible", 1900)
    assert world.status() == ("uncollectible", "0.00")
    world.gateway.ask("post", f"/v1/invoices/{there}/pay", {"paid_out_of_band": True})
    world.take("invoice.paid")
    assert world.status() == ("paid", "0.00")


def test_uncollectible_at_stripe_what_was_paid_here_meanwhile_stays_paid(world: World) -> None:
    there = world.sold()
    world.business.pay("INV-2026-00001", "2026-01-01")
    world.stripe.mark_uncollectible(there)
    assert world.take("invoice.marked_uncollectible").applied == ()
    assert world.status() == ("paid", "0.00")


def test_a_draft_of_ours_that_is_deleted_at_stripe_changes_nothing_here(world: World) -> None:
    there = world.sold()
    world.stripe.pay_invoice(there)
    event = world.event("invoice.paid")
    world.stripe.delete(there)
    assert world.handle(event).outcome == "done"
    assert world.status() == ("open", "19.00")
    assert world.detail("invoice", world.invoice().id)["gone"] == "deleted at Stripe"
