"""What was billed the last time: of the same subscription, kind and currency, and not void."""

from __future__ import annotations

from typing import Any

import pytest

from planctl.core.invoicing.comparing import Unusual
from planctl.core.invoicing.model import Invoice
from planctl.store import invoices
from planctl.store.engine import Store, Tx
from planctl.store.invoices import Issuing
from planctl.store.usual import unusual
from tests.store.samples import USD, a_draft, a_line, on_day, with_subscriptions


def issued(tx: Tx, period: int, minor: int, **changes: Any) -> Invoice:
    subscription = changes.get("subscription", "sub_1")
    key = f"{changes.get('kind', 'fee')}:{period}"
    line = a_line(service_index=period, subscription=subscription, amount_minor=minor, charge_key=key)
    draft = a_draft(period, lines=(line,), **changes)
    (made,) = invoices.finalize(tx, [draft], Issuing())
    return made


@pytest.fixture
def sold(store: Store) -> Store:
    """nova paid 100.00, then 40.00, and 10.00 for usage in between; c2 has never been billed."""
    with store.write() as tx:
        with_subscriptions(tx, 2)
        issued(tx, 0, 10_000)
        issued(tx, 1, 4_000)
        issued(tx, 2, 1_000, kind="usage", occasion="allowance:1")
    return store


def found_for(store: Store, period: int, minor: int, **changes: Any) -> list[Unusual]:
    with store.write() as tx:
        tx.rollback_only()
        return unusual(tx, [issued(tx, period, minor, **changes)])


def test_the_last_invoice_is_what_is_usual_and_twice_as_much_still_is(sold: Store) -> None:
    assert found_for(sold, 3, 8_000) == []
    assert found_for(sold, 3, 8_001) == [Unusual("nova", "sub_1", USD, 4_000, 8_001)]


def test_another_kind_of_invoice_has_its_own_last_one(sold: Store) -> None:
    assert found_for(sold, 3, 2_001, kind="usage", occasion="allowance:2")[0].usual_minor == 1_000


def test_who_was_never_billed_has_nothing_unusual(sold: Store) -> None:
    assert found_for(sold, 3, 999_999, customer="c2", subscription="sub_2") == []


def test_what_is_void_was_not_usual(sold: Store) -> None:
    with sold.write() as tx:
        (last,) = (one for one in invoices.listing(tx) if one.total_minor == 4_000)
        invoices.void(tx, last.id, on_day(40))
    assert found_for(sold, 3, 20_000) == []
    assert found_for(sold, 3, 20_001)[0].usual_minor == 10_000


def test_an_invoice_of_the_same_page_is_not_its_own_last_one(sold: Store) -> None:
    with sold.write() as tx:
        tx.rollback_only()
        made = [issued(tx, 3, 9_000), issued(tx, 4, 18_001)]
        assert [one.usual_minor for one in unusual(tx, made)] == [4_000, 4_000]
