"""Knows which terms are stored but not carried out by this version, and when a sale would need them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from decimal import Decimal

from planctl.core.catalog.model import Beyond, Entitlement, Terms
from planctl.core.catalog.selling import charges
from planctl.values import dataclass


@dataclass(frozen=True, slots=True)
class Sale:
    """What would be subscribed to: terms, the billing row (empty where free), the currency, what is bought.

    `quantities` are totals by feature with the allowance, as `--quantity seats=12` says them.
    """

    terms: Terms
    pay: str
    currency: str
    quantities: Mapping[str, Decimal] = field(default_factory=dict)

    def entries(self) -> tuple[Entitlement, ...]:
        """The metered features of the terms."""
        return tuple(entry for entry in self.terms.features.values() if entry.feature.type == "metered")

    def charges(self) -> tuple[tuple[Entitlement, Beyond], ...]:
        """The features that are charged past their allowance."""
        return tuple((entry, entry.beyond) for entry in self.entries() if entry.beyond)


Needed = Callable[[Sale], bool]


def not_built(
    terms: Terms, pay: str, currency: str, quantities: Mapping[str, Decimal] | None = None
) -> tuple[str, ...]:
    """The terms this version cannot carry out and which would change what this customer pays or may use.

    The arguments are those of `Sale`. In the order of the table below; empty: nothing stands in the way. A
    term that would make no difference to this subscription is not in the answer.
    """
    sale = Sale(terms, pay, currency, quantities or {})
    named = tuple(term for term, needed in TABLE if needed(sale))
    return named + tuple(dict.fromkeys(_price_kinds(sale)))


TABLE: tuple[tuple[str, Needed], ...] = ()
"""Each term that is not built yet, and whether a sale needs it. A term leaves the table when it is built."""


def _price_kinds(sale: Sale) -> list[str]:
    """Price kinds that cannot compute amounts yet: for usage always, for prepaid where more is bought."""
    row = sale.terms.row(sale.pay)
    unbuilt = []
    for feature_id, kind in charges(sale.terms, row) if row else ():
        entry = sale.terms.features[feature_id]
        bought = sale.quantities.get(feature_id, Decimal(0)) > (entry.included or 0)
        if kind.not_built and entry.beyond and (entry.beyond.charge == "usage" or bought):
            unbuilt.append(kind.not_built)
    return unbuilt
