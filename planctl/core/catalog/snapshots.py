"""Reads a stored snapshot of terms back into values; it never asks today's catalog."""

from __future__ import annotations

from collections.abc import Mapping as Map

from planctl.core.catalog.model import Terms
from planctl.core.catalog.parse_features import Context, parse_feature
from planctl.core.catalog.parse_plans import Section, parse_terms
from planctl.core.catalog.references import currencies_in
from planctl.core.currencies import MAX_DECIMALS, Currency
from planctl.core.document import Document, Mapping, node_of
from planctl.core.reading import Reader
from planctl.errors import StoreFailure

SNAPSHOT_FORMAT = "planctl.terms/1"


def terms_of(snapshot: Document) -> Terms:
    """The terms of a snapshot made by `emit.snapshot_document`, with the features' definitions as they were.

    Names are not part of a snapshot: a feature is named by its id. StoreFailure where the document is not a
    snapshot that this version wrote.
    """
    if not isinstance(snapshot, dict) or snapshot.get("format") != SNAPSHOT_FORMAT:
        raise _unreadable("it has no known format")
    plan = node_of(snapshot.get("plan"))
    if not isinstance(plan, Mapping) or not isinstance(snapshot.get("features"), dict):
        raise _unreadable("plan or features are missing")
    context = context_of(
        snapshot, {code: Currency(code, code, MAX_DECIMALS, iso=False) for code in currencies_in(snapshot)}
    )
    reader = context.reader
    section: Section = "plans" if snapshot.get("kind") == "plan" else "addons"
    terms = parse_terms(section, plan, context)
    if reader.findings:
        raise _unreadable(reader.findings[0].message)
    return terms


def context_of(snapshot: Map[str, Document], currencies: Map[str, Currency]) -> Context:
    """What a snapshot's plan is read with: its own features as they were, in these currencies."""
    features = node_of(snapshot.get("features"))
    assert isinstance(features, Mapping)
    reader = Reader(dict(currencies))
    context = Context(reader, declared=frozenset(entry.key.text for entry in features.entries))
    context.features = {
        entry.key.text: feature
        for entry in features.entries
        if (feature := parse_feature(entry, reader)) is not None
    }
    return context


def _unreadable(why: str) -> StoreFailure:
    return StoreFailure(
        f"stored terms cannot be read: {why}", code="terms-unreadable",
        hint="run planctl doctor; the store may have been changed from outside",
    )  # fmt: skip
