"""What must hold of a closed allowance period, as sentences: its claims, what it carries on, and its charges.

Each function yields one for every breach it sees. It fetches nothing. Source: planctl billing rules, laws.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

from planctl.core.draining import carried_on
from planctl.core.invoicing.late import LATE, difference_minor
from planctl.core.invoicing.model import UsageClaim
from planctl.core.invoicing.reclose import (
    USAGE_KEY,
    Again,
    Charge,
    ClosedPeriod,
    Closer,
    Past,
    given_back,
    is_difference,
)
from planctl.core.invoicing.tallies import billing_index
from planctl.core.invoicing.usage import features_of, rollover_cap
from planctl.core.laws import wrong_lines
from planctl.core.money import fraction_text, plus, round_minor
from planctl.core.periods import Instant

ZERO = Fraction(0)
_NOTHING = (ZERO, ZERO, ZERO, ZERO)


def _parts(claim: UsageClaim) -> tuple[Fraction, ...]:
    """Who paid for what is claimed."""
    return (claim.included, claim.wallet, claim.billed, claim.over_limit)


def wrong_quantities(period: ClosedPeriod, again: Again) -> Iterator[str]:
    """The claims take together what the events recorded give."""
    for closing in again.closings:
        claimed = plus(*(one.quantity for one in period.of(closing.feature)))
        found = closing.claim.quantity
        if found != claimed:
            yield (
                f"{closing.feature}: {fraction_text(claimed)} were claimed, "
                f"the events recorded give {fraction_text(found)}"
            )


def wrong_parts(period: ClosedPeriod, again: Again) -> Iterator[str]:
    """The claims are split together as the terms say."""
    for closing in again.closings:
        claims = period.of(closing.feature)
        got = tuple(map(plus, *map(_parts, claims))) if claims else _NOTHING
        wanted = _parts(closing.claim)
        if got != wanted:
            yield (
                f"the claim on {closing.feature} {period.due.index} is split {_sum_of(got)}, "
                f"the terms say {_sum_of(wanted)}"
            )


def wrong_rollover(closer: Closer, period: ClosedPeriod) -> Iterator[str]:
    """What was brought in is what the period before carried on, and what is carried on follows from what was used."""
    subscription, index = period.subscription, period.due.index
    for feature in features_of(subscription, period.due):
        entitlement = subscription.terms.features[feature]
        first = next((one for one in period.of(feature) if not one.occasion.startswith(LATE)), None)
        if first is None or first.revision:
            continue
        before = closer.rolled.get((subscription.id, feature, index), ZERO)
        if first.rolled != before:
            rolled, carried = fraction_text(first.rolled), fraction_text(before)
            yield f"{feature}: {rolled} were brought in, the period before carried {carried} on"
        goes_on = _goes_on(closer, period, first) if entitlement.rollover else ZERO
        if first.carried != goes_on:
            carried, wanted = fraction_text(first.carried), fraction_text(goes_on)
            yield f"{feature}: {carried} are carried on, the terms say {wanted}"


def _goes_on(closer: Closer, period: ClosedPeriod, claim: UsageClaim) -> Fraction:
    """What rolls over from a period into the next one; nothing from one that ends with its subscription."""
    subscription = period.subscription
    granting = closer.lineup.grantors(claim.feature)
    grantor = next(one for one in granting if one.subscription.id == subscription.id)
    allowance = grantor.period(period.due.index)
    included = grantor.included(allowance, ZERO)
    if included is None or allowance.ends_at == subscription.ends_at:
        return ZERO
    entitlement = subscription.terms.features[claim.feature]
    return carried_on(included, claim.rolled, claim.included, rollover_cap(entitlement))


def wrong_charges(closer: Closer, period: ClosedPeriod, again: Again) -> Iterator[str]:
    """The lines of a period charge together what it costs, within the `maximum`; late ones are right each."""
    if period.subscription.terms.maximum and _is_rated_again(closer.past, period):
        yield from _within_maximum(closer, period, again)
    elif not period.rated_again:
        occasion, invoice = [
            (one.occasion, invoice) for one, invoice in period.settled if not one.is_deferred
        ][-1]
        # What is capped to nothing stands on an invoice that there is anyway.
        fresh = (line for line in again.lines if line.amount_minor or invoice)
        wanted = [line if line.occasion == occasion else replace(line, occasion=occasion) for line in fresh]
        yield from wrong_lines([one.line for one in period.charges], [wanted])
    else:
        for feature in dict.fromkeys(closing.feature for closing in again.closings):
            mine = [one for one in period.charges if one.line.charge_key == f"usage:{feature}"]
            cost = sum(line.amount_minor for line in again.lines if line.feature == feature)
            times = sum(one.occasion.startswith(LATE) for one, _ in period.settled)
            yield from _wrong_differences(feature, mine, cost, max(times, 1))


def _is_rated_again(past: Past, period: ClosedPeriod) -> bool:
    """Whether any closing of the same billing period was rated again: then the order decides who is capped."""
    one, ends_at = period.subscription, period.due.period.ends_at
    assert ends_at is not None
    index = one.schedule().index_at(Instant(ends_at - 1))
    return any(
        is_difference(charge.line)
        for charge in past.charges
        if charge.line.charge_key.startswith(USAGE_KEY) and billing_index(one, charge.line) == index
    )


def _within_maximum(closer: Closer, period: ClosedPeriod, again: Again) -> Iterator[str]:
    one, together = period.subscription, 0
    for closing in again.closings:
        mine = [charge for charge in period.charges if charge.line.charge_key == f"usage:{closing.feature}"]
        charged = sum(difference_minor(charge.line) for charge in mine)
        together += charged - sum(charge.given_back_minor for charge in mine)
        if charged > closing.rated.amount_minor and not any(charge.settled_minor for charge in mine):
            yield _said_otherwise(closing.feature, charged, 0, closing.rated.amount_minor)
    limit = round_minor(Fraction(one.terms.maximum[one.currency.code]), one.currency.decimals)
    together += closer.others(period)
    if together > limit and period.rated_again:
        yield f"usage of its billing period comes to {together}, at most {limit} is charged (minor units)"


def _wrong_differences(feature: str, charges: Sequence[Charge], cost: int, times: int) -> Iterator[str]:
    """`times` is how often it was rated again: so often what was credited may have been rounded."""
    charged = sum(difference_minor(one.line) for one in charges)
    settled = sum(one.settled_minor for one in charges)
    # What would have been below zero was credited, after discounts, as far as there was something to credit.
    owed = given_back(charged - cost, charges)
    left = sum(one.line.net_minor - one.credited_minor for one in charges if not one.void) > 0
    if charged < cost or settled > owed + times - 1 or (settled <= owed - times and left):
        yield _said_otherwise(feature, charged, settled, cost)
    for place, one in enumerate(charges):
        if not is_difference(one.line):
            continue
        amount, differs = one.line.amount_minor, difference_minor(one.line)
        before = charges[:place]
        wanted = differs if differs > 0 else -given_back(-differs, before)
        # What was credited or voided meanwhile is not given back twice.
        is_less = wanted < amount <= 0 and any(other.credited_minor or other.void for other in before)
        if amount != wanted and not is_less:
            yield (
                f"usage:{feature}: the line of {one.line.occasion} charges {amount}, "
                f"its difference comes to {wanted} (minor units)"
            )


def _said_otherwise(feature: str, charged: int, settled: int, cost: int) -> str:
    credited = f" and {settled} credited" if settled else ""
    return f"usage:{feature}: {charged} were charged{credited} in all, billed again it costs {cost} (minor units)"


def _sum_of(parts: Iterable[Fraction]) -> str:
    return " + ".join(fraction_text(part) for part in parts)
