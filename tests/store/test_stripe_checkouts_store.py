"""Checkout pages as rows: read back as they were kept, and final once their money was taken in."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from planctl.core.currencies import iso_currency
from planctl.core.customers import Customer
from planctl.core.periods import Instant
from planctl.core.stripe.checkout import Page, PageState, Purchase
from planctl.errors import Conflict
from planctl.store import customers, stripe_checkouts
from planctl.store.engine import Store

DINAR = iso_currency("KWD")
assert DINAR is not None

PAGE = Page(
    "cs_test_1",
    Purchase("nova", "pro", "month", "KWD", 2, {"seats": Decimal("12.5")}, "quarter", False, "3"),
    {"plan": "pro", "first request": "8.990 KWD due 2026-01-15"},
    8_990,
    DINAR,
    "https://checkout.stripe.com/c/pay/cs_test_1#fid",
    Instant(1_000_000),
    Instant(2_000_000),
)


@pytest.fixture
def kept(store: Store) -> Store:
    with store.write() as tx:
        customers.add(tx, Customer("nova"))
        stripe_checkouts.add(tx, PAGE)
    return store


def test_a_page_is_read_back_as_it_was_kept(kept: Store) -> None:
    with kept.read() as tx:
        assert stripe_checkouts.page(tx, PAGE.session) == PAGE
        assert stripe_checkouts.page(tx, "cs_test_2") is None


def test_a_page_is_kept_once(kept: Store) -> None:
    with pytest.raises(Conflict), kept.write() as tx:
        stripe_checkouts.add(tx, PAGE)


def test_what_came_of_it_is_kept_beside_what_it_was(kept: Store) -> None:
    done = replace(PAGE, state="completed", subscription="sub_1", note="in time")
    with kept.write() as tx:
        stripe_checkouts.save(tx, replace(PAGE, state="expired"))
        stripe_checkouts.save(tx, replace(done, url="https://elsewhere.example"))
    with kept.read() as tx:
        assert stripe_checkouts.page(tx, PAGE.session) == done


@pytest.mark.parametrize("state", ["completed", "credited"])
def test_a_page_whose_money_was_taken_in_never_changes(kept: Store, state: PageState) -> None:
    with kept.write() as tx:
        stripe_checkouts.save(tx, replace(PAGE, state=state))
    with pytest.raises(AssertionError, match="final"), kept.write() as tx:
        stripe_checkouts.save(tx, replace(PAGE, state="expired"))
