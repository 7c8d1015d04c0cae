"""What lines charge for a billing period: what minimums and maximums compare with. It bills nothing.

Source: planctl billing rules, fees.
"""

from __future__ import annotations

from collections.abc import Sequence

from planctl.core.invoicing.late import difference_minor
from planctl.core.invoicing.model import Line
from planctl.core.invoicing.usage import features_of
from planctl.core.periods import Instant
from planctl.core.subscriptions.dues import FEE, MINIMUM, Due, block_at
from planctl.core.subscriptions.model import Subscription


def charged_in(subscription: Subscription, index: int, lines: Sequence[Line]) -> int:
    """What lines charge for one billing period of a subscription, before discounts; its minimum left out."""
    return sum(
        difference_minor(line)
        for line in lines
        if line.charge_key != MINIMUM and billing_index(subscription, line) == index
    )


def usage_in(subscription: Subscription, due: Due, lines: Sequence[Line]) -> int:
    """What lines charge for usage in the billing period of an allowance period, those of that period left out."""
    assert due.period.ends_at is not None
    index = subscription.schedule().index_at(Instant(due.period.ends_at - 1))
    mine = {(f"usage:{feature}", due.index) for feature in features_of(subscription, due)}
    return sum(
        difference_minor(line)
        for line in lines
        if line.charge_key.startswith("usage:")
        and billing_index(subscription, line) == index
        and (line.charge_key, line.service_index) not in mine
    )


def is_compared(subscription: Subscription, due: Due) -> bool:
    """Whether a run has compared a billing period with its minimum before, and was to charge it whole."""
    settled = subscription.settled_at
    closed = settled is not None and due.at <= settled and due.period.starts_at >= subscription.fees_from
    return closed and block_at(subscription, due.period.starts_at) is None


def part_of(line: Line) -> str:
    """The part that settled a charge: a quantity is settled with its fee."""
    key = line.charge_key.partition(":")[0]
    return FEE if key == "quantity" else key


def billing_index(subscription: Subscription, line: Line) -> int | None:
    """The billing period that a line of the subscription is for; None for a line of another.

    Usage belongs to the period in which its allowance period ends: before that it cannot be compared. What goes back
    of a fee belongs to the fee's period, though its days are those of a new one that took their place.
    """
    at = line.starts_at
    usage = line.charge_key.startswith("usage:")
    if usage and line.ends_at is not None:
        at = Instant(line.ends_at - 1)
    if line.subscription != subscription.id or at < subscription.anchor_at:
        return None
    return subscription.schedule().index_at(at) if usage else line.service_index
