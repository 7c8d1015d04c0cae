"""The law of usage that is still to be billed: every such event says what was recorded under its id.

Events that were billed are not looked at here: the sums of them must still give what was claimed.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from planctl.core.instants import DAY_MICROSECONDS
from planctl.core.metering.model import event_key, payload_hash
from planctl.core.periods import Instant, instant_text
from planctl.core.subscriptions.dues import USAGE, allowance_schedule, closed_features, due_of
from planctl.core.subscriptions.model import Subscription
from planctl.store.laws.model import Breach, guarded
from planctl.store.laws.reading import DAMAGE, of_subscriptions, stream, subscription_pages
from planctl.store.mapping import texts_of
from planctl.store.usage import late_marks
from planctl.store.usage_mapping import decimal_of, event_id_of

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_EVENTS = """
SELECT c.id, m.name, e.at, e.quantity, e.fraction, e.payload_hash, e.day, e.event_key,
       d.event_id, d.properties, d.corrects, e.child, k.id AS child_id
  FROM usage_event e
  LEFT JOIN customer c ON c.seq = e.customer
  LEFT JOIN customer k ON k.seq = e.child
  LEFT JOIN meter m ON m.id = e.meter
  LEFT JOIN usage_detail d
    ON d.day = e.day AND d.customer = e.customer AND d.meter = e.meter AND d.event_key = e.event_key
 WHERE e.day >= :day
"""


_STRAY_MARKS = """
SELECT c.id, m.name, l.at
  FROM late_usage l
  LEFT JOIN usage_event e
    ON e.day = l.day AND e.customer = l.customer AND e.meter = l.meter AND e.event_key = l.event_key
  LEFT JOIN customer c ON c.seq = l.customer
  LEFT JOIN meter m ON m.id = l.meter
 WHERE e.at IS NULL OR e.at <> l.at
 ORDER BY l.customer, l.meter, l.at
"""


def unaltered(tx: Tx) -> Iterator[Breach]:
    """The content of every event that may still be billed has the hash it was accepted with; marks name such events."""
    for row in stream(tx, _STRAY_MARKS):
        at = instant_text(Instant(row.at))
        yield Breach(
            f"usage of {row.id}, {row.name}", f"is marked as late at {at}, and there is no event of then"
        )
    since = _unbilled_since(tx)
    if not since:
        return
    for row in stream(tx, _EVENTS, day=min(since.values()) // DAY_MICROSECONDS):
        if row.id is None or row.at >= since.get(row.id, row.at + 1):
            at = instant_text(Instant(row.at))
            yield from guarded(f"usage of {row.id}, {row.name} at {at}", _altered(row))


def _altered(row: Any) -> Iterator[str]:
    assert None not in (row.id, row.name), "it names no customer or no meter"
    assert row.child == 0 or row.child_id is not None, f"it names no child: {row.child}"
    user = row.child_id or row.id
    properties = texts_of(row.properties) if row.properties else {}
    quantity = _quantity(row.quantity, row.fraction)
    found = payload_hash(user, row.name, row.at, quantity, properties, row.corrects or "")
    if found != row.payload_hash or row.day != row.at // DAY_MICROSECONDS:
        yield "altered: its content is not the one that was recorded"
    event_id = event_id_of(row.event_key, row.event_id or "", row.child_id or "")
    assert event_key(event_id, row.child_id or "") == bytes(row.event_key), (
        f"its key is not that of {event_id}"
    )


@lru_cache(maxsize=4096)
def _quantity(whole: int, part: int) -> Decimal:
    return decimal_of(whole, part)


def _unbilled_since(tx: Tx) -> dict[str, int]:
    """From when on a customer's usage may still be billed, by customer; none where it is never closed."""
    found: dict[str, int] = {}
    for page in subscription_pages(tx):
        deferred = of_subscriptions(tx, "settlement", page.subscriptions, "due_at", where="is_open = 1")
        late = late_marks(tx, {one.customer for one in page.subscriptions.values()})
        for name, subscription in page.subscriptions.items():
            customer = subscription.customer
            try:
                starts = [*_running(subscription), *_deferred(subscription, deferred[name])]
            except DAMAGE:
                continue  # its periods or settlements are wrong, which other laws say
            starts += [mark.at for mark in late.get(customer, ())]
            if starts:
                found[customer] = min(found.get(customer, starts[0]), *starts)
    return found


def _running(subscription: Subscription) -> Iterator[int]:
    """The starts of the allowance periods that are still to be closed."""
    if not subscription.live:
        return
    since = Instant(max(subscription.anchor_at, subscription.settled_at or subscription.anchor_at))
    if subscription.terms.settle == "renewal":
        billing = subscription.schedule()
        since = billing.period_at(since).starts_at
    for reset in closed_features(subscription):
        schedule = allowance_schedule(subscription, reset)
        yield schedule.period_at(since).starts_at


def _deferred(subscription: Subscription, rows: list[Any]) -> Iterator[int]:
    for row in rows:
        if row.part.startswith(USAGE):
            yield due_of(subscription, row.part, row.idx).period.starts_at
