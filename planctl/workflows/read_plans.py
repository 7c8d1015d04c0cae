"""Reads plans and features as they stand: versions, owners, and who holds which terms. It changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planctl.core.catalog.apart import apart_of, terms_apart
from planctl.core.catalog.edits import entry_document
from planctl.core.catalog.standing import Holder, Standing, address_of, standing
from planctl.core.subscriptions.model import ENDED, LIVE
from planctl.files.yaml_writer import write_yaml
from planctl.store import catalog as store
from planctl.store.subscriptions import SubscriptionFilter, listing
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.core.catalog.apart import Apart
    from planctl.core.document import Document
    from planctl.core.periods import Instant
    from planctl.core.subscriptions.model import Subscription
    from planctl.store.engine import Tx

PAGE = 500
"""How many customers are brought up to an instant at once."""


def read_all(tx: Tx) -> Standing:
    """Everything sold, with versions, owners and holders."""
    return standing(store.stored_catalog(tx), store.holders(tx))


def read_yaml(tx: Tx, noun: str, object_id: str) -> str:
    """A plan or feature as it would stand in a catalog file; NotFound where it is not there."""
    stored = store.stored_catalog(tx)
    address = address_of(stored, noun, object_id)
    return write_yaml({address.partition(".")[0]: {object_id: entry_document(stored, address)}})


@dataclass(frozen=True, slots=True)
class VersionRead:
    """One version of a plan: when and by which revision it was made, who holds it, and what it changed."""

    version: int
    revision: int
    recorded_at: int
    terms_hash: str
    holders: int
    changed: tuple[str, ...] = ()


def read_versions(tx: Tx, plan_id: str) -> tuple[VersionRead, ...]:
    """Every version of a plan, oldest first, with the paths of the terms that it changed."""
    address = address_of(store.stored_catalog(tx), "plan", plan_id)
    held = store.holders(tx).get(address)
    versions = store.plan_versions(tx, plan_id)
    snapshots = store.terms_documents(tx, [one.terms_hash for one in versions])
    found = []
    before: Document = None
    for one in versions:
        number = held.by_version.get(one.version, 0) if held else 0
        changed = _changed(before, snapshots[one.terms_hash])
        found.append(VersionRead(one.version, one.revision, one.recorded_at, one.terms_hash, number, changed))
        before = snapshots[one.terms_hash]
    return tuple(found)


def _changed(before: Document, after: Document) -> tuple[str, ...]:
    """The paths in which two snapshots differ; none where there is nothing before."""
    keeps, lacks = terms_apart(before, after) if before is not None else ({}, {})
    return tuple(dict.fromkeys([*keeps, *lacks]))


def read_holders(tx: Tx, plan_id: str, as_of: Instant) -> tuple[Holder, ...]:
    """Who holds the plan at `as_of`, as if the run had just been done, compared with the newest terms.

    What was negotiated with a holder is told beside the differences: it stays whatever the version says.
    """
    address_of(store.stored_catalog(tx), "plan", plan_id)
    newest, newest_hash, now = store.plan_snapshot(tx, plan_id)
    held = [one for one in _as_run(tx, plan_id, as_of) if one.status in LIVE]
    snapshots = store.terms_documents(tx, {newest_hash, *(one.terms_hash for one in held)})
    found: dict[tuple[str, tuple[str, ...]], Apart] = {}
    holders = []
    for one in held:
        key = (one.terms_hash, tuple(sorted(one.negotiated)))
        if key not in found:
            found[key] = apart_of(snapshots[one.terms_hash], now, one.negotiated)
        is_behind = one.plan_version < newest
        holders.append(
            Holder(
                one.id,
                one.customer,
                one.plan_version,
                one.status.value,
                is_behind,
                found[key],
                one.negotiated,
            )
        )
    return tuple(holders)


def _as_run(tx: Tx, plan_id: str, as_of: Instant) -> list[Subscription]:
    """The plan's subscriptions as a run at `as_of` would leave them; customers on hold as they are stored."""
    # Only holders need the run's decision; a list of plans starts without it.
    from planctl.core.invoicing.projection import projected
    from planctl.store.facts import customer_facts

    found = {one.id: one for one in listing(tx, SubscriptionFilter(plan=plan_id)) if one.status not in ENDED}
    customers = list(dict.fromkeys(one.customer for one in found.values()))
    for start in range(0, len(customers), PAGE):
        for facts in customer_facts(tx, customers[start : start + PAGE], as_of):
            found |= {one.id: one for one in projected(facts, as_of).subscriptions if one.id in found}
    return list(found.values())
