"""Judges usage rows against the store: whose they are, what they feed, whether they come too late.

It writes nothing but the names of meters. Whether an event is there already is seen when it is appended.
Source: planctl billing rules, usage, late usage, held features, companies.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from planctl.core.instants import DAY_MICROSECONDS, FOREVER
from planctl.core.invoicing.late import Lateness, lateness
from planctl.core.invoicing.lineup import LineUp
from planctl.core.metering.accept import Accepted, Known, Rejected, Row, accept, known_meters
from planctl.core.metering.aggregate import reading_of
from planctl.core.metering.model import UsageEvent
from planctl.core.periods import Instant, instant_text
from planctl.core.subscriptions.model import Subscription
from planctl.store import catalog, subscriptions, usage
from planctl.store.feature_names import names_of
from planctl.store.usage import EventRow, event_row
from planctl.store.usage_customers import UsageCustomer, UsageCustomers
from planctl.workflows.record_usage.amounts import Amounts
from planctl.workflows.record_usage.corrections import Corrections

if TYPE_CHECKING:
    from planctl.store.engine import Tx


class Refusal(NamedTuple):
    """Why a row is not recorded: a stable reason, what is wrong, what to do."""

    reason: str
    message: str
    hint: str = ""


class Taken(NamedTuple):
    """A row that may be recorded: the event as it is kept, for whom, and the features it feeds."""

    event: UsageEvent
    customer: UsageCustomer
    feeds: tuple[str, ...]
    row: EventRow


class Intake:
    """The rules of one transaction: catalog, customers and subscriptions are read when they are needed."""

    def __init__(
        self, tx: Tx, at: Instant, *, allow_future: bool = False, customers: UsageCustomers | None = None
    ) -> None:
        self.tx, self.at, self.allow_future = tx, at, allow_future
        self.customers = customers or UsageCustomers()
        self.former = catalog.aliases(tx, "features")
        aliases = {old: new for new, olds in self.former.items() for old in olds}
        self.known: Known = known_meters(catalog.features(tx).values(), aliases)
        self.held = frozenset(
            feature.id
            for feature in self.known.by_feature.values()
            if feature.held and feature.meter.aggregate in {"sum", "count"}
        )
        self.levels = Levels(self)
        self.corrections = Corrections(tx, self.known, self.former)

    def take(self, rows: Sequence[Row]) -> list[Taken | Refusal]:
        """The verdict on each row, in order; rows judged before in the same intake count for levels."""
        customers = self.customers.known(self.tx, {row.customer for row in rows})
        judged = [self._judged(row, customers.get(row.customer)) for row in rows]
        meters = usage.meter_ids(
            self.tx, {row.event for row, one in zip(rows, judged, strict=True) if _good(one)}, create=True
        )
        maybe_late = {
            customers[row.customer].root
            for row, one in zip(rows, judged, strict=True)
            if _good(one) and row.at < customers[row.customer].settled_at
        }
        late = _Late(self.tx, self.former, maybe_late)
        roots = {customers[row.customer].root for row, one in zip(rows, judged, strict=True) if _good(one)}
        self.amounts = Amounts(self.tx, self.known, self.former, roots)
        self.corrections.expect(
            (customers[row.customer], row.corrects)
            for row, one in zip(rows, judged, strict=True)
            if _good(one) and row.corrects
        )
        found: list[Taken | Refusal] = []
        for row, one in zip(rows, judged, strict=True):
            if isinstance(one, Refusal):
                found.append(one)
                continue
            customer = customers[row.customer]
            when = late.of(customer, one) if row.at < customer.settled_at else ""
            kept = event_row(
                one.event, one.payload, customer.seq, meters[row.event], when == "late", customer.child_seq
            )
            taken = Taken(one.event, customer, one.feeds, kept)
            found.append(self._verdict(taken, row, when))
        return found

    def _judged(self, row: Row, customer: UsageCustomer | None) -> Accepted | Refusal:
        if customer is None:
            return Refusal(
                "customer", f"there is no customer {row.customer[:60]!a}", "add the customer first"
            )
        verdict = accept(row, self.known, self.at, allow_future=self.allow_future)
        if isinstance(verdict, Rejected):
            return Refusal(verdict.reason.value, verdict.message, verdict.hint)
        if customer.is_child:
            event = replace(verdict.event, customer=customer.root, child=customer.id)
            return replace(verdict, event=event)
        return verdict

    def _verdict(self, taken: Taken, row: Row, when: Lateness) -> Taken | Refusal:
        unpriced = self.amounts.problem(taken.event, taken.feeds)
        if unpriced is not None:
            return Refusal(unpriced.reason.value, unpriced.message, unpriced.hint)
        wrong = self._correction(taken, row) if row.corrects else None
        if wrong is not None:
            return wrong
        verdict = self._too_late(taken, row) if when == "reject" else self._level(taken, row)
        if isinstance(verdict, Taken):
            self.corrections.note(row.event, taken.event)
        return verdict

    def _correction(self, taken: Taken, row: Row) -> Refusal | None:
        by_amount = bool(self.amounts.asked(taken.event, taken.feeds))
        problem = self.corrections.problem(row.event, taken.event, taken.feeds, same_instant=by_amount)
        if not problem:
            return None
        return Refusal(
            "corrects",
            f"event {row.id}: {problem}",
            "name an event that is recorded, before its corrections, and take back no more than it recorded",
        )

    def _too_late(self, taken: Taken, row: Row) -> Taken | Refusal:
        """Refused by `late: reject`, but for one that is there already: that is a duplicate or a conflict."""
        who = taken.customer
        stored = [*usage.events(self.tx, who.root, [row.event], row.at, row.at + 1, [who.id])]
        if any(event.id == row.id for event in stored):
            return taken
        return Refusal(
            "late",
            f"event {row.id} of {instant_text(Instant(row.at))} belongs to a period that is already billed",
            "the plan's terms refuse late usage",
        )

    def _level(self, taken: Taken, row: Row) -> Taken | Refusal:
        for feature in taken.feeds:
            if feature in self.held and not self.levels.fits(taken, row.event, feature):
                return Refusal(
                    "level",
                    f"event {row.id} would bring {feature} of {taken.customer.id} below 0",
                    "record in time order, and take back no more than there is",
                )
        return taken


def _good(verdict: Accepted | Refusal) -> bool:
    return not isinstance(verdict, Refusal)


class _Late:
    """Which events come too late, for customers of whom something is settled after them."""

    def __init__(self, tx: Tx, former: Mapping[str, tuple[str, ...]], roots: Iterable[str]) -> None:
        self.former = dict(former)
        self.subscriptions: dict[str, list[Subscription]] = subscriptions.of_customers(tx, roots)
        self.lineups = {root: LineUp(several) for root, several in self.subscriptions.items()}
        ids = [one.id for several in self.subscriptions.values() for one in several]
        self.still_open = {
            name: {(part.part, part.index) for part in parts}
            for name, parts in (subscriptions.open_settlements(tx, ids) if ids else {}).items()
        }

    def of(self, customer: UsageCustomer, accepted: Accepted) -> Lateness:
        features = [name for feature in accepted.feeds for name in names_of(feature, self.former)]
        found: Lateness = ""
        for one in self.subscriptions.get(customer.root, ()):
            at, lineup = Instant(accepted.event.at), self.lineups[customer.root]
            when = lateness(one, features, at, self.still_open[one.id], lineup)
            if when == "reject":
                return when
            found = when or found
        return found


Change = tuple[str, int, str]
"""An event's identity within a customer: the name it was sent under, its UTC day, its id."""


class Levels:
    """Levels of held features over time, read when something would lower one.

    Everybody of a company has a level of its own, and the company's is their sum; so none of them is below 0.
    """

    def __init__(self, intake: Intake) -> None:
        self.intake = intake
        self.seen: dict[tuple[str, str], dict[Change, tuple[int, Fraction]]] = {}
        self.read: set[tuple[str, str]] = set()

    def fits(self, taken: Taken, name: str, feature: str) -> bool:
        """Whether the event leaves the level of a held feature at 0 or more, then and ever after."""
        definition = self.intake.known.by_feature[feature]
        reading = reading_of(definition.meter, feature, taken.event)
        number = Fraction(reading.number) if reading is not None else Fraction(0)
        who = taken.customer
        changes = self.seen.setdefault((who.id, feature), {})
        key = (name, taken.event.at // DAY_MICROSECONDS, taken.event.id)
        if number < 0:
            changes = self.changes(who, feature)
            if key not in changes and _lowest(changes.values(), taken.event.at) + number < 0:
                return False
        changes.setdefault(key, (taken.event.at, number))
        return True

    def level(self, customer: UsageCustomer, feature: str, at: int) -> Fraction:
        """The level at an instant, changes of that instant counted."""
        return sum(
            (number for when, number in self.changes(customer, feature).values() if when <= at), Fraction(0)
        )

    def changes(self, customer: UsageCustomer, feature: str) -> dict[Change, tuple[int, Fraction]]:
        """Every change of the level: what is stored, then what this intake has taken."""
        place = (customer.id, feature)
        pending = self.seen.setdefault(place, {})
        if place not in self.read:
            self.read.add(place)
            stored = self._stored(customer, feature)
            self.seen[place] = stored | {key: change for key, change in pending.items() if key not in stored}
        return self.seen[place]

    def _stored(self, customer: UsageCustomer, feature: str) -> dict[Change, tuple[int, Fraction]]:
        meter = self.intake.known.by_feature[feature].meter
        own = names_of(feature, self.intake.former)
        names = [*sorted(own), *([meter.event] if meter.event else [])]
        found = {}
        for event in usage.events(self.intake.tx, customer.root, names, 0, FOREVER, [customer.id]):
            named = replace(event, event=feature) if event.event in own else event
            reading = reading_of(meter, feature, named)
            if reading is not None:
                found[event.event, event.at // DAY_MICROSECONDS, event.id] = (
                    event.at,
                    Fraction(reading.number),
                )
        return found


def _lowest(changes: Iterable[tuple[int, Fraction]], at: int) -> Fraction:
    """The lowest level from `at` on, `at` itself included."""
    level = Fraction(0)
    later: dict[int, Fraction] = {}
    for when, number in changes:
        if when <= at:
            level += number
        else:
            later[when] = later.get(when, Fraction(0)) + number
    lowest = level
    for when in sorted(later):
        level += later[when]
        lowest = min(lowest, level)
    return lowest
