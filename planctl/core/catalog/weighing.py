"""Adds to a ChangeSet whom it touches and with how much money, and asks the gates again with those numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from planctl.core.catalog import guards
from planctl.core.catalog.book import Book
from planctl.core.catalog.breaking import stricter
from planctl.core.catalog.changeset import ChangeSet
from planctl.core.catalog.diff import stored_policy
from planctl.core.catalog.impact import features_that_matter, impact_of
from planctl.core.catalog.model import Catalog
from planctl.core.catalog.references import SOLD
from planctl.findings import in_order


def features_weighed(
    changes: ChangeSet, desired: Catalog
) -> tuple[tuple[str, ...], Mapping[str, frozenset[str]]]:
    """The ids of held plans that change, as the store knows them, and the features whose usage matters for each."""
    found = {}
    for change in changes.changes:
        if change.address.partition(".")[0] in SOLD and change.holders.total:
            plan = desired.plans.get(_id(change.address))
            found[_id(change.renamed_from or change.address)] = features_that_matter(change, plan)
    return tuple(sorted(found)), found


def weighed(changes: ChangeSet, desired: Catalog, book: Book | None) -> ChangeSet:
    """The same changes, each of a plan or add-on with its impact, and what the policy's thresholds say to it.

    Without a book nobody is known to hold anything.
    """
    found = changes.changes
    if book is not None:
        found = tuple(
            replace(change, impact=impact_of(change, desired.plans.get(_id(change.address)), book))
            if change.address.partition(".")[0] in SOLD
            else change
            for change in found
        )
    policy = stricter(stored_policy(changes.base), desired.policy)
    findings = in_order([*changes.findings, *guards.untold(found, changes.base.kind, policy)])
    return replace(
        changes, changes=found, findings=findings, refusals=guards.refusals(found, findings, policy)
    )


def _id(address: str) -> str:
    return address.partition(".")[2]
