"""How usage looks, to machines and to people: pools with bars, access checks, imports, events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Protocol

from planctl.core.entitlements import Checked, OpenPool
from planctl.core.instants import Instant, instant_text
from planctl.core.metering.model import UsageEvent
from planctl.core.money import decimal_text
from planctl.views.company import by_customer_document, by_customer_text
from planctl.views.sheet import Answer, Cell, Column, Json, Sheet
from planctl.views.words import count, exact_decimal, maybe

FEATURE_COLUMNS = (
    Column("feature"),
    Column("unit"),
    Column("included", "quantity"),
    Column("used", "quantity"),
    Column("remaining", "quantity"),
    Column("wallet", "quantity"),
    Column("excess", "quantity"),
    Column("over_limit", "quantity", "over the limit"),
    Column("unlimited", "flag"),
    Column("resets_at", "instant", "resets"),
)
BY_CUSTOMER = Column("by_customer")
EVENT_COLUMNS = (
    Column("at", "instant"),
    Column("customer"),
    Column("id"),
    Column("event"),
    Column("quantity", "quantity"),
    Column("corrects"),
    Column("properties"),
)


class FeatureUseLike(Protocol):
    """What is shown of one feature's pool."""

    @property
    def subscription(self) -> str:
        """Which subscription grants it."""

    @property
    def feature(self) -> str:
        """The feature's id."""

    @property
    def unit(self) -> str:
        """What it is counted in."""

    @property
    def state(self) -> OpenPool:
        """Its pool in the period that runs."""

    @property
    def by_customer(self) -> Mapping[str, Fraction]:
        """What everybody of a company used of it."""

    @property
    def adds_up(self) -> bool:
        """Whether their sum is what the company used."""


class CustomerUsageLike(Protocol):
    """What is shown of a customer's usage."""

    @property
    def customer(self) -> str:
        """Who was asked about."""

    @property
    def billed_to(self) -> str:
        """Who holds the plans."""

    @property
    def at(self) -> Instant:
        """When."""

    @property
    def features(self) -> Sequence[FeatureUseLike]:
        """Every metered feature granted."""

    @property
    def is_company(self) -> bool:
        """Whether others use what it holds."""


class RecordedLike(Protocol):
    """What is shown of a recorded event."""

    @property
    def status(self) -> str:
        """recorded, exists or unchanged."""

    @property
    def id(self) -> str:
        """The event's id."""

    @property
    def customer(self) -> str:
        """Who used it."""

    @property
    def billed_to(self) -> str:
        """Who holds the plans."""

    @property
    def event(self) -> str:
        """The feature or event name."""

    @property
    def at(self) -> Instant:
        """When."""

    @property
    def quantity(self) -> Decimal:
        """How much."""

    @property
    def late(self) -> bool:
        """Whether its period is closed already."""

    @property
    def level(self) -> Fraction | None:
        """The level afterwards, of a held feature."""


class ToldLike(Protocol):
    """A row that was not kept."""

    @property
    def line(self) -> int:
        """Where it stands."""

    @property
    def refusal(self) -> tuple[str, str, str]:
        """Reason, message, hint."""


class ImportedLike(Protocol):
    """What is shown of an import."""

    @property
    def read(self) -> int:
        """Rows read."""

    @property
    def accepted(self) -> int:
        """Rows recorded."""

    @property
    def duplicates(self) -> int:
        """Rows that were there already."""

    @property
    def conflicts(self) -> int:
        """Rows whose id stands for something else."""

    @property
    def late(self) -> int:
        """Accepted rows of a closed period."""

    @property
    def rejected(self) -> int:
        """Rows that cannot be recorded."""

    @property
    def resumed_at(self) -> int | None:
        """Lines that an earlier run had done."""


def amount(value: Fraction | None) -> str | None:
    """A quantity as a decimal text, exact where it ends and else to 12 decimals; None stays None."""
    return None if value is None else exact_decimal(value)


# --- pools


def usage_document(usage: CustomerUsageLike) -> dict[str, Json]:
    """`usage show` as JSON."""
    return {
        "customer": usage.customer,
        "billed_to": usage.billed_to,
        "as_of": instant_text(usage.at),
        "features": [feature_document(one) for one in usage.features],
    }


def feature_document(one: FeatureUseLike) -> dict[str, Json]:
    """One feature's pool: `used` counts what others drew on it; `excess` is billed, `over_limit` is not.

    A feature that draws on another from its first unit has nothing included, and `remaining` is what the
    other still pays for. `by_customer` is empty without a company; where not `adds_up`, everybody's own quantities
    are no parts of a sum.
    """
    pool, period = one.state.pool, one.state.period
    return {
        "feature": one.feature,
        "subscription": one.subscription,
        "unit": one.unit or None,
        "period": {
            "starts_at": instant_text(period.starts_at),
            "ends_at": maybe(period.ends_at),
        },
        "included": amount(pool.included),
        "used": amount(pool.total),
        "remaining": amount(one.state.remaining),
        "wallet": amount(one.state.wallet),
        "wallet_used": amount(pool.wallet),
        "rolled_over": amount(pool.rolled),
        "excess": amount(one.state.excess),
        "over_limit": amount(one.state.over_limit),
        "drawn": [
            {"feature": draw.feature, "quantity": amount(draw.quantity), "units": amount(draw.units)}
            for draw in pool.drawn
        ],
        "passed_on": amount(pool.passed_on),
        "unlimited": pool.included is None,
        "resets_at": maybe(period.ends_at),
        "by_customer": by_customer_document(one.by_customer),
        "adds_up": one.adds_up,
    }


def usage_answer(usage: CustomerUsageLike, timezone: str) -> Answer:
    """`usage show` as a table of features; whose pools they are, and who used what of them, in a company."""
    columns = (*FEATURE_COLUMNS, *([BY_CUSTOMER] if usage.is_company else []))
    rows = tuple(_row(one)[: len(columns)] for one in usage.features)
    whose = f"{usage.customer} uses what {usage.billed_to} holds: the pools are those of {usage.billed_to}"
    lines = () if usage.customer == usage.billed_to else (whose,)
    sheet = Sheet(columns, rows, timezone)
    return Answer(usage_document(usage), lines, sheet, f"{usage.billed_to} has no metered feature")


def _row(one: FeatureUseLike) -> tuple[Cell, ...]:
    """A feature's cells, who used it last."""
    pool, state = one.state.pool, one.state
    return (
        one.feature,
        one.unit or None,
        amount(pool.included),
        amount(pool.total),
        amount(state.remaining),
        amount(state.wallet),
        amount(state.excess),
        amount(state.over_limit),
        pool.included is None,
        state.period.ends_at,
        by_customer_text(one.by_customer, adds_up=one.adds_up) or None,
    )


def _grouped(text: str | None) -> str:
    whole, point, decimals = (text or "").partition(".")
    return f"{int(whole):,}{point}{decimals}" if whole not in {"", "-", "-0"} else f"{whole}{point}{decimals}"


# --- access


def check_document(customer: str, billed_to: str, feature: str, checked: Checked) -> dict[str, Json]:
    """`check` as JSON. `limit` null: no limit, or nothing that is counted. `billed_to` holds the plans."""
    counted = checked.used is not None
    return {
        "customer": customer,
        "billed_to": billed_to,
        "allowed": checked.allowed,
        "reason": checked.reason.value,
        "feature": feature,
        "limit": amount(checked.limit),
        "used": amount(checked.used),
        "remaining": amount(checked.remaining),
        "wallet": amount(checked.wallet) if counted else None,
        "resets_at": maybe(checked.resets_at),
        "granted_by": list(checked.granted_by),
        "values": list(checked.values),
    }


def check_answer(customer: str, billed_to: str, feature: str, checked: Checked) -> Answer:
    """`check` for people: yes or no, why, and how much is left; of a child of a company, of what the company holds."""
    words = "yes" if checked.allowed else f"no: {checked.reason.value.replace('_', ' ')}"
    of = "" if billed_to == customer else f" (by what {billed_to} holds)"
    line = f"{customer} {feature}: {words}{of}"
    if checked.used is not None:
        limit = "no limit" if checked.limit is None else f"limit {_grouped(amount(checked.limit))}"
        left = "" if checked.remaining is None else f", {_grouped(amount(checked.remaining))} left"
        left += f", {_grouped(amount(checked.wallet))} in the wallet" if checked.wallet else ""
        line += f" · {_grouped(amount(checked.used))} used, {limit}{left}"
    lines = (line, *((f"values: {', '.join(checked.values)}",) if checked.values else ()))
    return Answer(check_document(customer, billed_to, feature, checked), lines)


# --- recording


def recorded_document(recorded: RecordedLike) -> dict[str, Json]:
    """A recorded event as JSON; `id` null where a level was as it was set, and nothing was recorded."""
    return {
        "status": recorded.status,
        "id": recorded.id or None,
        "customer": recorded.customer,
        "billed_to": recorded.billed_to,
        "event": recorded.event,
        "at": instant_text(recorded.at),
        "quantity": decimal_text(recorded.quantity),
        "late": recorded.late,
        "level": amount(recorded.level),
    }


def recorded_answer(document: Json) -> Answer:
    """What recording did, from its document; the id is what a script needs, so it is the line."""
    assert isinstance(document, Mapping)
    return Answer(document, (str(document["id"] or document["status"]),))


def recorded_sentence(document: Json) -> str:
    """The same in a sentence, for people."""
    assert isinstance(document, Mapping)
    what = f"{document['quantity']} {document['event']} of {document['customer']}"
    if document["status"] == "unchanged":
        return f"{document['event']} of {document['customer']} is {document['level']} already; nothing was written"
    if document["status"] == "exists":
        return f"{what} was recorded before as {document['id']}; nothing was written"
    late = ", late: its period is billed already; the next run bills the difference"
    level = f", level now {document['level']}" if document["level"] is not None else ""
    return f"recorded {what}{level}{late if document['late'] else ''}"


def imported_document(imported: ImportedLike) -> dict[str, Json]:
    """`usage import` as JSON; `late` is part of `accepted`, `resumed_at` the lines done before, or null."""
    return {
        "read": imported.read,
        "accepted": imported.accepted,
        "duplicates": imported.duplicates,
        "conflicts": imported.conflicts,
        "late": imported.late,
        "rejected": imported.rejected,
        "resumed_at": imported.resumed_at,
    }


def imported_answer(document: Json) -> Answer:
    """What an import did, from its document, in one line."""
    assert isinstance(document, Mapping)
    parts = [
        f"{document[name]:,} {name}"
        for name in ("read", "accepted", "duplicates", "conflicts", "late", "rejected")
    ]
    return Answer(document, (", ".join(parts),))


def told_lines(told: Sequence[ToldLike], name: str, all_of_them: int) -> list[str]:
    """The first rows that were not kept, each with its place, reason and fix."""
    lines = []
    for one in told:
        reason, message, hint = one.refusal
        lines.append(f"{name}:{one.line}: {message} [{reason}]" + (f"; hint: {hint}" if hint else ""))
    rest = all_of_them - len(told)
    return [*lines, *([f"and {count(rest, 'more row')}: --rejects FILE keeps them all"] if rest > 0 else [])]


# --- events


def events_answer(events: Sequence[UsageEvent], timezone: str) -> Answer:
    """Recorded events, oldest first."""
    rows = tuple(
        (
            event.at,
            event.user,
            event.id,
            event.event,
            decimal_text(event.quantity),
            event.corrects or None,
            "; ".join(f"{key}={value}" for key, value in event.properties.items()) or None,
        )
        for event in events
    )
    documents = [event_document(event) for event in events]
    return Answer(documents, (), Sheet(EVENT_COLUMNS, rows, timezone), "no usage")


def event_document(event: UsageEvent) -> dict[str, Json]:
    """A recorded event as JSON, in the fields of an import; properties are texts. `customer` is who used it."""
    return {
        "id": event.id,
        "customer": event.user,
        "event": event.event,
        "at": instant_text(Instant(event.at)),
        "quantity": decimal_text(event.quantity),
        "properties": {key: str(value) for key, value in event.properties.items()},
        "corrects": event.corrects or None,
    }
