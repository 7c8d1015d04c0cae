"""One customer as it stands at an instant, as if the run had just been done. Nothing of it is written.

What time alone has brought is decided by the run's own page, so what is shown is what a run would leave.
Source: planctl billing rules, time.
"""

from __future__ import annotations

from dataclasses import dataclass

from planctl.core.invoicing.advance import RunTerms, advance_or_hold
from planctl.core.invoicing.facts import Advanced, CustomerFacts
from planctl.core.periods import Instant
from planctl.core.subscriptions.model import Subscription


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


def projected(facts: CustomerFacts, as_of: Instant) -> Projected:
    """The customer brought to `as_of`; `facts` must have been gathered for that instant."""
    return Projected(facts, advance_or_hold(facts, as_of, RunTerms()))
