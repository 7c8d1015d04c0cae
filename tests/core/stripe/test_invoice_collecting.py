"""What a finalized invoice needs next at Stripe: nobody is charged or written to for what is not owed.

Amounts are in cents and worked out by hand.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from planctl.core.invoicing.model import Invoice, InvoiceStatus
from planctl.core.stripe.invoice_params import Payer
from planctl.core.stripe.model import GIVEN_UP, State
from planctl.core.stripe.steps import Finish, Look, Rest, Send
from tests.core.stripe.calling import (
    LOST,
    OPENED,
    OWED,
    PAID,
    VOID,
    Journey,
    asked,
    named,
    remaining,
)
from tests.core.stripe.owing import BY_MAIL, CARD, NOBODY, currency, fee, invoice


@pytest.mark.parametrize(("payer", "step"), [(CARD, "look, pay"), (BY_MAIL, "look, send"), (NOBODY, "look")])
def test_after_it_is_finalized_it_is_looked_at_and_collected_as_its_customer_pays(
    payer: Payer, step: str
) -> None:
    going = Journey(OWED, payer)
    for _ in range(3):
        going.did()
    found = going.step()
    assert named(found) == step
    assert isinstance(found, Look)
    assert found.opened == 10_000


def test_it_is_paid_only_if_as_much_is_left_as_is_known_here() -> None:
    going = Journey(OWED).finalized()
    assert named(going.step(remaining(10_000))) == "pay"
    assert going.step(remaining(4_000)) == Rest(
        "left_out",
        "4000 is left of it at Stripe, 10000 as far as is known here: pull first; "
        "what somebody credited there is to be credited here too",
    )


@pytest.mark.parametrize("status", ["paid", "void", "uncollectible"])
def test_what_is_settled_there_is_not_collected(status: str) -> None:
    assert Journey(OWED).finalized(status).step() == Rest()


def test_after_it_was_paid_it_is_looked_at_once_more() -> None:
    going = Journey(OWED).finalized()
    going.did()
    assert named(going.step()) == "look"
    assert going.step(OPENED) == Rest()  # the money is on its way


def test_mail_is_sent_once() -> None:
    going = Journey(OWED, BY_MAIL).finalized()
    going.did()
    assert going.step() == Rest()


def test_who_pays_by_invoice_now_and_paid_by_card_when_it_was_drafted_gets_no_mail() -> None:
    """ "You can only manually send an invoice if its collection method is 'send_invoice'." """
    going = Journey(OWED, CARD).finalized()
    going.payer = BY_MAIL
    assert going.step() == Rest(
        "left_out", "it was finalized as one that is not sent: Stripe cannot send it any more"
    )


def test_without_an_address_nothing_is_sent_and_that_is_told() -> None:
    going = Journey(OWED, replace(BY_MAIL, has_address=False)).finalized()
    assert going.step() == Rest("left_out", "no e-mail address: Stripe cannot send it")


def test_who_is_sent_nothing_needs_no_address() -> None:
    going = Journey(OWED, replace(NOBODY, has_address=False)).finalized()
    assert going.step() == Rest()


@pytest.mark.parametrize("payer", [CARD, BY_MAIL])
def test_who_is_on_hold_is_neither_charged_nor_written_to(payer: Payer) -> None:
    """Money may be there already that nobody has looked at; what ends it there goes on."""
    going = Journey(OWED, payer).finalized()
    going.payer = replace(payer, hold="checkout")
    assert going.step() == Rest("left_out", "its customer nova is on hold: checkout")
    going.invoice = VOID
    assert named(going.step()) == "look, void"


# --- owed again


def test_what_is_paid_there_and_not_known_here_yet_is_left_to_the_pull() -> None:
    assert Journey(OWED).finalized("paid").step() == Rest()


def test_what_stripe_took_and_is_owed_again_is_told() -> None:
    """Of 100.00 the bank took 40.00 back: Stripe cannot collect them, its invoice is paid for ever."""
    going = Journey(OWED).finalized("paid")
    going.invoice, going.taken, going.returned = replace(OWED, paid_minor=6_000), 6_000, 4_000
    step = going.step()
    assert isinstance(step, Rest)
    assert (step.outcome, step.why) == (
        "left_out",
        "40.00 EUR of it is owed again, which Stripe has as paid and cannot collect twice: "
        "collect it some other way (planctl payment record)",
    )


def test_a_part_that_was_credited_there_and_is_owed_again_is_told() -> None:
    """30.00 came by transfer, are credited at Stripe, and the transfer bounced: Stripe can collect 70.00 at most."""
    going = Journey(OWED, NOBODY).finalized()
    going.invoice = replace(OWED, paid_minor=3_000)
    going.did()
    assert going.step() == Rest()
    going.invoice = OWED
    step = going.step()
    assert isinstance(step, Rest)
    assert step.why.startswith("30.00 EUR of it is owed again, which Stripe has as paid")


def test_what_can_still_be_collected_is_collected_first() -> None:
    """As before, by card: 70.00 are charged, and of the other 30.00 it is told."""
    going = Journey(OWED, CARD).finalized()
    going.invoice = replace(OWED, paid_minor=3_000)
    going.did()
    going.invoice = OWED
    assert asked(going, 7_000) == "pm_1"


def test_a_payment_of_stripe_that_went_back_is_left_to_nobody_there() -> None:
    """Of 100.00 a payment of 60.00 was taken back by the bank: 40.00 are left there, not 100.00."""
    going = Journey(OWED, NOBODY).finalized()
    going.returned = 6_000
    step = going.step(remaining(4_000))
    assert isinstance(step, Rest)
    assert step.why.startswith("60.00 EUR of it is owed again")


def test_what_went_back_before_the_draft_is_drafted_and_owed_once() -> None:
    """60.00 came from Stripe and went back before the draft was made: it says 100.00, and all of that is left."""
    going = Journey(OWED, CARD, returned=6_000).finalized()
    assert asked(going) == "pm_1"


def test_a_payment_elsewhere_that_was_returned_is_told() -> None:
    going = Journey(OWED, NOBODY).finalized()
    going.invoice = PAID
    going.did()
    going.seen("paid")
    assert going.step() == Rest()
    going.invoice = OWED
    step = going.step()
    assert isinstance(step, Rest)
    assert step.why.startswith("100.00 EUR of it is owed again, which Stripe has as paid")


# --- calls without an end


def test_a_call_without_an_end_is_finished_first() -> None:
    going = Journey(OWED)
    lost = going.did(State.SENT)
    assert going.step() == Finish(lost, wanted=True)


@pytest.mark.parametrize(("payer", "one"), [(CARD, PAID), (CARD, VOID), (BY_MAIL, VOID), (BY_MAIL, LOST)])
def test_nobody_is_charged_or_sent_mail_for_what_is_settled(payer: Payer, one: Invoice) -> None:
    going = Journey(OWED, payer).finalized()
    lost = going.did(State.SENT)
    going.invoice = one
    assert going.step() == Finish(lost, wanted=False)


@pytest.mark.parametrize("payer", [CARD, BY_MAIL])
def test_a_charge_or_a_mail_without_an_end_is_looked_at_before_it_goes_out_again(payer: Payer) -> None:
    going = Journey(OWED, payer).finalized()
    lost = going.did(State.SENT)
    step = going.step()
    assert isinstance(step, Look)
    assert step.then == lost
    assert going.step(remaining(10_000)) == Finish(lost, wanted=True)
    assert going.step(remaining(0, "paid")) == Finish(lost, wanted=False)
    assert going.step(remaining(10_000, "void")) == Finish(lost, wanted=False)


def test_a_charge_without_an_end_is_not_made_of_what_is_not_left_there() -> None:
    """Somebody paid 60.00 of 100.00 on Stripe's page, which is not known here yet."""
    going = Journey(OWED).finalized()
    lost = going.did(State.SENT)
    assert going.step(remaining(4_000)) == Finish(lost, wanted=False)


@pytest.mark.parametrize("payer", [CARD, BY_MAIL])
def test_a_charge_or_a_mail_of_another_amount_is_not_repeated(payer: Payer) -> None:
    """A transfer of 40.00 came before the answer: 60.00 is due, and is credited down to first."""
    going = Journey(OWED, payer).finalized()
    lost = going.did(State.SENT)
    going.invoice = replace(OWED, paid_minor=4_000)
    assert going.step() == Finish(lost, wanted=False)
    going.calls[-1] = replace(lost, state=State.DROPPED, note="was not done: its status is open")
    assert named(going.step()) == "look, credit_note"
    going.did()
    assert named(going.step()) == f"look, {lost.action}"


def test_a_charge_that_began_before_the_customer_was_held_is_not_repeated() -> None:
    going = Journey(OWED).finalized()
    lost = going.did(State.SENT)
    going.payer = replace(CARD, hold="checkout")
    assert going.step() == Finish(lost, wanted=False)


def test_that_it_was_paid_elsewhere_is_not_repeated_once_it_is_owed_again() -> None:
    going = Journey(OWED, NOBODY).finalized()
    going.invoice = PAID
    lost = going.did(State.SENT)
    assert named(going.step()) == "look, paid_elsewhere"
    assert going.step(remaining(10_000, "uncollectible")) == Finish(lost, wanted=True)
    going.invoice = OWED
    assert going.step() == Finish(lost, wanted=False)


# --- afterwards


@pytest.mark.parametrize(
    ("one", "action", "status"), [(VOID, "void", "void"), (LOST, "uncollectible", "uncollectible")]
)
def test_what_ends_here_ends_there(one: Invoice, action: str, status: str) -> None:
    going = Journey(OWED, NOBODY).finalized()
    going.invoice = one
    assert named(going.step(OPENED)) == action
    going.did()
    assert named(going.step()) == "look"
    going.seen(status)
    assert going.step() == Rest()


def test_an_invoice_that_was_written_off_and_is_void_later_is_void_there_too() -> None:
    going = Journey(OWED, NOBODY).finalized("uncollectible")
    going.invoice = VOID
    assert named(going.step()) == "look, void"


def test_what_was_paid_elsewhere_is_marked_so() -> None:
    going = Journey(OWED, NOBODY).finalized()
    going.invoice = PAID
    step = going.step(remaining(10_000))
    assert isinstance(step, Send)
    assert (step.call.action, step.call.params) == ("paid_elsewhere", {"paid_out_of_band": True})


def test_what_stripe_took_is_not_marked_as_paid_elsewhere() -> None:
    going = Journey(OWED, CARD).finalized()
    going.invoice, going.taken = PAID, 10_000
    assert named(going.step()) == "look"


def test_a_part_that_was_paid_elsewhere_is_credited_there() -> None:
    """Of 100.00 a transfer paid 30.00: a credit note of 30.00 at Stripe leaves 70.00."""
    going = Journey(OWED, NOBODY).finalized()
    going.invoice = replace(OWED, paid_minor=3_000)
    step = going.step(remaining(10_000))
    assert isinstance(step, Send)
    assert (step.call.kind, step.call.local_id, step.call.action) == ("credit_note", "inv_1:1", "create")
    assert dict(step.call.params) == {
        "invoice": going.there,
        "amount": 3_000,
        "email_type": "none",
        "memo": "Invoice INV-2026-00001",
    }
    going.did()
    assert going.step() == Rest()


def test_a_second_part_is_credited_by_what_it_is_more() -> None:
    going = Journey(OWED, NOBODY).finalized()
    going.invoice = replace(OWED, paid_minor=3_000)
    going.did()
    going.invoice = replace(OWED, paid_minor=3_000, credit_minor=2_500)
    step = going.step(remaining(7_000))
    assert isinstance(step, Send)
    assert (step.call.local_id, step.call.params["amount"]) == ("inv_1:2", 2_500)


def test_a_part_that_stripe_took_is_not_credited() -> None:
    going = Journey(OWED, NOBODY).finalized()
    going.invoice, going.taken = replace(OWED, paid_minor=3_000), 3_000
    assert going.step() == Rest()


def test_a_credit_note_that_a_person_gave_up_is_not_asked_for_again() -> None:
    going = Journey(OWED, NOBODY).finalized()
    going.invoice = replace(OWED, paid_minor=3_000)
    note = f"{GIVEN_UP}done in the dashboard"
    going.did(State.DROPPED, stripe_id="", note=note)
    assert going.step() == Rest("dropped", note, going.calls[-1])


def test_what_stripe_had_taken_before_the_draft_is_not_taken_of_it_again() -> None:
    """60.00 came by a page of Stripe's, then 40.00 was owed and drafted: all of it is left there."""
    going = Journey(replace(OWED, paid_minor=6_000), CARD, taken=6_000).finalized()
    assert named(going.step(remaining(4_000))) == "pay"


def test_an_amount_that_cannot_be_said_there_is_told() -> None:
    """5.004 of 10.000 KWD is paid: Stripe's credit notes end in 0."""
    dinars = invoice(fee(10_000), money=currency("KWD"))
    going = Journey(dinars, NOBODY).finalized()
    going.invoice = replace(dinars, paid_minor=5_004)
    assert going.step() == Rest(
        "left_out", "4.996 KWD is no amount that Stripe takes, but a multiple of 0.01 KWD"
    )


def test_what_was_credited_whole_is_credited_there_and_not_called_paid() -> None:
    """Nobody paid anything: a credit note of 100.00 leaves nothing to pay there."""
    going = Journey(OWED, NOBODY).finalized()
    going.invoice = replace(OWED, status=InvoiceStatus.PAID, credit_minor=10_000)
    step = going.step(remaining(10_000))
    assert isinstance(step, Send)
    assert (step.call.kind, step.call.params["amount"]) == ("credit_note", 10_000)


def test_what_was_paid_in_part_and_credited_for_the_rest_is_credited_there() -> None:
    """30.00 came by transfer, and is credited there; then 70.00 was credited here."""
    going = Journey(OWED, NOBODY).finalized()
    going.invoice = replace(OWED, paid_minor=3_000)
    going.did()
    going.invoice = replace(OWED, status=InvoiceStatus.PAID, paid_minor=3_000, credit_minor=7_000)
    step = going.step(remaining(7_000))
    assert isinstance(step, Send)
    assert (step.call.kind, step.call.params["amount"]) == ("credit_note", 7_000)
