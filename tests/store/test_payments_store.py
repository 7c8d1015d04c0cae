"""A payment is kept once and credited to its invoice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from planctl.core.currencies import Currency
from planctl.core.invoicing.model import Invoice, InvoiceStatus
from planctl.errors import Conflict, Refused
from planctl.store import invoices, payments
from planctl.store.engine import Store, Tx
from planctl.store.invoices import Issuing
from planctl.store.payments import PaymentFilter
from tests.store.samples import a_draft, a_payment, on_day, with_subscriptions


def invoiced(tx: Tx, periods: int = 1) -> list[Invoice]:
    with_subscriptions(tx)
    return invoices.finalize(tx, [a_draft(period) for period in range(periods)], Issuing())


def test_parts_of_an_invoice_are_paid_until_nothing_is_due(store: Store) -> None:
    with store.write() as tx:
        name = invoiced(tx)[0].id
        invoices.mark_past_due(tx, [name])
        assert payments.record(tx, a_payment("pay_1", name, 1000), on_day(4))
        part = invoices.invoice(tx, name)
        assert (part.status, part.paid_minor, part.due_minor) == (InvoiceStatus.PAST_DUE, 1000, 3900)
        assert part.paid_at is None
        assert payments.record(tx, a_payment("pay_2", name, 3900, at=on_day(6)), on_day(7))
        whole = invoices.invoice(tx, name)
        assert (whole.status, whole.paid_at, whole.due_minor) == (InvoiceStatus.PAID, on_day(6), 0)


def test_the_same_payment_twice_is_one(store: Store) -> None:
    with store.write() as tx:
        name = invoiced(tx)[0].id
        payment = a_payment("pay_1", name, 1000)
        assert payments.record(tx, payment, on_day(4))
        assert not payments.record(tx, payment, on_day(5))
        assert payments.payments(tx) == [payment]
        assert invoices.invoice(tx, name).paid_minor == 1000
        with pytest.raises(Conflict, match="another amount_minor") as refused:
            payments.record(tx, replace(payment, amount_minor=2000), on_day(5))
    assert (refused.value.expected, refused.value.got) == ("1000", "2000")


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_minor": 4901},
        {"customer": "c2"},
        {"currency": Currency("EUR", "Euro", 2)},
        {"currency": Currency("USD", "US Dollar", 3, iso=False)},
    ],
)
def test_a_payment_that_does_not_fit_its_invoice_is_our_mistake(
    store: Store, changes: dict[str, Any]
) -> None:
    with store.write() as tx:
        with_subscriptions(tx, 2)
        name = invoices.finalize(tx, [a_draft()], Issuing())[0].id
    wrong = replace(a_payment("pay_1", name, 4900), **changes)
    with pytest.raises(AssertionError, match="cannot take payment"), store.write() as tx:
        payments.record(tx, wrong, on_day(4))
    with store.read() as tx:
        assert payments.payments(tx) == []


def test_nothing_is_paid_on_a_void_invoice(store: Store) -> None:
    with store.write() as tx:
        name = invoiced(tx)[0].id
        invoices.void(tx, name, on_day(1))
        with pytest.raises(AssertionError, match="cannot take payment"):
            payments.record(tx, a_payment("pay_1", name, 100), on_day(4))


def test_payments_are_listed_and_grouped_by_invoice(store: Store) -> None:
    with store.write() as tx:
        first, second = (made.id for made in invoiced(tx, 2))
        early = a_payment("pay_1", first, 100)
        late = a_payment("pay_2", first, 200, at=on_day(9))
        other = a_payment("pay_3", second, 300, at=on_day(10))
        for payment in (early, late, other):
            payments.record(tx, payment, on_day(10))
        assert payments.get(tx, "pay_2") == late
        assert payments.get(tx, "pay_9") is None
        assert payments.payments(tx, PaymentFilter(invoices=(first,))) == [early, late]
        assert payments.payments(tx, PaymentFilter(from_at=on_day(9), before_at=on_day(10))) == [late]
        assert payments.payments(tx, PaymentFilter(customers=("c2",))) == []
        assert payments.payments(tx, PaymentFilter(after="pay_1", limit=1)) == [late]
        assert payments.payments(tx, PaymentFilter(invoices=(second, "inv_none"))) == [other]


def test_a_recorded_payment_cannot_be_changed(store: Store) -> None:
    with store.write() as tx:
        name = invoiced(tx)[0].id
        payments.record(tx, a_payment("pay_1", name, 100), on_day(4))
    with pytest.raises(Refused), store.write() as tx:
        tx.connection.exec_driver_sql("UPDATE payment SET amount = 1")
