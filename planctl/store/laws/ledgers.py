"""Laws of money and units that move: payments, credit notes, the trial balance, customer balances, wallets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from itertools import groupby
from typing import TYPE_CHECKING, Any

from planctl.core.invoicing.credits import wrong_credits
from planctl.core.laws import LedgerEntry, wrong_ledger
from planctl.core.periods import Instant, instant_text
from planctl.store.credit_notes import notes_on
from planctl.store.invoice_mapping import line_of
from planctl.store.laws.invoices import number_formats
from planctl.store.laws.model import Breach, guarded
from planctl.store.laws.reading import lines_of, stream
from planctl.store.mapping import exact_of
from planctl.store.numbering import for_credit_notes
from planctl.store.sets import chunks

if TYPE_CHECKING:
    from sqlalchemy import Row

    from planctl.store.engine import Tx

# Credit is applied from the customer's balance by an entry that names the invoice. What of a payment went to
# the balance is no payment of the invoice, nor is what a refund took from there, or gave back for a credit note.
_COUNTED = """
SELECT i.number, i.status, i.total, i.credit, i.paid, i.paid_at, i.issued_at, i.written_off_at,
       COALESCE(p.amount, 0) - COALESCE(r.amount, 0) AS received, COALESCE(-b.amount, 0) AS applied,
       (SELECT COUNT(*) FROM payment WHERE invoice = i.id AND at = i.paid_at)
       + CASE WHEN d.invoice IS NULL THEN 0 ELSE 1 END AS dated
  FROM invoice i
  LEFT JOIN (SELECT invoice, SUM(amount - to_balance) AS amount FROM payment GROUP BY invoice) p
    ON p.invoice = i.id
  LEFT JOIN (SELECT p.invoice, SUM(r.amount) + SUM(COALESCE(b.amount, 0)) AS amount
               FROM refund r JOIN payment p ON p.id = r.payment
               LEFT JOIN balance_entry b ON b.customer = r.customer AND b.key = 'refund:' || r.id
              WHERE r.credit_note = '' GROUP BY p.invoice) r
    ON r.invoice = i.id
  LEFT JOIN (SELECT invoice, SUM(amount) AS amount FROM balance_entry WHERE invoice <> '' GROUP BY invoice) b
    ON b.invoice = i.id
  LEFT JOIN (SELECT DISTINCT invoice, at FROM balance_entry WHERE invoice <> '') d
    ON d.invoice = i.id AND d.at = i.paid_at
 WHERE i.paid <> COALESCE(p.amount, 0) - COALESCE(r.amount, 0) OR i.credit <> COALESCE(-b.amount, 0)
    OR (i.status = 'paid') <> (i.total = i.credit + i.paid AND i.status <> 'void')
    OR (i.status = 'paid') <> (i.paid_at IS NOT NULL)
    OR (i.status = 'void') <> (i.voided_at IS NOT NULL)
    OR (i.status = 'uncollectible' AND i.written_off_at IS NULL)
    OR (i.status IN ('open', 'past_due') AND i.written_off_at IS NOT NULL)
    OR (i.total > 0 AND i.paid_at IS NOT NULL AND d.invoice IS NULL
        AND NOT EXISTS (SELECT 1 FROM payment WHERE invoice = i.id AND at = i.paid_at))
    OR (i.total = 0 AND i.paid_at <> i.issued_at)
    OR i.status NOT IN ('open', 'past_due', 'paid', 'void', 'uncollectible')
 ORDER BY i.number
"""

_RECEIVED = """
SELECT p.id, p.amount, p.to_balance, p.status, COALESCE(r.amount, 0) AS refunded, COALESCE(b.amount, 0) AS entered
  FROM payment p
  LEFT JOIN (SELECT payment, SUM(amount) AS amount FROM refund GROUP BY payment) r ON r.payment = p.id
  LEFT JOIN balance_entry b ON b.customer = p.customer AND b.key = 'payment:' || p.id
 WHERE COALESCE(r.amount, 0) > p.amount OR p.to_balance <> COALESCE(b.amount, 0)
    OR p.to_balance > p.amount OR p.to_balance < 0
    OR (p.status = 'refunded') <> (COALESCE(r.amount, 0) = p.amount)
    OR p.status NOT IN ('succeeded', 'refunded')
 ORDER BY p.id
"""

_STRANGE_MONEY = """
SELECT p.id AS name, i.number AS whose FROM payment p JOIN invoice i ON i.id = p.invoice
 WHERE p.customer <> i.customer OR p.currency <> i.currency OR p.decimals <> i.decimals
UNION ALL
SELECT r.id, p.id FROM refund r LEFT JOIN payment p ON p.id = r.payment
 WHERE p.id IS NULL OR p.customer <> r.customer OR p.currency <> r.currency OR p.decimals <> r.decimals
"""

# Money in hand and money owed, on two sides. An opening balance was owed before the first invoice of these books.
# Money of a Checkout page that started nothing was received for no invoice, and less was where it went back.
_BALANCE = """
SELECT c.id, t.currency, SUM(t.invoiced) AS invoiced, SUM(t.credited) AS credited, SUM(t.received) AS received,
       SUM(t.refunded) AS refunded, SUM(t.owed) AS owed, SUM(t.opened) AS opened, SUM(t.balance) AS balance
  FROM (SELECT customer, currency, total AS invoiced, 0 AS credited, 0 AS received, 0 AS refunded,
               total - credit - paid AS owed, 0 AS opened, 0 AS balance
          FROM invoice WHERE status <> 'void'
        UNION ALL
        SELECT customer, currency, 0, total, 0, 0, 0, 0, 0 FROM credit_note
        UNION ALL
        SELECT customer, currency, 0, 0, amount, 0, 0, 0, 0 FROM payment
        UNION ALL
        SELECT customer, currency, 0, 0, 0, amount, 0, 0, 0 FROM refund
        UNION ALL
        SELECT customer, currency, 0, 0, CASE WHEN key LIKE 'checkout:%' OR key LIKE 'checkout!_back:%' ESCAPE '!'
                                          THEN amount ELSE 0 END, 0, 0,
               CASE WHEN key LIKE 'opening:%' THEN amount ELSE 0 END, amount
          FROM balance_entry) t
  LEFT JOIN customer c ON c.seq = t.customer
 GROUP BY c.id, t.currency
HAVING SUM(t.invoiced) - SUM(t.credited)
       <> SUM(t.received) - SUM(t.refunded) + SUM(t.owed) + SUM(t.opened) - SUM(t.balance)
 ORDER BY c.id, t.currency
"""

# A note enters the balance whole; what of it went back as money has left the balance again.
_CREDITED = """
SELECT n.number, n.total, n.target, COALESCE(b.amount, 0) AS entered, COALESCE(r.amount, 0) AS refunded,
       COALESCE(-o.amount, 0) AS paid_out, i.status, i.number AS invoice
  FROM credit_note n
  LEFT JOIN invoice i ON i.id = n.invoice AND i.customer = n.customer AND i.currency = n.currency
  LEFT JOIN balance_entry b ON b.customer = n.customer AND b.key = 'credit_note:' || n.id
  LEFT JOIN balance_entry o ON o.customer = n.customer AND o.key = 'paid_out:' || n.id
  LEFT JOIN (SELECT credit_note, SUM(amount) AS amount FROM refund GROUP BY credit_note) r
    ON r.credit_note = n.id
 WHERE n.total <> COALESCE(b.amount, 0) OR COALESCE(r.amount, 0) <> COALESCE(-o.amount, 0)
    OR COALESCE(r.amount, 0) > n.total OR (n.target <> 'refund' AND r.amount IS NOT NULL)
    OR i.id IS NULL OR i.status = 'void'
 ORDER BY n.number
"""

_BALANCES = """
SELECT c.id, e.currency, e.seq, e.amount, e.balance
  FROM balance_entry e LEFT JOIN customer c ON c.seq = e.customer ORDER BY c.id, e.currency, e.seq
"""

# What is applied to an invoice, or taken back from it, names that invoice; nothing else names any.
_MISAPPLIED = """
SELECT c.id, e.currency, e.seq, e.key, e.invoice
  FROM balance_entry e LEFT JOIN customer c ON c.seq = e.customer
  LEFT JOIN invoice i ON i.id = e.invoice AND i.customer = e.customer AND i.currency = e.currency
 WHERE (e.invoice <> '') <> (e.key LIKE 'invoice:%' OR e.key LIKE 'void:%' OR e.key LIKE 'credited:%')
    OR (e.invoice <> '' AND i.id IS NULL)
 ORDER BY c.id, e.currency, e.seq
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
    """An invoice is paid with what was received for it and not returned, credited with what the balance gave.

    It is `paid` once nothing is due, since the payment or credit that settled it; one of 0 since it was
    issued. No payment gave back more than it brought, and what it put into the balance entered that.
    """
    for row in stream(tx, _COUNTED):
        told = False
        for what in _miscounted(row):
            told = True
            yield Breach(f"invoice {row.number}", what)
        if not told:
            yield Breach(f"invoice {row.number}", f"is {row.status}, which its payments and dates do not say")
    for row in stream(tx, _RECEIVED):
        for what in _misgiven(row):
            yield Breach(f"payment {row.id}", what)
    for row in stream(tx, _STRANGE_MONEY):
        yield Breach(f"payment {row.name}", f"is not of the customer and currency of {row.whose}")


def balanced(tx: Tx) -> Iterator[Breach]:
    """The trial balance of every customer and currency is zero.

    What was invoiced, not voided, less what was credited, is what was received, not refunded, and is owed or
    written off, less what stands in the balance; an opening balance came before that. Money of a Checkout page that
    did not fit any more was received too, as far as it did not go back.
    """
    for row in stream(tx, _BALANCE):
        rest = (row.invoiced - row.credited) - (
            row.received - row.refunded + row.owed + row.opened - row.balance
        )
        sides = (
            f"received {row.received}, refunded {row.refunded}, owed {row.owed}, opened with {row.opened},"
            f" in the balance {row.balance}"
        )
        what = f"invoiced {row.invoiced} {row.currency} (minor units), credited {row.credited}, {sides}"
        yield Breach(f"customer {row.id}", f"{what}: {rest} are left over")


def credited(tx: Tx) -> Iterator[Breach]:
    """No line is credited with more than it charged, nor its tax; each note entered the balance once, whole.

    What of a note went back as money is in its refunds. No note stands on a void invoice.
    """
    for row in stream(tx, _CREDITED):
        yield Breach(f"credit note {row.number}", _miscredited(row))
    formats = [for_credit_notes(one) for one in number_formats(tx)]
    for row in stream(tx, "SELECT number, series, series_year, sequence FROM credit_note ORDER BY number"):
        if row.number not in {one.text(row.series, row.series_year, row.sequence) for one in formats}:
            what = f"is number {row.sequence} of {row.series}, and no format that was ever set writes it so"
            yield Breach(f"credit note {row.number}", what)
    query = "SELECT id, number, total FROM invoice WHERE id IN (SELECT invoice FROM credit_note) ORDER BY id"
    for rows in chunks(stream(tx, query)):
        ids = [row.id for row in rows]
        notes, lines = notes_on(tx, ids), lines_of(tx, ids)
        for row in rows:
            charged = map(line_of, lines[row.id])
            yield from guarded(f"invoice {row.number}", wrong_credits(charged, notes[row.id]))


def balances(tx: Tx) -> Iterator[Breach]:
    """Every customer's balance in a currency is the sum of its movements, numbered without gaps, never below 0."""
    yield from _ledgers(stream(tx, _BALANCES), "balance", lambda row: row.currency)
    for row in stream(tx, _MISAPPLIED):
        what = f"entry {row.seq} ({row.key}) names {row.invoice or 'no invoice'}, which it is not applied to"
        yield Breach(f"balance {row.id}/{row.currency}", what)


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
    if row.paid_at is not None and row.total and not row.dated:
        yield f"is paid since {instant_text(Instant(row.paid_at))}, when nothing was received"


def _misgiven(row: Row[Any]) -> Iterator[str]:
    if row.refunded > row.amount:
        yield f"gave back {row.refunded} of {row.amount} (minor units)"
    if row.to_balance != row.entered or not 0 <= row.to_balance <= row.amount:
        yield f"put {row.to_balance} into the balance, {row.entered} entered it (minor units)"
    given_back = "refunded" if row.refunded == row.amount else "succeeded"
    if row.status != given_back:
        yield f"is {row.status}, and {row.refunded} of {row.amount} were given back (minor units)"


def _miscredited(row: Row[Any]) -> str:
    if row.invoice is None:
        return "credits no invoice of its customer and currency"
    if row.status == "void":
        return f"stands on {row.invoice}, which is void"
    if row.entered != row.total:
        return f"credits {row.total}, {row.entered} entered the balance (minor units)"
    return f"gave back {row.refunded} of {row.total} to {row.target}, {row.paid_out} left the balance for it"


def _ledgers(rows: Iterable[Any], what: str, unit: Callable[[Any], str]) -> Iterator[Breach]:
    for (customer, name), entries in groupby(rows, key=lambda row: (row.id, unit(row))):
        yield from guarded(f"{what} {customer}/{name}", wrong_ledger(map(_entry, entries)))


def _entry(row: Any) -> LedgerEntry:
    return LedgerEntry(row.seq, _exact(row.amount), _exact(row.balance))


def _exact(value: int | str) -> Fraction:
    return exact_of(value) if isinstance(value, str) else Fraction(value)
