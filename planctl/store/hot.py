"""The few statements that hot commands send, as text: `check`, `usage record` and `usage show` wait for no SQLAlchemy.

The schema stays in `rows.py`; a test holds every statement here against it. Each value is a `?`, `{}` stands for the
marks of many. It sends nothing and decides nothing: the modules that know the nouns do.
Source: docs/decisions/039-hot-commands.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from planctl.store.tables import COLUMNS

if TYPE_CHECKING:
    from planctl.store.engine import Tx

SUBSCRIPTION_COLUMNS = tuple(
    word.partition("*")[0].partition(":")[0] for word in COLUMNS["subscription"].split()
)

CUSTOMER = """
SELECT c.seq, c.parent,
       EXISTS (SELECT 1 FROM customer child WHERE child.parent = c.seq),
       EXISTS (SELECT 1 FROM late_usage late WHERE late.customer = c.seq),
       EXISTS (SELECT 1 FROM wallet_grant held WHERE held.customer = c.seq),
       EXISTS (SELECT 1 FROM assignment a WHERE a.customer = c.seq AND a.status = 'waiting'),
       (SELECT MAX(s.settled_at) FROM subscription s WHERE s.customer = c.seq)
  FROM customer c WHERE c.id = ?
"""

SUBSCRIPTIONS = f"""
SELECT {", ".join(f"s.{name}" for name in SUBSCRIPTION_COLUMNS)}, t.document
  FROM subscription s JOIN terms t ON t.hash = s.terms_hash
 WHERE s.customer = ? ORDER BY s.started_at, s.id
"""

CHANGED = """
SELECT EXISTS (SELECT 1 FROM subscription s JOIN subscription_change x ON x.subscription = s.id WHERE s.customer = ?)
"""

STOP_COLUMNS = ("subscription", "starts_at", "ends_at", "payment", "kind")
STOPS = f"""
SELECT {", ".join(f"b.{name}" for name in STOP_COLUMNS)}
  FROM subscription s JOIN blocked_span b ON b.subscription = s.id
 WHERE s.customer = ? ORDER BY b.starts_at
"""

PRICED_BY_EVENT = """
SELECT EXISTS (SELECT 1 FROM subscription s JOIN terms t ON t.hash = s.terms_hash
                WHERE s.customer = ? AND t.document LIKE ?)
"""

OBJECTS = (
    "SELECT address, document, archived, aliases FROM catalog_object WHERE address LIKE ? ORDER BY address"
)
NUMBERS = "SELECT id, seq FROM customer WHERE id IN ({})"
METERS = "SELECT name, id FROM meter WHERE name IN ({})"
LAST_METER = "SELECT COALESCE(MAX(id), 0) FROM meter"
DAYS = """
WITH RECURSIVE stored(day) AS (
    SELECT MIN(day) FROM usage_event WHERE day >= ?
    UNION ALL
    SELECT (SELECT MIN(e.day) FROM usage_event e WHERE e.day > stored.day) FROM stored WHERE stored.day < ?)
SELECT day FROM stored WHERE day <= ?
"""

KNOWN = """
SELECT EXISTS (SELECT 1 FROM usage_event WHERE day IN (?, ?) AND customer = ? AND meter = ? AND event_key = ?)
"""

SETTING = "SELECT value FROM setting WHERE key = ?"
OPERATION = "SELECT kind, request_hash, result, actor, recorded_at FROM operation WHERE key = ?"
TIP = "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1"


def one(tx: Tx, statement: str, values: Sequence[Any] = ()) -> Any:
    """The only or first row of a statement as a tuple, None where there is none."""
    return next(iter(tx.rows(statement, values)), None)
