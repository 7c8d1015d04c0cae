"""What one subscription pays by the month under given terms, exactly; it knows no subscription, no day, no discount.

Recurring are the fee times the units held, and prepaid quantities. Usage is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from decimal import Decimal
from fractions import Fraction

from planctl.core.catalog.model import AmountRange, Entitlement, PriceRow, Terms
from planctl.core.catalog.selling import charged_in, charges
from planctl.core.periods import Interval
from planctl.core.pricing.model import Billable
from planctl.values import dataclass

ZERO = Fraction(0)
_MONTH = Interval("month")
_RESETS = {"day": Interval("day"), "week": Interval("week"), "month": _MONTH, "never": Interval("once")}


@dataclass(frozen=True, slots=True)
class Paying:
    """How a subscription pays: by which row, in which currency, for how many.

    `units` are of the plan itself; `quantities` are totals of prepaid features, the allowance with them.
    """

    pay: str
    currency: str
    units: int = 1
    quantities: Mapping[str, Decimal] = field(default_factory=dict)


def monthly_amount(terms: Terms, paying: Paying) -> Fraction | None:
    """What recurs, by the month, in major units; None where these terms are not offered that way.

    A fee for other than a month counts by the mean Gregorian month (`Interval.monthly_equivalent`), one that is
    paid once is 0. Not offered is what has no such row, no price in the currency, or one that is still to be
    agreed. Discounts, taxes, minimums and usage are left out.
    Source: planctl billing rules, fees and quantities.
    """
    if terms.free:
        return ZERO
    row = terms.row(paying.pay)
    fee = None if row is None else _fee(terms, row, paying.currency)
    if row is None or fee is None:
        return None
    months = row.interval.monthly_equivalent
    if months is None:
        return ZERO
    prepaid = sum((_prepaid(terms, paying, feature) for feature in paying.quantities), ZERO)
    return (fee * paying.units + prepaid) / months


def carried(terms: Terms, paying: Paying) -> Paying:
    """How it would pay under other terms: as many units and prepaid quantities as these sell, the rest stays behind.

    Source: planctl billing rules, lifecycle (groups) and quantities.
    """
    units = carried_units(terms, paying.units)
    return replace(paying, units=units, quantities=carried_totals(terms, paying.pay, paying.quantities))


def carried_units(terms: Terms, units: int) -> int:
    """How many units of a plan with these terms go on from so many: no fewer and no more than it sells."""
    low, high = terms.quantity
    return min(max(units, low), high)


def carried_totals(terms: Terms, pay: str, totals: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """The totals of prepaid features that go on, as far as these terms sell so many ahead in the row `pay`.

    One that the allowance covers is none.
    """
    kept = {}
    for feature, total in totals.items():
        if not sold_ahead(terms, pay, feature):
            continue
        entry = terms.features[feature]
        up_to = None if entry.beyond is None else entry.beyond.up_to
        most = total if up_to is None else min(total, up_to)
        if entry.included is not None and most > entry.included:
            kept[feature] = most
    return kept


def sold_ahead(terms: Terms, pay: str, feature: str) -> bool:
    """Whether units of a feature above its allowance are bought ahead in the row `pay`."""
    entry = terms.features.get(feature)
    beyond = None if entry is None else entry.beyond
    return beyond is not None and beyond.charge == "prepaid" and beyond.price_for(pay) is not None


def allowance_of(terms: Terms, feature: str, paying: Paying) -> Fraction | None:
    """The units of a feature included in a whole allowance period, with what is bought ahead; None: unlimited."""
    entry = terms.features[feature]
    if not entry.own_allowance:
        return ZERO
    if entry.included is None:
        return None
    total = paying.quantities.get(feature, entry.included)
    return Fraction(entry.included) * paying.units + max(Fraction(total - entry.included), ZERO)


def allowance_interval(entry: Entitlement, pay: str) -> Interval:
    """How often an allowance comes back: by default each billing interval, or each month where that is longer.

    `once` for what is held (seats), and where it never comes back.
    """
    billing = Interval.parse(pay)
    if entry.feature.held:
        return _RESETS["never"]
    if entry.reset == "default":
        return _MONTH if billing.unit != "once" and billing > _MONTH else billing
    return _RESETS.get(entry.reset, billing)


def _fee(terms: Terms, row: PriceRow, currency: str) -> Fraction | None:
    """The fee of one unit for one interval; None where it is not sold in the currency, or for no single price."""
    if charges(terms, row) and currency not in charged_in(terms, str(row.interval)):
        return None
    if row.usage_only:
        return ZERO
    fee = row.fee.get(currency)
    return None if fee is None or isinstance(fee, AmountRange) else Fraction(fee)


def _prepaid(terms: Terms, paying: Paying, feature: str) -> Fraction:
    """What the prepaid units above the allowance cost for one interval."""
    entry = terms.features.get(feature)
    if entry is None or entry.beyond is None or entry.beyond.charge != "prepaid" or entry.included is None:
        return ZERO
    price, total = entry.beyond.price_for(paying.pay), paying.quantities[feature]
    if price is None or total <= entry.included:
        return ZERO
    return price.price(Billable(Fraction(total), Fraction(entry.included)), paying.currency).amount
