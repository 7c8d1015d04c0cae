"""Laws of migrations: whoever one moved is where it says, once. It knows no terms and no money."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqlalchemy import select

from planctl.core.waves.standing import wrong_member
from planctl.store import waves
from planctl.store.laws.model import Breach, guarded
from planctl.store.laws.reading import Page
from planctl.store.sets import table

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_M = table("migration")
_W = table("migration_member")


def kept_as_applied(tx: Tx) -> Iterator[Breach]:
    """Every file is as it was kept, and each of its members is of a batch that was begun."""
    for row in tx.connection.execute(select(_M.c.name, _M.c.digest).order_by(_M.c.name)):
        yield from guarded(f"migration {row.name}", _altered(tx, row.name, row.digest))


def moved_once(page: Page) -> Iterator[Breach]:
    """Each member of a migration was moved once, to the version that its file says."""
    tx = page.tx
    targets = {row.name: row.to_version for row in tx.connection.execute(select(_M).order_by(_M.c.name))}
    for name, to in targets.items():
        for member in waves.members(tx, name, page.subscriptions).values():
            before = page.subscriptions[member.subscription]
            if before.customer in page.damaged:
                continue
            breaches = wrong_member(member, before, page.subscriptions.get(member.successor), to)
            yield from guarded(f"migration {name}, {before.customer}/{before.plan}", breaches)


def _altered(tx: Tx, name: str, digest: str) -> Iterator[str]:
    kept = waves.kept(tx, name)
    assert kept is not None
    if kept.migration.digest != digest:
        yield "its file is not the one that was applied"
    last = len(kept.migration.bounds)
    query = select(_W.c.subscription, _W.c.batch).where(_W.c.migration == name)
    begun = waves.batches(tx, name)
    for row in tx.connection.execute(query.order_by(_W.c.subscription)):
        if row.batch not in begun or row.batch > last:
            yield f"{row.subscription} is of batch {row.batch}, which was never begun"
