"""How lowered allowances and removed features meet what was used and who holds them; it knows no money.

Usage is that of the last closed allowance period. Of what is held (seats) it is the level of the customer, less what
its other subscriptions include: an add-on's seats count, and who of several bills for what is above does not matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import groupby

from planctl.core.catalog.book import Book, Held, Spread, quantiles
from planctl.core.catalog.changeset import Change, FieldChange, Overuse
from planctl.core.catalog.model import Entitlement, Plan, Terms
from planctl.core.catalog.parse_features import UNLIMITED
from planctl.core.catalog.recurring import allowance_interval, allowance_of, carried
from planctl.core.catalog.subject import is_below, number_of, texts_of
from planctl.core.document import Document
from planctl.values import dataclass

ZERO = Fraction(0)
_QUANTILES = (50, 95, 100)


@dataclass(frozen=True, slots=True)
class Lowered:
    """One changed leaf that gives less of a feature.

    `limit` is what would be included for one unit (with `up_to`: the largest total served). None where no usage
    meets it: the feature was granted or not, or was a list, of which `values` are gone.
    """

    path: str
    feature: str
    limit: Fraction | None = ZERO
    values: frozenset[str] = frozenset()
    is_total: bool = False


def lowered(change: Change, plan: Plan) -> tuple[Lowered, ...]:
    """The changed leaves that give less: a smaller allowance or total, a feature or values of a list removed."""
    found: list[Lowered] = []
    below = [one for one in change.fields if one.path.startswith("features.")]
    for feature, several in groupby(below, key=lambda one: one.path.split(".")[1]):
        entry = plan.terms.features.get(feature)
        fields = list(several)
        if entry is not None and entry.granted:
            found += _less(feature, entry, fields)
        elif any(one.before not in (None, False) for one in fields):
            found.append(_removed(feature, fields))
    return tuple(found)


def names_in(terms: Terms, feature: str) -> tuple[str, ...]:
    """The ids a feature of the new terms may be known under: its own, and the one it was renamed from."""
    entry = terms.features.get(feature)
    return (feature, entry.feature.was) if entry is not None and entry.feature.was else (feature,)


def overuse_of(
    several: Sequence[Lowered], plan: Plan, book: Book, held: Sequence[Held]
) -> tuple[Overuse, ...]:
    """What each lowered leaf meets; those with whom the leaf was agreed are left out, as it stays for them.

    Usage of another allowance period than the new one is not compared. A leaf that meets nobody has no entry.
    """
    found = (_overuse(one, plan, book, held) for one in several)
    return tuple(one for one in found if one is not None)


def _less(feature: str, entry: Entitlement, fields: list[FieldChange]) -> Iterator[Lowered]:
    for one in fields:
        if one.path == f"features.{feature}.included" and entry.own_allowance:
            if entry.included is not None and _is_lower(one.before, Fraction(entry.included)):
                yield Lowered(one.path, feature, Fraction(entry.included))
        elif one.path == f"features.{feature}.values":
            gone = texts_of(one.before) - texts_of(one.after)
            if gone:
                yield Lowered(one.path, feature, None, gone)
        elif one.path == f"features.{feature}.beyond.up_to":
            total = number_of(one.after)
            if total is not None and (one.before is None or _is_lower(one.before, total)):
                yield Lowered(one.path, feature, total, is_total=True)


def _is_lower(before: Document, after: Fraction) -> bool:
    old = number_of(before)
    return before == UNLIMITED or (old is not None and after < old)


def _removed(feature: str, fields: list[FieldChange]) -> Lowered:
    """The leaf that says best that a feature is gone: its allowance, else its first."""
    paths = [one.path for one in fields]
    included = f"features.{feature}.included"
    path = included if included in paths else paths[0]
    is_metered = any(one.path.startswith(f"features.{feature}.reset") for one in fields)
    return Lowered(path, feature, ZERO if is_metered else None)


def _overuse(one: Lowered, plan: Plan, book: Book, held: Sequence[Held]) -> Overuse | None:
    names = names_in(plan.terms, one.feature)
    concerned = [group for group in held if not _is_agreed(group, one.path, names)]
    if one.limit is None:
        return _holding(one, concerned, names, book.present)
    if any(group.used is not None for group in held):
        return _counted(one, plan, concerned, names, book.present)
    spread = next(
        (book.spreads[key] for name in names if (key := (held[0].plan, name)) in book.spreads), None
    )
    if spread is None:
        return None
    exact = len(concerned) == len(held) and not any(group.units > 1 or group.quantities for group in held)
    return replace(
        _from_spread(one, one.limit, spread, exact=exact),
        every=_every(one, plan, concerned, names, book.present),
    )


def _is_agreed(group: Held, path: str, names: Sequence[str]) -> bool:
    """Whether the leaf stays for a group as it is, because it was agreed under any of the feature's ids."""
    rest = path.partition(".")[2].partition(".")[2]
    if not group.agreed:
        return False
    paths = [f"features.{name}.{rest}" if rest else f"features.{name}" for name in names]
    return any(is_below(one, said) for one in paths for said in group.agreed)


def _counted(
    one: Lowered, plan: Plan, groups: Sequence[Held], names: Sequence[str], present: Mapping[str, str]
) -> Overuse | None:
    """From what each one used."""
    assert one.limit is not None
    used: list[tuple[Fraction, int]] = []
    compared: list[Held] = []
    alike: dict[tuple[int, str], bool] = {}
    over, customers = 0, set[str]()
    for group in groups:
        quantity = group.covered_of(names)
        if quantity is None:
            continue
        key = (id(group.terms), group.pay)  # terms are shared by many groups
        if key not in alike:
            alike[key] = _same_period(one, plan, group, names, present)
        if not alike[key]:
            continue
        used.append((quantity, group.count))
        compared.append(group)
        limit = _limit_for(one, plan, group)
        if limit is not None and quantity > limit:
            over += group.count
            customers |= set(group.customers)
    if not used:
        return None
    median, p95, most = quantiles(used, _QUANTILES)
    return Overuse(
        one.path,
        one.limit,
        over,
        sum(count for _, count in used),
        median,
        p95,
        most,
        customers=tuple(sorted(customers)),
        every=_every(one, plan, compared, names, present),
    )


def _every(
    one: Lowered, plan: Plan, groups: Sequence[Held], names: Sequence[str], present: Mapping[str, str]
) -> str:
    """How often the allowance of these groups comes back, where that is one answer."""
    new = plan.terms.features.get(one.feature)
    if new is not None and not new.granted:
        new = None
    alike = {
        (id(group.terms), group.pay): group for group in groups
    }  # terms are shared, and compared by identity
    found = set()
    for group in alike.values():
        entry = new or (None if group.terms is None else _entry(group.terms, names, present))
        found.add("" if entry is None else str(allowance_interval(entry, group.pay)))
    return found.pop() if len(found) == 1 else ""


def _limit_for(one: Lowered, plan: Plan, group: Held) -> Fraction | None:
    """What a group would have: for as many units as it holds, with what it bought ahead."""
    if one.is_total or one.feature not in plan.terms.features:
        return one.limit
    is_single = group.units == 1 == plan.terms.quantity[0] and one.feature not in group.quantities
    if is_single or not plan.terms.features[one.feature].granted:
        return one.limit
    return allowance_of(plan.terms, one.feature, carried(plan.terms, group.paying))


def _same_period(
    one: Lowered, plan: Plan, group: Held, names: Sequence[str], present: Mapping[str, str]
) -> bool:
    """Whether the allowance would come back as often as it does: else quantities are not of the same time."""
    new = plan.terms.features.get(one.feature)
    old = None if group.terms is None else _entry(group.terms, names, present)
    if new is None or old is None or not new.granted:
        return True
    return allowance_interval(old, group.pay) == allowance_interval(new, group.pay)


def _entry(terms: Terms, names: Sequence[str], present: Mapping[str, str]) -> Entitlement | None:
    """A feature as held terms grant it, under whatever id they have it."""
    return next((entry for name, entry in terms.features.items() if present.get(name, name) in names), None)


def _holding(
    one: Lowered, groups: Sequence[Held], names: Sequence[str], present: Mapping[str, str]
) -> Overuse | None:
    """Who holds what is removed; without their terms all of them may."""
    total = sum(group.count for group in groups)
    if not total:
        return None
    over, customers = 0, set[str]()
    for group in groups:
        entry = None if group.terms is None else _entry(group.terms, names, present)
        holds = entry is not None and entry.granted and (not one.values or set(entry.values) & one.values)
        if group.terms is None or holds:
            over += group.count
            customers |= set(group.customers)
    return Overuse(
        one.path,
        ZERO,
        over,
        total,
        ZERO,
        ZERO,
        ZERO,
        about=any(group.terms is None for group in groups),
        customers=tuple(sorted(customers)),
        every="granted",
    )


def _from_spread(one: Lowered, limit: Fraction, spread: Spread, *, exact: bool) -> Overuse:
    """From quantiles: at most so many, exactly so many where there are few and they all have the same limit."""
    median, p95, most = (spread.percentiles[percent] for percent in _QUANTILES)
    about = not exact or spread.count >= len(spread.percentiles)
    return Overuse(one.path, limit, spread.over(limit), spread.count, median, p95, most, about=about)
