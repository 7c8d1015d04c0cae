"""What a person decides about a call that waits holds for every push that follows; nothing is made twice by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from planctl.core.stripe.model import Call, Operation, State, Value
from planctl.errors import Busy, Refused
from planctl.store import stripe_outbox
from planctl.workflows.sync_stripe.push_objects import push_customers
from planctl.workflows.sync_stripe.resolve import (
    adopt,
    check_adoption,
    give_up,
    let_go,
    waiting_call,
)
from planctl.workflows.sync_stripe.sending import finish, send, send_next
from tests.fakes.stripe import Fault
from tests.workflows.sync_stripe.world import World

PRO = Call("product", "pro", "create", "/v1/products", {"name": "Pro"}, links=True, digest="d1")
DAY = 86_400


def lost(world: World, call: Call = PRO) -> Operation:
    """A call that was sent a day ago, of which nothing is at Stripe: a person is to decide."""
    for number in (1, 2, 3):
        world.stripe.faults.add(Fault("POST", f"{call.path}$", "drop_before", nth=number))
    with pytest.raises(Busy):
        send(world.talk(), call)
    world.stripe.clock.advance(DAY)
    with world.business.store.read() as tx:
        [operation] = stripe_outbox.unfinished(tx, world.account)
    waiting = finish(world.talk(), operation)
    assert waiting.state is State.PARKED
    assert waiting.note.startswith("nothing at Stripe carries its key")
    return waiting


def stored(world: World, operation: Operation) -> Operation:
    """The call as it is kept."""
    with world.business.store.read() as tx:
        return stripe_outbox.by_id(tx, operation.id)


def test_a_call_that_was_let_go_is_sent_under_the_next_revision(world: World) -> None:
    waiting = lost(world)
    assert send_next(world.talk(), PRO).state is State.PARKED
    with world.business.store.write() as tx:
        let_go(tx, waiting.id, "the dashboard shows none")
    made = send_next(world.talk(), PRO)
    assert (made.state, made.revision) == (State.CONFIRMED, 2)
    assert len(world.stripe.objects("product")) == 1
    assert stored(world, waiting).note == "let go: the dashboard shows none"


def test_a_call_that_was_given_up_is_sent_again_only_for_something_else(world: World) -> None:
    waiting = lost(world)
    with world.business.store.write() as tx:
        given_up = give_up(tx, waiting.id, "not sold after all")
    assert given_up.is_given_up
    assert send_next(world.talk(), PRO) == given_up
    assert world.stripe.objects("product") == []
    dearer = replace(PRO, digest="d2")
    assert send_next(world.talk(), dearer).state is State.CONFIRMED


def test_giving_up_can_be_taken_back(world: World) -> None:
    waiting = lost(world)
    with world.business.store.write() as tx:
        give_up(tx, waiting.id, "not sold after all")
        assert not let_go(tx, waiting.id, "it is").is_given_up
    assert send_next(world.talk(), PRO).state is State.CONFIRMED


def test_what_somebody_made_by_hand_is_adopted_and_not_made_again(world: World) -> None:
    waiting = lost(world)
    by_hand = str(world.gateway.ask("post", "/v1/products", {"name": "Pro"}).id)
    check_adoption(world.gateway, world.store_id, waiting, by_hand)
    with world.business.store.write() as tx:
        adopted = adopt(tx, world.account, waiting.id, by_hand)
        link = stripe_outbox.links(tx, world.account, "product")["pro"]
    assert (adopted.state, adopted.stripe_id, adopted.is_adopted) == (State.CONFIRMED, by_hand, True)
    assert (link.stripe_id, link.digest) == (by_hand, "d1")
    assert send(world.talk(), PRO) == stored(world, waiting)
    assert len(world.stripe.objects("product")) == 1


def test_of_a_link_to_the_same_object_nothing_is_forgotten(world: World) -> None:
    waiting = lost(world)
    by_hand = str(world.gateway.ask("post", "/v1/products", {"name": "Pro"}).id)
    with world.business.store.write() as tx:
        adopt(tx, world.account, waiting.id, by_hand)
        before = stripe_outbox.links(tx, world.account, "product")["pro"]
        stripe_outbox.link(tx, world.account, replace(before, detail={"failure": "kept"}))
        stripe_outbox.save(tx, waiting)
        adopt(tx, world.account, waiting.id, by_hand)
        assert stripe_outbox.links(tx, world.account, "product")["pro"].detail == {"failure": "kept"}


@pytest.mark.parametrize(
    ("sent", "there", "differs"),
    [
        ({"percent_off": "20"}, {"percent_off": "20"}, ""),
        ({"percent_off": "12.5"}, {"percent_off": "12.5"}, ""),
        ({"percent_off": "20"}, {"percent_off": "21"}, "percent_off"),
        (
            {"amount_off": 500, "currency": "usd"},
            {"amount_off": 500, "currency": "eur"},
            "currency",
        ),
        ({"amount_off": 500, "currency": "usd"}, {"amount_off": 501, "currency": "usd"}, "amount_off"),
        ({"percent_off": "20"}, {"amount_off": 20, "currency": "usd"}, "percent_off"),
    ],
)
def test_what_was_sent_must_be_what_is_there(
    world: World, sent: dict[str, str | int], there: dict[str, str | int], differs: str
) -> None:
    call = Call("coupon", "tenth", "create", "/v1/coupons", {**sent, "duration": "once"}, links=True)
    waiting = lost(world, call)
    made = world.gateway.ask("post", "/v1/coupons", {**there, "duration": "once"}).id
    if not differs:
        check_adoption(world.gateway, world.store_id, waiting, made)
        return
    with pytest.raises(Refused, match=f"another {differs}"):
        check_adoption(world.gateway, world.store_id, waiting, made)


DUE_1900: dict[str, Value] = {
    "currency": "usd",
    "auto_advance": False,
    "collection_method": "send_invoice",
    "days_until_due": 7,
    "metadata": {"planctl_due": "1900"},
}


@pytest.mark.parametrize(
    ("amount", "then", "says"),
    [
        (0, "", ""),
        (1_900, "", "is a draft with lines"),
        (1_900, "finalize", ""),
        (1_900, "pay", ""),
        (1_900, "mark_uncollectible", ""),
        (1_901, "finalize", "is open and comes to 1901"),
        (1_901, "pay", "is paid and comes to 1901"),
        (1_900, "void", "is void"),
    ],
)
def test_an_invoice_is_adopted_only_where_a_push_can_go_on_with_it(
    world: World, amount: int, then: str, says: str
) -> None:
    """To a draft a push adds its lines, and what is finalized cannot be changed any more."""
    nova: dict[str, Value] = {"name": "Nova", "email": "nova@books.example"}
    customer = str(world.gateway.ask("post", "/v1/customers", nova).id)
    waiting = lost(
        world, Call("invoice", "inv_1", "create", "/v1/invoices", {**DUE_1900, "customer": customer})
    )
    by_hand = str(world.gateway.ask("post", "/v1/invoices", {**DUE_1900, "customer": customer}).id)
    at = f"/v1/invoices/{by_hand}"
    if amount:
        world.gateway.ask("post", f"{at}/add_lines", {"lines": [{"amount": amount, "description": "Pro"}]})
    if then:
        world.gateway.ask("post", f"{at}/finalize", {"auto_advance": False})
    if then in {"void", "mark_uncollectible"}:
        world.gateway.ask("post", f"{at}/{then}", {})
    if then == "pay":
        world.gateway.ask("post", f"{at}/pay", {"paid_out_of_band": True})
    if not says:
        check_adoption(world.gateway, world.store_id, waiting, by_hand)
        return
    with pytest.raises(Refused, match=says) as refused:
        check_adoption(world.gateway, world.store_id, waiting, by_hand)
    assert refused.value.expected == "a draft without lines, or a finalized invoice over 1900"


def test_an_object_that_is_gone_cannot_be_adopted(world: World) -> None:
    waiting = lost(world)
    made = str(world.gateway.ask("post", "/v1/products", {"name": "Pro"}).id)
    world.stripe.delete(made)
    with pytest.raises(Refused, match="no such object"):
        check_adoption(world.gateway, world.store_id, waiting, made)


def test_only_what_waits_is_decided(world: World) -> None:
    done = send(world.talk(), PRO)
    with world.business.store.write() as tx:
        decisions: tuple[Callable[[], Operation], ...] = (
            lambda: waiting_call(tx, done.id),
            lambda: give_up(tx, done.id, "x"),
            lambda: let_go(tx, done.id, "x"),
            lambda: adopt(tx, world.account, done.id, done.stripe_id),
        )
        for decide in decisions:
            with pytest.raises(Refused, match="does not wait for a person"):
                decide()


def test_a_push_leaves_out_what_was_given_up_and_asks_nobody_again(world: World) -> None:
    world.business.customer("nova")
    customer = Call("customer", "nova", "create", "/v1/customers")
    for number in (1, 2, 3):
        world.stripe.faults.add(Fault("POST", f"{customer.path}$", "drop_before", nth=number))
    with pytest.raises(Busy):
        push_customers(world.talk())
    world.stripe.clock.advance(DAY)
    pushed = push_customers(world.talk())
    [waiting] = pushed.parked
    with world.business.store.write() as tx:
        give_up(tx, waiting.id, "a test customer")
    pushed = push_customers(world.talk())
    assert (pushed.changes, pushed.parked) == ([], [])
    assert [(one.local_id, one.why) for one in pushed.left_out] == [("nova", "given up: a test customer")]
    assert world.stripe.objects("customer") == []


def test_an_invoice_that_was_given_up_is_told_by_every_push_and_waits_for_nobody(world: World) -> None:
    world.sold("nova")
    world.stripe.faults.add(Fault("POST", r"/v1/invoices$", "500"))
    world.push()
    [waiting] = world.waiting()
    with world.business.store.write() as tx:
        give_up(tx, waiting.id, "collected by hand")
    for _ in range(2):
        pushed = world.push()
        assert [(one.outcome, one.why, one.call) for one in pushed.stopped] == [
            ("dropped", "given up: collected by hand", waiting.id)
        ]
        assert not pushed.needs_person
    assert world.stripe.objects("invoice") == []
