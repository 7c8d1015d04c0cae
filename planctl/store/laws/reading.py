"""Rows for the laws: streams of a query, and subscriptions in pages of whole customers, with what is kept of them.

The store's own readers stop at a row that cannot be; a law must go on and name it: damaged ones are set aside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeVar, cast

from sqlalchemy import Row, Select, TextClause, func, select, text

from planctl.core.invoicing.model import Line
from planctl.core.periods import Anchor, Instant, Interval, Schedule
from planctl.core.subscriptions.model import Subscription
from planctl.errors import PlanctlError
from planctl.store.extensions import EXTEND, extension_of, foresees_end
from planctl.store.invoice_mapping import line_of
from planctl.store.mapping import span_of, subscription_of, terms_of_text, text_hash
from planctl.store.quantities import step_of
from planctl.store.sets import CHUNK, chunks, grouped, table
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx

DAMAGE = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError, PlanctlError)
"""What reading a row raises that no version of planctl can have written."""

LINES = 10_000
"""How many invoice lines a page has at most, some 10 KB each with all that laws make of them."""

Rows = Mapping[str, Sequence[Row[Any]]]
"""Rows by what they belong to, such as a subscription's id."""

Made = TypeVar("Made")

_S = table("subscription")
_C = table("customer")
_I = table("invoice")


@dataclass(frozen=True, slots=True)
class Page:
    """All subscriptions of some customers that can be read, by id, when a run looks at each, and why others cannot.

    `names` are the ids of all, `damaged` the customers of those that cannot be read. What several laws need of a page
    is read for the first that asks, and gone with the page.
    """

    tx: Tx
    subscriptions: Mapping[str, Subscription]
    next_action_at: Mapping[str, int | None]
    unreadable: Mapping[str, str]
    damaged: frozenset[str] = frozenset()
    _made: dict[Callable[[Page], Any], Any] = field(
        init=False, default_factory=dict, repr=False, compare=False
    )

    def once(self, make: Callable[[Page], Made]) -> Made:
        """What a function makes of this page, made once."""
        if make not in self._made:
            self._made[make] = make(self)
        return cast(Made, self._made[make])

    @property
    def names(self) -> Sequence[str]:
        """The ids of all its subscriptions, whether they can be read or not."""
        return [*self.next_action_at]

    @property
    def customers(self) -> Mapping[str, Sequence[Subscription]]:
        """The subscriptions that can be read, by their customer."""
        return self.once(_by_customer)

    @property
    def settlements(self) -> Rows:
        """What was settled of each subscription, in the order in which it fell due."""
        return self.once(_settlements)

    @property
    def invoices(self) -> Rows:
        """The invoices of each subscription, whether it can be read or not, in the order of their ids.

        Each with the id of the customer whom it names itself, as `customer_id`.
        """
        return self.once(_invoices)

    @property
    def lines(self) -> Rows:
        """The lines of these invoices, by invoice, in their order."""
        return self.once(_lines)

    def line(self, row: Row[Any]) -> Line:
        """The line of a row, read once; what is damaged raises at every asking."""
        known, key = self.once(_no_lines), (row.invoice, row.position)
        line = known.get(key)
        if line is None:
            line = known[key] = line_of(row)
        return line


def _no_lines(_: Page) -> dict[tuple[str, int], Line]:
    return {}


def _by_customer(page: Page) -> Mapping[str, Sequence[Subscription]]:
    return grouped(page.subscriptions.values(), (), lambda one: one.customer)


def _settlements(page: Page) -> Rows:
    order = ("due_at", "part", "idx", "occasion", "revision")
    return of_subscriptions(page.tx, "settlement", page.subscriptions, *order)


def _invoices(page: Page) -> Rows:
    found: list[Row[Any]] = []
    query = select(_I, _C.c.id.label("customer_id")).join(_C, _C.c.seq == _I.c.customer, isouter=True)
    for chunk in chunks(page.names):
        found += page.tx.connection.execute(query.where(_I.c.subscription.in_(chunk)).order_by(_I.c.id))
    return grouped(found, page.names, lambda row: str(row.subscription))


def _lines(page: Page) -> Rows:
    return lines_of(page.tx, [row.id for rows in page.invoices.values() for row in rows])


def stream(tx: Tx, query: str | Select[Any] | TextClause, **values: Any) -> Iterator[Row[Any]]:
    """The rows of a query, never all in memory."""
    statement = text(query) if isinstance(query, str) else query
    with tx.connection.execute(statement, values, execution_options={"yield_per": 1_000}) as rows:
        yield from rows


def count_of(tx: Tx, name: str) -> int:
    """How many rows a table has."""
    return tx.connection.execute(select(func.count()).select_from(table(name))).scalar_one()


def subscription_pages(tx: Tx) -> Iterator[Page]:
    """All subscriptions in pages of whole customers. Those whose terms have been altered are left out altogether.

    A page ends at CHUNK subscriptions, or sooner at LINES invoice lines: what is kept of it does not grow with the
    years. One customer may have more of both.
    """
    after = 0
    query = select(_S, _C.c.id.label("customer_id")).join(_C, _C.c.seq == _S.c.customer)
    query = query.order_by(_S.c.customer, _S.c.id)
    while True:
        rows = list(tx.connection.execute(query.where(_S.c.customer > after).limit(CHUNK)))
        if not rows:
            return
        after, last = rows[-1].customer, rows[-1].id
        rows += tx.connection.execute(query.where(_S.c.customer == after, _S.c.id > last))
        for part in _cut(tx, rows):
            yield _page(tx, part)


def _cut(tx: Tx, rows: Sequence[Row[Any]]) -> Iterator[list[Row[Any]]]:
    """The rows of subscriptions, those of a customer together, in parts with LINES invoice lines at most."""
    lengths = _line_counts(tx, [row.id for row in rows])
    part: list[Row[Any]] = []
    lines = 0
    for _, own in groupby(rows, key=lambda row: row.customer):
        more = list(own)
        length = sum(lengths.get(row.id, 0) for row in more)
        if part and lines + length > LINES:
            yield part
            part, lines = [], 0
        part += more
        lines += length
    yield part


def _line_counts(tx: Tx, names: Sequence[str]) -> dict[str, int]:
    """How many invoice lines subscriptions have, but for those that have none."""
    line = table("invoice_line")
    counts = select(_I.c.subscription, func.count().label("lines")).join(line, line.c.invoice == _I.c.id)
    found: dict[str, int] = {}
    for chunk in chunks(names):
        query = counts.where(_I.c.subscription.in_(chunk)).group_by(_I.c.subscription)
        found |= {row.subscription: row.lines for row in tx.connection.execute(query)}
    return found


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
        if terms_text is None:
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
    return Page(tx, readable, {row.id: row.next_action_at for row in rows}, unreadable, frozenset(damaged))


@lru_cache(maxsize=4096)
def _check_clock(timezone: str, pay: str, anchor: str) -> None:
    """Raise where no schedule can be made of them."""
    Schedule(Instant(0), Interval.parse(pay), Anchor.parse(anchor), timezone)


def _terms_texts(tx: Tx, hashes: Iterable[str]) -> dict[str, str]:
    """The texts of terms by their hash, but for those that were altered: another law names them."""
    terms = table("terms")
    found: dict[str, str] = {}
    for chunk in chunks(sorted(hashes)):
        query = select(terms.c.hash, terms.c.document).where(terms.c.hash.in_(chunk))
        rows = tx.connection.execute(query)
        found |= {row.hash: row.document for row in rows if text_hash(row.document) == row.hash}
    return found
