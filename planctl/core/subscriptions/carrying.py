"""How many of everything a subscription takes along to other terms, at a change and to those it might have had.

It schedules nothing. Source: planctl billing rules, lifecycle (groups) and quantities.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from planctl.core.catalog.model import Terms
from planctl.core.catalog.recurring import carried_totals, carried_units, sold_ahead
from planctl.core.periods import Instant
from planctl.core.subscriptions.model import QuantityStep, Subscription


def following(coming: Subscription, before: Subscription, after: Subscription) -> Subscription:
    """The scheduled subscription, holding what `after` will hold at its start, as far as its plan sells that.

    `before` and `after` are the one that it follows, without and with a change of its quantities. What was to be
    otherwise than `before` holds it, because it was asked for with the change, stays.
    """
    at = coming.started_at
    units = coming.quantity
    if units == units_for(before, coming.terms, at):
        units = units_for(after, coming.terms, at)
    old, new = (totals_for(one, coming.terms, coming.pay, at) for one in (before, after))
    totals = {feature: total for feature, total in coming.quantities.items() if old.get(feature) != total}
    carried = {
        feature: total
        for feature, total in new.items()
        if feature not in totals and coming.quantities.get(feature) == old.get(feature)
    }
    return replace(coming, quantity=units, quantities={**totals, **carried})


def units_for(held: Subscription, terms: Terms, at: Instant) -> int:
    """How many units of a plan with these terms go on from those that are held at an instant."""
    return carried_units(terms, held.quantity_at(at))


def totals_for(held: Subscription, terms: Terms, pay: str, at: Instant) -> dict[str, Decimal]:
    """The totals of prepaid features that go on, as far as these terms sell so many of them ahead."""
    return carried_totals(terms, pay, held.quantities_at(at))


def on_terms(held: Subscription, terms: Terms) -> Subscription:
    """The subscription as if it had always had these terms: every quantity that it ever held, as far as they sell it.

    At each instant it holds what `units_for` and `totals_for` take along from there; a step to no more than the
    allowance is one to the allowance.
    """
    quantities = carried_totals(terms, held.pay, held.quantities)
    steps = tuple(_steps_on(held, terms))
    units = carried_units(terms, held.quantity)
    return replace(held, terms=terms, quantity=units, quantities=quantities, steps=steps)


def _steps_on(held: Subscription, terms: Terms) -> Iterator[QuantityStep]:
    for step in held.steps:
        if not step.feature:
            yield replace(step, total=Decimal(carried_units(terms, int(step.total))))
        elif sold_ahead(terms, held.pay, step.feature):
            kept = carried_totals(terms, held.pay, {step.feature: step.total})
            allowance = terms.features[step.feature].included or Decimal(0)
            yield replace(step, total=kept.get(step.feature, allowance))
