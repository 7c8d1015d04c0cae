"""One question finds which tables have anything about a page of customers, and misses none of them."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import pytest

from planctl.core.catalog.model import Coupon
from planctl.core.coupons import Redemption
from planctl.core.customers import Customer
from planctl.core.wallets import Grant
from planctl.store import coupons, customers, invoices, wallets
from planctl.store.balances import BalanceMove, post
from planctl.store.engine import Store, Tx
from planctl.store.invoices import Issuing
from planctl.store.kept_about import EVERYTHING, kept_about
from planctl.store.sets import insert_rows
from tests.store.samples import a_draft, on_day, with_customers, with_subscriptions


def an_unpaid_invoice(tx: Tx) -> None:
    """Of 49.00."""
    invoices.finalize(tx, [a_draft()], Issuing())


def a_balance(tx: Tx) -> None:
    """Of 5.00."""
    post(tx, [BalanceMove("nova", "USD", "opening:1", 500, on_day(0))])


def a_hold(tx: Tx) -> None:
    """For a person to look at."""
    customers.put_hold(tx, "nova", "conflict", "", on_day(0))


def a_child(tx: Tx) -> None:
    """A company of two."""
    customers.add(tx, Customer("east", parent="nova"))


def a_coupon(tx: Tx) -> None:
    """On the subscription."""
    coupons.add_redemption(tx, Redemption("cou_1", "nova", "sub_1", Coupon("tenner"), on_day(0)))


def a_grant(tx: Tx) -> None:
    """Of 100 minutes."""
    units = Fraction(100)
    wallets.add_grants(
        tx, [Grant("grant_1", "nova", "minutes", "given:1", units, units, on_day(0))], on_day(0)
    )


def late_usage(tx: Tx) -> None:
    """One event, marked."""
    row = {"customer": 1, "meter": 1, "day": 20454, "event_key": b"one", "at": on_day(0)}
    insert_rows(tx, "late_usage", [row])


KEPT: dict[str, Callable[[Tx], None]] = {
    "invoice": an_unpaid_invoice,
    "balance_entry": a_balance,
    "hold": a_hold,
    "child": a_child,
    "coupon_redemption": a_coupon,
    "wallet_grant": a_grant,
    "late_usage": late_usage,
}


@pytest.mark.parametrize("name", sorted(EVERYTHING))
def test_what_there_is_about_a_customer_is_found_on_its_page_alone(store: Store, name: str) -> None:
    with store.write() as tx:
        with_subscriptions(tx)
        with_customers(tx, ["mira", "vega"])
        KEPT[name](tx)
        assert kept_about(tx, ["nova"]) == {name}
        assert kept_about(tx, ["mira", "nova"]) == {name}
        assert kept_about(tx, ["mira", "vega"]) == frozenset()


def test_a_paid_invoice_is_nothing_to_look_at(store: Store) -> None:
    with store.write() as tx:
        with_subscriptions(tx)
        post(tx, [BalanceMove("nova", "USD", "opening:1", 4900, on_day(0))])
        invoices.finalize(tx, [a_draft(credit_minor=4900)], Issuing())
        assert kept_about(tx, ["nova"]) == {"balance_entry"}


def test_there_is_nothing_about_nobody(store: Store) -> None:
    with store.read() as tx:
        assert kept_about(tx, ["nobody"]) == frozenset()
        assert kept_about(tx, []) == frozenset()
