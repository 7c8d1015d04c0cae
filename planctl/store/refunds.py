"""Money given back, one row for each payment it came from. It decides no amount.

Source: planctl billing rules, invoices, credit and payments.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, select

from planctl.core.invoicing.model import Refund
from planctl.core.periods import Instant
from planctl.store.balances import BalanceMove, moved, post
from planctl.store.mapping import count, currency_of, instant, minor, named, said
from planctl.store.payments import mark_refunded, payment
from planctl.store.sets import Values, chunks, insert_rows, sequences, table

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_R = table("refund")
_C = table("customer")


def record_refunds(tx: Tx, refunds: Sequence[Refund], recorded_at: Instant) -> None:
    """Keep refunds, and take from the balance what came out of it (key `refund:ID`).

    A payment of which nothing is left is marked as refunded. The caller has seen to it that no payment gives
    back more than was received, and changes the invoice.
    """
    seqs = sequences(tx, (one.customer for one in refunds))
    insert_rows(tx, "refund", [_row(one, seqs[one.customer], recorded_at) for one in refunds])
    post(
        tx,
        [
            BalanceMove(one.customer, one.currency.code, _key(one.id), -one.from_balance_minor, one.at)
            for one in refunds
            if one.from_balance_minor
        ],
    )
    for name in dict.fromkeys(one.payment for one in refunds):
        left = payment(tx, name).left_minor
        assert left >= 0, f"{-left} more are given back of {name} than were received"
        if not left:
            mark_refunded(tx, name)


def refunds_of(tx: Tx, payment_ids: Iterable[str]) -> dict[str, list[Refund]]:
    """The refunds of every payment in the order of their ids; an empty list where there is none."""
    found: dict[str, list[Refund]] = {name: [] for name in dict.fromkeys(payment_ids)}
    for chunk in chunks(found):
        for one in _read(tx, _R.c.payment.in_(chunk)):
            found[one.payment].append(one)
    return found


def refunds_by(tx: Tx, credit_note: str) -> list[Refund]:
    """What went back as money for one credit note (its id)."""
    return _read(tx, _R.c.credit_note == credit_note)


def _read(tx: Tx, condition: ColumnElement[bool]) -> list[Refund]:
    query = (
        select(_R, _C.c.id.label("customer_id"))
        .join(_C, _C.c.seq == _R.c.customer)
        .where(condition)
        .order_by(_R.c.id)
    )
    rows = tx.connection.execute(query).all()
    taken = moved(tx, [_key(row.id) for row in rows])
    return [_refund(row, -taken.get(_key(row.id), 0)) for row in rows]


def _key(refund: str) -> str:
    return f"refund:{refund}"


def _row(one: Refund, customer: int, recorded_at: Instant) -> Values:
    assert one.amount_minor > 0, f"{one.id} is of {one.amount_minor}"
    assert 0 <= one.from_balance_minor <= one.amount_minor, f"{one.id} takes {one.from_balance_minor}"
    return {
        "id": named(one.id),
        "customer": count(customer),
        "payment": named(one.payment),
        "credit_note": said(one.credit_note),
        "amount": minor(one.amount_minor),
        "currency": named(one.currency.code),
        "decimals": count(one.currency.decimals),
        "at": instant(one.at),
        "method": said(one.method),
        "reference": said(one.reference),
        "recorded_at": instant(recorded_at),
    }


def _refund(row: Any, from_balance: int) -> Refund:
    return Refund(
        id=row.id,
        customer=row.customer_id,
        payment=row.payment,
        amount_minor=minor(row.amount),
        currency=currency_of(row.currency, row.decimals),
        at=instant(row.at),
        credit_note=row.credit_note,
        method=row.method,
        reference=row.reference,
        from_balance_minor=from_balance,
    )
