"""Records one plain event with the few hot statements: what nearly every call of `usage record` says.

Plain is a new event of a customer of no company, that comes in time and feeds nothing that is held, priced by single
events or renamed. Of any other it says None, having written nothing: then `by_hand` records or refuses it.
Source: docs/decisions/039-hot-commands.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planctl.core.metering.accept import Known, Rejected, accept, known_meters
from planctl.core.periods import Instant
from planctl.store import plain
from planctl.store.settings import setting
from planctl.store.usage_mapping import event_row
from planctl.store.usage_meters import meter_ids
from planctl.workflows.record_usage.said import Recorded, Recording, correction, row_of

if TYPE_CHECKING:
    from planctl.store.engine import Tx


def record_plainly(tx: Tx, said: Recording, as_of: Instant) -> Recorded | None:
    """Record one plain event, as `by_hand.record` does; None where it is not plain."""
    if said.corrects or said.level or said.if_allowed or setting(tx, "dedup") == "strict":
        return None
    customer = plain.plain_customer(tx, said.customer)
    known = _known(tx)
    if customer is None or known is None:
        return None
    row = row_of(said, as_of)
    accepted = accept(row, known, as_of)
    if isinstance(accepted, Rejected) or row.at < customer.settled_at:
        return None
    meters = meter_ids(tx, [row.event])
    fed = [known.by_feature[feature] for feature in accepted.feeds]
    if not meters or any(feature.held for feature in fed) or plain.is_priced_by_event(tx, customer):
        return None
    event = accepted.event
    kept = event_row(event, accepted.payload, customer.seq, meters[row.event])
    if (said.id and plain.is_known(tx, kept)) or not plain.add_event(tx, kept):
        return None
    undo = correction(said, event, [feature.meter for feature in fed])
    return Recorded(
        "recorded",
        event.id,
        customer.id,
        customer.id,
        event.event,
        Instant(event.at),
        event.quantity,
        undo=undo,
    )


def _known(tx: Tx) -> Known | None:
    """The metered features; None where one was renamed or does not read."""
    definitions = plain.definitions(tx)
    if definitions is None:
        return None
    features = [plain.feature_of(name, definition) for name, definition in definitions.items()]
    return known_meters(feature for feature in features if feature is not None) if all(features) else None
