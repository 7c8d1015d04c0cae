"""Locking a subscription, so that no migration moves it, and unlocking it again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from planctl.core.periods import Instant
from planctl.core.subscriptions.model import ENDED, Subscription
from planctl.core.subscriptions.standing import name_of, takes
from planctl.errors import Refused
from planctl.store import subscriptions
from planctl.store.debts import looked_at
from planctl.store.facts import customer_facts
from planctl.store.selling import subscription_at
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx


@dataclass(frozen=True, slots=True)
class Locked:
    """A subscription afterwards, and whether anything changed."""

    subscription: Subscription
    changed: bool


def lock(tx: Tx, address: str, reason: str, now: Instant) -> Locked:
    """Lock a subscription for a reason, or with `""` unlock it; Refused for one that has ended."""
    stored = subscription_at(tx, address)
    if stored.status in ENDED:
        raise Refused(
            f"{name_of(stored)} has ended: {stored.status}",
            code="ended",
            where=name_of(stored),
            expected=takes(stored),
        )
    locked = replace(stored, locked=reason)
    if locked == stored:
        return Locked(stored, changed=False)
    (facts,) = customer_facts(tx, [stored.customer], now)
    subscriptions.update(tx, locked, looked_at(facts, locked))
    return Locked(locked, changed=True)
