"""Extensions of subscriptions, kept with their other changes, read and written. It decides nothing.

Each has a number among the changes of its subscription, and says what was asked for in days. Where it moved the
foreseen end it says from when to when; add-ons whose end moved with their base's have one of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from planctl.core.document import canonical
from planctl.core.periods import Instant
from planctl.core.subscriptions.model import Extension
from planctl.store.mapping import instant, named, said, texts_of, whole
from planctl.store.sets import chunks, insert_rows, table

if TYPE_CHECKING:
    from planctl.store.engine import Tx

EXTEND = "extend"
"""The kind of a subscription's change that is an extension."""

_CHANGE = table("subscription_change")


def cause_of(subscription: str, seq: int) -> str:
    """What an extension is called: the occasion of what it charges, and what ended a block that it lifted."""
    return f"{EXTEND}:{subscription}:{seq}"


def add_extension(  # noqa: PLR0913 - what was asked for, and what it moved
    tx: Tx, subscription: str, seq: int, days: Mapping[str, int], at: Instant, moved: Extension | None
) -> None:
    """Record an extension: `days` by what was extended (trial, expiry, due, grace), `moved` of the foreseen end.

    Conflict where the number is taken.
    """
    told = {what: str(count) for what, count in days.items()}
    if moved is not None:
        told |= {
            "cause": named(moved.cause),
            "before": str(instant(moved.before)),
            "after": str(instant(moved.after)),
        }
    row = {
        "subscription": named(subscription),
        "seq": whole(seq),
        "kind": EXTEND,
        "document": canonical({name: said(text) for name, text in told.items()}),
        "at": instant(at),
        "status": "done",
    }
    insert_rows(tx, "subscription_change", [row])


def extended_at(tx: Tx, cause: str) -> Instant | None:
    """When the extension of that name was made; None where none is recorded."""
    _, _, name = cause.partition(":")
    subscription, _, seq = name.rpartition(":")
    if not (seq.isascii() and seq.isdigit() and len(seq) < 10):
        return None
    query = select(_CHANGE.c.at).where(
        _CHANGE.c.subscription == subscription, _CHANGE.c.seq == int(seq), _CHANGE.c.kind == EXTEND
    )
    made_at = tx.connection.execute(query).scalar_one_or_none()
    return None if made_at is None else instant(made_at)


def foresees_end(row: Any) -> bool:
    """Whether a subscription's row may have an end that was extended."""
    return row.expires_at is not None or row.end_reason == "expired"


def extensions_of(tx: Tx, subscription_ids: Sequence[str]) -> dict[str, tuple[Extension, ...]]:
    """The moves of the foreseen ends of subscriptions, in their order; nothing for one without any."""
    found: dict[str, tuple[Extension, ...]] = {}
    for chunk in chunks(subscription_ids):
        query = (
            select(_CHANGE)
            .where(_CHANGE.c.subscription.in_(chunk), _CHANGE.c.kind == EXTEND)
            .order_by(_CHANGE.c.subscription, _CHANGE.c.seq)
        )
        for row in tx.connection.execute(query):
            found[row.subscription] = (*found.get(row.subscription, ()), *extension_of(row))
    return found


def extension_of(row: Any) -> tuple[Extension, ...]:
    """The move of the foreseen end in the row of an extension; none where it moved other dates."""
    assert row.kind == EXTEND, f"{row.subscription}: {row.kind!r} is no extension"
    told = texts_of(row.document)
    if "after" not in told:
        return ()
    before, after = (instant(int(told[name])) for name in ("before", "after"))
    return (Extension(told["cause"], instant(row.at), before, after),)
