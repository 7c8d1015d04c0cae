"""The compatibility rules about money: fees, charges, currencies, intervals and how a charge is made.

Each function answers with the places where its rule is touched; levels and fingerprints are breaking.py's.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from planctl.core.catalog.changeset import Severity
from planctl.core.catalog.documents import Object
from planctl.core.catalog.model import Beyond
from planctl.core.catalog.parse_features import parse_beyond
from planctl.core.catalog.subject import (
    Around,
    Hit,
    Subject,
    hit_of,
    number_of,
    range_of,
    section_of,
)
from planctl.core.document import Document, node_of
from planctl.core.money import fraction_text, round_half_up
from planctl.core.pricing.curves import Comparison, Curve, Stretch, compare
from planctl.core.pricing.kinds.percentage import charges_events, term_increase
from planctl.core.pricing.model import PriceKind
from planctl.core.reading import Reader
from planctl.values import dataclass

_ZERO = Fraction(0)
_MOST_STRETCHES_SHOWN = 4


@dataclass(frozen=True, slots=True)
class _Amount:
    """An amount that customers pay, before and after: both ends of a range, or the same number twice."""

    path: str
    before: Document
    after: Document
    old: tuple[Fraction, Fraction]
    new: tuple[Fraction, Fraction]


# --- fees


def price_increase(subject: Subject) -> Iterator[Hit]:
    """A fee or minimum rises, or a maximum rises or goes: caution up to `max_price_change`, else breaking."""
    for amount in _amounts(subject):
        ends = list(zip(amount.old, amount.new, strict=True))
        if not any(new > old for old, new in ends):
            continue
        from_zero = any(new > old == 0 for old, new in ends)
        worst = max((new - old) / old for old, new in ends if old) if any(amount.old) else _ZERO
        yield Hit(amount.path, amount.before, amount.after, level=_level(worst, from_zero, subject.around))
    for path, before, after in _caps(subject):
        old, new = number_of(before), number_of(after)
        if old is not None and (new is None or new > old):
            worst = (new - old) / old if new is not None and old else _ZERO
            level = _level(worst, new is None or old == 0, subject.around)
            detail = "" if new is not None else "the most that is billed has no limit now"
            yield Hit(path, before, after, detail, level)


def price_to_zero(subject: Subject) -> Iterator[Hit]:
    """A fee or charge that was above zero becomes zero, which is more often a slip than a gift."""
    for amount in _amounts(subject):
        if any(amount.old) and not any(amount.new) and not amount.path.startswith("minimum"):
            yield Hit(amount.path, amount.before, amount.after)
    for charge in _charges(subject):
        if any(_costs(charge.old, code) and not _costs(charge.new, code) for code in charge.currencies):
            yield Hit(charge.path, charge.before, charge.after, "nothing is charged any more at any quantity")


def price_decrease(subject: Subject) -> Iterator[Hit]:
    """A fee, minimum or maximum falls; a range falls only when neither end rises."""
    for amount in _amounts(subject):
        falls = amount.new != amount.old and all(
            new <= old for old, new in zip(amount.old, amount.new, strict=True)
        )
        if falls and (any(amount.new) or amount.path.startswith("minimum")):
            yield Hit(amount.path, amount.before, amount.after)
    for path, before, after in _caps(subject):
        old, new = number_of(before), number_of(after)
        if new is not None and (old is None or new < old):
            yield Hit(path, before, after)


def currency_removed(subject: Subject) -> Iterator[Hit]:
    """A currency in which a row or a charge was sold is gone, while the row or charge stays."""
    if not subject.sold:
        return
    told: set[str] = set()
    old_rows, new_rows = section_of(subject.before, "price"), section_of(subject.after, "price")
    for row, old in old_rows.items():
        new = new_rows.get(row)
        if isinstance(old, dict) and isinstance(new, dict):
            for code in sorted(set(old) - set(new)):
                told.add(code)
                yield Hit(f"price.{row}.{code}", old[code], None)
    for charge in _charges(subject):
        for code in sorted(charge.old.kind.currencies() - charge.new.kind.currencies() - told):
            yield Hit(charge.path, charge.before, charge.after, f"it has no price in {code} any more")


def interval_removed(subject: Subject) -> Iterator[Hit]:
    """A price row is gone while others stay; all rows gone is a plan that becomes free."""
    old, new = section_of(subject.before, "price"), section_of(subject.after, "price")
    if subject.sold and new:
        for row in old:
            if row not in new:
                yield Hit(f"price.{row}", old[row], None)


def charge_mode_changed(subject: Subject) -> Iterator[Hit]:
    """Usage or prepaid, a hard limit or a charge beyond, in advance or in arrears, or what is counted."""
    if not subject.continues:
        return
    if subject.section == "features":
        for changed in subject.fields("type", "event", "aggregate", "value", "where", "round", "reset"):
            if changed.path != "reset" or "never" in (changed.before, changed.after):
                yield hit_of(changed)
    if not subject.sold:
        return
    yield from (hit_of(changed) for changed in subject.fields("bill"))
    old, new = section_of(subject.before, "features"), section_of(subject.after, "features")
    for feature in sorted(set(old) & set(new)):
        before, after = section_of(old[feature], "beyond"), section_of(new[feature], "beyond")
        path = f"features.{feature}.beyond"
        if before and after and before.get("charge") != after.get("charge"):
            yield Hit(f"{path}.charge", before.get("charge"), after.get("charge"))
        elif after and not before:
            yield Hit(path, None, after, "the limit was hard; now more is charged")
        elif before and not after:
            yield Hit(path, before, None, "more was charged; now the limit is hard")


def _amounts(subject: Subject) -> Iterator[_Amount]:
    """Fees and minimums that differ, currency by currency."""
    if not subject.sold:
        return
    old, new = subject.before.get("price"), subject.after.get("price")
    if old != new and (_rows(old) is None) != (_rows(new) is None):
        before, after = _dearest(old), _dearest(new)
        yield _Amount("price", old, new, before, after)
    else:
        yield from _row_amounts(_rows(old) or {}, _rows(new) or {})
    lows, highs = section_of(subject.before, "minimum"), section_of(subject.after, "minimum")
    for code in sorted(set(lows) | set(highs)):
        before, after = (range_of(side.get(code)) or (_ZERO, _ZERO) for side in (lows, highs))
        if before != after:
            yield _Amount(f"minimum.{code}", lows.get(code), highs.get(code), before, after)


def _row_amounts(old: Object, new: Object) -> Iterator[_Amount]:
    for row in sorted(set(old) & set(new)):
        before, after = old[row], new[row]
        if isinstance(before, dict) and isinstance(after, dict):
            for code in sorted(set(before) & set(after)):
                ends = range_of(before[code]), range_of(after[code])
                if ends[0] is not None and ends[1] is not None and ends[0] != ends[1]:
                    yield _Amount(f"price.{row}.{code}", before[code], after[code], ends[0], ends[1])
        elif before != after:
            yield _Amount(f"price.{row}", before, after, _dearest({row: before}), _dearest({row: after}))


def _caps(subject: Subject) -> Iterator[tuple[str, Document, Document]]:
    """The maximum per currency where it differs; an absent one is no limit."""
    if subject.sold:
        old, new = section_of(subject.before, "maximum"), section_of(subject.after, "maximum")
        for code in sorted(set(old) | set(new)):
            if old.get(code) != new.get(code):
                yield f"maximum.{code}", old.get(code), new.get(code)


def _rows(price: Document) -> Object | None:
    return price if isinstance(price, dict) else None


def _dearest(price: Document) -> tuple[Fraction, Fraction]:
    """The largest fee anywhere in a price, twice: `free` and `usage` rows are zero."""
    rows = (_rows(price) or {}).values()
    ends = [range_of(fee) for row in rows if isinstance(row, dict) for fee in row.values()]
    most = max((end[1] for end in ends if end is not None), default=_ZERO)
    return most, most


def _level(worst: Fraction, from_zero: bool, around: Around) -> Severity:
    return "breaking" if from_zero or worst > Fraction(around.max_price_change) else "caution"


# --- charges beyond the included amount


@dataclass(frozen=True, slots=True)
class _Charge:
    """One charge on both sides; `row` is the billing row it belongs to, empty for every row."""

    path: str
    before: Document
    after: Document
    row: str
    old: Curve
    new: Curve

    @property
    def currencies(self) -> list[str]:
        """Those in which both have a price."""
        return sorted(self.old.kind.currencies() & self.new.kind.currencies())


def price_curve_dearer(subject: Subject) -> Iterator[Hit]:
    """Some quantity costs more than before: every breakpoint is looked at, every crossing is solved."""
    for charge in _charges(subject):
        if charge.old.kind.amount_property or charge.new.kind.amount_property:
            yield from _dearer_terms(subject, charge)
            continue
        found = {code: compare(charge.old, charge.new, code) for code in charge.currencies}
        dearer = {code: one for code, one in found.items() if one.dearer or not one.comparable}
        if not dearer:
            continue
        worst = max(one.worst for one in dearer.values())
        unknown = any(one.from_zero or not one.comparable for one in dearer.values())
        detail = "; ".join(f"{_row_text(charge)}{comparison_text(one, code)}" for code, one in dearer.items())
        level = _level(worst, unknown, subject.around)
        yield Hit(charge.path, charge.before, charge.after, detail, level)


def _charges(subject: Subject) -> Iterator[_Charge]:
    """The charges whose price differs, one per feature and billing row that both sides have."""
    if not subject.sold:
        return
    old, new = section_of(subject.before, "features"), section_of(subject.after, "features")
    for feature in sorted(set(old) & set(new)):
        before, after = section_of(old[feature], "beyond"), section_of(new[feature], "beyond")
        if not before or not after or _priced_by(before) == _priced_by(after):
            continue
        sides = _beyond(before, subject.around), _beyond(after, subject.around)
        if sides[0] is None or sides[1] is None:
            continue
        included = _included(old[feature]), _included(new[feature])
        for row in _shared_rows(sides[0], sides[1]):
            kinds = sides[0].price_for(row), sides[1].price_for(row)
            if kinds[0] is None or kinds[1] is None or kinds[0] == kinds[1]:
                continue
            path = f"features.{feature}.beyond"
            curves = Curve(kinds[0], included[0]), Curve(kinds[1], included[1])
            yield _Charge(path, _shown(row, kinds[0]), _shown(row, kinds[1]), row, *curves)


def _priced_by(beyond: Object) -> Object:
    return {key: value for key, value in beyond.items() if key not in {"charge", "up_to"}}


def _shown(row: str, kind: PriceKind) -> Document:
    document: Document = {kind.name: kind.document()}
    return {row: document} if row else document


def _shared_rows(old: Beyond, new: Beyond) -> list[str]:
    """The rows that both price: `""` prices every row, so it meets each one that the other side names."""
    named = {row for row in (*old.prices, *new.prices) if row}
    return sorted(named) if named else [""]


def _beyond(document: Object, around: Around) -> Beyond | None:
    reader = Reader(dict(around.currencies))
    beyond = parse_beyond(node_of(document), reader)
    return None if reader.findings else beyond


def _included(entry: Document) -> Decimal | None:
    """The allowance of a feature's entry; None is unlimited, 0 where it has none of its own."""
    written = entry.get("included") if isinstance(entry, dict) else None
    if written == "unlimited":
        return None
    return Decimal(written) if isinstance(written, str) else Decimal(0)


def _costs(curve: Curve, currency: str) -> bool:
    """Whether any quantity costs something."""
    if curve.kind.amount_property:
        return charges_events(curve.kind, currency)
    edges = sorted(curve.edges())
    steps = curve.steps()
    beyond = edges[-1] + 2 * (steps.size if steps else 1)
    between = [(low + high) / 2 for low, high in pairwise(edges)]
    return any(curve.at(quantity, currency) > 0 for quantity in (*edges, *between, beyond))


def _dearer_terms(subject: Subject, charge: _Charge) -> Iterator[Hit]:
    """Charges by event have no bill by quantity: every term that makes events dearer, or might."""
    kind = charge.new.kind.name
    priced = ".".join(part for part in (charge.path, kind, charge.row) if part)
    for changed in subject.fields(charge.path):
        if changed.path in {f"{charge.path}.charge", f"{charge.path}.up_to"}:
            continue
        old, new = number_of(changed.before), number_of(changed.after)
        increase: Fraction | None = None
        if changed.path.startswith(f"{priced}.") and charge.old.kind.name == kind:
            term = changed.path.removeprefix(f"{priced}.").partition(".")[0]
            increase = term_increase(term, old, new)
        elif charge.row and charge.old.kind.name == kind:
            continue  # another row, which is a charge of its own
        if increase != 0:
            level = _level(increase or _ZERO, increase is None, subject.around)
            yield hit_of(changed, "a price by event has no bill by quantity to compare", level)


# --- what people read


def comparison_text(comparison: Comparison, currency: str) -> str:
    """Where the bill is dearer or cheaper and by how much: `above 1,000 dearer by up to 2.5 USD`."""
    if not comparison.comparable:
        return f"the package sizes share no short pattern, so the bills in {currency} cannot be compared"
    shown = [_stretch_text(stretch, currency) for stretch in comparison.stretches[:_MOST_STRETCHES_SHOWN]]
    left = len(comparison.stretches) - len(shown)
    return ", ".join(shown) + (f" and {left} more ranges" if left else "")


def _stretch_text(stretch: Stretch, currency: str) -> str:
    if stretch.high is None:
        where = f"above {_plain(stretch.low)}"
    elif stretch.high == stretch.low:
        where = f"at {_plain(stretch.low)}"
    else:
        where = f"{_plain(stretch.low)} to {_plain(stretch.high)}"
    way = "dearer" if stretch.dearer else "cheaper"
    places = "in places " if stretch.in_places else ""
    if stretch.most is None:
        return f"{where} {places}{way}, by {_plain(stretch.per_unit)} {currency} more with each unit"
    return f"{where} {places}{way} by up to {_plain(stretch.most)} {currency}"


def _row_text(charge: _Charge) -> str:
    return f"{charge.row}: " if charge.row else ""


def _plain(value: Fraction) -> str:
    """A number with thousands commas: exactly, or to four decimals where it does not end."""
    text = fraction_text(value)
    if "/" in text:
        text = "about " + fraction_text(Fraction(round_half_up(value, 4), 10**4))
    about, _, number = text.rpartition(" ")
    whole, point, decimals = number.partition(".")
    return f"{about} {int(whole):,}{point}{decimals}".strip()
