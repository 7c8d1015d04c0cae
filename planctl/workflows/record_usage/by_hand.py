"""Records one event of any kind: once per id, never below 0, if asked only what is allowed.

Source: planctl billing rules, usage; held features.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, NoReturn

from planctl.core.entitlements import Question, check
from planctl.core.instants import DAY_MICROSECONDS
from planctl.core.metering.accept import Reason, Row
from planctl.core.metering.model import UsageEvent
from planctl.core.money import NumberError, decimal_text, fraction_text, parse_decimal
from planctl.core.periods import Instant, instant_text
from planctl.errors import Conflict, InvalidInput, NotFound, Refused, WrongUsage
from planctl.store import catalog, usage
from planctl.store.as_of import access_facts
from planctl.store.selling import existing
from planctl.store.usage_customers import UsageCustomer, usage_customers
from planctl.workflows.record_usage.intake import Intake, Refusal, Taken
from planctl.workflows.record_usage.said import Recorded, Recording, correction, row_of

if TYPE_CHECKING:
    from planctl.store.engine import Tx


def record(tx: Tx, said: Recording, as_of: Instant) -> Recorded:
    """Record one event; else NotFound, InvalidInput, Refused (below 0, too late, not allowed) or Conflict."""
    existing(tx, said.customer)
    intake = Intake(tx, as_of)
    customer = usage_customers(tx, [said.customer])[said.customer]
    row = row_of(said, as_of)
    if said.corrects and said.at is None:
        was_at = intake.corrections.instant(customer, said.feature, said.corrects, as_of)
        row = row if was_at is None else row._replace(at=was_at)
    if said.id and (said.at is None or said.level):
        before = _same_id(tx, row, customer)
        if before is not None:
            return _known(row, before, said, customer)
    if said.level:
        delta = _change(intake, said, customer, row.at)
        if not delta and _additive(intake, said.feature):
            return _unchanged(said, customer, row.at)
        row = row._replace(quantity=fraction_text(delta))
    taken = intake.take([row])[0]
    if isinstance(taken, Refusal):
        _refuse(tx, taken, said)
    if said.if_allowed:
        _check(tx, taken, as_of)
    outcome = usage.append(tx, [taken.row])
    if outcome.conflicts:
        kept = outcome.conflicts[0]
        raise _conflict(said, kept.quantity, kept.row.quantity, kept.at, kept.batch)
    event = taken.event
    return Recorded(
        "recorded" if outcome.accepted else "exists",
        event.id,
        said.customer,
        customer.root,
        event.event,
        Instant(event.at),
        event.quantity,
        bool(outcome.late),
        _level(intake, event, customer),
        _undo(said, taken, intake) if outcome.accepted else "",
    )


def _change(intake: Intake, said: Recording, customer: UsageCustomer, at: int) -> Fraction:
    """What makes the level as said: the difference, or the level itself where the meter takes levels."""
    if said.quantity:
        raise WrongUsage("say a quantity or --set a level, not both", where="--set", got=said.level)
    definition = intake.known.by_feature.get(said.feature)
    if definition is None:
        raise InvalidInput(f"{said.feature} is no metered feature", where="--set", got=said.feature)
    level = Fraction(_number(said.level, "--set"))
    if level < 0:
        raise Refused(
            "a level is 0 or more",
            code="usage-below-zero",
            where=said.feature,
            got=said.level,
            hint="--set 0",
        )
    if definition.meter.aggregate in {"max", "last"}:
        return level
    if not definition.held:
        raise Refused(
            f"{definition.id} is used up, not held: it has no level to set",
            code="usage-no-level",
            where=said.feature,
            hint=f"record what was used: planctl usage record {said.customer} {said.feature} QUANTITY",
        )
    return level - intake.levels.level(customer, definition.id, at)


def _additive(intake: Intake, feature: str) -> bool:
    return intake.known.by_feature[feature].meter.aggregate not in {"max", "last"}


def _level(intake: Intake, event: UsageEvent, customer: UsageCustomer) -> Fraction | None:
    """The customer's own level of a held feature that the event names, at its instant; None for any other."""
    definition = intake.known.by_feature.get(event.event)
    if definition is None or not definition.held or not _additive(intake, event.event):
        return None
    return intake.levels.level(customer, event.event, event.at)


def _undo(said: Recording, taken: Taken, intake: Intake) -> str:
    """What takes the event back: the opposite change of a level, or a correction of what is summed."""
    if _level(intake, taken.event, taken.customer) is not None:
        return f"{said.customer} {said.feature} {decimal_text(taken.event.quantity.copy_negate())}"
    return correction(said, taken.event, [intake.known.by_feature[feature].meter for feature in taken.feeds])


def _same_id(tx: Tx, row: Row, customer: UsageCustomer) -> UsageEvent | None:
    """The event under the id that day or the day before: a retry just after midnight is a retry."""
    day = row.at // DAY_MICROSECONDS
    first, end = max(day - 1, 0) * DAY_MICROSECONDS, (day + 1) * DAY_MICROSECONDS
    stored = usage.events(tx, customer.root, [row.event], first, end, [customer.id])
    return next((event for event in stored if event.id == row.id), None)


def _known(row: Row, before: UsageEvent, said: Recording, customer: UsageCustomer) -> Recorded:
    """The event that is there already, where it says the same but for its instant; else Conflict.

    A level that was set is recorded as a difference, which the same words now cannot be compared with.
    """
    content = (dict(before.properties), before.corrects)
    quantity = before.quantity if said.level else _number(row.quantity)
    if (before.quantity, *content) != (quantity, dict(said.properties), said.corrects):
        raise _conflict(said, before.quantity, quantity, before.at, 0)
    return Recorded(
        "exists", row.id, said.customer, customer.root, row.event, Instant(before.at), before.quantity
    )


def _number(text: str, option: str = "QTY") -> Decimal:
    try:
        return parse_decimal(text)
    except NumberError as error:
        raise InvalidInput(error.reason, where=option, got=text, hint=error.fix) from error


def _unchanged(said: Recording, customer: UsageCustomer, at: int) -> Recorded:
    level = Fraction(_number(said.level))
    return Recorded(
        "unchanged", "", said.customer, customer.root, said.feature, Instant(at), Decimal(0), level=level
    )


def _check(tx: Tx, taken: Taken, as_of: Instant) -> None:
    """Refused where `check` says no to any feature that the event feeds; taking back is always allowed."""
    if taken.event.quantity <= 0:
        return
    for feature in taken.feeds:
        facts = access_facts(tx, taken.customer.root, feature, as_of)
        question = Question(facts.names, facts.feature.type, Fraction(taken.event.quantity))
        checked = check(question, facts.holdings, as_of, waiting=facts.waiting)
        if not checked.allowed:
            left = "" if checked.remaining is None else fraction_text(checked.remaining)
            who = taken.customer
            whose = f" of {who.root}" if who.is_child else ""
            raise Refused(
                f"{who.id}{whose} may not use {decimal_text(taken.event.quantity)} {feature}: "
                f"{checked.reason}; nothing was recorded",
                code="not-allowed",
                where=f"{who.id}/{feature}",
                expected=f"at most {left} more" if left else "",
                got=decimal_text(taken.event.quantity),
            )


def _refuse(tx: Tx, refusal: Refusal, said: Recording) -> NoReturn:
    where = f"{said.customer}/{said.feature}"
    if refusal.reason == Reason.UNKNOWN_EVENT:
        known = catalog.features(tx).get(said.feature)
        if known is not None:
            value = " --value VALUE" if known.type == "list" else ""
            raise NotFound(
                f"{known.id} is a {known.type} feature, of which nothing is used up",
                where=where,
                hint=f"planctl check {said.customer} {known.id}{value}",
            )
        raise NotFound(
            f"there is no metered feature or event {said.feature!r}", where=where, hint=refusal.hint
        )
    if refusal.reason == "level":
        raise Refused(
            f"{said.feature} of {said.customer} would fall below 0",
            code="usage-below-zero",
            where=where,
            got=said.quantity or "1",
            hint=refusal.hint,
        )
    if refusal.reason == "late":
        raise Refused(refusal.message, code="usage-late", where=where, hint=refusal.hint)
    raise InvalidInput(refusal.message, code="usage-row", where=where, got=said.quantity, hint=refusal.hint)


def _conflict(said: Recording, kept: Decimal, new: Decimal, at: int, batch: int) -> Conflict:
    source = f" by import {batch}" if batch > 0 else ""
    return Conflict(
        f"event {said.id} of {said.customer} is already recorded with other content; nothing was written",
        code="usage-conflict",
        where=f"{said.customer}/{said.feature}",
        expected=f"{decimal_text(kept)} at {instant_text(Instant(at))}{source}, as recorded",
        got=decimal_text(new),
        hint="use a new id for a new event",
    )
