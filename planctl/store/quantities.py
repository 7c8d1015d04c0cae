"""Changes of the quantities that subscriptions hold, read and written for many at once. It decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from planctl.core.document import canonical
from planctl.core.money import decimal_text, parse_decimal
from planctl.core.periods import Instant
from planctl.core.subscriptions.model import QuantityStep
from planctl.store.mapping import count, instant, named, said, texts_of, whole
from planctl.store.sets import Values, chunks, insert_rows, table
from planctl.store.touching import will_change

if TYPE_CHECKING:
    from planctl.store.engine import Tx

QUANTITY = "quantity"
"""The kind of a subscription's change that is one of a quantity."""

_CHANGE = table("subscription_change")


def next_change(tx: Tx, subscription_id: str) -> int:
    """The number that the next change of a subscription has, from 1; changes of every kind count."""
    last = select(func.max(_CHANGE.c.seq)).where(_CHANGE.c.subscription == subscription_id)
    return int(tx.connection.execute(last).scalar() or 0) + 1


def add_steps(tx: Tx, subscription_id: str, steps: Sequence[QuantityStep], now: Instant) -> None:
    """Record changes of quantities; those after `now` are scheduled. Conflict where a number is taken."""
    rows = [step_row(subscription_id, step, "scheduled" if step.at > now else "done") for step in steps]
    insert_rows(tx, "subscription_change", rows)


def cancel_steps(tx: Tx, subscription_id: str, steps: Sequence[QuantityStep]) -> None:
    """Take back scheduled changes of quantities, each of which must be there; they are kept as canceled."""
    if not steps:
        return
    statement = _CHANGE.update().where(
        _CHANGE.c.subscription == subscription_id,
        _CHANGE.c.seq.in_([step.seq for step in steps]),
        _CHANGE.c.status == "scheduled",
    )
    will_change(tx, "subscription_change", [(subscription_id, step.seq) for step in steps])
    changed = tx.connection.execute(statement.values(status="canceled")).rowcount
    assert changed == len(steps), (
        f"{subscription_id}: {len(steps)} changes to cancel, {changed} are scheduled"
    )


def steps_of(tx: Tx, subscription_ids: Sequence[str]) -> dict[str, tuple[QuantityStep, ...]]:
    """The changes of subscriptions that were not canceled, by number; nothing for one without any."""
    found: dict[str, tuple[QuantityStep, ...]] = {}
    for chunk in chunks(subscription_ids):
        query = (
            select(_CHANGE)
            .where(_CHANGE.c.subscription.in_(chunk), _CHANGE.c.kind == QUANTITY)
            .where(_CHANGE.c.status != "canceled")
            .order_by(_CHANGE.c.subscription, _CHANGE.c.seq)
        )
        for row in tx.connection.execute(query):
            found[row.subscription] = (*found.get(row.subscription, ()), step_of(row))
    return found


def step_row(subscription: str, step: QuantityStep, status: str) -> Values:
    """The row of a change; `status` is done, scheduled or canceled. The total is a text, charged yes or no."""
    assert status in {"done", "scheduled", "canceled"}, f"{subscription}: a change is never {status!r}"
    assert step.total >= 0, f"{subscription}: a total of {step.total}"
    document = canonical(
        {
            "feature": said(step.feature),
            "total": decimal_text(step.total),
            "charged": "yes" if step.charged else "no",
        }
    )
    return {
        "subscription": named(subscription),
        "seq": whole(step.seq),
        "kind": QUANTITY,
        "document": document,
        "at": instant(step.at),
        "status": status,
    }


def step_of(row: Any) -> QuantityStep:
    """The change of a row."""
    told = texts_of(row.document)
    assert row.kind == QUANTITY, f"{row.subscription}: {row.kind!r} is no change of a quantity"
    assert told["charged"] in {"yes", "no"}, f"{row.subscription}: charged {told['charged']!r}"
    total = parse_decimal(told["total"])
    return QuantityStep(instant(row.at), told["feature"], total, count(row.seq), told["charged"] == "yes")
