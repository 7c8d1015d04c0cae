"""What a customer may use now, in one answer over all its subscriptions. It counts nothing and bills nothing.

Subscriptions come as they stand at the instant asked about, with their open pools.
Source: planctl billing rules, rating a feature for one allowance period, lifecycle.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import field
from enum import StrEnum
from fractions import Fraction

from planctl.core.catalog.model import FeatureType
from planctl.core.invoicing.usage import usage_price
from planctl.core.open_pools import OpenPool as OpenPool  # noqa: PLC0414 - offered from here too
from planctl.core.open_pools import tightest
from planctl.core.periods import Instant
from planctl.core.pools import passes_on_to
from planctl.core.subscriptions.model import Status, Subscription
from planctl.values import dataclass

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
        return Checked(False, _told(granting, at, waiting))
    granted_by = tuple(one.subscription.id for one, _ in usable)
    if question.type == "boolean":
        return Checked(True, Reason.ALLOWED, granted_by=granted_by)
    if question.type == "list":
        return _check_list(question, granting, usable, at)
    return _check_metered(question, usable, granted_by, at)


def _told(granting: Iterable[tuple[Holding, str]], at: Instant, waiting: bool = False) -> Reason:
    """What stands in the way of all of them: the reason that a person can do most about."""
    reasons = {access(one.subscription, at) for one, _ in granting}
    reasons |= {Reason.NOT_STARTED} if waiting else set()
    return next((reason for reason in _WORST_FIRST if reason in reasons), Reason.NOT_GRANTED)


def _granted(subscription: Subscription, names: Collection[str]) -> str:
    """The name under which the terms grant the feature; empty where they do not."""
    features = subscription.terms.features
    return next((name for name in features if name in names and features[name].granted), "")


def _check_list(
    question: Question,
    granting: Sequence[tuple[Holding, str]],
    usable: Sequence[tuple[Holding, str]],
    at: Instant,
) -> Checked:
    """A list is what all that may be used now hold together; what only others hold has their reason."""
    values = dict.fromkeys(
        value for one, name in usable for value in one.subscription.terms.features[name].values
    )
    good = question.value in values if question.value else bool(values)
    reason = Reason.ALLOWED if good else Reason.VALUE_NOT_INCLUDED
    others = [
        (one, name)
        for one, name in granting
        if question.value in one.subscription.terms.features[name].values
    ]
    if not good and others:
        reason = _told(others, at)
    granted_by = tuple(one.subscription.id for one, _ in usable)
    return Checked(good, reason, granted_by=granted_by, values=tuple(values))


def _check_metered(
    question: Question, usable: Sequence[tuple[Holding, str]], granted_by: tuple[str, ...], at: Instant
) -> Checked:
    """Capacities add up over subscriptions; what was used, and the wallet, are the customer's and count once."""
    parts = [(one, name) for one, name in usable if name in one.pools]
    holdings = [one for one, _ in parts]
    name = parts[0][1] if parts else ""
    remaining = _capacity(holdings, name, at) if parts else ZERO
    states = [one.pools[name] for one in holdings]
    used = next((state.pool.total for state in states if state.answers), ZERO)
    if not any(state.answers for state in states):
        used = sum((state.pool.used for state in states), ZERO)
    wallet = _wallet(holdings, name)
    limit = None if remaining is None else _limit(parts, used, remaining, at)
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


def _limit(
    parts: Sequence[tuple[Holding, str]], used: Fraction, remaining: Fraction, at: Instant
) -> Fraction:
    """The most that may be used: allowance or `up_to` as written, else what is left of a shared pool."""
    written = [_written_limit(one, name, at) for one, name in parts]
    if None in written:
        return max(used, ZERO) + remaining
    return sum((part for part in written if part is not None), ZERO)


def _written_limit(holding: Holding, feature: str, at: Instant) -> Fraction | None:
    """The limit that the terms name; None where the feature draws on another."""
    pool = holding.pools[feature].pool
    if passes_on_to(holding.subscription.terms.features[feature]):
        return None
    charged = _charged_up_to(holding, feature, at)
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


def _capacity(holdings: Sequence[Holding], feature: str, at: Instant) -> Fraction | None:
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
        return tightest(own, spends, {target: _capacity(holdings, target, at) for target in spends})
    for one in granting:
        charged = _charged_up_to(one, feature, at)
        if charged is not None and charged[0] is None:
            return None
        if charged is not None and charged[0] is not None:
            state = one.pools[feature]
            own += max(charged[0] - (state.pool.included or ZERO) - state.excess, ZERO)
    return own


def _charged_up_to(holding: Holding, feature: str, at: Instant) -> tuple[Fraction | None] | None:
    """The end of what is billed after use (None in it: no end); None where nothing is, as in a trial."""
    beyond = holding.subscription.terms.features[feature].beyond
    if beyond is None or usage_price(holding.subscription, feature, at) is None:
        return None
    return (None if beyond.up_to is None else Fraction(beyond.up_to),)
