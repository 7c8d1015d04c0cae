"""What usage of the allowance periods that are open takes from each grant so far. It posts nothing.

The closing of the period will post the same. Source: planctl billing rules, rating a feature for one
allowance period.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from planctl.core.draining import PoolKey, drain
from planctl.core.invoicing.lineup import Course, LineUp, windows_of
from planctl.core.invoicing.model import Totals, UsageWindow
from planctl.core.periods import Instant
from planctl.core.wallets import ZERO


def draw_windows(lineup: LineUp, at: Instant) -> tuple[UsageWindow, ...]:
    """The usage that `open_draws` needs: of features of which there are grants, up to and with `at`."""
    found = {window.key: window for _, course in _courses(lineup, at) for window in windows_of(course)}
    return tuple(found.values())


def open_draws(lineup: LineUp, at: Instant, totals: Totals) -> dict[str, Fraction]:
    """The units that each grant pays of what was used in the periods open at `at`, exact, by the grant's id.

    `lineup` stands as a run at `at` would leave it, `totals` are those of `draw_windows`.
    """
    drawn: dict[str, Fraction] = {}
    lefts = {grant.id: grant.left for grant in lineup.grants}
    for key, course in _courses(lineup, at):
        account = drain(lineup.entries(course, totals), lefts, key).account(key)
        for grant, units in account.wallet.items():
            drawn[grant] = drawn.get(grant, ZERO) + units
    return drawn


def _courses(lineup: LineUp, at: Instant) -> Iterator[tuple[PoolKey, Course]]:
    """The open allowance period of each feature of which there are grants, by who answers for it, and its course."""
    names = dict.fromkeys(grant.feature for grant in lineup.grants)
    names |= dict.fromkeys(former for former, present in lineup.present.items() if present in names)
    for feature in names:
        holder = lineup.holder(feature, at)
        if holder is not None and (holder.charges(at) or not holder.entitlement.feature.held):
            period = holder.period_at(at)
            yield holder.key(period), lineup.course(feature, period.starts_at, Instant(at + 1))
