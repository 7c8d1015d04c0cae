"""What a customer may use now: its open pools, and one answer over all its subscriptions. It bills nothing.

Subscriptions come as they stand at the instant asked about; usage comes as totals of the windows named here.
Source: planctl billing rules, rating a feature for one allowance period, lifecycle.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fractions import Fraction

from planctl.core.catalog.model import FeatureType
from planctl.core.draining import Allowance, Drained, Entry, drain
from planctl.core.invoicing.lineup import Course, Grantor, LineUp, windows_of
from planctl.core.invoicing.model import Totals, UsageWindow, WindowKey
from planctl.core.invoicing.usage import included_of, rated_account
from planctl.core.periods import Instant, Period
from planctl.core.pools import Contribution, Pool, passes_on_to
from planctl.core.subscriptions.model import Status, Subscription

ZERO = Fraction(0)


class Reason(StrEnum):
    """Why a check says yes or no; stable, printed as it is."""

    ALLOWED = "allowed"
    NOT_GRANTED = "not_granted"
    ENDED = "ended"
    NOT_STARTED = "not_started"
    PAUSED = "paused"
    PAST_DUE = "past_due"
    BLOCKED = "blocked"
    LIMIT_REACHED = "limit_reached"
    VALUE_NOT_INCLUDED = "value_not_included"


_WORST_FIRST = (
    Reason.BLOCKED,
    Reason.PAST_DUE,
    Reason.PAUSED,
    Reason.NOT_STARTED,
    Reason.ENDED,
    Reason.NOT_GRANTED,
)
"""Which of several reasons is told: the one that a person can do most about."""

_NO_ACCESS = {
    Status.PENDING: Reason.NOT_STARTED,
    Status.BLOCKED: Reason.BLOCKED,
    Status.PAUSED: Reason.PAUSED,
    Status.CANCELED: Reason.ENDED,
    Status.EXPIRED: Reason.ENDED,
}


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


@dataclass(frozen=True, slots=True)
class Holding:
    """One subscription and its pools by feature; empty pools where no allowance period runs."""

    subscription: Subscription
    pools: Mapping[str, OpenPool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Question:
    """May `quantity` more units, or `value` of a list, be used? `names`: the feature's id and former ids."""

    names: Collection[str]
    type: FeatureType
    quantity: Fraction = Fraction(1)
    value: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """The answer. `limit` is the most that may be used in the period, None: no limit, or not a quantity.

    `used` is what was used of the feature, in its unit, by others that draw on it too; `remaining` how much
    more is possible, by whatever it draws on itself; `wallet` is what grants pay for after that. All four are
    None where the feature is not metered or nothing grants it now.
    """

    allowed: bool
    reason: Reason
    limit: Fraction | None = None
    used: Fraction | None = None
    remaining: Fraction | None = None
    resets_at: Instant | None = None
    granted_by: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    wallet: Fraction | None = None


# --- pools


def current_windows(lineup: LineUp, at: Instant) -> tuple[UsageWindow, ...]:
    """The usage that the pools open at `at` need: each feature's, and what draws on it, up to and with `at`.

    The window of a held feature begins before everything: its level belongs to the customer and carries.
    """
    found: dict[WindowKey, UsageWindow] = {}
    for feature, holder in _open_features(lineup, at):
        if holder.entitlement.feature.held:
            level = _level_window(holder, at)
            found[level.key] = level
        if not holder.entitlement.feature.held or holder.charges:
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


def _level_window(holder: Grantor, at: Instant) -> UsageWindow:
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
    if holder.entitlement.feature.held and not holder.charges:
        drained = _levelled(lineup, feature, holder, at, totals)
    else:
        course = _course(lineup, feature, holder, at)
        drained = drain(lineup.entries(course, totals), lefts, key)
    account = drained.account(key)
    included = included_of(course, key, drained, lineup.rolled)
    rated = rated_account(holder.subscription, feature, account, included, priced=False)
    own = account.own
    if holder.entitlement.feature.held:
        own = totals.get(_level_window(holder, at).key, ZERO)
    left = ZERO  # a feature that passes on what is above its allowance spends no wallet of its own
    if not passes_on_to(holder.entitlement):
        left = sum((lefts[grant.id] for grant in lineup.grants_for(feature) if grant.lives(at)), ZERO)
    for one in lineup.grantors(feature):
        if not one.open_at(at) or not one.subscription.live:
            continue
        period = one.period_at(at)
        rolled = lineup.rolled.get(one.key(period), ZERO)
        used = drained.used.get(one.key(period), ZERO)
        pool = Pool(feature, one.included(period, rolled), used, own=used, rolled=rolled)
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
    level = totals.get(_level_window(holder, at).key, ZERO)
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
    return _tightest(own, spends, {target: _left(lineup, states, target) for target in spends})


def _tightest(
    own: Fraction, spends: Mapping[str, Fraction], left: Mapping[str, Fraction | None]
) -> Fraction | None:
    """`own` and as many units more as the tightest target pays for; None where every target is unlimited."""
    units = [more / spends[target] for target, more in left.items() if more is not None]
    return own + min(units) if units else None


# --- access


def access(subscription: Subscription, at: Instant) -> Reason:
    """Whether the subscription's features may be used at `at`: allowed, or what stands in the way."""
    if at < subscription.started_at:
        return Reason.NOT_STARTED
    if subscription.status is Status.PAST_DUE and subscription.terms.on_past_due == "block":
        return Reason.PAST_DUE
    return _NO_ACCESS.get(subscription.status, Reason.ALLOWED)


def check(question: Question, holdings: Sequence[Holding], at: Instant, *, waiting: bool = False) -> Checked:
    """Answer one question over all of a customer's subscriptions, ended ones included.

    `waiting`: an assigned plan that has not started would grant the feature. A charge after use goes on past
    the allowance up to its `up_to`; without one the limit is hard, and so it is in a trial.
    """
    granting = [(one, name) for one in holdings if (name := _granted(one.subscription, question.names))]
    usable = [(one, name) for one, name in granting if access(one.subscription, at) is Reason.ALLOWED]
    if not usable:
        reasons = {access(one.subscription, at) for one, _ in granting}
        reasons |= {Reason.NOT_STARTED} if waiting else set()
        return Checked(False, next((r for r in _WORST_FIRST if r in reasons), Reason.NOT_GRANTED))
    granted_by = tuple(one.subscription.id for one, _ in usable)
    if question.type == "boolean":
        return Checked(True, Reason.ALLOWED, granted_by=granted_by)
    if question.type == "list":
        return _check_list(question, usable, granted_by)
    return _check_metered(question, usable, granted_by)


def _granted(subscription: Subscription, names: Collection[str]) -> str:
    """The name under which the terms grant the feature; empty where they do not."""
    features = subscription.terms.features
    return next((name for name in features if name in names and features[name].granted), "")


def _check_list(
    question: Question, usable: Sequence[tuple[Holding, str]], granted_by: tuple[str, ...]
) -> Checked:
    values = dict.fromkeys(
        value for one, name in usable for value in one.subscription.terms.features[name].values
    )
    good = question.value in values if question.value else bool(values)
    reason = Reason.ALLOWED if good else Reason.VALUE_NOT_INCLUDED
    return Checked(good, reason, granted_by=granted_by, values=tuple(values))


def _check_metered(
    question: Question, usable: Sequence[tuple[Holding, str]], granted_by: tuple[str, ...]
) -> Checked:
    """Capacities add up over subscriptions; what was used, and the wallet, are the customer's and count once."""
    parts = [(one, name) for one, name in usable if name in one.pools]
    holdings = [one for one, _ in parts]
    name = parts[0][1] if parts else ""
    remaining = _capacity(holdings, name) if parts else ZERO
    states = [one.pools[name] for one in holdings]
    used = next((state.pool.total for state in states if state.answers), ZERO)
    if not any(state.answers for state in states):
        used = sum((state.pool.used for state in states), ZERO)
    wallet = _wallet(holdings, name)
    limit = None if remaining is None else _limit(parts, used, remaining)
    good = remaining is None or question.quantity <= remaining + wallet
    ends = [state.period.ends_at for state in states]
    return Checked(
        good,
        Reason.ALLOWED if good else Reason.LIMIT_REACHED,
        limit,
        used,
        remaining,
        min((end for end in ends if end is not None), default=None),
        granted_by,
        wallet=wallet,
    )


def _limit(parts: Sequence[tuple[Holding, str]], used: Fraction, remaining: Fraction) -> Fraction:
    """The most that may be used: allowance or `up_to` as written, else what is left of a shared pool."""
    written = [_written_limit(one, name) for one, name in parts]
    if None in written:
        return max(used, ZERO) + remaining
    return sum((part for part in written if part is not None), ZERO)


def _written_limit(holding: Holding, feature: str) -> Fraction | None:
    """The limit that the terms name; None where the feature draws on another."""
    pool = holding.pools[feature].pool
    if passes_on_to(holding.subscription.terms.features[feature]):
        return None
    charged = _charged_up_to(holding, feature)
    return charged[0] if charged else pool.included


def _wallet(holdings: Sequence[Holding], feature: str) -> Fraction:
    """What grants still hold for a feature, in its own unit: those of what it spends, where it spends any."""
    found = max((one.pools[feature].wallet for one in holdings if feature in one.pools), default=ZERO)
    for one in holdings:
        entitlement = one.subscription.terms.features.get(feature)
        spends = {} if entitlement is None else passes_on_to(entitlement)
        if spends:
            units = (_wallet(holdings, target) / ratio for target, ratio in spends.items())
            return min(units)
    return found


def _capacity(holdings: Sequence[Holding], feature: str) -> Fraction | None:
    """How many more units of the feature the subscriptions allow, without the wallet; None: without limit.

    What is left of their allowances, then what the feature spends: as many units as the tightest of its targets
    pays for. A target that is not granted pays for none. What is charged after use goes on to its `up_to`.
    """
    granting = [one for one in holdings if feature in one.pools]
    if not granting:
        return ZERO
    lefts = [one.pools[feature].pool.remaining for one in granting]
    if None in lefts:
        return None
    own = sum((left for left in lefts if left is not None), ZERO)
    oldest = min(granting, key=lambda one: (one.subscription.started_at, one.subscription.id))
    spends = passes_on_to(oldest.subscription.terms.features[feature])
    if spends:
        return _tightest(own, spends, {target: _capacity(holdings, target) for target in spends})
    for one in granting:
        charged = _charged_up_to(one, feature)
        if charged is not None and charged[0] is None:
            return None
        if charged is not None and charged[0] is not None:
            state = one.pools[feature]
            own += max(charged[0] - (state.pool.included or ZERO) - state.excess, ZERO)
    return own


def _charged_up_to(holding: Holding, feature: str) -> tuple[Fraction | None] | None:
    """The end of what is billed after use (None in it: no end); None where nothing is."""
    beyond = holding.subscription.terms.features[feature].beyond
    if beyond is None or beyond.charge != "usage" or holding.subscription.status is Status.TRIALING:
        return None
    if beyond.price_for(holding.subscription.pay) is None:
        return None
    return (None if beyond.up_to is None else Fraction(beyond.up_to),)
