"""Gathers running subscriptions into groups that hold and pay alike, with what each used. It weighs nothing.

A fixed number of queries for each few hundred plans, never one per subscription.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Select, select

from planctl.core.catalog.book import Book, Held
from planctl.core.catalog.entries import path_of
from planctl.core.catalog.recurring import Paying, monthly_amount
from planctl.core.document import Document
from planctl.core.instants import Instant
from planctl.core.subscriptions.dues import gives_back_at_pause
from planctl.core.subscriptions.model import LIVE, QuantityStep, Status, Subscription
from planctl.store import catalog, subscriptions
from planctl.store.book_usage import Kind, Sample, Used, Wanted, claimed, exact, kind_of, measured, split
from planctl.store.feature_names import names_of
from planctl.store.mapping import numbers, numbers_of, texts_of
from planctl.store.quantities import QUANTITY, step_of
from planctl.store.sets import chunks, grouped, table

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_S = table("subscription")
_C = table("customer")
_CHANGE = table("subscription_change")

Features = Mapping[str, Collection[str]]
"""By plan, the features whose usage is wanted."""


class _Key(NamedTuple):
    """What the subscriptions of a group have in common; texts as they are stored."""

    plan: str
    version: int
    terms_hash: str
    currency: str
    pay: str
    negotiated: str
    charged: bool
    units: int
    quantities: str
    used: tuple[tuple[str, str], ...] | None
    levels: tuple[tuple[str, str], ...]

    @property
    def kind(self) -> Kind:
        """What its terms are found by."""
        return (self.plan, self.version, self.terms_hash, self.pay)


@dataclass(slots=True)
class _Group:
    count: int = 0
    customers: list[str] = field(default_factory=list)


def book(
    tx: Tx,
    as_of: Instant,
    plans: Collection[str] | None,
    features: Features | None,
    *,
    names: bool = False,
) -> Book:
    """Running subscriptions of these plans (None: of all), as the store holds them, with quantities as of `as_of`.

    `features` names by plan whose usage is wanted, under any id they have or had; what the held terms charge by
    usage is added. A plan that it does not name has no usage (`used` None); where it is None itself, every metered
    feature of every plan is taken. Closed allowance periods say what was used in the claims on them; where no run
    closes any (free, unlimited), it is measured in the last one that ended; what is held counts by its level now.
    Customers are named only with `names`.
    """
    former = catalog.aliases(tx, "features")
    present = {old: new for new, olds in former.items() for old in olds}
    rows = [row for chunk in _in_plans(plans) for row in tx.connection.execute(_subscriptions(chunk)).all()]
    sample = _sample(tx, rows)
    wanted = {key: _wanted(one, features, former) for key, one in sample.items()}
    used, levels = _used(tx, as_of, rows, sample, wanted)
    steps = _steps(tx, as_of, plans)
    groups: dict[_Key, _Group] = {}
    for row in rows:
        is_asked = features is None or row.plan in features
        quantities = used.get(row.id, _NOTHING) if is_asked else None
        left = levels.get(row.id, _NOTHING)
        key = _key(row, sample, steps.get(row.id, ()), quantities, left)
        group = groups.get(key)
        if group is None:
            group = groups[key] = _Group()
        group.count += 1
        if names:
            group.customers.append(row.customer_id)
    agreed = catalog.terms_documents(tx, {key.terms_hash for key in groups if key.negotiated != "{}"})
    known = _Known(sample, agreed, present)
    held = (known.held(key, group) for key, group in groups.items())
    return Book(as_of, tuple(held), present=present)


_PAYING = frozenset({Status.ACTIVE.value, Status.PAST_DUE.value})
_PAUSED = Status.PAUSED.value
_quantities = lru_cache(maxsize=4096)(numbers_of)
_NOTHING: dict[str, str] = {}


# --- reading


def _in_plans(plans: Collection[str] | None) -> Iterator[list[str] | None]:
    """Some hundred plans at a time; None, once, for all."""
    yield from (None,) if plans is None else chunks(sorted(plans))


def _live(query: Select[Any], plans: list[str] | None) -> Select[Any]:
    query = query.where(_S.c.status.in_(sorted(LIVE)))
    return query if plans is None else query.where(_S.c.plan.in_(plans))


def _subscriptions(plans: list[str] | None) -> Select[Any]:
    query = select(
        _S.c.id,
        _S.c.plan,
        _S.c.plan_version,
        _S.c.terms_hash,
        _S.c.currency,
        _S.c.pay,
        _S.c.status,
        _S.c.negotiated,
        _S.c.quantity,
        _S.c.quantities,
        _C.c.id.label("customer_id"),
    ).join(_C, _C.c.seq == _S.c.customer)
    return _live(query, plans).order_by(_S.c.plan, _S.c.plan_version, _S.c.id)


def _sample(tx: Tx, rows: Sequence[Any]) -> Sample:
    firsts = {kind_of(row): row.id for row in reversed(rows)}
    found = subscriptions.get_many(tx, firsts.values())
    return {key: found[name] for key, name in firsts.items()}


def _steps(tx: Tx, as_of: Instant, plans: Collection[str] | None) -> dict[str, list[QuantityStep]]:
    """The changes of quantities up to `as_of` that were not canceled, by subscription in their order."""
    found: list[tuple[str, QuantityStep]] = []
    for chunk in _in_plans(plans):
        query = (
            select(_CHANGE)
            .join(_S, _S.c.id == _CHANGE.c.subscription)
            .where(_CHANGE.c.kind == QUANTITY, _CHANGE.c.status != "canceled", _CHANGE.c.at <= as_of)
            .order_by(_CHANGE.c.subscription, _CHANGE.c.at, _CHANGE.c.seq)
        )
        found += [(row.subscription, step_of(row)) for row in tx.connection.execute(_live(query, chunk))]
    by_subscription = grouped(found, (), lambda pair: pair[0])
    return {name: [step for _, step in pairs] for name, pairs in by_subscription.items()}


# --- what was used


def _wanted(
    one: Subscription, features: Features | None, former: Mapping[str, tuple[str, ...]]
) -> frozenset[str]:
    """The features whose usage is wanted of those who hold these terms, by the ids that the terms have."""
    metered = {
        name: entry
        for name, entry in one.terms.features.items()
        if entry.granted and entry.feature.type == "metered"
    }
    if features is None:
        return frozenset(metered)
    if one.plan not in features:
        return frozenset()
    asked = {name for feature in features[one.plan] for name in names_of(feature, former)}
    asked |= {
        name for name, entry in metered.items() if entry.beyond is not None and entry.beyond.charge == "usage"
    }
    return frozenset(asked & metered.keys())


def _used(tx: Tx, as_of: Instant, rows: Sequence[Any], sample: Sample, wanted: Wanted) -> tuple[Used, Used]:
    """What each one used, and the levels left for it of what is held."""
    by_claim, by_events = split(sample, wanted)
    found = claimed(tx, as_of, sample, by_claim)
    open_ones = [row for row in rows if by_events[kind_of(row)]]
    by_hand, levels = measured(tx, as_of, open_ones, by_events)
    for name, quantities in by_hand.items():
        found[name] = found.get(name, {}) | quantities
    return found, levels


# --- groups


def _key(
    row: Any,
    sample: Sample,
    steps: Sequence[QuantityStep],
    used: Mapping[str, str] | None,
    levels: Mapping[str, str],
) -> _Key:
    units, quantities = row.quantity, row.quantities
    if steps:
        units = next((int(step.total) for step in reversed(steps) if not step.feature), units)
        later = {step.feature: step.total for step in steps if step.feature}
        quantities = numbers({**numbers_of(quantities), **later})
    return _Key(
        row.plan,
        row.plan_version,
        row.terms_hash,
        row.currency,
        row.pay,
        row.negotiated,
        _pays(row, sample),
        units,
        quantities,
        None if used is None else _in_order(used),
        _in_order(levels),
    )


def _in_order(quantities: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(quantities.items())) if quantities else ()


def _pays(row: Any, sample: Sample) -> bool:
    """Whether it pays now: not in a trial or a block, and in a pause only where that gives nothing back."""
    status: str = row.status
    if status == _PAUSED:
        return not gives_back_at_pause(sample[kind_of(row)])
    return status in _PAYING


@dataclass(slots=True)
class _Known:
    """What groups are told with; amounts are kept, because many groups differ only in what they used.

    `documents` are the snapshots of those with agreed terms.
    """

    sample: Sample
    documents: Mapping[str, Document]
    present: Mapping[str, str]
    amounts: dict[tuple[str, str, str, str, int], Fraction] = field(default_factory=dict)

    def held(self, key: _Key, group: _Group) -> Held:
        """The group as a value."""
        quantities: dict[str, Decimal] = _quantities(key.quantities)
        agreed = {}
        if key.negotiated != "{}":
            agreed = {path: _value(self.documents[key.terms_hash], path) for path in texts_of(key.negotiated)}
        return Held(
            plan=key.plan,
            version=key.version,
            currency=key.currency,
            pay=key.pay,
            monthly=self._monthly(key, quantities),
            count=group.count,
            units=key.units,
            quantities=quantities,
            agreed=agreed,
            charged=key.charged,
            terms=self.sample[key.kind].terms,
            used=None if key.used is None else self._by_present_id(key.used),
            levels=self._by_present_id(key.levels),
            customers=tuple(sorted(group.customers)),
        )

    def _by_present_id(self, quantities: Iterable[tuple[str, str]]) -> dict[str, Fraction]:
        return {self.present.get(name, name): exact(one) for name, one in quantities} if quantities else {}

    def _monthly(self, key: _Key, quantities: dict[str, Decimal]) -> Fraction:
        """What one of them pays by the month; terms that are held offer what is paid by."""
        asked = (key.terms_hash, key.pay, key.currency, key.quantities, key.units)
        if asked not in self.amounts:
            terms = self.sample[key.kind].terms
            paying = Paying(key.pay, key.currency, key.units, quantities)
            self.amounts[asked] = monthly_amount(terms, paying) or Fraction(0)
        return self.amounts[asked]


def _value(snapshot: Document, path: str) -> Document:
    """What stands at an agreed path of a snapshot's plan; None where nothing does."""
    found: Document = snapshot["plan"] if isinstance(snapshot, dict) else None
    for step in path_of(path):
        if isinstance(found, dict) and isinstance(step, str):
            found = found.get(step)
        elif isinstance(found, list) and isinstance(step, int) and step < len(found):
            found = found[step]
        else:
            return None
    return found
