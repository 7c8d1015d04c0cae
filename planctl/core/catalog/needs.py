"""Knows which terms are stored but not carried out by this version, and when a sale would need them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from planctl.core.catalog.model import Beyond, Entitlement, Terms
from planctl.core.catalog.selling import charges


@dataclass(frozen=True, slots=True)
class Sale:
    """What would be subscribed to: terms, the billing row (empty where free), the currency, what is bought.

    `quantities` are totals by feature with the allowance, as `--quantity seats=12` says them. `trial` is
    False where the start is without the plan's trial.
    """

    terms: Terms
    pay: str
    currency: str
    quantities: Mapping[str, Decimal] = field(default_factory=dict)
    trial: bool = True

    def entries(self) -> tuple[Entitlement, ...]:
        """The metered features of the terms."""
        return tuple(entry for entry in self.terms.features.values() if entry.feature.type == "metered")

    def charges(self) -> tuple[tuple[Entitlement, Beyond], ...]:
        """The features that are charged past their allowance."""
        return tuple((entry, entry.beyond) for entry in self.entries() if entry.beyond)


Needed = Callable[[Sale], bool]


def not_built(
    terms: Terms, pay: str, currency: str, quantities: Mapping[str, Decimal] | None = None, trial: bool = True
) -> tuple[str, ...]:
    """The terms this version cannot carry out and which would change what this customer pays or may use.

    The arguments are those of `Sale`. In the order of the table below; empty: nothing stands in the way. A
    term that would make no difference to this subscription is not in the answer.
    """
    sale = Sale(terms, pay, currency, quantities or {}, trial)
    named = tuple(term for term, needed in TABLE if needed(sale))
    return named + tuple(dict.fromkeys(_price_kinds(sale)))


def _trial(sale: Sale) -> bool:
    return sale.terms.trial is not None and sale.trial


def _expires(sale: Sale) -> bool:
    return sale.terms.kind == "plan" and sale.terms.expires != "never"


def _minimum(sale: Sale) -> bool:
    return bool(sale.terms.minimum.get(sale.currency))


def _maximum(sale: Sale) -> bool:
    return sale.currency in sale.terms.maximum


def _rollover(sale: Sale) -> bool:
    return any(entry.rollover and entry.included is not None for entry in sale.entries())


def _prorated_allowance(sale: Sale) -> bool:
    """A cancellation or a change may cut any allowance period, so an anchor at the start is no way around it."""
    limited = (entry for entry in sale.entries() if entry.included)
    return not sale.terms.free and any(entry.prorate_allowance for entry in limited)


def _settled_at_renewal(sale: Sale) -> bool:
    """Only where an allowance resets within the billing period are the two settlements different."""
    row = sale.terms.row(sale.pay)
    if sale.terms.settle != "renewal" or row is None:
        return False
    resets = {entry.reset for entry, beyond in sale.charges() if beyond.charge == "usage"}
    longer = {
        "day": row.interval.days != 1,
        "week": row.interval.days != 7,
        "month": row.interval.months != 1,
        "default": row.interval.months > 1,
    }
    return any(longer.get(reset, False) for reset in resets)


def _weighted(sale: Sale) -> bool:
    return any(entry.feature.meter.aggregate == "weighted" for entry in sale.entries())


def _held_usage(sale: Sale) -> bool:
    return any(entry.reset == "never" and beyond.charge == "usage" for entry, beyond in sale.charges())


def _blocked_final(sale: Sale) -> bool:
    """A free plan is never due, and without a grace that ends nothing is blocked."""
    return sale.terms.on_blocked == "final" and sale.terms.grace_days is not None and not sale.terms.free


def _renewal_shift(sale: Sale) -> bool:
    return sale.terms.renewal_anchor == "shift" and sale.terms.grace_days is not None and not sale.terms.free


def _addon(sale: Sale) -> bool:
    return sale.terms.kind == "addon"


def _pack(sale: Sale) -> bool:
    return sale.terms.kind == "pack"


TABLE: tuple[tuple[str, Needed], ...] = (
    ("addon", _addon),
    ("wallet", _pack),
    ("trial", _trial),
    ("expires", _expires),
    ("minimum", _minimum),
    ("maximum", _maximum),
    ("rollover", _rollover),
    ("prorate_allowance", _prorated_allowance),
    ("settle: renewal", _settled_at_renewal),
    ("aggregate: weighted", _weighted),
    ("charge: usage of a held feature", _held_usage),
    ("on_blocked: final", _blocked_final),
    ("renewal_anchor: shift", _renewal_shift),
)
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
