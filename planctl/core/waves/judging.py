"""Knows why a migration leaves a subscription as it is, and what a move means in money. It changes nothing.

Source: planctl billing rules, changes (reassign), and catalog, migrate.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from fractions import Fraction

from planctl.core.catalog.recurring import Paying, monthly_amount
from planctl.core.currencies import Currency
from planctl.core.instants import Instant, instant_text
from planctl.core.invoicing.facts import Advanced
from planctl.core.money import decimal_text, format_minor, round_minor
from planctl.core.subscriptions.assigning import Relaid
from planctl.core.subscriptions.changes import Change, Timing
from planctl.core.subscriptions.model import Status, Subscription
from planctl.core.subscriptions.start import Offered
from planctl.core.waves.model import Member, Skip
from planctl.values import dataclass


@dataclass(frozen=True, slots=True)
class Move:
    """A subscription that is moved: what runs, what takes its place, and what either pays by the month.

    `now` and `then` are exact, in major units, fee and prepaid quantities. `charged_minor` and `credited_minor` are
    of today: 0 where it changes later. `timing` says when it changes: within a trial at once, whatever was asked.
    """

    before: Subscription
    successor: Subscription
    batch: int
    timing: Timing
    now: Fraction
    then: Fraction
    charged_minor: int = 0
    credited_minor: int = 0


@dataclass(frozen=True, slots=True)
class Left:
    """A subscription that is left as it is, and why."""

    subscription: Subscription
    batch: int
    skip: Skip


@dataclass(frozen=True, slots=True)
class Done:
    """What was done, or would be, with one batch: `word` is open, begun or done; `moved` were moved before."""

    number: int
    word: str
    moved: int = 0
    moves: tuple[Move, ...] = ()
    left: tuple[Left, ...] = ()


@dataclass(frozen=True, slots=True)
class Undone:
    """What was taken back, and what could not be."""

    members: tuple[Member, ...]
    left: tuple[Left, ...]


@dataclass(frozen=True, slots=True)
class Money:
    """What moves of one currency come to: recurring per month, exact in major units, and today in minor units."""

    currency: Currency
    now: Fraction
    then: Fraction
    charged_minor: int
    credited_minor: int


def stays(
    one: Subscription, running: Iterable[Subscription], offered: Offered, *, requested: bool
) -> Skip | None:
    """Why a subscription is left alone before anything is worked out; None where nothing is known against it.

    `running` are its customer's subscriptions, `offered` the version to move to. `requested`: a request to change
    it waits for an answer.
    """
    return next(_reasons(one, running, offered, requested), None)


def _reasons(
    one: Subscription, running: Iterable[Subscription], offered: Offered, requested: bool
) -> Iterator[Skip]:
    if one.locked:
        yield Skip("locked", f"it is locked: {one.locked}")
    if one.terms.kind != "plan":
        yield Skip("not-yet", "newer terms of a running add-on are not carried out yet")
    if one.status is Status.PENDING:
        yield Skip("to-start", f"it is still to start {instant_text(one.started_at)}, on the terms it has")
    for heir in running:
        if heir.follows == one.id and heir.status is Status.PENDING:
            same = (heir.plan, heir.plan_version) == (offered.plan, offered.version)
            to = f"it changes to {heir.plan} v{heir.plan_version} at its renewal"
            yield (
                Skip("already", f"{to} already ({heir.id})")
                if same
                else Skip("change-scheduled", f"{to} ({heir.id})")
            )
    if one.ends_at is not None and one.end_reason != "expired":
        yield Skip("ending", f"it ends {instant_text(one.ends_at)} ({one.end_reason})")
    if requested:
        yield Skip("change-requested", f"planctl change approve or reject {one.customer}/{one.plan} first")
    if not (offered.terms.free or one.terms.free) and offered.terms.row(one.pay) is None:
        rows = ", ".join(str(row.interval) for row in offered.terms.rows)
        yield Skip("no-such-row", f"it pays by {one.pay}, v{offered.version} is sold by {rows}")


def unfit(kept: Relaid, version: int) -> Skip | None:
    """Why terms agreed with a customer keep a subscription where it is: some do not go with the version."""
    if not kept.void:
        return None
    path, why = next(iter(sorted(kept.void.items())))
    return Skip("negotiated", f"{path} is agreed and does not go with v{version}: {why}")


def overreaching(change: Change, move: Move, limit: Decimal | None) -> Skip | None:
    """Why a change that could be made is left undone: what else it would end, or how much dearer it would be."""
    if change.withdrawn:
        one = change.withdrawn[0]
        return Skip("change-scheduled", f"{one.plan} is to start {instant_text(one.started_at)} ({one.id})")
    ended = [
        addon.plan
        for addon in change.addons
        if addon.end_reason == "changed" and addon.base == change.before.id
    ]
    if ended:
        return Skip("addon-ends", f"{', '.join(ended)} would end with the change")
    if limit is not None and move.then > move.now * (1 + Fraction(limit)):
        code = move.before.currency
        amounts = " to ".join(
            format_minor(round_minor(one, code.decimals), code) for one in (move.now, move.then)
        )
        return Skip(
            "increase", f"{amounts} {code.code} a month is more than {decimal_text(limit * 100)} % dearer"
        )
    return None


def move_of(change: Change, billed: Advanced, batch: int) -> Move:
    """A decided change as a move, with its money."""
    old, new, at = change.before, change.successor, change.at
    credited = sum(note.total_minor for note in billed.credits) if change.at_once else 0
    charged = sum(draft.total_minor for draft in billed.drafts if draft.at == at) if change.at_once else 0
    return Move(old, new, batch, change.timing, monthly(old, at), monthly(new, at), charged, credited)


def monthly(one: Subscription, at: Instant) -> Fraction:
    """What a subscription pays by the month for what it holds at an instant, exact in major units.

    Its fee and what is prepaid; 0 for what is paid once or for usage alone.
    """
    paying = Paying(one.pay, one.currency.code, one.quantity_at(at), one.quantities_at(at))
    return monthly_amount(one.terms, paying) or Fraction(0)


def money_of(moves: Iterable[Move]) -> Iterator[Money]:
    """What moves come to, per currency in the order of their codes."""
    by_currency: dict[Currency, list[Move]] = {}
    for move in moves:
        by_currency.setdefault(move.before.currency, []).append(move)
    for currency, several in sorted(by_currency.items(), key=lambda pair: pair[0].code):
        yield Money(
            currency,
            sum((one.now for one in several), Fraction(0)),
            sum((one.then for one in several), Fraction(0)),
            sum(one.charged_minor for one in several),
            sum(one.credited_minor for one in several),
        )


def counted(several: Sequence[Skip]) -> dict[str, int]:
    """How many are left for each reason, the most frequent first."""
    found: dict[str, int] = {}
    for one in several:
        found[one.reason] = found.get(one.reason, 0) + 1
    return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))
