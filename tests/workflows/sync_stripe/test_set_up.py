"""A store belongs to one account and one mode; what a key may do is found out without touching anything."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planctl.core.periods import Instant
from planctl.core.stripe.model import Account
from planctl.core.stripe.rights import RIGHTS
from planctl.errors import InvalidInput, Refused
from planctl.stripe_bridge.gateway import Gateway
from planctl.stripe_bridge.keys import Key
from planctl.workflows.sync_stripe.set_up import (
    check_return_url,
    propose_account,
    read_account,
)
from tests.fakes.stripe import FakeStripe

READ = Account("acct_1", live=False, key="rk_test_…0002", country="DE")
KEPT = Account("acct_1", False, "rk_test_…0001", "US", "https://acme.example", 99, Instant(5))
NOW = Instant(7)


def gateway(stripe: FakeStripe, secret: str) -> Gateway:
    """A gateway with a key of the fake."""
    return Gateway(Key(secret, False, secret.startswith("rk_"), "test"), stripe.address, lambda _: None)


def test_the_first_time_the_account_is_pinned_with_the_time() -> None:
    pinned = propose_account(None, READ, "https://acme.example", NOW)
    assert pinned.changed
    assert pinned.after == replace(READ, return_url="https://acme.example", set_up_at=NOW)


def test_later_only_the_key_the_country_and_the_address_change() -> None:
    pinned = propose_account(KEPT, READ, "", NOW)
    assert pinned.after == replace(KEPT, key="rk_test_…0002", country="DE")
    assert propose_account(KEPT, KEPT, "", NOW).changed is False
    moved = propose_account(KEPT, KEPT, "https://other.example", NOW)
    assert moved.after == replace(KEPT, return_url="https://other.example")


@pytest.mark.parametrize(
    ("read", "code"),
    [(replace(READ, id="acct_2"), "stripe-account"), (replace(READ, live=True), "stripe-mode")],
)
def test_another_account_and_the_other_mode_are_refused(read: Account, code: str) -> None:
    with pytest.raises(Refused) as refused:
        propose_account(KEPT, read, "", NOW)
    assert refused.value.code == code


def test_a_key_with_every_right_has_those_that_planctl_never_uses_too(stripe: FakeStripe) -> None:
    found = read_account(gateway(stripe, stripe.key))
    assert (found.account.id, found.account.country, found.charges) == (
        "acct_1FakeStripeAccount",
        "US",
        True,
    )
    assert [one.right for one in found.rights] == [*RIGHTS]
    assert not any(one.is_missing for one in found.rights)
    assert [one.right.name for one in found.rights if one.is_unneeded] == ["Payouts", "Subscriptions"]


def test_reading_is_not_enough_where_planctl_writes(stripe: FakeStripe) -> None:
    resources = (
        "products",
        "prices",
        "coupons",
        "tax_rates",
        "customers",
        "invoices",
        "credit_notes",
        "refunds",
    )
    readers = dict.fromkeys(
        (*resources, "checkout", "billing_portal", "events", "disputes", "account"), "read"
    )
    stripe.add_key("rk_test_51Reader0000000000000001", readers)  # type: ignore[arg-type]
    found = read_account(gateway(stripe, "rk_test_51Reader0000000000000001"))
    missing = {one.right.name for one in found.rights if one.is_missing}
    assert {"Products", "Invoices", "Checkout Sessions", "Customer portal", "PaymentIntents"} <= missing
    assert missing & {"Events", "Disputes"} == set()


def test_what_the_store_keeps_of_a_key_is_what_may_be_shown(stripe: FakeStripe) -> None:
    found = read_account(gateway(stripe, stripe.key))
    assert found.account.key == "sk_test_…0000"


@pytest.mark.parametrize(
    ("url", "live", "fits"),
    [
        ("https://acme.example/back?x=1#y", True, True),
        ("https://acme.example:8443", True, True),
        ("http://127.0.0.1:8000/back", False, True),
        ("http://acme.example", True, False),
        ("https://a@acme.example", True, False),
        ("https:///back", False, False),
        ("https://acme.example\u202e", False, False),
        ("https://acme.example/\u00a0", False, False),
    ],
)
def test_where_people_can_be_sent_back_to(url: str, live: bool, fits: bool) -> None:
    if fits:
        assert check_return_url(url, live=live) == url
        return
    with pytest.raises(InvalidInput) as refused:
        check_return_url(url, live=live)
    assert refused.value.code == "return-url"
