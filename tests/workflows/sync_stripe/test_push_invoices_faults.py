"""What Stripe may do to a push of invoices: lost answers, old keys, 500, 409, 429, drafts that are not what was sent.

The numbers are those of the fault catalogue.
"""

from __future__ import annotations

import pytest

from planctl.core.stripe import invoice_params
from planctl.core.stripe.model import State
from planctl.errors import Busy
from planctl.workflows.sync_stripe.push_invoices import propose_invoices
from planctl.workflows.sync_stripe.resolve import give_up, let_go
from tests.fakes.stripe import Fault
from tests.fakes.stripe.desk import Request
from tests.workflows.sync_stripe.world import World

ONE, TWO = "INV-2026-00001", "INV-2026-00002"
STEPS = [r"/v1/invoices$", "/add_lines$", "/finalize$", "/pay$"]
"""Every POST of an invoice that a card pays."""
NAMED = [(STEPS[0], "create"), (STEPS[1], "lines-1"), (STEPS[2], "finalize"), (STEPS[3], "pay")]

HOUR = 3_600
DAY = 24 * HOUR


REQUESTS = ("list", "create", "lines", "read", "read lines", "end", "look", "card", "pay")
"""The requests of an invoice that a card pays; the end of a draft is that it is finalized, or else deleted."""


def die_at(world: World, step: str, how: str) -> None:
    """Push with a process that dies at one of its requests."""
    world.die_at(REQUESTS.index(step) + 1, how)


def paid_once(world: World) -> None:
    """The invoice of 19.00 is at Stripe once, and paid once."""
    (there,) = world.stripe.objects("invoice")
    assert (there["status"], there["total"], there["amount_paid"]) == ("paid", 1_900, 1_900)
    assert [one["amount"] for one in world.stripe.objects("charge") if one["paid"]] == [1_900]


@pytest.mark.parametrize("path", STEPS)
@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
def test_F097_an_answer_that_is_lost_is_asked_for_again_under_the_same_key(
    world: World, path: str, kind: str
) -> None:
    world.sold("nova", pays="card")
    world.stripe.faults.add(Fault("POST", path, kind))  # type: ignore[arg-type]
    world.push()
    paid_once(world)
    first, second = [
        one for one in world.stripe.posts() if one.path.endswith(path.strip("$").split("/")[-1])
    ][:2]
    assert (first.key, first.body) == (second.key, second.body)


def test_F100_what_was_kept_is_sent_byte_by_byte_whatever_planctl_says_today(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upgrade between two pushes words the draft anew: the kept bytes go first, then the draft is made anew."""
    world.sold("nova", pays="card")
    die_at(world, "create", "effect")
    (kept,) = world.unfinished()
    worded = invoice_params._draft

    def reworded(*given: object) -> object:
        return worded(*given) | {"description": "Bill"}  # type: ignore[arg-type]

    monkeypatch.setattr(invoice_params, "_draft", reworded)
    world.push()
    first, second, *_ = [one for one in world.stripe.posts() if one.path == "/v1/invoices"]
    assert first.body == second.body == kept.body
    assert second.replayed
    paid_once(world)
    assert world.at_stripe(ONE)["description"] == "Bill"
    assert world.calls(ONE)[:3] == [
        ("create", 1, "confirmed"),
        ("delete", 1, "confirmed"),
        ("create", 2, "confirmed"),
    ]


def test_F100_a_key_that_somebody_used_for_something_else_waits_for_a_person(world: World) -> None:
    world.sold("nova", "mira")
    die_at(world, "create", "before")
    (mine,) = world.unfinished()
    customer = world.there("customer", "mira")
    world.stripe.hooks.before.append(lambda request: _steal(world, request, mine.key, customer))
    pushed = world.push()
    (stopped,) = pushed.of("parked")
    assert "idempotency_error" in stopped.why
    assert (stopped.call, pushed.needs_person) == (mine.id, True)
    assert [one["metadata"].get("planctl_number") for one in world.stripe.objects("invoice")] == [None, TWO]


def _steal(world: World, request: Request, key: str, customer: str) -> None:
    """A foreign writer is first with our key."""
    if request.key == key:
        world.stripe.hooks.before.clear()
        world.new_gateway()._client.raw_request(
            "post", "/v1/invoices", customer=customer, idempotency_key=key
        )


def test_F101_after_25_hours_a_draft_is_found_by_its_metadata(world: World) -> None:
    world.sold("nova", pays="card")
    die_at(world, "create", "effect")
    world.stripe.clock.advance(25 * HOUR)
    world.push()
    assert len(world.stripe.posts("/v1/invoices")) == len(["create", "lines", "finalize", "pay"])
    paid_once(world)


def test_F101_after_25_hours_a_draft_that_is_not_there_waits_for_a_person(world: World) -> None:
    world.sold("nova", pays="card")
    die_at(world, "create", "before")
    world.stripe.clock.advance(25 * HOUR)
    (stopped,) = world.push().of("parked")
    assert stopped.why == "nothing at Stripe carries its key"
    assert world.posted() == []
    _let_go(world)
    world.push()
    paid_once(world)
    assert world.calls(ONE)[0] == ("create", 1, "dropped")


@pytest.mark.parametrize(
    ("step", "how"), [("lines", "before"), ("lines", "effect"), ("end", "before"), ("end", "effect")]
)
def test_F101_after_25_hours_lines_and_finalization_are_looked_at(world: World, step: str, how: str) -> None:
    """Done, it is confirmed; not done, it is asked for again under the next revision, by the next push."""
    world.sold("nova", pays="card")
    die_at(world, step, how)
    world.stripe.clock.advance(25 * HOUR)
    world.push()
    world.push()
    paid_once(world)
    assert len(world.stripe.objects("line_item") or world.lines(ONE)) == 1


@pytest.mark.parametrize("how", ["before", "effect"])
def test_F101_after_25_hours_a_card_is_not_charged_twice(world: World, how: str) -> None:
    world.sold("nova", pays="card")
    die_at(world, "pay", how)
    world.stripe.clock.advance(25 * HOUR)
    world.push()
    world.push()
    paid_once(world)


@pytest.mark.parametrize(("path", "word"), NAMED)
def test_F103_a_500_that_did_what_was_asked_is_found_done(world: World, path: str, word: str) -> None:
    world.sold("nova", pays="card")
    world.stripe.faults.add(Fault("POST", path, "500_after"))
    assert world.push().stopped == []
    paid_once(world)
    assert (word, 1, "confirmed") in world.calls(ONE)


@pytest.mark.parametrize(("path", "word"), NAMED[1:])
def test_F103_a_500_that_did_nothing_is_asked_for_under_the_next_revision(
    world: World, path: str, word: str
) -> None:
    """The old key would bring the same 500 for a day. Within one push it is not tried again."""
    world.sold("nova", pays="card")
    world.stripe.faults.add(Fault("POST", path, "500"))
    (stopped,) = world.push().of("left_out")
    assert stopped.why.startswith("was not done: ")
    assert world.push().stopped == []
    paid_once(world)
    assert [one for one in world.calls(ONE) if one[0] == word] == [
        (word, 1, "dropped"),
        (word, 2, "confirmed"),
    ]


def test_F103_a_500_for_a_draft_that_was_not_made_waits_for_a_person(world: World) -> None:
    world.sold("nova", "mira")
    world.stripe.faults.add(Fault("POST", STEPS[0], "500"))
    pushed = world.push()
    assert [one.owed.number for one in pushed.of("parked")] == [ONE]
    assert world.at_stripe(TWO)["status"] == "open"


@pytest.mark.parametrize("kind", ["429", "409"])
@pytest.mark.parametrize("path", STEPS)
def test_F104_a_push_that_is_asked_to_wait_stops_and_goes_on_later(
    world: World, path: str, kind: str
) -> None:
    world.sold("nova", pays="card")
    world.stripe.faults.add(Fault("POST", path, kind, times=3))  # type: ignore[arg-type]
    with pytest.raises(Busy) as stopped:
        world.push()
    assert stopped.value.exit_code == 75
    (left,) = world.unfinished()
    assert left.state is State.SENT
    assert world.push().stopped == []
    paid_once(world)


def test_F105_nothing_is_ever_searched_for(world: World) -> None:
    """A search does not find what was made in the last minute."""
    world.stripe.search_lag = 60
    world.sold("nova", pays="card")
    die_at(world, "create", "effect")
    world.stripe.clock.advance(25 * HOUR)
    world.push()
    paid_once(world)
    assert [one.path for one in world.stripe.requests if "search" in one.path] == []


# --- F109: a draft that is not what was sent


def _let_go(world: World) -> None:
    (waiting,) = world.waiting()
    with world.business.store.write() as tx:
        let_go(tx, waiting.id, "looked at it")


def test_F109_a_balance_at_stripe_keeps_a_draft_from_being_finalized(world: World) -> None:
    """The customer has 5.00 to its credit there, which would pay of the invoice: 14.00 would be due, not 19.00."""
    world.sold("nova", "mira", pays="card")
    customer = world.there("customer", "nova")
    world.stripe.edit(customer, balance=-500, currency="usd")
    pushed = world.push()
    (stopped,) = pushed.of("parked")
    assert stopped.owed.number == ONE
    assert stopped.why == (
        "the draft is not what was sent: customer's balance there: 0 here, -500 at Stripe (-500); "
        "amount due: 1900 here, 1400 at Stripe (-500)"
    )
    assert world.all_at_stripe(ONE) == []
    assert world.at_stripe(TWO)["status"] == "paid"
    assert world.status_kept(ONE) == ""
    assert world.posted() == []


def test_F109_a_line_that_is_another_is_found(world: World) -> None:
    world.sold("nova")

    def tamper(request: Request) -> None:
        if request.path.endswith("/add_lines"):
            (lines,) = world.stripe.books().lines.values()
            lines[0]["amount"] = 1_901

    world.stripe.hooks.after.append(tamper)
    (stopped,) = world.push().of("parked")
    assert f"line {world.invoice(ONE).id}:1: 1900 here, 1901 at Stripe (+1)" in stopped.why
    assert world.stripe.objects("invoice") == []


def test_F109_what_a_person_let_go_is_drafted_anew(world: World) -> None:
    world.sold("nova", pays="card")
    customer = world.there("customer", "nova")
    world.stripe.edit(customer, balance=-500, currency="usd")
    world.push()
    world.stripe.edit(customer, balance=0)
    _let_go(world)
    assert world.push().stopped == []
    paid_once(world)
    assert [one[:2] for one in world.calls(ONE) if one[0] == "create"] == [
        ("create", 1),
        ("create", 2),
        ("create", 3),
    ]


def test_F109_what_a_person_gave_up_is_never_sent_again(world: World) -> None:
    world.sold("nova")
    world.stripe.edit(world.there("customer", "nova"), balance=-500, currency="usd")
    world.push()
    (waiting,) = world.waiting()
    with world.business.store.write() as tx:
        give_up(tx, waiting.id, "collected by hand")
    assert world.posted() == []
    (told,) = world.push().stopped
    assert (told.outcome, told.why) == ("dropped", "given up: collected by hand")
    with world.business.store.read() as tx:
        proposed = list(propose_invoices(tx, world.account, world.store_id, world.now))
    assert [(one.action, one.stopped) for one in proposed] == [("", told)]


def test_F109_a_push_that_dies_between_the_comparison_and_the_deletion_deletes_later(world: World) -> None:
    world.sold("nova")
    world.stripe.edit(world.there("customer", "nova"), balance=-500, currency="usd")
    die_at(world, "end", "before")
    (draft,) = world.stripe.objects("invoice")
    assert world.posted() == [f"DELETE {draft['id']}"]
    assert len(world.waiting()) == 1


@pytest.mark.parametrize("how", ["before", "effect", "answer"])
def test_F109_a_deletion_whose_answer_is_lost_is_done(world: World, how: str) -> None:
    world.sold("nova")
    world.stripe.edit(world.there("customer", "nova"), balance=-500, currency="usd")
    die_at(world, "end", how)
    (stopped,) = world.push().stopped
    assert stopped.outcome == "parked"
    assert world.stripe.objects("invoice") == []
    assert world.unfinished() == []
    assert [one[2] for one in world.calls(ONE) if one[0] == "delete"] == ["confirmed"]


def test_a_draft_that_somebody_deleted_is_made_anew(world: World) -> None:
    world.sold("nova", pays="card")
    die_at(world, "read", "before")
    world.stripe.delete(str(world.at_stripe(ONE)["id"]))
    assert world.push().stopped == []
    paid_once(world)


def test_an_amount_that_stripe_does_not_charge_waits_for_a_person(world: World) -> None:
    """Where the account settles in another currency the least amount is another one, and nobody knows it before."""
    world.sold("nova", "mira", pays="card")

    def too_little(request: Request) -> None:
        if request.path.endswith("/finalize"):
            world.stripe.hooks.after.clear()
            there = request.path.split("/")[3]
            world.stripe.edit(there, status="paid", amount_due=0, amount_remaining=0)

    world.stripe.hooks.after.append(too_little)
    (stopped,) = world.push().stopped
    assert (stopped.outcome, stopped.owed.number) == ("parked", ONE)
    assert (
        stopped.why
        == "Stripe charges nothing for an invoice of 1900, which is too little, and marked it as paid"
    )
    assert world.at_stripe(TWO)["status"] == "paid"
    assert world.posted() == []
