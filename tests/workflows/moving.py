"""A store whose plan has a newer version, and migrations in it, each step in a transaction of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from planctl.core.subscriptions.model import Subscription
from planctl.core.waves.judging import Done
from planctl.core.waves.model import Course, Migration
from planctl.core.waves.standing import MigrationStatus
from planctl.store.engine import Store, open_store
from planctl.workflows import apply_catalog
from planctl.workflows.migrate_subscriptions import (
    apply_some,
    batches_to_do,
    course_of,
    finish,
    kept_migration,
    members_to_move,
    members_to_undo,
    pages,
    preview,
    statuses,
    undo_some,
)
from tests import stores
from tests.workflows.business import NEW_YEAR, RECORDED, Business, t

FIRST = """\
format: planctl.catalog/1
catalog: moving
currencies: {USD: , EUR: }
features:
  minutes: {type: metered, unit: minute}
  calls: {type: metered, unit: call}
  seats: {type: metered, unit: seat, reset: never}
groups:
  main: {order: [basic, pro], switch: {up: now, down: at renewal}}
  tried: {exclusive: true}
plans:
  basic: {group: main, price: {month: {USD: 20, EUR: 18}}, features: {minutes: 10}}
  pro:
    group: main
    quantity: 1..9
    price: {month: {USD: 30, EUR: 27}, year: {USD: 300, EUR: 270}}
    features:
      minutes: {included: 100, beyond: {charge: usage, each: {USD: 0.10, EUR: 0.09}}}
      calls: {included: 10, beyond: {charge: usage, each: {USD: 1, EUR: 1}}}
      seats: {included: 2, beyond: {charge: prepaid, each: {month: {USD: 5, EUR: 5}, year: {USD: 50, EUR: 50}}}}
  tried: {group: tried, trial: 10 days, price: {month: {USD: 30}}, features: {minutes: 100}}
addons:
  extra: {requires: [pro], price: {month: {USD: 3, EUR: 3}}, features: {minutes: 20}}
"""

SECOND = FIRST
for _old, _new in (
    ("month: {USD: 30, EUR: 27}, year: {USD: 300, EUR: 270}", "month: {USD: 36, EUR: 27}"),
    ("included: 100, beyond", "included: 80, beyond"),
    ("calls: {included: 10, beyond: {charge: usage, each: {USD: 1, EUR: 1}}}", "calls: 10"),
    ("{month: {USD: 5, EUR: 5}, year: {USD: 50, EUR: 50}}", "{month: {USD: 5, EUR: 5}}"),
    ("trial: 10 days, price: {month: {USD: 30}}", "trial: 10 days, price: {month: {USD: 36}}"),
):
    SECOND = SECOND.replace(_old, _new)
"""Pro for 36.00 by the month with 80 minutes and 10 calls at most, no longer by the year; tried costs 36.00 too."""


def migration(name: str = "pro-v2", **said: Any) -> Migration:
    """Every Pro that is older than the newest version, at its renewal."""
    plain: dict[str, Any] = {"plan": "pro", "versions": (), "to": 0}
    return Migration(name, **(plain | said))


def sell(store: Store, text: str, folder: Path, at: str) -> None:
    """Apply a catalog; what it breaks is accepted."""
    file = folder / "catalog.yaml"
    file.write_text(text, encoding="utf-8")
    read = apply_catalog.read_catalog(file)
    assert read.usable, read.findings
    assert read.catalog is not None
    with store.write() as tx:
        shown = apply_catalog.propose_changes(tx, read.catalog, apply_catalog.Terms(), "")
        accept = tuple(rule.fingerprint for change in shown.changes for rule in change.rules)
        who = apply_catalog.Who("ci", "a start", t(at))
        apply_catalog.apply_changes(tx, read, apply_catalog.Terms(accept), who, None)


def make_store(path: Path) -> None:
    """A test store of 2026 that sells Pro v1."""
    with open_store(stores.url(path), create=True, at=NEW_YEAR, is_test=True) as store:
        sell(store, FIRST, path.parent, "2026-01-01")


@dataclass
class Moving:
    """A business in which subscriptions of v1 are moved to v2."""

    business: Business
    folder: Path

    def sell(self, text: str = SECOND, at: str = "2026-01-05") -> None:
        """Sell newer terms."""
        sell(self.business.store, text, self.folder, at)

    def course(self, wanted: Migration, at: str, actor: str = "ada") -> Course:
        """The way of a migration from here."""
        with self.business.store.read() as tx:
            return course_of(tx, wanted, actor, t(at), RECORDED)

    def preview(self, wanted: Migration, at: str = "2026-01-10") -> list[Done]:
        """What applying every batch would do."""
        course = self.course(wanted, at)
        with self.business.store.read() as tx:
            return preview(tx, course, range(1, len(wanted.bounds) + 1))

    def apply(
        self, wanted: Migration, at: str = "2026-01-10", number: int = 0, *, every: bool = True
    ) -> list[Done]:
        """Apply batches as the command does it."""
        course, store = self.course(wanted, at), self.business.store
        with store.read() as tx:
            numbers = batches_to_do(tx, course, number, every=every)
        done = []
        for batch in numbers:
            with store.read() as tx:
                waiting = members_to_move(tx, course, batch)
            for page in pages(waiting):
                with store.write() as tx:
                    done.append(apply_some(tx, course, batch, page))
            with store.write() as tx:
                finish(tx, course, batch)
        return done

    def undo(
        self, name: str = "pro-v2", at: str = "2026-01-10", batch: int = 0
    ) -> tuple[list[str], list[str]]:
        """Undo a migration: whose subscriptions were taken back, and why others were not."""
        store = self.business.store
        with store.read() as tx:
            kept = kept_migration(tx, name)
            waiting = members_to_undo(tx, name, batch)
        course = Course(kept.migration, kept.to, "ada", t(at), RECORDED)
        undone: list[str] = []
        left: list[str] = []
        for page in pages(waiting):
            with store.write() as tx:
                part = undo_some(tx, course, page)
            undone += [one.subscription for one in part.members]
            left += [one.skip.reason for one in part.left]
        return undone, left

    def status(self, at: str = "2026-01-10") -> MigrationStatus:
        """How far the only migration is."""
        with self.business.store.read() as tx:
            (found,) = statuses(tx, "", t(at))
        return found

    def subscription(self, address: str, at: str = "2026-01-10") -> Subscription:
        """A subscription as it stands at an instant."""
        return self.business.shown(address, at)


def moved(several: list[Done]) -> list[str]:
    """The customers of whom something is moved, in the order of their names."""
    return sorted(move.before.customer for one in several for move in one.moves)


def a_month(several: list[Done]) -> list[str]:
    """What is paid by the month, as it is and as it will be, by customer: `nova 30 36`."""
    return sorted(f"{move.before.customer} {move.now} {move.then}" for one in several for move in one.moves)


def today(several: list[Done]) -> list[str]:
    """What is charged and credited today in cents, by customer: `nova 310 0`."""
    return sorted(
        f"{move.before.customer} {move.charged_minor} {move.credited_minor}"
        for one in several
        for move in one.moves
    )


def stays(several: list[Done]) -> dict[str, str]:
    """Why others are left as they are, by customer."""
    found = {left.subscription.customer: left.skip.reason for one in several for left in one.left}
    return dict(sorted(found.items()))
