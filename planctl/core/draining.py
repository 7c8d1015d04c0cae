"""Who pays for a unit, stretch by stretch of time: allowances in order, what it spends, the wallet, then nobody.

A stretch is a time in which the same allowances and grants are open. It knows no prices and no terms: `lineup`
says what is open when. Source: planctl billing rules, rating a feature for one allowance period (drain order).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from fractions import Fraction

from planctl.core.money import plus
from planctl.core.wallets import Grant, take
from planctl.values import dataclass

ZERO = Fraction(0)

PoolKey = tuple[str, str, int]
"""An allowance period of one feature of one subscription: (subscription, feature, index)."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """The units included in one allowance period, with what was bought and what rolled in; None: unlimited.

    What was used of the periods in `before`, which changes of plan cut short, counts against it.
    """

    key: PoolKey
    included: Fraction | None
    before: tuple[PoolKey, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One feature in one stretch: what was used, and who may pay for it, in the order in which they do.

    `account` is the allowance period that answers for what no allowance covers: its units go to what the
    feature `spends` (units of the target per unit), else to `grants`, else they are its excess.
    """

    feature: str
    used: Fraction
    allowances: tuple[Allowance, ...]
    account: PoolKey
    spends: Mapping[str, Fraction] = field(default_factory=dict)
    grants: tuple[Grant, ...] = ()


Stretch = Sequence[Entry]
"""The features of a stretch, each before all that it spends. Stretches are given in time order."""


@dataclass(slots=True)
class Account:
    """What one allowance period answers for: its feature's own units and those that others drew on it.

    `included` counts every allowance that paid, of whatever subscription. `drawn` maps a feature to its units
    and to the units of this feature they came to. `above` is excess, or over the limit.
    """

    own: Fraction = ZERO
    drawn: dict[str, tuple[Fraction, Fraction]] = field(default_factory=dict)
    included: Fraction = ZERO
    passed_on: Fraction = ZERO
    wallet: dict[str, Fraction] = field(default_factory=dict)
    above: Fraction = ZERO

    @property
    def total(self) -> Fraction:
        """All units that came here."""
        return plus(self.own, *(units for _, units in self.drawn.values()))

    @property
    def paid_by_wallet(self) -> Fraction:
        """The units that grants paid for."""
        return plus(*self.wallet.values())


@dataclass(slots=True)
class Drained:
    """Where every unit went: what each allowance paid for, and what each account answers for.

    `before` has the periods whose used units count against an allowance.
    """

    used: dict[PoolKey, Fraction] = field(default_factory=dict)
    before: dict[PoolKey, tuple[PoolKey, ...]] = field(default_factory=dict)
    accounts: dict[PoolKey, Account] = field(default_factory=dict)

    def account(self, key: PoolKey) -> Account:
        """The account of an allowance period, an empty one where nothing came to it."""
        return self.accounts.get(key) or Account()

    def used_before(self, key: PoolKey) -> Fraction:
        """What was used before a change of plan and counts against an allowance period."""
        return plus(*(self.used.get(one, ZERO) for one in self.before.get(key, ())))


def drain(stretches: Iterable[Stretch], lefts: dict[str, Fraction], payer: PoolKey | None = None) -> Drained:
    """Let every stretch's units be paid for; `lefts` is what grants have left, and is drawn down.

    With `payer`, grants pay for that account alone: those of others are drawn when they close.
    A unit is paid by the first allowance that has some left, else passed on, else paid by the grants, else it
    is excess: units of a feature that spends another are converted and go through the other's allowances.
    """
    drained = Drained()
    for stretch in stretches:
        inflow: dict[str, list[tuple[str, Fraction, Fraction]]] = {}
        for entry in stretch:
            account = drained.accounts.setdefault(entry.account, Account())
            rest = _arrived(account, entry, inflow.get(entry.feature, ()))
            rest = _included(drained, account, entry.allowances, rest)
            if not rest:
                continue
            if entry.spends:
                account.passed_on += rest
                for target, ratio in entry.spends.items():
                    inflow.setdefault(target, []).append((entry.feature, rest, rest * ratio))
                continue
            pays = entry.grants and payer in {None, entry.account}
            for grant, units in take(lefts, entry.grants, rest) if pays else ():
                account.wallet[grant] = account.wallet.get(grant, ZERO) + units
                rest -= units
            account.above = plus(account.above, rest)
    return drained


def _arrived(account: Account, entry: Entry, inflow: Sequence[tuple[str, Fraction, Fraction]]) -> Fraction:
    """Count what came to the account in this stretch; the units to be paid for."""
    account.own = plus(account.own, entry.used)
    units = entry.used
    for feature, quantity, converted in inflow:
        before = account.drawn.get(feature, (ZERO, ZERO))
        account.drawn[feature] = (before[0] + quantity, before[1] + converted)
        units += converted
    return units


def _included(
    drained: Drained, account: Account, allowances: Sequence[Allowance], units: Fraction
) -> Fraction:
    """Let allowances pay in order; the units that are left."""
    for allowance in allowances:
        if allowance.before:
            drained.before[allowance.key] = allowance.before
        used = drained.used.get(allowance.key, ZERO)
        before = drained.used_before(allowance.key)
        paid = units
        if allowance.included is not None:
            left = allowance.included - used - before if used or before else allowance.included
            paid = min(units, max(left, ZERO))
        if paid:
            drained.used[allowance.key] = plus(used, paid)
            account.included = plus(account.included, paid)
            units -= paid
    return units


def taken_back(increments: Sequence[Fraction]) -> list[Fraction]:
    """Increments in time order without any below 0: a correction takes back the last units before it.

    What it takes back beyond them is taken off the units that come next; what is then left is forgotten.
    """
    found: list[Fraction] = []
    debt = ZERO
    for increment in increments:
        units = increment + debt
        debt = ZERO
        for place in range(len(found) - 1, -1, -1):
            if units >= 0:
                break
            back = min(found[place], -units)
            found[place] -= back
            units += back
        if units < 0:
            debt, units = units, ZERO
        found.append(units)
    return found


def carried_on(included: Fraction, rolled: Fraction, used: Fraction, cap: Fraction | None) -> Fraction:
    """What rolls over into the next allowance period: the unused units, at most `cap` (None: all of them).

    The oldest are trimmed, which changes no number: units are alike. Source: planctl billing rules, rollover.
    """
    unused = max(included + rolled - used, ZERO)
    return unused if cap is None else min(cap, unused)
