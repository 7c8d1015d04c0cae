"""Knows in which currencies a plan's rows are sold; it prices nothing."""

from __future__ import annotations

from collections.abc import Iterator

from planctl.core.catalog.model import AmountRange, PriceRow, Terms
from planctl.core.pricing.model import PriceKind


def sold_in(terms: Terms, row: PriceRow) -> frozenset[str]:
    """The currencies a row is offered in: its fee's, or without a fee those that all of its charges have."""
    return charged_in(terms, str(row.interval)) if row.usage_only else frozenset(row.fee)


def charged_in(terms: Terms, pay: str) -> frozenset[str]:
    """The currencies that every price past an allowance has in the row `pay`; none without such a price."""
    offered = [kind.currencies() for _, kind in _charges(terms, pay)]
    return frozenset.intersection(*offered) if offered else frozenset()


def charges(terms: Terms, row: PriceRow) -> tuple[tuple[str, PriceKind], ...]:
    """Every price past an allowance that holds in a row, with its feature's id."""
    return tuple(_charges(terms, str(row.interval)))


def _charges(terms: Terms, pay: str) -> Iterator[tuple[str, PriceKind]]:
    for feature_id, entry in terms.features.items():
        kind = entry.beyond.price_for(pay) if entry.beyond else None
        if kind is not None:
            yield feature_id, kind


def has_fee(row: PriceRow) -> bool:
    """Whether the row charges anything by itself; a range counts as soon as its end is above zero."""
    amounts = [fee.high if isinstance(fee, AmountRange) else fee for fee in row.fee.values()]
    return any(amounts)


def only_once(terms: Terms) -> bool:
    """Whether it is sold for a single payment and never renews."""
    return bool(terms.rows) and all(row.interval.unit == "once" for row in terms.rows)
