"""Which usage has to be measured to rate a customer's statements again, on either side. It measures nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from planctl.core.invoicing.lineup import LineUp
from planctl.core.invoicing.model import UsageWindow
from planctl.core.invoicing.reclose import ClosedPeriod, Past, closed_periods, lineups, needed, parts_of
from planctl.core.invoicing.usage import event_windows, windows
from planctl.core.replay.account import Account
from planctl.core.replay.ledger import Ledger, added_dues
from planctl.core.subscriptions.dues import due_of
from planctl.core.subscriptions.model import Subscription

Need = tuple[UsageWindow, str]
"""A window to measure; the text names the property whose amounts are wanted event by event, `""` for the total."""


def bounded(account: Account, moved: Mapping[str, Subscription]) -> frozenset[str]:
    """The subscriptions that have a minimum or a maximum, by the terms they hold or by proposed ones."""
    several = (*account.past.subscriptions, *moved.values())
    return frozenset(one.id for one in several if one.terms.minimum or one.terms.maximum)


def held_needs(account: Account, moved: Mapping[str, Subscription]) -> Iterator[Need]:
    """What rating by the terms held needs; `moved` are the subscriptions that the proposal puts on other terms."""
    for period in _periods(account, moved):
        yield from _of_period(account.past, period)
        if moved:
            yield from _drained(account, account.past, period)


def moved_needs(account: Account, moved: Mapping[str, Subscription]) -> Iterator[Need]:
    """What rating by the proposed terms needs; nothing where none are moved."""
    if not moved:
        return
    past = moved_past(account, moved)
    by_id = {one.id: one for one in past.subscriptions}
    for period in _periods(account, moved):
        subscription = by_id[period.subscription.id]
        if period.due.part in parts_of(subscription).values():
            due = due_of(subscription, period.due.part, period.due.index)
            anew = replace(period, subscription=subscription, due=due)
            yield from _of_period(past, anew)
            yield from _drained(account, past, anew)
    ledger = Ledger(account)
    for statement in ledger.scope(bounded(account, moved)):
        for subscription, due in added_dues(ledger, statement, by_id):
            yield from _of_period(past, ClosedPeriod(subscription, due, (), (), (), due.at))


def moved_past(account: Account, moved: Mapping[str, Subscription]) -> Past:
    """The customer's past with the subscriptions on proposed terms."""
    subscriptions = tuple(moved.get(one.id, one) for one in account.past.subscriptions)
    return replace(account.past, subscriptions=subscriptions)


def _periods(account: Account, moved: Mapping[str, Subscription]) -> Iterator[ClosedPeriod]:
    places = {
        (settled.subscription, settled.part, settled.index)
        for statement in Ledger(account).scope(bounded(account, moved))
        for settled in statement.settled
    }
    for period in closed_periods(account.past):
        if (period.subscription.id, period.due.part, period.due.index) in places:
            yield period


def _drained(account: Account, past: Past, period: ClosedPeriod) -> Iterator[Need]:
    """The stretches into which the lives of grants cut a period: what drawing on wallets anew looks at."""
    if account.grants and period.due.part.startswith("usage"):
        for lineup in lineups(past, period, LineUp(past.subscriptions)):
            with_grants = LineUp(lineup.subscriptions, account.grants, present=account.present)
            for window in windows(with_grants, period.subscription, period.due):
                yield window, ""


def _of_period(past: Past, period: ClosedPeriod) -> Iterator[Need]:
    if period.due.part.startswith("usage"):
        yield from ((window, "") for window in needed(past, period))
        yield from event_windows(period.subscription, period.due)
