"""Laws of statuses: what transitions, invoices and blocked times say of a subscription must agree."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from planctl.core.laws import wrong_moves
from planctl.core.periods import Instant, instant_text
from planctl.store.laws.model import Breach, guarded
from planctl.store.laws.reading import stream
from planctl.store.settings import identity

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_MOVES = """
SELECT s.id, s.status, t.seq, t.before, t.after
  FROM subscription s LEFT JOIN subscription_transition t ON t.subscription = s.id
 ORDER BY s.id, t.seq
"""

# An invoice that is unpaid past its due date makes its subscription past due, with its add-ons, but for one of a pack;
# nothing else does. What began after the last run is not judged.
_ACTIVE_AND_LATE = """
SELECT i.number, s.id FROM invoice i
  JOIN subscription b ON b.id = i.subscription
  JOIN subscription s ON s.customer = b.customer
   AND b.id IN (s.id, s.base)
 WHERE i.status = 'past_due' AND i.kind <> 'pack' AND s.status = 'active'
   AND (s.id = b.id OR s.created_at <= :mark)
 ORDER BY i.number, s.id
"""

_LATE_FOR_NOTHING = """
SELECT s.id, s.status FROM subscription s
 WHERE s.status IN ('past_due', 'blocked')
   AND NOT EXISTS (
         SELECT 1 FROM invoice i JOIN subscription b ON b.id = i.subscription
          WHERE i.customer = s.customer AND i.status = 'past_due' AND i.kind <> 'pack'
            AND b.id IN (s.id, s.base))
 ORDER BY s.id
"""

# What the next run will look at anyway, because something is dated before the last one, is not judged.
_NOT_MARKED = """
SELECT i.number, i.due_at FROM invoice i JOIN subscription s ON s.id = i.subscription
 WHERE i.status = 'open' AND i.due_at <= :mark
   AND (s.next_action_at IS NULL OR s.next_action_at > :mark)
   AND NOT EXISTS (SELECT 1 FROM hold h WHERE h.customer = i.customer)
 ORDER BY i.number
"""

_OPEN_BLOCKS = """
SELECT s.id, s.status, COUNT(b.subscription) AS spans
  FROM subscription s LEFT JOIN blocked_span b ON b.subscription = s.id AND b.ends_at IS NULL
 GROUP BY s.id, s.status
HAVING COUNT(b.subscription) <> CASE WHEN s.status = 'blocked' THEN 1 ELSE 0 END
 ORDER BY s.id
"""

_WITHOUT_MOVE = """
SELECT b.subscription, b.starts_at FROM blocked_span b
 WHERE NOT EXISTS (SELECT 1 FROM subscription_transition t
                    WHERE t.subscription = b.subscription AND t.after = 'blocked' AND t.at = b.starts_at)
 ORDER BY b.subscription, b.starts_at
"""

_WITHOUT_SPAN = """
SELECT t.subscription, t.at FROM subscription_transition t
 WHERE t.after = 'blocked' AND t.before <> 'blocked'
   AND NOT EXISTS (SELECT 1 FROM blocked_span b WHERE b.subscription = t.subscription AND b.starts_at = t.at)
 ORDER BY t.subscription, t.seq
"""

_WRONGLY_ENDED = """
SELECT b.subscription, b.starts_at, b.ends_at, b.payment
  FROM blocked_span b
  LEFT JOIN payment p ON p.id = b.payment
  LEFT JOIN credit_note n ON n.id = b.payment
  LEFT JOIN invoice i ON 'void:' || i.id = b.payment
  LEFT JOIN invoice w ON 'written_off:' || w.id = b.payment
 WHERE b.ends_at < b.starts_at
    OR (b.payment <> '' AND COALESCE(p.at, n.issued_at, i.voided_at, w.written_off_at) IS NULL)
    OR (b.payment <> '' AND b.ends_at IS NULL)
    OR b.ends_at < COALESCE(p.at, n.issued_at, i.voided_at, w.written_off_at)
 ORDER BY b.subscription, b.starts_at
"""


def follow(tx: Tx) -> Iterator[Breach]:
    """Each transition goes on from the one before and is possible; the last leads to the present status."""
    for (name, status), rows in groupby(stream(tx, _MOVES), key=lambda row: (row.id, row.status)):
        moves = [(row.before, row.after) for row in rows if row.seq is not None]
        yield from guarded(f"subscription {name}", wrong_moves(status, moves))


def paid(tx: Tx) -> Iterator[Breach]:
    """A subscription is past due or blocked exactly while an invoice of it or of its base is past due.

    An invoice is past due from its due date on, as of the last whole run, unless its customer is on hold.
    """
    mark = identity(tx).high_water_at
    for row in stream(tx, _ACTIVE_AND_LATE, mark=mark or 0):
        yield Breach(f"invoice {row.number}", f"is past due and {row.id} is active")
    for row in stream(tx, _LATE_FOR_NOTHING):
        yield Breach(f"subscription {row.id}", f"is {row.status} and no invoice of it is past due")
    if mark is not None:
        for row in stream(tx, _NOT_MARKED, mark=mark):
            due = instant_text(Instant(row.due_at))
            yield Breach(f"invoice {row.number}", f"is unpaid since {due} and not past due")


def blocks(tx: Tx) -> Iterator[Breach]:
    """A blocked subscription has one open time without service, others none; each began with a transition.

    What ended one is a payment that was received, a credit note, or the voiding or write-off of an invoice,
    and not after it.
    """
    for row in stream(tx, _OPEN_BLOCKS):
        yield Breach(f"subscription {row.id}", f"is {row.status} and has {row.spans} open blocked times")
    for row in stream(tx, _WITHOUT_MOVE):
        yield Breach(f"subscription {row.subscription}", f"{_from(row.starts_at)} without a transition")
    for row in stream(tx, _WITHOUT_SPAN):
        yield Breach(f"subscription {row.subscription}", f"became blocked without a time {_from(row.at)}")
    for row in stream(tx, _WRONGLY_ENDED):
        ended_by = f"by {row.payment}" if row.payment else ""
        what = f"{_from(row.starts_at)} is not rightly ended {ended_by}".rstrip()
        yield Breach(f"subscription {row.subscription}", what)


def _from(at: int) -> str:
    return f"blocked from {instant_text(Instant(at))}"
