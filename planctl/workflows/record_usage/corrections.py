"""Judges corrections: what they name was recorded, is no correction itself, and is not taken back twice.

It writes nothing, and does not know levels. Source: planctl billing rules, usage.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from planctl.core.instants import DAY_MICROSECONDS
from planctl.core.metering.accept import FeatureLike, Known
from planctl.core.metering.aggregate import reading_of
from planctl.core.metering.model import UsageEvent, matches
from planctl.core.money import fraction_text
from planctl.core.periods import Instant, instant_text
from planctl.store import usage
from planctl.store.feature_names import names_of
from planctl.store.settings import setting
from planctl.store.usage_customers import UsageCustomer

if TYPE_CHECKING:
    from planctl.store.engine import Tx

SUMMED = frozenset({"sum", "count", "weighted"})
"""Aggregates whose numbers add up, so that one can be taken back."""

Whose = tuple[str, str]
"""Who holds the plans, and who of it used something."""

Names = frozenset[str]
About = dict[str, list[UsageEvent]]
"""By an event's id: the event (one a day at most) and its corrections, under the names they were sent."""


class Corrections:
    """What is known of corrected events within one transaction; nothing is read before the first correction."""

    def __init__(self, tx: Tx, known: Known, former: Mapping[str, tuple[str, ...]]) -> None:
        self.tx, self.known, self.former = tx, known, former
        self.wanted: dict[Whose, set[str]] = {}
        self.stored: dict[tuple[Whose, Names], About] = {}
        self.taken: dict[Whose, About] = {}

    def expect(self, pairs: Iterable[tuple[UsageCustomer, str]]) -> None:
        """The customers and event ids that corrections to come name, to be looked up together."""
        self.stored.clear()
        for customer, corrected in pairs:
            self.wanted.setdefault((customer.root, customer.id), set()).add(corrected)

    def note(self, name: str, event: UsageEvent) -> None:
        """Remember an event that is to be recorded under a name, where a correction may ask for it."""
        whose = (event.customer, event.user)
        wanted = self.wanted.get(whose)
        if wanted:
            _file(self.taken.setdefault(whose, {}), _named(event, name), wanted)

    def instant(self, customer: UsageCustomer, name: str, corrected: str, until: int) -> int | None:
        """When what is corrected was used, the latest where several days have one of that id; None: not known.

        `until` is the latest instant at which it can lie.
        """
        direct = self.known.by_feature.get(name)
        feeds = (direct,) if direct is not None else self.known.by_event.get(name, ())
        names = self._names(name, tuple(feature.id for feature in feeds))
        found = usage.corrected(self.tx, customer.root, customer.id, sorted(names), [corrected])
        return max((one.at for one in found if one.id == corrected and one.at <= until), default=None)

    def problem(
        self,
        name: str,
        event: UsageEvent,
        feeds: tuple[str, ...],
        *,
        same_instant: bool = False,
    ) -> str:
        """Why a correction sent under `name` cannot be recorded; empty where it can, or is recorded already.

        Everybody of a company takes back its own usage only. With `same_instant` it must have happened when the
        correction says: what is billed event by event is put right where it was used.
        """
        about = self._about(event, self._names(name, feeds))
        sent = _named(event, name)
        if any(self._same(one, sent) for one in about):
            return ""  # sent again: a duplicate or a conflict, which is seen when it is appended
        originals = [one for one in about if one.id == event.corrects and one.at < _next_day(event.at)]
        if any(one.corrects for one in originals):
            return f"event {event.corrects} is a correction itself"
        if not originals:
            return f"no event {event.corrects} of {name} is recorded for {event.user}"
        if same_instant and event.at not in {one.at for one in originals}:
            was_at = instant_text(Instant(originals[0].at))
            return f"it is of another instant than event {event.corrects}, which was at {was_at}"
        unfed = self._fed(name, originals) - set(feeds)
        if unfed:
            return (
                f"event {event.corrects} fed {min(unfed)}, and a correction without its properties does not"
            )
        earlier = [one for one in about if one.corrects == event.corrects]
        problems = (
            self._too_much(self.known.by_feature[feature], originals, earlier, event) for feature in feeds
        )
        return next((problem for problem in problems if problem), "")

    def _too_much(
        self, feature: FeatureLike, originals: list[UsageEvent], earlier: list[UsageEvent], event: UsageEvent
    ) -> str:
        if feature.meter.aggregate not in SUMMED:
            return f"{feature.id} is no sum, so nothing can be taken back from it"
        recorded, change = self._sum(feature, originals), self._sum(feature, [event])
        left = recorded + self._sum(feature, earlier)
        after = left + change
        if recorded * change > 0:
            return f"it adds {fraction_text(change)} {feature.id} to event {event.corrects}, and takes nothing back"
        if (after >= 0) if recorded >= 0 else (after <= 0):
            return ""
        return (
            f"event {event.corrects} recorded {fraction_text(recorded)} {feature.id},"
            f" of which {fraction_text(left)} is left to take back"
        )

    def _fed(self, name: str, originals: Iterable[UsageEvent]) -> set[str]:
        """The features that these events fed under an event's name; none where a feature's id was named."""
        if name in self.known.by_feature:
            return set()
        return {
            feature.id
            for feature in self.known.by_event.get(name, ())
            for one in originals
            if one.event == name and matches(feature.meter.where, one.properties)
        }

    def _sum(self, feature: FeatureLike, events: Iterable[UsageEvent]) -> Fraction:
        own = names_of(feature.id, self.former)
        found = Fraction(0)
        for event in events:
            named = _named(event, feature.id) if event.event in own else event
            reading = reading_of(feature.meter, feature.id, named)
            found += 0 if reading is None else Fraction(reading.number)
        return found

    def _names(self, name: str, feeds: tuple[str, ...]) -> Names:
        """Every name under which something may have fed what the correction feeds."""
        found = {name}
        for feature in feeds:
            event = self.known.by_feature[feature].meter.event
            found |= names_of(feature, self.former) | ({event} if event else set())
        return frozenset(found)

    def _about(self, event: UsageEvent, names: Names) -> list[UsageEvent]:
        """The corrected event and its corrections: those stored, then those that are to be recorded."""
        whose = (event.customer, event.user)
        if (whose, names) not in self.stored:
            found: About = {}
            for one in usage.corrected(self.tx, *whose, sorted(names), sorted(self.wanted[whose])):
                _file(found, one, self.wanted[whose])
            self.stored[whose, names] = found
        stored = self.stored[whose, names].get(event.corrects, [])
        taken = self.taken.get(whose, {}).get(event.corrects, [])
        fresh = [
            one for one in taken if one.event in names and not any(self._same(one, old) for old in stored)
        ]
        return [*stored, *fresh]

    def _same(self, one: UsageEvent, other: UsageEvent) -> bool:
        """Whether two events have one identity."""
        if (one.event, one.id) != (other.event, other.id):
            return False
        same_day = one.at // DAY_MICROSECONDS == other.at // DAY_MICROSECONDS
        return same_day or setting(self.tx, "dedup") == "strict"


def _named(event: UsageEvent, name: str) -> UsageEvent:
    return event if event.event == name else replace(event, event=name)


def _file(about: About, event: UsageEvent, wanted: set[str]) -> None:
    """Keep an event under its id and under the id it corrects, where those are asked for."""
    for key in {event.id, event.corrects} & wanted:
        about.setdefault(key, []).append(event)


def _next_day(at: int) -> int:
    return (at // DAY_MICROSECONDS + 1) * DAY_MICROSECONDS
