"""A redeemed coupon as a value, and whether a coupon may be applied. It takes nothing off any invoice.

Source: planctl billing rules, invoices, credit, payments: coupons.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import field
from datetime import date

from planctl.core.catalog.model import Coupon
from planctl.core.currencies import Currency
from planctl.core.money import to_minor
from planctl.core.periods import Instant
from planctl.errors import Refused
from planctl.values import dataclass


@dataclass(frozen=True, slots=True)
class Redemption:
    """A coupon applied to one subscription: its terms as they were then.

    `taken` holds the billing periods of the subscription that it took something off, with the minor units it
    took there, all invoices of the period together. It holds for every invoice of a period that it was used in,
    and for new periods as long as fewer than `coupon.periods` were used. A removed one holds for none. `earlier` is
    what it took from subscriptions whose place this one took, by their id and period; `moved_over` counts it in.
    """

    id: str
    customer: str
    subscription: str
    coupon: Coupon
    applied_at: Instant
    taken: Mapping[int, int] = field(default_factory=dict)
    removed: bool = False
    earlier: Mapping[tuple[str, int], int] = field(default_factory=dict)

    @property
    def used(self) -> frozenset[int]:
        """The billing periods that it took something off."""
        return frozenset(self.taken)

    def holds_for(self, period_index: int) -> bool:
        """Whether it discounts an invoice of that billing period."""
        if self.removed:
            return False
        periods = self.coupon.periods
        return period_index in self.taken or periods is None or len(self.taken) < periods

    def left_minor(self, period_index: int, currency: Currency) -> int:
        """What a fixed coupon still gives in that billing period: its amount once, however many invoices it has.

        0 where the coupon has no amount in the currency.
        """
        amount = self.coupon.amounts.get(currency.code)
        if amount is None:
            return 0
        return max(0, to_minor(amount, currency) - self.taken.get(period_index, 0))


@dataclass(frozen=True, slots=True)
class Applying:
    """What applying a coupon is checked against: the subscription's plans (its own and its add-ons'), the day.

    `redeemed` counts every redemption of the coupon that ever was, removed ones too; `before` says whether this
    subscription has it or was ever discounted by it. `today` is the local date in the business's timezone.
    """

    where: str
    plans: Collection[str]
    currency: Currency
    today: date
    redeemed: int = 0
    before: bool = False


def check_applicable(coupon: Coupon, applying: Applying) -> None:
    """Refuse a coupon that this subscription cannot have now; each limit has its own code.

    Once per subscription, even where it was removed after it had taken something off. `until` is the last day.
    `max` counts redemptions that were removed again, so that taking one back does not widen the limit.
    """
    name, where = coupon.id, applying.where
    if applying.before:
        raise Refused(
            f"{where} has coupon {name} already, or had its discount before",
            code="coupon-again",
            where=where,
            expected="a coupon it never had",
            got=name,
            hint=f"planctl coupon list {where.partition('/')[0]}",
        )
    if coupon.plans and not set(coupon.plans) & set(applying.plans):
        raise Refused(
            f"coupon {name} does not hold for {where}",
            code="coupon-plan",
            where=where,
            expected=f"one of {', '.join(coupon.plans)}",
            got=", ".join(applying.plans),
            hint="a coupon discounts a plan's own invoices, and add-ons on them that are paid by its interval",
        )
    if coupon.until is not None and applying.today > coupon.until:
        raise Refused(
            f"coupon {name} could be applied until {coupon.until}",
            code="coupon-over",
            where=where,
            expected=f"{coupon.until} at the latest",
            got=applying.today.isoformat(),
            hint="give it a later `until` in the catalog",
        )
    if coupon.max_redemptions is not None and applying.redeemed >= coupon.max_redemptions:
        raise Refused(
            f"coupon {name} was redeemed as often as it may be",
            code="coupon-spent",
            where=where,
            expected=f"at most {coupon.max_redemptions}",
            got=str(applying.redeemed),
            hint="raise its `max` in the catalog",
        )
    if coupon.percent is None and not coupon.amounts.get(applying.currency.code):
        raise Refused(
            f"coupon {name} takes nothing off in {applying.currency.code}",
            code="coupon-currency",
            where=where,
            expected=f"one of {', '.join(sorted(coupon.amounts))}",
            got=applying.currency.code,
            hint=f"add the amount in {applying.currency.code} to the coupon",
        )
