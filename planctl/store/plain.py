"""A plain customer for hot commands: its subscriptions where they stand as stored, its features, one event of it.

What is read becomes values by the same mapping as everywhere, and the core decides on them. Of whom more is to be
known (what is due and no run has written yet, companies, wallets, renamed features) it says None: then the ordinary
way answers, which sees the same in the same transaction. It decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from planctl.core.catalog.model import Feature
from planctl.core.catalog.parse_features import parse_feature
from planctl.core.document import Entry, Scalar, document_of, node_of
from planctl.core.periods import Instant
from planctl.core.reading import Reader
from planctl.core.subscriptions.model import Subscription
from planctl.findings import NOWHERE
from planctl.store import hot
from planctl.store.mapping import said, span_of, subscription_of, terms_of_text
from planctl.store.sets import insert_rows
from planctl.store.usage_writing import insert_events
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx
    from planctl.store.usage_mapping import EventRow

# --- one customer


@dataclass(frozen=True, slots=True)
class Plain:
    """A customer that belongs to no company, with what else is to be asked about it.

    An event before `settled_at` (UTC microseconds; -1: nothing was settled) may be late.
    """

    id: str
    seq: int
    settled_at: int
    is_late: bool
    has_grants: bool
    is_waiting: bool


def plain_customer(tx: Tx, customer_id: str) -> Plain | None:
    """The customer; None where there is none, and where it belongs to a company or is one."""
    row = hot.one(tx, hot.CUSTOMER, (customer_id,))
    if row is None:
        return None
    seq, parent, is_company, late, grants, waits, settled_at = row
    if parent or is_company:
        return None
    settled_at = -1 if settled_at is None else settled_at
    return Plain(customer_id, seq, settled_at, bool(late), bool(grants), bool(waits))


def undisturbed(tx: Tx, customer: Plain, at: Instant) -> tuple[Subscription, ...] | None:
    """The customer's subscriptions, oldest first, where they stand at `at` as they are stored.

    None where a run at `at` would move them on, and where what they need is more than their rows: wallets, changes
    of quantities, extensions, what rolled over.
    """
    if customer.is_late or customer.has_grants or hot.one(tx, hot.CHANGED, (customer.seq,))[0]:
        return None
    rows = [
        _named((*hot.SUBSCRIPTION_COLUMNS, "document"), row, customer_id=customer.id)
        for row in tx.rows(hot.SUBSCRIPTIONS, (customer.seq,))
    ]
    if any(row.next_action_at is not None and row.next_action_at <= at for row in rows):
        return None
    stops: dict[str, list[Any]] = {}
    for row in tx.rows(hot.STOPS, (customer.seq,)):
        stops.setdefault(row[0], []).append(span_of(_named(hot.STOP_COLUMNS, row)))
    found = tuple(
        subscription_of(row, terms_of_text(row.terms_hash, row.document), tuple(stops.get(row.id, ())))
        for row in rows
    )
    rolls = any(entitlement.rollover for each in found for entitlement in each.terms.features.values())
    return None if rolls else found


def _named(names: Sequence[str], row: Iterable[Any], **more: Any) -> SimpleNamespace:
    """A row whose columns have names, as the mapping reads it."""
    return SimpleNamespace(**dict(zip(names, row, strict=True)), **more)


def is_priced_by_event(tx: Tx, customer: Plain) -> bool:
    """Whether the customer has or had terms that may price single events (percentages)."""
    return bool(hot.one(tx, hot.PRICED_BY_EVENT, (customer.seq, '%"percentage"%'))[0])


# --- the catalog


Definition = tuple[str, bool]
"""A feature's definition as the catalog keeps it, and whether it is archived."""


def definitions(tx: Tx) -> dict[str, Definition] | None:
    """Every feature's present definition by id, archived ones too; None where a feature was ever renamed."""
    found: dict[str, Definition] = {}
    for address, document, archived, aliases in tx.rows(hot.OBJECTS, ("features.%",)):
        if aliases != "[]":
            return None
        found[address.removeprefix("features.")] = (document, bool(archived))
    return found


def feature_of(name: str, definition: Definition) -> Feature | None:
    """The feature of a definition; None where it does not read without a finding."""
    document, archived = definition
    reader = Reader()
    entry = Entry(Scalar(name, NOWHERE), node_of(document_of(document), NOWHERE))
    feature = parse_feature(entry, reader)
    if feature is None or any(finding.is_error for finding in reader.findings):
        return None
    return replace(feature, archived=archived)


# --- usage


def is_known(tx: Tx, event: EventRow) -> bool:
    """Whether an event of that id, customer and meter is recorded on its day or the day before."""
    values = (max(event.day - 1, 0), event.day, event.customer, event.meter, event.key)
    return bool(hot.one(tx, hot.KNOWN, values)[0])


def add_event(tx: Tx, event: EventRow) -> bool:
    """Record one event of no import and no child, which is not late; whether it was new."""
    assert not event.late, f"a late event has a mark: {event}"
    assert not event.child, f"a child's event is no plain one: {event}"
    if insert_events(tx, [event.columns], 0) != 1:
        return False
    if event.has_detail:
        row = {"day": event.day, "customer": event.customer, "meter": event.meter, "event_key": event.key}
        texts = {name: said(getattr(event, name)) for name in ("event_id", "properties", "corrects")}
        insert_rows(tx, "usage_detail", [row | texts])
    return True
