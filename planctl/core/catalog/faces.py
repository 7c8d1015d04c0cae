"""Knows how a plan is shown in one line and in badges, everywhere the same; it prices nothing."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from planctl.core.catalog.model import AmountRange, Entitlement, Feature, Plan, PriceRow
from planctl.core.catalog.selling import charges
from planctl.core.currencies import Currency
from planctl.core.money import format_amount, fraction_text, round_minor
from planctl.core.pricing.kinds.shared import plural, singular
from planctl.core.pricing.model import PriceKind


def badges(plan: Plan, currency: Currency, features: Mapping[str, Feature], row: str = "") -> tuple[str, ...]:
    """What a plan charges, in `currency`: the recurring fee, usage, packs, and how features convert.

    `Recurring · 19.00 USD / month` is the first recurring row with a fee in that currency,
    `Usage · 0.12 USD / minute` the first usage charge, each `Off` where there is none; then
    `Add-on packs · On` and one `1 minute = 10 chats` for each conversion. `features` are the definitions
    that give the units; those of the terms stand in for any that is missing. `row` is the price row that is
    paid (`year`), whose fee and usage prices are shown then; one paid once reads `One-off · 279.00 USD`.
    """
    usage = _usage(plan, currency.code, row)
    unit = _unit(usage[0], plan, features) if usage else ""
    price = usage[1].describe(unit, currency.code) if usage else "Off"
    packs = "On" if plan.terms.packs else "Off"
    return (
        _fee(plan, currency, row),
        f"Usage · {price}",
        f"Add-on packs · {packs}",
        *_conversions(plan, features),
    )


def label(plan: Plan, currency: Currency, features: Mapping[str, Feature] | None = None) -> str:
    """One line wherever a plan is chosen: `Voice - 19.00 USD · 0.12/minute · Monthly`.

    The fee is of the first row with one in that currency, the price of the first usage charge; a plan without
    a fee says the currency with the usage price, a free one says `free`.
    """
    rows = plan.terms.rows
    row = next((row for row in rows if currency.code in row.fee), None)
    parts = [_amount(row, currency)] if row else []
    usage = _usage(plan, currency.code)
    if usage:
        price = usage[1].describe(_unit(usage[0], plan, features or {}), currency.code)
        shown = price.replace(f" {currency.code}", "") if parts else price
        parts.append(shown.replace(" / ", "/"))
    first = row or (rows[0] if rows else None)
    parts.append(first.interval.label if first else "free")
    return f"{plan.offer.name or plan.id} - " + " · ".join(parts)


def _recurring_row(plan: Plan, code: str) -> PriceRow | None:
    recurring = (row for row in plan.terms.rows if row.interval.unit != "once")
    return next((row for row in recurring if code in row.fee), None)


def _fee(plan: Plan, currency: Currency, interval: str) -> str:
    paid = plan.terms.row(interval)
    if paid is None or currency.code not in paid.fee:
        row = None if interval else _recurring_row(plan, currency.code)
    elif paid.interval.unit == "once":
        return f"One-off · {_amount(paid, currency)}"
    else:
        row = paid
    return f"Recurring · {_amount(row, currency)} / {row.interval}" if row else "Recurring · Off"


def _usage(plan: Plan, code: str, interval: str = "") -> tuple[str, PriceKind] | None:
    """The first usage charge in a row, else in the first, with its feature's id; in the order of the ids."""
    paid = plan.terms.row(interval)
    for row in (paid,) if paid else plan.terms.rows[:1]:
        for feature_id, kind in sorted(charges(plan.terms, row), key=lambda charge: charge[0]):
            beyond = plan.terms.features[feature_id].beyond
            if beyond and beyond.charge == "usage" and code in kind.currencies():
                return feature_id, kind
    return None


def _amount(row: PriceRow, currency: Currency) -> str:
    fee = row.fee[currency.code]
    bounds = (fee.low, fee.high) if isinstance(fee, AmountRange) else (fee,)
    minor = (round_minor(Fraction(amount), currency.decimals) for amount in bounds)
    return " to ".join(format_amount(amount, currency) for amount in minor) + f" {currency.code}"


def _unit(feature_id: str, plan: Plan, features: Mapping[str, Feature]) -> str:
    return _definition(feature_id, plan.terms.features.get(feature_id), features).unit


def _definition(feature_id: str, entry: Entitlement | None, features: Mapping[str, Feature]) -> Feature:
    known = features.get(feature_id) or (entry.feature if entry else None)
    return known or Feature(feature_id, "metered", feature_id)


def _conversions(plan: Plan, features: Mapping[str, Feature]) -> tuple[str, ...]:
    """`1 minute = 10 chats`; turned round where one unit spends several: `1 call = 2 minutes`."""
    lines = []
    for feature_id, entry in sorted(plan.terms.features.items()):
        mine = _unit(feature_id, plan, features)
        for target, ratio in sorted(entry.spends.items()):
            theirs = _definition(target, plan.terms.features.get(target), features).unit
            if ratio <= 1:
                lines.append(f"1 {singular(theirs)} = {_count(1 / ratio, mine)}")
            else:
                lines.append(f"1 {singular(mine)} = {_count(ratio, theirs)}")
    return tuple(lines)


def _count(count: Fraction, unit: str) -> str:
    return f"{fraction_text(count)} {singular(unit) if count == 1 else plural(unit)}"
