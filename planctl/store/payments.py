"""Payments, and what they do to the invoices they are for. It allocates nothing: each names its invoice.

Source: planctl billing rules, invoices, credit and payments.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, case, func, select

from planctl.core.invoicing.model import Payment
from planctl.core.periods import Instant
from planctl.errors import Conflict, NotFound
from planctl.store.balances import BalanceMove, post
from planctl.store.invoice_mapping import payment_of, payment_row, same_payment
from planctl.store.sets import insert_rows, sequences, table
from planctl.store.touching import will_change
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_P = table("payment")
_I = table("invoice")
_C = table("customer")
_R = table("refund")


@dataclass(frozen=True, slots=True)
class PaymentFilter:
    """What a listing shows: empty fields ask nothing. Received at or after `from_at`, before `before_at`."""

    customers: tuple[str, ...] = ()
    invoices: tuple[str, ...] = ()
    from_at: int | None = None
    before_at: int | None = None
    after: str = ""
    limit: int = 0


def record(tx: Tx, payment: Payment, recorded_at: Instant) -> bool:
    """Keep a payment and credit it to its invoice, which is paid once nothing is due; True if it is new.

    What of it goes to the balance enters that under the key `payment:ID`. The same payment again changes
    nothing (False); another content under its id is a Conflict. The invoice must be unpaid, of the payment's
    customer and currency, and owe what does not go to the balance: the caller sees to that.
    """
    stored = get(tx, payment.id)
    if stored is not None:
        _check_same(stored, payment)
        return False
    customer = sequences(tx, [payment.customer])[payment.customer]
    insert_rows(tx, "payment", [payment_row(payment, customer, recorded_at)])
    if payment.to_balance_minor:
        code, key = payment.currency.code, f"payment:{payment.id}"
        post(tx, [BalanceMove(payment.customer, code, key, payment.to_balance_minor, payment.at)])
    if payment.to_balance_minor == payment.amount_minor:
        return True
    paid = _I.c.paid + payment.amount_minor - payment.to_balance_minor
    settles = _I.c.total - _I.c.credit == paid
    statement = (
        _I.update()
        .where(
            _I.c.id == payment.invoice,
            _I.c.customer == customer,
            _I.c.currency == payment.currency.code,
            _I.c.decimals == payment.currency.decimals,
            _I.c.status.in_(["open", "past_due", "uncollectible"]),
            _I.c.credit + paid <= _I.c.total,
        )
        .values(
            paid=paid,
            status=case((settles, "paid"), else_=_I.c.status),
            paid_at=case((settles, payment.at), else_=_I.c.paid_at),
        )
    )
    changed = tx.connection.execute(statement).rowcount
    assert changed == 1, f"invoice {payment.invoice} cannot take payment {payment.id}"
    return True


def get(tx: Tx, payment_id: str) -> Payment | None:
    """The payment with that id, None where there is none."""
    row = tx.connection.execute(_select().where(_P.c.id == payment_id)).one_or_none()
    return None if row is None else _payment(row)


def payment(tx: Tx, payment_id: str) -> Payment:
    """The payment with that id; NotFound where there is none."""
    found = get(tx, payment_id)
    if found is None:
        raise NotFound(
            f"there is no payment {payment_id!r}",
            where=f"payment {payment_id}",
            hint="planctl payment list shows them all",
        )
    return found


def mark_refunded(tx: Tx, payment_id: str) -> None:
    """Write that all of a payment was given back."""
    will_change(tx, "payment", [(payment_id,)])
    changed = tx.connection.execute(_P.update().where(_P.c.id == payment_id).values(status="refunded"))
    assert changed.rowcount == 1, f"there is no payment {payment_id}"


def payments(tx: Tx, wanted: PaymentFilter | None = None) -> list[Payment]:
    """The payments that a filter lets through, by id; `limit` 0 is no limit."""
    wanted = wanted or PaymentFilter()
    query = _select()
    if wanted.customers:
        query = query.where(_C.c.id.in_(wanted.customers))
    if wanted.invoices:
        query = query.where(_P.c.invoice.in_(wanted.invoices))
    if wanted.from_at is not None:
        query = query.where(_P.c.at >= wanted.from_at)
    if wanted.before_at is not None:
        query = query.where(_P.c.at < wanted.before_at)
    if wanted.after:
        query = query.where(_P.c.id > wanted.after)
    rows = tx.connection.execute(query.limit(wanted.limit) if wanted.limit else query)
    return [_payment(row) for row in rows]


def _select() -> Select[Any]:
    back = select(func.sum(_R.c.amount)).where(_R.c.payment == _P.c.id).scalar_subquery()
    refunded = func.coalesce(back, 0).label("refunded")
    return (
        select(_P, _C.c.id.label("customer_id"), refunded)
        .join(_C, _C.c.seq == _P.c.customer)
        .order_by(_P.c.id)
    )


def _payment(row: Any) -> Payment:
    return replace(payment_of(row), refunded_minor=int(row.refunded))


def _check_same(stored: Payment, payment: Payment) -> None:
    differing = same_payment(stored, payment)
    if not differing:
        return
    name, (before, after) = next(iter(differing.items()))
    raise Conflict(
        f"payment {payment.id} is recorded with another {name}",
        where=f"payment {payment.id}",
        expected=str(before),
        got=str(after),
        hint="record the other payment under a key of its own",
    )
