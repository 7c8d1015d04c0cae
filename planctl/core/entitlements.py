"""What a customer may use now: its open pools, and one answer over all its subscriptions. It bills nothing.

Subscriptions come as they stand at the instant asked about; usage comes as totals of the windows named here.
Source: planctl billing rules, rating a feature for one allowance period, lifecycle.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction

from planctl.core.catalog.model import Entitlement, FeatureType, Reset
from planctl.core.invoicing.build import feeders, pools, rated_feature
from planctl.core.invoicing.model import Totals, UsageWindow
from planctl.core.periods import Instant, Interval, Period
from planctl.core.pools import Pool, allowance_of
from planctl.core.subscriptions.dues import allowance_schedule, effective_reset
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
    what is kept and not billed.
    """

    pool: Pool
    period: Period
    remaining: Fraction | None
    excess: Fraction
    over_limit: Fraction


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
    more is possible, by whatever it draws on itself. All three are None where the feature is not metered or
    nothing grants it now.
    """

    allowed: bool
    reason: Reason
    limit: Fraction | None = None
    used: Fraction | None = None
    remaining: Fraction | None = None
    resets_at: Instant | None = None
    granted_by: tuple[str, ...] = ()
    values: tuple[str, ...] = ()


# --- pools


def current_windows(subscription: Subscription, at: Instant) -> tuple[UsageWindow, ...]:
    """The usage that the pools open at `at` need: each feature's, and what draws on it, up to and with `at`.

    The window of a held feature begins before everything: its level belongs to the customer and carries.
    """
    found = []
    for reset, period in _periods(subscription, at).items():
        starts_at = Instant(0) if reset == "never" else period.starts_at
        found += [
            UsageWindow(
                _key(subscription, reset, feature, period),
                subscription.customer,
                feature,
                starts_at,
                Instant(at + 1),
            )
            for feature in _needed(subscription, reset)
        ]
    return tuple(found)


def open_pools(subscription: Subscription, at: Instant, totals: Totals) -> dict[str, OpenPool]:
    """Every metered feature that the subscription grants, in the allowance period that holds `at`.

    In the order of the terms; `totals` are those of `current_windows`.
    """
    found: dict[str, OpenPool] = {}
    for reset, period in _periods(subscription, at).items():
        used = {
            feature: totals.get(_key(subscription, reset, feature, period), ZERO)
            for feature in _needed(subscription, reset)
        }
        drained = pools(subscription, used)
        for feature in _of_reset(subscription, reset):
            rated = rated_feature(subscription, drained[feature])
            left = _left(subscription, drained, feature)
            found[feature] = OpenPool(drained[feature], period, left, rated.excess, rated.over_limit)
    return {feature: found[feature] for feature in subscription.terms.features if feature in found}


def _left(subscription: Subscription, drained: Mapping[str, Pool], feature: str) -> Fraction | None:
    """What allowances still pay for of a feature: its own and those of what it spends."""
    own = drained[feature].remaining if feature in drained else ZERO
    entitlement = subscription.terms.features.get(feature)
    spends = {} if entitlement is None else allowance_of(entitlement).spends
    if own is None or not spends:
        return own
    return _tightest(own, spends, {target: _left(subscription, drained, target) for target in spends})


def _tightest(
    own: Fraction, spends: Mapping[str, Fraction], left: Mapping[str, Fraction | None]
) -> Fraction | None:
    """`own` and as many units more as the tightest target pays for; None where every target is unlimited."""
    units = [more / spends[target] for target, more in left.items() if more is not None]
    return own + min(units) if units else None


def _metered(subscription: Subscription) -> dict[str, Entitlement]:
    return {
        feature: entitlement
        for feature, entitlement in subscription.terms.features.items()
        if entitlement.granted and entitlement.feature.type == "metered"
    }


def _of_reset(subscription: Subscription, reset: Reset) -> tuple[str, ...]:
    pay = Interval.parse(subscription.pay)
    return tuple(
        feature
        for feature, entitlement in _metered(subscription).items()
        if effective_reset(entitlement, pay) == reset
    )


def _periods(subscription: Subscription, at: Instant) -> dict[Reset, Period]:
    """The allowance period that holds `at` for each reset; nothing before the start or after the end."""
    if at < subscription.anchor_at or (subscription.ends_at is not None and subscription.ends_at <= at):
        return {}
    pay = Interval.parse(subscription.pay)
    found: dict[Reset, Period] = {}
    for entitlement in _metered(subscription).values():
        reset = effective_reset(entitlement, pay)
        if reset not in found:
            schedule = allowance_schedule(subscription, reset)
            period = schedule.period(schedule.index_at(at))
            found[reset] = period if subscription.ends_at is None else period.cut_at(subscription.ends_at)
    return found


def _needed(subscription: Subscription, reset: Reset) -> dict[str, None]:
    """The features of that reset and whatever draws on them."""
    needed: dict[str, None] = {}
    for feature in _of_reset(subscription, reset):
        needed[feature] = None
        needed.update(dict.fromkeys(feeders(subscription.terms.features, feature)))
    return needed


def _key(subscription: Subscription, reset: Reset, feature: str, period: Period) -> tuple[str, str, int]:
    return (f"{subscription.id}:{reset}", feature, period.index)


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
    """Capacities add up over subscriptions; what was used is the customer's, so it counts once."""
    parts = [(one, name) for one, name in usable if name in one.pools]
    more = [_capacity(one, name) for one, name in parts]
    remaining = None if None in more else sum((part for part in more if part is not None), ZERO)
    used = max((one.pools[name].pool.total for one, name in parts), default=ZERO)
    limit = None if remaining is None else _limit(parts, used, remaining)
    good = remaining is None or question.quantity <= remaining
    ends = [one.pools[name].period.ends_at for one, name in parts]
    return Checked(
        good,
        Reason.ALLOWED if good else Reason.LIMIT_REACHED,
        limit,
        used,
        remaining,
        min((end for end in ends if end is not None), default=None),
        granted_by,
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
    if allowance_of(holding.subscription.terms.features[feature]).spends:
        return None
    charged = _charged_up_to(holding, feature)
    return charged[0] if charged else pool.included


def _capacity(holding: Holding, feature: str) -> Fraction | None:
    """How many more units of the feature the subscription allows; None: without limit.

    What is left of its own allowance, then what it spends: as many units as the tightest of its targets
    pays for. A target that is not granted pays for none.
    """
    state = holding.pools.get(feature)
    if state is None:
        return ZERO
    own = state.pool.remaining
    if own is None:
        return None
    spends = allowance_of(holding.subscription.terms.features[feature]).spends
    if spends:
        return _tightest(own, spends, {target: _capacity(holding, target) for target in spends})
    charged = _charged_up_to(holding, feature)
    if not charged:
        return own
    return None if charged[0] is None else max(charged[0] - max(state.pool.kept, ZERO), ZERO)


def _charged_up_to(holding: Holding, feature: str) -> tuple[Fraction | None] | None:
    """The end of what is billed after use (None in it: no end); None where nothing is."""
    beyond = holding.subscription.terms.features[feature].beyond
    if beyond is None or beyond.charge != "usage" or holding.subscription.status is Status.TRIALING:
        return None
    if beyond.price_for(holding.subscription.pay) is None:
        return None
    return (None if beyond.up_to is None else Fraction(beyond.up_to),)
