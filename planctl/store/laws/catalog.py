"""Laws of what was sold: texts of terms, plan versions, revisions, and subscriptions that can be read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from planctl.core.document import canonical, document_of
from planctl.store.catalog_objects import objects_document
from planctl.store.laws.model import Breach, guarded
from planctl.store.laws.reading import Page, stream
from planctl.store.mapping import text_hash

if TYPE_CHECKING:
    from sqlalchemy import Row

    from planctl.store.engine import Tx


def unaltered(tx: Tx) -> Iterator[Breach]:
    """Every text of terms still has the hash under which plan versions and subscriptions name it."""
    for row in stream(tx, "SELECT hash, document FROM terms ORDER BY hash"):
        found = text_hash(row.document)
        if found != row.hash:
            yield Breach(f"terms {row.hash[:12]}", f"altered: the text's hash is {found[:12]}")


def consistent(tx: Tx) -> Iterator[Breach]:
    """Versions count from 1, the newest is the catalog's, subscriptions hold one of them, revisions are dense."""
    yield from _versions(tx)
    yield from _newest(tx)
    yield from _held(tx)
    yield from _revisions(tx)


def readable(page: Page) -> Iterator[Breach]:
    """Every subscription is one that planctl can have written. Altered terms are another law's."""
    for name, problem in page.unreadable.items():
        yield Breach(f"subscription {name}", f"cannot be read: {problem}")


_VERSIONS = """
SELECT plan, COUNT(*) AS used, MIN(version) AS lowest, MAX(version) AS highest
  FROM plan_version GROUP BY plan HAVING MIN(version) <> 1 OR MAX(version) <> COUNT(*) ORDER BY plan
"""

_NEWEST = """
SELECT o.address, o.version, o.terms_hash, v.version AS newest, v.terms_hash AS newest_hash
  FROM catalog_object o
  LEFT JOIN plan_version v
    ON (o.address = 'plans.' || v.plan OR o.address = 'addons.' || v.plan)
   AND v.version = (SELECT MAX(version) FROM plan_version WHERE plan = v.plan)
 WHERE o.address LIKE 'plans.%' OR o.address LIKE 'addons.%'
 ORDER BY o.address
"""

_HELD = """
SELECT s.id, s.plan, s.plan_version, v.terms_hash,
       held.document AS held, sold.document AS sold, other.document AS other
  FROM subscription s
  LEFT JOIN plan_version v ON v.plan = s.plan AND v.version = s.plan_version
  LEFT JOIN terms held ON held.hash = s.terms_hash
  LEFT JOIN terms sold ON sold.hash = v.terms_hash
  LEFT JOIN subscription o ON o.id = CASE WHEN s.base = '' THEN s.follows ELSE s.base END
  LEFT JOIN terms other ON other.hash = o.terms_hash
 WHERE v.plan IS NULL OR (s.negotiated = '{}' AND v.terms_hash <> s.terms_hash)
 ORDER BY s.id
"""


def _versions(tx: Tx) -> Iterator[Breach]:
    for row in stream(tx, _VERSIONS):
        yield Breach(f"plan {row.plan}", f"{row.used} versions, numbered {row.lowest} to {row.highest}")


def _newest(tx: Tx) -> Iterator[Breach]:
    for row in stream(tx, _NEWEST):
        if row.newest is None or row.version != row.newest:
            yield Breach(row.address, f"is at version {row.version}, the newest kept is {row.newest}")
        elif row.terms_hash != row.newest_hash:
            hashes = f"{row.terms_hash[:12]}, version {row.newest} has {row.newest_hash[:12]}"
            yield Breach(row.address, f"names the terms {hashes}")


def _held(tx: Tx) -> Iterator[Breach]:
    for row in stream(tx, _HELD):
        yield from guarded(f"subscription {row.id}", _held_otherwise(row))


def _held_otherwise(row: Row[Any]) -> Iterator[str]:
    held = f"{row.plan} version {row.plan_version}"
    if row.terms_hash is None:
        yield f"holds {held}, which does not exist"
    elif row.other is None or _on_periods_of(row.sold, row.other) != row.held:
        yield f"holds {held} on other terms, and none were negotiated"


def _on_periods_of(sold: str, other: str) -> str:
    """Terms on the anchor of the base, or of what a change takes the place of: all that is taken over from those."""
    offered, running = document_of(sold), document_of(other)
    assert isinstance(offered, dict), "its terms are no map"
    assert isinstance(running, dict), "the terms whose periods it has are no map"
    plan, of = offered["plan"], running["plan"]
    assert isinstance(plan, dict), "its terms have no plan"
    assert isinstance(of, dict), "the terms whose periods it has have no plan"
    return canonical({**offered, "plan": {**plan, "anchor": of["anchor"]}})


def _revisions(tx: Tx) -> Iterator[Breach]:
    number, document = 0, None
    for row in stream(tx, "SELECT number, parent, document FROM catalog_revision ORDER BY number"):
        if row.number != number + 1:
            yield Breach(f"catalog revision {number + 1}", f"is missing: the next one is {row.number}")
        if row.parent != row.number - 1:
            yield Breach(f"catalog revision {row.number}", f"follows {row.parent}")
        number, document = row.number, row.document
    if document is not None:
        yield from guarded(f"catalog revision {number}", _differing(tx, document))


def _differing(tx: Tx, document: str) -> Iterator[str]:
    then, now = document_of(document), objects_document(tx)
    assert isinstance(then, dict), "its document is no map"
    for address in sorted({*then, *now}):
        if canonical(then.get(address)) != canonical(now.get(address)):
            yield f"it says otherwise of {address} than the catalog"
