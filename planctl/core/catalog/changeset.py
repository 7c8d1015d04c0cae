"""What apply would do, as a value: the stored catalog, the changes, their rules and what is refused.

It is computed by `diff.py`, printed by views, saved to a file and carried out by the store; it does none of that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from planctl.core.document import Document
from planctl.findings import NOWHERE, Finding, Place

Action = Literal["create", "version", "update", "archive", "unarchive", "adopt", "rename"]
Severity = Literal["safe", "caution", "breaking", "error"]
SEVERITIES: tuple[Severity, ...] = ("safe", "caution", "breaking", "error")


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One catalog object as the store holds it.

    `address` is `plans.pro`, `addons.extra_seat`, `features.minutes`, `groups.main`, `currencies.USD`,
    `taxes.vat_de`, `coupons.launch20`, `examples.heavy_pro`, `page` or `policy`. `document` is its whole
    normalised document (see emit.py), offer and terms together, without `archived`, which is the flag here.
    `version` counts plan versions from 1 (0 for everything else); `terms_hash` is of the newest version's
    snapshot. `managed_by` is the owning catalog, `""` for objects made in the shell. `outside` says that it
    was edited in the shell since the catalog last wrote it: `(revision, actor)`.
    """

    address: str
    document: Document
    archived: bool = False
    version: int = 0
    terms_hash: str = ""
    managed_by: str = ""
    place: Place = NOWHERE
    commit: str = ""
    outside: tuple[int, str] | None = None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StoredCatalog:
    """The store's side of a diff: `revision` 0 and no objects where nothing was ever applied."""

    store_id: str = ""
    store_name: str = ""
    revision: int = 0
    objects: Mapping[str, StoredObject] = field(default_factory=dict)
    notes_seen: frozenset[str] = frozenset()
    """Ids of change notes that some revision already contained; they accept nothing any more."""


@dataclass(frozen=True, slots=True)
class Holders:
    """Live subscriptions per version of one plan: `{1: 12, 2: 5}`."""

    by_version: Mapping[int, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All live subscriptions of the plan."""
        return sum(self.by_version.values())


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One leaf that differs; `before`/`after` None where it is absent. `path` is below the address."""

    path: str
    before: Document
    after: Document


@dataclass(frozen=True, slots=True)
class RuleHit:
    """A rule that a change touches. `fingerprint`: first 12 hex of sha256(rule, address, path, before, after)."""

    id: str
    level: Severity
    fingerprint: str
    path: str = ""
    detail: str = ""
    accepted: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one object. Versions are 0 where the object has none."""

    address: str
    action: Action
    from_version: int = 0
    to_version: int = 0
    fields: tuple[FieldChange, ...] = ()
    rules: tuple[RuleHit, ...] = ()
    place: Place = NOWHERE
    renamed_from: str = ""
    indirect: bool = False
    holders: Holders = Holders()

    @property
    def level(self) -> Severity:
        """The worst level of its rules; safe without any."""
        return max((rule.level for rule in self.rules), key=SEVERITIES.index, default="safe")


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """All changes of one diff, in address order, with what gates apply.

    `digest` is the first 12 hex of sha256 over the desired catalog's canonical document. `left_alone`
    lists objects of the shell or of other catalogs that were not touched. `refusals` are the sentences for
    which apply says no (exit 4); empty means that apply would take it.
    """

    catalog: str
    digest: str
    base: StoredCatalog
    changes: tuple[Change, ...] = ()
    findings: tuple[Finding, ...] = ()
    left_alone: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether store and catalog already agree."""
        return not self.changes
