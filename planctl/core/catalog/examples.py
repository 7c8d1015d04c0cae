"""Runs price examples: what one billing period costs with the usage named, against the bill written down."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from planctl.core.catalog.facts import Facts, error, warning
from planctl.core.catalog.model import AmountRange, Catalog, Entitlement, Example, Terms
from planctl.core.catalog.selling import charges, sold_in
from planctl.core.money import format_minor, round_minor, to_minor
from planctl.core.pools import Pool, allowance_of, drain
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
        finding = _compared(facts.catalog, example)
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

    `use` of a feature that is charged ahead is the quantity bought; features that are not named use nothing.
    Neither discounts nor taxes are in it; a minimum and a maximum are.
    """
    terms = catalog.plans[example.plan].terms
    decimals = catalog.currencies[example.currency].decimals
    row = terms.row(example.pay)
    fee = row.fee.get(example.currency, Decimal(0)) if row else Decimal(0)
    assert not isinstance(fee, AmountRange), "a range is refused before"
    fixed = round_minor(Fraction(fee), decimals)
    fixed += sum(_line(terms, pool, example, decimals) for pool in _pools(terms, example, "prepaid"))
    used = sum(_line(terms, pool, example, decimals) for pool in _pools(terms, example, "usage"))
    maximum, minimum = terms.maximum.get(example.currency), terms.minimum.get(example.currency)
    if maximum is not None:
        used = min(used, round_minor(Fraction(maximum), decimals))
    total = fixed + used
    return total if minimum is None else max(total, round_minor(Fraction(minimum), decimals))


def _pools(terms: Terms, example: Example, charge: str) -> Iterator[Pool]:
    """The pools of the features that are charged this way."""
    metered = {key: entry for key, entry in terms.features.items() if entry.feature.type == "metered"}
    used = {feature_id: Fraction(quantity) for feature_id, quantity in example.use.items()}
    pools = drain({key: allowance_of(entry) for key, entry in metered.items()}, used)
    for feature_id, entry in metered.items():
        if entry.beyond and entry.beyond.charge == charge:
            yield pools[feature_id]


def _line(terms: Terms, pool: Pool, example: Example, decimals: int) -> int:
    entry: Entitlement = terms.features[pool.feature]
    assert entry.beyond, "only charged features have a line"
    price = entry.beyond.price_for(example.pay)
    up_to = None if entry.beyond.up_to is None else Fraction(entry.beyond.up_to)
    usage = FeatureUsage(pool.kept, pool.included, price, up_to)
    return rate(usage, example.currency, decimals).amount_minor


def _refusal(terms: Terms, example: Example) -> str:
    """Why the example cannot be billed at all, empty where it can."""
    row = terms.row(example.pay)
    if row and isinstance(row.fee.get(example.currency), AmountRange):
        return "the price is agreed at assignment, so no bill follows from the catalog"
    if row and example.currency not in sold_in(terms, row):
        return f"{example.plan} is not sold in {example.currency} by {example.pay}"
    foreign = [feature_id for feature_id in example.use if feature_id not in terms.features]
    if foreign:
        return f"{example.plan} does not grant {foreign[0]}"
    for feature_id in example.use:
        if terms.features[feature_id].feature.type != "metered":
            return f"{feature_id} is not metered, so it has no usage"
    return ""


def _not_built(terms: Terms, example: Example) -> str:
    row = terms.row(example.pay)
    names = [kind.not_built for _, kind in charges(terms, row) if kind.not_built] if row else []
    return names[0] if names else ""
