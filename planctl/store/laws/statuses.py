"""Laws of statuses: what transitions, invoices and blocked times say of a subscription must agree."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Any

from planctl.core.laws import wrong_moves
from planctl.core.periods import Instant, instant_text
from planctl.store.extensions import extended_at
from planctl.store.laws.model import Breach, guarded
from planctl.store.laws.reading import stream
from planctl.store.mapping import terms_of_text
from planctl.store.settings import identity

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_MOVES = """
SELECT s.id, s.status, t.seq, t.before, t.after
  FROM subscription s LEFT JOIN subscription_transition t ON t.subscription = s.id
 ORDER BY s.id, t.seq
"""

# An invoice that is unpaid past its due date makes its subscription past due, with its add-ons and whatever took its
# place since, but for one of a pack; nothing else does. What began after the last run is not judged.
_LATE = """
WITH RECURSIVE late(number, customer, owner, id, created_at) AS (
  SELECT i.number, s.customer, s.id, s.id, s.created_at
    FROM invoice i JOIN subscription s ON s.id = i.subscription
   WHERE i.status = 'past_due' AND i.kind <> 'pack'
   UNION
  SELECT l.number, l.customer, l.owner, s.id, s.created_at
    FROM late l JOIN subscription s ON s.customer = l.customer AND l.id IN (s.base, s.follows))
"""

_ACTIVE_AND_LATE = (
    _LATE
    + """
SELECT l.number, l.id FROM late l JOIN subscription s ON s.id = l.id
 WHERE s.status = 'active' AND (l.id = l.owner OR l.created_at <= :mark)
 ORDER BY l.number, l.id
"""
)

_LATE_FOR_NOTHING = (
    _LATE
    + """
SELECT s.id, s.status, t.hash, t.document, u.hash AS base_hash, u.document AS base_document
  FROM subscription s LEFT JOIN terms t ON t.hash = s.terms_hash
  LEFT JOIN subscription b ON b.id = s.base LEFT JOIN terms u ON u.hash = b.terms_hash
 WHERE s.status IN ('past_due', 'blocked') AND s.id NOT IN (SELECT id FROM late)
 ORDER BY s.id
"""
)

# What the next run will look at anyway, because something is dated before the last one, is not judged.
_NOT_MARKED = """
SELECT i.number, COALESCE(i.extended_due_at, i.due_at) AS due_at
  FROM invoice i JOIN subscription s ON s.id = i.subscription
 WHERE i.status = 'open' AND COALESCE(i.extended_due_at, i.due_at) <= :mark
   AND (s.next_action_at IS NULL OR s.next_action_at > :mark)
   AND NOT EXISTS (SELECT 1 FROM hold h WHERE h.customer = i.customer)
 ORDER BY i.number
"""

_OPEN_STOPS = """
SELECT s.id, s.status, COUNT(b.subscription) AS spans, COALESCE(MIN(b.kind), '') AS kind
  FROM subscription s LEFT JOIN blocked_span b ON b.subscription = s.id AND b.ends_at IS NULL
 GROUP BY s.id, s.status
HAVING COUNT(b.subscription) <> CASE WHEN s.status IN ('blocked', 'paused') THEN 1 ELSE 0 END
    OR (COUNT(b.subscription) = 1 AND MIN(b.kind) <> s.status)
 ORDER BY s.id
"""

_WITHOUT_MOVE = """
SELECT b.subscription, b.starts_at, b.kind FROM blocked_span b
 WHERE NOT EXISTS (SELECT 1 FROM subscription_transition t
                    WHERE t.subscription = b.subscription AND t.after = b.kind AND t.at = b.starts_at)
 ORDER BY b.subscription, b.starts_at
"""

_WITHOUT_SPAN = """
SELECT t.subscription, t.at, t.after FROM subscription_transition t
 WHERE t.after IN ('blocked', 'paused') AND t.before <> t.after
   AND NOT EXISTS (SELECT 1 FROM blocked_span b
                    WHERE b.subscription = t.subscription AND b.kind = t.after AND b.starts_at = t.at)
 ORDER BY t.subscription, t.seq
"""

_WRONGLY_ENDED = """
SELECT b.subscription, b.starts_at, b.ends_at, b.payment, b.kind
  FROM blocked_span b
  LEFT JOIN payment p ON p.id = b.payment
  LEFT JOIN credit_note n ON n.id = b.payment
  LEFT JOIN invoice i ON 'void:' || i.id = b.payment
  LEFT JOIN invoice w ON 'written_off:' || w.id = b.payment
 WHERE b.ends_at < b.starts_at
    OR (b.payment <> '' AND b.ends_at IS NULL)
    OR (b.kind = 'blocked' AND b.payment <> '' AND b.payment NOT LIKE 'extend:%'
        AND COALESCE(p.at, n.issued_at, i.voided_at, w.written_off_at) IS NULL)
    OR (b.kind = 'blocked' AND b.ends_at < COALESCE(p.at, n.issued_at, i.voided_at, w.written_off_at))
    OR (b.kind = 'paused' AND b.payment NOT IN ('', 'resume:' || (
          SELECT COUNT(*) FROM blocked_span o WHERE o.subscription = b.subscription AND o.kind = 'paused'
             AND o.starts_at <= b.starts_at)))
    OR (b.kind = 'paused' AND b.ends_at IS NOT NULL AND NOT EXISTS (
          SELECT 1 FROM subscription_transition t
           WHERE t.subscription = b.subscription AND t.before = 'paused' AND t.at = b.ends_at
             AND (b.payment <> '') = (t.after = 'active')))
 ORDER BY b.subscription, b.starts_at
"""


_EXTENDED = """
SELECT b.subscription, b.starts_at, b.ends_at, b.payment, b.kind
  FROM blocked_span b WHERE b.kind = 'blocked' AND b.payment LIKE 'extend:%'
 ORDER BY b.subscription, b.starts_at
"""


def follow(tx: Tx) -> Iterator[Breach]:
    """Each transition goes on from the one before and is possible; the last leads to the present status."""
    for (name, status), rows in groupby(stream(tx, _MOVES), key=lambda row: (row.id, row.status)):
        moves = [(row.before, row.after) for row in rows if row.seq is not None]
        yield from guarded(f"subscription {name}", wrong_moves(status, moves))


def paid(tx: Tx) -> Iterator[Breach]:
    """A subscription is past due or blocked exactly while an invoice of it, its base or what it followed is past due.

    One whose block is final stays blocked when it is paid. An invoice is past due from its due date on (the one it
    was given instead, if any), as of the last whole run, unless its customer is on hold.
    """
    mark = identity(tx).high_water_at
    for row in stream(tx, _ACTIVE_AND_LATE, mark=mark or 0):
        yield Breach(f"invoice {row.number}", f"is past due and {row.id} is active")
    for row in stream(tx, _LATE_FOR_NOTHING):
        if row.status == "past_due" or not _is_final(row):
            yield Breach(f"subscription {row.id}", f"is {row.status} and no invoice of it is past due")
    if mark is not None:
        for row in stream(tx, _NOT_MARKED, mark=mark):
            due = instant_text(Instant(row.due_at))
            yield Breach(f"invoice {row.number}", f"is unpaid since {due} and not past due")


def blocks(tx: Tx) -> Iterator[Breach]:
    """What is blocked or paused has one open time without service of that kind, the rest none; a transition began each.

    What ended a block is a payment that was received, a credit note, the voiding or write-off of an invoice, or an
    extension, and not after it; what ended a pause is its being resumed, or the end of the subscription.
    """
    for row in stream(tx, _OPEN_STOPS):
        kind = f" {row.kind}" if row.spans == 1 else ""
        yield Breach(
            f"subscription {row.id}", f"is {row.status} and has {row.spans} open{kind} times without service"
        )
    for row in stream(tx, _WITHOUT_MOVE):
        what = f"{_from(row.kind, row.starts_at)} without a transition"
        yield Breach(f"subscription {row.subscription}", what)
    for row in stream(tx, _WITHOUT_SPAN):
        what = f"became {row.after} without a time {_from(row.after, row.at)}"
        yield Breach(f"subscription {row.subscription}", what)
    extended = (row for row in stream(tx, _EXTENDED) if not _ended_by_extension(tx, row))
    for row in (*stream(tx, _WRONGLY_ENDED), *extended):
        ended_by = f"by {row.payment}" if row.payment else ""
        what = f"{_from(row.kind, row.starts_at)} is not rightly ended {ended_by}".rstrip()
        yield Breach(f"subscription {row.subscription}", what)


def _ended_by_extension(tx: Tx, row: Any) -> bool:
    """Whether the extension that is said to have ended a block is recorded, and not after that."""
    made_at = extended_at(tx, row.payment)
    return made_at is not None and row.ends_at is not None and row.ends_at >= made_at


def _is_final(row: Any) -> bool:
    """Whether a subscription's terms, or its base's, let no payment end a block.

    Terms that cannot be read are another law's.
    """
    several = ((row.hash, row.document), (row.base_hash, row.base_document))
    return any(
        document is not None and terms_of_text(name, document).on_blocked == "final"
        for name, document in several
    )


def _from(kind: str, at: int) -> str:
    return f"{kind} from {instant_text(Instant(at))}"
