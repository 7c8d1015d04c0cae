"""Laws of subscriptions' lives: turns, succession, dates, trials, and what is given back. It knows no other amounts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from planctl.core.life_laws import (
    overdrawn,
    wrong_dates,
    wrong_place,
    wrong_succession,
    wrong_trials,
    wrong_turns,
)
from planctl.core.periods import Instant
from planctl.core.subscriptions.model import Subscription
from planctl.core.subscriptions.trials import TrialUse
from planctl.store.laws.model import Breach, guarded
from planctl.store.laws.past import pasts
from planctl.store.laws.reading import Page, stream
from planctl.store.sets import chunks, grouped, table

if TYPE_CHECKING:
    from planctl.store.engine import Tx


def turns(page: Page) -> Iterator[Breach]:
    """Of one exclusive group no two subscriptions of a customer run at once; a successor begins where it may."""
    for customer, several in _customers(page):
        yield from guarded(f"customer {customer}", wrong_turns(several))
        others = {one.id: one for one in several}
        for one in several:
            subject = f"subscription {one.id}"
            yield from guarded(subject, chain(wrong_place(one, others), wrong_succession(one, others)))


def dates(page: Page) -> Iterator[Breach]:
    """The dates on which a subscription turns follow from its terms, or were moved by whole days."""
    for _, several in _customers(page):
        others = {one.id: one for one in several}
        for one in several:
            yield from guarded(f"subscription {one.id}", wrong_dates(one, others))


_STRAY = """
SELECT t.who_kind, t.who, t.scope FROM trial_use t
 WHERE t.who_kind NOT IN ('customer', 'fingerprint')
    OR (t.who_kind = 'customer' AND NOT EXISTS (SELECT 1 FROM customer c WHERE c.id = t.who))
    OR (t.subscription <> '' AND NOT EXISTS (SELECT 1 FROM subscription s WHERE s.id = t.subscription))
 ORDER BY t.who_kind, t.who, t.scope
"""


def trials(page: Page) -> Iterator[Breach]:
    """Every trial is recorded, for one subscription in each group (or plan) of a customer."""
    uses = _uses(page.tx, sorted(page.customers))
    for customer, several in _customers(page):
        others = {one.id: one for one in several}
        yield from guarded(f"customer {customer}", wrong_trials(several, uses[customer], others))


def stray_trials(tx: Tx) -> Iterator[Breach]:
    """Every trial that is recorded is of a customer, or of what tells one again, and of a subscription or none."""
    for row in stream(tx, _STRAY):
        yield Breach(
            f"trial of {row.who_kind} {row.who}", f"in {row.scope} is of nobody, or of no subscription"
        )


def given_back(page: Page) -> Iterator[Breach]:
    """Nobody is given back more of a charge than it took, whatever gave it back."""
    for customer, recorded in pasts(page).items():
        past = recorded.past
        again = {invoice for one, invoice in past.settled if one.outcome == "reissue"}
        yield from guarded(f"customer {customer}", overdrawn(past.charges, again))


def _customers(page: Page) -> Iterator[tuple[str, Sequence[Subscription]]]:
    """Every customer with all subscriptions, but for those of whom one cannot be read: another law names it."""
    for customer, several in page.customers.items():
        if customer not in page.damaged:
            yield customer, several


def _uses(tx: Tx, customers: Sequence[str]) -> dict[str, list[TrialUse]]:
    source = table("trial_use")
    found: list[Any] = []
    for chunk in chunks(customers):
        query = select(source).where(source.c.who_kind == "customer", source.c.who.in_(chunk))
        found += tx.connection.execute(query.order_by(source.c.who, source.c.scope))
    uses = (
        TrialUse("customer", row.who, row.scope, row.subscription, Instant(row.started_at)) for row in found
    )
    return grouped(uses, customers, lambda use: use.who)
