"""What an invoice needs next at Stripe until it is finalized, for every way it may stand here and there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planctl.core.invoicing.model import Invoice
from planctl.core.stripe.invoice_params import Payer
from planctl.core.stripe.model import GIVEN_UP, LET_GO, State
from planctl.core.stripe.steps import Begin, Compare, Finish, Keep, Look, Rest, Send
from tests.core.stripe.calling import LOST, OWED, PAID, VOID, Journey, named
from tests.core.stripe.owing import CARD, fee, invoice


def test_an_invoice_goes_one_step_after_the_other() -> None:
    going = Journey(OWED)
    steps = []
    for _ in range(3):
        steps.append(named(going.step()))
        going.did()
    steps.append(named(going.step()))
    assert steps == ["create", "lines-1", "compare", "look, pay"]


def test_each_portion_of_lines_is_a_call_of_its_own() -> None:
    going = Journey(invoice(*(fee(100, service_index=index) for index in range(120))))
    steps = []
    for _ in range(5):
        steps.append(named(going.step()))
        going.did()
    assert steps == ["create", "lines-1", "lines-2", "lines-3", "compare"]


def test_lines_say_what_made_them() -> None:
    """So that they are found again among the lines of a draft."""
    going = Journey(OWED)
    going.did()
    step = going.step()
    assert isinstance(step, Send)
    assert step.call.params["lines"] == [
        {
            "amount": 10_000,
            "description": "Pro",
            "discountable": False,
            "metadata": {
                "planctl_id": "inv_1:1",
                "planctl_store": "st_1",
                "planctl_key": "planctl:st_1:invoice:inv_1:lines-1:1",
            },
            "period": {"start": 1_767_225_600, "end": 1_769_903_999},
        }
    ]


@pytest.mark.parametrize("one", [VOID, LOST, PAID])
def test_what_was_never_there_and_is_not_owed_is_never_sent(one: Invoice) -> None:
    assert Journey(one).step() == Rest()


def test_without_its_customer_at_stripe_it_is_left_out() -> None:
    assert Journey(OWED, Payer("")).step() == Rest("left_out", "its customer nova is not at Stripe")


# --- a draft that is not what it should be any more


@pytest.mark.parametrize("one", [VOID, LOST, PAID])
def test_a_draft_of_what_is_not_owed_any_more_is_deleted_and_forgotten(one: Invoice) -> None:
    going = Journey(OWED)
    going.did()
    going.invoice = one
    assert named(going.step()) == "delete"
    going.did()
    assert named(going.step()) == "forget"
    going.link = None
    assert going.step() == Rest()


def test_a_draft_of_another_amount_is_deleted_and_begun_anew() -> None:
    """A part was paid between two pushes: the draft says what was due before."""
    going = Journey(OWED)
    going.did()
    going.did()
    going.invoice = replace(OWED, paid_minor=4_000)
    assert named(going.step()) == "delete"
    going.did()
    going.link = None
    step = going.step()
    assert isinstance(step, Begin)
    assert (step.call.action, step.call.revision) == ("create", 2)
    going.did()
    assert [(one.action, one.revision) for one in [going.did()]] == [("lines-1", 2)]


def test_a_draft_that_another_attempt_followed_is_deleted_first() -> None:
    going = Journey(OWED)
    going.did()
    going.did()
    step = going.step()
    assert isinstance(step, Compare)
    going.kept(step.again, State.PARKED, stripe_id="", note="not what was sent")
    assert named(going.step()) == "delete"
    going.did()
    assert going.step() == Rest("parked", "not what was sent", going.calls[2])


def test_a_comparison_that_a_person_let_go_begins_another_attempt() -> None:
    going = Journey(OWED)
    going.did()
    going.did()
    step = going.step()
    assert isinstance(step, Compare)
    going.kept(step.again, State.DROPPED, stripe_id="", note=f"{LET_GO}the balance at Stripe is 0 now")
    going.did()  # deletes the first draft
    step = going.step()
    assert isinstance(step, Send)
    assert (step.call.action, step.call.revision) == ("create", 3)


def test_what_a_person_gave_up_is_never_asked_for_again() -> None:
    going = Journey(OWED)
    note = f"{GIVEN_UP}collected by hand"
    going.did(State.DROPPED, stripe_id="", note=note)
    assert going.step() == Rest("dropped", note, going.calls[0])


@pytest.mark.parametrize("done", [1, 2])
def test_a_call_that_waits_for_a_person_stops_its_invoice(done: int) -> None:
    """Lines that Stripe refused, and a finalization that it refused."""
    going = Journey(OWED)
    for _ in range(done):
        going.did()
    waits = going.did(State.PARKED, note="400 no")
    assert going.step() == Rest("parked", "400 no", waits)


@pytest.mark.parametrize("done", [1, 2])
def test_what_was_found_not_done_is_asked_for_under_the_next_revision(done: int) -> None:
    going = Journey(OWED)
    for _ in range(done):
        going.did()
    before = going.did(State.DROPPED, note="was not done: no line is there")
    after = going.did()
    assert (after.action, after.revision, after.path) == (before.action, 2, before.path)


# --- what may be at Stripe already


def test_before_a_draft_is_made_its_customer_is_asked_for_one_that_is_not_known() -> None:
    """A store that was put back from a backup knows nothing of what it made since."""
    step = Journey(OWED).step()
    assert isinstance(step, Begin)
    assert (step.call.action, step.customer, step.known) == ("create", "cus_1", ())


def test_the_drafts_that_were_made_here_are_known() -> None:
    going = Journey(OWED)
    going.did()
    first = going.there
    going.invoice = replace(OWED, paid_minor=4_000)
    going.did()
    going.link = None
    step = going.step()
    assert isinstance(step, Begin)
    assert step.known == (first,)


def test_what_a_person_let_go_is_made_whatever_is_there() -> None:
    going = Journey(OWED)
    going.did(State.PARKED, stripe_id="", note="it is at Stripe already: in_9")
    going.calls[0] = replace(going.calls[0], state=State.DROPPED, note=f"{LET_GO}in_9 is void")
    assert isinstance(going.step(), Send)


def adopted(one: Invoice = OWED) -> Journey:
    """A person said which invoice at Stripe is the one."""
    going = Journey(one)
    going.did(note="adopted")
    return going


def test_one_that_was_adopted_is_looked_at_first() -> None:
    step = adopted().step()
    assert isinstance(step, Look)
    assert (step.then, step.opened) == (None, 10_000)


def test_an_empty_draft_that_was_adopted_is_given_its_lines() -> None:
    going = adopted()
    step = going.step({"status": "draft"})
    assert isinstance(step, Send)
    assert step.call.action == "lines-1"
    going.kept(step.call)
    assert named(going.step()) == "compare"


@pytest.mark.parametrize("status", ["open", "paid", "void", "uncollectible"])
def test_an_invoice_that_was_adopted_and_is_finalized_counts_as_finalized(status: str) -> None:
    going = adopted()
    step = going.step({"status": status})
    assert isinstance(step, Keep)
    assert (step.call.action, step.stripe_id) == ("finalize", going.there)
    going.kept(step.call)
    assert named(going.step()).startswith("look")


def test_adopting_what_another_call_made_deletes_nothing() -> None:
    """The first attempt's draft was finalized in the dashboard, and a person says that the next attempt is that one."""
    going = Journey(OWED)
    going.did()
    going.did()
    step = going.step()
    assert isinstance(step, Compare)
    going.kept(step.again, stripe_id=going.there, note="adopted")
    going.kept(step.finalize)
    assert named(going.step()) == "look, pay"


# --- what waits for a person and is not needed any more


@pytest.mark.parametrize(
    ("one", "step"), [(PAID, "look, paid_elsewhere"), (VOID, "look, void"), (LOST, "look, uncollectible")]
)
def test_a_charge_that_waits_for_a_person_does_not_hold_up_the_end_of_its_invoice(
    one: Invoice, step: str
) -> None:
    going = Journey(OWED).finalized()
    waits = going.did(State.PARKED, note="400 no")
    assert going.step() == Rest("parked", "400 no", waits)
    going.invoice = one
    assert named(going.step()) == step


def test_a_credit_note_that_waits_for_a_person_does_not_hold_up_that_its_invoice_is_void() -> None:
    going = Journey(OWED).finalized()
    going.invoice = replace(OWED, paid_minor=3_000)
    waits = going.did(State.PARKED, note="400 no")
    assert waits.kind == "credit_note"
    going.invoice = PAID
    assert going.step() == Rest("parked", "400 no", waits)
    going.invoice = VOID
    assert named(going.step()) == "look, void"


def test_an_end_that_waits_for_a_person_is_not_asked_for_again() -> None:
    going = Journey(OWED).finalized()
    going.invoice = VOID
    waits = going.did(State.PARKED, note="400 no")
    assert going.step() == Rest("parked", "400 no", waits)


# --- a draft that cannot be deleted


def test_a_draft_that_stripe_does_not_delete_waits_for_a_person() -> None:
    going = Journey(OWED)
    going.did()
    going.invoice = PAID
    refused = going.did(State.PARKED, note="400 You can only delete draft invoices.")
    assert going.step() == Rest("parked", refused.note, refused)


def test_a_draft_of_an_earlier_attempt_that_stripe_does_not_delete_waits_for_a_person() -> None:
    going = Journey(OWED)
    going.did()
    going.did()
    step = going.step()
    assert isinstance(step, Compare)
    again = going.kept(step.again, State.PARKED, stripe_id="", note="not what was sent")
    refused = going.did(State.PARKED, note="400 You can only delete draft invoices.")
    assert going.step() == Rest("parked", refused.note, refused)
    given_up = replace(refused, state=State.DROPPED, note=f"{GIVEN_UP}voided by hand")
    going.calls[-1] = given_up
    assert going.step() == Rest("parked", "not what was sent", again)


@pytest.mark.parametrize("one", [VOID, LOST, PAID])
def test_a_finalization_of_what_is_not_owed_any_more_is_not_sent_again(one: Invoice) -> None:
    going = Journey(OWED)
    going.did()
    going.did()
    lost = going.did(State.SENT)
    assert (lost.action, going.step()) == ("finalize", Finish(lost, wanted=True))
    going.invoice = one
    assert going.step() == Finish(lost, wanted=False)


# --- customers


def test_nothing_is_begun_for_who_is_on_hold() -> None:
    held = replace(CARD, hold="checkout")
    assert Journey(OWED, held).step() == Rest("left_out", "its customer nova is on hold: checkout")


def test_a_draft_whose_customer_is_gone_at_stripe_is_made_anew_for_the_next_one() -> None:
    going = Journey(OWED)
    going.did(
        State.DROPPED, stripe_id="", note="no customer: 400 resource_missing No such customer (customer)"
    )
    going.payer = Payer("")
    assert going.step() == Rest("left_out", "its customer nova is not at Stripe")
    going.payer = Payer("cus_2", "card")
    step = going.step()
    assert isinstance(step, Begin)
    assert (step.call.revision, step.call.params["customer"]) == (2, "cus_2")
