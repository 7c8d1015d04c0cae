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
from planctl.store.laws.reading import stream, subscription_pages
from planctl.store.sets import chunks, grouped, table

if TYPE_CHECKING:
    from planctl.store.engine import Tx


def turns(tx: Tx) -> Iterator[Breach]:
    """Of one exclusive group no two subscriptions of a customer run at once; a successor begins where it may."""
    for customer, several in _customers(tx):
        yield from guarded(f"customer {customer}", wrong_turns(several))
        others = {one.id: one for one in several}
        for one in several:
            subject = f"subscription {one.id}"
            yield from guarded(subject, chain(wrong_place(one, others), wrong_succession(one, others)))


def dates(tx: Tx) -> Iterator[Breach]:
    """The dates on which a subscription turns follow from its terms, or were moved by whole days."""
    for _, several in _customers(tx):
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


def trials(tx: Tx) -> Iterator[Breach]:
    """Every trial is recorded, for one subscription in each group (or plan) of a customer."""
    for page in subscription_pages(tx):
        of_page = page.subscriptions.values()
        uses = _uses(tx, sorted({one.customer for one in of_page}))
        for customer, several in grouped(of_page, (), lambda one: one.customer).items():
            if customer not in page.damaged:
                others = {one.id: one for one in several}
                breaches = wrong_trials(several, uses[customer], others)
                yield from guarded(f"customer {customer}", breaches)
    for row in stream(tx, _STRAY):
        yield Breach(
            f"trial of {row.who_kind} {row.who}", f"in {row.scope} is of nobody, or of no subscription"
        )


def given_back(tx: Tx) -> Iterator[Breach]:
    """Nobody is given back more of a charge than it took, whatever gave it back."""
    for page in subscription_pages(tx):
        for customer, recorded in pasts(tx, page):
            yield from guarded(f"customer {customer}", overdrawn(recorded.past.charges))


def _customers(tx: Tx) -> Iterator[tuple[str, Sequence[Subscription]]]:
    """Every customer with all subscriptions, but for those of whom one cannot be read: another law names it."""
    for page in subscription_pages(tx):
        for customer, several in grouped(page.subscriptions.values(), (), lambda one: one.customer).items():
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
