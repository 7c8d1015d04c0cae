"""Usage that comes after its allowance period was closed: which periods it touches, and the exact difference.

A period is closed when a run has settled it, not when its end has passed. Its usage is then measured and rated
again with everything that is recorded now, and what that differs by is billed once.
Source: planctl billing rules, rating a feature for one allowance period (late usage).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from fractions import Fraction
from typing import Literal

from planctl.core.catalog.model import Reset
from planctl.core.invoicing.facts import BilledLine
from planctl.core.invoicing.fees import Names, capped
from planctl.core.invoicing.lineup import LineUp
from planctl.core.invoicing.model import Line, Settlement, UsageClaim
from planctl.core.invoicing.usage import Book, Closing, close, usage_line, windows
from planctl.core.periods import Instant, Period, local_date, zone
from planctl.core.pools import passes_on_to
from planctl.core.subscriptions.dues import (
    Due,
    allowance_schedule,
    closed_features,
    due_of,
    settles_at,
    usage_part,
)
from planctl.core.subscriptions.model import Subscription
from planctl.core.wallets import WalletMove, debit_key, debit_prefix
from planctl.values import dataclass

ZERO = Fraction(0)
LATE = "late:"

Lateness = Literal["", "late", "reject"]
"""In time; late, so that the difference is billed; late and refused by the terms."""


def lateness(
    subscription: Subscription,
    features: Iterable[str],
    at: Instant,
    still_open: Collection[tuple[str, int]],
    lineup: LineUp | None = None,
) -> Lateness:
    """What becomes of an event at `at` that feeds `features`, as far as this subscription is concerned.

    `still_open` are the (part, index) of settlements of which something is still to be billed: usage of a
    period that closed in a block is not late. What the old system billed (`usage_from`) never is. `lineup` is
    all that the customer has; without it, it has this subscription alone.
    """
    found: Lateness = ""
    lineup = LineUp((subscription,)) if lineup is None else lineup
    for feature in features:
        entitlement = subscription.terms.features.get(feature)
        if entitlement is None or not entitlement.granted or entitlement.feature.type != "metered":
            continue
        payers = _payers(subscription, feature)
        closed = any(
            next(_touched(subscription, reset, at, still_open, lineup), None) is not None
            for reset, features_of_it in closed_features(subscription).items()
            if not payers.isdisjoint(features_of_it)
        )
        if closed and entitlement.late == "reject":
            return "reject"
        if closed:
            found = "late"
    return found


def late_dues(
    subscription: Subscription,
    instants: Iterable[Instant],
    still_open: Collection[tuple[str, int]],
    lineup: LineUp,
) -> tuple[Due, ...]:
    """The closed allowance periods in which usage of one of these instants counts, in time order."""
    found: dict[tuple[str, int], Due] = {}
    for at in instants:
        for reset in closed_features(subscription):
            for due in _touched(subscription, reset, at, still_open, lineup):
                found[(due.part, due.index)] = due
    return tuple(sorted(found.values(), key=lambda due: due.order))


def _payers(subscription: Subscription, feature: str) -> set[str]:
    """The feature and everything that its units draw on, through others too."""
    found = {feature}
    entitlement = subscription.terms.features.get(feature)
    for target in passes_on_to(entitlement) if entitlement is not None else ():
        found |= _payers(subscription, target)
    return found


def _touched(
    subscription: Subscription,
    reset: Reset,
    at: Instant,
    still_open: Collection[tuple[str, int]],
    lineup: LineUp,
) -> Iterator[Due]:
    """The closed allowance periods of a reset in which usage at an instant counts, in time order.

    The one that holds the instant; all later ones where a level is carried on; and those that share an allowance
    of another length with it. None where nothing of that is closed.
    """
    settled, ends_at = subscription.settled_at, subscription.ends_at
    if settled is None or at >= settled or (ends_at is not None and at >= ends_at):
        return
    begins = max(subscription.anchor_at, subscription.started_at)
    carries = any(_carries(subscription, feature) for feature in closed_features(subscription)[reset])
    schedule, part = allowance_schedule(subscription, reset), usage_part(subscription, reset)
    index = schedule.index_at(Instant(max(at, begins)))
    while True:
        period = schedule.period(index)
        if ends_at is not None and period.starts_at >= ends_at:
            return
        period = period if ends_at is None else period.cut_at(ends_at)
        due_at = settles_at(subscription, period)
        if due_at is None or due_at > settled:
            return
        due = due_of(subscription, part, index)
        holds = begins <= at and period.contains(at)
        if not (holds or carries or _shares(lineup, subscription, due, at)):
            return
        if _is_closed(subscription, reset, period) and (part, index) not in still_open:
            yield due
        index += 1


def _carries(subscription: Subscription, feature: str) -> bool:
    """Whether usage of a feature counts in every later period too, because it changes a level."""
    definition = subscription.terms.features[feature].feature
    return definition.held or definition.meter.aggregate == "weighted"


def _shares(lineup: LineUp, subscription: Subscription, due: Due, at: Instant) -> bool:
    """Whether an earlier instant counts for who pays in a period."""
    return any(one.starts_at <= at < one.ends_at for one in windows(lineup, subscription, due))


def _is_closed(subscription: Subscription, reset: Reset, period: Period) -> bool:
    since = subscription.usage_from
    features = closed_features(subscription)[reset]
    beyond = (subscription.terms.features[feature].beyond for feature in features)
    if not any(one is not None and one.charge == "usage" for one in beyond):
        since = Instant(max(since, subscription.pools_from))
    return period.ends_at is not None and period.ends_at > since


# --- the difference


@dataclass(frozen=True, slots=True)
class Before:
    """What a closed allowance period has taken and was charged so far, without what is to be issued again.

    `others` is what other closings of its billing period were charged for usage, `draws` what grants paid, by
    entry key, and `returned` what they paid and was given back when the invoice was voided for good.
    """

    claims: Sequence[UsageClaim]
    lines: Sequence[BilledLine]
    others_minor: int
    draws: Mapping[str, Fraction]
    returned: Mapping[str, Fraction] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Difference:
    """What late usage changes: lines, claims of the differences, movements of wallets. All may be empty."""

    lines: tuple[Line, ...] = ()
    claims: tuple[UsageClaim, ...] = ()
    moves: tuple[WalletMove, ...] = ()

    @property
    def nothing(self) -> bool:
        """Whether the period comes out as it was."""
        return not (self.lines or self.claims or self.moves)


def difference(  # noqa: PLR0913 - what is compared, and how it is recorded
    subscription: Subscription, due: Due, book: Book, before: Before, settlement: Settlement, names: Names
) -> Difference:
    """Close an allowance period again with everything recorded by now, and take off what it took before.

    What rolled over from it counts as used. `settlement` is the one that records the difference: its occasion
    and its keys.
    """
    own = _drawn_before(before.draws, subscription, due)
    returned = _drawn_before(before.returned, subscription, due)
    before_all = {grant: book.lefts.get(grant, ZERO) + own.get(grant, ZERO) for grant in {*own, *returned}}
    # Units that a void gave back paid for this period once: they stay the customer's, and pay for it no more.
    book.lefts |= before_all | {grant: own.get(grant, ZERO) + units for grant, units in returned.items()}
    feature_of = {one.id: one.feature for one in book.lineup.grants}
    rolled = dict(book.lineup.rolled)
    for feature in {one.feature for one in before.claims}:
        brought = sum((one.rolled - one.carried for one in before.claims if one.feature == feature), ZERO)
        book.lineup.rolled[(subscription.id, feature, due.index)] = brought
    lines: list[Line] = []
    claims: list[UsageClaim] = []
    moves: list[WalletMove] = []
    closings = close(subscription, due, book)
    fresh = [usage_line(subscription, due, closing, names) for closing in closings]
    costs = capped(fresh, subscription, due, before.others_minor)
    for closing, now in zip(closings, costs, strict=True):
        claim = _changed(closing.claim, [one for one in before.claims if one.feature == closing.feature])
        if claim is not None:
            claims.append(replace(claim, occasion=settlement.occasion, revision=settlement.revision))
        line = _late_line(subscription, due, closing, now, before)
        if line is not None:
            lines.append(replace(line, occasion=settlement.occasion))
        name = book.lineup.present.get(closing.feature, closing.feature)
        mine = {grant: units for grant, units in own.items() if feature_of.get(grant) == name}
        voided = {grant: units for grant, units in returned.items() if feature_of.get(grant) == name}
        fresh_draws = _beyond_returned(closing, voided)
        book.lefts |= {grant: before_all[grant] - fresh_draws[grant] for grant in voided}
        moves += _moved(subscription, settlement, name, fresh_draws, mine)
    book.lineup.rolled = rolled
    return Difference(tuple(lines), tuple(claims), tuple(moves))


def _drawn_before(draws: Mapping[str, Fraction], subscription: Subscription, due: Due) -> dict[str, Fraction]:
    """What each grant paid for this period so far: all its occasions and revisions together."""
    prefix = debit_prefix(Settlement(subscription.id, due.part, due.index, "billed", due.at))
    prefix = prefix[: prefix.index(f":{due.index}:") + len(f":{due.index}:")]
    found: dict[str, Fraction] = {}
    for key, amount in draws.items():
        if key.startswith(prefix):
            grant = key.rpartition(":")[2]
            found[grant] = found.get(grant, ZERO) - amount
    return found


def _beyond_returned(closing: Closing, returned: Mapping[str, Fraction]) -> dict[str, Fraction]:
    """What grants pay beyond what a void gave back: that was paid once and is not taken again."""
    paid = closing.account.wallet
    beyond = {grant: max(paid.get(grant, ZERO) - units, ZERO) for grant, units in returned.items()}
    return {**paid, **beyond}


def _changed(now: UsageClaim, claims: Sequence[UsageClaim]) -> UsageClaim | None:
    """The claim of what differs; None where nothing does."""
    parts = {
        name: getattr(now, name) - sum((getattr(one, name) for one in claims), ZERO)
        for name in ("quantity", "included", "wallet", "billed", "over_limit")
    }
    if not any(parts.values()):
        return None
    return replace(now, rolled=ZERO, carried=ZERO, **parts)


def _late_line(
    subscription: Subscription, due: Due, closing: Closing, now: Line, before: Before
) -> Line | None:
    """The line of what the feature costs more or less than before, `now` being all of it; None for the same."""
    mine = [
        one
        for one in before.lines
        if one.line.charge_key == now.charge_key and one.line.service_index == due.index
    ]
    charged = sum(difference_minor(one.line) - one.given_back_minor for one in mine)
    differs = now.amount_minor - charged
    if not differs:
        return None
    tz = zone(subscription.timezone)
    days = (
        f"{local_date(due.period.starts_at, tz)} to {local_date(Instant((due.period.ends_at or 1) - 1), tz)}"
    )
    detail = now.detail if isinstance(now.detail, dict) else {}
    billed = sum((one.billed for one in before.claims if one.feature == closing.feature), ZERO)
    return replace(
        now,
        kind="late_usage",
        description=f"{now.description} · late usage of {days}",
        quantity=closing.rated.excess - billed,
        unit_price=None,
        amount_minor=differs,
        detail={**detail, "difference_minor": str(differs), "charged_before_minor": str(charged)},
    )


def difference_minor(line: Line) -> int:
    """What a usage line adds to the charge of its period, before discounts."""
    detail = line.detail
    if isinstance(detail, dict) and isinstance(detail.get("difference_minor"), str):
        return int(str(detail["difference_minor"]))
    return line.amount_minor


def _moved(
    subscription: Subscription,
    settlement: Settlement,
    feature: str,
    now: Mapping[str, Fraction],
    own: Mapping[str, Fraction],
) -> list[WalletMove]:
    """What grants of the feature, by its present id, pay more or less than before."""
    return [
        WalletMove(
            subscription.customer, feature, grant, debit_key(settlement, grant), -moved, settlement.due_at
        )
        for grant in sorted({*now, *own})
        if (moved := now.get(grant, ZERO) - own.get(grant, ZERO))
    ]
