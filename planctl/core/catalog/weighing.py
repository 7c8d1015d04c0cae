"""Adds to a ChangeSet whom it touches and with how much money, and asks the gates again with those numbers."""

from __future__ import annotations

from dataclasses import replace

from planctl.core.catalog import guards
from planctl.core.catalog.book import Book
from planctl.core.catalog.breaking import stricter
from planctl.core.catalog.changeset import ChangeSet
from planctl.core.catalog.diff import stored_policy
from planctl.core.catalog.impact import impact_of
from planctl.core.catalog.model import Catalog
from planctl.core.catalog.subject import SOLD


def weighed(changes: ChangeSet, desired: Catalog, book: Book) -> ChangeSet:
    """The same changes, each of a plan or add-on with its impact, and what the policy's thresholds say to it."""
    found = tuple(
        replace(change, impact=impact_of(change, desired.plans.get(_id(change.address)), book))
        if change.address.partition(".")[0] in SOLD
        else change
        for change in changes.changes
    )
    policy = stricter(stored_policy(changes.base), desired.policy)
    return replace(changes, changes=found, refusals=guards.refusals(found, changes.findings, policy))


def _id(address: str) -> str:
    return address.partition(".")[2]
