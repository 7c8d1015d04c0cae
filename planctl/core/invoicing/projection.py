"""One customer as it stands at an instant, as if the run had just been done. Nothing of it is written.

What time alone has brought is decided by the run's own page, so what is shown is what a run would leave.
Source: planctl billing rules, time.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from planctl.core.draining import PoolKey
from planctl.core.invoicing.advance import RunTerms, advance_or_hold, rolled_into
from planctl.core.invoicing.facts import Advanced, CustomerFacts
from planctl.core.periods import Instant
from planctl.core.subscriptions.model import Subscription
from planctl.core.wallets import Grant
from planctl.values import dataclass


@dataclass(frozen=True, slots=True)
class Projected:
    """The facts and what a run would decide on them; with `billed.hold` nothing was moved on."""

    facts: CustomerFacts
    billed: Advanced

    @property
    def subscriptions(self) -> tuple[Subscription, ...]:
        """Every subscription with the status and end that time alone has brought."""
        moved = {one.id: one for one, _ in self.billed.subscriptions}
        return tuple(moved.get(one.id, one) for one in self.facts.subscriptions)

    @property
    def grants(self) -> tuple[Grant, ...]:
        """Every grant with what closings that time alone has brought leave of it."""
        moved: dict[str, Fraction] = {}
        for move in self.billed.wallet:
            moved[move.grant] = moved.get(move.grant, Fraction(0)) + move.amount
        return tuple(
            replace(grant, left=grant.left + moved.get(grant.id, Fraction(0))) for grant in self.facts.grants
        )

    @property
    def rolled(self) -> dict[PoolKey, Fraction]:
        """What rolled into allowance periods, of claims recorded and those that time alone has brought."""
        fresh = (*self.billed.claims, *(claim for draft in self.billed.drafts for claim in draft.claims))
        return rolled_into((*self.facts.claims, *fresh))


def projected(facts: CustomerFacts, as_of: Instant) -> Projected:
    """The customer brought to `as_of`; `facts` must have been gathered for that instant."""
    return Projected(facts, advance_or_hold(facts, as_of, RunTerms()))
