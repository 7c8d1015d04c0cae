"""What people do at Stripe and here between two pushes, or between two requests of one: nobody pays twice or too much.

Starter costs 19.00 USD a month.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from planctl.core.instants import DAY_MICROSECONDS as DAY
from planctl.core.periods import Instant
from planctl.errors import Busy
from planctl.workflows.sync_stripe.push_invoices import push_invoices
from planctl.workflows.sync_stripe.resolve import give_up
from tests.fakes.stripe import Fault
from tests.fakes.stripe.desk import Request
from tests.workflows.sync_stripe.world import World

ONE, TWO = "INV-2026-00001", "INV-2026-00002"


def lost(world: World, path: str) -> None:
    """Push, and lose a request on its way to Stripe for good: the push stops, nothing was done."""
    world.stripe.faults.add(Fault("POST", path, "drop_before", times=9))
    with pytest.raises(Busy):
        world.push()
    world.stripe.faults.clear()


def just_before(world: World, path: str, act: Callable[[], object]) -> None:
    """Let something happen at Stripe right before it hears of a request that changes something."""

    def happens(request: Request) -> None:
        if request.method != "GET" and request.path.endswith(path):
            world.stripe.hooks.before.clear()
            act()

    world.stripe.hooks.before.append(happens)


def charges(world: World) -> list[int]:
    """What cards were charged with."""
    return [one["amount"] for one in world.stripe.objects("charge") if one["paid"]]


# --- a draft that somebody finalizes in the dashboard


def half_made(world: World, *names: str, pays: str = "invoice") -> str:
    """Customers of whom the first has a draft with its lines; its id."""
    world.sold(*names, pays=pays)
    world.stripe.faults.add(Fault("GET", "/lines", "drop_before", times=9))
    with pytest.raises(Busy):
        world.push()
    world.stripe.faults.clear()
    return str(world.at_stripe(ONE)["id"])


def test_a_draft_that_somebody_finalized_as_it_is_goes_on(world: World) -> None:
    draft = half_made(world, "nova", "mira")
    world.stripe.finalize_invoice(draft)
    assert world.push().stopped == []
    assert world.at_stripe(ONE)["status"] == world.at_stripe(TWO)["status"] == "open"
    assert ("finalize", 1, "confirmed") in world.calls(ONE)
    assert [one.path for one in world.stripe.posts("/finalize")] == [
        f"/v1/invoices/{world.at_stripe(TWO)['id']}/finalize"
    ]
    assert [event["type"] for event in world.stripe.events].count("invoice.sent") == 2
    assert world.posted() == []


def test_a_draft_that_somebody_changed_and_finalized_waits_once_and_the_others_go_on(world: World) -> None:
    """Its customer there got 5.00 to its credit, so 14.00 of 19.00 are due."""
    draft = half_made(world, "nova", "mira")
    world.stripe.edit(world.there("customer", "nova"), balance=-500, currency="usd")
    world.stripe.finalize_invoice(draft)
    (stopped,) = world.push().stopped
    assert (stopped.outcome, stopped.owed.number) == ("parked", ONE)
    assert stopped.why.startswith("it was finalized at Stripe, and is not what was sent: customer's balance")
    assert world.at_stripe(TWO)["status"] == "open"
    assert [one for one in world.calls(ONE) if one[0] in {"delete", "create"}] == [("create", 1, "confirmed")]
    assert world.posted() == []


def test_a_draft_that_cannot_be_deleted_any_more_waits_once_and_the_others_go_on(world: World) -> None:
    """Somebody finalizes it right before it is deleted, since its invoice was paid here."""
    draft = half_made(world, "nova", "mira")
    world.pay(ONE)
    just_before(world, draft, lambda: world.stripe.finalize_invoice(draft))
    (stopped,) = world.push().stopped
    assert (stopped.outcome, stopped.owed.number) == ("parked", ONE)
    assert "You can only delete draft invoices" in stopped.why
    assert world.at_stripe(TWO)["status"] == "open"
    assert [one for one in world.calls(ONE) if one[0] == "delete"] == [("delete", 1, "parked")]
    assert world.posted() == []


def test_a_draft_of_an_earlier_attempt_that_cannot_be_deleted_waits_once(world: World) -> None:
    """It is not what was sent, and somebody finalizes it right before it is deleted."""
    draft = half_made(world, "nova", "mira")
    world.stripe.edit(world.there("customer", "nova"), balance=-500, currency="usd")
    just_before(world, draft, lambda: world.stripe.finalize_invoice(draft))
    assert [one.outcome for one in world.push().stopped] == ["parked"]
    assert sorted(one.action for one in world.waiting()) == ["create", "delete"]
    assert world.at_stripe(TWO)["status"] == "open"
    assert world.posted() == []
    (deletion,) = [one for one in world.waiting() if one.action == "delete"]
    with world.business.store.write() as tx:
        give_up(tx, deletion.id, "voided in the dashboard")
    (stopped,) = world.push().stopped
    assert stopped.why.startswith("the draft is not what was sent")
    assert world.posted() == []


def test_an_invoice_that_comes_to_no_end_ends_nothing_but_itself(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.sold("nova", "mira")
    monkeypatch.setattr("planctl.workflows.sync_stripe.push_invoices._MOST_STEPS", 3)
    pushed = world.push()
    assert [(one.owed.number, one.outcome, one.why) for one in pushed.stopped] == [
        (ONE, "left_out", "it came to no end in 3 steps; the next push goes on"),
        (TWO, "left_out", "it came to no end in 3 steps; the next push goes on"),
    ]
    world.push()
    assert world.at_stripe(ONE)["status"] == world.at_stripe(TWO)["status"] == "open"


# --- money that comes while a charge is under way


def test_a_charge_that_was_lost_is_not_made_of_what_a_bank_paid_meanwhile(world: World) -> None:
    """12.00 of 19.00 came by transfer: a credit note of 12.00, and 7.00 are charged."""
    world.sold("nova", pays="card")
    lost(world, "/pay$")
    world.pay(ONE, "12")
    assert world.posted() == ["POST credit_notes", "POST pay"]
    assert charges(world) == [700]
    assert [one for one in world.calls(ONE) if one[0] == "pay"] == [
        ("pay", 1, "dropped"),
        ("pay", 2, "confirmed"),
    ]


def test_a_charge_that_was_lost_is_not_made_of_what_was_credited_meanwhile(world: World) -> None:
    world.sold("nova", pays="card")
    lost(world, "/pay$")
    world.credit(ONE, "4")
    world.push()
    assert charges(world) == [1_500]


def test_a_charge_that_was_made_and_lost_is_found_though_a_part_was_paid_meanwhile(world: World) -> None:
    """Its answer was lost, not the charge: nothing is credited there, and the pull brings what Stripe took."""
    world.sold("nova", pays="card")
    world.stripe.faults.add(Fault("POST", "/pay$", "drop_after", times=1))
    world.stripe.faults.add(Fault("POST", "/pay$", "drop_before", times=9))
    with pytest.raises(Busy):
        world.push()
    world.stripe.faults.clear()
    world.pay(ONE, "12")
    assert world.posted() == []
    assert (charges(world), world.unfinished(), world.waiting()) == ([1_900], [], [])


def test_a_charge_that_was_lost_is_not_made_of_what_its_customer_paid_on_the_page(world: World) -> None:
    world.sold("nova", pays="card")
    lost(world, "/pay$")
    world.stripe.pay_invoice(str(world.at_stripe(ONE)["id"]))
    assert world.posted() == []
    assert (charges(world), world.unfinished(), world.waiting()) == ([1_900], [], [])
    assert world.status_kept(ONE) == "paid"


@pytest.mark.parametrize("pays", ["card", "none"])
def test_what_its_customer_pays_on_the_page_at_that_very_moment_waits_for_nobody(
    world: World, pays: str
) -> None:
    """ "Invoice is already paid": whether a card was to be charged, or it was paid elsewhere here."""
    world.sold("nova", pays=pays)
    if pays == "none":
        world.push()
        world.pay(ONE)
    just_before(world, "/pay", lambda: world.stripe.pay_invoice(str(world.at_stripe(ONE)["id"])))
    assert world.push().stopped == []
    assert (charges(world), world.unfinished(), world.waiting()) == ([1_900], [], [])
    assert world.posted() == []


def test_what_somebody_voids_in_the_dashboard_at_that_very_moment_waits_for_nobody(world: World) -> None:
    world.sold("nova")
    world.push()
    world.void(ONE)
    there = str(world.at_stripe(ONE)["id"])
    just_before(world, "/void", lambda: world.stripe.void_invoice(there))
    assert world.push().stopped == []
    assert world.waiting() == []


def test_what_was_refused_and_not_done_waits_for_a_person(world: World) -> None:
    """Somebody voids at Stripe what is written off here: that is not the same."""
    world.sold("nova")
    world.push()
    world.write_off(ONE)
    there = str(world.at_stripe(ONE)["id"])
    just_before(world, "/mark_uncollectible", lambda: world.stripe.void_invoice(there))
    (stopped,) = world.push().stopped
    assert (stopped.outcome, "You can only mark open invoices as uncollectible" in stopped.why) == (
        "parked",
        True,
    )


def test_a_mail_that_was_lost_says_what_is_due_then(world: World) -> None:
    """12.00 of 19.00 came by transfer: they are credited there before its customer is written to."""
    world.sold("nova", pays="invoice")
    lost(world, "/send$")
    world.pay(ONE, "12")
    assert world.posted() == ["POST credit_notes", "POST send"]
    assert world.at_stripe(ONE)["amount_remaining"] == 700


def test_that_it_was_paid_elsewhere_is_not_repeated_of_what_is_void_meanwhile(world: World) -> None:
    """The transfer was returned before Stripe heard of it, and the invoice voided."""
    world.sold("nova")
    world.push()
    world.pay(ONE)
    lost(world, "/pay$")
    world.give_back(ONE)
    world.void(ONE)
    assert world.posted() == ["POST void"]
    assert world.at_stripe(ONE)["status"] == "void"


# --- owed again


def test_what_stripe_took_and_gave_back_is_told_and_not_collected_twice(world: World) -> None:
    world.sold("nova", pays="card")
    world.push()
    world.paid_by_stripe(ONE)
    world.give_back(ONE, "stripe")
    asked = len(world.stripe.requests)
    (stopped,) = world.push().stopped
    assert (stopped.outcome, stopped.why) == (
        "left_out",
        "19.00 USD of it is owed again, which Stripe has as paid and cannot collect twice: "
        "collect it some other way (planctl payment record)",
    )
    assert len(world.stripe.requests) == asked
    world.pay(ONE)
    assert world.push().stopped == []


def test_what_was_said_to_be_paid_elsewhere_and_is_owed_again_is_told(world: World) -> None:
    world.sold("nova")
    world.push()
    world.pay(ONE)
    world.push()
    world.give_back(ONE)
    (stopped,) = world.push().stopped
    assert stopped.why.startswith("19.00 USD of it is owed again, which Stripe has as paid")


def test_what_is_paid_there_and_not_pulled_yet_is_no_news(world: World) -> None:
    world.sold("nova", pays="card")
    assert world.push().stopped == []
    assert world.push().stopped == []


# --- a clock


def test_a_draft_that_was_made_by_a_clock_that_was_ahead_is_found(world: World) -> None:
    """Two days ahead, it is sent, and no answer comes; with the right clock it is looked for, not made again."""
    world.sold("nova")
    ahead = replace(world.talk(), now=lambda: Instant(world.now + 2 * DAY))
    world.stripe.faults.add(Fault("POST", "/v1/invoices$", "drop_after", times=1))
    world.stripe.faults.add(Fault("POST", "/v1/invoices$", "drop_before", times=9))
    with pytest.raises(Busy):
        push_invoices(ahead)
    world.stripe.faults.clear()
    assert world.push().stopped == []
    assert len(world.stripe.objects("invoice")) == 1
