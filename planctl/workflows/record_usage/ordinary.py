"""Takes the ordinary rows of a block with little work for each, and gives all others to the intake.

Ordinary is a row without properties, no correction, of a known customer, not late, with a quantity that nothing can be
wrong with for the name it was sent under. What is kept of it is what the intake would keep.
Source: planctl billing rules, usage.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from planctl.core.instants import DAY_MICROSECONDS, FOREVER
from planctl.core.metering.accept import FUTURE_MICROSECONDS, MAX_ID, FeatureLike, Row
from planctl.core.metering.model import event_key, plain_hash
from planctl.core.money import NumberError, decimal_text, parse_decimal
from planctl.store import usage
from planctl.store.usage import EventBlock, EventRow
from planctl.store.usage_customers import UsageCustomer, priced_by_event
from planctl.store.usage_mapping import Columns, holds_id, parts_of
from planctl.workflows.record_usage.intake import Intake, Refusal

ANY, WHOLE, ONE = 0, 1, 2
"""What a name asks of a quantity of 0 or more: nothing, a whole number, 1."""


_Verdict = Columns | EventRow | Refusal


class Judged(NamedTuple):
    """What may be recorded, which row of those given each of it is, and the rows that are refused, by their place."""

    block: EventBlock
    places: Sequence[int]
    refused: Mapping[int, Refusal]


def take_block(intake: Intake, rows: Sequence[Row]) -> Judged:
    """The verdict on every row, as `intake.take` gives it one by one; the block is in the order of the rows."""
    customers = _plain_customers(intake, rows)
    needs = {name: need for name in {row.event for row in rows} if (need := _need(intake, name)) is not None}
    meters = usage.meter_ids(intake.tx, needs)
    latest = FOREVER if intake.allow_future else intake.at + FUTURE_MICROSECONDS
    taken: list[_Verdict | None] = []
    for row in rows:
        event_id, customer, name, at, quantity, properties, corrects = row
        who, need, amount = customers.get(customer), needs.get(name), _amount(quantity)
        if (
            who is None or need is None or amount is None or amount.kind < need or properties or corrects
            or not who.settled_at <= at <= latest or not event_id.isprintable() or not 0 < len(event_id) <= MAX_ID
        ):  # fmt: skip
            taken.append(None)
            continue
        meter = meters.get(name)
        if meter is None:
            meter = meters[name] = usage.meter_ids(intake.tx, [name], create=True)[name]
        key = event_key(event_id, who.id if who.child_seq else "")
        payload = plain_hash(customer, name, at, amount.text)
        kept = (
            at // DAY_MICROSECONDS, who.seq, meter, key, at, amount.whole, amount.part, payload, who.child_seq
        )  # fmt: skip
        taken.append(kept if holds_id(key) else EventRow(*kept, event_id=event_id))
    _take_others(intake, rows, taken)
    refused = {place: one for place, one in enumerate(taken) if isinstance(one, Refusal)}
    places = [place for place in range(len(rows)) if place not in refused] if refused else range(len(rows))
    block = EventBlock(one for one in taken if one is not None and not isinstance(one, Refusal))
    return Judged(block, places, refused)


class _Amount(NamedTuple):
    """A quantity of 0 or more: what it is (ANY, WHOLE or ONE), how it is kept, and its one text."""

    kind: int
    whole: int
    part: int
    text: str


@lru_cache(maxsize=4096)
def _amount(text: str) -> _Amount | None:
    """The quantity, None for a bad or negative one; remembered, because most rows say the same few."""
    try:
        number = parse_decimal(text)
    except NumberError:
        return None
    if number < 0:
        return None
    kind = ONE if number == 1 else WHOLE if number == number.to_integral_value() else ANY
    return _Amount(kind, *parts_of(number), decimal_text(number))


def _need(intake: Intake, name: str) -> int | None:
    """What rows of that name need of their quantity; None where more than that decides about them."""
    known = intake.known
    direct = known.by_feature.get(name)
    features: Sequence[FeatureLike] = (direct,) if direct is not None else known.by_event.get(name, ())
    needs = []
    for feature in features:
        meter = feature.meter
        looks_closer = direct is None and (meter.where or meter.value)
        if feature.id in intake.held or meter.aggregate == "unique" or looks_closer:
            return None
        counted = WHOLE if direct is not None else ONE
        needs.append(counted if meter.aggregate == "count" else ANY)
    return max(needs, default=None)


def _plain_customers(intake: Intake, rows: Sequence[Row]) -> dict[str, UsageCustomer]:
    """Those customers of the rows whose ordinary rows need no second look.

    Not the ones of whom something is corrected, which asks for the rows before it, nor those who pay by event.
    """
    asked = {row.customer for row in rows} - {row.customer for row in rows if row.corrects}
    found = intake.customers.known(intake.tx, asked)
    known = {name: found[name] for name in asked if name in found}
    priced = {*priced_by_event(intake.tx, [one.root for one in known.values()])}
    return {
        name: one
        for name, one in known.items()
        if one.root not in priced and len(name) <= MAX_ID and name.isprintable()
    }


def _take_others(intake: Intake, rows: Sequence[Row], taken: list[_Verdict | None]) -> None:
    """Put the intake's verdict where there is none yet."""
    places = [place for place, one in enumerate(taken) if one is None]
    verdicts = intake.take([rows[place] for place in places]) if places else []
    for place, verdict in zip(places, verdicts, strict=True):
        taken[place] = verdict if isinstance(verdict, Refusal) else verdict.row
