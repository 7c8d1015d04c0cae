"""The lines of what fell due on one subscription, each rounded once. It decides neither when nor whether to bill.

Source: planctl billing rules, money and rounding, rating, fees.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from planctl.core.catalog.model import Entitlement
from planctl.core.document import Document
from planctl.core.invoicing.model import Line, Totals, UsageClaim, UsageWindow
from planctl.core.money import fraction_text, round_minor
from planctl.core.periods import (
    Instant,
    Interval,
    Period,
    day_fraction,
    days_between,
    local_date,
    second_fraction,
    zone,
)
from planctl.core.pools import Pool, allowance_of, drain
from planctl.core.pricing.model import Billable
from planctl.core.pricing.prorate import prorated
from planctl.core.pricing.rate import FeatureUsage, RatedUsage, rate
from planctl.core.subscriptions.dues import Due, billed_features, usage_part
from planctl.core.subscriptions.model import Subscription

Names = Mapping[str, str]
"""What plans and features are called today, by address (`plans.pro`, `features.minutes`); ids where absent."""


@dataclass(frozen=True, slots=True)
class Share:
    """Which part of a whole period is charged, and how to say it; 1 and an empty text for a whole one."""

    part: Fraction
    text: str = ""


def share(subscription: Subscription, from_at: Instant, period: Period, full: Period) -> Share:
    """The part of `full` from `from_at` to the end of `period`, by the subscription's proration term."""
    if period.ends_at is None or full.ends_at is None:
        return Share(Fraction(1))
    if (from_at, period.ends_at) == (full.starts_at, full.ends_at):
        return Share(Fraction(1))
    tz = zone(subscription.timezone)
    if subscription.terms.proration == "none":
        return Share(Fraction(1))
    if subscription.terms.proration == "second":
        return Share(second_fraction(from_at, period, full), "by the second")
    part = day_fraction(from_at, period, full, tz)
    whole = days_between(local_date(full.starts_at, tz), local_date(full.ends_at, tz))
    return Share(part, f"{part * whole} of {whole} days")


def fee_lines(
    subscription: Subscription, due: Due, names: Names, *, resumed_at: Instant | None = None
) -> Iterator[Line]:
    """The fee and the prepaid quantities of one billing period; of its rest from `resumed_at` on, after a block."""
    row = subscription.row
    assert row is not None, f"{subscription.id}: a free plan owes no fee"
    from_at = due.period.starts_at if resumed_at is None else resumed_at
    part = share(subscription, from_at, due.period, due.full)
    if not row.usage_only:
        yield _fee_line(subscription, due, part, names, resumed_at)
    for feature, quantity in sorted(subscription.quantities.items()):
        line = _quantity_line(subscription, due, part, names, (feature, quantity))
        if line is not None:
            yield replace(line, starts_at=from_at)


def _fee_line(
    subscription: Subscription, due: Due, part: Share, names: Names, resumed_at: Instant | None
) -> Line:
    row = subscription.row
    assert row is not None
    price = row.fee[subscription.currency.code]
    assert isinstance(price, Decimal), f"{subscription.id}: the price was never agreed"
    exact = prorated(price, part.part, subscription.quantity)
    interval = Interval.parse(subscription.pay)
    once = interval.unit == "once"
    return Line(
        kind="one_off" if once else "proration_charge" if resumed_at is not None else "fee",
        subscription=subscription.id,
        plan=subscription.plan,
        plan_version=subscription.plan_version,
        charge_key="fee",
        service_index=due.index,
        description=_described(_plan_name(subscription, names), interval.label, part),
        quantity=Fraction(subscription.quantity),
        unit_price=Fraction(price),
        amount_minor=round_minor(exact, subscription.currency.decimals),
        starts_at=due.period.starts_at if resumed_at is None else resumed_at,
        ends_at=due.period.ends_at,
        detail=_detail(exact, part),
    )


def _quantity_line(
    subscription: Subscription, due: Due, part: Share, names: Names, bought_total: tuple[str, Decimal]
) -> Line | None:
    """The line of a prepaid quantity; None where the allowance covers it or nothing is prepaid."""
    feature, total = bought_total
    entitlement = subscription.terms.features[feature]
    beyond = entitlement.beyond
    price = beyond.price_for(subscription.pay) if beyond is not None and beyond.charge == "prepaid" else None
    if price is None or entitlement.included is None or total <= entitlement.included:
        return None
    priced = price.price(
        Billable(Fraction(total), Fraction(entitlement.included)), subscription.currency.code
    )
    exact = priced.amount * part.part
    extra = Fraction(total) - Fraction(entitlement.included)
    simple = len(priced.parts) == 1 and priced.parts[0].quantity == extra
    return Line(
        kind="quantity",
        subscription=subscription.id,
        plan=subscription.plan,
        plan_version=subscription.plan_version,
        charge_key=f"quantity:{feature}",
        service_index=due.index,
        description=_described(names.get(f"features.{feature}", feature), "prepaid", part),
        quantity=extra,
        unit_price=priced.parts[0].unit_price if simple else None,
        amount_minor=round_minor(exact, subscription.currency.decimals),
        starts_at=due.period.starts_at,
        ends_at=due.period.ends_at,
        feature=feature,
        detail=_detail(exact, part),
    )


def windows(subscription: Subscription, due: Due) -> tuple[UsageWindow, ...]:
    """The quantities needed to bill a closing allowance period: its paying features and what spends them."""
    if due.part == "fee":
        return ()
    assert due.period.ends_at is not None
    needed: dict[str, None] = {}
    for payer in payers_of(subscription, due):
        needed[payer] = None
        needed.update(dict.fromkeys(feeders(subscription.terms.features, payer)))
    return tuple(
        UsageWindow(
            (subscription.id, feature, due.index),
            subscription.customer,
            feature,
            due.period.starts_at,
            due.period.ends_at,
        )
        for feature in needed
    )


def feeders(features: Mapping[str, Entitlement], target: str) -> tuple[str, ...]:
    """The features whose units draw on `target`, directly or through others, in the terms' order."""
    found: dict[str, None] = {}
    for feature, entitlement in features.items():
        if entitlement.feature.type == "metered" and target in allowance_of(entitlement).spends:
            found[feature] = None
            found.update(dict.fromkeys(feeders(features, feature)))
    return tuple(found)


def usage_lines(
    subscription: Subscription, due: Due, totals: Totals, names: Names
) -> tuple[tuple[Line, ...], tuple[UsageClaim, ...]]:
    """The usage lines (those that are not zero) and the claims of one closed allowance period."""
    used = {window.feature: totals.get(window.key, Fraction(0)) for window in windows(subscription, due)}
    drained = pools(subscription, used)
    lines, claims = [], []
    for feature in payers_of(subscription, due):
        rated = rated_feature(subscription, drained[feature])
        claims.append(_claim(subscription, due, feature, rated))
        if rated.amount_minor:
            lines.append(
                usage_line(
                    subscription, due, names.get(f"features.{feature}", feature), drained[feature], rated
                )
            )
    return tuple(lines), tuple(claims)


def pools(subscription: Subscription, used: Mapping[str, Fraction]) -> dict[str, Pool]:
    """One pool per metered feature that the subscription grants, after draining what was used."""
    return drain(
        {
            feature: allowance_of(entitlement, bought(subscription, feature))
            for feature, entitlement in subscription.terms.features.items()
            if entitlement.feature.type == "metered" and entitlement.granted
        },
        used,
    )


def bought(subscription: Subscription, feature: str) -> Fraction:
    """The prepaid units above the allowance: `quantities` are totals with the allowance."""
    included = subscription.terms.features[feature].included
    total = subscription.quantities.get(feature)
    return Fraction(0) if included is None or total is None else max(Fraction(total - included), Fraction(0))


def rated_feature(subscription: Subscription, pool: Pool) -> RatedUsage:
    """One paying feature's usage in one allowance period, rated on the subscription's terms."""
    beyond = subscription.terms.features[pool.feature].beyond
    price = beyond.price_for(subscription.pay) if beyond is not None and beyond.charge == "usage" else None
    return rate(
        FeatureUsage(
            quantity=pool.kept,
            included=pool.included,
            price=price,
            up_to=None if beyond is None or beyond.up_to is None else Fraction(beyond.up_to),
        ),
        subscription.currency.code,
        subscription.currency.decimals,
    )


def payers_of(subscription: Subscription, due: Due) -> tuple[str, ...]:
    """The features billed when this allowance period closes."""
    for reset, features in billed_features(subscription).items():
        if usage_part(subscription, reset) == due.part:
            return features
    raise AssertionError(f"{subscription.id}: no feature settles as {due.part}")


def _claim(subscription: Subscription, due: Due, feature: str, rated: RatedUsage) -> UsageClaim:
    assert due.period.ends_at is not None
    return UsageClaim(
        subscription.id,
        feature,
        due.index,
        due.period.starts_at,
        due.period.ends_at,
        max(rated.quantity, Fraction(0)),
        rated.included,
        rated.wallet,
        rated.excess,
        rated.over_limit,
    )


def usage_line(subscription: Subscription, due: Due, name: str, pool: Pool, rated: RatedUsage) -> Line:
    """The line of one paying feature's excess; `name` is what the feature is called today."""
    feature = pool.feature
    parts = rated.parts
    simple = len(parts) == 1 and parts[0].quantity == rated.excess
    return Line(
        kind="usage",
        subscription=subscription.id,
        plan=subscription.plan,
        plan_version=subscription.plan_version,
        charge_key=f"usage:{feature}",
        service_index=due.index,
        description=f"{name} · {_price_text(subscription, feature)}",
        quantity=rated.excess,
        unit_price=parts[0].unit_price if simple else None,
        amount_minor=rated.amount_minor,
        starts_at=due.period.starts_at,
        ends_at=due.period.ends_at,
        feature=feature,
        detail=_usage_detail(pool, rated),
    )


def _price_text(subscription: Subscription, feature: str) -> str:
    """How the excess is priced, such as `0.50 USD / 1,000 calls`."""
    entitlement = subscription.terms.features[feature]
    price = entitlement.beyond.price_for(subscription.pay) if entitlement.beyond is not None else None
    assert price is not None, f"{subscription.id}: {feature} is billed without a price"
    return price.describe(entitlement.feature.unit or feature, subscription.currency.code)


def _plan_name(subscription: Subscription, names: Names) -> str:
    section = "plans" if subscription.terms.kind == "plan" else "addons"
    return names.get(f"{section}.{subscription.plan}", subscription.plan)


def _described(name: str, what: str, part: Share) -> str:
    return f"{name} · {what}" + (f" ({part.text})" if part.text else "")


def _detail(exact: Fraction, part: Share) -> Document:
    return {"exact": fraction_text(exact), "share": fraction_text(part.part), "share_text": part.text}


def _usage_detail(pool: Pool, rated: RatedUsage) -> Document:
    """What `invoice explain` needs: totals per feature, who paid for them, every tier with its exact amount."""
    return {
        "exact": fraction_text(rated.exact),
        "quantity": fraction_text(rated.quantity),
        "included": fraction_text(rated.included),
        "wallet": fraction_text(rated.wallet),
        "over_limit": fraction_text(rated.over_limit),
        "own": fraction_text(pool.own),
        "drawn": [
            {
                "feature": draw.feature,
                "quantity": fraction_text(draw.quantity),
                "units": fraction_text(draw.units),
            }
            for draw in pool.drawn
        ],
        "parts": [
            {
                "label": part.label,
                "quantity": fraction_text(part.quantity),
                "unit_price": fraction_text(part.unit_price),
                "amount": fraction_text(part.amount),
            }
            for part in rated.parts
        ],
    }
