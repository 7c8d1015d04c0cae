"""Laws of time: periods, what fell due in them, and that a run will look. It knows no amounts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from planctl.core.dunning import line_of
from planctl.core.invoicing.advance import next_action, waits, with_bases
from planctl.core.laws import begun_at_the_end, entered, wrong_periods, wrong_settlements
from planctl.core.periods import Instant, instant_text
from planctl.core.subscriptions.dues import dues
from planctl.core.subscriptions.model import Subscription
from planctl.store.invoice_mapping import open_invoice_of
from planctl.store.laws.model import Breach, guarded
from planctl.store.laws.reading import Page, of_subscriptions, stream
from planctl.store.mapping import period_of, settlement_of
from planctl.store.sets import chunks, table
from planctl.store.settings import identity

if TYPE_CHECKING:
    from planctl.store.engine import Tx


def tiled(page: Page) -> Iterator[Breach]:
    """Every period that a subscription entered is stored, as its schedule says: instants and local dates."""
    rows = of_subscriptions(page.tx, "billing_period", page.subscriptions, "idx")
    for name, subscription in page.subscriptions.items():
        yield from guarded(f"subscription {name}", _wrong_periods(subscription, rows[name]))


def settled(page: Page) -> Iterator[Breach]:
    """Dues derived from the start on are those recorded, up to the last whole run.

    A customer on hold is judged up to what was settled; so is a subscription that a run will look at anyway,
    because something of it was dated before the last run.
    """
    mark = identity(page.tx).high_water_at
    held = _held(page.tx, page.customers)
    for subscription in with_bases([*page.subscriptions.values()]):
        name = subscription.id
        until = _judged_until(subscription, page, mark, subscription.customer in held)
        breaches = _wrong_settlements(subscription, page.settlements[name], until)
        yield from guarded(f"subscription {name}", breaches)


def looked_at(page: Page) -> Iterator[Breach]:
    """A run looks at a subscription no later than something of it falls due or an invoice of it is overdue."""
    unpaid = {
        name: [row for row in rows if row.status in {"open", "past_due"}]
        for name, rows in page.invoices.items()
        if name in page.subscriptions
    }
    for name, subscription in page.subscriptions.items():
        looks = page.next_action_at[name]
        line = {name}
        if subscription.live:
            line |= line_of(subscription, page.customers[subscription.customer])
        inherited = [row for one in sorted(line) for row in unpaid.get(one, ())]
        left = [row for row in page.settlements[name] if row.is_open == 1]
        yield from guarded(f"subscription {name}", _looked_at_late(subscription, inherited, left, looks))


# What is billed names a living invoice, what was voided a void one, and everything else none.
_BILLED = """
SELECT t.subscription, t.part, t.idx, t.outcome, t.invoice, i.status, i.number
  FROM settlement t
  LEFT JOIN invoice i ON i.id = t.invoice
 WHERE CASE WHEN t.outcome = 'billed' THEN i.id IS NULL OR i.status = 'void'
            WHEN t.outcome IN ('void', 'reissue') THEN i.id IS NULL OR i.status <> 'void'
            ELSE t.invoice <> '' END
 ORDER BY t.subscription, t.due_at, t.part
"""

# An invoice bills its own subscription, the add-ons of that and what that took the place of, and theirs in turn; an
# add-on that went over to another base was billed with the one before.
_ELSEWHERE = """
WITH RECURSIVE odd(subscription, part, idx, outcome, number, status, host) AS (
  SELECT t.subscription, t.part, t.idx, t.outcome, i.number, i.status, i.subscription
    FROM settlement t JOIN invoice i ON i.id = t.invoice WHERE i.subscription <> t.subscription),
hosts(id, customer, host, of_base) AS (
  SELECT s.id, s.customer, s.id, 0 FROM subscription s WHERE s.id IN (SELECT subscription FROM odd)
   UNION
  SELECT h.id, h.customer, n.id, CASE WHEN n.id = o.base THEN 1 ELSE h.of_base END FROM hosts h
    JOIN subscription o ON o.id = h.host
    JOIN subscription n ON n.customer = h.customer
     AND (n.id = o.base OR n.follows = o.id OR (h.of_base = 1 AND n.id = o.follows)))
SELECT subscription, part, idx, outcome, number, status FROM odd
 WHERE NOT EXISTS (SELECT 1 FROM hosts WHERE hosts.id = odd.subscription AND hosts.host = odd.host)
 ORDER BY subscription, part, idx
"""

_UNSETTLED = """
SELECT i.number, i.kind, COUNT(t.subscription) AS settled
  FROM invoice i LEFT JOIN settlement t ON t.invoice = i.id
 GROUP BY i.id, i.number, i.kind, i.occasion
HAVING (COUNT(t.subscription) = 0 AND i.kind NOT IN ('change', 'pack'))
    OR (COUNT(t.subscription) > 0 AND (i.kind = 'pack' OR (i.kind = 'change' AND i.occasion LIKE 'change:%')))
 ORDER BY i.number
"""

# Still to be billed is what a block or a pause defers until it is over, and what was voided to be issued again until
# it is.
_OPEN = """
SELECT t.subscription, t.part, t.idx, t.outcome, t.is_open
  FROM settlement t JOIN subscription s ON s.id = t.subscription
 WHERE t.is_open NOT IN (0, 1)
    OR (t.is_open = 1 AND t.outcome NOT IN ('blocked', 'paused', 'reissue'))
    OR (t.is_open = 1 AND t.outcome <> 'reissue' AND s.status IN ('canceled', 'expired'))
    OR (t.is_open = 1 AND t.outcome <> 'reissue' AND EXISTS (
         SELECT 1 FROM blocked_span b WHERE b.subscription = t.subscription
            AND b.starts_at <= t.due_at AND t.due_at <= b.ends_at AND b.ends_at < s.settled_at))
    OR (t.is_open = 0 AND t.outcome IN ('blocked', 'paused') AND s.status IN ('blocked', 'paused') AND EXISTS (
         SELECT 1 FROM blocked_span b WHERE b.subscription = t.subscription
            AND b.starts_at <= t.due_at AND b.ends_at IS NULL))
    OR (t.outcome = 'reissue' AND t.is_open = CASE WHEN EXISTS (
         SELECT 1 FROM settlement r WHERE r.subscription = t.subscription AND r.part = t.part
            AND r.idx = t.idx AND r.occasion = t.occasion AND r.revision > t.revision) THEN 1 ELSE 0 END)
 ORDER BY t.subscription, t.due_at, t.part
"""


def on_invoices(tx: Tx) -> Iterator[Breach]:
    """Settlements and invoices name each other rightly, and only what may still be billed is open."""
    for row in chain(stream(tx, _BILLED), stream(tx, _ELSEWHERE)):
        named = f"names invoice {row.number} ({row.status})" if row.number else "names no invoice that exists"
        yield Breach(f"subscription {row.subscription}", f"{row.part} {row.idx} is {row.outcome} and {named}")
    for row in stream(tx, _UNSETTLED):
        what = (
            f"bills a {row.kind} and settles what fell due"
            if row.settled
            else "settles nothing that fell due"
        )
        yield Breach(f"invoice {row.number}", what)
    for row in stream(tx, _OPEN):
        state = "still to be billed" if row.is_open else "no longer to be billed"
        yield Breach(f"subscription {row.subscription}", f"{row.part} {row.idx} is {row.outcome} and {state}")


def _wrong_periods(subscription: Subscription, rows: Sequence[Any]) -> Iterator[str]:
    stored = [(period_of(row), row.starts_on, row.ends_on) for row in rows]
    expected = entered(subscription)
    if (
        stored and stored[-1][0].starts_at == subscription.ends_at
    ):  # settled before it was changed, at that instant
        index = stored[-1][0].index
        expected = range(expected.start if expected else index, index + 1)
    yield from wrong_periods(subscription.schedule(), expected, stored)


def _wrong_settlements(
    subscription: Subscription, rows: Sequence[Any], until: Instant | None
) -> Iterator[str]:
    settled = [settlement_of(row) for row in rows]
    due = () if until is None else dues(replace(subscription, settled_at=None), until)
    yield from wrong_settlements([*due, *begun_at_the_end(subscription, settled)], settled)


def _looked_at_late(
    subscription: Subscription, unpaid: Sequence[Any], left_open: Sequence[Any], at: int | None
) -> Iterator[str]:
    waiting = waits(subscription, [settlement_of(row) for row in left_open])
    needed = next_action(subscription, [open_invoice_of(row) for row in unpaid], waiting=waiting)
    if needed is not None and (at is None or at > needed):
        looks = "never" if at is None else f"at {instant_text(Instant(at))}"
        yield f"a run looks at it {looks}, needed is {instant_text(needed)}"


def _judged_until(
    subscription: Subscription, page: Page, mark: Instant | None, is_held: bool
) -> Instant | None:
    looked = page.next_action_at[subscription.id]
    if mark is None or is_held or (looked is not None and looked <= mark):
        return subscription.settled_at
    return Instant(max(mark, subscription.settled_at or mark))


def _held(tx: Tx, customer_ids: Iterable[str]) -> set[str]:
    hold, customer = table("hold"), table("customer")
    found: set[str] = set()
    for chunk in chunks(sorted(customer_ids)):
        query = select(customer.c.id).join(hold, hold.c.customer == customer.c.seq)
        found.update(tx.connection.execute(query.where(customer.c.id.in_(chunk))).scalars())
    return found
