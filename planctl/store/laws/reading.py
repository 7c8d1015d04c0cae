"""Rows for the laws: streams of a query, and subscriptions in pages of whole customers.

The store's own readers stop at a row that cannot be; a law must go on and name it: damaged ones are set aside.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, Select, TextClause, select, text

from planctl.core.periods import Anchor, Instant, Interval, Schedule
from planctl.core.subscriptions.model import Subscription
from planctl.store.extensions import EXTEND, extension_of, foresees_end
from planctl.store.laws.model import DAMAGE
from planctl.store.mapping import span_of, subscription_of, terms_of_text, text_hash
from planctl.store.quantities import step_of
from planctl.store.sets import CHUNK, chunks, grouped, table

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_S = table("subscription")
_C = table("customer")


@dataclass(frozen=True, slots=True)
class Page:
    """All subscriptions of some customers that can be read, by id, when a run looks at each, and why others cannot.

    `damaged` are the customers of those that cannot be read.
    """

    subscriptions: Mapping[str, Subscription]
    next_action_at: Mapping[str, int | None]
    unreadable: Mapping[str, str]
    damaged: frozenset[str] = frozenset()


def stream(tx: Tx, query: str | Select[Any] | TextClause, **values: Any) -> Iterator[Row[Any]]:
    """The rows of a query, never all in memory."""
    statement = text(query) if isinstance(query, str) else query
    yield from tx.connection.execute(statement, values, execution_options={"yield_per": 1_000})


def subscription_pages(tx: Tx) -> Iterator[Page]:
    """All subscriptions in pages of whole customers. Those whose terms have been altered are left out altogether."""
    after = 0
    query = select(_S, _C.c.id.label("customer_id")).join(_C, _C.c.seq == _S.c.customer)
    query = query.order_by(_S.c.customer, _S.c.id)
    while True:
        rows = list(tx.connection.execute(query.where(_S.c.customer > after).limit(CHUNK)))
        if not rows:
            return
        after, last = rows[-1].customer, rows[-1].id
        rows += tx.connection.execute(query.where(_S.c.customer == after, _S.c.id > last))
        yield _page(tx, rows)


def of_subscriptions(
    tx: Tx, name: str, ids: Iterable[str], *order: str, where: str = ""
) -> dict[str, list[Row[Any]]]:
    """The rows of a table with a `subscription` column, by subscription; an empty list where there is none."""
    source = table(name)
    wanted = list(ids)
    found: list[Row[Any]] = []
    for chunk in chunks(wanted):
        query = select(source).where(source.c.subscription.in_(chunk))
        if where:
            query = query.where(text(where))
        found += tx.connection.execute(query.order_by(*(source.c[one] for one in order))).all()
    return grouped(found, wanted, lambda row: str(row.subscription))


def lines_of(tx: Tx, invoice_ids: Sequence[str]) -> dict[str, list[Row[Any]]]:
    """The rows of invoices' lines, by invoice, in their order."""
    source = table("invoice_line")
    found: list[Row[Any]] = []
    for chunk in chunks(invoice_ids):
        query = select(source).where(source.c.invoice.in_(chunk))
        found += tx.connection.execute(query.order_by(source.c.invoice, source.c.position)).all()
    return grouped(found, invoice_ids, lambda row: str(row.invoice))


def _page(tx: Tx, rows: Sequence[Row[Any]]) -> Page:
    names = [row.id for row in rows]
    texts = _terms_texts(tx, {row.terms_hash for row in rows})
    spans = of_subscriptions(tx, "blocked_span", names, "starts_at")
    held = "kind = 'quantity' AND status <> 'canceled'"
    steps = of_subscriptions(tx, "subscription_change", names, "seq", where=held)
    ending = [row.id for row in rows if foresees_end(row)]
    moved = of_subscriptions(tx, "subscription_change", ending, "seq", where=f"kind = '{EXTEND}'")
    readable: dict[str, Subscription] = {}
    unreadable: dict[str, str] = {}
    damaged: set[str] = set()
    for row in rows:
        terms_text = texts.get(row.terms_hash)
        if terms_text is None or text_hash(terms_text) != row.terms_hash:
            damaged.add(row.customer_id)
            continue
        try:
            terms = terms_of_text(row.terms_hash, terms_text)
            blocked = tuple(span_of(span) for span in spans[row.id])
            changed = tuple(step_of(step) for step in steps[row.id])
            extended = tuple(one for change in moved.get(row.id, ()) for one in extension_of(change))
            subscription = subscription_of(row, terms, blocked, changed, extended)
            _check_clock(subscription.timezone, subscription.pay, str(terms.anchor))
            readable[row.id] = subscription
        except DAMAGE as problem:
            unreadable[row.id] = str(problem)
            damaged.add(row.customer_id)
    return Page(readable, {row.id: row.next_action_at for row in rows}, unreadable, frozenset(damaged))


@lru_cache(maxsize=4096)
def _check_clock(timezone: str, pay: str, anchor: str) -> None:
    """Raise where no schedule can be made of them."""
    Schedule(Instant(0), Interval.parse(pay), Anchor.parse(anchor), timezone)


def _terms_texts(tx: Tx, hashes: Iterable[str]) -> dict[str, str]:
    terms = table("terms")
    found: dict[str, str] = {}
    for chunk in chunks(sorted(hashes)):
        query = select(terms.c.hash, terms.c.document).where(terms.c.hash.in_(chunk))
        found |= {row.hash: row.document for row in tx.connection.execute(query)}
    return found
