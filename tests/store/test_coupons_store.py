"""Coupons kept: their terms as they were, who has them, what they took on invoices that are not void."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from planctl.core.catalog.model import Coupon
from planctl.core.coupons import Redemption
from planctl.core.customers import Customer
from planctl.core.invoicing.finish import finished
from planctl.core.invoicing.model import Draft
from planctl.errors import Conflict
from planctl.store import coupons, invoices
from planctl.store.engine import Store, Tx
from planctl.store.invoices import Issuing
from tests.store.samples import a_draft, on_day, with_subscriptions

LAUNCH = Coupon(
    "launch20",
    percent=Decimal("0.2"),
    periods=3,
    plans=("starter",),
    until=date(2026, 12, 31),
    max_redemptions=100,
)
TENNER = Coupon("tenner", amounts={"USD": Decimal("10"), "USDT": Decimal("9.999999")})


def applied(coupon: Coupon, subscription: str = "sub_1", customer: str = "nova") -> Redemption:
    return Redemption(f"cou_{coupon.id}_{subscription}", customer, subscription, coupon, on_day(0))


def issue(tx: Tx, made: Draft, *redemptions: Redemption) -> str:
    (invoice,) = invoices.finalize(tx, [finished(made, Customer("nova"), {}, redemptions)], Issuing())
    return invoice.id


def test_a_coupon_is_read_back_with_the_terms_it_was_applied_with(store: Store) -> None:
    with store.write() as tx:
        with_subscriptions(tx)
        for coupon in (LAUNCH, TENNER):
            coupons.add_redemption(tx, applied(coupon))
        assert coupons.redemptions_of(tx, ["nova", "nobody"]) == {
            "nova": (applied(LAUNCH), applied(TENNER)),
            "nobody": (),
        }


def test_a_subscription_has_a_coupon_once(store: Store) -> None:
    with store.write() as tx:
        with_subscriptions(tx)
        coupons.add_redemption(tx, applied(LAUNCH))
    with pytest.raises(Conflict), store.write() as tx:
        coupons.add_redemption(tx, replace(applied(LAUNCH), id="cou_again"))


def test_a_removed_coupon_holds_no_more_but_is_remembered(store: Store) -> None:
    with store.write() as tx:
        with_subscriptions(tx)
        coupons.add_redemption(tx, applied(LAUNCH))
        coupons.remove_redemption(tx, applied(LAUNCH).id, on_day(1))
        assert coupons.redemptions_of(tx, ["nova"]) == {"nova": ()}
        assert coupons.applied_to(tx, "sub_1") == (replace(applied(LAUNCH), removed=True),)
        assert not coupons.applied_to(tx, "sub_1")[0].holds_for(0)


def test_an_issued_discount_uses_its_period_until_the_invoice_is_void(store: Store) -> None:
    """20 % of 49.00 is 9.80, the fixed 10.00 come after it."""
    with store.write() as tx:
        with_subscriptions(tx)
        mine = (applied(LAUNCH), applied(TENNER))
        for one in mine:
            coupons.add_redemption(tx, one)
        first = issue(tx, a_draft(), *mine)
        (launch, tenner) = coupons.redemptions_of(tx, ["nova"])["nova"]
        assert (launch.taken, tenner.taken) == ({0: 980}, {0: 1000})
        issue(tx, a_draft(1), launch, tenner)
        assert [one.taken for one in coupons.redemptions_of(tx, ["nova"])["nova"]] == [
            {0: 980, 1: 980},
            {0: 1000},
        ]
        invoices.void(tx, first, on_day(40))
        assert [one.taken for one in coupons.redemptions_of(tx, ["nova"])["nova"]] == [{1: 980}, {}]


def test_an_invoice_is_read_back_with_its_discounts_and_shares(store: Store) -> None:
    with store.write() as tx:
        with_subscriptions(tx)
        coupons.add_redemption(tx, applied(LAUNCH))
        name = issue(tx, a_draft(), applied(LAUNCH))
        read = invoices.invoice(tx, name)
    assert (read.subtotal_minor, read.discount_minor, read.total_minor) == (4900, 980, 3920)
    assert [(one.coupon, one.amount_minor) for one in read.draft.discounts] == [("launch20", 980)]
    assert [one.discount_minor for one in read.draft.lines] == [980]
