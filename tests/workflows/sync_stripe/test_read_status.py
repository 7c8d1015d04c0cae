"""What `stripe status` reads of the outbox: what a person gave up stays in sight for as long as it is missed."""

from __future__ import annotations

from dataclasses import replace

from planctl.core.stripe.model import Call, State
from planctl.store import stripe_outbox
from planctl.workflows.sync_stripe.read_status import read_standing
from planctl.workflows.sync_stripe.resolve import give_up
from tests.fakes.stripe import Fault
from tests.workflows.sync_stripe.world import World


def given_up(world: World) -> list[tuple[str, str]]:
    """Object and action of every call that is told as given up."""
    with world.business.store.read() as tx:
        return [(one.kind, one.action) for one in read_standing(tx, world.now).given_up]


def drop_what_waits(world: World) -> None:
    """A person gives up the one call that waits."""
    (waiting,) = world.waiting()
    with world.business.store.write() as tx:
        give_up(tx, stripe_outbox.by_id(tx, waiting.id).id, "collected by hand")


def test_an_invoice_that_was_given_up_is_told_until_it_is_paid(world: World) -> None:
    world.sold("nova")
    world.stripe.faults.add(Fault("POST", r"/v1/invoices$", "500"))
    world.push()
    assert given_up(world) == []
    drop_what_waits(world)
    assert given_up(world) == [("invoice", "create")]
    world.pay("INV-2026-00001")
    assert given_up(world) == []


def test_that_the_end_of_an_invoice_is_not_told_there_stays_in_sight(world: World) -> None:
    """It is open at Stripe for ever: somebody may pay there what is void here."""
    world.sold("nova")
    world.push()
    world.void("INV-2026-00001")
    name = world.invoice("INV-2026-00001").id
    call = Call("invoice", name, "void", f"/v1/invoices/{world.there('invoice', name)}/void")
    with world.business.store.write() as tx:
        made = stripe_outbox.add(tx, world.account, call, "k", b"", world.now)
        stripe_outbox.save(tx, replace(made, state=State.DROPPED, note="given up: nobody pays it"))
    assert given_up(world) == [("invoice", "void")]
