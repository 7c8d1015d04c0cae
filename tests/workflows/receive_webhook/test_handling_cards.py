"""How customers pay, as cards that come and go at Stripe say it."""

from __future__ import annotations

import pytest

from planctl.core.subscriptions.model import Status
from planctl.store import customers
from tests.workflows.business import t
from tests.workflows.receive_webhook.world import World


def pays(world: World, name: str = "nova") -> str:
    with world.business.store.read() as tx:
        found = customers.customer(tx, name)
    assert found is not None
    return found.payment_method


def test_a_card_on_file_is_how_a_customer_pays_where_nothing_was_said(world: World) -> None:
    there = world.customer()
    card = world.stripe.attach_card(there)
    (fact,) = world.take("payment_method.attached").applied
    assert (fact.what, fact.object, fact.customer, fact.at) == ("card", card, "nova", t("2026-01-01"))
    assert pays(world) == "card"
    assert world.detail("customer", "nova")["payment_method"] == card


def test_who_has_agreed_to_pay_by_invoice_goes_on(world: World) -> None:
    there = world.customer(payment_method="invoice")
    card = world.stripe.attach_card(there)
    assert world.take("payment_method.attached").applied == ()
    world.stripe.detach_card(card)
    assert world.take("payment_method.detached").applied == ()
    assert pays(world) == "invoice"


def test_the_last_card_taken_away_leaves_nothing_to_pay_with(world: World) -> None:
    there = world.customer()
    first, second = world.stripe.attach_card(there), world.stripe.attach_card(there)
    world.take("payment_method.attached")
    world.stripe.detach_card(second)
    world.take("payment_method.detached")
    assert (pays(world), world.detail("customer", "nova")["payment_method"]) == ("card", first)
    world.stripe.detach_card(first)
    assert [one.what for one in world.take("payment_method.detached").applied] == ["no card"]
    assert pays(world) == "none"
    assert "payment_method" not in world.detail("customer", "nova")


def test_a_card_that_was_taken_away_again_before_its_coming_was_heard_of_is_no_card(world: World) -> None:
    there = world.customer()
    world.stripe.detach_card(world.stripe.attach_card(there))
    assert world.take("payment_method.attached").applied == ()
    assert world.take("payment_method.detached").applied == ()
    assert pays(world) == "none"


def test_the_customers_default_is_what_is_charged(world: World) -> None:
    there = world.customer()
    default = world.stripe.attach_card(there)
    world.stripe.attach_card(there, default=False)
    world.take("payment_method.attached")
    assert world.detail("customer", "nova")["payment_method"] == default


def test_another_default_that_the_customer_chose_is_what_is_charged(world: World) -> None:
    there = world.customer()
    first, second = world.stripe.attach_card(there), world.stripe.attach_card(there, default=False)
    world.take("payment_method.attached")
    assert world.detail("customer", "nova")["payment_method"] == first
    chosen = world.stripe.get(there)["invoice_settings"] | {"default_payment_method": second}
    world.stripe.edit(there, invoice_settings=chosen)
    assert world.take("customer.updated").outcome == "done"
    assert world.detail("customer", "nova")["payment_method"] == second


def test_a_card_whose_month_is_over_pays_nothing(world: World) -> None:
    there = world.customer()
    card = world.stripe.attach_card(there)
    world.stripe.edit(card, card=world.stripe.get(card)["card"] | {"exp_year": 2025, "exp_month": 12})
    assert world.take("payment_method.attached").applied == ()
    assert pays(world) == "none"


def test_a_customer_who_is_deleted_at_stripe_has_no_card_any_more(world: World) -> None:
    there = world.customer()
    world.stripe.attach_card(there)
    world.take("payment_method.attached")
    world.stripe.delete(there)
    assert [one.what for one in world.take("customer.deleted").applied] == ["no card"]
    assert pays(world) == "none"
    assert world.detail("customer", "nova")["gone"] == "deleted at Stripe"


def on_trial(world: World) -> str:
    """A customer whose trial ends on 15 January; the id at Stripe."""
    there = world.customer()
    world.business.subscribe("nova", "starter", pay="month", trial=True)
    return there


@pytest.mark.parametrize("heard_on", [10, 20])
def test_a_card_that_came_during_the_trial_pays_what_follows_it_whenever_it_is_heard_of(
    world: World, heard_on: int
) -> None:
    there = on_trial(world)
    world.days(8)
    world.stripe.attach_card(there)
    world.days(heard_on - 9)
    world.take("payment_method.attached")
    world.business.run("2026-01-21")
    assert world.business.shown("nova", "2026-01-21").status is Status.ACTIVE
    (invoice,) = world.business.invoices("nova")
    assert invoice.draft.at == t("2026-01-15")


def test_a_card_that_came_after_the_trial_does_not_bring_it_back_also_where_no_run_was_there(
    world: World,
) -> None:
    there = on_trial(world)
    world.days(16)
    world.stripe.attach_card(there)
    world.take("payment_method.attached")
    assert pays(world) == "card"
    assert world.business.shown("nova/starter", "2026-01-17").status is Status.EXPIRED
    assert world.business.invoices("nova") == []
