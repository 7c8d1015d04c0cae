"""Subscriptions with their blocked times, transitions and periods, read and written for many at once.

It decides nothing: when a run must look again is told to it. Settlements, claims, assignments and quantities have
modules of their own and are offered from here too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, func, select

from planctl.core.document import Document, canonical
from planctl.core.periods import Instant, Period, local_date, zone
from planctl.core.subscriptions.model import ENDED, BlockedSpan, Status, Subscription, Transition
from planctl.store.assignments import (
    assignment,
    assignments,
    insert_assignment,
    update_assignment,
    waiting_assignments,
)
from planctl.store.extensions import extensions_of, foresees_end
from planctl.store.mapping import (
    hash_of,
    instant,
    period_of,
    period_row,
    span_of,
    span_row,
    subscription_of,
    subscription_row,
    terms_of_text,
    transition_of,
    transition_row,
)
from planctl.store.quantities import add_steps, cancel_steps, next_change, steps_of
from planctl.store.sets import chunks, grouped, insert_rows, put_rows, records, sequences, table
from planctl.store.settlements import (
    add_claims,
    add_settlements,
    claims,
    close_settlements,
    open_settlements,
    settlements,
)
from planctl.store.touching import hashed_columns, will_change
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx

__all__ = [
    "PeriodDates",
    "SubscriptionFilter",
    "add_claims",
    "add_periods",
    "add_settlements",
    "add_steps",
    "add_transitions",
    "assignment",
    "assignments",
    "cancel_steps",
    "claims",
    "close_settlements",
    "expiring",
    "get",
    "get_many",
    "insert",
    "insert_assignment",
    "insert_many",
    "keep_terms",
    "listing",
    "next_change",
    "of_customers",
    "open_settlements",
    "periods",
    "settlements",
    "transitions",
    "update",
    "update_assignment",
    "update_many",
    "waiting_assignments",
]

_S = table("subscription")
_C = table("customer")
_FIXED = {"id", "customer", "created_at"}
_CHANGEABLE = tuple(column.name for column in _S.c if column.name not in _FIXED)
_FIELDS = tuple(name for name in _CHANGEABLE if name not in {"decimals", "next_action_at"})
_AUDITED = frozenset(hashed_columns("subscription"))
_fields_of = attrgetter(*_FIELDS)
"""What a row keeps of a subscription, by the names that the columns and the fields share."""

PeriodDates = tuple[Period, str, str]
"""A period with its local first day and the local day of its end (`""` where the end is open)."""


@dataclass(frozen=True, slots=True)
class SubscriptionFilter:
    """What a listing shows: empty fields ask nothing. `version` 0 means every version, `after` is an id."""

    customers: tuple[str, ...] = ()
    plan: str = ""
    version: int = 0
    statuses: tuple[Status, ...] = ()
    after: str = ""
    limit: int = 0


# Writing


def keep_terms(tx: Tx, snapshot: Document) -> str:
    """Keep a snapshot (a negotiated one, say) and return its hash; one that is already there stays."""
    text_hash = hash_of(snapshot)
    put_rows(tx, "terms", [{"hash": text_hash, "document": canonical(snapshot)}])
    return text_hash


def insert(tx: Tx, subscription: Subscription, next_action_at: int | None) -> None:
    """Insert one subscription; its terms and customer must be there. See `insert_many`."""
    insert_many(tx, [(subscription, next_action_at)])


def insert_many(tx: Tx, subscriptions: Sequence[tuple[Subscription, int | None]]) -> None:
    """Insert subscriptions, each with the instant at which a run must look at it next (None: never).

    Conflict where the customer already has a live one in the same exclusive group; NotFound for an unknown
    customer. Then nothing is inserted.
    """
    seqs = sequences(tx, (value.customer for value, _ in subscriptions))
    insert_rows(
        tx, "subscription", [subscription_row(value, seqs[value.customer], at) for value, at in subscriptions]
    )
    _put_spans(tx, (value for value, _ in subscriptions))


def update(tx: Tx, subscription: Subscription, next_action_at: int | None) -> None:
    """Overwrite one stored subscription. See `update_many`."""
    update_many(tx, [(subscription, next_action_at)])


def update_many(
    tx: Tx,
    subscriptions: Sequence[tuple[Subscription, int | None]],
    stored: Mapping[str, Subscription] = MappingProxyType({}),
) -> None:
    """Overwrite stored subscriptions (all but id, customer and creation) and their blocked times.

    Each must exist. A blocked time is added or ended, never removed. Of those that `stored` has, as they are in the
    store, only what differs is written, and those that have ended come first.
    """
    written: dict[tuple[bool, tuple[str, ...]], list[tuple[Any, ...]]] = {}
    for value, at in subscriptions:
        columns = _differing(value, stored.get(value.id))
        row = subscription_row(value, 0, at)
        values = (*(row[name] for name in columns), row["id"])
        written.setdefault((bool(stored) and value.live, columns), []).append(values)
    for (_, columns), rows in sorted(written.items(), key=lambda one: one[0]):
        if not _AUDITED.isdisjoint(columns):
            will_change(tx, "subscription", [row[-1:] for row in rows])
        changes = ", ".join(f'"{name}" = ?' for name in columns)
        changed = tx.change(f"UPDATE subscription SET {changes} WHERE id = ?", rows)
        assert changed == len(rows), f"{len(rows)} subscriptions to update, {changed} are stored"
    _put_spans(tx, (value for value, _ in subscriptions))


def _differing(value: Subscription, stored: Subscription | None) -> tuple[str, ...]:
    """The columns to write; when a run must look again is always one of them."""
    if stored is None:
        return _CHANGEABLE
    pairs = zip(_FIELDS, _fields_of(value), _fields_of(stored), strict=True)
    found = [name for name, new, old in pairs if new is not old and new != old]
    return (*found, *(["decimals"] if "currency" in found else []), "next_action_at")


def _put_spans(tx: Tx, subscriptions: Iterable[Subscription]) -> None:
    rows = [span_row(value.id, span) for value in subscriptions for span in value.blocked]
    put_rows(tx, "blocked_span", rows, replaced=("ends_at", "payment"))


# Reading


def get(tx: Tx, subscription_id: str) -> Subscription | None:
    """The subscription with that id, None where there is none."""
    return get_many(tx, [subscription_id]).get(subscription_id)


def get_many(tx: Tx, subscription_ids: Iterable[str]) -> dict[str, Subscription]:
    """Those of the subscriptions that exist, by id."""
    found: dict[str, Subscription] = {}
    for chunk in chunks(dict.fromkeys(subscription_ids)):
        found |= {value.id: value for value in _read(tx, _select().where(_S.c.id.in_(chunk)))}
    return found


def of_customers(tx: Tx, customer_ids: Iterable[str]) -> dict[str, list[Subscription]]:
    """Every customer's subscriptions, oldest first; an empty list for a customer without one."""
    wanted = dict.fromkeys(customer_ids)
    found: list[Subscription] = []
    for chunk in chunks(wanted):
        found += _read(tx, _select().where(_C.c.id.in_(chunk)))
    return grouped(found, wanted, lambda value: value.customer)


def listing(tx: Tx, wanted: SubscriptionFilter | None = None) -> list[Subscription]:
    """The subscriptions that a filter lets through, by id; `limit` 0 is no limit."""
    wanted = wanted or SubscriptionFilter()
    query = _select().order_by(None).order_by(_S.c.id)
    if wanted.customers:
        query = query.where(_C.c.id.in_(wanted.customers))
    if wanted.plan:
        query = query.where(_S.c.plan == wanted.plan)
    if wanted.version:
        query = query.where(_S.c.plan_version == wanted.version)
    if wanted.statuses:
        query = query.where(_S.c.status.in_([Status(status).value for status in wanted.statuses]))
    if wanted.after:
        query = query.where(_S.c.id > wanted.after)
    return _read(tx, query.limit(wanted.limit) if wanted.limit else query)


def expiring(tx: Tx, as_of: int) -> list[str]:
    """The customers of whom something may have expired by then that no run has written: another plan may take over."""
    trial = (_S.c.status == Status.TRIALING.value) & (_S.c.trial_ends_at <= as_of)
    over = _S.c.status.not_in(sorted(ENDED)) & (_S.c.end_reason == "expired") & (_S.c.ends_at <= as_of)
    query = select(_C.c.id).distinct().join(_S, _S.c.customer == _C.c.seq).where(trial | over)
    return list(tx.connection.execute(query).scalars())


def late_of_ended() -> Select[Any]:
    """The small numbers of customers with late usage of a subscription that has ended: no due date waits for it."""
    late = table("late_usage")
    ended = sorted(status.value for status in ENDED)
    return (
        select(_S.c.customer)
        .join(late, late.c.customer == _S.c.customer)
        .where(_S.c.status.in_(ended), _S.c.ends_at > late.c.at)
    )


def _select() -> Select[Any]:
    return (
        select(_S, _C.c.id.label("customer_id"))
        .join(_C, _C.c.seq == _S.c.customer)
        .order_by(_S.c.customer, _S.c.started_at, _S.c.id)
    )


def _read(tx: Tx, query: Select[Any]) -> list[Subscription]:
    rows = records(tx, query)
    texts = _terms_texts(tx, {row.terms_hash for row in rows})
    ids = [row.id for row in rows]
    spans, steps = _spans(tx, ids), steps_of(tx, ids)
    moved = extensions_of(tx, [row.id for row in rows if foresees_end(row)])
    return [
        subscription_of(
            row,
            terms_of_text(row.terms_hash, texts[row.terms_hash]),
            spans.get(row.id, ()),
            steps.get(row.id, ()),
            moved.get(row.id, ()),
        )
        for row in rows
    ]


def _terms_texts(tx: Tx, hashes: Iterable[str]) -> dict[str, str]:
    terms = table("terms")
    found: dict[str, str] = {}
    for chunk in chunks(sorted(hashes)):
        for row in tx.connection.execute(select(terms).where(terms.c.hash.in_(chunk))):
            found[row.hash] = row.document
    return found


def _spans(tx: Tx, subscription_ids: Sequence[str]) -> dict[str, tuple[BlockedSpan, ...]]:
    span = table("blocked_span")
    found: dict[str, tuple[BlockedSpan, ...]] = {}
    for chunk in chunks(subscription_ids):
        query = select(span).where(span.c.subscription.in_(chunk)).order_by(span.c.starts_at)
        for row in tx.connection.execute(query):
            found[row.subscription] = (*found.get(row.subscription, ()), span_of(row))
    return found


# Transitions and periods


def add_transitions(tx: Tx, moves: Sequence[Transition], recorded_at: Instant) -> None:
    """Append moves between statuses in the order given, numbered on from what each subscription has."""
    history = table("subscription_transition")
    last: dict[str, int] = {}
    for chunk in chunks(dict.fromkeys(move.subscription for move in moves)):
        query = (
            select(history.c.subscription, func.max(history.c.seq).label("last"))
            .where(history.c.subscription.in_(chunk))
            .group_by(history.c.subscription)
        )
        last |= {row.subscription: row.last for row in tx.connection.execute(query)}
    rows = []
    for move in moves:
        last[move.subscription] = last.get(move.subscription, 0) + 1
        rows.append(transition_row(move, last[move.subscription], recorded_at))
    insert_rows(tx, "subscription_transition", rows)


def transitions(tx: Tx, subscription_ids: Iterable[str]) -> dict[str, list[Transition]]:
    """Every subscription's moves between statuses, first to last."""
    history = table("subscription_transition")
    wanted = dict.fromkeys(subscription_ids)
    found: list[Transition] = []
    for chunk in chunks(wanted):
        query = (
            select(history)
            .where(history.c.subscription.in_(chunk))
            .order_by(history.c.subscription, history.c.seq)
        )
        found += [transition_of(row) for row in tx.connection.execute(query)]
    return grouped(found, wanted, lambda move: move.subscription)


def add_periods(tx: Tx, periods_of: Mapping[str, Sequence[PeriodDates]]) -> None:
    """Fix billing periods with their local dates, by subscription; Conflict if one is there already."""
    rows = [
        period_row(subscription, period, starts_on, ends_on)
        for subscription, dated in periods_of.items()
        for period, starts_on, ends_on in dated
    ]
    insert_rows(tx, "billing_period", rows)


def cut_periods(tx: Tx, subscription: Subscription) -> None:
    """End the billing periods that were begun where its schedule ends them now: new ones begin at its last anchor.

    One that keeps no day is removed: that day is the new period's.
    """
    row = table("billing_period")
    mine = row.c.subscription == subscription.id
    later = tx.connection.execute(
        select(row.c.idx).where(mine, row.c.ends_at > instant(subscription.anchors[-1]))
    )
    schedule, tz = subscription.schedule(), zone(subscription.timezone)
    for index in sorted(later.scalars()):
        period, this = schedule.period(index), (mine, row.c.idx == index)
        assert period.ends_at is not None, f"{subscription.id}: period {index} has no end"
        if period.keeps_no_day(tz):
            tx.connection.execute(row.delete().where(*this))
            continue
        ends_on = local_date(period.ends_at, tz).isoformat()
        ends = {"ends_at": instant(period.ends_at), "ends_on": ends_on}
        tx.connection.execute(row.update().where(*this).values(**ends))


def periods(tx: Tx, subscription_ids: Iterable[str], from_at: int = 0) -> dict[str, list[Period]]:
    """Every subscription's fixed periods in order: those that end after `from_at`."""
    period = table("billing_period")
    wanted = dict.fromkeys(subscription_ids)
    found: list[tuple[str, Period]] = []
    for chunk in chunks(wanted):
        query = (
            select(period)
            .where(period.c.subscription.in_(chunk), period.c.ends_at > instant(from_at))
            .order_by(period.c.subscription, period.c.idx)
        )
        found += [(row.subscription, period_of(row)) for row in tx.connection.execute(query)]
    by_subscription = grouped(found, wanted, lambda pair: pair[0])
    return {name: [pair[1] for pair in pairs] for name, pairs in by_subscription.items()}
