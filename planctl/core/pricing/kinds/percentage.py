"""Knows the price kind `percentage`: a share of each event's amount. Which events there are it is told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar, Self

from planctl.core.money import decimal_text
from planctl.core.pricing.events import split
from planctl.core.pricing.kinds.shared import (
    ZERO,
    common_currencies,
    exact,
    price_text,
    prices_document,
    read_prices,
)
from planctl.core.pricing.model import Billable, EventAmount, Part, Priced, PriceKind, Prices, Steps
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.core.document import Document, Node
    from planctl.core.reading import Reader

_AMOUNTS = ("fixed", "min", "max", "free_amount")
_TERMS = ("rate", "of", "free_events", *_AMOUNTS)


@dataclass(frozen=True, slots=True)
class Percentage:
    """`percentage: {rate: 2.9%, of: amount, fixed: {USD: 0.30}, min: {USD: 0.50}, max: {USD: 10}}`.

    `rate` is a fraction of 1, `of` the event property that holds the amount. `fixed` is added for each
    event, `min` and `max` bound what one event costs. `free_events` and `free_amount` free the earliest
    events, until the count or the amount is used up, whichever is first. Each may be absent. `declared` are
    the currencies of the catalog, which are its own where no amount says otherwise.
    Source: planctl billing rules, price kinds.
    """

    name: ClassVar[str] = "percentage"
    not_built: ClassVar[str] = ""

    rate: Decimal
    of: str
    fixed: Prices = field(default_factory=dict)
    min: Prices = field(default_factory=dict)
    max: Prices = field(default_factory=dict)
    free_events: int = 0
    free_amount: Prices = field(default_factory=dict)
    declared: frozenset[str] = field(default=frozenset(), compare=False)

    @property
    def amount_property(self) -> str:
        """The property that `of` names."""
        return self.of

    @classmethod
    def read(cls, node: Node, reader: Reader) -> Self | None:
        """A map with `rate` (0% to 100%) and `of`; the rest may be absent, `free_events: 0` is none."""
        complaints = len(reader.findings)
        terms = reader.mapping(node, "percentage", _TERMS)
        if terms is None:
            return None
        for key in ("rate", "of"):
            if terms.get(key) is None:
                reader.error(node.place, "percentage", f"percentage has no {key}")
        rate = reader.percent(terms.get("rate"), "percentage.rate")
        if rate is not None and not 0 <= rate <= 1:
            reader.error(terms.key_place("rate"), "range", "percentage.rate must be from 0% to 100%")
        of = reader.text(terms.get("of"), "percentage.of")
        free = reader.integer(terms.get("free_events"), "percentage.free_events")
        amounts = {key: read_prices(terms.get(key), f"percentage.{key}", reader) or {} for key in _AMOUNTS}
        low, high = amounts["min"], amounts["max"]
        for code in sorted(low.keys() & high.keys()):
            if low[code] > high[code]:
                reader.error(
                    terms.key_place("max"),
                    "range",
                    f"percentage.max is below min in {code}",
                    got=decimal_text(high[code]),
                    expected=f"at least {decimal_text(low[code])}",
                )
        if rate is None or not of or len(reader.findings) > complaints:
            return None
        return cls(rate, of, free_events=free or 0, declared=frozenset(reader.currencies), **amounts)

    def document(self) -> Document:
        """The terms it has."""
        found: dict[str, Document] = {"rate": _percent_text(self.rate), "of": self.of}
        for key, prices in self._amounts():
            if prices:
                found[key] = prices_document(prices)
        if self.free_events:
            found["free_events"] = str(self.free_events)
        return found

    def currencies(self) -> frozenset[str]:
        """Those that all its amounts have; every declared one where it is a rate alone."""
        amounts = [prices for _, prices in self._amounts() if prices]
        return common_currencies(*amounts) if amounts else self.declared

    def first_bound(self) -> Fraction | None:
        """None: there are no tiers."""
        return None

    def edges(self, included: Fraction) -> frozenset[Fraction]:
        """Where the allowance ends; the rest depends on the amounts, not on the quantity."""
        return frozenset({included})

    def steps(self, included: Fraction) -> Steps | None:
        """None: there is no bill by quantity."""
        return None

    def price(self, billable: Billable, currency: str) -> Priced:
        """The events that the allowance (and the wallet) leave, each at rate and fixed, between min and max.

        What is covered are the earliest units. An event covered whole is free; one covered in part pays the
        rate on the rest of its amount and the whole fixed. An amount below 0 counts as 0.
        """
        assert billable.events or not billable.excess, f"{billable.excess} units come without their events"
        covered = sum((event.quantity for event in billable.events), ZERO) - billable.excess
        _, left = split(billable.events, covered)
        charged = self._after_free(left, currency) if billable.excess else ()
        parts = tuple(self._parts(charged, currency))
        return Priced(sum((part.amount for part in parts), ZERO), parts)

    def describe(self, unit: str, currency: str) -> str:
        """`2.9% of amount + 0.30 USD, at least 0.50 USD, at most 10.00 USD`."""
        text = f"{_percent_text(self.rate)} of {self.of}"
        text += f" + {price_text(self.fixed[currency], currency)}" if self.fixed else ""
        text += f", at least {price_text(self.min[currency], currency)}" if self.min else ""
        return text + (f", at most {price_text(self.max[currency], currency)}" if self.max else "")

    def _amounts(self) -> tuple[tuple[str, Prices], ...]:
        return (
            ("fixed", self.fixed),
            ("min", self.min),
            ("max", self.max),
            ("free_amount", self.free_amount),
        )

    def _after_free(self, events: Iterable[EventAmount], currency: str) -> list[Fraction]:
        """The amounts to charge: free events left out, the one that uses up the free amount cut."""
        amounts = [max(event.amount, ZERO) for event in events]
        if not self.free_events and not self.free_amount:
            return amounts
        room = exact(self.free_amount[currency]) if self.free_amount else sum(amounts, ZERO)
        free = 0
        for amount in amounts[: self.free_events or len(amounts)]:
            if amount > room:
                return [amount - room, *amounts[free + 1 :]]
            room -= amount
            free += 1
        return amounts[free:]

    def _parts(self, amounts: Iterable[Fraction], currency: str) -> Iterable[Part]:
        """One part per way an event was priced: the rate and the fixed amount, the least, the most."""
        rate, fixed = exact(self.rate), exact(self.fixed[currency]) if self.fixed else ZERO
        low = exact(self.min[currency]) if self.min else ZERO
        high = exact(self.max[currency]) if self.max else None
        by_rate, shares, least, most = ZERO, 0, 0, 0
        for amount in amounts:
            cost = amount * rate + fixed
            if cost < low:
                least += 1
            elif high is not None and cost > high:
                most += 1
            else:
                by_rate, shares = by_rate + amount, shares + 1
        if by_rate and rate:
            yield Part(f"{_percent_text(self.rate)} of {self.of}", by_rate, rate, by_rate * rate)
        for label, count, price in (("per event", shares, fixed), ("at least, per event", least, low)):
            if count and price:
                yield Part(label, Fraction(count), price, count * price)
        if most and high:
            yield Part("at most, per event", Fraction(most), high, most * high)


def _percent_text(rate: Decimal) -> str:
    return f"{decimal_text(rate.scaleb(2))}%"


# --- comparing two of them, for there is no bill by quantity to compare


def charges_events(kind: PriceKind, currency: str) -> bool:
    """Whether some event costs something; True for kinds that are priced by quantity."""
    if not isinstance(kind, Percentage):
        return True
    prices = (kind.rate, kind.fixed.get(currency), kind.min.get(currency))
    return any(prices) and kind.max.get(currency) != 0


def term_increase(term: str, old: Fraction | None, new: Fraction | None) -> Fraction | None:
    """By which fraction one changed number of the terms makes events dearer: 0 where it does not.

    `term` is the key in `percentage`; None as a value is absent. None as the answer: dearer by an amount
    that no fraction tells, because it was nothing, had no bound or is no number.
    """
    if term in {"free_events", "free_amount"}:
        old, new = new, old  # fewer free ones are dearer
    if term == "max" and (old is None or new is None):
        return ZERO if old is None else None
    before, after = old or ZERO, new or ZERO
    if term not in {"rate", "free_events", *_AMOUNTS}:
        return None
    if after <= before:
        return ZERO
    return (after - before) / before if before else None
