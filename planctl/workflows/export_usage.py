"""Reads recorded events back out in an order in which they can be imported again; it writes no file.

What a correction names comes before it, and a level is raised before it is lowered.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from planctl.core.instants import FOREVER
from planctl.core.metering.model import UsageEvent
from planctl.store import catalog, usage
from planctl.store.feature_names import names_of
from planctl.store.selling import existing
from planctl.store.usage_children import branch
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx


@dataclass(frozen=True, slots=True)
class ExportWanted:
    """Which events: of one customer or, where empty, of all; of these features and event names or of all."""

    customer: str = ""
    features: tuple[str, ...] = ()
    starts_at: int = 0
    ends_at: int = FOREVER


def exported(tx: Tx, wanted: ExportWanted) -> Iterator[UsageEvent]:
    """The events in `[starts_at, ends_at)`, streamed; NotFound for an unknown customer.

    Each as it was recorded: under the name it was sent, of the customer that used it. Of a company everybody's.
    """
    whose: tuple[str, ...] = ()
    if wanted.customer:
        existing(tx, wanted.customer)
        whose = branch(tx, wanted.customer)
    return usage.recorded(tx, whose, _names(tx, wanted.features), wanted.starts_at, wanted.ends_at)


def _names(tx: Tx, features: tuple[str, ...]) -> tuple[str, ...]:
    """Every name under which these features may have been fed; none for all."""
    if not features:
        return ()
    former, known = catalog.aliases(tx, "features"), catalog.features(tx)
    found: dict[str, None] = {}
    for feature in features:
        found |= dict.fromkeys(sorted(names_of(feature, former)))
        definition = known.get(feature)
        if definition is not None and definition.meter.event:
            found[definition.meter.event] = None
    return tuple(found)
