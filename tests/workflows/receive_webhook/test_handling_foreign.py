"""Events that are none of this store's business: ignored, counted, and nothing is asked of Stripe where that shows."""

from __future__ import annotations

from typing import Any

import pytest

from planctl.core.stripe.model import LOCAL, STORE
from tests.workflows.receive_webhook.world import World


def of_another_store(world: World, **metadata: str) -> str:
    """An invoice on the same account that another store has made, paid; its payment intent."""
    ask = world.gateway.ask
    customer = ask("post", "/v1/customers", {"name": "Somebody"}).id
    draft: dict[str, Any] = {
        "customer": customer,
        "auto_advance": False,
        "currency": "usd",
        "metadata": metadata,
    }
    invoice = ask("post", "/v1/invoices", draft).id
    ask("post", f"/v1/invoices/{invoice}/add_lines", {"lines": [{"amount": 5_000, "description": "theirs"}]})
    ask("post", f"/v1/invoices/{invoice}/finalize", {})
    return world.stripe.pay_invoice(invoice)


def test_F112_an_invoice_of_another_store_is_ignored_and_counted(world: World) -> None:
    world.sold()
    of_another_store(world, **{STORE: "st_another", LOCAL: "inv_1"})
    before, asked = world.export(), len(world.stripe.requests)
    handled = world.take("invoice.paid")
    assert (handled.outcome, handled.why) == ("ignored", "it is about nothing of this store")
    assert world.export() == before
    assert len(world.stripe.requests) == asked
    assert world.kept()[handled.notice.id] == ("ignored", "it is about nothing of this store")
    assert world.audited == []


@pytest.mark.parametrize("kind", ["invoice_payment.paid", "refund.created", "charge.dispute.created"])
def test_F112_money_of_another_store_is_followed_to_its_invoice_and_ignored(world: World, kind: str) -> None:
    world.sold()
    intent = of_another_store(world)
    if kind == "refund.created":
        world.stripe.refund(intent)
    if kind == "charge.dispute.created":
        world.stripe.dispute(intent)
    before = world.export()
    assert world.take(kind).outcome == "ignored"
    assert world.export() == before


def test_F112_a_refund_that_failed_for_somebody_else_is_not_ours_to_see_to(world: World) -> None:
    refund = world.stripe.refund(of_another_store(world))
    world.stripe.fail_refund(refund)
    assert world.take("refund.failed").outcome == "ignored"


def test_an_invoice_of_ours_whose_link_was_never_kept_is_known_by_its_metadata(world: World) -> None:
    there = world.sold()
    with world.business.store.write() as tx:  # the answer to its creation was lost
        tx.connection.exec_driver_sql("DELETE FROM stripe_link WHERE object = 'invoice'")
        tx.connection.exec_driver_sql("UPDATE stripe_operation SET state = 'sent' WHERE object = 'invoice'")
    world.stripe.pay_invoice(there)
    assert [one.what for one in world.take("invoice.paid").applied] == ["payment"]
    assert world.status() == ("paid", "0.00")


def test_what_another_attempt_at_an_invoice_received_counts_but_its_void_does_not(world: World) -> None:
    there = world.sold()
    with world.business.store.write() as tx:  # a newer draft stands for the invoice
        tx.connection.exec_driver_sql(
            "UPDATE stripe_link SET stripe_id = 'in_newer' WHERE object = 'invoice'"
        )
    world.stripe.void_invoice(there)
    assert world.take("invoice.voided").applied == ()
    assert world.status() == ("open", "19.00")


def test_a_customer_of_somebody_else_is_ignored(world: World) -> None:
    there = world.gateway.ask("post", "/v1/customers", {"name": "Somebody"}).id
    asked = len(world.stripe.requests)
    world.stripe.attach_card(there)
    assert world.take("payment_method.attached").outcome == "ignored"
    assert len(world.stripe.requests) == asked


def test_a_page_of_somebody_else_is_ignored(world: World) -> None:
    session: dict[str, Any] = {
        "mode": "payment",
        "success_url": "https://example.com/",
        "line_items": [
            {
                "price_data": {"currency": "usd", "unit_amount": 500, "product_data": {"name": "A cap"}},
                "quantity": 1,
            }
        ],
    }
    made = world.gateway.ask("post", "/v1/checkout/sessions", session).id
    world.stripe.pay_session(made)
    assert world.take("checkout.session.completed").outcome == "ignored"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"livemode": True}, "it is of live mode"),
        ({"account": "acct_somebody_else"}, "it is of the account acct_somebody_else"),
        ({"type": "invoice.created"}, "events of this type are not listened to"),
    ],
)
def test_another_mode_another_account_and_other_types_are_ignored(
    world: World, said: dict[str, Any], why: str
) -> None:
    world.stripe.pay_invoice(world.sold())
    handled = world.handle(world.event("invoice.paid") | said)
    assert (handled.outcome, handled.why) == ("ignored", why)
    assert world.status() == ("open", "19.00")


def test_an_event_of_this_very_account_is_ours_though_it_says_so(world: World) -> None:
    world.stripe.pay_invoice(world.sold())
    assert world.handle(world.event("invoice.paid") | {"account": world.account.id}).outcome == "done"
