"""Laws of what goes to Stripe and comes from there: each thing once, and each linked to what it stands for.

They look at the store alone. Source: planctl reliability rules, idempotency: push, webhook and pull.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from planctl.core.stripe.model import METHOD
from planctl.store.laws.model import Breach
from planctl.store.laws.reading import stream

if TYPE_CHECKING:
    from planctl.store.engine import Tx

# What made something is linked for as long as nothing of ours took it away again. Products, customers and coupons can
# be deleted at Stripe by somebody else, and are forgotten then.
_CALLS = """
SELECT o.id, o.object, o.local_id, o.action, o.stripe_id,
       CASE WHEN o.object IN ('product', 'customer', 'coupon') THEN 1 ELSE 0 END AS may_go,
       (SELECT COUNT(*) FROM stripe_link l
         WHERE l.account = o.account AND l.object = o.object AND l.local_id = o.local_id) AS linked,
       (SELECT COUNT(*) FROM stripe_operation d
         WHERE d.account = o.account AND d.livemode = o.livemode AND d.object = o.object
           AND d.local_id = o.local_id AND d.state = 'confirmed' AND d.method = 'DELETE'
           AND d.stripe_id = o.stripe_id) AS deleted
  FROM stripe_operation o
 WHERE o.state = 'confirmed' AND (o.stripe_id = '' OR o.links = 1)
 ORDER BY o.object, o.local_id, o.revision
"""

_STATES = """
SELECT id, state, first_sent_at FROM stripe_operation
 WHERE state IN ('sent', 'unknown') AND first_sent_at IS NULL
 ORDER BY id
"""

_TWICE = """
SELECT account, stripe_id, COUNT(*) AS many FROM stripe_operation
 WHERE state = 'confirmed' AND links = 1 AND stripe_id <> ''
 GROUP BY account, livemode, stripe_id HAVING COUNT(*) > 1
 ORDER BY stripe_id
"""

# Of what moves money there is one at a time; one that was deleted as a draft may have been followed by another.
_ALIVE = """
SELECT o.object, o.local_id, COUNT(*) AS many
  FROM stripe_operation o
 WHERE o.state = 'confirmed' AND o.links = 1 AND o.object IN ('invoice', 'credit_note', 'refund')
   AND NOT EXISTS (SELECT 1 FROM stripe_operation d
                    WHERE d.account = o.account AND d.livemode = o.livemode AND d.object = o.object
                      AND d.local_id = o.local_id AND d.state = 'confirmed' AND d.method = 'DELETE'
                      AND d.stripe_id = o.stripe_id)
 GROUP BY o.account, o.livemode, o.object, o.local_id HAVING COUNT(*) > 1
 ORDER BY o.object, o.local_id
"""

_ACCOUNTS = """
SELECT o.account FROM stripe_operation o
 WHERE NOT EXISTS (SELECT 1 FROM stripe_account a WHERE a.account = o.account AND a.livemode = o.livemode)
UNION
SELECT l.account FROM stripe_link l
 WHERE NOT EXISTS (SELECT 1 FROM stripe_account a WHERE a.account = l.account)
 ORDER BY account
"""

# What was charged back and won again is a second payment under the same reference; what a credit note gave back is
# not, so that its refunds do not make room for one.
_PAYMENTS = """
SELECT i.number, p.reference, SUM(p.amount) - SUM(COALESCE(r.amount, 0)) AS kept, MAX(p.amount) AS largest
  FROM payment p
  JOIN invoice i ON i.id = p.invoice
  LEFT JOIN (SELECT payment, SUM(amount) AS amount FROM refund WHERE credit_note = '' GROUP BY payment) r
    ON r.payment = p.id
 WHERE p.method = :method AND p.reference <> ''
 GROUP BY i.number, p.reference
HAVING SUM(p.amount) - SUM(COALESCE(r.amount, 0)) > MAX(p.amount)
 ORDER BY i.number, p.reference
"""

_UNNAMED = "SELECT id FROM payment WHERE method = :method AND reference = '' ORDER BY id"

_PAGES = """
SELECT p.session, p.state, p.subscription, p.amount, p.currency
  FROM stripe_checkout p
  LEFT JOIN subscription s ON s.id = p.subscription AND s.customer = p.customer
  LEFT JOIN balance_entry b
    ON b.customer = p.customer AND b.currency = p.currency AND b.key = 'checkout:' || p.session
 WHERE (p.state = 'completed' AND s.id IS NULL) OR (p.state = 'credited' AND b.key IS NULL)
 ORDER BY p.session
"""

_MONEY = """
SELECT c.id AS customer, b.currency, b.amount, b.key
  FROM balance_entry b
  LEFT JOIN customer c ON c.seq = b.customer
  LEFT JOIN stripe_checkout p
    ON p.customer = b.customer AND p.currency = b.currency AND b.key = 'checkout:' || p.session
   AND p.state = 'credited'
 WHERE b.key LIKE 'checkout:%' AND p.session IS NULL
 ORDER BY b.key
"""


def called(tx: Tx) -> Iterator[Breach]:
    """A call that was done has an object at Stripe, and what one made stands for something of ours."""
    for row in stream(tx, _CALLS):
        name = f"call {row.id} ({row.object} {row.local_id}: {row.action})"
        if not row.stripe_id:
            yield Breach(name, "it is confirmed and names no object at Stripe")
        elif not (row.linked or row.deleted or row.may_go):
            yield Breach(name, f"it made {row.stripe_id}, which stands for nothing here")
    for row in stream(tx, _STATES):
        yield Breach(f"call {row.id}", f"it is {row.state}, and nothing says when")
    for row in stream(tx, _ACCOUNTS):
        yield Breach(f"account {row.account}", "this store is not pinned to it, or to that mode of it")


def once(tx: Tx) -> Iterator[Breach]:
    """No two calls made one object, and of what moves money one stands for each of ours."""
    for row in stream(tx, _TWICE):
        yield Breach(f"object {row.stripe_id} at Stripe", f"{row.many} calls say that they made it")
    for row in stream(tx, _ALIVE):
        yield Breach(f"{row.object} {row.local_id}", f"{row.many} of it are alive at Stripe")


def paid(tx: Tx) -> Iterator[Breach]:
    """A payment that Stripe took names its payment there, and pays its invoice once unless it went back."""
    for row in stream(tx, _UNNAMED, method=METHOD):
        yield Breach(f"payment {row.id}", "Stripe took it, and it names no payment there")
    for row in stream(tx, _PAYMENTS, method=METHOD):
        yield Breach(
            f"invoice {row.number}", f"{row.reference} took {row.largest}, and {row.kept} of it are kept"
        )


def pages(tx: Tx) -> Iterator[Breach]:
    """A page that was completed started a subscription of its customer; one that was credited is in the balance."""
    for row in stream(tx, _PAGES):
        name = f"page {row.session}"
        if row.state == "completed":
            yield Breach(
                name, f"it is completed, and {row.subscription or 'nothing'} is no plan of its customer"
            )
        else:
            yield Breach(
                name, f"{row.amount} {row.currency} were credited, and the balance has no entry of it"
            )
    for row in stream(tx, _MONEY):
        yield Breach(
            f"balance of {row.customer}", f"{row.key}: {row.amount} {row.currency} of no credited page"
        )
