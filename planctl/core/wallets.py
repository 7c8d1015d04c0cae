"""A customer's wallet: grants of units with a life, in which order they are spent, and what moves them.

It knows no prices and no allowances. Source: planctl billing rules, rating a feature for one allowance period.
"""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from fractions import Fraction
from typing import Protocol

from planctl.core.money import MAX_DECIMALS
from planctl.core.periods import (
    Anchor,
    Instant,
    Interval,
    IntervalError,
    Schedule,
    instant_text,
    parse_instant,
    zone,
)
from planctl.core.unreadable import Unreadable
from planctl.values import dataclass

ZERO = Fraction(0)
_STEP = 10**MAX_DECIMALS


class ClosingLike(Protocol):
    """What names a closing in the keys of its debits; `core.invoicing.model.Settlement` is one."""

    @property
    def subscription(self) -> str:
        """Whose usage was closed."""

    @property
    def part(self) -> str:
        """`usage`, or `usage:day` for another reset."""

    @property
    def index(self) -> int:
        """Which allowance period."""

    @property
    def occasion(self) -> str:
        """Empty, or what made it be closed again."""

    @property
    def revision(self) -> int:
        """How often its invoice was issued before."""


class LifeError(Unreadable):
    """A grant would end before it begins."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Units of one feature put into a customer's wallet, usable for usage at instants in `[granted_at, expires_at)`.

    `expires_at` None: never. `key` is the purchase or the rule that made it, `pack` the pack that was bought
    (`""`: given by an operator, for a `reason`). A lower `priority` is spent first. `left` is what its entries
    leave, exact, from 0 to `amount`.
    """

    id: str
    customer: str
    feature: str
    key: str
    amount: Fraction
    left: Fraction
    granted_at: Instant
    expires_at: Instant | None = None
    pack: str = ""
    priority: int = 0
    reason: str = ""

    @property
    def order(self) -> tuple[int, bool, int, int, bool, str]:
        """Which grant is spent first: priority, soonest expiry (never-expiring last), oldest, given before bought."""
        never = self.expires_at is None
        return (self.priority, never, self.expires_at or 0, self.granted_at, bool(self.pack), self.id)

    def lives(self, at: Instant) -> bool:
        """Whether it can pay for usage at an instant."""
        return self.granted_at <= at and (self.expires_at is None or at < self.expires_at)


@dataclass(frozen=True, slots=True)
class WalletMove:
    """One movement to post: a debit is below 0. `key` is unique in the wallet of a customer and feature.

    `amount` is exact; its entry keeps 12 decimals of it.
    `reverses` is the key of the entry that it takes back, `""` where it takes back none.
    """

    customer: str
    feature: str
    grant: str
    key: str
    amount: Fraction
    at: Instant
    reverses: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One movement as it is kept: `seq` counts the wallet's entries from 1, `balance` is what it leaves in it."""

    customer: str
    feature: str
    seq: int
    grant: str
    key: str
    amount: Fraction
    balance: Fraction
    at: Instant
    reverses: str = ""


def take(
    lefts: MutableMapping[str, Fraction], grants: Sequence[Grant], quantity: Fraction
) -> list[tuple[str, Fraction]]:
    """Take units from grants in their order until `quantity` is covered or nothing is left of them.

    `lefts` is what each grant has left, by id, and is lowered by what is taken; `grants` are those that live
    at the instant of the usage, in any order. What was taken comes back as (grant id, units above 0), exact
    and not rounded; a quantity of 0 or below takes nothing.
    """
    taken: list[tuple[str, Fraction]] = []
    for grant in sorted(grants, key=lambda one: one.order):
        units = min(quantity, lefts.get(grant.id, ZERO))
        if units <= 0:
            continue
        lefts[grant.id] -= units
        quantity -= units
        taken.append((grant.id, units))
    return taken


def posted(units: Fraction) -> Fraction:
    """Units as an entry keeps them: 12 decimals, the rest cut, so that no grant pays more than it holds."""
    cut = Fraction(abs(units.numerator) * _STEP // units.denominator, _STEP)
    return cut if units >= 0 else -cut


def kept_back(grant: Grant, drawn: Fraction) -> Fraction:
    """What of `left` stays for usage that is counted and not closed yet, when the rest is taken out for good.

    `drawn` rounded up to 12 decimals, so that its closing finds all that it needs; never more than is left.
    """
    whole = posted(drawn)
    return min(whole if whole == drawn else whole + Fraction(1, _STEP), grant.left)


def spendable(grant: Grant, drawn: Fraction, at: Instant) -> Fraction:
    """What usage at `at` could still take: what is left less what open periods have `drawn`; 0 outside its life."""
    return max(grant.left - drawn, ZERO) if grant.lives(at) else ZERO


def life_end(text: str, begins: Instant, timezone: str) -> Instant | None:
    """When a life that begins at `begins` ends: `never` (None), after an interval such as `12 months`, at a date.

    Intervals run on the local calendar; a date is its first local instant, and not in the life any more.
    Unreadable where the text is none of these, LifeError where the end is not after the beginning.
    """
    if text == "never":
        return None
    tz = zone(timezone)
    try:
        interval = Interval.parse(text)
    except IntervalError:
        end = parse_instant(text, tz)
    else:
        if interval.unit == "once":
            return None
        end = Schedule(begins, interval, Anchor("start"), timezone).boundary(1)
    if end <= begins:
        raise LifeError(f"{text} is not after {instant_text(begins)}", "give a later end, or never")
    return end


def grant_key(grant: str) -> str:
    """The key of the entry that brings a grant's units in."""
    return f"grant:{grant}"


def void_key(grant: str) -> str:
    """The key of the entry that takes out what was left when an operator voided a grant."""
    return f"void:{grant}"


def debit_prefix(settled: ClosingLike) -> str:
    """How the keys of all debits of one closing begin."""
    parts = (settled.subscription, settled.part, settled.index, settled.occasion, settled.revision)
    return ":".join(("close", *map(str, parts), ""))


def debit_key(settled: ClosingLike, grant: str) -> str:
    """The key of what a grant paid at a closing: each grant pays once for it."""
    return f"{debit_prefix(settled)}{grant}"
