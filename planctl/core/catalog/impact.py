"""Whom a change of the catalog touches, and with how much money; it decides nothing and knows no store.

What a lowered allowance meets is in overuse.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from fractions import Fraction

from planctl.core.catalog.book import Book, Held
from planctl.core.catalog.changeset import DEARER, Change, Impact, Recurring
from planctl.core.catalog.emit import snapshot_document
from planctl.core.catalog.entries import path_of
from planctl.core.catalog.model import Entitlement, Feature, Plan, Terms
from planctl.core.catalog.negotiate import agreed
from planctl.core.catalog.overuse import lowered, names_in, overuse_of
from planctl.core.catalog.recurring import (
    Paying,
    allowance_interval,
    allowance_of,
    carried,
    monthly_amount,
)
from planctl.core.catalog.references import SOLD, currencies_in
from planctl.core.currencies import MAX_DECIMALS, Currency
from planctl.core.document import node_of
from planctl.core.money import NumberError
from planctl.core.periods import Interval
from planctl.core.pricing.rate import FeatureUsage, rate
from planctl.errors import InvalidInput, Refused
from planctl.values import dataclass

ZERO = Fraction(0)
_DEARER = 1 + DEARER
_MONEY = ("price", "features", "quantity")
"""Terms that recurring amounts follow from."""


@dataclass(frozen=True, slots=True)
class _Moved:
    """One group if it were on the new terms; `terms` None where it cannot be, or where they are not known."""

    held: Held
    now: Fraction
    after: Fraction
    stuck: bool = False
    terms: Terms | None = None


@dataclass(slots=True)
class _Mover:
    """Lays the new terms under each group: what was agreed stays. Answers are kept, because groups are many."""

    plan: Plan
    known: dict[object, Terms | None] = field(default_factory=dict)
    amounts: dict[object, Fraction | None] = field(default_factory=dict)
    alike: dict[tuple[int, int], bool] = field(default_factory=dict)

    def moved(self, held: Held) -> _Moved:
        """The group on the new terms, or as it is where these do not offer what it pays by."""
        if held.terms is None and _agreed_on_money(held):
            return _Moved(held, held.monthly, held.monthly)
        terms = self._terms(held)
        after = None if terms is None else self._monthly(terms, held)
        if after is None:
            return _Moved(held, held.monthly, held.monthly, stuck=True)
        return _Moved(held, held.monthly, after, terms=terms)

    def _terms(self, held: Held) -> Terms | None:
        """The new terms with what was agreed laid over; None where it does not fit over them."""
        if not held.agreed or held.terms is None:
            return self.plan.terms
        key = (repr(sorted(held.agreed.items())), held.currency)
        if key not in self.known:
            self.known[key] = laid_over(self.plan, held)
        return self.known[key]

    def _monthly(self, terms: Terms, held: Held) -> Fraction | None:
        bought = tuple(sorted(held.quantities.items())) if held.quantities else ()
        key = (id(terms), held.pay, held.currency, held.units, bought)
        if key not in self.amounts:
            self.amounts[key] = monthly_amount(terms, carried(terms, held.paying))
        return self.amounts[key]

    def is_dearer(self, moved: _Moved, present: Mapping[str, str]) -> bool:
        """Whether it would pay more than `DEARER` more, with what it used last as far as that is known."""
        held = moved.held
        now, after = moved.now, moved.after
        by_fees = after > now and after > now * _DEARER
        if held.terms is None or moved.terms is None or held.used is None:
            return by_fees
        if not by_fees and self._charges_alike(held.terms, moved.terms):
            return False  # the same usage on both sides makes the increase a smaller part
        names = {name: _used_as(name, self.plan.terms, held.used) for name in moved.terms.features}
        before, then = held.paying, carried(moved.terms, held.paying)
        try:
            now = _with_usage(now, held.terms, before, held.used, present)
            after = _with_usage(after, moved.terms, then, held.used, names)
        except NumberError:  # more than an amount may be
            return by_fees
        return after > now * _DEARER

    def _charges_alike(self, old: Terms, new: Terms) -> bool:
        """Whether usage costs the same under both."""
        key = (id(old), id(new))
        if key not in self.alike:
            self.alike[key] = _tariff(old) == _tariff(new)
        return self.alike[key]


def impact_of(change: Change, plan: Plan | None, book: Book) -> Impact | None:
    """What `change` means for those who hold the plan; `plan` as it would be, None where it goes.

    None for what is not sold, and where nobody holds it. Where no new version comes of it, and where the plan is
    archived, nothing moves. `recurring` counts those who pay now, others everybody who runs. Who cannot be moved
    stands on both sides as it is. `dearer` compares by the month what recurs and the usage of the last closed
    allowance period, between a minimum and a maximum, as if no wallet paid; an increase from 0 counts. What a
    price asks of single events is left out of both sides.
    """
    held = book.of(stored_id(change))
    if change.address.partition(".")[0] not in SOLD or not held:
        return None
    if plan is None or not moves(change, plan):
        still = [_Moved(one, one.monthly, one.monthly) for one in held]
        return Impact(recurring=_recurring(still))
    mover = _Mover(plan)
    moved = [mover.moved(one) for one in held]
    compared = [one for one in moved if not one.stuck]
    dearer = [one for one in compared if mover.is_dearer(one, book.present)]
    return Impact(
        recurring=_recurring(moved),
        compared=_count(compared),
        dearer=_count(dearer),
        stuck=_count(moved) - _count(compared),
        by_fees=_may_charge_usage(plan, change) and any(one.held.used is None for one in compared),
        overuse=overuse_of(lowered(change, plan), plan, book, held),
        dearer_customers=tuple(sorted({name for one in dearer for name in one.held.customers})),
    )


def stored_id(change: Change) -> str:
    """The id under which the base knows the plan of a change: the old one where it is renamed."""
    return (change.renamed_from or change.address).partition(".")[2]


def moves(change: Change, plan: Plan) -> bool:
    """Whether the change makes a version that running subscriptions could be moved to."""
    return change.to_version > change.from_version > 0 and not plan.offer.archived


def features_that_matter(change: Change, plan: Plan | None) -> frozenset[str]:
    """The features whose usage says something about a change: what is lowered, and what is charged by usage.

    By every id the base may have them under. None for what is not sold, and where nothing moves.
    """
    if change.address.partition(".")[0] not in SOLD or plan is None or not moves(change, plan):
        return frozenset()
    found = {one.feature for one in lowered(change, plan)}
    found |= {name for name, entry in plan.terms.features.items() if _by_usage(entry)}
    for one in change.fields:
        top, _, rest = one.path.partition(".")
        if top == "features" and ".beyond" in rest:
            found.add(rest.partition(".")[0])
    return frozenset(name for feature in found for name in names_in(plan.terms, feature))


def laid_over(plan: Plan, held: Held) -> Terms | None:
    """The plan's terms with what was agreed with a group laid over; None where they do not take it."""
    entries = plan.terms.features
    # Of what is spent without being granted only the id matters: it changes no amount of this plan.
    spent = {target for entry in entries.values() for target in entry.spends} | set(plan.terms.wallet)
    definitions = {name: Feature(name, "metered") for name in spent}
    definitions |= {name: entry.feature for name, entry in entries.items()}
    snapshot = snapshot_document(plan, definitions)
    codes = {*currencies_in(snapshot), held.currency}
    declared = {code: Currency(code, code, MAX_DECIMALS, iso=False) for code in codes}
    changes = {path: node_of(value) for path, value in held.agreed.items() if path_of(path)}
    try:
        return agreed(plan.id, snapshot, changes, declared).terms
    except (InvalidInput, Refused):
        return None


def _agreed_on_money(held: Held) -> bool:
    """Whether something was agreed that recurring amounts may follow from."""
    return any(path.partition(".")[0].partition("[")[0] in _MONEY for path in held.agreed)


# --- recurring amounts


def _recurring(moved: list[_Moved]) -> tuple[Recurring, ...]:
    """What those who pay now pay by the month, per currency; a currency in which nothing is paid is left out."""
    # Groups that differ in what they used alone pay the very same amount: only how many they are is added up.
    alike: dict[tuple[str, int, int], tuple[_Moved, int]] = {}
    for one in moved:
        if one.held.charged:
            key = (one.held.currency, id(one.now), id(one.after))
            first, count = alike.get(key, (one, 0))
            alike[key] = (first, count + one.held.count)
    now: dict[str, Fraction] = {}
    after: dict[str, Fraction] = {}
    for (code, _, _), (one, count) in alike.items():
        now[code] = now.get(code, ZERO) + one.now * count
        after[code] = after.get(code, ZERO) + one.after * count
    return tuple(Recurring(code, now[code], after[code]) for code in sorted(now) if now[code] or after[code])


def _count(moved: list[_Moved]) -> int:
    return sum(one.held.count for one in moved)


# --- who pays more


def _used_as(name: str, terms: Terms, used: Mapping[str, Fraction]) -> str:
    """Under which id the usage of a feature is known: its present one, or that before the change's rename."""
    return next((one for one in names_in(terms, name) if one in used), name)


def _with_usage(
    recurring: Fraction,
    terms: Terms,
    paying: Paying,
    used: Mapping[str, Fraction],
    names: Mapping[str, str],
) -> Fraction:
    """What it comes to by the month with this usage; `names` maps the terms' ids of features to those of `used`.

    Source: planctl billing rules, fees (minimum, maximum).
    """
    months = Interval.parse(paying.pay).monthly_equivalent
    if terms.free or months is None:
        return recurring
    usage = sum(_usage_amounts(terms, paying, used, names), ZERO)
    minimum, maximum = terms.minimum.get(paying.currency), terms.maximum.get(paying.currency)
    if maximum is not None:
        usage = min(usage, Fraction(maximum) / months)
    return max(recurring + usage, Fraction(minimum) / months if minimum is not None else ZERO)


def _usage_amounts(
    terms: Terms, paying: Paying, used: Mapping[str, Fraction], names: Mapping[str, str]
) -> Iterator[Fraction]:
    """The charges of each feature used, by the month and unrounded."""
    for name, entry in terms.features.items():
        quantity = used.get(names.get(name, name))
        price = entry.beyond.price_for(paying.pay) if entry.beyond and _by_usage(entry) else None
        if price is None or quantity is None or price.amount_property:
            continue
        every = Interval.parse(paying.pay) if entry.feature.held else allowance_interval(entry, paying.pay)
        months = every.monthly_equivalent
        if months is None or paying.currency not in price.currencies():
            continue
        up_to = entry.beyond.up_to if entry.beyond else None
        asked = FeatureUsage(
            quantity, allowance_of(terms, name, paying), price, None if up_to is None else Fraction(up_to)
        )
        yield rate(asked, paying.currency, 0).exact / months


def _tariff(terms: Terms) -> tuple[object, ...]:
    """All that the charges of a quantity follow from; equal ones charge the same for the same usage."""
    charged = {
        name: (entry.beyond, entry.included, entry.own_allowance, entry.reset, entry.feature.held)
        for name, entry in terms.features.items()
        if _by_usage(entry)
    }
    return charged, terms.minimum, terms.maximum, terms.quantity


def _by_usage(entry: Entitlement) -> bool:
    return entry.beyond is not None and entry.beyond.charge == "usage"


def _may_charge_usage(plan: Plan, change: Change) -> bool:
    """Whether anything is charged beside the fees, before or after: who is compared without usage is told so."""
    charged = any(_by_usage(entry) for entry in plan.terms.features.values())
    return charged or any(".beyond" in one.path for one in change.fields)
