"""The recorded events of a customer, listed. It counts nothing and answers no question about what is left."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

from planctl.core.instants import FOREVER
from planctl.core.metering.model import UsageEvent
from planctl.store import catalog, usage
from planctl.store.selling import existing
from planctl.store.usage_children import branch
from planctl.store.usage_customers import usage_customers
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx


@dataclass(frozen=True, slots=True)
class EventsWanted:
    """Which events to list: of one customer, in `[starts_at, ends_at)`, oldest first; `limit` 0: all."""

    customer: str
    features: tuple[str, ...] = ()
    starts_at: int = 0
    ends_at: int = FOREVER
    limit: int = 0


def events_of(tx: Tx, wanted: EventsWanted) -> Sequence[UsageEvent]:
    """The events of a customer in time order; of a company everybody's, of a part of it the part's own."""
    existing(tx, wanted.customer)
    root = usage_customers(tx, [wanted.customer])[wanted.customer].root
    users = () if root == wanted.customer else branch(tx, wanted.customer)
    found = usage.events(tx, root, _names(tx, wanted.features), wanted.starts_at, wanted.ends_at, users)
    return tuple(islice(found, wanted.limit or None))


def _names(tx: Tx, features: tuple[str, ...]) -> list[str]:
    """Every name under which events of these features, or of all, are recorded."""
    former = catalog.aliases(tx, "features")
    found: dict[str, None] = {}
    for name, feature in catalog.features(tx).items():
        if feature.type == "metered" and (not features or name in features):
            found.update(dict.fromkeys((name, *former.get(name, ()))))
            found.update({feature.meter.event: None} if feature.meter.event else {})
    found.update(dict.fromkeys(features))
    return list(found)
