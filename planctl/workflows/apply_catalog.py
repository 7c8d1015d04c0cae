"""The journey of a catalog: read files, compare with a base, decide, write a revision; it says nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from planctl.core.catalog import guards
from planctl.core.catalog.bases import of_catalog, of_revision, without_versions
from planctl.core.catalog.changeset import ChangeSet, Holders, StoredCatalog
from planctl.core.catalog.diff import diff
from planctl.core.catalog.examples import softened
from planctl.core.catalog.model import Catalog
from planctl.core.catalog.parse import parse
from planctl.core.catalog.saved_plan import Reviewed, SavedPlan, differing, moved, read_saved_plan
from planctl.core.catalog.selection import EVERYTHING, Selection, selected
from planctl.core.catalog.snapshot_file import Snapshot, read_snapshot
from planctl.core.catalog.weighing import features_weighed, weighed
from planctl.core.unreadable import Unreadable
from planctl.errors import Conflict, InvalidInput, NotFound
from planctl.findings import Finding, Place, in_order
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.core.catalog.book import Book
    from planctl.core.instants import Instant
    from planctl.files.yaml_reader import Source
    from planctl.store.engine import Tx


@dataclass(frozen=True, slots=True)
class ReadCatalog:
    """A catalog as its files say it, None where it cannot be read, with all findings and the files' texts."""

    path: Path
    catalog: Catalog | None
    findings: tuple[Finding, ...]
    texts: Mapping[str, str] = field(default_factory=dict)
    commit: str = ""

    @property
    def usable(self) -> bool:
        """Whether no finding is an error."""
        return self.catalog is not None and not any(finding.is_error for finding in self.findings)


@dataclass(frozen=True, slots=True)
class Terms:
    """On which terms changes are taken: what is accepted, a catalog to take over, a digest expected, a selection.

    `plan`: the saved plan that is applied, which is bound to what it was computed from.
    """

    accept: tuple[str, ...] = ()
    take_over: str = ""
    expect: str = ""
    selection: Selection = EVERYTHING
    plan: SavedPlan | None = None


@dataclass(frozen=True, slots=True)
class Who:
    """Who applies, why and when, for the revision; `at` is the instant the command believes it is."""

    actor: str
    reason: str
    at: Instant


# --- reading


def read_catalog(path: Path, *, strict_examples: bool = False) -> ReadCatalog:
    """Read and check a directory or file. Price examples that do not come out are errors only if strict."""
    from planctl.files import yaml_reader
    from planctl.files.git import commit_of

    if not path.exists():
        missing = Finding("catalog-missing", "there is no such file or directory", Place(str(path)))
        return ReadCatalog(path, None, (missing,))
    source = yaml_reader.read_catalog(path)
    return _read(path, source, commit_of(path), strict_examples=strict_examples)


def read_texts(path: Path, texts: Mapping[str, str], commit: str) -> ReadCatalog:
    """The same for files that are elsewhere: in a commit, or in a saved plan at `path`."""
    from planctl.files import yaml_reader

    return _read(path, yaml_reader.read_texts(texts), commit, strict_examples=False)


def _read(path: Path, source: Source, commit: str, *, strict_examples: bool) -> ReadCatalog:
    read = parse(
        [(file.name, file.node) for file in source.files if file.node is not None], complete=not source.unread
    )
    findings = in_order([*source.findings, *read.findings])
    if not strict_examples:
        findings = tuple(softened(finding) for finding in findings)
    return ReadCatalog(path, read.catalog, findings, source.texts, commit)


# --- bases


@dataclass(frozen=True, slots=True)
class Live:
    """A store that can be asked for running subscriptions as of `at`; `names` lets the answer name customers."""

    tx: Tx
    at: Instant
    names: bool = False


@dataclass(frozen=True, slots=True)
class Base:
    """What is compared with. Subscriptions are known from the store while it is open (`live`), or from a `book`."""

    stored: StoredCatalog
    holders: Mapping[str, Holders] = field(default_factory=dict)
    book: Book | None = None
    live: Live | None = None


def store_base(tx: Tx | None, store_name: str = "") -> Base:
    """The store as it is, or nothing where there is no store yet."""
    if tx is None:
        return Base(StoredCatalog(store_name=store_name))
    from planctl.store.catalog import holders, stored_catalog

    return Base(replace(stored_catalog(tx), store_name=store_name), holders(tx))


def snapshot_base(file: Path) -> Base:
    """The store as a snapshot file has it."""
    from planctl.files.json_reader import read_json

    document = read_json(file, "a snapshot")
    try:
        snapshot: Snapshot = read_snapshot(document, str(file))
    except Unreadable as error:
        raise _unreadable("a snapshot", file, error) from error
    return Base(snapshot.stored, snapshot.holders, snapshot.book)


def commit_base(path: Path, revision: str) -> Base:
    """The catalog of `path` as it was in a commit; InvalidInput where it has errors there."""
    from planctl.files.git import catalog_at

    label = f"git:{revision}"
    texts = catalog_at(path, revision)
    if not texts:
        raise InvalidInput(
            "there is no catalog at that path in that revision",
            code="git-revision",
            where=f"{label}, {path}",
            hint="was it moved? A new catalog is compared with a store or a snapshot: --against",
        )
    read = read_texts(path, texts, "")
    if read.catalog is None or not read.usable:
        wrong = next(finding for finding in read.findings if finding.is_error)
        raise InvalidInput(
            f"the catalog of that revision has errors: {wrong.message}",
            code="git-revision",
            where=f"{label}, {wrong.place}",
            got=wrong.got,
            hint="compare with a revision whose catalog is valid, or with a snapshot",
        )
    return Base(of_catalog(read.catalog, label))


def revision_base(tx: Tx, number: int, store_name: str = "") -> Base:
    """The store's catalog as it was after a revision; NotFound without one."""
    from planctl.store.catalog import (
        last_revision,
        notes_until,
        revision,
        stored_catalog,
        version_hashes,
    )

    found = revision(tx, number)
    if found is None:
        raise NotFound(
            "there is no such revision",
            where=f"rev:{number}",
            expected=f"1 to {last_revision(tx)}",
            hint="planctl catalog history",
        )
    now = replace(stored_catalog(tx), store_name=store_name, notes_seen=notes_until(tx, number))
    return Base(of_revision(now, number, found.objects, version_hashes(tx)))


# --- deciding


def propose(base: Base, catalog: Catalog, terms: Terms) -> ChangeSet:
    """What applying `catalog` would do to the base, whom it touches, and what the gates say."""
    found = diff(base.stored, catalog, holders=base.holders, accept=terms.accept, take_over=terms.take_over)
    found = selected(found, catalog, terms.selection)
    if base.stored.kind == "git":
        found = without_versions(found)
    book = base.book
    if base.live is not None:
        from planctl.store.book import book as book_of

        plans, features = features_weighed(found, catalog)
        live = base.live
        book = book_of(live.tx, live.at, plans, features, names=live.names) if plans else None
    return weighed(found, catalog, book)


def propose_changes(
    tx: Tx | None, catalog: Catalog, terms: Terms, store_name: str = "", at: Instant | None = None
) -> ChangeSet:
    """What applying `catalog` would do to the store, or to nothing where there is no store yet.

    Running subscriptions are counted as of `at`; without it the change set says nothing of money.
    """
    live = Live(tx, at) if tx is not None and at is not None else None
    return propose(replace(store_base(tx, store_name), live=live), catalog, terms)


def refuse(changes: ChangeSet, terms: Terms) -> None:
    """Raise where these changes may not be applied: another digest than expected, or a gate that says no."""
    if terms.expect and terms.expect != changes.digest:
        raise Conflict(
            "the catalog is not the one that was reviewed",
            code="digest-moved",
            where="--expect",
            expected=terms.expect,
            got=changes.digest,
            hint="review it again: planctl catalog diff",
        )
    guards.refuse(changes)


def same_decision(before: ChangeSet, after: ChangeSet) -> bool:
    """Whether two proposals do the same: digest, changes and rules, whatever else is in the base."""
    return (before.digest, before.changes) == (after.digest, after.changes)


# --- saved plans


@dataclass(frozen=True, slots=True)
class Saved:
    """A saved plan as its file holds it, with its catalog read again from the files in it."""

    plan: SavedPlan
    read: ReadCatalog


def reviewed(read: ReadCatalog, terms: Terms) -> Reviewed:
    """What a saved plan keeps beside the changes."""
    return Reviewed(read.texts, terms.selection, terms.take_over, terms.accept, read.commit)


def read_plan(path: Path) -> Saved:
    """A saved plan; InvalidInput where the file is none, was edited, or its catalog does not read any more."""
    from planctl.files.json_reader import read_json

    document = read_json(path, "a saved plan")
    try:
        plan = read_saved_plan(document)
    except Unreadable as error:
        raise _unreadable("a saved plan", path, error) from error
    read = read_texts(path, plan.files, plan.commit)
    return Saved(plan, read)


def terms_of_plan(plan: SavedPlan, terms: Terms) -> Terms:
    """The terms under which a plan was saved, with what is accepted and expected now."""
    return Terms((*plan.accept, *terms.accept), plan.take_over, terms.expect, plan.selection, plan)


def check_plan(tx: Tx | None, plan: SavedPlan, changes: ChangeSet) -> None:
    """Conflict where the plan was made for another store, or is not what was reviewed any more.

    `changes` are those of the plan's addresses now: without any, the plan is applied already and nothing is stale.
    With some, it is refused where it was applied once, where an object that it was computed from has moved, and
    where the changes themselves are others than those that the file shows.
    """
    stored = changes.base
    made_before = not plan.store_id and (changes.empty or stored.revision == 0)
    if plan.store_id != stored.store_id and not made_before:
        raise Conflict(
            "the plan was made for another store",
            code="plan-other-store",
            where=f"catalog {plan.catalog}",
            expected=plan.store_name or plan.store_id or "a store that nothing was applied to",
            got=stored.store_name or stored.store_id or "no store",
            hint="check --store, or make the plan again against this store: planctl catalog diff --out",
        )
    if changes.empty:
        return
    number = _applied_as(tx, plan)
    stale = [*moved(plan.hashes, stored), *differing(plan, changes)]
    if number is None and not stale:
        return
    first = stale[0] if stale else changes.changes[0].address
    reason = f"{first} has changed since the plan was made"
    if number is not None:
        reason = f"the plan was applied as revision {number}, and {first} has changed since"
    raise Conflict(
        reason,
        code="plan-superseded" if number is not None else "plan-stale",
        where=f"catalog {plan.catalog}",
        expected=f"{first} as in revision {number or plan.revision}",
        got=_mover(tx, first, stale),
        hint="look at the difference again: planctl catalog diff",
    )


def _applied_as(tx: Tx | None, plan: SavedPlan) -> int | None:
    """The revision that carried out changes of this plan; None where none did."""
    if tx is None:
        return None
    from planctl.store.catalog import applied_as

    return applied_as(tx, plan.digest, plan.revision, frozenset(plan.reviewed))


def _mover(tx: Tx | None, first: str, stale: Sequence[str]) -> str:
    from planctl.store.catalog import moved_by

    by = None if tx is None else moved_by(tx, first)
    others = ", ".join(dict.fromkeys((first, *stale[:5])))
    return f"{others}, moved by revision {by}" if by else f"{first} is not there any more"


def _unreadable(what: str, path: Path, error: Unreadable) -> InvalidInput:
    return InvalidInput(
        f"{what} cannot be read: {error.reason}", code="file-unreadable", where=str(path), hint=error.fix
    )


# --- applying


def apply_changes(tx: Tx, read: ReadCatalog, terms: Terms, who: Who, shown: ChangeSet | None) -> ChangeSet:
    """Decide again inside the write transaction and write one revision; nothing where nothing differs.

    `shown` is what was confirmed: Conflict where the store has moved so that the decision is another one. With a
    saved plan, Conflict as `check_plan` says. Refused by the same gates as the proposal. Returns the changes
    that were written.
    """
    assert read.catalog is not None, "an unusable catalog is never applied"
    changes = propose_changes(tx, read.catalog, terms, shown.base.store_name if shown else "", who.at)
    if terms.plan is not None:
        check_plan(tx, terms.plan, changes)
    elif shown is not None and not same_decision(shown, changes):
        raise Conflict(
            "the store changed since these changes were shown",
            code="store-moved",
            where=f"catalog {changes.catalog}",
            expected=f"revision {shown.base.revision}",
            got=f"revision {changes.base.revision}",
            hint="look at them again: planctl catalog diff",
        )
    refuse(changes, terms)
    from planctl.store.catalog import CatalogWrite, write_changes

    write = CatalogWrite.of(changes, read.catalog, actor=who.actor, at=who.at)
    write_changes(tx, replace(write, reason=who.reason, source_commit=read.commit))
    return changes


def revision_after(changes: ChangeSet) -> int:
    """The number of the revision that holds when these changes are written."""
    return changes.base.revision + (not changes.empty)
