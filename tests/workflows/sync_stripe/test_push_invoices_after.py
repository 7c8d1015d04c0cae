"""What becomes of an invoice here becomes of it at Stripe: void, written off, paid elsewhere, less due, given back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from planctl.core.stripe.model import Object, Value
from planctl.errors import Busy, Refused
from planctl.workflows.sync_stripe.resolve import let_go
from tests.fakes.stripe import Fault
from tests.workflows.sync_stripe.world import DyingGateway, World

ONE, TWO = "INV-2026-00001", "INV-2026-00002"


@pytest.fixture
def open_there(world: World) -> World:
    """An invoice of 49.90 that is open at Stripe; nobody is asked for it there."""
    world.sold("nova", plan="pro")
    world.push()
    world.at("2026-01-05")
    return world


def test_what_was_never_there_and_is_settled_here_is_never_sent(world: World) -> None:
    world.sold("nova", "mira", "leo")
    world.pay(ONE)
    world.void(TWO)
    world.write_off("INV-2026-00003")
    assert world.posted() == []


def test_a_void_invoice_is_void_there(open_there: World) -> None:
    open_there.void(ONE)
    assert open_there.posted() == ["POST void"]
    assert open_there.at_stripe(ONE)["status"] == open_there.status_kept(ONE) == "void"
    assert open_there.posted() == []


def test_one_that_is_written_off_is_uncollectible_there(open_there: World) -> None:
    open_there.write_off(ONE)
    assert open_there.posted() == ["POST mark_uncollectible"]
    assert open_there.at_stripe(ONE)["status"] == open_there.status_kept(ONE) == "uncollectible"
    assert open_there.posted() == []


def test_one_that_was_written_off_and_is_paid_after_all_is_paid_there(open_there: World) -> None:
    open_there.write_off(ONE)
    open_there.push()
    open_there.pay(ONE)
    assert open_there.posted() == ["POST pay"]
    there = open_there.at_stripe(ONE)
    assert (there["status"], there["amount_paid_off_stripe"]) == ("paid", 4_990)


def test_one_that_was_paid_elsewhere_is_paid_there_and_nobody_is_charged(open_there: World) -> None:
    open_there.pay(ONE)
    assert open_there.posted() == ["POST pay"]
    there = open_there.at_stripe(ONE)
    assert (there["status"], there["amount_paid_off_stripe"]) == ("paid", 4_990)
    assert open_there.stripe.objects("charge") == []
    assert open_there.posted() == []


def test_a_part_that_was_paid_elsewhere_is_credited_there(open_there: World) -> None:
    """20.00 of 49.90: 29.90 is left, here and there. The rest closes it."""
    open_there.pay(ONE, "20")
    assert open_there.posted() == ["POST credit_notes"]
    (note,) = open_there.stripe.objects("credit_note")
    assert (note["amount"], note["metadata"]["planctl_id"]) == (2_000, f"{open_there.invoice(ONE).id}:1")
    assert open_there.at_stripe(ONE)["amount_remaining"] == 2_990
    assert open_there.posted() == []
    open_there.pay(ONE)
    assert open_there.posted() == ["POST pay"]
    assert open_there.at_stripe(ONE)["amount_paid_off_stripe"] == 2_990


def test_a_credit_note_lowers_what_is_due_there(open_there: World) -> None:
    """9.90, then a transfer of 15.00: 25.00 is left."""
    open_there.credit(ONE, "9.90")
    assert open_there.posted() == ["POST credit_notes"]
    open_there.pay(ONE, "15")
    assert open_there.posted() == ["POST credit_notes"]
    assert [one["amount"] for one in open_there.stripe.objects("credit_note")] == [990, 1_500]
    assert open_there.at_stripe(ONE)["amount_remaining"] == 2_500


def test_a_credit_note_of_the_whole_closes_it_there(open_there: World) -> None:
    open_there.credit(ONE)
    open_there.push()
    assert open_there.at_stripe(ONE)["status"] == "paid"
    assert open_there.posted() == []


def test_a_card_is_charged_what_is_left(world: World) -> None:
    """The card was declined for 49.90; 20.00 came by transfer; the next try is for 29.90."""
    world.sold("nova", plan="pro")
    world.stripe.attach_card(world.there("customer", "nova"), declines=True)
    world.pays_by("nova", "card")
    world.push()
    world.pay(ONE, "20")
    world.stripe.attach_card(world.there("customer", "nova"))
    world.at("2026-01-04")
    assert world.posted() == ["POST credit_notes", "POST pay"]
    assert [one["amount"] for one in world.stripe.objects("charge") if one["paid"]] == [2_990]


def test_what_stripe_took_changes_nothing_there(world: World) -> None:
    world.sold("nova", pays="card")
    world.push()
    world.paid_by_stripe(ONE)
    asked = len(world.stripe.requests)
    world.push()
    assert len(world.stripe.requests) == asked


def test_what_was_paid_there_and_is_not_known_here_is_not_touched(open_there: World) -> None:
    """Its customer paid on Stripe's page, and 20.00 by transfer: nothing is credited before it is known here."""
    open_there.stripe.pay_invoice(str(open_there.at_stripe(ONE)["id"]))
    open_there.pay(ONE, "20")
    assert open_there.posted() == []
    assert open_there.status_kept(ONE) == "paid"


def test_an_invoice_that_somebody_voided_there_is_left_alone(open_there: World) -> None:
    open_there.stripe.void_invoice(str(open_there.at_stripe(ONE)["id"]))
    open_there.pay(ONE)
    assert open_there.posted() == []


def test_what_stripe_credited_on_its_own_is_told(open_there: World) -> None:
    """Somebody credited 10.00 in the dashboard; a transfer of 20.00 came here."""
    there = str(open_there.at_stripe(ONE)["id"])
    open_there.stripe.edit(there, amount_remaining=3_990, amount_due=3_990)
    open_there.pay(ONE, "20")
    (stopped,) = open_there.push().stopped
    assert stopped.why == (
        "3990 is left of it at Stripe, 4990 as far as is known here: pull first; "
        "what somebody credited there is to be credited here too"
    )
    assert open_there.stripe.objects("credit_note") == []


@pytest.mark.parametrize("path", ["/void$", "/mark_uncollectible$", "/pay$", "/credit_notes$"])
@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
def test_a_lost_answer_does_nothing_twice(open_there: World, path: str, kind: str) -> None:
    open_there.stripe.faults.add(Fault("POST", path, kind))  # type: ignore[arg-type]
    ends = {"/void$": open_there.void, "/mark_uncollectible$": open_there.write_off, "/pay$": open_there.pay}
    if path in ends:
        ends[path](ONE)
    else:
        open_there.pay(ONE, "20")
    assert open_there.push().stopped == []
    assert len(open_there.stripe.objects("credit_note")) == (path == "/credit_notes$")
    assert open_there.unfinished() == []
    assert open_there.posted() == []


def test_a_credit_note_that_stripe_does_not_take_waits_for_a_person(open_there: World) -> None:
    open_there.pay(ONE, "20")

    def refuse(request: object) -> None:
        open_there.stripe.edit(str(open_there.at_stripe(ONE)["id"]), amount_remaining=100)

    open_there.gateway.before = lambda: None
    open_there.stripe.hooks.before.append(
        lambda request: refuse(request) if request.path == "/v1/credit_notes" else None
    )
    (stopped,) = open_there.push().stopped
    assert stopped.outcome == "parked"
    assert open_there.posted() == []


# --- refunds


@pytest.fixture
def paid_there(world: World) -> World:
    """An invoice of 49.90 that a card paid at Stripe, which is known here."""
    world.sold("nova", plan="pro", pays="card")
    world.push()
    world.paid_by_stripe(ONE)
    world.at("2026-01-05")
    return world


def refunds(world: World) -> list[tuple[int, str]]:
    """Amount and payment intent of every refund at Stripe."""
    return [(one["amount"], one["payment_intent"]) for one in world.stripe.objects("refund")]


def test_a_credit_note_that_gives_money_back_is_a_refund_there(paid_there: World) -> None:
    paid_there.credit(ONE, "12.40", "refund")
    pushed = paid_there.push()
    assert pushed.sent == {"refund": 1}
    assert refunds(paid_there) == [(1_240, paid_there.intent(ONE))]
    assert paid_there.posted() == []


def test_two_credit_notes_are_two_refunds(paid_there: World) -> None:
    paid_there.credit(ONE, "12.40", "refund")
    paid_there.push()
    paid_there.credit(ONE, "7", "refund")
    paid_there.push()
    assert [amount for amount, _ in refunds(paid_there)] == [1_240, 700]


def test_a_credit_note_to_the_balance_is_no_refund(paid_there: World) -> None:
    paid_there.credit(ONE, "12.40")
    assert paid_there.posted() == []


def test_money_that_came_some_other_way_is_no_refund_there(open_there: World) -> None:
    open_there.pay(ONE)
    open_there.push()
    open_there.credit(ONE, "12.40", "refund")
    assert open_there.posted() == []


def test_what_went_back_on_stripes_own_pages_does_not_go_back_twice(paid_there: World) -> None:
    """Somebody refunded 12.40 in the dashboard, and somebody else credited 12.40 here."""
    paid_there.stripe.refund(paid_there.intent(ONE), 1_240)
    paid_there.credit(ONE, "12.40", "refund")
    (stopped,) = paid_there.push().stopped
    assert stopped.why.startswith("12.40 USD went back at Stripe already, and 12.40 USD is to go back in all")
    assert len(refunds(paid_there)) == 1
    assert paid_there.posted() == []


def test_what_is_missing_of_a_refund_by_hand_waits_for_a_person_once_it_was_pulled(
    paid_there: World,
) -> None:
    """Somebody gave back 5.00 of 49.90 in the dashboard, and 12.40 was credited here: 7.40 are missing, or 12.40."""
    paid_there.stripe.refund(paid_there.intent(ONE), 500)
    paid_there.credit(ONE, "12.40", "refund")
    assert [one.outcome for one in paid_there.push().stopped] == ["left_out"]
    paid_there.at("2026-01-06")
    paid_there.pulled()
    (stopped,) = paid_there.push().stopped
    assert (stopped.outcome, stopped.why.rpartition(": ")[2]) == (
        "parked",
        "--resend gives back the 7.40 USD that are missing",
    )
    (waiting,) = paid_there.waiting()
    assert stopped.call == waiting.id
    assert paid_there.posted() == []
    with paid_there.business.store.write() as tx:
        let_go(tx, waiting.id, "it is a part of it")
    assert paid_there.push().stopped == []
    assert sorted(amount for amount, _ in refunds(paid_there)) == [500, 740]
    assert paid_there.posted() == []


def test_one_payment_that_paid_two_invoices_is_given_back_for_both(world: World) -> None:
    """A page of Stripe's was paid for both: 5.00 of each go back, of one payment there."""
    world.sold("nova", "mira", pays="card")
    world.push()
    world.paid_by_stripe(ONE)
    world.paid_by_stripe(TWO, intent=world.intent(ONE))
    world.credit(ONE, "5", "refund")
    world.credit(TWO, "5", "refund")
    assert world.push().stopped == []
    assert refunds(world) == [(500, world.intent(ONE)), (500, world.intent(ONE))]
    assert world.posted() == []


def test_a_payment_that_is_none_of_stripes_is_told_and_ends_no_push(paid_there: World) -> None:
    """Somebody wrote down an invoice's id as its payment; the refund of another invoice is made all the same."""
    paid_there.sold("mira", pays="card")
    paid_there.push()
    paid_there.paid_by_stripe(TWO, intent="in_1")
    paid_there.credit(TWO, "5", "refund")
    paid_there.credit(ONE, "7", "refund")
    (stopped,) = paid_there.push().stopped
    assert (stopped.outcome, stopped.why.partition(" ")[2].partition(" ")[2]) == (
        "left_out",
        "names no payment that Stripe took: give it back by hand",
    )
    assert [amount for amount, _ in refunds(paid_there)] == [700]


def test_refunds_that_stripe_refuses_to_list_end_no_push(
    paid_there: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = DyingGateway.list

    def refusing(self: DyingGateway, path: str, **params: Value) -> Iterator[Object]:
        if params.get("payment_intent") == "pi_none":
            raise Refused("Stripe refuses to answer: No such payment_intent", code="stripe-refused")
        return real(self, path, **params)

    monkeypatch.setattr(DyingGateway, "list", refusing)
    paid_there.sold("mira", pays="card")
    paid_there.push()
    paid_there.paid_by_stripe(TWO, intent="pi_none")
    paid_there.credit(TWO, "5", "refund")
    paid_there.credit(ONE, "7", "refund")
    (stopped,) = paid_there.push().stopped
    assert (stopped.outcome, stopped.why) == (
        "left_out",
        "Stripe refuses to answer: No such payment_intent",
    )
    assert [amount for amount, _ in refunds(paid_there)] == [700]


def test_a_refund_that_stripe_refuses_waits_for_a_person(paid_there: World) -> None:
    """ "Charge ch_... has been charged back; cannot issue a refund." """
    paid_there.stripe.dispute(paid_there.intent(ONE))
    paid_there.credit(ONE, "12.40", "refund")
    (stopped,) = paid_there.push().stopped
    assert (stopped.outcome, stopped.owed.kind) == ("parked", "refund")
    assert "charge_disputed" in stopped.why
    assert paid_there.posted() == []


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "500_after"])
def test_a_refund_whose_answer_is_lost_is_made_once(paid_there: World, kind: str) -> None:
    paid_there.credit(ONE, "12.40", "refund")
    paid_there.stripe.faults.add(Fault("POST", "/v1/refunds$", kind))  # type: ignore[arg-type]
    paid_there.push()
    assert len(refunds(paid_there)) == 1
    assert paid_there.posted() == []


def test_a_refund_that_must_wait_is_made_by_the_next_push(paid_there: World) -> None:
    paid_there.credit(ONE, "12.40", "refund")
    paid_there.stripe.faults.add(Fault("POST", "/v1/refunds$", "429", times=3))
    with pytest.raises(Busy):
        paid_there.push()
    paid_there.push()
    assert len(refunds(paid_there)) == 1
