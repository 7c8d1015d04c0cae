"""Knows in which order usage of a feature in an allowance period becomes an amount; not how prices work."""

from __future__ import annotations

from fractions import Fraction

from planctl.core.money import allocate, round_minor
from planctl.core.pricing.events import without_last
from planctl.core.pricing.model import Billable, EventAmount, Part, PriceKind
from planctl.values import dataclass

ZERO = Fraction(0)


@dataclass(frozen=True, slots=True)
class FeatureUsage:
    """What one paying feature used in one allowance period, in its unit, and the terms that pay for it.

    `quantity` is the usage that the pools leave to this feature (a negative sum of corrections counts as
    zero). `included` is the allowance with prepaid quantities added, None: unlimited. `price` prices the
    excess; None makes the limit hard, also where the charge is prepaid. `up_to` is the largest total with
    the allowance that is served, None: no limit. `wallet` is what grants can still pay for. `events` are
    the single events in time order where the price looks at each (`PriceKind.amount_property`), else none.
    """

    quantity: Fraction
    included: Fraction | None = ZERO
    price: PriceKind | None = None
    up_to: Fraction | None = None
    wallet: Fraction = ZERO
    events: tuple[EventAmount, ...] = ()


@dataclass(frozen=True, slots=True)
class RatedUsage:
    """Who paid for which units, and what they cost.

    `quantity` = `included` + `wallet` + `excess` + `over_limit`, for a quantity of at least 0. Units over
    the limit are shown and not billed. `exact` is in major units and unrounded, `amount_minor` is rounded
    once; `parts` sum to `exact`.
    """

    quantity: Fraction
    included: Fraction
    wallet: Fraction
    excess: Fraction
    over_limit: Fraction
    exact: Fraction
    amount_minor: int
    parts: tuple[Part, ...] = ()

    def parts_minor(self) -> tuple[int, ...]:
        """The amount split over the parts for showing: largest remainder, so they sum to the amount."""
        return allocate(self.amount_minor, [part.amount for part in self.parts])


def rate(usage: FeatureUsage, currency: str, decimals: int) -> RatedUsage:
    """Rate one feature's usage: included first, then the wallet, then the price, rounded once.

    `decimals` are the currency's. Units paid from the wallet do not advance tiers; included units do.
    Without any excess the price is asked nevertheless: a price may have a minimum. An amount beyond
    10^15 minor units raises NumberError; the caller says whose it is.
    Source: planctl billing rules, rating a feature for one allowance period.
    """
    quantity = max(usage.quantity, ZERO)

    # 1. The allowance pays for what it can; an unlimited one for everything.
    if usage.included is None:
        return RatedUsage(usage.quantity, quantity, ZERO, ZERO, ZERO, ZERO, 0)
    included = min(quantity, usage.included)
    above = quantity - included if quantity > included else ZERO

    # 2. The wallet pays for what it can of the rest.
    wallet = min(above, usage.wallet) if usage.wallet else ZERO
    rest = above - wallet if wallet else above

    # 3. What is left is excess up to the limit; without a price the limit is the allowance.
    if usage.price is None:
        return RatedUsage(usage.quantity, included, wallet, ZERO, rest, ZERO, 0)
    excess = rest if usage.up_to is None else min(rest, max(usage.up_to - usage.included, ZERO))
    over_limit = rest - excess if usage.up_to is not None else ZERO

    # 4. The price kind prices the excess at its position in the total, and the line is rounded once.
    #    Units over the limit are the latest ones, so an event there is not priced.
    total = included + excess if excess else included
    events = without_last(usage.events, over_limit) if over_limit else usage.events
    priced = usage.price.price(Billable(total, usage.included, events), currency)
    amount_minor = round_minor(priced.amount, decimals) if priced.amount else 0
    return RatedUsage(
        usage.quantity, included, wallet, excess, over_limit, priced.amount, amount_minor, priced.parts
    )
