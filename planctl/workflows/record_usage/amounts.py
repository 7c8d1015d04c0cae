"""Judges events that are billed by the amount they carry: which property holds it, and that it is a number.

It prices nothing. Source: planctl billing rules, price kinds (percentage).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from planctl.core.metering.accept import Known, Rejected, amount_problem
from planctl.core.metering.model import UsageEvent
from planctl.core.subscriptions.model import Subscription
from planctl.store import subscriptions
from planctl.store.feature_names import names_of
from planctl.store.usage_customers import priced_by_event

if TYPE_CHECKING:
    from planctl.store.engine import Tx


class Amounts:
    """What the terms of these customers (roots) ask of single events; nothing is read where none ask anything."""

    def __init__(
        self, tx: Tx, known: Known, former: Mapping[str, tuple[str, ...]], roots: Iterable[str]
    ) -> None:
        self.known, self.former = known, former
        priced = priced_by_event(tx, roots)
        self.subscriptions: dict[str, list[Subscription]] = (
            subscriptions.of_customers(tx, priced) if priced else {}
        )

    def asked(self, event: UsageEvent, feeds: Iterable[str]) -> dict[str, str]:
        """The property that must hold the event's amount, by the feature that is billed by it."""
        if event.customer not in self.subscriptions:
            return {}
        return {feature: name for feature in feeds for name in self._properties(event, feature)}

    def problem(self, event: UsageEvent, feeds: Iterable[str]) -> Rejected | None:
        """Why the event cannot be billed by its amount; None where it can, or where no price asks for one."""
        problems = (
            amount_problem(event, self.known.by_feature[feature], name)
            for feature, name in self.asked(event, feeds).items()
        )
        return next((problem for problem in problems if problem is not None), None)

    def _properties(self, event: UsageEvent, feature: str) -> Iterator[str]:
        """What each subscription that runs at the event's instant asks for; in the usual case none or one."""
        for one in self.subscriptions[event.customer]:
            if event.at < one.started_at or (one.ends_at is not None and event.at >= one.ends_at):
                continue
            for name in names_of(feature, self.former) & one.terms.features.keys():
                beyond = one.terms.features[name].beyond
                price = beyond.price_for(one.pay) if beyond is not None and beyond.charge == "usage" else None
                if price is not None and price.amount_property:
                    yield price.amount_property
