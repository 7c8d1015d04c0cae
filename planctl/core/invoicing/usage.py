"""Closing allowance periods: who paid for what was used, and the lines of what nobody else paid, each rounded once.

Source: planctl billing rules, rating a feature for one allowance period.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from planctl.core.catalog.model import Entitlement, Terms
from planctl.core.document import Document
from planctl.core.draining import Account, Drained, PoolKey, carried_on, drain
from planctl.core.invoicing.fees import Names
from planctl.core.invoicing.lineup import Course, LineUp, windows_of
from planctl.core.invoicing.members import by_customer_document, used_by, windows_of_accounts
from planctl.core.invoicing.model import Amounts, ByChild, EventAmount, Line, Totals, UsageClaim, UsageWindow
from planctl.core.money import fraction_text, plus
from planctl.core.periods import Instant
from planctl.core.pricing.kinds.each import Each
from planctl.core.pricing.model import PriceKind
from planctl.core.pricing.rate import FeatureUsage, RatedUsage, rate
from planctl.core.subscriptions.dues import Due, closed_features, usage_part
from planctl.core.subscriptions.model import Subscription
from planctl.core.wallets import posted
from planctl.values import dataclass

ZERO = Fraction(0)


@dataclass(slots=True)
class Book:
    """What a customer's closings need, and what they use up: `lefts` is what each grant has left.

    `lineup.rolled` grows by what rolls over. Everything else is only read.
    """

    lineup: LineUp
    totals: Totals
    amounts: Amounts = field(default_factory=dict)
    lefts: dict[str, Fraction] = field(default_factory=dict)
    by_child: ByChild = field(default_factory=dict)

    def apart(self) -> Book:
        """A copy that uses nothing up of this one."""
        line = self.lineup
        lineup = LineUp(line.subscriptions, line.grants, dict(line.rolled), line.present)
        return Book(lineup, self.totals, self.amounts, dict(self.lefts), self.by_child)


@dataclass(frozen=True, slots=True)
class Closing:
    """One feature of a closed allowance period: who paid, what is claimed, what the rest costs.

    `account` is what the period answers for, `included` the allowance that its price is counted from;
    `by_customer` is what everybody of a company used of it, `before` what was used of the allowance before a
    change of plan.
    """

    feature: str
    account: Account
    included: Fraction | None
    rated: RatedUsage
    claim: UsageClaim
    rolled: Fraction = ZERO
    by_customer: Mapping[str, Fraction] = field(default_factory=dict)
    before: Fraction = ZERO


def features_of(subscription: Subscription, due: Due) -> tuple[str, ...]:
    """The features that close with this allowance period; none for a part that is no usage."""
    for reset, features in closed_features(subscription).items():
        if usage_part(subscription, reset) == due.part:
            return features
    return ()


def windows(lineup: LineUp, subscription: Subscription, due: Due) -> Iterator[UsageWindow]:
    """The quantities needed to close an allowance period."""
    for feature in features_of(subscription, due):
        yield from windows_of(_course(lineup, feature, due))


@lru_cache(maxsize=4096)
def looks_at_events(terms: Terms) -> bool:
    """Whether any price of these terms looks at single events."""
    beyonds = (one.beyond for one in terms.features.values() if one.beyond is not None)
    return any(price.amount_property for beyond in beyonds for price in beyond.prices.values())


def event_windows(subscription: Subscription, due: Due) -> Iterator[tuple[UsageWindow, str]]:
    """The windows whose events a price looks at one by one, each with the property that it reads."""
    assert due.period.ends_at is not None or not features_of(subscription, due)
    for feature in features_of(subscription, due):
        price = usage_price(subscription, feature, due.period.starts_at)
        if price is not None and price.amount_property:
            yield _event_window(subscription, feature, due), price.amount_property


def close(subscription: Subscription, due: Due, book: Book) -> tuple[Closing, ...]:
    """Close every feature of one allowance period; the wallets in `book` are drawn down."""
    return tuple(_close(subscription, due, feature, book) for feature in features_of(subscription, due))


def usage_price(subscription: Subscription, feature: str, at: Instant) -> PriceKind | None:
    """The price of what is charged after use at an instant; None where the limit is hard, and in a trial."""
    beyond = subscription.terms.features[feature].beyond
    if beyond is None or beyond.charge != "usage" or subscription.in_trial(at):
        return None
    return beyond.price_for(subscription.pay)


def free_of_charge(price: PriceKind | None, currency: str) -> PriceKind | None:
    """A price at which nothing costs anything where there is one: it tells units apart, and no amount is too large."""
    return None if price is None else Each({currency: Decimal(0)})


def _course(lineup: LineUp, feature: str, due: Due) -> Course:
    assert due.period.ends_at is not None
    return lineup.course(feature, due.period.starts_at, due.period.ends_at)


def _close(subscription: Subscription, due: Due, feature: str, book: Book) -> Closing:
    course = _course(book.lineup, feature, due)
    key = (subscription.id, feature, due.index)
    drained = drain(book.lineup.entries(course, book.totals), book.lefts, key)
    account = drained.account(key)
    _to_post(account, book.lefts)
    included = included_of(course, key, drained, book.lineup.rolled)
    events = book.amounts.get(_event_window(subscription, feature, due).key, ())
    price = usage_price(subscription, feature, due.period.starts_at)
    rated = rated_account(subscription, feature, account, included, price, events)
    rolled = book.lineup.rolled.get(key, ZERO)
    claim = _claim(subscription, due, feature, drained, rated, rolled)
    carried = _carried(course, key, claim, rolled)
    if carried:
        claim = replace(claim, carried=carried)
        book.lineup.rolled[(subscription.id, feature, due.index + 1)] = claim.carried
    by_customer = used_by(windows_of_accounts(course, {key}), book.by_child) if book.by_child else {}
    return Closing(feature, account, included, rated, claim, rolled, by_customer, drained.used_before(key))


def _to_post(account: Account, lefts: dict[str, Fraction]) -> None:
    """Leave in every grant what its entry cuts off: 12 decimals are posted, once, though the units are paid whole."""
    for grant, units in account.wallet.items():
        lefts[grant] += units - posted(units)


def included_of(
    course: Course, key: PoolKey, drained: Drained, rolled: Mapping[PoolKey, Fraction]
) -> Fraction | None:
    """The allowance that an account's price is counted from: what allowances paid, where they are used up.

    The period's own allowance counts whole, also where it paid while another subscription answered. Where nothing
    was above them, all that they could have paid; None: unlimited. An unlimited one that was open for a part of
    the period pays for nothing before or after that. What was used of it before a change of plan counts in it.
    """
    account = drained.account(key)
    pools = {
        one.key(period): one.included(period, rolled.get(one.key(period), ZERO))
        for stretch in course
        for place in stretch
        if place.account == key
        for one, period in place.allowances
    }
    if account.above or account.wallet:
        return plus(max(account.included, drained.used.get(key, ZERO)), drained.used_before(key))
    if None in pools.values():
        return None
    return max(plus(*(units for units in pools.values() if units is not None)), account.included)


def rated_account(  # noqa: PLR0913 - an account, what it is counted from, and whether it is priced
    subscription: Subscription,
    feature: str,
    account: Account,
    included: Fraction | None,
    price: PriceKind | None,
    events: Sequence[EventAmount] = (),
) -> RatedUsage:
    """What an account's units cost at a `price` of the subscription's terms; nothing without one: the limit is hard."""
    entitlement = subscription.terms.features[feature]
    beyond = entitlement.beyond
    counted = account.included
    if included is not None and (account.above or account.wallet):
        counted = included
    return rate(
        FeatureUsage(
            quantity=plus(counted, account.paid_by_wallet, account.above),
            included=included,
            price=price,
            up_to=None if beyond is None or beyond.up_to is None else Fraction(beyond.up_to),
            wallet=account.paid_by_wallet,
            events=tuple(events),
        ),
        subscription.currency.code,
        subscription.currency.decimals,
    )


def _claim(  # noqa: PLR0913 - a claim is made of these
    subscription: Subscription,
    due: Due,
    feature: str,
    drained: Drained,
    rated: RatedUsage,
    rolled: Fraction,
) -> UsageClaim:
    """What this period took: what its own allowance paid, and all that it answers for."""
    assert due.period.ends_at is not None
    own = drained.used.get((subscription.id, feature, due.index), ZERO)
    return UsageClaim(
        subscription.id,
        feature,
        due.index,
        due.period.starts_at,
        due.period.ends_at,
        plus(own, rated.wallet, rated.excess, rated.over_limit),
        own,
        rated.wallet,
        rated.excess,
        rated.over_limit,
        rolled=rolled,
    )


def _carried(course: Course, key: PoolKey, claim: UsageClaim, rolled: Fraction) -> Fraction:
    """What rolls over from an allowance period that ends with its own length; nothing at a planned end."""
    for stretch in course:
        for place in stretch:
            for one, period in place.allowances:
                if one.key(period) != key or not one.entitlement.rollover:
                    continue
                included = one.included(period, ZERO)
                if included is not None and period.ends_at != one.subscription.ends_at:
                    return carried_on(included, rolled, claim.included, rollover_cap(one.entitlement))
    return ZERO


def rollover_cap(entitlement: Entitlement) -> Fraction | None:
    """How many units may roll over; None: all of them."""
    return None if entitlement.rollover == "all" else Fraction(Decimal(entitlement.rollover))


def _event_window(subscription: Subscription, feature: str, due: Due) -> UsageWindow:
    ends_at = Instant(0) if due.period.ends_at is None else due.period.ends_at
    return UsageWindow(
        subscription.id, subscription.customer, feature, due.period.starts_at, ends_at, ends_at
    )


# --- lines


def usage_line(subscription: Subscription, due: Due, closing: Closing, names: Names) -> Line:
    """The line of one feature's excess, also where it comes to nothing."""
    feature, rated = closing.feature, closing.rated
    parts = rated.parts
    simple = len(parts) == 1 and parts[0].quantity == rated.excess
    return Line(
        kind="usage",
        subscription=subscription.id,
        plan=subscription.plan,
        plan_version=subscription.plan_version,
        charge_key=f"usage:{feature}",
        service_index=due.index,
        description=f"{names.get(f'features.{feature}', feature)} · {_price_text(subscription, feature)}",
        quantity=rated.excess,
        unit_price=parts[0].unit_price if simple else None,
        amount_minor=rated.amount_minor,
        starts_at=due.period.starts_at,
        ends_at=due.period.ends_at,
        feature=feature,
        detail=_usage_detail(closing),
    )


def _price_text(subscription: Subscription, feature: str) -> str:
    """How the excess is priced, such as `0.50 USD / 1,000 calls`."""
    return _priced_as(subscription.terms, feature, subscription.pay, subscription.currency.code)


@lru_cache(maxsize=4096)
def _priced_as(terms: Terms, feature: str, pay: str, currency: str) -> str:
    """The words for a price, found once for all who have the terms."""
    entitlement = terms.features[feature]
    price = entitlement.beyond.price_for(pay) if entitlement.beyond is not None else None
    if price is None:
        return "over the limit"
    return price.describe(entitlement.feature.unit or feature, currency)


def _usage_detail(closing: Closing) -> Document:
    """What `invoice explain` needs: totals per feature, who paid for them, every tier with its exact amount."""
    rated, account = closing.rated, closing.account
    return {
        "exact": fraction_text(rated.exact),
        "quantity": fraction_text(account.total),
        "included": fraction_text(
            rated.included - closing.before
            if closing.before and (account.above or account.wallet)
            else rated.included
        ),
        "allowance": None if closing.included is None else fraction_text(closing.included),
        "rolled": fraction_text(closing.rolled),
        "wallet": fraction_text(rated.wallet),
        "grants": {grant: fraction_text(units) for grant, units in account.wallet.items()},
        "over_limit": fraction_text(rated.over_limit),
        "own": fraction_text(account.own),
        "drawn": [
            {"feature": feature, "quantity": fraction_text(quantity), "units": fraction_text(units)}
            for feature, (quantity, units) in sorted(account.drawn.items())
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
        **({"before": fraction_text(closing.before)} if closing.before else {}),
        **by_customer_document(closing.by_customer),
    }
