"""The lines of fees, prepaid quantities and minimums, each rounded once. It decides neither when nor whether.

Source: planctl billing rules, money and rounding, fees.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from planctl.core.document import Document
from planctl.core.invoicing.model import Line, LineKind
from planctl.core.money import allocate, decimal_text, fraction_text, round_minor
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
from planctl.core.pricing.model import Billable, Priced
from planctl.core.pricing.prorate import prorated
from planctl.core.subscriptions.dues import Due, gives_back_at_pause
from planctl.core.subscriptions.model import QuantityStep, Subscription
from planctl.values import dataclass

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
    """The fee and the prepaid quantities of one billing period; of its rest from `resumed_at` on, after a block.

    Charged is what is in force when the period begins. Steps within it that were charged on their own are left
    out; in arrears those that were not follow, each for the rest of the period that it held, and pauses are left out.
    """
    from_at = lines_begin(due, resumed_at)
    if subscription.terms.bill != "in arrears" or subscription.pay == "once":
        part = share(subscription, from_at, due.period, due.full)
        yield from _begun_with(subscription, due, part, names, resumed_at)
        return
    yield from _begun_with(subscription, due, _in_service(subscription, from_at, due), names, resumed_at)
    later = list(_later_steps(subscription, due, from_at, names))
    yield from later
    yield from _paused_off(subscription, due, later)


def lines_begin(due: Due, resumed_at: Instant | None) -> Instant:
    """From when on a billing period is charged for."""
    return due.period.starts_at if resumed_at is None else resumed_at


def _begun_with(
    subscription: Subscription, due: Due, part: Share, names: Names, resumed_at: Instant | None
) -> Iterator[Line]:
    """The fee and the prepaid quantities in force when the period begins, for a part of it."""
    row = subscription.row
    assert row is not None, f"{subscription.id}: a free plan owes no fee"
    from_at = lines_begin(due, resumed_at)
    held = as_begun(subscription, from_at)
    if not row.usage_only:
        yield _fee_line(held, due, part, names, resumed_at)
    for feature, quantity in sorted(held.quantities.items()):
        line = _quantity_line(held, due, part, names, (feature, quantity))
        if line is not None:
            yield replace(line, starts_at=from_at)


def _paused_off(subscription: Subscription, due: Due, lines: Sequence[Line]) -> Iterator[Line]:
    """What pauses take off quantities bought within a period that is charged at its end, by each line's own share."""
    if not gives_back_at_pause(subscription):
        return
    pauses = [span for span in subscription.blocked if span.kind == "paused"]
    for number, span in enumerate(pauses, start=1):
        for line in lines:
            begins, ends_at = max(span.starts_at, line.starts_at), line.ends_at
            if ends_at is not None and span.ends_at is not None:
                ends_at = min(ends_at, span.ends_at)
            if ends_at is None or begins >= ends_at:
                continue
            part = share(subscription, Instant(begins), Period(due.index, Instant(begins), ends_at), due.full)
            served = Period(due.index, line.starts_at, line.ends_at)
            whole = share(subscription, line.starts_at, served, due.full)
            decimals = subscription.currency.decimals
            exact = -Fraction(line.amount_minor) * (part.part / whole.part) / 10**decimals
            yield replace(
                line,
                kind="proration_credit",
                charge_key=f"{line.charge_key}:pause:{number}",
                description=_described(line.description.rpartition(" · ")[0], "paused", part),
                quantity=Fraction(1),
                unit_price=None,
                amount_minor=round_minor(exact, decimals),
                starts_at=Instant(begins),
                ends_at=ends_at,
                detail=_detail(exact, part),
            )


def as_begun(subscription: Subscription, at: Instant) -> Subscription:
    """The subscription with the quantities in force when a period begins at `at`, and no steps.

    A step of that very instant that was charged on its own came after the period's fee, and is not among them.
    """
    if not subscription.steps:
        return subscription
    before = tuple(
        step for step in subscription.steps if step.at < at or (step.at == at and not step.charged)
    )
    held = replace(subscription, steps=before)
    return replace(held, quantity=held.quantity_at(at), quantities=held.quantities_at(at), steps=())


def _later_steps(subscription: Subscription, due: Due, from_at: Instant, names: Names) -> Iterator[Line]:
    for step in sorted(subscription.steps, key=lambda step: (step.at, step.seq)):
        ends_at = due.period.ends_at
        within = due.period.starts_at < step.at and (ends_at is None or step.at < ends_at)
        if within and not step.charged:
            since = Instant(max(step.at, from_at))
            line = step_line(subscription, step, replace(due.period, starts_at=since), due.full, names)
            if line is not None:
                yield replace(line, charge_key=f"{line.charge_key}:{step.seq}")


def step_line(
    subscription: Subscription, step: QuantityStep, period: Period, full: Period, names: Names
) -> Line | None:
    """What a step of a quantity costs from the start of `period` to its end; below zero for what it gives back.

    The price of the new total less that of the old one, times the share of `full`: so that tiers are right.
    None where it comes to nothing.
    """
    before = _before(subscription, step)
    after = replace(before, steps=(step,))
    part = share(subscription, period.starts_at, period, full)
    if step.feature:
        totals = before.quantities_at(step.at), after.quantities_at(step.at)
        exact = _prepaid(after, step.feature, totals[1]) - _prepaid(before, step.feature, totals[0])
        held = totals[0].get(step.feature, subscription.terms.features[step.feature].included or Decimal(0))
        added = Fraction(step.total - held)
        name = names.get(f"features.{step.feature}", step.feature)
    else:
        added = Fraction(after.quantity_at(step.at) - before.quantity_at(step.at))
        exact = added * _unit_fee(subscription)
        name = _plan_name(subscription, names)
    exact *= part.part
    amount = round_minor(exact, subscription.currency.decimals)
    if not amount:
        return None
    more = f"{'+' if added > 0 else ''}{fraction_text(added)}"
    return Line(
        kind="proration_charge" if amount > 0 else "proration_credit",
        subscription=subscription.id,
        plan=subscription.plan,
        plan_version=subscription.plan_version,
        charge_key=f"quantity:{step.feature}" if step.feature else "fee",
        service_index=full.index,
        description=_described(name, more, part),
        quantity=added,
        unit_price=None if step.feature else _unit_fee(subscription),
        amount_minor=amount,
        starts_at=period.starts_at,
        ends_at=period.ends_at,
        feature=step.feature,
        detail=_detail(exact, part),
    )


def _before(subscription: Subscription, step: QuantityStep) -> Subscription:
    """The subscription with what was in force just before a step, and no steps."""
    earlier = tuple(one for one in subscription.steps if (one.at, one.seq) < (step.at, step.seq))
    held = replace(subscription, steps=earlier)
    return replace(held, quantity=held.quantity_at(step.at), quantities=held.quantities_at(step.at), steps=())


def _unit_fee(subscription: Subscription) -> Fraction:
    """The fee of one unit for a whole period; 0 where the row has none."""
    row = subscription.row
    price = Decimal(0) if row is None or row.usage_only else row.fee[subscription.currency.code]
    assert isinstance(price, Decimal), f"{subscription.id}: the price was never agreed"
    return Fraction(price)


def _prepaid(subscription: Subscription, feature: str, totals: Mapping[str, Decimal]) -> Fraction:
    """What a total of a prepaid feature costs for a whole period, exact."""
    entitlement = subscription.terms.features[feature]
    priced = _priced(subscription, feature, totals.get(feature, entitlement.included or Decimal(0)))
    return Fraction(0) if priced is None else priced.amount


def _priced(subscription: Subscription, feature: str, total: Decimal) -> Priced | None:
    """The price of a total of a prepaid feature; None where the allowance covers it or nothing is prepaid."""
    entitlement = subscription.terms.features[feature]
    beyond = entitlement.beyond
    price = beyond.price_for(subscription.pay) if beyond is not None and beyond.charge == "prepaid" else None
    if price is None or entitlement.included is None or total <= entitlement.included:
        return None
    return price.price(Billable(Fraction(total), Fraction(entitlement.included)), subscription.currency.code)


def minimum_lines(
    subscription: Subscription,
    due: Due,
    fee_and_usage_minor: int,
    names: Names,
    resumed_at: Instant | None = None,
) -> Iterator[Line]:
    """What is short of the minimum in a billing period, in one line; nothing where enough was charged.

    The minimum is prorated like a fee in a partial period, without pauses whose time is credited, and rounded once,
    with what was charged taken off.
    `fee_and_usage_minor` is what the period's fee, quantities and usage came to, before discounts and tax.
    Source: planctl billing rules, fees.
    """
    whole = subscription.terms.minimum[subscription.currency.code]
    from_at = due.period.starts_at if resumed_at is None else resumed_at
    part = _in_service(subscription, from_at, due)
    decimals = subscription.currency.decimals
    exact = prorated(whole, part.part) - Fraction(fee_and_usage_minor, 10**decimals)
    amount = round_minor(exact, decimals)
    if amount <= 0:
        return
    compared: dict[str, Document] = {
        "minimum": decimal_text(whole),
        "charged": fraction_text(Fraction(fee_and_usage_minor, 10**decimals)),
    }
    yield Line(
        kind="minimum",
        subscription=subscription.id,
        plan=subscription.plan,
        plan_version=subscription.plan_version,
        charge_key="minimum",
        service_index=due.index,
        description=_described(_plan_name(subscription, names), "minimum", part),
        quantity=Fraction(1),
        unit_price=None,
        amount_minor=amount,
        starts_at=from_at,
        ends_at=due.period.ends_at,
        detail=_detail(exact, part) | compared,
    )


def _in_service(subscription: Subscription, from_at: Instant, due: Due) -> Share:
    """The part of a billing period from `from_at` on, less the pauses in it that give back what was charged ahead."""
    part = share(subscription, from_at, due.period, due.full)
    ends_at = due.period.ends_at
    if ends_at is None or due.full.ends_at is None or not gives_back_at_pause(subscription):
        return part
    paused = Fraction(0)
    for span in subscription.blocked:
        begins = Instant(max(span.starts_at, from_at))
        over = ends_at if span.ends_at is None else Instant(min(span.ends_at, ends_at))
        if span.kind == "paused" and begins < over:
            paused += share(subscription, begins, Period(due.index, begins, over), due.full).part
    if not paused:
        return part
    days = days_between(
        local_date(due.full.starts_at, zone(subscription.timezone)),
        local_date(due.full.ends_at, zone(subscription.timezone)),
    )
    by_day = subscription.terms.proration == "day"
    left = part.part - paused
    return Share(left, f"{left * days} of {days} days" if by_day else "by the second")


def capped(
    lines: Sequence[Line], subscription: Subscription, due: Due, usage_before_minor: int
) -> tuple[Line, ...]:
    """The same lines, those of usage reduced so that the billing period's usage stays within the `maximum`.

    `usage_before_minor` is what earlier closings of the same billing period charged for usage. The reduction
    is shared by largest remainder; a reduced line keeps its own amount in its detail (`uncapped`). The maximum is
    whole in a partial period too, as an allowance is.
    """
    limit = subscription.terms.maximum.get(subscription.currency.code)
    places = [place for place, line in enumerate(lines) if line.kind == "usage" and line.amount_minor > 0]
    charged = [lines[place].amount_minor for place in places]
    if limit is None:
        return tuple(lines)
    left = max(round_minor(Fraction(limit), subscription.currency.decimals) - usage_before_minor, 0)
    if sum(charged) <= left:
        return tuple(lines)
    reduced = list(lines)
    for place, amount in zip(places, allocate(left, charged), strict=True):
        line = lines[place]
        detail = line.detail if isinstance(line.detail, dict) else {}
        uncapped = fraction_text(Fraction(line.amount_minor, 10**subscription.currency.decimals))
        told = {**detail, "uncapped": uncapped, "maximum": decimal_text(limit)}
        reduced[place] = replace(line, amount_minor=amount, detail=told)
    return tuple(reduced)


def _fee_line(
    subscription: Subscription, due: Due, part: Share, names: Names, resumed_at: Instant | None
) -> Line:
    row = subscription.row
    assert row is not None
    price = row.fee[subscription.currency.code]
    assert isinstance(price, Decimal), f"{subscription.id}: the price was never agreed"
    exact = prorated(price, part.part, subscription.quantity)
    interval = Interval.parse(subscription.pay)
    regular: LineKind = "addon" if subscription.terms.kind == "addon" else "fee"
    if interval.unit == "once":
        regular = "one_off"
    changed = (
        bool(subscription.follows) and due.period.starts_at == subscription.started_at and bool(part.text)
    )
    return Line(
        kind="proration_charge" if resumed_at is not None or changed else regular,
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
    priced = _priced(subscription, feature, total)
    if priced is None:
        return None
    included = subscription.terms.features[feature].included
    assert included is not None
    exact = priced.amount * part.part
    extra = Fraction(total) - Fraction(included)
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


def _plan_name(subscription: Subscription, names: Names) -> str:
    section = "plans" if subscription.terms.kind == "plan" else "addons"
    return names.get(f"{section}.{subscription.plan}", subscription.plan)


def _described(name: str, what: str, part: Share) -> str:
    return f"{name} · {what}" + (f" ({part.text})" if part.text else "")


def _detail(exact: Fraction, part: Share) -> dict[str, Document]:
    return {"exact": fraction_text(exact), "share": fraction_text(part.part), "share_text": part.text}
