"""Rules about money: something is charged, in every currency and row sold, and terms fit each other."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

from planctl.core.catalog.facts import Facts, error, warning
from planctl.core.catalog.model import AmountRange, Entitlement, Plan, PriceRow
from planctl.core.catalog.selling import charges, has_fee, only_once, sold_in
from planctl.core.document import Document
from planctl.core.money import MAX_MINOR, NumberError, decimal_text, fraction_text, parse_decimal
from planctl.findings import Finding


def nothing_charged(facts: Facts) -> Iterator[Finding]:
    """What is not free needs a fee, a usage charge or a prepaid quantity."""
    for plan in facts.plans():
        terms = plan.terms
        charged = any(has_fee(row) for row in terms.rows)
        charged = charged or any(entry.beyond for entry in terms.features.values())
        if not terms.free and not charged:
            message = f"{plan.id} charges nothing"
            hint = "write a fee, beyond a feature's limit, or price: free"
            yield error("nothing-charged", facts.at(plan, "price"), message, hint)


def free_with_charge(facts: Facts) -> Iterator[Finding]:
    """A free plan charges nothing."""
    for plan in facts.plans():
        for feature_id, entry in plan.terms.features.items():
            if plan.terms.free and entry.beyond:
                place = facts.at(plan, f"features.{feature_id}.beyond")
                message = f"{plan.id} is free, yet {feature_id} is charged beyond its limit"
                yield error("free-with-charge", place, message, "write price: {month: usage}")


def charge_currency_missing(facts: Facts) -> Iterator[Finding]:
    """Every charge has a price in every currency the plan is sold in."""
    for plan in facts.plans():
        for row in plan.terms.rows:
            yield from _without_currency(facts, plan, row)


def _without_currency(facts: Facts, plan: Plan, row: PriceRow) -> Iterator[Finding]:
    priced = charges(plan.terms, row)
    if row.usage_only and priced and not sold_in(plan.terms, row):
        message = f"the charges of {plan.id} have no currency in common, so {row.interval} cannot be sold"
        yield error("charge-currency-missing", facts.at(plan, f"price.{row.interval}"), message)
    for feature_id, kind in () if row.usage_only else priced:
        missing = [code for code in row.fee if code not in kind.currencies()]
        if missing:
            place = facts.at(plan, f"features.{feature_id}.beyond")
            message = f"{feature_id} has no price in {', '.join(missing)}, in which {plan.id} is sold"
            hint = f"add {missing[0]} to the charge, or take it out of price.{row.interval}"
            yield error("charge-currency-missing", place, message, hint)


def charge_row_missing(facts: Facts) -> Iterator[Finding]:
    """A charge priced by row names every row of the plan and no other."""
    for plan in facts.plans():
        rows = [str(row.interval) for row in plan.terms.rows]
        for feature_id, entry in plan.terms.features.items():
            prices = entry.beyond.prices if entry.beyond else {}
            if not prices or "" in prices or not rows:
                continue
            place = facts.at(plan, f"features.{feature_id}.beyond")
            for row in prices.keys() - set(rows):
                message = f"{feature_id} is priced for {row}, which is no row of {plan.id}"
                yield error("row-unknown", place, message, "rows: " + ", ".join(rows))
            missing = [row for row in rows if row not in prices]
            if missing:
                message = f"{feature_id} has no price for {', '.join(missing)}"
                yield error("charge-row-missing", place, message, "price every row of the plan")


def prepaid_by_row(facts: Facts) -> Iterator[Finding]:
    """A prepaid price is per billing period, so with several rows it says one for each."""
    for plan in facts.plans():
        rows = [str(row.interval) for row in plan.terms.rows]
        for feature_id, entry in plan.terms.features.items():
            if (
                len(rows) > 1
                and entry.beyond
                and entry.beyond.charge == "prepaid"
                and "" in entry.beyond.prices
            ):
                place = facts.at(plan, f"features.{feature_id}.beyond")
                message = f"{feature_id} is prepaid per billing period, and {plan.id} has {', '.join(rows)}"
                hint = f"write the price by row: {{{rows[0]}: …, {rows[1]}: …}}"
                yield error("prepaid-by-row", place, message, hint)


def tier_below_included(facts: Facts) -> Iterator[Finding]:
    """Tiers count with the allowance included, so the first `to` exceeds it."""
    for plan, feature_id, entry in _charged(facts):
        assert entry.beyond
        for kind in entry.beyond.prices.values():
            bound = kind.first_bound()
            if bound is not None and entry.included is not None and bound <= entry.included:
                place = facts.at(plan, f"features.{feature_id}.beyond.{kind.name}")
                included = decimal_text(entry.included)
                message = f"the first tier ends at {fraction_text(bound)}, but {included} are included"
                hint = "to counts total usage, the included units too"
                yield error("tier-below-included", place, message, hint)
                break


def charge_by_event(facts: Facts) -> Iterator[Finding]:
    """What is priced event by event is charged after use, and its meter adds events up.

    A quantity bought ahead has no events, and of a largest or latest value no events are the first ones.
    """
    for plan, feature_id, entry in _charged(facts):
        assert entry.beyond
        kind = next((kind for kind in entry.beyond.prices.values() if kind.amount_property), None)
        if kind is None:
            continue
        place = facts.at(plan, f"features.{feature_id}.beyond.{kind.name}")
        meter = entry.feature.meter
        if entry.beyond.charge != "usage":
            message = f"{feature_id} is priced by event, so it cannot be bought ahead"
            yield error("charge-by-event", place, message, "write charge: usage")
        if meter.aggregate not in {"sum", "count"} or entry.reset == "never" or meter.rounding:
            what = "rounded" if meter.rounding else "held" if entry.reset == "never" else meter.aggregate
            message = f"{feature_id} is priced by event, but its meter does not add events up ({what})"
            hint = f"define {feature_id} with aggregate: sum or count, without round or reset: never"
            yield error("charge-by-event", place, message, hint)
        for other, spending in plan.terms.features.items():
            if feature_id in spending.spends and not spending.beyond:
                message = (
                    f"{feature_id} is priced by event, and units of {other} that spend it have no amount"
                )
                hint = f"give {other} a price of its own, or take {feature_id} out of what it spends"
                yield error("charge-by-event", place, message, hint)


def up_to_below_included(facts: Facts) -> Iterator[Finding]:
    """`up_to` counts the included units too, so it is not below them."""
    for plan, feature_id, entry in _charged(facts):
        assert entry.beyond
        up_to = entry.beyond.up_to
        if up_to is not None and entry.included is not None and up_to < entry.included:
            place = facts.at(plan, f"features.{feature_id}.beyond.up_to")
            message = f"up_to is {decimal_text(up_to)}, but {decimal_text(entry.included)} are included"
            hint = "up_to is the largest total, the included units too"
            yield error("up-to-below-included", place, message, hint)


def beyond_unlimited(facts: Facts) -> Iterator[Finding]:
    """Nothing lies beyond an unlimited allowance."""
    for plan, feature_id, entry in _charged(facts):
        if entry.included is None:
            place = facts.at(plan, f"features.{feature_id}.beyond")
            message = f"{feature_id} is unlimited, so its price is never charged"
            yield error("beyond-unlimited", place, message, "remove beyond, or write a number")


def _charged(facts: Facts) -> Iterator[tuple[Plan, str, Entitlement]]:
    for plan in facts.plans():
        for feature_id, entry in plan.terms.features.items():
            if entry.beyond:
                yield plan, feature_id, entry


def trial_without_fee(facts: Facts) -> Iterator[Finding]:
    """A free plan and one that is paid once have no trial, and an add-on has its plan's."""
    for plan in facts.plans():
        if plan.terms.trial is None:
            continue
        what = "is free" if plan.terms.free else "is paid once" if only_once(plan.terms) else ""
        if plan.kind != "plan":
            what = "goes with a plan, and costs nothing while that is in its trial"
        if what:
            yield error("trial-useless", facts.at(plan, "trial"), f"{plan.id} {what}", "write trial: none")


def expires_with_units(facts: Facts) -> Iterator[Finding]:
    """Only a pack's units end with a period or with the subscription; a plan or an add-on ends after a time."""
    for plan in facts.plans():
        if plan.kind != "pack" and plan.terms.expires in {"period", "subscription"}:
            message = f"{plan.id} is no pack: expires: {plan.terms.expires} says when units end"
            yield error(
                "expires-useless",
                facts.at(plan, "expires"),
                message,
                "write never, or a time such as 12 months",
            )


def anchor_interval(facts: Facts) -> Iterator[Finding]:
    """A day of the month anchors months and years, not days and weeks."""
    for plan in facts.plans():
        short = [str(row.interval) for row in plan.terms.rows if row.interval.days]
        if plan.terms.anchor.kind == "day" and short:
            message = f"anchor: {plan.terms.anchor} does not fit the row {short[0]}"
            yield error(
                "anchor-interval", facts.at(plan, "anchor"), message, "write anchor: start or calendar"
            )


def minimum_currency(facts: Facts) -> Iterator[Finding]:
    """A plan with a minimum says it for every currency it is sold in."""
    for plan in facts.plans():
        sold = {code for row in plan.terms.rows for code in sold_in(plan.terms, row)}
        missing = sorted(sold - plan.terms.minimum.keys())
        if plan.terms.minimum and missing:
            message = f"{plan.id} has no minimum in {', '.join(missing)}"
            yield warning("minimum-currency", facts.at(plan, "minimum"), message, "add one, 0 for none")


def auto_enable_priced(facts: Facts) -> Iterator[Finding]:
    """A plan given to every new customer should not charge without asking."""
    for plan in facts.plans():
        if plan.offer.auto_enable and any(has_fee(row) for row in plan.terms.rows):
            message = f"every new customer would be charged for {plan.id}, in the currency they have"
            yield warning(
                "auto-enable-priced", facts.at(plan, "auto_enable"), message, "auto-enable a free plan"
            )


def amount_too_large(facts: Facts) -> Iterator[Finding]:
    """No fee, minimum, maximum or price of one unit is beyond 10^15 minor units, which no invoice could hold.

    Source: planctl billing rules, money and rounding.
    """
    for plan in facts.plans():
        for path, code, amount in _amounts(plan):
            currency = facts.catalog.currencies.get(code)
            if currency is None or Fraction(amount) * 10**currency.decimals <= MAX_MINOR:
                continue
            message = f"{plan.id}: {decimal_text(amount)} {code} is more than an amount may be"
            hint = f"write at most {MAX_MINOR // 10**currency.decimals:,} {code}"
            yield error("amount-too-large", facts.at(plan, f"{path}.{code}"), message, hint)


def _amounts(plan: Plan) -> Iterator[tuple[str, str, Decimal]]:
    """Every amount of a plan: the path of its map, the currency, the amount (of a range its end)."""
    for row in plan.terms.rows:
        for code, fee in row.fee.items():
            yield f"price.{row.interval}", code, fee.high if isinstance(fee, AmountRange) else fee
    for path, amounts in (("minimum", plan.terms.minimum), ("maximum", plan.terms.maximum)):
        for code, amount in amounts.items():
            yield path, code, amount
    for feature_id, entry in plan.terms.features.items():
        for row_name, kind in entry.beyond.prices.items() if entry.beyond else ():
            path = f"features.{feature_id}.beyond.{kind.name}" + (f".{row_name}" if row_name else "")
            for below, code, amount in _prices_below(kind.document(), path):
                yield below, code, amount


def _prices_below(value: Document, path: str) -> Iterator[tuple[str, str, Decimal]]:
    """The numbers in the maps of a charge, by the key they stand under; only those under a currency are amounts."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _prices_below(item, f"{path}[{index}]")
    for key, item in value.items() if isinstance(value, dict) else ():
        if isinstance(item, str):
            try:
                yield path, key, parse_decimal(item)
            except NumberError:
                continue  # text such as the property that a percentage is of
        else:
            yield from _prices_below(item, f"{path}.{key}")
