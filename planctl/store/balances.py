"""Customers' balances: entries in a dense sequence per currency, never below zero. It decides no amount.

An entry is found again by its key: `opening:…`, `payment:ID`, `refund:ID`, `credit_note:ID`, `credited:ID`
(a credit note's amount that its own unpaid invoice took), `paid_out:ID` (what of it went back as money),
`invoice:ID` (what an invoice took when it was issued), `void:ID`, `checkout:SESSION` (money of a Checkout page
that started nothing) and `checkout_back:SESSION:FACT` (what of it went back, or came again). An entry with an
`invoice` is credit applied to it, or taken back from it.
Source: planctl billing rules, invoices, credit and payments.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import func, or_, select, tuple_

from planctl.core.invoicing.model import Invoice
from planctl.core.periods import Instant
from planctl.store.mapping import instant, minor, named, said
from planctl.store.sets import Values, chunks, insert_rows, sequences, table
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_B = table("balance_entry")
_C = table("customer")


@dataclass(frozen=True, slots=True)
class BalanceMove:
    """One movement of a customer's balance: below zero takes from it.

    `invoice` is the id of the invoice that it is applied to, or that gives it back; else empty.
    """

    customer: str
    currency: str
    key: str
    amount_minor: int
    at: Instant
    invoice: str = ""


def balances_of(tx: Tx, customer_ids: Iterable[str]) -> dict[str, dict[str, int]]:
    """What stands in every customer's balance, minor units by currency code; currencies at zero are left out."""
    wanted = dict.fromkeys(customer_ids)
    found: dict[str, dict[str, int]] = {customer: {} for customer in wanted}
    for chunk in chunks(wanted):
        last = (
            select(_B.c.customer, _B.c.currency, func.max(_B.c.seq).label("seq"))
            .where(_B.c.customer.in_(select(_C.c.seq).where(_C.c.id.in_(chunk))))
            .group_by(_B.c.customer, _B.c.currency)
            .subquery()
        )
        query = (
            select(_C.c.id, _B.c.currency, _B.c.balance)
            .join(
                last,
                (last.c.customer == _B.c.customer)
                & (last.c.currency == _B.c.currency)
                & (last.c.seq == _B.c.seq),
            )
            .join(_C, _C.c.seq == _B.c.customer)
            .where(_B.c.balance > 0)
            .order_by(_C.c.id, _B.c.currency)
        )
        for row in tx.connection.execute(query):
            found[row.id][row.currency] = minor(row.balance)
    return found


def post(tx: Tx, moves: Sequence[BalanceMove]) -> None:
    """Append movements, in their order, each to the balance of its customer and currency.

    The caller has seen to it that no balance falls below zero. Conflict where a key was used before.
    """
    if not moves:
        return
    seqs = sequences(tx, (move.customer for move in moves))
    last = _last(tx, {(seqs[move.customer], move.currency) for move in moves})
    rows: list[Values] = []
    for move in moves:
        place = (seqs[move.customer], move.currency)
        sequence, balance = last.get(place, (0, 0))
        last[place] = (sequence + 1, balance + move.amount_minor)
        rows.append(_row(move, seqs[move.customer], *last[place]))
    insert_rows(tx, "balance_entry", rows)


def apply_to_invoices(tx: Tx, invoices: Sequence[Invoice]) -> None:
    """Take what new invoices were paid with from their customers' balances, one entry for each that took some."""
    post(
        tx,
        [
            BalanceMove(
                one.draft.customer,
                one.draft.currency.code,
                f"invoice:{one.id}",
                -one.credit_minor,
                one.draft.issued_at,
                one.id,
            )
            for one in invoices
            if one.credit_minor
        ],
    )


def moved(tx: Tx, keys: Iterable[str]) -> dict[str, int]:
    """The amounts of those entries that exist, by key."""
    found: dict[str, int] = {}
    for chunk in chunks(dict.fromkeys(keys)):
        query = select(_B.c.key, _B.c.amount).where(_B.c.key.in_(chunk))
        found |= {row.key: minor(row.amount) for row in tx.connection.execute(query)}
    return found


def total_under(tx: Tx, customer: str, code: str, keys: Sequence[str]) -> int:
    """The sum of a customer's entries whose key is one of these, or begins with one of them that ends with `:`."""
    seq = sequences(tx, [customer])[customer]
    of = [_B.c.key.startswith(key, autoescape=True) if key.endswith(":") else _B.c.key == key for key in keys]
    query = select(func.coalesce(func.sum(_B.c.amount), 0)).where(
        _B.c.customer == seq, _B.c.currency == code, or_(*of)
    )
    return int(tx.connection.execute(query).scalar_one())


def _last(tx: Tx, places: Iterable[tuple[int, str]]) -> dict[tuple[int, str], tuple[int, int]]:
    """The last sequence number and the balance of each customer and currency that has any."""
    found: dict[tuple[int, str], tuple[int, int]] = {}
    for chunk in chunks(sorted(places)):
        place = tuple_(_B.c.customer, _B.c.currency)
        last = (
            select(_B.c.customer, _B.c.currency, func.max(_B.c.seq))
            .where(place.in_(chunk))
            .group_by(_B.c.customer, _B.c.currency)
        )
        query = select(_B).where(tuple_(_B.c.customer, _B.c.currency, _B.c.seq).in_(last))
        for row in tx.connection.execute(query):
            found[row.customer, row.currency] = (row.seq, row.balance)
    return found


def _row(move: BalanceMove, customer: int, sequence: int, balance: int) -> Values:
    assert move.amount_minor, f"{move.key} moves nothing"
    assert balance >= 0, f"{move.key} takes {-move.amount_minor} from {move.customer}, {balance} are left"
    return {
        "customer": customer,
        "currency": named(move.currency),
        "seq": sequence,
        "key": named(move.key),
        "amount": minor(move.amount_minor),
        "balance": minor(balance),
        "at": instant(move.at),
        "invoice": said(move.invoice),
    }
