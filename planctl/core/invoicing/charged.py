"""What one subscription was charged before a run, as far as a difference, a minimum or a maximum compares with it.

It bills nothing. Source: planctl billing rules, rating and fees.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from planctl.core.invoicing.facts import BilledLine, CustomerFacts
from planctl.core.invoicing.late import LATE, Before
from planctl.core.invoicing.model import Line
from planctl.core.invoicing.tallies import billing_index, charged_in, part_of, usage_in
from planctl.core.invoicing.usage import features_of
from planctl.core.subscriptions.dues import MINIMUM, Due
from planctl.core.subscriptions.model import Subscription


class ChargedBefore:
    """The lines and claims of one subscription, without those that are to be issued again.

    `fresh` are, everywhere, the lines that the run itself has charged so far.
    """

    def __init__(self, facts: CustomerFacts, subscription: Subscription) -> None:
        self.facts, self.subscription = facts, subscription
        again = [
            one for void in facts.voided if void.subscription == subscription.id for one in void.settlements
        ]
        self._reissued = {(one.part, one.index, one.occasion, one.revision) for one in again}
        parts = {(one.part.partition(":")[0], one.index, one.occasion) for one in again}
        self.lines: list[BilledLine] = [
            one
            for one in facts.billed
            if one.line.subscription == subscription.id
            and not (one.void and (part_of(one.line), one.line.service_index, one.line.occasion) in parts)
        ]

    def in_period(self, index: int, fresh: Sequence[Line]) -> int:
        """What a billing period's fee, quantities and usage came to, before discounts, its minimum left out."""
        charged = charged_in(self.subscription, index, [*(one.line for one in self.lines), *fresh])
        return charged - sum(
            one.given_back_minor
            for one in self.lines
            if one.line.charge_key != MINIMUM and billing_index(self.subscription, one.line) == index
        )

    def minimums(self, index: int) -> list[BilledLine]:
        """The lines of a billing period's minimum."""
        return [
            one for one in self.lines if one.line.charge_key == MINIMUM and one.line.service_index == index
        ]

    def usage_beside(self, due: Due, fresh: Sequence[Line]) -> int:
        """What other closings of the same billing period were charged for usage."""
        return usage_in(self.subscription, due, [*(one.line for one in self.lines), *fresh])

    def before(self, due: Due, fresh: Sequence[Line]) -> Before:
        """What a closed allowance period has taken and was charged."""
        features = features_of(self.subscription, due)
        keys = {f"usage:{feature}" for feature in features}
        claims = [
            one
            for one in self.facts.claims
            if one.subscription == self.subscription.id
            and one.allowance_index == due.index
            and one.feature in features
            and (due.part, due.index, one.occasion, one.revision) not in self._reissued
        ]
        occasions = {one.occasion for one in claims}
        lines = [
            one
            for one in self.lines
            if one.line.service_index == due.index
            and one.line.charge_key in keys
            and one.line.occasion in occasions
        ]
        kept = {f":{one.occasion}:{one.revision}:" for one in claims}
        returned = {
            key: amount for key, amount in self.facts.returned.items() if any(mark in key for mark in kept)
        }
        return Before(claims, lines, self.usage_beside(due, fresh), self.facts.draws, returned)

    def next_late(self, due: Due) -> str:
        """`late:N`, counted on from what was billed late of the period before."""
        return next_late(
            one.occasion
            for one in self.facts.claims
            if one.subscription == self.subscription.id and one.allowance_index == due.index
        )


def next_late(occasions: Iterable[str]) -> str:
    """The occasion of the next late difference, `late:N`, after those there are."""
    numbers = [int(one.removeprefix(LATE)) for one in occasions if one.startswith(LATE)]
    return f"{LATE}{max(numbers, default=0) + 1}"
