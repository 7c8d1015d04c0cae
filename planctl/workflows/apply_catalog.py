"""The journey of a catalog: read files, compare with the store, decide, write a revision; it says nothing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from planctl.core.catalog.changeset import ChangeSet, StoredCatalog
from planctl.core.catalog.diff import diff
from planctl.core.catalog.examples import softened
from planctl.core.catalog.model import Catalog
from planctl.core.catalog.parse import parse
from planctl.errors import Conflict, Refused
from planctl.findings import Finding, Place

if TYPE_CHECKING:
    from planctl.core.instants import Instant
    from planctl.store.engine import Tx


@dataclass(frozen=True, slots=True)
class ReadCatalog:
    """A catalog as its files say it, None where it cannot be read, with all findings and the files' texts."""

    path: Path
    catalog: Catalog | None
    findings: tuple[Finding, ...]
    texts: dict[str, str] = field(default_factory=dict)
    commit: str = ""

    @property
    def usable(self) -> bool:
        """Whether no finding is an error."""
        return self.catalog is not None and not any(finding.is_error for finding in self.findings)


@dataclass(frozen=True, slots=True)
class Terms:
    """On which terms changes are taken: fingerprints accepted, a catalog to take over, a digest expected."""

    accept: tuple[str, ...] = ()
    take_over: str = ""
    expect: str = ""


@dataclass(frozen=True, slots=True)
class Who:
    """Who applies, why and when, for the revision; `at` is the instant the command believes it is."""

    actor: str
    reason: str
    at: Instant


def read_catalog(path: Path, *, strict_examples: bool = False) -> ReadCatalog:
    """Read and check a directory or file. Price examples that do not come out are errors only if strict."""
    from planctl.files import yaml_reader
    from planctl.files.git import commit_of

    if not path.exists():
        missing = Finding("catalog-missing", "there is no such file or directory", Place(str(path)))
        return ReadCatalog(path, None, (missing,))
    source = yaml_reader.read_catalog(path)
    read = parse(
        [(file.name, file.node) for file in source.files if file.node is not None], complete=not source.unread
    )
    findings = (*source.findings, *read.findings)
    if not strict_examples:
        findings = tuple(softened(finding) for finding in findings)
    return ReadCatalog(path, read.catalog, findings, source.texts, commit_of(path))


def propose_changes(tx: Tx | None, catalog: Catalog, terms: Terms, store_name: str = "") -> ChangeSet:
    """What applying `catalog` would do to the store, or to nothing where there is no store yet."""
    if tx is None:
        return diff(
            StoredCatalog(store_name=store_name),
            catalog,
            holders={},
            accept=terms.accept,
            take_over=terms.take_over,
        )
    from planctl.store.catalog import holders, stored_catalog

    stored = replace(stored_catalog(tx), store_name=store_name)
    return diff(stored, catalog, holders=holders(tx), accept=terms.accept, take_over=terms.take_over)


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
    if changes.refusals:
        raise Refused(
            changes.refusals[0].partition("\n")[0].partition(". ")[0].removesuffix("."),
            code="changes-refused",
            where=f"catalog {changes.catalog}",
            hint="planctl catalog diff shows every change and how to accept it",
        )


def unaccepted(changes: ChangeSet) -> tuple[str, ...]:
    """The fingerprints of the breaking changes that nobody has accepted yet."""
    return tuple(
        hit.fingerprint
        for change in changes.changes
        for hit in change.rules
        if hit.level == "breaking" and not hit.accepted
    )


def same_decision(before: ChangeSet, after: ChangeSet) -> bool:
    """Whether two proposals do the same: digest, changes and rules, whatever else is in the base."""
    return (before.digest, before.changes) == (after.digest, after.changes)


def apply_changes(tx: Tx, read: ReadCatalog, terms: Terms, who: Who, shown: ChangeSet | None) -> ChangeSet:
    """Decide again inside the write transaction and write one revision; nothing where nothing differs.

    `shown` is what was confirmed: Conflict where the store has moved so that the decision is another one.
    Refused by the same gates as the proposal. Returns the changes that were written.
    """
    assert read.catalog is not None, "an unusable catalog is never applied"
    changes = propose_changes(tx, read.catalog, terms, shown.base.store_name if shown else "")
    if shown is not None and not same_decision(shown, changes):
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
