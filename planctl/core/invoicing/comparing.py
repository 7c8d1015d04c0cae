"""How what a run issues compares with the run before it and with what is usual. It reads no store.

Source: planctl billing rules, runs: the dry run and --max-change.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from planctl.core.currencies import Currency
from planctl.core.instants import Instant
from planctl.core.money import round_half_up
from planctl.core.unreadable import Unreadable

_PERCENT = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,6})?) ?%?", re.ASCII)
_TWICE = 2


@dataclass(frozen=True, slots=True)
class Volume:
    """What a run issued: how many invoices, and their totals in major units by currency code."""

    issued: int
    totals: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """One figure of two runs: `what` is `invoices` or a currency code.

    `share` is the difference as a share of what it was; None where something came of nothing.
    """

    what: str
    before: Decimal
    now: Decimal

    @property
    def share(self) -> Fraction | None:
        """(now − before) / before: 1/2 is half as much again, −1 is nothing left."""
        if self.before == self.now:
            return Fraction(0)
        return Fraction(self.now - self.before) / Fraction(self.before) if self.before else None

    @property
    def percent_text(self) -> str:
        """The share for people and machines, `12.5` or `-100.0`: percent, rounded half up to a tenth; `` if none."""
        if self.share is None:
            return ""
        tenths = round_half_up(self.share * 100, 1)
        return f"{'-' * (tenths < 0)}{abs(tenths) // 10}.{abs(tenths) % 10}"


@dataclass(frozen=True, slots=True)
class Unusual:
    """An invoice that is over twice the last one of its subscription and kind. Amounts in minor units."""

    customer: str
    subscription: str
    currency: Currency
    usual_minor: int
    total_minor: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a run compares: with the last one that issued something, as of `last_at`, and invoice by invoice.

    `last_at` None: there was none, and `changes` is empty.
    """

    last_at: Instant | None = None
    changes: tuple[Change, ...] = ()
    unusual: tuple[Unusual, ...] = ()


def is_unusual(usual_minor: int, total_minor: int) -> bool:
    """Whether an amount is over twice what is usual; exactly twice is not.

    Where the usual is nothing, nothing is unusual: the invoice after a free month is as it should be.
    """
    return total_minor > _TWICE * usual_minor > 0


def changes_of(before: Volume, now: Volume) -> tuple[Change, ...]:
    """The number of invoices and each currency that either run has, by code."""
    count = Change("invoices", Decimal(before.issued), Decimal(now.issued))
    found = []
    for code in sorted({*before.totals, *now.totals}):
        was = before.totals.get(code)
        none = Decimal(0).quantize(now.totals[code] if was is None else was)
        found.append(Change(code, none if was is None else was, now.totals.get(code, none)))
    return (count, *found)


def beyond(found: Sequence[Change], limit: Fraction) -> tuple[Change, ...]:
    """Those that differ by more than the limit, up or down; what came of nothing is beyond every limit."""
    return tuple(one for one in found if one.share is None or abs(one.share) > limit)


def percent_words(percent: str) -> str:
    """A difference for people: `+12.5 %`; `new` where something came of nothing, which says no percent."""
    if not percent:
        return "new"
    return f"{percent} %" if percent.startswith("-") else f"+{percent} %"


def share_of(text: str) -> Fraction:
    """The share that `30%`, `30 %` or `30` says, 3/10; Unreadable for anything else."""
    match = _PERCENT.fullmatch(text.strip())
    if match is None:
        raise Unreadable("that is no percentage", "write it as 30% or 7.5%")
    return Fraction(match[1]) / 100
