"""A customer's open pools: every metered feature in the allowance period that runs. It answers no question.

Subscriptions come as they stand at the instant asked about; usage comes as totals of the windows named here.
Source: planctl billing rules, rating a feature for one allowance period.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction

from planctl.core.draining import Allowance, Drained, Entry, drain
from planctl.core.invoicing.lineup import Course, Grantor, LineUp, windows_of
from planctl.core.invoicing.members import windows_of_accounts
from planctl.core.invoicing.model import Totals, UsageWindow, WindowKey
from planctl.core.invoicing.usage import free_of_charge, included_of, rated_account, usage_price
from planctl.core.periods import Instant, Period
from planctl.core.pools import Contribution, Pool, passes_on_to
from planctl.values import dataclass

ZERO = Fraction(0)


@dataclass(frozen=True, slots=True)
class OpenPool:
    """A metered feature in the allowance period that runs: what was used, and who pays for what is above.

    `remaining` is what allowances still pay for, in this feature's unit: its own, and of what it spends as
    much as the tightest target has left; None: unlimited. `excess` is what will be billed, `over_limit`
    what is kept and not billed, `wallet` what grants still hold. `answers`: this subscription's pool tells of
    all that the customer used; the others tell what their allowance paid.
    """

    pool: Pool
    period: Period
    remaining: Fraction | None
    excess: Fraction
    over_limit: Fraction
    wallet: Fraction = ZERO
    answers: bool = False


def current_windows(lineup: LineUp, at: Instant) -> tuple[UsageWindow, ...]:
    """The usage that the pools open at `at` need: each feature's, and what draws on it, up to and with `at`.

    The window of a held feature begins before everything: its level belongs to the customer and carries.
    """
    found: dict[WindowKey, UsageWindow] = {}
    for feature, holder in _open_features(lineup, at):
        if holder.entitlement.feature.held:
            level = level_window(holder, at)
            found[level.key] = level
        if not holder.entitlement.feature.held or holder.charges(at):
            found |= {window.key: window for window in windows_of(_course(lineup, feature, holder, at))}
    return tuple(found.values())


def open_pools(lineup: LineUp, at: Instant, totals: Totals) -> dict[str, dict[str, OpenPool]]:
    """Every metered feature that a live subscription grants, in the allowance period that holds `at`.

    By subscription id, in the order of its terms. `totals` are those of `current_windows`; wallets pay what
    no allowance does, as the closing of the period will post it.
    """
    states: dict[tuple[str, str], OpenPool] = {}
    for feature, holder in _open_features(lineup, at):
        for one, state in _states(lineup, feature, holder, at, totals):
            states[(one.subscription.id, feature)] = state
    found: dict[str, dict[str, OpenPool]] = {}
    for subscription in lineup.subscriptions:
        features = subscription.terms.features
        mine = {
            name: states[(subscription.id, name)] for name in features if (subscription.id, name) in states
        }
        found[subscription.id] = {
            name: replace(state, remaining=_left(lineup, mine, name)) for name, state in mine.items()
        }
    return found


def shared_windows(lineup: LineUp, at: Instant) -> dict[tuple[str, str], tuple[UsageWindow, ...]]:
    """The windows in which everybody of a company is measured alone, by subscription id and feature.

    Only for the pools open at `at` that tell of all that was used. What was used of a feature before a change of
    plan within the period belongs to it.
    """
    found: dict[tuple[str, str], tuple[UsageWindow, ...]] = {}
    for feature, holder in _open_features(lineup, at):
        period = holder.period_at(at)
        windows: tuple[UsageWindow, ...] = (level_window(holder, at),)
        if not holder.entitlement.feature.held:
            keys = {holder.key(period), *lineup.used_before(holder, period)}
            windows = windows_of_accounts(_course(lineup, feature, holder, at), keys)
        found[(holder.subscription.id, feature)] = windows
    return found


def _open_features(lineup: LineUp, at: Instant) -> list[tuple[str, Grantor]]:
    """The metered features that some subscription grants at `at`, with who answers for each."""
    names = dict.fromkeys(
        name
        for subscription in lineup.subscriptions
        if subscription.live
        for name, entitlement in subscription.terms.features.items()
        if entitlement.granted and entitlement.feature.type == "metered"
    )
    holders = ((name, lineup.holder(name, at)) for name in names)
    return [(name, holder) for name, holder in holders if holder is not None]


def _course(lineup: LineUp, feature: str, holder: Grantor, at: Instant) -> Course:
    return lineup.course(feature, holder.period_at(at).starts_at, Instant(at + 1))


def level_window(holder: Grantor, at: Instant) -> UsageWindow:
    """The window whose total is the level of a held feature at an instant; it belongs to whoever answers for it."""
    until = Instant(at + 1)
    subscription, feature = holder.subscription, holder.entitlement.feature
    if feature.meter.aggregate == "weighted":  # a mean since ever says nothing: what is held now does
        return UsageWindow(subscription.id, subscription.customer, feature.id, at, until, until, "peak")
    return UsageWindow(subscription.id, subscription.customer, feature.id, Instant(0), until, until)


def _states(
    lineup: LineUp, feature: str, holder: Grantor, at: Instant, totals: Totals
) -> Iterator[tuple[Grantor, OpenPool]]:
    """The feature's pool in each subscription that grants it at `at`; the holder's says what is above."""
    lefts = {grant.id: grant.left for grant in lineup.grants}
    course: Course = ()
    key = holder.key(holder.period_at(at))
    if holder.entitlement.feature.held and not holder.charges(at):
        drained = _levelled(lineup, feature, holder, at, totals)
    else:
        course = _course(lineup, feature, holder, at)
        drained = drain(lineup.entries(course, totals), lefts, key)
    account = drained.account(key)
    included = included_of(course, key, drained, lineup.rolled)
    price = usage_price(holder.subscription, feature, at)
    free = free_of_charge(price, holder.subscription.currency.code)
    rated = rated_account(holder.subscription, feature, account, included, free)
    own = account.own
    if holder.entitlement.feature.held:
        own = totals.get(level_window(holder, at).key, ZERO)
    left = ZERO  # a feature that passes on what is above its allowance spends no wallet of its own
    if not passes_on_to(holder.entitlement):
        left = sum((lefts[grant.id] for grant in lineup.grants_for(feature) if grant.lives(at)), ZERO)
    for one in lineup.grantors(feature):
        if not one.open_at(at) or not one.subscription.live:
            continue
        period = one.period_at(at)
        rolled = lineup.rolled.get(one.key(period), ZERO)
        used = drained.used.get(one.key(period), ZERO)
        before = drained.used_before(one.key(period))
        pool = Pool(
            feature, one.included(period, rolled), used + before, own=used, rolled=rolled, before=before
        )
        state = OpenPool(pool, period, pool.remaining, ZERO, ZERO)
        if one.key(period) == key:
            drawn = tuple(
                Contribution(name, quantity, units)
                for name, (quantity, units) in sorted(account.drawn.items())
            )
            elsewhere = max(account.included - used, ZERO)
            pool = replace(
                pool, own=own, drawn=drawn, passed_on=account.passed_on, elsewhere=elsewhere,
                wallet=account.paid_by_wallet,
            )  # fmt: skip
            state = OpenPool(pool, period, pool.remaining, rated.excess, rated.over_limit, left, answers=True)
        yield one, state


def _levelled(lineup: LineUp, feature: str, holder: Grantor, at: Instant, totals: Totals) -> Drained:
    """A held feature's level now, paid for by the allowances that are open now."""
    level = totals.get(level_window(holder, at).key, ZERO)
    granting = [(one, one.period_at(at)) for one in lineup.grantors(feature) if one.open_at(at)]
    granting.sort(key=lambda pair: pair[0].order(pair[1]))
    allowances = tuple(Allowance(one.key(period), one.included(period, ZERO)) for one, period in granting)
    entry = Entry(feature, max(level, ZERO), allowances, holder.key(holder.period_at(at)))
    return drain([(entry,)], {})


def _left(lineup: LineUp, states: Mapping[str, OpenPool], feature: str) -> Fraction | None:
    """What allowances of one subscription still pay for of a feature: its own and those of what it spends."""
    state = states.get(feature)
    if state is None:
        return ZERO
    own = state.pool.remaining
    spends = next(
        (
            passes_on_to(one.entitlement)
            for one in lineup.grantors(feature)
            if one.entitlement.granted and one.subscription.live
        ),
        {},
    )
    if own is None or not spends:
        return own
    return tightest(own, spends, {target: _left(lineup, states, target) for target in spends})


def tightest(
    own: Fraction, spends: Mapping[str, Fraction], left: Mapping[str, Fraction | None]
) -> Fraction | None:
    """`own` and as many units more as the tightest target pays for; None where every target is unlimited."""
    units = [more / spends[target] for target, more in left.items() if more is not None]
    return own + min(units) if units else None
