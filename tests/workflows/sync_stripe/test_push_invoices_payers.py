"""Who pays, and with what: no card on file, one that was taken away, no address, on hold, or deleted at Stripe.

None of that needs a decision: it is told with what to do, and goes on by itself once it may. Starter is 19.00 USD.
"""

from __future__ import annotations

import pytest

from planctl.core.stripe.invoice_collecting import RETRY_DAYS
from planctl.store import stripe_outbox
from planctl.store.stripe_invoices import keep_gone
from planctl.workflows.sync_stripe.push_invoices import propose_invoices
from planctl.workflows.sync_stripe.push_objects import propose_customers, push_customers
from tests.workflows.sync_stripe.world import World

ONE, TWO = "INV-2026-00001", "INV-2026-00002"
NO_CARD = "no means of payment is on file at Stripe: planctl stripe portal nova takes one"
DAY = 86_400
PAY = 9
"""The request with which a card is charged, counted from 1."""


def charges(world: World) -> list[tuple[str, int]]:
    """Which cards were charged, and with what."""
    return [(one["payment_method"], one["amount"]) for one in world.stripe.objects("charge") if one["paid"]]


def told(world: World) -> list[tuple[str, str]]:
    """How and why invoices stopped in a push."""
    return [(one.outcome, one.why) for one in world.push().stopped]


def proposed(world: World) -> list[tuple[str, str]]:
    """What a push would do without asking Stripe, and why not."""
    with world.business.store.read() as tx:
        found = propose_invoices(tx, world.account, world.store_id, world.now)
        return [(one.action, one.stopped.why if one.stopped else "") for one in found]


# --- cards


def test_without_a_card_it_is_told_and_paid_by_the_first_push_after_one_is_there(world: World) -> None:
    """Nobody types anything: the customer leaves a card in the portal."""
    world.sold("nova")
    world.pays_by("nova", "card")
    assert told(world) == [("left_out", NO_CARD)]
    assert (world.at_stripe(ONE)["status"], world.waiting()) == ("open", [])
    assert (world.posted(), proposed(world)) == ([], [("", NO_CARD)])
    card = world.stripe.attach_card(world.there("customer", "nova"))
    assert world.posted() == ["POST pay"]
    assert charges(world) == [(card, 1_900)]


def test_a_card_that_was_taken_away_is_not_asked_for_again(world: World) -> None:
    """The detached card is still on file here. The first try finds it out, and the next push tries nothing."""
    world.sold("nova", pays="card")
    (card,) = [one["id"] for one in world.stripe.objects("payment_method")]
    world.on_file("nova", card)
    world.stripe.detach_card(card)
    ((outcome, why),) = told(world)
    assert (outcome, why.startswith("no card: 400")) == ("left_out", True)
    assert (world.waiting(), world.posted()) == ([], [])
    assert told(world) == [("left_out", NO_CARD)]
    other = world.stripe.attach_card(world.there("customer", "nova"), default=False)
    assert world.posted() == []  # neither the default there nor known here
    world.on_file("nova", other)
    assert proposed(world) == [("pay", "")]
    assert world.posted() == ["POST pay"]
    assert charges(world) == [(other, 1_900)]


def test_a_default_at_stripe_takes_the_place_of_a_card_that_was_taken_away(world: World) -> None:
    world.sold("nova", pays="card")
    (card,) = [one["id"] for one in world.stripe.objects("payment_method")]
    world.on_file("nova", card)
    world.stripe.detach_card(card)
    world.push()
    other = world.stripe.attach_card(world.there("customer", "nova"))
    assert world.posted() == ["POST pay"]
    assert charges(world) == [(other, 1_900)]


def test_a_card_that_goes_between_the_look_and_the_charge_waits_for_nobody(world: World) -> None:
    world.sold("nova", pays="card")
    (card,) = [one["id"] for one in world.stripe.objects("payment_method")]
    world.stripe.hooks.before.append(
        lambda request: world.stripe.detach_card(card) if request.path.endswith("/pay") else None
    )
    ((outcome, _),) = told(world)
    world.stripe.hooks.before.clear()
    assert (outcome, world.waiting()) == ("left_out", [])
    assert told(world) == [("left_out", NO_CARD)]


def test_another_card_after_a_decline_is_charged_at_once(world: World) -> None:
    world.sold("nova")
    there = world.there("customer", "nova")
    world.on_file("nova", world.stripe.attach_card(there, declines=True))
    world.pays_by("nova", "card")
    assert [one.outcome for one in world.push().stopped] == ["declined"]
    good = world.stripe.attach_card(there)
    world.on_file("nova", good)
    assert world.posted() == ["POST pay"]
    assert charges(world) == [(good, 1_900)]


def test_after_four_declines_another_card_is_charged(world: World) -> None:
    world.sold("nova")
    there = world.there("customer", "nova")
    world.on_file("nova", world.stripe.attach_card(there, declines=True))
    world.pays_by("nova", "card")
    for days in (3, 5, 7, 30):
        world.push()
        world.stripe.clock.advance(days * DAY)
    assert world.posted() == []
    good = world.stripe.attach_card(there)
    world.on_file("nova", good)
    assert world.posted() == ["POST pay"]
    assert charges(world) == [(good, 1_900)]


def test_a_debit_that_fails_days_later_is_tried_again(world: World) -> None:
    """Stripe took it up on 1 January and said so; on the 4th the bank refused it, as an event told."""
    world.sold("nova", pays="card")
    (card,) = [one["id"] for one in world.stripe.objects("payment_method")]
    world.on_file("nova", card)
    world.push()
    there = str(world.at_stripe(ONE)["id"])
    intent = world.intent(ONE)
    world.stripe.edit(there, status="open", amount_remaining=1_900, amount_paid=0)
    world.stripe.edit(intent, status="requires_payment_method")
    (payment,) = world.stripe.objects("invoice_payment")
    world.stripe.edit(payment["id"], status="open", amount_paid=None)
    world.was_told(ONE, status="open")
    assert world.posted() == []
    world.stripe.clock.advance(3 * DAY)
    assert world.posted() == []
    world.was_told(ONE, status="open", failure="debit_not_authorized")
    assert world.posted() == ["POST pay"]
    assert dict(world.known(ONE)) == {"status": "paid"}


# --- declined


def test_a_declined_card_is_tried_again_on_the_3rd_the_8th_and_the_15th_day(world: World) -> None:
    world.sold("nova")
    world.stripe.attach_card(world.there("customer", "nova"), declines=True)
    world.pays_by("nova", "card")
    days = []
    for day in range(40):
        if "POST pay" in world.posted():
            days.append(day)
        world.stripe.clock.advance(DAY)
    assert days == [0, 3, 8, 15]
    assert RETRY_DAYS == (3, 5, 7)
    (stopped,) = world.push().stopped
    assert (stopped.outcome, stopped.again_at) == ("declined", None)
    assert stopped.why.startswith("402 card_declined ")
    assert world.at_stripe(ONE)["status"] == "open"


def test_a_try_after_a_decline_takes_the_card_that_is_there_then(world: World) -> None:
    world.sold("nova")
    customer = world.there("customer", "nova")
    world.stripe.attach_card(customer, declines=True)
    world.pays_by("nova", "card")
    (stopped,) = world.push().of("declined")
    assert stopped.again_at == world.now + 3 * DAY * 1_000_000
    world.stripe.attach_card(customer)
    assert world.posted() == []
    world.stripe.clock.advance(3 * DAY)
    assert world.posted() == ["POST pay"]
    assert [amount for _, amount in charges(world)] == [1_900]


@pytest.mark.parametrize(
    ("end", "status"), [("void", "void"), ("write_off", "uncollectible"), ("pay", "paid")]
)
def test_a_declined_card_is_left_alone_once_the_invoice_is_settled(
    world: World, end: str, status: str
) -> None:
    world.sold("nova")
    world.stripe.attach_card(world.there("customer", "nova"), declines=True)
    world.pays_by("nova", "card")
    world.push()
    world.at("2026-01-04")
    getattr(world, end)(ONE)
    assert len(world.posted()) == 1
    assert world.at_stripe(ONE)["status"] == status
    assert [one["paid"] for one in world.stripe.objects("charge")] == [False]


def test_a_charge_that_was_about_to_be_made_is_not_made_for_what_was_paid_meanwhile(world: World) -> None:
    """The process died before it charged; then a transfer came."""
    world.sold("nova", pays="card")
    world.die_at(PAY, "before")
    world.pay(ONE)
    assert world.posted() == ["POST pay"]
    (there,) = world.stripe.objects("invoice")
    assert (there["status"], there["amount_paid_off_stripe"]) == ("paid", 1_900)
    assert [one for one in world.stripe.objects("charge") if one["paid"]] == []
    assert ("pay", 1, "dropped") in world.calls(ONE)


def test_a_charge_that_was_made_is_found_though_the_invoice_was_paid_meanwhile(world: World) -> None:
    """The answer was lost, then a transfer came: it was paid twice, and both payments are found."""
    world.sold("nova", pays="card")
    world.die_at(PAY, "effect")
    world.pay(ONE)
    assert world.posted() == []
    assert ("pay", 1, "confirmed") in world.calls(ONE)
    assert world.status_kept(ONE) == "paid"


# --- addresses


@pytest.mark.parametrize("pays", ["invoice", "none"])
def test_without_an_address_it_is_finalized_and_not_sent(world: World, pays: str) -> None:
    """Stripe would refuse one that is to be sent."""
    world.business.customer("nova", payment_method=pays)
    world.push_customer("nova")
    world.business.subscribe("nova", "starter")
    expected = [("left_out", "no e-mail address: Stripe cannot send it")] if pays == "invoice" else []
    assert told(world) == expected
    there = world.at_stripe(ONE)
    assert (there["status"], there["collection_method"], there["auto_advance"], there["due_date"]) == (
        "open",
        "charge_automatically",
        False,
        None,
    )
    assert (told(world), world.posted()) == (expected, [])
    assert world.stripe.objects("charge") == []


def test_an_address_that_comes_before_it_is_finalized_makes_it_one_that_is_sent(world: World) -> None:
    world.business.customer("nova", payment_method="invoice")
    world.push_customer("nova")
    world.business.subscribe("nova", "starter")
    world.die_at(3, "before")  # it would be given its lines
    world.change("nova", emails=("nova@books.example",))
    push_customers(world.talk())
    assert told(world) == []
    assert world.at_stripe(ONE)["collection_method"] == "send_invoice"


# --- on hold


@pytest.mark.parametrize("pays", ["card", "invoice"])
def test_who_is_on_hold_is_not_asked_for_money_before_a_person_has_looked(world: World, pays: str) -> None:
    """A page was paid that did not fit: the money is there already, and a card too."""
    world.sold("nova", pays=pays)
    world.hold("nova", "checkout")
    assert told(world) == [("left_out", "its customer nova is on hold: checkout")]
    assert world.stripe.objects("invoice") == []
    world.unhold("nova")
    world.push()
    assert world.at_stripe(ONE)["status"] == ("paid" if pays == "card" else "open")


def test_what_is_open_there_is_neither_charged_nor_kept_from_its_end(world: World) -> None:
    world.sold("nova")
    world.push()
    world.pays_by("nova", "card")
    world.stripe.attach_card(world.there("customer", "nova"))
    world.hold("nova", "checkout")
    assert world.posted() == []
    world.void(ONE)
    assert world.posted() == ["POST void"]


# --- deleted at Stripe


def test_a_customer_that_an_event_said_is_deleted_is_made_again(world: World) -> None:
    world.sold("nova", pays="card")
    first = world.there("customer", "nova")
    world.stripe.delete(first)
    with world.business.store.write() as tx:
        keep_gone(tx, world.account, "nova")
    with world.business.store.read() as tx:
        (proposed,) = propose_customers(tx, world.account)
    assert (proposed.action, proposed.stripe_id) == ("recreate", first)
    assert [one.action for one in push_customers(world.talk()).changes] == ["recreate"]
    second = world.there("customer", "nova")
    assert second != first
    assert push_customers(world.talk()).changes == []
    world.push()
    assert world.at_stripe(ONE)["customer"] == second


def test_a_customer_that_was_deleted_unseen_is_found_out_and_made_again(world: World) -> None:
    world.sold("nova", "mira")
    world.stripe.delete(world.there("customer", "nova"))
    pushed = world.push()
    ((number, outcome, why),) = [(one.owed.number, one.outcome, one.why) for one in pushed.stopped]
    assert (number, outcome) == (ONE, "left_out")
    assert why.startswith("no customer: 400 resource_missing No such customer")
    assert world.at_stripe(TWO)["status"] == "open"
    assert world.waiting() == []
    assert world.posted() == []
    push_customers(world.talk())
    assert told(world) == []
    assert world.at_stripe(ONE)["customer"] == world.there("customer", "nova")


def test_a_draft_of_a_customer_that_was_deleted_is_made_anew_for_the_next_one(world: World) -> None:
    world.sold("nova")
    world.die_at(6, "before")  # it would be finalized
    world.stripe.delete(world.there("customer", "nova"))
    world.push()
    push_customers(world.talk())
    assert told(world) == []
    there = world.at_stripe(ONE)
    assert (there["customer"], there["status"]) == (world.there("customer", "nova"), "open")


def test_what_is_open_for_a_customer_that_was_deleted_is_told_and_not_charged(world: World) -> None:
    world.sold("nova")
    world.push()
    world.pays_by("nova", "card")
    world.stripe.delete(world.there("customer", "nova"))
    with world.business.store.write() as tx:
        keep_gone(tx, world.account, "nova")
    push_customers(world.talk())
    world.stripe.attach_card(world.there("customer", "nova"))
    assert told(world) == [
        ("left_out", "its customer at Stripe is gone: it can be paid on its own page, or in some other way")
    ]
    assert world.posted() == []


def test_one_that_is_there_after_all_is_not_made_again(world: World) -> None:
    world.sold("nova")
    with world.business.store.write() as tx:
        keep_gone(tx, world.account, "nova")
    assert push_customers(world.talk()).changes == []
    assert len(world.stripe.objects("customer")) == 1
    with world.business.store.read() as tx:
        link = stripe_outbox.links(tx, world.account, "customer")["nova"]
        assert propose_customers(tx, world.account) == []
        assert [one.action for one in propose_invoices(tx, world.account, world.store_id, world.now)] == [
            "issue"
        ]
    assert dict(link.detail) == {}
