"""Writes each catalog value as its canonical document: defaults explicit, numbers as plain decimal strings.

The documents have the structure of the YAML, so `node_of` and the parser read them back to equal values.
"""

from __future__ import annotations

from collections.abc import Mapping as Map
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from planctl.core.catalog.model import (
    AmountRange,
    Beyond,
    Coupon,
    Entitlement,
    Example,
    Feature,
    Group,
    OnlyFor,
    Plan,
    Policy,
    PriceRow,
    TaxRate,
    Terms,
    Trial,
)
from planctl.core.catalog.parse_features import UNLIMITED
from planctl.core.catalog.parse_plans import NO_GROUP
from planctl.core.currencies import Currency
from planctl.core.document import Document
from planctl.core.money import decimal_text, fraction_text
from planctl.core.pricing.kinds import beside_document

Object = dict[str, Document]
"""A document that is a map, as those of all catalog objects are."""


# --- plans


def plan_document(plan: Plan) -> Object:
    """A plan's whole document: its offer and its terms, without `archived`, which is a flag of the store."""
    offer = plan.offer
    return {
        "name": offer.name,
        "description": offer.description,
        "visibility": offer.visibility,
        "recommended": offer.recommended,
        "auto_enable": offer.auto_enable,
        "only_for": _only_for(offer.only_for),
        "metadata": dict(offer.metadata),
        **terms_document(plan.terms),
    }


def terms_document(terms: Terms) -> Object:
    """The terms a subscription snapshots, under the keys of the catalog format."""
    document: Object = {
        "price": "free" if terms.free else {str(row.interval): _row(row) for row in terms.rows},
        "group": terms.group or NO_GROUP,
        "features": {feature_id: _entitlement(entry) for feature_id, entry in terms.features.items()},
        "due": _days(terms.due_days),
        "grace": "never" if terms.grace_days is None else _days(terms.grace_days),
        "on_past_due": terms.on_past_due,
        "on_blocked": terms.on_blocked,
        "renewal_anchor": terms.renewal_anchor,
        "anchor": str(terms.anchor),
        "proration": terms.proration,
        "bill": terms.bill,
        "settle": terms.settle,
        "decrease": terms.decrease,
        "pause": terms.pause,
        "packs": terms.packs,
        "minimum": prices_document(terms.minimum),
        "maximum": prices_document(terms.maximum),
        "trial": _trial(terms.trial),
        "expires": terms.expires,
        "quantity": _range(terms.quantity),
        "requires": list(terms.requires),
    }
    if terms.wallet:
        document["wallet"] = prices_document(terms.wallet)
    return document


def _row(row: PriceRow) -> Document:
    if row.usage_only:
        return "usage"
    return {code: amount_text(fee) for code, fee in row.fee.items()}


def amount_text(amount: Decimal | AmountRange) -> str:
    """`49`, or `900..9000` for a range."""
    if isinstance(amount, AmountRange):
        return f"{decimal_text(amount.low)}..{decimal_text(amount.high)}"
    return decimal_text(amount)


def _entitlement(entry: Entitlement) -> Document:
    if entry.feature.type == "boolean":
        return entry.granted
    if entry.feature.type == "list":
        return {"values": list(entry.values)}
    document: Object = {
        "reset": entry.reset,
        "rollover": entry.rollover or "none",
        "prorate_allowance": entry.prorate_allowance,
        "late": entry.late,
        "spends": spends_document(entry.spends),
    }
    if entry.own_allowance:
        document["included"] = UNLIMITED if entry.included is None else decimal_text(entry.included)
    if entry.beyond:
        document["beyond"] = beyond_document(entry.beyond)
    return document


def beyond_document(beyond: Beyond) -> Object:
    """What is charged past the included amount; prices that differ by row stand below their row."""
    document: Object = {"charge": beyond.charge}
    for row, kind in beyond.prices.items():
        if row == "":
            document[kind.name] = kind.document()
        else:
            rows = document.setdefault(kind.name, {})
            assert isinstance(rows, dict)
            rows[row] = kind.document()
        document |= beside_document(kind)
    if beyond.up_to is not None:
        document["up_to"] = decimal_text(beyond.up_to)
    return document


def _trial(trial: Trial | None) -> Document:
    if trial is None:
        return "none"
    return {"days": str(trial.days), "card": trial.card, "once_per": list(trial.once_per)}


def _only_for(allowed: OnlyFor | None) -> Document:
    if allowed is None:
        return "none"
    document: Object = {}
    if allowed.emails:
        document["emails"] = list(allowed.emails)
    if allowed.domains:
        document["domains"] = list(allowed.domains)
    if allowed.list:
        document["list"] = allowed.list
    return document


def _days(days: int) -> str:
    return "1 day" if days == 1 else f"{days} days"


def _range(bounds: tuple[int, int]) -> str:
    low, high = bounds
    return str(low) if low == high else f"{low}..{high}"


def prices_document(prices: Map[str, Decimal]) -> Object:
    """Numbers by key as decimal strings."""
    return {key: decimal_text(value) for key, value in prices.items()}


def spends_document(spends: Map[str, Fraction]) -> Object:
    """Ratios by feature: `0.1`, or `1/3` where that is no decimal of at most 12 places."""
    return {feature_id: _ratio(ratio) for feature_id, ratio in spends.items()}


def _ratio(ratio: Fraction) -> str:
    text = fraction_text(ratio)
    _, _, decimals = text.partition(".")
    return text if len(decimals) <= 12 else f"{ratio.numerator}/{ratio.denominator}"


# --- everything else


def feature_document(feature: Feature) -> Object:
    """A feature's definition; a metered one names its meter; `round` and `reset` only where it has them."""
    document: Object = {"type": feature.type, "name": feature.name}
    if feature.type == "list":
        document["values"] = list(feature.values)
    if feature.type == "metered":
        document |= {
            "unit": feature.unit,
            "event": feature.meter.event,
            "aggregate": feature.meter.aggregate,
            "value": feature.meter.value,
            "where": dict(feature.meter.where),
            "spends": spends_document(feature.spends),
        }
        rounding = feature.meter.rounding
        if rounding is not None:
            document["round"] = {"to": str(rounding.digits), "mode": rounding.mode}
        if feature.reset is not None:
            document["reset"] = feature.reset
    return document


def metering_document(feature: Feature, with_spends: bool) -> Object:
    """What of a definition changes amounts or access: neither its name nor which values a list may have.

    `spends` is left out where the plan's own entry says it.
    """
    document = feature_document(replace(feature, name="", values=()))
    return {key: value for key, value in document.items() if key not in _shown_only(with_spends)}


def _shown_only(with_spends: bool) -> frozenset[str]:
    return frozenset({"name", "values"} if with_spends else {"name", "values", "spends"})


def group_document(group: Group) -> Object:
    """A group of plans."""
    return {
        "name": group.name,
        "exclusive": group.exclusive,
        "order": list(group.order),
        "switch": {"up": group.switch_up, "down": group.switch_down},
    }


def currency_document(currency: Currency) -> Object:
    """A currency with its decimals, ISO or not."""
    return {"name": currency.name, "decimals": str(currency.decimals), "iso": currency.iso}


def tax_document(tax: TaxRate) -> Object:
    """A tax with its dated rates."""
    return {
        "name": tax.name,
        "country": tax.country,
        "rate": {from_on.isoformat(): percent_text(rate) for from_on, rate in tax.rates},
        "included": tax.included,
    }


def coupon_document(coupon: Coupon) -> Object:
    """A coupon; `until` and `max` only where it has them."""
    periods = coupon.periods
    document: Object = {
        "off": prices_document(coupon.amounts) if coupon.percent is None else percent_text(coupon.percent),
        "for": "forever" if periods is None else "once" if periods == 1 else f"{periods} periods",
        "plans": list(coupon.plans),
    }
    if coupon.until is not None:
        document["until"] = coupon.until.isoformat()
    if coupon.max_redemptions is not None:
        document["max"] = str(coupon.max_redemptions)
    return document


def example_document(example: Example) -> Object:
    """A price example; a free plan has no `pay`."""
    document: Object = {
        "plan": example.plan,
        "in": example.currency,
        "use": prices_document(example.use) | _amounts_document(example.events),
        "bill": decimal_text(example.bill),
    }
    if example.pay:
        document["pay"] = example.pay
    return document


def _amounts_document(events: Map[str, tuple[Decimal, ...]]) -> Object:
    return {key: [decimal_text(amount) for amount in amounts] for key, amounts in events.items()}


def policy_document(policy: Policy) -> Object:
    """Levels by rule id and the thresholds, those that are set."""
    document: Object = {
        "levels": dict(policy.levels),
        "max_price_change": percent_text(policy.max_price_change),
    }
    if policy.max_subscribers_touched is not None:
        document["max_subscribers_touched"] = str(policy.max_subscribers_touched)
    if policy.max_mrr_at_risk:
        document["max_mrr_at_risk"] = prices_document(policy.max_mrr_at_risk)
    return document


def percent_text(fraction: Decimal) -> str:
    """A fraction of 1 as a percentage: 0.029 is `2.9%`."""
    return decimal_text(fraction.scaleb(2)) + "%"
