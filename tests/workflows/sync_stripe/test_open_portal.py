"""The billing portal: a link for one customer, with settings of planctl's own that are made once."""

from __future__ import annotations

from typing import Any

import pytest

from planctl.core.customers import Customer
from planctl.errors import Busy, NotPermitted, Refused
from planctl.store import customers, stripe_outbox
from planctl.stripe_bridge.gateway import Gateway
from planctl.stripe_bridge.keys import Key
from planctl.workflows.sync_stripe import open_portal as portal
from planctl.workflows.sync_stripe.open_checkout import customer_there
from tests.fakes.stripe import Fault
from tests.workflows.sync_stripe.paying import Shop

SESSIONS = r"/v1/billing_portal/sessions$"
CONFIGURATIONS = r"/v1/billing_portal/configurations$"


def link(shop: Shop, back: str = "https://desk.example/account") -> str:
    """A link for nova, as the command asks for one."""
    talk = shop.talk()
    with shop.store.read() as tx:
        nova = portal.billed_customer(tx, "nova")
    return portal.open_portal(talk, customer_there(talk, nova), back)


def features(shop: Shop) -> dict[str, Any]:
    (configuration,) = shop.stripe.objects("billing_portal.configuration")
    found: dict[str, Any] = configuration["features"]
    return found


def test_means_of_payment_details_and_invoices_are_there_and_plans_do_not_change(shop: Shop) -> None:
    """C7."""
    link(shop)
    on = {name: one["enabled"] for name, one in features(shop).items()}
    assert on["payment_method_update"] is on["customer_update"] is on["invoice_history"] is True
    assert on["subscription_update"] is on["subscription_cancel"] is False
    assert sorted(features(shop)["customer_update"]["allowed_updates"]) == [
        "address",
        "email",
        "name",
        "tax_id",
    ]


def test_every_link_is_a_new_one_and_the_settings_are_made_once(shop: Shop) -> None:
    first, second = link(shop), link(shop)
    assert first != second
    assert first.startswith("https://billing.stripe.com/")
    assert shop.posts() == [
        "/v1/customers",
        "/v1/billing_portal/configurations",
        "/v1/billing_portal/sessions",
        "/v1/billing_portal/sessions",
    ]
    sent = shop.stripe.posts("sessions")[-1].params
    (customer,) = shop.stripe.objects("customer")
    (configuration,) = shop.stripe.objects("billing_portal.configuration")
    assert sent == {
        "customer": customer["id"],
        "configuration": configuration["id"],
        "return_url": "https://desk.example/account",
    }


def test_without_an_address_the_portal_shows_no_way_back(shop: Shop) -> None:
    link(shop, "")
    assert "return_url" not in shop.stripe.posts("sessions")[-1].params


def test_settings_of_another_version_are_brought_up_to_date(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    link(shop)
    other = {**portal.FEATURES, "invoice_history": {"enabled": False}}
    monkeypatch.setattr(portal, "FEATURES", other)
    link(shop)
    link(shop)
    assert features(shop)["invoice_history"]["enabled"] is False
    assert len(shop.stripe.posts("configurations")) == 2


def test_a_lost_answer_makes_no_second_settings(shop: Shop) -> None:
    shop.stripe.faults.add(Fault("POST", CONFIGURATIONS, "drop_after", times=3))
    with pytest.raises(Busy):
        link(shop)
    link(shop)
    assert len(shop.stripe.objects("billing_portal.configuration")) == 1
    with shop.store.read() as tx:
        assert stripe_outbox.unfinished(tx, shop.account) == []


def test_a_link_that_was_lost_is_asked_for_again(shop: Shop) -> None:
    shop.stripe.faults.add(Fault("POST", SESSIONS, "drop_after"))
    assert link(shop).startswith("https://billing.stripe.com/")
    shop.stripe.faults.add(Fault("POST", SESSIONS, "drop_before", times=3))
    with pytest.raises(Busy):
        link(shop)


def test_what_stripe_refuses_is_said(shop: Shop) -> None:
    with pytest.raises(Refused) as refused:
        portal.open_portal(shop.talk(), "cus_nobody", "")
    assert refused.value.code == "portal-refused"


def test_a_key_without_the_right_says_so(shop: Shop) -> None:
    link(shop)
    key = shop.stripe.add_key("rk_test_narrow0000000000", {"account": "read", "customers": "write"})
    shop.gateway = Gateway(Key(key, False, True, "test"), shop.stripe.address, lambda _: None)
    with pytest.raises(NotPermitted) as denied:
        link(shop)
    assert denied.value.code == "stripe-key-denied"


def test_archived_customers_and_branches_have_no_portal(shop: Shop) -> None:
    with shop.store.write() as tx:
        customers.add_all(tx, [Customer("gone", archived_at=1), Customer("branch", parent="nova")])
    for customer, code in (("gone", "customer-archived"), ("branch", "child-customer")):
        with shop.store.read() as tx, pytest.raises(Refused) as refused:
            portal.billed_customer(tx, customer)
        assert refused.value.code == code
