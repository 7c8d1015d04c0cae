"""Laws of money and units that move: payments, the trial balance, customer balances, wallets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from itertools import groupby
from typing import TYPE_CHECKING, Any

from planctl.core.laws import LedgerEntry, wrong_ledger
from planctl.core.periods import Instant, instant_text
from planctl.store.laws.model import Breach, guarded
from planctl.store.laws.reading import stream
from planctl.store.mapping import exact_of

if TYPE_CHECKING:
    from sqlalchemy import Row

    from planctl.store.engine import Tx

# Credit is applied from the customer's balance by an entry that names the invoice.
_COUNTED = """
SELECT i.number, i.status, i.total, i.credit, i.paid, i.paid_at, i.issued_at,
       COALESCE(p.amount, 0) AS received, COALESCE(-b.amount, 0) AS applied,
       (SELECT COUNT(*) FROM payment WHERE invoice = i.id AND at = i.paid_at) AS dated
  FROM invoice i
  LEFT JOIN (SELECT invoice, SUM(amount) AS amount FROM payment WHERE status = 'succeeded' GROUP BY invoice) p
    ON p.invoice = i.id
  LEFT JOIN (SELECT key, SUM(amount) AS amount FROM balance_entry GROUP BY key) b ON b.key = 'invoice:' || i.id
 WHERE i.paid <> COALESCE(p.amount, 0) OR i.credit <> COALESCE(-b.amount, 0)
    OR (i.status = 'paid') <> (i.total = i.credit + i.paid AND i.status <> 'void')
    OR (i.status = 'paid') <> (i.paid_at IS NOT NULL)
    OR (i.status = 'void') <> (i.voided_at IS NOT NULL)
    OR (i.paid > 0 AND i.paid_at IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM payment WHERE invoice = i.id AND at = i.paid_at))
    OR (i.total = 0 AND i.paid_at <> i.issued_at)
 ORDER BY i.number
"""

_BALANCE = """
SELECT c.id, t.currency, SUM(t.invoiced) AS invoiced, SUM(t.received) AS received,
       SUM(t.credited) AS credited, SUM(t.owed) AS owed
  FROM (SELECT customer, currency, decimals, total AS invoiced, 0 AS received, credit AS credited,
               CASE WHEN status = 'paid' THEN 0 ELSE total - credit - paid END AS owed
          FROM invoice WHERE status <> 'void'
        UNION ALL
        SELECT customer, currency, decimals, 0, amount, 0, 0 FROM payment WHERE status = 'succeeded') t
  LEFT JOIN customer c ON c.seq = t.customer
 GROUP BY c.id, t.currency, t.decimals
HAVING SUM(t.invoiced) <> SUM(t.received) + SUM(t.credited) + SUM(t.owed)
 ORDER BY c.id, t.currency
"""

_BALANCES = """
SELECT c.id, e.currency, e.seq, e.amount, e.balance
  FROM balance_entry e LEFT JOIN customer c ON c.seq = e.customer ORDER BY c.id, e.currency, e.seq
"""

_WALLETS = """
SELECT c.id, e.feature, e.seq, e.amount, e.balance
  FROM wallet_entry e LEFT JOIN customer c ON c.seq = e.customer ORDER BY c.id, e.feature, e.seq
"""

_REVERSED = """
SELECT c.id, e.feature, e.seq, e.reverses
  FROM wallet_entry e LEFT JOIN customer c ON c.seq = e.customer
 WHERE e.reverses <> ''
   AND NOT EXISTS (SELECT 1 FROM wallet_entry o WHERE o.customer = e.customer AND o.feature = e.feature
                      AND o.entry_key = e.reverses)
 ORDER BY c.id, e.feature, e.seq
"""


def counted(tx: Tx) -> Iterator[Breach]:
    """An invoice is paid with what was received for it, credited with what its customer's balance gave.

    It is `paid` once nothing is due, since the payment that settled it; one of 0 since it was issued.
    """
    for row in stream(tx, _COUNTED):
        told = False
        for what in _miscounted(row):
            told = True
            yield Breach(f"invoice {row.number}", what)
        if not told:
            yield Breach(f"invoice {row.number}", f"is {row.status}, which its payments and dates do not say")


def balanced(tx: Tx) -> Iterator[Breach]:
    """What a customer was invoiced in a currency, and not voided, was received, credited or is owed."""
    for row in stream(tx, _BALANCE):
        rest = row.invoiced - row.received - row.credited - row.owed
        sides = f"received {row.received}, credited {row.credited}, owed {row.owed}"
        what = f"invoiced {row.invoiced} {row.currency} (minor units), {sides}: {rest} are left over"
        yield Breach(f"customer {row.id}", what)


def balances(tx: Tx) -> Iterator[Breach]:
    """Every customer's balance in a currency is the sum of its movements, numbered without gaps, never below 0."""
    yield from _ledgers(stream(tx, _BALANCES), "balance", lambda row: row.currency)


def wallets(tx: Tx) -> Iterator[Breach]:
    """Every wallet is the sum of its movements, numbered without gaps, never below 0; reversals name an entry."""
    yield from _ledgers(stream(tx, _WALLETS), "wallet", lambda row: row.feature)
    for row in stream(tx, _REVERSED):
        what = f"entry {row.seq} reverses {row.reverses!r}, which is none"
        yield Breach(f"wallet {row.id}/{row.feature}", what)


def _miscounted(row: Row[Any]) -> Iterator[str]:
    if row.paid != row.received:
        yield f"says that {row.paid} are paid, {row.received} were received (minor units)"
    if row.credit != row.applied:
        yield f"says that {row.credit} are credited, {row.applied} came from the balance (minor units)"
    due = row.total - row.credit - row.paid
    if (row.status == "paid") != (due == 0 and row.status != "void"):
        yield f"is {row.status} and {due} are due (minor units)"
    if row.paid_at is not None and row.paid and not row.dated:
        yield f"is paid since {instant_text(Instant(row.paid_at))}, when nothing was received"


def _ledgers(rows: Iterable[Any], what: str, unit: Callable[[Any], str]) -> Iterator[Breach]:
    for (customer, name), entries in groupby(rows, key=lambda row: (row.id, unit(row))):
        yield from guarded(f"{what} {customer}/{name}", wrong_ledger(map(_entry, entries)))


def _entry(row: Any) -> LedgerEntry:
    return LedgerEntry(row.seq, _exact(row.amount), _exact(row.balance))


def _exact(value: int | str) -> Fraction:
    return exact_of(value) if isinstance(value, str) else Fraction(value)
