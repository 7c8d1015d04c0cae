"""Runs price examples: what one billing period costs with the usage named, against the bill written down."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from planctl.core.catalog.facts import Facts, error, warning
from planctl.core.catalog.model import AmountRange, Catalog, Entitlement, Example, Terms
from planctl.core.catalog.selling import charges, sold_in
from planctl.core.metering.aggregate import rounded
from planctl.core.money import NumberError, format_minor, round_minor, to_minor
from planctl.core.pricing.model import EventAmount, PriceKind
from planctl.core.pricing.rate import FeatureUsage, rate
from planctl.findings import Finding, Level

RULES = frozenset({"example-mismatch", "example-impossible", "example-not-run"})
"""What price examples complain about: errors where examples are what is checked, else warnings."""


def check(facts: Facts) -> Iterator[Finding]:
    """A finding for every example that cannot be run or whose bill is another one."""
    for example in facts.catalog.examples.values():
        plan = facts.catalog.plans.get(example.plan)
        if plan is None or plan.id in facts.broken:
            continue
        refusal = _refusal(plan.terms, example)
        if refusal:
            yield error("example-impossible", example.place, f"example {example.id}: {refusal}")
            continue
        unbuilt = _not_built(plan.terms, example)
        if unbuilt:
            message = f"example {example.id} was not run: {unbuilt} is stored but not carried out yet"
            yield warning("example-not-run", example.place, message)
            continue
        try:
            finding = _compared(facts.catalog, example)
        except NumberError as problem:
            yield error("example-impossible", example.place, f"example {example.id}: {problem}")
            continue
        if finding:
            yield finding


def softened(finding: Finding) -> Finding:
    """A price example's complaint as a warning; any other finding as it is."""
    return replace(finding, level=Level.WARNING) if finding.rule in RULES else finding


def _compared(catalog: Catalog, example: Example) -> Finding | None:
    currency = catalog.currencies[example.currency]
    got = bill_minor(catalog, example)
    expected = to_minor(example.bill, currency)
    if got == expected:
        return None
    amounts = {"expected": expected, "got": got, "difference": got - expected}
    shown = {name: f"{format_minor(minor, currency)} {currency.code}" for name, minor in amounts.items()}
    sign = "+" if got > expected else ""
    return Finding(
        "example-mismatch",
        f"example {example.id} costs {shown['got']}, not {shown['expected']}"
        f" (difference {sign}{shown['difference']})",
        example.place,
        expected=shown["expected"],
        got=shown["got"],
        hint="correct the price, or the example's bill",
    )


def bill_minor(catalog: Catalog, example: Example) -> int:
    """What one billing period costs in minor units: the fee in advance and the usage of one allowance period.

    `use` of a feature that is charged ahead is the quantity bought, of one that is priced by event the list of
    its events' amounts; features that are not named use nothing.
    Neither discounts nor taxes are in it; a minimum and a maximum are.
    """
    terms = catalog.plans[example.plan].terms
    decimals = catalog.currencies[example.currency].decimals
    row = terms.row(example.pay)
    fee = row.fee.get(example.currency, Decimal(0)) if row else Decimal(0)
    assert not isinstance(fee, AmountRange), "a range is refused before"
    fixed = round_minor(Fraction(fee), decimals) + _charged(terms, example, "prepaid", decimals)
    used = _charged(terms, example, "usage", decimals)
    maximum, minimum = terms.maximum.get(example.currency), terms.minimum.get(example.currency)
    if maximum is not None:
        used = min(used, round_minor(Fraction(maximum), decimals))
    total = fixed + used
    return total if minimum is None else max(total, round_minor(Fraction(minimum), decimals))


def _charged(terms: Terms, example: Example, charge: str, decimals: int) -> int:
    """The lines of the features that are charged this way, each rounded once."""
    minor = 0
    for feature_id, quantity in _kept(terms, example).items():
        entry = terms.features[feature_id]
        if entry.beyond and entry.beyond.charge == charge:
            price = entry.beyond.price_for(example.pay)
            up_to = None if entry.beyond.up_to is None else Fraction(entry.beyond.up_to)
            events = _events(entry, price, example)
            usage = FeatureUsage(quantity, _included(entry), price, up_to, events=events)
            minor += rate(usage, example.currency, decimals).amount_minor
    return minor


def _kept(terms: Terms, example: Example) -> dict[str, Fraction]:
    """The units that each metered feature answers for: its own and those of others that spend it.

    What is above the allowance goes on to what the feature spends, unless it has a price of its own. One
    allowance period of one subscription without a wallet needs no more of the draining.
    """
    kept = {
        feature_id: _used(entry, example)
        for feature_id, entry in terms.features.items()
        if entry.feature.type == "metered"
    }
    for feature_id in _spenders_first(terms, kept):
        entry, included = terms.features[feature_id], _included(terms.features[feature_id])
        spends = {} if entry.beyond else {key: ratio for key, ratio in entry.spends.items() if key in kept}
        if spends and included is not None and kept[feature_id] > included:
            rest = kept[feature_id] - included
            kept[feature_id] = included
            for target, ratio in spends.items():
                kept[target] += rest * ratio
    return kept


def _spenders_first(terms: Terms, features: Iterable[str]) -> list[str]:
    """Each feature before all that it spends; a circle, which is a finding of its own, in any order."""
    left, order = list(features), list[str]()
    while left:
        wanted = {target for feature_id in left for target in terms.features[feature_id].spends}
        ready = [feature_id for feature_id in left if feature_id not in wanted] or left
        order += ready
        left = [feature_id for feature_id in left if feature_id not in ready]
    return order


def _used(entry: Entitlement, example: Example) -> Fraction:
    """The quantity that an example uses of a feature, rounded as its meter says."""
    feature = entry.feature
    if feature.id in example.events and entry.beyond:
        events = _events(entry, entry.beyond.price_for(example.pay), example)
        return sum((event.quantity for event in events), Fraction(0))
    return rounded(feature.meter, Fraction(example.use.get(feature.id, 0)))


def _events(entry: Entitlement, price: PriceKind | None, example: Example) -> tuple[EventAmount, ...]:
    """One event per amount, in the order written: one unit each, or the amount where the meter sums it."""
    meter = entry.feature.meter
    summed = price is not None and meter.aggregate == "sum" and meter.value == price.amount_property
    return tuple(
        EventAmount(at, Fraction(amount) if summed else Fraction(1), Fraction(amount))
        for at, amount in enumerate(example.events.get(entry.feature.id, ()))
    )


def _included(entry: Entitlement) -> Fraction | None:
    own = entry.included if entry.own_allowance else Decimal(0)
    return None if own is None else Fraction(own)


def _refusal(terms: Terms, example: Example) -> str:
    """Why the example cannot be billed at all, empty where it can."""
    row = terms.row(example.pay)
    if row and isinstance(row.fee.get(example.currency), AmountRange):
        return "the price is agreed at assignment, so no bill follows from the catalog"
    if row and example.currency not in sold_in(terms, row):
        return f"{example.plan} is not sold in {example.currency} by {example.pay}"
    named = [*example.use, *example.events]
    foreign = [feature_id for feature_id in named if feature_id not in terms.features]
    if foreign:
        return f"{example.plan} does not grant {foreign[0]}"
    for feature_id in named:
        if terms.features[feature_id].feature.type != "metered":
            return f"{feature_id} is not metered, so it has no usage"
    by_event = {key: kind.amount_property for key, kind in charges(terms, row)} if row else {}
    for feature_id in named:
        of = by_event.get(feature_id, "")
        if of and feature_id in example.use:
            return f"{feature_id} is priced by event: write a list, the {of} of each event"
        if not of and feature_id in example.events:
            return f"{feature_id} is not priced by event: write its quantity"
    return ""


def _not_built(terms: Terms, example: Example) -> str:
    row = terms.row(example.pay)
    names = [kind.not_built for _, kind in charges(terms, row) if kind.not_built] if row else []
    return names[0] if names else ""
