"""The values pricing works on and the contract that every price kind keeps. It prices nothing itself."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar, Protocol, Self, runtime_checkable

from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.core.document import Document, Node
    from planctl.core.reading import Reader

Prices = Mapping[str, Decimal]
"""An exact price per currency code, in major units; never changed after it is built."""


@dataclass(frozen=True, slots=True)
class EventAmount:
    """One event as a percentage price sees it: its quantity, and the amount in its property, in major units.

    `at` is in microseconds since 1970-01-01 UTC.
    """

    at: int
    quantity: Fraction
    amount: Fraction


@dataclass(frozen=True, slots=True)
class Billable:
    """The quantity of one feature in one allowance period, as a price kind sees it.

    `total` is the usage that advances tiers: the allowance included, wallet-paid units not. `included` is
    the allowance it covers. Both are at least 0; units in `(included, total]` are charged. `events` are the
    single events in time order where the kind has an `amount_property`, else none: wallet-paid ones too,
    corrected ones with what is left of them, so that every quantity is at least 0.
    """

    total: Fraction
    included: Fraction = Fraction(0)
    events: tuple[EventAmount, ...] = ()

    @property
    def excess(self) -> Fraction:
        """The units that are charged: never below 0."""
        return max(Fraction(0), self.total - self.included)


@dataclass(frozen=True, slots=True)
class Part:
    """One step of a price, for explaining: `quantity` × `unit_price` = `amount` (exact, major units)."""

    label: str
    quantity: Fraction
    unit_price: Fraction
    amount: Fraction


@dataclass(frozen=True, slots=True)
class Priced:
    """The exact amount in major units, unrounded, and the parts that sum to it exactly."""

    amount: Fraction
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Steps:
    """A price that jumps after every `size` units, counted from `start`; between two jumps it is straight."""

    start: Fraction
    size: Fraction


@runtime_checkable
class PriceKind(Protocol):
    """One way to price a quantity; one module of `kinds/` each, listed in `kinds/__init__.py`.

    A kind declares its own terms: it reads them from a catalog node, writes them back, prices with them
    and describes itself. Nothing outside `kinds/` asks which kind it is.
    """

    name: ClassVar[str]
    """The key in YAML: each, package, graduated, volume, percentage."""

    not_built: ClassVar[str]
    """Empty, or the term's name where amounts with it cannot be computed yet (see `errors.NotYet`)."""

    @property
    def amount_property(self) -> str:
        """The event property whose amounts it prices one by one; empty where the quantity says it all."""
        ...

    @classmethod
    def read(cls, node: Node, reader: Reader) -> Self | None:
        """The kind from the value under its key, or None after reporting findings to `reader`."""
        ...

    def document(self) -> Document:
        """The canonical value under its key: `read(node_of(document))` gives an equal kind."""
        ...

    def currencies(self) -> frozenset[str]:
        """The currencies in which every part of it has a price."""
        ...

    def first_bound(self) -> Fraction | None:
        """The total, allowance included, up to which the first tier goes; None where there is no such bound.

        Tiers that are open, or that count from the allowance on, have none.
        """
        ...

    def edges(self, included: Fraction) -> frozenset[Fraction]:
        """The totals at which the bill may bend or jump with `included` free units, `steps` excepted."""
        ...

    def steps(self, included: Fraction) -> Steps | None:
        """The jumps that repeat without end, None where there are none."""
        ...

    def price(self, billable: Billable, currency: str) -> Priced:
        """The exact price of `billable` in `currency`; zero excess costs zero unless the terms say otherwise."""
        ...

    def describe(self, unit: str, currency: str) -> str:
        """A short face such as `0.12 USD / minute` or `0.50 USD / 1,000 calls`."""
        ...
