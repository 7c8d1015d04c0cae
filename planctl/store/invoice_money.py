"""What money does to a finalized invoice: paid and credited amounts, and the status that follows. It sums nothing.

The amounts themselves are in other tables: payments, refunds and the customer's balance.
Source: planctl billing rules, invoices, credit and payments.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import case, select

from planctl.core.money import MAX_DECIMALS, MAX_MINOR
from planctl.core.periods import Instant
from planctl.store.mapping import instant
from planctl.store.sets import table
from planctl.store.touching import will_change

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_I = table("invoice")
_OWING = ("open", "past_due", "uncollectible")


def apply_credit(tx: Tx, invoice_id: str, credit_minor: int, at: Instant) -> None:
    """Credit an amount from the balance to an invoice that owes at least that; it is paid once nothing is owed."""
    credit = _I.c.credit + credit_minor
    settles = credit + _I.c.paid == _I.c.total
    statement = (
        _I.update()
        .where(_I.c.id == invoice_id, _I.c.status.in_(_OWING), credit + _I.c.paid <= _I.c.total)
        .values(
            credit=credit,
            status=case((settles, "paid"), else_=_I.c.status),
            paid_at=case((settles, instant(at)), else_=_I.c.paid_at),
        )
    )
    changed = tx.connection.execute(statement).rowcount
    assert changed == 1, f"invoice {invoice_id} cannot be credited with {credit_minor}"


def take_payment_back(tx: Tx, invoice_id: str, amount_minor: int) -> None:
    """Let an invoice owe again what was paid of it: it is open, or uncollectible where it was written off."""
    statement = (
        _I.update()
        .where(_I.c.id == invoice_id, _I.c.status != "void", _I.c.paid >= amount_minor)
        .values(
            paid=_I.c.paid - amount_minor,
            status=case((_I.c.written_off_at.is_not(None), "uncollectible"), else_="open"),
            paid_at=None,
        )
    )
    changed = tx.connection.execute(statement).rowcount
    assert changed == 1, f"invoice {invoice_id} was not paid with {amount_minor}"


def return_credit(tx: Tx, invoice_id: str) -> None:
    """Take all credit off an invoice that is being voided; the balance gets it back from the caller."""
    statement = _I.update().where(_I.c.id == invoice_id).values(credit=0, paid_at=None)
    changed = tx.connection.execute(statement).rowcount
    assert changed == 1, f"there is no invoice {invoice_id}"


def write_off(tx: Tx, invoice_id: str, at: Instant) -> None:
    """Mark an unpaid invoice as uncollectible."""
    statement = (
        _I.update()
        .where(_I.c.id == invoice_id, _I.c.status.in_(("open", "past_due")))
        .values(status="uncollectible", written_off_at=instant(at))
    )
    will_change(tx, "invoice", [(invoice_id,)])
    changed = tx.connection.execute(statement).rowcount
    assert changed == 1, f"invoice {invoice_id} cannot be written off"


def numbers(tx: Tx) -> list[str]:
    """The numbers of all invoices."""
    return [row.number for row in tx.connection.execute(select(_I.c.number))]


def owing(tx: Tx, currency: str, amount: Decimal) -> list[tuple[str, int]]:
    """The unpaid invoices that owe exactly an amount in major units: number and customer's small number."""
    owes = _I.c.total - _I.c.credit - _I.c.paid
    amounts = [amount * 10**decimals for decimals in range(MAX_DECIMALS + 1)]
    query = select(_I.c.number, _I.c.customer, _I.c.decimals, owes.label("owes")).where(
        _I.c.status.in_(("open", "past_due")),
        _I.c.currency == currency,
        owes.in_([int(one) for one in amounts if one == int(one) <= MAX_MINOR]),
    )
    found = tx.connection.execute(query.order_by(_I.c.number))
    return [(one.number, one.customer) for one in found if one.owes == amount * 10**one.decimals]
