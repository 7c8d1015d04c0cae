"""What a base knows of running subscriptions and their usage, in groups; it names nobody unless asked to.

The store gathers it (store/book.py), a snapshot file keeps a part of it, impact.py reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from planctl.core.catalog.model import Terms
from planctl.core.document import Document
from planctl.core.instants import Instant


@dataclass(frozen=True, slots=True)
class Held:
    """Running subscriptions that hold the same terms of a plan and pay alike: `count` of them.

    `plan` is an id (add-ons are plans here). `terms` are those held, negotiated terms laid over; None in a
    snapshot, which keeps `monthly` alone: what one of them pays by the month in recurring amounts (fee times
    `units`, prepaid quantities), in major units, exact. `agreed` are the negotiated terms by path; empty where
    there are none. `units` is an add-on's own quantity, `quantities` the prepaid ones by feature. `charged` is
    False where nothing is paid now: in a trial, before a start, in a pause or a block. `used` is the quantity of
    each metered feature in the last closed allowance period; None where that is not known one by one.
    `customers` only if asked for.
    """

    plan: str
    version: int
    currency: str
    pay: str
    monthly: Fraction
    count: int = 1
    units: int = 1
    quantities: Mapping[str, Decimal] = field(default_factory=dict)
    agreed: Mapping[str, Document] = field(default_factory=dict)
    charged: bool = True
    terms: Terms | None = None
    used: Mapping[str, Fraction] | None = None
    customers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Spread:
    """How much subscriptions of a plan used of a feature: `count` of them, and quantities in rising order.

    `percentiles` has 101 entries, the nearest-rank quantiles from 0 to 100 percent.
    """

    count: int
    percentiles: tuple[Fraction, ...]


@dataclass(frozen=True, slots=True)
class Book:
    """Running subscriptions as of an instant; `spreads` are by plan id and feature, where `used` is not known."""

    as_of: Instant
    held: tuple[Held, ...] = ()
    spreads: Mapping[tuple[str, str], Spread] = field(default_factory=dict)
